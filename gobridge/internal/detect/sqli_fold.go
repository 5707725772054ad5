package detect

import "strings"

//go:generate go run ./gen

// sqliTokenLimit bounds the tokens and blanks that the prefilter reads of one
// value, some 40 us of work; beyond it the detector decides, at its budget.
// Prose ends after a few tokens, whatever its length.
const sqliTokenLimit = 2048

// Properties of a token that folding asks for.
const (
	propUnary = 1 << iota // + - ! ~ !! NOT
	propArith             // * / + - %
	propCast              // ::
	propEmpty             // `` or, at the end of the value, a lone `
	propOpen              // a ` without its end
)

// sqliToken is libinjection's token as far as folding looks at it: the class
// and, of the text, its word and properties.
type sqliToken struct {
	class byte
	props uint8
	word  uint16 // in sqliWords, 0 if not there
}

func (t *sqliToken) unary() bool { return t.class == 'o' && t.props&propUnary != 0 }
func (t *sqliToken) arith() bool { return t.class == 'o' && t.props&propArith != 0 }

// has reports whether the token's text is a word with one of flags.
func (t *sqliToken) has(flags uint8) bool { return sqliWords.words[t.word].flags&flags != 0 }

// inert: a bare word that no folding rule reads the text of.
func (t *sqliToken) inert() bool {
	return t.class == 'n' && !t.has(wordLeft|wordRight|wordCallable)
}

// operand reports whether a token of this class is n, 1, v or s.
func operand(class byte) bool {
	return class == 'n' || class == '1' || class == 'v' || class == 's'
}

// sqliFolder computes libinjection's fingerprint of in.
type sqliFolder struct {
	in      string
	pos     int
	quote   byte // the value is read as if it followed this quote; 0: as is
	mysql   bool // read # and -- as MySQL does
	reparse bool // # or --x was seen: MySQL reads the value differently
	unsure  bool // the value holds what this tokenizer leaves to libinjection
	evil    int8 // whether in can hold an evil token: 0 unknown, 1 yes, -1 no
	left    int  // tokens and blanks that may still be read
	vec     [8]sqliToken
}

// listed reports whether the fingerprint of the value in the given context is
// one of libinjection's, or cannot be told. The value is not empty.
func (f *sqliFolder) listed(quote byte, mysql bool) bool {
	f.pos, f.quote, f.mysql, f.reparse = 0, quote, mysql, false
	f.vec = [8]sqliToken{}
	n := f.fold()
	if f.unsure {
		return true
	}
	if n == 0 {
		return false
	}
	if last := &f.vec[n-1]; n > 2 && last.class == 'n' && last.props&(propEmpty|propOpen) == propEmpty|propOpen {
		last.class = 'c'
	}
	state := uint16(1)
	for i := range n {
		symbol := sqliSymbol[f.vec[i].class]
		if symbol == 0 {
			return false
		}
		state = sqliNext[state][symbol-1]
		if state == 0 {
			return false
		}
	}
	return state >= sqliFinal
}

// sqliSymbol maps a token class to its column of sqliNext plus 1.
var sqliSymbol = newSQLiSymbol()

func newSQLiSymbol() (table [256]uint8) {
	for i := range len(sqliSymbols) {
		c := sqliSymbols[i]
		table[c] = uint8(i + 1)
		if 'A' <= c && c <= 'Z' {
			table[c+'a'-'A'] = uint8(i + 1)
		}
	}
	return table
}

// noEvil reports that no token of the value can become evil, which alone makes a
// fingerprint of its own: /* comments and "{`".
func (f *sqliFolder) noEvil() bool {
	if f.evil == 0 {
		f.evil = -1
		if strings.Contains(f.in, "/*") ||
			strings.IndexByte(f.in, '`') >= 0 && strings.IndexByte(f.in, '{') >= 0 {
			f.evil = 1
		}
	}
	return f.evil < 0
}

