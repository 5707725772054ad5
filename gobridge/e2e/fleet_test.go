//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// forged is what an attacker writes to have another one banned, or to be
// overlooked: no reader may take it for a field.
const (
	innocent = "203.0.113.66"
	forged   = `"},"source":{"ip":"` + innocent + `"},"event":{"action":"ignored"},{{[ ", client: ` + innocent + `, server: x, request: "GET / HTTP/1.1" `
)

// record is what the readers make of a line.
type record struct {
	Event   struct{ ID, Action, Dataset string }
	Rule    struct{ ID string }
	Source  struct{ IP string }
	URL     struct{ Domain, Path string }
	Wallarm struct {
		Attack    struct{ Type, Path, Match string }
		Violation struct{ Token string }
		WebSocket struct {
			Connection string `json:"connection_id"`
		}
		Hits int
	}
}

// fleet is an NGINX that has logged attacks of several clients, monitored,
// ignored and violating ones among them.
func fleet(t *testing.T, location string) *nginx {
	n := start(t, conf{workers: 2, http: "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;\n" +
		"wallarm_event_log logs/websocket_attacks.json;\nwallarm_event_log logs/websocket_report.json payload=none;\n" + location})
	attackers(n, 4)
	return n
}

func attackers(n *nginx, count int) {
	for i := range count {
		from := fmt.Sprintf("X-Forwarded-For: 198.51.100.%d\r\n", i+1)
		for _, payload := range []string{xss, sqli, xss + forged, forged + sqli} {
			client, backend := n.connect(from)
			client.send(text(payload))
			dropped(client, backend, ws.ClosePolicyViolation)
		}
	}
	client, backend := n.connect("X-Forwarded-For: 198.51.100.99\r\n")
	client.send(text("\xff"))
	dropped(client, backend, ws.CloseInvalidPayload)
}

func (n *nginx) records(file string) (all []record) {
	n.Helper()
	for line := range strings.Lines(n.log(file)) {
		var r record
		require.NoError(n, json.Unmarshal([]byte(line), &r), "%s", line)
		all = append(all, r)
	}
	return all
}

func tool(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, name), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "TERM=dumb")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %q: %s", name, args, out)
	return string(out)
}

// daemon runs until the test ends.
func (n *nginx) daemon(name string, args ...string) (output func() string) {
	n.Helper()
	cmd := exec.Command(program(n, name), args...)
	out, err := os.OpenFile(filepath.Join(n.dir, "logs", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(n, err)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(n, cmd.Start())
	n.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		out.Close()
	})
	return func() string { return n.log(name + ".log") }
}

// integration copies a file of integrations/, with some of it replaced; what
// is not there anymore is an error.
func integration(t testing.TB, name, to string, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(integrations, name))
	require.NoError(t, err)
	s := string(b)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, s, replace[i])
		s = strings.ReplaceAll(s, replace[i], replace[i+1])
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	require.NoError(t, os.WriteFile(to, []byte(s), 0o644))
	return to
}

// documented demands that docs/fleet.md has the command.
func documented(t testing.TB, command string) {
	t.Helper()
	b, err := os.ReadFile("../../docs/fleet.md")
	require.NoError(t, err)
	squeeze := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, "\\\n", " ")), " ") }
	require.Contains(t, squeeze(string(b)), squeeze(command))
}

const packaged = "/var/log/nginx/websocket_attacks.json"

