package carrier

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unhex has the value of each hexadecimal digit, 16 for all other bytes.
var unhex = table(16, "0123456789abcdef", "0123456789ABCDEF")

// unbase64 has the value of each digit of both alphabets of RFC 4648, 64 for
// all other bytes.
var unbase64 = table(64, base64Digits+"+/", base64Digits+"-_")

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func table(other byte, alphabets ...string) (t [256]byte) {
	for i := range t {
		t[i] = other
	}
	for _, digits := range alphabets {
		for i := range len(digits) {
			t[digits[i]] = byte(i)
		}
	}
	return t
}

// base64 decodes p as Node, PHP and Python do: what is no digit is skipped.
func (d *Decoder) base64(o *output, p []byte) bool {
	p = bytes.TrimRight(p, "= \t\r\n")
	o.digits64(p, true)
	if bytes.IndexByte(p, '=') >= 0 && o.writeByte('\n') {
		// Padding in the middle ends the input, begins the next one, or is
		// skipped (PHP).
		o.digits64(p, false)
	}
	if d.declared {
		return true
	}
	if o.len() < minRun && !o.over {
		return false
	}
	return d.worth(o.bytes())
}

// worth reports whether p should be looked at: by itself, or for what it may
// carry without a magic number.
func (d *Decoder) worth(p []byte) bool {
	if worth(p) {
		return true
	}
	kinds, n := Guess(p)
	for _, k := range kinds[:n] {
		if d.probe(k, p) {
			return true
		}
	}
	return false
}

// digits64 appends what the digits in p say. A pad ends a group if reset is
// set.
func (o *output) digits64(p []byte, reset bool) {
	n := min((len(p)+3)/4*3, o.left())
	buf := o.buf
	if cap(buf)-len(buf) < n+3 {
		buf = append(make([]byte, 0, max(2*cap(buf), len(buf)+n+3)), buf...)
	}
	end := len(buf) + n
	i := 0
	var group uint32
	have := 0
	for len(buf) < end && i < len(p) {
		if have == 0 {
			// Whole groups, as long as there are only digits.
			for len(p)-i >= 4 && end-len(buf) >= 3 {
				a, b, c, d := unbase64[p[i]], unbase64[p[i+1]], unbase64[p[i+2]], unbase64[p[i+3]]
				if a|b|c|d >= 64 {
					break
				}
				x := uint32(a)<<18 | uint32(b)<<12 | uint32(c)<<6 | uint32(d)
				buf = append(buf, byte(x>>16), byte(x>>8), byte(x))
				i += 4
			}
			if i == len(p) || len(buf) == end {
				break
			}
		}
		c := p[i]
		i++
		if v := unbase64[c]; v < 64 {
			group = group<<6 | uint32(v)
			if have++; have == 4 {
				buf = append(buf, byte(group>>16), byte(group>>8), byte(group))
				group, have = 0, 0
			}
		} else if c == '=' && reset {
			buf = tail64(buf, group, have)
			group, have = 0, 0
		}
	}
	buf = tail64(buf, group, have)
	if len(buf) > end || i < len(p) {
		o.over = o.over || len(buf)-o.start >= o.limit
		buf = buf[:min(len(buf), o.start+o.limit)]
	}
	o.buf = buf
}

// tail64 appends the bytes of a group of less than four digits.
func tail64(buf []byte, group uint32, have int) []byte {
	switch have {
	case 2:
		return append(buf, byte(group>>4))
	case 3:
		return append(buf, byte(group>>10), byte(group>>2))
	}
	return buf
}

// hexBody is p without white space, 0x, and the \x of its first byte.
func hexBody(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\n' || p[0] == '\r' || p[0] == '\t') {
		p = p[1:]
	}
	if len(p) > 2 && (p[0] == '0' || p[0] == '\\') && p[1]|0x20 == 'x' {
		return p[2:]
	}
	return p
}

// separator is the length of what may stand between two bytes in hex.
func separator(p []byte) int {
	switch p[0] {
	case ' ', '\t', '\r', '\n', ':', '-', ',':
		return 1
	case '\\', '0':
		if len(p) > 1 && p[1]|0x20 == 'x' {
			return 2
		}
	}
	return 0
}

