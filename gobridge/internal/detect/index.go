package detect

import (
	"math/bits"
	"slices"
	"strings"
)

// byteFold maps bytes to 6 bits for the index, letters of either case alike.
// What falls together is told apart by a comparison.
var byteFold = func() (fold [256]uint8) {
	for i := range fold {
		switch c := byte(i); {
		case isASCIILetter(c):
			fold[i] = c | 0x20 - 'a' + 1
		case '0' <= c && c <= '9':
			fold[i] = 27 + (c-'0')/5
		case c == ' ':
			fold[i] = 29
		case ' ' < c && c < 0x7f:
			fold[i] = uint8(30 + strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c))
		case c >= 0x80:
			fold[i] = 62
		default:
			fold[i] = 63
		}
	}
	return fold
}()

var byteLower = func() (low [256]uint8) {
	for i := range low {
		low[i] = lower(byte(i))
	}
	return low
}()

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// maxNeeded is of how many clauses of a rule the index knows.
const maxNeeded = 8

// index finds in one pass the rules that a value may match, and where. A rule
// is a candidate if the value has a text of each of its needed clauses, which
// every match contains: sound, see literal.go. A text of three bytes or more is
// filed under three bytes of it, folded, so that the window over the value meets
// these where the text is, and then compares the text; one of two bytes is filed
// under itself, and one of one byte is in the value if its class is.
type index struct {
	bitmap [1 << 12]uint64 // of windows that file something
	ones   byteSet         // the classes of texts of one byte
	byOne  [64][]use       // of each
	pairs  [1 << 12]extent // of the last two
	keys   []uint32        // open addressing: window + 1, or 0
	lists  []extent        // for each key
	bytes  []byte          // of the texts
	texts  []filed
	uses   []use
	always []uint16 // rules that hang on nothing
	words  int      // of a set of rules
	rules  int
}

// extent is a part of a slice.
type extent struct{ from, to uint32 }

// filed is a text: where it and its uses are, and where in it the window ends.
type filed struct {
	bytes, uses uint32
	n, at       uint16
	used        uint16
}

// use says that a text is of a rule's clause.
type use struct {
	rule uint16
	bit  uint8
}

// anchorBit is the bit of a rule's first clause.
const anchorBit = 1

// indexOf is an index of rules, of those that count.
func indexOf(rules []compiled, counts func(*compiled) bool) *index {
	x := &index{words: (len(rules) + 63) / 64, rules: len(rules)}
	texts := map[string][]use{}
	for i := range rules {
		r := &rules[i]
		if !counts(r) {
			continue
		}
		if len(r.needed) == 0 {
			x.always = append(x.always, uint16(i))
		}
		for n, clause := range r.needed {
			u := use{uint16(i), 1 << n}
			for _, text := range clause.texts {
				if len(text) > 1 {
					texts[text] = append(texts[text], u)
				}
			}
			for set := r.single[n]; set != 0; set &= set - 1 {
				c := bits.TrailingZeros64(uint64(set))
				x.byOne[c] = append(x.byOne[c], u)
			}
			x.ones |= r.single[n]
		}
	}
	pairs := make([][]filed, len(x.pairs))
	files := map[uint32][]filed{}
	sorted := make([]string, 0, len(texts))
	for text := range texts {
		sorted = append(sorted, text)
	}
	slices.Sort(sorted)
	for _, text := range sorted {
		f := filed{bytes: uint32(len(x.bytes)), uses: uint32(len(x.uses)), n: uint16(len(text)), used: uint16(len(texts[text]))}
		x.bytes = append(x.bytes, text...)
		x.uses = append(x.uses, texts[text]...)
		if len(text) == 2 {
			f.at = 1
			n := uint32(byteFold[text[0]])<<6 | uint32(byteFold[text[1]])
			pairs[n] = append(pairs[n], f)
		} else {
			at := rarest(text)
			f.at = uint16(at + 2)
			w := window(text[at:])
			files[w] = append(files[w], f)
		}
	}
	put := func(list []filed) extent {
		from := uint32(len(x.texts))
		x.texts = append(x.texts, list...)
		return extent{from, uint32(len(x.texts))}
	}
	for n, list := range pairs {
		if x.pairs[n] = put(list); len(list) > 0 {
			for before := range uint32(1 << 6) {
				x.mark(before<<12 | uint32(n))
			}
		}
	}
	size := 1 << bits.Len(uint(2*len(files)))
	x.keys, x.lists = make([]uint32, size), make([]extent, size)
	windows := make([]uint32, 0, len(files))
	for w := range files {
		windows = append(windows, w)
	}
	slices.Sort(windows)
	for _, w := range windows {
		slot := hashWindow(w) & uint32(size-1)
		for x.keys[slot] != 0 {
			slot = (slot + 1) & uint32(size-1)
		}
		x.keys[slot], x.lists[slot] = w+1, put(files[w])
		x.mark(w)
	}
	return x
}

const windowMask = 1<<18 - 1

