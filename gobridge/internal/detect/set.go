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
		some, err := ParseRules(name, data)
		if err != nil {
			return nil, err
		}
		rules = append(rules, some...)
	}
	return rules, nil
}

// Default is the set of the builtin rules, compiled once per process: with more
// collections than usual, as what lives on would else be scattered over pages
// whose rest was of what does not (3 MiB).
var Default = sync.OnceValue(func() *Set {
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	rules, err := Builtin()
	if err != nil {
		panic(err) // a test reads them all
	}
	set, err := Compile(rules)
	if err != nil {
		panic(err)
	}
	return set
})

// Set is a compiled set of rules. It is immutable, and shared by all threads.
type Set struct {
	rules [2][]compiled // of requests, of responses
	index [2]levels

	views     [2]Views   // that some rule reads
	detectors [2][]*Rule // rules that ask libinjection
}

// levels are the indexes of a side: of the rules that read a text, and of those
// that read a special view. Few locations have more than the first level of
// paranoia: what these need is made when it is first asked for.
type levels struct {
	first *index
	other [2][1 << len(viewNames)]func() *index // from the second level on; by the special views
}

// at is the index of the rules that read a text, a special view or none.
func (l *levels) at(paranoia int, special Views) *index {
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
		return l.first
	}
	return l.other[level][n]()
}

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

// compile returns r ready to run, in parts of which one has to match.
func compile(r *Rule) ([]compiled, error) {
	c := compiled{Rule: r, check: checks[r.Check]}
	for _, p := range r.Not {
		tree, err := parse(p, true)
		if err != nil {
			return nil, err
		}
		m, err := newMatcher(tree, false)
		if err != nil {
			return nil, err
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
			return nil, err
		}
		trees = append(trees, tree)
	}
	if len(trees) != 1 || c.check != nil {
		err := c.add(trees)
		return []compiled{c}, err
	}
	var parts []compiled
	for _, tree := range branches(trees[0]) {
		part := c
		if err := part.add([]*syntax.Regexp{tree}); err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// branches are the parts of an alternation that go on over any text, one by one,
// and the others: what these need, the others need not have.
func branches(re *syntax.Regexp) []*syntax.Regexp {
	var open, rest []*syntax.Regexp
	for _, sub := range alternatives(re) {
		if goesOn(sub) {
			open = append(open, sub)
		} else {
			rest = append(rest, sub)
		}
	}
	switch {
	case len(open) > maxParts || len(open) == 0:
		return []*syntax.Regexp{re}
	case len(rest) == 1:
		open = append(open, rest[0])
	case len(rest) > 1:
		open = append(open, &syntax.Regexp{Op: syntax.OpAlternate, Flags: re.Flags, Sub: rest})
	}
	return open
}

// alternatives are those of re, and of what in them stands behind a mere
// condition.
func alternatives(re *syntax.Regexp) (all []*syntax.Regexp) {
	switch {
	case re.Op == syntax.OpCapture:
		return alternatives(re.Sub[0])
	case re.Op == syntax.OpAlternate:
		for _, sub := range re.Sub {
			all = append(all, alternatives(sub)...)
		}
		return all
	case re.Op == syntax.OpConcat && len(re.Sub) == 2 && re.Sub[0].Op >= syntax.OpBeginLine && re.Sub[0].Op <= syntax.OpNoWordBoundary:
		for _, sub := range alternatives(re.Sub[1]) {
			all = append(all, &syntax.Regexp{Op: syntax.OpConcat, Flags: re.Flags, Sub: []*syntax.Regexp{re.Sub[0], sub}})
		}
		return all
	}
	return []*syntax.Regexp{re}
}

// maxParts is how many branches are taken apart.
const maxParts = 12

// goesOn reports whether re repeats without end what most text has.
func goesOn(re *syntax.Regexp) bool {
	if re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Max < 0 {
		n := need(re.Sub[0])
		return n.bytes.share() > 0.5
	}
	return slices.ContainsFunc(re.Sub, goesOn)
}

// add adds patterns to c.
func (c *compiled) add(trees []*syntax.Regexp) error {
	var (
		clauses [][]clause
		begins  []bool
	)
	for _, tree := range trees {
		m, err := newMatcher(tree, c.check != nil)
		if err != nil {
			return err
		}
		c.patterns = append(c.patterns, m)
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
			c.classes = append(c.classes, slices.Compact(sets))
		}
	}
	if c.check != nil {
		c.patterns[0].Regexp() // now, and not when a text is judged
	}
	c.choose(clauses, begins)
	return nil
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
		var texts []bounded
		var single byteSet
		for i := range list {
			b := list[i].bounded
			if texts = append(texts, b); len(b.text) == 1 {
				single |= byteClass[b.text[0]]
			}
		}
		c.needed, c.single = append(c.needed, texts), append(c.single, single)
	}
	for i := range anchor {
		c.aroundN = append(c.aroundN, c.around(&anchor[i]))
	}
}

