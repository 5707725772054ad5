package console

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// Shape is all that filters and groups look at. Most events share theirs with
// many others.
type Shape struct {
	Kind, Action, Type, Rule, Host, Path, Point, IP, Event, Framework, Direction, Observer string
}

// dims are the names of a shape's parts in URLs, in the order of the facets.
var dims = []struct {
	Name, Label string
	of          func(*Shape) string
}{
	{"type", "Type", func(s *Shape) string { return s.Type }},
	{"action", "Action", func(s *Shape) string { return s.Action }},
	{"host", "Host", func(s *Shape) string { return s.Host }},
	{"path", "Location", func(s *Shape) string { return s.Path }},
	{"ip", "Client", func(s *Shape) string { return s.IP }},
	{"rule", "Rule", func(s *Shape) string { return s.Rule }},
	{"point", "Point", func(s *Shape) string { return s.Point }},
	{"event", "Event", func(s *Shape) string { return s.Event }},
	{"framework", "Framework", func(s *Shape) string { return s.Framework }},
	{"direction", "Direction", func(s *Shape) string { return s.Direction }},
	{"observer", "Server", func(s *Shape) string { return s.Observer }},
}

// Positions in dims, and how many there are.
const (
	dimType = iota
	_
	dimHost
	dimPath
	dimIP
	dimRule
	dimPoint
	dimEvent
	nDims = 11
)

// dict numbers the values of one dimension, so that a shape is compared and
// counted without looking at a text.
type dict struct {
	ids   map[string]uint32
	names []string
}

func (d *dict) id(s string) uint32 {
	n, ok := d.ids[s]
	if !ok {
		n = uint32(len(d.names))
		d.ids[s] = n
		d.names = append(d.names, s)
	}
	return n
}

// attackKey is what hits are grouped by, as Wallarm groups them.
type attackKey struct{ kind, typ, host, path, point, ip string }

func (s *Shape) attack() attackKey {
	return attackKey{s.Kind, s.Type, s.Host, s.Path, s.Point, s.IP}
}

