package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"wsi/gobridge/internal/capture"
	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/pipeline"
)

const replayHelp = `Usage: wsi replay [OPTION...] FILE...

Feeds recorded connections to the engine and prints its judgement of every data
message, then of the connection. Each message is judged as if none before it
had been dropped, both directions as in block mode.

FILE is a recording as 'wsi record' writes it. Of one of kind "http" the bodies
are judged that belong to the polling transports of frameworks, both requests
and responses, numbered by direction in the order in which they ended.

With --conf FILE may also be an event log (its name ends with .json): each event
of a message is judged again, to see what a configuration would still drop.

Options:
  --conf FILE        judge under the directives of a location of this nginx.conf,
                     both directions as in block mode
  --location NAME    the location, as it is written there
  --server NAME      the server_name, where several have such a location
  --json             one JSON object per data message and per connection
  --fail-on-attack   exit 1 when something would have been dropped
  --help             this text

Exit status: 0 processed, 1 with --fail-on-attack and an attack, 2 on an error.
`

// end closes the output of one file.
type end struct {
	File       string   `json:"file"`
	End        bool     `json:"end"`
	Verdict    string   `json:"verdict"`
	Violations []string `json:"violations"`
}

func replay(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("replay", flag.ContinueOnError)
	asJSON := fs.Bool("json", false, "")
	failOnAttack := fs.Bool("fail-on-attack", false, "")
	conf, location, server := fs.String("conf", "", ""), fs.String("location", "", ""), fs.String("server", "", "")
	if code, ok := parse(fs, replayHelp, args, stdout, stderr); !ok {
		return code
	}
	if fs.NArg() == 0 {
		return fail(stderr, "replay", errors.New("no FILE"))
	}
	c := replayConfig
	switch {
	case *conf != "" && *location != "":
		var notes []string
		var err error
		if c, notes, err = locationConfig(*conf, *location, *server); err != nil {
			return fail(stderr, "replay", err)
		}
		for _, note := range notes {
			fmt.Fprintln(stderr, "wsi replay:", note)
		}
	case *conf+*location+*server != "":
		return fail(stderr, "replay", errors.New("--conf and --location need each other"))
	}

	out := newPrinter(stdout, *asJSON)
	code := exitOK
	for _, path := range fs.Args() {
		replay := replayFile
		if *conf != "" && strings.HasSuffix(path, ".json") {
			replay = replayEvents
		}
		drop, err := replay(&c, path, out)
		if err != nil {
			code = fail(stderr, "replay", err)
		} else if drop && *failOnAttack && code == exitOK {
			code = exitAttack
		}
	}
	if err := out.flush(); err != nil {
		return fail(stderr, "replay", err)
	}
	return code
}

// replayFile reports whether anything in the recording would be dropped.
func replayFile(c *pipeline.Config, path string, out *printer) (drop bool, err error) {
	r, err := capture.Open(path)
	if err != nil {
		return false, err
	}
	defer r.Close()

	e := end{File: path, End: true, Violations: []string{}}
	if r.Header.Kind == capture.KindWebSocket {
		e.Violations, drop, err = replayConnection(c, path, r, out)
	} else {
		e.Violations, drop, err = replayHTTP(c, path, r, out)
	}
	if err != nil {
		return false, err
	}
	e.Verdict = verdictName(drop)
	out.end(&e)
	return drop, nil
}

func replayConnection(config *pipeline.Config, path string, r *capture.Reader, out *printer) (violations []string, drop bool, err error) {
	offer, answer, err := handshake.ParseTexts(*r.Header.Request, *r.Header.Response)
	if err != nil {
		return nil, false, fmt.Errorf("%s:%d: %w", path, r.Line(), err)
	}
	s, err := openSession(config, offer.Target, handshake.Check(offer, answer), func(m *message) {
		m.File = path
		drop = drop || m.Verdict == "drop"
		out.message(m)
	})
	if err != nil {
		return nil, false, err
	}
	defer s.Close()

	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		if err := feed(s, c.Direction, c.Data); err != nil {
			return nil, false, fmt.Errorf("%s:%d: %w", path, r.Line(), err)
		}
	}
	set := s.Violations()
	violations = set.Strings()
	for set != 0 {
		drop = set.Pop().Blocks() || drop
	}
	return violations, drop, nil
}

// printer writes judgements, as JSON or for people.
type printer struct {
	w   *bufio.Writer
	enc *json.Encoder // nil for people
}

func newPrinter(w io.Writer, asJSON bool) *printer {
	p := &printer{w: bufio.NewWriter(w)}
	if asJSON {
		p.enc = json.NewEncoder(p.w)
		p.enc.SetEscapeHTML(false)
	}
	return p
}

// flush returns the first error of all writes, which bufio.Writer keeps.
func (p *printer) flush() error { return p.w.Flush() }

func (p *printer) message(m *message) {
	if p.enc != nil {
		p.enc.Encode(m)
		return
	}
	fmt.Fprintf(p.w, "%s %d %s", m.Direction, m.N, m.Opcode+m.Transport)
	for _, s := range []string{m.Framework, m.Format} {
		if s != "" {
			fmt.Fprintf(p.w, " %s", s)
		}
	}
	if m.Event != "" {
		fmt.Fprintf(p.w, " %s", quote(m.Event))
	}
	fmt.Fprintf(p.w, ": %s\n", m.Verdict)
	p.attacks(m.Attacks)
	for _, v := range m.Values {
		fmt.Fprintf(p.w, "    %s = %s\n", plain(v.Path), quote(v.Value))
	}
}

func (p *printer) attacks(attacks []attack) {
	for _, a := range attacks {
		fmt.Fprintf(p.w, "    %s, rule %s, at %s, score %d\n", a.Type, a.Rule, plain(a.Path), a.Score)
	}
}

func (p *printer) end(e *end) {
	if p.enc != nil {
		p.enc.Encode(e)
		return
	}
	violations := "no violations"
	if len(e.Violations) > 0 {
		violations = "violations: " + strings.Join(e.Violations, ", ")
	}
	fmt.Fprintf(p.w, "%s: %s, %s\n\n", e.File, e.Verdict, violations)
}

// quote shows hostile text on one line of a terminal.
func quote(s string) string {
	const limit = 200
	if len(s) > limit {
		return fmt.Sprintf("%q... (%d bytes)", s[:limit], len(s))
	}
	return strconv.Quote(s)
}

// plain is quote without the quotes, for paths.
func plain(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}
