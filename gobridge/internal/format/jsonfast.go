package format

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// progress is how far a document was read, behind a token.
type progress struct {
	pos      int
	state    state
	seen     bool // an array, an object or a string
	numbered bool // an array that begins with a number; not said of what lenient reads
	scalars  bool // complete values outside of arrays and objects that are none of these
	values   int  // complete values outside of arrays and objects
}

// strict reads l's document from pos on as far as it is plain JSON (RFC 8259),
// and leaves the rest to lenient. It keeps no frames: where a value stands is
// found out when it is asked for, see sync. Strings are found some at a time, as
// that loop calls nothing.
func (w *Walker) strict(l *level, pos int) {
	s := jsonScanner{doc: l.doc, shaped: -1}
	s.pos = pos
	if w.root.Shape != nil && w.nested == 1 && l.silent {
		s.shaped, s.at = 1, w.root.Shape.specials()
	}
	l.lazy, l.synced = lazyJSON, pos
	x := &l.index
	x.read(l.doc, pos)
	for more := true; more; {
		n := s.scan(x, &l.marks)
		w.emit(l, l.marks[:n])
		switch {
		case n == maxMarks:
		case s.quote+1 >= x.n && x.base < s.pos && s.pos < len(l.doc) && l.doc[s.pos] == '"':
			x.read(l.doc, s.pos)
			s.quote = 0
		default:
			more = s.pos < len(s.doc) && w.odd(l, &s)
		}
	}
	l.read = s.progress
	if s.pos < len(l.doc) {
		l.pos = s.pos
		w.sync()
		l.lazy = lazyNot
	}
}

// jsonScanner is how far plain JSON was read.
type jsonScanner struct {
	progress
	doc     []byte
	open    int    // arrays and objects
	objects uint64 // of these, the innermost lowest
	quote   int    // of the index, the next one
	shaped  int    // open where the Shape knows what the next value is
	index   int    // there, of the next element of an array
	at      specials
}

