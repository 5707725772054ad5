package detect

import (
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
)

// maxNeeded is of how many clauses of a rule the index knows.
const maxNeeded = 3

// index finds in one pass the rules that a value may match, and where. A rule
// is a candidate if the value has a text of each of its needed clauses, which
// every match contains: sound, see literal.go. A text of three bytes or more is
// filed under three bytes of it, folded, so that the window over the value meets
// these where the text is, and then compares the text; one of two bytes is filed
// under itself, and one of one byte is in the value if its class is.
type index struct {
	rules  []compiled
	bitmap [1 << 12]uint64 // of windows that file something
	pairs  [1 << 12]uint16 // of the last two bytes of the window: which of two, and 1
	two    []filed
	slots  []filed         // open addressing
	lists  []byte          // see file: together, as each is cold where it is read
	ones   byteSet         // the classes of texts of one byte
	marked byteSet         // of these, the ones of anchors that text has seldom
	byOne  [64][]satisfied // by each
	words  int             // of a set of rules
	none   []uint64        // of each clause, a set of rules: those that have no such one
}

// satisfied are clauses: a word of a reading's clauses, and which bits of it.
type satisfied struct {
	word uint16
	bits uint64
}

// frequent are the classes of which text has so many bytes that it is no use to
// keep where these are.
var frequent = setOf(" .,0123456789abcdefghiklmnoprstuwy")

// useBytes are those of a use in index.lists, headBytes those before a text.
const (
	useBytes  = 4
	headBytes = 8
	noKey     = 255
)

// filed is a list of texts that have a window, and which bytes, folded, are
// before it and behind it in them.
type filed struct {
	window         uint32 // and 1
	at             uint32 // in lists
	before, behind uint64
}

// maxText is how many bytes of a text are compared: its beginning is in what
// has the text.
const maxText = 64

// use says that a text with these edges is of a rule's clause, a bit in a
// reading's clauses, and of the anchor what is around it.
type use struct {
	clause uint16
	around uint8
	edges  edges
}

