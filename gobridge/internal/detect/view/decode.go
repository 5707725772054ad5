package view

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// mode is what a decoding resolves besides percent-encoding and entities.
type mode uint8

const (
	plainText     mode = iota
	scriptEscapes      // of JavaScript, JSON, C, PHP and Python
	styleEscapes       // of CSS
)

// flags are what a decoding did.
type flags uint8

const (
	changed flags = 1 << iota
	worth         // in a way that is worth a look
	percent       // percent-encoding
	other         // something else
	walked        // nothing but what carrier.Percent does, to valid text
)

// decode appends what src stands for to buf[:0]. Every step makes it shorter or
// leaves its length, so that further rounds are done in place.
func decode(buf, src []byte, m mode, b *Budget) (out []byte, did flags) {
	if !b.take(len(src)) {
		return buf[:0], 0
	}
	if cap(buf) < len(src) {
		buf = make([]byte, max(len(src), 2*cap(buf)))
	}
	buf = buf[:len(src)]
	r := round{mode: m, plus: m == plainText && bytes.IndexByte(src, '+') >= 0 && isURLEncoded(src)}
	n := r.run(buf, src)
	did = r.did
	if did&(percent|other) == percent && utf8.Valid(buf[:n]) {
		did |= walked
	}
	for i := 1; i <= maxRounds && r.did != 0; i++ {
		// What the last round gave is only cleaned.
		r = round{mode: m, clean: i == maxRounds}
		n = r.run(buf[:n], buf[:n])
		did |= r.did &^ (percent | other)
	}
	return buf[:n], did
}

// round is one layer of decoding.
type round struct {
	mode  mode
	plus  bool // + is a blank
	clean bool // no escapes
	did   flags
	dst   []byte
	n     int
}

// run writes what src stands for to dst, which may be src.
func (r *round) run(dst, src []byte) int {
	r.dst, r.n = dst, 0
	for i := 0; i < len(src); {
		c := src[i]
		if class[c]&decodable == 0 {
			j := i + 1
			for j < len(src) && class[src[j]]&decodable == 0 {
				j++
			}
			r.n += copy(dst[r.n:], src[i:j])
			i = j
			continue
		}
		i += r.one(src[i:])
	}
	return r.n
}

func (r *round) byte(c byte) {
	r.dst[r.n] = c
	r.n++
}

// rune writes what an escape stands for.
func (r *round) rune(c rune) {
	r.did |= changed | other
	if c < utf8.RuneSelf {
		r.did |= worth
		if c != 0 {
			r.byte(byte(c))
		}
		return
	}
	if f, s := fold(c); f != keep {
		r.did |= worth
		r.n += copy(r.dst[r.n:], s)
		return
	}
	r.n += utf8.EncodeRune(r.dst[r.n:], c)
}

// one resolves what p begins with, and returns its size.
func (r *round) one(p []byte) int {
	c := p[0]
	switch {
	case r.clean && (c == '%' || c == '&' || c == '\\'):
	case c == '%':
		if len(p) >= 3 && unhex[p[1]]|unhex[p[2]] < 16 {
			c = unhex[p[1]]<<4 | unhex[p[2]]
			r.did |= changed | percent
			if c < utf8.RuneSelf {
				r.did |= worth
			}
			r.byte(c)
			return 3
		}
		if len(p) >= 6 && p[1]|0x20 == 'u' {
			if c, size := units(p, 2); size > 0 {
				r.did |= changed | percent | worth
				r.n += utf8.EncodeRune(r.dst[r.n:], c)
				return size
			}
		}
	case c == '&':
		if c, size, _ := entity(p); size > 0 {
			r.rune(c)
			return size
		}
	case c == '\\':
		if c, size := escape(p, r.mode); size > 0 {
			r.rune(c)
			return size
		}
	case c == '+':
		if r.plus {
			r.did |= changed | worth | other
			c = ' '
		}
	case c == '\v', c == '\f':
		r.did |= changed | worth | other
		c = ' '
	case c < ' ', c == 0x7F:
		r.did |= changed | worth | other
		return 1
	case c >= utf8.RuneSelf:
		return r.high(p)
	}
	r.byte(c)
	return 1
}

// high resolves a character that is not ASCII.
func (r *round) high(p []byte) int {
	c, size := utf8.DecodeRune(p)
	if c == utf8.RuneError && size == 1 {
		return r.invalid(p)
	}
	f, s := fold(c)
	if f == keep {
		r.n += copy(r.dst[r.n:], p[:size])
		return size
	}
	if r.did |= changed; !f.weak() {
		r.did |= worth | other
	}
	r.n += copy(r.dst[r.n:], s)
	return size
}

// invalid resolves what lenient decoders of UTF-8 take for something.
func (r *round) invalid(p []byte) int {
	c := p[0]
	if v, size := overlong(p); size > 0 {
		r.rune(v)
		return size
	}
	switch {
	case c == 0xC0 || c == 0xC1:
		// Never valid: dropped, or taken to lead any byte, of which six bits
		// count: a dot, a slash, a backslash or < of it.
		r.did |= changed | worth | other
		if len(p) > 1 {
			switch v := rune(c&1)<<6 | rune(p[1]&0x3F); v {
			case '.', '/', '\\', '<', '>':
				r.rune(v)
				return 2
			}
		}
		return 1
	case c == 0xA0 || c == 0x85:
		r.did |= changed | worth | other // Latin-1's blanks
		r.byte(' ')
		return 1
	}
	r.byte(c)
	return 1
}

