package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/ws"
)

// logged is what of an event tells its message.
type logged struct {
	Event struct {
		ID      string `json:"id"`
		Action  string `json:"action"`
		Dataset string `json:"dataset"`
	} `json:"event"`
	URL struct {
		Path  string `json:"path"`
		Query string `json:"query"`
	} `json:"url"`
	Wallarm struct {
		Attack struct {
			Type string `json:"type"`
			Path string `json:"path"`
		} `json:"attack"`
		WebSocket struct {
			Direction   string `json:"direction"`
			Opcode      string `json:"opcode"`
			Transport   string `json:"transport"`
			Framework   string `json:"framework"`
			EventName   string `json:"event_name"`
			Subprotocol string `json:"subprotocol"`
			Compressed  bool   `json:"compressed"`
		} `json:"websocket"`
		Payload   []byte `json:"payload_base64"`
		Offset    int    `json:"payload_offset"`
		Truncated bool   `json:"truncated"`
		Redacted  bool   `json:"redacted"`
	} `json:"wallarm"`
}

// rejudged is the output for one event.
type rejudged struct {
	File    string   `json:"file"`
	Line    int      `json:"line"`
	ID      string   `json:"id"`
	Before  string   `json:"before"` // event.action
	Verdict string   `json:"verdict"`
	Inexact string   `json:"inexact,omitempty"` // why it may be otherwise
	Attacks []attack `json:"attacks"`
}

// maxEventLine is of a line of an event log, in bytes.
const maxEventLine = event.MaxLine + 1

// replayEvents judges the messages of an event log again, each as the first of
// a connection. It reports whether any would be dropped.
func replayEvents(c *pipeline.Config, path string, out *printer) (drop bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxEventLine)
	n, still, inexact := 0, 0, 0
	for line := 1; in.Scan(); line++ {
		var e logged
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			return drop, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		if e.Wallarm.Attack.Type == "" || e.Event.Dataset == "wallarm_websocket.violation" {
			continue // no message, or not of it
		}
		r, err := rejudge(c, &e)
		if err != nil {
			return drop, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		r.File, r.Line = path, line
		n++
		if r.Verdict == "drop" {
			still++
			drop = true
		}
		if r.Inexact != "" {
			inexact++
		}
		out.rejudged(r)
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return drop, fmt.Errorf("%s: a line is longer than %d bytes", path, maxEventLine)
	}
	if in.Err() != nil {
		return drop, in.Err()
	}
	if out.enc == nil {
		fmt.Fprintf(out.w, "%s: %d of %d events would still be dropped, %d inexact\n\n", path, still, n, inexact)
	}
	return drop, nil
}

func rejudge(c *pipeline.Config, e *logged) (*rejudged, error) {
	w := &e.Wallarm
	r := &rejudged{ID: e.Event.ID, Before: e.Event.Action, Verdict: "allow", Attacks: []attack{}}
	switch {
	case w.Truncated || w.Offset > 0:
		r.Inexact = "the event has a part of the message"
	case w.Redacted:
		r.Inexact = "the message is redacted"
	case strings.Contains(e.URL.Path+e.URL.Query, "[redacted]"):
		r.Inexact = "the request's target is redacted"
	case w.WebSocket.Opcode != "" && w.WebSocket.Opcode != "text" && w.WebSocket.Opcode != "binary":
		r.Inexact = "it was in a control frame"
	case w.WebSocket.Transport == "handshake":
		r.Inexact = "the event has a value of the handshake"
	}
	target := e.URL.Path
	if e.URL.Query != "" {
		target += "?" + e.URL.Query
	}
	seen := false
	observe := func(m *message) {
		seen = true
		r.Verdict, r.Attacks = m.Verdict, m.Attacks
		if r.Inexact == "" && (m.Framework != w.WebSocket.Framework || m.Event != w.WebSocket.EventName) {
			r.Inexact = "it depends on earlier messages: decoded as " + describe(m.Framework, m.Event) +
				", then as " + describe(w.WebSocket.Framework, w.WebSocket.EventName)
		}
	}
	from := ws.FromClient
	if w.WebSocket.Direction == "server_to_client" {
		from = ws.FromServer
	}
	switch {
	case w.WebSocket.Transport == "" || w.WebSocket.Transport == "handshake":
		s, err := openSession(c, target, handshake.Result{Subprotocol: w.WebSocket.Subprotocol}, observe)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if err := feed(s, from, dataFrame(from, w.WebSocket.Opcode == "binary", w.Payload)); err != nil {
			return nil, err
		}
	default:
		q := &framework.Request{Method: "POST", Target: target}
		b := &body{request: q, from: from, data: w.Payload, question: true}
		_, drop, err := judgeBody(c, b, observe)
		if err != nil {
			return nil, err
		}
		if drop {
			r.Verdict = "drop"
		}
	}
	if !seen && r.Verdict == "allow" && r.Inexact == "" {
		r.Inexact = "the message could not be decoded again"
	}
	return r, nil
}

func describe(framework, event string) string {
	if event == "" {
		return framework
	}
	return framework + " " + quote(event)
}

// dataFrame is one frame with the whole message.
func dataFrame(from ws.Direction, binaryMessage bool, payload []byte) []byte {
	b := []byte{0x81}
	if binaryMessage {
		b[0] = 0x82
	}
	masked := byte(0)
	if from == ws.FromClient {
		masked = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	if masked == 0 {
		return append(b, payload...)
	}
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

func (p *printer) rejudged(r *rejudged) {
	if p.enc != nil {
		p.enc.Encode(r)
		return
	}
	fmt.Fprintf(p.w, "%s:%d %s: %s, now %s", plain(r.File), r.Line, plain(r.ID), plain(r.Before), r.Verdict)
	if r.Inexact != "" {
		fmt.Fprintf(p.w, " (inexact: %s)", plain(r.Inexact))
	}
	fmt.Fprintln(p.w)
	p.attacks(r.Attacks)
}
