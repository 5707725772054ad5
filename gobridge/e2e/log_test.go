//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// Each log has its own options.
func TestEventLogs(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: `
		wallarm_mode monitoring;
		wallarm_event_log logs/websocket_attacks.json;
		wallarm_event_log logs/full.json payload=full;
		wallarm_event_log logs/none.json payload=none;
		wallarm_event_log logs/small.json payload=100 datasets=attack;
		wallarm_event_log logs/connections.json datasets=connection;
		wallarm_event_log logs/violations.json datasets=violation;`})
	client, backend := n.connect()
	large := text(strings.Repeat("long ", 4000) + xss)
	invalid := text("\xff\xfe")
	client.send(large, text("fine"), invalid)
	backend.expect(large, text("fine"), invalid)
	backend.send([]byte{0x81, 2, 'o', 'k'})
	client.expect([]byte{0x81, 2, 'o', 'k'})
	n.eventsIn("small.json", 1) // judged off the loop
	client.Close()
	backend.Close()

	for name, payload := range map[string]int{"websocket_attacks.json": 8192, "full.json": 20000 + len(xss), "none.json": 0} {
		all := n.eventsIn(name, 2)
		require.Len(t, all[0].Wallarm.Payload, payload, name)
		validate(t, all[0].Line)
		require.Equal(t, payload > 0, strings.Contains(all[0].Line, "script"), name)
	}
	require.Len(t, n.eventsIn("small.json", 1)[0].Wallarm.Payload, 100)
	require.Equal(t, "message_utf8_invalid monitored", n.eventsIn("violations.json", 1)[0].what())
	connections := n.eventsIn("connections.json", 2)
	for _, e := range connections {
		validate(t, e.Line)
	}
	require.Equal(t, "opened", connections[0].Event.Action)
	require.Equal(t, "closed", connections[1].Event.Action)
	var e struct {
		Wallarm struct {
			WebSocket struct {
				Attacks        int
				Client, Server struct{ Messages, Bytes int }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(connections[1].Line), &e))
	w := e.Wallarm.WebSocket
	require.Equal(t, 1, w.Attacks)
	require.Equal(t, [2]int{3, len(large) + len(text("fine")) + len(invalid)}, [2]int{w.Client.Messages, w.Client.Bytes})
	require.Equal(t, [2]int{1, 4}, [2]int{w.Server.Messages, w.Server.Bytes})
}

// A flood of one attack writes its share; the lines say how many they stand for.
func TestEventLogSample(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_event_log logs/websocket_attacks.json sample=3/m; wallarm_event_log logs/all.json;"})
	const attacks = 25
	for range attacks {
		client, backend := n.connect()
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	n.eventsIn("all.json", attacks)
	require.GreaterOrEqual(t, strings.Count(n.log("error.log"), "xss attack blocked"), attacks)
	n.stop(syscall.SIGQUIT)
	sum := 0
	all := n.events(4) // three, and one for the rest
	for _, e := range all {
		validate(t, e.Line)
		var hits struct{ Wallarm struct{ Hits int } }
		require.NoError(t, json.Unmarshal([]byte(e.Line), &hits))
		sum += hits.Wallarm.Hits
	}
	require.Equal(t, attacks, sum)
}

func TestEventLogSyslog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	server, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer server.Close()
	require.NoError(t, server.SetDeadline(time.Now().Add(patience)))
	n := start(t, conf{location: "wallarm_event_log syslog:server=unix:" + path + ",tag=waf,nohostname;"})
	client, backend := n.connect()
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	b := make([]byte, 1<<16)
	k, err := server.Read(b)
	require.NoError(t, err)
	header, line, ok := strings.Cut(string(b[:k]), " waf: ")
	require.True(t, ok, header)
	validate(t, line)
}

// A syslog that is gone does not save the attacker, and is said once.
func TestEventLogSyslogDead(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_event_log syslog:server=unix:/nowhere/log;"})
	n.allow(`/nowhere/log|connect\(\) failed \(2: No such file`)
	for range 3 {
		client, backend := n.connect()
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	require.Equal(t, 1, strings.Count(n.log("error.log"), `send() to "syslog:server=unix:/nowhere/log" was incomplete`))
}

// What is secret is in no log; what is not, is.
func TestRedact(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: "wallarm_websocket_redact name=badge;", location: "wallarm_event_log logs/websocket_attacks.json payload=full;"})
	secret := `{"password":"hunter2","Badge-No":"7","badge":"x81x","card":"4111 1111 1111 1111","html":"` + xss + `"}`
	client, backend := n.connect("Authorization: Basic c2VjcmV0\r\n", "Badge: x82x\r\n")
	client.send(text(secret))
	dropped(client, backend, ws.ClosePolicyViolation)
	e := n.events(1)[0]
	validate(t, e.Line)
	require.Len(t, e.Wallarm.Payload, len(secret))
	for _, s := range []string{"hunter2", "x81x", "x82x", "c2VjcmV0", "4111 1111"} {
		require.NotContains(t, e.Line, s)
		require.NotContains(t, string(e.Wallarm.Payload), s)
	}
	require.Contains(t, string(e.Wallarm.Payload), `"Badge-No":"7"`)
	require.Contains(t, string(e.Wallarm.Payload), xss)
	require.Contains(t, e.Line, `"redacted":true`)
}
