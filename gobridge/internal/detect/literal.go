package detect

import (
	"math"
	"regexp/syntax"
	"slices"
	"strings"
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
// more is a clause. Cutting an element of a set at either end keeps it a part of
// the match. An alternation's match is one of a branch's, so that the union of a
// clause from each is one of the whole. What may match nothing has "" in its
// set or no clause; repetition of at least once contains its operand's match.
// Folding maps A-Z to a-z in the pattern and in the text alike: a match remains
// one.
//
// U+017F and U+212A, which Unicode folds to s and k, are taken out of patterns
// by asciiFold, as PCRE without UTF does not know them.

const (
	maxExact   = 512 // texts of an exact set
	maxLiteral = 24  // bytes of a text: longer ones are cut
)

type needs struct {
	exact   []string // nil: unknown
	clauses [][]string
}

// literals returns the clauses of pattern's tree.
func literals(re *syntax.Regexp) [][]string {
	n := need(re)
	if n.exact != nil {
		n.clauses = append(n.clauses, n.exact)
	}
	return slices.DeleteFunc(n.clauses, func(c []string) bool { return slices.Contains(c, "") })
}

func need(re *syntax.Regexp) needs {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return needs{exact: []string{""}}
	case syntax.OpLiteral:
		// U+FFFD matches any invalid byte, and other letters have other cases.
		if slices.ContainsFunc(re.Rune, func(r rune) bool {
			return r == 0xfffd || r > 0x7f && re.Flags&syntax.FoldCase != 0
		}) {
			return needs{}
		}
		return needs{exact: []string{foldASCII(string(re.Rune))}}
	case syntax.OpCharClass:
		return needs{exact: classTexts(re)}
	case syntax.OpCapture:
		return need(re.Sub[0])
	case syntax.OpQuest:
		n := need(re.Sub[0])
		if n.exact == nil {
			return needs{}
		}
		return needs{exact: union(n.exact, []string{""})}
	case syntax.OpStar:
		return needs{}
	case syntax.OpPlus:
		n := need(re.Sub[0])
		if n.exact != nil {
			return needs{clauses: append(n.clauses, n.exact)}
		}
		return needs{clauses: n.clauses}
	case syntax.OpRepeat:
		if re.Min == 0 {
			return needs{}
		}
		n := need(re.Sub[0])
		parts := make([]needs, 0, re.Min)
		for range min(re.Min, 4) {
			parts = append(parts, n)
		}
		if re.Max != re.Min || re.Min > 4 {
			parts = append(parts, needs{})
		}
		return concat(parts)
	case syntax.OpConcat:
		parts := make([]needs, len(re.Sub))
		for i, sub := range re.Sub {
			parts[i] = need(sub)
		}
		return concat(parts)
	case syntax.OpAlternate:
		return alternate(re.Sub)
	}
	return needs{} // any character, nothing at all
}

// concat joins exact sets as long as the product is small.
func concat(parts []needs) needs {
	var all needs
	exact := []string{""}
	whole := true
	flush := func() {
		if len(exact) > 1 || exact[0] != "" {
			all.clauses = append(all.clauses, exact)
		}
		exact = []string{""}
	}
	for _, p := range parts {
		all.clauses = append(all.clauses, p.clauses...)
		if p.exact == nil {
			flush()
			whole = false
			continue
		}
		if len(exact)*len(p.exact) > maxExact {
			flush()
			whole = false
		}
		exact = product(exact, p.exact)
		if longest(exact) > maxLiteral {
			whole = false
			flush()
		}
	}
	if whole {
		all.exact = exact
		return all
	}
	flush()
	return all
}

func alternate(subs []*syntax.Regexp) needs {
	var (
		all   []string
		parts = make([]needs, len(subs))
		exact = true
	)
	for i, sub := range subs {
		parts[i] = need(sub)
		if exact = exact && parts[i].exact != nil; exact {
			all = union(all, parts[i].exact)
		}
	}
	if exact && len(all) <= maxExact {
		return needs{exact: all}
	}
	var clause []string
	for _, p := range parts {
		clauses := p.clauses
		if p.exact != nil {
			clauses = append(clauses[:len(clauses):len(clauses)], p.exact)
		}
		best := bestClause(clauses)
		if best == nil {
			return needs{}
		}
		clause = union(clause, best)
	}
	return needs{clauses: [][]string{clause}}
}

// bestClause is the one that ordinary text is least likely to satisfy, nil
// when any text may.
func bestClause(clauses [][]string) []string {
	var best []string
	least := math.Inf(1)
	for _, c := range clauses {
		if slices.Contains(c, "") {
			continue
		}
		if p := clauseCost(c); p < least {
			best, least = c, p
		}
	}
	return best
}

// clauseCost estimates how often ordinary text has one of the clause's texts,
// per byte.
func clauseCost(clause []string) float64 {
	sum := 0.0
	for _, s := range clause {
		sum += textCost(s)
	}
	return sum
}

func textCost(s string) float64 {
	p := 1.0
	for i := range len(s) {
		p *= float64(byteCost[s[i]])
	}
	return p
}

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
