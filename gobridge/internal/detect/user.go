package detect

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"wsi/gobridge/internal/detect/view"
)

// Users' rules are in files of their own: blocks as in the builtin ones, or
// SecRule lines.

const (
	// maxUserRules is of the files of one location together.
	maxUserRules = 1024
	// maxPhrases is of the phrases of one rule together, in bytes.
	maxPhrases = 64 << 10
	// maxErrors is how many errors of a location are told.
	maxErrors = 10
)

// ReadFile reads a file that rules name.
type ReadFile func(path string) ([]byte, error)

// UserRules are the rules in files. None has the id of another or of a builtin
// rule, all are compiled to see that they can be. Errors begin with "file:line".
func UserRules(files []string, read ReadFile) (rules []Rule, errs []error) {
	seen := map[string]*Rule{}
	for _, file := range files {
		some, bad := userFile(file, read)
		errs = append(errs, bad...)
		for i := range some {
			r := &some[i]
			switch first := seen[r.ID]; {
			case slices.Contains(RuleIDs(), r.ID):
				errs = append(errs, &ParseError{r.File, r.Line, "id", r.ID + " is a builtin rule's"})
			case first != nil:
				errs = append(errs, &ParseError{r.File, r.Line, "id", fmt.Sprintf("%s is in %s:%d already", r.ID, first.File, first.Line)})
			default:
				seen[r.ID] = r
				if err := checkUser(r); err != nil {
					errs = append(errs, err)
				}
			}
		}
		rules = append(rules, some...)
		if len(rules) > maxUserRules {
			errs = append(errs, &ParseError{file, rules[maxUserRules].Line, "rules", fmt.Sprintf("more than %d in all files", maxUserRules)})
			break
		}
		if len(errs) > maxErrors {
			break
		}
	}
	if len(errs) > maxErrors {
		errs = append(errs[:maxErrors], fmt.Errorf("%s: and more errors", files[0]))
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return rules, nil
}

func userFile(file string, read ReadFile) ([]Rule, []error) {
	data, err := read(file)
	if err != nil {
		return nil, []error{err}
	}
	if len(data) > MaxRuleFile {
		return nil, []error{&ParseError{file, 1, "file", fmt.Sprintf("longer than %d bytes", MaxRuleFile)}}
	}
	if isSecLang(file, data) {
		return secRules(file, data, read)
	}
	rules, err := ParseRules(file, data)
	if err != nil {
		return nil, []error{err}
	}
	return rules, nil
}

// isSecLang tells the two formats apart, by the name or the first word.
func isSecLang(file string, data []byte) bool {
	if strings.HasSuffix(file, ".conf") {
		return true
	}
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return hasPrefixFold(string(line), "SEC")
		}
	}
	return false
}

// checkUser refuses a rule that finds something in every value, or is too big
// to run.
func checkUser(r *Rule) error {
	fail := func(field string, err error) error { return &ParseError{r.File, r.Line, field, err.Error()} }
	n := 0
	for _, p := range r.Phrases {
		n += len(p)
	}
	if n > maxPhrases {
		return fail("phrase", fmt.Errorf("longer than %d bytes together", maxPhrases))
	}
	if r.Detector != "" {
		return nil
	}
	every := len(r.Not) == 0 && r.Check == ""
	for _, p := range r.Patterns {
		x, err := regexp.Compile(p)
		if err != nil {
			return fail("pattern", err)
		}
		every = every && x.MatchString("")
	}
	if every && len(r.Patterns) > 0 {
		return fail("pattern", errors.New("matches the empty text, which is in every value"))
	}
	if slices.Contains(r.Phrases, "") {
		return fail("phrase", errors.New("the empty text is in every value"))
	}
	if _, err := compile(r); err != nil {
		return fail("pattern", err)
	}
	return nil
}

// With is s and more rules. What s has compiled is shared.
func (s *Set) With(rules []Rule) (*Set, error) {
	all := new(Set)
	for side := range s.rules {
		for a, rules := range s.rules[side] {
			all.rules[side][a] = slices.Clip(rules)
		}
		all.detectors[side] = slices.Clip(s.detectors[side])
	}
	seen := map[string]bool{}
	for side := range s.rules {
		for i := range s.rules[side][anyBytes] {
			seen[s.rules[side][anyBytes][i].ID] = true
		}
	}
	for i := range rules {
		if err := all.add(&rules[i], seen); err != nil {
			return nil, err
		}
	}
	all.build()
	return all, nil
}

// add is a step of Compile; build is the last.
func (s *Set) add(r *Rule, seen map[string]bool) error {
	if seen[r.ID] {
		return &ParseError{r.File, r.Line, "rule", r.ID + " is there twice"}
	}
	seen[r.ID] = true
	side := 0
	if r.Response {
		side = 1
	}
	if r.Detector != "" {
		s.detectors[side] = append(s.detectors[side], r)
		return nil
	}
	parts, err := compile(r)
	if err != nil {
		return &ParseError{r.File, r.Line, "pattern", err.Error()}
	}
	if len(s.rules[side][anyBytes])+len(parts[anyBytes]) > maxRules {
		return &ParseError{r.File, r.Line, "rule", fmt.Sprintf("more than %d rules", maxRules)}
	}
	for a := range parts {
		s.rules[side][a] = append(s.rules[side][a], parts[a]...)
	}
	return nil
}

