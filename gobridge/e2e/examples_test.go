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
		m := regexp.MustCompile("(?m)^\\| Context \\| (.*) \\|$").FindStringSubmatch(body)
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
