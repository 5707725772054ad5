package detect

import (
	_ "embed" // ordinary.txt
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// Literals that a pattern needs. A clause is a set of texts of which any match
// contains at least one; of a conjunction of clauses, it satisfies each.
//
// Proof by induction over the tree. For each node, need returns exact, the set
// of all texts that it can match, folded, or nil when there are too many of
// them, and clauses that hold for every text that it matches. A literal's only
// match is itself. The matches of a concatenation are those of its parts joined,
// so that its exact set is the product, and what a part's match contains, the
// whole contains: clauses are kept, and an exact set that is not multiplied any
// more is a clause. An alternation's match is one of a branch's, so that the
// union of a clause from each is one of the whole. What may match nothing has ""
// in its set or no clause; repetition of at least once contains its operand's
// match. Folding maps A-Z to a-z in the pattern and in the text alike: a match
// remains one.
//
// Of each text of a clause it is known what stands around it in the match: how
// many bytes at most are before it, and which bytes these may be; none where it
// begins the node's match, as the first of several does; behind a part of a
// concatenation, what that part matches. And which byte may follow it: one that
// the rest of the concatenation may begin with, any if that may be empty.
//
// And of each text it is known whether the match has a word boundary (\b) where it
// begins or ends: where that stands at an end of an exact set.
//
// U+017F and U+212A, which Unicode folds to s and k, are taken out of patterns
// by asciiFold, as PCRE without UTF does not know them.

const (
	maxExact   = 512 // texts of an exact set
	maxLiteral = 24  // bytes of a text: longer ones are not made
	manyChars  = 8   // of a class that is not joined to as many texts
)

// clause is in the order of its texts.
type clause []literal

type literal struct {
	bounded
	around
}

// bounded is a text, and whether there is a word boundary at its edges.
type bounded struct {
	text  string
	edges edges
}

// edges are word boundaries.
type edges uint8

const (
	begins edges = 1 << iota
	ends
)

// word is 1 for the bytes of words, as \b knows them.
var word = func() (is [256]edges) {
	for c := range is {
		if isASCIILetter(byte(c)) || '0' <= c && c <= '9' || c == '_' {
			is[c] = 1
		}
	}
	return is
}()

// edgesOf are the word boundaries of value from begin to end.
func edgesOf(value []byte, begin, end int) edges {
	var before, behind edges
	if begin > 0 {
		before = word[value[begin-1]]
	}
	if end < len(value) {
		behind = word[value[end]]
	}
	return (before^word[value[begin]])*begins | (behind^word[value[end-1]])*ends
}

// around is what may be around a literal in a match.
type around struct {
	before int      // bytes; maxLongest: any
	behind allBytes // all of these
	after  allBytes // one of these is there, unless open
	open   bool     // any may be there, or none
}

// allBytes is a set of bytes.
type allBytes [4]uint64

func (s *allBytes) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s *allBytes) add(lo, hi rune) {
	for c := lo; c <= min(hi, utf8.RuneSelf-1); c++ {
		s[c>>6] |= 1 << (c & 63)
	}
	if hi >= utf8.RuneSelf {
		s[2], s[3] = ^uint64(0), ^uint64(0)
	}
}

func (s *allBytes) union(t *allBytes) {
	for i := range s {
		s[i] |= t[i]
	}
}

// share is how many of ordinary text's bytes are in s.
func (s *allBytes) share() (sum float64) {
	for c := range 256 {
		if s.has(byte(c)) {
			sum += float64(byteCost[c])
		}
	}
	return min(sum, 1)
}

func (a *around) union(b *around) {
	a.before = max(a.before, b.before)
	a.behind.union(&b.behind)
	a.after.union(&b.after)
	a.open = a.open || b.open
}

// needs is what a node of a tree needs.
type needs struct {
	exact   []string // nil: unknown
	edges   edges    // of exact
	clauses []clause
	longest int      // bytes that it matches at most
	bytes   allBytes // that it may match
	first   allBytes // that it may begin with
	empty   bool     // it may match nothing
}

// literals returns the clauses of pattern's tree.
func literals(re *syntax.Regexp) []clause {
	n := need(re)
	if n.exact != nil {
		n.clauses = append(n.clauses, n.whole())
	}
	return slices.DeleteFunc(n.clauses, func(c clause) bool { return c[0].text == "" })
}

func clauseOf(exact []string, e edges, a around) clause {
	c := make(clause, len(exact))
	for i, text := range exact {
		c[i] = literal{bounded{text, e}, a}
	}
	return c
}

// whole is n's exact set as a clause.
func (n *needs) whole() clause { return clauseOf(n.exact, n.edges, around{open: true}) }

