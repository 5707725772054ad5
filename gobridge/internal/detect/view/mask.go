package view

import (
	"bytes"
	"unicode/utf8"
)

// Classes are a set of classes of bytes that a view may change.
type Classes uint32

const (
	cPercent Classes = 1 << iota
	cAmp
	cBackslash
	cPlus
	cControl
	cTab
	cSpace
	cNewline
	cHigh
	cApos
	cQuote
	cTick
	cDollar
	cCaret
	cBrace
	cSlash
	cDash
	cHash
	cCode // what code has and most other texts have not
)

// decodable are those that a decoding looks at.
const decodable = cPercent | cAmp | cBackslash | cPlus | cControl | cHigh

// ClassesOf is the class of c, or what more it is.
func ClassesOf(c byte) Classes { return class[c] }

var class = func() (t [256]Classes) {
	for c := range t {
		switch {
		case c < ' ' || c == 0x7F:
			t[c] = cControl
		case c >= utf8.RuneSelf:
			t[c] = cHigh
		}
	}
	for c, k := range map[byte]Classes{
		'%': cPercent, '&': cAmp, '\\': cBackslash | cCode, '+': cPlus, ' ': cSpace, '\t': cTab, '\n': cNewline, '\r': cNewline,
		'\'': cApos, '"': cQuote, '`': cTick | cCode, '$': cDollar | cCode, '^': cCaret, '{': cBrace | cCode, '/': cSlash,
		'-': cDash, '#': cHash, '=': cCode, '<': cCode, '>': cCode, '|': cCode, ';': cCode, '(': cCode, '*': cCode, '[': cCode,
	} {
		t[c] = k
	}
	return t
}()

// Mask is which views may differ from value. It is 0 for ordinary texts in any
// language. With Decoded, all others may follow.
func Mask(value []byte) Kind { return MaskOf(value, classes(value)) }

// MaskOf is Mask of a value that has bytes of these classes.
func MaskOf(value []byte, has Classes) Kind {
	m, _ := mask(value, has)
	return m
}

// mask is Mask, and whether Decoded is worth a view whatever is decoded.
func mask(value []byte, acc Classes) (m Kind, sure bool) {
	if acc&(cPercent|cAmp|cBackslash|cPlus|cControl|cHigh) != 0 {
		maybe := false
		sure = acc&cControl != 0 ||
			acc&cAmp != 0 && hasEntity(value) ||
			acc&cPlus != 0 && acc&(cSpace|cTab|cNewline) == 0 && isURLEncoded(value) ||
			acc&cHigh != 0 && hasFold(value, acc)
		if acc&cPercent != 0 {
			var now bool
			now, maybe = hasPercent(value)
			sure = sure || now
		}
		if sure || maybe || acc&cBackslash != 0 && (hasScript(value) || hasStyle(value)) {
			m |= Decoded
		}
	}
	m |= derivableOf(value, acc)
	if hasRun(value) {
		m |= Embedded
	}
	return m, sure
}

// classes is what classes of bytes value has.
func classes(value []byte) (acc Classes) {
	for len(value) >= 8 {
		p := value[:8]
		acc |= class[p[0]] | class[p[1]] | class[p[2]] | class[p[3]] | class[p[4]] | class[p[5]] | class[p[6]] | class[p[7]]
		value = value[8:]
	}
	for _, c := range value {
		acc |= class[c]
	}
	return acc
}

// hasPercent reports whether there is a percent-encoded byte that is ASCII, or
// one that may be part of what is.
func hasPercent(value []byte) (sure, maybe bool) {
	for i := 0; ; i++ {
		j := bytes.IndexByte(value[i:], '%')
		if j < 0 {
			return false, maybe
		}
		i += j
		p := value[i:]
		if len(p) < 3 {
			return false, maybe
		}
		if hi := unhex[p[1]]; hi|unhex[p[2]] < 16 {
			if hi < 8 {
				return true, true
			}
			maybe = true
		} else if len(p) >= 6 && p[1]|0x20 == 'u' {
			if _, size := units(p, 2); size > 0 {
				return true, true
			}
		}
	}
}

// hasEntity reports whether there is a character reference to what is ASCII, or
// folded to it.
func hasEntity(value []byte) bool {
	for i := 0; ; i++ {
		j := bytes.IndexByte(value[i:], '&')
		if j < 0 {
			return false
		}
		i += j
		r, size, gone := entity(value[i:])
		if size == 0 || r == '&' && isBlank(at(value, i+size)) {
			continue // an ampersand alone is what people write
		}
		if gone || r < utf8.RuneSelf {
			return true
		}
		if f, _ := fold(r); f != keep {
			return true
		}
	}
}

