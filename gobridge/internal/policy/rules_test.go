package policy

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect"
)

// directive is one statement of a test.
func directive(line string) Statement {
	f := strings.Fields(line)
	return Statement{f[0], f[1:], "a.conf", 1}
}

func parse(t *testing.T, lines ...string) *Policy {
	t.Helper()
	var list []Statement
	for _, line := range lines {
		list = append(list, directive(line))
	}
	p, messages := Parse(list)
	require.Empty(t, messages)
	return p
}

// replace is an atomic replacement.
func replace(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o644))
	require.NoError(t, os.Rename(path+".new", path))
}

func rule(id, pattern string) string {
	return "rule " + id + "\n type vpatch\n score 5\n pattern " + pattern + "\n"
}

func finds(p *Policy, text string) bool {
	set, _ := p.Judging()
	return len(set.Scan([]byte(text), detect.Options{}, &detect.Budget{Left: 1 << 20}, nil)) > 0
}

func TestProfileOf(t *testing.T) {
	p := parse(t,
		"wallarm_websocket_profile code event=doc.* path=$.source*",
		"wallarm_websocket_profile rich_text event=doc.*",
		"wallarm_websocket_profile api path=*.id",
	)
	require.Equal(t, detect.Code, p.ProfileOf("doc.save", "$.source>base64"))
	require.Equal(t, detect.RichText, p.ProfileOf("doc.save", "$.id"))
	require.Equal(t, detect.API, p.ProfileOf("chat", "$.id"))
	require.Equal(t, detect.Chat, p.ProfileOf("chat", "$.text"))
	require.ElementsMatch(t, []detect.Profile{detect.Code, detect.RichText, detect.API, detect.Chat}, p.Possible())
	require.Equal(t, []detect.Profile{detect.API}, parse(t, "wallarm_websocket_profile api").Possible())
	require.Equal(t, []detect.Profile{detect.Code, detect.API},
		parse(t, "wallarm_websocket_profile code event=a", "wallarm_websocket_profile api").Possible())
	require.Equal(t, []detect.Profile{detect.Chat}, (*Policy)(nil).Possible())
	require.Equal(t, detect.Chat, (*Policy)(nil).ProfileOf("a", "$"))
}

func TestSteeringMessages(t *testing.T) {
	for line, want := range map[string]string{
		"wallarm_websocket_paranoia 0":                   `invalid value "0", it must be 1 to 4`,
		"wallarm_websocket_paranoia 10":                  `invalid value "10", it must be 1 to 4`,
		"wallarm_websocket_profile talk":                 `invalid profile "talk" is not chat, api, code or rich_text`,
		"wallarm_websocket_profile chat event":           `invalid parameter "event"`,
		"wallarm_websocket_profile chat type=x":          `unknown parameter "type"`,
		"wallarm_websocket_profile chat event=a event=b": `duplicate parameter "event=b"`,
		"wallarm_websocket_profile chat path=a":          `invalid path "a", it must begin with "$" or "*"`,
		"wallarm_websocket_rules /nonexistent/rules":     `/nonexistent/rules: no such file or directory`,
		"wallarm_websocket_rules /":                      `/: is not a regular file`,
	} {
		p, messages := Parse([]Statement{directive(line)})
		require.Nil(t, p, line)
		require.Len(t, messages, 1, line)
		name, _, _ := strings.Cut(line, " ")
		require.Equal(t, `"`+name+`" directive: `+want+" in a.conf:1", messages[0].Text)
	}
	require.Equal(t, 3, parse(t, "wallarm_websocket_paranoia 3").Paranoia)
	_, messages := Parse([]Statement{directive("wallarm_websocket_profile api"), directive("wallarm_websocket_profile code event=a")})
	require.Len(t, messages, 1)
	require.True(t, messages[0].Warning)
	require.Contains(t, messages[0].Text, "is never looked at: one before it fits everything")
}

