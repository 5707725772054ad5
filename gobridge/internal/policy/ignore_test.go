package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect"
)

func ignores(t *testing.T, args ...string) (*Policy, []Message) {
	return Parse([]Statement{{"wallarm_websocket_ignore", args, "a.conf", 1}})
}

func TestIgnored(t *testing.T) {
	sum := sha256.Sum256([]byte("<script>"))
	hit := Hit{Rule: "941100", Type: "xss", Event: "doc.save", Path: "$.html>base64[0]@17", Match: []byte("<script>")}
	for _, tt := range []struct {
		args string
		want bool
	}{
		{"rule=941100 event=doc.save", true},
		{"rule=942100 event=doc.save", false},
		{"type=xss event=doc.*", true},
		{"type=sqli event=doc.*", false},
		{"type=xss event=doc", false},
		{`type=xss event=doc.\*`, false},
		{"type=xss path=$.html", false},
		{"type=xss path=$.html*", true},
		{"type=xss path=$.html>base64[0]@*", true},
		{"type=xss path=*[0]@17", true},
		{"parser=base64 path=$.html", true},
		{"parser=base64 path=$.*", true},
		{"parser=base64 path=$.text", false},
		{"parser=base64 event=doc.save", true},
		{"parser=gzip path=$.html", false},
		{"rule=941100 match=sha256:" + hex.EncodeToString(sum[:]), true},
		{"rule=941100 match=sha256:" + strings.Repeat("00", 32), false},
		{"rule=941100 event=doc.save path=$.text*", false},
		{"rule=941100 event=doc.save until=2030-01-31", true},
	} {
		t.Run(tt.args, func(t *testing.T) {
			p, messages := ignores(t, strings.Fields(tt.args)...)
			require.Empty(t, messages)
			require.Equal(t, tt.want, p.Ignored(&hit, time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)))
		})
	}
}

func TestIgnoreUntil(t *testing.T) {
	p, messages := ignores(t, "type=xss", "path=$", "until=2030-01-31")
	require.Empty(t, messages)
	hit := Hit{Type: "xss", Path: "$"}
	require.True(t, p.Ignored(&hit, time.Date(2030, 1, 31, 23, 59, 59, 0, time.UTC)))
	require.False(t, p.Ignored(&hit, time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC)))
}

func TestIgnoreMessages(t *testing.T) {
	for _, tt := range []struct {
		args    string
		want    string
		warning bool
	}{
		{"event=x", `needs "rule=", "type=" or "parser="`, false},
		{"rule=942101 event=x", `unknown rule "942101", the nearest: .*942100`, false},
		{"rule=hello event=x", `unknown rule "hello"`, false},
		{"type=sql event=x", `unknown type "sql", the nearest: sqli`, false},
		{"parser=base46 path=$", `unknown parser "base46", the nearest: base64`, false},
		{"type=xss path=a", `invalid path "a"`, false},
		{"type=xss match=md5:00", `invalid match "md5:00"`, false},
		{"type=xss match=sha256:00", `invalid match "sha256:00"`, false},
		{"type=xss until=tomorrow", `invalid date "tomorrow"`, false},
		{"type=xss event", `invalid parameter "event"`, false},
		{"type=xss event=", `invalid parameter "event="`, false},
		{"type=xss type=sqli", `duplicate parameter "type=sqli"`, false},
		{"type=xss method=x", `unknown parameter "method"`, false},
		{"type=xss", `without "event=", "path=" or "match=" switches xss off for the whole location`, true},
		{"type=xss path=$ until=2020-02-28", `has expired on 2020-02-28`, true},
	} {
		t.Run(tt.args, func(t *testing.T) {
			p, messages := ignores(t, strings.Fields(tt.args)...)
			require.Len(t, messages, 1)
			require.Equal(t, tt.warning, messages[0].Warning)
			require.Equal(t, tt.warning, p != nil)
			require.Regexp(t, `^"wallarm_websocket_ignore" directive: .*`+tt.want+`.* in a\.conf:1$`, messages[0].Text)
		})
	}
}

