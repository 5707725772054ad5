package format

import "unicode/utf8"

// packedScanner is how far a document of MessagePack or CBOR was read: like
// jsonScanner it finds strings some at a time, and keeps no frames.
type packedScanner struct {
	doc     []byte
	pos     int
	covered int    // where the last string ended, see Walker.item
	open    int    // arrays and maps
	maps    uint64 // of these, the innermost lowest
	opens   int    // how many were begun
	left    [maxPacked + 1]uint64
	before  int // where the tags of the next item begin, if it is tagged
	doubt   int // where a text begins that may not be UTF-8, -1: there is none
	valid   int // where it ends, if it is
	tagged  bool
	failed  bool
	shaped  bool // the Shape knows what is in the outermost array or map
}

const (
	// maxPacked is how many arrays and maps may be open.
	maxPacked = 63
	// marksAtOnce is the most that one item makes: what is before it, itself, and
	// that the outermost array goes on.
	marksAtOnce = 3
)

// packedFormat is MessagePack or CBOR. What scan leaves is read with frames.
type packedFormat struct {
	lazy lazy
	scan func(s *packedScanner, marks *[maxMarks]mark) (n int)
	read func(w *Walker, doc []byte, pos, covered, base int, visit bool) bool
}

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
	s.tagged, s.failed, s.shaped = false, false, false
	s.doubt, s.valid = -1, -1
	if visit {
		l.lazy, l.synced = f.lazy, 0
		s.shaped = w.root.Shape != nil && w.nested == 1 && l.silent
	}
	for more := true; more; {
		n := f.scan(s, marks)
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
	ok := f.read(w, s.doc, s.pos, s.covered, base, visit)
	w.counters = w.counters[:base]
	return ok
}

// followPacked is follow for a document in MessagePack or CBOR.
func (w *Walker) followPacked(l *level, head func(doc []byte, pos int) (kind token, start int, size uint64)) {
	for l.synced < l.pos {
		kind, start, size := head(l.doc, l.synced)
		f := w.top()
		switch kind {
		case tokenNone: // a tag
			l.synced = start
			continue
		case tokenBreak:
			f.left = 0
			l.synced = start
		case tokenArray, tokenMap:
			if f != nil {
				f.left--
			}
			if !w.open(kind == tokenMap) {
				l.synced = len(l.doc) // paths end here
				return
			}
			if f = w.top(); kind == tokenMap {
				size *= 2
			}
			f.left = size
			l.synced = start
		default:
			pos := l.synced
			l.synced = start + int(size)
			if f == nil {
				break
			}
			isKey := f.object && f.left&1 == 0
			f.left--
			switch {
			case !isKey:
				w.next()
			case kind == tokenScalar:
				n := int64(0)
				if l.lazy == lazyCBOR {
					_, arg, _ := cborHead(l.doc, pos)
					n = cborInt(l.doc[pos]>>5, arg)
				} else {
					n = messagePackInt(l.doc[pos], l.doc[start:l.synced])
				}
				w.intKey(n)
			default:
				if kind == tokenExt {
					start++
				}
				w.label(l.doc[start:l.synced])
				f.keyed = true
				w.setRole(f, f.key)
			}
		}
		for f = w.top(); f != nil && f.left == 0; f = w.top() {
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
