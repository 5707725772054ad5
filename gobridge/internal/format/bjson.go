package format

import "encoding/binary"

// The types of BJSON (bjson.org), each followed by a size or number of 1, 2, 4
// or 8 bytes, the lowest first, as the two low bits say.
const (
	bjsonFixed   = 0  // 0 to 3: null, false, "", true
	bjsonInt     = 4  // positive
	bjsonNegInt  = 8  // negative
	bjsonFloat   = 12 // 14: float32, 15: float64; 12, 13 reserved
	bjsonText    = 16
	bjsonBytes   = 20
	bjsonStrict  = 24 // 24 to 27: strict false, true, 0, 1
	bjsonArray   = 32
	bjsonMap     = 36
	bjsonUnknown = 40
)

// bjson reads doc as one array or map of BJSON, and visits it if visit is set.
// Arrays and maps have their size in bytes, so that counters has where they end.
func (w *Walker) bjson(doc []byte, visit bool) bool {
	if len(doc) < 2 || doc[0] < bjsonArray || doc[0] >= bjsonUnknown {
		return false
	}
	base := len(w.counters)
	ok := w.readBJSON(doc, base, visit)
	w.counters = w.counters[:base]
	return ok
}

func (w *Walker) readBJSON(doc []byte, base int, visit bool) bool {
	covered, strings := 0, 0
	isKey := false // the next value is one
	for pos := 0; ; {
		for n := len(w.counters); n > base && int(w.counters[n-1].left) == pos; n = len(w.counters) {
			if w.counters[n-1].isMap && !isKey {
				return false // a key without a value
			}
			w.counters = w.counters[:n-1]
			if isKey = n-1 > base && w.counters[n-2].isMap; visit {
				w.close()
			}
		}
		n := len(w.counters)
		if n == base && pos > 0 {
			if visit {
				w.outside(doc, covered, len(doc))
			}
			return pos == len(doc) && strings > 0
		}
		end := len(doc)
		if n > base {
			end = int(w.counters[n-1].left)
		}
		if pos >= end {
			return false
		}
		c := doc[pos]
		pos++
		size, kind := uint64(0), c&^3
		sized := kind >= bjsonText && kind <= bjsonBytes || kind == bjsonArray || kind == bjsonMap
		width := 1 << (c & 3)
		switch {
		case sized:
			if width > end-pos {
				return false
			}
			var wide [8]byte
			copy(wide[:], doc[pos:pos+width])
			size = binary.LittleEndian.Uint64(wide[:])
			pos += width
		case kind == bjsonInt, kind == bjsonNegInt:
			size = uint64(width)
		case c == 14:
			size = 4
		case c == 15:
			size = 8
		case kind == bjsonFixed, kind == bjsonStrict:
		default:
			return false
		}
		if size > uint64(end-pos) {
			return false
		}
		wasKey := isKey
		if n > base && w.counters[n-1].isMap {
			isKey = !isKey
		}
		if kind == bjsonArray || kind == bjsonMap {
			if wasKey || len(w.counters)-base == maxDepth || visit && !w.open(kind == bjsonMap) {
				return false
			}
			w.counters = append(w.counters, counter{uint64(pos) + size, kind == bjsonMap})
			isKey = kind == bjsonMap
			continue
		}
		start := pos
		pos += int(size)
		token := tokenScalar
		switch {
		case kind == bjsonText, c == 2:
			token = tokenText
			strings++
		case kind == bjsonBytes:
			token = tokenBytes
			strings++
		}
		switch {
		case !visit:
		case wasKey && token == tokenScalar:
			w.intKey(0)
		default:
			covered = w.item(token, wasKey, doc, start, pos, covered)
		}
	}
}
