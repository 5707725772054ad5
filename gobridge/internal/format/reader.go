package format

import (
	"unicode/utf8"
)

// maxReader is how deep the formats that are read with a reader nest; it
// recurses.
const maxReader = 200

// maxTable bounds each table of what a document may refer to.
const maxTable = 1 << 16

// reader reads a document whose values refer to each other. What fails stays
// failed, so that only loops have to look.
type reader struct {
	w       *Walker
	doc     []byte
	pos     int
	covered int // where the last string ended, see Walker.item
	visit   bool
	failed  bool
	depth   int
	strings int  // read so far: numbers alone are no document
	last    span // of pickle: the last value, if it is a string
	magic   bool // there is no doubt what it is
	parts   bool // something is in parts
	again   int  // how many bytes are left for strings that are referred to
	base    tables
}

// span is doc[start:end].
type span struct{ start, end uint32 }

// class is what the instances of a type have: names of members.
type class struct {
	first, count uint32 // in Walker.members
	kind         uint32
}

// tables has the lengths of the Walker's tables where a document began.
type tables struct{ texts, classes, members int }

// readWith runs read over doc, which has to be read to its end.
func (w *Walker) readWith(doc []byte, visit bool, read func(r *reader)) bool {
	if uint64(len(doc)) > 1<<31 {
		return false
	}
	r := &w.check
	if visit {
		r = &w.levels[w.nested].reader
	}
	*r = reader{w: w, doc: doc, visit: visit, again: len(doc)}
	r.base = tables{len(w.texts), len(w.classes), len(w.members)}
	frames := len(w.frames)
	read(r)
	if visit {
		w.unwind(frames)
		w.outside(doc, r.covered, len(doc))
	}
	w.texts, w.classes, w.members = w.texts[:r.base.texts], w.classes[:r.base.classes], w.members[:r.base.members]
	return r.magic || !r.failed && r.pos == len(doc) && r.strings > 0
}

// isMagic says that doc begins with a magic number. What is broken behind a
// string is then what it says, as far as it can be read.
func (r *reader) isMagic() { r.magic = r.strings > 0 }

func (r *reader) fail() { r.failed, r.pos = true, len(r.doc) }

// more reports whether there is something left to read.
func (r *reader) more() bool { return !r.failed && r.pos < len(r.doc) }

func (r *reader) peek() int {
	if !r.more() {
		return -1
	}
	return int(r.doc[r.pos])
}

func (r *reader) byte() byte {
	if r.pos >= len(r.doc) {
		r.fail()
		return 0
	}
	r.pos++
	return r.doc[r.pos-1]
}

// take is the next size bytes.
func (r *reader) take(size uint64) span {
	if size > uint64(len(r.doc)-r.pos) {
		r.fail()
		return span{uint32(r.pos), uint32(r.pos)}
	}
	start := r.pos
	r.pos += int(size)
	return span{uint32(start), uint32(r.pos)}
}

// uint is a number of size bytes, big-endian.
func (r *reader) uint(size uint64) (n uint64) {
	for _, c := range r.bytes(r.take(size)) {
		n = n<<8 | uint64(c)
	}
	return n
}