// around keeps what is around l, and returns where.
func (c *compiled) around(l *literal) uint8 {
	const most = 255
	if len(l.text) > maxText {
		l.open = true // of which the index has the beginning
	}
	if len(l.text) == 1 {
		c.alone.union(&l.around)
		return 0
	}
	n := slices.Index(c.arounds, l.around)
	switch {
	case n >= 0:
	case len(c.arounds) < most:
		n = len(c.arounds)
		c.arounds = append(c.arounds, l.around)
	default:
		n = most - 1
		c.arounds[n].union(&l.around)
	}
	return uint8(n)
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

// matcher finds a pattern.
type matcher struct{ *dfa.Matcher }

// parse returns a pattern's tree: trimmed, if only the end of a match is asked for.
func parse(pattern string, trimmed bool) (*syntax.Regexp, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if tree = asciiFold(tree); trimmed {
		tree = trim(tree)
	}
	return tree, nil
}

func newMatcher(tree *syntax.Regexp, text bool) (matcher, error) {
	m, err := dfa.CompileTree(tree, dfa.Options{Bytes: cacheBytes, Text: text})
	return matcher{m}, err
}

// trim takes off re what a match may as well begin behind.
func trim(re *syntax.Regexp) *syntax.Regexp {
	switch re.Op {
	case syntax.OpStar, syntax.OpQuest:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	case syntax.OpPlus:
		return trim(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min == 0 {
			return &syntax.Regexp{Op: syntax.OpEmptyMatch}
		}
		re.Max = re.Min
	case syntax.OpConcat:
		for i, sub := range re.Sub {
			if re.Sub[i] = trim(sub); re.Sub[i].Op != syntax.OpEmptyMatch {
				break
			}
		}
	case syntax.OpCapture, syntax.OpAlternate:
		for i, sub := range re.Sub {
			re.Sub[i] = trim(sub)
		}
	}
	return re
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

// maxChecked is how many matches in a value are checked.
const maxChecked = 64

// longestWhole is how many bytes a value has at most that re matches, 0 for no
// limit: each branch begins and ends where the value does, and repeats nothing
// without end.
func longestWhole(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpCapture:
		return longestWhole(re.Sub[0])
	case syntax.OpAlternate:
		most := 0
		for _, sub := range re.Sub {
			n := longestWhole(sub)
			if n == 0 {
				return 0
			}
			most = max(most, n)
		}
		return most
	case syntax.OpConcat:
		last := re.Sub[len(re.Sub)-1]
		if len(re.Sub) < 2 || re.Sub[0].Op != syntax.OpBeginText || last.Op != syntax.OpEndText {
			return 0
		}
		if n := need(re).longest; n < maxLongest {
			return n + 1 // not 0
		}
	}
	return 0
}

// maxLongest is beyond any limit.
const maxLongest = 1 << 20

// longestRune is how many bytes r has, or what it is the same as.
func longestRune(r rune, fold bool) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case fold || r > 0x7ff:
		return utf8.UTFMax
	}
	return 2
}

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

// byteSet is a set of classes of bytes, letters of either case alike.
type byteSet uint64

var byteClass = func() (class [256]byteSet) {
	for i := range class {
		var n int
		switch c := byte(i); {
		case c == '\n' || c == '\r':
			n = 1
		case c == 0:
			n = 2
		case c < ' ' || c == 0x7f:
			n = 3
		case c == ' ':
			n = 4
		case '0' <= c && c <= '9':
			n = 5
		case isASCIILetter(c):
			n = 6 + strings.IndexByte("bcfgjkpqvwxyz_", c|0x20)
			if n < 6 {
				n = 20
			}
		case c < 0x80:
			n = 21 + strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c)
		case c == 0xc2:
			n = 54
		case c == 0xe2:
			n = 55
		case c == 0xef:
			n = 56
		case c == 0xc0 || c == 0xc1 || c >= 0xf5:
			n = 57
		case c == 0xf0 || c == 0xf3:
			n = 58
		case c == 0xe1 || c == 0xe3:
			n = 59
		case c == 0xcc || c == 0xcd:
			n = 60
		case c == 0xce || c == 0xd0 || c == 0xd1:
			n = 61
		}
		class[i] = 1 << n
	}
	return class
}()

func setOf(text string) (set byteSet) {
	for i := range len(text) {
		set |= byteClass[text[i]]
	}
	return set
}
