package carrier

import (
	"bytes"

	"github.com/klauspost/compress/flate"
)

// maxBack is how far DEFLATE refers back, in bytes.
const maxBack = 32 << 10

// flushed is how a piece of a stream ends after which a receiver has all of it: an
// empty block (zlib's Z_SYNC_FLUSH).
var flushed = []byte{0, 0, 0xFF, 0xFF}

// Flushed reports whether p ends a piece of a Stream.
func Flushed(p []byte) bool { return bytes.HasSuffix(p, flushed) }

// Stream is one stream of zlib that comes in pieces, each of which refers to those
// before. The zero value is before its beginning.
type Stream struct {
	window []byte
	begun  bool
}

// Begun reports whether there was a piece, and more may follow.
func (s *Stream) Begun() bool { return s.begun }

// Begins reports whether p may be the first piece.
func (s *Stream) Begins(p []byte) bool { return !s.begun && isZlib(p) }

// Size is how many bytes are kept for the next piece.
func (s *Stream) Size() int { return cap(s.window) }

// Decode appends what the next piece holds to dst, at most limit bytes; over says
// that this cut it off. ok is false if p is none: then the stream is over, and what
// was found all the same is returned.
func (s *Stream) Decode(dst, p []byte, limit int) (out []byte, ok, over bool) {
	if !s.begun {
		if s.window = s.window[:0]; !isZlib(p) {
			return dst, false, false
		}
		p = p[2:]
	}
	o := output{buf: dst, start: len(dst), limit: max(limit, 0)}
	f := inflaters.Get().(*inflater)
	f.in.Reset(p)
	ended := false
	if f.r.(flate.Resetter).Reset(&f.in, s.window) == nil {
		ended = o.readFrom(f.r, false)
	}
	left := f.in.Len()
	f.in.Reset(nil)
	inflaters.Put(f)

	whole := !ended && left == 0 && Flushed(p)
	if s.begun = whole && !o.over; s.begun {
		s.keep(o.bytes())
	}
	return o.buf, whole || ended || o.over, o.over
}

// keep moves the window on over p.
func (s *Stream) keep(p []byte) {
	p = p[max(0, len(p)-maxBack):]
	if drop := len(s.window) + len(p) - maxBack; drop > 0 {
		s.window = s.window[:copy(s.window, s.window[drop:])]
	}
	s.window = append(s.window, p...)
}
