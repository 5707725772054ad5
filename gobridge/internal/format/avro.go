package format

const (
	avroMagic = "Obj\x01"
	avroSync  = 16
)

// avro reads doc, an object container file of Avro: its metadata are members,
// its blocks payloads, since only their schema knows what is in them. Records
// without a container are not told from others.
func (w *Walker) avro(doc []byte, visit bool) bool {
	if len(doc) < len(avroMagic)+avroSync || string(doc[:len(avroMagic)]) != avroMagic {
		return false
	}
	return w.readWith(doc, visit, avroContainer)
}

func avroContainer(r *reader) {
	r.take(uint64(len(avroMagic)))
	if !r.open(true) {
		return
	}
	for !r.failed {
		n := r.zigzag()
		if n == 0 {
			break
		}
		if n < 0 {
			n = -n
			r.zigzag() // the size
		}
		for ; n > 0 && !r.failed; n-- {
			r.key(r.take(uint64(r.zigzag())))
			r.value(r.take(uint64(r.zigzag())))
		}
	}
	r.take(avroSync)
	for i := int64(0); r.more(); i++ {
		r.zigzag() // how many objects
		r.intKey(i)
		r.binary(r.take(uint64(r.zigzag())))
		r.take(avroSync)
	}
	r.close()
	r.isMagic()
}

// zigzag is a number of at most ten bytes.
func (r *reader) zigzag() int64 {
	n, end := protoVarint(r.doc, r.pos)
	if end < 0 {
		r.fail()
		return 0
	}
	r.pos = end
	return int64(n>>1) ^ -int64(n&1)
}