// What an event suggests is an exception for what the event shows, and for
// nothing else a peer may have chosen.
func TestException(t *testing.T) {
	for _, hit := range []Hit{
		{Rule: "941100", Event: "chat message", Path: "$[0].text"},
		{Rule: "941100", Path: "$"},
		{Rule: "941100", Event: "a*b", Path: `$['x"; } wallarm_mode off; #\*']`},
		{Rule: "941100", Event: "line\nbreak\r\t ${x}", Path: "$.a"},
		{Rule: "941100", Event: `back\slash\`, Path: "$.a>base64@17[3]"},
		{Rule: "941100", Event: strings.Repeat("long", 100), Path: "$.a", Match: []byte("x")},
		{Rule: "941100", Event: "x", Path: "$." + strings.Repeat("long", 100), Match: []byte("y")},
		{Rule: "941100", Event: "x", Path: "$.cut...", Match: []byte("z")},
		{Rule: "941100", Event: "\ufffd", Path: "$.a", Match: []byte("z")},
	} {
		line := Exceptions([]Hit{hit})
		require.LessOrEqual(t, len(line), 2048)
		name, args := words(t, line)
		require.Equal(t, "wallarm_websocket_ignore", name)
		p, messages := ignores(t, args...)
		require.Empty(t, messages, line)
		require.True(t, p.Ignored(&hit, time.Now()), line)
		other := hit
		other.Path += "x"
		other.Match = append(other.Match, 'x')
		require.False(t, p.Ignored(&other, time.Now()), line)
		if hit.Event != "" && len(hit.Event) < 100 && hit.Event != "\ufffd" {
			other = hit
			other.Event = "other"
			require.False(t, p.Ignored(&other, time.Now()), line)
		}
	}
}

// Several rules at one place are one exception, several places are several.
func TestExceptions(t *testing.T) {
	require.Equal(t, "wallarm_websocket_ignore type=xss path=$.a; wallarm_websocket_ignore rule=942100 path=$.a; wallarm_websocket_ignore rule=941100 event=x path=$.b;",
		Exceptions([]Hit{
			{Rule: "941100", Type: "xss", Path: "$.a"},
			{Rule: "941110", Type: "xss", Path: "$.a"},
			{Rule: "942100", Type: "sqli", Path: "$.a"},
			{Rule: "941100", Type: "xss", Path: "$.b", Event: "x"},
			{Rule: "941100", Type: "xss", Path: "$.b", Event: "x"},
		}))
	many := make([]Hit, maxExceptions+1)
	for i := range many {
		many[i] = Hit{Rule: "941100", Type: "xss", Event: "a b", Path: fmt.Sprintf("$.é*[%d]", i)}
	}
	many[3].Type = "sqli"
	require.Equal(t, `wallarm_websocket_ignore type=xss "event=a b" "path=$.é\\*[*"; wallarm_websocket_ignore type=sqli "event=a b" "path=$.é\\*[3]*";`, Exceptions(many))
	for i := range many {
		many[i].Event = strings.Repeat("x", i)
	}
	require.Empty(t, Exceptions(many))
}

// words reads a line as ngx_conf_read_token does.
func words(t *testing.T, line string) (name string, args []string) {
	list := []string{}
	for i := 0; i < len(line) && line[i] != ';'; {
		if line[i] == ' ' {
			i++
			continue
		}
		end := " ;"
		if line[i] == '"' {
			end = `"`
			i++
		}
		var b strings.Builder
		for ; strings.IndexByte(end, line[i]) < 0; i++ {
			c := line[i]
			if c == '\\' {
				if k := strings.IndexByte(`"'\trn`, line[i+1]); k >= 0 {
					c = "\"'\\\t\r\n"[k]
					i++
				} else if line[i+1] == line[i] {
					i++
				}
			}
			b.WriteByte(c)
		}
		if end == `"` {
			i++
			require.Contains(t, " ;", line[i:i+1])
		}
		list = append(list, b.String())
	}
	require.Equal(t, byte(';'), line[len(line)-1])
	return list[0], list[1:]
}

func TestMatchPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"*", "", true}, {"*", "abc", true}, {"a*", "abc", true}, {"*c", "abc", true},
		{"a*c", "abc", true}, {"a*d", "abc", false}, {"**b**", "abc", true}, {"a*b*c", "axxbyyc", true},
		{"abc", "ab", false}, {"ab", "abc", false}, {`\*`, "*", true}, {`\*`, "a", false}, {`a\`, `a\`, true},
		{`\\`, `\`, true}, {"$.a[*].b", "$.a[12].b", true}, {"$.a[*].b", "$.a.b", false},
	} {
		require.Equal(t, tt.want, detect.Glob(tt.pattern, tt.s), fmt.Sprintf("%q %q", tt.pattern, tt.s))
	}
}

func TestMatchPatternsInAnyCase(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"Send*", "sENDmessage", true}, {"Send", "Sen", false}, {"Удалить*", "уДАЛИТЬ всё", true}, {"*É", "menué", true},
		{`\É`, "é", true}, {"É", "e", false}, {"S", "ſ", false}, {"I", "ı", false}, {"ſ", "s", false}, {"k", "K", false},
		{"\xc3", "\xe3", false}, {"\xc3*", "\xc3\xa9", true}, {"é", "\xc3", false}, {"", "é", false}, {"é", "", false},
	} {
		require.Equal(t, tt.want, detect.GlobFold(tt.pattern, tt.s), fmt.Sprintf("%q %q", tt.pattern, tt.s))
		require.Equal(t, tt.want, detect.GlobFold(tt.pattern, []byte(tt.s)), fmt.Sprintf("%q %q", tt.pattern, tt.s))
	}
}

// FuzzMatchPattern: a text fits itself, quoted, and in another case.
func FuzzMatchPattern(f *testing.F) {
	f.Add("a*b", "aé\\*b")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		require.True(t, detect.Glob(quote(s), s))
		require.True(t, detect.GlobFold(quote(s), s))
		require.True(t, detect.GlobFold("*"+quote(s)+"*", s))
		if detect.Glob(pattern, s) {
			require.True(t, detect.GlobFold(pattern, s))
		}
	})
}

// FuzzException: whatever a peer chose, the line is one directive of nginx.conf
// for what it was made for.
func FuzzException(f *testing.F) {
	f.Add("chat message", "$[0].text", []byte("x"))
	f.Add("\";}", "$['\\']", []byte{})
	f.Fuzz(func(t *testing.T, event, path string, matched []byte) {
		event, path = strings.ToValidUTF8(event, "\ufffd"), "$"+strings.ToValidUTF8(path, "\ufffd")
		if strings.ContainsRune(event+path, 0) {
			return // not in events' texts
		}
		hit := Hit{Rule: "941100", Type: "xss", Event: event, Path: path, Match: matched}
		line := Exceptions([]Hit{hit})
		require.NotContains(t, line, "\n")
		name, args := words(t, line)
		require.Equal(t, "wallarm_websocket_ignore", name)
		p, _ := ignores(t, args...)
		require.NotNil(t, p, line)
		require.True(t, p.Ignored(&hit, time.Now()), line)
		many := make([]Hit, maxExceptions+1)
		for i := range many {
			many[i] = hit
			many[i].Path = path[:len(path)*i/maxExceptions]
		}
		if line = Exceptions(many); line == "" {
			return
		}
		require.NotContains(t, line, "\n")
		first, _, _ := strings.Cut(line, "; wallarm_websocket_ignore ")
		_, args = words(t, strings.TrimSuffix(first, ";")+";")
		p, _ = ignores(t, args...)
		require.NotNil(t, p, line)
		for i := range many {
			if !strings.Contains(line, "; wallarm_websocket_ignore ") {
				require.True(t, p.Ignored(&many[i], time.Now()), line)
			}
		}
	})
}
