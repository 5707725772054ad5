package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// configFiles writes files into one directory, of which the first is returned.
func configFiles(t *testing.T, files ...string) string {
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o644))
	}
	return filepath.Join(dir, files[0])
}

const testConfig = `# a comment; with { braces }
user nobody; load_module "modules/a b.so";
events { worker_connections 10; }
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    wallarm_parse_websocket on;
    wallarm_websocket_ignore type=xss path=$.outer;
    wallarm_websocket_profile code;
    include servers/*.none;
    include server.conf;
    server { server_name other; location /ws { wallarm_websocket_threshold 100; } }
}
`

const serverConfig = `server {
    listen 80; server_name chat.example www.example;
    location ~ "^/(a|b){2}\"" { return 200 "${uri} };"; }
    location /ws {
        wallarm_websocket_rules my.rules;
        wallarm_websocket_ignore type=xss "event=chat message" path=$*;
        wallarm_mode monitoring;
        wallarm_websocket_asyncapi chat.yaml log;
        wallarm_websocket_rate zone=a event=say;
        location /ws/inner { wallarm_websocket_paranoia 2; }
    }
}
`

const sayOnly = "asyncapi: 2.6.0\nchannels: {c: {publish: {message: {name: say}}}}\n"

func TestLocationConfig(t *testing.T) {
	rules := "rule mine\n type vpatch\n score 5\n pattern ^open sesame$\n"
	file := configFiles(t, "nginx.conf", testConfig, "server.conf", serverConfig, "my.rules", rules,
		"chat.yaml", sayOnly)
	c, notes, err := locationConfig(file, "/ws", "www.example")
	require.NoError(t, err)
	require.Len(t, notes, 1)
	require.Contains(t, notes[0], `"wallarm_mode" is "monitoring" in `)
	require.Len(t, c.Policy.Ignores, 2)
	require.Equal(t, "$.outer", c.Policy.Ignores[0].Path)
	require.Equal(t, "chat message", c.Policy.Ignores[1].Event)
	require.NotNil(t, c.Policy.Rules)
	require.Equal(t, ws.NoViolation, c.Policy.Events[ws.FromClient].Judge([]byte("say")))
	require.Equal(t, ws.EventUnknown, c.Policy.Events[ws.FromClient].Judge([]byte("run")))
	require.Equal(t, ws.Log, c.Policy.Violations.Of(ws.EventUnknown))
	require.Len(t, c.Policy.Rates, 1)
	require.Len(t, c.Policy.Profiles, 1)
	require.Equal(t, 5, c.Threshold)
	inner, _, err := locationConfig(file, "/ws/inner", "")
	require.NoError(t, err)
	require.Equal(t, 2, inner.Policy.Paranoia)
	require.Len(t, inner.Policy.Ignores, 2)
	other, _, err := locationConfig(file, "/ws", "other")
	require.NoError(t, err)
	require.Equal(t, 100, other.Threshold)
	require.Len(t, other.Policy.Ignores, 1)

	_, _, err = locationConfig(file, "/ws", "")
	require.ErrorContains(t, err, "--server NAME says which")
	_, _, err = locationConfig(file, "/none", "")
	require.ErrorContains(t, err, `no location "/none"`)
	for text, want := range map[string]string{
		"http {":                  `nginx.conf:1: unexpected end of file, expecting "}"`,
		"}":                       `nginx.conf:1: unexpected "}"`,
		"a b":                     `nginx.conf:1: unexpected end of file, expecting ";" or "}"`,
		"a\n \"b;":                "nginx.conf:2: no end of the text in quotes",
		"a \"b\"c;":               `nginx.conf:1: unexpected "c"`,
		";":                       `nginx.conf:1: unexpected ";"`,
		"include none.conf;":      "none.conf: no such file or directory in ",
		"include nginx.conf;":     "too many files inside each other",
		strings.Repeat("a {", 99): "too many blocks inside each other",
		"http { server { location /ws { wallarm_websocket_ignore rule=1 path=$; } } }": `"wallarm_websocket_ignore" directive: unknown rule "1"`,
	} {
		_, _, err := locationConfig(configFiles(t, "nginx.conf", text), "/ws", "")
		require.ErrorContains(t, err, want, text)
	}
}

