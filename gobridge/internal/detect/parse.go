package detect

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// A file of rules has a block for each rule:
//
//	# a comment
//	rule ldap-filter-closed
//	    type     ldapi
//	    score    4
//	    name     an LDAP filter is closed and another opened
//	    pattern  \)\s*\(\s*[|&!]
//	    attack   *)(|(uid=*
//	    benign   (yes) (no)
//
// A line is a field's name, blanks, and its value up to the end of the line. A
// value in double quotes is one of Go, with its escapes.

const (
	// MaxRuleFile is of one file, in bytes.
	MaxRuleFile = 4 << 20
	// maxRules is of one direction, in all.
	maxRules = 4096
	// maxPattern is of one pattern, in bytes.
	maxPattern = 64 << 10
)

// ParseError says where a file of rules is wrong, and why.
type ParseError struct {
	File  string
	Line  int
	Field string
	Why   string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Field, e.Why)
}

// ParseRules reads a file of rules.
func ParseRules(file string, data []byte) ([]Rule, error) {
	return parseRules(file, data, Values)
}

// parseRules is ParseRules with what a rule of requests reads that has no target.
func parseRules(file string, data []byte, target Target) ([]Rule, error) {
	if len(data) > MaxRuleFile {
		return nil, &ParseError{file, 1, "file", fmt.Sprintf("longer than %d bytes", MaxRuleFile)}
	}
	p := parser{file: file, target: target, seen: map[string]int{}}
	for raw := range bytes.Lines(data) {
		p.line++
		if err := p.read(strings.TrimSpace(string(raw))); err != nil {
			return nil, err
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return p.rules, nil
}

type parser struct {
	file   string
	target Target
	line   int
	rules  []Rule
	seen   map[string]int // line of an id
	rule   *Rule
	set    map[string]bool // the fields of rule
}

func (p *parser) fail(line int, field, why string) error {
	return &ParseError{p.file, line, field, why}
}

func (p *parser) read(line string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	name, value := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, value = line[:i], strings.TrimLeft(line[i:], " \t")
	}
	if strings.HasPrefix(value, `"`) {
		text, err := strconv.Unquote(value)
		if err != nil {
			return p.fail(p.line, name, "not a text in quotes")
		}
		value = text
	}
	if value == "" {
		return p.fail(p.line, name, "no value")
	}
	if name == "rule" {
		if err := p.end(); err != nil {
			return err
		}
		return p.begin(value)
	}
	field, ok := ruleFields[name]
	switch {
	case !ok:
		return p.fail(p.line, name, "no such field")
	case p.rule == nil:
		return p.fail(p.line, name, "stands before the first rule")
	case p.set[name] && !field.many:
		return p.fail(p.line, name, "is there twice")
	}
	p.set[name] = true
	if err := field.set(p.rule, value); err != nil {
		return p.fail(p.line, name, err.Error())
	}
	return nil
}

var ruleType = regexp.MustCompile(`^[a-z][a-z0-9_]{1,31}$`)

var ruleID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_.-]{0,63}$`)

func (p *parser) begin(id string) error {
	switch first, twice := p.seen[id]; {
	case !ruleID.MatchString(id):
		return p.fail(p.line, "rule", `an id is 1 to 64 letters, digits, "_", "." and "-"`)
	case twice:
		return p.fail(p.line, "rule", fmt.Sprintf("%s is in line %d already", id, first))
	case len(p.rules) == maxRules:
		return p.fail(p.line, "rule", fmt.Sprintf("more than %d rules", maxRules))
	}
	p.seen[id] = p.line
	p.rule = &Rule{ID: id, Talk: -1, Paranoia: 1, Target: p.target, File: p.file, Line: p.line}
	p.set = map[string]bool{}
	return nil
}

// end checks the rule that ends here.
func (p *parser) end() error {
	r := p.rule
	if r == nil {
		return nil
	}
	for _, field := range []string{"type", "score"} {
		if !p.set[field] {
			return p.fail(r.Line, field, "missing in "+r.ID)
		}
	}
	switch {
	case len(r.Patterns) == 0 && len(r.Phrases) == 0:
		return p.fail(r.Line, "pattern", "neither a pattern nor a phrase in "+r.ID)
	case len(r.Patterns) > 0 && len(r.Phrases) > 0:
		return p.fail(r.Line, "pattern", "both a pattern and a phrase in "+r.ID)
	}
	if r.Name == "" {
		r.Name = r.ID
	}
	if r.Response && !p.set["target"] {
		r.Target = Values
	}
	for _, n := range viewNames {
		if n.class == r.Type {
			r.Views |= n.view
		}
	}
	p.rules, p.rule = append(p.rules, *r), nil
	return nil
}

type ruleField struct {
	many bool // may be there more than once
	set  func(r *Rule, value string) error
}

var ruleFields = map[string]ruleField{
	"type": {set: func(r *Rule, v string) error {
		if !ruleType.MatchString(v) {
			return errors.New("a type is 2 to 32 small letters, digits and _")
		}
		r.Type = v
		return nil
	}},
	"name":     {set: func(r *Rule, v string) error { r.Name = v; return nil }},
	"score":    {set: func(r *Rule, v string) (err error) { r.Score, err = number(v, 0, 100); return err }},
	"talk":     {set: func(r *Rule, v string) (err error) { r.Talk, err = number(v, 0, 100); return err }},
	"paranoia": {set: func(r *Rule, v string) (err error) { r.Paranoia, err = number(v, 1, 4); return err }},
	"direction": {set: func(r *Rule, v string) error {
		if v != "request" && v != "response" {
			return errors.New("is request or response")
		}
		r.Response = v == "response"
		return nil
	}},
	"target": {set: func(r *Rule, v string) error {
		targets := map[string]Target{"value": Values, "key": Keys, "any": Values | Keys}
		var ok bool
		if r.Target, ok = targets[v]; !ok {
			return errors.New("is value, key or any")
		}
		return nil
	}},
	"profile": {set: func(r *Rule, v string) error {
		for _, name := range strings.Fields(v) {
			profile, err := ParseProfile(name)
			if err != nil {
				return err
			}
			r.Profiles |= 1 << profile
		}
		return nil
	}},
	"event": {set: func(r *Rule, v string) error { r.Event = v; return nil }},
	"path":  {set: func(r *Rule, v string) error { r.Path = v; return nil }},
	"view": {set: func(r *Rule, v string) error {
		for _, name := range strings.Fields(v) {
			one := Views(0)
			for _, n := range viewNames {
				if n.name == name {
					one = n.view
				}
			}
			if one == 0 {
				return fmt.Errorf("no view %q", name)
			}
			r.Views |= one
		}
		return nil
	}},
	"pattern": {many: true, set: func(r *Rule, v string) error {
		r.Patterns = append(r.Patterns, v)
		return checkPattern(v)
	}},
	"not": {many: true, set: func(r *Rule, v string) error {
		r.Not = append(r.Not, v)
		return checkPattern(v)
	}},
	"phrase": {many: true, set: func(r *Rule, v string) error { r.Phrases = append(r.Phrases, v); return nil }},
	"check": {set: func(r *Rule, v string) error {
		if checks[v] == nil {
			return fmt.Errorf("no check %q", v)
		}
		r.Check = v
		return nil
	}},
	"attack": {many: true, set: func(r *Rule, v string) error { r.Attack = append(r.Attack, v); return nil }},
	"benign": {many: true, set: func(r *Rule, v string) error { r.Benign = append(r.Benign, v); return nil }},
}

func number(v string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("is a number from %d to %d", lo, hi)
	}
	return n, nil
}

// checkPattern refuses what is no pattern, and what is satisfied by nothing.
func checkPattern(v string) error {
	if len(v) > maxPattern {
		return fmt.Errorf("longer than %d bytes", maxPattern)
	}
	_, err := syntax.Parse(v, syntax.Perl)
	return err
}
