//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

const statusLocations = `
location = /wallarm-status { wallarm_status; allow 127.0.0.0/8; deny all; access_log off; }
location = /metrics { wallarm_status on format=prometheus; access_log off; }
`

// get asks NGINX on a connection of its own.
func (n *nginx) get(method, target string) (*http.Response, string) {
	n.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	q, err := http.NewRequest(method, "http://"+n.addr+target, nil)
	require.NoError(n, err)
	r, err := client.Do(q)
	require.NoError(n, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(n, err)
	return r, string(body)
}

// metrics is what /metrics has, by series, without what is zero.
func (n *nginx) metrics() map[string]float64 {
	n.Helper()
	_, body := n.get("GET", "/metrics")
	all, err := parseMetrics(body)
	require.NoError(n, err, "%s", body)
	for series, v := range all {
		if v == 0 {
			delete(all, series)
		}
	}
	return all
}

var sample = regexp.MustCompile(`^([a-z_]+)(\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})? ([0-9.]+)$`)

// parseMetrics reads the text format, in the shape that it has to have.
func parseMetrics(text string) (map[string]float64, error) {
	all := map[string]float64{}
	seen := map[string]bool{}
	name, kind := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if f := strings.Fields(line); strings.HasPrefix(line, "# HELP ") {
			if len(f) < 4 || seen[f[2]] {
				return nil, fmt.Errorf("help: %q", line)
			}
			name, kind = f[2], ""
			seen[name] = true
			continue
		} else if strings.HasPrefix(line, "# TYPE ") {
			if f[2] != name || kind != "" || (f[3] == "counter") != strings.HasSuffix(name, "_total") {
				return nil, fmt.Errorf("type: %q", line)
			}
			kind = f[3]
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || kind == "" {
			return nil, fmt.Errorf("sample: %q", line)
		}
		base := m[1]
		if kind == "histogram" {
			base = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(base, "")
		}
		if _, twice := all[m[1]+m[2]]; base != name || twice {
			return nil, fmt.Errorf("sample: %q in %s", line, name)
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		all[m[1]+m[2]] = v
	}
	return all, nil
}

// becomes waits until /metrics shows these values; 0 is not shown.
func (n *nginx) becomes(want map[string]float64) {
	n.Helper()
	deadline := time.Now().Add(patience)
	for {
		got, differ := n.metrics(), []string{}
		for series, v := range want {
			if got[series] != v {
				differ = append(differ, fmt.Sprintf("%s is %v, not %v", series, got[series], v))
			}
		}
		if len(differ) == 0 {
			return
		}
		require.True(n, time.Now().Before(deadline), "%s", strings.Join(differ, "\n"))
		<-time.After(tick)
	}
}

// sum adds the series of a metric that have all of these labels.
func sum(all map[string]float64, name string, labels ...string) (total float64) {
series:
	for series, v := range all {
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(series, l) {
				continue series
			}
		}
		total += v
	}
	return total
}

// status is the JSON of wallarm_status.
type status struct {
	Requests        int                       `json:"requests"`
	Streams         int                       `json:"streams"`
	Messages        int                       `json:"messages"`
	Attacks         int                       `json:"attacks"`
	Blocked         int                       `json:"blocked"`
	Abnormal        int                       `json:"abnormal"`
	OverlimitsTime  int                       `json:"overlimits_time"`
	TimeDetect      float64                   `json:"time_detect"`
	BytesIn         int                       `json:"bytes_in"`
	BytesOut        int                       `json:"bytes_out"`
	Uninspected     int                       `json:"uninspected"`
	RequestsLost    int                       `json:"requests_lost"`
	Segfaults       int                       `json:"segfaults"`
	StartID         uint64                    `json:"startid"`
	Connections     int                       `json:"connections"`
	EngineVersion   string                    `json:"engine_version"`
	Reasons         map[string]int            `json:"uninspected_messages"`
	Types           map[string]map[string]int `json:"attack_types"`
	Violations      map[string]map[string]int `json:"violations"`
	Refused         map[string]map[string]int `json:"refused"`
	RulesGeneration *int                      `json:"rules_generation"`
	Configurations  int                       `json:"config_generation"`
	Zones           []struct {
		status
		Label string `json:"label"`
	} `json:"zones"`
	Workers []struct {
		PID         int  `json:"pid"`
		Engine      bool `json:"engine"`
		Connections int  `json:"connections"`
	} `json:"workers"`
}

func (n *nginx) status() (s status) {
	n.Helper()
	r, body := n.get("GET", "/wallarm-status")
	require.Equal(n, 200, r.StatusCode)
	require.Equal(n, "application/json", r.Header.Get("Content-Type"))
	require.NoError(n, json.Unmarshal([]byte(body), &s), "%s", body)
	return s
}

// Known traffic through several workers is counted exactly, whichever of them
// answers, in both formats.
func TestStatusCounts(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	n.write("nginx.conf", n.config(t, conf{workers: 4, server: statusLocations,
		location: "wallarm_zone_label chat; wallarm_process_time_limit 1h;"}))
	n.run()
	go n.echo()
	const clients, texts, binaries = 24, 10, 2
	small, large := "hello, all", prose(20<<10)
	say := func(p *peer, b []byte, payload string) {
		p.send(b)
		p.expect(server(payload).Bytes())
	}
	dial := func() *peer {
		p := n.client()
		p.send(request("/"))
		require.Contains(t, p.head(), "HTTP/1.1 101 ")
		return p
	}
	var open []*peer
	for range clients {
		p := dial()
		for range texts {
			say(p, text(small), small)
		}
		for range binaries {
			say(p, wstest.Frame{Opcode: ws.OpBinary, Mask: mask, Payload: []byte(small)}.Bytes(), small)
		}
		say(p, text(large), large)
		open = append(open, p)
	}
	const all = clients * (texts + binaries + 1)
	bytes := float64(clients * ((texts+binaries)*len(small) + len(large)))
	// the head of a handshake is judged, too; a large message is off the loop
	want := map[string]float64{
		`wallarm_websocket_connections_total{zone="chat"}`:                                                     clients,
		`wallarm_websocket_connections_active`:                                                                 clients,
		`wallarm_websocket_messages_total{zone="chat",direction="client_to_server",opcode="text"}`:             clients * (texts + 1),
		`wallarm_websocket_messages_total{zone="chat",direction="client_to_server",opcode="binary"}`:           clients * binaries,
		`wallarm_websocket_messages_total{zone="chat",direction="server_to_client",opcode="text"}`:             all,
		`wallarm_websocket_message_bytes_total{zone="chat",direction="client_to_server"}`:                      bytes,
		`wallarm_websocket_message_bytes_total{zone="chat",direction="server_to_client"}`:                      bytes,
		`wallarm_websocket_uninspected_messages_total{zone="chat",reason="engine"}`:                            0,
		`wallarm_websocket_offloop_messages`:                                                                   0,
		`wallarm_websocket_workers{engine="loaded"}`:                                                           4,
		`wallarm_websocket_workers{engine="missing"}`:                                                          0,
		`wallarm_websocket_threads`:                                                                            8,
		`wallarm_websocket_held_bytes_limit`:                                                                   4 * 256 << 20,
		`wallarm_websocket_connections_total`:                                                                  0,
		`wallarm_websocket_messages_total{direction="client_to_server",opcode="text"}`:                         0,
		`wallarm_event_log_events_total{sink="file"}`:                                                          0,
		`wallarm_websocket_polling_requests_total{zone="chat"}`:                                                0,
		`wallarm_websocket_connections_dropped_total{zone="chat",code="1008"}`:                                 0,
		`wallarm_websocket_attacks_total{zone="chat",type="xss",action="blocked"}`:                             0,
		`wallarm_websocket_protocol_errors_total{zone="chat",reason="frame_opcode_reserved",action="blocked"}`: 0,
		`wallarm_websocket_handshakes_refused_total{zone="chat",reason="handshake_body"}`:                      0,
		`wallarm_websocket_polling_requests_refused_total{zone="chat",reason="xss"}`:                           0,
		`wallarm_websocket_worker_crashes_total`:                                                               0,
	}
	n.becomes(want)
	for what, le := range map[string]string{"count": "", "bucket": `le="+Inf"`} {
		n.eventually("judged messages", func() bool {
			judged := func(where string) float64 {
				return sum(n.metrics(), "wallarm_websocket_inspection_duration_seconds_"+what, `zone="chat"`, `where="`+where+`"`, le)
			}
			threads := judged("thread") // with what came before the rules were compiled
			return threads >= 2*clients && judged("loop")+threads == 2*all+clients
		})
	}

	// attacks, one of them off the loop, a broken frame, a body, polling
	for _, payload := range []string{xss, sqli, xss + large} {
		p := dial()
		p.send(text(payload))
		p.closed(false, ws.ClosePolicyViolation)
	}
	p := dial()
	p.send(wstest.Frame{Opcode: 3, Mask: mask}.Bytes())
	p.closed(false, ws.CloseProtocolError)
	p = n.client()
	p.send(request("/", "Content-Length: 1\r\n"), []byte("x"))
	require.Equal(t, "400", p.status())
	p = n.client()
	p.send(post(pollingTarget, chat(xss)))
	require.Equal(t, "403", p.status())
	p = n.client()
	p.send(request("/?x=" + "%3Cscript%3Ealert(1)%3C/script%3E"))
	require.Equal(t, "403", p.status())
	for _, p := range open {
		p.Close()
	}
	n.becomes(map[string]float64{
		`wallarm_websocket_connections_total{zone="chat"}`:                                                     clients + 4,
		`wallarm_websocket_connections_active`:                                                                 0,
		`wallarm_websocket_connections_dropped_total{zone="chat",code="1008"}`:                                 3,
		`wallarm_websocket_connections_dropped_total{zone="chat",code="1002"}`:                                 1,
		`wallarm_websocket_attacks_total{zone="chat",type="xss",action="blocked"}`:                             4,
		`wallarm_websocket_attacks_total{zone="chat",type="sqli",action="blocked"}`:                            1,
		`wallarm_websocket_attacks_total{zone="chat",type="xss",action="monitored"}`:                           0,
		`wallarm_websocket_protocol_errors_total{zone="chat",reason="frame_opcode_reserved",action="blocked"}`: 1,
		`wallarm_websocket_handshakes_refused_total{zone="chat",reason="handshake_body"}`:                      1,
		`wallarm_websocket_handshakes_refused_total{zone="chat",reason="xss"}`:                                 1,
		`wallarm_websocket_polling_requests_total{zone="chat"}`:                                                1,
		`wallarm_websocket_polling_requests_refused_total{zone="chat",reason="xss"}`:                           1,
		`wallarm_event_log_events_total{sink="file"}`:                                                          7,
		`wallarm_event_log_dropped_total{sink="file"}`:                                                         0,
	})
	require.Zero(t, sum(n.metrics(), "wallarm_websocket_uninspected_messages_total"))

	s := n.status()
	require.Equal(t, clients+4+2+1, s.Requests)
	require.Equal(t, clients+4, s.Streams)
	require.Equal(t, 2*all+3, s.Messages)
	require.Equal(t, 5, s.Attacks)
	require.Equal(t, 4+2+1, s.Blocked)
	require.Equal(t, 2, s.Abnormal)
	require.Equal(t, int(bytes), s.BytesOut)
	require.Equal(t, int(bytes)+2*len(xss)+len(sqli)+len(large), s.BytesIn)
	require.Greater(t, s.TimeDetect, 0.0)
	require.Zero(t, s.OverlimitsTime+s.RequestsLost+s.Segfaults+s.Uninspected+s.Connections)
	require.NotZero(t, s.StartID)
	require.NotEmpty(t, s.EngineVersion)
	require.NotNil(t, s.RulesGeneration)
	require.Equal(t, map[string]map[string]int{"xss": {"blocked": 4, "monitored": 0}, "sqli": {"blocked": 1, "monitored": 0}}, s.Types)
	require.Equal(t, map[string]map[string]int{
		"frame_opcode_reserved": {"blocked": 1, "monitored": 0, "logged": 0},
		"handshake_body":        {"blocked": 1, "monitored": 0, "logged": 0},
	}, s.Violations)
	require.Equal(t, map[string]map[string]int{"handshake_body": {"handshakes": 1, "polling": 0}, "xss": {"handshakes": 1, "polling": 1}}, s.Refused)
	require.Len(t, s.Reasons, 10)
	require.Len(t, s.Workers, 4)
	require.Len(t, s.Zones, 1)
	require.Equal(t, "chat", s.Zones[0].Label)
	require.Equal(t, s.Messages, s.Zones[0].Messages)
	for _, w := range s.Workers {
		require.Contains(t, n.workers(), w.PID)
		require.True(t, w.Engine)
	}
}

// Each reason for which something passes uninspected has its count.
func TestStatusUninspected(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{server: statusLocations,
		location: "wallarm_mode monitoring; wallarm_websocket_max_message_size 100k; wallarm_websocket_max_inflated_size 100k;"}))
	n.run()
	expect := func(reason string, count float64) {
		t.Helper()
		n.becomes(map[string]float64{`wallarm_websocket_uninspected_messages_total{reason="` + reason + `"}`: count})
	}
	client, backend := n.connect()
	m := text(prose(101 << 10))
	client.send(m)
	backend.expect(m)
	expect("message_too_big", 1)
	require.Zero(t, n.metrics()[`wallarm_websocket_uninspected_bytes_total{direction="client_to_server"}`])

	client, backend = n.connect(deflate)
	m = compressed(strings.Repeat("a", 200<<10))
	client.send(m)
	backend.expect(m)
	expect("deflate_too_big", 1)
	m = compressed("hello")
	client.send(m)
	backend.expect(m)
	n.becomes(map[string]float64{`wallarm_websocket_uninspected_bytes_total{direction="client_to_server"}`: float64(len(m))})

	client, backend = n.connect()
	behind := text("hello")
	client.send(wstest.Frame{Opcode: 3, Mask: mask}.Bytes(), behind)
	backend.expect(wstest.Frame{Opcode: 3, Mask: mask}.Bytes(), behind)
	expect("protocol", 1)
	n.becomes(map[string]float64{`wallarm_websocket_uninspected_bytes_total{direction="client_to_server"}`: float64(len(m) + len(behind))})

	client = n.client()
	client.send(request("/"))
	backend = n.accept()
	backend.head()
	backend.send(response("Sec-WebSocket-Extensions: x-own\r\n"))
	client.head()
	expect("handshake", 1)

	got := n.metrics()
	require.Equal(t, 4.0, sum(got, "wallarm_websocket_uninspected_messages_total"))
	require.Equal(t, 4.0, sum(got, "wallarm_websocket_connections_total"))
	require.Equal(t, 4.0, sum(got, "wallarm_websocket_protocol_errors_total", `action="monitored"`), "%v", got)
}

