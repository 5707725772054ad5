package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/policy"
)

const (
	// maxConfig is of one file of a configuration, in bytes.
	maxConfig = 16 << 20
	// maxConfigDepth is how deep blocks and includes are inside each other.
	maxConfigDepth = 64
	// maxConfigFiles is how many files are read.
	maxConfigFiles = 4096
)

// directive is one of nginx.conf, with what is in its block.
type directive struct {
	policy.Statement
	block []directive // nil: ends with ";"
}

// configReader reads nginx.conf: words, quotes, blocks and includes as
// ngx_conf_read_token does. It knows no directive.
type configReader struct {
	prefix string // where relative names begin
	files  int
}

func (c *configReader) file(path string, depth int) ([]directive, error) {
	if c.files++; c.files > maxConfigFiles || depth > maxConfigDepth {
		return nil, fmt.Errorf("%s: too many files inside each other", path)
	}
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if fi.Size() > maxConfig {
		return nil, fmt.Errorf("%s: longer than %d bytes", path, maxConfig)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t := tokens{file: path, text: text, line: 1}
	return c.block(&t, depth, false)
}

// block reads to its end.
func (c *configReader) block(t *tokens, depth int, within bool) ([]directive, error) {
	if depth > maxConfigDepth {
		return nil, t.fail("too many blocks inside each other")
	}
	all := []directive{}
	for {
		words, end, line, err := t.statement()
		if err != nil {
			return nil, err
		}
		switch {
		case end == 0 && within:
			return nil, t.fail(`unexpected end of file, expecting "}"`)
		case end == 0:
			return all, nil
		case end == '}' && !within:
			return nil, t.fail(`unexpected "}"`)
		case end == '}':
			return all, nil
		}
		d := directive{Statement: policy.Statement{Name: words[0], Args: words[1:], File: t.file, Line: line}}
		if end == '{' {
			if strings.HasSuffix(d.Name, "_by_lua_block") {
				return nil, t.fail("Lua code cannot be read")
			}
			if d.block, err = c.block(t, depth+1, true); err != nil {
				return nil, err
			}
		}
		if d.Name == "include" && len(d.Args) == 1 && d.block == nil {
			some, err := c.include(d.Args[0], depth+1)
			if err != nil {
				return nil, fmt.Errorf("%w in %s:%d", err, t.file, line)
			}
			all = append(all, some...)
			continue
		}
		all = append(all, d)
	}
}

func (c *configReader) include(pattern string, depth int) (all []directive, err error) {
	names := []string{c.full(pattern)}
	if strings.ContainsAny(pattern, "*?[") {
		if names, err = filepath.Glob(names[0]); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		some, err := c.file(name, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (c *configReader) full(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.prefix, name)
}

// tokens are the words of one file.
type tokens struct {
	file string
	text []byte
	at   int
	line int
}

func (t *tokens) fail(why string) error { return fmt.Errorf("%s:%d: %s", t.file, t.line, why) }

// statement reads words up to what ends them: ";", "{", a "}" alone, or 0 at the
// end of the file.
func (t *tokens) statement() (words []string, end byte, line int, err error) {
	for t.at < len(t.text) {
		c := t.text[t.at]
		switch {
		case c == '\n':
			t.line++
			t.at++
			continue
		case c == ' ' || c == '\t' || c == '\r':
			t.at++
			continue
		case c == '#':
			for t.at < len(t.text) && t.text[t.at] != '\n' {
				t.at++
			}
			continue
		case c == ';' || c == '{' || c == '}':
			t.at++
			if (c == '}') != (len(words) == 0) {
				return nil, 0, 0, t.fail(fmt.Sprintf("unexpected %q", string(c)))
			}
			return words, c, line, nil
		}
		if len(words) == 0 {
			line = t.line
		}
		word, err := t.word()
		if err != nil {
			return nil, 0, 0, err
		}
		words = append(words, word)
	}
	if len(words) > 0 {
		return nil, 0, 0, t.fail(`unexpected end of file, expecting ";" or "}"`)
	}
	return nil, 0, 0, nil
}

func (t *tokens) word() (string, error) {
	var b strings.Builder
	quote := byte(0)
	if c := t.text[t.at]; c == '"' || c == '\'' {
		quote = c
		t.at++
	}
	for ; t.at < len(t.text); t.at++ {
		c := t.text[t.at]
		switch {
		case quote != 0 && c == quote:
			t.at++
			if t.at < len(t.text) && strings.IndexByte(" \t\r\n;{)", t.text[t.at]) < 0 {
				return "", t.fail(fmt.Sprintf("unexpected %q", string(t.text[t.at])))
			}
			return b.String(), nil
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';'):
			return b.String(), nil
		case quote == 0 && c == '{' && !(t.at > 0 && t.text[t.at-1] == '$'):
			return b.String(), nil
		case c == '\n':
			t.line++
		case c == '\\' && t.at+1 < len(t.text):
			t.at++
			switch next := t.text[t.at]; next {
			case '"', '\'', '\\':
				b.WriteByte(next)
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case 'n':
				b.WriteByte('\n')
			default:
				b.WriteByte('\\')
				b.WriteByte(next)
			}
			continue
		}
		b.WriteByte(c)
	}
	if quote != 0 {
		return "", t.fail("no end of the text in quotes")
	}
	return b.String(), nil
}

// level is what holds in a block, from its outer ones and itself.
type level struct {
	statements []policy.Statement
	last       map[string]policy.Statement // of the other directives that matter
}

// enter is what holds in a block inside of l.
func (l level) enter(block []directive, c *configReader) level {
	var own []policy.Statement
	last := map[string]policy.Statement{}
	for name, s := range l.last {
		last[name] = s
	}
	for _, d := range block {
		if _, ok := policy.Kinds[d.Name]; ok && d.block == nil {
			s := d.Statement
			switch n := len(s.Args); {
			case n > 0 && (s.Name == "wallarm_websocket_asyncapi" || s.Name == "wallarm_websocket_rules"):
				s.Args = append([]string{c.full(s.Args[0])}, s.Args[1:]...)
			case n > 1 && s.Name == "wallarm_websocket_schema":
				s.Args = append(append([]string{}, s.Args[:n-1]...), c.full(s.Args[n-1]))
			}
			own = append(own, s)
		} else if strings.HasPrefix(d.Name, "wallarm_") {
			last[d.Name] = d.Statement
		}
	}
	return level{policy.Merge(l.statements, own), last}
}

// foundLocation is a location and what holds there.
type foundLocation struct {
	level
	server string
	place  string
}

// locations are those of that name in a configuration.
func (c *configReader) locations(main []directive, name string) (all []foundLocation) {
	var search func(block []directive, l level, server string)
	search = func(block []directive, l level, server string) {
		for _, d := range block {
			if d.Name != "location" || len(d.Args) == 0 {
				continue
			}
			inner := l.enter(d.block, c)
			if strings.Join(d.Args, " ") == name || d.Args[len(d.Args)-1] == name {
				all = append(all, foundLocation{inner, server, fmt.Sprintf("%s:%d", d.File, d.Line)})
			}
			search(d.block, inner, server)
		}
	}
	for _, h := range main {
		if h.Name != "http" {
			continue
		}
		http := level{}.enter(h.block, c)
		for _, s := range h.block {
			if s.Name != "server" {
				continue
			}
			server := ""
			for _, d := range s.block {
				if d.Name == "server_name" && server == "" {
					server = strings.Join(d.Args, " ")
				}
			}
			search(s.block, http.enter(s.block, c), server)
		}
	}
	return all
}

// locationConfig is how a location of a configuration judges, both directions
// as in block mode.
func locationConfig(file, location, server string) (pipeline.Config, []string, error) {
	config := replayConfig
	abs, err := filepath.Abs(file)
	if err != nil {
		return config, nil, err
	}
	c := configReader{prefix: filepath.Dir(abs)}
	main, err := c.file(abs, 0)
	if err != nil {
		return config, nil, err
	}
	var fits []foundLocation
	for _, l := range c.locations(main, location) {
		if server == "" || strings.Contains(" "+l.server+" ", " "+server+" ") {
			fits = append(fits, l)
		}
	}
	switch {
	case len(fits) == 0:
		return config, nil, fmt.Errorf("%s: no location %q", file, location)
	case len(fits) > 1:
		return config, nil, fmt.Errorf("%s: location %q is in %s and %s: --server NAME says which", file, location, fits[0].place, fits[1].place)
	}
	l := fits[0]
	p, messages := policy.Parse(l.statements)
	var notes []string
	for _, m := range messages {
		notes = append(notes, m.Text)
	}
	if p == nil {
		return config, nil, errors.New(strings.Join(notes, "\n"))
	}
	config.Policy = p
	if s := l.last["wallarm_parse_websocket"]; len(s.Args) != 1 || s.Args[0] != "on" {
		notes = append(notes, fmt.Sprintf(`"wallarm_parse_websocket" is not on in %s`, l.place))
	}
	if s := l.last["wallarm_mode"]; len(s.Args) > 0 && s.Args[0] != "block" {
		notes = append(notes, fmt.Sprintf(`"wallarm_mode" is %q in %s:%d: judged as with "block"`, s.Args[0], s.File, s.Line))
	}
	if s, ok := l.last["wallarm_websocket_threshold"]; ok && len(s.Args) == 1 {
		n, err := strconv.Atoi(s.Args[0])
		if err != nil || n < 1 {
			return config, nil, fmt.Errorf("invalid number %q in %s:%d", s.Args[0], s.File, s.Line)
		}
		config.Threshold = n
	}
	return config, notes, nil
}
