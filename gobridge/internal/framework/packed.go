package framework

import "encoding/binary"

// packed reads the members of an array or a map of MessagePack, as
// format.Outline does those of JSON.
type packed struct {
	key   []byte // the text of a map's key, nil if it is none
	value []byte

	rest   []byte
	left   int
	object bool
}

func newPacked(p []byte) (o packed, ok bool) {
	if len(p) == 0 {
		return o, false
	}
	c, size := p[0], 1
	switch {
	case c&0xf0 == 0x80:
		o.object, o.left = true, int(c&0x0f)
	case c&0xf0 == 0x90:
		o.left = int(c & 0x0f)
	case c&^3 == 0xdc:
		o.object = c >= 0xde
		if size = 3 + int(c&1)*2; len(p) < size {
			return o, false
		}
		o.left = int(packedUint(p[1:size]))
	default:
		return o, false
	}
	o.rest = p[size:]
	return o, true
}

// next reads the next member, and reports whether there is one.
func (o *packed) next() bool {
	if o.left == 0 {
		return false
	}
	o.left--
	if o.object {
		n := packedLen(o.rest)
		if n == 0 {
			return false
		}
		o.key, o.rest = packedText(o.rest[:n]), o.rest[n:]
	}
	n := packedLen(o.rest)
	if n == 0 {
		return false
	}
	o.value, o.rest = o.rest[:n:n], o.rest[n:]
	return true
}

// packedLen is the length of the value that p begins with, 0 if it is not whole.
func packedLen(p []byte) int {
	pos := 0
	for values := uint64(1); values > 0; values-- {
		if pos >= len(p) {
			return 0
		}
		c := p[pos]
		length, size := 0, uint64(0) // bytes of the length, of what follows
		switch {
		case c < 0x80 || c >= 0xe0:
		case c < 0x90:
			values += 2 * uint64(c&0x0f)
		case c < 0xa0:
			values += uint64(c & 0x0f)
		case c < 0xc0:
			size = uint64(c & 0x1f)
		case c >= 0xdc:
			length = 2 + int(c&1)*2
		case c >= 0xd9:
			length = 1 << (c - 0xd9)
		case c >= 0xd4:
			size = 1 + 1<<(c-0xd4)
		case c >= 0xcc:
			size = 1 << (c & 3)
		case c >= 0xca:
			size = 4 << (c - 0xca)
		case c >= 0xc7:
			length, size = 1<<(c-0xc7), 1
		case c >= 0xc4:
			length = 1 << (c - 0xc4)
		case c == 0xc1:
			return 0
		}
		pos++
		if len(p)-pos < length {
			return 0
		}
		if length > 0 {
			n := packedUint(p[pos : pos+length])
			pos += length
			switch {
			case c >= 0xde:
				values += 2 * n
			case c >= 0xdc:
				values += n
			default:
				size += n
			}
		}
		// Every value takes a byte.
		if size+values-1 > uint64(len(p)-pos) {
			return 0
		}
		pos += int(size)
	}
	return pos
}

func packedUint(p []byte) uint64 {
	switch len(p) {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(p))
	}
	return uint64(binary.BigEndian.Uint32(p))
}

// packedText is the text or binary that p is, nil if it is neither.
func packedText(p []byte) []byte {
	head := 0
	switch c := p[0]; {
	case c&0xe0 == 0xa0:
		head = 1
	case c >= 0xd9 && c <= 0xdb:
		head = 1 + 1<<(c-0xd9)
	case c >= 0xc4 && c <= 0xc6:
		head = 1 + 1<<(c-0xc4)
	default:
		return nil
	}
	return p[head:len(p):len(p)]
}

// packedInt is the small number that p is, -1 if it is none.
func packedInt(p []byte) int {
	switch {
	case len(p) == 1 && p[0] < 0x80:
		return int(p[0])
	case len(p) > 1 && p[0] >= 0xcc && p[0] <= 0xce, len(p) > 1 && p[0] >= 0xd0 && p[0] <= 0xd2 && p[1] < 0x80:
		return int(packedUint(p[1:]) & (1<<31 - 1))
	}
	return -1
}

// packedScalar reports whether there is nothing to visit in p: a number, a
// literal. A number whose bytes are text may be that to another reader.
func packedScalar(p []byte) bool {
	c := p[0]
	return (len(p) < 5 || !printable(p[1:])) && (c < 0x80 || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3 || c >= 0xca && c <= 0xd3)
}

func printable(p []byte) bool {
	for _, c := range p {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
