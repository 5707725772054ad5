//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

const integrations = "../../integrations"

// packages has those that are not named as the program.
var packages = strings.NewReplacer("promtool", "prometheus", "cscli", "crowdsec", "rsyslogd", "rsyslog",
	"fail2ban-regex", "fail2ban", "fail2ban-client", "fail2ban", "fail2ban-server", "fail2ban")

// program is one that make e2e-integrations installs. Without it a test is
// skipped, but not there; there only when the distribution has none.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("WSI_INTEGRATIONS") == "" {
		t.Skipf("%s is not here: make e2e-integrations installs it and runs this", name)
	}
	if err != nil && exec.Command("apt-cache", "show", packages.Replace(name)).Run() != nil {
		t.Skipf("%s is not here, and the distribution has no package of it: not tested", name)
	}
	require.NoError(t, err)
	return path
}

// promtool has nothing to say about the metrics, the rules and their tests.
func TestIntegrationPromtool(t *testing.T) {
	t.Parallel()
	promtool := program(t, "promtool")
	n := start(t, conf{server: statusLocations, location: "wallarm_zone_label chat;"})
	client, backend := n.connect()
	talk(client, backend)
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	_, body := n.get("GET", "/metrics")
	run := func(input string, args ...string) string {
		cmd := exec.Command(promtool, args...)
		cmd.Stdin = strings.NewReader(input)
		cmd.Dir = filepath.Join(integrations, "prometheus")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	require.Empty(t, run(body, "check", "metrics"))
	require.Contains(t, run("", "check", "rules", "wallarm-websocket.rules.yml"), "10 rules found")
	require.Contains(t, run("", "check", "config", "prometheus.yml"), "SUCCESS")
	require.Contains(t, run("", "test", "rules", "wallarm-websocket.rules.test.yml"), "SUCCESS")
}

// prometheus is a running Prometheus that scrapes an NGINX.
type prometheus struct {
	*nginx
	addr string
}

func (n *nginx) prometheus() *prometheus {
	n.Helper()
	p := &prometheus{n, freeAddr(n)}
	dir := n.TempDir()
	rules, err := filepath.Abs(filepath.Join(integrations, "prometheus/wallarm-websocket.rules.yml"))
	require.NoError(n, err)
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(n, os.WriteFile(config, []byte(fmt.Sprintf(`
global: {scrape_interval: 250ms, evaluation_interval: 250ms}
rule_files: [%q]
scrape_configs:
  - job_name: nginx-wallarm
    metrics_path: /metrics
    static_configs: [{targets: [%q]}]
`, rules, n.addr)), 0o644))
	cmd := exec.Command(program(n, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+p.addr, "--log.level=warn")
	out, err := os.Create(filepath.Join(n.dir, "logs/prometheus.log"))
	require.NoError(n, err)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(n, cmd.Start())
	n.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		out.Close()
	})
	n.eventually("Prometheus is ready", func() bool {
		r, err := http.Get("http://" + p.addr + "/-/ready")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == 200
	})
	return p
}