// The engine that fails, and what a late thread is asked for.
func TestStatusEngine(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, server: statusLocations})
	client, backend := n.connect()
	client.send(plain("fail"))
	backend.expect(plain("fail"))
	n.becomes(map[string]float64{`wallarm_websocket_uninspected_messages_total{reason="engine"}`: 1})
	t.Run("refused", func(t *testing.T) {
		n := start(t, conf{library: s.library, server: statusLocations, location: "wallarm_fallback off;"})
		p := n.client()
		p.send(request("/fail"))
		b := n.accept()
		b.head()
		b.send(response())
		require.Equal(t, "502", p.status())
		n.becomes(map[string]float64{`wallarm_websocket_handshakes_refused_total{reason="engine"}`: 1})
	})
	t.Run("missing", func(t *testing.T) {
		n := start(t, conf{library: newStub(t, "-DINIT=1").library, server: statusLocations})
		n.allow("did not start|not inspected by this worker|inspection library is not loaded")
		n.connect()
		n.becomes(map[string]float64{
			`wallarm_websocket_workers{engine="missing"}`:                    1,
			`wallarm_websocket_workers{engine="loaded"}`:                     0,
			`wallarm_websocket_uninspected_messages_total{reason="engine"}`:  1,
			`wallarm_websocket_connections_active`:                           1,
			`wallarm_build_info{version="",nginx_version="x",go_version=""}`: 0,
		})
	})
}

