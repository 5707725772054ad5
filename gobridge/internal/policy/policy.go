// Package policy is what the directives of a location say that the engine alone
// understands. NGINX keeps their words; Parse says what they mean and what is
// wrong with them, "nginx -t" included.
//
// A directive is a line in directives, and one in the table of module/*_module.c
// whose setter is ngx_http_wallarm_websocket_statement.
package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// Statement is one directive as it stands in a file.
type Statement struct {
	Name string
	Args []string
	File string
	Line int
}

// Policy is the outcome. It is not changed any more. The zero value is that of
// no directives.
type Policy struct {
	// ParsersOff are not used: wallarm_parser_disable.
	ParsersOff format.Parsers
	// Ignores are exceptions: wallarm_websocket_ignore.
	Ignores []Ignore
	// Events are those that a peer may send, by ws.Direction:
	// wallarm_websocket_event, wallarm_websocket_asyncapi.
	Events [2]Events
	// Schemas are those of events, by ws.Direction: wallarm_websocket_schema,
	// wallarm_websocket_asyncapi.
	Schemas [2]Schemas
	// Rates are what of the client's messages is counted: wallarm_websocket_rate.
	Rates []Rate
	// Counts says that there is a Rate that NGINX does not count by itself.
	Counts bool
	// Violations is what follows from which: wallarm_websocket_violation.
	Violations ws.Actions
	// Redact says what events do not show: wallarm_websocket_redact. Nil: the
	// default.
	Redact *event.Redaction
	// Paranoia is the level up to which rules count, 0 if it is not said:
	// wallarm_websocket_paranoia.
	Paranoia int
	// Profiles say what is written where: wallarm_websocket_profile.
	Profiles []Profile
	// Rules are those of files, nil for the builtin ones alone:
	// wallarm_websocket_rules.
	Rules *Rules

	possible []detect.Profile
}

// directives says what each does. They get the statements of a location from
// the outermost level to the innermost.
var directives = map[string]func(*parser, *Statement) error{
	"wallarm_parser_disable":      (*parser).parserDisable,
	"wallarm_websocket_asyncapi":  (*parser).asyncapi,
	"wallarm_websocket_event":     (*parser).event,
	"wallarm_websocket_ignore":    (*parser).ignore,
	"wallarm_websocket_rate":      (*parser).rate,
	"wallarm_websocket_redact":    (*parser).redact,
	"wallarm_websocket_schema":    (*parser).schema,
	"wallarm_websocket_violation": (*parser).violation,
	"wallarm_websocket_paranoia":  (*parser).paranoia,
	"wallarm_websocket_profile":   (*parser).profile,
	"wallarm_websocket_rules":     (*parser).rules,
}

// Message is what is wrong with a statement, or doubtful.
type Message struct {
	Warning bool
	Text    string // ends with the place, as NGINX's messages
}

type parser struct {
	*Policy
	statement *Statement // the current
	messages  []Message
}

// Parse returns what list says together, nil if there are errors among the
// messages.
func Parse(list []Statement) (*Policy, []Message) { return new(Loader).Parse(list) }

// Parse is Parse, for one policy after the other.
func (l *Loader) Parse(list []Statement) (*Policy, []Message) {
	p := parser{Policy: &Policy{}}
	failed := !p.loadRules(l, list) // first: others refer to their ids
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Statement) int { return rank(&a) - rank(&b) })
	for i := range list {
		p.statement = &list[i]
		directive := directives[p.statement.Name]
		if directive == nil {
			p.say(false, "unknown directive %q", p.statement.Name)
			failed = true
			continue
		}
		if err := directive(&p, p.statement); err != nil {
			p.say(false, "%q directive: %v", p.statement.Name, err)
			failed = true
		}
	}
	if failed {
		return nil, p.messages
	}
	p.settle()
	p.Counts = slices.ContainsFunc(p.Rates, Rate.any)
	return p.Policy, p.messages
}

// rank puts first what sets actions of violations, too, so that those that are
// set one by one count.
func rank(s *Statement) int {
	if s.Name == "wallarm_websocket_asyncapi" {
		return 0
	}
	return 1
}

// warn says what is doubtful about the current statement.
func (p *parser) warn(format string, args ...any) {
	p.say(true, "%q directive: %s", p.statement.Name, fmt.Sprintf(format, args...))
}

// maxMessage is what of a message NGINX's log has room for, in bytes.
const maxMessage = 1500

func (p *parser) say(warning bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	text = text[:min(len(text), maxMessage)] + fmt.Sprintf(" in %s:%d", p.statement.File, p.statement.Line)
	p.messages = append(p.messages, Message{warning, strings.Map(printable, text)})
}

// Line is text as one line of a log, not longer than NGINX has room for.
func Line(text string) string { return strings.Map(printable, text[:min(len(text), maxMessage)]) }

// printable keeps a message on its line.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}

// once refuses a parameter that is given twice, which may mean either. The name
// of one is all up to "=".
func once(args []string) error {
	seen := map[string]bool{}
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if seen[name] {
			return fmt.Errorf("duplicate parameter %q", arg)
		}
		seen[name] = true
	}
	return nil
}

func (p *parser) parserDisable(s *Statement) error {
	for _, name := range s.Args {
		off, ok := format.Parser(name)
		if !ok {
			return fmt.Errorf("unknown parser %q, it must be one of %s", name, strings.Join(format.ParserNames(), ", "))
		}
		p.ParsersOff |= off
	}
	return nil
}

// violation: the innermost of a token counts, which comes last.
func (p *parser) violation(s *Statement) error {
	return p.Violations.Parse(s.Args[0], s.Args[1])
}

func (p *parser) redact(s *Statement) error {
	if p.Redact == nil {
		p.Redact = new(event.Redaction)
	}
	flags := slices.DeleteFunc(slices.Clone(s.Args), func(arg string) bool { return strings.HasPrefix(arg, "name=") })
	if err := once(flags); err != nil {
		return err
	}
	for _, arg := range s.Args {
		name, value, _ := strings.Cut(arg, "=")
		switch {
		case arg == "off":
			p.Redact.Off = true
		case arg == "cards=off":
			p.Redact.Cards = true
		case name == "name" && event.Fold(value) != "":
			p.Redact.Names = append(p.Redact.Names, event.Fold(value))
		default:
			return fmt.Errorf("invalid parameter %q, it must be \"off\", \"name=\" or \"cards=off\"", arg)
		}
	}
	if p.Redact.Off && (p.Redact.Cards || len(p.Redact.Names) > 0) {
		return errors.New("\"off\" leaves nothing to name")
	}
	return nil
}