// Each program reads the log that an NGINX wrote, and sees what is in it.
func TestIntegrationEventLog(t *testing.T) {
	t.Parallel()
	n := fleet(t, "")
	const lines = 4*4 + 1
	n.events(lines)
	all := n.records("websocket_attacks.json")
	log := filepath.Join(n.dir, "logs/websocket_attacks.json")
	abs, err := filepath.Abs(integrations)
	require.NoError(t, err)
	counts := map[string]int{} // by type and action
	var banned []string
	for _, r := range all {
		if r.Event.Dataset == "wallarm_websocket.attack" {
			counts[r.Wallarm.Attack.Type+","+r.Event.Action]++
			banned = append(banned, r.Source.IP)
		}
	}
	require.Len(t, banned, lines-1)
	require.NotContains(t, banned, innocent)
	slices.Sort(banned)

	t.Run("lnav", func(t *testing.T) {
		dir := t.TempDir()
		integration(t, "lnav/wallarm_websocket.json", filepath.Join(dir, "formats/wallarm/wallarm_websocket.json"))
		query := `;SELECT "wallarm/attack/type" AS type, "event/action" AS action, sum("wallarm/hits") AS hits FROM wallarm_websocket ` +
			`WHERE "event/dataset" = 'wallarm_websocket.attack' GROUP BY type, action`
		documented(t, "lnav -n -c '"+strings.ReplaceAll(query, "'", `'\''`)+"' -c ':write-csv-to -' "+packaged)
		out := tool(t, dir, "lnav", "-n", "-I", dir, "-c", query, "-c", ":write-csv-to -", log)
		require.Equal(t, counts, csv(t, out))
		out = tool(t, dir, "lnav", "-n", "-I", dir, log)
		require.Equal(t, lines, strings.Count(out, " blocked   WebSocket "), out)
	})

	t.Run("goaccess", func(t *testing.T) {
		dir := t.TempDir()
		documented(t, "goaccess --no-progress -p integrations/goaccess/wallarm-websocket.conf -o report.json -o report.html")
		tool(t, dir, "goaccess", "--no-progress", "-p", filepath.Join(abs, "goaccess/wallarm-websocket.conf"),
			"-o", "report.json", "-o", "report.html", filepath.Join(n.dir, "logs/websocket_report.json"))
		html, err := os.ReadFile(filepath.Join(dir, "report.html"))
		require.NoError(t, err)
		require.Contains(t, string(html), "198.51.100.1")
		b, err := os.ReadFile(filepath.Join(dir, "report.json"))
		require.NoError(t, err)
		var report struct {
			General struct {
				Valid  int `json:"valid_requests"`
				Failed int `json:"failed_requests"`
			}
			Hosts struct{ Data []struct{ Data string } }
		}
		require.NoError(t, json.Unmarshal(b, &report))
		require.Equal(t, [2]int{lines, 0}, [2]int{report.General.Valid, report.General.Failed})
		require.Len(t, report.Hosts.Data, 5)
	})

	t.Run("fail2ban", func(t *testing.T) {
		for filter, file := range map[string]string{
			"wallarm-websocket.conf": log, "wallarm-websocket-error.conf": filepath.Join(n.dir, "logs/error.log"),
		} {
			documented(t, "fail2ban-regex -o ip /var/log/nginx/"+filepath.Base(file)+" /etc/fail2ban/filter.d/"+filter)
			out := tool(t, t.TempDir(), "fail2ban-regex", "-o", "ip", file, filepath.Join(abs, "fail2ban/filter.d", filter))
			found := strings.Fields(out)
			slices.Sort(found)
			require.Equal(t, banned, found, filter)
		}
		// the jail, among those of the package
		dir := filepath.Join(t.TempDir(), "fail2ban")
		require.NoError(t, os.CopyFS(dir, os.DirFS("/etc/fail2ban")))
		os.Remove(filepath.Join(dir, "jail.d/defaults-debian.conf")) // needs an auth.log
		for _, f := range []string{"filter.d/wallarm-websocket.conf", "action.d/wallarm-websocket-cut.conf"} {
			integration(t, "fail2ban/"+f, filepath.Join(dir, f))
		}
		integration(t, "fail2ban/jail.d/wallarm-websocket.conf", filepath.Join(dir, "jail.d/wallarm-websocket.conf"), packaged, log)
		require.Contains(t, tool(t, dir, "fail2ban-client", "-c", dir, "-t"), "OK: configuration test is successful")
		out := tool(t, dir, "fail2ban-client", "-c", dir, "--dp")
		require.Contains(t, out, log)
		require.Contains(t, out, "ss -K dst <ip>")
	})

	t.Run("clickhouse", func(t *testing.T) { n.in(t).clickhouse(all, counts) })
	t.Run("crowdsec", func(t *testing.T) { n.in(t).crowdsec(n.log("websocket_attacks.json")) })

	t.Run("logrotate", func(t *testing.T) {
		m := n.in(t)
		conf := integration(t, "logrotate/wallarm-websocket", filepath.Join(t.TempDir(), "wallarm-websocket"),
			filepath.Dir(packaged), filepath.Join(n.dir, "logs"), "/run/nginx.pid", filepath.Join(n.dir, "logs/nginx.pid"),
			"	create 0640 www-data adm\n", "	create 0640\n")
		state := filepath.Join(t.TempDir(), "state")
		before := n.log("websocket_attacks.json")
		documented(t, "logrotate -d /etc/logrotate.d/wallarm-websocket")
		require.Contains(t, tool(t, n.dir, "logrotate", "-d", conf), "websocket_attacks.json")
		tool(t, n.dir, "logrotate", "-f", "-s", state, conf)
		require.Equal(t, before, n.log("websocket_attacks.json.1"))
		m.eventually("the workers have the new file", func() bool {
			for _, pid := range n.workers() {
				if !slices.Contains(openFiles(pid), log) {
					return false
				}
			}
			return true
		})
		attackers(m, 4)
		m.events(lines)
		require.Equal(t, before, n.log("websocket_attacks.json.1"))
	})
}