// fold is libinjection's fold, rule by rule in its order. It returns the number
// of tokens of the fingerprint in vec, 0 also if it begins with two tokens that
// no listed fingerprint begins with.
func (f *sqliFolder) fold() int {
	const max = 5
	var (
		v       = &f.vec
		pos     = 0 // where the next token goes
		left    = 0 // tokens before it are done
		more    = true
		comment sqliToken
	)
	for more {
		more = f.next(&v[0])
		if c := v[0].class; c != 'c' && c != '(' && c != 't' && !v[0].unary() {
			break
		}
	}
	if !more {
		return 0
	}
	pos++

	for {
		if pos >= max && foldsWhenFull(v) {
			if pos > max {
				v[1] = v[max]
				left, pos = 1, 2
			} else {
				left, pos = 0, 1
			}
		}
		if !more || left >= max {
			left = pos
			break
		}

		for more && pos <= max && pos-left < 2 {
			more = f.next(&v[pos])
			if more {
				comment = v[pos]
				if comment.class != 'c' {
					pos++
				}
			}
		}
		// No rule changes a string or inert word followed by an inert word,
		// at whatever later place it applies, and nothing listed begins so.
		if pos >= 2 && v[1].inert() && (v[0].class == 's' || v[0].inert()) && f.noEvil() {
			return 0
		}
		if pos-left < 2 {
			left = pos
			continue
		}

		a, b := &v[left], &v[left+1]
		switch {
		case a.class == 's' && b.class == 's',
			a.class == ';' && b.class == ';':
			pos--
			continue
		case (a.class == 'o' || a.class == '&') && (b.unary() || b.class == 't'):
			pos--
			left = 0
			continue
		case a.class == '(' && b.unary():
			pos--
			if left > 0 {
				left--
			}
			continue
		case f.merge(a, b):
			pos--
			if left > 0 {
				left--
			}
			continue
		case a.class == ';' && b.class == 'f' && b.has(wordIf):
			b.class = 'T'
			continue
		case (a.class == 'n' || a.class == 'v') && b.class == '(' && a.has(wordCallable):
			a.class = 'f'
			continue
		case a.class == 'k' && a.has(wordIn):
			if b.class == '(' {
				a.class = 'o'
			} else {
				a.class = 'n'
			}
			continue
		case a.class == 'o' && a.has(wordLike):
			if b.class == '(' {
				a.class = 'f'
			}
		case a.class == 't' && (operand(b.class) || b.class == 't' || b.class == '(' || b.class == 'f'):
			*a = *b
			pos--
			left = 0
			continue
		case a.class == '\\':
			if b.arith() {
				a.class = '1'
			} else {
				*a = *b
				pos--
			}
			left = 0
			continue
		case a.class == '(' && b.class == '(',
			a.class == ')' && b.class == ')':
			pos--
			left = 0
			continue
		case a.class == '{' && b.class == 'n':
			if b.props&propEmpty != 0 {
				f.unsure = true
				return 0
			}
			left = 0
			pos -= 2
			continue
		case b.class == '}':
			pos--
			left = 0
			continue
		}

		for more && pos <= max && pos-left < 3 {
			more = f.next(&v[pos])
			if more {
				comment = v[pos]
				if comment.class != 'c' {
					pos++
				}
			}
		}
		if pos-left < 3 {
			left = pos
			continue
		}

		c := &v[left+2]
		switch {
		case a.class == '1' && b.class == 'o' && c.class == '1',
			a.class == 'o' && b.class != '(' && c.class == 'o',
			a.class == '&' && c.class == '&',
			a.class == 'v' && b.class == 'o' && (c.class == 'v' || c.class == '1' || c.class == 'n'),
			(a.class == 'n' || a.class == '1') && b.class == 'o' && (c.class == '1' || c.class == 'n'),
			operand(a.class) && b.class == 'o' && b.props&propCast != 0 && c.class == 't',
			operand(a.class) && b.class == ',' && operand(c.class),
			a.class == 'n' && b.class == '.' && c.class == 'n':
			pos -= 2
			left = 0
			continue
		case (a.class == 'E' || a.class == 'B' || a.class == ',') && b.unary() && c.class == '(',
			(a.class == 'k' || a.class == 'E' || a.class == 'B') && b.unary() && (operand(c.class) || c.class == 'f'),
			a.class == 'E' && b.class == '.' && c.class == 'n':
			*b = *c
			pos--
			left = 0
			continue
		case a.class == ',' && b.unary() && operand(c.class):
			*b = *c
			left = 0
			pos -= 3
			continue
		case a.class == ',' && b.unary() && c.class == 'f':
			*b = *c
			pos--
			left = 0
			continue
		case a.class == 'f' && b.class == '(' && c.class != ')':
			if a.has(wordUser) {
				a.class = 'n'
			}
		}
		left++
	}

	if left < max && comment.class == 'c' {
		v[left] = comment
		left++
	}
	return min(left, max)
}

