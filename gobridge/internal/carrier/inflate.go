package carrier

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
)

// inflater is pooled: it has some 40 kB.
type inflater struct {
	in bytes.Reader
	r  io.ReadCloser
}

var inflaters = sync.Pool{New: func() any {
	f := &inflater{}
	f.r = flate.NewReader(&f.in)
	return f
}}

// inflate appends what the DEFLATE stream at the start of p holds, and returns
// how many bytes of p it takes. ended is false if it broke off. With guess set
// it gives up on output that is not worth a look by its head.
func (o *output) inflate(p []byte, guess bool) (size int, ended bool) {
	f := inflaters.Get().(*inflater)
	f.in.Reset(p)
	if f.r.(flate.Resetter).Reset(&f.in, nil) == nil {
		ended = o.readFrom(f.r, guess)
	}
	size = len(p) - f.in.Len()
	f.in.Reset(nil)
	inflaters.Put(f)
	return size, ended
}

// readFrom appends what r gives and reports whether that ended well.
func (o *output) readFrom(r io.Reader, guess bool) bool {
	begin := len(o.buf)
	for {
		if cap(o.buf) == len(o.buf) {
			o.buf = slices.Grow(o.buf, max(head, len(o.buf)))
		}
		size := len(o.buf)
		// One byte more than the limit tells whether anything is cut off.
		into := o.buf[size:min(cap(o.buf), size+max(o.left(), 1))]
		if guess {
			into = into[:min(len(into), head)]
		}
		n, err := r.Read(into)
		if n > 0 && o.left() == 0 {
			o.over = true
			return true
		}
		o.buf = o.buf[:size+n]
		if guess && len(o.buf)-begin >= head/2 {
			if !worth(o.buf[begin:]) {
				return false
			}
			guess = false
		}
		if err != nil {
			return err == io.EOF
		}
	}
}

// guessed reports whether the output of a stream without magic shows that it
// was one.
func (o *output) guessed(ended bool) bool {
	p := o.bytes()
	if o.over || ended && len(p) >= minRun/2 {
		return worth(p)
	}
	// What broke off after some output counts, too: so it is paid for.
	return len(p) >= minRun && isText(p) || len(p) >= head/2 && worth(p)
}

func (o *output) deflate(p []byte) bool {
	_, ended := o.inflate(p, true)
	return o.guessed(ended)
}

// likelyDeflate looks at the first block: its content for one that is stored or
// has the fixed code, its code for others.
func likelyDeflate(p []byte) bool {
	if len(p) < 4 {
		return false
	}
	switch p[0] >> 1 & 3 {
	case 0:
		return len(p) >= 5 && p[1]^p[3] == 0xFF && p[2]^p[4] == 0xFF
	case 1:
		// 8 bits for the literals 0 to 143, the most significant first.
		const literal = 0x30
		c := bits.Reverse8(byte(uint(p[0])>>3|uint(p[1])<<5)) - literal
		return c >= ' ' && c < -literal&0xFF && c != 0x7F || c == '\n' || c == '\r' || c == '\t'
	case 2:
		if len(p) < 12 {
			return false
		}
		x := binary.LittleEndian.Uint64(p)
		if x>>3&31 > 29 || x>>8&31 > 29 {
			return false
		}
		// The code for the code lengths is complete.
		n := int(x>>13&15) + 4
		sum := 0
		for i := range n {
			at := 17 + 3*i
			size := (uint(p[at/8]) | uint(p[at/8+1])<<8) >> (at % 8) & 7
			sum += 128 >> size &^ 128
		}
		return sum == 128
	}
	return false
}

// isZlib checks the two bytes of RFC 1950 2.2, of which neither is a checksum
// of what follows.
func isZlib(p []byte) bool {
	return len(p) > 2 && p[0]&0x0F == 8 && p[0] < 0x80 && (uint(p[0])<<8|uint(p[1]))%31 == 0 && p[1]&0x20 == 0
}

// zlib decodes RFC 1950. The checksum does not matter.
func (o *output) zlib(p []byte) bool {
	if !isZlib(p) {
		return false
	}
	_, ended := o.inflate(p[2:], p[1] < utf8.RuneSelf)
	return o.len() > 0 && (ended || o.guessed(false))
}

// gzip decodes the members of RFC 1952. The checksums do not matter.
func (o *output) gzip(p []byte) bool {
	for len(p) > 2 && p[0] == 0x1F && p[1] == 0x8B {
		body := gzipBody(p)
		if body == nil {
			break
		}
		size, ended := o.inflate(body, false)
		const trailer = 8
		if !ended || o.over || len(body) < size+trailer {
			break
		}
		p = body[size+trailer:]
	}
	return o.len() > 0
}

// gzipBody is what follows the header of a member, nil if it is cut.
func gzipBody(p []byte) []byte {
	const size = 10
	const crc, extra, name, comment = 1 << 1, 1 << 2, 1 << 3, 1 << 4
	if len(p) < size {
		return nil
	}
	flags := p[3]
	p = p[size:]
	if flags&extra != 0 {
		if len(p) < 2 {
			return nil
		}
		n := 2 + int(p[0]) + int(p[1])<<8
		if len(p) < n {
			return nil
		}
		p = p[n:]
	}
	for _, f := range [...]byte{name, comment} {
		if flags&f == 0 {
			continue
		}
		i := bytes.IndexByte(p, 0)
		if i < 0 {
			return nil
		}
		p = p[i+1:]
	}
	if flags&crc != 0 {
		if len(p) < 2 {
			return nil
		}
		p = p[2:]
	}
	return p
}
