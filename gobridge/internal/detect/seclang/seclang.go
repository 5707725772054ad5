// Package seclang reads the SecRule lines of a ModSecurity rule file.
package seclang

import (
	"bytes"
	"fmt"
	"strings"
)

// Rule is one SecRule directive. Line is where it begins.
type Rule struct {
	Line      int
	Variables []string // as written: "ARGS", "!REQUEST_COOKIES:/__utm/"
	Not       bool     // "!@rx"
	Operator  string   // "rx", of a bare argument, too
	Argument  string
	Actions   []Action
	Chain     []Rule // what follows a "chain"
}

// Action is one of a rule's actions, "tag:'attack-sqli'".
type Action struct{ Name, Value string }

// Action returns the value of the first action of that name.
func (r *Rule) Action(name string) (string, bool) {
	for _, a := range r.Actions {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// All returns the values of the actions of that name.
func (r *Rule) All(name string) (values []string) {
	for _, a := range r.Actions {
		if a.Name == name {
			values = append(values, a.Value)
		}
	}
	return values
}

// Error says where a file is not to be read, and why.
type Error struct {
	Line int
	Why  string
}

func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Line, e.Why) }

// Statement is a directive and its arguments, lines joined.
type Statement struct {
	Line int
	Name string
	Args []string
}

// Statements splits a file. A "\" at a line's end continues it.
func Statements(data []byte) ([]Statement, error) {
	var (
		all    []Statement
		joined strings.Builder
		line   int
		first  int
	)
	for raw := range bytes.Lines(data) {
		line++
		text := strings.TrimRight(string(raw), "\r\n")
		if joined.Len() == 0 {
			first = line
			text = strings.TrimLeft(text, " \t")
			if text == "" || text[0] == '#' {
				continue
			}
		} else {
			text = strings.TrimLeft(text, " \t")
		}
		if strings.HasSuffix(text, `\`) {
			joined.WriteString(text[:len(text)-1])
			continue
		}
		joined.WriteString(text)
		words, err := split(joined.String())
		if err != nil {
			return nil, &Error{first, err.Error()}
		}
		joined.Reset()
		if len(words) == 0 {
			continue
		}
		all = append(all, Statement{first, words[0], words[1:]})
	}
	if joined.Len() > 0 {
		return nil, &Error{first, `ends behind a "\"`}
	}
	return all, nil
}

// split is the words of s, quoted ones without their quotes; \" is a quote.
func split(s string) ([]string, error) {
	var words []string
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return words, nil
		}
		if s[0] != '"' {
			end := strings.IndexAny(s, " \t")
			if end < 0 {
				end = len(s)
			}
			words, s = append(words, s[:end]), s[end:]
			continue
		}
		var word strings.Builder
		i := 1
		for ; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' && i+1 < len(s) && s[i+1] == '"' {
				i++
			}
			word.WriteByte(s[i])
		}
		if i >= len(s) {
			return nil, fmt.Errorf(`no end of the text in quotes`)
		}
		words, s = append(words, word.String()), s[i+1:]
	}
}

// Rules returns the SecRules of a file, chained ones in the first of their
// chain. Other directives are none of its business.
func Rules(data []byte) ([]Rule, error) {
	statements, err := Statements(data)
	if err != nil {
		return nil, err
	}
	var (
		rules   []Rule
		chained bool
	)
	for _, st := range statements {
		if st.Name != "SecRule" {
			if chained {
				return nil, &Error{st.Line, "a chain is interrupted"}
			}
			continue
		}
		r, err := ParseRule(st)
		if err != nil {
			return nil, err
		}
		_, more := r.Action("chain")
		if chained {
			head := &rules[len(rules)-1]
			head.Chain = append(head.Chain, r)
		} else {
			rules = append(rules, r)
		}
		chained = more
	}
	if chained {
		return nil, &Error{rules[len(rules)-1].Line, "a chain has no end"}
	}
	return rules, nil
}

// ParseRule reads a SecRule statement.
func ParseRule(st Statement) (Rule, error) {
	r := Rule{Line: st.Line}
	if len(st.Args) < 2 || len(st.Args) > 3 {
		return r, &Error{st.Line, "SecRule has variables, an operator and actions"}
	}
	r.Variables = strings.Split(st.Args[0], "|")
	r.Operator, r.Argument = "rx", st.Args[1]
	op := st.Args[1]
	if strings.HasPrefix(op, "!@") {
		r.Not, op = true, op[1:]
	}
	if strings.HasPrefix(op, "@") {
		name, arg, _ := strings.Cut(op[1:], " ")
		r.Operator, r.Argument = name, strings.TrimLeft(arg, " ")
	} else if strings.HasPrefix(op, "!") {
		r.Not, r.Argument = true, op[1:]
	}
	if len(st.Args) == 3 {
		actions, err := parseActions(st.Args[2])
		if err != nil {
			return r, &Error{st.Line, err.Error()}
		}
		r.Actions = actions
	}
	return r, nil
}

// parseActions splits at commas outside of single quotes.
func parseActions(s string) ([]Action, error) {
	var (
		actions []Action
		item    strings.Builder
		quoted  bool
	)
	end := func() {
		name, value, _ := strings.Cut(strings.TrimSpace(item.String()), ":")
		if name != "" {
			value = strings.TrimSpace(value)
			actions = append(actions, Action{strings.ToLower(name), value})
		}
		item.Reset()
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == ','):
			i++
			item.WriteByte(s[i])
		case c == '\'':
			quoted = !quoted
		case c == ',' && !quoted:
			end()
		default:
			item.WriteByte(c)
		}
	}
	if quoted {
		return nil, fmt.Errorf("no end of the text in single quotes")
	}
	end()
	return actions, nil
}
