package pipeline

import (
	"bytes"
	"strings"

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
	// schemas are those of any event, nil if there are none.
	schemas policy.Schemas
	left    int // bytes that may be checked by them on the loop
	// rates are what is counted, nil if nothing is.
	rates []policy.Rate
}

// inlineSchema is how many bytes of documents of a message are checked by schemas
// on the event loop, for each schema.
const inlineSchema = 4 << 10

func (p *positive) begin(t *task) {
	*p = positive{}
	c := t.session.config
	if c.Policy == nil || t.ofHead || t.dir == nil {
		return
	}
	if e := &c.Policy.Events[t.dir.from]; e.Any() {
		p.events = e
	}
	p.schemas, p.left = c.Policy.Schemas[t.dir.from], inlineSchema
	if t.dir.from != ws.FromClient || t.message.Opcode.IsControl() || !c.Policy.Counts && t.body == nil {
		return
	}
	if p.rates = c.Policy.Rates; p.rates != nil && t.deferred == nil {
		t.rated = [policy.MaxRates]uint32{}
		for i := range p.rates {
			if p.rates[i].Messages || t.body != nil && p.rates[i].Any() {
				t.rated[i] = 1
			}
		}
	}
}

func (p *positive) any() bool { return p.events != nil || p.schemas != nil || p.rates != nil }

// allowed judges an application message by its name and its data.
func (j *judge) allowed(t *task, e *framework.Envelope) {
	p := &j.positive
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
	// The hubs of SignalR find their methods in any case.
	fold := strings.HasPrefix(e.Framework, "signalr")
	if e.Kind != framework.Doubtful || p.other == 0 { // else it was counted by its parts
		for i := range p.rates {
			if p.rates[i].Of(e.Event) || fold && p.rates[i].OfFold(e.Event) || t.body != nil && p.other > 0 && p.rates[i].Any() {
				t.rated[i]++
			}
		}
	}
	p.other++
	if p.events != nil {
		v := ws.NoViolation
		switch {
		case e.Kind == framework.Subscribe:
			v = p.events.JudgeSubscribe(e.Event)
		case fold:
			v = p.events.JudgeFold(e.Event)
		default:
			v = p.events.Judge(e.Event)
		}
		if v != ws.NoViolation {
			t.refuse(v, string(e.Event))
		}
	}
	if p.schemas == nil || e.Kind == framework.Subscribe {
		return
	}
	schemas := p.schemas.Of(e.Event)
	if fold {
		schemas = p.schemas.OfFold(e.Event)
	}
	if schemas == nil {
		return
	}
	doc := policy.Document{Doc: e.Doc, Format: e.Format, Shape: e.Shape}
	if p.left -= len(doc.Doc) * schemas.Cost(); p.left < 0 && !j.whole {
		doc.Doc = bytes.Clone(doc.Doc)
		t.size += len(doc.Doc)
		t.deferred = append(t.deferred, deferred{event: string(e.Event), doc: doc, schemas: schemas})
		return
	}
	t.data(string(e.Event), doc, schemas)
}

// data judges an event's data.
func (t *task) data(event string, doc policy.Document, schemas policy.Schemas) {
	if v, why := schemas.Judge(doc); v != ws.NoViolation {
		t.refuse(v, event+": "+why)
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
