package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/verdict"
)

// steering is how texts are judged.
type steering struct {
	explain     bool
	rules       []string
	profile     string
	paranoia    int
	threshold   int
	event, path string
	response    bool

	set     *detect.Set
	options detect.Options
}

func (h *steering) flags(fs *flag.FlagSet) {
	fs.BoolVar(&h.explain, "explain", false, "")
	fs.Func("rules", "", func(file string) error { h.rules = append(h.rules, file); return nil })
	fs.StringVar(&h.profile, "profile", "chat", "")
	fs.IntVar(&h.paranoia, "paranoia", 1, "")
	fs.IntVar(&h.threshold, "threshold", verdict.Threshold, "")
	fs.StringVar(&h.event, "event", "", "")
	fs.StringVar(&h.path, "path", "$", "")
	fs.BoolVar(&h.response, "response", false, "")
}

// load makes the set of rules, and checks the options.
func (h *steering) load() error {
	profile, err := detect.ParseProfile(h.profile)
	switch {
	case err != nil:
		return fmt.Errorf("--profile: %w", err)
	case h.paranoia < 1 || h.paranoia > 4:
		return errors.New("--paranoia is 1 to 4")
	case h.threshold < 1:
		return errors.New("--threshold is 1 or more")
	}
	h.options = detect.Options{Paranoia: h.paranoia, Profile: profile, Response: h.response}
	h.set = detect.Default()
	if len(h.rules) == 0 {
		return nil
	}
	rules, errs := policy.ReadRules(h.rules)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	h.set, err = h.set.With(rules)
	return err
}

// judge judges text as one string value.
func (h *steering) judge(text []byte) judgement {
	var (
		found    []detect.Finding
		readings []detect.Reading
	)
	if h.explain {
		found, readings = h.set.Explain(text, h.options)
	} else {
		found = h.set.Scan(text, h.options, &detect.Budget{Left: math.MaxInt}, nil)
	}
	found = slices.DeleteFunc(found, func(f detect.Finding) bool { return !f.Applies(h.event, h.path) })
	score, drop := verdict.Judge(found, h.threshold)
	j := judgement{Verdict: verdictName(drop), Score: score, Attacks: []attack{}}
	for _, f := range found {
		j.Attacks = append(j.Attacks, attack{f.Type, f.Rule, h.path, f.Score})
	}
	if h.explain {
		j.Explanation = h.explanation(text, found, readings)
	}
	return j
}

// explanation says why a text has its verdict.
type explanation struct {
	Readings  []reading `json:"readings"`
	Findings  []found   `json:"findings"`
	Sums      []sum     `json:"sums"`
	Threshold int       `json:"threshold"`
	Pass      []string  `json:"pass"` // directives with which it would
}

type reading struct {
	As    string `json:"as"`
	Start int    `json:"start"`
	End   int    `json:"end"`
	Text  string `json:"text"`
}

type found struct {
	Type  string `json:"type"`
	Rule  string `json:"rule"`
	Name  string `json:"name"`
	Score int    `json:"score"`
	In    string `json:"in"` // the reading
	Start int    `json:"start"`
	End   int    `json:"end"`
	Match string `json:"match"`
}

type sum struct {
	Type  string `json:"type"`
	Score int    `json:"score"`
}

func (h *steering) explanation(text []byte, list []detect.Finding, readings []detect.Reading) *explanation {
	e := &explanation{Readings: []reading{}, Findings: []found{}, Sums: []sum{}, Pass: []string{}, Threshold: h.threshold}
	in := map[string]string{}
	for _, r := range readings {
		e.Readings = append(e.Readings, reading{r.As, r.Start, r.End, r.Text})
		for _, rule := range r.Rules {
			in[rule] = r.As
		}
	}
	for _, f := range list {
		e.Findings = append(e.Findings, found{f.Type, f.Rule, f.Name, f.Score, in[f.Rule], f.Start, f.End, string(text[f.Start:f.End])})
		if !slices.ContainsFunc(e.Sums, func(s sum) bool { return s.Type == f.Type }) {
			e.Sums = append(e.Sums, sum{f.Type, verdict.Sum(list, f.Type)})
		}
	}
	score, drop := verdict.Judge(list, h.threshold)
	if !drop {
		return e
	}
	var hits []policy.Hit
	for _, f := range list {
		hits = append(hits, policy.Hit{
			Rule: f.Rule, Type: f.Type, Event: h.event, Path: h.path,
			Match: text[f.Start:min(f.End, f.Start+maxShownMatch)],
		})
	}
	if line := policy.Exceptions(hits); line != "" {
		e.Pass = append(e.Pass, line)
	}
	e.Pass = append(e.Pass, fmt.Sprintf("wallarm_websocket_threshold %d;", score+1))
	return e
}

// maxShownMatch is what of a match an exception is for, as in events.
const maxShownMatch = 1 << 10

func (p *printer) explanation(e *explanation) {
	for _, r := range e.Readings {
		fmt.Fprintf(p.w, "    read as %s, bytes %d-%d: %s\n", r.As, r.Start, r.End, quote(r.Text))
	}
	if len(e.Readings) == 0 {
		fmt.Fprintln(p.w, "    a word alone: no rule looks at it")
	}
	for _, f := range e.Findings {
		fmt.Fprintf(p.w, "    %s, rule %s, score %d, in %s, bytes %d-%d %s: %s\n",
			f.Type, f.Rule, f.Score, f.In, f.Start, f.End, quote(f.Match), plain(f.Name))
	}
	var sums []string
	for _, s := range e.Sums {
		note := ""
		if s.Score < verdict.Threshold {
			note = " (a suspicion: alone, or not at all)"
		}
		sums = append(sums, fmt.Sprintf("%s %d%s", s.Type, s.Score, note))
	}
	if len(sums) > 0 {
		fmt.Fprintf(p.w, "    sums: %s; threshold %d\n", strings.Join(sums, ", "), e.Threshold)
	}
	for i, line := range e.Pass {
		what := "would pass with"
		if i > 0 {
			what = "or with"
		}
		fmt.Fprintf(p.w, "    %s: %s\n", what, plain(line))
	}
}
