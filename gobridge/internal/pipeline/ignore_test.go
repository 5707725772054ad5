package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

func textFrame(message string) []byte {
	return wstest.Frame{Opcode: ws.OpText, Mask: &[4]byte{1, 2, 3, 4}, Payload: []byte(message)}.Bytes()
}

// judgeText is what becomes of one text message under directives.
func judgeText(t *testing.T, message string, directives ...string) (status Status, action string) {
	var list []policy.Statement
	for _, d := range directives {
		w := strings.Fields(d)
		list = append(list, policy.Statement{Name: w[0], Args: w[1:]})
	}
	p, messages := policy.Parse(list)
	require.NotNil(t, p, "%v", messages)
	c := config(Block)
	c.Policy = p
	s, _ := newEngine(t).Open(Handshake{}, c)
	r := s.Feed(ws.FromClient, textFrame(message))
	if r.Events == 0 {
		return r.Status, ""
	}
	require.Equal(t, 1, r.Events)
	return r.Status, s.rare.events[0].attack.Action
}

func TestIgnore(t *testing.T) {
	const xss = "<script>alert(1)</script>"
	one := fmt.Sprintf(`{"html":%q}`, xss)
	two := fmt.Sprintf(`{"html":%q,"text":%q}`, xss, xss)
	many := fmt.Sprintf(`{"html":[%s%q],"text":%q}`, strings.Repeat(fmt.Sprintf("%q,", xss), maxHits), xss, xss)
	list := fmt.Sprintf(`{"html":[%s%q]}`, strings.Repeat(fmt.Sprintf("%q,", xss), 100), xss)
	for _, tt := range []struct {
		name, message, directive string
		status                   Status
		action                   string
	}{
		{"another path", one, "wallarm_websocket_ignore type=xss path=$.text", Drop, "blocked"},
		{"the path", one, "wallarm_websocket_ignore type=xss path=$.html", Pass, "ignored"},
		{"the path, not the other", two, "wallarm_websocket_ignore type=xss path=$.html", Drop, "blocked"},
		{"both", two, "wallarm_websocket_ignore type=xss path=$.*", Pass, "ignored"},
		{"many", list, "wallarm_websocket_ignore type=xss path=$.html*", Pass, "ignored"},
		{"one behind many that are ignored", many, "wallarm_websocket_ignore type=xss path=$.html*", Drop, "blocked"},
		{"no attack", `{"html":"<b>"}`, "wallarm_websocket_ignore type=xss path=$.html", Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, action := judgeText(t, tt.message, tt.directive)
			require.Equal(t, tt.status, status)
			require.Equal(t, tt.action, action)
		})
	}
}

// Of more hits than are kept, those beyond may be no exceptions: the message is an
// attack, and its event says of which type.
func TestIgnoreMore(t *testing.T) {
	const xss = `"<script>alert(1)</script>",`
	for n, status := range map[int]Status{10: Pass, maxHits + 10: Drop} {
		c := config(Block)
		p, messages := policy.Parse([]policy.Statement{{Name: "wallarm_websocket_ignore", Args: []string{"type=xss", "path=$.html*"}}})
		require.Empty(t, messages)
		c.Policy = p
		s := open(newEngine(t), c)
		require.Equal(t, status, s.Feed(ws.FromClient, textFrame(`{"html":[`+strings.Repeat(xss, n)+`""]}`)).Status)
		require.Equal(t, []string{"xss"}, names(s))
	}
}

// What is clean to one location's directives is not to another's.
func TestRecentIsOfAPolicy(t *testing.T) {
	message := `42["m",{"token":"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="}]`
	e := newEngine(t)
	off, _ := policy.Parse([]policy.Statement{{Name: "wallarm_parser_disable", Args: []string{"base64"}}})
	for _, tt := range []struct {
		policy *policy.Policy
		want   Status
	}{{off, Pass}, {nil, Drop}, {off, Pass}} {
		c := config(Block)
		c.Policy = tt.policy
		// its decoder is known, so that clean messages are remembered
		require.Equal(t, tt.want, open(e, c).Feed(ws.FromClient, textFrame(message)).Status)
	}
}

// The exception of an event lets its message pass, whichever rules found it.
func TestException(t *testing.T) {
	const xss, sqli = "<script>alert(1)</script>", "1' or '1'='1' union select password from users -- "
	for _, message := range []string{
		xss, sqli, xss + sqli, `{"a":"` + xss + `","b":"` + xss + `"}`, `{"a":"` + xss + `","b":"` + sqli + `"}`,
		`{"` + strings.Repeat("long", 100) + `":"` + xss + `"}`,
		`["<img src=x onerror=alert(1)>","$(cat /etc/passwd)","../../../../etc/passwd"]`,
		`{"html":[` + strings.Repeat(`"`+xss+`",`, 40) + `""]}`,
	} {
		s, _ := newEngine(t).Open(Handshake{}, config(Block))
		r := s.Feed(ws.FromClient, textFrame(message))
		require.Equal(t, Drop, r.Status, message)
		require.Equal(t, 1, r.Events)
		exception := s.rare.events[0].attack.Exception
		var directives []string
		for _, line := range strings.Split(strings.TrimSuffix(exception, ";"), "; ") {
			directives = append(directives, strings.ReplaceAll(line, `"`, ""))
		}
		status, action := judgeText(t, message, directives...)
		require.Equal(t, Pass, status, exception)
		require.Equal(t, "ignored", action)
	}
}