// overlong is a character in more bytes of UTF-8 than it takes, up to the six of
// RFC 2279.
func overlong(p []byte) (r rune, size int) {
	c := p[0]
	switch {
	case c&0xFE == 0xC0:
		size, r = 2, rune(c&0x1F)
	case c == 0xE0:
		size = 3
	case c == 0xF0:
		size = 4
	case c == 0xF8:
		size = 5
	case c == 0xFC:
		size = 6
	default:
		return 0, 0
	}
	if len(p) < size {
		return 0, 0
	}
	for _, c := range p[1:size] {
		if c&0xC0 != 0x80 {
			return 0, 0
		}
		r = r<<6 | rune(c&0x3F)
	}
	if r > utf8.MaxRune {
		return 0, 0
	}
	return r, size
}

// escape is the character that the escape at the start of p stands for, and its
// size, 0 if it is none. 0 stands for nothing.
func escape(p []byte, m mode) (rune, int) {
	switch m {
	case scriptEscapes:
		return scriptEscape(p)
	case styleEscapes:
		if r, size := styleEscape(p); size > 0 {
			return r, size
		}
		return scriptEscape(p) // that hides or is hidden by one
	}
	return 0, 0
}

func scriptEscape(p []byte) (rune, int) {
	if len(p) < 2 {
		return 0, 0
	}
	switch c := p[1]; c {
	case 'u', 'x':
		if len(p) > 3 && p[2] == '{' {
			return braced(p)
		}
		if c == 'u' {
			return units(p, 2)
		}
		if len(p) >= 4 && unhex[p[2]]|unhex[p[3]] < 16 {
			return rune(unhex[p[2]])<<4 | rune(unhex[p[3]]), 4
		}
	case 'U':
		if len(p) >= 10 {
			if r, n := hexDigits(p[2:10], 8); n == 8 && r <= utf8.MaxRune {
				return r, 10
			}
		}
	case '0', '1', '2', '3':
		r, n := rune(c-'0'), 2
		for n < len(p) && n < 4 && p[n] >= '0' && p[n] <= '7' {
			r = r<<3 | rune(p[n]-'0')
			n++
		}
		if n > 2 || c == '0' {
			return r, n // a digit alone refers to a group of a pattern
		}
	case '4', '5', '6', '7':
		if len(p) > 2 && p[2] >= '0' && p[2] <= '7' {
			return rune(c-'0')<<3 | rune(p[2]-'0'), 3
		}
	case '/', '"', '\'', '`', '\\':
		return rune(c), 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't', 'v', 'f':
		return '\t', 2
	case '\n':
		return 0, 2
	}
	return 0, 0
}

// units reads four hexadecimal digits of p from i on, or what is before them
// again and a second surrogate. Java takes more than one u.
func units(p []byte, i int) (rune, int) {
	mark := p[:2]
	if mark[0] == '\\' {
		for i < len(p) && p[i] == 'u' {
			i++
		}
	}
	if len(p) < i+4 {
		return 0, 0
	}
	r, n := hexDigits(p[i:], 4)
	if n < 4 {
		return 0, 0
	}
	i += 4
	if utf16.IsSurrogate(r) {
		if len(p) >= i+6 && p[i] == mark[0] && p[i+1] == mark[1] {
			if low, n := hexDigits(p[i+2:], 4); n == 4 {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					return pair, i + 6
				}
			}
		}
		return utf8.RuneError, i
	}
	return r, i
}

// braced reads \u{...} and \x{...}.
func braced(p []byte) (rune, int) {
	i := 3
	for i < len(p) && p[i] == '0' {
		i++
	}
	zeros := i - 3
	r, n := hexDigits(p[i:], 6)
	if i += n; n+zeros == 0 || i >= len(p) || p[i] != '}' || r > utf8.MaxRune {
		return 0, 0
	}
	return r, i + 1
}

// styleEscape reads the hexadecimal escapes of CSS. Those of one digit are no
// character that matters, and what many texts have.
func styleEscape(p []byte) (rune, int) {
	r, n := hexDigits(p[1:], 6)
	if n < 2 || r > utf8.MaxRune {
		return 0, 0
	}
	i := 1 + n
	if i < len(p) && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\f') {
		i++
	}
	return r, i
}

// hexDigits reads at most limit hexadecimal digits.
func hexDigits(p []byte, limit int) (r rune, n int) {
	for n < len(p) && n < limit && unhex[p[n]] < 16 {
		r = r<<4 | rune(unhex[p[n]])
		n++
	}
	return r, n
}

// hasScript reports whether text has an escape of a script that makes it worth a
// view.
func hasScript(text []byte) bool {
	for i := bytes.IndexByte(text, '\\'); i >= 0; i = next(text, i, '\\') {
		p := text[i:]
		r, size := scriptEscape(p)
		switch {
		case size == 0:
		case size > 2, r == '/', r == '"', r == '\'', r == 0:
			return true
		case r == '\r' && len(p) > 3 && p[2] == '\\' && p[3] == 'n':
			return true
		}
	}
	return false
}

// hasStyle is hasScript for CSS, whose escapes may be escaped themselves.
func hasStyle(text []byte) bool {
	for i := bytes.IndexByte(text, '\\'); i >= 0; i = next(text, i, '\\') {
		if r, size := styleEscape(text[i:]); size > 0 && r >= ' ' && r < 0x7F {
			return true
		}
		if r, size := scriptEscape(text[i:]); size > 2 && r == '\\' {
			return true
		}
	}
	return false
}