func window(s string) uint32 {
	return uint32(byteFold[s[0]])<<12 | uint32(byteFold[s[1]])<<6 | uint32(byteFold[s[2]])
}

func hashWindow(w uint32) uint32 { return w * 0x9e3779b1 >> 12 }

func (x *index) mark(window uint32) { x.bitmap[window>>6] |= 1 << (window & 63) }

// rarest is where the three bytes of text stand that ordinary text has least.
func rarest(text string) (at int) {
	least := 1.0
	for i := range len(text) - 2 {
		if p := textCost(text[i : i+3]); p < least {
			at, least = i, p
		}
	}
	return at
}

// reading is what the index found in a text: its memory is kept for the next.
type reading struct {
	in         byteSet // the classes of its bytes
	candidates [maxRules / 64]uint64
	rules      []found
	hits       []hit
	places     []uint32 // what of returns
	epoch      uint32
}

// found is of one rule.
type found struct {
	epoch       uint32 // of the reading that this is of
	clauses     uint8
	all         bool // not all hits are kept
	first, last uint32
}

// hit is where a text of an anchor stands. Those of one rule are a list.
type hit struct {
	at   uint32
	next uint32 // 0: none
}

// maxHits is how many are kept of one text.
const maxHits = 1 << 16

// begin makes r empty, for rules of an index.
func (r *reading) begin(x *index) {
	if len(r.rules) < x.rules {
		r.rules = make([]found, x.rules)
	}
	if r.epoch++; r.epoch == 0 {
		clear(r.rules)
		r.epoch = 1
	}
	r.in = 0
	clear(r.candidates[:x.words])
	r.hits = append(r.hits[:0], hit{}) // no list begins there
}

// find makes r what the index has to say of value.
func (x *index) find(value []byte, r *reading) {
	r.begin(x)
	var w uint32
	var in byteSet
	for i, b := range value {
		in |= byteClass[b]
		w = (w<<6 | uint32(byteFold[b])) & windowMask
		if x.bitmap[w>>6]>>(w&63)&1 != 0 {
			x.compare(value, i, w, r)
		}
	}
	r.in = in
	for set := in & x.ones; set != 0; set &= set - 1 {
		for _, u := range x.byOne[bits.TrailingZeros64(uint64(set))] {
			r.has(u)
		}
	}
	for _, rule := range x.always {
		r.candidates[rule>>6] |= 1 << (rule & 63)
		r.rules[rule] = found{epoch: r.epoch, all: true}
	}
}

// compare looks at the texts filed under w, which ends at i.
func (x *index) compare(value []byte, i int, w uint32, r *reading) {
	if l := x.pairs[w&(1<<12-1)]; l.from < l.to {
		x.equal(value, i, l, r)
	}
	size := uint32(len(x.keys) - 1)
	slot := hashWindow(w) & size
	for x.keys[slot] != w+1 {
		if x.keys[slot] == 0 {
			return
		}
		slot = (slot + 1) & size
	}
	x.equal(value, i, x.lists[slot], r)
}

func (x *index) equal(value []byte, i int, l extent, r *reading) {
	texts := x.texts[l.from:l.to]
next:
	for n := range texts {
		t := &texts[n]
		start := i - int(t.at)
		if start < 0 || len(value)-start < int(t.n) {
			continue
		}
		text := x.bytes[t.bytes : t.bytes+uint32(t.n)]
		part := value[start : start+len(text)]
		for j, c := range text {
			if byteLower[part[j]] != c {
				continue next
			}
		}
		for _, u := range x.uses[t.uses : t.uses+uint32(t.used)] {
			r.hit(u, start)
		}
	}
}

// has says that the text has what u is of.
func (r *reading) has(u use) *found {
	f := &r.rules[u.rule]
	if f.epoch != r.epoch {
		*f = found{epoch: r.epoch}
	}
	if f.clauses |= u.bit; u.bit == anchorBit {
		r.candidates[u.rule>>6] |= 1 << (u.rule & 63)
	}
	return f
}

// hit says the same, and where.
func (r *reading) hit(u use, at int) {
	f := r.has(u)
	if u.bit != anchorBit || f.all {
		return
	}
	n := uint32(len(r.hits))
	if n == maxHits {
		f.all = true
		return
	}
	r.hits = append(r.hits, hit{at: uint32(at)})
	if f.first == 0 {
		f.first = n
	} else {
		r.hits[f.last].next = n
	}
	f.last = n
}

// of returns where f's hits are, in order.
func (r *reading) of(f *found) []uint32 {
	r.places = r.places[:0]
	sorted := true
	for n := f.first; n != 0; n = r.hits[n].next {
		at := r.hits[n].at
		if last := len(r.places) - 1; last >= 0 {
			if at == r.places[last] {
				continue
			}
			sorted = sorted && at > r.places[last]
		}
		r.places = append(r.places, at)
	}
	if !sorted { // windows end at different places of texts
		slices.Sort(r.places)
	}
	return r.places
}