// foldsWhenFull: the five tokens are an expression that folds away.
func foldsWhenFull(v *[8]sqliToken) bool {
	switch a, b, c, d, e := v[0].class, v[1].class, v[2].class, v[3].class, v[4].class; {
	case a == '1' && (b == 'o' || b == ',') && c == '(' && d == '1' && e == ')',
		a == 'n' && b == 'o' && c == '(' && (d == 'n' || d == '1') && e == ')',
		a == '1' && b == ')' && c == ',' && d == '(' && e == '1',
		a == 'n' && b == ')' && c == 'o' && d == '(' && e == 'n':
		return true
	}
	return false
}

// merge joins two words that are a phrase of the table into a.
func (f *sqliFolder) merge(a, b *sqliToken) bool {
	if !a.has(wordLeft) || !b.has(wordRight) || !mergeable(a.class) || !mergeable(b.class) && b.class != '&' {
		return false
	}
	w := sqliWords.merge(a.word, b.word)
	if w == 0 {
		return false
	}
	*a = sqliToken{class: sqliWords.words[w].class, word: w}
	return true
}

func mergeable(class byte) bool {
	switch class {
	case 'k', 'n', 'o', 'U', 'f', 'E', 'T', 't':
		return true
	}
	return false
}

// next reads a token into t; false at the end of the value.
func (f *sqliFolder) next(t *sqliToken) bool {
	*t = sqliToken{}
	if f.pos == 0 && f.quote != 0 {
		f.pos = f.parseString(t, 0, f.quote)
		return true
	}
	for f.pos < len(f.in) {
		if f.left--; f.left < 0 {
			f.unsure = true
			return false
		}
		f.pos = f.parse(t)
		if t.class != 0 {
			return true
		}
	}
	return false
}

// parse is byteParsers: it reads what begins at pos into t, if that is a token,
// and returns where it ends.
func (f *sqliFolder) parse(t *sqliToken) int {
	in, pos := f.in, f.pos
	quoted := func(i int) bool { return i < len(in) && in[i] == '\'' }
	switch c := in[pos]; c {
	case '"', '\'':
		return f.parseString(t, pos+1, c)
	case '#':
		if f.reparse = true; f.mysql {
			return f.parseEOLComment(t)
		}
		t.class = 'o'
		return pos + 1
	case '$':
		return f.parseMoney(t)
	case '%', '/', '+', '^', '~':
		if c == '/' && pos+1 < len(in) && in[pos+1] == '*' {
			return f.parseComment(t)
		}
		return f.parseOperator(t, 1)
	case '-':
		if pos+1 < len(in) && in[pos+1] == '-' {
			if pos+2 == len(in) || sqlWhite(in[pos+2]) {
				return f.parseEOLComment(t)
			}
			if !f.mysql {
				f.reparse = true
				return f.parseEOLComment(t)
			}
		}
		return f.parseOperator(t, 1)
	case '!', '&', '*', ':', '<', '=', '>', '|':
		if strings.HasPrefix(in[pos:], "<=>") {
			return f.parseOperator(t, 3)
		}
		if pos+1 < len(in) {
			if w := sqliWords.lookup(in[pos : pos+2]); sqliWords.words[w].class != 0 {
				n := f.parseOperator(t, 2)
				t.class = sqliWords.words[w].class
				return n
			}
			if c == ':' {
				t.class = ':'
				return pos + 1
			}
		}
		return f.parseOperator(t, 1)
	case '(', ')', ',', ';', '{', '}':
		t.class = c
		return pos + 1
	case '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return f.parseNumber(t)
	case '?', ']':
		t.class = '?'
		return pos + 1
	case '@':
		return f.parseVar(t)
	case '[':
		t.class = 'n'
		if i := strings.IndexByte(in[pos:], ']'); i >= 0 {
			return pos + i + 1
		}
		return len(in)
	case '\\':
		if pos+1 < len(in) && in[pos+1] == 'N' {
			t.class = '1'
			return pos + 2
		}
		t.class = '\\'
		return pos + 1
	case '`':
		return f.parseTick(t)
	case 'b', 'B', 'x', 'X':
		if quoted(pos+1) && pos+2 < len(in) {
			digits := uint8(isBit)
			if c|0x20 == 'x' {
				digits = isHex
			}
			if end := span(in, pos+2, digits); quoted(end) {
				t.class = '1'
				return end + 1
			}
		}
	case 'e', 'E', 'n', 'N':
		if quoted(pos+1) && pos+2 < len(in) {
			return f.parseString(t, pos+2, '\'')
		}
		if c|0x20 == 'n' && pos+1 < len(in) && in[pos+1]|0x20 == 'q' && quoted(pos+2) {
			return f.giveUp() // Oracle's q string
		}
	case 'q', 'Q':
		if quoted(pos + 1) {
			return f.giveUp()
		}
	case 'u', 'U':
		if pos+2 < len(in) && in[pos+1] == '&' && quoted(pos+2) {
			return f.parseString(t, pos+3, '\'')
		}
	default:
		if c <= ' ' || c == 0x7f || c == 0xa0 {
			return pos + 1
		}
	}
	return f.parseWord(t)
}

