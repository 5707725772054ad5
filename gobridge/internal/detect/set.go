package detect

import (
	"cmp"
	"embed"
	"io/fs"
	"regexp"
	"regexp/syntax"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"wsi/gobridge/internal/detect/dfa"
)

//go:embed rules/*.rules
var embedded embed.FS

// Builtin returns the rules that come with the engine.
func Builtin() ([]Rule, error) {
	names, err := fs.Glob(embedded, "rules/*.rules")
	if err != nil {
		return nil, err
	}
	var rules []Rule
	for _, name := range names {
		data, err := embedded.ReadFile(name)
		if err != nil {
			return nil, err
		}
		some, err := parseRules(name, data, Values|Keys)
		if err != nil {
			return nil, err
		}
		rules = append(rules, some...)
	}
	return rules, nil
}

// Default is the set of the builtin rules, compiled once per process: with more
// collections than usual, as what lives on would else be scattered over pages
// whose rest was of what does not (1 MiB).
var Default = sync.OnceValue(func() *Set {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	rules, err := Builtin()
	if err != nil {
		panic(err) // a test reads them all
	}
	set, err := Compile(rules)
	if err != nil {
		panic(err)
	}
	ready.Store(true)
	return set
})

var ready atomic.Bool

// Ready reports whether Default would return at once.
func Ready() bool { return ready.Load() }

// Set is a compiled set of rules. It is immutable, and shared by all threads.
type Set struct {
	rules [2][alphabets][]compiled // of requests, of responses
	index [2]levels

	views     [2]Views   // that some rule reads
	detectors [2][]*Rule // rules that ask libinjection
}

// levels are the indexes of a side: of the rules that read a text, and of those
// that read a special view. Few locations have more than the first level of
// paranoia: what these need is made when it is first asked for.
type levels struct {
	first [alphabets]*index
	other [2][1 << len(viewNames)]func() *index // from the second level on; by the special views
}

// at is the index of the rules that read a text of so many bytes, of the classes
// in, or a special view.
func (l *levels) at(paranoia int, special Views, in byteSet, size int) *index {
	level, n := 0, 0
	if paranoia > 1 {
		level = 1
	}
	for i, name := range viewNames {
		if special&name.view != 0 {
			n |= 1 << i
		}
	}
	if level == 0 && n == 0 {
		return l.first[alphabetOf(in, size)]
	}
	return l.other[level][n]()
}

// Rules are compiled for values of any bytes, and again for long ones of words and
// what people write between these: what of a rule can match there needs more, and
// of most rules nothing can.
const (
	words = iota
	prose
	anyBytes
	alphabets
)

var alphabet = func() (sets [alphabets]byteSet) {
	sets[words] = setOf("abcdefghijklmnopqrstuvwxyz0123456789 .,!?-:@#'\"")
	for c := 0x80; c <= 0xff; c++ {
		sets[words] |= byteClass[c]
	}
	sets[prose] = sets[words] | setOf(";()%&\n")
	sets[anyBytes] = ^byteSet(0)
	return sets
}()

// alphabetOf is the one of fewest bytes for a value of so many, of the classes in.
func alphabetOf(in byteSet, size int) (a int) {
	for a < anyBytes && (in&^alphabet[a] != 0 || size <= shortValue) {
		a++
	}
	return a
}

// shortValue is how long a value is that may be all of what a rule matches.
const shortValue = 64

// compiled is a rule that can be run.
type compiled struct {
	*Rule
	patterns []matcher
	not      []matcher
	check    func(match, one, two []byte) bool
	longest  int         // bytes of a value that all of which has to match; 0: any
	classes  [][]byteSet // of each pattern: of each clause one of these is in the value

	// Texts of which a value has one of each list. The first list is the anchor,
	// which finds patterns[lead], if located.
	needed  [][]bounded
	single  []byteSet // of each list: its texts of one byte
	lead    int
	located bool
	arounds []around // of the anchor's texts
	aroundN []uint8  // of each: which of arounds
	alone   around   // of those of one byte
}

// Compile makes a set of rules. Errors are ParseErrors.
func Compile(rules []Rule) (*Set, error) {
	s := new(Set)
	seen := map[string]bool{}
	for i := range rules {
		if err := s.add(&rules[i], seen); err != nil {
			return nil, err
		}
	}
	s.build()
	return s, nil
}

// compile returns r ready to run, for each alphabet in parts of which one has to
// match.
func compile(r *Rule) (all [alphabets][]compiled, err error) {
	c := compiled{Rule: r, check: checks[r.Check]}
	for _, p := range r.Not {
		tree, err := parse(p, true)
		if err != nil {
			return all, err
		}
		m, err := newMatcher(tree, false)
		if err != nil {
			return all, err
		}
		c.not = append(c.not, m)
	}
	patterns := r.Patterns
	if len(r.Phrases) > 0 {
		quoted := make([]string, len(r.Phrases))
		for i, p := range r.Phrases {
			quoted[i] = regexp.QuoteMeta(p)
		}
		patterns = []string{"(?i)" + strings.Join(quoted, "|")}
	}
	var trees []*syntax.Regexp
	for _, p := range patterns {
		tree, err := parse(p, c.check == nil)
		if err != nil {
			return all, err
		}
		trees = append(trees, tree)
	}
	parts := [][]*syntax.Regexp{trees}
	if len(trees) == 1 && c.check == nil {
		parts = nil
		for _, tree := range branches(trees[0]) {
			parts = append(parts, []*syntax.Regexp{tree})
		}
	}
	for _, trees := range parts {
		part := c
		for _, tree := range trees {
			m, err := newMatcher(tree, c.check != nil)
			if err != nil {
				return all, err
			}
			part.patterns = append(part.patterns, m)
		}
		if c.check != nil {
			part.patterns[0].Regexp() // now, and not when a text is judged
		}
		for a := range all {
			if one := part; one.need(trees, a) {
				all[a] = append(all[a], one)
			}
		}
	}
	return all, nil
}

