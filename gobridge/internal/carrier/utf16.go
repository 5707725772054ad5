package carrier

import (
	"unicode/utf16"
	"unicode/utf8"
)

// likelyUTF16 reports whether the beginning of p is UTF-16 of ASCII, or of what
// stands for it.
func likelyUTF16(p []byte) bool {
	if len(p) < 4 {
		return false
	}
	p = p[:min(len(p), 64)&^1]
	big, little := units(p)
	return max(big, little)*4 >= len(p)/2*3
}

// units counts the code units of p that are likely in text, in either byte order:
// ASCII, its full-width form, and what has no width.
func units(p []byte) (big, little int) {
	for i := 0; i+1 < len(p); i += 2 {
		if likelyUnit(p[i], p[i+1]) {
			big++
		}
		if likelyUnit(p[i+1], p[i]) {
			little++
		}
	}
	return big, little
}

func likelyUnit(high, low byte) bool {
	switch high {
	case 0:
		return low != 0
	case 0x20: // U+200B to U+200F, U+2060 to U+2064
		return 0x0B <= low && low <= 0x0F || 0x60 <= low && low <= 0x64
	case 0xFF: // U+FF01 to U+FF5E
		return 0x01 <= low && low <= 0x5E
	}
	return false
}

// utf16 transcodes p to UTF-8. Without a byte order mark it is the order in which
// more of it is text.
func (o *output) utf16(p []byte) bool {
	big := false
	switch {
	case len(p) >= 2 && p[0] == 0xFF && p[1] == 0xFE:
		p = p[2:]
	case len(p) >= 2 && p[0] == 0xFE && p[1] == 0xFF:
		p = p[2:]
		big = true
	default:
		m, n := units(p[:min(len(p), 256)])
		big = m > n
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