func openFiles(pid int) (names []string) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, l := range links {
		name, _ := os.Readlink(l)
		names = append(names, name)
	}
	return names
}

// csv are lines "a,b,count".
func csv(t testing.TB, out string) map[string]int {
	found := map[string]int{}
	for line := range strings.Lines(out) {
		i := strings.LastIndexByte(line, ',')
		k, err := strconv.Atoi(strings.TrimSpace(line[i+1:]))
		if err == nil {
			found[line[:i]] = k
		}
	}
	require.NotEmpty(t, found, out)
	return found
}

// clickHouse starts one. What shell runs is as in docs/fleet.md, for this server.
func (n *nginx) clickHouse() (shell func(command string) string, address string) {
	n.Helper()
	program(n, "clickhouse-server")
	dir := filepath.Join(n.dir, "clickhouse")
	address = freeAddr(n)
	_, port, err := net.SplitHostPort(freeAddr(n))
	require.NoError(n, err)
	require.NoError(n, os.Mkdir(dir, 0o755))
	n.write("clickhouse/users.xml", "<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default><password/>"+
		"<networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>")
	n.write("clickhouse/config.xml", "<yandex><logger><level>warning</level><console>1</console></logger><listen_host>127.0.0.1</listen_host>"+
		"<tcp_port>"+port+"</tcp_port><http_port>"+address[strings.LastIndexByte(address, ':')+1:]+"</http_port>"+
		"<path>"+dir+"/data/</path><tmp_path>"+dir+"/tmp/</tmp_path><users_config>"+dir+"/users.xml</users_config>"+
		"<mark_cache_size>1048576</mark_cache_size><default_profile>default</default_profile><default_database>default</default_database></yandex>")
	n.daemon("clickhouse-server", "--config-file="+dir+"/config.xml")
	n.eventually("ClickHouse is ready", func() bool {
		return exec.Command("clickhouse-client", "--host", "127.0.0.1", "--port", port, "--query", "SELECT 1").Run() == nil
	})
	return func(command string) string {
		n.Helper()
		return tool(n, integrations+"/clickhouse", "sh", "-c", strings.ReplaceAll(command, "clickhouse-client", "clickhouse-client --host 127.0.0.1 --port "+port))
	}, address
}

// insertEvents is the command that docs/fleet.md has for a log.
func insertEvents(t testing.TB, log string) string {
	insert := "sed 's/\"/\"\"/g; s/.*/\"&\"/' " + packaged +
		" | clickhouse-client --query 'INSERT INTO wallarm.websocket_events (line) FORMAT CSV'"
	documented(t, insert)
	return strings.ReplaceAll(insert, packaged, log)
}

