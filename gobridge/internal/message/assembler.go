package message

import (
	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/ws"
)

// Assembler joins the frames of one direction. Its calls are, per frame,
// Begin, Append for each part of the payload, End; and Release or Take after
// each whole message. The zero value is ready; while idle it holds no buffer.
type Assembler struct {
	own    *[]byte // what is kept of an incomplete message, nil when nothing
	whole  []byte  // payload of a message that came whole, in the scratch
	ctl    []byte  // payload of the current control frame
	frames uint32  // data frames ended of the message

	opcode     ws.Opcode
	compressed bool
	open       bool
}

// TooBig reports whether the frame that h begins makes its message longer
// than max bytes. Call it before Begin.
func (a *Assembler) TooBig(h *frame.Header, max int) bool {
	if h.Opcode.IsControl() {
		return false
	}
	have := 0
	if a.open && a.own != nil {
		have = len(*a.own)
	}
	return max < have || h.Length > uint64(max-have)
}

// Frames is which frame of its message h begins, from 1. Call it before Begin.
func (a *Assembler) Frames(h *frame.Header) int {
	if h.Opcode != ws.OpContinuation || !a.open {
		return 1
	}
	return int(a.frames) + 1
}

// Begin starts a frame that passed frame.Check, or whose violations the
// connection tolerates.
func (a *Assembler) Begin(h *frame.Header) {
	a.ctl = nil
	if h.Opcode.IsControl() {
		return
	}
	if h.Opcode != ws.OpContinuation || !a.open {
		a.Release()
		a.opcode = h.Opcode
		a.compressed = h.RSV1
		a.frames = 0
		a.open = !h.Fin
	}
}

// Append takes the masked payload part p, found at off of the frame's payload.
// A frame that is a whole message and lies whole in p is unmasked into
// *scratch, which grows as needed, and nothing is kept: until Release or Take,
// scratch must stay as it is. Of a control frame at most 125 bytes are kept.
func (a *Assembler) Append(h *frame.Header, p []byte, off uint64, scratch *[]byte) {
	if h.Opcode.IsControl() {
		p = p[:min(len(p), frame.MaxControl-len(a.ctl))]
		switch {
		case a.ctl != nil:
		case uint64(len(p)) == h.Length && a.whole == nil && cap(*scratch) >= len(p):
			a.ctl = (*scratch)[:0:len(p)]
		default:
			a.ctl = make([]byte, 0, min(h.Length, frame.MaxControl))
		}
		n := len(a.ctl)
		a.ctl = a.ctl[:n+len(p)]
		unmask(h, a.ctl[n:], p, off)
		return
	}
	if h.Fin && h.Opcode != ws.OpContinuation && uint64(len(p)) == h.Length {
		if cap(*scratch) < len(p) {
			*scratch = make([]byte, len(p))
		}
		a.whole = (*scratch)[:len(p)]
		unmask(h, a.whole, p, off)
		return
	}
	a.own = grow(a.own, len(p))
	n := len(*a.own)
	*a.own = (*a.own)[:n+len(p)]
	unmask(h, (*a.own)[n:], p, off)
}

func unmask(h *frame.Header, dst, src []byte, off uint64) {
	if h.Masked {
		frame.Unmask(dst, src, h.Mask, off)
		return
	}
	copy(dst, src)
}

// End completes the frame. whole reports that it completed a data message;
// m.Payload is valid until Release or Take.
func (a *Assembler) End(h *frame.Header) (m Message, whole bool) {
	if h.Opcode.IsControl() {
		return Message{}, false
	}
	a.frames++
	if !h.Fin {
		return Message{}, false
	}
	a.open = false
	return Message{
		Opcode:     a.opcode,
		Compressed: a.compressed,
		Frames:     int(a.frames),
		Payload:    a.payload(),
	}, true
}

func (a *Assembler) payload() []byte {
	if a.own != nil {
		return *a.own
	}
	return a.whole
}

// Control is the unmasked payload of the control frame that just ended, valid
// until the next Begin.
func (a *Assembler) Control() []byte { return a.ctl }

// Release drops what is kept of the message and gives its buffer back. A
// fragmented message stays open.
func (a *Assembler) Release() {
	free(a.own)
	a.own, a.whole = nil, nil
}

// Take is Release, but for the payload, which becomes the caller's. It copies
// only a payload that is in the scratch.
func (a *Assembler) Take() []byte {
	p := a.payload()
	if a.own == nil {
		p = append([]byte(nil), p...)
	}
	a.own = nil
	a.Release()
	return p
}

// Open reports whether a fragmented message is open, so that a continuation
// is expected.
func (a *Assembler) Open() bool { return a.open }

// Size is the number of bytes that the direction holds beyond the struct.
func (a *Assembler) Size() int {
	n := cap(a.ctl)
	if a.own != nil {
		n += cap(*a.own)
	}
	return n
}
