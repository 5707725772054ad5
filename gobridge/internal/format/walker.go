// Package format takes a payload apart by its content: JSON, MessagePack and
// other documents, text, text in binary, and what is encoded inside of a value.
// Its output is the Field.
//
// A format is a file with a method of Walker that calls open, close, key,
// value, bytes and next, and its line in formats.go.
package format

import (
	"unicode/utf8"

	"wsi/gobridge/internal/carrier"
)

const (
	// maxDepth is the deepest nesting of arrays and objects that is followed
	// with paths; encoding/json stops at 10,000. Deeper strings are still
	// visited.
	maxDepth = 1000
	// maxNested is how many documents and carriers may stand inside each other.
	// Those of one level are disjoint parts of the level above, so that a
	// payload is scanned at most maxNested+1 times.
	maxNested = 9
	// minInside is the shortest text that is looked into: "[1]", %27.
	minInside = 3
	// maxEvent is how many bytes of an event's name are kept for Event.
	maxEvent = 256
	// maxScratch is the scratch memory in bytes that is kept per level
	// between payloads.
	maxScratch = 64 << 10
	// maxPath is where a rendered path is cut, in bytes: keys are a peer's.
	maxPath = 1024
	// defaultBytes is what the carriers of a payload may decode to without a
	// Budget.
	defaultBytes = 16 << 20
)

// Root says how the paths of a payload begin. The zero value is a document of
// its own, at "$".
type Root struct {
	// Path is what every path begins with; "" means "$".
	Path string
	// Name, if set, is a member of what is at Path: "$header['x-id']".
	Name []byte
	// Shape, if set, says what the outermost members are. Paths begin with "$"
	// then.
	Shape *Shape
	// Placeholder, if set, is told of each {"_placeholder":true,"num":n}: the
	// Field has no value, only the path at which attachment n will stand.
	Placeholder func(num int, f *Field)
	// Cut says that the payload is a part of what was sent.
	Cut bool
}

// Budget bounds what is decoded beyond the bytes of a message.
type Budget struct {
	// Left is how many bytes carriers may still decode to.
	Left int
	// Over says that something was not looked into: there were not enough
	// bytes left, or too many documents inside each other.
	Over bool
	// Defer, if set, takes the values that need more bytes than are Left. What
	// is inside of them is not visited, and not Over; see Walker.Inside.
	Defer func(*Field)
}

// Walker takes payloads apart. The zero value is ready. It owns scratch memory
// that it reuses: one per thread, not safe for concurrent use.
type Walker struct {
	// Budget, if set, holds for all calls until it is replaced. Otherwise each
	// call has 16 MiB.
	Budget *Budget
	// Off are not used, but where a framework says that they are there.
	Off Parsers

	root   Root
	visit  Visit
	field  Field
	budget Budget // of a call without one

	carrier  carrier.Decoder
	frames   []frame // the open arrays and objects of all levels
	levels   [maxNested + 1]level
	counters []counter // of the binary formats
	texts    []span    // what a document refers to, see reader
	classes  []class
	members  []span
	check    reader // of what is not visited, and so not nested
	unseen   struct {
		packed packedScanner
		marks  [maxMarks]mark
	}
	nested int // the level that is being read
	opens  int // arrays and objects begun so far
	used   int // levels used for this payload

	watched watched
	role    role // of the next value of the outermost object with a Shape

	outermost Across // of what is watched, to be reused
	through   Visit  // its method Visit, bound once

	chance int  // see byChance; 0: nothing is in doubt
	noisy  bool // if something is: the last string, see doubtful

	framed   bool // packedScanner is not used; for tests
	strictly bool // the last document was JSON by the letter, see Field.Opened
	several  bool // it was that, or several arrays and objects

	event []byte
	text  []byte // of Unquote
}

// level is one payload or document. levels[0] is the payload itself, the
// others are inside the one before.
type level struct {
	name    string // format or carrier, in paths
	silent  bool   // its name is not in paths: the format of the payload itself
	doc     []byte
	base    int // frames[base] is its outermost array or object
	offset  int // of the run that is being visited, -1 outside of one
	read    progress
	lazy    lazy   // frames are behind, see sync
	synced  int    // where in doc they are
	pos     int    // where in doc they should be
	scratch []byte // the current string of doc, if it had escapes
	joined  []byte // or if it was in parts
	decoded []byte // what a carrier decoded to: doc of this level
	reader  reader
	index   index
	packed  packedScanner
	marks   [maxMarks]mark
}

// lazy is what reads the document of a level whose frames are behind.
type lazy uint8

