package dfa

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
)

// sparse is a set of instructions that is emptied in no time.
type sparse struct {
	dense []uint16
	index []uint16
}

func (s *sparse) clear() { s.dense = s.dense[:0] }

func (s *sparse) has(pc uint16) bool {
	i := int(s.index[pc])
	return i < len(s.dense) && s.dense[i] == pc
}

// add reports whether pc was not there.
func (s *sparse) add(pc uint16) bool {
	if s.has(pc) {
		return false
	}
	s.index[pc] = uint16(len(s.dense))
	s.dense = append(s.dense, pc)
	return true
}

// work is the memory of one step.
type work struct {
	next  sparse // behind the character
	ahead sparse // what the character before which we stand gives way to
	cur   sparse // before the character; for run
	stack []uint16
	list  []uint16
	keys  [3][]byte
}

func newWork(n int) *work {
	w := &work{}
	w.reserve(n)
	return w
}

func (w *work) reserve(n int) {
	if len(w.next.index) < n {
		for _, s := range []*sparse{&w.next, &w.ahead, &w.cur} {
			s.dense = make([]uint16, 0, n)
			s.index = make([]uint16, n)
		}
		w.stack = make([]uint16, 0, n)
		w.list = make([]uint16, 0, n)
	}
}

var works = sync.Pool{New: func() any { return new(work) }}

func getWork(n int) *work {
	w := works.Get().(*work)
	w.reserve(n)
	return w
}

// A key is a state in bytes: the node, the number of the start set, what is
// before the position if that is still needed, then the instructions that wait
// for a character and are not in the start set, in order.
const (
	keyNode  = 0
	keyStart = 2
	keyCtx   = 3
	keyInsts = 4
)

// pending returns how many bytes of an unfinished character are read.
func (p *prog) pending(key []byte) int {
	return int(p.nodes[binary.LittleEndian.Uint16(key[keyNode:])].pend)
}

// What a step gives beside a key.
const (
	live = iota
	deadEnd
	acceptBefore // a match ends before the character
	acceptAt     // a match ends behind it
)

// endOfText stands in place of a class.
const endOfText = -1

// follow adds to set what is reached from pc without reading. It reports whether
// that is the match. Conditions on what comes next are kept in the set, unless
// known says that flags has them.
func (p *prog) follow(w *work, set *sparse, pc uint16, flags uint8, known bool) bool {
	stack := append(w.stack[:0], pc)
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
	again:
		in := &p.insts[pc]
		switch in.op {
		case opMatch:
			return true
		case opAlt:
			if set.add(pc) {
				stack = append(stack, in.arg)
				pc = in.out
				goto again
			}
		case opEmpty:
			switch {
			case !known && in.cond&lookahead != 0:
				set.add(pc)
			case in.cond&^flags == 0 && set.add(pc):
				pc = in.out
				goto again
			}
		case opRune:
			set.add(pc)
		}
	}
	return false
}

// waiting returns the instructions of a key beyond the start set.
func (w *work) waiting(key []byte) []uint16 {
	list := w.list[:0]
	for k := keyInsts; k < len(key); k += 2 {
		list = append(list, binary.LittleEndian.Uint16(key[k:]))
	}
	return list
}

// advance makes w.next of a start set and others that wait, with ctx before the
// position and a character of the class behind it.
func (p *prog) advance(w *work, start, others []uint16, ctx uint8, class int) int {
	word, next := false, 0
	flags := ctxFlags[ctx]
	if class == endOfText {
		flags |= uint8(syntax.EmptyEndText | syntax.EmptyEndLine)
	} else {
		word = p.wordBit[class]
		if p.lineBit[class] {
			flags |= uint8(syntax.EmptyEndLine)
		}
		next = p.context(class)
	}
	if word != (ctx == ctxWord) {
		flags |= uint8(syntax.EmptyWordBoundary)
	} else {
		flags |= uint8(syntax.EmptyNoWordBoundary)
	}

	w.ahead.clear()
	if p.conds&lookahead != 0 {
		for _, list := range [2][]uint16{start, others} {
			for _, pc := range list {
				in := &p.insts[pc]
				if in.op == opEmpty && in.cond&^flags == 0 && p.follow(w, &w.ahead, in.out, flags, true) {
					return acceptBefore
				}
			}
		}
	}
	if class == endOfText {
		return deadEnd
	}

	w.next.clear()
	sets := p.sets(class)
	for _, list := range [3][]uint16{start, others, w.ahead.dense} {
		for _, pc := range list {
			in := &p.insts[pc]
			if in.op == opRune && sets[in.set/64]>>(in.set%64)&1 != 0 && p.follow(w, &w.next, in.out, ctxFlags[next], false) {
				return acceptAt
			}
		}
	}
	if p.starts[next].accept {
		return acceptAt
	}
	return live
}

// step appends to dst the key of the state behind a character of the class. The
// node in key is not looked at.
func (p *prog) step(w *work, key []byte, class int, dst []byte) (int, []byte) {
	kind := p.advance(w, p.starts[key[keyStart]].leaves, w.waiting(key), key[keyCtx], class)
	if kind != live {
		return kind, dst
	}
	dst = p.key(w, p.context(class), dst)
	if p.dead && len(dst) == keyInsts {
		return deadEnd, dst
	}
	return live, dst
}

