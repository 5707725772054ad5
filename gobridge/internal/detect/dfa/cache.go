package dfa

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
)

// A state is where its row begins in the table, in units: rows are of whole
// units, so that 16 bits do. The table holds, at a state plus a column, the next
// state, or one of these.
const (
	unknown  = 0
	dead     = 1
	accept   = 2 // plus how many bytes before the position the match ends
	maxBack  = 4
	firstRow = accept + maxBack + 1

	unit      = 8 // entries
	unitShift = 3
	maxTable  = 1 << 16 // units
)

// stateCost is what a state costs beside its row and its key, with what is kept
// for more.
const stateCost = 16

// load and store are of a table that a thread with the lock writes while others
// read: an entry is one that was written, or unknown, as memory of the size of a
// word or less is in Go. sync/atomic has nothing of 16 bits.
//
//go:norace
func load(table []uint16, at int) uint16 { return table[at] }

//go:norace
func store(table []uint16, at int, next uint16) { table[at] = next }

// resets counts how often a cache was begun anew.
var resets atomic.Int64

// minStates is what a cache holds at least, whatever its limit.
const minStates = 16

// cache is one generation of states. What is there never changes; the table is
// replaced by a longer one when it is full.
type cache struct {
	keys  []byte   // one behind another
	ends  []uint32 // of each row: where in keys its key ends
	slots []uint16 // open addressing: row and 1
}

// view is what a scan reads without a lock: a table is shared by all, and written
// with the lock held.
type view struct {
	table  []uint16
	starts [nctx]uint16
	first  uint16 // states below are start states
	*cache
}

func (m *Matcher) row(s uint16) int     { return int(s-firstRow) / m.units }
func (m *Matcher) state(row int) uint16 { return uint16(firstRow + row*m.units) }

// key is that of a row.
func (c *cache) key(row int) []byte {
	begin := uint32(0)
	if row > 0 {
		begin = c.ends[row-1]
	}
	return c.keys[begin:c.ends[row]]
}

var seed = maphash.MakeSeed()

// find returns the row of key, or -1 and the slot for it.
func (c *cache) find(key []byte) (row, slot int) {
	mask := len(c.slots) - 1
	for slot = int(maphash.Bytes(seed, key)) & mask; c.slots[slot] != 0; slot = (slot + 1) & mask {
		if row = int(c.slots[slot]) - 1; bytes.Equal(c.key(row), key) {
			return row, slot
		}
	}
	return -1, slot
}

// grow makes slots for more states.
func (c *cache) grow() {
	c.slots = make([]uint16, 2*len(c.slots))
	for row := range c.ends {
		_, slot := c.find(c.key(row))
		c.slots[slot] = uint16(row + 1)
	}
}

// fresh begins a cache with the start states. The lock is held.
func (m *Matcher) fresh(w *work) *view {
	m.charge(-m.cached)
	c := &cache{slots: make([]uint16, 8)}
	v := &view{cache: c}
	for ctx := range v.starts {
		if ctx == ctxText {
			v.first = m.state(len(c.ends))
		}
		kind, key := m.prog.startKey(w, ctx, w.keys[0][:0])
		w.keys[0] = key[:0]
		switch kind {
		case live:
			var s uint16
			v, s = m.intern(v, key)
			v.starts[ctx] = s
		case acceptAt:
			v.starts[ctx] = accept
		default:
			v.starts[ctx] = dead
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

// intern returns the state of the key; room has said that there is room. The
// view is another one if the table was too short. The lock is held.
func (m *Matcher) intern(v *view, key []byte) (*view, uint16) {
	row, slot := v.find(key)
	if row >= 0 {
		return v, m.state(row)
	}
	n := len(v.ends)
	if entries := (firstRow + (n+1)*m.units) * unit; entries > len(v.table) {
		more := min(n/2, (m.bound-m.cached)/m.cost(key)-1)
		table := make([]uint16, entries+max(more, 0)*m.units*unit)
		copy(table, v.table) // only whoever holds the lock writes
		m.charge(2 * (len(table) - len(v.table)))
		v = &view{table: table, starts: v.starts, first: v.first, cache: v.cache}
	}
	v.slots[slot] = uint16(n + 1)
	v.keys = append(v.keys, key...)
	v.ends = append(v.ends, uint32(len(v.keys)))
	if 4*len(v.ends) > 3*len(v.slots) {
		v.grow()
	}
	m.charge(m.cost(key) - m.rowCost())
	return v, m.state(n)
}

// rowCost is what a row costs, and cost what a state does.
func (m *Matcher) rowCost() int        { return 2 * unit * m.units }
func (m *Matcher) cost(key []byte) int { return m.rowCost() + stateCost + len(key)*3/2 }

// room reports whether there is room for the key, in the current cache and in
// all. The lock is held.
func (m *Matcher) room(v *view, key []byte) bool {
	n := len(v.ends)
	if row, _ := v.find(key); row >= 0 || n < minStates {
		return true
	}
	size := m.cost(key)
	if (firstRow+(n+1)*m.units)*unit <= len(v.table) {
		size -= m.rowCost()
	}
	if m.cached+size > m.bound || firstRow+(n+1)*m.units > maxTable {
		return false
	}
	return cached.Load()+int64(size) <= limit.Load() || evict(m, size)
}

// miss finds the way from state s of the view by a column, and the view to go on
// with. reset says that the cache was begun anew for that.
func (m *Matcher) miss(v *view, s uint16, col int) (_ *view, next uint16, reset bool) {
	m.mu.Lock()
	defer m.mu.Unlock()

	cur := m.view.Load()
	key := v.key(m.row(s))
	same := v.cache == cur.cache
	at := int(s)<<unitShift + col
	if same {
		if next = load(cur.table, at); next != unknown {
			return cur, next, false
		}
	}
	w := getWork(len(m.prog.insts))
	defer works.Put(w)
	kind, back, dst := m.prog.byteStep(w, key, col)
	switch kind {
	case live:
		if !m.room(cur, dst) {
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
		next = accept + uint16(back)
	}
	if same {
		store(cur.table, at, next)
	}
	m.view.Store(cur)
	return cur, next, reset
}

// keyOf returns the key of state s.
func (m *Matcher) keyOf(v *view, s uint16) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(v.key(m.row(s)))
}
