package pipeline

import (
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/verdict"
	"wsi/gobridge/internal/ws"
)

// Record is one judged data message, for tools.
type Record struct {
	Direction ws.Direction
	N         uint64 // data messages of the direction, from 0
	Opcode    ws.Opcode
	Envelope  framework.Envelope
	Fields    []Field
	Hits      []event.Hit
	Score     int
	Drop      bool // an attack, or a violation that blocks
}

// Field is one decoded string.
type Field struct {
	Path  string
	Value string
	Key   bool
}

func (s *Session) observe(d *direction, t *task, drop bool) {
	score, _ := verdict.Judge(t.findings, s.config.Threshold)
	for broken := t.violations; broken != 0; {
		drop = s.config.action(broken.Pop()) == ws.Block || drop
	}
	s.Observe(&Record{
		Direction: d.from,
		N:         t.n,
		Opcode:    t.message.Opcode,
		Envelope:  t.envelope,
		Fields:    t.fields,
		Hits:      t.hits,
		Score:     score,
		Drop:      drop,
	})
}
