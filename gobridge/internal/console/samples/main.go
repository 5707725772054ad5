// Command samples writes the events of every attack sample in testdata/, as the
// engine logs them, and of names made to break out of a page: what the browser
// test of the console shows.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"wsi/gobridge/internal/capture"
	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/verdict"
	"wsi/gobridge/internal/ws"
)

// vectors would run in a page that put them, unescaped, into its text, an
// attribute, a URL, a script, a style or a comment.
var vectors = []string{
	`<script>alert('pwned')</script>`,
	`"><img src=x onerror=alert('pwned')>`,
	`' onmouseover=alert('pwned') autofocus onfocus=alert('pwned') x='`,
	"javascript:alert('pwned')",
	"data:text/html,<script>alert('pwned')</script>",
	`</title></style></textarea></script><svg onload=alert('pwned')>`,
	`--><script>alert('pwned')</script><!--`,
	`{{.}}${alert('pwned')}<%= alert('pwned') %>`,
	`<iframe srcdoc="<script>parent.alert('pwned')</script>"></iframe>`,
	`<meta http-equiv=refresh content="0;url=javascript:alert('pwned')">`,
	`<base href=//attacker.invalid/><link rel=stylesheet href=//attacker.invalid/x.css>`,
	`<form action=//attacker.invalid/><button>Copy</button>`,
	"\u202egnp.exe\u202c\u2066hidden\u2069",
	"line\nbreak\rand\x1b[31mcolour\x00nul",
	`expression(alert('pwned'));}*{background:url(//attacker.invalid/x)}`,
	`]]>&lt;script&gt;alert('pwned')&lt;/script&gt;<![CDATA[`,
	"\xff\xfe<\x00s\x00c\x00r\x00i\x00p\x00t\x00>",
	strings.Repeat(`<b title="`, 200),
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: samples TESTDATA > events.json")
	}
	w := bufio.NewWriter(os.Stdout)
	g := &generator{w: w, now: time.Now().Add(-80 * time.Hour), seen: map[string]bool{}}
	if err := errors.Join(g.texts(os.Args[1]), g.recordings(os.Args[1]), g.names()); err != nil {
		log.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "%d events\n", g.written)
}

type generator struct {
	w   *bufio.Writer
	now time.Time
	n   int // attempts

	written int
	seen    map[string]bool
}

func (g *generator) meta() *event.Meta {
	g.n++
	g.now = g.now.Add(time.Duration(20+(g.n*7919)%700) * time.Second)
	return &event.Meta{
		Request: []byte("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: chat.example.com\r\n" +
			"Origin: https://chat.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
			"Sec-WebSocket-Version: 13\r\nCookie: session=secret\r\n\r\n"),
		RemoteAddr: fmt.Sprintf("198.51.100.%d", g.n%23), RemotePort: 40000 + g.n%20000, LocalAddr: "192.0.2.1", LocalPort: 443, TLS: true,
		ServerName: "chat.example.com", RequestID: fmt.Sprintf("%032x", g.n), Hostname: "edge1",
		ConnectionID: fmt.Sprintf("4711-%d", g.n/2), NginxVersion: "1.22.1", EngineVersion: "0.1.0", Now: g.now,
	}
}

func (g *generator) write(line []byte) {
	g.w.Write(line)
	g.written++
}

// attack is text in a chat message, found by rule.
func (g *generator) attack(m *event.Meta, typ, rule, name, where, text string, change func(*event.Attack)) {
	payload := fmt.Appendf(nil, `42["chat message",{"room":"lobby","text":%q}]`, text)
	a := &event.Attack{
		Direction: ws.FromClient, Opcode: ws.OpText, MessageNo: uint64(g.n % 40), Frames: 1 + g.n%3, Compressed: g.n%2 == 0,
		Framework: "socket.io", Event: "chat message", Format: "json", Payload: payload, PayloadLen: len(payload),
		Hits:  []event.Hit{{Finding: detect.Finding{Type: typ, Rule: rule, Name: name, Score: 5}, Path: where, Match: []byte(text)}},
		Score: 5, Threshold: 5, Action: event.Blocked, CloseCode: ws.ClosePolicyViolation,
		Exception: "wallarm_websocket_ignore rule=" + rule + " path=" + where + ";",
	}
	if g.n%4 == 0 {
		a.Action, a.CloseCode = event.Monitored, 0
	}
	if change != nil {
		change(a)
	}
	g.write(event.AppendAttack(nil, m, a, &event.Default))
}

