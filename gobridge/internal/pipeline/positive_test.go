package pipeline

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// policyOf parses directives, one a line, words between blanks.
func policyOf(t testing.TB, directives string) *policy.Policy {
	var list []policy.Statement
	for _, d := range strings.Split(directives, "\n") {
		w := strings.Split(d, " ")
		list = append(list, policy.Statement{Name: "wallarm_websocket_" + w[0], Args: w[1:], File: "a.conf", Line: 1})
	}
	p, messages := policy.Parse(list)
	require.NotNil(t, p, "%v", messages)
	return p
}

// refused is what of a connection's messages was refused: "token value".
func refused(t testing.TB, e *Engine, p *policy.Policy, h Handshake, from ws.Direction, messages ...string) (all []string) {
	c := config(Block)
	c.Policy = p
	s, _ := e.Open(h, c)
	for _, m := range messages {
		f := wstest.Text(m)
		if from == ws.FromServer {
			f = wstest.Frame{Opcode: ws.OpText, Payload: []byte(m)}
		}
		if b, ok := strings.CutPrefix(m, "binary:"); ok {
			f.Opcode, f.Payload = ws.OpBinary, []byte(b)
		}
		r := s.Feed(from, f.Bytes())
		for s.rare != nil && len(s.rare.events) > 0 {
			require.NotNil(t, s.rare.events[0].violation)
			v := s.rare.events[0].violation
			all = append(all, v.Violation.String()+" "+v.Value)
			s.Pop()
		}
		if r.Status == Drop {
			break
		}
	}
	return all
}

func TestEvents(t *testing.T) {
	socketIO := Handshake{Target: "/socket.io/?EIO=4&transport=websocket"}
	mqtt := Handshake{Target: "/", Result: handshake.Result{Subprotocol: "mqtt"}}
	connect := "binary:\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
	for _, tt := range []struct {
		name, directives string
		handshake        Handshake
		from             ws.Direction
		messages         []string
		want             []string
	}{
		{"socket.io", "event allow chat.*", socketIO, 0, []string{"2", "40", `42["chat.send","hi"]`, `43["answer"]`, "3"}, nil},
		{"unknown", "event allow chat.*", socketIO, 0, []string{`42["admin","hi"]`}, []string{"event_unknown admin"}},
		{"escaped", "event allow chat.*", socketIO, 0, []string{`42["adm\u0069n","hi"]`}, []string{"event_unknown admin"}},
		{"no name", "event allow chat.*", socketIO, 0, []string{`42[{"x":1}]`}, []string{"event_unknown "}},
		{"an event like a packet", "event allow chat.*", socketIO, 0, []string{`42["ack"]`}, []string{"event_unknown ack"}},
		{"attachment", "event allow chat.*", socketIO, 0, []string{`451-["chat.file",{"_placeholder":true,"num":0}]`, "binary:01"}, nil},
		{"attachment of another", "event allow chat.*", socketIO, 0, []string{`451-["file",{"_placeholder":true,"num":0}]`}, []string{"event_unknown file"}},
		{"denied", "event deny chat.delete", socketIO, 0, []string{`42["other"]`, "text", `42["chat.delete",1]`}, []string{"event_denied chat.delete"}},
		{"not a packet", "event allow chat.*", socketIO, 0, []string{"text"}, []string{"event_unknown "}},
		{"not a packet, of a name", "event deny evil", socketIO, 0, []string{`{"type":"evil","data":1}`}, []string{"event_denied evil"}},
		{"server", "event allow from=server chat.*", socketIO, 1, []string{`0{"sid":"x"}`, "40", `42["chat.new"]`, `42["other"]`}, []string{"event_unknown other"}},
		{"other direction", "event allow from=server chat.*", socketIO, 0, []string{`42["other"]`}, nil},
		{"plain", "event allow say", Handshake{Target: "/"}, 0, []string{`{"type":"say","data":{}}`, `{"type":"run","data":{}}`}, []string{"event_unknown run"}},
		{"twice", "event allow say", Handshake{Target: "/"}, 0, []string{`{"type":"run","type":"say","data":{}}`}, []string{"event_unknown "}},
		{"json-rpc batch", "event allow say", Handshake{Target: "/"}, 0,
			[]string{`[{"jsonrpc":"2.0","method":"say","params":[]},{"jsonrpc":"2.0","method":"run","params":[]}]`}, []string{"event_unknown run"}},
		{"unnamed is allowed", "event allow say ", Handshake{Target: "/"}, 0, []string{"text", `{"a":1}`}, nil},
		{"logged", "event allow say\nviolation event_unknown log", Handshake{Target: "/"}, 0, []string{"text", `{"a":1}`}, []string{"event_unknown "}},
		{"off", "event allow say\nviolation event_unknown off", Handshake{Target: "/"}, 0, []string{"text", `{"a":1}`}, nil},
		{"mqtt", "event allow t", mqtt, 0, []string{connect}, nil},
		{"mqtt that is none", "event allow t", mqtt, 0, []string{connect, `{"type":"evil","data":{"a":"bcdefghijklmnopq"}}`}, []string{"event_unknown pubcomp"}},
		{"mqtt that is none, shorter", "event allow t", mqtt, 0, []string{connect, `{"type":"evil"}`}, []string{"event_unknown "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, refused(t, newEngine(t), policyOf(t, tt.directives), tt.handshake, tt.from, tt.messages...))
		})
	}
}

// What the server broadcast is not therefore allowed to the client.
func TestEventsRecent(t *testing.T) {
	e, p := newEngine(t), policyOf(t, "event allow say")
	const message = `{"type":"run","data":{}}`
	h := Handshake{Target: "/"}
	for range 5 {
		require.Empty(t, refused(t, e, p, h, ws.FromServer, message, message, message, message, message, message))
	}
	allowed := `{"type":"say","data":{}}`
	require.Equal(t, []string{"event_unknown run"}, refused(t, e, p, h, ws.FromClient, allowed, allowed, allowed, allowed, allowed, message))
}

// TestEventCode: the close code, and the event's line.
func TestEventCode(t *testing.T) {
	c := config(Block)
	c.Policy = policyOf(t, "event allow say")
	s, _ := newEngine(t).Open(Handshake{Target: "/"}, c)
	p := &relay{t: t, s: s, from: ws.FromClient}
	p.write(wstest.Text(`{"type":"run","data":{}}`).Bytes())
	require.Equal(t, Drop, p.status)
	require.Equal(t, ws.ClosePolicyViolation, p.code)
	require.Equal(t, []string{"event_unknown"}, p.events)
	require.Empty(t, p.out)
}