// id names the attack in URLs. It depends on nothing else: a link lives longer
// than the database.
func (k attackKey) id() string {
	h := sha256.New()
	for _, s := range []string{k.kind, k.typ, k.host, k.path, k.point, k.ip} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

type shapeSlot struct {
	Shape
	row   int64 // its id in the database
	group uint32
	count int           // events that have it
	dims  [nDims]uint32 // its values, by their numbers
}

type groupSlot struct {
	attackKey
	id    string
	count int
}

// index holds, for every stored event, what filters need: 24 bytes each. It is
// what makes any filter over a million events one pass over an array, where a
// table would need an index for every combination.
type index struct {
	mu sync.RWMutex

	base  int64 // the id of the first event; ids have no gaps
	ts    []int64
	shape []uint32
	hits  []uint32
	conn  []int64

	shapes     []shapeSlot
	lanes      []uint8 // by slot
	freeShapes []uint32
	byShape    map[Shape]uint32

	groups     []groupSlot
	freeGroups []uint32
	byGroup    map[attackKey]uint32
	byID       map[string]uint32

	dicts [nDims]dict

	generation uint64 // changes with every change

	span *[2]int64 // times of the first and the last event, where only some are here
}

func newIndex() *index {
	x := &index{
		base: 1, byShape: map[Shape]uint32{}, byGroup: map[attackKey]uint32{}, byID: map[string]uint32{},
	}
	x.number()
	return x
}

// number numbers the values anew, so that those that no shape has any more are
// forgotten.
func (x *index) number() {
	for d := range x.dicts {
		x.dicts[d] = dict{ids: map[string]uint32{}}
		x.dicts[d].id("")
	}
	for i := range x.shapes {
		x.shapes[i].number(&x.dicts)
	}
}

func (s *shapeSlot) number(dicts *[nDims]dict) {
	for d := range dims {
		s.dims[d] = dicts[d].id(dims[d].of(&s.Shape))
	}
}

// row is one event as the index has it.
type row struct {
	ts   int64 // milliseconds
	hits uint32
	conn int64
}

// slot returns the slot of s, adding it.
func (x *index) slot(s Shape, id int64) uint32 {
	if n, ok := x.byShape[s]; ok {
		return n
	}
	key := s.attack()
	g, ok := x.byGroup[key]
	if !ok {
		g, x.freeGroups = take(x.freeGroups, len(x.groups))
		if int(g) == len(x.groups) {
			x.groups = append(x.groups, groupSlot{})
		}
		x.groups[g] = groupSlot{attackKey: key, id: key.id()}
		x.byGroup[key] = g
		x.byID[x.groups[g].id] = g
	}
	var n uint32
	n, x.freeShapes = take(x.freeShapes, len(x.shapes))
	if int(n) == len(x.shapes) {
		x.shapes = append(x.shapes, shapeSlot{})
		x.lanes = append(x.lanes, 0)
	}
	x.lanes[n] = lane(s.Action)
	x.shapes[n] = shapeSlot{Shape: s, row: id, group: g}
	x.shapes[n].number(&x.dicts)
	x.byShape[s] = n
	return n
}

func take(free []uint32, next int) (uint32, []uint32) {
	if n := len(free); n > 0 {
		return free[n-1], free[:n-1]
	}
	return uint32(next), free
}

func (x *index) add(slot uint32, r row) {
	x.ts = append(x.ts, r.ts)
	x.shape = append(x.shape, slot)
	x.hits = append(x.hits, r.hits)
	x.conn = append(x.conn, r.conn)
	s := &x.shapes[slot]
	s.count++
	x.groups[s.group].count++
	x.generation++
}

// drop forgets the oldest n events. It returns the shapes that no event has any
// more, by their ids in the database.
func (x *index) drop(n int) (unused []int64) {
	n = min(n, len(x.ts))
	for _, slot := range x.shape[:n] {
		s := &x.shapes[slot]
		s.count--
		g := &x.groups[s.group]
		g.count--
		if s.count > 0 {
			continue
		}
		unused = append(unused, s.row)
		delete(x.byShape, s.Shape)
		if g.count == 0 {
			delete(x.byGroup, g.attackKey)
			delete(x.byID, g.id)
			x.freeGroups = append(x.freeGroups, s.group)
			*g = groupSlot{}
		}
		*s = shapeSlot{}
		x.freeShapes = append(x.freeShapes, slot)
	}
	x.ts, x.shape, x.hits, x.conn = x.ts[n:], x.shape[n:], x.hits[n:], x.conn[n:]
	x.base += int64(n)
	x.generation++
	if len(unused) > 0 && len(x.freeShapes) > len(x.shapes)/2 {
		x.number()
	}
	return unused
}

// Filter is what a page shows. The zero value shows every attack.
type Filter struct {
	Kind     string // "" attacks, "all" everything but connections
	Is, Not  map[string][]string
	From, To time.Time
	Query    string // full text
}

// accepts evaluates f for every shape, so that an event costs one look.
func (x *index) accepts(f *Filter) []bool {
	ok := x.passes(f)
	for i := range ok {
		ok[i] = ok[i] && f.kind(x.shapes[i].Kind)
	}
	return ok
}

// passes is accepts without the kind. A value is compared once, however many
// shapes have it.
func (x *index) passes(f *Filter) []bool {
	ok := make([]bool, len(x.shapes))
	for i := range ok {
		ok[i] = x.shapes[i].count > 0
	}
	for d := range dims {
		is, not := f.Is[dims[d].Name], f.Not[dims[d].Name]
		if len(is)+len(not) == 0 {
			continue
		}
		good := make([]bool, len(x.dicts[d].names))
		for n, name := range x.dicts[d].names {
			match := matcher(name)
			good[n] = (len(is) == 0 || slices.ContainsFunc(is, match)) && !slices.ContainsFunc(not, match)
		}
		for i := range ok {
			ok[i] = ok[i] && good[x.shapes[i].dims[d]]
		}
	}
	return ok
}

func (f *Filter) kind(kind string) bool {
	switch f.Kind {
	case "":
		return kind == kindAttack
	case "all":
		return kind != kindConnection
	}
	return kind == f.Kind
}

// matcher compares with a pattern: a value, or the beginning of one and "*".
func matcher(value string) func(string) bool {
	return func(pattern string) bool {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(value, prefix)
		}
		return value == pattern
	}
}

// Counts of one attack or of any other group of events.
type Counts struct {
	Hits, Events           int64
	Blocked, Passed, Other int64 // hits, by action
	First, Last            int64 // milliseconds
	LastID                 int64 // the newest event
}

func (c *Counts) add(d *Counts) {
	if c.Events == 0 || d.First < c.First {
		c.First = d.First
	}
	if c.Events == 0 || d.Last >= c.Last {
		c.Last, c.LastID = d.Last, d.LastID
	}
	c.Hits += d.Hits
	c.Events += d.Events
	c.Blocked += d.Blocked
	c.Passed += d.Passed
	c.Other += d.Other
}

// The actions as the time line stacks them.
const (
	laneBlocked = iota
	lanePassed
	laneOther
	lanes
)

func lane(action string) uint8 {
	switch action {
	case "blocked":
		return laneBlocked
	case "monitored", "passed", "allowed":
		return lanePassed
	}
	return laneOther
}

