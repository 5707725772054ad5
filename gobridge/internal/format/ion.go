package format

// The types of Ion's binary encoding.
const (
	ionSymbol     = 7
	ionString     = 8
	ionClob       = 9
	ionBlob       = 10
	ionList       = 11
	ionSexp       = 12
	ionStruct     = 13
	ionAnnotation = 14
)

const (
	ionMagic = "\xE0\x01\x00\xEA"
	// ionFirst is the first symbol that a document defines.
	ionFirst       = 10
	ionSymbolTable = 3
	ionSymbols     = 7
)

// ion reads doc, binary Ion 1.0.
func (w *Walker) ion(doc []byte, visit bool) bool {
	if len(doc) < 6 || string(doc[:4]) != ionMagic {
		return false
	}
	return w.readWith(doc, visit, ionDocument)
}

func ionDocument(r *reader) {
	for r.more() {
		if r.peek() == int(ionMagic[0]) {
			if string(r.bytes(r.take(4))) != ionMagic {
				r.fail()
			}
			r.w.texts = r.w.texts[:r.base.texts]
			continue
		}
		r.ion(len(r.doc), false)
	}
	r.isMagic()
}

// ionUint is a number of seven bits a byte; the last has its highest bit set.
func (r *reader) ionUint() (n uint64) {
	for range 9 {
		c := r.byte()
		if n = n<<7 | uint64(c&0x7F); c >= 0x80 {
			return n
		}
	}
	r.fail()
	return 0
}

// ion reads a value that ends at limit or before. symbols says that it belongs
// to a table of symbols.
func (r *reader) ion(limit int, symbols bool) {
	c := r.byte()
	kind, size := c>>4, uint64(c&0x0F)
	switch {
	case size == 15 || kind == 1: // null, or a bool
		r.scalar()
		return
	case size == 14 || kind == ionStruct && size == 1:
		size = r.ionUint()
	}
	if r.failed || r.pos > limit || size > uint64(limit-r.pos) {
		r.fail()
		return
	}
	end := r.pos + int(size)
	switch kind {
	case ionSymbol:
		if id := r.uint(min(size, 8)); id >= ionFirst && id-ionFirst < uint64(len(r.w.texts)-r.base.texts) {
			r.refer(r.text(id - ionFirst))
		} else {
			r.scalar()
		}
	case ionString:
		s := r.take(size)
		if symbols {
			r.addText(s)
		}
		r.value(s)
	case ionClob, ionBlob:
		r.binary(r.take(size))
	case ionList, ionSexp, ionStruct:
		if !r.open(kind == ionStruct) {
			return
		}
		for r.more() && r.pos < end {
			table := symbols
			if kind == ionStruct {
				id := r.ionUint()
				table = symbols && id == ionSymbols
				r.ionKey(id)
			}
			r.ion(end, table)
		}
		r.close()
	case ionAnnotation:
		ids := r.ionUint()
		if r.pos > end || ids > uint64(end-r.pos) || r.depth == maxReader {
			r.fail()
			return
		}
		last := r.pos + int(ids)
		table := false
		for first := true; r.more() && r.pos < last; first = false {
			if id := r.ionUint(); first && id == ionSymbolTable && r.depth == 0 {
				table = true
			}
		}
		r.depth++
		r.ion(end, table)
		r.depth--
	case 15:
		r.fail()
	default:
		r.take(size)
		if kind > 0 {
			r.scalar()
		}
	}
	if r.pos != end && !r.failed {
		r.fail()
	}
}

func (r *reader) ionKey(id uint64) {
	if names := r.w.texts[r.base.texts:]; id >= ionFirst && id-ionFirst < uint64(len(names)) {
		r.label(names[id-ionFirst])
	} else {
		r.intKey(int64(id))
	}
}
