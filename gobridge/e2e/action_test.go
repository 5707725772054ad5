//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// Both peers are told the configured code and reason; a violation has its own
// code.
func TestActionClose(t *testing.T) {
	t.Parallel()
	reason := strings.Repeat("é", 61) + "!"
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream, location: `wallarm_websocket_action close 4403 "` + reason + `";`})
			closed := func(client, backend *peer, code ws.CloseCode) {
				for p, masked := range map[*peer]bool{client: false, backend: true} {
					h, payload := p.frame()
					require.Equal(t, ws.OpClose, h.Opcode)
					require.Equal(t, masked, h.Masked)
					require.Equal(t, string([]byte{byte(code >> 8), byte(code)})+reason, string(payload))
					require.Empty(t, p.rest())
				}
			}
			client, backend := n.connect()
			client.send(text(xss))
			closed(client, backend, 4403)
			client, backend = n.connect()
			client.send(text("\xff"))
			closed(client, backend, ws.CloseInvalidPayload)
			for i, e := range n.events(2) {
				validate(t, e.Line)
				require.Equal(t, []int{4403, 1007}[i], e.Wallarm.WebSocket.CloseCode)
			}
		})
	}
}

// The actions are inherited as a whole.
func TestActionInheritance(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http:   `wallarm_parse_websocket on; wallarm_websocket_action close 4000 why;`,
		server: n.location("/inherits", "") + n.location("/own", "wallarm_websocket_action close;")}))
	n.run()
	for target, want := range map[string]string{"/inherits": "\x0f\xa0why", "/own": "\x03\xf0"} {
		client, backend := n.connectTo(target)
		client.send(text(xss))
		_, payload := client.frame()
		require.Equal(t, want, string(payload))
		_, payload = backend.frame()
		require.Equal(t, want, string(payload))
	}
}

// reset closes both sockets at once, even inside a frame of the server, and
// without a byte.
func TestActionReset(t *testing.T) {
	t.Parallel()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream, location: "wallarm_websocket_action reset;"})
			for _, tt := range []struct {
				name  string
				bytes []byte
			}{
				{"attack", text(xss)},
				{"violation", text("\xff")},
				{"header", wstest.Frame{Opcode: 5, Mask: mask}.Bytes()},
				{"off the loop", text(prose(100<<10) + xss)},
				{"unread bytes", append(text(xss), bytes.Repeat(text(prose(1000)), 100)...)},
			} {
				t.Run(tt.name, func(t *testing.T) {
					n := n.in(t)
					other, otherBackend := n.connect()
					client, backend := n.connect()
					m := server("half of this").Bytes()
					backend.send(m[:5])
					client.expect(m[:5])
					// A reset is told once: to a write that it meets, or to the read.
					_, wrote := client.Conn.Write(tt.bytes)
					for _, p := range []*peer{client, backend} {
						p.patiently()
						b := make([]byte, 1)
						k, err := p.r.Read(b)
						require.Zero(t, k)
						if p == client && errors.Is(wrote, syscall.ECONNRESET) {
							continue
						}
						require.True(t, errors.Is(err, syscall.ECONNRESET), "%v, after %v", err, wrote)
					}
					talk(other, otherBackend)
				})
			}
			n.allow("SSL_|peer closed connection in SSL")
			n.eventually("dropped", func() bool { return strings.Count(n.log("access.log"), "101|block|drop|") == 5 })
		})
	}
}