// tally is what a pass counts of one shape.
type tally struct {
	hits, first, last int64
	events            uint32
	newest            uint32 // position
}

// result is what one pass found.
type result struct {
	total  Counts
	shapes []tally // by slot
	bars
}

// counts are those of one shape.
func (x *index) counts(r *result, slot int) (c Counts) {
	t := &r.shapes[slot]
	if t.events == 0 {
		return c
	}
	c = Counts{Hits: t.hits, Events: int64(t.events), First: t.first, Last: t.last, LastID: x.base + int64(t.newest)}
	*c.of(x.lanes[slot]) = t.hits
	return c
}

// of is the count of a lane.
func (c *Counts) of(lane uint8) *int64 {
	switch lane {
	case laneBlocked:
		return &c.Blocked
	case lanePassed:
		return &c.Passed
	}
	return &c.Other
}

// bars are the time line.
type bars struct {
	from    int64
	width   int64 // of one of its buckets
	buckets [][lanes]int64

	lo, hi int64 // of the bucket that was counted in last
	last   *[lanes]int64
	beside [lanes]int64 // what is before or behind them
}

func newBars(from, to int64) (b bars) {
	var n int
	b.from, b.width, n = span(from, max(from, to))
	b.buckets = make([][lanes]int64, n)
	return b
}

// add counts an event; that times are nearly in order saves divisions.
func (b *bars) add(t int64, lane uint8, hits int64) {
	if b.last == nil || t < b.lo || t >= b.hi {
		since := t - b.from
		b.lo = t - mod(since, b.width)
		b.hi = b.lo + b.width
		b.last = &b.beside
		if n := since / b.width; since >= 0 && n < int64(len(b.buckets)) {
			b.last = &b.buckets[n]
		}
	}
	b.last[lane] += hits
}

// timelineBuckets is how many bars the time line has at most.
const timelineBuckets = 72

// widths are lengths of a bar that people can name.
var widths = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute,
	20 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// span chooses the buckets for from..to.
func span(from, to int64) (lo, width int64, n int) {
	width = widths[len(widths)-1].Milliseconds()
	for _, w := range widths {
		if (to-from)/w.Milliseconds()+2 <= timelineBuckets {
			width = w.Milliseconds()
			break
		}
	}
	for (to-from)/width+2 > timelineBuckets {
		width *= 2
	}
	lo = from - mod(from, width)
	return lo, width, int((to-lo)/width) + 1
}

func mod(a, b int64) int64 { return (a%b + b) % b }

// run makes the pass. ids, when not nil, are the only events that count, in any
// order.
func (x *index) run(f *Filter, ok []bool, ids []int64) *result {
	r := &result{shapes: make([]tally, len(x.shapes))}
	from, to := f.times()
	first, last := from, to
	switch {
	case from != math.MinInt64 && to != math.MaxInt64:
	case x.span != nil:
		if from == math.MinInt64 {
			first = x.span[0]
		}
		if to == math.MaxInt64 {
			last = x.span[1]
		}
	case len(x.ts) == 0:
		last = time.Now().UnixMilli()
		first = last - time.Hour.Milliseconds()
	default:
		lo, hi := x.ts[0], x.ts[0]
		for _, t := range x.ts {
			lo, hi = min(lo, t), max(hi, t)
		}
		if from == math.MinInt64 {
			first = lo
		}
		if to == math.MaxInt64 {
			last = hi
		}
	}
	r.bars = newBars(first, last)

	n := len(x.ts)
	if ids != nil {
		n = len(ids)
	}
	for i := range n {
		if ids != nil {
			if i = int(ids[i] - x.base); i < 0 || i >= len(x.ts) {
				continue
			}
		}
		slot, t := x.shape[i], x.ts[i]
		if !ok[slot] || t < from || t >= to {
			continue
		}
		c, h := &r.shapes[slot], int64(x.hits[i])
		if c.events == 0 || t < c.first {
			c.first = t
		}
		if c.events == 0 || t >= c.last {
			c.last, c.newest = t, uint32(i)
		}
		c.events++
		c.hits += h
		r.add(t, x.lanes[slot], h)
	}
	for i := range r.shapes {
		if r.shapes[i].events > 0 {
			c := x.counts(r, i)
			r.total.add(&c)
		}
	}
	return r
}

// times are the bounds of f, milliseconds.
func (f *Filter) times() (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if !f.From.IsZero() {
		from = f.From.UnixMilli()
	}
	if !f.To.IsZero() {
		to = f.To.UnixMilli()
	}
	return from, to
}

