//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// The violations that need a directive to be any, or more than one frame, take
// actions as those of TestViolations do.
func TestPolicyViolations(t *testing.T) {
	t.Parallel()
	say, run := text(`42["say",{"text":"a"}]`), text(`42["run",1]`)
	samples := []struct {
		violation  ws.Violation
		directives string
		before     [][]byte // what passes
		broken     []byte   // nil: it is time that breaks it
	}{
		{ws.MessageRate, "wallarm_websocket_rate zone=each;", [][]byte{run}, say},
		{ws.EventRate, "wallarm_websocket_rate zone=each event=say;", [][]byte{run, say, run}, say},
		{ws.ConnectionTooOld, "wallarm_websocket_max_age 200ms;", nil, nil},
		{ws.EventDenied, "wallarm_websocket_event deny run;", [][]byte{say}, run},
		{ws.EventUnknown, "wallarm_websocket_event allow say;", [][]byte{say}, run},
		{ws.SchemaViolation, "wallarm_websocket_schema run schema.json;", [][]byte{say}, run},
		{ws.SchemaUnreadable, "wallarm_websocket_schema run schema.json;", [][]byte{say}, text(`42["run",{"a":1,"a":2}]`)},
	}
	sampled := map[ws.Violation]bool{
		ws.MessageAssemblyTimeout: true, // TestAssemblyTimeout, TestOpaque
		ws.MemoryExhausted:        true, // TestWorkerMemory, TestWorkerMemoryOpaque
		ws.BodyUndecodable:        true, // TestBodyViolations
		ws.ProcessTimeLimit:       true, // its action is that of wallarm_process_time_limit_block: TestProcessTimeLimit
		ws.FormatLimit:            true, // the same: TestFormatLimit
	}
	for _, s := range wstest.Samples() {
		sampled[s.Violation] = true // TestViolations
	}
	n := start(t, conf{stopped: true})
	n.write("schema.json", `{"type":"array","items":{"type":"string"}}`)
	var locations strings.Builder
	path := func(v ws.Violation, mode string, a ws.Action) string { return fmt.Sprintf("%v-%s-%v", v, mode, a) }
	type variant struct {
		mode   string
		action ws.Action
	}
	variants := []variant{{"block", ws.Off}, {"block", ws.Log}, {"block", ws.Block}, {"monitoring", ws.Block}}
	for _, s := range samples {
		sampled[s.violation] = true
		require.Equal(t, []ws.Action{ws.Off, ws.Log, ws.Block}, s.violation.Choices())
		for _, v := range variants {
			p := path(s.violation, v.mode, v.action)
			fmt.Fprintf(&locations, "location /%s/ {\n%swallarm_mode %s; wallarm_websocket_violation %v %v; wallarm_event_log logs/%s.json; %s\n}\n",
				p, n.proxy("http"), v.mode, s.violation, v.action, p, s.directives)
		}
	}
	for _, v := range ws.All() {
		require.True(t, sampled[v] || strings.HasPrefix(v.String(), "handshake_"), "no sample of %v", v) // TestHandshakeViolations
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http:   "wallarm_parse_websocket on; wallarm_websocket_rate_zone $connection zone=each:64k rate=1/m;",
		server: locations.String()}))
	n.run()
	for _, s := range samples {
		for _, v := range variants {
			p := path(s.violation, v.mode, v.action)
			t.Run(p, func(t *testing.T) {
				n := n.in(t)
				client, backend := n.connectTo("/" + p + socketIO)
				for _, m := range s.before {
					client.send(m)
					backend.expect(m)
				}
				if s.broken != nil {
					client.send(s.broken)
				}
				what := map[ws.Action]string{ws.Log: "logged", ws.Block: "blocked"}[v.action]
				if v.mode == "monitoring" {
					what = "monitored"
				}
				switch {
				case what == "blocked":
					dropped(client, backend, s.violation.CloseCode())
				case s.broken == nil:
					<-time.After(300 * time.Millisecond) // what breaks it is that time passes
					settled(client, backend)
				default:
					backend.expect(s.broken)
					settled(client, backend)
				}
				client.Close()
				backend.Close()
				if what == "" {
					require.Empty(t, n.log(p+".json"))
					return
				}
				e := n.eventsIn(p+".json", 1)[0]
				require.Equal(t, s.violation.String()+" "+what, e.what())
				validate(t, e.Line)
			})
		}
	}
}