// clickhouse has in its columns what the lines have, and answers the queries.
func (n *nginx) clickhouse(all []record, counts map[string]int) {
	n.Helper()
	shell, _ := n.clickHouse()
	query := func(q string) string { return shell("clickhouse-client --query \"" + q + "\"") }
	for _, command := range []string{"clickhouse-client --multiquery < schema.sql", "clickhouse-client --multiquery < queries.sql"} {
		documented(n, command)
	}
	insert := insertEvents(n, filepath.Join(n.dir, "logs/websocket_attacks.json"))
	shell("clickhouse-client --multiquery < schema.sql")
	shell(insert)
	shell(insert) // an agent that sends twice

	rows := query("SELECT event_id, dataset, action, rule, type, path, match, violation, source_ip, domain, url_path, connection_id, hits " +
		"FROM wallarm.websocket_events FINAL FORMAT JSONCompact")
	var found struct{ Data [][]any }
	require.NoError(n, json.Unmarshal([]byte(rows), &found), rows)
	var want [][]any
	for _, r := range all {
		w := r.Wallarm
		want = append(want, []any{r.Event.ID, r.Event.Dataset, r.Event.Action, r.Rule.ID, w.Attack.Type, w.Attack.Path, w.Attack.Match,
			w.Violation.Token, r.Source.IP, r.URL.Domain, r.URL.Path, w.WebSocket.Connection, float64(w.Hits)})
	}
	require.ElementsMatch(n, want, found.Data)
	b, err := os.ReadFile(n.dir + "/logs/websocket_attacks.json")
	require.NoError(n, err)
	require.ElementsMatch(n, strings.Fields(strings.ReplaceAll(string(b), " ", "")),
		strings.Fields(strings.ReplaceAll(query("SELECT DISTINCT line FROM wallarm.websocket_events FORMAT TabSeparatedRaw"), " ", "")))

	out := shell("clickhouse-client --multiquery < queries.sql")
	for what, count := range counts {
		require.Contains(n, out, strings.ReplaceAll(what, ",", "\t")+"\t"+strconv.Itoa(count)+"\n")
	}
	require.Contains(n, out, "WEBSOCKET/13", "one event, whole")
	day := strings.TrimSpace(query("SELECT max(day) FROM wallarm.websocket_events"))
	shell("clickhouse-client --query \"ALTER TABLE wallarm.websocket_events DROP PARTITION '" + day + "'\"")
	require.Equal(n, "0\n", query("SELECT count() FROM wallarm.websocket_events WHERE day = '"+day+"'"))
}

