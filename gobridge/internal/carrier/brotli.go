package carrier

import (
	"encoding/binary"
	"io"
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

// likelyBrotli looks at the header of the first meta-block. Short input is taken
// to have one block type and one tree of each sort, as encoders make it.
func likelyBrotli(p []byte) bool {
	if len(p) < 8 {
		return false
	}
	x := binary.LittleEndian.Uint64(p)
	bit := func(n uint) uint64 {
		v := x & (1<<n - 1)
		x >>= n
		return v
	}
	if bit(1) == 1 && bit(3) == 0 && bit(3) == 1 {
		return false // no WBITS
	}
	last := bit(1) == 1
	if last && bit(1) == 1 {
		return false // empty
	}
	nibbles := uint(bit(2))
	if nibbles == 3 {
		// What is skipped comes first.
		size := uint(0)
		reserved := bit(1)
		if n := uint(bit(2)); n > 0 {
			size = uint(bit(8*n)) + 1
		}
		return reserved == 0 && !last && size < uint(len(p))
	}
	size := bit(4*(nibbles+4)) + 1
	if nibbles > 0 && (size-1)>>(4*(nibbles+3)) == 0 {
		return false
	}
	if !last && bit(1) == 1 {
		return size < uint64(len(p))
	}
	return len(p) >= 64 || bit(3) == 0
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