// drop_message takes the one message out: those around it pass as they are, in
// order, and the client chats on.
func TestDropMessage(t *testing.T) {
	t.Parallel()
	frag := func(s string) []byte {
		third := len(s) / 3
		return bytes.Join([][]byte{more(s[:third]), next(s[third : 2*third]), last(s[2*third:])}, nil)
	}
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream, location: "wallarm_websocket_action drop_message;"})
			events := 0
			for _, tt := range []struct {
				name, target string
				lines        []string
				bad          []byte
				what         string
			}{
				{"text", "/socket.io/?EIO=4", nil, text(`42["chat","` + xss + `"]`), "xss blocked"},
				{"fragments", "/socket.io/?EIO=4", nil, frag(`42["chat","` + xss + `"]`), "xss blocked"},
				{"off the loop", "/socket.io/?EIO=4", nil, text(`42["chat","` + prose(100<<10) + xss + `"]`), "xss blocked"},
				{"not UTF-8", "/socket.io/?EIO=4", nil, text("42[\"chat\",\"\xff\"]"), "message_utf8_invalid blocked"},
				{"beside deflate", "/socket.io/?EIO=4", []string{deflate}, text(`42["chat","` + xss + `"]`), "xss blocked"},
				{"no takeover", "/socket.io/?EIO=4", []string{"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"},
					compressed(`42["chat","` + xss + `"]`), "xss blocked"},
				{"no DEFLATE, no takeover", "/", []string{"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"},
					wstest.Frame{RSV: 4, Opcode: ws.OpText, Mask: mask, Payload: []byte("\xff\xff\xff")}.Bytes(), "deflate_invalid blocked"},
				{"unknown framework", "/", nil, text(`{"text":"` + xss + `"}`), "xss blocked"},
				{"binary", "/", nil, wstest.Frame{Opcode: ws.OpBinary, Mask: mask, Payload: []byte(xss)}.Bytes(), "xss blocked"},
			} {
				t.Run(tt.name, func(t *testing.T) {
					n := n.in(t)
					client, backend := n.connectTo(tt.target, tt.lines...)
					say := func(s string) []byte { return text(`42["chat","` + s + `"]`) }
					first, rest := more(`42["chat",`), last(`"c"]`)
					for range 4 {
						client.send(say("hello"))
						backend.expect(say("hello"))
					}
					// alone
					client.send(tt.bad)
					events++
					require.Equal(t, tt.what, n.whats(events)[events-1])
					client.send(say("again"))
					backend.expect(say("again"))
					backend.send(server("hello").Bytes())
					client.expect(server("hello").Bytes())
					// in one read, also before a part of another
					client.send(say("a"), tt.bad, say("b"), tt.bad, tt.bad, first, ping("p"), rest, tt.bad, say("e")[:3])
					backend.expect(say("a"), say("b"), ping("p"), first, rest)
					client.send(say("e")[3:])
					backend.expect(say("e"))
					// byte by byte
					client.dribble(slices.Concat(say("f"), tt.bad[:min(len(tt.bad), 60)]))
					client.send(tt.bad[min(len(tt.bad), 60):])
					client.dribble(say("g"))
					backend.expect(say("f"), say("g"))
					if tt.what == "xss blocked" { // violations are logged once
						events += 5
					}
					for _, e := range n.events(events) {
						require.Zero(t, e.Wallarm.WebSocket.CloseCode)
					}
					validate(t, n.events(events)[events-1].Line)
					client.Close()
					backend.Close()
				})
			}
			n.eventually("access.log", func() bool { return strings.Count(n.log("access.log"), "101|block|discard|") == 9 })
		})
	}
}

// Whatever fragments and pieces messages come in, and with pings between them,
// drop_message takes out those that are attacks, and no byte of others.
func TestDropMessageOfAnyStream(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_action drop_message; wallarm_event_log off;"})
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 6455))
		deflate := seed%2 == 1
		lines := []string{}
		if deflate {
			lines = append(lines, "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n")
		}
		client, backend := n.connectTo("/socket.io/?EIO=4", lines...)
		var all, data, control []byte
		for i := range 40 {
			bad := rnd.IntN(3) == 0
			size := rnd.IntN(200)
			if rnd.IntN(10) == 0 {
				size = 20000 + rnd.IntN(40000) // judged off the loop
			}
			s := prose(size)
			if bad {
				s += xss
			}
			s = fmt.Sprintf(`42["chat","%d %s"]`, i, s)
			f := wstest.Frame{Opcode: ws.OpText, Mask: mask}
			if deflate && rnd.IntN(2) == 0 {
				s, f.RSV = string(deflated(s)), 4
			}
			for f.More = true; f.More; f.Opcode, f.RSV = ws.OpContinuation, 0 {
				k := len(s)
				if rnd.IntN(2) == 0 {
					k = rnd.IntN(len(s) + 1)
				}
				f.More, f.Payload, s = k < len(s), []byte(s[:k]), s[k:]
				all = append(all, f.Bytes()...)
				if !bad {
					data = append(data, f.Bytes()...)
				}
				if f.More && rnd.IntN(2) == 0 {
					all = append(all, ping(fmt.Sprint(i))...)
					control = append(control, ping(fmt.Sprint(i))...)
				}
			}
		}
		go feed(client, rnd, all)
		got := make([]byte, len(data)+len(control))
		backend.patiently()
		_, err := readFull(backend, got)
		require.NoError(t, err, "seed %d", seed)
		gotData, gotControl := sorted(t, got)
		require.True(t, bytes.Equal(data, gotData), "seed %d", seed)
		require.True(t, bytes.Equal(control, gotControl), "seed %d", seed)
		client.Close()
		backend.Close()
	}
}