// scan finds strings until marks is full, or something needs a closer look: then
// it says so by less of them.
func (s *jsonScanner) scan(x *index, marks *[maxMarks]mark) (n int) {
	const maxOpen = 64
	var (
		doc     = s.doc
		pos     = s.pos
		objects = s.objects
		open    = s.open
		state   = s.state
		last    = len(doc) - 8
		base    = x.base
		q       = s.quote

		start, end int
		kind       markKind
		c          byte
	)
	switch state {
	case wantComma:
		goto after
	case wantKey, wantFirstKey:
		goto key
	}

value:
	if pos >= len(doc) {
		goto stop
	}
	if c = doc[pos]; c == '"' {
		if q+1 >= x.n || n == maxMarks {
			goto stop
		}
		start, end = base+int(x.quotes[q])+1, base+int(x.quotes[q+1])
		if end+1 >= len(doc) {
			goto stop
		}
		if c = doc[end+1]; c == ':' || c <= ' ' && hasColon(doc, end+1) {
			goto stop
		}
		q += 2
		if end-start >= 8 {
			kind = markQuoted | markInside | markPlain
			if x.signs != 0 && x.hasSigns(start, end) {
				kind = markQuoted | markInside
			}
		} else if kind = markQuoted; x.signs != 0 || begins[doc[start]] {
			kind |= markInside // little else can be in so few bytes
		}
		if open == s.shaped {
			if kind |= markOuter; objects&1 == 0 {
				kind = kind&^markOuter | s.at.mark(s.index)
			}
		}
		marks[n] = mark{uint32(start), uint32(end), kind}
		n++
		pos = end + 1
		if open == 0 {
			goto scalar
		}
		goto after
	}
	switch c {
	case '{', '[':
		if open == maxOpen || n == maxMarks {
			goto stop
		}
		s.seen = true
		open++
		objects <<= 1
		pos++
		if c == '{' {
			objects |= 1
			if state = wantFirstKey; pos < len(doc) && doc[pos] == '"' {
				goto pairs
			}
			goto key
		}
		if open == s.shaped {
			s.index = 0
		}
		state = wantFirstElement
		goto value
	case ' ', '\n', '\r', '\t':
		pos = skipSpace(doc, pos+1)
		goto value
	case ']':
		if state != wantFirstElement {
			goto stop
		}
		goto close
	}
	// A number or a literal.
	end = pos
	switch c {
	case 't', 'n':
		if end += 4; pos > last || string(doc[pos:end]) != "true" && string(doc[pos:end]) != "null" {
			goto stop
		}
	case 'f':
		if end += 5; pos > last || string(doc[pos:end]) != "false" {
			goto stop
		}
	default:
		if state == wantFirstElement {
			s.numbered = true
		}
		if c == '-' {
			end++
		}
		start = end
		for end < len(doc) && doc[end]-'0' <= 9 {
			end++
		}
		if end == start || end > start+1 && doc[start] == '0' || end == len(doc) {
			goto stop
		}
		if doc[end] == '.' {
			for end++; end < len(doc) && doc[end]-'0' <= 9; end++ {
			}
			if doc[end-1] == '.' || end == len(doc) {
				goto stop
			}
		}
	}
	if !endsWord[doc[end]] {
		goto stop
	}
	if open == s.shaped {
		if n == maxMarks {
			goto stop
		}
		if kind = markScalar | markOuter; objects&1 == 0 {
			kind = markScalar | s.at.mark(s.index)
		}
		if kind != markScalar {
			marks[n] = mark{uint32(pos), uint32(end), kind}
			n++
		}
	}
	if pos = end; open == 0 {
		goto scalar
	}

after:
	state = wantComma
	if pos >= len(doc) {
		goto stop
	}
	switch c = doc[pos]; c {
	case ',':
		pos++
		if objects&1 == 1 {
			state = wantKey
			goto pairs
		}
		if open == s.shaped {
			s.index++
		}
		state = wantValue
		goto value
	case '}', ']':
		goto close
	case ' ', '\n', '\r', '\t':
		pos = skipSpace(doc, pos+1)
		goto after
	}
	goto stop

pairs:
	// A key at pos, and what follows as long as it is keys and strings.
	if open == s.shaped {
		goto key
	}
	for q < x.n-1 && q < len(x.quotes)-1 && n < maxMarks {
		start, end = base+int(x.quotes[q])+1, base+int(x.quotes[q+1])
		if start-1 != pos || end+3 > len(doc) || doc[end+1] != ':' {
			break
		}
		marks[n] = mark{uint32(start), uint32(end), markKey}
		n++
		q += 2
		pos = end + 2
		if doc[pos] != '"' || q >= x.n-1 || q >= len(x.quotes)-1 || n == maxMarks {
			state = wantValue
			goto value
		}
		start, end = pos+1, base+int(x.quotes[q+1])
		if end+3 > len(doc) || doc[end+1] != ',' {
			state = wantValue
			goto value
		}
		if kind = markQuoted | markInside | markPlain; end-start < 8 {
			if kind = markQuoted; begins[doc[start]] {
				kind |= markInside
			}
		}
		if x.signs != 0 {
			kind = x.kind(start, end)
		}
		marks[n] = mark{uint32(start), uint32(end), kind}
		n++
		q += 2
		pos = end + 2
		state = wantKey
	}

key:
	if pos >= len(doc) {
		goto stop
	}
	if c = doc[pos]; c != '"' {
		switch {
		case isSpace(c):
			pos = skipSpace(doc, pos+1)
			goto key
		case c == '}' && state == wantFirstKey:
			goto close
		}
		goto stop
	}
	if q+1 >= x.n || n == maxMarks {
		goto stop
	}
	start, end = base+int(x.quotes[q])+1, base+int(x.quotes[q+1])
	if end+1 >= len(doc) || doc[end+1] != ':' {
		goto stop
	}
	q += 2
	kind = markKey
	if open == s.shaped {
		kind |= markOuter
	}
	marks[n] = mark{uint32(start), uint32(end), kind}
	n++
	pos = end + 2
	state = wantValue
	goto value

close:
	if (c == '}') != (objects&1 == 1) {
		goto stop
	}
	pos++
	objects >>= 1
	if open--; open > 0 {
		goto after
	}
	s.values++
	state = wantDocument
	goto value

scalar:
	s.values++
	s.scalars = true
	state = wantDocument
	goto value

stop:
	s.pos, s.state, s.open, s.objects, s.quote = pos, state, open, objects, q
	s.seen = s.seen || n > 0
	return n
}

// odd reads what scan left, and reports whether it goes on.
func (w *Walker) odd(l *level, s *jsonScanner) bool {
	start, value := s.pos, true
	outer, kind := s.open == s.shaped, markOuter
	if outer && s.objects&1 == 0 {
		kind = s.at.mark(s.index)
	}
	if s.doc[start] != '"' {
		end := number(s.doc, start)
		if end < 0 || !s.state.takesValue() {
			return false
		}
		if s.pos = end; outer {
			w.outer(kind|markScalar, s.doc[start:end])
		}
	} else {
		text, end := l.longText(start + 1)
		if end < 0 {
			return false
		}
		next := skipSpace(s.doc, end+1)
		if next < len(s.doc) && s.doc[next] == ':' {
			next++
			kind, value = kind|markKey, false
		}
		if value && !s.state.takesValue() || !value && !s.state.takesKey() {
			return false
		}
		s.pos, s.seen = next, true
		if x := &l.index; s.quote+1 < x.n && x.base+int(x.quotes[s.quote+1]) == end {
			s.quote += 2
		} else {
			x.read(s.doc, s.pos)
			s.quote = 0
		}
		if l.pos = start; !value {
			l.pos++
		}
		if !outer || w.outer(kind, text) {
			if value && (len(text) < 8 || !isPlain(text, 0, -1)) {
				w.visitString(text)
			} else {
				w.field.Value, w.field.Key = text, !value
				w.visit(&w.field)
				w.field.Key = false
			}
		}
	}
	switch {
	case !value:
		s.state = wantValue
	case s.open > 0:
		s.state = wantComma
	default:
		s.state = wantDocument
		s.values++
		s.scalars = true
	}
	return true
}

