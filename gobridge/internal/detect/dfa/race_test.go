package dfa

import (
	"math/rand/v2"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestThreadsShareStates: several threads build the states of one matcher, which
// has room for few, so that it begins anew under them.
func TestThreadsShareStates(t *testing.T) {
	for _, pattern := range []string{`(?i)(?:union|select)\s+[^\n]{0,9}x`, `\b(?:a|b)*a(?:a|b){6}\b`, `[à-ü].{3}€|😀\B`} {
		m := must(t, pattern, Options{Bytes: 16 << 10})
		re := regexp.MustCompile(pattern)
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(7, uint64(n)))
				for range 1000 {
					b := text(r, 40)
					if re.Match(b) != m.Match(b) {
						t.Errorf("%q in %q: regexp says %v", pattern, b, re.Match(b))
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// exploding has some 2^12 states.
const exploding = `(?:a|b)*a(?:a|b){12}c`

func TestCacheIsBounded(t *testing.T) {
	const bound = 8 << 10
	m := must(t, exploding, Options{Bytes: bound})
	re := regexp.MustCompile(exploding)
	r := rand.New(rand.NewPCG(8, 9))
	before := resets.Load()
	for range 200 {
		b := make([]byte, 500)
		for i := range b {
			b[i] = "aaabbbaaac"[r.IntN(9+i/499)]
		}
		require.Equal(t, re.Match(b), m.Match(b), "%q", b)
		require.LessOrEqual(t, m.cached, bound)
	}
	done := resets.Load() - before
	require.Greater(t, done, int64(100), "the test is to fill the cache")
	require.LessOrEqual(t, done, int64(200*(maxResets+1)), "and a text that does so several times is simulated")
}

// ab is n random letters that exploding has a state of its own for at each place.
func ab(n int) []byte {
	r := rand.New(rand.NewPCG(12, 13))
	b := make([]byte, n)
	for i := range b {
		b[i] = "ab"[r.IntN(2)]
	}
	return b
}

func TestMemoryIsGivenBack(t *testing.T) {
	var ms []*Matcher
	own := int64(0)
	for range 20 {
		before := Memory()
		m := must(t, exploding, Options{})
		require.False(t, m.Match(ab(500)))
		require.Greater(t, m.cached, 20<<10)
		if n := Memory() - before; n > 0 { // unless others were given back meanwhile
			own += int64(m.cached)
		}
		ms = append(ms, m)
	}
	full := Memory()
	require.GreaterOrEqual(t, full, own)
	runtime.KeepAlive(ms)
	ms = nil
	require.Eventually(t, func() bool {
		runtime.GC()
		return Memory() <= full-own
	}, 10*time.Second, time.Millisecond)
}

func TestAllCachesTogetherAreBounded(t *testing.T) {
	const bound = 30 << 10
	b := ab(600)
	free := must(t, exploding, Options{})
	require.False(t, free.Match(b))
	require.Greater(t, free.cached, bound, "without a limit")

	defer SetLimit(DefaultLimit)
	SetLimit(cached.Load() + bound)
	before := cached.Load()
	var ms []*Matcher
	for range 10 {
		m := must(t, exploding, Options{})
		require.False(t, m.Match(b))
		ms = append(ms, m)
	}
	require.LessOrEqual(t, cached.Load()-before, int64(bound+10*minStates*500), "each has its least number of states")
	runtime.KeepAlive(ms)
	runtime.KeepAlive(free)
}

func TestUnusedCachesGiveWay(t *testing.T) {
	b := ab(600)
	chatty, idle := must(t, exploding, Options{}), must(t, exploding, Options{})
	require.False(t, idle.Match(b))
	require.False(t, chatty.Match(b))
	defer SetLimit(DefaultLimit)
	SetLimit(cached.Load())
	before := []int{chatty.cached, idle.cached}
	for evict(must(t, "x", Options{}), 1) && idle.cached == before[1] { // no one used anything of late
		require.False(t, chatty.Match(b))
		SetLimit(cached.Load())
	}
	require.Less(t, idle.cached, before[1])
	require.Equal(t, before[0], chatty.cached)
	require.False(t, idle.Match(b), "and is as it was")
	runtime.KeepAlive(chatty)
}

func TestMatchAllocatesNothing(t *testing.T) {
	var ms []*Matcher
	for _, r := range levels("1") {
		ms = append(ms, must(t, r.pattern, Options{Flags: "sm"}))
	}
	texts := [][]byte{[]byte(chat[0]), []byte(chat[1]), []byte(attack[0])}
	run := func() {
		for _, m := range ms {
			for _, b := range texts {
				m.Match(b)
			}
		}
	}
	run()
	require.Zero(t, testing.AllocsPerRun(5, run))
}
