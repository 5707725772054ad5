package carrier

import "bytes"

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
