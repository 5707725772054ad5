//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// replace is an atomic replacement of a file.
func (n *nginx) replace(name, text string) {
	n.Helper()
	n.write(name+".new", text)
	require.NoError(n, os.Rename(filepath.Join(n.dir, name+".new"), filepath.Join(n.dir, name)))
}

// finds is a rule that finds a text.
func finds(id, text string) string {
	return "rule " + id + "\n\ttype vpatch\n\tscore 5\n\tpattern ^" + text + "$\n"
}

// Where a file of rules is wrong, nginx -t says, and why.
func TestRulesRefused(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{location: "wallarm_websocket_rules my.rules;"}))
	for _, tt := range []struct{ name, text, want string }{
		{"good", finds("mine", "open sesame"), ""},
		{"SecRule", "# mine\nSecRule ARGS \\\n \"@rx ^open\" \\\n \"id:1000,phase:2,deny\"\n", ""},
		{"field", finds("mine", "x") + "\tcolour red\n", `my\.rules:5: colour: no such field in .*nginx\.conf:\d+`},
		{"pattern", finds("mine", "("), `my\.rules:4: pattern: error parsing regexp: missing closing \)`},
		{"empty", strings.Replace(finds("mine", "x?"), "^x?$", "x?", 1), `my\.rules:1: pattern: matches the empty text`},
		{"builtin", finds("942100", "x"), `my\.rules:1: id: 942100 is a builtin rule's`},
		{"SecAction", "\nSecAction \"id:1\"\n", `my\.rules:2: SecAction: is not supported`},
		{"variable", `SecRule REQUEST_URI "@rx x" "id:1"`, `my\.rules:1: SecRule: variable "REQUEST_URI" is not supported`},
		{"phrases", `SecRule ARGS "@pmFromFile none" "id:1"`, `my\.rules:1: SecRule: .*/none: no such file or directory`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := n.in(t)
			n.replace("my.rules", tt.text)
			out, ok := n.test()
			require.Equal(t, tt.want == "", ok, out)
			if tt.want != "" {
				require.Regexp(t, `\[emerg\].*"wallarm_websocket_rules" directive: .*`+tt.want, out)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(n.dir, "my.rules")))
		out, ok := n.in(t).test()
		require.False(t, ok)
		require.Regexp(t, `\[emerg\].*/my\.rules: no such file or directory in .*nginx\.conf:\d+`, out)
	})
	t.Run("of the workers' user", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("needs root: only a master that is root has workers of another user")
		}
		n := n.in(t)
		n.replace("my.rules", finds("mine", "x"))
		c := strings.Replace(n.config(t, conf{location: "wallarm_websocket_rules my.rules;"}), "user root;", "user nobody nogroup;", 1)
		n.write("nginx.conf", c)
		require.NoError(t, os.Chmod(filepath.Join(n.dir, "my.rules"), 0o600))
		out, ok := n.test()
		require.False(t, ok, out)
		require.Regexp(t, `\[emerg\].*/my\.rules: permission denied in .*nginx\.conf:\d+`, out)
	})
}

// Files accumulate from http to location, an exception knows their ids, and
// paranoia and profile of a location decide which rules count.
func TestRules(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("outer.rules", finds("outer", "open outer")+finds("three", "open three")+"\tparanoia 3\n"+finds("code", "open code")+"\tprofile code\n")
	n.write("inner.conf", `SecRule ARGS "@pmFromFile words" "id:1000,msg:'it opens'"`)
	n.write("words", "abracadabra\n")
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_websocket_rules outer.rules; wallarm_websocket_paranoia 1;",
		server: n.inspected("/", "wallarm_websocket_rules inner.conf;") +
			n.inspected("/three", "wallarm_websocket_paranoia 3; wallarm_websocket_ignore rule=outer path=$;") +
			n.inspected("/code", "wallarm_websocket_profile api path=$.x; wallarm_websocket_profile code;"),
	}))
	n.run()
	passes := func(target, message string) {
		t.Helper()
		client, backend := n.connectTo(target)
		client.send(text(message))
		backend.expect(text(message))
		client.reset()
		backend.reset()
	}
	drops := func(target, message string) {
		t.Helper()
		client, backend := n.connectTo(target)
		client.send(text(message))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	drops("/", "open outer")
	drops("/", "say abracadabra")
	passes("/", "open three")
	passes("/", "open code")
	passes("/three", "open outer")
	passes("/three", "say abracadabra")
	drops("/three", "open three")
	drops("/code", "open code")
	drops("/code", `{"y":"open code"}`)
	passes("/code", `{"x":"open code"}`)
	require.Equal(t, []string{"vpatch blocked", "vpatch blocked", "vpatch ignored", "vpatch blocked", "vpatch blocked", "vpatch blocked"}, n.whats(6))
	require.Contains(t, n.events(6)[1].Line, `"name":"it opens"`)
}

// A live connection is judged by a file that was replaced, also in a worker that
// is shutting down; a broken file keeps the rules and is told once.
func TestRulesReload(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, main: "wallarm_websocket_rules_interval 20ms;", location: "wallarm_websocket_rules my.rules;"})
	n.write("my.rules", finds("one", "open one"))
	n.run()
	n.logged(`\[notice\].*wallarm: rules generation 1: 1 rules of .*/my\.rules`)
	client, backend := n.connect()
	client.send(text("open two"))
	backend.expect(text("open two"))

	n.replace("my.rules", finds("broken", "("))
	n.logged(`\[error\].*wallarm: rules generation 1 is kept: .*/my\.rules:4: pattern: `)
	client.send(text("open two"))
	backend.expect(text("open two"))

	n.replace("my.rules", finds("two", "open two"))
	n.logged(`\[notice\].*wallarm: rules generation 2: `)
	other, behind := n.connect()
	other.send(text("open one"))
	behind.expect(text("open one"))
	client.send(text("open two"))
	dropped(client, backend, ws.ClosePolicyViolation)
	require.Equal(t, 1, strings.Count(n.log("error.log"), "is kept"))

	// the connection's worker is told to go, and reads files still
	old := n.worker()
	n.reload()
	n.replace("my.rules", finds("three", "open three"))
	n.eventually("both workers have read it", func() bool {
		return strings.Count(n.log("error.log"), "wallarm: rules generation 3: ") == 1 && // the old one's
			strings.Count(n.log("error.log"), "wallarm: rules generation 2: ") == 2
	})
	other.send(text("open two"))
	behind.expect(text("open two"))
	other.send(text("open three"))
	dropped(other, behind, ws.ClosePolicyViolation)
	// the timer does not keep it
	n.eventually("the old worker ends", func() bool { return title(old) == "" })
	require.Equal(t, []string{"vpatch blocked", "vpatch blocked"}, n.whats(2))
}

func TestRulesInterval(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	for _, tt := range []struct{ value, want string }{
		{"0", ""}, {"5s", ""}, {"fast", `"wallarm_websocket_rules_interval" directive invalid value`},
	} {
		n.write("nginx.conf", n.config(t, conf{main: "wallarm_websocket_rules_interval " + tt.value + ";"}))
		out, ok := n.test()
		require.Equal(t, tt.want == "", ok, out)
		require.Contains(t, out, tt.want)
	}
}
