package detect

import (
	"slices"
	"strings"

	"wsi/gobridge/internal/detect/view"
)

// Reading is one way in which a value was read.
type Reading struct {
	As    string // "value", "decoded", "sql", ..., "embedded" in front
	Text  string
	Start int // what of the value it is
	End   int
	Rules []string // that found something in it first
}

// Explain is Scan, and says how the value was read.
func (s *Set) Explain(value []byte, o Options) (found []Finding, readings []Reading) {
	if isWord(value) {
		return nil, nil // no rule looks at it
	}
	sc := scanner{set: s, o: o, budget: &Budget{Left: 1 << 30}, value: value}
	from := 0
	sc.trace = func(text []byte, v *view.View, found []Finding) {
		r := Reading{As: "value", Text: string(text), End: len(value)}
		if v != nil {
			r.As, r.Start, r.End = readingName(v.Kind), v.Start, v.End
		}
		for ; from < len(found); from++ {
			r.Rules = append(r.Rules, found[from].Rule)
		}
		readings = append(readings, r)
	}
	found = sc.scan()
	return found, readings
}

func readingName(kind Views) string {
	var names []string
	if kind&view.Embedded != 0 {
		names = append(names, "embedded")
	}
	if kind&view.Decoded != 0 {
		names = append(names, "decoded")
	}
	for _, n := range viewNames {
		if kind&n.view != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ", ")
}

// Rules are the rules of s, of either direction, by id. They are not to be
// changed.
func (s *Set) Rules() (all []*Rule) {
	for side := range s.rules {
		rules := s.rules[side][anyBytes]
		for i := range rules {
			if r := rules[i].Rule; i == 0 || r != rules[i-1].Rule { // not each part
				all = append(all, r)
			}
		}
		all = append(all, s.detectors[side]...)
	}
	slices.SortFunc(all, func(a, b *Rule) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Test says which of the rule's own texts are judged otherwise than it says.
func (s *Set) Test(r *Rule) (wrong []string) {
	hits := func(text string) bool {
		found := s.Scan([]byte(text), Options{
			Paranoia: 4, Response: r.Response, Key: r.Target == Keys, Profile: r.anyProfile(),
		}, &Budget{Left: 1 << 30}, nil)
		return slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == r.ID })
	}
	for _, text := range r.Attack {
		if !hits(text) {
			wrong = append(wrong, "does not find its attack "+text)
		}
	}
	for _, text := range r.Benign {
		if hits(text) {
			wrong = append(wrong, "finds its benign "+text)
		}
	}
	return wrong
}

func (r *Rule) anyProfile() Profile {
	for p := range numProfiles {
		if r.Profiles.has(p) {
			return p
		}
	}
	return Chat
}
