package pipeline

import (
	"time"

	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/ws"
)

// Datasets is a set of what a log takes. The bits are those of wsi.h.
type Datasets uint32

// The datasets.
const (
	Attacks Datasets = 1 << iota
	Ignored
	Violations
	Connections
)

// Log is a log as a location has it.
type Log struct {
	ID       uint64 // of its samples; several logs may share them
	Payload  int    // bytes of payload in a line; 0: none
	Sample   int    // lines a minute of events that are alike; 0: all
	Datasets Datasets
}

// AllEvents is a log of everything but connections.
var AllEvents = Log{Payload: event.DefaultPayload, Datasets: Attacks | Ignored | Violations}

// sampleTime is how long the lines of a sample are counted.
const sampleTime = time.Minute

// maxSamples bounds the events that are told apart, in number: names of events
// are a peer's. What is beyond is alike.
const maxSamples = 1024

// alike is what events of one sample have in common.
type alike struct {
	log     uint64
	dataset Datasets
	name    string // attack type or violation token
	rule    string
	event   string
	remote  string
}

// sample counts the events that are alike.
type sample struct {
	log     Log
	began   time.Time
	written int
	held    int     // not written since the last line
	last    pending // of those
	meta    *event.Meta
}

// samples are those of one engine.
type samples map[alike]*sample

// of is where p is counted in l.
func (s samples) of(l *Log, p *pending, m *event.Meta) (alike, *sample) {
	key := alike{log: l.ID, dataset: p.dataset(), remote: m.RemoteAddr}
	if a := p.attack; a != nil {
		lead := a.Lead()
		key.name, key.rule, key.event = lead.Type, lead.Rule, lead.Event
	} else {
		key.name = p.violation.Violation.String()
	}
	found := s[key]
	if found == nil && len(s) >= maxSamples {
		key = alike{log: l.ID}
		found = s[key]
	}
	return key, found
}

// due is how many events a line of p stands for, 0: it is held back.
func (s samples) due(l *Log, p *pending, m *event.Meta) int {
	if l.Sample == 0 {
		return 1
	}
	_, found := s.of(l, p, m)
	switch {
	case found == nil:
		return 1
	case m.Now.Sub(found.began) < sampleTime && found.written >= l.Sample:
		return 0
	}
	return 1 + found.held
}

// count counts p, whose line stands for hits.
func (s samples) count(l *Log, p *pending, m *event.Meta, hits int) {
	if l.Sample == 0 {
		return
	}
	key, found := s.of(l, p, m)
	if found == nil {
		found = &sample{log: *l, began: m.Now}
		s[key] = found
	}
	if m.Now.Sub(found.began) >= sampleTime {
		found.began, found.written = m.Now, 0
	}
	if hits == 0 {
		found.held++
		found.last, found.meta = *p, m
		return
	}
	found.written++
	found.held, found.last, found.meta = 0, pending{}, nil
}

// Summary appends a line for events of l that were held back, if their time is
// over at now. With a zero now it is. Nothing is forgotten when the line has
// more than size bytes.
func (e *Engine) Summary(dst []byte, l *Log, now time.Time, size int) (out []byte, ok bool) {
	for key, s := range e.samples {
		if key.log != l.ID || !now.IsZero() && now.Sub(s.began) < sampleTime {
			continue
		}
		if s.held == 0 {
			delete(e.samples, key)
			continue
		}
		out = s.last.append(dst, s.meta, &event.Options{Payload: l.Payload, Hits: s.held})
		if len(out)-len(dst) <= size {
			delete(e.samples, key)
		}
		return out, true
	}
	return dst, false
}

// dataset is which one p belongs to.
func (p *pending) dataset() Datasets {
	switch {
	case p.violation != nil:
		return Violations
	case p.attack.Action == event.Ignored:
		return Ignored
	}
	return Attacks
}

func (p *pending) append(dst []byte, m *event.Meta, o *event.Options) []byte {
	if p.violation != nil {
		return event.AppendViolation(dst, m, p.violation, o)
	}
	return event.AppendAttack(dst, m, p.attack, o)
}

// Traffic is what NGINX knows of a connection that ends.
type Traffic struct {
	Duration time.Duration
	Bytes    [2]uint64 // by ws.Direction
	Attacks  int
}

// Connection appends the line of the connection's beginning, or with t of its
// end.
func (s *Session) Connection(dst []byte, m *event.Meta, t *Traffic) []byte {
	m.Redact = s.redact()
	c := &event.Connection{Violations: s.Violations()}
	if s.subprotocol != nil {
		c.Subprotocol = *s.subprotocol
	}
	if t != nil {
		c.Ended = true
		c.Duration, c.Bytes = t.Duration, t.Bytes
		c.Attacks = t.Attacks
		c.Dropped = s.dropped
		c.CloseCode = s.closeCode
		for i := range s.dir {
			c.Messages[i] = s.dir[i].messages
		}
	}
	return event.AppendConnection(dst, m, c)
}

// redact is what the location says of what is not shown.
func (s *Session) redact() *event.Redaction {
	if p := s.config.Policy; p != nil {
		return p.Redact
	}
	return nil
}

// closeCode is the code in a Close frame's payload, 0 if there is none.
func closeCode(payload []byte) ws.CloseCode {
	if len(payload) < 2 {
		return 0
	}
	return ws.CloseCode(payload[0])<<8 | ws.CloseCode(payload[1])
}
