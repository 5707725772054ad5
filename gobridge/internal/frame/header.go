// Package frame reads WebSocket frame headers (RFC 6455 5.2) from a byte
// stream cut anywhere, unmasks payloads, and names broken header rules. It
// holds no payload.
package frame

import (
	"encoding/binary"

	"wsi/gobridge/internal/ws"
)

// MaxHeader is the size in bytes of the largest frame header.
const MaxHeader = 14

// MaxControl is the largest payload in bytes of a control frame
// (RFC 6455 5.5).
const MaxControl = 125

// Header is a frame header as sent, valid or not.
type Header struct {
	Length uint64 // payload bytes as encoded, even with the reserved high bit
	Mask   [4]byte

	Fin, RSV1, RSV2, RSV3 bool
	Opcode                ws.Opcode
	Masked                bool
	Size                  uint8 // header bytes, 2 to 14
	Minimal               bool  // length in the shortest encoding
}

// ParseHeader reads the header at the start of b. n is its size, 0 when b does
// not hold all of it.
func ParseHeader(b []byte) (h Header, n int) {
	if len(b) < 2 {
		return Header{}, 0
	}
	h.start(b[0], b[1])
	if len(b) < int(h.Size) {
		return Header{}, 0
	}
	i := 2
	switch h.Length {
	case 126:
		h.Length, i = uint64(binary.BigEndian.Uint16(b[2:])), 4
		h.Minimal = h.Length >= 126
	case 127:
		h.Length, i = binary.BigEndian.Uint64(b[2:]), 10
		h.Minimal = h.Length > 0xffff
	}
	if h.Masked {
		h.Mask = [4]byte(b[i:])
	}
	return h, int(h.Size)
}

// start sets what the first two bytes tell. Length is the 7-bit field.
func (h *Header) start(b0, b1 byte) {
	*h = Header{
		Fin:     b0&0x80 != 0,
		RSV1:    b0&0x40 != 0,
		RSV2:    b0&0x20 != 0,
		RSV3:    b0&0x10 != 0,
		Opcode:  ws.Opcode(b0 & 0x0f),
		Masked:  b1&0x80 != 0,
		Length:  uint64(b1 & 0x7f),
		Size:    2,
		Minimal: true,
	}
	switch h.Length {
	case 126:
		h.Size += 2
	case 127:
		h.Size += 8
	}
	if h.Masked {
		h.Size += 4
	}
}
