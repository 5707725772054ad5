package main

import (
	"encoding/binary"
	"errors"
)

// frameHeader is what an echo needs of an RFC 6455 section 5.2 header.
type frameHeader struct {
	first  byte // FIN, RSV and opcode
	masked bool
	key    uint32 // masking key, little-endian
	size   int    // of the header, bytes
	length int    // of the payload, bytes
}

var errFrame = errors.New("bad frame")

// maxPayload bounds what a frame may announce, so that lost synchronisation is
// an error and not an allocation.
const maxPayload = 64 << 20

// parseHeader returns size 0 as long as b does not hold the whole header.
func parseHeader(b []byte) (frameHeader, error) {
	if len(b) < 2 {
		return frameHeader{}, nil
	}
	h := frameHeader{first: b[0], masked: b[1]&0x80 != 0, size: 2}
	length := uint64(b[1] & 0x7f)
	switch length {
	case 126:
		h.size = 4
	case 127:
		h.size = 10
	}
	maskAt := h.size
	if h.masked {
		h.size += 4
	}
	if len(b) < h.size {
		return frameHeader{}, nil
	}
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		length = binary.BigEndian.Uint64(b[2:])
	}
	if length > maxPayload {
		return h, errFrame
	}
	if h.masked {
		h.key = binary.LittleEndian.Uint32(b[maskAt:])
	}
	h.length = int(length)
	return h, nil
}

// appendServerHeader appends the header of an unmasked frame.
func appendServerHeader(b []byte, first byte, length int) []byte {
	return appendLength(append(b, first), 0, length)
}

// appendClientHeader appends the header of a masked frame.
func appendClientHeader(b []byte, first byte, length int, key uint32) []byte {
	b = appendLength(append(b, first), 0x80, length)
	return binary.LittleEndian.AppendUint32(b, key)
}

func appendLength(b []byte, mask byte, length int) []byte {
	switch {
	case length < 126:
		return append(b, mask|byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, mask|126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(b, mask|127), uint64(length))
	}
}

// appendMasked appends src XOR key to b.
func appendMasked(b, src []byte, key uint32) []byte {
	n := len(b)
	b = append(b, src...)
	dst := b[n:]
	k := uint64(key)<<32 | uint64(key)
	for len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(dst)^k)
		dst = dst[8:]
	}
	for i := range dst {
		dst[i] ^= byte(key >> (8 * (i & 3)))
	}
	return b
}
