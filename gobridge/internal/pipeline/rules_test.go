package pipeline

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
)

// ruleFile is a file of rules of a test.
func ruleFile(t *testing.T, rules ...string) string {
	file := filepath.Join(t.TempDir(), "rules")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(rules, "")), 0o644))
	return file
}

const sesame = "rule sesame\n type vpatch\n score 5\n pattern ^open sesame$\n"

// What a location says of paranoia, profiles and rules decides what is an
// attack, by the event that a message turns out to be.
func TestSteering(t *testing.T) {
	rules := "wallarm_websocket_rules " + ruleFile(t, sesame, " profile code\n", `rule whole
 type vpatch
 score 5
 pattern role":"admin
`,
		strings.ReplaceAll(sesame, "sesame", "doc"), " event doc.*\n",
		strings.ReplaceAll(sesame, "sesame", "path"), " path $.p*\n",
		strings.ReplaceAll(sesame, "sesame", "three"), " paranoia 3\n",
	)
	message := func(event, key, text string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":{%q:%q},"id":1}`, event, key, text)
	}
	long := strings.Repeat("it's, so: ", 4000)
	for _, tt := range []struct {
		name, message string
		directives    string
		want          Status
	}{
		{"another profile", message("doc.save", "a", "open sesame"), "", Pass},
		{"the profile", message("doc.save", "a", "open sesame"), "wallarm_websocket_profile code", Drop},
		{"of the event", message("doc.save", "a", "open sesame"), "wallarm_websocket_profile code event=doc.*", Drop},
		{"of the event in another case", message("DOC.save", "a", "open sesame"), "wallarm_websocket_profile code event=doc.*", Drop},
		{"of another event", message("chat", "a", "open sesame"), "wallarm_websocket_profile code event=doc.*", Pass},
		{"of the path", message("chat", "a", "open sesame"), "wallarm_websocket_profile code path=$.a", Drop},
		{"of another path", message("chat", "b", "open sesame"), "wallarm_websocket_profile code path=$.a", Pass},
		{"the first that fits", message("doc.save", "a", "open sesame"),
			"wallarm_websocket_profile api event=doc.s*;wallarm_websocket_profile code event=doc.*", Pass},
		{"rule of the event", message("doc.save", "a", "open doc"), "", Drop},
		{"rule of another event", message("chat", "a", "open doc"), "", Pass},
		{"rule of no event", `{"a":"open doc"}`, "", Pass},
		{"rule of the path", message("chat", "p", "open path"), "", Drop},
		{"rule of another path", message("chat", "q", "open path"), "", Pass},
		{"rule of a document in a string", message("chat", "a", `{"role":"admin"}`), "", Drop},
		{"two keys to a prototype", `{"a":{"constructor":{"prototype":{"x":1}}}}`, "", Drop},
		{"in a string", message("chat", "a", `{"constructor":{"prototype":{"x":1}}}`), "", Drop},
		{"one of them", `{"constructor":{"name":"prototype","of":{"prototype":1}}}`, "", Pass},
		{"paranoia 1", message("chat", "a", "open three"), "", Pass},
		{"paranoia 3", message("chat", "a", "open three"), "wallarm_websocket_paranoia 3", Drop},
		{"builtin rules under any profile", message("chat", "a", "<script>alert(1)</script>"),
			"wallarm_websocket_profile rich_text event=doc.*;wallarm_websocket_profile code event=c*", Drop},
		{"behind the loop's budget", message("doc.save", long, "open sesame"), "wallarm_websocket_profile code event=doc.*", Drop},
		{"behind the loop's budget, another event", message("chat", long, "open sesame"), "wallarm_websocket_profile code event=doc.*", Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			directives := []string{rules}
			if tt.directives != "" {
				directives = append(directives, strings.Split(tt.directives, ";")...)
			}
			status, _ := judgeText(t, tt.message, directives...)
			require.Equal(t, tt.want, status)
		})
	}
}

// Of many values that wait for the event, none is lost.
func TestUndecidedBound(t *testing.T) {
	rules := "wallarm_websocket_rules " + ruleFile(t, sesame, " event doc\n")
	message := `{"jsonrpc":"2.0","params":[` + strings.Repeat(`"open sesame",`, 2*maxUndecided) + `1],"method":"doc","id":1}`
	status, _ := judgeText(t, message, rules)
	require.Equal(t, Drop, status)
}

// A live session is judged by new rules, off the loop too, and what was clean to
// the old ones is judged again.
func TestReloadLive(t *testing.T) {
	for _, threads := range []int{0, 2} {
		file := ruleFile(t, strings.ReplaceAll(sesame, "sesame", "other"))
		var l policy.Loader
		p, messages := l.Parse([]policy.Statement{{Name: "wallarm_websocket_rules", Args: []string{file}}})
		require.Empty(t, messages)
		wake := make(chan struct{}, 100)
		e, err := NewEngine(Options{Threads: threads, Wake: func() { wake <- struct{}{} }})
		require.NoError(t, err)
		e.Watch(l.All())
		news, generation, _ := e.Reloaded()
		require.Equal(t, []News{{Text: "rules generation 1: 1 rules of " + file}}, news)
		require.Equal(t, 1, generation)

		c := config(Block)
		c.Policy = p
		s := open(e, c) // its decoder is known, so that clean messages are remembered
		message := textFrame(`42["say","open sesame"]`)
		for range 2 {
			require.Equal(t, Pass, s.Feed(ws.FromClient, message).Status)
		}
		reload := func() []News {
			require.Equal(t, 1, e.Reload())
			for {
				news, generation, busy := e.Reloaded()
				if !busy || len(news) > 0 {
					_ = generation
					return news
				}
				select {
				case <-wake:
				case <-time.After(10 * time.Second):
					require.FailNow(t, "no reload")
				}
			}
		}
		require.Empty(t, reload())
		require.NoError(t, os.WriteFile(file+".new", []byte("rule broken\n"), 0o644))
		require.NoError(t, os.Rename(file+".new", file))
		require.Equal(t, []News{{true, "rules generation 1 is kept: " + file + ":1: type: missing in broken"}}, reload())
		require.Equal(t, Pass, s.Feed(ws.FromClient, message).Status)
		require.NoError(t, os.WriteFile(file+".new", []byte(sesame), 0o644))
		require.NoError(t, os.Rename(file+".new", file))
		require.Equal(t, []News{{Text: "rules generation 2: 1 rules of " + file}}, reload())
		require.Equal(t, Drop, s.Feed(ws.FromClient, message).Status)
	}
}

// Rules are replaced while messages are judged on other threads.
func TestReloadRace(t *testing.T) {
	file := ruleFile(t, sesame)
	var l policy.Loader
	p, _ := l.Parse([]policy.Statement{{Name: "wallarm_websocket_rules", Args: []string{file}}})
	wake := make(chan struct{}, 1)
	e, err := NewEngine(Options{Threads: 3, Wake: func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}})
	require.NoError(t, err)
	e.Watch(l.All())
	c := config(Monitoring)
	c.Policy = p
	s, _ := e.Open(Handshake{}, c)
	message := textFrame(`{"a":"` + strings.Repeat("it's, so: ", 2000) + `"}`)
	for i := range 30 {
		s.Feed(ws.FromClient, message)
		text := sesame + fmt.Sprintf("rule r%d\n type vpatch\n score 5\n pattern %d\n", i, rand.Int())
		require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o644))
		require.NoError(t, os.Rename(file+".new", file))
		e.Reload()
		for {
			v, ok := e.Poll()
			if !ok {
				break
			}
			v.Result()
		}
	}
	require.Zero(t, e.Drain(10000))
}