// Counters go on over a reload, of workers that drain too; a label that is
// gone keeps its counts; gauges end with their process.
func TestStatusReload(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 2})
	configure := func(label string) {
		n.write("nginx.conf", n.config(t, conf{workers: 2, server: statusLocations, location: "wallarm_zone_label " + label + ";"}))
	}
	configure("one")
	n.run()
	message := func(label string) string {
		return `wallarm_websocket_messages_total{zone="` + label + `",direction="client_to_server",opcode="text"}`
	}
	client, backend := n.connect()
	for range 3 {
		client.send(text("before"))
		backend.expect(text("before"))
	}
	n.becomes(map[string]float64{message("one"): 3, "wallarm_websocket_connections_active": 1})
	startID := n.status().StartID
	n.becomes(map[string]float64{"wallarm_config_generation": 1})
	configure("two")
	n.reload()
	other, otherBackend := n.connect()
	other.send(text("new"))
	otherBackend.expect(text("new"))
	client.send(text("of the old worker"))
	backend.expect(text("of the old worker"))
	n.becomes(map[string]float64{message("one"): 4, message("two"): 1, "wallarm_websocket_connections_active": 2,
		`wallarm_websocket_workers{engine="loaded"}`: 3})
	client.Close()
	n.becomes(map[string]float64{message("one"): 4, "wallarm_websocket_connections_active": 1,
		`wallarm_websocket_workers{engine="loaded"}`: 2, "wallarm_websocket_worker_crashes_total": 0})
	require.Equal(t, startID, n.status().StartID)
	require.Equal(t, 2, n.status().Configurations)

	t.Run("refused", func(t *testing.T) {
		n := n.in(t)
		n.write("nginx.conf", strings.Replace(n.config(t, conf{workers: 2, server: statusLocations}), "user root;", "user root; nonsense;", 1))
		if _, ok := n.test(); ok {
			n.write("nginx.conf", "nonsense;")
		}
		n.signal(syscall.SIGHUP)
		n.logged("nonsense")
		n.allow("nonsense")
		n.becomes(map[string]float64{message("one"): 4, message("two"): 1, "wallarm_config_generation": 2})
	})
	n.allow("nonsense")
	t.Run("without", func(t *testing.T) {
		n := n.in(t)
		configure("off")
		n.reload()
		c, b := n.connect()
		c.send(text("no label"))
		b.expect(text("no label"))
		n.becomes(map[string]float64{message("one"): 4, message("two"): 1, "wallarm_config_generation": 3,
			`wallarm_websocket_messages_total{direction="client_to_server",opcode="text"}`: 1})
	})
}

