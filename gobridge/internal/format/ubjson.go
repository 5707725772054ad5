package format

import "encoding/binary"

// ubjson reads doc as one value of UBJSON (ubjson.org, draft 12), and visits it if
// visit is set.
func (w *Walker) ubjson(doc []byte, visit bool) bool {
	ok, _ := w.ubj(doc, binary.BigEndian, visit)
	return ok
}

// bjdata is ubjson for BJData (draft 3), which has the lowest byte first, more
// types, and arrays of several dimensions. What has lengths of one byte only is
// the same in both.
func (w *Walker) bjdata(doc []byte, visit bool) bool {
	ok, wide := w.ubj(doc, binary.LittleEndian, false)
	if ok && !wide {
		ok = !w.ubjson(doc, false)
	}
	if ok && visit {
		w.ubj(doc, binary.LittleEndian, true)
	}
	return ok
}

// noCount is what is left of a container that a marker ends: more than there can
// be, and even.
const noCount = 1 << 63

// ubj reports whether doc is read to its end, and whether the order of bytes
// mattered.
func (w *Walker) ubj(doc []byte, order binary.ByteOrder, visit bool) (ok, wide bool) {
	if len(doc) < 3 || doc[0] != '{' && doc[0] != '[' && doc[0] != 'S' {
		return false, false
	}
	base := len(w.counters)
	u := ubjReader{w: w, doc: doc, order: order, base: base, visit: visit}
	ok = u.read()
	w.counters = w.counters[:base]
	return ok, u.wide
}

type ubjReader struct {
	w       *Walker
	doc     []byte
	order   binary.ByteOrder
	base    int
	visit   bool
	pos     int
	covered int
	strings int  // that were read: without one it is a guess
	wide    bool // there was a length of more than one byte
}

func (u *ubjReader) read() bool {
	w := u.w
	for begun := false; ; begun = true {
		n := len(w.counters)
		if n == u.base && begun {
			if u.visit {
				w.outside(u.doc, u.covered, len(u.doc))
			}
			return u.pos == len(u.doc) && u.strings > 0
		}
		if u.pos == len(u.doc) {
			return false
		}
		c := u.doc[u.pos]
		if n > u.base {
			top := &w.counters[n-1]
			if top.left > noCount/2 && (top.isMap && top.atKey() && c == '}' || !top.isMap && c == ']') {
				u.pos++
				top.left = 0
				w.closeFull(u.base, u.visit)
				continue
			}
			isKey := top.atKey()
			if c != 'N' { // a no-op is no element
				top.left--
			}
			if isKey {
				if !u.text(true) {
					return false
				}
				continue
			}
		}
		u.pos++
		if !u.value(c) {
			return false
		}
		w.closeFull(u.base, u.visit)
	}
}

// value reads what stands behind the marker c.
func (u *ubjReader) value(c byte) bool {
	switch c {
	case 'N':
		return len(u.w.counters) > u.base
	case 'S', 'H': // H: a number in digits
		return u.text(false)
	case '{', '[':
		return u.container(c == '{')
	}
	size := ubjSize(c)
	if size < 0 || size > len(u.doc)-u.pos {
		return false
	}
	u.pos += size
	if u.visit {
		u.w.next()
	}
	return true
}

// ubjSize is the size of a value of fixed size, -1 of none.
func ubjSize(c byte) int {
	switch c {
	case 'Z', 'T', 'F':
		return 0
	case 'i', 'U', 'C', 'B':
		return 1
	case 'I', 'u', 'h':
		return 2
	case 'l', 'm', 'd':
		return 4
	case 'L', 'M', 'D':
		return 8
	}
	return -1
}

// length reads a length: a marker of a whole number, and the number.
func (u *ubjReader) length() (n int, ok bool) {
	if u.pos == len(u.doc) {
		return 0, false
	}
	c := u.doc[u.pos]
	u.pos++
	size := ubjSize(c)
	if size < 1 || c == 'C' || c == 'd' || c == 'D' || c == 'h' || size > len(u.doc)-u.pos {
		return 0, false
	}
	p := u.doc[u.pos : u.pos+size]
	u.pos += size
	u.wide = u.wide || size > 1
	switch size {
	case 1:
		n = int(p[0])
		if c == 'i' {
			n = int(int8(p[0]))
		}
	case 2:
		n = int(u.order.Uint16(p))
	case 4:
		n = int(u.order.Uint32(p))
	default:
		n = int(min(u.order.Uint64(p), 1<<62))
	}
	return n, n >= 0 && n <= len(u.doc)
}

// text reads a length and a string.
func (u *ubjReader) text(isKey bool) bool {
	n, ok := u.length()
	if !ok || n > len(u.doc)-u.pos {
		return false
	}
	start := u.pos
	u.pos += n
	u.strings++
	if u.visit {
		u.covered = u.w.item(tokenText, isKey, u.doc, start, u.pos, u.covered)
	}
	return true
}

// container reads the head of an array or object: perhaps the one type of all
// its elements, perhaps their number.
func (u *ubjReader) container(object bool) bool {
	w := u.w
	kind := byte(0)
	if u.pos+1 < len(u.doc) && u.doc[u.pos] == '$' {
		kind = u.doc[u.pos+1]
		u.pos += 2
	}
	count, counted := 0, false
	if u.pos < len(u.doc) && u.doc[u.pos] == '#' {
		u.pos++
		var ok bool
		if count, ok = u.ndCount(); !ok {
			return false
		}
		counted = true
	}
	if kind != 0 {
		size := ubjSize(kind)
		if !counted || object || size < 0 || size > 0 && count > (len(u.doc)-u.pos)/size {
			return false // objects and strings of one type are rare, and left to runs
		}
		start := u.pos
		u.pos += count * size
		if u.visit { // numbers that may be text
			w.outside(u.doc, u.covered, start)
			if size == 1 && count > 0 {
				w.bytes(u.doc[start:u.pos])
				u.covered = u.pos
			} else {
				w.next()
			}
		}
		u.strings++
		return true
	}
	left := uint64(noCount)
	if counted {
		if left = uint64(count); object {
			left *= 2
		}
	}
	if len(w.counters)-u.base == maxDepth || u.visit && !w.open(object) {
		return false
	}
	w.counters = append(w.counters, counter{left, object})
	return true
}

// ndCount reads a count: a length, or in BJData the lengths of several
// dimensions.
func (u *ubjReader) ndCount() (n int, ok bool) {
	if u.pos == len(u.doc) || u.doc[u.pos] != '[' {
		return u.length()
	}
	if u.order == binary.BigEndian {
		return 0, false
	}
	u.pos++
	n = 1
	for u.pos < len(u.doc) && u.doc[u.pos] != ']' {
		d, ok := u.length()
		if !ok || d > 0 && n > len(u.doc)/d {
			return 0, false
		}
		n *= d
	}
	if u.pos == len(u.doc) {
		return 0, false
	}
	u.pos++
	return n, true
}
