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
	n = h.parse(b)
	return h, n
}

// parse is ParseHeader in place. It leaves h alone when it returns 0.
func (h *Header) parse(b []byte) (n int) {
	if len(b) < 2 {
		return 0
	}
	size := headerSize(b[1])
	if len(b) < int(size) {
		return 0
	}
	h.start(b[0], b[1])
	switch b[1] & 0x7f {
	case 126:
		length := binary.BigEndian.Uint16(b[2:])
		h.Length, h.Minimal = uint64(length), length >= 126
	case 127:
		h.Length = binary.BigEndian.Uint64(b[2:])
		h.Minimal = h.Length > 0xffff
	}
	if b[1]&0x80 != 0 {
		h.Mask = [4]byte(b[size-4:])
	}
	return int(size)
}

// start sets what the first two bytes tell. Length is the 7-bit field.
func (h *Header) start(b0, b1 byte) {
	h.Length = uint64(b1 & 0x7f)
	h.Mask = [4]byte{}
	h.Fin = b0&0x80 != 0
	h.RSV1 = b0&0x40 != 0
	h.RSV2 = b0&0x20 != 0
	h.RSV3 = b0&0x10 != 0
	h.Opcode = ws.Opcode(b0 & 0x0f)
	h.Masked = b1&0x80 != 0
	h.Size = headerSize(b1)
	h.Minimal = true
}

// headerSize tells a header's size from its second byte.
func headerSize(b1 byte) uint8 {
	size := uint8(2)
	switch b1 & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	return size + b1>>7<<2
}
