//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// What is exactly at a limit passes, what is over it is refused by its header;
// each limit holds for the direction that it is given for.
func TestLimits(t *testing.T) {
	t.Parallel()
	binary := func(s string) []byte {
		return wstest.Frame{Opcode: ws.OpBinary, Mask: mask, Payload: []byte(s)}.Bytes()
	}
	long := text(prose(101))
	for _, tt := range []struct {
		directive string
		good      [][]byte
		bad       []byte
		before    [][]byte
		code      ws.CloseCode
		token     string
	}{
		{"max_frame_size 100", [][]byte{text(prose(100)), more(prose(100)), last(prose(100)), ping("p")}, long[:6], nil, ws.CloseMessageTooBig, "frame_too_big"},
		{"max_message_size 100", [][]byte{text(prose(100)), more(prose(50)), last(prose(50))}, long[:6], nil, ws.CloseMessageTooBig, "message_too_big"},
		{"max_fragments 3", [][]byte{more("1"), next("2"), ping("p"), last("3"), more("1"), next("2"), last("3")}, next("4")[:6],
			[][]byte{more("1"), next("2"), next("3")}, ws.ClosePolicyViolation, "message_too_many_fragments"},
		{"max_control_rate 2r/s", [][]byte{ping("1"), text("a"), ping("2"), text("b"), text("c")}, bytes.Repeat(ping("3"), 20), nil, ws.ClosePolicyViolation, "frame_control_rate"},
		{"messages text", [][]byte{text("a"), ping("1"), more("b"), last("c")}, binary("x")[:6], nil, ws.CloseUnsupportedData, "message_type_not_allowed"},
		{"messages binary", [][]byte{binary("a"), ping("1")}, text("x")[:6], nil, ws.CloseUnsupportedData, "message_type_not_allowed"},
	} {
		for _, from := range []string{"", " from=client", " from=server"} {
			t.Run(tt.directive+from, func(t *testing.T) {
				n := start(t, conf{location: "wallarm_websocket_response_mode block; wallarm_websocket_" + tt.directive + from + ";"})
				for _, side := range []string{"client", "server"} {
					limited := from == "" || strings.HasSuffix(from, side)
					client, backend := n.connect()
					send, to := client, backend
					good, bad, before := tt.good, tt.bad, tt.before
					if side == "server" {
						send, to = backend, client
						good, before, bad = fromServer(good), fromServer(before), bytes.Join(fromServer([][]byte{bad}), nil)
					}
					send.send(good...)
					for range good { // in any order: Pings may overtake
						h, _ := to.frame()
						require.NotEqual(t, ws.OpClose, h.Opcode)
					}
					send.send(before...)
					send.send(bad)
					if !limited {
						continue // it is held: nothing comes
					}
					for _, p := range []*peer{client, backend} {
						h, payload := p.frame()
						for h.Opcode != ws.OpClose {
							h, payload = p.frame()
						}
						require.Equal(t, []byte{byte(tt.code >> 8), byte(tt.code)}, payload)
						require.Empty(t, p.rest())
					}
				}
				want := 1
				if from == "" {
					want = 2
				}
				for _, what := range n.whats(want) {
					require.Equal(t, tt.token+" blocked", what)
				}
			})
		}
	}
}

// fromServer are a client's frames as a server sends them, the last one cut if it
// was.
func fromServer(all [][]byte) (frames [][]byte) {
	for _, b := range all {
		for len(b) > 0 {
			h, n := frame.ParseHeader(b)
			payload := make([]byte, h.Length)
			part := b[n:min(len(b), n+len(payload))]
			frame.Unmask(payload, part, h.Mask, 0)
			f := wstest.Frame{More: !h.Fin, Opcode: h.Opcode, Payload: payload}.Bytes()
			frames = append(frames, f[:len(f)-len(payload)+len(part)])
			b = b[n+len(part):]
		}
	}
	return frames
}

// A message has a time to arrive by direction.
func TestAssemblyTimeoutByDirection(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_response_mode block; wallarm_websocket_assembly_timeout 100ms from=server; wallarm_websocket_assembly_timeout 1h from=client;"})
	client, backend := n.connect()
	client.send(more("a"))
	backend.send(wstest.Frame{More: true, Opcode: ws.OpText, Payload: []byte("b")}.Bytes())
	dropped(client, backend, ws.ClosePolicyViolation)
	e := n.events(1)[0]
	require.Equal(t, "message_assembly_timeout blocked", e.what())
	require.Equal(t, "server_to_client", e.Wallarm.WebSocket.Direction)
}

