//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// Pitfall 11: with unread bytes behind the attack, closing would reset the
// connection and the Close frame would be lost.
func TestCloseFrameBehindUnreadBytes(t *testing.T) {
	t.Parallel()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream})
			client, backend := n.connect()
			other, otherBackend := n.connect()
			client.send(text(xss), bytes.Repeat(text(prose(1000)), 200))
			dropped(client, backend, ws.ClosePolicyViolation)
			talk(other, otherBackend)
			client.Close()
			n.accessed("101|block|drop|xss|1|0")
		})
	}
}

// Pitfall 12: a lingering close reads from a connection whose upstream is gone.
func TestLingeringClose(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	client, backend := n.connect()
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	// NGINX has only half-closed: what still comes is read and thrown away
	for range 20 {
		client.send(text(prose(1000)))
	}
	client.Close()
	client, backend = n.connect()
	talk(client, backend)
}

// Server-to-client bytes are cut at a frame boundary only.
func TestDropInsideServerFrame(t *testing.T) {
	t.Parallel()
	for _, tr := range transports {
		for _, size := range []int{2000, 1 << 20} {
			t.Run(fmt.Sprintf("%s %d", tr.name, size), func(t *testing.T) {
				n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream})
				m := server(prose(size)).Bytes()
				for _, cut := range []int{1, 3, len(m) / 2, len(m) - 1} {
					client, backend := n.connect()
					backend.send(m[:cut])
					client.expect(m[:cut])
					events := strings.Count(n.log("websocket_attacks.json"), "\n")
					client.send(text(xss))
					n.events(events + 1)
					backend.send(m[cut:])
					client.expect(m[cut:])
					client.closed(false, ws.ClosePolicyViolation)
					backend.closed(true, ws.ClosePolicyViolation)
				}
			})
		}
	}
}

// A server that stalls inside a frame is not waited for: the connection ends
// without a Close frame, which would be taken for payload.
func TestDropStalledServerFrame(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	client, backend := n.connect()
	m := server(prose(1000)).Bytes()[:500]
	backend.send(m)
	client.expect(m)
	client.send(text(xss))
	backend.closed(true, ws.ClosePolicyViolation)
	require.Empty(t, client.rest())
}

// A server that never pauses does not keep an attacker connected, and he still
// gets whole frames only.
func TestDropUnderServerFlood(t *testing.T) {
	t.Parallel()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream})
			client, backend := n.connect()
			m := server(prose(3000)).Bytes()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					if _, err := backend.Conn.Write(m); err != nil {
						return
					}
				}
			}()
			client.expect(m)
			client.send(text(xss))
			client.patiently()
			b, err := io.ReadAll(client.r)
			require.NoError(t, err)
			<-done
			// m over and over, then the Close frame
			n.events(1)
			require.Equal(t, []byte{0x88, 2, 3, 0xf0}, b[max(0, len(b)-4):])
			require.Zero(t, (len(b)-4)%len(m))
		})
	}
}

// An attacker who does not read cannot keep the connection open.
func TestDropClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "proxy_send_timeout 1h; send_timeout 1h;"})
	client, backend := n.connect()
	m := bytes.Repeat(server(prose(60<<10)).Bytes(), 10)
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		for {
			backend.SetWriteDeadline(time.Now().Add(time.Minute))
			if _, err := backend.Conn.Write(m); err != nil {
				return
			}
		}
	}()
	// the worker has taken all that it takes when the backend's socket is full
	client.patiently()
	_, err := client.r.Peek(1)
	require.NoError(t, err)
	client.send(text(xss))
	n.events(1)
	select {
	case <-blocked: // its connection was closed
	case <-time.After(patience):
		require.Fail(t, "the connection stays open")
	}
}

// A response that is judged an attack is dropped when the directive says so,
// and logged when it does not.
func TestResponseMode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mode, response, action string }{
		{"block", "block", "blocked"},
		{"block", "monitoring", "monitored"},
		{"block", "off", ""},
		{"monitoring", "block", "monitored"},
	} {
		t.Run(tt.mode+" "+tt.response, func(t *testing.T) {
			n := start(t, conf{location: "wallarm_mode " + tt.mode + "; wallarm_websocket_response_mode " + tt.response + ";"})
			client, backend := n.connect()
			head := wstest.Frame{More: true, Opcode: ws.OpText, Payload: []byte("<script>")}.Bytes()
			tail := wstest.Frame{Opcode: ws.OpContinuation, Payload: []byte("alert(1)</script>")}.Bytes()
			backend.send(server("hello").Bytes(), head)
			client.expect(server("hello").Bytes())
			if tt.action == "blocked" {
				backend.send(tail)
				dropped(client, backend, ws.ClosePolicyViolation)
			} else {
				client.expect(head)
				backend.send(tail)
				client.expect(tail)
				talk(client, backend)
			}
			if tt.action == "" {
				require.Empty(t, n.log("websocket_attacks.json"))
				return
			}
			e := n.events(1)[0]
			require.Equal(t, "xss "+tt.action, e.what())
			require.Equal(t, "server_to_client", e.Wallarm.WebSocket.Direction)
			n.logged("xss attack " + tt.action + ".*from server")
		})
	}
}

// The backend may answer the Close; nothing of it matters any more.
func TestDropBackendAnswersClose(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	client, backend := n.connect()
	client.send(text(xss))
	h, payload := backend.frame()
	require.Equal(t, ws.OpClose, h.Opcode)
	backend.send(wstest.Frame{Opcode: ws.OpClose, Payload: payload}.Bytes())
	require.Empty(t, backend.drain())
	client.closed(false, ws.ClosePolicyViolation)
}

// A message longer than the limit is refused by its header.
func TestTooBig(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_max_message_size 10k; wallarm_websocket_max_inflated_size 20k;"})
	header := func(length uint64) []byte {
		f := wstest.Frame{Opcode: ws.OpText, Mask: mask, Payload: make([]byte, 1<<16)}.Bytes()[:14]
		for i := range 8 {
			f[2+i] = byte(length >> (56 - 8*i))
		}
		return f
	}
	bomb := strings.Repeat("a", 30<<10)
	for _, tt := range []struct {
		name  string
		bytes []byte
		code  ws.CloseCode
		what  string
	}{
		{"header", header(1 << 20), ws.CloseMessageTooBig, "message_too_big blocked"},
		{"one byte over", text(prose(10<<10 + 1))[:8], ws.CloseMessageTooBig, "message_too_big blocked"},
		{"second fragment", append(more(prose(6<<10)), last(prose(6 << 10))[:8]...), ws.CloseMessageTooBig, "message_too_big blocked"},
		{"2^63", header(1 << 63), ws.CloseProtocolError, "frame_length_overflow blocked"},
		{"2^63-1", header(1<<63 - 1), ws.CloseMessageTooBig, "message_too_big blocked"},
		{"bomb", compressed(bomb), ws.CloseMessageTooBig, "deflate_too_big blocked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := n.in(t)
			before := strings.Count(n.log("websocket_attacks.json"), "\n")
			client, backend := n.connect(deflate)
			client.send(tt.bytes)
			dropped(client, backend, tt.code)
			require.Equal(t, tt.what, n.whats(before + 1)[before])
		})
	}
	t.Run("exactly", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect(deflate)
		m := append(text(prose(10<<10)), compressed(bomb[:20<<10])...)
		client.send(m)
		backend.expect(m)
	})
}
