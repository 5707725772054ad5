package format

import "encoding/binary"

// MessagePack visits every string, binary, extension and key of doc, which is
// one object or several behind each other, and reports whether it is. A caller
// that is told false visits what there may be with Walk.
func (w *Walker) MessagePack(doc []byte, root Root, visit Visit) bool {
	w.begin(doc, root, visit)
	ok := w.push("msgpack", doc, true)
	if ok {
		ok = w.msgpack(doc, true)
		w.pop()
	}
	w.end()
	return ok
}

// msgpack reads doc, and visits it if visit is set. Every byte under 0x80 is a
// number, so that no document begins with one.
func (w *Walker) msgpack(doc []byte, visit bool) bool {
	return w.packed(&packedMessagePack, doc, visit)
}

var packedMessagePack = packedFormat{lazyMessagePack, (*packedScanner).messagePack, (*Walker).readMessagePack}

// messagePack finds strings until marks is full, or something is to be read with
// frames: then it says so by less of them.
func (s *packedScanner) messagePack(marks *[maxMarks]mark) (n int) {
	var (
		doc     = s.doc
		pos     = s.pos
		covered = s.covered
		open    = s.open
		maps    = s.maps
		left    = s.left[open&maxPacked]

		kind             markKind
		start, end, size int
	)
	for pos < len(doc) && n <= maxMarks-marksAtOnce {
		c := doc[pos]
		start = pos + 1
		// Most are short texts.
		if size = int(c) - 0xa0; uint(size) < 0x20 && open > 0 && start+size <= len(doc)-8 {
			end = start + size
			kind = markInside | 1<<markHead
			if maps&1 == 1 && left&1 == 0 {
				kind = markKey
			} else if size < 8 {
				x := word(doc, start)
				if !begins[byte(x)] && zeros(x^ones*'%')&highs&(1<<(8*size&63)-1) == 0 {
					kind = 1 << markHead
				}
			}
			goto text
		}
		switch {
		case c-0xa0 < 0x20:
			size, kind = int(c&0x1f), markInside|1<<markHead
		case c < 0x80 || c >= 0xe0:
			goto scalar
		case c < 0xa0:
			if size, kind = int(c&0x0f), 0; c < 0x90 {
				kind = 1
			}
			goto begin
		default:
			h := &messagePack[c-0xc0]
			if len(doc)-start < int(h.length) {
				goto fail
			}
			size = 0
			switch h.length {
			case 1:
				size = int(doc[start])
			case 2:
				size = int(binary.BigEndian.Uint16(doc[start:]))
			case 4:
				size = int(binary.BigEndian.Uint32(doc[start:]))
			}
			start += int(h.length)
			size += int(h.size)
			switch h.kind {
			case tokenNone:
				goto fail
			case tokenScalar:
				if size > len(doc)-start {
					goto fail
				}
				start += size
				goto scalar
			case tokenMap, tokenArray:
				if kind = 0; h.kind == tokenMap {
					kind = 1
				}
				goto begin
			case tokenText:
				kind = markInside | markKind(start-pos)<<markHead
			default:
				if h.kind == tokenExt {
					start++
					size--
				}
				kind = markBytes | markKind(start-pos)<<markHead
			}
		}
		if end = start + size; end > len(doc) {
			goto fail
		}
		if maps&1 == 1 && left&1 == 0 {
			kind = markKey
		} else if size < 8 && kind&markInside != 0 && holdsNothing(doc, start, size) {
			kind &^= markInside
		}

	text:
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
		goto ends

	scalar:
		if open == 0 {
			goto fail
		}
		if s.shaped && open == 1 && maps&1 == 1 && left&1 == 0 {
			goto stop // a key that is none to the Shape
		}
		pos = start

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
		maps >>= 1
		if open--; open == 0 {
			continue
		}
		left = s.left[open&maxPacked]
		goto closes

	begin:
		// Every element takes a byte, or a pair.
		if size > len(doc)-start {
			goto fail
		}
		if open == maxPacked || s.shaped && open == 1 && maps&1 == 1 && left&1 == 0 {
			goto stop
		}
		if open > 0 {
			left--
		}
		s.left[open&maxPacked] = left
		open++
		s.opens++
		maps = maps<<1 | uint64(kind)
		left = uint64(size) << kind
		pos = start
		if s.shaped && open == 1 && kind == 0 {
			marks[n] = mark{0, 0, markFirst | markOuter}
			n++
		}
		if left == 0 {
			maps >>= 1
			if open--; open > 0 {
				left = s.left[open&maxPacked]
				goto closes
			}
		}
	}
	goto stop

fail:
	s.failed = true

stop:
	s.pos, s.covered, s.open, s.maps = pos, covered, open, maps
	s.left[open&maxPacked] = left
	return n
}