// between returns lo and hi: events of the time from <= t < to have lo <= id < hi.
func (x *index) between(from, to int64) (lo, hi int64) {
	in := func(t int64) bool { return from <= t && t < to }
	first := slices.IndexFunc(x.ts, in)
	if first < 0 {
		return x.base, x.base
	}
	last := len(x.ts) - 1
	for !in(x.ts[last]) {
		last--
	}
	return x.base + int64(first), x.base + int64(last) + 1
}

// group is an attack, counted.
type group struct {
	slot uint32
	Counts
}

// attacks sums r by attack and returns those from offset on, in order, and how
// many there are.
func (x *index) attacks(r *result, order string, offset, limit int) (page []group, total int) {
	sums := make([]Counts, len(x.groups))
	var used []uint32
	for i := range r.shapes {
		if r.shapes[i].events > 0 {
			g := x.shapes[i].group
			if sums[g].Events == 0 {
				used = append(used, g)
			}
			c := x.counts(r, i)
			sums[g].add(&c)
		}
	}
	compare := func(a, b uint32) int { return cmp.Compare(sums[b].Last, sums[a].Last) }
	switch order {
	case "hits":
		compare = func(a, b uint32) int { return cmp.Compare(sums[b].Hits, sums[a].Hits) }
	case "first":
		compare = func(a, b uint32) int { return cmp.Compare(sums[b].First, sums[a].First) }
	}
	less := func(a, b uint32) int { return cmp.Or(compare(a, b), cmp.Compare(x.groups[a].id, x.groups[b].id)) }
	total = len(used)
	for _, slot := range top(used, offset+limit, less) {
		if offset > 0 {
			offset--
			continue
		}
		page = append(page, group{slot, sums[slot]})
	}
	return page, total
}

// top returns the first n of all in order, without sorting the rest.
func top[T any](all []T, n int, compare func(a, b T) int) []T {
	h := &worst[T]{all: []T{}, compare: compare}
	for _, v := range all {
		switch {
		case len(h.all) < n:
			heap.Push(h, v)
		case n > 0 && compare(v, h.all[0]) < 0:
			h.all[0] = v
			heap.Fix(h, 0)
		}
	}
	slices.SortFunc(h.all, compare)
	return h.all
}

// worst is a heap with the last in order on top.
type worst[T any] struct {
	all     []T
	compare func(a, b T) int
}

func (h *worst[T]) Len() int           { return len(h.all) }
func (h *worst[T]) Less(i, j int) bool { return h.compare(h.all[i], h.all[j]) > 0 }
func (h *worst[T]) Swap(i, j int)      { h.all[i], h.all[j] = h.all[j], h.all[i] }
func (h *worst[T]) Push(v any)         { h.all = append(h.all, v.(T)) }
func (h *worst[T]) Pop() any {
	v := h.all[len(h.all)-1]
	h.all = h.all[:len(h.all)-1]
	return v
}

// value is one value of a dimension, counted.
type value struct {
	Value string `json:"value"`
	Hits  int64  `json:"hits"`
}

// facets are the most frequent values of every dimension.
func (x *index) facets(r *result, limit int) map[string][]value {
	var sums [nDims][]int64
	for d := range sums {
		sums[d] = make([]int64, len(x.dicts[d].names))
	}
	for i := range r.shapes {
		if c := &r.shapes[i]; c.events > 0 {
			for d, n := range x.shapes[i].dims {
				sums[d][n] += c.hits
			}
		}
	}
	out := map[string][]value{}
	for d := range sums {
		var all []value
		for n, hits := range sums[d] {
			if name := x.dicts[d].names[n]; hits > 0 && name != "" {
				all = append(all, value{name, hits})
			}
		}
		out[dims[d].Name] = top(all, limit, func(a, b value) int {
			return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Value, b.Value))
		})
	}
	return out
}

// newest returns the ids of the events that accept takes, newest first, from
// offset on, and how many there are.
func (x *index) newest(accept func(i int) bool, offset, limit int) (ids []int64, total int) {
	for i := len(x.ts) - 1; i >= 0; i-- {
		if !accept(i) {
			continue
		}
		if total >= offset && len(ids) < limit {
			ids = append(ids, x.base+int64(i))
		}
		total++
	}
	return ids, total
}

// having returns the ids of the events whose shapes are in of, the oldest first.
func (x *index) having(of []bool) []int64 {
	ids := []int64{}
	for i, slot := range x.shape {
		if of[slot] {
			ids = append(ids, x.base+int64(i))
		}
	}
	return ids
}

// lastOf returns limit of ids from the end, without the last offset ones, the
// last first.
func lastOf(ids []int64, offset, limit int) (last []int64) {
	for i := len(ids) - 1 - offset; i >= 0 && len(last) < limit; i-- {
		last = append(last, ids[i])
	}
	return last
}
