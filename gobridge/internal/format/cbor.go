package format

// CBOR visits every string, byte string and key of doc, which is one data item
// or several behind each other (RFC 8949, RFC 8742), and reports whether it is.
// A caller that is told false visits what there may be with Walk.
func (w *Walker) CBOR(doc []byte, root Root, visit Visit) bool {
	w.begin(doc, root, visit)
	ok := w.push("cbor", doc, true)
	if ok {
		outer := w.watch(doc)
		ok = w.cbor(doc, true)
		w.pop()
		w.unwatch(doc, outer, ok)
	}
	w.end()
	return ok
}

// cbor reads doc, and visits it if visit is set. A document is an array, a map or
// something with a tag.
func (w *Walker) cbor(doc []byte, visit bool) bool {
	return w.packed(&packedCBOR, doc, visit)
}

var packedCBOR = packedFormat{
	lazy: lazyCBOR, text: cborText << 5, short: 24, strict: true, heads: &cborHeads, number: cborInt,
}

// The major types (RFC 8949 3.1).
const (
	cborUnsigned = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

const (
	cborIndefinite = 31
	cborBreak      = 0xFF
)

var cborHeads = func() (heads [256]head) {
	kinds := [...]token{
		cborUnsigned: tokenScalar, cborNegative: tokenScalar, cborBytes: tokenBytes, cborText: tokenText,
		cborArray: tokenArray, cborMap: tokenMap, cborTag: tokenTag, cborSimple: tokenScalar,
	}
	for c := range heads {
		h, major, info := &heads[c], c>>5, uint8(c&0x1f)
		counts := major >= cborBytes && major <= cborMap // what follows the argument
		switch h.kind = kinds[major]; {
		case info < 24 && counts:
			h.size = info
		case info < 24:
		case info < 28 && counts:
			h.length = 1 << (info - 24)
		case info < 28:
			h.size = 1 << (info - 24)
		case info == cborIndefinite && counts:
			h.open = true
		default:
			h.kind = tokenNone
		}
	}
	heads[cborBreak].kind = tokenBreak
	return heads
}()

// cborInt is the number that item is, 0 if it is none.
func cborInt(item []byte) (n int64) {
	n = int64(item[0] & 0x1f)
	if len(item) > 1 {
		n = 0
	}
	for _, b := range item[1:] {
		n = n<<8 | int64(b)
	}
	if item[0]>>5 == cborNegative {
		n = -1 - n
	}
	return n
}
