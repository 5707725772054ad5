package detect

import (
	"encoding/binary"
	"maps"
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
	pairs  [1 << 12]uint32 // of the last two bytes of the window: where in lists
	slots  []uint64        // open addressing: where in lists, and window + 1
	lists  []byte          // see put: together, as each is cold where it is read
	ones   byteSet         // the classes of texts of one byte
	marked byteSet         // of these, the ones of anchors that text has seldom
	byOne  [64][]use       // of each
	always []uint16        // rules that hang on nothing
	need   []uint8         // of each rule: the bits of its clauses
	words  int             // of a set of rules
}

// frequent are the classes of which text has so many bytes that it is no use to
// keep where these are.
var frequent = setOf(" .,0123456789abcdefghiklmnoprstuwy")

// useBytes are those of a use in index.lists.
const useBytes = 4

// slotWindow is the part of a slot that is the window.
const slotWindow = 1<<20 - 1

// maxText is how many bytes of a text are compared: its beginning is in what
// has the text.
const maxText = 64

// use says that a text is of a rule's list, and of the anchor what is around it.
type use struct {
	rule        uint16
	bit, around uint8
}

// anchorBit is the bit of a rule's first clause.
const anchorBit = 1

// indexOf is an index of rules, of those that count.
func indexOf(rules []compiled, counts func(*compiled) bool) *index {
	x := &index{
		words: (len(rules) + 63) / 64,
		need:  make([]uint8, len(rules)),
		lists: []byte{0}, // no list begins there
	}
	texts := map[string][]use{}
	for i := range rules {
		r := &rules[i]
		if !counts(r) {
			continue
		}
		if x.need[i] = r.clauses(); len(r.needed) == 0 {
			x.always = append(x.always, uint16(i))
		}
		for n, list := range r.needed {
			for k, text := range list {
				u := use{rule: uint16(i), bit: 1 << n}
				if n == 0 {
					u.around = r.aroundN[k]
				}
				if text = text[:min(len(text), maxText)]; len(text) > 1 && !slices.Contains(texts[text], u) {
					texts[text] = append(texts[text], u)
				}
			}
			for set := r.single[n]; set != 0; set &= set - 1 {
				c := bits.TrailingZeros64(uint64(set))
				x.byOne[c] = append(x.byOne[c], use{rule: uint16(i), bit: 1 << n})
			}
			x.ones |= r.single[n]
		}
		if r.located && r.single[0]&frequent == 0 {
			x.marked |= r.single[0]
		}
	}
	pairs, files := map[uint32][]string{}, map[uint32][]string{}
	for text := range texts {
		if len(text) == 2 {
			w := uint32(byteFold[text[0]])<<6 | uint32(byteFold[text[1]])
			pairs[w] = append(pairs[w], text)
		} else {
			w := window(text[rarest(text):])
			files[w] = append(files[w], text)
		}
	}
	for _, w := range slices.Sorted(maps.Keys(pairs)) {
		x.pairs[w] = x.put(pairs[w], texts)
		for before := range uint32(1 << 6) {
			x.mark(before<<12 | w)
		}
	}
	size := 1 << bits.Len(uint(2*len(files)))
	x.slots = make([]uint64, size)
	for _, w := range slices.Sorted(maps.Keys(files)) {
		slot := hashWindow(w) & uint32(size-1)
		for x.slots[slot] != 0 {
			slot = (slot + 1) & uint32(size-1)
		}
		x.slots[slot] = uint64(x.put(files[w], texts))<<20 | uint64(w+1)
		x.mark(w)
	}
	return x
}

// put appends a list to x.lists and returns where it is: how many texts, in two
// bytes; of each its length, where in it the window ends, how many uses, the
// text, and the uses, useBytes each. A text of more uses is there again.
func (x *index) put(list []string, texts map[string][]use) (at uint32) {
	const most = 255
	at = uint32(len(x.lists))
	n := 0
	x.lists = append(x.lists, 0, 0)
	slices.Sort(list)
	for _, text := range list {
		end := 1
		if len(text) > 2 {
			end = rarest(text) + 2
		}
		for uses := range slices.Chunk(texts[text], most) {
			x.lists = append(x.lists, byte(len(text)), byte(end), byte(len(uses)))
			x.lists = append(x.lists, text...)
			for _, u := range uses {
				x.lists = append(x.lists, byte(u.rule), byte(u.rule>>8), u.bit, u.around)
			}
			n++
		}
	}
	binary.LittleEndian.PutUint16(x.lists[at:], uint16(n))
	return at
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
	marks      []uint32 // where bytes of the index's marked classes are
	places     []place  // what of returns
	backs      []back   // by what is around
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
	place
	next uint32 // 0: none
}