// Ids and types of files are known to exceptions, wherever these stand.
func TestRulesOfFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules")
	replace(t, file, "rule mine\n type gossip\n score 5\n phrase open sesame\n")
	p := parse(t,
		"wallarm_websocket_ignore rule=mine event=a",
		"wallarm_websocket_ignore type=gossip event=a",
		"wallarm_websocket_rules "+file,
		"wallarm_websocket_rules "+file,
	)
	require.True(t, finds(p, "open sesame"))
	require.False(t, finds(nil, "open sesame"))
	_, messages := Parse([]Statement{directive("wallarm_websocket_ignore rule=mine event=a")})
	require.Len(t, messages, 1)
	require.Contains(t, messages[0].Text, `unknown rule "mine"`)

	// one location's files stand beside each other
	other := filepath.Join(filepath.Dir(file), "other.conf")
	replace(t, other, "\nSecRule ARGS \"@rx x\" \"id:941100\"\n")
	_, messages = Parse([]Statement{
		{"wallarm_websocket_rules", []string{file}, "a.conf", 1},
		{"wallarm_websocket_rules", []string{other}, "a.conf", 2},
	})
	require.Len(t, messages, 1)
	require.Equal(t, `"wallarm_websocket_rules" directive: `+other+`:2: id: 941100 is a builtin rule's in a.conf:2`, messages[0].Text)
}

// A file is read again when it is another; a broken one keeps what is in force,
// and says why once.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	file, words := filepath.Join(dir, "rules.conf"), filepath.Join(dir, "words")
	replace(t, words, "abracadabra\n")
	replace(t, file, `SecRule ARGS "@pmFromFile words" "id:1"`)
	p := parse(t, "wallarm_websocket_rules "+file)
	_, first := p.Judging()
	require.True(t, finds(p, "Abracadabra!"))
	reload := func(want bool, why string) {
		t.Helper()
		changed, errs := p.Rules.Reload()
		require.Equal(t, want, changed)
		if why == "" {
			require.Empty(t, errs)
			return
		}
		require.Len(t, errs, 1)
		require.EqualError(t, errs[0], why)
	}
	reload(false, "")
	replace(t, words, "hocus pocus\n")
	reload(true, "")
	reload(false, "")
	require.True(t, finds(p, "Hocus Pocus!"))
	require.False(t, finds(p, "Abracadabra!"))
	_, second := p.Judging()
	require.NotEqual(t, first, second)

	replace(t, file, "SecAction \"id:2\"\n")
	reload(false, file+":1: SecAction: is not supported, only SecRule is")
	reload(false, "")
	require.True(t, finds(p, "Hocus Pocus!"))
	require.NoError(t, os.Remove(file))
	reload(false, file+": no such file or directory")
	reload(false, "")
	require.True(t, finds(p, "Hocus Pocus!"))
	require.NoError(t, syscall.Mkfifo(file, 0o644))
	reload(false, file+": is not a regular file")
	require.NoError(t, os.Remove(file))
	replace(t, file, `SecRule ARGS "@contains sesame" "id:2"`)
	reload(true, "")
	require.True(t, finds(p, "open sesame"))
}

// A worker may come to life when a file was broken behind the check.
func TestLenient(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules")
	replace(t, file, "broken\n")
	l := Loader{Lenient: true}
	list := []Statement{directive("wallarm_websocket_rules " + file), directive("wallarm_websocket_paranoia 2")}
	p, messages := l.Parse(list)
	require.Empty(t, messages)
	require.Equal(t, 2, p.Paranoia)
	require.Len(t, p.Rules.Err(), 1)
	require.True(t, finds(p, "<script>alert(1)</script>"))
	again, _ := l.Parse(list)
	require.Same(t, p.Rules, again.Rules)
	require.Equal(t, []*Rules{p.Rules}, l.All())
	replace(t, file, rule("mine", "^open sesame$"))
	changed, errs := p.Rules.Reload()
	require.True(t, changed)
	require.Empty(t, errs)
	require.True(t, finds(p, "open sesame"))
}
