package format

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// progress is how far a document was read, behind a token.
type progress struct {
	pos     int
	state   state
	seen    bool // an array, an object or a string
	scalars bool // complete values outside of arrays and objects that are none of these
	values  int  // complete values outside of arrays and objects
}

// strict reads l's document from pos on as far as it is plain JSON (RFC 8259),
// and leaves the rest to lenient. It keeps no frames: where a value stands is
// found out when it is asked for, see sync.
func (w *Walker) strict(l *level, pos int) {
	const maxOpen = 64
	doc, state := l.doc, wantDocument
	l.lazy, l.synced = true, pos
	shape := w.root.Shape
	if w.nested != 1 || !l.silent {
		shape = nil
	}
	var (
		objects uint64 // of the open ones, the innermost lowest
		open    int
		index   int  // of the outermost array
		special role // of the outermost array's or object's next value
		seen    bool
		values  int // outside of arrays and objects
		scalars int // of these, others than arrays and objects
	)
scan:
	for pos < len(doc) {
		c := doc[pos]
		if c == '"' {
			end, escaped := quotes(doc, pos+1)
			if end == len(doc) {
				break scan
			}
			text := doc[pos+1 : end]
			if escaped {
				var ok bool
				if text, end, ok = l.unquote(pos+1, '"'); !ok || end == len(doc) {
					break scan
				}
			}
			next := end + 1
			if next < len(doc) && doc[next] <= ' ' {
				next = skipSpace(doc, next)
			}
			colon := next < len(doc) && doc[next] == ':'
			switch {
			case colon && state.takesKey():
				if shape != nil && open == 1 {
					special = shape.special(true, 0, text)
				}
				l.pos = end + 1
				w.visitKey(text)
				state, pos = wantValue, next+1
			case !colon && state.takesValue():
				l.pos = pos
				if special != roleNone && open == 1 {
					w.special(special, text)
				} else if w.visitValue(text); len(text) >= minInside {
					w.inside(text, true)
				}
				pos = next
				if state = wantComma; open == 0 {
					state = wantDocument
					values++
					scalars++
				}
			default:
				break scan
			}
			seen = true
			continue
		}
		switch c {
		case ' ', '\n', '\r', '\t':
			pos++
		case '{', '[':
			if !state.takesValue() || open == maxOpen {
				break scan
			}
			seen = true
			open++
			objects <<= 1
			state = wantFirstElement
			if c == '{' {
				objects |= 1
				state = wantFirstKey
			} else if open == 1 && shape != nil {
				index = 0
				special = shape.special(false, 0, nil)
			}
			pos++
		case '}', ']':
			if open == 0 || (c == '}') != (objects&1 == 1) || state == wantValue || state == wantKey {
				break scan
			}
			open--
			objects >>= 1
			if state = wantComma; open == 0 {
				state = wantDocument
				values++
			}
			pos++
		case ',':
			if state != wantComma {
				break scan
			}
			if objects&1 == 1 {
				state = wantKey
			} else {
				state = wantValue
				if open == 1 && shape != nil {
					index++
					special = shape.special(false, index, nil)
				}
			}
			pos++
		default:
			end := pos + 1
			for end < len(doc) && !endsWord[doc[end]] {
				end++
			}
			word := doc[pos:end]
			if !state.takesValue() || !isNumber(word) && !isLiteral(word) {
				break scan
			}
			if special == roleEvent && open == 1 {
				w.setEvent(word)
			}
			pos = end
			if state = wantComma; open == 0 {
				state = wantDocument
				values++
				scalars++
			}
		}
	}
	// field by field: the compiler would build a copy
	l.read.pos, l.read.state, l.read.values = pos, state, values
	l.read.seen, l.read.scalars = seen, scalars > 0
	if pos < len(doc) {
		l.pos = pos
		w.sync()
		l.lazy = false
	}
}

// quotes returns where the string ends whose text begins at i, len(doc) if
// nowhere, and whether there is a backslash in it; then a quote behind that does
// not end it.
func quotes(doc []byte, i int) (end int, escaped bool) {
	const ones, highs, long = 0x0101010101010101, 0x8080808080808080, 32
	for stop := min(i+long, len(doc)-8); i <= stop; i += 8 {
		x := binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(doc)), i))[:])
		quote, slash := x^ones*'"', x^ones*'\\'
		// The lowest bit of these is right: borrows go up.
		if found := ((quote-ones)&^quote | (slash-ones)&^slash) & highs; found != 0 {
			i += bits.TrailingZeros64(found) / 8
			return i, doc[i] == '\\'
		}
	}
	end = indexFrom(doc, i, '"')
	return end, bytes.IndexByte(doc[i:end], '\\') >= 0
}

// sync brings the frames of all levels that strict reads to what is being
// visited. Levels are synced from the outside in, and each goes on where it
// was, so that all paths of a payload take one more scan of it.
func (w *Walker) sync() {
	for n := 1; n <= w.nested; n++ {
		l := &w.levels[n]
		l.base = max(l.base, w.levels[n-1].base)
		if !l.lazy || n < w.nested && len(w.frames) > w.levels[n+1].base {
			continue // it has frames, or stands still below a level that has
		}
		nested := w.nested
		w.nested = n
		w.follow(l)
		w.nested = nested
		if n < nested {
			w.levels[n+1].base = len(w.frames)
		}
	}
}

// follow reads plain JSON from where l was synced to l.pos.
func (w *Walker) follow(l *level) {
	doc := l.doc
	for l.synced < l.pos {
		i := l.synced
		l.synced++
		switch doc[i] {
		case '{', '[':
			w.open(doc[i] == '{')
		case '}', ']':
			n := len(w.frames) - 1
			w.frames[n].key = nil
			w.frames = w.frames[:n]
		case ',':
			if f := w.top(); f != nil && f.object {
				f.key, f.keyed = nil, false
			} else {
				w.next()
			}
		case '"':
			end, escaped := quotes(doc, i+1)
			raw := doc[i+1 : end]
			text := raw
			if escaped {
				// The scratch of the level may be in use by what is visited.
				var own level
				own.doc = doc
				text, end, _ = own.unquote(i+1, '"')
				raw = doc[i+1 : end]
			}
			l.synced = end + 1
			colon := skipSpace(doc, end+1)
			if f := w.top(); f != nil && f.object && colon < len(doc) && doc[colon] == ':' {
				f.key, f.raw, f.keyed = raw, true, true
				w.setRole(f, text)
			}
		}
	}
}
