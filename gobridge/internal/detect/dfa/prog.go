package dfa

import (
	"encoding/binary"
	"errors"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"
)

// ErrTooLarge is what Compile returns for a pattern beyond its limits.
var ErrTooLarge = errors.New("dfa: the pattern is too large")

// maxInsts is the size of a program: an instruction's number has 16 bits.
const maxInsts = 1<<16 - 1

// maxWork bounds the product of classes and character sets at compile time.
const maxWork = 1 << 22

// maxNodes bounds the tree of multi-byte characters; \p{L} needs 100.
const maxNodes = 1 << 12

type op uint8

const (
	opFail op = iota
	opRune
	opAlt
	opEmpty
	opMatch
)

// inst is a syntax.Inst without what the existence of a match does not need.
type inst struct {
	op   op
	cond uint8  // opEmpty: what has to hold, a syntax.EmptyOp
	set  uint16 // opRune: number of the character set
	out  uint16
	arg  uint16 // opAlt: the other way
}

// leaf reports whether an instruction waits for the character that comes next.
func (in *inst) leaf() bool {
	return in.op == opRune || in.op == opEmpty && in.cond&lookahead != 0
}

// What is known of a position by the character before it.
const (
	ctxNone = iota
	ctxWord
	ctxLine // behind '\n'
	ctxText // at the beginning of the text
	nctx
)

const (
	lookahead = uint8(syntax.EmptyEndLine | syntax.EmptyEndText |
		syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary)
	wordConds = uint8(syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary)
	lineConds = uint8(syntax.EmptyBeginLine | syntax.EmptyEndLine)
)

var ctxFlags = [nctx]uint8{
	ctxLine: uint8(syntax.EmptyBeginLine),
	ctxText: uint8(syntax.EmptyBeginLine | syntax.EmptyBeginText),
}

// node is a place within a multi-byte character: pend bytes of it are read.
type node struct {
	next    []int32  // by column beyond the ASCII ones: a node, ^class, or bad
	classes []uint16 // of the characters that can be completed; nil: many
	pend    uint8
}

// bad stands in place of a node or class: these bytes are no UTF-8.
const bad = int32(-1 << 30)

// manyClasses is from where on enter does not look at each class.
const manyClasses = 4

// prog is a pattern as a program over classes of characters, and the way from
// bytes to classes. It does not change after compile.
type prog struct {
	insts []inst
	start uint16
	conds uint8 // all that the program asks for

	// Characters that no set of the program tells apart are one class.
	nclass   int
	member   []uint64 // by class, the bits of the sets that have it
	width    int      // words of a class in member
	wordBit  []bool   // by class
	lineBit  []bool
	badClass int // of U+FFFD, which each byte that is no UTF-8 stands for

	// Bytes that no character tells apart are one column of the table.
	column   [256]uint8
	ncol     int
	nascii   int      // columns below are of bytes below 0x80
	colClass []uint16 // by column below nascii
	root     []int32  // by column - nascii: a node, or bad
	nodes    []node   // nodes[0] is not used: node 0 is between characters

	// The instructions that wait for a character at a position where a match
	// may begin, by what is before it.
	starts [nctx]startSet
	dead   bool // no start set has anything, but that of the text's beginning
}

type startSet struct {
	leaves []uint16
	member []uint64 // the same as bits
	canon  uint8    // the first context with the same leaves
	accept bool     // the empty text matches here
	ahead  bool     // some leaf looks ahead
}

func compile(sp *syntax.Prog) (*prog, error) {
	if len(sp.Inst) > maxInsts {
		return nil, ErrTooLarge
	}
	p := &prog{}
	sets := p.convert(sp)
	if err := p.classify(sets); err != nil {
		return nil, err
	}
	p.findStarts()
	return p, nil
}

