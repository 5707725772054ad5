package format

import (
	"bytes"
	"unicode/utf8"
)

// hessianVersion begins a call or a reply of Hessian 2.0.
const hessianVersion = "H\x02\x00"

// hessian reads doc, values of Hessian 2.0. Strings and binaries may be sent in
// parts; they are joined. A document begins with its version, or with a list, a map
// or a class, or it has something in parts: else it is what many bytes look like.
func (w *Walker) hessian(doc []byte, visit bool) bool {
	if len(doc) < 3 || !hessianTold(doc[0]) && bytes.IndexByte(doc, 'R') < 0 && bytes.IndexByte(doc, 'A') < 0 {
		return false
	}
	return w.readWith(doc, visit, hessianDocument)
}

// hessianPlace is what a string is.
type hessianPlace uint8

const (
	hessianValue hessianPlace = iota
	hessianKey                // of a member of a map
	hessianName               // of a type or a member, where these are declared
)

func hessianDocument(r *reader) {
	told := hessianTold(r.doc[0])
	if len(r.doc) > 3 && string(r.doc[:3]) == hessianVersion {
		r.take(3)
		switch r.byte() {
		case 'C': // method, how many arguments, these
			r.hessianText(hessianValue)
			r.hessian()
		case 'R', 'F':
		default:
			r.fail()
		}
	}
	for r.more() {
		r.hessian()
	}
	if !told && !r.parts {
		r.fail()
	}
}

// hessianTold reports whether c begins a list, a map or a class, or a version.
func hessianTold(c byte) bool {
	return c >= 'U' && c <= 'X' || c >= 'p' && c <= 0x7f || c == 'C' || c == 'M' || c == 'H'
}

// hessian reads a value, behind the classes that it is of.
func (r *reader) hessian() {
	for r.peek() == 'C' {
		r.byte()
		r.hessianClass()
	}
	switch c := r.byte(); {
	case r.failed:
	case c < 0x20, c >= '0' && c <= '3', c == 'S', c == 'R':
		r.pos--
		r.hessianText(hessianValue)
	case c < 0x30, c >= '4' && c <= '7', c == 'A', c == 'B':
		r.pos--
		r.hessianBinary()
	case c == 'N', c == 'T', c == 'F', c == 0x5b, c == 0x5c, c >= 0x80 && c < 0xc0, c >= 0xd8 && c < 0xf0:
		r.scalar()
	case c >= 0xc0 && c < 0xd0, c >= 0xf0, c == 0x5d:
		r.hessianSkip(1)
	case c >= 0xd0 && c < 0xd8, c >= '8' && c <= '?', c == 0x5e:
		r.hessianSkip(2)
	case c == 'I', c == 'K', c == 'Y', c == 0x5f:
		r.hessianSkip(4)
	case c == 'D', c == 'J', c == 'L':
		r.hessianSkip(8)
	case c == 'Q':
		r.hessianInt()
		r.scalar()
	case c == 'O':
		r.hessianObject(r.hessianInt())
	case c >= 0x60 && c < 0x70:
		r.hessianObject(uint64(c - 0x60))
	case c == 'U', c == 'W':
		if c == 'U' {
			r.hessianType()
		}
		r.hessianList(-1)
	case c == 'V', c == 'X':
		if c == 'V' {
			r.hessianType()
		}
		r.hessianList(r.count(r.hessianInt()))
	case c >= 'p' && c <= 0x7f:
		if c < 'x' {
			r.hessianType()
		}
		r.hessianList(int(c & 7))
	case c == 'M':
		r.hessianType()
		r.hessianMap()
	case c == 'H':
		r.hessianMap()
	default:
		r.fail()
	}
}

func (r *reader) hessianSkip(size uint64) {
	r.take(size)
	r.scalar()
}

// hessianInt is an int, whose value is not negative.
func (r *reader) hessianInt() uint64 {
	switch c := r.byte(); {
	case c >= 0x90 && c < 0xc0:
		return uint64(c - 0x90)
	case c >= 0xc8 && c < 0xd0:
		return uint64(c-0xc8)<<8 | r.uint(1)
	case c >= 0xd4 && c < 0xd8:
		return uint64(c-0xd4)<<16 | r.uint(2)
	case c == 'I':
		if n := r.uint(4); n < 1<<31 {
			return n
		}
	}
	r.fail()
	return 0
}