// hex decodes p up to what is no hex, as Node does. Bytes may be separated, as
// Python's fromhex and many dumps have it.
func (d *Decoder) hex(o *output, p []byte) bool {
	prefixed := len(p)
	p = hexBody(p)
	for len(p) >= 2 {
		a, b := unhex[p[0]], unhex[p[1]]
		if a|b >= 16 {
			n := separator(p)
			if n == 0 {
				break
			}
			p = p[n:]
			continue
		}
		if !o.writeByte(a<<4 | b) {
			break
		}
		p = p[2:]
	}
	return (o.len() >= minRun || o.len() >= 4 && prefixed != len(p) || o.over) && d.worth(o.bytes())
}

// percent undoes one layer of percent encoding (RFC 3986 2.1), and IIS's
// %uXXXX. What is neither stays.
func (o *output) percent(p []byte) bool {
	found := false
	for {
		i := bytes.IndexByte(p, '%')
		if i < 0 || !o.write(p[:i]) {
			break
		}
		p = p[i:]
		size := 1
		switch {
		case len(p) >= 3 && unhex[p[1]]|unhex[p[2]] < 16:
			found = true
			o.writeByte(unhex[p[1]]<<4 | unhex[p[2]])
			size = 3
		case len(p) >= 6 && p[1]|0x20 == 'u' && unhex[p[2]]|unhex[p[3]]|unhex[p[4]]|unhex[p[5]] < 16:
			found = true
			r := unit(p[2:])
			size = 6
			if utf16.IsSurrogate(r) && len(p) >= 12 && p[6] == '%' && p[7]|0x20 == 'u' &&
				unhex[p[8]]|unhex[p[9]]|unhex[p[10]]|unhex[p[11]] < 16 {
				if pair := utf16.DecodeRune(r, unit(p[8:])); pair != utf8.RuneError {
					r, size = pair, 12
				}
			}
			o.writeRune(r)
		default:
			o.writeByte('%')
		}
		p = p[size:]
		if o.over {
			return found
		}
	}
	if !o.over {
		o.write(p)
	}
	return found
}

// unit reads four hexadecimal digits.
func unit(p []byte) rune {
	return rune(unhex[p[0]])<<12 | rune(unhex[p[1]])<<8 | rune(unhex[p[2]])<<4 | rune(unhex[p[3]])
}

func (o *output) writeRune(r rune) bool {
	var b [utf8.UTFMax]byte
	n := utf8.EncodeRune(b[:], r)
	if n > o.left() {
		o.over = true
		return false
	}
	o.buf = append(o.buf, b[:n]...)
	return true
}

// quotedPrintable follows RFC 2045 6.7, and takes what is no escape as it is.
// It is worth a look if an escape stands for a printable character, or a line
// was joined.
func (o *output) quotedPrintable(p []byte) bool {
	found := false
	for {
		i := bytes.IndexByte(p, '=')
		if i < 0 || !o.write(p[:i]) {
			break
		}
		p = p[i:]
		size := 1
		if len(p) >= 3 && unhex[p[1]]|unhex[p[2]] < 16 {
			c := unhex[p[1]]<<4 | unhex[p[2]]
			found = found || c >= ' ' && c != 0x7F
			o.writeByte(c)
			size = 3
		} else if n := softBreak(p); n > 0 {
			found = true
			size = n
		} else {
			o.writeByte('=')
		}
		p = p[size:]
		if o.over {
			return found
		}
	}
	if !o.over {
		o.write(p)
	}
	return found
}

// softBreak is the length of "=", white space and a line end, 0 if p does not
// begin so. White space is bounded: a line has 76 characters.
func softBreak(p []byte) int {
	i := 1
	for i < len(p) && i < 76 && (p[i] == ' ' || p[i] == '\t') {
		i++
	}
	switch {
	case i < len(p) && p[i] == '\n':
		return i + 1
	case i+1 < len(p) && p[i] == '\r' && p[i+1] == '\n':
		return i + 2
	}
	return 0
}
