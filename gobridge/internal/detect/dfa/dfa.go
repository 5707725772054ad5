// Package dfa tells quickly whether a regular expression matches in a text: by a
// DFA whose states are built when a text first needs them and then shared by all
// threads. It answers exactly as package regexp does, on any bytes. Its time is
// linear in the text, and in the steady state it allocates nothing.
package dfa

import (
	"math"
	"regexp"
	"regexp/syntax"
	"runtime"
	"sync"
	"sync/atomic"
)

// DefaultBytes is the size of a matcher's cache of states.
const DefaultBytes = 128 << 10

// maxResets is how often one text may fill the cache before the scan goes on
// without it.
const maxResets = 2

// Options of a Matcher; the zero value is good.
type Options struct {
	Flags string // as in (?flags), for the whole pattern: "i", "m", "s", "U"
	Bytes int    // bound of the cache of states; 0 is DefaultBytes
	Text  bool   // of CompileTree: keep what String, Regexp and Find need, which takes long
}

// DefaultLimit is what the caches of all matchers may occupy.
const DefaultLimit = 6 << 20

var (
	fixed  atomic.Int64 // what all programs occupy
	cached atomic.Int64 // what all caches occupy
	limit  atomic.Int64
)

func init() { limit.Store(DefaultLimit) }

// Memory returns about how many bytes all matchers of the process occupy,
// without what package regexp keeps for those whose span was asked for.
func Memory() int64 { return fixed.Load() + cached.Load() }

// SetLimit bounds what the caches of all matchers occupy. At the limit a matcher
// that needs more has others, unused of late, begin their caches anew, or else its
// own; some states each may always have.
func SetLimit(bytes int64) { limit.Store(bytes) }

// Matcher is one compiled pattern. All threads may use it at once.
type Matcher struct {
	// What scan needs first is together: most scans are short, and cold.
	view   atomic.Pointer[view]
	prog   *prog
	ncol   uint16      // prog's
	used   atomic.Bool // of late
	leaves bool        // leave is known
	skip   bool        // and worth looking at
	narrow bool        // from a start state, what was read cannot be in a match
	leave  [256]uint8  // 1: bytes that lead out of the start states

	pattern string
	units   int // of a row: a column per kind of byte, one for the end
	bound   int // of the cache, in bytes

	mu      sync.Mutex    // held by who adds states
	cached  int           // bytes of the current cache
	account *atomic.Int64 // the same, for when the matcher is gone

	once sync.Once
	re   *regexp.Regexp
}

