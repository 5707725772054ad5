package format

import (
	"math/bits"
	"unicode/utf8"
)

// Compressed, encrypted or sampled data is full of short texts, some of which
// are SQL or HTML to a detector: every random message of 1 MiB would be an
// attack. What noise of that length has, too, is visited as Noise. In doubt is
// only what is found by a guess: runs of text in a payload of no known format,
// and strings in what is neither JSON nor UTF-8.
const (
	// noisy is the share of bytes that are no text, one of noisy, from which
	// on a string is rather what stands between two quotes by chance: there,
	// the share is 0.6.
	noisy = 4
	// minEdge is the shortest run that is judged at either end of such a
	// string, where a sender's value would begin or end.
	minEdge = 8
)

// byChance is the length from which on a run of text in p is hardly noise's.
// Noise goes on being text with a probability of 0.45, so that few runs are
// longer than the logarithm of its length; libinjection takes one of 1,500.
func byChance(p []byte) int {
	const blocks, size = 64, 64
	step := max(size, len(p)/blocks)
	n, of := 0, 0
	for i := 0; i < len(p); i += step {
		block := p[i:min(i+size, len(p))]
		n += junk(block, size)
		of += len(block)
	}
	return max(minRun, bits.Len(uint(n*(len(p)/max(1, of))))-3)
}

// junk is how many bytes of p are no text, at most limit.
func junk(p []byte, limit int) (n int) {
	for i := 0; i < len(p) && n < limit; {
		if p[i]-' ' < utf8.RuneSelf-' ' {
			i++
			continue
		}
		size := textSize(p, i)
		if size == 0 {
			n++
			size = 1
		}
		i += size
	}
	return n
}

// doubtful visits the value or the key of a document that is not UTF-8: as a
// whole, and where it is noisy, what is text in it.
func (w *Walker) doubtful(text []byte) {
	limit := len(text)/noisy + 1
	if w.noisy = junk(text, limit) == limit; !w.noisy {
		w.visit(&w.field)
		return
	}
	w.noise()
	for start, end := nextRun(text, 0); start < end; start, end = nextRun(text, end) {
		n := end - start
		if n >= w.chance || n >= minEdge && (start == 0 || end == len(text)) {
			w.noisy = false
			w.field.Value = text[start:end]
			w.visit(&w.field)
			w.nest(text[start:end])
			w.inside(text[start:end])
			w.noisy = true
		}
	}
}

// noise visits what is not to be judged.
func (w *Walker) noise() {
	w.field.Noise = true
	w.visit(&w.field)
	w.field.Noise = false
}