// key makes a key of w.next with ctx before it.
func (p *prog) key(w *work, ctx int, dst []byte) []byte {
	s := &p.starts[ctx]
	ahead := s.ahead
	list := w.list[:0]
	for _, pc := range w.next.dense {
		in := &p.insts[pc]
		if in.leaf() && s.member[pc/64]>>(pc%64)&1 == 0 {
			list = append(list, pc)
			ahead = ahead || in.op == opEmpty
		}
	}
	slices.Sort(list)

	kept := uint8(ctx)
	if !ahead {
		kept = 0
	}
	dst = append(dst[:0], 0, 0, s.canon, kept)
	for _, pc := range list {
		dst = binary.LittleEndian.AppendUint16(dst, pc)
	}
	return dst
}

// startKey is the key of the state where a scan begins.
func (p *prog) startKey(w *work, ctx int, dst []byte) (int, []byte) {
	if p.starts[ctx].accept {
		return acceptAt, dst
	}
	w.next.clear()
	dst = p.key(w, ctx, dst)
	if p.dead && len(p.starts[ctx].leaves) == 0 {
		return deadEnd, dst
	}
	return live, dst
}

// byteStep appends to dst the state behind a byte of column col; ncol stands for
// the end of the text. For a match it returns how many bytes before the position
// behind that byte the match ends.
func (p *prog) byteStep(w *work, key []byte, col int) (kind, back int, dst []byte) {
	dst = w.keys[0][:0]
	defer func() { w.keys[0] = dst[:0] }()

	at := int(binary.LittleEndian.Uint16(key[keyNode:]))
	pend := 0
	if at != 0 {
		n := &p.nodes[at]
		pend = int(n.pend)
		if col >= p.nascii && col < p.ncol {
			v := n.next[col-p.nascii]
			switch {
			case v == bad:
			case v < 0:
				kind, dst = p.step(w, key, int(^v), dst)
				if kind == acceptBefore {
					back = pend + 1
				}
				return kind, back, dst
			default:
				return p.enter(w, key, v, dst)
			}
		}
		// No character after all: each byte is one of its own.
		one := 1 // this byte
		if col == p.ncol {
			one = 0
		}
		for ; pend > 0; pend-- {
			var next []byte
			kind, next = p.step(w, key, p.badClass, w.keys[1][:0])
			w.keys[1], w.keys[2] = w.keys[2], next
			switch kind {
			case acceptBefore:
				return kind, pend + one, dst
			case acceptAt:
				return kind, pend - 1 + one, dst
			case deadEnd:
				return kind, 0, dst
			}
			key = next
		}
	}

	class := endOfText
	switch {
	case col < p.nascii:
		class = int(p.colClass[col])
	case col < p.ncol:
		v := p.root[col-p.nascii]
		if v != bad {
			return p.enter(w, key, v, dst)
		}
		class = p.badClass
	}
	kind, dst = p.step(w, key, class, dst)
	if kind == acceptBefore && class != endOfText {
		back = 1
	}
	return kind, back, dst
}

// enter appends to dst the state at a node within a character. Where it makes no
// difference which character it will be, or whether it will be one, that is the
// state behind the character: its other bytes, then taken for bytes that are no
// UTF-8, lead from there to itself.
func (p *prog) enter(w *work, key []byte, to int32, dst []byte) (kind, back int, _ []byte) {
	n := &p.nodes[to]
	if n.classes != nil {
		var other []byte
		kind, dst = p.step(w, key, p.badClass, dst)
		same := kind != acceptAt
		for i := 0; same && i < len(n.classes); i++ {
			if int(n.classes[i]) != p.badClass {
				var k int
				k, other = p.step(w, key, int(n.classes[i]), w.keys[1][:0])
				w.keys[1] = other[:0]
				same = k == kind && (kind != live || string(other) == string(dst))
			}
		}
		switch {
		case !same:
		case kind == acceptBefore:
			return kind, int(n.pend), dst
		case kind == deadEnd:
			return kind, 0, dst
		default:
			var k int
			k, other = p.step(w, dst, p.badClass, w.keys[1][:0])
			w.keys[1] = other[:0]
			if k == live && string(other) == string(dst) {
				return live, 0, dst
			}
		}
	}
	dst = append(dst[:0], key...)
	binary.LittleEndian.PutUint16(dst[keyNode:], uint16(to))
	return live, 0, dst
}

// classAt returns the class of the character at b[i:], and its length.
func (p *prog) classAt(b []byte, i int) (class, size int) {
	c := int(p.column[b[i]])
	if c < p.nascii {
		return int(p.colClass[c]), 1
	}
	v := p.root[c-p.nascii]
	for size = 1; v > 0; size++ {
		if i+size == len(b) {
			return p.badClass, 1
		}
		c = int(p.column[b[i+size]])
		if c < p.nascii {
			return p.badClass, 1
		}
		v = p.nodes[v].next[c-p.nascii]
	}
	if v == bad {
		return p.badClass, 1
	}
	return int(^v), size
}

// run goes on from the state of key at the character at b[i:] without a DFA: it
// steps through all instructions that are at work. It returns the end of the
// match that ends first, or -1.
func (m *Matcher) run(w *work, key, b []byte, i int) int {
	p := m.prog
	ctx := int(key[keyCtx])
	start := p.starts[key[keyStart]].leaves
	others := w.waiting(key)
	for {
		class, size := endOfText, 0
		if i < len(b) {
			class, size = p.classAt(b, i)
			if m.leaves && m.leave[b[i]] == 0 {
				start = nil // no match begins here
			}
		}
		switch p.advance(w, start, others, uint8(ctx), class) {
		case deadEnd:
			return -1
		case acceptBefore:
			return i
		case acceptAt:
			return i + size
		}
		ctx = p.context(class)
		w.cur, w.next = w.next, w.cur
		start, others = p.starts[ctx].leaves, w.cur.dense
		if p.dead && len(others) == 0 {
			return -1
		}
		i += size
	}
}
