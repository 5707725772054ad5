package format

import "bytes"

// The types of AMF0 (2.1).
const (
	amf0Number = iota
	amf0Boolean
	amf0String
	amf0Object
	_ // a movie clip, which is reserved
	amf0Null
	amf0Undefined
	amf0Reference
	amf0ECMAArray
	amf0ObjectEnd
	amf0StrictArray
	amf0Date
	amf0LongString
	amf0Unsupported
	_ // a record set, which is reserved
	amf0XML
	amf0TypedObject
	amf0AVMPlus
)

// The types of AMF3 (3.1).
const (
	amf3Undefined = iota
	amf3Null
	amf3False
	amf3True
	amf3Integer
	amf3Double
	amf3String
	amf3XMLDocument
	amf3Date
	amf3Array
	amf3Object
	amf3XML
	amf3ByteArray
	amf3VectorInt
	amf3VectorUint
	amf3VectorDouble
	amf3VectorObject
	amf3Dictionary
)

// What the traits of AMF3 have for a kind.
const (
	amf3Dynamic = 1 << iota
	amf3Collection
)

// amf3Collections are written as one value (flex.messaging.io).
var amf3Collections = [][]byte{
	[]byte("flex.messaging.io.ArrayCollection"), []byte("flex.messaging.io.ArrayList"),
	[]byte("flex.messaging.io.ObjectProxy"),
}

// amf reads doc, values of AMF0 or of AMF3 behind each other, and visits them
// if visit is set. One with no string is none.
func (w *Walker) amf(doc []byte, visit bool) bool {
	if len(doc) < 3 || doc[0] > amf3Dictionary {
		return false
	}
	if w.readWith(doc, false, amf0Values) {
		return !visit || w.readWith(doc, true, amf0Values)
	}
	return w.readWith(doc, visit, amf3Values)
}

func amf0Values(r *reader) {
	for r.more() {
		r.amf0()
	}
}

func amf3Values(r *reader) {
	for r.more() {
		r.amf3()
	}
}

func (r *reader) amf0() {
	switch r.byte() {
	case amf0Number:
		r.take(8)
		r.scalar()
	case amf0Boolean:
		if r.byte() > 1 {
			r.fail()
		}
		r.scalar()
	case amf0String:
		r.value(r.take(r.uint(2)))
	case amf0LongString, amf0XML:
		r.value(r.take(r.uint(4)))
	case amf0Null, amf0Undefined, amf0Unsupported:
		r.scalar()
	case amf0Reference:
		r.take(2)
		r.scalar()
	case amf0Date:
		r.take(10)
		r.scalar()
	case amf0TypedObject:
		name := r.take(r.uint(2))
		r.amf0Members(&name)
	case amf0ECMAArray:
		r.take(4) // a hint
		r.amf0Members(nil)
	case amf0Object:
		r.amf0Members(nil)
	case amf0StrictArray:
		n := r.count(r.uint(4))
		if !r.open(false) {
			return
		}
		for ; n > 0 && !r.failed; n-- {
			r.amf0()
		}
		r.close()
	case amf0AVMPlus:
		r.amf3()
	default:
		r.fail()
	}
}

func (r *reader) amf0Members(name *span) {
	if !r.open(true) {
		return
	}
	if name != nil {
		r.key(*name)
	}
	for !r.failed {
		key := r.take(r.uint(2))
		if key.start == key.end && r.peek() == amf0ObjectEnd {
			r.pos++
			break
		}
		r.key(key)
		r.amf0()
	}
	r.close()
}

// u29 is a number of one to four bytes; the fourth has eight bits.
func (r *reader) u29() (n uint64) {
	for range 3 {
		c := r.byte()
		if n = n<<7 | uint64(c&0x7F); c < 0x80 {
			return n
		}
	}
	return n<<8 | uint64(r.byte())
}

// amf3Text is a string, which may be one that is referred to.
func (r *reader) amf3Text() (s span, old bool) {
	n := r.u29()
	if n&1 == 0 {
		return r.text(n >> 1), true
	}
	if s = r.take(n >> 1); s.start < s.end {
		r.addText(s)
	}
	return s, false
}

