package carrier

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

const (
	// MaxKinds is the most that Sniff and Guess return.
	MaxKinds = 8
	// minBase64 is the shortest base64 that is decoded, in bytes: 8 decoded.
	minBase64 = 11
	// minHex is the same for hex.
	minHex = 16
)

// Sniff returns the carriers that value may be, most likely first. It is called
// for every string, so it looks at a sample of long ones.
func Sniff(value []byte) (kinds [MaxKinds]Kind, n int) {
	if len(value) < 4 {
		return kinds, 0
	}
	c := value[0]
	if special[c] || value[1] == 0 {
		if k, ok := magic(value); ok > 0 {
			kinds[0] = k
			return kinds, 1
		}
	}
	switch {
	case c >= utf8.RuneSelf, c >= '`' && value[1] >= utf8.RuneSelf:
		if likelyLZString16(value) {
			kinds[n] = LZString
			n++
		}
	case c == 'e':
		if bytes.HasPrefix(value, jsonObject) && bytes.IndexByte(value, '.') > 0 {
			kinds[n] = JWT
			n++
		}
	case c <= ' ', c|0x20 == 'd':
		if _, ok := afterScheme(value); ok {
			kinds[n] = DataURL
			n++
		}
	}
	if Dense(value) {
		if likelyHex(value) {
			kinds[n] = Hex
			n++
		}
		if len(value) >= minBase64 {
			kinds[n] = Base64
			n++
			if likelyFirst(uint16(unlz[value[0]])<<10 | uint16(unlz[value[1]])<<4) {
				kinds[n] = LZString
				n++
			}
		}
	}
	if i := bytes.IndexByte(value, '%'); i >= 0 && escaped(value, i, '%') {
		kinds[n] = Percent
		n++
	}
	if i := bytes.IndexByte(value, '='); i >= 0 && i < len(value)-2 && escaped(value, i, '=') {
		kinds[n] = QuotedPrintable
		n++
	}
	return kinds, n
}

// Guess returns the carriers without a magic number that value may be. It is
// for binary values of which nothing else is known.
func Guess(value []byte) (kinds [MaxKinds]Kind, n int) {
	if len(value) < 4 {
		return kinds, 0
	}
	add := func(k Kind, likely bool) {
		if likely {
			kinds[n] = k
			n++
		}
	}
	add(UTF16, likelyUTF16(value))
	add(Deflate, likelyDeflate(value))
	add(Brotli, likelyBrotli(value))
	add(LZString, likelyLZStringBytes(value))
	add(Snappy, likelySnappy(value))
	add(LZ4, likelyLZ4(value))
	return kinds, n
}

// jsonObject is how every JSON object begins in base64.
var jsonObject = []byte("eyJ")

// special has the bytes that a magic number begins with.
var special = func() (t [256]bool) {
	for _, c := range []byte{0x00, 0x02, 0x04, 0x1F, 0x28, 0xFE, 0xFF} {
		t[c] = true
	}
	for c := range 16 {
		t[0x50|c] = true // skippable frames
		t[c<<4&0x70|8] = true
	}
	return t
}()

// magic is the carrier that value begins as, with the length of its magic.
func magic(p []byte) (k Kind, n int) {
	if len(p) < 4 {
		return None, 0
	}
	switch p[0] {
	case 0x1F:
		if p[1] == 0x8B {
			return Gzip, 2
		}
		if p[1] == 0xC2 && p[2] == 0x8B {
			return Latin1, 3
		}
	case 'x':
		// U+009C and U+00DA, or ASCII and then what is not.
		if p[1] == 0xC2 && p[2] == 0x9C || p[1] == 0xC3 && p[2] == 0x9A ||
			(p[1] == 0x01 || p[1] == 0x5E) && (p[2] == 0xC2 || p[2] == 0xC3) && p[3]&0xC0 == 0x80 {
			return Latin1, 3
		}
	case 0x28:
		if p[1] == 0xB5 && p[2] == 0x2F && p[3] == 0xFD {
			return Zstd, 4
		}
	case 0x04:
		if p[1] == 0x22 && p[2] == 0x4D && p[3] == 0x18 {
			return LZ4, 4
		}
	case 0x02:
		if p[1] == 0x21 && p[2] == 0x4C && p[3] == 0x18 {
			return LZ4, 4
		}
	case 0xFF:
		if bytes.HasPrefix(p, snappyMagic) {
			return Snappy, len(snappyMagic)
		}
		if p[1] == 0xFE {
			return UTF16, 2
		}
	case 0xFE:
		if p[1] == 0xFF {
			return UTF16, 2
		}
	}
	switch {
	case p[0]&0xF0 == 0x50 && p[1] == 0x2A && p[2] == 0x4D && p[3] == 0x18:
		return skippable(p), 4
	case isZlib(p) && (p[0] < ' ' || p[1] >= utf8.RuneSelf || !isText(p[:min(len(p), 64)])):
		return Zlib, 2
	case p[0] == 0 && p[1] != 0 && p[2] == 0 && p[3] != 0,
		p[0] != 0 && p[1] == 0 && p[2] != 0 && p[3] == 0:
		if likelyUTF16(p) {
			return UTF16, 2
		}
	}
	return None, 0
}

// Dense reports whether value has as many digits and capitals as base64 and
// hex have, and prose has not. White space does not matter: lenient decoders
// skip it.
func Dense(value []byte) bool {
	const step = 32 // of the samples
	n := len(value)
	if n < minBase64 {
		return false
	}
	stride := step
	if n < 4*step {
		stride = step / 2
	}
	last := digits(value[n-8:])
	count, samples := 0, 1
	for i := 0; i < n-8; {
		// Each of the eight counts at most 31 samples.
		columns := uint64(0)
		for end := min(i+31*stride, n-8); i < end; i += stride {
			columns += digits(value[i:])
			samples++
		}
		count += int(columns * ones >> 56)
	}
	return (count+int(last*ones>>56))*4 >= samples*8
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// digits has 1 for each of 8 bytes that may be a digit of base64 or hex, but small
// letters.
func digits(p []byte) uint64 {
	x := binary.LittleEndian.Uint64(p)
	low := x &^ highs
	digit := (low + ones*(0x80-'/')) ^ (low + ones*(0x7F-'9')) // and /
	upper := x << 1 &^ (x << 2)                                // @ to _
	plus := low ^ ones*'+'
	digit |= (plus - ones) &^ plus
	return (digit | upper) &^ x & highs >> 7
}

// likelyHex reports whether value begins with hexadecimal digits.
func likelyHex(value []byte) bool {
	p := hexBody(value)
	n := 0
	for i := 0; i+1 < len(p) && n < minHex; {
		if unhex[p[i]]|unhex[p[i+1]] < 16 {
			n += 2
			i += 2
			continue
		}
		size := separator(p[i:])
		if size == 0 {
			return false
		}
		i += size
	}
	return n >= minHex || n >= 8 && len(p) < len(value)
}

// escaped reports whether two hexadecimal digits follow mark anywhere from i on.
func escaped(value []byte, i int, mark byte) bool {
	for {
		rest := value[i+1:]
		if len(rest) < 2 {
			return false
		}
		if unhex[rest[0]]|unhex[rest[1]] < 16 ||
			mark == '%' && rest[0]|0x20 == 'u' && unhex[rest[1]] < 16 ||
			mark == '=' && softBreak(value[i:]) > 0 {
			return true
		}
		j := bytes.IndexByte(rest, mark)
		if j < 0 {
			return false
		}
		i += 1 + j
	}
}
