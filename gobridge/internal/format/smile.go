package format

const (
	smileMagic = ":)\n"
	// maxSmile is how many strings a table has; then it begins anew.
	maxSmile = 1024
	smileEnd = 0xFC // of a long string
)

// smile reads doc, the Smile of Jackson.
func (w *Walker) smile(doc []byte, visit bool) bool {
	if len(doc) < 5 || string(doc[:3]) != smileMagic {
		return false
	}
	return w.readWith(doc, visit, smileDocument)
}

func smileDocument(r *reader) {
	r.take(4)
	for r.more() {
		switch r.peek() {
		case 0xFF:
			r.pos++
		case ':':
			r.take(4)
			r.w.texts = r.w.texts[:r.base.texts]
			r.w.members = r.w.members[:r.base.members]
		default:
			r.smile()
		}
	}
	r.isMagic()
}

func (r *reader) smile() {
	c := r.byte()
	switch {
	case c >= 0x01 && c <= 0x1F:
		r.refer(r.text(uint64(c) - 1))
	case c >= 0xEC && c <= 0xEF:
		r.refer(r.text(uint64(c&3)<<8 | uint64(r.byte())))
	case c >= 0x40 && c <= 0x7F:
		r.smileText(uint64(c-0x40) + 1)
	case c >= 0x80 && c <= 0xBF:
		r.smileText(uint64(c-0x80) + 2)
	case c == 0xE0, c == 0xE4:
		r.value(r.smileLong())
	case c == 0x20:
		r.value(r.take(0))
	case c >= 0x21 && c <= 0x23, c >= 0xC0 && c <= 0xDF:
		r.scalar()
	case c == 0x24, c == 0x25:
		r.smileInt()
		r.scalar()
	case c == 0x26, c == 0x2A:
		if c == 0x2A {
			r.smileInt() // the scale
		}
		n := r.smileInt()
		r.take(n + (n+6)/7)
		r.scalar()
	case c == 0x28:
		r.take(5)
		r.scalar()
	case c == 0x29:
		r.take(10)
		r.scalar()
	case c == 0xE8:
		r.smileBinary()
	case c == 0xFD:
		r.binary(r.take(r.smileInt()))
	case c == 0xF8:
		if !r.open(false) {
			return
		}
		for !r.failed && r.peek() != 0xF9 {
			r.smile()
		}
		r.expect(0xF9)
		r.close()
	case c == 0xFA:
		if !r.open(true) {
			return
		}
		for !r.failed && r.smileKey() {
			r.smile()
		}
		r.close()
	default:
		r.fail()
	}
}

func (r *reader) smileText(n uint64) {
	s := r.take(n)
	if len(r.w.texts)-r.base.texts == maxSmile {
		r.w.texts = r.w.texts[:r.base.texts]
	}
	r.addText(s)
	r.value(s)
}

// smileKey reads a key, and reports whether there is one.
func (r *reader) smileKey() bool {
	c := r.byte()
	var s span
	switch {
	case c == 0xFB:
		return false
	case c == 0x20:
		s = r.take(0)
	case c >= 0x30 && c <= 0x33, c >= 0x40 && c <= 0x7F:
		i := int(c) - 0x40
		if c < 0x40 {
			i = int(c&3)<<8 | int(r.byte())
		}
		keys := r.w.members[r.base.members:]
		if i >= len(keys) {
			r.fail()
			return false
		}
		r.label(keys[i])
		return true
	case c == 0x34:
		s = r.smileLong()
	case c >= 0x80 && c <= 0xBF:
		s = r.take(uint64(c-0x80) + 1)
	case c >= 0xC0 && c <= 0xF7:
		s = r.take(uint64(c-0xC0) + 2)
	default:
		r.fail()
		return false
	}
	if c >= 0x80 {
		if len(r.w.members)-r.base.members == maxSmile {
			r.w.members = r.w.members[:r.base.members]
		}
		r.w.members = append(r.w.members, s)
	}
	r.key(s)
	return !r.failed
}

func (r *reader) smileLong() span {
	end := indexFrom(r.doc, r.pos, smileEnd)
	s := r.take(uint64(end - r.pos))
	r.expect(smileEnd)
	return s
}

// smileInt is a number of seven bits a byte, and six in the last, which has its
// highest bit set.
func (r *reader) smileInt() (n uint64) {
	for range 10 {
		c := r.byte()
		if c >= 0x80 {
			return n<<6 | uint64(c&0x3F)
		}
		n = n<<7 | uint64(c)
	}
	r.fail()
	return 0
}

// smileBinary visits bytes that are written seven bits a byte; the last has
// what is left in its lowest.
func (r *reader) smileBinary() {
	n := uint64(r.count(r.smileInt()))
	s := r.take(n + (n+6)/7)
	if !r.before(s) {
		return
	}
	l := &r.w.levels[r.w.nested]
	out := l.scratch[:0]
	bits, have := uint(0), uint(0)
	for _, c := range r.bytes(s) {
		size := uint(7)
		if left := 8*(n-uint64(len(out))) - uint64(have); left < 7 {
			size = uint(left)
		}
		bits = bits<<size | uint(c)&(1<<size-1)
		if have += size; have >= 8 {
			have -= 8
			out = append(out, byte(bits>>have))
		}
	}
	l.scratch = out
	r.w.bytes(out)
}
