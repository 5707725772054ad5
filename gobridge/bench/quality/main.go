// Command quality measures what the engine finds in the texts of a corpus, and
// what that costs, beside what OWASP CRS and libinjection find. It exits with 1
// when a figure that is required is missed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

const usage = `Usage: quality -corpus DIR [options]

Judges every text of DIR/attack-*.jsonl, benign-*.jsonl and evasion.jsonl as a
value of a WebSocket message and prints how many are attacks.

Options:
`

type options struct {
	corpus  string
	full    bool
	notime  bool
	coraza  string
	save    string
	diff    string
	show    string
	missed  string
	alarms  string
	evaded  string
	part    string
	sources bool
	curve   bool
	most    int
}

func main() {
	if os.Getenv(memoryChild) != "" {
		reportMemory()
		return
	}
	code, err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
	}
	os.Exit(code)
}

func run(args []string, out, problems io.Writer) (code int, err error) {
	var o options
	fs := flag.NewFlagSet("quality", flag.ContinueOnError)
	fs.SetOutput(problems)
	fs.StringVar(&o.corpus, "corpus", "", "directory of the corpus")
	fs.BoolVar(&o.full, "full", false, "time every benign text (default: 200 of each group)")
	fs.BoolVar(&o.notime, "notime", false, "measure no time")
	fs.StringVar(&o.coraza, "coraza", "", "program of gobridge/bench/coraza: time Coraza with CRS, too")
	fs.StringVar(&o.save, "save", "", "save the verdicts to this file")
	fs.StringVar(&o.diff, "diff", "", "print only what differs from the verdicts in this file")
	fs.StringVar(&o.show, "show", "", "rule=ID: list the texts in which a rule hits")
	fs.StringVar(&o.missed, "missed", "", "list the attacks of this class (or all) that pass")
	fs.StringVar(&o.alarms, "alarms", "", "list the texts of this benign group (or all) that are dropped")
	fs.StringVar(&o.evaded, "evaded", "", "list the texts of this encoding (or all) that pass")
	fs.StringVar(&o.part, "part", "", "all, seen or held: the part to list or to count (default: list seen, count all)")
	fs.BoolVar(&o.sources, "sources", false, "count benign texts per source, too")
	fs.BoolVar(&o.curve, "curve", false, "print only the curve, at each level of paranoia")
	fs.IntVar(&o.most, "most", 1000, "list at most so many texts")
	fs.Usage = func() {
		fmt.Fprint(problems, usage)
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		return 2, nil
	}
	if o.part != "" && !strings.Contains(" all seen held ", " "+o.part+" ") {
		return 2, fmt.Errorf("-part %s is neither all, seen nor held", o.part)
	}
	runtime.GOMAXPROCS(1)
	c, err := load(o.corpus)
	if err != nil {
		return 2, err
	}
	j, err := newJudge()
	if err != nil {
		return 2, err
	}
	if err := j.judgeAll(c, settings[0]); err != nil {
		return 2, err
	}
	r := report{out: out}
	switch {
	case o.diff != "":
		return r.diff(c, o.diff)
	case o.curve:
		return 0, r.curve(c, j, settings)
	case o.show+o.missed+o.alarms+o.evaded != "":
		return 0, r.list(c, &o)
	}
	if o.save != "" {
		if err := save(c, o.save); err != nil {
			return 2, err
		}
	}
	if o.part == "seen" || o.part == "held" {
		c = c.part(o.part == "held")
	}
	r.attacks(c)
	r.benign(c, o.sources)
	r.evasion(c)
	r.rules(c)
	if err := r.curve(c, j, settings[:1]); err != nil {
		return 2, err
	}
	if !o.notime {
		if err := r.times(c, &o); err != nil {
			return 2, err
		}
	}
	if r.missed > 0 {
		return 1, fmt.Errorf("%d required figures are missed", r.missed)
	}
	fmt.Fprintln(out, "\nall required figures are met")
	return 0, nil
}
