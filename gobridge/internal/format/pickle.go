package format

import (
	"bytes"
	"unicode/utf8"
)

const (
	pickleProto    = 0x80
	pickleProtocol = 5 // the highest
)

// pickle reads doc, a program of Python's pickle: protocols 0 and 1 have no
// header, 0 is text. Elements between a mark and what takes them are an array,
// those of a dictionary an object.
func (w *Walker) pickle(doc []byte, visit bool) bool {
	return isPickle(doc) && w.readWith(doc, visit, pickleProgram)
}

// isPickle looks at the first bytes and the last.
func isPickle(p []byte) bool {
	if len(p) < 4 {
		return false
	}
	if p[0] == pickleProto {
		return p[1] <= pickleProtocol
	}
	switch p[0] {
	case '(', 'c', ']', '}', ')':
		end := len(p)
		for end > 1 && isSpace(p[end-1]) {
			end--
		}
		return p[end-1] == '.'
	}
	return false
}

// pickleMark is what is on the stack above a mark: how much, and whether those
// are keys and values.
type pickleMark = counter

func pickleProgram(r *reader) {
	w := r.w
	base := len(w.counters)
	w.counters = append(w.counters, pickleMark{})
	done := false
	for r.more() && !done {
		done = r.pickleStep(base)
	}
	stack := w.counters[base:]
	if !done || len(stack) != 1 || stack[0].left != 1 {
		r.fail()
	}
	w.counters = w.counters[:base]
	if rest := bytes.TrimSpace(r.doc[r.pos:]); !r.failed && (len(rest) == 0 || r.doc[0] == pickleProto) {
		r.isMagic() // loads() takes what follows
	}
}

// pickleStep reads one opcode, and reports whether it was the last.
func (r *reader) pickleStep(base int) (done bool) {
	op := r.byte()
	n := len(r.w.counters) - 1
	top := r.w.counters[n].left
	switch op {
	case pickleProto:
		r.take(1)
	case 0x95: // a frame
		r.take(8)
	case '.':
		return true
	case '(':
		isDict := r.pos > 1 && r.pickleAtDict()
		if !r.open(isDict) {
			return false
		}
		r.w.counters = append(r.w.counters, pickleMark{0, isDict})
	case 'V', 'S', 'F', 'I', 'L', 'P', 'c', 'i':
		s := r.line()
		switch op {
		case 'S':
			if len := s.end - s.start; len < 2 || r.doc[s.start] != r.doc[s.end-1] {
				r.fail()
				return false
			}
			s.start++
			s.end--
			r.pickleLine(s)
		case 'V', 'P':
			r.pickleLine(s)
		case 'c', 'i':
			name := r.line()
			if !isDotted(r.bytes(s)) || !isDotted(r.bytes(name)) {
				r.fail()
				return false
			}
			if op == 'i' {
				r.pickleEnd(base, 0, 1)
				r.name(s)
				r.name(name)
				return false
			}
			r.name(s)
			r.name(name)
			r.picklePush(1)
		default:
			r.picklePush(1)
			r.scalar()
		}
	case 'U', 0x8C, 'C':
		r.pickleText(r.take(uint64(r.byte())), op == 'C')
	case 'T', 'X', 'B':
		r.pickleText(r.take(r.uintLE(4)), op == 'B')
	case 0x8D, 0x8E, 0x96:
		r.pickleText(r.take(r.uintLE(8)), op != 0x8D)
	case ']', '}', 0x8F: // empty, what is in it follows
		r.picklePush(1)
	case 'N', 0x88, 0x89, ')', 0x97:
		r.picklePush(1)
		r.scalar()
	case 'K', 0x82:
		r.take(1)
		r.picklePush(1)
		r.scalar()
	case 'M', 0x83:
		r.take(2)
		r.picklePush(1)
		r.scalar()
	case 'J', 0x84:
		r.take(4)
		r.picklePush(1)
		r.scalar()
	case 'G':
		r.take(8)
		r.picklePush(1)
		r.scalar()
	case 0x8A:
		r.take(uint64(r.byte()))
		r.picklePush(1)
		r.scalar()
	case 0x8B:
		r.take(r.uintLE(4))
		r.picklePush(1)
		r.scalar()
	case 'p':
		r.line()
		r.addPickled()
	case 'q':
		r.take(1)
		r.addPickled()
	case 'r':
		r.take(4)
		r.addPickled()
	case 0x94:
		r.addPickled()
	case 'g':
		i := uint64(0)
		for _, c := range r.bytes(r.line()) {
			i = i*10 + uint64(c-'0')
		}
		r.pickleGet(i)
	case 'h':
		r.pickleGet(r.uintLE(1))
	case 'j':
		r.pickleGet(r.uintLE(4))
	case '0':
		if top > 0 {
			r.picklePop(1, 0)
		} else {
			r.pickleEnd(base, 0, 0) // the mark itself
		}
	case '1':
		r.pickleEnd(base, 0, 0)
	case '2':
		r.picklePush(1)
		r.scalar()
	case 0x85:
		r.picklePop(1, 1)
	case 0x86, 'R', 0x81, 'b', 'a', 0x93:
		r.picklePop(2, 1)
	case 0x87, 's', 0x92:
		r.picklePop(3, 1)
	case 'Q', 0x98:
		r.picklePop(1, 1)
	case 't', 'l', 'd', 'o', 0x91:
		r.pickleEnd(base, 0, 1)
	case 'u', 'e', 0x90:
		r.pickleEnd(base, 1, 1)
	default:
		r.fail()
	}
	return false
}

