package format

import (
	"encoding/binary"
)

// The element types of BSON whose values are of interest, or of fixed size
// (bsonspec.org 1.1).
const (
	bsonDouble    = 0x01
	bsonString    = 0x02
	bsonDocument  = 0x03
	bsonArray     = 0x04
	bsonBinary    = 0x05
	bsonUndefined = 0x06
	bsonObjectID  = 0x07
	bsonBool      = 0x08
	bsonDateTime  = 0x09
	bsonNull      = 0x0A
	bsonRegex     = 0x0B
	bsonDBPointer = 0x0C
	bsonCode      = 0x0D
	bsonSymbol    = 0x0E
	bsonScope     = 0x0F
	bsonInt32     = 0x10
	bsonTimestamp = 0x11
	bsonInt64     = 0x12
	bsonDecimal   = 0x13
)

// bson reads doc, one document, and visits it if visit is set. Lengths are
// checked against each other: a document ends where it says.
func (w *Walker) bson(doc []byte, visit bool) bool {
	base := len(w.counters)
	ok := w.readBSON(doc, base, visit)
	w.counters = w.counters[:base]
	return ok
}

// readBSON keeps in counters where the open documents end.
func (w *Walker) readBSON(doc []byte, base int, visit bool) bool {
	if bsonLength(doc) != len(doc) {
		return false
	}
	if visit {
		w.open(true)
	}
	w.counters = append(w.counters, counter{uint64(len(doc)), true})
	covered, pos := 0, 4
	for {
		n := len(w.counters) - 1
		end := int(w.counters[n].left)
		if pos >= end {
			return false
		}
		kind := doc[pos]
		pos++
		if kind == 0 {
			if pos != end {
				return false
			}
			w.counters = w.counters[:n]
			if visit {
				w.close()
			}
			if n == base {
				if visit {
					w.outside(doc, covered, len(doc))
				}
				return true
			}
			continue
		}
		name := pos
		if pos = cString(doc, pos, end); pos < 0 {
			return false
		}
		if visit {
			w.outside(doc, covered, name)
			if covered = pos; w.counters[n].isMap {
				w.key(doc[name : pos-1])
			}
		}
		start, size, text := pos, -1, false
		switch kind {
		case bsonDouble, bsonDateTime, bsonTimestamp, bsonInt64:
			size = 8
		case bsonUndefined, bsonNull, 0x7F, 0xFF:
			size = 0
		case bsonBool:
			size = 1
		case bsonInt32:
			size = 4
		case bsonObjectID:
			size = 12
		case bsonDecimal:
			size = 16
		case bsonString, bsonCode, bsonSymbol, bsonDBPointer:
			// the length counts the NUL behind the text
			length := bsonLength(doc[pos:end])
			if start += 4; length < 1 || length > end-start || doc[start+length-1] != 0 {
				return false
			}
			size, text = length, true
		case bsonBinary:
			length := bsonLength(doc[pos:end])
			if start += 5; length < 0 || length > end-start {
				return false
			}
			size = length
		case bsonRegex:
			middle := cString(doc, pos, end)
			if middle < 0 {
				return false
			}
			if size = cString(doc, middle, end) - pos; size < 0 {
				return false
			}
			if visit { // the pattern, then the options
				w.visitString(doc[pos : middle-1])
			}
		case bsonDocument, bsonArray, bsonScope:
			if kind == bsonScope { // a length, code, and the variables it sees
				length := bsonLength(doc[pos:end])
				code := bsonLength(doc[min(pos+4, end):end])
				if start += 8; length > end-pos || code < 1 || code > end-start {
					return false
				}
				if visit {
					w.visitString(doc[start : start+code-1])
					covered = start + code
				}
				start += code
			}
			length := bsonLength(doc[start:end])
			if length < 5 || length > end-start || len(w.counters)-base == maxDepth {
				return false
			}
			if visit && !w.open(kind != bsonArray) {
				return false
			}
			w.counters = append(w.counters, counter{uint64(start + length), kind != bsonArray})
			pos = start + 4
			continue
		}
		if size < 0 || size > end-start {
			return false
		}
		pos = start + size
		if kind == bsonDBPointer {
			if pos += 12; pos > end {
				return false
			}
		}
		switch {
		case !visit:
		case text:
			w.outside(doc, covered, start)
			w.value(doc[start : start+size-1])
			covered = start + size
		case kind == bsonBinary:
			w.outside(doc, covered, start)
			w.bytes(doc[start:pos])
			covered = pos
		case kind == bsonRegex:
			w.value(doc[start : pos-1])
			covered = pos
		default:
			w.next()
		}
	}
}

// bsonLength is the length that p begins with, -1 if there is none.
func bsonLength(p []byte) int {
	if len(p) < 4 {
		return -1
	}
	return int(int32(binary.LittleEndian.Uint32(p)))
}

// cString returns what is behind the NUL of the string at pos, -1 if there is
// none before end.
func cString(doc []byte, pos, end int) int {
	if pos >= end {
		return -1
	}
	if i := indexFrom(doc[:end], pos, 0); i < end {
		return i + 1
	}
	return -1
}
