package detect

import (
	"math/bits"
	"slices"
	"unicode/utf8"
)

// reading is what the index found in a text: its memory is kept for the next.
type reading struct {
	in         byteSet  // the classes of its bytes
	clauses    []uint64 // of each clause, a set of rules: those whose is satisfied
	candidates []uint64 // the rules of which all are
	rules      []found  // of those in hit
	hit        []uint64
	hits       []hit
	marks      []mark     // where bytes of the index's marked classes are
	classes    [64]series // of marks; of a class that is in the text
	places     []place    // what of returns
	backs      []back     // by what is around
}

// found is of one rule.
type found struct {
	all         bool // not all hits are kept
	first, last uint32
}

// hit is where a text of an anchor stands. Those of one rule are a list.
type hit struct {
	place
	next uint32 // 0: none
}

// mark is where a byte of a class stands. Those of one class are a list.
type mark struct{ at, next uint32 } // next 0: none

// series are the first and the last of a list.
type series struct{ first, last uint32 }

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
	if n := x.words << 6; len(r.rules) < n {
		r.rules = make([]found, n)
	}
	r.clauses = append(r.clauses[:0], x.none...)
	r.hits = append(r.hits[:0], hit{})    // no list begins there
	r.marks = append(r.marks[:0], mark{}) // no list begins there
}

// mark keeps where a byte of a class is, the first one or not.
func (r *reading) mark(class byteSet, at int, first bool) {
	s, n := &r.classes[bits.TrailingZeros64(uint64(class))], uint32(len(r.marks))
	if first {
		s.first = n
	} else {
		r.marks[s.last].next = n
	}
	s.last = n
	r.marks = append(r.marks, mark{at: uint32(at)})
}

// of returns where f's hits are, in order, and begins anew with so many backs,
// of which those of the hits and the last are in use.
func (r *reading) of(f *found, backs int) []place {
	if n := backs - len(r.backs); n > 0 {
		r.backs = append(r.backs, make([]back, n)...)
	}
	r.backs[backs-1] = back{at: -1}
	r.places = r.places[:0]
	for n := f.first; n != 0; n = r.hits[n].next {
		p := r.hits[n].place
		_, _, around := p.split()
		r.backs[around] = back{at: -1}
		r.places = append(r.places, p)
	}
	if len(r.places) > 1 { // windows end at different places of texts
		slices.Sort(r.places)
	}
	return r.places
}

// lanes are the lists of marks of some classes.
type lanes struct {
	next [maxLanes]uint32 // of each list
	n    int
}

// maxLanes is of how many lists the first mark is looked for.
const maxLanes = 8

// lanes returns those of the classes of a set, which are in the text; ok is false
// if there are too many, or not all marks are kept.
func (r *reading) lanes(set byteSet) (l lanes, ok bool) {
	if len(r.marks) >= maxHits || bits.OnesCount64(uint64(set)) > maxLanes {
		return l, false
	}
	for ; set != 0; set &= set - 1 {
		l.next[l.n] = r.classes[bits.TrailingZeros64(uint64(set))].first
		l.n++
	}
	return l, true
}

// before returns the first mark before a position, and goes on to the next, or
// that position.
func (l *lanes) before(at int, marks []mark) int {
	lane := -1
	for i, n := range l.next[:l.n] {
		if m := int(marks[n].at); n != 0 && m < at {
			at, lane = m, i
		}
	}
	if lane >= 0 {
		l.next[lane] = marks[l.next[lane]].next
	}
	return at
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

// locate returns the end of the match of patterns[lead] that ends first, or -1,
// by the places where text has the anchor. cost is how many bytes that took.
func (c *compiled) locate(text []byte, r *reading, f *found) (end, cost int) {
	m := c.patterns[c.lead]
	single := c.single[0]
	cost = 1
	marked := single&frequent == 0
	single &= r.in
	var l lanes
	if marked {
		l, marked = r.lanes(single)
	}
	if single != 0 && !marked {
		cost += len(text) / 2
	}
	places := r.of(f, len(c.arounds)+1)
	lo, next := 0, 0 // no match begins there
	for one := 0; ; {
		// The next place, and what is around it.
		at, behind := len(text), len(text)
		n := -1
		if len(places) > 0 {
			at, behind, n = places[0].split()
		}
		switch {
		case single == 0:
		case marked:
			if first := l.before(at, r.marks); first < at {
				at, n = first, len(c.arounds)
			}
		default:
			for one < at && byteClass[text[one]]&single == 0 {
				one++
			}
			if one < at {
				at, n = one, len(c.arounds)
				one++
			}
		}
		a := &c.alone
		switch {
		case n < 0:
			return -1, cost
		case n == len(c.arounds):
			behind = at + 1
		default:
			a = &c.arounds[n]
			places = places[1:]
		}
		if !a.open && (behind == len(text) || !a.after.has(text[behind])) {
			continue
		}

		// Whether a match begins at from or behind, up to past.
		done := &r.backs[n].done
		from, past := max(*done, boundary(text, r.back(text, n, at, a))), at
		switch {
		case at < next && from >= lo:
			*done = next
			continue
		case at < next: // so far only what begins at lo or behind is known
			past, lo = lo-1, from
		case from >= next || from < lo:
			lo = from
		default:
			from = next
		}
		if end, behind = m.Within(text, from, past); end >= 0 {
			return end, cost + end - from
		}
		behind = min(behind, len(text)+1)
		cost += behind - from
		next = max(next, behind)
		*done = next
	}
}

// boundary is the beginning of the character at i, or 0 before it.
func boundary(value []byte, i int) int {
	if i <= 0 {
		return 0
	}
	for n := 1; n < utf8.UTFMax && n <= i && i < len(value) && !utf8.RuneStart(value[i]); n++ {
		if utf8.RuneStart(value[i-n]) {
			if _, size := utf8.DecodeRune(value[i-n:]); size > n {
				return i - n
			}
			break
		}
	}
	return i
}