func (w *Walker) readMessagePack(doc []byte, pos, covered, base int, visit bool) bool {
	for pos < len(doc) {
		c := doc[pos]
		kind, start, size := headOfMessagePack(doc, pos)
		var top *counter
		if n := len(w.counters); n > base {
			top = &w.counters[n-1]
		} else if kind == tokenScalar {
			return false
		}
		switch kind {
		case tokenNone:
			return false
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
			pos = start + int(size)
			isKey := top != nil && top.atKey()
			if top != nil {
				top.left-- // before what is visited appends to counters
			}
			switch {
			case !visit:
			case isKey && kind == tokenScalar:
				w.intKey(messagePackInt(c, doc[start:pos]))
			default:
				covered = w.item(kind, isKey, doc, start, pos, covered)
			}
		}
		w.closeFull(base, visit)
	}
	if visit {
		w.outside(doc, covered, len(doc))
	}
	return len(w.counters) == base
}

// headOfMessagePack returns what the object at pos is, where its content begins,
// and its size: bytes, elements or pairs. tokenNone if there is not so much: every
// element takes a byte, too.
func headOfMessagePack(doc []byte, pos int) (kind token, start int, size uint64) {
	if pos == len(doc) {
		return tokenNone, 0, 0
	}
	c := doc[pos]
	kind, start = tokenScalar, pos+1
	switch {
	case c < 0x80 || c >= 0xe0: // fixint
	case c < 0x90:
		kind, size = tokenMap, uint64(c&0x0f)
	case c < 0xa0:
		kind, size = tokenArray, uint64(c&0x0f)
	case c < 0xc0:
		kind, size = tokenText, uint64(c&0x1f)
	default:
		h := &messagePack[c-0xc0]
		if len(doc)-start < int(h.length) {
			return tokenNone, 0, 0
		}
		switch h.length {
		case 1:
			size = uint64(doc[start])
		case 2:
			size = uint64(binary.BigEndian.Uint16(doc[start:]))
		case 4:
			size = uint64(binary.BigEndian.Uint32(doc[start:]))
		}
		kind, start, size = h.kind, start+int(h.length), size+uint64(h.size)
	}
	if size > uint64(len(doc)-start) {
		return tokenNone, 0, 0
	}
	return kind, start, size
}

// messagePackInt is the number that a map has for a key, 0 if it is none.
func messagePackInt(c byte, p []byte) int64 {
	if len(p) == 0 {
		return int64(int8(c))
	}
	n := int64(0)
	if c >= 0xd0 {
		n = int64(int8(p[0])) >> 7
	}
	for _, b := range p {
		n = n<<8 | int64(b)
	}
	return n
}

// messagePack has the tokens from 0xc0 on: how many bytes of length follow the
// first, and what is added to that length.
var messagePack = [0x20]struct {
	kind         token
	length, size uint8
}{
	0x00: {tokenScalar, 0, 0}, // nil
	0x01: {tokenNone, 0, 0},
	0x02: {tokenScalar, 0, 0}, // false
	0x03: {tokenScalar, 0, 0}, // true
	0x04: {tokenBytes, 1, 0},
	0x05: {tokenBytes, 2, 0},
	0x06: {tokenBytes, 4, 0},
	0x07: {tokenExt, 1, 1}, // ext: a type, and content
	0x08: {tokenExt, 2, 1},
	0x09: {tokenExt, 4, 1},
	0x0a: {tokenScalar, 0, 4}, // float
	0x0b: {tokenScalar, 0, 8},
	0x0c: {tokenScalar, 0, 1}, // uint
	0x0d: {tokenScalar, 0, 2},
	0x0e: {tokenScalar, 0, 4},
	0x0f: {tokenScalar, 0, 8},
	0x10: {tokenScalar, 0, 1}, // int
	0x11: {tokenScalar, 0, 2},
	0x12: {tokenScalar, 0, 4},
	0x13: {tokenScalar, 0, 8},
	0x14: {tokenExt, 0, 2}, // fixext
	0x15: {tokenExt, 0, 3},
	0x16: {tokenExt, 0, 5},
	0x17: {tokenExt, 0, 9},
	0x18: {tokenExt, 0, 17},
	0x19: {tokenText, 1, 0},
	0x1a: {tokenText, 2, 0},
	0x1b: {tokenText, 4, 0},
	0x1c: {tokenArray, 2, 0},
	0x1d: {tokenArray, 4, 0},
	0x1e: {tokenMap, 2, 0},
	0x1f: {tokenMap, 4, 0},
}