const (
	lazyNot lazy = iota
	lazyJSON
	lazyMessagePack
	lazyCBOR
)

// frame is one open array or object.
type frame struct {
	object bool
	raw    bool // key is as in JSON, with escapes
	keyed  bool // there is a key
	number bool // the key is index
	role   role // of the current member
	data   string
	index  int    // of the current element, or an integer key
	key    []byte // the current key
	left   uint64 // of a packedFormat, see counter

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
	w.begin(payload, root, visit)
	name := w.payload(payload)
	w.end()
	return name
}

// JSON visits every string value and every key of payload, and reports whether
// it is JSON. Bare numbers and literals alone are not: they are text.
//
// Lenient servers take comments, trailing commas, single quotes and more, so
// an error does not end the scan of what began as an array, an object or a
// string, nor where a backslash is left that could hide something from a look
// at the raw bytes. A caller that is told false visits those with Text.
func (w *Walker) JSON(payload []byte, root Root, visit Visit) bool {
	w.begin(payload, root, visit)
	ok := w.document(payload, true)
	w.end()
	return ok
}

// Arguments is JSON with a Root of shape alone.
func (w *Walker) Arguments(payload []byte, shape *Shape, visit Visit) bool {
	w.begin(payload, Root{Shape: shape}, visit)
	ok := w.document(payload, true)
	w.end()
	return ok
}

// Text visits payload without looking for a document in it. Valid UTF-8 is one
// value; otherwise, and if there are control characters in it, so is every run
// of text.
func (w *Walker) Text(payload []byte, root Root, visit Visit) string {
	if len(payload) == 0 {
		return ""
	}
	w.begin(payload, root, visit)
	name := w.plain(payload, utf8.Valid(payload))
	w.end()
	return name
}

// Inside visits what a value carries or is a document of, but not the value
// itself: what Budget.Defer took.
func (w *Walker) Inside(value []byte, root Root, visit Visit) {
	w.begin(value, root, visit)
	w.nest(value)
	w.inside(value)
	w.end()
}

// Event is the name found since the last call with Root.Shape, at most 256
// bytes of it, nil if there is none. It is valid until the next call of any
// method.
func (w *Walker) Event() []byte {
	if len(w.event) == 0 {
		return nil
	}
	return w.event
}

func (w *Walker) begin(payload []byte, root Root, visit Visit) {
	w.root = root
	w.visit = visit
	w.field.w, w.field.Cut = w, root.Cut
	w.nested, w.used, w.chance = 0, 1, 0
	w.watched = watched{}
	l := &w.levels[0]
	l.doc, l.base, l.offset = payload, 0, -1
	if root.Shape != nil {
		w.event = w.event[:0]
	}
	if w.Budget == nil {
		w.budget = Budget{Left: defaultBytes}
		w.Budget = &w.budget
	}
}

// end lets go of scratch that grew too large. What the caller gave is kept until
// the next call.
func (w *Walker) end() {
	if w.Budget == &w.budget {
		w.Budget = nil
	}
	for i := range w.used {
		l := &w.levels[i]
		if cap(l.scratch)|cap(l.decoded)|cap(l.joined) > maxScratch {
			l.scratch, l.decoded, l.joined = nil, nil, nil
		}
	}
	if cap(w.texts)|cap(w.classes)|cap(w.members) > maxScratch/8 {
		w.texts, w.classes, w.members = nil, nil, nil
	}
	w.unwind(0)
}

// push makes doc the level that is being read. It reports false, and notes it,
// when there are maxNested already.
func (w *Walker) push(name string, doc []byte, silent bool) bool {
	w.sync()
	return w.enter(name, doc, silent)
}

// enter is push for a level that is lazy, or has no frames.
func (w *Walker) enter(name string, doc []byte, silent bool) bool {
	if w.nested == maxNested {
		w.limit()
		return false
	}
	w.nested++
	w.used = max(w.used, w.nested+1)
	l := &w.levels[w.nested]
	l.name, l.silent, l.lazy, l.doc, l.base, l.offset = name, silent, lazyNot, doc, len(w.frames), -1
	return true
}

func (w *Walker) pop() {
	w.unwind(w.levels[w.nested].base)
	w.nested--
}

// unwind drops the frames from base on, and what they refer to.
func (w *Walker) unwind(base int) {
	for i := base; i < len(w.frames); i++ {
		w.frames[i].key = nil
	}
	w.frames = w.frames[:base]
}

// limit notes that something is not looked into.
func (w *Walker) limit() { w.Budget.Over = true }
