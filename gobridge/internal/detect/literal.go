package detect

import (
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

// literal shares what is around it, which is never changed, with others.
type literal struct {
	bounded
	*around
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
		c[i] = literal{bounded{text, e}, &a}
	}
	return c
}

// with is c where what is around its texts is changed.
func (c clause) with(change func(*around)) clause {
	c = slices.Clone(c)
	changed := map[*around]*around{}
	for i := range c {
		l := &c[i]
		if changed[l.around] == nil {
			a := *l.around
			change(&a)
			changed[l.around] = &a
		}
		l.around = changed[l.around]
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
		n.clauses[i] = c.with(func(a *around) { a.open = true })
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
			all.clauses = append(all.clauses, c.with(func(a *around) {
				a.before = min(maxLongest, all.longest+a.before)
				a.behind.union(&all.bytes)
			}))
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
			all = append(all, parts[i].exact...)
		}
		n.longest = max(n.longest, parts[i].longest)
		n.bytes.union(&parts[i].bytes)
		n.first.union(&parts[i].first)
		n.empty = n.empty || parts[i].empty
	}
	if all = union(all, nil); exact && len(all) <= maxExact {
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
			l := &one[n-1]
			if l.edges &= c[i].edges; l.around != c[i].around {
				a := *l.around
				a.union(c[i].around)
				l.around = &a
			}
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

func union(a, b []string) []string {
	c := slices.Concat(a, b)
	slices.Sort(c)
	return slices.Compact(c)
}

// product is sorted, as a and b are.
func product(a, b []string) []string {
	c := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			c = append(c, x+y)
		}
	}
	if len(a) == 1 {
		return c
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
