package format

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// state is what the grammar of RFC 8259 wants next.
type state uint8

const (
	wantDocument     state = iota // a value, or the end of the payload
	wantValue                     // after , in an array and : in an object
	wantFirstElement              // after [
	wantKey                       // after , in an object
	wantFirstKey                  // after {
	wantComma                     // after a value
)

func (s state) takesValue() bool { return s <= wantFirstElement }
func (s state) takesKey() bool   { return s == wantKey || s == wantFirstKey }

// scanner is the position in one document.
type scanner struct {
	progress
	doc   []byte
	last  int  // the scan ends here, and behind the token it is in
	over  int  // open arrays and objects beyond maxDepth
	valid bool // no error yet

	// Nothing ends what opens here, so it is not looked for again.
	noQuote, noComment, noLine bool
}

// expect notes an error at pos unless ok.
func (s *scanner) expect(ok bool) {
	if ok || !s.valid {
		return
	}
	s.valid = false
	if s.seen {
		return
	}
	// LastIndexByte is the slow one of the two.
	if rest := s.doc[s.pos:]; bytes.IndexByte(rest, '\\') >= 0 {
		s.last = s.pos + 1 + bytes.LastIndexByte(rest, '\\')
	} else {
		s.last = s.pos
	}
}

// document scans doc as the next level and reports whether it is JSON. Several
// arrays and objects may follow each other, RS may stand between them
// (RFC 7464). Strings and numbers that follow each other are rather prose.
func (w *Walker) document(doc []byte, silent bool) bool {
	if w.strictly, w.several = false, false; !w.enter("json", doc, silent) {
		return false
	}

	l := &w.levels[w.nested]
	pos := 0
	if bytes.HasPrefix(doc, bom) {
		pos = len(bom)
	}
	if w.chance == 0 && (w.root.Placeholder == nil || w.nested > 1) {
		w.strict(l, pos)
	} else {
		l.read = progress{pos: pos}
	}
	valid, strict, read := true, true, &l.read
	if read.pos < len(doc) || read.state != wantDocument {
		valid, strict = w.lenient(doc, read), false
	}
	several := strict && !read.scalars
	strictly := several && read.values == 1
	if read.numbered || read.seen && !strict {
		w.numbers(doc)
	}
	w.strictly, w.several = strictly, several
	w.pop()
	return valid && read.seen && (read.values == 1 || !read.scalars)
}

// lenient reads on where strict stopped, and reports whether doc is JSON all the
// same.
func (w *Walker) lenient(doc []byte, read *progress) bool {
	s := scanner{doc: doc, progress: *read, last: len(doc), valid: true}
	chance := w.chance
	if w.root.Placeholder == nil && !utf8.Valid(doc) {
		w.chance = max(chance, byChance(doc))
	}
	for s.pos < s.last {
		switch c := doc[s.pos]; c {
		case ' ', '\n', '\r', '\t':
			s.pos++
		case '"':
			w.quoted(&s, '"')
		case '{', '[':
			w.openJSON(&s, c == '{')
		case '}', ']':
			w.closeJSON(&s, c == '}')
		case ',':
			w.comma(&s)
		case ':':
			s.expect(false)
			s.state = wantValue
			s.pos++
		case 0x1E:
			s.expect(s.state == wantDocument)
			s.pos++
		case '/':
			s.expect(false)
			s.comment()
		case '\'':
			if s.expect(false); s.pos < s.last {
				w.quoted(&s, '\'')
			}
		default:
			w.word(&s)
		}
	}
	w.chance = chance
	s.expect(s.state == wantDocument)
	*read = s.progress
	return s.valid
}

var bom = []byte("\ufeff")

// innermost is the array or object at pos, nil outside of any
// and beyond maxDepth.
func (w *Walker) innermost(s *scanner) *frame {
	if s.over > 0 {
		return nil
	}
	return w.top()
}

func (w *Walker) openJSON(s *scanner, object bool) {
	s.seen = true
	s.expect(s.state.takesValue() && len(w.frames) < maxDepth)
	if s.over > 0 || !w.open(object) {
		s.over++
	}
	s.state = wantFirstElement
	if object {
		s.state = wantFirstKey
	}
	s.pos++
}

func (w *Walker) closeJSON(s *scanner, object bool) {
	f := w.innermost(s)
	s.expect(f != nil && f.object == object && s.state != wantValue && s.state != wantKey)
	if f != nil {
		placeholder, num := f.placeholder, f.num
		f.key = nil
		w.frames = w.frames[:len(w.frames)-1]
		if placeholder && num >= 0 {
			w.field.Value = nil
			w.root.Placeholder(num, &w.field)
		}
	} else if s.over > 0 {
		s.over--
	}
	w.closeValue(s, false)
	s.pos++
}

// closeValue is called behind each value.
func (w *Walker) closeValue(s *scanner, scalar bool) {
	s.state = wantComma
	if w.innermost(s) == nil && s.over == 0 {
		s.state = wantDocument
		s.values++
		s.scalars = s.scalars || scalar
	}
}

func (w *Walker) comma(s *scanner) {
	s.expect(s.state == wantComma)
	s.pos++
	f := w.innermost(s)
	switch {
	case f == nil && s.over > 0:
		s.state = wantValue
	case f == nil:
		s.state = wantDocument
	case f.object:
		f.key, f.keyed = nil, false
		s.state = wantKey
	default:
		w.next()
		s.state = wantValue
	}
}

