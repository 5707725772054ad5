package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	"wsi/gobridge/internal/verdict"
)

// list prints the texts that o asks for, of the part that may be looked at
// unless it names one.
func (r *report) list(c *corpus, o *options) error {
	left := o.most
	each := func(groups map[string][]*sample, name string, want func(*sample) bool) {
		for _, group := range bySize(groups) {
			if name != group && name != "all" {
				continue
			}
			for _, s := range groups[group] {
				if (o.part == "all" || s.held == (o.part == "held")) && want(s) && left > 0 {
					left--
					r.sample(group, s)
				}
			}
		}
	}
	dropped := func(s *sample) bool { return s.drop(verdict.Threshold) }
	passed := func(s *sample) bool { return !dropped(s) }
	if o.missed != "" {
		each(c.attacks, o.missed, passed)
	}
	if o.alarms != "" {
		each(c.benign, o.alarms, dropped)
	}
	if o.evaded != "" {
		by := map[string][]*sample{}
		plain := map[string]bool{}
		for _, s := range c.evasion {
			by[s.Enc] = append(by[s.Enc], s)
			plain[s.Base] = plain[s.Base] || s.Enc == "plain" && dropped(s)
		}
		each(by, o.evaded, func(s *sample) bool { return passed(s) && plain[s.Base] })
	}
	if o.show != "" {
		rule, ok := strings.CutPrefix(o.show, "rule=")
		if !ok {
			return fmt.Errorf("-show %s: only rule=ID is known", o.show)
		}
		hit := func(s *sample) bool {
			for _, h := range s.hits {
				if h.rule == rule {
					return true
				}
			}
			return false
		}
		each(c.attacks, "all", hit)
		each(c.benign, "all", hit)
	}
	return nil
}

func (r *report) sample(group string, s *sample) {
	fmt.Fprintf(r.out, "%s\t%s\t%d\t%.400q", group, s.Source, s.score, s.Text)
	for _, h := range s.hits {
		fmt.Fprintf(r.out, "\n\t%s %s %d %s %.80q", h.kind, h.rule, h.score, h.path, h.match)
	}
	fmt.Fprintln(r.out)
}

// saved is the verdicts of a run: what was dropped, by group.
type saved struct {
	Groups map[string]savedGroup `json:"groups"`
}

type savedGroup struct {
	N       int      `json:"n"`
	Dropped []string `json:"dropped"`
}

func (c *corpus) groups() map[string][]*sample {
	groups := map[string][]*sample{}
	for class, samples := range c.attacks {
		groups["attack "+class] = samples
	}
	for group, samples := range c.benign {
		groups["benign "+group] = samples
	}
	for _, s := range c.evasion {
		groups["evasion "+s.Enc] = append(groups["evasion "+s.Enc], s)
	}
	return groups
}

func save(c *corpus, path string) error {
	v := saved{map[string]savedGroup{}}
	for name, samples := range c.groups() {
		g := savedGroup{len(samples), []string{}}
		for _, s := range samples {
			if s.drop(verdict.Threshold) {
				g.Dropped = append(g.Dropped, s.id)
			}
		}
		v.Groups[name] = g
	}
	b, err := json.Marshal(&v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o666)
}

// diff prints how the verdicts differ from those of an earlier run. Worse is
// an attack that passes, or a benign text that is dropped, and was not.
func (r *report) diff(c *corpus, path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 2, err
	}
	var old saved
	if err := json.Unmarshal(b, &old); err != nil {
		return 2, fmt.Errorf("%s: %w", path, err)
	}
	groups := c.groups()
	var names []string
	for name := range groups {
		names = append(names, name)
	}
	sort.Strings(names)
	t := r.table("Difference to "+path, "group\tn\tbefore %\tnow %\tnew drops\tnew passes\t")
	same := true
	for _, name := range names {
		before := map[string]bool{}
		for _, id := range old.Groups[name].Dropped {
			before[id] = true
		}
		if old.Groups[name].N != len(groups[name]) {
			return 2, fmt.Errorf("%s is of another corpus: %s has %d texts, not %d", path, name, old.Groups[name].N, len(groups[name]))
		}
		drops, passes := 0, 0
		var was, is rate
		for _, s := range groups[name] {
			drop := s.drop(verdict.Threshold)
			was.add(before[s.id])
			is.add(drop)
			if drop && !before[s.id] {
				drops++
			} else if !drop && before[s.id] {
				passes++
			}
		}
		if drops+passes > 0 {
			same = false
			fmt.Fprintf(t, "%s\t%d\t%.2f\t%.2f\t%d\t%d\t\n", name, is.n, was.percent(), is.percent(), drops, passes)
		}
	}
	if err := t.Flush(); err != nil {
		return 2, err
	}
	if same {
		fmt.Fprintln(r.out, "none")
	}
	return 0, nil
}