// need sets what c needs of a value of an alphabet. It reports whether one can have
// that.
func (c *compiled) need(trees []*syntax.Regexp, a int) bool {
	var (
		clauses [][]clause
		begins  []bool
	)
	for _, tree := range trees {
		if tree = within(tree, a); tree == nil {
			return false
		}
		if n := longestWhole(tree); n > 0 && (c.longest == 0 || n < c.longest) {
			c.longest = n
		}
		some := literals(tree)
		clauses = append(clauses, some)
		begins = append(begins, anchored(tree))
		for _, clause := range some {
			var sets []byteSet
			for i := range clause {
				sets = append(sets, setOf(clause[i].text))
			}
			slices.Sort(sets)
			c.classes = append(c.classes, slices.Clone(slices.Compact(sets)))
		}
	}
	c.choose(clauses, begins)
	return a == anyBytes || c.longest == 0 || c.longest > shortValue
}

const (
	// manyTexts is of how many texts a clause is not asked for beside the anchor.
	manyTexts = 256
	// usual is of what a clause is not asked for beside the anchor, as any text
	// satisfies it, and rare is what it costs the index at most.
	usual = 0.03
	rare  = 0.0005
	// local is what locating by a clause costs at most.
	local = 0.7
)

// choose sets what c needs, of the clauses of each pattern. One that begins where
// the text does is tried there, and not located.
func (c *compiled) choose(clauses [][]clause, begins []bool) {
	var anchor clause
	for n, some := range clauses {
		if begins[n] {
			anchor = nil
			break
		}
		if best := bestClause(some, clause.locating); best != nil && (anchor == nil || best.locating() < anchor.locating()) {
			anchor, c.lead = best, n
		}
	}
	all := slices.Concat(clauses...)
	if c.located = anchor != nil && anchor.locating() < local; !c.located {
		anchor, c.lead = bestClause(all, clause.gating), 0
	}
	if anchor == nil {
		return
	}
	needed := []clause{anchor}
	slices.SortStableFunc(all, func(a, b clause) int { return cmp.Compare(a.cost(), b.cost()) })
	for _, next := range all {
		if len(needed) == maxNeeded || next.cost() > usual {
			break
		}
		if next.finding() < rare && len(next) <= manyTexts && !slices.ContainsFunc(needed, next.same) {
			needed = append(needed, next)
		}
	}
	for _, list := range needed {
		texts := make([]bounded, len(list))
		var single byteSet
		for i := range list {
			b := list[i].bounded
			if texts[i] = b; len(b.text) == 1 {
				single |= byteClass[b.text[0]]
			}
		}
		c.needed, c.single = append(c.needed, texts), append(c.single, single)
	}
	c.aroundN = make([]uint8, len(anchor))
	for i := range anchor {
		c.aroundN[i] = c.around(&anchor[i])
	}
}

// around keeps what is around l, and returns where.
func (c *compiled) around(l *literal) uint8 {
	const most = 255
	a := *l.around
	if len(l.text) > maxText {
		a.open = true // the index has the beginning
	}
	if len(l.text) == 1 {
		c.alone.union(&a)
		return 0
	}
	n := slices.Index(c.arounds, a)
	switch {
	case n >= 0:
	case len(c.arounds) < most:
		n = len(c.arounds)
		c.arounds = append(c.arounds, a)
	default:
		n = most - 1
		c.arounds[n].union(&a)
	}
	return uint8(n)
}

// matcher finds a pattern.
type matcher struct{ *dfa.Matcher }

func newMatcher(tree *syntax.Regexp, text bool) (matcher, error) {
	m, err := dfa.CompileTree(tree, dfa.Options{Bytes: cacheBytes, Text: text})
	return matcher{m}, err
}

// cacheBytes is what a pattern may keep of its automaton.
const cacheBytes = 512 << 10

// span is where a match of value stands that passes check: without a check the
// shortest of those that end first. end is where that is, -1 if that is not known.
func (m matcher) span(value []byte, end int, check func(match, one, two []byte) bool) (_, _ int, ok bool) {
	if check == nil {
		if end < 0 {
			end = m.End(value, 0)
		}
		if end < 0 {
			return 0, 0, false
		}
		return m.start(value[:min(len(value), end+utf8.UTFMax)], end), end, true
	}
	for _, at := range m.Regexp().FindAllSubmatchIndex(value, maxChecked) {
		group := func(n int) []byte {
			if 2*n+1 >= len(at) || at[2*n] < 0 {
				return nil
			}
			return value[at[2*n]:at[2*n+1]]
		}
		if check(group(0), group(1), group(2)) {
			return at[0], at[1], true
		}
	}
	return 0, 0, false
}

// start is the last position from which on a match ends at end.
func (m matcher) start(value []byte, end int) int {
	lo, hi := 0, end
	for n := 32; n < end; n *= 4 {
		if at := boundary(value, end-n); m.End(value, at) == end {
			lo = at
			break
		}
		hi = end - n
	}
	for lo < hi { // it ends there from lo on, and not from behind hi on
		at := boundary(value, (lo+hi+1)/2)
		if at > lo && m.End(value, at) == end {
			lo = at
		} else {
			hi = (lo+hi+1)/2 - 1
		}
	}
	return lo
}

// maxChecked is how many matches in a value are checked.
const maxChecked = 64

// possible reports whether a value of these bytes can match.
func (c *compiled) possible(in byteSet) bool {
next:
	for _, clause := range c.classes {
		for _, set := range clause {
			if set&^in == 0 {
				continue next
			}
		}
		return false
	}
	return true
}
