//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// statementsOf are the outermost directives of a piece of configuration.
func statementsOf(block string) (list []string) {
	depth, from := 0, 0
	block = regexp.MustCompile(`(?m)(^|\s)#.*$`).ReplaceAllString(block, "")
	for i, c := range block {
		switch c {
		case '{':
			depth++
			continue
		case '}':
			depth--
		case ';':
		default:
			continue
		}
		if depth == 0 {
			list = append(list, strings.TrimSpace(block[from:i+1]))
			from = i + 1
		}
	}
	return list
}

// Each example of docs/directives.md is one: "nginx -t" takes it, where the
// page says that its directives may stand.
func TestExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/directives.md")
	require.NoError(t, err)
	text, _, _ := strings.Cut(string(page), "\n## Variables")
	contexts := map[string]string{}
	var names, bodies []string
	for i, part := range strings.Split(text, "\n### ") {
		if i == 0 {
			continue
		}
		name, body, _ := strings.Cut(part, "\n")
		m := regexp.MustCompile(`(?m)^\| Context \| (.*) \|$`).FindStringSubmatch(body)
		require.NotNil(t, m, name)
		contexts[name] = m[1]
		names, bodies = append(names, name), append(bodies, body)
	}
	n := start(t, conf{stopped: true})
	for _, dir := range []string{"schemas", "api", "crs"} {
		require.NoError(t, os.Mkdir(filepath.Join(n.dir, dir), 0o755))
	}
	for file, content := range map[string]string{
		"schemas/chat-send.json": "true", "api/chat.yaml": "asyncapi: 2.6.0\nchannels: {}\n", "api/sensors.yaml": "asyncapi: 2.6.0\nchannels: {}\n",
		"ws.rules": finds("mine", "open sesame"), "crs/local.conf": `SecRule ARGS "@contains abracadabra" "id:1000"`,
	} {
		n.write(file, content)
	}
	examples := 0
	for i, name := range names {
		for j, block := range strings.Split(bodies[i], "```nginx\n")[1:] {
			block, _, ok := strings.Cut(block, "\n```")
			require.True(t, ok)
			if name == "wallarm_websocket_library" {
				continue // TestLibraryRefused: a path of a system's
			}
			examples++
			t.Run(fmt.Sprint(name, " ", j), func(t *testing.T) {
				n := n.in(t)
				c := conf{}
				for _, s := range statementsOf(strings.ReplaceAll(block, "/var/log/nginx/", "logs/")) {
					word := strings.Fields(s)[0]
					switch context := contexts[word]; {
					case word == "map", word == "log_format", context == "`http`":
						c.http += s + "\n"
					case word == "location":
						c.server += s + "\n"
					case context == "`main`":
						c.main += s + "\n"
					default:
						require.Contains(t, context, "`location`", s)
						c.location += s + "\n"
					}
				}
				c.location = regexp.MustCompile(`wallarm_parse_websocket [^;]*;`).ReplaceAllString(c.location, "")
				n.write("nginx.conf", n.config(t, c))
				out, ok := n.test()
				require.True(t, ok, "%s\n%s", block, out)
			})
		}
	}
	require.GreaterOrEqual(t, examples, len(names)-1)
}

// Each line of configuration in the tables of docs/hardening.md is one, too.
func TestHardeningLines(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/hardening.md")
	require.NoError(t, err)
	n := start(t, conf{stopped: true})
	cert, key := certificate(t)
	n.write("a.pem", cert)
	n.write("a.key", key)
	n.write("chat-send.json", "true")
	n.write("api.yaml", "asyncapi: 2.6.0\nchannels: {}\n")
	// what a line needs that is another's
	beside := map[string]string{
		"limit_conn":       "limit_conn_zone $binary_remote_addr zone=ws_conn:10m;",
		"limit_req":        "limit_req_zone $binary_remote_addr zone=ws_open:10m rate=1r/s;",
		"ws_rate burst":    "wallarm_websocket_rate_zone $binary_remote_addr zone=ws_rate:10m rate=20/s;",
		"zone=logins":      "wallarm_websocket_rate_zone $binary_remote_addr zone=logins:10m rate=5/m;",
		"ban zone=":        "wallarm_websocket_ban_zone $binary_remote_addr zone=ws_bans:10m;",
		"zone=ws_all 10":   "wallarm_websocket_connections_zone $server_name zone=ws_all:1m;",
		"zone=ws_user 5":   "wallarm_websocket_connections_zone $cookie_sid zone=ws_user:10m;",
		"access_log path ": "log_format websocket '$status';",
	}
	inHTTP := regexp.MustCompile(`^(limit_conn_zone|limit_req_zone|log_format|wallarm_websocket_\w+_zone) `)
	lines := 0
	for _, row := range regexp.MustCompile(`(?m)^\|[^|]*\|([^|]*)\|`).FindAllStringSubmatch(string(page), -1) {
		for _, m := range regexp.MustCompile("`([a-z][a-z_0-9]* ?[^`]*;)`").FindAllStringSubmatch(row[1], -1) {
			line := strings.NewReplacer("limit_req_zone ...;", beside["limit_req"], "log_format websocket ...;", beside["access_log path "],
				"access_log ... websocket;", "access_log path websocket;",
				"wallarm_websocket_origin ...;", "wallarm_websocket_origin https://a.example;", " ...;", ";",
				"listen 443 ssl;", "listen "+freeAddr(t)+" ssl; ssl_certificate a.pem; ssl_certificate_key a.key;").Replace(m[1])
			lines++
			t.Run(m[1], func(t *testing.T) {
				n := n.in(t)
				c := conf{server: "location /x {\nproxy_pass http://127.0.0.1:1;\nwallarm_parse_websocket on;\n" + strings.ReplaceAll(line, "wallarm_parse_websocket on;", "") + "\n}\n"}
				switch {
				case inHTTP.MatchString(line):
					c = conf{http: line + "\n"}
				case strings.HasPrefix(line, "listen"):
					c = conf{server: line + "\n"}
				case strings.HasPrefix(line, "wallarm_websocket_worker_memory"):
					c = conf{main: line + "\n"}
				}
				for in, other := range beside {
					if strings.Contains(line, in) && !strings.Contains(line, other) {
						c.http += other + "\n"
					}
				}
				n.write("nginx.conf", n.config(t, c))
				out, ok := n.test()
				require.True(t, ok, out)
				require.NotContains(t, out, "[warn]")
			})
		}
	}
	require.Greater(t, lines, 40)
}