// So do those of handshakes that need another one before them.
func TestPolicyHandshakeViolations(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	var locations strings.Builder
	actions := map[string]string{"off": "", "log": "logged", "block": "blocked"}
	for a := range actions {
		fmt.Fprintf(&locations, "location /banned-%s {\n%swallarm_websocket_ban zone=bans_%s; wallarm_websocket_violation handshake_banned %s;"+
			"wallarm_event_log logs/banned-%s.json datasets=violation;\n}\n", a, n.proxy("http"), a, a, a)
		fmt.Fprintf(&locations, "location /many-%s {\n%swallarm_websocket_connections zone=many_%s 1; wallarm_websocket_violation handshake_too_many_connections %s;"+
			"wallarm_event_log logs/many-%s.json;\n}\n", a, n.proxy("http"), a, a, a)
	}
	zones := "wallarm_parse_websocket on;\n"
	for a := range actions {
		zones += "wallarm_websocket_ban_zone $http_x_key zone=bans_" + a + ":64k drops=1;\nwallarm_websocket_connections_zone $http_x_key zone=many_" + a + ":64k;\n"
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true, http: zones, server: locations.String()}))
	n.run()
	n.ready(1)
	go n.echo()
	for a, what := range actions {
		t.Run(a, func(t *testing.T) {
			n := n.in(t)
			n.offend("/banned-"+a, "evil")
			want := map[string]string{"off": "101", "log": "101", "block": "403"}[a]
			require.Equal(t, want, n.handshake("/banned-"+a, "evil"))
			one := n.client()
			one.send(request("/many-"+a, "X-Key: a\r\n"))
			require.Equal(t, "101", one.status())
			want = map[string]string{"off": "101", "log": "101", "block": "429"}[a]
			require.Equal(t, want, n.handshake("/many-"+a, "a"))
			for file, token := range map[string]string{"banned-": "handshake_banned", "many-": "handshake_too_many_connections"} {
				if what == "" {
					require.Empty(t, n.log(file+a+".json"))
					continue
				}
				e := n.eventsIn(file+a+".json", 1)[0]
				require.Equal(t, token+" "+what, e.what())
				validate(t, e.Line)
			}
		})
	}
}

// With opaque, the largest holder passes when the budget is spent.
func TestWorkerMemoryOpaque(t *testing.T) {
	t.Parallel()
	n := start(t, conf{main: "wallarm_websocket_worker_memory 2m;", location: "wallarm_websocket_violation memory_exhausted opaque;"})
	client, backend := n.connect()
	m := text(prose(4 << 20))
	go client.Conn.Write(m)
	backend.expect(m)
	client.send(text(xss))
	backend.expect(text(xss))
	require.Equal(t, []string{"memory_exhausted logged"}, n.whats(1))
	n.logged("bytes from client pass uninspected")
	n.logged("worker_memory")
}

// What decodes to too much is as wallarm_process_time_limit_block says.
func TestFormatLimit(t *testing.T) {
	t.Parallel()
	bomb := text(base64.StdEncoding.EncodeToString([]byte(gzipped(strings.Repeat("how are you? ", 20000)))))
	tests := []struct {
		mode, block string
		drops       bool
		what        string
	}{
		{"block", "attack", true, "format_limit blocked"},
		{"block", "on", true, "format_limit blocked"},
		{"block", "off", false, "format_limit logged"},
		{"monitoring", "attack", false, "format_limit monitored"},
		{"monitoring", "on", true, "format_limit blocked"},
		{"monitoring", "off", false, "format_limit logged"},
	}
	n := start(t, conf{stopped: true})
	var locations strings.Builder
	for _, tt := range tests {
		fmt.Fprintf(&locations, "location /%s-%s {\n%swallarm_mode %s; wallarm_process_time_limit_block %s; wallarm_event_log logs/%s-%s.json;\n}\n",
			tt.mode, tt.block, n.proxy("http"), tt.mode, tt.block, tt.mode, tt.block)
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_websocket_max_inflated_size 20k;", server: locations.String()}))
	n.run()
	for _, tt := range tests {
		t.Run(tt.mode+" "+tt.block, func(t *testing.T) {
			n := n.in(t)
			client, backend := n.connectTo("/" + tt.mode + "-" + tt.block)
			client.send(bomb)
			if tt.mode == "monitoring" || !tt.drops {
				backend.expect(bomb)
			}
			if tt.drops {
				dropped(client, backend, ws.ClosePolicyViolation)
			} else {
				talk(client, backend)
			}
			e := n.eventsIn(tt.mode+"-"+tt.block+".json", 1)[0]
			require.Equal(t, tt.what, e.what())
			validate(t, e.Line)
		})
	}
}
