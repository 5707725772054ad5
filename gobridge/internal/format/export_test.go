package format

import "wsi/gobridge/internal/carrier"

// Index is where index finds quotes in doc, and how many bytes it looked at, with
// the loop in Go or without.
func Index(doc []byte, inGo bool) (quotes []uint16, read int, signs []bool) {
	n := min(len(doc)/blockSize, maxBlocks)
	if n == 0 {
		return nil, 0, nil
	}
	var x index
	var found int
	if inGo {
		read, found = indexBytes(doc, x.blocks[:n], x.quotes[:])
	} else {
		read, found = indexBlocks(&doc[0], n, &x.blocks[0], &x.quotes[0])
	}
	for _, b := range x.blocks[:read] {
		signs = append(signs, b.signs != 0, b.slashes != 0)
	}
	return append(quotes, x.quotes[:found]...), read * blockSize, signs
}

// Plain is isPlain, Holds whether that is wrong.
func Plain(text []byte) bool { return len(text) >= 8 && !hasSigns(text) && isPlain(text) }

func Holds(text []byte) (holds bool) {
	w := new(Walker)
	w.begin(text, Root{}, func(*Field) { holds = true })
	w.nest(text)
	_, n := carrier.Sniff(text)
	return w.textDocument(text) || holds || n > 0
}

// Packed visits doc, in MessagePack or CBOR, with frames or without.
func (w *Walker) Packed(doc []byte, cbor, frames bool, root Root, visit Visit) bool {
	f := packedMessagePack
	if cbor {
		f = packedCBOR
	}
	if frames {
		f.scan = func(*packedScanner, *[maxMarks]mark) int { return 0 }
	}
	w.begin(doc, root, visit)
	w.push("packed", doc, true)
	outer := w.watch(doc)
	ok := w.packed(&f, doc, true)
	w.pop()
	w.unwatch(doc, outer, ok)
	w.end()
	return ok
}