// giveUp leaves the value to libinjection.
func (f *sqliFolder) giveUp() int {
	f.unsure = true
	return len(f.in)
}

func (f *sqliFolder) parseOperator(t *sqliToken, n int) int {
	t.class = 'o'
	switch op := f.in[f.pos : f.pos+n]; op {
	case "+", "-":
		t.props = propUnary | propArith
	case "!", "~", "!!":
		t.props = propUnary
	case "*", "/", "%":
		t.props = propArith
	case "::":
		t.props = propCast
	}
	return f.pos + n
}

func (f *sqliFolder) parseEOLComment(t *sqliToken) int {
	t.class = 'c'
	if i := strings.IndexByte(f.in[f.pos:], '\n'); i >= 0 {
		return f.pos + i + 1
	}
	return len(f.in)
}

// parseComment reads a /* comment. One that MySQL executes or that holds another
// is evil.
func (f *sqliFolder) parseComment(t *sqliToken) int {
	body := f.in[f.pos+2:]
	end := strings.Index(body, "*/")
	if strings.HasPrefix(body, "!") || end >= 0 && strings.Contains(body[:end+1], "/*") {
		return f.giveUp()
	}
	t.class = 'c'
	if end < 0 {
		return len(f.in)
	}
	return f.pos + 2 + end + 2
}

// parseString reads up to the quote that is neither doubled nor escaped.
func (f *sqliFolder) parseString(t *sqliToken, start int, quote byte) int {
	t.class = 's'
	for i := start; ; {
		n := strings.IndexByte(f.in[i:], quote)
		if n < 0 {
			if start == len(f.in) {
				t.props = propEmpty
			}
			t.props |= propOpen
			return len(f.in)
		}
		i += n
		slashes := 0
		for j := i - 1; j >= start && f.in[j] == '\\'; j-- {
			slashes++
		}
		switch {
		case slashes%2 != 0:
			i++
		case i+1 < len(f.in) && f.in[i+1] == quote:
			i += 2
		default:
			if i == start {
				t.props = propEmpty
			}
			return i + 1
		}
	}
}

// parseTick reads a MySQL `name`, which is a function or a bare word.
func (f *sqliFolder) parseTick(t *sqliToken) int {
	start := f.pos + 1
	end := f.parseString(t, start, '`')
	name := f.in[start:end]
	if t.props&propOpen == 0 {
		name = name[:len(name)-1]
	}
	t.class = 'n'
	if len(name) >= maxWord {
		return end
	}
	t.word = f.lookup(name)
	if sqliWords.words[t.word].class == 'f' {
		t.class = 'f'
	}
	return end
}

// lookup returns the word that name is in upper case.
func (f *sqliFolder) lookup(name string) uint16 {
	for i := range len(name) {
		if name[i] >= 0x80 {
			if sqliWords.upperNonASCII(name) {
				f.unsure = true
			}
			return 0
		}
	}
	return sqliWords.lookup(name)
}

// Classes of bytes in a word.
const (
	wordPlain = iota
	wordEnd
	wordSplit // a keyword before it ends the word
	wordHigh  // not ASCII
)

var wordByte = newWordByte()

func newWordByte() (table [256]uint8) {
	for i := 0x80; i < 0x100; i++ {
		table[i] = wordHigh
	}
	for _, c := range []byte(" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\v\f\r\"\xa0\x00") {
		table[c] = wordEnd
	}
	table['.'], table['`'] = wordSplit, wordSplit
	return table
}

func (f *sqliFolder) parseWord(t *sqliToken) int {
	var (
		in    = f.in
		start = f.pos
		i     = start
		h     = uint32(wordHashInit)
		high  bool
	)
scan:
	for ; i < len(in); i++ {
		c := in[i]
		switch wordByte[c] {
		case wordEnd:
			break scan
		case wordSplit:
			if i-start < maxWord {
				w := f.word(h, in[start:i], high)
				if class := sqliWords.words[w].class; class != 0 && class != 'n' {
					f.assignWord(t, w)
					return i
				}
			}
		case wordHigh:
			high = true
		}
		h = wordHash(h, c)
	}
	t.class = 'n'
	if i-start < maxWord {
		f.assignWord(t, f.word(h, in[start:i], high))
	}
	return i
}

