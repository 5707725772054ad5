package main

import (
	"errors"

	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/verdict"
	"wsi/gobridge/internal/ws"
)

// attack is one finding in the output of replay and scan.
type attack struct {
	Type  string `json:"type"`
	Rule  string `json:"rule"`
	Path  string `json:"path"`
	Score int    `json:"score"`
}

// value is one decoded string of a message.
type value struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// message is one data message as the engine judged it.
type message struct {
	File      string   `json:"file"`
	N         uint64   `json:"n"`
	Conn      int      `json:"conn,omitempty"` // of a recording of kind "http"
	Direction string   `json:"direction"`
	Transport string   `json:"transport,omitempty"` // of a request, instead of an opcode
	Opcode    string   `json:"opcode"`
	Framework string   `json:"framework"`
	Event     string   `json:"event"`
	Format    string   `json:"format"`
	Values    []value  `json:"values"`
	Verdict   string   `json:"verdict"`
	Attacks   []attack `json:"attacks"`
}

// openSession starts a connection whose messages are all judged, none of them
// dropped: monitoring judges as block mode does, in either direction.
func openSession(c *pipeline.Config, target string, r handshake.Result, observe func(*message)) (*pipeline.Session, error) {
	e, err := pipeline.NewEngine(pipeline.Options{})
	if err != nil {
		return nil, err
	}
	s, _ := e.Open(pipeline.Handshake{Target: target, Result: r}, c)
	s.Observe = func(r *pipeline.Record) { observe(newMessage(r)) }
	return s, nil
}

var replayConfig = pipeline.Config{
	Mode:      [2]pipeline.Mode{pipeline.Monitoring, pipeline.Monitoring},
	Limits:    ws.DefaultLimits,
	Threshold: verdict.Threshold,
}

func newMessage(r *pipeline.Record) *message {
	m := &message{
		N:         r.N,
		Direction: r.Direction.String(),
		Opcode:    r.Opcode.String(),
		Framework: r.Envelope.Framework,
		Event:     string(r.Envelope.Event),
		Format:    r.Envelope.Format,
		Values:    []value{},
		Verdict:   verdictName(r.Drop),
		Attacks:   []attack{},
	}
	for _, f := range r.Fields {
		m.Values = append(m.Values, value{f.Path, f.Value})
	}
	for i, h := range r.Hits {
		if i == 0 && len(h.Event) > 0 {
			m.Event = h.Event // of several application messages that which is an attack
		}
		m.Attacks = append(m.Attacks, attack{h.Type, h.Rule, h.Path, h.Score})
	}
	return m
}

// feed gives b to s, whose events nobody reads.
func feed(s *pipeline.Session, from ws.Direction, b []byte) error {
	for len(b) > 0 {
		r := s.Feed(from, b)
		for range r.Events {
			s.Pop()
		}
		if r.Status == pipeline.Failed || r.Consumed == 0 {
			return errors.New("the engine failed")
		}
		b = b[r.Consumed:]
	}
	return nil
}

func verdictName(drop bool) string {
	if drop {
		return "drop"
	}
	return "allow"
}
