package format

import (
	"encoding/binary"
	"unicode/utf8"
)

// packedFormat is MessagePack or CBOR: in both, the first byte of an item says
// what it is, and how many bytes, elements or pairs follow, or how long that
// number is.
type packedFormat struct {
	lazy lazy
	// text is the first byte of the empty text; those of up to short bytes follow.
	text, short byte
	// strict is CBOR: its texts are UTF-8. A string alone is no document, as it
	// is how many texts begin, and its end may cut one.
	strict bool
	heads  *[256]head
	// number is the value of an item that a map has for a key, 0 if it is none.
	number func(item []byte) int64
}

// head is what a first byte says.
type head struct {
	kind   token
	length uint8 // bytes of length behind it
	size   uint8 // and what is added to that
	open   bool  // until there is a break
}

// untilBreak is what is left of an array or map of indefinite length: more than
// there can be, and even.
const untilBreak = 1 << 63

// head returns what the item at pos is, where its content begins, and its size:
// bytes, elements or pairs. tokenNone if there is not so much: every element takes
// a byte, too.
func (f *packedFormat) head(doc []byte, pos int) (kind token, start int, size uint64) {
	if pos == len(doc) {
		return tokenNone, 0, 0
	}
	h := &f.heads[doc[pos]]
	start = pos + 1
	if len(doc)-start < int(h.length) {
		return tokenNone, 0, 0
	}
	size = h.number(doc, start)
	start += int(h.length)
	switch {
	case h.open && h.kind == tokenMap:
		return tokenMap, start, untilBreak / 2
	case h.open:
		return h.kind, start, untilBreak
	case size > uint64(len(doc)-start):
		return tokenNone, 0, 0
	}
	return h.kind, start, size
}

// number is how many follow.
func (h *head) number(doc []byte, start int) (size uint64) {
	switch h.length {
	case 1:
		size = uint64(doc[start])
	case 2:
		size = uint64(binary.BigEndian.Uint16(doc[start:]))
	case 4:
		size = uint64(binary.BigEndian.Uint32(doc[start:]))
	case 8:
		return binary.BigEndian.Uint64(doc[start:])
	}
	return size + uint64(h.size)
}

// packedScanner is how far a document was read: like jsonScanner it finds strings
// some at a time, and keeps no frames.
type packedScanner struct {
	doc     []byte
	pos     int
	covered int    // where the last string ended, see Walker.item
	open    int    // arrays and maps
	maps    uint64 // of these, the innermost lowest
	opens   int    // how many were begun
	left    [maxPacked + 1]uint64
	before  int    // where the tags of the next item begin, if it is tagged
	doubt   int    // where a text begins that may not be UTF-8, -1: there is none
	valid   int    // where it ends, if it is
	outer   int    // open where the Shape knows what the next value is
	first   uint64 // left of the array there when it began
	at      specials
	tagged  bool
	failed  bool
}

const (
	// maxPacked is how many arrays and maps may be open.
	maxPacked = 63
	// marksAtOnce is the most that one item makes: what is before it, and itself.
	marksAtOnce = 2
)

// packed reads doc, and visits it if visit is set.
func (w *Walker) packed(f *packedFormat, doc []byte, visit bool) bool {
	if uint64(len(doc)) > 1<<31 {
		return false
	}
	l := &w.levels[w.nested]
	s, marks := &l.packed, &l.marks
	if !visit {
		s, marks = &w.unseen.packed, &w.unseen.marks
	}
	s.doc, s.pos, s.covered, s.open, s.maps, s.opens = doc, 0, 0, 0, 0, 0
	s.tagged, s.failed = false, false
	s.doubt, s.valid, s.outer = -1, -1, -1
	if visit {
		l.lazy, l.synced = f.lazy, 0
		if w.root.Shape != nil && w.nested == 1 && l.silent {
			s.outer, s.at = 1, w.root.Shape.specials()
		}
	}
	for more := !w.framed; more; {
		n := s.scan(f, marks)
		more = n > maxMarks-marksAtOnce && !s.failed
		if s.doubt >= 0 {
			more = utf8.Valid(doc[s.doubt:s.valid])
			s.doubt, s.failed = -1, !more
		}
		if visit {
			w.opens += s.opens
			s.opens = 0
			w.emit(l, marks[:n])
		}
	}
	switch {
	case s.failed:
		return false
	case s.pos < len(doc):
		return w.unpacked(f, l, s, visit)
	case visit:
		l.pos = len(doc)
		w.outside(doc, s.covered, len(doc))
	}
	return s.open == 0 && !s.tagged && len(doc) > 0
}

