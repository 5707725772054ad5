package main

import (
	_ "embed"
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"

	"wsi/gobridge/internal/verdict"
)

// peers.tsv is what others find in the corpora that the samples are from.
//
//go:embed peers.tsv
var peersFile string

// peer is the row of one group there, hits in per cent.
type peer struct{ libinjection, pl1, pl2 string }

var peers = func() map[string]peer {
	m := map[string]peer{}
	for _, line := range strings.Split(peersFile, "\n") {
		if f := strings.Split(line, "\t"); len(f) == 6 {
			m[f[0]+"/"+f[1]] = peer{f[3], f[4], f[5]}
		}
	}
	return m
}()

// What is required, in per cent.
const (
	requiredAll   = 95.0
	requiredMacro = 90.0
	requiredClass = 75.0
	// requiredEvasion is of the plain rate of the same payloads.
	requiredEvasion = 85.0
)

var requiredBenign = map[string]float64{
	"chat":            0.2,
	"chat-multi":      0.05,
	"chat-tech":       0.5,
	"prose":           0.3,
	"structured":      0.1,
	"code-talk":       3,
	"code-verbatim":   15,
	"html-rich":       8,
	"structured-json": 2,
	"binary-text":     0.5,
}

// report prints tables and counts what is missed.
type report struct {
	out    io.Writer
	missed int
}

// rate counts drops.
type rate struct{ n, hits int }

func (r *rate) add(drop bool) {
	r.n++
	if drop {
		r.hits++
	}
}

func (r rate) percent() float64 {
	if r.n == 0 {
		return 0
	}
	return 100 * float64(r.hits) / float64(r.n)
}

func count(samples []*sample) (all, a, b rate) {
	for _, s := range samples {
		drop := s.drop(verdict.Threshold)
		all.add(drop)
		if s.held {
			b.add(drop)
		} else {
			a.add(drop)
		}
	}
	return all, a, b
}

func (r *report) table(title, columns string) *tabwriter.Writer {
	fmt.Fprintf(r.out, "\n%s\n", title)
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, columns)
	return t
}

// ok counts and names a figure that is required.
func (r *report) ok(ok bool) string {
	if ok {
		return "ok"
	}
	r.missed++
	return "MISS"
}

const columns = "n\tcaught\twsi %\tseen\theld out\tCRS PL1\tPL2\tlibinj.\trequired\t\t"