// Where a message cannot be taken out alone, drop_message closes.
func TestDropMessageFallsBack(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_action drop_message 4001; wallarm_websocket_response_mode block;"})
	for _, tt := range []struct {
		name, target string
		lines        []string
		before       [][]byte
		bad          []byte
		code         ws.CloseCode
	}{
		{"takeover", "/socket.io/?EIO=4", []string{deflate}, nil, compressed(`42["chat","` + xss + `"]`), 4001},
		{"attachment", "/socket.io/?EIO=4", nil, [][]byte{text(`451-["file",{"_placeholder":true,"num":0}]`)},
			wstest.Frame{Opcode: ws.OpBinary, Mask: mask, Payload: []byte(xss)}.Bytes(), 4001},
		{"packet with an attachment", "/socket.io/?EIO=4", nil, nil, text(`451-["` + xss + `",{"_placeholder":true,"num":0}]`), 4001},
		{"first message", "/", nil, nil, text(xss), 4001},
		{"fourth message", "/", nil, [][]byte{text("a"), text("b"), text("c")}, text(xss), 4001},
		{"behind a foreign message", "/socket.io/?EIO=4", nil, [][]byte{text("a")}, text(`42["chat","` + xss + `"]`), 4001},
		{"part of a record", "/hub?id=x", nil, [][]byte{text(`{"protocol":"json","version":1}` + "\x1e"), text(`{"type":1,"target":"`)},
			text(xss + `","arguments":[]}` + "\x1e"), 4001},
		{"ping", "/socket.io/?EIO=4", nil, nil, ping(xss), 4001},
		{"header", "/socket.io/?EIO=4", nil, nil, wstest.Frame{Opcode: 5, Mask: mask}.Bytes(), ws.CloseProtocolError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := n.in(t)
			client, backend := n.connectTo(tt.target, tt.lines...)
			client.send(tt.before...)
			backend.expect(tt.before...)
			client.send(tt.bad)
			dropped(client, backend, tt.code)
		})
	}
	t.Run("server", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connectTo("/socket.io/?EIO=4")
		backend.send(server(`42["chat","` + xss + `"]`).Bytes())
		dropped(client, backend, 4001)
	})
	t.Run("polling", func(t *testing.T) {
		n := n.in(t)
		client := n.client()
		body := `42["chat","` + xss + `"]`
		client.send([]byte(fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: chat.example\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(body), body)))
		require.Equal(t, "403", client.status())
	})
}

// What was dropped is not what the engine thinks the server has read: the
// window in which it looks for a framework is not used up.
func TestDropMessageKeepsLooking(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_action drop_message;"})
	client, backend := n.connectTo("/socket.io/?EIO=4")
	for range 10 {
		client.send(text(`42["chat","` + xss + `"]`))
	}
	client.send(text(`451-["file",{"_placeholder":true,"num":0}]`))
	backend.expect(text(`451-["file",{"_placeholder":true,"num":0}]`))
	var last struct {
		Wallarm struct {
			WebSocket struct {
				Framework string `json:"framework"`
			} `json:"websocket"`
		} `json:"wallarm"`
	}
	require.NoError(t, json.Unmarshal([]byte(n.events(10)[9].Line), &last))
	require.Equal(t, "socket.io", last.Wallarm.WebSocket.Framework)
}

// In monitoring nothing is taken out.
func TestDropMessageMonitoring(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_mode monitoring; wallarm_websocket_action drop_message;"})
	client, backend := n.connectTo("/socket.io/?EIO=4")
	m := append(text(`42["chat","`+xss+`"]`), text(`42["chat","`+prose(50<<10)+xss+`"]`)...)
	client.send(m)
	backend.expect(m)
	talk(client, backend)
	require.Equal(t, []string{"xss monitored", "xss monitored"}, n.whats(2))
}
