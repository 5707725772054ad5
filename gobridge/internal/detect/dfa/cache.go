package dfa

import "sync/atomic"

// The table holds, at a state plus a column, the next state, which is where its
// row begins, or one of these.
const (
	unknown   = 0
	dead      = 1
	accept    = 2 // plus how many bytes before the position the match ends
	maxBack   = 4
	firstRow  = accept + maxBack + 1
	stateCost = 96 // what a state costs beside its row and its key
)

// resets counts how often a cache was begun anew.
var resets atomic.Int64

// minStates is what a cache holds at least, whatever its limit.
const minStates = 16

// cache is one generation of states. What is there never changes; the table is
// replaced by a longer one when it is full.
type cache struct {
	ids    map[string]uint32
	keys   []string // by row
	starts [nctx]uint32
	first  uint32 // states below are start states
}

// view is what a scan reads without a lock: a table is shared by all, and written
// with the lock held.
type view struct {
	*cache
	table []uint32
}

func (m *Matcher) row(s uint32) int { return int(s-firstRow) / m.stride }

// fresh begins a cache with the start states. The lock is held.
func (m *Matcher) fresh(w *work) *view {
	m.charge(-m.cached)
	c := &cache{ids: map[string]uint32{}}
	v := &view{cache: c}
	for ctx := range c.starts {
		if ctx == ctxText {
			c.first = uint32(firstRow + len(c.keys)*m.stride)
		}
		kind, key := m.prog.startKey(w, ctx, w.keys[0][:0])
		w.keys[0] = key[:0]
		switch kind {
		case live:
			v, c.starts[ctx] = m.intern(v, key)
		case acceptAt:
			c.starts[ctx] = accept
		default:
			c.starts[ctx] = dead
		}
	}
	return v
}

// charge adds n bytes to what the matcher's cache occupies.
func (m *Matcher) charge(n int) {
	m.cached += n
	m.account.Add(int64(n))
	cached.Add(int64(n))
}

// intern returns the state of the key; full has said that there is room. The
// view is another one if the table was too short. The lock is held.
func (m *Matcher) intern(v *view, key []byte) (*view, uint32) {
	if s, ok := v.ids[string(key)]; ok {
		return v, s
	}
	n := len(v.keys)
	s := uint32(firstRow + n*m.stride)
	if int(s)+m.stride > len(v.table) {
		more := min(n/2, (m.bound-m.cached)/(4*m.stride+stateCost+len(key)))
		more = max(more, 1)
		table := make([]uint32, int(s)+more*m.stride)
		copy(table, v.table) // only whoever holds the lock writes
		m.charge(4 * (len(table) - len(v.table)))
		v = &view{cache: v.cache, table: table}
	}
	k := string(key)
	v.keys = append(v.keys, k)
	v.ids[k] = s
	m.charge(len(k) + stateCost)
	return v, s
}

// full reports whether the current cache has no room for the key.
func (m *Matcher) full(v *view, key []byte) bool {
	n := len(v.keys)
	if _, ok := v.ids[string(key)]; ok || n < minStates {
		return false
	}
	size := len(key) + stateCost
	if firstRow+(n+1)*m.stride > len(v.table) {
		size += 4 * m.stride
	}
	return m.cached+size > m.bound || cached.Load()+int64(size) > limit.Load()
}

// miss finds the way from state s of the view by a column, and the view to go on
// with. reset says that the cache was begun anew for that.
func (m *Matcher) miss(v *view, s uint32, col int) (_ *view, next uint32, reset bool) {
	m.mu.Lock()
	defer m.mu.Unlock()

	cur := m.view.Load()
	key := v.keys[m.row(s)]
	same := v.cache == cur.cache
	if same {
		if next = cur.table[int(s)+col]; next != unknown {
			return cur, next, false
		}
	}
	w := getWork(len(m.prog.insts))
	defer works.Put(w)
	kind, back, dst := m.prog.byteStep(w, []byte(key), col)
	switch kind {
	case live:
		if m.full(cur, dst) {
			key := string(dst) // dst is of w
			cur = m.fresh(w)
			dst = []byte(key)
			same, reset = false, true
			resets.Add(1)
		}
		cur, next = m.intern(cur, dst)
	case deadEnd:
		next = dead
	default:
		next = accept + uint32(back)
	}
	if same {
		atomic.StoreUint32(&cur.table[int(s)+col], next)
	}
	m.view.Store(cur)
	return cur, next, reset
}

// key returns the key of state s.
func (m *Matcher) key(v *view, s uint32) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []byte(v.keys[m.row(s)])
}