func (r *reader) amf3Key() (empty bool) {
	s, old := r.amf3Text()
	switch {
	case s.start == s.end:
		return true
	case old:
		r.label(s)
	default:
		r.key(s)
	}
	return false
}

func (r *reader) amf3() {
	kind := r.byte()
	switch kind {
	case amf3Undefined, amf3Null, amf3False, amf3True:
		r.scalar()
		return
	case amf3Integer:
		r.u29()
		r.scalar()
		return
	case amf3Double:
		r.take(8)
		r.scalar()
		return
	case amf3String:
		if s, old := r.amf3Text(); old {
			r.refer(s)
		} else {
			r.value(s)
		}
		return
	}
	if kind > amf3Dictionary {
		r.fail()
		return
	}
	n := r.u29()
	if n&1 == 0 { // an object that stands before
		r.scalar()
		return
	}
	if kind == amf3Object {
		r.amf3Object(n >> 1)
		return
	}
	n >>= 1
	switch kind {
	case amf3XMLDocument, amf3XML:
		r.value(r.take(n))
	case amf3ByteArray:
		r.binary(r.take(n))
	case amf3Date:
		r.take(8)
		r.scalar()
	case amf3Array:
		r.amf3Array(n)
	case amf3VectorInt, amf3VectorUint:
		r.take(n*4 + 1)
		r.scalar()
	case amf3VectorDouble:
		r.take(n*8 + 1)
		r.scalar()
	case amf3VectorObject:
		r.take(1) // whether its length is fixed
		if s, old := r.amf3Text(); !old && s.start < s.end {
			r.key(s)
		}
		r.amf3Elements(n)
	case amf3Dictionary:
		r.take(1) // whether its keys are weak
		// A key is any value: the two of an entry are elements.
		r.amf3Elements(2 * n)
	}
}

func (r *reader) amf3Elements(n uint64) {
	if !r.open(false) {
		return
	}
	for i := r.count(n); i > 0 && !r.failed; i-- {
		r.amf3()
	}
	r.close()
}

// amf3Array is members up to an empty name, then n elements.
func (r *reader) amf3Array(n uint64) {
	if r.peek() == 0x01 {
		r.pos++
		r.amf3Elements(n)
		return
	}
	if !r.open(true) {
		return
	}
	for !r.failed && !r.amf3Key() {
		r.amf3()
	}
	for i := range r.count(n) {
		if r.failed {
			break
		}
		r.intKey(int64(i))
		r.amf3()
	}
	r.close()
}

// amf3Object is an object; flags says what its traits are.
func (r *reader) amf3Object(flags uint64) {
	if !r.open(true) {
		return
	}
	var c class
	switch {
	case flags&1 == 0:
		c = r.class(flags >> 1)
	case flags&2 != 0: // externalizable
		name, old := r.amf3Text()
		if !old {
			r.key(name)
		}
		known := false
		for _, n := range amf3Collections {
			known = known || bytes.Equal(n, r.bytes(name))
		}
		if !known {
			r.fail() // its class knows what follows
			break
		}
		r.addClass(amf3Collection)
		c.kind = amf3Collection
	default:
		if name, old := r.amf3Text(); !old && name.start < name.end {
			r.key(name)
		}
		kind := uint32(0)
		if flags&4 != 0 {
			kind = amf3Dynamic
		}
		i := r.addClass(kind)
		for n := r.count(flags >> 3); n > 0 && !r.failed; n-- {
			s, old := r.amf3Text()
			if !old {
				r.name(s)
			}
			r.addMember(s)
		}
		c = r.class(uint64(i))
	}
	if c.kind == amf3Collection {
		r.amf3()
	}
	for i := 0; i < int(c.count) && !r.failed; i++ {
		r.label(r.member(c, i))
		r.amf3()
	}
	if c.kind == amf3Dynamic {
		for !r.failed && !r.amf3Key() {
			r.amf3()
		}
	}
	r.close()
}
