//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// redirected runs NGINX with one more inspected location.
func redirected(t *testing.T, location, rules string) *nginx {
	t.Helper()
	n := start(t, conf{stopped: true})
	on := n.proxy("http") + "wallarm_parse_websocket on;\n"
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		server: "location / {\n" + on + rules + "\n}\nlocation " + location + " {\n" + on + "}\n"}))
	n.run()
	return n
}

// error_page without "=" keeps its status, also for a 101: NGINX tunnels
// behind a 404.
func TestUpgradeBehindErrorPage(t *testing.T) {
	t.Parallel()
	n := redirected(t, "@chat", "error_page 404 @chat; return 404;")
	client := n.client()
	client.send(request("/"))
	backend := n.accept()
	backend.head()
	backend.send(response())
	require.Equal(t, "404", client.status())
	talk(client, backend)
	client.send(text(xss))
	backend.closed(true, ws.ClosePolicyViolation)
	h, _ := client.frame()
	require.Equal(t, ws.OpClose, h.Opcode)
}

// A post_action makes another upstream of the same request, whose contexts of
// modules are cleared, while the client's connection is still tapped.
func TestPostAction(t *testing.T) {
	t.Parallel()
	n := redirected(t, "/after", "post_action /after;")
	client, backend := n.connect()
	talk(client, backend)
	client.send(text(xss))
	backend.closed(true, ws.ClosePolicyViolation)
	after := n.accept()
	require.Contains(t, after.head(), " /after ")
	client.send(text(prose(100 << 10)))
	after.send([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	require.Empty(t, after.rest())
	client.closed(false, ws.ClosePolicyViolation)
}
