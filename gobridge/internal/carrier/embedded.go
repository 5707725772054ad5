package carrier

import (
	"bytes"
	"unicode/utf8"
)

// strong are the magic numbers that hardly anything has by chance.
var strong = [...]struct {
	kind  Kind
	magic []byte
}{
	{Gzip, []byte{0x1F, 0x8B, 8}},
	{Zstd, []byte{0x28, 0xB5, 0x2F, 0xFD}},
	{LZ4, []byte{0x04, 0x22, 0x4D, 0x18}},
	{Snappy, snappyMagic},
}

// Embedded is the first of p from i on that begins as a compressed stream with a
// magic number, and where; None if nothing does. Of zlib's two bytes, which other
// data has, too, those count that encoders write, before a block of DEFLATE.
func Embedded(p []byte, i int) (k Kind, at int) {
	if i >= len(p) {
		return None, len(p)
	}
	at = len(p)
	for _, s := range strong {
		if n := bytes.Index(p[i:at], s.magic); n >= 0 {
			k, at = s.kind, i+n
		}
	}
	for j := i; ; j++ {
		n := bytes.IndexByte(p[j:at], 'x')
		if n < 0 {
			return k, at
		}
		if j += n; j+2 < len(p) && (p[j+1] == 0x9C || p[j+1] == 0xDA || p[j+1] == 0x01 || p[j+1] == 0x5E) && likelyDeflate(p[j+2:]) {
			return Zlib, j
		}
	}
}

// Framed is where the body begins of p, whose head tells how long it is, in the
// last of its bytes or, with its own length, in its first. 0: no head does.
func Framed(p []byte) int {
	if len(p) > 6 && number(p[:4]) == len(p) {
		if n := number(p[4:6]); n > 6 && n <= 64 && n < len(p) {
			return n
		}
	}
	for n := 2; n <= 16 && n < len(p); n++ {
		if rest := len(p) - n; n >= 4 && (number(p[n-4:n]) == rest || reversed(p[n-4:n]) == rest) ||
			number(p[n-2:n]) == rest || reversed(p[n-2:n]) == rest {
			return n
		}
	}
	return 0
}

// number is p as a number, the most significant byte first.
func number(p []byte) (n int) {
	for _, c := range p {
		n = n<<8 | int(c)
	}
	return n
}

// reversed is number with the least significant byte first.
func reversed(p []byte) (n int) {
	for i, c := range p {
		n |= int(c) << (8 * i)
	}
	return n
}

// minToken is the shortest base64 that is looked for inside of a text, in digits.
const minToken = 16

// Token is the first base64 of p, from i on, that stands in a text and is one
// itself, or begins as a compressed stream: p[start:end], empty if there is none. It
// may be cut into lines as mail has it, and stand behind a digit that is a type.
func Token(p []byte, i int) (start, end int) {
	const few = 3 // of digits and capitals in 8 bytes: prose has less
	for from := i; i+8 <= len(p); i += 8 {
		if digits(p[i:])*ones>>56 < few {
			continue
		}
		for j := i; j < i+8; {
			if unbase64[p[j]] >= 64 {
				j++
				continue
			}
			start, end = j, lines(p, j)
			for start > from && unbase64[p[start-1]] < 64 {
				start--
			}
			if end-start >= minToken {
				if carriesText(p[start:end]) {
					return start, end
				}
				if start++; p[start-1]-'0' < 10 && carriesText(p[start:end]) {
					return start, end
				}
			}
			from, j = end, end
		}
		i = max(i, from-8)
	}
	return len(p), len(p)
}

// lines is where the base64 ends that stands at i: behind lines of it, each as long
// as mail and PEM have them but the last, and its padding.
func lines(p []byte, i int) int {
	const long = 60
	for {
		begin := i
		for i < len(p) && unbase64[p[i]] < 64 {
			i++
		}
		next := i
		if next < len(p) && p[next] == '\r' {
			next++
		}
		if i-begin < long || next+1 >= len(p) || p[next] != '\n' || unbase64[p[next+1]] >= 64 {
			for n := 0; n < 2 && i < len(p) && p[i] == '='; n++ {
				i++
			}
			return i
		}
		i = next + 1
	}
}

// carriesText reports whether the base64 p stands for text, or begins as that of a
// compressed stream does.
func carriesText(p []byte) bool {
	for _, magic := range [...]string{"H4sI", "KLUv/", "eJ", "eN"} {
		if len(p) > minToken && string(p[:len(magic)]) == magic {
			return true
		}
	}
	group, have, follow := uint32(0), 0, 0
	for _, c := range p {
		v := unbase64[c]
		if v >= 64 {
			continue
		}
		group = group<<6 | uint32(v)
		if have += 6; have < 8 {
			continue
		}
		have -= 8
		switch b := byte(group >> have); {
		case b&0xC0 == 0x80:
			if follow--; follow < 0 {
				return false
			}
		case follow > 0:
			return false
		case b >= 0xC2 && b < 0xF5:
			follow = 1
			if b >= 0xE0 {
				follow = 2
			}
			if b >= 0xF0 {
				follow = 3
			}
		case b >= utf8.RuneSelf || b < ' ' && b != '\n' && b != '\r' && b != '\t' || b == 0x7F:
			return false
		}
	}
	return true
}