// api is the data of an answer.
func (p *prometheus) api(path string, data any) {
	p.Helper()
	r, err := http.Get("http://" + p.addr + "/api/v1/" + path)
	require.NoError(p, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(p, err)
	answer := struct{ Data any }{data}
	require.NoError(p, json.Unmarshal(body, &answer), "%s", body)
	require.Equal(p, 200, r.StatusCode, "%s", body)
}

type result struct {
	Metric map[string]string
	Value  []any
}

func (p *prometheus) query(expr string) []result {
	p.Helper()
	var data struct{ Result []result }
	p.api("query?query="+url.QueryEscape(expr), &data)
	return data.Result
}

// Each query of the dashboard and each rule has an answer of a Prometheus that
// scrapes an NGINX with traffic, and the alert that matters most fires.
func TestIntegrationPrometheus(t *testing.T) {
	t.Parallel()
	program(t, "prometheus")
	n := start(t, conf{stopped: true, workers: 2})
	n.write("nginx.conf", n.config(t, conf{workers: 2, http: "wallarm_process_time_limit 1h;", server: statusLocations +
		"location /monitoring {\n" + n.proxy("http") + "wallarm_parse_websocket on; wallarm_mode monitoring; wallarm_zone_label watched;\n" +
		"wallarm_websocket_ignore type=sqli path=$;\nwallarm_websocket_max_message_size 100k;\n}\n"}))
	n.run()
	p := n.prometheus()

	// some of everything, more of it with each turn
	round := func() {
		client, backend := n.connect()
		talk(client, backend)
		client.send(text(prose(20 << 10)))
		backend.expect(text(prose(20 << 10)))
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
		client = n.client()
		client.send(request("/", "Content-Length: 1\r\n"), []byte("x"))
		require.Equal(t, "400", client.status())
		client = n.client()
		client.send(post(pollingTarget, chat(xss)))
		require.Equal(t, "403", client.status())
		client, backend = n.connectTo("/monitoring")
		for _, m := range [][]byte{text(sqli), text(prose(101 << 10)), wstest.Frame{Opcode: 3, Mask: mask}.Bytes(), text("not seen")} {
			client.send(m)
			backend.expect(m)
		}
		client.Close()
		backend.Close()
	}

	file, err := os.ReadFile(filepath.Join(integrations, "grafana/wallarm-websocket.json"))
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
		Templating  struct{ List []struct{ Definition string } }
		Annotations struct{ List []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(file, &dashboard))
	values := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$zone", ".*")
	queries := map[string]string{}
	for _, panel := range dashboard.Panels {
		require.Equal(t, panel.Type != "row", len(panel.Targets) > 0, panel.Title)
		for _, target := range panel.Targets {
			queries[target.Expr] = panel.Title
		}
	}
	require.Greater(t, len(queries), 30)

	// all have an answer, of numbers
	deadline := time.Now().Add(6 * patience)
	for len(queries) > 0 {
		round()
		for expr, title := range queries {
			expanded := values.Replace(expr)
			require.NotContains(t, expanded, "$", title)
			found := p.query(expanded)
			for _, r := range found {
				if r.Value[1] != "NaN" {
					delete(queries, expr)
				}
			}
		}
		require.True(t, time.Now().Before(deadline), "no answer: %v", queries)
	}
	for _, a := range dashboard.Annotations.List {
		p.query(values.Replace(a.Expr)) // an answer only at a restart
	}
	for _, v := range dashboard.Templating.List[1:] {
		metric, label, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"), ", ")
		require.True(t, ok, v.Definition)
		require.NotEmpty(t, p.query("count by ("+label+") ("+metric+")"))
	}

	// the figures are NGINX's own
	want := n.metrics()[`wallarm_websocket_attacks_total{type="xss",action="blocked"}`]
	n.eventually("Prometheus has the last figures", func() bool {
		r := p.query(`wallarm_websocket_attacks_total{type="xss",action="blocked",zone=""}`)
		return len(r) == 1 && r[0].Value[1] == fmt.Sprint(want)
	})

	// every rule is evaluated without an error
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health, State, LastError string }
		}
	}
	n.eventually("the alert on what passes uninspected", func() bool {
		p.api("rules", &rules)
		require.Len(t, rules.Groups, 1)
		require.Len(t, rules.Groups[0].Rules, 10)
		fires := false
		for _, r := range rules.Groups[0].Rules {
			require.Empty(t, r.LastError, r.Name)
			if r.Health != "ok" {
				return false // not evaluated yet
			}
			switch r.Name {
			case "WallarmWebSocketUninspected":
				fires = r.State == "firing"
			case "WallarmWebSocketAttackBurst", "WallarmWebSocketViolations", "WallarmWebSocketSlowInspection", "WallarmWebSocketThreadsBusy":
				// as the machine is
			default:
				require.Equal(t, "inactive", r.State, r.Name)
			}
		}
		return fires
	})
}
