package format

import "encoding/binary"

// MembersOfMessagePack is Members of the map doc in MessagePack. Values are texts
// and binary values, without their lengths.
func MembersOfMessagePack(doc []byte, keys *Keys) (values Values, ok bool) {
	kind, pos, size := headOfMessagePack(doc, 0)
	if kind != tokenMap {
		return values, false
	}
	for ; size > 0; size-- {
		_, start, end := objectOfMessagePack(doc, pos)
		if end < 0 {
			return values, false
		}
		key := doc[start:end]
		if kind, start, pos = objectOfMessagePack(doc, end); pos < 0 {
			return values, false
		}
		for i := range keys {
			if keys[i] != "" && string(key) == keys[i] {
				if values[i] = nil; kind == tokenText || kind == tokenBytes {
					values[i] = doc[start:pos]
				}
			}
		}
	}
	return values, pos == len(doc)
}

// objectOfMessagePack returns what the object at pos is, and where its content
// begins and ends, -1 if nowhere.
func objectOfMessagePack(doc []byte, pos int) (kind token, start, end int) {
	end = pos
	for left := uint64(1); left > 0; left-- {
		k, i, size := headOfMessagePack(doc, end)
		switch end = i; k {
		case tokenNone:
			return tokenNone, 0, -1
		case tokenArray:
			left += size
		case tokenMap:
			left += 2 * size
		default:
			end += int(size)
		}
		if kind == tokenNone {
			kind, start = k, i
		}
	}
	return kind, start, end
}

// headOfMessagePack returns what the object at pos is, where its content begins,
// and its size: bytes, elements or pairs. tokenNone if there is not so much.
func headOfMessagePack(doc []byte, pos int) (kind token, start int, size uint64) {
	if pos == len(doc) {
		return tokenNone, 0, 0
	}
	c := doc[pos]
	kind, start = tokenScalar, pos+1
	switch {
	case c < 0x80 || c >= 0xe0: // fixint
	case c < 0x90:
		kind, size = tokenMap, uint64(c&0x0f)
	case c < 0xa0:
		kind, size = tokenArray, uint64(c&0x0f)
	case c < 0xc0:
		kind, size = tokenText, uint64(c&0x1f)
	default:
		h := &messagePack[c-0xc0]
		if len(doc)-start < int(h.length) {
			return tokenNone, 0, 0
		}
		switch h.length {
		case 1:
			size = uint64(doc[start])
		case 2:
			size = uint64(binary.BigEndian.Uint16(doc[start:]))
		case 4:
			size = uint64(binary.BigEndian.Uint32(doc[start:]))
		}
		kind, start, size = h.kind, start+int(h.length), size+uint64(h.size)
	}
	if size > uint64(len(doc)-start) {
		return tokenNone, 0, 0
	}
	return kind, start, size
}
