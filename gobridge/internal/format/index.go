package format

import (
	"bytes"
	"math/bits"
	"unsafe"
)

const (
	blockSize = 64
	maxBlocks = 8
)

// index has the quotes of a part of a document, in blocks of 64 bytes.
type index struct {
	base   int // of the part
	signs  int // a bit for each block that has % or =
	n      int
	quotes [maxBlocks*blockSize + quotesAtOnce]uint16 // n, from base
}

// quotesAtOnce are written, whether there are so many or not: there are 6 to 16
// in most blocks.
const quotesAtOnce = 8

// read looks at doc from base on, as far as the first backslash.
func (x *index) read(doc []byte, base int) {
	x.base, x.n, x.signs = base, 0, 0
	size := min(len(doc)-base, maxBlocks*blockSize)
	switch n := (size + blockSize - 1) / blockSize; {
	case n == 0:
	case len(doc) >= blockSize:
		_, x.n, x.signs = indexDoc(doc, base, n, size-(n-1)*blockSize, &x.quotes[0])
	default:
		var all [blockSize]byte
		copy(all[:], doc[base:])
		_, x.n, x.signs = indexDoc(all[:], 0, n, blockSize, &x.quotes[0])
	}
}

// hasSigns reports whether % or = may be in doc[start:end].
func (x *index) hasSigns(start, end int) bool {
	first, last := (start-x.base)/blockSize, (end-x.base)/blockSize
	return x.signs>>first&(2<<(last-first)-1) != 0
}

// kind is that of the value doc[start:end], where there are signs.
func (x *index) kind(start, end int) markKind {
	if end-start >= 8 && !x.hasSigns(start, end) {
		return markQuoted | markInside | markPlain
	}
	return markQuoted | markInside
}

// indexBytes reads n blocks at base, the last of which has tail bytes, as far as the
// first that has a backslash. It looks at 64 bytes that end there.
func indexBytes(doc []byte, base, n, tail int, quotes *uint16) (read, found, signs int) {
	out := unsafe.Slice(quotes, n*blockSize)
	for ; read < n; base += blockSize {
		var set, slashes, sign uint64
		before := 0 // bytes that do not count
		if read == n-1 {
			before = blockSize - tail
		}
		for j := 0; j < blockSize; j += 8 {
			x := word(doc, base-before+j)
			set |= bitsOf(x, '"') << j
			slashes |= bitsOf(x, '\\') << j
			sign |= zeros(x^ones*'%') | zeros(x^ones*'=')
		}
		set >>= before
		slashes >>= before
		if sign&highs != 0 {
			signs |= 1 << read
		}
		for set &= (slashes - 1) &^ slashes; set != 0; set &= set - 1 {
			out[found] = uint16(read*blockSize + bits.TrailingZeros64(set))
			found++
		}
		if read++; slashes != 0 {
			break
		}
	}
	return read, found, signs
}

// bitsOf has a bit for each byte of x that is c.
func bitsOf(x uint64, c byte) uint64 {
	x ^= ones * uint64(c)
	x = highs &^ (x | (x&^highs + ones*0x7F))
	return x >> 7 * 0x0102040810204080 >> 56
}

// hasSigns reports whether % or = is in text.
func hasSigns(text []byte) bool {
	return bytes.IndexByte(text, '%') >= 0 || bytes.IndexByte(text, '=') >= 0
}
