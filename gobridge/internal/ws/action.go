package ws

import (
	"fmt"
	"slices"
	"strings"
)

// Action is what follows from a violation.
type Action uint8

// The actions. Opaque is for violations behind which nothing can be decoded.
const (
	Off    Action = iota // as if it were none
	Log                  // logged, and the peers settle it
	Block                // in mode block the connection is dropped
	Opaque               // the direction passes uninspected from there on
)

var actionNames = [...]string{"off", "log", "block", "opaque"}

func (a Action) String() string { return actionNames[min(a, Opaque)] }

// Choices lists the actions that v can be given.
func (v Violation) Choices() []Action {
	switch v.info().choice {
	case lost:
		return []Action{Block, Opaque}
	case fixed:
		return nil
	}
	return []Action{Off, Log, Block}
}

// Actions is what a configuration says of violations. The zero value says
// nothing: each has its default.
type Actions struct {
	set [Opaque + 1]Violations
}

// Of is the action of v.
func (a *Actions) Of(v Violation) Action {
	for action, set := range a.set {
		if set.Has(v) {
			return Action(action)
		}
	}
	return v.Action()
}

// Set gives v an action.
func (a *Actions) Set(v Violation, action Action) {
	for i := range a.set {
		a.set[i] &^= 1 << v
	}
	a.set[action].Add(v)
}

// Parse reads what the directive wallarm_websocket_violation says: a
// token and an action. The error is a text for the operator.
func (a *Actions) Parse(token, action string) error {
	v, ok := ParseViolation(token)
	if !ok {
		return fmt.Errorf("unknown violation %q, did you mean %s?", token, strings.Join(nearest(token), ", "))
	}
	choices := v.Choices()
	if choices == nil {
		return fmt.Errorf("the action of %q cannot be set", token)
	}
	for _, c := range choices {
		if c.String() == action {
			a.Set(v, c)
			return nil
		}
	}
	var names []string
	for _, c := range choices {
		names = append(names, c.String())
	}
	return fmt.Errorf("invalid action %q of %q, it must be %s", action, token, strings.Join(names, ", "))
}

// nearest lists the three tokens that are most like s, those with s in them
// first.
func nearest(s string) []string {
	var tokens []string
	for _, v := range All() {
		if v.Choices() != nil {
			tokens = append(tokens, v.String())
		}
	}
	s = s[:min(len(s), 64)]
	far := func(token string) int {
		if strings.Contains(token, s) {
			return 0
		}
		return Distance(s, token)
	}
	slices.SortStableFunc(tokens, func(a, b string) int { return far(a) - far(b) })
	return tokens[:3]
}

// Distance is Levenshtein's: how many bytes have to change to make b of a.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