// indexOf is an index of rules, of those that count.
func indexOf(rules []compiled, counts func(*compiled) bool) *index {
	x := &index{
		rules: rules,
		words: (len(rules) + 63) / 64,
		lists: []byte{0}, // no list begins there
	}
	depth := 1
	for i := range rules {
		depth = max(depth, len(rules[i].needed))
	}
	x.none = make([]uint64, depth*x.words)
	texts := map[string][]use{}
	for i := range rules {
		r := &rules[i]
		if !counts(r) {
			continue
		}
		for n := len(r.needed); n < depth; n++ {
			x.none[n*x.words+i>>6] |= 1 << (i & 63)
		}
		for n, list := range r.needed {
			clause := n*x.words<<6 + i
			for k, b := range list {
				u := use{clause: uint16(clause), edges: b.edges}
				if n == 0 {
					u.around = r.aroundN[k]
				}
				text := b.text
				if len(text) > maxText {
					text, u.edges = text[:maxText], u.edges&^ends
				}
				if len(text) > 1 && !slices.Contains(texts[text], u) {
					texts[text] = append(texts[text], u)
				}
			}
			for set := r.single[n]; set != 0; set &= set - 1 {
				x.satisfy(bits.TrailingZeros64(uint64(set)), clause)
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
		x.two = append(x.two, x.file(w, pairs[w], texts))
		x.pairs[w] = uint16(len(x.two))
		for before := range uint32(1 << 6) { // 0, too, if there is nothing
			if before == 0 || x.two[len(x.two)-1].before>>before&1 != 0 {
				x.mark(before<<12 | w)
			}
		}
	}
	size := 1 << bits.Len(uint(len(files)*4/3))
	x.slots = make([]filed, size)
	for _, w := range slices.Sorted(maps.Keys(files)) {
		slot := hashWindow(w) & uint32(size-1)
		for x.slots[slot].window != 0 {
			slot = (slot + 1) & uint32(size-1)
		}
		x.slots[slot] = x.file(w, files[w], texts)
		x.mark(w)
	}
	return x
}

// satisfy says that a class of bytes satisfies a clause.
func (x *index) satisfy(class, clause int) {
	word, bit := uint16(clause>>6), uint64(1)<<(clause&63)
	for i := range x.byOne[class] {
		if s := &x.byOne[class][i]; s.word == word {
			s.bits |= bit
			return
		}
	}
	x.byOne[class] = append(x.byOne[class], satisfied{word, bit})
}

// file appends a list to x.lists: how many texts, in two bytes; of each its
// length, where in it the window ends, how many uses, where in it are the four
// bytes that are compared first, or noKey, and these; the text, and the uses,
// useBytes each. A text of more uses is there again.
func (x *index) file(window uint32, list []string, texts map[string][]use) filed {
	const most = 255
	f := filed{window: window + 1, at: uint32(len(x.lists))}
	n := 0
	x.lists = append(x.lists, 0, 0)
	slices.Sort(list)
	for _, text := range list {
		begin, end := windowOf(text)
		common := begins | ends
		for _, u := range texts[text] {
			common &= u.edges
		}
		if begin > 0 {
			f.before |= 1 << byteFold[text[begin-1]]
		} else {
			f.before |= beside(text[0], common&begins)
		}
		if end+1 < len(text) {
			f.behind |= 1 << byteFold[text[end+1]]
		} else {
			f.behind |= beside(text[end], common&ends)
		}
		key, at := uint32(0), noKey
		if len(text) >= 4 {
			at = keyAt(len(text), end)
			key = folded(text[at:])
		}
		for uses := range slices.Chunk(texts[text], most) {
			x.lists = append(x.lists, byte(len(text)), byte(end), byte(len(uses)), byte(at))
			x.lists = binary.LittleEndian.AppendUint32(x.lists, key)
			x.lists = append(x.lists, text...)
			for _, u := range uses {
				x.lists = append(x.lists, byte(u.clause), byte(u.clause>>8), u.around, byte(u.edges))
			}
			n++
		}
	}
	binary.LittleEndian.PutUint16(x.lists[f.at:], uint16(n))
	return f
}

// beside are the bytes, folded, that may be beside c, at an edge or not.
func beside(c byte, edge edges) (set uint64) {
	for b := range 256 {
		if edge == 0 || word[b] != word[c] {
			set |= 1 << byteFold[b]
		}
	}
	return set
}

// windowOf is the part of text that the window meets.
func windowOf(text string) (begin, end int) {
	if len(text) == 2 {
		return 0, 1
	}
	begin = rarest(text)
	return begin, begin + 2
}

// keyAt is where the four bytes begin that tell a text of so many best from
// others that have the same window, which ends at end.
func keyAt(size, end int) int {
	switch before, behind := end-2, size-1-end; {
	case behind >= 4:
		return end + 1
	case before >= 4:
		return before - 4
	case behind >= before:
		return size - 4
	}
	return 0
}

// folded is what four bytes have in common with any others that fold to the same.
func folded[T string | []byte](b T) uint32 {
	return four(b) | 0x20202020
}

const windowMask = 1<<18 - 1

func window(s string) uint32 {
	return uint32(byteFold[s[0]])<<12 | uint32(byteFold[s[1]])<<6 | uint32(byteFold[s[2]])
}

func hashWindow(w uint32) uint32 { return w * 0x9e3779b1 >> 12 }

func (x *index) mark(window uint32) { x.bitmap[window>>6] |= 1 << (window & 63) }

// rarest is where the three bytes of text stand whose window ordinary text has
// least.
func rarest(text string) (at int) {
	least := 1.0
	for i := range len(text) - 2 {
		a, b, c := byteFold[text[i]], byteFold[text[i+1]], byteFold[text[i+2]]
		if p := float64(foldCost[a]) * float64(foldCost[b]*pairCost[a][b]) * float64(foldCost[c]*pairCost[b][c]); p < least {
			at, least = i, p
		}
	}
	return at
}

// find makes r what the index has to say of value, whose bytes are of the classes
// in.
func (x *index) find(value []byte, in byteSet, r *reading) {
	r.begin(x)
	r.in = in
	var (
		w    uint32
		seen byteSet
	)
	for i, b := range value {
		if class := byteClass[b]; class&x.marked != 0 && len(r.marks) < maxHits {
			r.mark(class, i, seen&class == 0)
			seen |= class
		}
		w = (w<<6 | uint32(byteFold[b])) & windowMask
		if x.bitmap[w>>6]>>(w&63)&1 != 0 {
			x.compare(value, i, w, r)
		}
	}
	r.hit = append(r.hit[:0], r.clauses[:x.words]...)
	for set := in & x.ones; set != 0; set &= set - 1 {
		for _, s := range x.byOne[bits.TrailingZeros64(uint64(set))] {
			r.clauses[s.word] |= s.bits
		}
	}
	r.candidates = append(r.candidates[:0], r.clauses[:x.words]...)
	for rest := r.clauses[x.words:]; len(rest) > 0; rest = rest[x.words:] {
		for i := range r.candidates {
			r.candidates[i] &= rest[i]
		}
	}
}

// compare looks at the texts filed under w, which ends at i.
func (x *index) compare(value []byte, i int, w uint32, r *reading) {
	if n := x.pairs[w&(1<<12-1)]; n != 0 && x.two[n-1].may(value, i-1, i) {
		x.equal(value, i, x.two[n-1].at, r)
	}
	size := uint32(len(x.slots) - 1)
	for slot := hashWindow(w) & size; ; slot = (slot + 1) & size {
		switch f := &x.slots[slot]; {
		case f.window == 0:
			return
		case f.window == w+1:
			if f.may(value, i-2, i) {
				x.equal(value, i, f.at, r)
			}
			return
		}
	}
}

// may reports whether a text of f may be in value, with its window from begin to
// end.
func (f *filed) may(value []byte, begin, end int) bool {
	before, behind := uint64(1), uint64(1)
	if begin > 0 {
		before = f.before >> byteFold[value[begin-1]]
	}
	if end+1 < len(value) {
		behind = f.behind >> byteFold[value[end+1]]
	}
	return before&behind&1 != 0
}

// equal looks at the list at a place of x.lists.
func (x *index) equal(value []byte, i int, at uint32, r *reading) {
	list := x.lists[at:]
	n := binary.LittleEndian.Uint16(list)
	list = list[2:]
next:
	for ; n > 0; n-- {
		head := list[:headBytes]
		size, start := int(head[0]), i-int(head[1])
		text := list[headBytes : headBytes+size]
		used := list[headBytes+size:][:useBytes*int(head[2])]
		list = list[headBytes+size+len(used):]
		if key := int(head[3]); key != noKey {
			if key += start; key < 0 || len(value)-key < 4 || folded(value[key:key+4]) != binary.LittleEndian.Uint32(head[4:]) {
				continue
			}
		}
		if start < 0 || len(value)-start < size {
			continue
		}
		part := value[start : start+size]
		for j, c := range text {
			if byteLower[part[j]] != c {
				continue next
			}
		}
		has := edgesOf(value, start, start+size)
		for ; len(used) >= useBytes; used = used[useBytes:] {
			if u := (use{binary.LittleEndian.Uint16(used), used[2], edges(used[3])}); u.edges&^has == 0 {
				x.use(u, start, size, r)
			}
		}
	}
}

// use says that the text has what u is of, and where.
func (x *index) use(u use, at, size int, r *reading) {
	word, bit := &r.clauses[u.clause>>6], uint64(1)<<(u.clause&63)
	if int(u.clause) >= x.words<<6 {
		*word |= bit
		return
	}
	f, n := &r.rules[u.clause], uint32(len(r.hits))
	switch {
	case *word&bit == 0:
		*word |= bit
		*f = found{first: n, all: n == maxHits}
	case f.all:
	case n == maxHits:
		f.all = true
	default:
		r.hits[f.last].next = n
	}
	if f.last = n; !f.all {
		r.hits = append(r.hits, hit{place: placeOf(at, size, u.around)})
	}
}