// quoted visits the string at pos, as a key if a colon follows.
func (w *Walker) quoted(s *scanner, quote byte) {
	if quote == '\'' && (s.noQuote || s.state == wantComma) {
		s.pos++ // an apostrophe
		return
	}
	l := &w.levels[w.nested]
	start := s.pos + 1
	text, end, ok := l.unquote(start, quote)
	if end == len(s.doc) {
		ok = false
		if quote == '\'' {
			s.noQuote = true
			s.pos++
			return
		}
		s.pos = end
	} else {
		s.pos = end + 1
	}
	s.seen = true

	colon := skipSpace(s.doc, s.pos)
	if colon < len(s.doc) && s.doc[colon] == ':' {
		s.expect(ok && s.state.takesKey())
		s.state = wantValue
		s.pos = colon + 1
		w.member(w.innermost(s), s.doc[start:end], text)
		return
	}
	s.expect(ok && s.state.takesValue())
	w.closeValue(s, true)
	w.string(text)
}

// member visits the key of a member of f.
func (w *Walker) member(f *frame, raw, text []byte) {
	if f != nil {
		f.key, f.raw, f.keyed = raw, true, true
		f.member = memberOther
		w.setRole(f, text)
		if w.root.Placeholder != nil && w.nested == 1 {
			switch string(text) {
			case "_placeholder":
				f.member = memberPlaceholder
			case "num":
				f.member = memberNum
			}
		}
	}
	w.visitKey(text)
}

// nest scans a string that looks like JSON itself.
func (w *Walker) nest(text []byte) {
	if n := digits(text, 0); n > 0 {
		// A packet of socket.io, say.
		if n < len(text) && (text[n] == '[' || text[n] == '{') {
			w.document(text[n:], false)
			w.strictly = false
		}
		return
	}
	if len(text) == 0 || text[0] > '"' && text[0] != '{' && text[0] != '[' && text[0] != bom[0] {
		return
	}
	i := 0
	if bytes.HasPrefix(text, bom) {
		i = len(bom)
	}
	if i = skipSpace(text, i); i == len(text) {
		return
	}
	switch text[i] {
	case '{', '[', '"':
		w.document(text, false)
	}
}

// word reads a number, a literal, or what is neither.
func (w *Walker) word(s *scanner) {
	start := s.pos
	for s.pos++; s.pos < len(s.doc) && !endsWord[s.doc[s.pos]]; s.pos++ {
	}
	word := s.doc[start:s.pos]
	if s.state.takesKey() {
		// A lenient server's {key: "value"}.
		s.expect(false)
		if colon := skipSpace(s.doc, s.pos); colon < len(s.doc) && s.doc[colon] == ':' {
			s.state = wantValue
			s.pos = colon + 1
			w.member(w.innermost(s), word, word)
			return
		}
	}
	s.expect(s.state.takesValue() && (isNumber(word) || isLiteral(word)))
	w.closeValue(s, true)
	if s.over == 0 {
		w.name(word)
	}
	if f := w.innermost(s); f != nil {
		switch f.member {
		case memberPlaceholder:
			f.placeholder = string(word) != "false" && string(word) != "null"
		case memberNum:
			f.num = toNum(word)
		}
	}
}

// endsWord has the bytes that a number or a literal ends before.
var endsWord = [256]bool{
	' ': true, '\n': true, '\r': true, '\t': true, 0x1E: true,
	'{': true, '}': true, '[': true, ']': true,
	',': true, ':': true, '"': true, '/': true,
}

// comment skips the comment of a lenient server, so that a quote in it opens
// no string. Text shows what it says.
func (s *scanner) comment() {
	rest := s.doc[s.pos+1:]
	s.pos++
	if len(rest) == 0 {
		return
	}
	end := -1
	switch {
	case rest[0] == '*' && !s.noComment:
		end = bytes.Index(rest[1:], []byte("*/")) + 2
		s.noComment = end < 2
	case rest[0] == '/' && !s.noLine:
		end = bytes.IndexByte(rest, '\n')
		s.noLine = end < 0
	}
	if end > 1 {
		s.pos += end + 1
	}
}

// isNumber follows RFC 8259 6.
func isNumber(p []byte) bool {
	i := 0
	if p[0] == '-' {
		i++
	}
	n := digits(p, i)
	if n == i || p[i] == '0' && n > i+1 {
		return false
	}
	i = n
	if i < len(p) && p[i] == '.' {
		if n = digits(p, i+1); n == i+1 {
			return false
		}
		i = n
	}
	if i < len(p) && (p[i] == 'e' || p[i] == 'E') {
		i++
		if i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		if n = digits(p, i); n == i {
			return false
		}
		i = n
	}
	return i == len(p)
}

// digits is the position behind the digits at i.
func digits(p []byte, i int) int {
	for i < len(p) && p[i]-'0' <= 9 {
		i++
	}
	return i
}

// isLiteral takes those of Python's json, too.
func isLiteral(p []byte) bool {
	switch string(p) {
	case "true", "false", "null", "NaN", "Infinity", "-Infinity":
		return true
	}
	return false
}

// toNum reads the number of an attachment, -1 if it is none.
func toNum(word []byte) int {
	if len(word) > 20 {
		return -1
	}
	f, err := strconv.ParseFloat(string(word), 64)
	if err != nil || f < 0 || f > 1<<31 || f != float64(int(f)) {
		return -1
	}
	return int(f)
}

func skipSpace(p []byte, i int) int {
	for i < len(p) && isSpace(p[i]) {
		i++
	}
	return i
}
