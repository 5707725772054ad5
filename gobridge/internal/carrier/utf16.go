package carrier

import (
	"unicode/utf16"
	"unicode/utf8"
)

// likelyUTF16 reports whether every other byte of the beginning of p is NUL, as
// in UTF-16 of ASCII.
func likelyUTF16(p []byte) bool {
	if len(p) < 4 {
		return false
	}
	p = p[:min(len(p), 64)&^1]
	even, odd := 0, 0
	for i := 0; i < len(p); i += 2 {
		switch {
		case p[i] == 0 && p[i+1] != 0:
			even++
		case p[i] != 0 && p[i+1] == 0:
			odd++
		}
	}
	return max(even, odd)*4 >= len(p)/2*3
}

// utf16 transcodes p to UTF-8. Without a byte order mark the side with more
// NULs is the high one.
func (o *output) utf16(p []byte) bool {
	big := false
	switch {
	case len(p) >= 2 && p[0] == 0xFF && p[1] == 0xFE:
		p = p[2:]
	case len(p) >= 2 && p[0] == 0xFE && p[1] == 0xFF:
		p = p[2:]
		big = true
	default:
		even, odd := 0, 0
		for i := 0; i+1 < min(len(p), 256); i += 2 {
			if p[i] == 0 {
				even++
			}
			if p[i+1] == 0 {
				odd++
			}
		}
		big = even > odd
	}
	at := func(i int) rune {
		if big {
			return rune(p[i])<<8 | rune(p[i+1])
		}
		return rune(p[i+1])<<8 | rune(p[i])
	}
	for i := 0; i+1 < len(p); i += 2 {
		r := at(i)
		if utf16.IsSurrogate(r) && i+3 < len(p) {
			if pair := utf16.DecodeRune(r, at(i+2)); pair != utf8.RuneError {
				r = pair
				i += 2
			}
		}
		if !o.writeRune(r) {
			break
		}
	}
	return o.len() > 1 && worth(o.bytes())
}

// latin1 makes a byte of each character below U+0100. Another one ends it.
func (o *output) latin1(p []byte) bool {
	for i := 0; i < len(p); {
		r, size := rune(p[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(p[i:])
		}
		if r > 0xFF || !o.writeByte(byte(r)) {
			break
		}
		i += size
	}
	return o.len() > 0
}