func (s *Set) build() {
	for side := range s.rules {
		l, rules := &s.index[side], s.rules[side][anyBytes]
		for a := range l.first {
			l.first[a] = indexOf(s.rules[side][a], func(r *compiled) bool { return r.Paranoia == 1 })
		}
		for level := range l.other {
			for n := range l.other[level] {
				l.other[level][n] = sync.OnceValue(func() *index {
					return indexOf(rules, func(r *compiled) bool {
						return (level > 0 || r.Paranoia == 1) && (n == 0 || r.Views&viewsOf(n) != 0)
					})
				})
			}
		}
		for i := range viewNames { // not when a text is judged
			l.other[0][1<<i]()
		}
		for i := range rules {
			s.views[side] |= rules[i].Views
		}
	}
}

// viewsOf are the views of which n has the bits.
func viewsOf(n int) (v Views) {
	for i, name := range viewNames {
		if n>>i&1 != 0 {
			v |= name.view
		}
	}
	return v
}

// IDs are the ids of all rules of s, and of libinjection's.
func (s *Set) IDs() []string {
	ids := slices.Clone(libinjectionIDs)
	for side := range s.rules {
		for i := range s.rules[side][anyBytes] {
			ids = append(ids, s.rules[side][anyBytes][i].ID)
		}
		for _, r := range s.detectors[side] {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Types are the types of all rules of s.
func (s *Set) Types() (types []string) {
	for side := range s.rules {
		for i := range s.rules[side][anyBytes] {
			types = append(types, s.rules[side][anyBytes][i].Type)
		}
		for _, r := range s.detectors[side] {
			types = append(types, r.Type)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// found adds f, of libinjection, and the rules that ask for it.
func (sc *scanner) found(f Finding, text []byte, v *view.View) {
	target := Values
	if sc.o.Key {
		target = Keys
	}
	for _, r := range sc.set.detectors[sc.side] {
		if r.Detector == f.Type && r.Paranoia <= sc.o.Paranoia && r.Target&target != 0 &&
			r.Profiles.has(sc.o.Profile) && !sc.has(r.Type, r.ID) {
			sc.add(Finding{Type: r.Type, Rule: r.ID, Name: r.Name, Score: r.Score, Start: f.Start, End: f.End, rule: r}, text, v)
		}
	}
	sc.add(f, text, v)
}

// Narrow reports whether the finding's rule is for some events or paths only.
func (f *Finding) Narrow() bool { return f.rule != nil && (f.rule.Event != "" || f.rule.Path != "") }

// ForEvent reports whether the finding's rule is for some events only.
func (f *Finding) ForEvent() bool { return f.rule != nil && f.rule.Event != "" }

// Applies reports whether the finding's rule is for what is at path of event, in
// any case: some servers find their methods so.
func (f *Finding) Applies(event, path string) bool {
	return f.rule == nil ||
		(f.rule.Event == "" || GlobFold(f.rule.Event, event)) && (f.rule.Path == "" || Glob(f.rule.Path, path))
}

// Glob reports whether s fits pattern, in which "*" stands for any text and a
// backslash takes the meaning from what follows it. It is linear in the product
// of the lengths, and both are bounded.
func Glob[T string | []byte](pattern string, s T) bool { return glob(pattern, s, false) }

// GlobFold is Glob where the case of letters does not count, as where .NET looks
// for a method.
func GlobFold[T string | []byte](pattern string, s T) bool { return glob(pattern, s, true) }

// sameLetter reports the lengths of the first characters of a and b if these are
// the same in any case and not ASCII, else 0.
func sameLetter(a, b string) (int, int) {
	r, n := utf8.DecodeRuneInString(a)
	s, m := utf8.DecodeRuneInString(b)
	if r == utf8.RuneError && n == 1 || m == 1 {
		if a[0] == b[0] {
			return 1, 1
		}
		return 0, 0
	}
	if unicode.ToUpper(r) != unicode.ToUpper(s) {
		return 0, 0
	}
	return n, m
}

func glob[T string | []byte](pattern string, s T, fold bool) bool {
	i, j := 0, 0
	star, back := -1, 0
	for j < len(s) {
		if i < len(pattern) {
			c := pattern[i]
			if c == '*' {
				star, back = i, j
				i++
				continue
			}
			n := 1
			if c == '\\' && i+1 < len(pattern) {
				c, n = pattern[i+1], 2
			}
			if fold && c >= utf8.RuneSelf {
				if a, b := sameLetter(pattern[i+n-1:], string(s[j:min(j+utf8.UTFMax, len(s))])); a > 0 {
					i += n - 1 + a
					j += b
					continue
				}
			} else if c == s[j] || fold && lower(c) == lower(s[j]) {
				i += n
				j++
				continue
			}
		}
		if star < 0 {
			return false
		}
		back++
		i, j = star+1, back
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}
