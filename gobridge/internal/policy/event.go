package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/ws"
)

// Events says by their names which events a peer may send. Its patterns are
// those of detect.Glob. The zero value lets all pass.
type Events struct {
	allow, deny []string
	subscribe   []string // what may be asked for, too, where there is an allow
}

// maxName is from which length on an event's name may be a part of it.
const maxName = 256

// Any reports whether there is anything to be said.
func (e *Events) Any() bool { return e.allow != nil || e.deny != nil }

// Judge says what is wrong with an event, ws.NoViolation if nothing. A name that
// may be a part of one is not known by the part, but to "*".
func (e *Events) Judge(name []byte) ws.Violation { return e.judge(name, detect.Glob) }

// JudgeFold is Judge where the application does not look at the case of names.
func (e *Events) JudgeFold(name []byte) ws.Violation { return e.judge(name, detect.GlobFold) }

func (e *Events) judge(name []byte, fits func(string, []byte) bool) ws.Violation {
	for _, pattern := range e.deny {
		if fits(pattern, name) {
			return ws.EventDenied
		}
	}
	if len(name) >= maxName {
		if slices.Contains(e.allow, "*") {
			return ws.NoViolation
		}
		return ws.EventUnknown
	}
	if e.allow == nil {
		return ws.NoViolation
	}
	for _, pattern := range e.allow {
		if fits(pattern, name) {
			return ws.NoViolation
		}
	}
	return ws.EventUnknown
}

// JudgeSubscribe says what is wrong with asking for an event.
func (e *Events) JudgeSubscribe(name []byte) ws.Violation {
	v := e.Judge(name)
	if v != ws.EventUnknown || len(name) >= maxName {
		return v
	}
	for _, pattern := range e.subscribe {
		if detect.Glob(pattern, name) {
			return ws.NoViolation
		}
	}
	return v
}

// event reads "allow|deny [from=client|server] pattern ...".
func (p *parser) event(s *Statement) error {
	var list func(*Events) *[]string
	switch s.Args[0] {
	case "allow":
		list = func(e *Events) *[]string { return &e.allow }
	case "deny":
		list = func(e *Events) *[]string { return &e.deny }
	default:
		return fmt.Errorf("invalid parameter %q, it must be allow or deny", s.Args[0])
	}
	from, patterns, err := fromOf(s.Args[1:])
	if err != nil {
		return err
	}
	if len(patterns) == 0 {
		return errors.New("needs a pattern")
	}
	for _, pattern := range patterns {
		if strings.HasPrefix(pattern, "from=") {
			return fmt.Errorf("%q has to stand before the patterns", pattern)
		}
		if len(pattern) > maxSelector {
			return fmt.Errorf("a pattern is longer than %d bytes", maxSelector)
		}
	}
	l := list(&p.Events[from])
	*l = append(*l, patterns...)
	return nil
}

// fromOf takes "from=client" or "from=server" from the front of args. Without,
// it is the client.
func fromOf(args []string) (from ws.Direction, rest []string, err error) {
	if len(args) == 0 || !strings.HasPrefix(args[0], "from=") {
		return ws.FromClient, args, nil
	}
	switch args[0] {
	case "from=client":
		return ws.FromClient, args[1:], nil
	case "from=server":
		return ws.FromServer, args[1:], nil
	}
	return 0, nil, fmt.Errorf("invalid parameter %q, it must be from=client or from=server", args[0])
}