// scan finds strings until marks is full, or something is to be read with frames:
// then it says so by less of them.
func (s *packedScanner) scan(f *packedFormat, marks *[maxMarks]mark) (n int) {
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
		h          *head
	)
	for pos < len(doc) && n <= maxMarks-marksAtOnce {
		h = &f.heads[doc[pos]]
		if left > 0 && h.kind <= tokenMap && open != s.outer && !s.tagged {
			s.open, s.maps = open, maps
			if n, pos, left = s.run(f, marks, n, pos, left, covered); n > 0 {
				covered = int(marks[n-1].end)
			}
			open, maps = s.open, s.maps
			if left == 0 {
				goto close
			}
			if n > maxMarks-marksAtOnce {
				break
			}
			h = &f.heads[doc[pos]]
		}
		start, arg = pos+1, uint64(h.size)
		if h.length > 0 {
			if len(doc)-start < int(h.length) {
				goto fail
			}
			arg = h.number(doc, start)
			start += int(h.length)
		}
		switch h.kind {
		case tokenNone:
			goto fail
		case tokenArray, tokenMap:
			goto begin
		case tokenBreak:
			if s.tagged || open == 0 || left <= untilBreak/2 || maps&1 == 1 && left&1 == 1 {
				goto fail
			}
			left = 0
			pos = start
			goto close
		}
		if h.open {
			goto stop // in parts
		}
		if arg > uint64(len(doc)-start) {
			goto fail
		}
		end = start + int(arg)
		if h.kind == tokenTag {
			if !s.tagged {
				s.before = pos
			}
			s.tagged = true
			pos = end
			continue
		}
		if open == 0 && !s.tagged && (h.kind == tokenScalar || f.strict) {
			goto fail
		}
		if h.kind == tokenScalar {
			if open == s.outer && maps&1 == 1 && left&1 == 0 {
				goto stop // a key that is none to the Shape
			}
			s.tagged = false
			if pos = end; open == 0 {
				continue
			}
			goto ends
		}
		switch kind = markInside; h.kind {
		case tokenText:
			if f.strict && s.valid != end && !isASCII(doc[start:end]) {
				goto doubt
			}
			if arg < 8 && holdsNothing(doc, start, int(arg)) {
				kind = 0
			}
		case tokenExt:
			start++
			kind = markBytes
		default:
			kind = markBytes
		}
		kind |= markKind(start-pos) << markHead
		if maps&1 == 1 && left&1 == 0 {
			kind = markKey
		}
		s.tagged = false
		if start-covered >= minRun && behind(doc, covered, start) {
			marks[n] = mark{uint32(covered), uint32(start), markBefore | markKind(start-pos)<<markHead}
			n++
		}
		if open == s.outer {
			if maps&1 == 1 {
				kind |= markOuter
			} else {
				kind |= s.at.mark(int(s.first - left))
			}
		}
		marks[n] = mark{uint32(start), uint32(end), kind}
		n++
		covered, pos = end, end
		if open == 0 {
			continue
		}

	ends:
		if left--; left > 0 {
			continue
		}

	close:
		for left == 0 {
			maps >>= 1
			if open--; open == 0 {
				break
			}
			left = s.left[open&maxPacked]
		}
		continue

	begin:
		if arg > uint64(len(doc)-start) {
			goto fail
		}
		if open == maxPacked || open == s.outer && maps&1 == 1 && left&1 == 0 {
			goto stop
		}
		s.tagged = false
		if open > 0 {
			left--
		}
		s.left[open&maxPacked] = left
		open++
		s.opens++
		maps <<= 1
		if left = arg; h.open {
			left = untilBreak
		}
		if h.kind == tokenMap {
			maps |= 1
			if !h.open {
				left *= 2
			}
		}
		if open == s.outer {
			s.first = left
		}
		if pos = start; left == 0 {
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

// run finds strings as far as they are short, as most are, and what is between them
// is numbers, and short arrays and maps. It does not get to the end of doc, nor to
// what may have text before it, is not UTF-8, or the Shape has to know.
func (s *packedScanner) run(f *packedFormat, marks *[maxMarks]mark, n, pos int, left uint64, covered int) (int, int, uint64) {
	var (
		doc   = s.doc
		isMap = s.maps & 1
		last  = len(doc) - 9
		text  = int(f.text)
		short = uint(f.short)
		kind  markKind
	)
	for n <= maxMarks-2 && pos <= last {
		if left == 0 {
			if s.open == 1 || s.open-1 == s.outer {
				break
			}
			s.open--
			s.maps >>= 1
			isMap = s.maps & 1
			left = s.left[s.open&maxPacked]
			continue
		}
		start := pos + 1
		size := int(byteAt(doc, pos)) - text
		if isMap&^left != 0 && uint(size) < short {
			end := start + size
			if end > last || start-covered >= minRun {
				break
			}
			if f.strict {
				all := word(doc, start)
				if size < 8 {
					all &= 1<<(8*size&63) - 1
				} else {
					for i := start + 8; i < end-8; i += 8 {
						all |= word(doc, i)
					}
					all |= word(doc, end-8)
				}
				if all&highs != 0 {
					break
				}
			}
			marks[n&(maxMarks-1)] = mark{uint32(start), uint32(end), markKey}
			n++
			left--
			covered, pos = end, end
			start = pos + 1
			size = int(byteAt(doc, pos)) - text
		}
		kind = markInside | 1<<markHead
		if uint(size) >= short {
			h := &f.heads[byteAt(doc, pos)]
			if h.kind == tokenScalar && start+int(h.size) <= last {
				pos = start + int(h.size)
				left--
				continue
			}
			if isMap&^left != 0 {
				break
			}
			if h.kind != tokenText {
				if h.kind != tokenArray && h.kind != tokenMap || h.length > 0 || h.open || s.open == maxPacked || int(h.size) > len(doc)-start {
					break
				}
				s.left[s.open&maxPacked] = left - 1
				s.open++
				s.opens++
				left, isMap = uint64(h.size), 0
				s.maps <<= 1
				if h.kind == tokenMap {
					left, isMap = left*2, 1
					s.maps |= 1
				}
				pos = start
				continue
			}
			if h.length != 1 {
				break
			}
			size = int(byteAt(doc, start))
			start++
			kind = markInside | 2<<markHead
		}
		end := start + size
		if end > last || start-covered >= minRun {
			break
		}
		x := word(doc, start)
		if size < 8 {
			within := uint64(1)<<(8*size&63) - 1
			if f.strict && x&within&highs != 0 {
				break
			}
			if !begins[byte(x)] && zeros(x^ones*'%')&highs&within == 0 {
				kind &^= markInside
			}
		} else if f.strict {
			for i := start + 8; i < end-8; i += 8 {
				x |= word(doc, i)
			}
			if (x|word(doc, end-8))&highs != 0 {
				break
			}
		}
		marks[n&(maxMarks-1)] = mark{uint32(start), uint32(end), kind}
		n++
		left--
		covered, pos = end, end
	}
	return n, pos, left
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

// unpacked reads what scan left.
func (w *Walker) unpacked(f *packedFormat, l *level, s *packedScanner, visit bool) bool {
	if visit {
		l.pos = s.pos
		w.sync()
		l.lazy = lazyNot
	}
	base := len(w.counters)
	for i := 1; i <= s.open; i++ {
		w.counters = append(w.counters, counter{s.left[i], s.maps>>(s.open-i)&1 == 1})
	}
	ok := w.readPacked(f, s.doc, s.pos, s.covered, base, visit)
	w.counters = w.counters[:base]
	return ok
}

func (w *Walker) readPacked(f *packedFormat, doc []byte, pos, covered, base int, visit bool) bool {
	tagged := false
	for pos < len(doc) {
		kind, start, size := f.head(doc, pos)
		open := f.heads[doc[pos]].open
		var top *counter
		if n := len(w.counters); n > base {
			top = &w.counters[n-1]
		} else if !tagged && (kind == tokenScalar || f.strict && (kind == tokenText || kind == tokenBytes)) {
			return false
		}
		switch kind {
		case tokenNone:
			return false
		case tokenTag:
			tagged, pos = true, start+int(size)
			continue
		case tokenBreak:
			if tagged || top == nil || top.left <= untilBreak/2 || top.isMap && !top.atKey() {
				return false
			}
			top.left = 0
			pos = start
		case tokenArray, tokenMap:
			if len(w.counters)-base == maxDepth || visit && !w.open(kind == tokenMap) {
				return false
			}
			if top != nil {
				top.left--
			}
			if kind == tokenMap {
				size *= 2
			}
			w.counters = append(w.counters, counter{size, kind == tokenMap})
			pos = start
		default:
			item := pos
			isKey := top != nil && top.atKey()
			if top != nil {
				top.left-- // before what is visited appends to counters
			}
			if open {
				text, end := w.joined(f, doc, start, kind, visit)
				if end < 0 {
					return false
				}
				if pos = end; visit {
					w.outside(doc, covered, start)
					w.item(kind, isKey, text, 0, len(text), 0)
					covered = end
				}
				break
			}
			pos = start + int(size)
			switch {
			case f.strict && kind == tokenText && !utf8.Valid(doc[start:pos]):
				return false
			case !visit:
			case isKey && kind == tokenScalar:
				w.intKey(f.number(doc[item:pos]))
			default:
				covered = w.item(kind, isKey, doc, start, pos, covered)
			}
		}
		tagged = false
		w.closeFull(base, visit)
	}
	if visit {
		w.outside(doc, covered, len(doc))
	}
	return len(w.counters) == base && !tagged
}

// joined joins the parts of a string of indefinite length if it is visited, and
// returns what is behind it, -1 when it is none.
func (w *Walker) joined(f *packedFormat, doc []byte, pos int, kind token, visit bool) (text []byte, end int) {
	l := &w.levels[w.nested]
	text = l.joined[:0]
	for pos < len(doc) {
		part, start, size := f.head(doc, pos)
		if part == tokenBreak {
			if visit {
				l.joined = text
			}
			return text, start
		}
		if part != kind || f.heads[doc[pos]].open {
			break
		}
		if pos = start + int(size); visit {
			text = append(text, doc[start:pos]...)
		}
	}
	return nil, -1
}

// followPacked is follow for such a document.
func (w *Walker) followPacked(l *level, f *packedFormat) {
	for l.synced < l.pos {
		pos := l.synced
		kind, start, size := f.head(l.doc, pos)
		top := w.top()
		switch kind {
		case tokenNone:
			l.synced = len(l.doc)
			return
		case tokenTag:
			l.synced = start + int(size)
			continue
		case tokenBreak:
			top.left = 0
			l.synced = start
		case tokenArray, tokenMap:
			if top != nil {
				top.left--
			}
			if !w.open(kind == tokenMap) {
				l.synced = len(l.doc) // paths end here
				return
			}
			if top = w.top(); kind == tokenMap {
				size *= 2
			}
			top.left = size
			l.synced = start
		default:
			l.synced = start + int(size)
			if top == nil {
				break
			}
			isKey := top.object && top.left&1 == 0
			top.left--
			switch {
			case !isKey:
				w.next()
			case kind == tokenScalar:
				w.intKey(f.number(l.doc[pos:l.synced]))
			default:
				if kind == tokenExt {
					start++
				}
				w.label(l.doc[start:l.synced])
				top.keyed = true
				w.setRole(top, top.key)
			}
		}
		for top = w.top(); top != nil && top.left == 0; top = w.top() {
			w.close()
		}
	}
}

// holdsNothing reports whether there is nothing in a text of less than 8 bytes: no
// percent encoding, and no JSON.
func holdsNothing(doc []byte, start, size int) bool {
	if start > len(doc)-8 {
		return false
	}
	x := word(doc, start)
	return !begins[byte(x)] && zeros(x^ones*'%')&highs&(1<<(8*size&63)-1) == 0
}

// behind reports whether text may stand in doc[start:end], between two strings.
func behind(doc []byte, start, end int) bool {
	if end-start >= 2*minWide {
		return true
	}
	run := 0
	for _, c := range doc[start:end] {
		if run++; c < ' ' && !isSpace(c) {
			run = 0
		} else if run == minRun {
			return true
		}
	}
	return false
}
