package format

import (
	"bytes"
	"math/bits"
)

const (
	blockSize = 64
	maxBlocks = 8
)

// index has the quotes of a part of a document, in blocks of 64 bytes.
type index struct {
	base   int               // of the part
	signs  int               // a bit for each block that has % or =
	digits [maxBlocks]uint64 // of each block, a bit for a byte that may be one of base64 or hex, but small letters
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
		x.blocks(doc, base, n, size-(n-1)*blockSize)
	default:
		var all [blockSize]byte
		copy(all[:], doc[base:])
		x.blocks(all[:], 0, n, blockSize)
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

// digitsIn is how many digits doc[start:end] has at most, which is not empty.
func (x *index) digitsIn(start, end int) (n int) {
	start -= x.base
	end -= x.base + 1 // the last byte
	i, last := start/blockSize, end/blockSize
	set := ^uint64(0) << (start & (blockSize - 1))
	for ; i < last; i++ {
		n += bits.OnesCount64(x.digits[i&(maxBlocks-1)] & set)
		set = ^uint64(0)
	}
	set &= ^uint64(0) >> (blockSize - 1 - end&(blockSize-1))
	return n + bits.OnesCount64(x.digits[i&(maxBlocks-1)]&set)
}

// blocksInGo reads n blocks at base, the last of which has tail bytes, as far as the
// first that has a backslash. It looks at 64 bytes that end there. It takes every
// byte for a digit: looking for them later is as fast.
func (x *index) blocksInGo(doc []byte, base, n, tail int) (read int) {
	found, signs := 0, 0
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
			x.quotes[found] = uint16(read*blockSize + bits.TrailingZeros64(set))
			found++
		}
		x.digits[read] = ^uint64(0)
		if read++; slashes != 0 {
			break
		}
	}
	x.n, x.signs = found, signs
	return read
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
