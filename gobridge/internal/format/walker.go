// Package format takes a payload apart by its content: JSON, text, or text in
// binary. Its output is the Field.
package format

import "unicode/utf8"

const (
	// maxDepth is the deepest nesting of arrays and objects that is followed
	// with paths; encoding/json stops at 10,000. Deeper strings are still
	// visited, see (*Walker).JSON.
	maxDepth = 1000
	// maxNested is how many JSON documents may stand inside each other as
	// strings. The documents of one level are disjoint parts of the level
	// above, so a payload is scanned at most maxNested+1 times.
	maxNested = 8
	// maxEvent is how many bytes of an event's name are kept for Event.
	maxEvent = 256
	// maxScratch is the scratch memory in bytes that is kept per level
	// between payloads.
	maxScratch = 64 << 10
	// maxPath is where a rendered path is cut, in bytes: keys are a peer's.
	maxPath = 1024
)

// Root says how the paths of a payload begin. The zero value is a document of
// its own, at "$".
type Root struct {
	// Path is what every path begins with; "" means "$".
	Path string
	// Event says that the payload is an array of an event name and its
	// arguments: the name stands at "$event", the arguments count from $[0].
	Event bool
	// Placeholder, if set, is told of each {"_placeholder":true,"num":n}: the
	// Field has no value, only the path at which attachment n will stand.
	Placeholder func(num int, f *Field)
}

// Walker takes payloads apart. The zero value is ready. It owns scratch memory
// that it reuses: one per thread, not safe for concurrent use.
type Walker struct {
	root   Root
	visit  Visit
	field  Field
	offset int // of the run in a binary payload, -1 outside of one

	frames []frame // the open arrays and objects of all levels
	levels [maxNested + 1]level
	nested int // the level of the document being scanned
	used   int // levels used for this payload

	event []byte
}

// level is one document: the payload itself, or one inside a string of the
// level above.
type level struct {
	doc     []byte
	base    int    // frames[base] is its outermost array or object
	scratch []byte // the current string of doc, if it had escapes
}

// frame is one open array or object.
type frame struct {
	object bool
	index  int // of the current element

	key, keyEnd int // the current key in doc, between the quotes

	member      member // what the current key means to socket.io
	placeholder bool
	num         int // of the attachment, -1 if none
}

type member uint8

const (
	memberOther member = iota
	memberPlaceholder
	memberNum
)

// Walk visits every string of payload and returns its format: "json", "text",
// "binary", or "" when it is empty.
func (w *Walker) Walk(payload []byte, root Root, visit Visit) string {
	if w.JSON(payload, root, visit) {
		return "json"
	}
	return w.Text(payload, root, visit)
}

// JSON visits every string value and every key of payload, and reports whether
// it is JSON. Bare numbers and literals alone are not: they are text.
//
// Lenient servers take comments, trailing commas, single quotes and more, so
// an error does not end the scan of what began as an array, an object or a
// string, nor where a backslash is left that could hide something from a look
// at the raw bytes. A caller that is told false visits those with Text.
func (w *Walker) JSON(payload []byte, root Root, visit Visit) bool {
	w.begin(root, visit)
	w.event = w.event[:0]
	ok := w.document(payload)
	w.end()
	return ok
}

// Text visits payload without looking for JSON. Valid UTF-8 is one value;
// otherwise, and if there are control characters in it, so is every run of
// text.
func (w *Walker) Text(payload []byte, root Root, visit Visit) string {
	if len(payload) == 0 {
		return ""
	}
	w.begin(root, visit)
	defer w.end()
	valid := utf8.Valid(payload)
	if valid {
		w.value(payload)
		if !hasControl(payload) {
			return "text"
		}
	}
	w.runs(payload)
	if valid {
		return "text"
	}
	return "binary"
}

// Event is the name found by the last JSON with Root.Event, at most 256 bytes
// of it. It is valid until the next call of any method.
func (w *Walker) Event() []byte { return w.event }

func (w *Walker) begin(root Root, visit Visit) {
	w.root = root
	w.visit = visit
	w.field = Field{w: w}
	w.offset = -1
	w.frames = w.frames[:0]
	w.nested = -1
}

// end lets go of the caller's memory and of scratch that grew too large.
func (w *Walker) end() {
	w.root = Root{}
	w.visit = nil
	w.field = Field{}
	w.nested = -1
	for i := range w.used {
		l := &w.levels[i]
		l.doc = nil
		if cap(l.scratch) > maxScratch {
			l.scratch = nil
		}
	}
	w.used = 0
}

func (w *Walker) value(text []byte) {
	w.field.Value = text
	w.field.Key = false
	w.visit(&w.field)
}

func (w *Walker) key(text []byte) {
	w.field.Value = text
	w.field.Key = true
	w.visit(&w.field)
	w.field.Key = false
}
