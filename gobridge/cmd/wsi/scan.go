package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const scanHelp = `Usage: wsi scan [OPTION...] [FILE...]

Judges texts, each as one decoded string of a message. Without FILE, or where
FILE is -, it reads standard input.

Options:
  --json             one JSON object per text
  --jsonl            a line is a JSON object, the text is at its key "text"
                     (without: a line is a text)
  --explain          say how each text was read, what each rule found where, how
                     that adds up, and which directives would let it pass
  --rules FILE       rules beside the builtin ones, as wallarm_websocket_rules;
                     may be given several times
  --paranoia N       as wallarm_websocket_paranoia (1)
  --profile NAME     chat, api, code or rich_text (chat)
  --threshold N      as wallarm_websocket_threshold (5)
  --event NAME       the event, for rules that are for some only
  --path PATH        where the text stands ($)
  --response         the server sent it
  --fail-on-attack   exit 1 when a text would have been dropped
  --help             this text

Exit status: 0 processed, 1 with --fail-on-attack and an attack, 2 on an error.
`

// maxScanLine bounds a line in bytes: the largest message, as JSON may escape it.
const maxScanLine = 6*16<<20 + 4096

// judgement is the output for one text; N counts from 0 over all input.
type judgement struct {
	N       int      `json:"n"`
	Verdict string   `json:"verdict"`
	Score   int      `json:"score"`
	Attacks []attack `json:"attacks"`

	Explanation *explanation `json:"explanation,omitempty"`
}

// scanner judges the lines of one input after the other.
type scanner struct {
	jsonl bool
	out   *printer
	n     int
	drop  bool
	how   steering
}

func scan(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("scan", flag.ContinueOnError)
	asJSON := fs.Bool("json", false, "")
	jsonl := fs.Bool("jsonl", false, "")
	failOnAttack := fs.Bool("fail-on-attack", false, "")
	s := scanner{}
	s.how.flags(fs)
	if code, ok := parse(fs, scanHelp, args, stdout, stderr); !ok {
		return code
	}
	if err := s.how.load(); err != nil {
		return fail(stderr, "scan", err)
	}
	paths := fs.Args()
	if len(paths) == 0 {
		paths = []string{"-"}
	}

	s.jsonl, s.out = *jsonl, newPrinter(stdout, *asJSON)
	code := exitOK
	for _, path := range paths {
		if err := s.file(path, stdin); err != nil {
			code = fail(stderr, "scan", err)
		}
	}
	if err := s.out.flush(); err != nil {
		return fail(stderr, "scan", err)
	}
	if code == exitOK && s.drop && *failOnAttack {
		return exitAttack
	}
	return code
}

func (s *scanner) file(path string, stdin io.Reader) error {
	if path == "-" {
		return s.lines(stdin, "standard input")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.lines(f, path)
}

func (s *scanner) lines(src io.Reader, name string) error {
	in := bufio.NewScanner(src)
	in.Buffer(nil, maxScanLine)
	line := 0
	for in.Scan() {
		line++
		text := in.Bytes()
		if s.jsonl {
			var object struct{ Text *string }
			if err := json.Unmarshal(text, &object); err != nil {
				return fmt.Errorf("%s:%d: %w", name, line, err)
			}
			if object.Text == nil {
				return fmt.Errorf("%s:%d: no text", name, line)
			}
			text = []byte(*object.Text)
		}
		s.judge(text)
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("%s:%d: line longer than %d bytes", name, line+1, maxScanLine)
	} else if err != nil {
		return fmt.Errorf("%s:%d: %w", name, line+1, err)
	}
	return nil
}

func (s *scanner) judge(text []byte) {
	j := s.how.judge(text)
	j.N = s.n
	s.drop = s.drop || j.Verdict == "drop"
	s.out.judgement(&j, text)
	s.n++
}

func (p *printer) judgement(j *judgement, text []byte) {
	if p.enc != nil {
		p.enc.Encode(j)
		return
	}
	fmt.Fprintf(p.w, "%d %s, score %d: %s\n", j.N, j.Verdict, j.Score, quote(string(text)))
	if j.Explanation != nil {
		p.explanation(j.Explanation)
		return
	}
	p.attacks(j.Attacks)
}
