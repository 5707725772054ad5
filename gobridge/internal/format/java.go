package format

// What a stream of Java's serialization is made of (Object Serialization Stream
// Protocol, 6.4.2).
const (
	javaNull = 0x70 + iota
	javaReference
	javaClassDesc
	javaObject
	javaString
	javaArray
	javaClass
	javaBlockData
	javaEndBlockData
	javaReset
	javaBlockDataLong
	javaException
	javaLongString
	javaProxyClassDesc
	javaEnum
)

// Flags of a class. javaIsArray is ours: its only member is its own name.
const (
	javaWriteMethod    = 0x01
	javaSerializable   = 0x02
	javaExternalizable = 0x04
	javaHasBlockData   = 0x08
	javaIsArray        = 0x80
	javaSuper          = 8 // what the flags are behind of: the super class + 1
)

const (
	javaMagic = "\xAC\xED\x00\x05"
	// javaFirst is the first handle.
	javaFirst = 0x7E0000
	// javaIsClass is start of a handle that is no string: the class follows.
	javaIsClass = 1 << 31
	// maxSupers is how many classes are above each other; each object has
	// the members of all.
	maxSupers = 32
)

// java reads doc, a stream of Java's serialization.
func (w *Walker) java(doc []byte, visit bool) bool {
	if len(doc) < 7 || string(doc[:4]) != javaMagic {
		return false
	}
	return w.readWith(doc, visit, javaStream)
}

func javaStream(r *reader) {
	r.take(4)
	for r.more() {
		r.javaContent()
	}
	r.isMagic()
}

// javaContent reads an object, or a block of data, and reports whether it was
// an object.
func (r *reader) javaContent() bool {
	kind := r.byte()
	switch kind {
	case javaNull:
		r.scalar()
	case javaReference:
		if s := r.text(r.uint(4) - javaFirst); s.start < javaIsClass {
			r.refer(s)
		} else {
			r.scalar()
		}
	case javaString, javaLongString:
		size := uint64(2)
		if kind == javaLongString {
			size = 8
		}
		s := r.take(r.uint(size))
		r.addText(s)
		r.modified(s)
	case javaBlockData:
		r.binary(r.take(uint64(r.byte())))
		return false
	case javaBlockDataLong:
		r.binary(r.take(r.uint(4)))
		return false
	case javaReset:
		r.w.texts = r.w.texts[:r.base.texts]
		return false
	case javaClassDesc, javaProxyClassDesc:
		r.pos--
		r.javaDesc()
	case javaObject, javaArray, javaClass, javaEnum:
		if !r.open(kind != javaArray) {
			return false
		}
		class, ok := r.javaDesc()
		r.addText(span{javaIsClass, 0})
		switch {
		case kind == javaClass:
		case !ok:
			r.fail() // of a null class
		case kind == javaEnum:
			r.javaContent()
		case kind == javaArray:
			r.javaElements(class)
		default:
			r.javaMembers(class)
		}
		r.close()
	default:
		r.fail()
	}
	return true
}