// place is where a text of an anchor stands, its length, and what is around it,
// in the order of where it stands.
type place uint64

func placeOf(at, size int, around uint8) place {
	return place(at)<<16 | place(size)<<8 | place(around)
}

func (p place) split() (at, behind, around int) {
	at = int(p >> 16)
	return at, at + int(p>>8&0xff), int(p & 0xff)
}

// back is how far back from the last place a match may begin, and up to where
// none does from there on.
type back struct{ at, from, done int }

// maxHits is how many are kept of one text.
const maxHits = 1 << 16

// begin makes r empty, for rules of an index.
func (r *reading) begin(x *index) {
	if len(r.rules) < len(x.need) {
		r.rules = make([]found, len(x.need))
	}
	if r.epoch++; r.epoch == 0 {
		clear(r.rules)
		r.epoch = 1
	}
	r.in = 0
	clear(r.candidates[:x.words])
	r.hits = append(r.hits[:0], hit{}) // no list begins there
	r.marks = r.marks[:0]
}

// find makes r what the index has to say of value.
func (x *index) find(value []byte, r *reading) {
	r.begin(x)
	var w uint32
	var in byteSet
	for i, b := range value {
		class := byteClass[b]
		if in |= class; class&x.marked != 0 && len(r.marks) < maxHits {
			r.marks = append(r.marks, uint32(i))
		}
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
	if at := x.pairs[w&(1<<12-1)]; at != 0 {
		x.equal(value, i, at, r)
	}
	size := uint32(len(x.slots) - 1)
	slot := hashWindow(w) & size
	for {
		switch s := x.slots[slot]; {
		case s == 0:
			return
		case s&slotWindow == uint64(w+1):
			x.equal(value, i, uint32(s>>20), r)
			return
		}
		slot = (slot + 1) & size
	}
}

// equal looks at the list at a place of x.lists.
func (x *index) equal(value []byte, i int, at uint32, r *reading) {
	list := x.lists[at:]
	n := binary.LittleEndian.Uint16(list)
	list = list[2:]
next:
	for ; n > 0; n-- {
		size, end, uses := int(list[0]), int(list[1]), useBytes*int(list[2])
		text := list[3 : 3+size]
		used := list[3+size : 3+size+uses]
		list = list[3+size+uses:]
		start := i - end
		if start < 0 || len(value)-start < size {
			continue
		}
		part := value[start : start+size]
		for j, c := range text {
			if byteLower[part[j]] != c {
				continue next
			}
		}
		for ; len(used) >= useBytes; used = used[useBytes:] {
			r.hit(use{binary.LittleEndian.Uint16(used), used[2], used[3]}, start, size)
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
func (r *reading) hit(u use, at, size int) {
	f := r.has(u)
	if u.bit != anchorBit || f.all {
		return
	}
	n := uint32(len(r.hits))
	if n == maxHits {
		f.all = true
		return
	}
	r.hits = append(r.hits, hit{place: placeOf(at, size, u.around)})
	if f.first == 0 {
		f.first = n
	} else {
		r.hits[f.last].next = n
	}
	f.last = n
}

// of returns where f's hits are, in order, and begins anew with so many backs.
func (r *reading) of(f *found, backs int) []place {
	r.backs = r.backs[:0]
	for range backs {
		r.backs = append(r.backs, back{at: -1})
	}
	r.places = r.places[:0]
	for n := f.first; n != 0; n = r.hits[n].next {
		r.places = append(r.places, r.hits[n].place)
	}
	slices.Sort(r.places) // windows end at different places of texts
	return r.places
}

// back is the first position from which on all bytes before at may be before the
// text there in a match, one that has around a, the n-th. It looks at no byte
// twice for the same n, if at grows.
func (r *reading) back(text []byte, n, at int, a *around) int {
	last := &r.backs[n]
	from := at
	for least := max(0, at-a.before); from > least && a.behind.has(text[from-1]); {
		if from--; from == last.at {
			from = max(least, last.from)
			break
		}
	}
	last.at, last.from = at, from
	return from
}