// hessianType is the name of a type, or the number of one that was read before.
func (r *reader) hessianType() {
	switch c := r.peek(); {
	case c == 'I', c >= 0x80:
		r.hessianInt()
	default:
		r.hessianText(hessianName)
	}
}

// hessianClass is a class: its name, and those of its members.
func (r *reader) hessianClass() {
	r.hessianText(hessianName)
	count := r.count(r.hessianInt())
	r.addClass(0)
	for ; count > 0 && !r.failed; count-- {
		r.addMember(r.hessianText(hessianName))
	}
}

func (r *reader) hessianObject(class uint64) {
	c := r.class(class)
	if !r.open(true) {
		return
	}
	for i := 0; i < int(c.count) && !r.failed; i++ {
		r.label(r.member(c, i))
		r.hessian()
	}
	r.close()
}

// hessianList is a list of count values, up to a Z if it is less than 0.
func (r *reader) hessianList(count int) {
	if !r.open(false) {
		return
	}
	for ; count != 0 && !r.failed && (count > 0 || r.peek() != 'Z'); count-- {
		r.hessian()
	}
	if count < 0 {
		r.byte()
	}
	r.close()
}

func (r *reader) hessianMap() {
	if !r.open(true) {
		return
	}
	for n := int64(0); !r.failed && r.peek() != 'Z'; n++ {
		switch c := r.peek(); {
		case c >= 0 && c < 0x20, c >= '0' && c <= '3', c == 'S', c == 'R':
			r.hessianText(hessianKey)
		default:
			r.intKey(n)
			r.hessian()
		}
		r.hessian()
	}
	r.byte()
	r.close()
}

// hessianText reads a string, and visits it. It returns where it is, nothing if it is
// in parts. Its length is in units of UTF-16.
func (r *reader) hessianText(place hessianPlace) (s span) {
	var text []byte
	first := r.pos
	for n, last := 0, false; !r.failed; n++ {
		units := uint64(0)
		switch c := r.byte(); {
		case c < 0x20:
			units, last = uint64(c), true
		case c >= '0' && c <= '3':
			units, last = uint64(c-'0')<<8|r.uint(1), true
		case c == 'S' || c == 'R':
			units, last = r.uint(2), c == 'S'
		default:
			r.fail()
		}
		s.start = uint32(r.pos)
		for ; units > 0 && !r.failed; units-- {
			switch c := r.byte(); {
			case c < 0x80:
			case c >= 0xc0 && c < 0xe0:
				r.take(1)
			case c >= 0xe0 && c < 0xf0:
				r.take(2)
			case c >= 0xf0: // no surrogates: some count it as one all the same
				r.take(3)
				units = max(2, units) - 1
			default:
				r.fail()
			}
		}
		if s.end = uint32(r.pos); last && n == 0 {
			switch place {
			case hessianKey:
				r.key(s)
			case hessianName:
				r.name(s)
			default:
				r.modified(s)
			}
			return s
		}
		text = r.join(text, s)
		if last {
			break
		}
	}
	if r.before(span{uint32(first), uint32(r.pos)}) {
		if !utf8.Valid(text) {
			l := &r.w.levels[r.w.nested]
			l.scratch = appendModified(l.scratch[:0], text)
			text = l.scratch
		}
		switch place {
		case hessianKey:
			r.w.intKey(int64(first)) // a path needs a name that stays
			fallthrough
		case hessianName:
			r.w.visitKey(text)
		default:
			r.w.value(text)
		}
	}
	return span{}
}

// hessianBinary reads a binary, and visits it.
func (r *reader) hessianBinary() {
	var all []byte
	first := r.pos
	for n, last := 0, false; !last && !r.failed; n++ {
		var s span
		switch c := r.byte(); {
		case c >= 0x20 && c < 0x30:
			s, last = r.take(uint64(c-0x20)), true
		case c >= '4' && c <= '7':
			s, last = r.take(uint64(c-'4')<<8|r.uint(1)), true
		case c == 'A' || c == 'B':
			s, last = r.take(r.uint(2)), c == 'B'
		default:
			r.fail()
		}
		if last && n == 0 {
			r.binary(s)
			return
		}
		all = r.join(all, s)
	}
	if r.before(span{uint32(first), uint32(r.pos)}) {
		r.w.bytes(all)
	}
}
