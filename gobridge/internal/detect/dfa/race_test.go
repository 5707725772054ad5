package dfa

import (
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
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

func TestMemoryIsGivenBack(t *testing.T) {
	settled := func() int64 {
		for range 5 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		return Memory()
	}
	before := settled()
	func() {
		var ms []*Matcher
		for range 50 {
			m := must(t, exploding, Options{})
			m.Match([]byte(strings.Repeat("aababbabab", 100)))
			ms = append(ms, m)
		}
		require.Greater(t, Memory(), before+50*1000)
		runtime.KeepAlive(ms)
	}()
	require.LessOrEqual(t, settled(), before)
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