// texts are the samples of the detectors, one a line.
func (g *generator) texts(testdata string) error {
	files, err := filepath.Glob(filepath.Join(testdata, "detect", "*", "*attack*"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no samples of detect in %s: %v", testdata, err)
	}
	rules := map[string][2]string{
		"xss": {"941100", "XSS attack detected via libinjection"}, "sqli": {"942100", "SQL injection attack detected via libinjection"},
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		typ := filepath.Base(filepath.Dir(file))
		rule, ok := rules[typ]
		if !ok {
			rule = [2]string{"wsi-" + typ, typ}
		}
		for _, line := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
			g.attack(g.meta(), typ, rule[0], rule[1], "$[0].text", line, nil)
		}
	}
	return nil
}

// recordings are the sessions, judged by the engine.
func (g *generator) recordings(testdata string) error {
	files, err := filepath.Glob(filepath.Join(testdata, "session", "*-attack*.jsonl"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no sessions in %s: %v", testdata, err)
	}
	sort.Strings(files)
	for _, file := range files {
		if err := g.recording(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (g *generator) recording(file string) error {
	r, err := capture.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	offer, answer, err := handshake.ParseTexts(*r.Header.Request, *r.Header.Response)
	if err != nil {
		return err
	}
	e, err := pipeline.NewEngine(pipeline.Options{})
	if err != nil {
		return err
	}
	s, _ := e.Open(pipeline.Handshake{Target: offer.Target, Result: handshake.Check(offer, answer)}, &pipeline.Config{
		Mode: [2]pipeline.Mode{pipeline.Monitoring, pipeline.Monitoring}, Limits: ws.DefaultLimits, Threshold: verdict.Threshold,
	})
	defer s.Close()
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for in := c.Data; len(in) > 0; {
			res := s.Feed(c.Direction, in)
			for range res.Events {
				m := g.meta()
				m.Request = []byte(*r.Header.Request)
				line, n, _ := s.Event(nil, m, &pipeline.AllEvents, math.MaxInt)
				// Of the many that repeat a text, the first.
				if key := seen(line[:n]); !g.seen[key] {
					g.seen[key] = true
					g.write(line[:n])
				}
				s.Pop()
			}
			if res.Consumed == 0 {
				return errors.New("the engine failed")
			}
			in = in[res.Consumed:]
		}
	}
}

// seen tells one sample from another: what matched, in which format.
func seen(line []byte) string {
	var e struct {
		Wallarm struct {
			Attack    struct{ Type, Match string }
			Violation struct{ Token string }
			WebSocket struct{ Format string }
		}
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return string(line)
	}
	w := &e.Wallarm
	return strings.Join([]string{w.Attack.Type, w.Attack.Match, w.Violation.Token, w.WebSocket.Format}, "\x00")
}

// names puts every vector wherever a client, or a forged line, could have put
// it.
func (g *generator) names() error {
	for _, v := range vectors {
		line := strings.NewReplacer("\r", " ", "\n", " ").Replace(v)
		m := g.meta()
		m.Request = []byte("GET /" + strings.ReplaceAll(line, " ", "+") + "?x=" + strings.ReplaceAll(line, " ", "+") +
			" HTTP/1.1\r\nHost: " + line + "\r\nOrigin: " + line + "\r\nUser-Agent: " + line + "\r\nX-Thing: " + line + "\r\n\r\n")
		m.ServerName, m.RemoteUser, m.Hostname, m.ConnectionID, m.RequestID = v, v, v, v, v
		g.attack(m, "xss", "941100", v, "$["+v+"]", v, func(a *event.Attack) {
			a.Event, a.Framework, a.Subprotocol = v, v, v
			a.Exception = "wallarm_websocket_ignore rule=941100 path=" + v + ";"
			if g.n%2 == 0 {
				a.Opcode, a.Format = ws.OpBinary, "binary"
			}
		})
		// Not even the console's own producer is trusted with the rest.
		m = g.meta()
		text := event.AppendAttack(nil, m, &event.Attack{
			Opcode: ws.OpText, Payload: []byte(v), PayloadLen: len(v), Action: "PWNACTION", Event: "e",
			Hits: []event.Hit{{Finding: detect.Finding{Type: "PWNTYPE", Rule: "PWNRULE", Score: 5}, Path: "$", Match: []byte(v)}},
		}, &event.Default)
		quoted, err := json.Marshal(v)
		if err != nil {
			return err
		}
		for _, word := range []string{"PWNACTION", "PWNTYPE", "PWNRULE", m.RemoteAddr, "1.22.1", "0.1.0"} {
			text = bytes.ReplaceAll(text, []byte(`"`+word+`"`), quoted)
		}
		g.write(text)
	}
	// Lines that cannot be read are shown, too.
	for _, v := range vectors {
		fmt.Fprintf(g.w, "not json %s\n", strings.NewReplacer("\n", " ", "\r", " ").Replace(v))
	}
	return nil
}
