package frame

// Event says what Parser.Next found.
type Event uint8

// The events of a Parser.
const (
	NeedMore   Event = iota // all of b taken, nothing complete
	GotHeader               // the header is complete
	GotPayload              // the bytes taken are payload, still masked
)

func (e Event) String() string {
	return [...]string{"need more", "header", "payload"}[min(e, GotPayload)]
}

// Parser follows the frames of one direction. The zero value is at a frame
// boundary. It keeps no reference to what it was fed: b may be C memory.
type Parser struct {
	h     Header
	left  uint64 // payload bytes of the frame still to come
	have  uint8  // header bytes taken, when the header is cut
	first byte   // the first of them
}

// Next takes n bytes from the start of b. With GotHeader they are the rest of
// a header and Header is valid; with GotPayload, b[:n] is masked payload that
// begins at Offset(n). The frame is complete when Left is 0 after either.
func (p *Parser) Next(b []byte) (n int, ev Event) {
	if len(b) == 0 {
		return 0, NeedMore
	}
	if p.left > 0 {
		n = len(b)
		if uint64(n) > p.left {
			n = int(p.left)
		}
		p.left -= uint64(n)
		return n, GotPayload
	}
	if p.have == 0 {
		if n = p.h.parse(b); n > 0 {
			p.left = p.h.Length
			return n, GotHeader
		}
	}
	for i, c := range b {
		if p.headerByte(c) {
			p.left = p.h.Length
			return i + 1, GotHeader
		}
	}
	return len(b), NeedMore
}

// headerByte takes the next byte of a cut header and reports whether it was
// the last.
func (p *Parser) headerByte(c byte) bool {
	i := p.have
	p.have++
	switch i {
	case 0:
		p.first = c
		return false
	case 1:
		p.h.start(p.first, c)
	default:
		mask := p.h.Size // where the masking key begins
		if p.h.Masked {
			mask -= 4
		}
		if i >= mask {
			p.h.Mask[i-mask] = c
			break
		}
		if i == 2 {
			p.h.Length = 0
		}
		p.h.Length = p.h.Length<<8 | uint64(c)
		if mask == 4 {
			p.h.Minimal = p.h.Length >= 126
		} else {
			p.h.Minimal = p.h.Length > 0xffff
		}
	}
	if p.have < p.h.Size {
		return false
	}
	p.have = 0
	return true
}

// Header is the header of the current frame, valid from GotHeader until the
// first byte of the next frame is taken.
func (p *Parser) Header() *Header { return &p.h }

// Offset is the position in the frame's payload of the last GotPayload, of n bytes.
func (p *Parser) Offset(n int) uint64 { return p.h.Length - p.left - uint64(n) }

// Left is the number of payload bytes of the frame still to come.
func (p *Parser) Left() uint64 { return p.left }

// AtBoundary reports whether no byte of an incomplete frame was taken.
func (p *Parser) AtBoundary() bool { return p.have == 0 && p.left == 0 }

// HeaderNeed is how many bytes the current header needs at least, so that a
// reader can stop at the frame's end: 2 at a boundary, 0 inside a payload.
func (p *Parser) HeaderNeed() int {
	switch {
	case p.left > 0:
		return 0
	case p.have < 2:
		return 2 - int(p.have)
	}
	return int(p.h.Size - p.have)
}
