//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

const socketIO = "/socket.io/?EIO=4&transport=websocket"

// What wallarm_websocket_event says, by action, mode and level.
func TestEvents(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(path, directives string) string {
		return fmt.Sprintf("location %s/ {\n%swallarm_event_log logs%s.json; %s}\n", path, n.proxy("http"), path, directives)
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_websocket_event allow outer; wallarm_websocket_event deny outermost;",
		server: location("/inherits", "") +
			location("/inner", "wallarm_websocket_event allow chat.* ; wallarm_websocket_event deny chat.delete;") +
			location("/log", "wallarm_websocket_event allow chat.*; wallarm_websocket_violation event_unknown log;") +
			location("/off", "wallarm_websocket_event allow chat.*; wallarm_websocket_violation event_unknown off;") +
			location("/monitoring", "wallarm_websocket_event allow chat.*; wallarm_mode monitoring;") +
			location("/server", "wallarm_websocket_event allow from=server chat.*; wallarm_websocket_response_mode block;")}))
	n.run()
	seen := map[string]int{}
	for _, tt := range []struct{ path, event, what string }{
		{"/inherits", "outer", ""},
		{"/inherits", "chat.send", "event_unknown blocked"},
		{"/inherits", "outermost", "event_denied blocked"},
		{"/inner", "chat.send", ""},
		{"/inner", "chat.delete", "event_denied blocked"},
		{"/inner", "outer", "event_unknown blocked"},
		{"/inner", "outermost", "event_unknown blocked"},
		{"/log", "outer", "event_unknown logged"},
		{"/off", "outer", ""},
		{"/monitoring", "outer", "event_unknown monitored"},
		{"/server", "outer", ""},
	} {
		t.Run(tt.path+" "+tt.event, func(t *testing.T) {
			n := n.in(t)
			client, backend := n.connectTo(tt.path + socketIO)
			client.send(text("2"), text("40"))
			backend.expect(text("2"), text("40"))
			message := text(fmt.Sprintf(`42[%q,{"text":"hello"}]`, tt.event))
			client.send(message)
			if tt.what == "event_unknown blocked" || tt.what == "event_denied blocked" {
				dropped(client, backend, ws.ClosePolicyViolation)
			} else {
				backend.expect(message)
				client.Close()
				backend.Close()
			}
			if tt.what != "" {
				seen[tt.path]++
				e := n.eventsIn(tt.path+".json", seen[tt.path])[seen[tt.path]-1]
				require.Equal(t, tt.what, e.what())
				require.Contains(t, e.Line, fmt.Sprintf(`"value":%q`, tt.event))
				validate(t, e.Line)
			}
		})
	}
	t.Run("from the server", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connectTo("/server" + socketIO)
		good := server(`42["chat.new",1]`).Bytes()
		backend.send(good)
		client.expect(good)
		backend.send(server(`42["other",1]`).Bytes())
		dropped(client, backend, ws.ClosePolicyViolation)
		require.Equal(t, "event_unknown blocked", n.eventsIn("/server.json", 1)[0].what())
	})
}
