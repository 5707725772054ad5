package carrier

import (
	"bytes"
	"encoding/binary"
)

var (
	lz4Magic  = []byte{0x04, 0x22, 0x4D, 0x18}
	lz4Legacy = []byte{0x02, 0x21, 0x4C, 0x18}
)

// likelyLZ4 reports whether p begins as a block, or as one behind its size: with
// text, or what is mostly text, as a document of MessagePack.
func likelyLZ4(p []byte) bool {
	likely := func(p []byte) bool {
		n := min(int(p[0]>>4), len(p)-1)
		if n < 3 {
			return false
		}
		if n >= 12 {
			bad := 0
			for _, c := range p[1 : 1+n] {
				if c < ' ' || c > '~' {
					bad++
				}
			}
			return 3*bad <= n
		}
		return isText(p[1 : 1+n])
	}
	return likely(p) || len(p) > 8 && p[3] == 0 && likely(p[4:]) || isPackedLZ4(p)
}

// isPackedLZ4 reports whether p is a block behind its size as a number of
// MessagePack, as MessagePack for C# writes its extension 99.
func isPackedLZ4(p []byte) bool { return len(p) > 8 && p[0] == 0xD2 && p[1] < 0x10 }

// lz4 decodes LZ4 frames, also those of the old format, and blocks without a
// frame. Neither checksums nor announced sizes matter.
func (o *output) lz4(p []byte) bool {
	framed := false
	for len(p) >= 4 && !o.over {
		switch {
		case skip(p) > 0:
			p = p[skip(p):]
			continue
		case bytes.HasPrefix(p, lz4Magic):
			framed = true
			p = o.lz4Frame(p[4:])
			continue
		case bytes.HasPrefix(p, lz4Legacy):
			framed = true
			p = o.lz4Blocks(p[4:], false, 0)
			continue
		}
		break
	}
	if framed {
		return o.len() > 0
	}
	if isPackedLZ4(p) {
		ended := o.lz4Block(p[5:], o.len())
		if (o.over || ended && o.len() == int(binary.BigEndian.Uint32(p[1:]))) && worth(o.bytes()) {
			return true
		}
		o.reset()
	}
	// A block, and what Python's lz4.block makes: a block behind its size. What
	// reads as both is both.
	ended := o.lz4Block(p, o.len())
	if (!ended && !o.over) || !o.guessed(true) {
		o.reset()
	}
	first := o.len()
	if len(p) < 8 || o.left() == 0 {
		return first > 0
	}
	if first > 0 {
		o.writeByte('\n')
	}
	begin := o.len()
	ended = o.lz4Block(p[4:], begin)
	size := o.len() - begin
	if (o.over || ended && size == int(binary.LittleEndian.Uint32(p))) && worth(o.bytes()[begin:]) {
		return true
	}
	o.buf = o.buf[:o.start+first]
	o.over = false
	return first > 0
}

// lz4Frame decodes the frame behind its magic and returns what follows.
func (o *output) lz4Frame(p []byte) []byte {
	if len(p) < 3 {
		return nil
	}
	const dictionary, contentChecksum, contentSize, blockChecksum = 1, 1 << 2, 1 << 3, 1 << 4
	flags := p[0]
	n := 3
	if flags&contentSize != 0 {
		n += 8
	}
	if flags&dictionary != 0 {
		n += 4
	}
	if len(p) < n {
		return nil
	}
	tail := 0
	if flags&blockChecksum != 0 {
		tail = 4
	}
	p = o.lz4Blocks(p[n:], true, tail)
	if flags&contentChecksum != 0 {
		p = p[min(4, len(p)):]
	}
	return p
}

// lz4Blocks decodes blocks, each behind its size, up to the end mark or, of the
// old format, to what begins another frame.
func (o *output) lz4Blocks(p []byte, marked bool, tail int) []byte {
	begin := o.len()
	for len(p) >= 4 {
		if !marked && (bytes.HasPrefix(p, lz4Legacy) || bytes.HasPrefix(p, lz4Magic) || skip(p) > 0) {
			return p
		}
		x := binary.LittleEndian.Uint32(p)
		p = p[4:]
		if x == 0 {
			return p
		}
		const stored = 1 << 31
		n := int(min(uint64(x&^stored), uint64(len(p))))
		if !marked {
			n = int(min(uint64(x), uint64(len(p))))
		}
		block := p[:n]
		p = p[min(n+tail, len(p)):]
		ok := false
		if marked && x&stored != 0 {
			ok = o.write(block)
		} else {
			ok = o.lz4Block(block, begin)
		}
		if !ok {
			return nil
		}
	}
	return nil
}

// lz4Block decodes one block; matches may reach back to what was output at
// begin. It reports whether the block ended well.
func (o *output) lz4Block(p []byte, begin int) bool {
	for len(p) > 0 {
		token := p[0]
		n, size := lz4Length(p[1:], int(token>>4))
		p = p[1+size:]
		if n > len(p) {
			o.write(p)
			return false
		}
		if !o.write(p[:n]) {
			return false
		}
		if p = p[n:]; len(p) == 0 {
			return true // the last sequence has no match
		}
		if len(p) < 2 {
			return false
		}
		offset := int(p[0]) | int(p[1])<<8
		n, size = lz4Length(p[2:], int(token&15))
		p = p[2+size:]
		if offset > o.len()-begin || !o.back(offset, n+4) {
			return false
		}
	}
	return true
}

// lz4Length continues a length of 4 bits, and returns how many bytes of p that
// takes.
func lz4Length(p []byte, n int) (length, size int) {
	if n < 15 {
		return n, 0
	}
	for _, c := range p {
		n += int(c)
		size++
		if c != 255 {
			break
		}
	}
	return n, size
}