// Each limit is inherited by itself, and by direction.
func TestLimitInheritance(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_websocket_response_mode block; wallarm_websocket_max_frame_size 10; wallarm_websocket_messages text from=client;",
		server: "wallarm_websocket_max_frame_size 20 from=server;" + n.location("/inherits", "") +
			n.location("/client", "wallarm_websocket_max_frame_size 30 from=client; wallarm_websocket_messages any;") +
			n.location("/none", "wallarm_websocket_max_frame_size 0;")}))
	n.run()
	events := 0
	for _, tt := range []struct {
		target         string
		client, server int // 0: none
		binary         bool
	}{{"/inherits", 10, 20, false}, {"/client", 30, 20, true}, {"/none", 0, 0, false}} {
		for _, side := range []string{"client", "server"} {
			limit := map[string]int{"client": tt.client, "server": tt.server}[side]
			size := limit
			if limit == 0 {
				size = 1000
			}
			client, backend := n.connectTo(tt.target)
			from, to, f := client, backend, wstest.Frame{Opcode: ws.OpText, Mask: mask, Payload: []byte(prose(size))}
			if side == "server" {
				from, to, f.Mask = backend, client, nil
			}
			from.send(f.Bytes())
			to.expect(f.Bytes())
			if limit == 0 {
				continue
			}
			f.Payload = []byte(prose(size + 1))
			from.send(f.Bytes())
			dropped(client, backend, ws.CloseMessageTooBig)
			events++
		}
		client, backend := n.connectTo(tt.target)
		m := wstest.Frame{Opcode: ws.OpBinary, Mask: mask, Payload: []byte("x")}.Bytes()
		client.send(m)
		if tt.binary {
			backend.expect(m)
		} else {
			dropped(client, backend, ws.CloseUnsupportedData)
			events++
		}
	}
	n.events(events)
}

// wallarm_parse_response off leaves what the server says alone.
func TestParseResponse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		directive string
		passes    bool
	}{{"on", false}, {"off", true}} {
		t.Run(tt.directive, func(t *testing.T) {
			n := start(t, conf{http: "wallarm_parse_response " + map[bool]string{true: "on", false: "off"}[tt.passes] + ";",
				location: "wallarm_websocket_response_mode block; wallarm_parse_response " + tt.directive + ";"})
			client, backend := n.connect()
			m := server(xss).Bytes()
			backend.send(m)
			if tt.passes {
				client.expect(m)
				require.Empty(t, n.log("websocket_attacks.json"))
			} else {
				dropped(client, backend, ws.ClosePolicyViolation)
			}
			client, backend = n.connect()
			client.send(text(xss))
			dropped(client, backend, ws.ClosePolicyViolation)
		})
	}
}

// The mode may be a variable: what it is at the handshake counts.
func TestModeVariable(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_mode $http_x_mode;"})
	polling := func(mode string) string {
		client := n.client()
		body := `42["chat","` + xss + `"]`
		client.send([]byte(fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: chat.example\r\nX-Mode: %s\r\n"+
			"Content-Length: %d\r\n\r\n%s", mode, len(body), body)))
		if mode == "block" || mode == "nothing" {
			return client.status()
		}
		backend := n.accept()
		backend.head()
		backend.expect([]byte(body))
		backend.send([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		return client.status()
	}
	m := text(xss)
	for _, tt := range []struct{ mode, logged, action, status string }{
		{"block", "block", "xss blocked", "403"},
		{"monitoring", "monitoring", "xss monitored", "200"},
		{"safe_blocking", "monitoring", "xss monitored", "200"},
		{"off", "off", "", "200"},
		{"nothing", "block", "xss blocked", "403"},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			n := n.in(t)
			before := strings.Count(n.log("websocket_attacks.json"), "\n")
			client, backend := n.connect("X-Mode: " + tt.mode + "\r\n")
			client.send(m)
			if tt.logged == "block" {
				dropped(client, backend, ws.ClosePolicyViolation)
			} else {
				backend.expect(m)
				talk(client, backend)
			}
			client.Close()
			backend.Close()
			n.eventually("access.log", func() bool { return strings.Contains(n.log("access.log"), "101|"+tt.logged+"|") })
			if tt.action != "" {
				before++
				require.Equal(t, tt.action, n.whats(before)[before-1])
			}
			require.Equal(t, tt.status, polling(tt.mode))
			if tt.action != "" {
				before++
			}
			n.events(before)
		})
	}
	n.eventually("all have ended", func() bool { return strings.Count(n.log("access.log"), "\n") == 10 })
	lines := regexp.MustCompile(`\[error\] .*wallarm: invalid "wallarm_mode" value "nothing", "block" is used`).FindAllString(n.log("error.log"), -1)
	require.Len(t, lines, 2, "one for each request")
}
