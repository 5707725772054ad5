package format

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote resolves the string that begins at start, behind its opening quote.
// text is in doc if it has no escapes, else in scratch; end is the position of
// the closing quote, len(doc) if there is none; ok is false for what only
// lenient servers take. Control characters are taken as they are.
func (l *level) unquote(start int, quote byte) (text []byte, end int, ok bool) {
	doc := l.doc
	end = indexFrom(doc, start, quote)
	esc := bytes.IndexByte(doc[start:end], '\\')
	if esc < 0 {
		return doc[start:end], end, true
	}
	buf := l.scratch[:0]
	ok = true
	for start < len(doc) && esc >= 0 {
		buf = append(buf, doc[start:start+esc]...)
		start += esc
		var size int
		var strict bool
		buf, size, strict = unescape(buf, doc[start:])
		ok = ok && strict
		start += size
		if start > end {
			end = indexFrom(doc, start, quote)
		}
		esc = bytes.IndexByte(doc[start:end], '\\')
	}
	buf = append(buf, doc[start:end]...)
	l.scratch = buf
	return buf, end, ok
}

func indexFrom(p []byte, i int, c byte) int {
	if n := bytes.IndexByte(p[i:], c); n >= 0 {
		return i + n
	}
	return len(p)
}

// unescape appends what the escape at the start of p stands for and returns
// how many bytes of p it takes. A surrogate without its pair becomes U+FFFD.
// \xHH and an escaped line end are JSON5's; a backslash before anything else
// goes, as in JavaScript. Those are not strict.
func unescape(buf, p []byte) (out []byte, size int, strict bool) {
	if len(p) < 2 {
		return buf, len(p), false
	}
	switch c := p[1]; c {
	case '"', '\\', '/':
		return append(buf, c), 2, true
	case 'b':
		return append(buf, '\b'), 2, true
	case 'f':
		return append(buf, '\f'), 2, true
	case 'n':
		return append(buf, '\n'), 2, true
	case 'r':
		return append(buf, '\r'), 2, true
	case 't':
		return append(buf, '\t'), 2, true
	case 'u':
		if len(p) > 2 && p[2] == '{' {
			// JavaScript's and GraphQL's code point: digits, and a brace.
			if end := bytes.IndexByte(p[:min(len(p), 12)], '}'); end > 3 {
				if r := hex(p[3:], end-3); r >= 0 && r <= utf8.MaxRune {
					return utf8.AppendRune(buf, r), end + 1, false
				}
			}
		}
		r := hex(p[2:], 4)
		if r < 0 {
			break
		}
		size = 6
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if len(p) > 7 && p[6] == '\\' && p[7] == 'u' {
				low = hex(p[8:], 4)
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				size = 12
			}
		}
		return utf8.AppendRune(buf, r), size, true
	case 'x':
		if r := hex(p[2:], 2); r >= 0 {
			return utf8.AppendRune(buf, r), 4, false
		}
	case '\n':
		return buf, 2, false
	}
	return append(buf, p[1]), 2, false
}

// hex reads n hexadecimal digits, -1 if there are not so many.
func hex(p []byte, n int) rune {
	if len(p) < n {
		return -1
	}
	var r rune
	for _, c := range p[:n] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