// What exceptions let pass counts by rule, and beyond the room for rules by
// type; where the rules are from and which generation they are is there, too.
func TestStatusRules(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, main: "wallarm_websocket_rules_interval 20ms;"})
	rules := ""
	for i := range 70 {
		rules += finds(fmt.Sprintf("own-%d", i), fmt.Sprintf("open %d$", i))
	}
	n.write("my.rules", rules)
	n.write("nginx.conf", n.config(t, conf{main: "wallarm_websocket_rules_interval 20ms;", server: statusLocations,
		http: "wallarm_websocket_rules my.rules;", location: "wallarm_websocket_ignore type=vpatch path=$; wallarm_websocket_ignore type=xss path=$; " +
			"wallarm_parse_response off; wallarm_zone_label chat;"}))
	n.run()
	client, backend := n.connect()
	pass := func(s string) {
		t.Helper()
		client.send(text(s))
		backend.expect(text(s))
	}
	ignored := func(typ, rule string) string {
		return `wallarm_websocket_ignored_total{zone="chat",type="` + typ + `",rule="` + rule + `"}`
	}
	pass(xss)
	pass(xss)
	n.events(2)
	crs := n.records("websocket_attacks.json")[0].Rule.ID
	for i := range 70 {
		pass(fmt.Sprintf("open %d", i))
	}
	pass("open 0")
	pass("open 69")
	n.becomes(map[string]float64{
		ignored("xss", crs): 2, ignored("vpatch", "own-0"): 2, ignored("vpatch", "own-62"): 1, ignored("vpatch", "own-63"): 0,
		ignored("vpatch", "other"): 8, "wallarm_websocket_rules_generation": 1,
		`wallarm_ruleset_info{name="OWASP_CRS",version="4.x"}`:                                      1,
		`wallarm_ruleset_info{name="wallarm_websocket",version="` + n.status().EngineVersion + `"}`: 1,
	})
	require.Equal(t, 74.0, sum(n.metrics(), "wallarm_websocket_ignored_total"))

	// the rules are replaced, and then broken
	n.replace("my.rules", finds("own-0", "open nothing"))
	n.becomes(map[string]float64{"wallarm_websocket_rules_generation": 2})
	require.Equal(t, 2, *n.status().RulesGeneration)
	n.replace("my.rules", finds("own-0", "("))
	n.logged("rules generation 2 is kept")
	n.becomes(map[string]float64{"wallarm_websocket_rules_generation": 2})
}