// maxWord is the longest part between two + that is words, in bytes, where all
// else is digits of base64, too.
const maxWord = 24

// isURLEncoded reports whether the + of value stand for blanks: they are
// between words, and there is no other blank.
func isURLEncoded(value []byte) bool {
	const short = 8
	if len(value) < short {
		return false
	}
	found, digits, word, longest := false, true, 0, 0
	for i, c := range value {
		switch {
		case c == '+':
			word = 0
			found = found || i > 0 && i < len(value)-1 && isJoint(value[i-1], value[i+1])
		case c <= ' ':
			return false
		case isAlnum(c) || c == '/' || c == '=':
			word++
			longest = max(longest, word)
		case c < utf8.RuneSelf:
			digits = false
		}
	}
	return found && !(digits && longest > maxWord)
}

// isJoint reports whether a + between p and n is rather a blank.
func isJoint(p, n byte) bool {
	return p != '+' && n != '+' && (isLetter(p) || isLetter(n) || !isAlnum(p) && !isAlnum(n))
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// hasFold reports whether a character that is not ASCII stands for what is, and
// is not just what people write.
func hasFold(value []byte, acc Classes) bool {
	prev := byte(' ') // the character before, those not seen left out; 0x80 for any that is not ASCII
	for i := 0; i < len(value); {
		c := value[i]
		if c < utf8.RuneSelf {
			prev = c
			i++
			continue
		}
		if size := plainSize(value[i:]); size > 0 {
			prev = utf8.RuneSelf
			i += size
			continue
		}
		r, size := utf8.DecodeRune(value[i:])
		if r == utf8.RuneError && size == 1 {
			if _, n := overlong(value[i:]); n > 0 || c == 0xC0 || c == 0xC1 || c == 0xA0 || c == 0x85 {
				return true
			}
		}
		f, as := fold(r)
		i += size
		next := byte(' ')
		if i < len(value) {
			next = min(value[i], utf8.RuneSelf)
		}
		switch f {
		case strong, control:
			return true
		case quote:
			if acc&cCode != 0 && !(isLetter(prev) && isLetter(next)) && (prev < utf8.RuneSelf || next < utf8.RuneSelf) {
				return true
			}
		case cjk:
			if as == "." && isAlnum(prev) && isAlnum(next) {
				return true // of an address
			}
			if (as == "/" || as == `\`) && (prev == '.' || next == '.') {
				return true // of a path that leads up
			}
			if isAlnum(prev) && next > ' ' && next < utf8.RuneSelf && acc&cCode != 0 {
				return true
			}
		case blank:
			if prev > ' ' && next > ' ' && prev < utf8.RuneSelf && next < utf8.RuneSelf &&
				!isDigit(prev) && !isDigit(next) && class[next]&cPercent == 0 && next != '!' && next != '?' && next != ':' && next != ';' {
				return true
			}
		case unseen:
			if prev < utf8.RuneSelf && next < utf8.RuneSelf && (prev > ' ' || next > ' ' && next != '@' && next != '#') {
				return true
			}
			continue // prev is still what is before it
		}
		prev = utf8.RuneSelf
	}
	return false
}

// foldedShort has the characters of two bytes in UTF-8 that are folded, folded
// those of up to three, by the 64 that share all but the last byte.
var (
	foldedShort [0x800]bool
	folded      [1 << 16 / 64]bool
)

func init() {
	for r := rune(utf8.RuneSelf); r < 1<<16; r++ {
		if f, _ := fold(r); f != keep {
			folded[r/64] = true
			if int(r) < len(foldedShort) {
				foldedShort[r] = true
			}
		}
	}
}

// plainSize is the size of the character that p begins with if it is clearly not
// folded, else 0.
func plainSize(p []byte) int {
	const mark, bits = 0xC0, 0x3F
	c := p[0]
	if c < 0xC2 || c > 0xEF || len(p) < 3 || p[1]&mark != utf8.RuneSelf {
		return 0
	}
	high := int(p[1] & bits)
	switch {
	case c < 0xE0:
		if !foldedShort[int(c&0x1F)<<6|high] {
			return 2
		}
	case c == 0xE0 && high < 0x20: // overlong
	case p[2]&mark == utf8.RuneSelf && !folded[int(c&0x0F)<<6|high]:
		return 3
	}
	return 0
}