// Compile takes the syntax of package regexp.
func Compile(pattern string, o Options) (*Matcher, error) {
	if o.Flags != "" {
		pattern = "(?" + o.Flags + ")" + pattern
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	m, err := CompileTree(re, o)
	if err == nil {
		m.pattern = pattern
	}
	return m, err
}

// CompileTree is Compile of a tree that syntax.Parse made, and the caller may
// have changed; Options.Flags have no say. Nothing of the tree is kept: it may be
// far larger than the matcher.
func CompileTree(re *syntax.Regexp, o Options) (*Matcher, error) {
	sp, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	p, err := compile(sp)
	if err != nil {
		return nil, err
	}

	m := &Matcher{
		prog: p, ncol: uint16(p.ncol), units: (p.ncol + unit) >> unitShift, bound: o.Bytes, account: new(atomic.Int64),
	}
	if o.Text {
		m.pattern = re.String()
	}
	if m.bound <= 0 {
		m.bound = DefaultBytes
	}
	size := int64(p.size() + 512)
	fixed.Add(size)
	runtime.AddCleanup(m, func(a *atomic.Int64) {
		fixed.Add(-size)
		cached.Add(-a.Load())
	}, m.account)

	w := getWork(len(p.insts))
	defer works.Put(w)
	m.findLeave(w)
	m.narrow = p.narrow(w)
	m.view.Store(m.fresh(w))
	enlist(m)
	return m, nil
}

// String returns the pattern, with its flags.
func (m *Matcher) String() string { return m.pattern }

// Regexp returns the pattern as package regexp compiles it, which is done once,
// when it is first asked for.
func (m *Matcher) Regexp() *regexp.Regexp {
	m.once.Do(func() { m.re = regexp.MustCompile(m.pattern) })
	return m.re
}

// never is behind every position of a text.
const never = math.MaxInt

// Match reports whether the pattern matches in b.
func (m *Matcher) Match(b []byte) bool {
	end, _ := m.scan(b, 0, never)
	return end >= 0
}

// MatchFrom reports whether it matches at or behind at, with what is before as
// context. at must be between two characters.
func (m *Matcher) MatchFrom(b []byte, at int) bool {
	end, _ := m.scan(b, at, never)
	return end >= 0
}

// End returns where the match ends that ends first, at or behind at, or -1.
func (m *Matcher) End(b []byte, at int) int {
	end, _ := m.scan(b, at, never)
	return end
}

// Within is End as far as it concerns matches that begin at past or before. If
// there is none, a match that ends first is one at or behind next, which is
// behind past.
func (m *Matcher) Within(b []byte, at, past int) (end, next int) {
	return m.scan(b, at, past)
}

// Find returns the span that regexp.FindIndex returns, or -1, -1. Behind a match
// it runs package regexp, which is slow and may allocate.
func (m *Matcher) Find(b []byte) (start, end int) {
	end, from := m.scan(b, 0, never)
	if end < 0 {
		return -1, -1
	}
	if !m.narrow {
		from = 0
	}
	span := m.Regexp().FindIndex(b[from:])
	if span == nil {
		return -1, -1 // not reached: the two agree
	}
	return from + span[0], from + span[1]
}

// scan returns the end of the match that ends first, or -1, and a position before
// which no character is in a match, if the pattern is one to narrow. It returns -1
// also in a start state behind past: how it goes on from there does not depend on
// what was before. Then from is that position, and never if there is no match.
func (m *Matcher) scan(b []byte, at, past int) (end, from int) {
	if at < 0 || at > len(b) {
		return -1, never
	}
	ctx := uint8(ctxText)
	if at > 0 {
		ctx = contexts[b[at-1]]
	}
	if !m.used.Load() {
		m.used.Store(true)
	}
	v := m.view.Load()
	s := v.starts[ctx]
	if s < firstRow {
		if s == accept {
			return at, at
		}
		return -1, never
	}

	table, first := v.table, v.first
	column := &m.prog.column
	from = at
	again := 0 // times that this scan began the cache anew
	for i := at; ; i++ {
		if s < first {
			if from = i; i > past {
				return -1, from
			}
			if m.skip {
				leave := &m.leave
				for i+4 <= len(b) {
					q := b[i : i+4 : i+4]
					if leave[q[0]]|leave[q[1]]|leave[q[2]]|leave[q[3]] != 0 {
						break
					}
					i += 4
				}
				for i < len(b) && leave[b[i]] == 0 {
					i++
				}
				if i > from {
					s = v.starts[contexts[b[i-1]]]
					if from = i; i > past {
						return -1, from
					}
				}
			}
		}

		col := int(m.ncol)
		if i < len(b) {
			col = int(column[b[i]])
		}
		next := load(table, int(s)<<unitShift+col)
		if next < firstRow {
			if next == unknown {
				var reset bool
				v, next, reset = m.miss(v, s, col)
				table, first = v.table, v.first
				if reset {
					again++
				}
			}
			switch {
			case next == dead:
				return -1, never
			case next < firstRow:
				return min(i+1, len(b)) - int(next-accept), from
			case again > maxResets:
				if end = m.simulate(v, next, b, i+1); end < 0 {
					from = never
				}
				return end, from
			}
		}
		s = next
	}
}

// contexts are what a byte is for the position behind it.
var contexts = func() (ctx [256]uint8) {
	for c := range ctx {
		switch {
		case syntax.IsWordChar(rune(c)):
			ctx[c] = ctxWord
		case c == '\n':
			ctx[c] = ctxLine
		default:
			ctx[c] = ctxNone
		}
	}
	return ctx
}()

// simulate goes on without a DFA in state s, with i bytes of b read.
func (m *Matcher) simulate(v *view, s uint16, b []byte, i int) int {
	key := m.keyOf(v, s)
	w := getWork(len(m.prog.insts))
	defer works.Put(w)
	return m.run(w, key, b, i-m.prog.pending(key))
}

// findLeave finds the bytes that lead from a start state to no start state.
func (m *Matcher) findLeave(w *work) {
	p := m.prog
	var keys [ctxText]string // the text's beginning is not a state that one comes back to
	for ctx := range keys {
		kind, key := p.startKey(w, ctx, nil)
		if kind != live {
			return
		}
		keys[ctx] = string(key)
	}
	letters := 0
	for b := range m.leave {
		want := keys[contexts[b]]
		stays := true
		for ctx := range keys {
			if ctx > 0 && keys[ctx] == keys[0] {
				continue
			}
			kind, _, key := p.byteStep(w, []byte(keys[ctx]), int(p.column[b]))
			stays = stays && kind == live && string(key) == want
		}
		if !stays {
			m.leave[b] = 1
		} else if b == ' ' || 'a' <= b && b <= 'z' {
			letters++
		}
	}
	m.leaves = true
	m.skip = letters > 0
}
