package format

// The records of .NET's BinaryFormatter (MS-NRBF 2.1.2.1).
const (
	dotnetHeader = iota
	dotnetClassWithID
	dotnetSystemClass
	dotnetClass
	dotnetSystemClassTyped
	dotnetClassTyped
	dotnetString
	dotnetArray
	dotnetPrimitive
	dotnetReference
	dotnetNull
	dotnetEnd
	dotnetLibrary
	dotnetNulls256
	dotnetNulls
	dotnetPrimitives
	dotnetObjects
	dotnetStrings
)

// The types of members (2.1.2.2).
const (
	dotnetTypePrimitive = iota
	dotnetTypeString
	dotnetTypeObject
	dotnetTypeSystemClass
	dotnetTypeClass
	dotnetTypeObjects
	dotnetTypeStrings
	dotnetTypePrimitives
)

const (
	dotnetMagic = "\x00\x01\x00\x00\x00\xFF\xFF\xFF\xFF\x01\x00\x00\x00\x00\x00\x00\x00"
	// dotnetPrefix is the part of it that does not depend on the objects.
	dotnetPrefix = 9
	// maxDotnet is how many classes are looked through for one.
	maxDotnet = 256
)

// dotnet reads doc, what .NET's BinaryFormatter writes.
func (w *Walker) dotnet(doc []byte, visit bool) bool {
	if len(doc) < len(dotnetMagic) || doc[0] != dotnetHeader || string(doc[dotnetPrefix:len(dotnetMagic)]) != dotnetMagic[dotnetPrefix:] {
		return false
	}
	return w.readWith(doc, visit, dotnetRecords)
}

func dotnetRecords(r *reader) {
	r.take(uint64(len(dotnetMagic)))
	if !r.open(false) {
		return
	}
	for r.more() {
		if r.peek() == dotnetEnd {
			r.pos++
			break
		}
		r.dotnet()
	}
	r.close()
	r.isMagic()
}

// dotnet reads a record, and is how many values it stands for.
func (r *reader) dotnet() uint64 {
	kind := r.byte()
	for kind == dotnetLibrary && !r.failed {
		r.take(4)
		r.name(r.dotnetText())
		kind = r.byte()
		if kind == dotnetEnd {
			r.pos--
			return 0
		}
	}
	switch kind {
	case dotnetClassWithID:
		r.take(4)
		id := uint32(r.uintLE(4))
		classes := r.w.classes[r.base.classes:]
		for i := range classes {
			if classes[i].kind == id {
				r.dotnetInstance(classes[i])
				return 1
			}
		}
		r.fail()
	case dotnetSystemClassTyped, dotnetClassTyped:
		r.dotnetClass(kind == dotnetClassTyped)
	case dotnetString:
		r.take(4)
		r.value(r.dotnetText())
	case dotnetArray:
		r.dotnetArray()
	case dotnetPrimitive:
		r.dotnetPrimitive(r.byte())
	case dotnetReference:
		r.take(4)
		r.scalar()
	case dotnetNull:
		r.scalar()
	case dotnetNulls256:
		r.scalar()
		return uint64(r.byte())
	case dotnetNulls:
		r.scalar()
		return r.uintLE(4)
	case dotnetPrimitives:
		r.take(4)
		n := r.uintLE(4)
		r.dotnetPrimitives(r.byte(), n)
	case dotnetObjects, dotnetStrings:
		r.take(4)
		r.dotnetElements(r.uintLE(4))
	default:
		r.fail()
	}
	return 1
}

// dotnetText is a string behind its length, seven bits a byte.
func (r *reader) dotnetText() span {
	n := uint64(0)
	for i := range 5 {
		c := r.byte()
		if n |= uint64(c&0x7F) << (7 * i); c < 0x80 {
			return r.take(n)
		}
	}
	r.fail()
	return span{}
}

func (r *reader) dotnetElements(n uint64) {
	if !r.open(false) {
		return
	}
	for got := uint64(0); got < n && !r.failed; {
		more := r.dotnet()
		if more == 0 || more > n-got {
			r.fail()
		}
		got += more
	}
	r.close()
}

