package detect

import (
	"embed"
	"io/fs"
	"math/bits"
	"regexp"
	"regexp/syntax"
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

// Default is the set of the builtin rules, compiled once per process.
var Default = sync.OnceValue(func() *Set {
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

	anchors   [2][][]string // of rules, see index.add
	detectors [2][]*Rule    // rules that ask libinjection
}

// levels are two indexes, as few locations have more than the first level of
// paranoia: of its rules, and of all.
type levels struct{ first, all index }

func (l *levels) at(paranoia int) *index {
	if paranoia == 1 {
		return &l.first
	}
	return &l.all
}

// compiled is a rule that can be run.
type compiled struct {
	*Rule
	patterns []matcher
	not      []matcher
	check    func(match, one, two []byte) bool
	longest  int         // bytes of a value that all of which has to match; 0: any
	classes  [][]byteSet // of each pattern: of each clause one of these is in the value
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

// compile returns r ready to run, and the clauses of what its value contains.
func compile(r *Rule) (compiled, [][]string, error) {
	c := compiled{Rule: r, check: checks[r.Check]}
	patterns := r.Patterns
	if len(r.Phrases) > 0 {
		quoted := make([]string, len(r.Phrases))
		for i, p := range r.Phrases {
			quoted[i] = regexp.QuoteMeta(p)
		}
		patterns = []string{"(?i)" + strings.Join(quoted, "|")}
	}
	var clauses [][]string
	for _, p := range patterns {
		m, tree, err := newMatcher(p)
		if err != nil {
			return c, nil, err
		}
		c.patterns = append(c.patterns, m)
		if n := longestWhole(tree); n > 0 && (c.longest == 0 || n < c.longest) {
			c.longest = n
		}
		some := literals(tree)
		clauses = append(clauses, some...)
		for _, clause := range some {
			var sets []byteSet
			for _, text := range clause {
				sets = append(sets, setOf(text))
			}
			slices.Sort(sets)
			c.classes = append(c.classes, slices.Compact(sets))
		}
	}
	if c.check != nil {
		c.patterns[0].Regexp() // now, and not when a text is judged
	}
	for _, p := range r.Not {
		m, _, err := newMatcher(p)
		if err != nil {
			return c, nil, err
		}
		c.not = append(c.not, m)
	}
	return c, clauses, nil
}

// matcher finds a pattern.
type matcher struct{ *dfa.Matcher }

func newMatcher(pattern string) (matcher, *syntax.Regexp, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return matcher{}, nil, err
	}
	tree = asciiFold(tree)
	m, err := dfa.CompileTree(tree, dfa.Options{Bytes: cacheBytes})
	return matcher{m}, tree, err
}

// cacheBytes is what a pattern may keep of its automaton.
const cacheBytes = 128 << 10

// span is where a match of value stands that passes check: without a check the
// shortest of those that end first.
func (m matcher) span(value []byte, check func(match, one, two []byte) bool) (start, end int, ok bool) {
	if check == nil {
		if end = m.End(value, 0); end < 0 {
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

// boundary is the beginning of the character at i.
func boundary(value []byte, i int) int {
	for n := 0; n < utf8.UTFMax && i > 0 && i < len(value) && !utf8.RuneStart(value[i]); n++ {
		i--
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
		if n := longestMatch(re); n < maxLongest {
			return n + 1 // not 0
		}
	}
	return 0
}

// maxLongest is beyond any limit.
const maxLongest = 1 << 20

// longestMatch is how many bytes a match of re has at most, maxLongest for any.
func longestMatch(re *syntax.Regexp) (n int) {
	switch re.Op {
	case syntax.OpLiteral:
		return utf8.UTFMax * len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpStar, syntax.OpPlus:
		return maxLongest
	case syntax.OpRepeat:
		if re.Max < 0 {
			return maxLongest
		}
		return min(maxLongest, re.Max*longestMatch(re.Sub[0]))
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			n = max(n, longestMatch(sub))
		}
		return n
	}
	for _, sub := range re.Sub {
		n = min(maxLongest, n+longestMatch(sub))
	}
	return n
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

// byteFold maps bytes to 6 bits for the index, letters of either case alike.
// What falls together is told apart by a comparison.
var byteFold = func() (fold [256]uint8) {
	for i := range fold {
		switch c := byte(i); {
		case isASCIILetter(c):
			fold[i] = c | 0x20 - 'a' + 1
		case '0' <= c && c <= '9':
			fold[i] = 27 + (c-'0')/5
		case c == ' ':
			fold[i] = 29
		case ' ' < c && c < 0x7f:
			fold[i] = uint8(30 + strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c))
		case c >= 0x80:
			fold[i] = 62
		default:
			fold[i] = 63
		}
	}
	return fold
}()

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// index finds in one pass the rules that a value may match: candidates. A rule
// is one if a text of its anchor, a clause of what every match contains, is in
// the value. Sound because of the clause: see literal.go. Each text of two bytes
// or more is filed under three bytes of it, folded, so that the window over the
// value meets these where the text is, and then compares the text; one of two
// bytes under itself with each byte before it. A text of one byte is in the
// value if its class is.
type index struct {
	bitmap [1 << 12]uint64 // of windows that file something
	keys   []uint32        // open addressing: window + 1, or 0
	lists  []list          // for each key
	texts  []anchor
	byMask []masked // rules that hang on a single byte
	always []uint16 // rules that hang on nothing
	words  int      // of a candidate set

	anchors map[string][]uint16
}

type anchor struct {
	text  string
	at    int // of the window's end behind the text's beginning
	rules []uint16
}

// list is of the texts filed under a window. Long ones are told apart by the
// window's bytes as they are and the byte before.
type list struct {
	texts []uint16
	exact map[uint64][]uint16
}

// shortList is how many texts are compared without more ado.
const shortList = 4

// exactKey is of a text whose window ends at i of value: n bytes, 2 to 4, of it
// end there.
func exactKey[T string | []byte](value T, i, n int) uint64 {
	k := uint64(n)
	for ; n > 0; n-- {
		k = k<<8 | uint64(lower(value[i+1-n]))
	}
	return k
}

type masked struct {
	any  byteSet
	rule uint16
}

// bestAnchor is the clause to hang a rule on, nil when there is none.
func bestAnchor(clauses [][]string) []string { return bestClause(clauses) }

func (x *index) add(rule int, clause []string) {
	if clause == nil {
		x.always = append(x.always, uint16(rule))
		return
	}
	if x.anchors == nil {
		x.anchors = map[string][]uint16{}
	}
	var single byteSet
	for _, text := range clause {
		if len(text) == 1 {
			single |= byteClass[text[0]]
		} else {
			x.anchors[text] = append(x.anchors[text], uint16(rule))
		}
	}
	if single != 0 {
		x.byMask = append(x.byMask, masked{single, uint16(rule)})
	}
}

const windowMask = 1<<18 - 1

func (x *index) build(rules int) {
	x.words = (rules + 63) / 64
	files := map[uint32][]uint16{}
	file := func(window uint32, n int) { files[window] = append(files[window], uint16(n)) }
	texts := make([]string, 0, len(x.anchors))
	for text := range x.anchors {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	for _, text := range texts {
		n := len(x.texts)
		a := anchor{text: text, at: 1, rules: x.anchors[text]}
		if len(text) == 2 {
			for before := range uint32(64) {
				file(before<<12|uint32(byteFold[text[0]])<<6|uint32(byteFold[text[1]]), n)
			}
		} else {
			a.at = rarest(text) + 2
			file(window(text[a.at-2:]), n)
		}
		x.texts = append(x.texts, a)
	}
	size := 1 << bits.Len(uint(2*len(files)))
	x.keys, x.lists = make([]uint32, size), make([]list, size)
	for w, texts := range files {
		slot := hashWindow(w) & uint32(size-1)
		for x.keys[slot] != 0 {
			slot = (slot + 1) & uint32(size-1)
		}
		x.keys[slot], x.lists[slot] = w+1, x.list(texts)
		x.bitmap[w>>6] |= 1 << (w & 63)
	}
	x.anchors = nil
}

func (x *index) list(texts []uint16) list {
	if len(texts) <= shortList {
		return list{texts: texts}
	}
	l := list{exact: map[uint64][]uint16{}}
	for _, n := range texts {
		a := &x.texts[n]
		k := exactKey(a.text, a.at, min(a.at+1, 4))
		l.exact[k] = append(l.exact[k], n)
	}
	return l
}

func window(s string) uint32 {
	return uint32(byteFold[s[0]])<<12 | uint32(byteFold[s[1]])<<6 | uint32(byteFold[s[2]])
}

func hashWindow(w uint32) uint32 { return w * 0x9e3779b1 >> 12 }

// rarest is where the three bytes of text stand that ordinary text has least.
func rarest(text string) (at int) {
	least := 1.0
	for i := range len(text) - 2 {
		if p := textCost(text[i : i+3]); p < least {
			at, least = i, p
		}
	}
	return at
}

// candidates is a set of rules.
type candidates [maxRules / 64]uint64

func (c *candidates) add(rules []uint16) {
	for _, r := range rules {
		c[r>>6] |= 1 << (r & 63)
	}
}

// find adds the rules that value may match to c and returns the classes of its
// bytes.
func (x *index) find(value []byte, c *candidates) (in byteSet) {
	var w uint32
	for i, b := range value {
		in |= byteClass[b]
		w = (w<<6 | uint32(byteFold[b])) & windowMask
		if x.bitmap[w>>6]>>(w&63)&1 != 0 {
			x.compare(value, i, w, c)
		}
	}
	for i := range x.byMask {
		if m := &x.byMask[i]; m.any&in != 0 {
			c[m.rule>>6] |= 1 << (m.rule & 63)
		}
	}
	c.add(x.always)
	return in
}

// compare looks at the texts filed under w, which ends at i.
func (x *index) compare(value []byte, i int, w uint32, c *candidates) {
	size := uint32(len(x.keys) - 1)
	slot := hashWindow(w) & size
	for x.keys[slot] != w+1 {
		slot = (slot + 1) & size
	}
	l := &x.lists[slot]
	if l.exact == nil {
		x.equal(value, i, l.texts, c)
		return
	}
	for n := 2; n <= min(i+1, 4); n++ {
		x.equal(value, i, l.exact[exactKey(value, i, n)], c)
	}
}

func (x *index) equal(value []byte, i int, texts []uint16, c *candidates) {
next:
	for _, n := range texts {
		a := &x.texts[n]
		start := i - a.at
		if start < 0 || len(value)-start < len(a.text) {
			continue
		}
		for j := range len(a.text) {
			if lower(value[start+j]) != a.text[j] {
				continue next
			}
		}
		c.add(a.rules)
	}
}