// hasColon reports whether a colon follows at i behind white space.
func hasColon(doc []byte, i int) bool {
	i = skipSpace(doc, i)
	return i < len(doc) && doc[i] == ':'
}

// longText is a string of plain JSON, whose text begins at start. end is -1 if it
// is none.
func (l *level) longText(start int) (text []byte, end int) {
	doc := l.doc
	end, escaped := quotes(doc, start)
	text = doc[start:end]
	if escaped {
		var ok bool
		if text, end, ok = l.unquote(start, '"'); !ok {
			return nil, -1
		}
	}
	if end == len(doc) {
		return nil, -1
	}
	return text, end
}

// begins has the bytes that JSON in a string begins with, see nest.
var begins = func() (t [256]bool) {
	for c := range byte('"' + 1) {
		t[c] = true
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = true
	}
	t['{'], t['['], t[bom[0]] = true, true, true
	return t
}()

// number is where the number or the literal ends that begins at pos, -1 if there
// is none.
func number(doc []byte, pos int) (end int) {
	end = pos + 1
	if doc[pos]-'1' < 9 {
		for end < len(doc) && doc[end]-'0' <= 9 {
			end++
		}
		if end < len(doc) && (doc[end] == ',' || doc[end] == '}' || doc[end] == ']') {
			return end
		}
	}
	for end < len(doc) && !endsWord[doc[end]] {
		end++
	}
	if word := doc[pos:end]; !isLiteral(word) && !isNumber(word) {
		return -1
	}
	return end
}

// A byte of a word is found by the borrow that it takes from the next one. The
// lowest that is found is one, as borrows go up; those above it may be none.
const ones, highs = 0x0101010101010101, 0x8080808080808080

// word is doc[i:i+8].
func word(doc []byte, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(doc)), i))[:])
}

// byteAt is doc[i].
func byteAt(doc []byte, i int) byte {
	return *(*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(doc)), i))
}

// zeros has the high bit set of the lowest byte of x that is 0, if one is.
func zeros(x uint64) uint64 { return (x - ones) &^ x }

// quotes returns where the string ends whose text begins at i, len(doc) if
// nowhere, and whether there is a backslash in it; then a quote behind that does
// not end it.
func quotes(doc []byte, i int) (end int, escaped bool) {
	const long = 64
	for stop := min(i+long, len(doc)-8); i <= stop; i += 8 {
		x := word(doc, i)
		if found := (zeros(x^ones*'"') | zeros(x^ones*'\\')) & highs; found != 0 {
			i += bits.TrailingZeros64(found) / 8
			return i, doc[i] == '\\'
		}
	}
	end = indexFrom(doc, i, '"')
	return end, bytes.IndexByte(doc[i:end], '\\') >= 0
}

// sync brings the frames of all levels that strict reads to what is being
// visited. Levels are synced from the outside in, and each goes on where it
// was, so that all paths of a payload take one more scan of it.
func (w *Walker) sync() {
	opens := w.opens // they were counted
	defer func() { w.opens = opens }()
	for n := 1; n <= w.nested; n++ {
		l := &w.levels[n]
		if l.lazy == lazyNot || n < w.nested && len(w.frames) > w.levels[n+1].base {
			continue // it has frames, or stands still below a level that has
		}
		nested := w.nested
		w.nested = n
		w.follow(l)
		w.nested = nested
		for inner := n + 1; inner <= nested; inner++ {
			w.levels[inner].base = len(w.frames) // they have none
		}
	}
}

// follow reads from where l was synced to l.pos.
func (w *Walker) follow(l *level) {
	doc := l.doc
	switch l.lazy {
	case lazyMessagePack:
		w.followPacked(l, &packedMessagePack)
		return
	case lazyCBOR:
		w.followPacked(l, &packedCBOR)
		return
	}
	for l.synced < l.pos {
		i := l.synced
		l.synced++
		switch doc[i] {
		case '{', '[':
			w.open(doc[i] == '{')
		case '}', ']':
			n := len(w.frames) - 1
			w.frames[n].key = nil
			w.frames = w.frames[:n]
		case ',':
			if f := w.top(); f != nil && f.object {
				f.key, f.keyed = nil, false
			} else {
				w.next()
			}
		case '"':
			end, escaped := quotes(doc, i+1)
			raw := doc[i+1 : end]
			text := raw
			if escaped {
				// The scratch of the level may be in use by what is visited.
				var own level
				own.doc = doc
				text, end, _ = own.unquote(i+1, '"')
				raw = doc[i+1 : end]
			}
			l.synced = end + 1
			colon := skipSpace(doc, end+1)
			if f := w.top(); f != nil && f.object && colon < len(doc) && doc[colon] == ':' {
				f.key, f.raw, f.keyed = raw, true, true
				w.setRole(f, text)
			}
		}
	}
}
