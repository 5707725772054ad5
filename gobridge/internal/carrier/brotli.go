package carrier

import (
	"io"
	"slices"
	"sync"

	"github.com/andybalholm/brotli"
)

// brotliSource is value with a first byte of our own.
type brotliSource struct {
	first byte
	rest  []byte
	begun bool
}

func (s *brotliSource) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !s.begun {
		s.begun = true
		p[0] = s.first
		return 1 + copy(p[1:], s.take(len(p)-1)), nil
	}
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	return copy(p, s.take(len(p))), nil
}

func (s *brotliSource) take(n int) []byte {
	p := s.rest[:min(n, len(s.rest))]
	s.rest = s.rest[len(p):]
	return p
}

// brotliReader is pooled: it has some 50 kB and a window.
type brotliReader struct {
	in brotliSource
	r  brotli.Reader
}

var brotliReaders = sync.Pool{New: func() any { return &brotliReader{} }}

// smallWindow is what is decoded with a window of 256 kB, in bytes. Three bytes
// of input make the library allocate the 16 MB of a large one, so that is for
// streams which have shown that they are such.
const smallWindow = 1<<18 - 16

// lowBits reads bits, the lowest of a byte first.
type lowBits struct {
	p    []byte
	at   int  // in bits
	over bool // there were no more
}

// take returns the next n bits, at most 24.
func (b *lowBits) take(n int) (v int) {
	if b.at+n > 8*len(b.p) {
		b.over = true
		return 0
	}
	for i := b.at &^ 7; i < b.at+n; i += 8 {
		v |= int(b.p[i/8]) << (i - b.at&^7)
	}
	v = v >> (b.at & 7) & (1<<n - 1)
	b.at += n
	return v
}

// likelyBrotli looks at the header of the first meta-block (RFC 7932, 9.2), up to
// the first prefix code that takes work where there is one block type and one tree of
// each sort, as there is in short input.
func likelyBrotli(p []byte) bool {
	if len(p) < 8 {
		return false
	}
	b := &lowBits{p: p}
	if b.take(1) == 1 && b.take(3) == 0 && b.take(3) == 1 {
		return false // no WBITS
	}
	last := b.take(1) == 1
	if last && b.take(1) == 1 {
		return false // empty
	}
	nibbles := b.take(2)
	if nibbles == 3 {
		// What is skipped comes first.
		size := 0
		reserved := b.take(1)
		if n := b.take(2); n > 0 {
			size = b.take(8*n) + 1
		}
		return reserved == 0 && !last && size < len(p)
	}
	size := b.take(4*(nibbles+4)) + 1
	if nibbles > 0 && (size-1)>>(4*(nibbles+3)) == 0 {
		return false
	}
	if !last && b.take(1) == 1 {
		return size < len(p)
	}
	const short = 64
	if b.take(3) != 0 {
		return len(p) >= short
	}
	b.take(2 + 4 + 2) // NPOSTFIX, NDIRECT, the context mode
	if b.take(2) != 0 {
		return len(p) >= short
	}
	const literals, lengths = 256, 704
	simple, ok := b.prefixCode(8, literals)
	if simple && ok {
		_, ok = b.prefixCode(10, lengths)
	}
	return ok
}

// Of a complex prefix code (RFC 7932, 3.5), by the next four bits: the length of a
// code length, and the bits that it takes.
var (
	codeLengths = [16]int{0, 4, 3, 2, 0, 4, 3, 1, 0, 4, 3, 2, 0, 4, 3, 5}
	codeBits    = [16]int{2, 2, 2, 3, 2, 2, 2, 4, 2, 2, 2, 3, 2, 2, 2, 4}
)

// prefixCode reports whether a prefix code follows: a simple one, which it reads, of
// symbols of so many bits below a limit, or one whose code for the code lengths is
// complete, or has one length only.
func (b *lowBits) prefixCode(size, limit int) (simple, ok bool) {
	const codes, complete = 18, 32
	skip := b.take(2)
	if skip == 1 {
		var room [4]int
		symbols := room[:b.take(2)+1]
		for i := range symbols {
			symbols[i] = b.take(size)
			if symbols[i] >= limit || slices.Contains(symbols[:i], symbols[i]) {
				return true, false
			}
		}
		if len(symbols) == len(room) {
			b.take(1) // which of two trees
		}
		return true, !b.over
	}
	sum, n := 0, 0
	for range codes - skip {
		at := b.at
		next := b.take(min(4, 8*len(b.p)-at))
		b.at = at + codeBits[next]
		if size := codeLengths[next]; size > 0 {
			sum += complete >> size
			n++
		}
		if sum >= complete || b.at > 8*len(b.p) {
			break
		}
	}
	return false, sum == complete || n == 1
}

// brotli decodes RFC 7932. It has no magic.
func (o *output) brotli(p []byte) bool {
	if len(p) < 4 {
		return false
	}
	first := p[0]
	// WBITS 18 to 24 have four bits, of which the first is set, and not all
	// the others are clear.
	if first&1 == 0 || first&0x0E == 0 {
		return o.guessed(o.unbrotli(first, p, true))
	}
	limit := o.limit
	o.limit = min(limit, smallWindow)
	ended := o.unbrotli(first&0xF0|0x03, p, true)
	o.limit = limit
	if o.over && o.len() < limit {
		o.reset()
		ended = o.unbrotli(first, p, true)
	}
	return o.guessed(ended)
}

func (o *output) unbrotli(first byte, p []byte, guess bool) bool {
	b := brotliReaders.Get().(*brotliReader)
	b.in = brotliSource{first: first, rest: p[1:]}
	_ = b.r.Reset(&b.in)
	ended := o.readFrom(&b.r, guess)
	b.in = brotliSource{}
	brotliReaders.Put(b)
	return ended
}
