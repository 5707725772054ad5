package format

import "wsi/gobridge/internal/carrier"

// Index is where index finds quotes in doc[base:], and in which blocks signs, with
// the loop in Go or without.
func Index(doc []byte, base int, inGo bool) (quotes []uint16, read, signs int) {
	var x index
	size := min(len(doc)-base, maxBlocks*blockSize)
	n := (size + blockSize - 1) / blockSize
	tail := size - (n-1)*blockSize
	if inGo {
		read = x.blocksInGo(doc, base, n, tail)
	} else {
		read = x.blocks(doc, base, n, tail)
	}
	return append(quotes, x.quotes[:x.n]...), read, x.signs
}

// DigitsIn is how many digits an index knows of in doc[start:end].
func DigitsIn(doc []byte, start, end int) int {
	var x index
	x.read(doc, 0)
	return x.digitsIn(start, end)
}

// Survey is surveyText, of 32 bytes or more.
func Survey(text []byte) (digits int, signs, ok bool) {
	if hasAVX2 {
		digits, signs = surveyText(&text[0], len(text))
	}
	return digits, signs, hasAVX2
}

// Plain is isPlain, Holds whether that is wrong.
func Plain(text []byte) bool { return len(text) >= 8 && isPlain(text, 0, -1) }

func Holds(text []byte) (holds bool) {
	w := new(Walker)
	w.begin(text, Root{}, func(*Field) { holds = true })
	w.nest(text)
	_, n := carrier.Sniff(text)
	return w.textDocument(text) || holds || n > 0
}

// Packed visits doc, in MessagePack or CBOR, with frames or without.
func (w *Walker) Packed(doc []byte, cbor, frames bool, root Root, visit Visit) bool {
	f := &packedMessagePack
	if cbor {
		f = &packedCBOR
	}
	w.framed = frames
	defer func() { w.framed = false }()
	w.begin(doc, root, visit)
	w.push("packed", doc, true)
	outer := w.watch(doc)
	ok := w.packed(f, doc, true)
	w.pop()
	w.unwatch(doc, outer, ok)
	w.end()
	return ok
}
