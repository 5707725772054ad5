package detect

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

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

// branches are the parts of an alternation that go on over any text, one by one,
// and the others: what these need, the others need not have.
func branches(re *syntax.Regexp) []*syntax.Regexp {
	var open, rest []*syntax.Regexp
	for _, sub := range alternatives(re) {
		if goesOn(sub) || anchored(sub) {
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
// condition, or before conditions and blanks.
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
	case re.Op == syntax.OpConcat && !slices.ContainsFunc(re.Sub[1:], heavy):
		for _, sub := range alternatives(re.Sub[0]) {
			subs := []*syntax.Regexp{sub}
			if sub.Op == syntax.OpConcat {
				subs = slices.Clone(sub.Sub)
			}
			all = append(all, &syntax.Regexp{Op: syntax.OpConcat, Flags: re.Flags, Sub: append(subs, re.Sub[1:]...)})
		}
		return all
	}
	return []*syntax.Regexp{re}
}

// heavy reports whether re is more than a condition or bytes of one class.
func heavy(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		return re.Sub[0].Op != syntax.OpCharClass
	}
	return re.Op < syntax.OpBeginLine || re.Op > syntax.OpNoWordBoundary
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

// within is re as far as it matches values of an alphabet, nil if it matches none.
func within(re *syntax.Regexp, a int) *syntax.Regexp {
	if a == anyBytes {
		return re
	}
	var sub []*syntax.Regexp
	for _, s := range re.Sub {
		if s = within(s, a); s != nil {
			sub = append(sub, s)
		} else if re.Op == syntax.OpConcat {
			return nil
		}
	}
	one := *re
	one.Sub = sub
	switch re.Op {
	case syntax.OpNoMatch:
		return nil
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r < utf8.RuneSelf && !alphabet[a].has(byte(r)) {
				return nil
			}
		}
	case syntax.OpCharClass:
		one.Rune = classWithin(re.Rune, a)
	case syntax.OpAnyCharNotNL:
		one.Op, one.Rune = syntax.OpCharClass, classWithin([]rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune}, a)
	case syntax.OpAnyChar:
		one.Op, one.Rune = syntax.OpCharClass, classWithin([]rune{0, utf8.MaxRune}, a)
	case syntax.OpStar, syntax.OpQuest:
		if len(sub) == 0 {
			return &syntax.Regexp{Op: syntax.OpEmptyMatch}
		}
	case syntax.OpRepeat:
		if len(sub) == 0 && re.Min == 0 {
			return &syntax.Regexp{Op: syntax.OpEmptyMatch}
		}
	}
	if one.Op == syntax.OpCharClass && len(one.Rune) == 0 || len(re.Sub) > 0 && len(sub) == 0 {
		return nil
	}
	return &one
}

// classWithin are the runes of a class that are of an alphabet.
func classWithin(class []rune, a int) (out []rune) {
	for i := 0; i < len(class); i += 2 {
		for r := class[i]; r <= min(class[i+1], utf8.RuneSelf-1); r++ {
			switch n := len(out); {
			case !alphabet[a].has(byte(r)):
			case n > 0 && out[n-1] == r-1:
				out[n-1] = r
			default:
				out = append(out, r, r)
			}
		}
		if class[i+1] >= utf8.RuneSelf {
			out = append(out, max(class[i], utf8.RuneSelf), class[i+1])
		}
	}
	return out
}

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
