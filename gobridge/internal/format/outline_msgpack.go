package format

// MembersOfMessagePack is Members of the map doc in MessagePack. Values are texts
// and binary values, without their lengths.
func MembersOfMessagePack(doc []byte, keys *Keys) (values Values, ok bool) {
	kind, pos, size := packedMessagePack.head(doc, 0)
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
		k, i, size := packedMessagePack.head(doc, end)
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
