package message

import (
	"errors"
	"sync"
)

// The errors of Inflater.Inflate.
var (
	ErrInvalid = errors.New("message: invalid DEFLATE data")
	ErrTooBig  = errors.New("message: inflated payload over the limit")
)

// Inflater inflates the compressed messages of one direction (RFC 7692
// 7.2.2). Between messages it holds what the sender may refer to: nothing
// before the first message or without context takeover, else what was
// inflated, at most the negotiated window.
type Inflater struct {
	win      []byte // the last bytes inflated; a ring once window long
	pos      uint16 // the oldest byte of the ring
	window   uint16
	takeover bool
}

// NewInflater returns the Inflater of a sender whose LZ77 sliding window is
// window bytes, 256 to 32768, kept across messages with takeover.
func NewInflater(window int, takeover bool) Inflater {
	return Inflater{window: uint16(window), takeover: takeover}
}

var inflates = sync.Pool{New: func() any { return new(inflate) }}

// Inflate inflates a message's payload into dst[:0], which is apart from the
// payload and grows with what is produced. More than limit bytes are ErrTooBig,
// and what cannot be decoded is ErrInvalid; then out is what came before the
// error, and the context is as if the call had not been made, so that it can
// be repeated.
func (f *Inflater) Inflate(dst, payload []byte, limit int) (out []byte, err error) {
	d := inflates.Get().(*inflate)
	d.in, d.out, d.limit = payload, dst[:0], max(limit, 0)
	d.win, d.pos, d.window = f.win, int(f.pos), int(f.window)
	err = d.message()
	out = d.out
	d.in, d.out, d.win = nil, nil, nil
	inflates.Put(d)
	if err == nil && f.takeover {
		f.keep(out)
	}
	return out, err
}

// keep moves the window on over p.
func (f *Inflater) keep(p []byte) {
	size := int(f.window)
	if len(p) > size {
		p = p[len(p)-size:]
	}
	if have := len(f.win); have < size {
		n := min(len(p), size-have)
		if have+n > cap(f.win) {
			win := make([]byte, have, min(size, max(have+n, 2*have)))
			copy(win, f.win)
			f.win = win
		}
		f.win = append(f.win, p[:n]...)
		p = p[n:]
	}
	if len(p) > 0 {
		n := copy(f.win[f.pos:], p)
		copy(f.win, p[n:])
		f.pos = uint16((int(f.pos) + len(p)) % size)
	}
}