// crowdsec bans the attackers, and only them.
func (n *nginx) crowdsec(events string) {
	n.Helper()
	program(n, "crowdsec")
	dir := filepath.Join(n.dir, "crowdsec")
	log := filepath.Join(dir, "websocket_attacks.json")
	for _, f := range []string{"parsers/s01-parse/wallarm-websocket.yaml", "scenarios/wallarm-websocket-attacks.yaml"} {
		integration(n, "crowdsec/"+f, filepath.Join(dir, f))
	}
	integration(n, "crowdsec/acquis.d/wallarm-websocket.yaml", filepath.Join(dir, "acquis.d/wallarm-websocket.yaml"), packaged, log)
	for from, to := range map[string]string{
		"/usr/share/crowdsec/hub/parsers/s00-raw/crowdsecurity/syslog-logs.yaml":         "parsers/s00-raw/syslog-logs.yaml",
		"/usr/share/crowdsec/hub/parsers/s02-enrich/crowdsecurity/dateparse-enrich.yaml": "parsers/s02-enrich/dateparse-enrich.yaml",
		"/etc/crowdsec/profiles.yaml": "profiles.yaml", "/etc/crowdsec/simulation.yaml": "simulation.yaml",
	} {
		b, err := os.ReadFile(from)
		require.NoError(n, err)
		require.NoError(n, os.MkdirAll(filepath.Join(dir, filepath.Dir(to)), 0o755))
		n.write(filepath.Join("crowdsec", to), string(b))
	}
	require.NoError(n, os.CopyFS(filepath.Join(dir, "patterns"), os.DirFS("/etc/crowdsec/patterns")))
	for _, d := range []string{"data", "notifications", "postoverflows"} {
		require.NoError(n, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	n.write("crowdsec/websocket_attacks.json", "")
	config := filepath.Join(dir, "config.yaml")
	n.write("crowdsec/config.yaml", strings.NewReplacer("DIR", dir, "ADDR", freeAddr(n)).Replace(`
common: {daemonize: false, log_media: stdout, log_level: info, working_dir: .}
config_paths: {config_dir: DIR/, data_dir: DIR/data/, simulation_path: DIR/simulation.yaml, hub_dir: /usr/share/crowdsec/hub/,
  index_path: /usr/share/crowdsec/hub/.index.json, notification_dir: DIR/notifications/, plugin_dir: DIR/notifications/}
crowdsec_service: {acquisition_dir: DIR/acquis.d, parser_routines: 1}
cscli: {output: human}
db_config: {type: sqlite, db_path: DIR/data/crowdsec.db, use_wal: true}
api: {client: {credentials_path: DIR/credentials.yaml}, server: {listen_uri: ADDR, profiles_path: DIR/profiles.yaml}}
prometheus: {enabled: false}
`))
	tool(n, dir, "cscli", "-c", config, "machines", "add", "test", "--auto", "-f", filepath.Join(dir, "credentials.yaml"))
	output := n.daemon("crowdsec", "-c", config)
	n.eventually("CrowdSec follows the log", func() bool { return strings.Contains(output(), "Starting processing data") })
	n.eventually("CrowdSec reads the log", func() bool {
		pids, _ := filepath.Glob("/proc/[0-9]*/fd")
		for _, p := range pids {
			pid, _ := strconv.Atoi(strings.Split(p, "/")[2])
			if slices.Contains(openFiles(pid), log) {
				return true
			}
		}
		return false
	})
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(n, err)
	_, err = f.WriteString(events)
	require.NoError(n, err)
	require.NoError(n, f.Close())
	var decisions []string
	n.eventually("four are banned", func() bool {
		out := tool(n, dir, "cscli", "-c", config, "decisions", "list", "-o", "raw")
		decisions = regexp.MustCompile(`Ip:[0-9.]+,wallarm/websocket-attacks,ban`).FindAllString(out, -1)
		return len(decisions) >= 4
	})
	slices.Sort(decisions)
	var want []string
	for i := range 4 {
		want = append(want, fmt.Sprintf("Ip:198.51.100.%d,wallarm/websocket-attacks,ban", i+1))
	}
	require.Equal(n, want, decisions)
}

// The jail bans, and its action closes what the address has open.
func TestIntegrationFail2ban(t *testing.T) {
	t.Parallel()
	program(t, "fail2ban-server")
	program(t, "curl")
	n := start(t, conf{workers: 2, http: "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;",
		server:   "location = /websocket-control { wallarm_websocket_control; }",
		location: "wallarm_event_log logs/websocket_attacks.json;"})
	dir := filepath.Join(t.TempDir(), "fail2ban")
	require.NoError(t, os.CopyFS(dir, os.DirFS("/etc/fail2ban")))
	os.Remove(filepath.Join(dir, "jail.d/defaults-debian.conf")) // needs an auth.log
	for _, f := range []string{"filter.d/wallarm-websocket.conf", "action.d/wallarm-websocket-control.conf"} {
		integration(t, "fail2ban/"+f, filepath.Join(dir, f))
	}
	// without the firewall
	integration(t, "fail2ban/jail.d/wallarm-websocket.conf", filepath.Join(dir, "jail.d/wallarm-websocket.conf"),
		packaged, filepath.Join(n.dir, "logs/websocket_attacks.json"),
		`iptables-multiport[name=wallarm-websocket, port="%(port)s", protocol=tcp, blocktype=DROP]`,
		`wallarm-websocket-control[url="http://`+n.addr+`/websocket-control"]`,
		"           wallarm-websocket-cut\n", "")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fail2ban.local"), []byte("[Definition]\ndbfile = None\n"), 0o644))

	open, behind := n.connect("X-Forwarded-For: 198.51.100.1\r\n")
	other, behindOther := n.connect("X-Forwarded-For: 198.51.100.2\r\n")
	for range 3 {
		client, backend := n.connect("X-Forwarded-For: 198.51.100.1\r\n")
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	n.events(3)
	output := n.daemon("fail2ban-server", "-f", "-x", "-c", dir, "-s", filepath.Join(dir, "socket"), "-p", filepath.Join(dir, "pid"),
		"--logtarget", "STDOUT", "start")
	n.eventually("the ban", func() bool { return strings.Contains(output(), "Ban 198.51.100.1") })
	dropped(open, behind, ws.ClosePolicyViolation)
	talk(other, behindOther)
}

// rsyslog makes a file of the datagrams, of the long ones, too; and follows the
// file to a central one.
func TestIntegrationRsyslog(t *testing.T) {
	t.Parallel()
	program(t, "rsyslogd")
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	central, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer central.Close()
	require.NoError(t, central.(*net.TCPListener).SetDeadline(time.Now().Add(6*patience)))
	_, port, err := net.SplitHostPort(central.Addr().String())
	require.NoError(t, err)
	received := make(chan string, 100)
	go func() {
		defer close(received)
		c, err := central.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(6 * patience))
		for s := bufio.NewReader(c); ; {
			line, err := s.ReadString('\n')
			if err != nil {
				return
			}
			received <- line
		}
	}()

	n := start(t, conf{stopped: true})
	socket, followed := filepath.Join(dir, "socket"), filepath.Join(n.dir, "logs/websocket_attacks.json")
	n.write("nginx.conf", n.config(t, conf{location: "wallarm_event_log syslog:server=unix:" + socket + ",tag=waf,nohostname;\n" +
		"wallarm_event_log logs/websocket_attacks.json;"}))
	config := filepath.Join(dir, "rsyslog.conf")
	integration(t, "rsyslog/wallarm-websocket.conf", config, "/run/nginx-websocket.sock", socket,
		"/var/log/nginx/websocket_attacks.syslog.json", filepath.Join(n.dir, "logs/syslog.json"),
		`fileOwner="www-data" fileGroup="adm" `, "")
	documented(t, "rsyslogd -N1 -f integrations/rsyslog/wallarm-websocket.conf")
	check := func() {
		require.Contains(t, tool(t, dir, "rsyslogd", "-N1", "-f", config), "End of config validation run")
	}
	check()
	n.daemon("rsyslogd", "-n", "-f", config, "-i", filepath.Join(dir, "pid"))
	n.eventually("rsyslog listens", func() bool { _, err := os.Stat(socket); return err == nil })
	n.run()
	for _, payload := range []string{xss, strings.Repeat("long \"\x01 ", 3000) + xss} {
		client, backend := n.connect()
		client.send(text(payload))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	require.Greater(t, len(n.events(2)[1].Line), 16<<10)
	n.eventsIn("syslog.json", 2)
	id := regexp.MustCompile(`"id":"[0-9a-f]{32}","severity"`) // each log has its own
	same := func(file string) string { return id.ReplaceAllString(n.log(file), "") }
	require.Equal(t, same("websocket_attacks.json"), same("syslog.json"))

	config = filepath.Join(dir, "file.conf")
	integration(t, "rsyslog/wallarm-websocket-file.conf", config, packaged, followed,
		`target="logs.example.com" port="6514"`, `target="127.0.0.1" port="`+port+`"`,
		`global(maxMessageSize="256k")`, fmt.Sprintf("global(maxMessageSize=\"256k\" workDirectory=%q)", dir))
	check()
	n.daemon("rsyslogd", "-n", "-f", config, "-i", filepath.Join(dir, "pid2"))
	var lines strings.Builder
	for range 2 {
		line, ok := <-received
		require.True(t, ok, "nothing arrives")
		lines.WriteString(line)
	}
	require.Equal(t, n.log("websocket_attacks.json"), lines.String())
}
