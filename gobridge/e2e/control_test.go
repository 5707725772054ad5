//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// The payloads of control frames and the reasons of Close frames are judged in
// both directions, also what is inside of them. Benign ones pass.
func TestControlFramesJudged(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_response_mode block;"})
	count := 0
	for _, side := range []string{"client", "server"} {
		for _, tt := range []struct {
			op                    ws.Opcode
			payload, opcode, what string // what "": passes
		}{
			{ws.OpPing, xss, "ping", "xss blocked"},
			{ws.OpPong, xss, "pong", "xss blocked"},
			{ws.OpPing, "PHNjcmlwdD5hbGVydChkb2N1bWVudC5jb29raWUpPC9zY3JpcHQ+", "ping", "xss blocked"},
			{ws.OpPong, sqli, "pong", "sqli blocked"},
			{ws.OpClose, "\x03\xe8" + xss, "close", "xss blocked"},
			{ws.OpPing, "keepalive 17", "", ""},
			{ws.OpPong, "\x00\x01\x02\x03", "", ""},
			{ws.OpClose, "\x03\xe9going away, it's late", "", ""},
		} {
			t.Run(fmt.Sprintf("%s %v %q", side, tt.op, tt.payload), func(t *testing.T) {
				n := n.in(t)
				client, backend := n.connect()
				from, to := client, backend
				f := wstest.Frame{Opcode: tt.op, Mask: mask, Payload: []byte(tt.payload)}
				if side == "server" {
					from, to, f.Mask = backend, client, nil
				}
				from.send(f.Bytes())
				if tt.what == "" {
					to.expect(f.Bytes())
					n.events(count)
					return
				}
				dropped(client, backend, ws.ClosePolicyViolation)
				count++
				e := n.events(count)[count-1]
				require.Equal(t, tt.what, e.what())
				require.Contains(t, e.Line, `"opcode":"`+tt.opcode+`"`)
				validate(t, e.Line)
			})
		}
	}
}