// uintLE is a number of size bytes, little-endian.
func (r *reader) uintLE(size uint64) (n uint64) {
	for i, c := range r.bytes(r.take(size)) {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// count is n if as many elements of a byte or more may follow.
func (r *reader) count(n uint64) int {
	if n > uint64(len(r.doc)-r.pos) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) bytes(s span) []byte { return r.doc[s.start:s.end] }

// open begins an array or an object. It has a close, unless it reports false.
func (r *reader) open(object bool) bool {
	if r.depth == maxReader || r.failed || r.visit && !r.w.open(object) {
		r.fail()
		return false
	}
	r.depth++
	return true
}

func (r *reader) close() {
	r.depth--
	if r.visit && !r.failed {
		r.w.close()
	}
}

// scalar counts a value that is no string.
func (r *reader) scalar() {
	if r.visit && !r.failed {
		r.w.next()
	}
}

// before visits what stands before the string s outside of strings.
func (r *reader) before(s span) bool {
	if r.failed {
		return false
	}
	if s.start < s.end {
		r.strings++
	}
	if !r.visit {
		return false
	}
	if int(s.start) < r.covered {
		return true // referred to
	}
	r.w.outside(r.doc, r.covered, int(s.start))
	r.covered = int(s.end)
	return true
}

// value visits the string s.
func (r *reader) value(s span) {
	if r.before(s) {
		r.w.value(r.bytes(s))
	}
}

// modified visits a string in modified UTF-8 or CESU-8.
func (r *reader) modified(s span) {
	text := r.bytes(s)
	if utf8.Valid(text) { // it has neither surrogates nor long forms
		r.value(s)
		return
	}
	if r.before(s) {
		l := &r.w.levels[r.w.nested]
		l.scratch = appendModified(l.scratch[:0], text)
		r.w.value(l.scratch)
	}
}

// join appends s, a part of what is visited as one, to parts; nil begins.
func (r *reader) join(parts []byte, s span) []byte {
	if r.parts = true; !r.visit || r.failed {
		return nil
	}
	l := &r.w.levels[r.w.nested]
	if parts == nil {
		parts = l.joined[:0]
	}
	l.joined = append(parts, r.bytes(s)...)
	return l.joined
}

// appendModified appends text in UTF-8: a NUL may be two bytes there, as readUTF
// takes every character in, and a character outside of the BMP two surrogates.
func appendModified(out, text []byte) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c&^1 == 0xC0 && i+1 < len(text):
			out = append(out, c<<6|text[i+1]&0x3F)
			i += 2
		case c == 0xE0 && i+2 < len(text) && text[i+1] < 0xA0:
			out = utf8.AppendRune(out, rune(text[i+1]&0x3F)<<6|rune(text[i+2]&0x3F))
			i += 3
		case c == 0xED && i+5 < len(text) && text[i+1]&0xF0 == 0xA0 && text[i+3] == 0xED && text[i+4]&0xF0 == 0xB0:
			high := rune(text[i+1]&0x0F)<<6 | rune(text[i+2]&0x3F)
			low := rune(text[i+4]&0x0F)<<6 | rune(text[i+5]&0x3F)
			out = utf8.AppendRune(out, 0x10000+high<<10+low)
			i += 6
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// name visits a name that stands where no member does.
func (r *reader) name(s span) {
	if r.before(s) {
		r.w.visitKey(r.bytes(s))
	}
}

// key visits a key, or the name of a type.
func (r *reader) key(s span) {
	if r.before(s) {
		r.w.key(r.bytes(s))
	}
}

// binary visits a payload.
func (r *reader) binary(s span) {
	if r.before(s) {
		r.w.bytes(r.bytes(s))
	}
}

// label begins a member whose key was visited where it stood first.
func (r *reader) label(s span) {
	if r.visit && !r.failed {
		r.w.label(r.bytes(s))
	}
}

// intKey begins a member whose key is a number.
func (r *reader) intKey(n int64) {
	if r.visit && !r.failed {
		r.w.intKey(n)
	}
}

// refer visits the string s at the place that refers to it. It was visited
// where it stands, so that only a path is lost where too many refer to it.
func (r *reader) refer(s span) {
	if r.again -= int(s.end - s.start); r.again < 0 {
		r.again = 0
		r.scalar()
		return
	}
	if r.visit && !r.failed {
		r.w.value(r.bytes(s))
	}
}

// addText appends to the table of strings.
func (r *reader) addText(s span) {
	if len(r.w.texts)-r.base.texts == maxTable {
		r.fail()
		return
	}
	r.w.texts = append(r.w.texts, s)
}

// text is an entry of the table of strings.
func (r *reader) text(i uint64) span {
	if t := r.w.texts[r.base.texts:]; i < uint64(len(t)) {
		return t[i]
	}
	r.fail()
	return span{}
}

// addClass appends to the table of types; addMember adds to the last of them.
func (r *reader) addClass(kind uint32) int {
	n := len(r.w.classes)
	if n-r.base.classes == maxTable {
		r.fail()
		return 0
	}
	r.w.classes = append(r.w.classes, class{uint32(len(r.w.members)), 0, kind})
	return n - r.base.classes
}

func (r *reader) addMember(name span) {
	if len(r.w.members)-r.base.members == maxTable || len(r.w.classes) == r.base.classes {
		r.fail()
		return
	}
	r.w.members = append(r.w.members, name)
	r.w.classes[len(r.w.classes)-1].count++
}

func (r *reader) class(i uint64) class {
	if t := r.w.classes[r.base.classes:]; i < uint64(len(t)) {
		return t[i]
	}
	r.fail()
	return class{}
}

func (r *reader) member(c class, i int) span { return r.w.members[int(c.first)+i] }