func need(re *syntax.Regexp) (n needs) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpNoWordBoundary:
		n.exact, n.empty = []string{""}, true
	case syntax.OpWordBoundary:
		n.exact, n.edges, n.empty = []string{""}, begins|ends, true
	case syntax.OpLiteral:
		// U+FFFD matches any invalid byte, and other letters have other cases.
		fold := re.Flags&syntax.FoldCase != 0
		n.exact = []string{foldASCII(string(re.Rune))}
		for i, r := range re.Rune {
			n.longest += longestRune(r, fold)
			n.bytes.add(r, r)
			if fold && 'A' <= r&^0x20 && r&^0x20 <= 'Z' {
				n.bytes.add(r^0x20, r^0x20)
			}
			if r == utf8.RuneError || r >= utf8.RuneSelf && fold {
				n.exact = nil
			}
			if r >= utf8.RuneSelf && fold {
				n.bytes.add(0, utf8.MaxRune)
			}
			if i == 0 {
				n.first = n.bytes
			}
		}
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			n.bytes.add(re.Rune[i], re.Rune[i+1])
			n.longest = longestRune(re.Rune[i+1], false)
		}
		n.exact, n.first = classTexts(re), n.bytes
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n.longest = utf8.UTFMax
		n.bytes.add(0, utf8.MaxRune)
		n.first = n.bytes
	case syntax.OpCapture:
		return need(re.Sub[0])
	case syntax.OpQuest:
		n = need(re.Sub[0])
		if n.clauses = nil; n.exact != nil {
			n.exact, n.edges = union(n.exact, []string{""}), 0
		}
		n.empty = true
	case syntax.OpStar, syntax.OpPlus:
		n = need(re.Sub[0])
		switch {
		case re.Op == syntax.OpStar:
			n.clauses, n.empty = nil, true
		case n.exact != nil:
			n.clauses = append(n.clauses, n.whole())
		}
		n.opened() // another one may follow
		n.exact, n.longest = nil, maxLongest
	case syntax.OpRepeat:
		one := need(re.Sub[0])
		var parts []needs
		for range min(re.Min, 4) {
			parts = append(parts, one)
		}
		if re.Max != re.Min || re.Min > 4 {
			parts = append(parts, needs{longest: one.longest, bytes: one.bytes, first: one.first, empty: true})
		}
		n = concat(parts)
		if n.longest = maxLongest; re.Max >= 0 {
			n.longest = min(maxLongest, re.Max*one.longest)
		}
	case syntax.OpConcat:
		parts := make([]needs, len(re.Sub))
		for i, sub := range re.Sub {
			parts[i] = need(sub)
		}
		return concat(parts)
	case syntax.OpAlternate:
		return alternate(re.Sub)
	case syntax.OpNoMatch:
	default: // not in a tree that Parse made
		n.longest, n.empty = maxLongest, true
		n.bytes.add(0, utf8.MaxRune)
		n.first = n.bytes
	}
	return n
}

// opened says that what follows n's texts is not known.
func (n *needs) opened() {
	for i, c := range n.clauses {
		c = slices.Clone(c)
		for k := range c {
			c[k].open = true
		}
		n.clauses[i] = c
	}
}

// concat joins exact sets as long as the product is small.
func concat(parts []needs) (all needs) {
	exact := []string{""}
	nothing := func(exact []string) bool { return len(exact) == 1 && exact[0] == "" }
	var e edges // of exact
	var a around
	whole := true
	flush := func(next []needs) {
		if !nothing(exact) {
			a.open = true
			a.after = allBytes{}
			for i := range next {
				a.after.union(&next[i].first)
				if !next[i].empty {
					a.open = false
					break
				}
			}
			all.clauses = append(all.clauses, clauseOf(exact, e, a))
		}
		exact, e = []string{""}, 0
	}
	all.empty = true
	for i := range parts {
		p := &parts[i]
		for _, c := range p.clauses {
			c = slices.Clone(c)
			for k := range c {
				c[k].before = min(maxLongest, all.longest+c[k].before)
				c[k].behind.union(&all.bytes)
			}
			all.clauses = append(all.clauses, c)
		}
		if p.exact != nil {
			if len(exact)*len(p.exact) > maxExact || min(len(exact), len(p.exact)) > manyChars && longest(p.exact) == 1 {
				flush(parts[i:])
				whole = false
			}
			first := nothing(exact)
			if first {
				a = around{before: all.longest, behind: all.bytes}
			}
			both := p.edges & ends
			if first {
				both |= p.edges & begins
			}
			if nothing(p.exact) {
				both |= e & ends
			}
			e = e&begins | both
			exact = product(exact, p.exact)
			if longest(exact) > maxLiteral {
				flush(parts[i+1:])
				whole = false
			}
		} else {
			flush(parts[i:])
			whole = false
		}
		all.longest = min(maxLongest, all.longest+p.longest)
		all.bytes.union(&p.bytes)
		if all.empty {
			all.first.union(&p.first)
			all.empty = p.empty
		}
	}
	if whole {
		all.exact, all.edges = exact, e
		return all
	}
	flush(nil)
	return all
}

