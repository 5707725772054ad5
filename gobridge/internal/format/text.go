package format

import (
	"encoding/binary"
	"unicode/utf16"
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
	p = p[:end]
	w.wideRuns(p, start)
	for start, end = nextRun(p, start); start < end; start, end = nextRun(p, end) {
		if end-start >= minRun {
			w.run(p, start, end)
		}
	}
}

const (
	// minWide is the shortest run of UTF-16 that is visited, in code units of ASCII.
	// Noise has none of eight: every other byte is 0.
	minWide = 8
	// maxOther is how many code units of other scripts may stand between them.
	maxOther = 16
)

// wideRuns visits every run of ASCII in UTF-16, of either byte order, of p from i on,
// with what stands in it of other scripts.
func (w *Walker) wideRuns(p []byte, i int) {
	for first := i; ; {
		zero := indexFrom(p, i, 0)
		if len(p)-zero < 2*minWide-2 {
			return
		}
		end, units := wideRun(p, zero, 1) // big-endian
		if zero == first || !isWide(p[zero-1]) {
			if i = zero + 1; units >= minWide {
				first, i = end, end
				w.wide(p, zero, end, 1)
			}
			continue
		}
		little, n := wideRun(p, zero-1, 0)
		if i = zero + 1; max(n, units) < minWide {
			continue
		}
		first, i = max(end, little), max(end, little)
		if little+1 >= end && n >= minWide {
			w.wide(p, zero-1, little, 0)
		}
		// All of it in ASCII, big-endian is a part of that.
		if units >= minWide && (little+1 < end || 2*n < little-zero+1) {
			w.wide(p, zero, end, 1)
		}
	}
}

// wide visits the UTF-16 at p[start:end]. at is where in a code unit the character is.
func (w *Walker) wide(p []byte, start, end, at int) {
	l := &w.levels[w.nested]
	text := l.scratch[:0]
	for j := start; j < end; j += 2 {
		r := rune(p[j+1-at])<<8 | rune(p[j+at])
		if utf16.IsSurrogate(r) && j+2 < end {
			if pair := utf16.DecodeRune(r, rune(p[j+3-at])<<8|rune(p[j+2+at])); pair != utf8.RuneError {
				r = pair
				j += 2
			}
		}
		text = utf8.AppendRune(text, r)
	}
	if at == 0 && end < len(p) && isWide(p[end]) {
		text = append(text, p[end]) // big-endian, behind a byte that is text
	}
	cut := w.field.Cut
	w.field.Cut = true
	l.scratch, l.offset = text, start
	w.visitString(text)
	l.offset, w.field.Cut = -1, cut
}

// wideRun is where the run of UTF-16 that begins at i ends, and of how many code units
// of ASCII it is. at is where in a code unit the character is.
func wideRun(p []byte, i, at int) (end, units int) {
	end = i
	for other := i; other >= end; other = behindOther(p, end, at) {
		for end = other; end+1 < len(p) && isWide(p[end+at]) && p[end+1-at] == 0; units++ {
			end += 2
		}
	}
	return end, units
}

// behindOther is where in p ASCII goes on behind code units of other scripts, -1 if it
// does not.
func behindOther(p []byte, i, at int) int {
	for n := 0; n <= maxOther && i+1 < len(p); n++ {
		switch high, low := p[i+1-at], p[i+at]; {
		case high == 0 && low < 0x80:
			if n > 0 && isWide(low) {
				return i
			}
			return -1
		case high <= 0x06, high-0x09 <= 0x05, high == 0x1E, high-0x20 <= 0x07, high == 0x30, high-0x4E <= 0x9F-0x4E,
			high-0xAC <= 0xDF-0xAC, high >= 0xFE: // what most is written in
		default:
			return -1
		}
		i += 2
	}
	return -1
}

func isWide(c byte) bool { return c >= ' ' && c < 0x7F || isSpace(c) }

// nextRun is the first maximal run of printable UTF-8 of p from i on, empty when
// there is none.
func nextRun(p []byte, i int) (start, end int) {
	for i < len(p) && textSize(p, i) == 0 {
		i++
	}
	for start = i; i < len(p); {
		if p[i]-' ' < utf8.RuneSelf-' ' {
			i++
			continue
		}
		size := textSize(p, i)
		if size == 0 {
			break
		}
		i += size
	}
	return start, i
}

// textSize is the size of the printable character of UTF-8 at i, 0 when there is
// none.
func textSize(p []byte, i int) int {
	c := p[i]
	if c < utf8.RuneSelf {
		if c >= ' ' || isSpace(c) {
			return 1
		}
		return 0
	}
	// Most of noise is told by two bytes.
	if c < 0xC2 || c > 0xF4 || i+1 == len(p) || p[i+1]&0xC0 != 0x80 {
		return 0
	}
	if _, size := utf8.DecodeRune(p[i:]); size > 1 {
		return size
	}
	return 0
}

// run visits a run. One that begins with its own length, as binary formats have
// it, is visited without it, and with it as cut: '5 o... is SQL rather than
// 5 o'clock. Where Avro has twice the length, or several texts follow each other,
// each of them is visited, and the run.
func (w *Walker) run(p []byte, start, end int) {
	at, unit, n := lengths(p[:end], start)
	if n == 0 {
		w.runAt(p, start, end)
		return
	}
	cut := w.field.Cut
	w.field.Cut = cut || n == 1 && unit == 1
	w.runAt(p, start, end)
	w.field.Cut = cut
	for at < end {
		text := at + 1
		at = text + int(p[at])/unit
		if at-text >= minRun {
			w.runAt(p, text, at)
		}
	}
}

// lengths finds n texts that end with p, where its run from start on ends, each
// behind its length in bytes, or twice that (a zigzag number): the first length
// is at, before the run or within its first bytes. n is 0 if there are none.
func lengths(p []byte, start int) (at, unit, n int) {
	const before = 3 // a type, a tag
	for at = max(0, start-1); at < start+before && at < len(p)-minRun; at++ {
		for unit = 1; unit <= 2; unit++ {
			i := at
			for n = 0; i < len(p) && p[i] > 1 && int(p[i])%unit == 0; n++ {
				i += 1 + int(p[i])/unit
			}
			if i == len(p) && (n > 1 || n == 1 && at >= start) {
				return at, unit, n
			}
		}
	}
	return 0, 0, 0
}

func (w *Walker) runAt(p []byte, start, end int) {
	l := &w.levels[w.nested]
	l.offset = start
	text := p[start:end]
	switch first, last := embedded(text); {
	case len(text) < w.chance:
		w.field.Value, w.field.Key = text, false
		w.noise()
	case first < last:
		w.whole(text, w.around(text, first, last, false), false)
	default:
		w.visitString(text)
	}
	l.offset = -1
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}