// line is what stands before the next line feed.
func (r *reader) line() span {
	end := indexFrom(r.doc, r.pos, '\n')
	if end >= len(r.doc) {
		r.fail()
		return span{}
	}
	s := r.take(uint64(end - r.pos))
	r.pos++
	return s
}

// isDotted reports whether p is the name of a module or of what is in one.
func isDotted(p []byte) bool {
	for _, c := range p {
		if c != '_' && c != '.' && c != '<' && c != '>' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c < 0x80 {
			return false
		}
	}
	return len(p) > 0
}

// pickleAtDict reports whether a mark stands behind an empty dictionary, which
// may be kept in the memo.
func (r *reader) pickleAtDict() bool {
	i := r.pos - 2
	if r.doc[i] == 0x94 {
		return i > 0 && r.doc[i-1] == '}'
	}
	return r.doc[i] == '}' || i >= 2 && r.doc[i-1] == 'q' && r.doc[i-2] == '}' ||
		i >= 5 && r.doc[i-4] == 'r' && r.doc[i-5] == '}'
}

func (r *reader) picklePush(n uint64) {
	r.last = span{}
	r.w.counters[len(r.w.counters)-1].left += n
}

// picklePop takes n values from the stack, and puts push there.
func (r *reader) picklePop(n, push uint64) {
	r.last = span{}
	top := &r.w.counters[len(r.w.counters)-1]
	if top.left < n {
		r.fail()
		return
	}
	top.left += push - n
}

// pickleEnd takes what is above the last mark, and n values below it.
func (r *reader) pickleEnd(base int, n, push uint64) {
	top := len(r.w.counters) - 1
	if top == base {
		r.fail()
		return
	}
	r.w.counters = r.w.counters[:top]
	r.close()
	r.picklePop(n, push)
}

// pickleText visits a string, which is a key at an even place of a dictionary.
func (r *reader) pickleText(s span, isBytes bool) {
	if r.failed {
		return
	}
	top := &r.w.counters[len(r.w.counters)-1]
	isKey := top.isMap && top.left&1 == 0
	top.left++
	r.last = s
	switch {
	case isKey:
		r.key(s)
	case isBytes:
		r.binary(s)
	default:
		r.value(s)
	}
}

// pickleLine is pickleText with the escapes of protocol 0.
func (r *reader) pickleLine(s span) {
	text := r.bytes(s)
	valid := utf8.Valid(text)
	if !r.visit || valid && bytes.IndexByte(text, '\\') < 0 {
		r.pickleText(s, false)
		return
	}
	l := &r.w.levels[r.w.nested]
	l.scratch = l.scratch[:0]
	for len(text) > 0 {
		size := 1
		switch c := text[0]; {
		case c == '\\' && len(text) > 9 && text[1] == 'U' && hex(text[2:], 8) >= 0:
			l.scratch, size = utf8.AppendRune(l.scratch, hex(text[2:], 8)), 10
		case c == '\\':
			l.scratch, size, _ = unescape(l.scratch, text)
		case c >= utf8.RuneSelf && !valid: // Python writes what is below U+0100 as it is
			l.scratch = utf8.AppendRune(l.scratch, rune(c))
		default:
			l.scratch = append(l.scratch, c)
		}
		text = text[size:]
	}
	r.picklePush(1)
	if r.before(s) {
		r.w.value(l.scratch)
	}
}

func (r *reader) addPickled() {
	if len(r.w.texts)-r.base.texts < maxTable {
		r.addText(r.last)
	}
}

// pickleGet visits what the memo has. One that is not filled in order is not
// followed.
func (r *reader) pickleGet(i uint64) {
	var s span
	if memo := r.w.texts[r.base.texts:]; i < uint64(len(memo)) {
		s = memo[i]
	}
	top := &r.w.counters[len(r.w.counters)-1]
	isKey := top.isMap && top.left&1 == 0
	top.left++
	switch {
	case s.start == s.end:
		r.scalar()
	case isKey:
		r.label(s)
	default:
		r.refer(s)
	}
	r.last = s
}