// A worker that dies takes its gauges along, and its end is counted.
func TestStatusCrash(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: statusLocations})
	n.allow("exited on signal 9")
	n.connect()
	n.becomes(map[string]float64{"wallarm_websocket_connections_total": 1, "wallarm_websocket_connections_active": 1})
	dead := n.worker()
	require.NoError(t, syscall.Kill(dead, syscall.SIGKILL))
	n.eventually("another worker", func() bool { w := n.workers(); return len(w) == 1 && w[0] != dead })
	n.becomes(map[string]float64{"wallarm_websocket_connections_total": 1, "wallarm_websocket_connections_active": 0,
		"wallarm_websocket_worker_crashes_total": 1, `wallarm_websocket_workers{engine="loaded"}`: 1})
	require.Equal(t, 1, n.status().Segfaults)
}

// What was judged for a client that is gone counts, too.
func TestStatusOfGoneClient(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: statusLocations, location: "wallarm_mode monitoring; wallarm_process_time_limit 1h;"})
	client, backend := n.connect()
	const judged = `wallarm_websocket_inspection_duration_seconds_count{where="thread"}`
	before := n.metrics()[judged]                                           // the handshake, if it came before the rules were compiled
	m := text(`["x ` + strings.Repeat("</a", 2<<20/3) + `","` + xss + `"]`) // takes a while
	client.send(m)
	backend.expect(m)
	n.becomes(map[string]float64{"wallarm_websocket_offloop_messages": 1, "wallarm_websocket_connections_active": 1})
	client.reset()
	backend.Close()
	n.becomes(map[string]float64{"wallarm_websocket_connections_active": 0})
	n.becomes(map[string]float64{
		judged: before + 1,
		`wallarm_websocket_attacks_total{type="xss",action="monitored"}`: 1,
		"wallarm_websocket_connections_active":                           0,
		"wallarm_websocket_held_bytes":                                   0,
		"wallarm_websocket_offloop_messages":                             0,
	})
}

