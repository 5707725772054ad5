//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// A violation that passes does not keep an attack from being seen.
func TestAttackWithViolation(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_response_mode block;"})
	client, backend := n.connect()
	client.send(server("hello").Bytes(), server(xss).Bytes())
	backend.expect(server("hello").Bytes())
	dropped(client, backend, ws.ClosePolicyViolation)
	require.Equal(t, []string{"frame_client_unmasked logged", "xss blocked"}, n.whats(2))

	client, backend = n.connect()
	backend.send(text("hello"), text(xss))
	client.expect(text("hello"))
	dropped(client, backend, ws.ClosePolicyViolation)
	require.Equal(t, []string{"frame_server_masked logged", "xss blocked"}, n.whats(4)[2:])

	// behind a Close
	client, backend = n.connect()
	closing := wstest.Frame{Opcode: ws.OpClose, Mask: mask, Payload: []byte{3, 232}}.Bytes()
	client.send(closing, text(xss))
	backend.expect(closing)
	dropped(client, backend, ws.ClosePolicyViolation)
	require.Equal(t, []string{"frame_after_close logged", "xss blocked"}, n.whats(6)[4:])
}

var eventSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	f, err := os.Open("../internal/event/schema.json")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("urn:wsi:event", doc); err != nil {
		return nil, err
	}
	return c.Compile("urn:wsi:event")
})

// validate holds an event against its schema.
func validate(t testing.TB, line string) {
	t.Helper()
	s, err := eventSchema()
	require.NoError(t, err)
	e, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	require.NoError(t, err)
	require.NoError(t, s.Validate(e), "%s", line)
}

// Monitoring holds nothing, drops nothing, and logs what block mode would have
// done.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_mode monitoring; wallarm_websocket_max_message_size 200k;"})
	t.Run("first fragment", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		for _, part := range [][]byte{more("<scr"), next("ipt>alert")[:7], next("ipt>alert")[7:], last("(1)</script>")} {
			client.send(part)
			backend.expect(part)
		}
		talk(client, backend)
		require.Equal(t, []string{"xss monitored"}, n.whats(1))
	})
	t.Run("large", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		m := append(text(prose(100<<10)+xss), text(sqli)...)
		client.send(m)
		backend.expect(m)
		talk(client, backend)
		require.Equal(t, []string{"xss monitored", "sqli monitored"}, n.whats(3)[1:])
	})
	t.Run("too big", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		m := append(text(prose(201<<10)+xss), text(sqli)...)
		client.send(m)
		backend.expect(m)
		require.Equal(t, []string{"message_too_big monitored", "sqli monitored"}, n.whats(5)[3:])
		client.Close()
		n.accessed("101|monitoring|attack|sqli|2|1")
	})
}

// One event tells the operator everything, and no secret.
func TestEvent(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: "location /secret { internal; }\n"})
	client, backend := n.connectTo("/socket.io/?EIO=4&transport=websocket&sid=q3vK9-secret",
		"Origin: https://chat.example\r\n", "Cookie: session=top-secret\r\n", "Authorization: Bearer top-secret\r\n",
		"User-Agent: Mozilla/5.0\r\n")
	client.send(text(`2probe`), text(`42["chat message","hello"]`))
	backend.expect(text(`2probe`), text(`42["chat message","hello"]`))
	payload := `42["chat message",{"text":"` + xss + `"}]`
	client.send(text(payload))
	dropped(client, backend, ws.ClosePolicyViolation)
	client.Close()

	e := n.events(1)[0]
	validate(t, e.Line)
	require.Equal(t, "xss blocked", e.what())
	require.Equal(t, payload, string(e.Wallarm.Payload))
	require.Equal(t, "$[0].text", e.Wallarm.Attack.Path)
	require.Equal(t, "chat message", e.Wallarm.WebSocket.EventName)
	require.Equal(t, 2, e.Wallarm.WebSocket.MessageNo)
	require.Equal(t, 1008, e.Wallarm.WebSocket.CloseCode)
	require.Equal(t, "client_to_server", e.Wallarm.WebSocket.Direction)
	head, body, _ := strings.Cut(e.Wallarm.Request, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	require.Equal(t, "POST /socket.io/?EIO=4&transport=websocket&sid=[redacted] WEBSOCKET/13", lines[0])
	require.Contains(t, lines, "Host: chat.example")
	require.Contains(t, lines, "Origin: https://chat.example")
	require.Equal(t, payload, body)
	require.NotContains(t, e.Line, "secret")
	require.Contains(t, e.Line, `"ip":"127.0.0.1"`)
	version, err := exec.Command(env(t, "WSI_CLI"), "version").Output()
	require.NoError(t, err)
	require.NotContains(t, string(version), "unknown")
	require.Contains(t, e.Line, `"type":"waf","version":"`+strings.TrimSpace(strings.TrimPrefix(string(version), "wsi "))+`"`)

	require.Equal(t, 1, strings.Count(n.log("error.log"), "[warn]"))
	n.logged(`\[warn\] .*wallarm: websocket xss attack blocked, rule \S+, event "chat message", path "\$\[0\]\.text".*client: 127.0.0.1`)
	n.accessed("101|block|drop|xss|3|0")
}

