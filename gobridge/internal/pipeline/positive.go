package pipeline

import (
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
)

// positive judges the application messages of a task by what is allowed.
type positive struct {
	events *policy.Events // nil: everything is
	own    int            // recorded, of the framework's own
	other  int            // and of the application's
	coded  bool           // a body that was recorded without its codings
}

func (p *positive) begin(t *task) {
	*p = positive{}
	c := t.session.config
	if c.Policy == nil || t.ofHead || t.dir == nil {
		return
	}
	if e := &c.Policy.Events[t.dir.from]; e.Any() {
		p.events = e
	}
}

func (p *positive) record(t *task, e *framework.Envelope) {
	switch e.Kind {
	case framework.Own:
		p.own++
		return
	case framework.Again:
		return
	case framework.Doubtful:
		if t.body != nil || p.own > 0 && p.other == 0 {
			return // it looks like what it should begin with
		}
	}
	if p.coded && len(e.Event) == 0 {
		return
	}
	p.other++
	if v := p.events.Judge(e.Event); v != ws.NoViolation {
		t.refuse(v, string(e.Event))
	}
}

// refuse raises v. The event shows the first value.
func (t *task) refuse(v ws.Violation, value string) {
	if t.session.config.action(v) == ws.Off || t.violations.Has(v) {
		return
	}
	t.violations.Add(v)
	if t.values == nil {
		t.values = map[ws.Violation]string{}
	}
	t.values[v] = value
}
