package format

// token is what the binary formats are made of.
type token uint8

const (
	tokenNone   token = iota // not in the format
	tokenScalar              // a number, a bool, nil
	tokenText
	tokenArray
	tokenMap
	tokenBytes
	tokenExt   // bytes behind one that says what they are
	tokenTag   // of CBOR: of the item that follows
	tokenBreak // of CBOR: an array or map of no given length ends
)

// counter counts what is left of an open array or map: elements, or keys and
// values.
type counter struct {
	left  uint64
	isMap bool
}

// atKey reports whether the next token is a key.
func (c *counter) atKey() bool { return c.isMap && c.left&1 == 0 }

// item visits doc[start:end], which is no array and no map. covered is where in
// doc the last string ended: text that stands outside of strings, as in an
// array of small numbers, is visited as runs, since another reader may see it.
func (w *Walker) item(kind token, isKey bool, doc []byte, start, end, covered int) int {
	if kind == tokenScalar {
		w.next()
		return covered
	}
	if kind == tokenExt {
		start++
	}
	w.outside(doc, covered, start)
	switch {
	case isKey:
		w.key(doc[start:end])
	case kind == tokenText:
		w.value(doc[start:end])
	default:
		w.bytes(doc[start:end])
	}
	return end
}

// outside visits the runs of text of doc[start:end], which is no string.
func (w *Walker) outside(doc []byte, start, end int) {
	if end-start >= minRun {
		w.runs(doc, start, end)
	}
}

// closeFull closes what has nothing left, down to base.
func (w *Walker) closeFull(base int, visit bool) {
	for n := len(w.counters); n > base && w.counters[n-1].left == 0; n-- {
		w.counters = w.counters[:n-1]
		if visit {
			w.close()
		}
	}
}
