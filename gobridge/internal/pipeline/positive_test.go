package pipeline

import (
	"os"
	"path/filepath"
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
	hub := Handshake{Target: "/chatHub?id=abc"}
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
		{"hub method in another case", "event deny DeleteAll", hub, 0,
			[]string{"{\"protocol\":\"json\",\"version\":1}\x1e", "{\"type\":1,\"target\":\"deleteALL\",\"arguments\":[]}\x1e"}, []string{"event_denied deleteALL"}},
		{"allowed hub method in another case", "event allow Send ", hub, 0,
			[]string{"{\"protocol\":\"json\",\"version\":1}\x1e", "{\"type\":1,\"target\":\"send\",\"arguments\":[]}\x1e"}, nil},
		{"event in another case", "event deny Evil", socketIO, 0, []string{`42["evil"]`}, nil},
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

// TestSchemas: what frameworks hand to the application, on the loop and off it.
func TestSchemas(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	one := file("one.json", `{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}`)
	list := file("list.json", `{"type":"array","prefixItems":[{"$ref":"#/$defs/m"}],"items":false,"minItems":1,
		"$defs":{"m":{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}}}`)
	socketIO := Handshake{Target: "/socket.io/?EIO=4&transport=websocket"}
	plain := Handshake{Target: "/"}
	hub := Handshake{Target: "/chatHub?id=abc"}
	wamp := Handshake{Target: "/", Result: handshake.Result{Subprotocol: "wamp.2.msgpack"}}
	big := strings.Repeat("a ", 3*inlineSchema/2)
	for _, tt := range []struct {
		name, directives string
		handshake        Handshake
		messages         []string
		want             []string
	}{
		{"socket.io", "schema chat " + list, socketIO, []string{"2", `42["chat",{"text":"a"}]`, `42["other",1]`}, nil},
		{"socket.io, an ack", "schema chat " + list, socketIO, []string{`42/room,17["chat",{"text":"a"}]`, `43/room,17[1]`}, nil},
		{"socket.io, wrong", "schema chat " + list, socketIO, []string{`42["chat",{"text":1}]`}, []string{`schema_violation chat: type at "/0/text"`}},
		{"socket.io, none", "schema chat " + list, socketIO, []string{`42["chat"]`}, []string{`schema_violation chat: minItems at ""`}},
		{"socket.io, escaped", "schema chat " + list, socketIO, []string{`42["\u0063hat",1]`}, []string{`schema_violation chat: type at "/0"`}},
		{"socket.io, MessagePack", "schema chat " + list, socketIO, []string{
			"binary:\x83\xa4type\x02\xa4data\x92\xa4chat\x81\xa4text\xa1a\xa3nsp\xa1/", "binary:\x83\xa4type\x02\xa4data\x91\xa4chat\xa3nsp\xa1/"},
			[]string{`schema_violation chat: minItems at ""`}},
		{"SignalR, MessagePack", "schema say " + list, hub, []string{"{\"protocol\":\"messagepack\",\"version\":1}\x1e",
			"binary:\x15\x95\x01\x80\xc0\xa3say\x91\x81\xa4text\xa5hello", "binary:\x10\x95\x01\x80\xc0\xa3say\x91\x81\xa4text\x07"},
			[]string{`schema_violation say: type at "/0/text"`}},
		{"SignalR, in another case", "schema SAY " + list, hub, []string{"{\"protocol\":\"messagepack\",\"version\":1}\x1e",
			"binary:\x15\x95\x01\x80\xc0\xa3say\x91\x81\xa4text\xa5hello", "binary:\x10\x95\x01\x80\xc0\xa3say\x91\x81\xa4text\x07"},
			[]string{`schema_violation say: type at "/0/text"`}},
		{"WAMP, MessagePack", "schema u.r " + list, wamp, []string{"binary:\x95\x10\x01\x80\xa3u.r\x91\x81\xa4text\xa1a", "binary:\x95\x10\x01\x80\xa3u.r\x91\x01"},
			[]string{`schema_violation u.r: type at "/0"`}},
		{"CBOR", "schema * " + one, plain, []string{"binary:\xa1\x64text\x65hello", "binary:\xa1\x64text\x19\x01\x00"}, []string{`schema_violation : type at "/text"`}},
		{"CBOR of numbers", "schema * " + one, plain, []string{"binary:\xa1\x01\x65hello"}, []string{`schema_unreadable : a key that is no text`}},
		{"json-rpc", "schema chat " + one, plain, []string{`{"jsonrpc":"2.0","method":"chat","params":{"text":1}}`}, []string{`schema_violation chat: type at "/text"`}},
		{"rpc", "schema chat " + one, plain, []string{`{"type":"chat","data":{"text":"a"}}`, `{"type":"chat","data":{}}`}, []string{`schema_violation chat: required at ""`}},
		{"rpc with the URL of another", "schema chat " + one, socketIO, []string{`{"type":"chat","data":{"text":"a"}}`, `{"type":"chat","data":{}}`}, []string{`schema_violation chat: required at ""`}},
		{"document", "schema  " + one, plain, []string{`{"text":"a"}`, `{"text":1}`}, []string{`schema_violation : type at "/text"`}},
		{"text", "schema * " + one, plain, []string{"hello"}, []string{"schema_unreadable : no JSON"}},
		{"big", "schema * " + one, plain, []string{`{"text":"` + big + `"}`}, nil},
		{"big and wrong", "schema * " + one, plain, []string{`{"text":1,"more":"` + big + `"}`}, []string{`schema_violation : type at "/text"`}},
		{"logged", "schema chat " + list + "\nviolation schema_violation log", socketIO, []string{`42["chat"]`, `42["chat"]`}, []string{`schema_violation chat: minItems at ""`}},
		{"off", "schema chat " + list + "\nviolation schema_violation off", socketIO, []string{`42["chat"]`, `42["chat"]`}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := policyOf(t, tt.directives)
			require.Equal(t, tt.want, refused(t, newEngine(t), p, tt.handshake, 0, tt.messages...))
		})
		t.Run(tt.name+", threads", func(t *testing.T) {
			e, wake := newThreads(t)
			c := config(Block)
			c.Policy = policyOf(t, tt.directives)
			s, _ := e.Open(tt.handshake, c)
			r := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
			for _, m := range tt.messages {
				if strings.HasPrefix(m, "binary:") {
					return
				}
				r.write(wstest.Text(m).Bytes())
			}
			for s.jobs > 0 {
				r.poll()
			}
			require.Equal(t, len(tt.want), len(r.events), "%v", r.events)
			if len(tt.want) > 0 && !strings.Contains(tt.directives, " log") {
				require.Equal(t, Drop, r.status)
				require.Equal(t, ws.CloseInvalidPayload, r.code)
			}
		})
	}
}

