package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/policy"
)

const rulesHelp = `Usage: wsi rules check FILE...
       wsi rules list [FILE...]

check says what is wrong with files of rules, as 'nginx -t' does with those of
one location, and which rules judge their own "attack" and "benign" texts
otherwise. list has the builtin rules and those of the files, with tabs between
id, type, score, paranoia, direction, file and name.

Exit status: 0 right, 2 on an error.
`

func rulesCommand(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("rules", flag.ContinueOnError)
	if code, ok := parse(fs, rulesHelp, args, stdout, stderr); !ok {
		return code
	}
	verb, files := fs.Arg(0), fs.Args()[min(1, fs.NArg()):]
	switch {
	case verb != "check" && verb != "list":
		return fail(stderr, "rules", errors.New(`needs "check" or "list"`))
	case verb == "check" && len(files) == 0:
		return fail(stderr, "rules", errors.New("no FILE"))
	}
	rules, errs := policy.ReadRules(files)
	if len(errs) > 0 {
		for _, err := range errs {
			fmt.Fprintln(stderr, plain(err.Error()))
		}
		return exitError
	}
	set, err := detect.Default().With(rules)
	if err != nil {
		return fail(stderr, "rules", err)
	}
	if verb == "list" {
		for _, r := range set.Rules() {
			printRule(stdout, r)
		}
		return exitOK
	}
	code := exitOK
	for i := range rules {
		r := &rules[i]
		printRule(stdout, r)
		for _, wrong := range set.Test(r) {
			fmt.Fprintf(stderr, "%s:%d: %s %s\n", r.File, r.Line, r.ID, quote(wrong))
			code = exitError
		}
	}
	return code
}

func printRule(w io.Writer, r *detect.Rule) {
	direction := "request"
	if r.Response {
		direction = "response"
	}
	fmt.Fprintln(w, strings.Join([]string{
		r.ID, r.Type, fmt.Sprint(r.Score), fmt.Sprint(r.Paranoia), direction,
		fmt.Sprintf("%s:%d", r.File, r.Line), plain(r.Name),
	}, "\t"))
}
