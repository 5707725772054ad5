package format

import "unicode/utf8"

// Wire types of protocol buffers.
const (
	wireVarint = iota
	wireFixed64
	wireBytes
	wireStartGroup
	wireEndGroup
	wireFixed32
)

const (
	// maxMessages is how deep messages are looked for inside of fields, which
	// are not told from strings.
	maxMessages = 32
	// maxFieldNumber bounds the field numbers that a guess believes; those of
	// the format go to 1<<29-1. Real ones are small.
	maxFieldNumber = 1 << 16
)

// protobuf reads p, which may be a message whose schema is not known, and visits
// it if visit is set. A path has the numbers of the fields. What is both text
// and a message is visited as text, and the message inside of it, too.
func (w *Walker) protobuf(p []byte, visit bool) bool {
	if !isMessage(p) {
		return false
	}
	if visit {
		w.message(p, 0, len(p))
	}
	return true
}

// isMessage reports whether p is a message with a text or bytes in it. One of
// numbers alone is no more than noise.
func isMessage(p []byte) bool {
	pos, groups, strings := 0, 0, 0
	for pos < len(p) {
		number, wire, start, end := protoField(p, pos)
		switch {
		case number == 0:
			return false
		case wire == wireBytes && end > start:
			strings++
		case wire == wireStartGroup:
			groups++
		case wire == wireEndGroup:
			if groups--; groups < 0 {
				return false
			}
		}
		pos = end
	}
	return groups == 0 && strings > 0
}

// protoField reads the field at pos: its value is p[start:end]. number is 0 when
// there is none.
func protoField(p []byte, pos int) (number, wire, start, end int) {
	tag, start := protoVarint(p, pos)
	if start < 0 || tag>>3 == 0 || tag>>3 > maxFieldNumber {
		return 0, 0, 0, 0
	}
	wire = int(tag & 7)
	end = start
	switch wire {
	case wireVarint:
		_, end = protoVarint(p, start)
	case wireFixed64:
		end = start + 8
	case wireFixed32:
		end = start + 4
	case wireBytes:
		var length uint64
		if length, start = protoVarint(p, start); start < 0 || length > uint64(len(p)-start) {
			return 0, 0, 0, 0
		}
		end = start + int(length)
	case wireStartGroup, wireEndGroup:
	default:
		return 0, 0, 0, 0
	}
	if end < 0 || end > len(p) {
		return 0, 0, 0, 0
	}
	return int(tag >> 3), wire, start, end
}

// protoVarint reads a number of at most ten bytes, and returns what is behind
// it, -1 if there is none.
func protoVarint(p []byte, pos int) (n uint64, end int) {
	for i := 0; i < 10 && pos+i < len(p); i++ {
		n |= uint64(p[pos+i]&0x7F) << (7 * i)
		if p[pos+i] < 0x80 {
			return n, pos + i + 1
		}
	}
	return 0, -1
}

// message visits the fields of doc[pos:end]. Inside of them it calls itself, as
// deep as maxMessages.
func (w *Walker) message(doc []byte, pos, end int) {
	if !w.open(true) {
		return
	}
	covered := pos
	for pos < end {
		number, wire, start, next := protoField(doc[:end], pos)
		w.intKey(int64(number))
		if wire == wireBytes {
			w.outside(doc, covered, pos)
			w.protoBytes(doc, start, next)
			covered = next
		}
		pos = next
	}
	w.outside(doc, covered, end)
	w.close()
}

// protoBytes visits a field that has a length: text, a message, or bytes.
func (w *Walker) protoBytes(doc []byte, start, end int) {
	p := doc[start:end]
	text := utf8.Valid(p) && !hasControl(p)
	if text {
		w.visitString(p)
	}
	if len(w.frames) < maxMessages && isMessage(p) {
		w.message(doc, start, end)
		return // close counted it
	}
	if !text {
		w.payload(p)
	}
	w.next()
}
