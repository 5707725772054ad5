//go:build e2e

package e2e

import (
	"fmt"
	"strings"
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

// A schema is a file beside nginx.conf, read by "nginx -t" and by the workers.
func TestSchemas(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(path, directives string) string {
		return fmt.Sprintf("location %s/ {\n%swallarm_event_log logs%s.json; %s}\n", path, n.proxy("http"), path, directives)
	}
	n.write("chat.json", `{"type":"array","maxItems":1,"items":{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}}`)
	n.write("any.json", "true")
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_websocket_schema chat chat.json;",
		server: location("/inherits", "") +
			location("/inner", "wallarm_websocket_schema chat any.json;") +
			location("/log", "wallarm_websocket_violation schema_violation log;") +
			location("/off", "wallarm_websocket_violation schema_violation off;") +
			location("/monitoring", "wallarm_mode monitoring;")}))
	out, ok := n.test()
	require.True(t, ok, out)
	n.run()
	big := prose(20000)
	seen := map[string]int{}
	for _, tt := range []struct{ path, message, what string }{
		{"/inherits", `42["chat",{"text":"hello"}]`, ""},
		{"/inherits", `42["other",1]`, ""},
		{"/inherits", fmt.Sprintf(`42["chat",{"text":%q}]`, big), ""},
		{"/inherits", `42["chat",{"text":1}]`, "schema_violation blocked"},
		{"/inherits", fmt.Sprintf(`42["chat",{"text":1,"more":%q}]`, big), "schema_violation blocked"},
		{"/inherits", `42["chat",{"text":"a","text":1}]`, "schema_unreadable blocked"},
		{"/inner", `42["chat",{"text":1}]`, ""},
		{"/log", `42["chat",{"text":1}]`, "schema_violation logged"},
		{"/off", `42["chat",{"text":1}]`, ""},
		{"/monitoring", `42["chat",{"text":1}]`, "schema_violation monitored"},
	} {
		t.Run(fmt.Sprintf("%s %.30s", tt.path, tt.message), func(t *testing.T) {
			n := n.in(t)
			client, backend := n.connectTo(tt.path + socketIO)
			message := text(tt.message)
			client.send(message)
			if strings.HasSuffix(tt.what, "blocked") {
				dropped(client, backend, ws.CloseInvalidPayload)
			} else {
				backend.expect(message)
				client.Close()
				backend.Close()
			}
			if tt.what != "" {
				seen[tt.path]++
				e := n.eventsIn(tt.path+".json", seen[tt.path])[seen[tt.path]-1]
				require.Equal(t, tt.what, e.what())
				require.Contains(t, e.Line, `"value":"chat: `)
				validate(t, e.Line)
			}
		})
	}
	n.write("chat.json", `{"$ref":"http://localhost/other.json"}`)
	out, ok = n.test()
	require.False(t, ok, out)
	require.Regexp(t, `\[emerg\].*"wallarm_websocket_schema" directive: .*chat.json.*only references inside the file are followed in .*nginx.conf:\d+`, out)
}

// An AsyncAPI document says which events there are, and what their data is.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(path, directives string) string {
		return fmt.Sprintf("location %s/ {\n%swallarm_event_log logs%s.json; %s}\n", path, n.proxy("http"), path, directives)
	}
	n.write("chat.yaml", `
asyncapi: 3.0.0
channels:
  chat:
    messages:
      say: {payload: {type: object, required: [text], properties: {text: {type: string}}}}
      said: {payload: {$ref: '#/components/schemas/said'}}
operations:
  say: {action: receive, channel: {$ref: '#/channels/chat'}, messages: [{$ref: '#/channels/chat/messages/say'}]}
  said: {action: send, channel: {$ref: '#/channels/chat'}, messages: [{$ref: '#/channels/chat/messages/said'}]}
components:
  schemas:
    said: {type: integer}
`)
	n.write("other.json", `{"asyncapi":"2.6.0","channels":{"/":{"publish":{"message":{"name":"other"}}}}}`)
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_websocket_asyncapi chat.yaml;",
		server: location("/inherits", "") +
			location("/inner", "wallarm_websocket_asyncapi other.json;") +
			location("/log", "wallarm_websocket_asyncapi chat.yaml log;") +
			location("/client", "wallarm_websocket_asyncapi chat.yaml block of=client;") +
			location("/monitoring", "wallarm_mode monitoring;") +
			location("/server", "wallarm_websocket_response_mode block;")}))
	out, ok := n.test()
	require.True(t, ok, out)
	n.run()
	seen := map[string]int{}
	for _, tt := range []struct{ path, message, what string }{
		{"/inherits", `42["say",{"text":"hello"}]`, ""},
		{"/inherits", `42["say",{"text":1}]`, "schema_violation blocked"},
		{"/inherits", `42["said",1]`, "event_unknown blocked"},
		{"/inner", `42["other",{"text":1}]`, ""},
		{"/inner", `42["say",{"text":"hello"}]`, "event_unknown blocked"},
		{"/log", `42["other",{"text":1}]`, "event_unknown logged"},
		{"/log", `42["say",{"text":1}]`, "schema_violation logged"},
		{"/client", `42["said",1]`, ""},
		{"/client", `42["say",{"text":"hello"}]`, "event_unknown blocked"},
		{"/monitoring", `42["run",1]`, "event_unknown monitored"},
	} {
		t.Run(tt.path+" "+tt.message, func(t *testing.T) {
			n := n.in(t)
			client, backend := n.connectTo(tt.path + socketIO)
			message := text(tt.message)
			client.send(message)
			switch tt.what {
			case "schema_violation blocked":
				dropped(client, backend, ws.CloseInvalidPayload)
			case "event_unknown blocked":
				dropped(client, backend, ws.ClosePolicyViolation)
			default:
				backend.expect(message)
				client.Close()
				backend.Close()
			}
			if tt.what != "" {
				seen[tt.path]++
				require.Equal(t, tt.what, n.eventsIn(tt.path+".json", seen[tt.path])[seen[tt.path]-1].what())
			}
		})
	}
	t.Run("from the server", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connectTo("/server" + socketIO)
		good := server(`42["said",1]`).Bytes()
		backend.send(good)
		client.expect(good)
		backend.send(server(`42["said","text"]`).Bytes())
		dropped(client, backend, ws.CloseInvalidPayload)
		require.Equal(t, "schema_violation blocked", n.eventsIn("/server.json", 1)[0].what())
	})
	n.write("chat.yaml", "asyncapi: 3.0.0\noperations: {say: {action: receive, channel: {$ref: 'channels.yaml'}}}\n")
	out, ok = n.test()
	require.False(t, ok, out)
	require.Regexp(t, `\[emerg\].*"wallarm_websocket_asyncapi" directive: ".*/chat.yaml" cannot be used: "channels.yaml": only references inside the file are followed at "#/operations/say/channel" in .*nginx.conf:\d+`, out)
	n.write("chat.yaml", "asyncapi: 3.0.0\noperations: {\n")
	out, ok = n.test()
	require.False(t, ok, out)
	require.Regexp(t, `"wallarm_websocket_asyncapi" directive: ".*/chat.yaml" is no YAML: line \d+: .* in .*nginx.conf:\d+`, out)
}