func row(kind, name string, all, a, b rate, required, ok string) string {
	p := peers[kind+"/"+name]
	return fmt.Sprintf("%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%s\t",
		name, all.n, all.hits, all.percent(), a.percent(), b.percent(),
		dash(p.pl1), dash(p.pl2), dash(p.libinjection), required, ok)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (r *report) attacks(c *corpus) {
	t := r.table("Attacks by class", "class\t"+columns)
	var every []*sample
	var macro, macroA, macroB float64
	for _, class := range bySize(c.attacks) {
		every = append(every, c.attacks[class]...)
		all, a, b := count(c.attacks[class])
		macro += all.percent() / float64(len(c.attacks))
		macroA += a.percent() / float64(len(c.attacks))
		macroB += b.percent() / float64(len(c.attacks))
		fmt.Fprintln(t, row("class", class, all, a, b, fmt.Sprintf(">= %g", requiredClass), r.ok(all.percent() >= requiredClass)))
	}
	all, a, b := count(every)
	fmt.Fprintln(t, row("class", "all", all, a, b, fmt.Sprintf(">= %g", requiredAll), r.ok(all.percent() >= requiredAll)))
	fmt.Fprintf(t, "macro\t\t\t%.2f\t%.2f\t%.2f\t74.3\t89.3\t21.5\t>= %g\t%s\t\n", macro, macroA, macroB, requiredMacro, r.ok(macro >= requiredMacro))
	t.Flush()

	suites := map[string][]*sample{}
	for _, s := range every {
		name := s.Source
		if _, ok := peers["suite/"+name]; !ok {
			name, _, _ = strings.Cut(name, ":")
			name = strings.TrimSuffix(name, "/")
		}
		if _, ok := peers["suite/"+name]; !ok {
			name, _, _ = strings.Cut(name, "/")
		}
		suites[name] = append(suites[name], s)
	}
	t = r.table("Attacks by suite", "suite\t"+columns)
	for _, suite := range bySize(suites) {
		all, a, b := count(suites[suite])
		fmt.Fprintln(t, row("suite", suite, all, a, b, "-", ""))
	}
	t.Flush()
}

func (r *report) benign(c *corpus, sources bool) {
	t := r.table("Benign texts by group", "group\t"+columns)
	for _, group := range bySize(c.benign) {
		all, a, b := count(c.benign[group])
		required, ok := "-", ""
		if limit, is := requiredBenign[group]; is {
			required, ok = fmt.Sprintf("<= %g", limit), r.ok(all.percent() <= limit)
		}
		fmt.Fprintln(t, row("group", group, all, a, b, required, ok))
	}
	t.Flush()
	if !sources {
		return
	}
	by := map[string][]*sample{}
	for group, samples := range c.benign {
		for _, s := range samples {
			by[group+"/"+s.Source] = append(by[group+"/"+s.Source], s)
		}
	}
	var names []string
	for name := range by {
		names = append(names, name)
	}
	sort.Strings(names)
	t = r.table("Benign texts by source", "source\t"+columns)
	for _, name := range names {
		all, a, b := count(by[name])
		fmt.Fprintln(t, row("source", name, all, a, b, "-", ""))
	}
	t.Flush()
}

// evasion sets each encoding beside the plain forms of the same payloads.
func (r *report) evasion(c *corpus) {
	plain := map[string]bool{}
	by := map[string][]*sample{}
	for _, s := range c.evasion {
		if s.Enc == "plain" {
			plain[s.Base] = s.drop(verdict.Threshold)
		}
		by[s.Enc] = append(by[s.Enc], s)
	}
	t := r.table("Evasion by encoding, of its plain rate", "encoding\tplain %\tof it %\t"+columns)
	for _, enc := range bySize(by) {
		var of rate
		for _, s := range by[enc] {
			of.add(plain[s.Base])
		}
		all, a, b := count(by[enc])
		part := 100.0
		if of.hits > 0 {
			part = 100 * float64(all.hits) / float64(of.hits)
		}
		name, rest, _ := strings.Cut(row("enc", enc, all, a, b, fmt.Sprintf(">= %g", requiredEvasion), r.ok(part >= requiredEvasion)), "\t")
		fmt.Fprintf(t, "%s\t%.2f\t%.1f\t%s\n", name, of.percent(), part, rest)
	}
	t.Flush()
}

// ruleCount is what a rule adds.
type ruleCount struct {
	rule                             string
	caught, alone, alarms, alarmOnly int
	where                            map[string]int
}

func (r *report) rules(c *corpus) {
	by := map[string]*ruleCount{}
	tally := func(samples []*sample, attack bool, group string) {
		for _, s := range samples {
			if !s.drop(verdict.Threshold) {
				continue
			}
			seen := map[string]bool{}
			for _, h := range s.hits {
				seen[h.kind+" "+h.rule] = true
			}
			for rule := range seen {
				n := by[rule]
				if n == nil {
					n = &ruleCount{rule: rule, where: map[string]int{}}
					by[rule] = n
				}
				switch {
				case attack:
					n.caught++
					if len(seen) == 1 {
						n.alone++
					}
				default:
					n.alarms++
					n.where[group]++
					if len(seen) == 1 {
						n.alarmOnly++
					}
				}
			}
		}
	}
	for class, samples := range c.attacks {
		tally(samples, true, class)
	}
	for group, samples := range c.benign {
		tally(samples, false, group)
	}
	var rules []*ruleCount
	for _, n := range by {
		rules = append(rules, n)
	}
	top := func(title string, less func(a, b *ruleCount) bool) {
		sort.Slice(rules, func(i, j int) bool {
			if less(rules[i], rules[j]) != less(rules[j], rules[i]) {
				return less(rules[i], rules[j])
			}
			return rules[i].rule < rules[j].rule
		})
		t := r.table(title, "rule\tattacks\talone\talarms\talone\talarms in\t")
		for _, n := range rules[:min(25, len(rules))] {
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t\n", n.rule, n.caught, n.alone, n.alarms, n.alarmOnly, most(n.where))
		}
		t.Flush()
	}
	top("Rules by attacks that no other rule hits", func(a, b *ruleCount) bool { return a.alone > b.alone })
	top("Rules by false alarms", func(a, b *ruleCount) bool { return a.alarms > b.alarms })
}

// most is the four largest counts.
func most(m map[string]int) string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if m[names[i]] != m[names[j]] {
			return m[names[i]] > m[names[j]]
		}
		return names[i] < names[j]
	})
	var b strings.Builder
	for _, name := range names[:min(4, len(names))] {
		fmt.Fprintf(&b, "%s:%d ", name, m[name])
	}
	return strings.TrimSpace(b.String())
}

// quiet are the groups of the mean false positive rate of the curve.
var quiet = []string{"chat", "chat-multi", "chat-tech", "prose", "structured", "code-talk", "html-rich", "structured-json"}

// curve prints the true against the false positive rate for each setting and
// threshold, and how many of the required figures are missed there.
func (r *report) curve(c *corpus, j *judge, sets []setting) error {
	groups := append(append([]string{}, quiet...), "code-verbatim", "binary-text", "security-talk")
	t := r.table("Curve, in per cent; fpr: mean of the eight groups up to structured-json; missed: required figures of attacks and benign texts",
		"paranoia\tthreshold\ttpr\theld out\tmacro\tworst class\tfpr\t"+strings.Join(groups, "\t")+"\tmissed\t")
	for _, set := range sets {
		if len(sets) > 1 {
			if err := j.judgeAll(c, set); err != nil {
				return err
			}
		}
		for threshold := 1; threshold <= 10; threshold++ {
			var all, held rate
			macro, worst, missed := 0.0, 100.0, 0
			for _, samples := range c.attacks {
				var n rate
				for _, s := range samples {
					n.add(s.drop(threshold))
					if s.held {
						held.add(s.drop(threshold))
					}
				}
				all.n, all.hits = all.n+n.n, all.hits+n.hits
				macro += n.percent() / float64(len(c.attacks))
				worst = min(worst, n.percent())
				missed += btoi(n.percent() < requiredClass)
			}
			missed += btoi(all.percent() < requiredAll) + btoi(macro < requiredMacro)
			fpr := 0.0
			var cells strings.Builder
			for i, group := range groups {
				var n rate
				for _, s := range c.benign[group] {
					n.add(s.drop(threshold))
				}
				if i < len(quiet) {
					fpr += n.percent() / float64(len(quiet))
				}
				if limit, is := requiredBenign[group]; is {
					missed += btoi(n.percent() > limit)
				}
				fmt.Fprintf(&cells, "%.2f\t", n.percent())
			}
			fmt.Fprintf(t, "%d\t%d\t%.2f\t%.2f\t%.2f\t%.1f\t%.3f\t%s%d\t\n", set.paranoia, threshold,
				all.percent(), held.percent(), macro, worst, fpr, cells.String(), missed)
		}
	}
	return t.Flush()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