// A line that could not be written is counted as dropped.
func TestStatusEventLogDropped(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: statusLocations, location: "wallarm_event_log /dev/full;"})
	n.allow("was incomplete")
	for range 3 {
		client, backend := n.connect()
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	n.becomes(map[string]float64{`wallarm_event_log_dropped_total{sink="file"}`: 3, `wallarm_event_log_events_total{sink="file"}`: 0})
	require.Equal(t, 3, n.status().RequestsLost)
}

// Held bytes are shown, and are gone with what was held.
func TestStatusHeldBytes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: statusLocations, location: "wallarm_process_time_limit 1h;"})
	client, backend := n.connect()
	client.send(more(prose(100 << 10)))
	n.eventually("held bytes", func() bool { return n.metrics()["wallarm_websocket_held_bytes"] >= 100<<10 })
	client.send(last("end"))
	backend.expect(more(prose(100<<10)), last("end"))
	n.becomes(map[string]float64{"wallarm_websocket_held_bytes": 0})
}

// As a location: methods, headers, access, formats.
func TestStatusLocation(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: statusLocations + "location = /denied { wallarm_status; deny all; }\n" +
		"location = /off { wallarm_status off; return 204; }\n" +
		"location = /both { wallarm_parse_websocket on; wallarm_status format=prometheus; }\n"})
	for _, tt := range []struct {
		method, target string
		status         int
		kind           string
	}{
		{"GET", "/wallarm-status", 200, "application/json"},
		{"GET", "/wallarm-status?format=prometheus", 200, "text/plain; version=0.0.4; charset=utf-8"},
		{"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"},
		{"GET", "/metrics?format=json", 200, "application/json"},
		{"GET", "/metrics?format=xml", 400, "text/html"},
		{"GET", "/both", 200, "text/plain; version=0.0.4; charset=utf-8"},
		{"HEAD", "/wallarm-status", 200, "application/json"},
		{"HEAD", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"},
		{"POST", "/metrics", 405, "text/html"},
		{"PUT", "/wallarm-status", 405, "text/html"},
		{"DELETE", "/wallarm-status", 405, "text/html"},
		{"GET", "/denied", 403, "text/html"},
		{"POST", "/denied", 403, "text/html"},
		{"GET", "/off", 204, ""},
	} {
		t.Run(tt.method+" "+tt.target, func(t *testing.T) {
			r, body := n.in(t).get(tt.method, tt.target)
			require.Equal(t, tt.status, r.StatusCode)
			require.Equal(t, tt.kind, r.Header.Get("Content-Type"))
			if tt.status == 200 {
				require.Equal(t, tt.method == "HEAD", body == "")
				if tt.method == "GET" {
					require.Equal(t, int64(len(body)), r.ContentLength)
				}
				require.Greater(t, r.ContentLength, int64(500))
			}
		})
	}
	t.Run("keepalive", func(t *testing.T) {
		// a body is read away
		c, err := net.Dial("tcp", n.addr)
		require.NoError(t, err)
		defer c.Close()
		b := bufio.NewReader(c)
		for range 3 {
			fmt.Fprintf(c, "GET /wallarm-status HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
			r, err := http.ReadResponse(b, nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, r.Body)
			require.NoError(t, err)
			require.Equal(t, 200, r.StatusCode)
		}
	})
	t.Run("server", func(t *testing.T) {
		n := start(t, conf{noLocation: true, server: "wallarm_status;"})
		r, body := n.get("GET", "/anything")
		require.Equal(t, 200, r.StatusCode)
		require.Contains(t, body, `"requests":0`)
		require.Contains(t, body, `"workers":[{"pid":`)
	})
}

// With all labels in use the page is whole, and small.
func TestStatusSize(t *testing.T) {
	t.Parallel()
	locations := statusLocations
	for i := range 64 {
		locations += fmt.Sprintf("location = /l%d { wallarm_zone_label %s-%02d; return 204; }\n", i, strings.Repeat("x", 61), i)
	}
	n := start(t, conf{server: locations})
	_, body := n.get("GET", "/metrics")
	all, err := parseMetrics(body)
	require.NoError(t, err)
	zones := map[string]int{}
	for series := range all {
		_, label, _ := strings.Cut(series, `zone="`)
		label, _, _ = strings.Cut(label, `"`)
		zones[label]++
	}
	require.Len(t, zones, 65)
	for label, count := range zones {
		if label != "" {
			require.Equal(t, zones[""]-19, count, "all but 19 are by label, too")
		}
	}
	require.Less(t, len(body), 2<<20)
	require.Len(t, n.status().Zones, 64)
	t.Run("one too many", func(t *testing.T) {
		n := start(t, conf{stopped: true, server: locations + "wallarm_zone_label more;\n"})
		out, ok := n.test()
		require.False(t, ok)
		require.Contains(t, out, `"wallarm_zone_label" directive is used with more than 64 labels in `)
	})
	t.Run("of former configurations", func(t *testing.T) {
		n := n.in(t)
		n.write("nginx.conf", n.config(t, conf{server: statusLocations, location: "wallarm_zone_label late;"}))
		n.reload()
		client, backend := n.connect()
		talk(client, backend)
		n.becomes(map[string]float64{`wallarm_websocket_messages_total{direction="client_to_server",opcode="text"}`: 1})
		n.logged(`no room for the label "late"`)
	})
}

// Bad values, contexts, and inheritance of labels.
func TestStatusDirectives(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	for _, tt := range []struct{ line, want string }{
		{"wallarm_status;", ""},
		{"wallarm_status on;", ""},
		{"wallarm_status off;", ""},
		{"wallarm_status on format=json;", ""},
		{"wallarm_status format=prometheus;", ""},
		{"wallarm_status maybe;", `invalid parameter "maybe"`},
		{"wallarm_status format=xml;", `invalid parameter "format=xml"`},
		{"wallarm_status format=json on;", `invalid parameter "format=json"`},
		{"wallarm_status on on;", `invalid parameter "on"`},
		{"wallarm_status on format=json x;", `invalid number of arguments in "wallarm_status" directive`},
		{"wallarm_status; wallarm_status off;", `"wallarm_status" directive is duplicate`},
		{"if ($arg_a) { wallarm_status; }", `"wallarm_status" directive is not allowed here`},
		{"wallarm_zone_label chat;", ""},
		{"wallarm_zone_label off;", ""},
		{"wallarm_zone_label a.b_c-D9;", ""},
		{"wallarm_zone_label " + strings.Repeat("x", 64) + ";", ""},
		{"wallarm_zone_label " + strings.Repeat("x", 65) + ";", `"wallarm_zone_label" directive must have 1 to 64 characters`},
		{`wallarm_zone_label "";`, `"wallarm_zone_label" directive must have 1 to 64 characters`},
		{`wallarm_zone_label 'a"b';`, `"wallarm_zone_label" directive may have letters, digits, "_", "-" and "." only`},
		{"wallarm_zone_label $host;", `"wallarm_zone_label" directive may have letters, digits, "_", "-" and "." only`},
		{"wallarm_zone_label a; wallarm_zone_label a;", `"wallarm_zone_label" directive is duplicate`},
		{"wallarm_zone_label a b;", `invalid number of arguments in "wallarm_zone_label" directive`},
	} {
		t.Run(tt.line, func(t *testing.T) {
			for _, c := range []conf{{server: tt.line + "\n"}, {server: "location = /status {\n" + tt.line + "\n}\n"}} {
				n.write("nginx.conf", n.config(t, c))
				out, ok := n.in(t).test()
				require.Equal(t, tt.want == "", ok, out)
				if tt.want != "" {
					require.Regexp(t, `\[emerg\] \d+#\d+: `+regexp.QuoteMeta(tt.want)+` in \S+nginx.conf:\d+\n`, out)
				}
			}
		})
	}
	t.Run("http", func(t *testing.T) {
		n.write("nginx.conf", n.config(t, conf{http: "wallarm_status;"}))
		out, ok := n.in(t).test()
		require.False(t, ok)
		require.Regexp(t, `\[emerg\] \d+#\d+: "wallarm_status" directive is not allowed here in `, out)
	})
	t.Run("inheritance", func(t *testing.T) {
		n := start(t, conf{stopped: true})
		n.write("nginx.conf", n.config(t, conf{noLocation: true, http: "wallarm_parse_websocket on; wallarm_zone_label all;",
			server: statusLocations + n.location("/a", "") + n.location("/b", "wallarm_zone_label b;") +
				n.location("/c", "wallarm_zone_label off;") + n.location("/d", "wallarm_zone_label b;")}))
		n.run()
		for _, target := range []string{"/a", "/b", "/c", "/d"} {
			n.connectTo(target)
		}
		n.becomes(map[string]float64{
			`wallarm_websocket_connections_total{zone="all"}`: 1,
			`wallarm_websocket_connections_total{zone="b"}`:   2,
			`wallarm_websocket_connections_total`:             1,
		})
	})
	t.Run("not used", func(t *testing.T) {
		// labels without a status location, and a status without inspection
		n := start(t, conf{location: "wallarm_zone_label a;"})
		client, backend := n.connect()
		talk(client, backend)
		n = start(t, conf{noLocation: true, server: statusLocations})
		n.becomes(map[string]float64{`wallarm_websocket_workers{engine="loaded"}`: 0, `wallarm_websocket_workers{engine="missing"}`: 0})
		require.Len(t, n.status().Workers, 1)
	})
}

// A message that is dropped alone is not a connection that is.
func TestStatusDiscarded(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: statusLocations, location: "wallarm_websocket_action drop_message;"})
	client, backend := n.connectTo("/socket.io/?EIO=4")
	say := func(s string) []byte { return text(`42["chat","` + s + `"]`) }
	for range 4 {
		client.send(say("hello"))
		backend.expect(say("hello"))
	}
	client.send(say(xss), say("hello"), say(sqli), say("there"))
	backend.expect(say("hello"), say("there"))
	n.becomes(map[string]float64{
		"wallarm_websocket_messages_discarded_total":                                   2,
		`wallarm_websocket_connections_dropped_total{code="1008"}`:                     0,
		`wallarm_websocket_attacks_total{type="xss",action="blocked"}`:                 1,
		`wallarm_websocket_messages_total{direction="client_to_server",opcode="text"}`: 8,
		"wallarm_websocket_connections_active":                                         1,
	})
	require.Equal(t, 2, n.status().Blocked)
}

