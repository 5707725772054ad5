package format

import (
	"encoding/binary"
	"unicode/utf8"
)

// flatBuffers reads doc, a buffer of FlatBuffers, whose root table is believed by its
// form. Only a schema knows what the members of tables are, so that every string is
// visited that there may be: a length at a multiple of 4, that many bytes of UTF-8
// without a NUL, and a NUL.
func (w *Walker) flatBuffers(doc []byte, visit bool) bool {
	table := doc
	if len(doc) >= 4 && uint64(binary.LittleEndian.Uint32(doc)) == uint64(len(doc)-4) {
		table = doc[4:] // with its size
	}
	if !isTable(table) {
		return false
	}
	l := &w.levels[w.nested]
	found, covered := false, 0
	for i, nul := 0, -1; i <= len(doc)-6; i += 4 {
		start := i + 4
		if nul < start {
			nul = indexFrom(doc, start, 0)
		}
		if nul == start || nul == len(doc) || uint64(binary.LittleEndian.Uint32(doc[i:])) != uint64(nul-start) || !utf8.Valid(doc[start:nul]) {
			continue
		}
		if found = true; !visit {
			break
		}
		w.outside(doc, covered, start)
		l.offset = start
		w.visitString(doc[start:nul])
		l.offset = -1
		covered = nul
		i = (nul+4)&^3 - 4 // the next length is behind the NUL
	}
	if visit {
		w.opens++ // the table
		w.outside(doc, covered, len(doc))
	}
	return found
}

// isTable reports whether p begins with the offset of a table: that with the offset of
// its vtable, which has its own length, the table's, and where in that its members
// are.
func isTable(p []byte) bool {
	if len(p) < 16 {
		return false
	}
	at := uint64(binary.LittleEndian.Uint32(p))
	if at < 4 || at%4 != 0 || at > uint64(len(p)-4) {
		return false
	}
	vtable := int64(at) - int64(int32(binary.LittleEndian.Uint32(p[at:])))
	if vtable < 4 || vtable%2 != 0 || vtable > int64(len(p)-4) {
		return false
	}
	size, inline := binary.LittleEndian.Uint16(p[vtable:]), binary.LittleEndian.Uint16(p[vtable+2:])
	if size < 6 || size%2 != 0 || inline < 8 || int64(size) > int64(len(p))-vtable || uint64(inline) > uint64(len(p))-at {
		return false
	}
	some := false
	for v := p[vtable+4 : vtable+int64(size)]; len(v) > 0; v = v[2:] {
		member := binary.LittleEndian.Uint16(v)
		if member != 0 && (member < 4 || member >= inline) {
			return false
		}
		some = some || member != 0
	}
	return some
}
