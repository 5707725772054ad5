package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// counts is what a Result counts.
type counts struct {
	bytes, messages, binary, judged, threaded int
	reasons                                   [NumReasons]int
}

func (c *counts) add(r Result) {
	c.bytes += r.Bytes
	c.messages += r.Messages
	c.binary += r.Binary
	c.judged += r.Judged
	c.threaded += r.Threaded
	for i, n := range r.Reasons {
		c.reasons[i] += n
	}
}

// TestCounts: what is counted does not depend on how the bytes come.
func TestCounts(t *testing.T) {
	e, wake := newThreads(t)
	only := func(why Reason, n int) (r [NumReasons]int) {
		r[why] = n
		return r
	}
	frame := func(f wstest.Frame) []byte {
		f.Mask = wstest.Text("").Mask
		return f.Bytes()
	}
	text := func(s string) []byte { return wstest.Text(s).Bytes() }
	long := prose(20000)
	for _, test := range []struct {
		name   string
		stream []byte
		want   counts
	}{
		{"nothing", nil, counts{}},
		{"text", text("hello"), counts{bytes: 5, messages: 1, judged: 1}},
		{"empty", text(""), counts{messages: 1, judged: 1}},
		{"binary", frame(wstest.Frame{Opcode: ws.OpBinary, Payload: []byte("abc")}), counts{bytes: 3, messages: 1, binary: 1, judged: 1}},
		{"fragments", slices.Concat(
			frame(wstest.Frame{More: true, Opcode: ws.OpBinary, Payload: []byte("ab")}),
			frame(wstest.Frame{Opcode: ws.OpPing, Payload: []byte("not counted")}),
			frame(wstest.Frame{Opcode: ws.OpContinuation, Payload: []byte("cd")})), counts{bytes: 4, messages: 1, binary: 1, judged: 1}},
		{"incomplete", text("hello")[:8], counts{bytes: 2}},
		{"off the loop", slices.Concat(text(long), text(long)), counts{bytes: 2 * len(long), messages: 2, threaded: 2}},
		{"too big", slices.Concat(text(prose(70000)), text("hello")), counts{bytes: len(prose(70000)) + 5, messages: 2, judged: 1, reasons: only(ReasonMessage, 1)}},
		{"broken frame", slices.Concat(text("hello"), frame(wstest.Frame{Opcode: 3, Payload: []byte("abc")})),
			counts{bytes: 5, messages: 1, judged: 1, reasons: only(ReasonProtocol, 1)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, parts := range cuts(test.stream) {
				c := config(Monitoring)
				c.Limits = both(ws.Limits{MaxMessage: 60000, MaxInflated: 16 << 20})
				s := open(e, c)
				var got counts
				for _, part := range parts {
					got.add(s.Feed(ws.FromClient, part))
				}
				got.settle(e, wake, s)
				require.Equal(t, test.want, got, name)
				require.Zero(t, e.jobs)
			}
		})
	}
}

func (c *counts) settle(e *Engine, wake chan struct{}, s *Session) {
	for s.jobs > 0 {
		v, ok := e.Poll()
		if !ok {
			<-wake
			continue
		}
		r := v.Result()
		if r.ThreadTime <= 0 || r.ThreadTime > time.Minute {
			panic(r.ThreadTime)
		}
		c.add(r)
	}
}

// TestReasons: each reason for which a message can pass unjudged is told.
func TestReasons(t *testing.T) {
	e, wake := newThreads(t)
	bomb := newDeflator().frame(strings.Repeat("a", 100000))
	for _, test := range []struct {
		name string
		why  Reason
		run  func(s *Session) Result
	}{
		{"inflated", ReasonInflated, func(s *Session) Result { return s.Feed(ws.FromClient, bomb) }},
		{"DEFLATE", ReasonProtocol, func(s *Session) Result {
			return s.Feed(ws.FromClient, wstest.Frame{Opcode: ws.OpText, RSV: 4, Mask: wstest.Text("").Mask, Payload: []byte{0xff, 0xff, 0xff}}.Bytes())
		}},
		{"assembly", ReasonAssembly, func(s *Session) Result { return s.Expire(ws.FromClient, ws.MessageAssemblyTimeout) }},
		{"memory", ReasonMemory, func(s *Session) Result { return s.Expire(ws.FromClient, ws.MemoryExhausted) }},
		{"time", ReasonTime, func(s *Session) Result {
			went := hold(s, ws.FromClient)
			r := s.Feed(ws.FromClient, wstest.Text(prose(20000)).Bytes())
			for r = s.Expire(ws.FromClient, ws.ProcessTimeLimit); r.Status == Pending; {
				r = s.Expire(ws.FromClient, ws.ProcessTimeLimit)
			}
			close(went)
			return r
		}},
		{"engine", ReasonEngine, func(s *Session) Result {
			// what waits behind a message at which the engine fails
			s.dir[ws.FromClient].decoder = broken{}
			went := hold(s, ws.FromClient)
			message := wstest.Text(prose(20000)).Bytes()
			r := s.Feed(ws.FromClient, slices.Concat(message, message))
			close(went)
			return r
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config(Monitoring)
			if test.why == ReasonTime {
				c.TimeLimit = 1
			}
			c.Limits = both(ws.Limits{MaxMessage: 16 << 20, MaxInflated: 50000})
			s, _ := e.Open(deflated, c)
			var got counts
			got.add(test.run(s))
			got.settle(e, wake, s)
			var want [NumReasons]int
			want[test.why] = 1
			require.Equal(t, want, got.reasons)
		})
	}
	require.Zero(t, e.jobs)
}

// TestPassedOnce: a message that passes counts once, whatever the reasons are;
// one that does not pass, and one in a direction that nobody looks at, do not.
func TestPassedOnce(t *testing.T) {
	nested := "hello"
	for range 12 {
		nested = fmt.Sprintf("[%q]", nested)
	}
	deep := `["` + strings.Repeat("a", 50) + `",` + nested + `]`
	attack := `["<script>alert(1)</script>",` + nested + `]`
	ping := wstest.Frame{Opcode: ws.OpPing, Mask: wstest.Text("").Mask, Payload: gzipped(strings.Repeat("a", 1<<16))}
	for _, test := range []struct {
		name   string
		mode   Mode
		stream []byte
		want   map[Reason]int
	}{
		{"two reasons", Monitoring, newDeflator().frame(deep + strings.Repeat("a", 100000)), map[Reason]int{ReasonInflated: 1}},
		{"attack", Block, wstest.Text(attack).Bytes(), nil},
		{"attack that passes", Monitoring, wstest.Text(attack).Bytes(), map[Reason]int{ReasonFormat: 1}},
		{"control frame", Monitoring, ping.Bytes(), map[Reason]int{ReasonFormat: 1}},
		{"off", Off, wstest.Frame{Opcode: 3, Mask: ping.Mask}.Bytes(), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config(test.mode)
			c.LimitBlock = LimitOff
			c.Limits = both(ws.Limits{MaxMessage: 16 << 20, MaxInflated: 50000})
			s, _ := newEngine(t).Open(deflated, c)
			r := s.Feed(ws.FromClient, test.stream)
			require.Equal(t, test.mode == Block, r.Status == Drop)
			var want [NumReasons]int
			for why, n := range test.want {
				want[why] = n
			}
			require.Equal(t, want, r.Reasons)
			require.Equal(t, len(test.want), r.Uninspected)
		})
	}
}
