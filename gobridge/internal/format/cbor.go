package format

import (
	"encoding/binary"
	"unicode/utf8"
)

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
	// untilBreak is what is left of an array or map of indefinite length: more
	// than there can be, and even.
	untilBreak = 1 << 63
)

// cbor reads doc, and visits it if visit is set. A document is an array, a map or
// something with a tag.
func (w *Walker) cbor(doc []byte, visit bool) bool {
	base := len(w.counters)
	ok := w.readCBOR(doc, base, visit)
	w.counters = w.counters[:base]
	return ok && len(doc) > 0
}

func (w *Walker) readCBOR(doc []byte, base int, visit bool) bool {
	covered := 0
	tagged := false
	for pos := 0; pos < len(doc); {
		c := doc[pos]
		major, info := c>>5, c&0x1F
		var top *counter
		if n := len(w.counters); n > base {
			top = &w.counters[n-1]
		}
		if c == cborBreak {
			if tagged || top == nil || top.left <= untilBreak/2 || top.isMap && !top.atKey() {
				return false
			}
			top.left = 0
			pos++
			w.closeFull(base, visit)
			continue
		}
		start, size, ok := cborHead(doc, pos)
		if !ok {
			return false
		}
		if major == cborTag {
			tagged, pos = true, start
			continue
		}
		// A string alone is how many texts begin, and its end may cut one.
		if top == nil && major != cborArray && major != cborMap && !tagged {
			return false
		}
		tagged = false
		switch major {
		case cborArray, cborMap:
			isMap := major == cborMap
			left := uint64(untilBreak)
			if info != cborIndefinite {
				// Every element takes a byte.
				if left = size; left > uint64(len(doc)-start) {
					return false
				}
				if isMap {
					left *= 2
				}
			}
			if len(w.counters)-base == maxDepth || visit && !w.open(isMap) {
				return false
			}
			if top != nil {
				top.left--
			}
			w.counters = append(w.counters, counter{left, isMap})
			pos = start
		default:
			isKey := top != nil && top.atKey()
			if top != nil {
				top.left-- // before what is visited appends to counters
			}
			switch {
			case major != cborBytes && major != cborText:
				if pos = start; visit && isKey {
					w.intKey(cborInt(major, size))
				} else if visit {
					w.next()
				}
			case info == cborIndefinite:
				text, end := w.cborChunks(doc, start, major)
				if end < 0 {
					return false
				}
				if pos = end; visit {
					w.outside(doc, covered, start)
					w.item(cborToken(major), isKey, text, 0, len(text), 0)
					covered = end
				}
			default:
				if size > uint64(len(doc)-start) {
					return false
				}
				pos = start + int(size)
				if major == cborText && !utf8.Valid(doc[start:pos]) {
					return false
				}
				if visit {
					covered = w.item(cborToken(major), isKey, doc, start, pos, covered)
				}
			}
		}
		w.closeFull(base, visit)
	}
	if visit {
		w.outside(doc, covered, len(doc))
	}
	return len(w.counters) == base && !tagged
}

// cborHead reads the argument of the item at pos, and returns what is behind it.
func cborHead(doc []byte, pos int) (start int, arg uint64, ok bool) {
	major, info := doc[pos]>>5, doc[pos]&0x1F
	start = pos + 1
	switch {
	case info < 24:
		return start, uint64(info), true
	case info < 28:
		n := 1 << (info - 24)
		if len(doc)-start < n {
			return 0, 0, false
		}
		var wide [8]byte
		copy(wide[8-n:], doc[start:start+n])
		return start + n, binary.BigEndian.Uint64(wide[:]), true
	}
	return start, 0, info == cborIndefinite && major >= cborBytes && major <= cborMap
}

// cborChunks joins the chunks of a string of indefinite length, and returns what
// is behind it, -1 when it is none.
func (w *Walker) cborChunks(doc []byte, pos int, major byte) (text []byte, end int) {
	text = w.chunks[:0]
	for pos < len(doc) {
		if doc[pos] == cborBreak {
			w.chunks = text
			return text, pos + 1
		}
		if doc[pos]>>5 != major || doc[pos]&0x1F == cborIndefinite {
			break
		}
		start, size, ok := cborHead(doc, pos)
		if !ok || size > uint64(len(doc)-start) {
			break
		}
		pos = start + int(size)
		text = append(text, doc[start:pos]...)
	}
	return nil, -1
}

func cborToken(major byte) token {
	if major == cborText {
		return tokenText
	}
	return tokenBytes
}

func cborInt(major byte, arg uint64) int64 {
	if major == cborNegative {
		return -1 - int64(arg)
	}
	return int64(arg)
}