func alternate(subs []*syntax.Regexp) (n needs) {
	var (
		all   []string
		parts = make([]needs, len(subs))
		exact = true
	)
	n.edges = begins | ends
	for i, sub := range subs {
		parts[i] = need(sub)
		n.edges &= parts[i].edges
		if exact = exact && parts[i].exact != nil; exact {
			all = union(all, parts[i].exact)
		}
		n.longest = max(n.longest, parts[i].longest)
		n.bytes.union(&parts[i].bytes)
		n.first.union(&parts[i].first)
		n.empty = n.empty || parts[i].empty
	}
	if exact && len(all) <= maxExact {
		n.exact = all
		return n
	}
	for _, cost := range [2]func(clause) float64{clause.cost, clause.locating} {
		var all clause
		for _, p := range parts {
			clauses := p.clauses
			if p.exact != nil {
				clauses = append(clauses[:len(clauses):len(clauses)], p.whole())
			}
			best := bestClause(clauses, cost)
			if best == nil {
				return n
			}
			all = append(all, best...)
		}
		either := all.merge()
		if len(n.clauses) == 0 || !either.same(n.clauses[0]) {
			n.clauses = append(n.clauses, either)
		}
	}
	return n
}

// merge sorts c, and makes one of what has the same text.
func (c clause) merge() clause {
	slices.SortStableFunc(c, func(a, b literal) int { return strings.Compare(a.text, b.text) })
	one := c[:0]
	for i := range c {
		if n := len(one); n > 0 && one[n-1].text == c[i].text {
			one[n-1].union(&c[i].around)
			one[n-1].edges &= c[i].edges
		} else {
			one = append(one, c[i])
		}
	}
	return one
}

// same reports whether c and d have the same texts.
func (c clause) same(d clause) bool {
	return slices.EqualFunc(c, d, func(a, b literal) bool { return a.text == b.text })
}

// bestClause is the one of least cost, nil when any text may satisfy all.
func bestClause(clauses []clause, cost func(clause) float64) (best clause) {
	least := math.Inf(1)
	for _, c := range clauses {
		if c[0].text == "" {
			continue
		}
		if p := cost(c); p < least {
			best, least = c, p
		}
	}
	return best
}

// cost estimates how often ordinary text has one of the clause's texts, per
// byte.
func (c clause) cost() (sum float64) {
	for i := range c {
		sum += textCost(c[i].text)
	}
	return sum
}

// finding estimates how often the index meets one: it finds single bytes at no
// cost.
func (c clause) finding() (sum float64) {
	for i := range c {
		if len(c[i].text) > 1 {
			sum += textCost(c[i].text)
		}
	}
	return sum
}

// farBefore is where it makes no difference how far: a text is looked at once.
const farBefore = 100

// locating estimates how many bytes are looked at for each of ordinary text if a
// pattern is located by the clause.
func (c clause) locating() (sum float64) {
	looked := 0.0
	for i := range c {
		l := &c[i]
		if i == 0 || l.around != c[i-1].around {
			looked = l.looked()
		}
		n := looked
		if len(l.text) > 1 {
			n += indexed
		}
		sum += textCost(l.text) * n
	}
	return sum
}

// looked estimates how many bytes are looked at where a literal stands.
func (a *around) looked() float64 {
	n := float64(min(a.before, farBefore))
	if q := a.behind.share(); q < 1 {
		n = min(n, q/(1-q))
	}
	n += 8
	if !a.open {
		n = 1 + n*a.after.share()
	}
	return n
}

// indexed is how many bytes could be looked at in the time that the index needs
// for a text of two bytes or more.
const indexed = 8

// gating estimates the same if one of its texts is all that is asked for.
func (c clause) gating() float64 { return c.cost() + indexed*c.finding() }

// anchored reports whether re matches only from the beginning of a text.
func anchored(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return anchored(re.Sub[0])
	case syntax.OpConcat:
		return anchored(re.Sub[0])
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !anchored(sub) {
				return false
			}
		}
		return true
	}
	return false
}

// textCost estimates how often s begins at a byte of ordinary text.
func textCost(s string) float64 {
	p := 1.0
	for i := range len(s) {
		if i == 0 {
			p = float64(byteCost[s[0]])
			continue
		}
		p *= float64(pairCost[byteFold[s[i-1]]][byteFold[s[i]]]) * float64(byteCost[s[i]])
	}
	return p
}