// eventLine is an event of a message.
func eventLine(payload, framework, name string, truncated bool) string {
	line, _ := json.Marshal(map[string]any{
		"event": map[string]any{"id": "1", "action": "blocked", "dataset": "wallarm_websocket.attack"},
		"url":   map[string]any{"path": "/socket.io/", "query": "EIO=4&transport=websocket"},
		"wallarm": map[string]any{
			"attack":         map[string]any{"type": "xss", "path": "$"},
			"websocket":      map[string]any{"direction": "client_to_server", "opcode": "text", "framework": framework, "event_name": name},
			"payload_base64": base64.StdEncoding.EncodeToString([]byte(payload)), "truncated": truncated,
		},
	})
	return string(line) + "\n"
}

func TestReplayEvents(t *testing.T) {
	file := configFiles(t, "nginx.conf", testConfig, "server.conf", serverConfig, "my.rules", "rule mine\n type vpatch\n score 5\n pattern ^open sesame$\n",
		"chat.yaml", sayOnly)
	message := func(event, text string) string { return fmt.Sprintf("42[%q,%q]", event, text) }
	events := writeFile(t, "events.json",
		eventLine(message("chat message", xssText), "socket.io", "chat message", false)+
			eventLine(message("other", xssText), "socket.io", "other", false)+
			eventLine(message("other", "open sesame"), "socket.io", "other", true)+
			eventLine("no framework's "+xssText, "socket.io", "other", false)+
			`{"event":{"dataset":"wallarm_websocket.violation"},"wallarm":{"violation":{"token":"x"}}}`+"\n")
	args := []string{"replay", "--json", "--conf", file, "--location", "/ws", "--server", "www.example"}
	code, stdout, stderr := runWSI("", append(args, events)...)
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stderr, `"wallarm_mode" is "monitoring"`)
	var all []rejudged
	for line := range strings.Lines(stdout) {
		var r rejudged
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		all = append(all, r)
	}
	require.Len(t, all, 4)
	require.Equal(t, "allow", all[0].Verdict)
	require.Empty(t, all[0].Inexact)
	require.Equal(t, "drop", all[1].Verdict)
	require.Empty(t, all[1].Inexact)
	require.Equal(t, "drop", all[2].Verdict)
	require.Equal(t, "mine", all[2].Attacks[0].Rule)
	require.Equal(t, "the event has a part of the message", all[2].Inexact)
	require.Contains(t, all[3].Inexact, "it depends on earlier messages")

	code, stdout, _ = runWSI("", "replay", "--fail-on-attack", "--conf", file, "--location", "/ws", "--server", "www.example", events)
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "of 4 events would still be dropped, 2 inexact\n")

	for _, args := range [][]string{{"--conf", file}, {"--location", "/ws"}, {"--conf", file, "--location", "/none"}, {"--conf", "absent", "--location", "/"}} {
		code, _, stderr := runWSI("", append(append([]string{"replay"}, args...), events)...)
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "wsi replay: ")
	}
}

// FuzzConfig: whatever a file has, it is read to its end or refused.
func FuzzConfig(f *testing.F) {
	f.Add(testConfig)
	f.Add(serverConfig)
	f.Add("a \"b\\\"c\" 'd' ${e} # f\n;")
	f.Fuzz(func(t *testing.T, text string) {
		tokens := tokens{file: "f", text: []byte(strings.ReplaceAll(text, "include", "exclude")), line: 1}
		c := configReader{prefix: t.TempDir()}
		main, err := c.block(&tokens, 0, false)
		if err == nil {
			require.Equal(t, len(tokens.text), tokens.at)
			c.locations(main, "/ws")
		}
	})
}
