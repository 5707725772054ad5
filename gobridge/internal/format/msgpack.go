package format

// MessagePack visits every string, binary, extension and key of doc, which is
// one object or several behind each other, and reports whether it is. A caller
// that is told false visits what there may be with Walk.
func (w *Walker) MessagePack(doc []byte, root Root, visit Visit) bool {
	w.begin(doc, root, visit)
	ok := w.push("msgpack", doc, true)
	if ok {
		ok = w.msgpack(doc, true)
		w.pop()
	}
	w.end()
	return ok
}

// msgpack reads doc, and visits it if visit is set. Every byte under 0x80 is a
// number, so that no document begins with one.
func (w *Walker) msgpack(doc []byte, visit bool) bool {
	return w.packed(&packedMessagePack, doc, visit)
}

var packedMessagePack = packedFormat{
	lazy: lazyMessagePack, text: 0xa0, short: 0x20, heads: &messagePack, number: messagePackInt,
}

// messagePackInt is the number that item is, 0 if it is none.
func messagePackInt(item []byte) int64 {
	c, p := item[0], item[1:]
	if len(p) == 0 {
		return int64(int8(c))
	}
	n := int64(0)
	if c >= 0xd0 {
		n = int64(int8(p[0])) >> 7
	}
	for _, b := range p {
		n = n<<8 | int64(b)
	}
	return n
}

var messagePack = func() (heads [256]head) {
	for c := range heads {
		switch h := &heads[c]; {
		case c < 0x80 || c >= 0xe0: // fixint
			h.kind = tokenScalar
		case c < 0x90:
			h.kind, h.size = tokenMap, uint8(c&0x0f)
		case c < 0xa0:
			h.kind, h.size = tokenArray, uint8(c&0x0f)
		case c < 0xc0:
			h.kind, h.size = tokenText, uint8(c&0x1f)
		}
	}
	copy(heads[0xc0:], []head{
		{kind: tokenScalar}, // nil
		{kind: tokenNone},
		{kind: tokenScalar}, // false
		{kind: tokenScalar}, // true
		{kind: tokenBytes, length: 1},
		{kind: tokenBytes, length: 2},
		{kind: tokenBytes, length: 4},
		{kind: tokenExt, length: 1, size: 1}, // ext: a type, and content
		{kind: tokenExt, length: 2, size: 1},
		{kind: tokenExt, length: 4, size: 1},
		{kind: tokenScalar, size: 4}, // float
		{kind: tokenScalar, size: 8},
		{kind: tokenScalar, size: 1}, // uint
		{kind: tokenScalar, size: 2},
		{kind: tokenScalar, size: 4},
		{kind: tokenScalar, size: 8},
		{kind: tokenScalar, size: 1}, // int
		{kind: tokenScalar, size: 2},
		{kind: tokenScalar, size: 4},
		{kind: tokenScalar, size: 8},
		{kind: tokenExt, size: 2}, // fixext
		{kind: tokenExt, size: 3},
		{kind: tokenExt, size: 5},
		{kind: tokenExt, size: 9},
		{kind: tokenExt, size: 17},
		{kind: tokenText, length: 1},
		{kind: tokenText, length: 2},
		{kind: tokenText, length: 4},
		{kind: tokenArray, length: 2},
		{kind: tokenArray, length: 4},
		{kind: tokenMap, length: 2},
		{kind: tokenMap, length: 4},
	})
	return heads
}()
