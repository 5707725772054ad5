package dfa

import (
	"sync"
	"weak"
)

// Where all caches together are at the limit, one that needs more takes it from
// those that were not used of late, in turn (the clock algorithm): what attacks
// filled once does not stay in the way of what every message needs.
var clock struct {
	mu   sync.Mutex
	ring []weak.Pointer[Matcher]
	hand int
}

// enlist makes m one of those in turn.
func enlist(m *Matcher) {
	clock.mu.Lock()
	defer clock.mu.Unlock()
	clock.ring = append(clock.ring, weak.Make(m))
}

// evict begins caches of others than m anew until there are so many bytes below
// the limit, and reports whether there are. The lock of m is held.
func evict(m *Matcher, size int) bool {
	clock.mu.Lock()
	defer clock.mu.Unlock()
	for range 2 * len(clock.ring) {
		if cached.Load()+int64(size) <= limit.Load() {
			return true
		}
		clock.hand = (clock.hand + 1) % len(clock.ring)
		other := clock.ring[clock.hand].Value()
		switch {
		case other == nil:
			last := len(clock.ring) - 1
			clock.ring[clock.hand] = clock.ring[last]
			clock.ring = clock.ring[:last]
			clock.hand = min(clock.hand, max(0, last-1))
		case other == m || other.used.Swap(false) || !other.mu.TryLock():
		default:
			if len(other.view.Load().ends) > minStates {
				w := getWork(len(other.prog.insts))
				other.view.Store(other.fresh(w))
				works.Put(w)
				resets.Add(1)
			}
			other.mu.Unlock()
		}
	}
	return cached.Load()+int64(size) <= limit.Load()
}
