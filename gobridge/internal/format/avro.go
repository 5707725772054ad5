package format

import "wsi/gobridge/internal/carrier"

const (
	avroMagic = "Obj\x01"
	avroSync  = 16
)

// avro reads doc, an object container file of Avro: its metadata are members,
// its blocks payloads, since only their schema knows what is in them, compressed as
// the metadata say or not. Records
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
	var codec []byte
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
			key := r.take(uint64(r.zigzag()))
			r.key(key)
			value := r.take(uint64(r.zigzag()))
			r.value(value)
			if !r.failed && string(r.bytes(key)) == "avro.codec" {
				codec = r.bytes(value)
			}
		}
	}
	r.take(avroSync)
	for i := int64(0); r.more(); i++ {
		r.zigzag() // how many objects
		r.intKey(i)
		r.block(r.take(uint64(r.zigzag())), codec)
		r.take(avroSync)
	}
	r.close()
	r.isMagic()
}

// block is one of a container, whose codec has no magic number where it is one of
// these.
func (r *reader) block(s span, codec []byte) {
	const checksum = 4 // behind Snappy
	kind, end := carrier.None, 0
	switch string(codec) {
	case "deflate":
		kind = carrier.Deflate
	case "snappy":
		kind, end = carrier.Snappy, checksum
	}
	if kind == carrier.None || !r.before(s) {
		r.binary(s)
		return
	}
	if p := r.bytes(s); len(p) >= end && r.w.carry(kind, p[:len(p)-end], true) {
		r.w.next()
		return
	}
	r.w.bytes(r.bytes(s))
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