// javaDesc reads a description of a class, and returns its number.
func (r *reader) javaDesc() (class int, ok bool) {
	switch r.byte() {
	case javaNull:
		return 0, false
	case javaReference:
		s := r.text(r.uint(4) - javaFirst)
		if s.start < javaIsClass || s.end == 0 {
			r.fail()
			return 0, false
		}
		return int(s.end) - 1, true
	case javaClassDesc:
		name := r.take(r.uint(2))
		r.name(name)
		r.take(8) // the version
		class = r.addClass(0)
		r.addText(span{javaIsClass, uint32(class) + 1})
		flags := uint32(r.byte()) & 0x1F
		n := r.count(r.uint(2))
		if name.start < name.end && r.doc[name.start] == '[' {
			if flags |= javaIsArray; n > 0 {
				r.fail()
			}
			r.addMember(name)
		}
		for ; n > 0 && !r.failed; n-- {
			kind := r.byte()
			field := r.take(r.uint(2))
			r.name(field)
			r.addMember(field)
			if kind == '[' || kind == 'L' {
				r.javaTypeName()
			}
		}
		r.setKind(class, flags)
	case javaProxyClassDesc:
		class = r.addClass(0)
		r.addText(span{javaIsClass, uint32(class) + 1})
		for n := r.count(r.uint(4)); n > 0 && !r.failed; n-- {
			r.name(r.take(r.uint(2)))
		}
		r.setKind(class, javaSerializable)
	default:
		r.fail()
		return 0, false
	}
	if r.depth == maxReader {
		r.fail()
		return 0, false
	}
	r.depth++
	r.javaAnnotation()
	if super, ok := r.javaDesc(); ok {
		r.setKind(class, r.class(uint64(class)).kind|uint32(super+1)<<javaSuper)
	}
	r.depth--
	return class, !r.failed
}

func (r *reader) setKind(class int, kind uint32) {
	if !r.failed {
		r.w.classes[r.base.classes+class].kind = kind
	}
}

// javaTypeName is the type of a member, a string: its handle counts.
func (r *reader) javaTypeName() {
	switch r.byte() {
	case javaString:
		s := r.take(r.uint(2))
		r.name(s)
		r.addText(s)
	case javaReference:
		r.take(4)
	default:
		r.fail()
	}
}

// javaAnnotation is what a class wrote itself.
func (r *reader) javaAnnotation() {
	for n := int64(0); !r.failed; {
		if r.peek() == javaEndBlockData {
			r.pos++
			return
		}
		if r.intKey(n); r.javaContent() {
			n++
		}
	}
}

// javaMembers reads the members of an object, those of the uppermost class
// first.
func (r *reader) javaMembers(number int) {
	var supers [maxSupers]class
	n := 0
	for next := uint64(number) + 1; next != 0; n++ {
		if n == maxSupers {
			r.fail()
			return
		}
		supers[n] = r.class(next - 1)
		next = uint64(supers[n].kind >> javaSuper)
	}
	for n--; n >= 0 && !r.failed; n-- {
		c := supers[n]
		if c.kind&javaSerializable != 0 {
			for i := 0; i < int(c.count) && !r.failed; i++ {
				name := r.member(c, i)
				r.label(name)
				r.javaValue(r.doc[name.start-3])
			}
		}
		switch c.kind & (javaWriteMethod | javaSerializable | javaExternalizable | javaHasBlockData) {
		case javaWriteMethod | javaSerializable, javaExternalizable | javaHasBlockData:
			r.javaAnnotation()
		case javaExternalizable:
			r.fail() // its class knows what follows
		}
	}
}

// javaValue reads the value of a member of that type.
func (r *reader) javaValue(kind byte) {
	switch kind {
	case '[', 'L':
		if !r.javaContent() {
			r.fail()
		}
	default:
		r.take(r.javaSize(kind))
		r.scalar()
	}
}

// javaSize is the size of a primitive type.
func (r *reader) javaSize(kind byte) uint64 {
	switch kind {
	case 'B', 'Z':
		return 1
	case 'C', 'S':
		return 2
	case 'F', 'I':
		return 4
	case 'D', 'J':
		return 8
	}
	r.fail()
	return 0
}

func (r *reader) javaElements(number int) {
	c := r.class(uint64(number))
	if c.kind&javaIsArray == 0 {
		r.fail()
		return
	}
	name := r.member(c, 0)
	if name.end-name.start < 2 {
		r.fail()
		return
	}
	kind, n := r.doc[name.start+1], r.uint(4)
	switch kind {
	case '[', 'L':
		for i := r.count(n); i > 0 && !r.failed; i-- {
			r.javaValue(kind)
		}
	case 'B', 'C':
		r.binary(r.take(n * r.javaSize(kind)))
	default:
		r.take(n * r.javaSize(kind))
	}
}
