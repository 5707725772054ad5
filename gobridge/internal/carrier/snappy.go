package carrier

import (
	"bytes"
	"encoding/binary"
)

var snappyMagic = []byte("\xff\x06\x00\x00sNaPpY")

// maxSnappy is the most that a byte of a snappy block stands for: a copy of 64
// bytes has 3.
const maxSnappy = 22

// likelySnappy reports whether p begins with the size of its content and text.
func likelySnappy(p []byte) bool {
	n, size := binary.Uvarint(p)
	return size > 0 && size < len(p) && n >= minRun/2 && n <= uint64(len(p))*maxSnappy &&
		p[size]&3 == 0 && (p[size]>>2 < 60 || len(p) > 60)
}

// snappy decodes the framed format and single blocks. Checksums do not matter.
func (o *output) snappy(p []byte) bool {
	if !bytes.HasPrefix(p, snappyMagic) {
		ended := o.snappyBlock(p)
		return (ended || o.over) && o.guessed(true)
	}
	for len(p) >= 4 && !o.over {
		kind, n := p[0], int(p[1])|int(p[2])<<8|int(p[3])<<16
		p = p[4:]
		chunk := p[:min(n, len(p))]
		p = p[len(chunk):]
		const checksum = 4
		if kind > 1 || len(chunk) < checksum {
			continue // padding, or the magic again
		}
		if kind == 1 {
			o.write(chunk[checksum:])
		} else if !o.snappyBlock(chunk[checksum:]) {
			break
		}
	}
	return o.len() > 0
}

// snappyBlock decodes one block and reports whether it has the size that it
// says.
func (o *output) snappyBlock(p []byte) bool {
	total, size := binary.Uvarint(p)
	if size <= 0 {
		return false
	}
	p = p[size:]
	begin := o.len()
	for len(p) > 0 {
		tag := p[0]
		n := int(tag>>2) + 1
		if tag&3 == 0 {
			p = p[1:]
			if extra := n - 60; extra > 0 {
				if len(p) < extra {
					return false
				}
				n = 0
				for i := range extra {
					n |= int(p[i]) << (8 * i)
				}
				n++
				p = p[extra:]
			}
			if n > len(p) {
				o.write(p)
				return false
			}
			if !o.write(p[:n]) {
				return false
			}
			p = p[n:]
			continue
		}
		width := [4]int{1: 2, 2: 3, 3: 5}[tag&3]
		if len(p) < width {
			return false
		}
		offset := 0
		switch tag & 3 {
		case 1:
			n = 4 + int(tag>>2&7)
			offset = int(tag&0xE0)<<3 | int(p[1])
		case 2:
			offset = int(p[1]) | int(p[2])<<8
		default:
			offset = int(binary.LittleEndian.Uint32(p[1:]))
		}
		p = p[width:]
		if offset > o.len()-begin || !o.back(offset, n) {
			return false
		}
	}
	return uint64(o.len()-begin) == total
}
