package detect

import "strings"

// next reads a token into t; false at the end of the value.
func (f *sqliFolder) next(t *sqliToken) bool {
	*t = sqliToken{}
	if f.pos == 0 && f.quote != 0 {
		f.pos = f.parseString(t, 0, f.quote)
		t.first = 0
		f.tokens++
		return true
	}
	for f.pos < len(f.in) {
		if f.steps--; f.steps < 0 {
			f.unsure = true
			return false
		}
		start := f.pos
		if f.in[start] == ' ' { // every second time: not by way of parse
			f.pos++
			continue
		}
		f.pos = f.parse(t)
		if t.class != 0 {
			if f.tokens++; f.tokens == 1 {
				f.size = f.pos - start
			}
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
			return f.parseOracle(t, pos+3)
		}
	case 'q', 'Q':
		if quoted(pos + 1) {
			return f.parseOracle(t, pos+2)
		}
	case 'u', 'U':
		if pos+2 < len(in) && in[pos+1] == '&' && quoted(pos+2) {
			end := f.parseString(t, pos+3, '\'')
			t.first = c
			return end
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
	t.class, t.first = 'c', f.in[f.pos]
	size := strings.IndexByte(f.in[f.pos:], '\n')
	end := f.pos + size + 1
	if size < 0 {
		size, end = len(f.in)-f.pos, len(f.in)
	}
	if size > 2 {
		t.props = propLong
	}
	return end
}

// parseComment reads a /* comment. One that MySQL executes or that holds another
// is evil.
func (f *sqliFolder) parseComment(t *sqliToken) int {
	body := f.in[f.pos+2:]
	end := strings.Index(body, "*/")
	if strings.HasPrefix(body, "!") || end >= 0 && strings.Contains(body[:end+1], "/*") {
		return f.giveUp()
	}
	t.class, t.first = 'c', '/'
	if end < 0 {
		return len(f.in)
	}
	return f.pos + 2 + end + 2
}

// parseString reads up to the quote that is neither doubled nor escaped.
func (f *sqliFolder) parseString(t *sqliToken, start int, quote byte) int {
	t.class, t.first = 's', quote
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

// parseOracle reads a string q'(...)', whose bracket, or another byte, is at i.
func (f *sqliFolder) parseOracle(t *sqliToken, i int) int {
	if i >= len(f.in) || f.in[i] <= ' ' || f.in[i] > 0x7f {
		return f.parseWord(t)
	}
	end := [...]byte{f.in[i], '\''}
	switch end[0] {
	case '(':
		end[0] = ')'
	case '[', '{', '<':
		end[0] += 2
	}
	return f.parseUpTo(t, i+1, string(end[:]))
}

// parseUpTo reads a string that begins at start, and ends before end.
func (f *sqliFolder) parseUpTo(t *sqliToken, start int, end string) int {
	t.class, t.first = 's', f.in[f.pos]
	if i := strings.Index(f.in[start:], end); i >= 0 {
		return start + i + len(end)
	}
	t.props = propOpen
	return len(f.in)
}

// parseTick reads a MySQL `name`, which is a function or a bare word.
func (f *sqliFolder) parseTick(t *sqliToken) int {
	end := f.parseName(t, f.pos+1)
	t.class = 'n'
	if sqliWords.words[t.word].class == 'f' {
		t.class = 'f'
	}
	return end
}

// parseName reads a name in quotes, whose text begins at start.
func (f *sqliFolder) parseName(t *sqliToken, start int) int {
	end := f.parseString(t, start, f.in[start-1])
	name := f.in[start:end]
	if t.props&propOpen == 0 {
		name = name[:len(name)-1]
	}
	if len(name) < maxWord {
		t.word = f.lookup(name)
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
	in, start := f.in, f.pos
	high := false
	i := start
scan:
	for ; i < len(in); i++ {
		switch wordByte[in[i]] {
		case wordPlain:
		case wordEnd:
			break scan
		case wordSplit:
			if i-start < maxWord {
				w := f.word(in[start:i], high)
				if class := sqliWords.words[w].class; class != 0 && class != 'n' {
					f.assignWord(t, w)
					return i
				}
			}
		case wordHigh:
			high = true
		}
	}
	t.class = 'n'
	if i-start < maxWord {
		f.assignWord(t, f.word(in[start:i], high))
	}
	return i
}

// word is lookup of a word that may have bytes above 0x7f.
func (f *sqliFolder) word(s string, high bool) uint16 {
	if high {
		return f.lookup(s)
	}
	return sqliWords.lookup(s)
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
		end := f.parseName(t, pos+1)
		t.class = 'v'
		return end
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
			return f.parseUpTo(t, end+1, in[f.pos:end+1])
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
