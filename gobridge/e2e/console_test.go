//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// console runs wsi console until the test ends, and returns its address.
func (n *nginx) console(args ...string) string {
	n.Helper()
	cmd := exec.Command(env(n, "WSI_CLI"), append([]string{"console", "--listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(n, err)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	require.NoError(n, cmd.Start())
	n.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if n.Failed() {
			n.Logf("wsi console %q: %s", args, complaints.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(n, err)
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "console at ")
	require.True(n, ok, line)
	go io.Copy(io.Discard, out)
	return strings.TrimSuffix(address, "/")
}

func fetch(t testing.TB, address string) (status int, body string) {
	t.Helper()
	r, err := (&http.Client{Timeout: 2 * patience}).Get(address)
	require.NoError(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(b)
}

func fetchJSON(t testing.TB, address string, to any) {
	t.Helper()
	status, body := fetch(t, address)
	require.Equal(t, 200, status, "%s: %s", address, body)
	require.NoError(t, json.Unmarshal([]byte(body), to))
}

// A console over ClickHouse says the same as one over the log.
func TestIntegrationConsoleClickHouse(t *testing.T) {
	t.Parallel()
	program(t, "clickhouse-server")
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{workers: 2, http: "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;\n" +
		"wallarm_event_log logs/websocket_attacks.json datasets=attack,ignored,violation,connection;\n", server: "location /monitoring {\n" +
		n.proxy("http") + "wallarm_parse_websocket on; wallarm_mode monitoring; wallarm_websocket_ignore type=sqli path=$;\n}\n"}))
	n.run()
	attackers(n, 4)
	for i := range 4 { // that do nothing else
		client, backend := n.connectTo("/doc?id=1&token=s3cret", fmt.Sprintf("X-Forwarded-For: 203.0.113.%d\r\n", i+1))
		client.send(text("<b onclick=alert(1)>"))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	client, backend := n.connectTo("/monitoring", "X-Forwarded-For: 2001:db8::1\r\n", "Origin: https://chat.example\r\n")
	for _, m := range []string{xss, sqli, `{"html":"` + strings.ReplaceAll(xss, "(1)", "('д\\\\')") + `"}`, prose(9000) + xss} {
		client.send(text(m))
		backend.expect(text(m))
	}
	n.eventually("all is logged", func() bool { return n.counted(`"action":"monitored"`)+n.counted(`"action":"ignored"`) == 4 })
	client.Close()
	backend.Close()
	n.eventually("all are closed", func() bool { return n.counted(`"action":"closed"`) == n.counted(`"action":"opened"`) })
	log := filepath.Join(n.dir, "logs/websocket_attacks.json")
	count := n.counted("\n")

	shell, address := n.clickHouse()
	shell("clickhouse-client --multiquery < schema.sql")
	shell(insertEvents(n, log))
	shell(insertEvents(n, log)) // an agent that sends twice
	overLog := n.console("--log", log, "--db", filepath.Join(t.TempDir(), "db"))
	store := "clickhouse://" + address + "/wallarm/websocket_events"
	overClickHouse := n.console("--store", store)
	documented(t, "wsi console --store clickhouse://reader@clickhouse.example.com:8123/wallarm/websocket_events")

	type any = map[string]interface{}
	health := func(of string) (h any) { fetchJSON(t, of+"/api/health", &h); return h }
	n.eventually("the log is read", func() bool { return health(overLog)["events"] == float64(count) })
	var attacks struct {
		Total   int
		Attacks []struct{ ID, Newest string }
		Facets  map[string][]struct{ Value string }
	}
	fetchJSON(t, overLog+"/api/attacks?kind=all", &attacks)
	require.Greater(t, attacks.Total, 10)
	var connections struct{ Connections []struct{ ID string } }
	fetchJSON(t, overLog+"/api/connections", &connections)
	require.Greater(t, len(connections.Connections), 20)
	targets := []string{"/attacks", "/attacks?kind=all&sort=hits", "/attacks?kind=violation", "/attacks?kind=ignored", "/attacks?sort=first&page=2",
		"/attacks?from=2026-01-01&to=2026-01-02", "/attacks?range=1h", "/attacks?q=onclick", "/attacks?q=%22union+select%22",
		"/attacks?-ip=198.51.100.*", "/attacks?ip=2001:db8::1&kind=all", "/rules", "/rules?type=xss", "/connections", "/connections?page=2",
		"/connections?kind=attack", "/connections?type=xss&-host=other.example"}
	for _, a := range attacks.Attacks {
		targets = append(targets, "/attacks/"+a.ID, "/hits/"+a.Newest)
	}
	for _, c := range connections.Connections {
		targets = append(targets, "/connections/"+c.ID)
	}
	for dim, values := range attacks.Facets {
		for _, v := range values {
			targets = append(targets, "/attacks?kind=all&"+dim+"="+url.QueryEscape(v.Value), "/attacks?-"+dim+"="+url.QueryEscape(v.Value))
		}
	}
	for _, target := range targets {
		var want, got any
		fetchJSON(t, overLog+"/api"+target, &want)
		fetchJSON(t, overClickHouse+"/api"+target, &got)
		if strings.Contains(target, "range=") { // the time line goes to now
			delete(want, "timeline")
			delete(got, "timeline")
		}
		for _, v := range []any{want, got} { // of one millisecond, in any order
			for _, name := range []string{"connections", "hits"} {
				if list, ok := v[name].([]interface{}); ok {
					slices.SortFunc(list, func(a, b interface{}) int { return strings.Compare(a.(any)["id"].(string), b.(any)["id"].(string)) })
				}
			}
		}
		require.Equal(t, want, got, target)
		status, page := fetch(t, overClickHouse+target)
		require.Equal(t, 200, status, target)
		require.Contains(t, page, "</html>")
	}
	var rules struct {
		Candidates []struct{ Clients int } `json:"false_alarm_candidates"`
	}
	fetchJSON(t, overClickHouse+"/api/rules", &rules)
	require.NotEmpty(t, rules.Candidates)
	want, got := health(overLog), health(overClickHouse)
	require.Equal(t, store, got["store"])
	for _, name := range []string{"time", "store", "logs", "counters", "database_bytes", "read_delay_seconds"} {
		delete(want, name)
		delete(got, name)
	}
	require.Equal(t, want, got)

	// nothing that is asked for is more than a value
	for _, s := range []string{"'", `\`, `\'`, "' OR 2=2 -- ", `') OR ('1'='1`, "\x00", "\xff'", "%", "{x:String}", "); DROP TABLE wallarm.websocket_events"} {
		for _, name := range []string{"type", "host", "ip", "point", "q", "kind"} {
			var found struct{ Total int }
			fetchJSON(t, overClickHouse+"/api/attacks?"+name+"="+url.QueryEscape(s), &found)
			require.Zero(t, found.Total, "%s=%q", name, s)
		}
		for _, path := range []string{"/attacks/", "/hits/", "/connections/"} {
			status, _ := fetch(t, overClickHouse+"/api"+path+url.PathEscape(s))
			require.Equal(t, 404, status, "%s%q", path, s)
		}
	}

	// open pages are told
	r, err := http.Get(overClickHouse + "/live")
	require.NoError(t, err)
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	require.True(t, lines.Scan())
	attackers(n, 1)
	n.eventually("all are closed", func() bool { return n.counted(`"action":"closed"`) == n.counted(`"action":"opened"`) })
	shell(insertEvents(n, log))
	told := time.AfterFunc(3*patience, func() { r.Body.Close() })
	defer told.Stop()
	for lines.Scan() && lines.Text() != "event: change" {
	}
	require.Equal(t, "event: change", lines.Text())
	require.Equal(t, float64(n.counted("\n")), health(overClickHouse)["events"])

	gone := n.console("--store", "clickhouse://"+freeAddr(t))
	status, page := fetch(t, gone+"/attacks")
	require.Equal(t, 500, status)
	require.NotContains(t, page, "refused")
}

// The health page has NGINX's own counters, and says when it does not get them.
func TestConsoleStatus(t *testing.T) {
	t.Parallel()
	n := start(t, conf{workers: 2, server: statusLocations, location: "wallarm_zone_label chat;"})
	client, backend := n.connect()
	talk(client, backend)
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	n.events(1)
	log := filepath.Join(n.dir, "logs/websocket_attacks.json")
	at := n.console("--log", log, "--db", filepath.Join(t.TempDir(), "db"), "--status", "http://"+n.addr+"/wallarm-status")
	type health struct {
		Events int
		Status struct {
			URL, Error string
			Values     status
		}
	}
	var h health
	n.eventually("the event is there", func() bool {
		h = health{}
		fetchJSON(t, at+"/api/health", &h)
		return h.Events == 1
	})
	require.Empty(t, h.Status.Error)
	want := n.status()
	require.Equal(t, [4]int{1, 1, 1, 3}, [4]int{want.Attacks, want.Blocked, want.Streams, want.Messages})
	got := h.Status.Values
	require.Equal(t, [4]int{want.Attacks, want.Blocked, want.Streams, want.Messages}, [4]int{got.Attacks, got.Blocked, got.Streams, got.Messages})
	require.Equal(t, want.Reasons, got.Reasons)
	require.Equal(t, "chat", got.Zones[0].Label)
	code, page := fetch(t, at+"/health")
	require.Equal(t, 200, code)
	require.Regexp(t, `<dt>blocked</dt><dd>1</dd>`, page)
	require.Regexp(t, `<dt>attack_types: xss</dt><dd>1 blocked</dd>`, page)
	require.NotContains(t, page, "map[")

	// something else answers, or nothing
	for target, want := range map[string]string{"/metrics": "invalid character", "/nothing": "502|504|404|426"} {
		at := n.console("--log", log, "--db", filepath.Join(t.TempDir(), "db"), "--status", "http://"+n.addr+target)
		if target == "/nothing" {
			n.backend.Close()
		}
		var h health
		fetchJSON(t, at+"/api/health", &h)
		require.Regexp(t, want, h.Status.Error)
	}
	n.stop(syscall.SIGQUIT)
	gone := n.console("--log", log, "--db", filepath.Join(t.TempDir(), "db"), "--status", "http://"+n.addr+"/wallarm-status")
	fetchJSON(t, gone+"/api/health", &h)
	require.Contains(t, h.Status.Error, "refused")
	code, page = fetch(t, gone+"/health")
	require.Equal(t, 200, code)
	require.Contains(t, page, "refused")
}

// counted is how often the event log has s.
func (n *nginx) counted(s string) int { return strings.Count(n.log("websocket_attacks.json"), s) }