// convert makes insts, and returns the character sets: pairs of bounds.
func (p *prog) convert(sp *syntax.Prog) [][]rune {
	// skip follows what neither reads nor branches.
	skip := func(pc uint32) uint32 {
		for sp.Inst[pc].Op == syntax.InstNop || sp.Inst[pc].Op == syntax.InstCapture {
			pc = sp.Inst[pc].Out
		}
		return pc
	}

	number := make([]int, len(sp.Inst)) // in insts, plus one
	var order []uint32
	visit := func(pc uint32) uint16 {
		pc = skip(pc)
		if number[pc] == 0 {
			order = append(order, pc)
			number[pc] = len(order)
		}
		return uint16(number[pc] - 1)
	}

	var sets [][]rune
	known := map[string]uint16{}
	p.start = visit(uint32(sp.Start))
	for i := 0; i < len(order); i++ {
		from := &sp.Inst[order[i]]
		in := inst{}
		switch from.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			in.op = opAlt
			in.out = visit(from.Out)
			in.arg = visit(from.Arg)
		case syntax.InstEmptyWidth:
			in.op = opEmpty
			in.cond = uint8(from.Arg)
			in.out = visit(from.Out)
			p.conds |= in.cond
		case syntax.InstMatch:
			in.op = opMatch
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			in.op = opRune
			set := runes(from)
			key := string(set)
			n, ok := known[key]
			if !ok {
				n = uint16(len(sets))
				known[key] = n
				sets = append(sets, set)
			}
			in.set = n
			in.out = visit(from.Out)
		}
		p.insts = append(p.insts, in)
	}
	p.insts = slices.Clone(p.insts) // no larger than it is
	return sets
}

// runes returns what in matches, as pairs of bounds.
func runes(in *syntax.Inst) []rune {
	switch in.Op {
	case syntax.InstRuneAny:
		return []rune{0, unicode.MaxRune}
	case syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	}
	if len(in.Rune) != 1 {
		return in.Rune
	}
	r := in.Rune[0]
	set := []rune{r, r}
	if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			set = append(set, f, f)
		}
	}
	return set
}

