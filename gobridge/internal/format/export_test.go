package format

import "wsi/gobridge/internal/carrier"

// Index is where index finds quotes in doc[base:], and in which blocks signs, with
// the loop in Go or without.
func Index(doc []byte, base int, inGo bool) (quotes []uint16, read, signs int) {
	var x index
	size := min(len(doc)-base, maxBlocks*blockSize)
	n := (size + blockSize - 1) / blockSize
	tail, found := size-(n-1)*blockSize, 0
	if inGo {
		read, found, signs = indexBytes(doc, base, n, tail, &x.quotes[0])
	} else {
		read, found, signs = indexDoc(doc, base, n, tail, &x.quotes[0])
	}
	return append(quotes, x.quotes[:found]...), read, signs
}

// Survey is survey.
func Survey(text []byte) (digits int, signs, ok bool) { return survey(text) }

// Plain is isPlain, Holds whether that is wrong.
func Plain(text []byte) bool { return len(text) >= 8 && isPlain(text, 0) }

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
