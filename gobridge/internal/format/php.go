package format

// php reads doc, what serialize() of PHP writes. It is text, but for the names
// of members that are not public.
func (w *Walker) php(doc []byte, visit bool) bool {
	return isPHP(doc) && w.readWith(doc, visit, phpDocument)
}

// isPHP looks at the first bytes: a:1:{, O:8:", C:, E:, s:5:".
func isPHP(p []byte) bool {
	if len(p) < 6 || p[1] != ':' || p[2] < '0' && p[2] != '+' || p[2] > '9' {
		return false
	}
	switch p[0] {
	case 'a', 'O', 'C', 'E', 's', 'S':
		return true
	}
	return false
}

func phpDocument(r *reader) {
	r.php()
	if r.failed || r.strings == 0 {
		return
	}
	r.magic = true // unserialize() takes what follows
}

func (r *reader) php() {
	kind := r.byte()
	if kind == 'N' {
		r.expect(';')
		r.scalar()
		return
	}
	r.expect(':')
	switch kind {
	case 'b', 'i', 'd', 'r', 'R':
		r.phpScalar()
		r.scalar()
	case 's':
		s := r.phpString()
		r.expect(';')
		r.value(s)
	case 'S':
		r.phpEscaped()
	case 'E':
		s := r.phpString()
		r.expect(';')
		r.value(s)
	case 'a':
		n := r.count(r.phpNumber(':'))
		r.phpMembers(nil, n)
	case 'O':
		name := r.phpString()
		r.expect(':')
		n := r.count(r.phpNumber(':'))
		r.phpMembers(&name, n)
	case 'C':
		name := r.phpString()
		r.expect(':')
		n := r.phpNumber(':')
		r.expect('{')
		data := r.take(n)
		r.expect('}')
		if r.open(true) {
			r.key(name)
			r.binary(data)
			r.close()
		}
	default:
		r.fail()
	}
}

func (r *reader) phpMembers(name *span, n int) {
	r.expect('{')
	if !r.open(true) {
		return
	}
	if name != nil {
		r.key(*name)
	}
	for ; n > 0 && !r.failed; n-- {
		kind := r.byte()
		r.expect(':')
		switch kind {
		case 'i':
			negative := r.peek() == '-'
			if negative {
				r.pos++
			}
			i := int64(r.phpNumber(';'))
			if negative {
				i = -i
			}
			r.intKey(i)
		case 's':
			s := r.phpString()
			r.expect(';')
			// What is not public has its class between two NUL.
			for i := s.start; i < s.end; i++ {
				if r.doc[i] == 0 && r.doc[s.start] == 0 && i > s.start {
					s.start = i + 1
					break
				}
			}
			r.key(s)
		default:
			r.fail()
		}
		r.php()
	}
	r.expect('}')
	r.close()
}

func (r *reader) expect(c byte) {
	if r.byte() != c {
		r.fail()
	}
}

// phpNumber is a number that ends with end.
func (r *reader) phpNumber(end byte) (n uint64) {
	if r.peek() == '+' {
		r.pos++
	}
	for i := 0; !r.failed; i++ {
		c := r.byte()
		if c == end && i > 0 {
			return n
		}
		if c < '0' || c > '9' || i == 18 {
			r.fail()
		}
		n = n*10 + uint64(c-'0')
	}
	return 0
}

func (r *reader) phpString() span {
	n := r.phpNumber(':')
	r.expect('"')
	s := r.take(n)
	r.expect('"')
	return s
}

func (r *reader) phpScalar() {
	for i := 0; !r.failed; i++ {
		switch c := r.byte(); {
		case c == ';' && i > 0:
			return
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E', c == 'I', c == 'N', c == 'F', c == 'A':
		default:
			r.fail()
		}
	}
}

// phpEscaped is a string whose length does not count the escapes: \41 is A.
func (r *reader) phpEscaped() {
	n := r.count(r.phpNumber(':'))
	r.expect('"')
	start := r.pos
	l := &r.w.levels[r.w.nested]
	if r.visit {
		l.scratch = l.scratch[:0]
	}
	for ; n > 0 && !r.failed; n-- {
		c := r.byte()
		if c == '\\' {
			c = r.hexDigit()<<4 | r.hexDigit()
		}
		if r.visit {
			l.scratch = append(l.scratch, c)
		}
	}
	s := span{uint32(start), uint32(r.pos)}
	r.expect('"')
	r.expect(';')
	if r.before(s) {
		r.w.value(l.scratch)
	}
}

func (r *reader) hexDigit() byte {
	switch c := r.byte(); {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	r.fail()
	return 0
}
