//go:build e2e

package e2e

import (
	"fmt"
	"strings"
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

// Where the configuration itself writes the Upgrade header, a request without
// one is a handshake to the backend, and its body may be taken for frames.
func TestBodyOnConfiguredUpgrade(t *testing.T) {
	t.Parallel()
	rules := "proxy_set_header Upgrade websocket;"
	for _, line := range []string{"", "Upgrade: h2c\r\n"} {
		n := start(t, conf{stopped: true})
		proxy := strings.Replace(n.proxy("http"), "proxy_set_header Upgrade $http_upgrade;", rules, 1)
		n.write("nginx.conf", n.config(t, conf{noLocation: true,
			server: "location / {\n" + proxy + "wallarm_parse_websocket on;\n}\n"}))
		n.run()
		attack := text(xss)
		client := n.client()
		client.send([]byte(strings.Replace(string(request("/", fmt.Sprintf("Content-Length: %d\r\n", len(attack)))),
			"Upgrade: websocket\r\n", line, 1)), attack)
		require.Equal(t, "400", client.status())
	}
}