// classify makes the classes of characters and the columns of bytes.
func (p *prog) classify(sets [][]rune) error {
	all := sets
	newline, word := -1, -1
	if p.conds&lineConds != 0 {
		newline = len(all)
		all = append(all, []rune{'\n', '\n'})
	}
	if p.conds&wordConds != 0 {
		word = len(all)
		all = append(all, []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'})
	}

	bounds := []rune{0, utf8.RuneSelf, unicode.MaxRune + 1}
	for _, set := range all {
		for i := 0; i < len(set); i += 2 {
			bounds = append(bounds, set[i], set[i+1]+1)
		}
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	nspan := len(bounds) - 1

	width := (len(all) + 7) / 8
	if nspan*width > maxWork || nspan*len(all) > maxWork {
		return ErrTooLarge
	}
	in := make([]byte, nspan*width) // which sets a span between bounds is in
	for s, set := range all {
		for i := 0; i < len(set); i += 2 {
			at, _ := slices.BinarySearch(bounds, set[i])
			for ; bounds[at] <= set[i+1]; at++ {
				in[at*width+s/8] |= 1 << (s % 8)
			}
		}
	}

	spans := make([]uint16, nspan) // their classes
	known := map[string]uint16{}
	ascii, _ := slices.BinarySearch(bounds, utf8.RuneSelf) // spans of ASCII
	for n := range spans {
		at := (n + ascii) % nspan // class 0 is the first one beyond
		key := string(in[at*width : (at+1)*width])
		c, ok := known[key]
		if !ok {
			if len(known) > maxInsts {
				return ErrTooLarge
			}
			c = uint16(len(known))
			known[key] = c
		}
		spans[at] = c
	}
	p.nclass = len(known)
	p.width = (len(sets) + 63) / 64
	p.member = make([]uint64, p.nclass*p.width)
	p.wordBit = make([]bool, p.nclass)
	p.lineBit = make([]bool, p.nclass)
	for key, c := range known {
		for s := range sets {
			if key[s/8]>>(s%8)&1 != 0 {
				p.member[int(c)*p.width+s/64] |= 1 << (s % 64)
			}
		}
		p.wordBit[c] = word >= 0 && key[word/8]>>(word%8)&1 != 0
		p.lineBit[c] = newline >= 0 && key[newline/8]>>(newline%8)&1 != 0
	}

	t := newTree(bounds, spans)
	p.badClass = t.class(utf8.RuneError)
	p.asciiColumns(t)
	if ascii == nspan-1 {
		p.beyond(uniform())
		return nil
	}
	own, err := t.columns()
	if err == nil {
		p.beyond(own)
	}
	return err
}

// asciiColumns gives each byte of ASCII its column.
func (p *prog) asciiColumns(t *tree) {
	known := map[int]uint8{}
	for b := range utf8.RuneSelf {
		class := t.class(rune(b))
		c, ok := known[class]
		if !ok {
			c = uint8(p.nascii)
			known[class] = c
			p.nascii++
			p.colClass = append(p.colClass, uint16(class))
		}
		p.column[b] = c
	}
}

// beyond are the columns of the bytes beyond ASCII, from 0 on, and the nodes.
type beyond struct {
	column [utf8.RuneSelf]uint8
	root   []int32 // by column
	nodes  []node
}

// beyond adds columns to those of ASCII.
func (p *prog) beyond(all *beyond) {
	for b, c := range all.column {
		p.column[utf8.RuneSelf+b] = uint8(p.nascii) + c
	}
	p.ncol, p.root, p.nodes = p.nascii+len(all.root), all.root, all.nodes
}

// uniform is for the many patterns that tell no characters beyond ASCII apart:
// all these are of class 0.
var uniform = sync.OnceValue(func() *beyond {
	all, err := newTree([]rune{0, utf8.RuneSelf, unicode.MaxRune + 1}, []uint16{1, 0}).columns()
	if err != nil {
		panic(err) // it is one and the same always
	}
	return all
})

// tree holds the multi-byte characters by their bytes while they are classified.
type tree struct {
	bounds []rune
	spans  []uint16
	nodes  []treeNode
	known  map[string]int32
}

func newTree(bounds []rune, spans []uint16) *tree {
	return &tree{bounds: bounds, spans: spans, known: map[string]int32{}, nodes: []treeNode{{}}}
}

type treeNode struct {
	next [64]int32
	pend uint8
}

func (t *tree) class(r rune) int {
	at, ok := slices.BinarySearch(t.bounds, r)
	if !ok {
		at--
	}
	return int(t.spans[at])
}

// build returns the node behind pend bytes, with left bytes to come, of the
// characters from lo on; of these, those below min are no UTF-8.
func (t *tree) build(lo, min rune, left int, pend uint8) int32 {
	n := treeNode{pend: pend}
	size := rune(1) << (6 * (left - 1))
	for i := range n.next {
		first := lo + rune(i)*size
		switch {
		case i > 0 && first >= min+size && t.same(lo+rune(i-1)*size, first+size-1):
			n.next[i] = n.next[i-1]
		case first < min, first > unicode.MaxRune:
			n.next[i] = bad
		case 0xD800 <= first && first <= 0xDFFF: // size is 64 or 1 here
			n.next[i] = bad
		case left == 1:
			n.next[i] = ^int32(t.class(first))
		default:
			n.next[i] = t.build(first, min, left-1, pend+1)
		}
	}
	return t.add(n)
}

// same reports whether all characters from lo to hi are in one span and none is
// a surrogate.
func (t *tree) same(lo, hi rune) bool {
	if hi > unicode.MaxRune || lo <= 0xDFFF && hi >= 0xD800 {
		return false
	}
	at, ok := slices.BinarySearch(t.bounds, lo)
	if !ok {
		at--
	}
	return hi < t.bounds[at+1]
}

func (t *tree) add(n treeNode) int32 {
	key := make([]byte, 1, 1+4*len(n.next))
	key[0] = n.pend
	for _, v := range n.next {
		key = binary.LittleEndian.AppendUint32(key, uint32(v))
	}
	id, ok := t.known[string(key)]
	if !ok {
		id = int32(len(t.nodes))
		t.known[string(key)] = id
		t.nodes = append(t.nodes, n)
	}
	return id
}

// columns gives each byte beyond ASCII its column, and the nodes their ways by
// column.
func (t *tree) columns() (*beyond, error) {
	var lead [utf8.RuneSelf]int32
	for i := range lead {
		lead[i] = bad
		r := rune(utf8.RuneSelf + i)
		switch {
		case 0xC2 <= r && r <= 0xDF:
			lead[i] = t.build(r&0x1F<<6, 0x80, 1, 1)
		case 0xE0 <= r && r <= 0xEF:
			lead[i] = t.build(r&0x0F<<12, 0x800, 2, 1)
		case 0xF0 <= r && r <= 0xF4:
			lead[i] = t.build(r&0x07<<18, 0x10000, 3, 1)
		}
		if len(t.nodes) > maxNodes {
			return nil, ErrTooLarge
		}
	}

	all := new(beyond)
	known := map[string]uint8{}
	var bytes []int // one of each column, less 0x80
	for b := range lead {
		key := binary.LittleEndian.AppendUint32(nil, uint32(lead[b]))
		for i := 1; i < len(t.nodes) && b < continuations; i++ {
			key = binary.LittleEndian.AppendUint32(key, uint32(t.nodes[i].next[b]))
		}
		c, ok := known[string(key)]
		if !ok {
			c = uint8(len(bytes))
			known[string(key)] = c
			bytes = append(bytes, b)
			all.root = append(all.root, lead[b])
		}
		all.column[b] = c
	}

	all.nodes = make([]node, len(t.nodes))
	for i := 1; i < len(t.nodes); i++ { // what a node leads to comes before it
		n := &all.nodes[i]
		n.pend = t.nodes[i].pend
		n.next = make([]int32, len(bytes))
		for c, b := range bytes {
			n.next[c] = bad
			if b < continuations {
				n.next[c] = t.nodes[i].next[b]
			}
		}
		n.classes = reach(all.nodes, n.next)
	}
	return all, nil
}

// continuations are the bytes from 0x80 on that do not begin a character.
const continuations = 0x40

// reach returns the classes that next leads to, or nil if they are many.
func reach(nodes []node, next []int32) []uint16 {
	classes := []uint16{}
	for _, v := range next {
		switch {
		case v == bad:
		case v < 0:
			classes = append(classes, uint16(^v))
		case nodes[v].classes == nil:
			return nil
		default:
			classes = append(classes, nodes[v].classes...)
		}
	}
	slices.Sort(classes)
	classes = slices.Compact(classes)
	if len(classes) > manyClasses {
		return nil
	}
	return classes
}

// sets returns the bits of the character sets that have the class.
func (p *prog) sets(class int) []uint64 {
	return p.member[class*p.width : (class+1)*p.width]
}

// context returns what a character of the class is for the position behind it.
func (p *prog) context(class int) int {
	switch {
	case p.wordBit[class]:
		return ctxWord
	case p.lineBit[class]:
		return ctxLine
	}
	return ctxNone
}

func (p *prog) findStarts() {
	w := newWork(len(p.insts))
	p.dead = true
	for ctx := range p.starts {
		s := &p.starts[ctx]
		s.canon = uint8(ctx)
		w.next.clear()
		s.accept = p.follow(w, &w.next, p.start, ctxFlags[ctx], false)
		for _, pc := range w.next.dense {
			if in := &p.insts[pc]; in.leaf() {
				s.leaves = append(s.leaves, pc)
				s.ahead = s.ahead || in.op == opEmpty
			}
		}
		slices.Sort(s.leaves)
		s.member = make([]uint64, (len(p.insts)+63)/64)
		for _, pc := range s.leaves {
			s.member[pc/64] |= 1 << (pc % 64)
		}
		for c := range ctx {
			if slices.Equal(p.starts[c].leaves, s.leaves) && p.starts[c].accept == s.accept {
				s.canon = uint8(c)
				s.leaves, s.member = p.starts[c].leaves, p.starts[c].member
				break
			}
		}
		if ctx != ctxText && (len(s.leaves) > 0 || s.accept) {
			p.dead = false
		}
	}
}

// size is about what p occupies, in bytes.
func (p *prog) size() int {
	n := 512 + len(p.insts)*8 + len(p.member)*8 + p.nclass*2 + p.ncol*4
	for i := range p.nodes {
		if &p.nodes[0] == &uniform().nodes[0] {
			break // of all
		}
		n += 56 + len(p.nodes[i].next)*4 + len(p.nodes[i].classes)*2
	}
	for i := range p.starts {
		if s := &p.starts[i]; int(s.canon) == i {
			n += len(s.leaves)*2 + len(s.member)*8
		}
	}
	return n
}

// narrow reports whether in a start state, and in no other, nothing that was read
// can be a part of a match, and whether what is before a position is of no matter.
func (p *prog) narrow(w *work) bool {
	if p.conds&^uint8(syntax.EmptyEndLine|syntax.EmptyEndText) != 0 {
		return false
	}
	// What is reached behind any character that a match begins with.
	reached := &w.next
	reached.clear()
	for _, pc := range p.starts[ctxNone].leaves {
		if p.insts[pc].op == opRune {
			p.follow(w, reached, p.insts[pc].out, 0, false)
		}
	}
	all := lookahead
	for i := 0; i < len(reached.dense); i++ {
		in := &p.insts[reached.dense[i]]
		if in.op == opRune || in.op == opEmpty {
			p.follow(w, reached, in.out, all, true)
		}
	}
	for _, pc := range p.starts[ctxNone].leaves {
		if reached.has(pc) {
			return false
		}
	}
	return true
}