// word is find for a word that may have bytes above 0x7f.
func (f *sqliFolder) word(h uint32, s string, high bool) uint16 {
	if high {
		return f.lookup(s)
	}
	return sqliWords.find(h, s)
}

func (f *sqliFolder) assignWord(t *sqliToken, w uint16) {
	t.word = w
	t.class = 'n'
	if class := sqliWords.words[w].class; class != 0 {
		t.class = class
	}
	if t.has(wordNot) {
		t.props = propUnary
	}
	if t.class == 'A' {
		f.unsure = true // COLLATE reads the text of the word after it
	}
}

// varEnd holds what ends a variable's name.
const varEnd = " <>:\\?=@!#~+-*/&|^%(),';\t\n\v\f\r'`\""

func (f *sqliFolder) parseVar(t *sqliToken) int {
	pos := f.pos + 1
	if pos < len(f.in) && f.in[pos] == '@' {
		pos++
	}
	if pos < len(f.in) && (f.in[pos] == '`' || f.in[pos] == '\'' || f.in[pos] == '"') {
		return f.giveUp()
	}
	start := pos
	for pos < len(f.in) && strings.IndexByte(varEnd, f.in[pos]) < 0 {
		pos++
	}
	t.class = 'v'
	if pos-start < maxWord {
		t.word = f.lookup(f.in[start:pos])
	}
	return pos
}

// parseMoney reads $1,000.00 as a number; $name$ and $$ quote strings.
func (f *sqliFolder) parseMoney(t *sqliToken) int {
	in, pos := f.in, f.pos+1
	t.class = 'n'
	end := span(in, pos, isMoney)
	switch {
	case end == pos:
		if end = span(in, pos, isLetter); end < len(in) && in[end] == '$' {
			return f.giveUp()
		}
		return pos
	case end == pos+1 && in[pos] == '.':
		return f.parseWord(t)
	}
	t.class = '1'
	return end
}

func (f *sqliFolder) parseNumber(t *sqliToken) int {
	in, pos := f.in, f.pos
	at := func(i int) byte {
		if i < len(in) {
			return in[i]
		}
		return 0
	}
	if in[pos] == '0' {
		digits := uint8(isHex)
		switch at(pos + 1) {
		case 'b', 'B':
			digits = isBit
			fallthrough
		case 'x', 'X':
			t.class = '1'
			end := span(in, pos+2, digits)
			if end == pos+2 {
				t.class = 'n'
			}
			return end
		}
	}
	end := span(in, pos, isDigit)
	if at(end) == '.' {
		end = span(in, end+1, isDigit)
		if end-pos == 1 {
			t.class = '.'
			return end
		}
	}
	token := true
	if at(end)|0x20 == 'e' {
		end++
		if at(end) == '+' || at(end) == '-' {
			end++
		}
		digits := end
		end = span(in, end, isDigit)
		token = end > digits // MySQL reads over "1.e"
	}
	if c := at(end) | 0x20; c == 'd' || c == 'f' {
		if end+1 == len(in) || sqlWhite(in[end+1]) || in[end+1] == ';' || in[end+1]|0x20 == 'u' {
			end++
		}
	}
	if token {
		t.class = '1'
	}
	return end
}

// Bits of digitClass.
const (
	isDigit = 1 << iota
	isHex
	isBit
	isLetter
	isMoney
)

var digitClass = newDigitClass()

func newDigitClass() (table [256]uint8) {
	for c := byte('0'); c <= '9'; c++ {
		table[c] = isDigit | isHex | isMoney
	}
	table['0'] |= isBit
	table['1'] |= isBit
	table['.'], table[','] = isMoney, isMoney
	for c := byte('a'); c <= 'z'; c++ {
		table[c] = isLetter
		if c <= 'f' {
			table[c] |= isHex
		}
		table[c-'a'+'A'] = table[c]
	}
	return table
}

// span returns the end of the run of bytes of class that begins at i.
func span(s string, i int, class uint8) int {
	for i < len(s) && digitClass[s[i]]&class != 0 {
		i++
	}
	return i
}

func sqlWhite(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r' || c == 0xa0 || c == 0
}