// Each close code is counted under its own name.
func TestDroppedCodes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true, server: statusLocations + controlLocation +
		n.inspected("/age", "wallarm_websocket_max_age 50ms;") + n.inspected("/later", "wallarm_websocket_max_age 50ms code=1013;") +
		n.inspected("/type", "wallarm_websocket_messages text;") + n.inspected("/own", "wallarm_websocket_action close 4000;") + n.inspected("/", "")}))
	n.run()
	n.ready(1)
	for _, tt := range []struct {
		path string
		send []byte
		code ws.CloseCode
	}{
		{"/age", nil, ws.CloseGoingAway},
		{"/later", nil, ws.CloseTryAgainLater},
		{"/type", wstest.Frame{Opcode: ws.OpBinary, Mask: mask, Payload: []byte("x")}.Bytes(), ws.CloseUnsupportedData},
		{"/own", text(xss), 4000},
	} {
		client, backend := n.connectTo(tt.path)
		if tt.send != nil {
			client.send(tt.send)
		}
		dropped(client, backend, tt.code)
	}
	client, backend := n.connectTo("/")
	n.reload()
	n.ready(2)
	r, body := n.get("POST", "/control?older=1")
	require.Equal(t, 200, r.StatusCode)
	require.Regexp(t, `^\{"closing":[1-5]\}\n$`, body) // the others may linger
	dropped(client, backend, 1012)
	const dropped = `wallarm_websocket_connections_dropped_total{code=`
	n.becomes(map[string]float64{dropped + `"1001"}`: 1, dropped + `"1003"}`: 1, dropped + `"1012"}`: 1, dropped + `"1013"}`: 1,
		dropped + `"1008"}`: 0, dropped + `"other"}`: 1})
}