// TestAsyncAPIChannels: a client of a broker subscribes to the channels that the
// server sends on, and sends on its own only.
func TestAsyncAPIChannels(t *testing.T) {
	file := filepath.Join(t.TempDir(), "chat.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
asyncapi: 2.6.0
channels:
  /app/say: {publish: {message: {payload: {type: object, required: [text]}}}}
  /topic/{room}: {subscribe: {message: {payload: {type: object}}}}
`), 0o644))
	for _, tt := range []struct {
		name, message string
		want          []string
	}{
		{"subscribe", "SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\x00", nil},
		{"send", "SEND\ndestination:/app/say\n\n{\"text\":\"hi\"}\x00", nil},
		{"what the schema forbids", "SEND\ndestination:/app/say\n\n{}\x00", []string{`schema_violation /app/say: required at ""`}},
		{"nothing", "SEND\ndestination:/app/say\n\n\x00", []string{`schema_unreadable /app/say: no JSON`}},
		{"as the server", "SEND\ndestination:/topic/a\n\n{}\x00", []string{"event_unknown /topic/a"}},
		{"subscribe elsewhere", "SUBSCRIBE\nid:1\ndestination:/queue/a\n\n\x00", []string{"event_unknown /queue/a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config(Block)
			c.Policy = policyOf(t, "asyncapi "+file+" event=channel")
			s, _ := newEngine(t).Open(Handshake{Target: "/", Result: handshake.Result{Subprotocol: "v12.stomp"}}, c)
			require.Equal(t, Pass, s.Feed(ws.FromClient, wstest.Text("CONNECT\naccept-version:1.2\n\n\x00").Bytes()).Status)
			require.Equal(t, Pass, s.Feed(ws.FromServer, wstest.Frame{Opcode: ws.OpText, Payload: []byte("CONNECTED\nversion:1.2\n\n\x00")}.Bytes()).Status)
			r := s.Feed(ws.FromClient, wstest.Text(tt.message).Bytes())
			var got []string
			for s.rare != nil && len(s.rare.events) > 0 {
				v := s.rare.events[0].violation
				got = append(got, v.Violation.String()+" "+v.Value)
				s.Pop()
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want != nil, r.Status == Drop)
		})
	}
}
