package format

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// maxFormName is the longest name in a form's first pair, in bytes.
const maxFormName = 256

// formName has the bytes of names: what browsers leave or write, so that other
// texts with = in them are rarely forms.
var formName = alnumAnd("_-.[]%+~:@$!*&?")

// alnumAnd has the letters and digits of ASCII, and others.
func alnumAnd(others string) (t [256]bool) {
	for c := range t {
		t[c] = c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
	}
	for i := range len(others) {
		t[others[i]] = true
	}
	return t
}

// isForm reports whether p begins as application/x-www-form-urlencoded: with a
// name and something behind =.
func isForm(p []byte) bool {
	i := 0
	for i < len(p) && i <= maxFormName && formName[p[i]] {
		i++ // in prose as far as the first blank
	}
	if i == 0 || i == len(p) || p[i] != '=' {
		return false
	}
	for _, c := range p[i:] {
		if c != '=' {
			return true
		}
	}
	return false // base64
}

// form visits the names and values of a form. Old servers separate pairs by ;
// too, so what follows one as a pair is visited once more.
func (w *Walker) form(p []byte) {
	if p[0] == '?' {
		p = p[1:]
	}
	for len(p) > 0 {
		var pair []byte
		pair, p, _ = bytes.Cut(p, ampersand)
		w.pair(pair)
		for {
			i := bytes.IndexByte(pair, ';')
			if i < 0 {
				break
			}
			pair = pair[i+1:]
			part, _, _ := bytes.Cut(pair, semicolon)
			if isForm(part) {
				w.pair(part)
			}
		}
	}
}

var ampersand, semicolon, equals = []byte("&"), []byte(";"), []byte("=")

func (w *Walker) pair(p []byte) {
	if len(p) == 0 {
		return
	}
	l := &w.levels[w.nested]
	name, value, _ := bytes.Cut(p, equals)
	l.scratch = l.scratch[:0]
	name = l.unform(name)
	value = l.unform(value)
	w.key(name)
	if len(value) > 0 {
		w.value(value)
	}
}

// unform undoes the encoding of forms. What has none is returned as it is, the
// rest is appended to scratch.
func (l *level) unform(p []byte) []byte {
	if bytes.IndexByte(p, '%') < 0 && bytes.IndexByte(p, '+') < 0 {
		return p
	}
	begin := len(l.scratch)
	buf := l.scratch
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '+':
			c = ' '
		case c != '%':
		case len(p)-i > 2 && hex(p[i+1:], 2) >= 0:
			c = byte(hex(p[i+1:], 2))
			i += 2
		case len(p)-i > 5 && p[i+1]|0x20 == 'u' && hex(p[i+2:], 4) >= 0:
			r := hex(p[i+2:], 4)
			i += 5
			if utf16.IsSurrogate(r) && len(p)-i > 6 && p[i+1] == '%' && p[i+2]|0x20 == 'u' {
				if pair := utf16.DecodeRune(r, hex(p[i+3:], 4)); pair != utf8.RuneError {
					r = pair
					i += 6
				}
			}
			buf = utf8.AppendRune(buf, r)
			continue
		}
		buf = append(buf, c)
	}
	l.scratch = buf
	return buf[begin:]
}
