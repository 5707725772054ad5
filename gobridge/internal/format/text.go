package format

import (
	"encoding/binary"
	"unicode/utf8"
)

// minRun is the shortest run of text in a binary payload that is visited, in
// bytes; strings(1) takes 4 as well.
const minRun = 4

// hasControl reports whether p has a control character that text does not.
func hasControl(p []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(p) >= 8 {
		// A byte below ' ' borrows, and has no high bit itself.
		x := binary.LittleEndian.Uint64(p)
		if (x-ones*' ')&^x&highs != 0 && hasControlByte(p[:8]) {
			return true
		}
		p = p[8:]
	}
	return hasControlByte(p)
}

func hasControlByte(p []byte) bool {
	for _, c := range p {
		if c < ' ' && !isSpace(c) {
			return true
		}
	}
	return false
}

// runs visits every maximal run of printable UTF-8 of p[start:end].
func (w *Walker) runs(p []byte, start, end int) {
	for i := start; i < end; {
		c, size := p[i], 1
		text := c >= ' ' || isSpace(c)
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRune(p[i:end])
			text = r != utf8.RuneError || size > 1
		}
		if !text {
			w.run(p, start, i)
			start = i + size
		}
		i += size
	}
	w.run(p, start, end)
}

func (w *Walker) run(p []byte, start, end int) {
	if end-start < minRun {
		return
	}
	l := &w.levels[w.nested]
	l.offset = start
	w.visitValue(p[start:end])
	w.inside(p[start:end], true)
	l.offset = -1
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}