// All events of a connection name the same request.
func TestRequestID(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_mode monitoring;"})
	client, backend := n.connect()
	client.send(text(xss), text(sqli))
	backend.expect(text(xss), text(sqli))
	var ids []string
	for _, e := range n.events(2) {
		var fields struct {
			HTTP struct {
				Request struct {
					ID string `json:"id"`
				} `json:"request"`
			} `json:"http"`
		}
		require.NoError(t, json.Unmarshal([]byte(e.Line), &fields))
		ids = append(ids, fields.HTTP.Request.ID)
	}
	require.Len(t, ids[0], 32)
	require.Equal(t, ids[0], ids[1])
}

// A plain handshake makes the first line that the README shows.
func TestEventFirstLine(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	client, backend := n.connectTo("/socket.io/?EIO=4&transport=websocket")
	client.send(text(`42["chat message","` + sqli + `"]`))
	dropped(client, backend, ws.ClosePolicyViolation)
	e := n.events(1)[0]
	validate(t, e.Line)
	require.True(t, strings.HasPrefix(e.Wallarm.Request, "POST /socket.io/?EIO=4&transport=websocket WEBSOCKET/13\r\n"), e.Wallarm.Request)
}

// A payload too long for an event is shown around what matched.
func TestEventOfLongPayload(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	client, backend := n.connectTo("/socket.io/?EIO=4")
	payload := `42["chat message","` + prose(300<<10) + `","` + xss + `","` + prose(100<<10) + `"]`
	client.send(text(payload))
	dropped(client, backend, ws.ClosePolicyViolation)
	e := n.events(1)[0]
	validate(t, e.Line)
	require.Contains(t, string(e.Wallarm.Payload), xss)
	require.Contains(t, payload, string(e.Wallarm.Payload))
	require.Contains(t, e.Line, `"truncated":true`)
}

// Variables of access_log, when there is nothing to tell and when there is.
func TestVariables(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		conf, want string
		send       [][]byte
	}{
		"idle":       {"", "101|block|allow|-|0|0", nil},
		"messages":   {"", "101|block|allow|-|3|0", [][]byte{text("a"), more("b"), last("c"), ping("d"), text("e")}},
		"attacks":    {"wallarm_mode monitoring;", "101|monitoring|attack|sqli,xss|2|0", [][]byte{text(xss), text(sqli)}},
		"off":        {"wallarm_mode off;", "101|off|-|-|-|-", [][]byte{text(xss)}},
		"incomplete": {"wallarm_mode monitoring;", "101|monitoring|allow|-|0|0", [][]byte{more(xss)}},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, conf{location: tt.conf})
			client, backend := n.connect()
			client.send(tt.send...)
			backend.expect(tt.send...)
			client.Close()
			backend.Close()
			n.accessed(tt.want)
		})
	}
	t.Run("ordinary request", func(t *testing.T) {
		n := start(t, conf{})
		client := n.client()
		client.send([]byte("GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n"))
		backend := n.accept()
		backend.head()
		backend.send([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		require.Equal(t, "200", client.status())
		n.accessed("200|block|-|-|-|-")
	})
}

// An event that cannot be written does not save the attacker, and the operator
// is told once.
func TestEventLogFull(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_event_log /dev/full;"})
	n.allow(`write\(\) to "/dev/full" was incomplete.*No space left`)
	for range 3 {
		client, backend := n.connect()
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	require.Equal(t, 3, strings.Count(n.log("error.log"), "xss attack blocked"))
	require.Equal(t, 1, strings.Count(n.log("error.log"), "/dev/full"))
}

// What an attacker writes cannot forge lines of a log.
func TestLogInjection(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	client, backend := n.connectTo("/socket.io/?EIO=4&x=%0a", "X-Forged: \x1b[31m\xff\r\n")
	client.send(text("42[\"forged\\n2026/11/22 [alert] 1#1: forged\",\"<script>\\n2026/11/22 [alert] forged\x7f\u2028</script>\"]"))
	dropped(client, backend, ws.ClosePolicyViolation)
	validate(t, n.events(1)[0].Line)
	for line := range strings.Lines(n.log("error.log")) {
		require.NotContains(t, line[:min(30, len(line))], "forged")
		require.NotContains(t, line, "\x1b")
	}
	require.Equal(t, 1, strings.Count(n.log("error.log"), "wallarm: websocket xss attack"))
	n.allow("wallarm: websocket xss attack")
}

// Events of clients without an IP address are valid, too.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	socket := n.dir + "/nginx.sock"
	n.write("nginx.conf", n.config(t, conf{server: "listen unix:" + socket + ";\n" + noWait}))
	n.run()
	c, err := net.Dial("unix", socket)
	require.NoError(t, err)
	client := newPeer(t, c)
	client.send(request("/"), text(xss))
	backend := n.accept()
	backend.head()
	backend.send(response())
	client.head()
	dropped(client, backend, ws.ClosePolicyViolation)
	validate(t, n.events(1)[0].Line)
}

// Workers write one file; their lines do not mix.
func TestEventLinesOfWorkers(t *testing.T) {
	t.Parallel()
	n := start(t, conf{workers: 4, location: noWait})
	go n.echo()
	var wg sync.WaitGroup
	const clients, attacks = 8, 25
	for range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range attacks {
				c, err := dial(n.addr)
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(patience))
				c.Write(append(request("/"), text(xss+prose(8000))...))
				io.Copy(io.Discard, c)
				c.Close()
			}
		}()
	}
	wg.Wait()
	for _, what := range n.whats(clients * attacks) {
		require.Equal(t, "xss blocked", what)
	}
}
