package format

import (
	"unsafe"

	"wsi/gobridge/internal/carrier"
)

// maxMarks is how many strings are found before they are visited.
const maxMarks = 32

// mark is doc[start:end] of a level's document: a string, or what the Shape asks
// for.
type mark struct {
	start, end uint32
	kind       markKind
}

type markKind uint32

const (
	markKey    markKind = 1 << iota
	markInside          // of a value: something may be inside
	markPlain           // of a value of 8 bytes or more: it has neither % nor =
	markOuter           // it is in the outermost object, which has a Shape
	markEvent           // in the outermost array: the event's name
	markJSON            // in the outermost array: see Member.JSON
	markScalar          // no string: a number or a literal
	markBytes           // of a value: it is a payload of its own
	markBefore          // no string: what is between two

	// markHead is where in a markKind begins how many bytes stand before the value
	// that are a part of it: the quote, or its length.
	markHead = 16

	markQuoted markKind = 1 << markHead

	markRare = markOuter | markEvent | markJSON | markBytes | markBefore
)

// emit visits what is marked in l's document.
func (w *Walker) emit(l *level, marks []mark) {
	if len(marks) == 0 {
		return
	}
	f := &w.field
	visit := w.visit
	if a := w.watched.across; a != nil {
		a.see(l.doc, marks)
		visit = a.visit
	}
	doc := unsafe.Pointer(unsafe.SliceData(l.doc))
	for i := range marks {
		m := &marks[i]
		kind := m.kind
		text := unsafe.Slice((*byte)(unsafe.Add(doc, m.start)), m.end-m.start)
		// A key is read by sync, a value is not.
		l.pos = int(m.start) - int(kind>>markHead)
		visitOne := visit
		if kind&(markRare|markInside) != 0 {
			if kind&markRare != 0 {
				if w.rare(l, m, text) {
					continue
				}
				visitOne = w.visit
			}
			if kind&markInside != 0 {
				digits := -1
				if l.lazy == lazyJSON && len(text) >= 8 {
					digits = l.index.digitsIn(int(m.start), int(m.end))
				}
				if len(text) < 8 || !isPlain(text, kind, digits) {
					f.Key = false
					w.visitString(text)
					continue
				}
			}
		}
		f.Value, f.Key = text, kind&markKey != 0
		visitOne(f)
	}
	f.Key = false
}

// rare visits what is no string, or is more than that, and reports whether that
// was all.
func (w *Walker) rare(l *level, m *mark, text []byte) bool {
	switch {
	case m.kind&markBefore != 0:
		l.pos = int(m.end) - int(m.kind>>markHead)
		w.field.Key = false
		w.outside(l.doc, int(m.start), int(m.end))
		return true
	case m.kind&(markOuter|markEvent|markJSON) != 0 && !w.outer(m.kind, text):
		return true
	case m.kind&markBytes != 0:
		w.field.Key = false
		w.payload(text)
		return true
	}
	return false
}

// outer is told what stands in the outermost array or object and is something to
// the Shape, and reports whether it is a string that is to be visited.
func (w *Walker) outer(kind markKind, text []byte) bool {
	switch {
	case kind&markOuter == 0:
	case kind&markKey != 0:
		w.role = w.root.Shape.special(text)
		return true
	default:
		kind |= w.role.mark()
	}
	switch {
	case kind&markEvent != 0:
		w.setEvent(text)
	case kind&markJSON != 0 && kind&(markScalar|markBytes) == 0:
		w.special(roleJSON, text)
		return false
	}
	return kind&markScalar == 0
}

// isPlain reports whether text, which has 8 bytes, is none of what inside looks
// for. It is told by the first bytes, by signs, and by what kind of letters there
// are: how many digits of base64 or hex at most, -1 if nobody counted.
func isPlain(text []byte, kind markKind, digits int) bool {
	first, second := text[0], text[1]
	switch then := thenHolds[first]; {
	case then == 0 || then == second|0x20,
		second-' ' >= 0x60,                       // UTF-16, what is not ASCII
		second == ':',                            // PHP
		second == '*',                            // a frame of zstd or LZ4
		first&0x0F == 8 && second&0x20 == 0,      // zlib
		first == 'c' && text[len(text)-1] <= '.': // pickle
		return false
	}
	// Dense wants 1 of 4, and looks at 1 of 4 at least.
	if digits < 0 {
		if hasAVX2 && len(text) >= 32 {
			n, signs := surveyText(&text[0], len(text))
			return !signs && (n*16 < len(text) || !carrier.Dense(text))
		}
		digits = len(text)
	}
	if kind&markPlain == 0 && hasSigns(text) {
		return false
	}
	return digits*16 < len(text) || !carrier.Dense(text)
}

// thenHolds has for each byte with which byte behind it, in lower case, a text may
// hold something: 0 if it does not matter, 1 if there is none.
var thenHolds = func() (t [256]byte) {
	for c := range t {
		if c > ' ' && c < 0x80 {
			t[c] = 1
		}
	}
	for _, c := range []byte("\"{[<-#,(])}0123456789") {
		t[c] = 0
	}
	for _, word := range []string{"query", "mutation", "subscription", "fragment", "eyJ", "data:", "Data:"} {
		t[word[0]] = word[1]
	}
	return t
}()