//go:embed ordinary.txt
var ordinary string

// pairCost is how much more often than elsewhere a byte is behind another, both
// folded, in ordinary text.
var pairCost = func() (cost [64][64]float32) {
	const unknown = 20 // bytes, of which the second are as elsewhere
	var (
		pairs  [64][64]float32
		firsts [64]float32
	)
	for i := 1; i < len(ordinary); i++ {
		a, b := byteFold[ordinary[i-1]], byteFold[ordinary[i]]
		pairs[a][b]++
		firsts[a]++
	}
	for a := range cost {
		for b := range cost[a] {
			if foldCost[b] > 0 {
				cost[a][b] = (pairs[a][b]/foldCost[b] + unknown) / (firsts[a] + unknown)
			}
		}
	}
	return cost
}()

// foldCost is byteCost of folded bytes.
var foldCost = func() (cost [64]float32) {
	for c, p := range byteCost {
		if byteLower[c] == byte(c) {
			cost[byteFold[c]] += p
		}
	}
	return cost
}()

// byteCost is how often a byte is in chat: rounded, letters as in English.
var byteCost = func() (cost [256]float32) {
	for i := range cost {
		cost[i] = 0.0005
	}
	for i, per := range []float32{64, 12, 22, 33, 100, 17, 16, 48, 55, 1, 8, 32, 20, 55, 60, 15, 1, 47, 50, 72, 22, 8, 19, 1, 16, 1} {
		cost['a'+i] = per / 1000
	}
	for c := byte('0'); c <= '9'; c++ {
		cost[c] = 0.003
	}
	cost[' '], cost['.'], cost[','], cost['\''], cost['"'] = 0.18, 0.012, 0.008, 0.004, 0.004
	cost['-'], cost[':'], cost['?'], cost['!'], cost['/'] = 0.003, 0.003, 0.004, 0.003, 0.002
	return cost
}()

func union(a, b []string) []string {
	c := slices.Concat(a, b)
	slices.Sort(c)
	return slices.Compact(c)
}

func product(a, b []string) []string {
	c := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			c = append(c, x+y)
		}
	}
	slices.Sort(c)
	return slices.Compact(c)
}

func longest(texts []string) (n int) {
	for _, s := range texts {
		n = max(n, len(s))
	}
	return n
}

// classTexts lists a class of few ASCII characters, else nil.
func classTexts(re *syntax.Regexp) []string {
	var texts []string
	for i := 0; i < len(re.Rune); i += 2 {
		lo, hi := re.Rune[i], re.Rune[i+1]
		if hi > 0x7f || hi-lo > 64 {
			return nil
		}
		for r := lo; r <= hi; r++ {
			texts = append(texts, foldASCII(string(r)))
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return union(texts, nil)
}

func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// asciiFold makes letter case in re that of ASCII: a literal in any case
// becomes a sequence of classes, and the two characters beyond ASCII that fold
// into it leave the classes that have the letter.
func asciiFold(re *syntax.Regexp) *syntax.Regexp {
	for i, sub := range re.Sub {
		re.Sub[i] = asciiFold(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 || !slices.ContainsFunc(re.Rune, longFold) {
			return re
		}
		seq := &syntax.Regexp{Op: syntax.OpConcat}
		for _, r := range re.Rune {
			if !longFold(r) {
				seq.Sub = append(seq.Sub, &syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags, Rune: []rune{r}})
				continue
			}
			up, low := r&^0x20, r|0x20
			if r > 0x7f {
				up, low = r, r
			}
			seq.Sub = append(seq.Sub, &syntax.Regexp{Op: syntax.OpCharClass, Rune: []rune{up, up, low, low}})
		}
		if len(seq.Sub) == 1 {
			return seq.Sub[0]
		}
		return seq
	case syntax.OpCharClass:
		re.Rune = without(without(re.Rune, 's', 0x17f), 'k', 0x212a)
	}
	return re
}

func longFold(r rune) bool {
	return r == 's' || r == 'S' || r == 'k' || r == 'K' || r == 0x17f || r == 0x212a
}

// without takes r, alone in its range, out of a class that has c.
func without(class []rune, c, r rune) []rune {
	has := false
	for i := 0; i < len(class); i += 2 {
		has = has || class[i] <= c && c <= class[i+1]
	}
	if !has {
		return class
	}
	var out []rune
	for i := 0; i < len(class); i += 2 {
		if class[i] == r && class[i+1] == r {
			continue
		}
		out = append(out, class[i], class[i+1])
	}
	return out
}
