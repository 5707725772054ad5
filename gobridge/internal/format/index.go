package format

import (
	"bytes"
	"math/bits"
)

const (
	blockSize = 64
	maxBlocks = 8
)

// block says what is in 64 bytes.
type block struct {
	slashes uint64
	signs   uint64 // not 0: % or = is in it
}

// index has the quotes of a part of a document.
type index struct {
	base, end int // of the part
	signs     int // a bit for each block that has % or =
	n         int
	blocks    [maxBlocks]block
	quotes    [maxBlocks*blockSize + quotesAtOnce]uint16 // n, from base
}

// quotesAtOnce are written, whether there are so many or not: there are 6 to 16
// in most blocks.
const quotesAtOnce = 8

// read looks at doc from base on, as far as the first backslash.
func (x *index) read(doc []byte, base int) {
	rest := doc[base:]
	n := min(len(rest)/blockSize, maxBlocks)
	x.base, x.end, x.signs, x.n = base, base+n*blockSize, 0, 0
	if n > 0 {
		whole := n
		n, x.n = indexBlocks(&rest[0], n, &x.blocks[0], &x.quotes[0])
		for i := range x.blocks[:n] {
			if x.blocks[i].signs != 0 {
				x.signs |= 1 << i
			}
		}
		if n < whole || x.blocks[n-1].slashes != 0 {
			return
		}
	}
	if n < maxBlocks && len(rest) > n*blockSize {
		var last [blockSize]byte
		copy(last[:], rest[n*blockSize:])
		_, found := indexBlocks(&last[0], 1, &x.blocks[n], &x.quotes[x.n])
		for i := range x.quotes[x.n : x.n+found] {
			x.quotes[x.n+i] += uint16(n * blockSize)
		}
		x.n += found
		if x.blocks[n].signs != 0 {
			x.signs |= 1 << n
		}
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

// indexBytes reads blocks of p as far as the first that has a backslash.
func indexBytes(p []byte, out []block, quotes []uint16) (read, found int) {
	for i := 0; len(p) >= blockSize && read < len(out); i += blockSize {
		b, set := block{}, uint64(0)
		for j := 0; j < blockSize; j += 8 {
			x := word(p, j)
			set |= bitsOf(x, '"') << j
			b.slashes |= bitsOf(x, '\\') << j
			b.signs |= zeros(x^ones*'%') | zeros(x^ones*'=')
		}
		b.signs &= highs
		out[read] = b
		read++
		for set &= b.slashes - 1&^b.slashes; set != 0; set &= set - 1 {
			quotes[found] = uint16(i + bits.TrailingZeros64(set))
			found++
		}
		if b.slashes != 0 {
			break
		}
		p = p[blockSize:]
	}
	return read, found
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
