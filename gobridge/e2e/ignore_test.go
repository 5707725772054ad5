//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// The exception that an event suggests, pasted into the location, lets the same
// message pass, and nothing beside it. It counts from http to location.
func TestIgnore(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(directives string) string {
		return "location / {\n" + n.proxy("http") + "wallarm_parse_websocket on;" + directives + "}\n"
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true, server: location("")}))
	n.run()
	first := text(`42["chat \"message\"; } #",{"text":"<script>alert(1)</script>"}]`)
	second := text(`42["other",{"text":"<script>alert(1)</script>"}]`)
	client, backend := n.connectTo("/socket.io/?EIO=4&transport=websocket")
	client.send(first)
	dropped(client, backend, ws.ClosePolicyViolation)
	e := n.events(1)[0]
	require.Contains(t, e.Wallarm.Ignore, "wallarm_websocket_ignore ")

	n.write("nginx.conf", n.config(t, conf{noLocation: true, http: e.Wallarm.Ignore,
		server: location("wallarm_websocket_ignore type=sqli event=nothing;")}))
	n.reload()
	client, backend = n.connectTo("/socket.io/?EIO=4&transport=websocket")
	client.send(first, text("2"))
	backend.expect(first, text("2"))
	client.send(second)
	dropped(client, backend, ws.ClosePolicyViolation)
	require.Equal(t, []string{"xss blocked", "xss ignored", "xss blocked"}, n.whats(3))
	require.Equal(t, "wallarm_websocket.ignored", n.events(3)[1].Event.Dataset)
	require.Equal(t, 2, strings.Count(n.log("error.log"), "xss attack blocked"))
}
