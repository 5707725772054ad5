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
	return w.packed(&packedCBOR, doc, visit)
}

var packedCBOR = packedFormat{lazyCBOR, (*packedScanner).cbor, (*Walker).readCBOR}

// cbor finds strings until marks is full, or something is to be read with frames:
// then it says so by less of them.
func (s *packedScanner) cbor(marks *[maxMarks]mark) (n int) {
	var (
		doc     = s.doc
		pos     = s.pos
		covered = s.covered
		open    = s.open
		maps    = s.maps
		left    = s.left[open&maxPacked]

		kind       markKind
		start, end int
		arg        uint64
	)
	for pos < len(doc) && n <= maxMarks-marksAtOnce {
		c := doc[pos]
		start = pos + 1
		// Most are short texts.
		if size := int(c) - cborText<<5; uint(size) < 24 && open > 0 && start+size <= len(doc)-8 {
			end = start + size
			kind = markInside | 1<<markHead
			if x := word(doc, start); size < 8 {
				within := uint64(1)<<(8*size) - 1
				if x&within&highs != 0 && s.valid != end {
					goto doubt
				}
				if !begins[byte(x)] && zeros(x^ones*'%')&highs&within == 0 {
					kind = 1 << markHead
				}
			} else if (x|word(doc, start+size/2-4)|word(doc, end-8))&highs != 0 && s.valid != end {
				goto doubt
			}
			if maps&1 == 1 && left&1 == 0 {
				kind = markKey
			}
			goto text
		}
		switch info := c & 0x1f; {
		case info < 24:
			arg = uint64(info)
		case info == 24 && start < len(doc):
			arg = uint64(doc[start])
			start++
		case info == cborIndefinite:
			switch major := c >> 5; {
			case c == cborBreak:
				if s.tagged || open == 0 || left <= untilBreak/2 || maps&1 == 1 && left&1 == 1 {
					goto fail
				}
				left = 0
				pos = start
				goto close
			case major == cborArray, major == cborMap:
				arg = untilBreak
				goto begin
			case major == cborBytes, major == cborText:
				goto stop
			}
			goto fail
		case info == 25 && start <= len(doc)-2:
			arg = uint64(binary.BigEndian.Uint16(doc[start:]))
			start += 2
		case info == 26 && start <= len(doc)-4:
			arg = uint64(binary.BigEndian.Uint32(doc[start:]))
			start += 4
		case info == 27 && start <= len(doc)-8:
			arg = binary.BigEndian.Uint64(doc[start:])
			start += 8
		default:
			goto fail
		}
		switch c >> 5 {
		case cborText:
			if arg > uint64(len(doc)-start) {
				goto fail
			}
			end = start + int(arg)
			kind = markInside | markKind(start-pos)<<markHead
			if s.valid != end && !isASCII(doc[start:end]) {
				goto doubt
			}
		case cborBytes:
			if arg > uint64(len(doc)-start) {
				goto fail
			}
			end = start + int(arg)
			kind = markBytes | markKind(start-pos)<<markHead
		case cborTag:
			if !s.tagged {
				s.before = pos
			}
			s.tagged = true
			pos = start
			continue
		case cborArray:
			kind = 0
			goto begin
		case cborMap:
			kind = 1
			goto begin
		default:
			if open == 0 && !s.tagged {
				goto fail
			}
			if s.shaped && open == 1 && maps&1 == 1 && left&1 == 0 {
				goto stop // a key that is none to the Shape
			}
			s.tagged = false
			if pos = start; open == 0 {
				continue
			}
			goto ends
		}
		// A string alone is how many texts begin, and its end may cut one.
		if open == 0 && !s.tagged {
			goto fail
		}
		if maps&1 == 1 && left&1 == 0 {
			kind = markKey
		} else if arg < 8 && kind&markInside != 0 && holdsNothing(doc, start, int(arg)) {
			kind &^= markInside
		}

	text:
		if s.tagged {
			s.tagged = false
		}
		if start-covered >= minRun && behind(doc, covered, start) {
			marks[n] = mark{uint32(covered), uint32(start), markBefore | markKind(start-pos)<<markHead}
			n++
		}
		if s.shaped && open == 1 {
			kind |= markOuter
		}
		marks[n] = mark{uint32(start), uint32(end), kind}
		n++
		covered, pos = end, end
		if open == 0 {
			continue
		}

	ends:
		if left--; left > 0 && !s.shaped {
			continue
		}
	closes:
		if s.shaped && open == 1 && maps&1 == 0 {
			marks[n] = mark{0, 0, markNext | markOuter}
			n++
		}
		if left > 0 {
			continue
		}
	close:
		maps >>= 1
		if open--; open == 0 {
			continue
		}
		left = s.left[open&maxPacked]
		goto closes

	begin:
		if c>>5 == cborMap {
			kind = 1
		} else {
			kind = 0
		}
		// Every element takes a byte.
		if arg > uint64(len(doc)-start) && arg != untilBreak {
			goto fail
		}
		if open == maxPacked || s.shaped && open == 1 && maps&1 == 1 && left&1 == 0 {
			goto stop
		}
		s.tagged = false
		if open > 0 {
			left--
		}
		s.left[open&maxPacked] = left
		open++
		s.opens++
		maps = maps<<1 | uint64(kind)
		if left = arg; arg != untilBreak {
			left <<= kind
		}
		pos = start
		if s.shaped && open == 1 && kind == 0 {
			marks[n] = mark{0, 0, markFirst | markOuter}
			n++
		}
		if left == 0 {
			goto close
		}
	}
	goto stop

doubt:
	s.doubt, s.valid = start, end
	goto stop

fail:
	s.failed = true

stop:
	if s.tagged && pos < len(doc) {
		pos = s.before
	}
	s.pos, s.covered, s.open, s.maps = pos, covered, open, maps
	s.left[open&maxPacked] = left
	return n
}

// isASCII reports whether all of p is.
func isASCII(p []byte) bool {
	all := uint64(0)
	if len(p) >= 8 {
		all = word(p, len(p)-8)
	} else {
		for _, c := range p {
			all |= uint64(c)
		}
	}
	for i := 0; i < len(p)-8; i += 8 {
		all |= word(p, i)
	}
	return all&highs == 0
}

func (w *Walker) readCBOR(doc []byte, pos, covered, base int, visit bool) bool {
	tagged := false
	for pos < len(doc) {
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

// headOfCBOR is what headOfMessagePack is; tokenNone is a tag.
func headOfCBOR(doc []byte, pos int) (kind token, start int, size uint64) {
	if doc[pos] == cborBreak {
		return tokenBreak, pos + 1, 0
	}
	start, size, _ = cborHead(doc, pos)
	indefinite := doc[pos]&0x1f == cborIndefinite
	switch doc[pos] >> 5 {
	case cborBytes:
		return tokenBytes, start, size
	case cborText:
		return tokenText, start, size
	case cborArray:
		kind = tokenArray
	case cborMap:
		kind = tokenMap
	case cborTag:
		return tokenNone, start, 0
	default:
		return tokenScalar, start, 0
	}
	if indefinite {
		if size = untilBreak; kind == tokenMap {
			size /= 2
		}
	}
	return kind, start, size
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