// dotnetClass reads a class and its first instance.
func (r *reader) dotnetClass(library bool) {
	if len(r.w.classes)-r.base.classes == maxDotnet || !r.open(true) {
		r.fail()
		return
	}
	id := uint32(r.uintLE(4))
	r.key(r.dotnetText())
	number := r.addClass(id)
	n := r.count(r.uintLE(4))
	for i := 0; i < n && !r.failed; i++ {
		s := r.dotnetText()
		r.name(s)
		r.addMember(s)
		r.addMember(span{}) // its type
	}
	c := r.class(uint64(number))
	for i := 0; i < n && !r.failed; i++ {
		r.w.members[int(c.first)+2*i+1].start = uint32(r.byte())
	}
	for i := 0; i < n && !r.failed; i++ {
		kind := &r.w.members[int(c.first)+2*i+1]
		kind.end = r.dotnetType(kind.start)
	}
	if library {
		r.take(4)
	}
	r.dotnetValues(c)
	r.close()
}

// dotnetType reads what a type has besides its number: its primitive type.
func (r *reader) dotnetType(kind uint32) uint32 {
	switch kind {
	case dotnetTypePrimitive, dotnetTypePrimitives:
		return uint32(r.byte())
	case dotnetTypeSystemClass:
		r.name(r.dotnetText())
	case dotnetTypeClass:
		r.name(r.dotnetText())
		r.take(4)
	case dotnetTypeString, dotnetTypeObject, dotnetTypeObjects, dotnetTypeStrings:
	default:
		r.fail()
	}
	return 0
}

func (r *reader) dotnetInstance(c class) {
	if r.open(true) {
		r.dotnetValues(c)
		r.close()
	}
}

func (r *reader) dotnetValues(c class) {
	for i := 0; i+1 < int(c.count) && !r.failed; i += 2 {
		r.label(r.member(c, i))
		if kind := r.member(c, i+1); kind.start == dotnetTypePrimitive {
			r.dotnetPrimitive(byte(kind.end))
		} else if r.dotnet() != 1 {
			r.fail()
		}
	}
}

// dotnetArray reads an array of any rank.
func (r *reader) dotnetArray() {
	r.take(4)
	kind := r.byte()
	rank := r.uintLE(4)
	n := uint64(1)
	for range r.count(4*rank) / 4 {
		// Each element takes a byte, but those that are null.
		if n *= r.uintLE(4); n > 1<<31 {
			r.fail()
		}
	}
	if kind >= 3 && kind <= 5 { // with lower bounds
		r.take(4 * rank)
	}
	t := r.byte()
	if primitive := r.dotnetType(uint32(t)); t == dotnetTypePrimitive {
		r.dotnetPrimitives(byte(primitive), n)
	} else {
		r.dotnetElements(n)
	}
}

// dotnetSizes has the sizes of the primitive types, 0 for those with a length
// and for null, which takes no byte.
var dotnetSizes = [19]uint8{1: 1, 2: 1, 6: 8, 7: 2, 8: 4, 9: 8, 10: 1, 11: 4, 12: 8, 13: 8, 14: 2, 15: 4, 16: 8}

const (
	dotnetChar    = 3
	dotnetDecimal = 5
	dotnetChars   = 18
)

func (r *reader) dotnetPrimitive(kind byte) {
	switch {
	case kind == dotnetDecimal || kind == dotnetChars:
		r.value(r.dotnetText())
		return
	case kind == dotnetChar: // in UTF-8
		if c := r.byte(); c >= 0xC0 {
			for c <<= 1; c >= 0x80; c <<= 1 {
				r.take(1)
			}
		}
	case int(kind) < len(dotnetSizes) && dotnetSizes[kind] > 0:
		r.take(uint64(dotnetSizes[kind]))
	default:
		r.fail()
	}
	r.scalar()
}

func (r *reader) dotnetPrimitives(kind byte, n uint64) {
	switch {
	case kind == 2: // bytes
		r.binary(r.take(n))
	case int(kind) < len(dotnetSizes) && dotnetSizes[kind] > 0:
		r.take(n * uint64(dotnetSizes[kind]))
		r.scalar()
	default:
		if !r.open(false) {
			return
		}
		for i := r.count(n); i > 0 && !r.failed; i-- {
			r.dotnetPrimitive(kind)
		}
		r.close()
	}
}
