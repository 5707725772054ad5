package console

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// site is a console with n events and its handler.
func site(t testing.TB, n int) (*bed, *server, http.Handler) {
	b := newBed(t)
	b.append(b.log, lines(b.g, n)...)
	b.ingest()
	s, err := newServer(b.store, b.in.state, &hub{}, newHosts("127.0.0.1:8765", []string{"waf.example.com"}), "1.2.3")
	require.NoError(t, err)
	return b, s, s.handler()
}

func get(t testing.TB, h http.Handler, target string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "127.0.0.1:8765"
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

func getJSON(t testing.TB, h http.Handler, target string, to any) {
	t.Helper()
	r := get(t, h, target)
	text := body(t, r)
	require.Equal(t, http.StatusOK, r.StatusCode, "%s: %s", target, text)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.NotRegexp(t, `[<>&]`, text)
	require.NoError(t, json.Unmarshal([]byte(text), to))
}

// everyPage are links to all kinds of pages.
func everyPage(t testing.TB, h http.Handler) []string {
	var a Attacks
	getJSON(t, h, "/api/attacks?kind=all", &a)
	require.NotEmpty(t, a.Attacks)
	var c Connections
	getJSON(t, h, "/api/connections", &c)
	require.NotEmpty(t, c.Connections)
	return []string{
		"/attacks", "/attacks?type=xss&-ip=198.51.100.*&q=lobby&sort=hits&range=30d", "/attacks/" + a.Attacks[0].ID,
		"/hits/" + a.Attacks[0].Newest, "/rules", "/connections", "/connections/" + c.Connections[0].ID, "/health",
	}
}

func TestPages(t *testing.T) {
	_, _, h := site(t, 500)
	for _, target := range everyPage(t, h) {
		r := get(t, h, target)
		text := body(t, r)
		require.Equal(t, http.StatusOK, r.StatusCode, "%s: %s", target, text)
		require.Contains(t, text, "</html>", target)
		require.NotRegexp(t, `<script>|<img src=x|<style|\sstyle=|"javascript:|ZgotmplZ|<no value>`, text, target)
		require.NotRegexp(t, `(?:src|href)="(?:https?:)?//`, text, "%s: something external", target)
		csp := r.Header.Get("Content-Security-Policy")
		require.True(t, strings.HasPrefix(csp, "default-src 'none'; "), csp)
		require.NotContains(t, csp, "unsafe")
		require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", r.Header.Get("Referrer-Policy"))
		require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
		var v map[string]any
		getJSON(t, h, "/api"+target, &v)
	}
	for target, status := range map[string]int{
		"/": 302, "/attacks/0000000000000000": 404, "/hits/x": 404, "/connections/x": 404, "/connections/0000000000000000": 404,
		"/nothing": 404, "/static/nothing": 404, "/static/console.js": 200, "/static/console.css": 200, "/static/icon.svg": 200,
		"/attacks?page=0": 400, "/attacks?page=x": 400, "/attacks?sort=x": 400, "/attacks?range=x": 400, "/attacks?from=x": 400,
		"/attacks?q=" + strings.Repeat("x", 300): 400, "/attacks?type=" + strings.Repeat("x", 600): 400, "/attacks?q=type:xss": 302,
		"/api/nothing": 404, "/api/attacks/x": 404, "/api/attacks?page=0": 400, "/attacks?unknown=1": 200,
	} {
		r := get(t, h, target)
		require.Equal(t, status, r.StatusCode, target)
		require.NotEmpty(t, r.Header.Get("Content-Security-Policy"))
	}
}

// A link to the console's address keeps its filters.
func TestRoot(t *testing.T) {
	_, _, h := site(t, 1)
	for from, to := range map[string]string{
		"/": "/attacks", "/?q=script&-type=xss": "/attacks?q=script&-type=xss", "/?q=type:xss+a": "/attacks?q=type:xss+a",
		"/?from=2026-11-22&x=%0d%0aSet-Cookie:y": "/attacks?from=2026-11-22&x=%0d%0aSet-Cookie:y",
	} {
		r := get(t, h, from)
		require.Equal(t, 302, r.StatusCode, from)
		require.Equal(t, to, r.Header.Get("Location"), from)
	}
}

// The console only reads, and only for its own pages under its own names.
func TestGuard(t *testing.T) {
	_, _, h := site(t, 1)
	for _, host := range []string{"127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765", "waf.example.com", "waf.example.com:443"} {
		require.Equal(t, 200, get(t, h, "/attacks", "Host", host).StatusCode, host)
	}
	for _, host := range []string{"", "attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example", "127.0.0.2", "0.0.0.0"} {
		require.Equal(t, 421, get(t, h, "/attacks", "Host", host).StatusCode, host)
		require.Equal(t, 421, get(t, h, "/live", "Host", host).StatusCode, host)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "BREW"} {
		r := httptest.NewRequest(method, "/attacks", nil)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, 405, w.Code, method)
	}
	for _, tt := range []struct {
		target, site, mode, dest string
		status                   int
	}{
		{"/attacks", "cross-site", "navigate", "document", 200},
		{"/attacks", "cross-site", "navigate", "iframe", 403},
		{"/attacks", "cross-site", "no-cors", "script", 403},
		{"/attacks", "same-site", "cors", "empty", 403},
		{"/api/attacks", "cross-site", "navigate", "document", 403},
		{"/api/attacks", "cross-site", "no-cors", "image", 403},
		{"/live", "cross-site", "cors", "empty", 403},
		{"/api/attacks", "same-origin", "cors", "empty", 200},
		{"/api/attacks", "none", "navigate", "document", 200},
	} {
		r := get(t, h, tt.target, "Sec-Fetch-Site", tt.site, "Sec-Fetch-Mode", tt.mode, "Sec-Fetch-Dest", tt.dest)
		require.Equal(t, tt.status, r.StatusCode, tt)
	}
}

func TestListen(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:8765": true, "127.9.9.9:1": true, "[::1]:8765": true, "localhost:8765": true, "unix:/run/x": true,
		":8765": false, "0.0.0.0:8765": false, "[::]:8765": false, "192.0.2.1:8765": false, "example.com:8765": false, "8765": false,
	} {
		err := checkListen(address, false)
		require.Equal(t, ok, err == nil, address)
		if err == nil || address != "8765" {
			require.NoError(t, checkListen(address, true))
		}
	}
	require.False(t, newHosts("0.0.0.0:1", nil).allow("0.0.0.0"))
	require.True(t, newHosts("192.0.2.1:1", nil).allow("192.0.2.1:99"))
}

func TestPasswords(t *testing.T) {
	_, err := readPasswords(strings.NewReader("a:{SHA}x\n"))
	require.ErrorContains(t, err, "1: neither bcrypt nor apr1")
	_, err = readPasswords(strings.NewReader("# nobody\n"))
	require.Error(t, err)
	_, err = readPasswords(strings.NewReader("a:$2y$xx\n"))
	require.Error(t, err)

	// openssl passwd -apr1 -salt abcdefgh secret
	require.Equal(t, "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", apr1("secret", "$apr1$abcdefgh$"))
	if out, err := exec.Command("openssl", "passwd", "-apr1", "-salt", "xyz", "a longer password, of 40 characters ...").Output(); err == nil {
		require.Equal(t, strings.TrimSpace(string(out)), apr1("a longer password, of 40 characters ...", "$apr1$xyz$"))
	} else {
		t.Log("no openssl to compare with")
	}

	path := filepath.Join(t.TempDir(), "htpasswd")
	require.NoError(t, os.WriteFile(path, []byte("eve:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n"+
		"ada:$2a$04$ZQYjhOSOGeGQiaLG6D0aBuVMdRfE1hb2LcYvGk5bOcYZNxXxvKkEy\n"), 0o600))
	p, err := openPasswords(path)
	require.NoError(t, err)
	_, _, h := site(t, 1)
	h = authorize(p, h)
	ask := func(user, password string) int {
		r := httptest.NewRequest("GET", "/attacks", nil)
		r.Host = "localhost"
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, 401, ask("", ""))
	require.Equal(t, 401, ask("eve", "wrong"))
	require.Equal(t, 401, ask("mallory", "secret"))
	for range 2 {
		require.Equal(t, 200, ask("eve", "secret"))
	}
	require.Equal(t, 401, ask("eve", "secret "))
	require.NoError(t, os.WriteFile(path, []byte("bob:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n"), 0o600))
	future := time.Now().Add(time.Minute)
	require.NoError(t, os.Chtimes(path, future, future))
	require.Equal(t, 401, ask("eve", "secret"), "who was taken out of the file is out")
	require.Equal(t, 200, ask("bob", "secret"))
}

// Whatever the filters, the numbers are those of a count by hand.
func TestFilters(t *testing.T) {
	b, _, h := site(t, 700)
	count := func(accept func(r *Record) bool) (n int64) {
		for i := range b.store.ts {
			r, _, err := b.store.record(t.Context(), b.store.base+int64(i))
			require.NoError(t, err)
			if accept(r) {
				n++
			}
		}
		return n
	}
	half := msTime(b.store.ts[350]).Truncate(time.Second)
	for query, accept := range map[string]func(r *Record) bool{
		"":                         func(r *Record) bool { return true },
		"type=xss":                 func(r *Record) bool { return r.what() == "xss" },
		"type=xss&type=sqli":       func(r *Record) bool { return r.what() == "xss" || r.what() == "sqli" },
		"-type=xss":                func(r *Record) bool { return r.what() != "xss" },
		"-type=xss&action=blocked": func(r *Record) bool { return r.what() != "xss" && r.Event.Action == "blocked" },
		"ip=198.51.*&-path=/cable": func(r *Record) bool { return strings.HasPrefix(r.Source.IP, "198.51.") && r.URL.Path != "/cable" },
		"point=$[0].text":          func(r *Record) bool { return r.point() == "$[0].text" },
		"q=union+select":           func(r *Record) bool { return strings.Contains(r.Wallarm.Attack.Match, "UNION SELECT") },
		`q="union+select"`:         func(r *Record) bool { return strings.Contains(r.Wallarm.Attack.Match, "UNION SELECT") },
		"q=onerr*&host=app.example.com": func(r *Record) bool {
			return strings.Contains(r.Wallarm.Attack.Match, "onerror") && r.URL.Domain == "app.example.com"
		},
		"q=onerr":                                  func(r *Record) bool { return false },
		"q=on*":                                    func(r *Record) bool { return false }, // too short for a beginning
		"q=%22onerr*%22":                           func(r *Record) bool { return false },
		"q=onerror+ONERROR+alert":                  func(r *Record) bool { return strings.Contains(r.Wallarm.Attack.Match, "onerror") },
		"q=198.51.100.7.":                          func(r *Record) bool { return r.Source.IP == "198.51.100.7" },
		"q=%3C%3E%22%27":                           func(r *Record) bool { return false },
		"q=AND+OR+NEAR(":                           func(r *Record) bool { return false },
		"from=" + half.Format(time.RFC3339):        func(r *Record) bool { return !r.Time.Before(half) },
		"to=" + half.Format(time.RFC3339):          func(r *Record) bool { return r.Time.Before(half) },
		"kind=violation":                           func(r *Record) bool { return false },
		"kind=all&rule=932100&observer=edge1":      func(r *Record) bool { return r.Rule.ID == "932100" && r.Observer.Hostname == "edge1" },
		"range=30d&framework=socket.io&-event=x":   func(r *Record) bool { return true },
		"direction=server_to_client&sort=hits":     func(r *Record) bool { return false },
		"event=chat+message&sort=first&host=api.*": func(r *Record) bool { return r.URL.Domain == "api.example.net" },
	} {
		var v Attacks
		getJSON(t, h, "/api/attacks?"+query, &v)
		want := count(accept)
		require.Equal(t, want, v.Hits, query)
		require.Equal(t, v.Hits, v.Blocked+v.Passed+v.Other)
		bars := int64(0)
		for _, bar := range v.Timeline.Bars {
			bars += bar.sum()
		}
		require.Equal(t, want, bars, "%s: the time line", query)
		require.LessOrEqual(t, len(v.Timeline.Bars), timelineBuckets)
		sum := int64(0)
		for page := 1; page <= v.Pages; page++ {
			var p Attacks
			getJSON(t, h, "/api/attacks?"+query+"&page="+strconv.Itoa(page), &p)
			for _, a := range p.Attacks {
				sum += a.Hits
			}
		}
		require.Equal(t, want, sum, "%s: the sum of the pages", query)
	}
}

// A search that would take long looks at the newest events and leads to the rest.
func TestSearchIsBounded(t *testing.T) {
	b, _, h := site(t, 700)
	b.store.effort = effort{first: 300, giveUp: time.Minute}
	next, hits, pages := "/attacks?q=alert", int64(0), 0
	link := regexp.MustCompile(`href="([^"]*)">Look at those before`)
	for ; next != ""; pages++ {
		var v Attacks
		getJSON(t, h, "/api"+next, &v)
		hits += v.Hits
		text := body(t, get(t, h, next))
		next = ""
		if m := link.FindStringSubmatch(text); m != nil {
			next = html.UnescapeString(m[1])
		}
		require.Equal(t, v.Limited, next != "")
		require.Equal(t, v.Limited, v.From != nil)
	}
	require.Equal(t, 3, pages)
	b.store.effort.first = 700
	var v Attacks
	getJSON(t, h, "/api/attacks?q=alert", &v)
	require.False(t, v.Limited)
	require.LessOrEqual(t, v.Hits, hits, "none is left out where the parts meet")
	require.Less(t, hits, v.Hits+3, "those of one millisecond are twice there")
	hits = v.Hits

	// one that cannot be done in parts
	b.store.effort.first = 1
	getJSON(t, h, "/api/attacks?q=ale*", &v)
	require.False(t, v.Limited)
	require.Equal(t, hits, v.Hits)
	b.store.effort.giveUp = time.Nanosecond
	require.Contains(t, body(t, get(t, h, "/attacks?q=ale*")), "the search was given up")
	require.Contains(t, body(t, get(t, h, "/connections?q=ale*")), "the search was given up")
	getJSON(t, h, "/api/attacks?q=ale*", &v)
	require.True(t, v.Limited)
	require.Zero(t, v.Hits)
}

// Several words that all events have, and none as they were asked for, are looked
// for a part at a time; in a database of before that was so, at once.
func TestSearchPhraseInParts(t *testing.T) {
	b, _, h := site(t, 900)
	old := b.store.nextID
	for id := int64(1); id <= old; id++ {
		r, _, err := b.store.record(t.Context(), id)
		require.NoError(t, err)
		_, err = b.store.w.Exec("UPDATE texts SET text = ? WHERE rowid = ?", r.searched(), id)
		require.NoError(t, err)
	}
	_, err := b.store.w.Exec("PRAGMA user_version = 1")
	require.NoError(t, err)
	b.restart()
	require.Equal(t, old, b.store.unparted)
	b.append(b.log, lines(b.g, 2*partEvents)...)
	b.ingest()
	s, err := newServer(b.store, b.in.state, &hub{}, newHosts("127.0.0.1:8765", nil), "1")
	require.NoError(t, err)
	h = s.handler()
	search := func(query string) (hits int64, searches int) {
		to := ""
		for {
			var v Attacks
			getJSON(t, h, "/api/attacks?q="+url.QueryEscape(query)+to, &v)
			hits += v.Hits
			searches++
			if !v.Limited {
				return hits, searches
			}
			require.NotNil(t, v.From)
			to = "&to=" + v.From.Format(time.RFC3339Nano)
		}
	}
	for _, query := range []string{`"say to wanted"`, `"lobby-7" "this is"`, "hello 941100 wanted"} {
		b.store.effort = effort{1 << 40, time.Hour, time.Hour, time.Hour}
		want, n := search(query)
		require.Equal(t, 1, n)
		b.store.effort = effort{first: 1, giveUp: time.Hour}
		got, n := search(query)
		require.GreaterOrEqual(t, n, 3, query)
		require.LessOrEqual(t, n, 5, query)
		require.InDelta(t, want, got, 6, "those of one millisecond may be left to the next, or twice there")
		require.Equal(t, query == `"say to wanted"`, got == 0)
	}
	var v Attacks
	getJSON(t, h, "/api/attacks?q="+url.QueryEscape(part(old+1)), &v)
	require.Less(t, v.Hits, int64(100), "the part is no word that can be looked for")
	var health Health
	getJSON(t, h, "/api/health", &health)
	require.NotContains(t, health.Counters, "unparted")
}

// What is too long for a filter is cut, so that every link of a page works.
func TestLongValues(t *testing.T) {
	b, _, h := site(t, 1)
	long := strings.Repeat("é<\"&", 200)
	line := strings.Replace(string(b.g.line(nil)), `"id":"941100"`, `"id":"x"`, 1)
	line = regexp.MustCompile(`"path":"[^"]*"`).ReplaceAllLiteralString(line, `"path":`+strconv.Quote(long))
	b.append(b.log, []byte(line))
	b.ingest()
	var v Attacks
	getJSON(t, h, "/api/attacks", &v)
	require.Len(t, v.Attacks, 2)
	text := body(t, get(t, h, "/attacks"))
	links := regexp.MustCompile(`href="(/attacks[^"]*)"`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, links)
	for _, l := range links {
		require.Equal(t, 200, get(t, h, html.UnescapeString(l[1])).StatusCode, l[1])
	}
}

// What one page says is what the others say.
func TestAttackAndHits(t *testing.T) {
	_, _, h := site(t, 2000)
	var v Attacks
	getJSON(t, h, "/api/attacks?sort=hits", &v)
	a := v.Attacks[0]
	require.Greater(t, a.Hits, int64(1))
	var one AttackPage
	getJSON(t, h, "/api/attacks/"+a.ID, &one)
	require.Equal(t, a, one.Attack)
	require.Len(t, one.Hits, int(a.Events))
	for _, hit := range one.Hits {
		require.Equal(t, a.ID, hit.Attack)
		var full Hit
		getJSON(t, h, "/api/hits/"+hit.ID, &full)
		require.Equal(t, hit.Match, full.Match)
		require.Equal(t, a.Client, full.Client)
		require.True(t, hasMark(full.Request), "%v", full.Request)
		require.Contains(t, full.Chain, `frame text > socket.io "chat message" > json`)
		getJSON(t, h, "/api/attacks/"+a.ID+"?hit="+hit.ID, &one)
		require.Equal(t, full, *one.Hit)
		var c ConnectionPage
		getJSON(t, h, "/api/connections/"+full.Connection, &c)
		require.Equal(t, hit.ID, c.Hits[0].ID)
		require.Equal(t, a.Client, c.Connection.Client)
	}
	require.Equal(t, 404, get(t, h, "/attacks/"+v.Attacks[1].ID+"?hit="+one.Hits[0].ID).StatusCode)

	var rules Rules
	getJSON(t, h, "/api/rules", &rules)
	sum := int64(0)
	for _, r := range rules.Rules {
		sum += r.Hits
	}
	require.Equal(t, v.Hits, sum)
}

func hasMark(s []Segment) bool {
	for _, e := range s {
		if e.Mark {
			return true
		}
	}
	return false
}

func TestLive(t *testing.T) {
	b, s, h := site(t, 1)
	web := httptest.NewServer(h)
	defer web.Close()
	defer close(s.closing)
	b.in.changed = s.hub.notify
	r, err := http.Get(web.URL + "/live")
	require.NoError(t, err)
	defer r.Body.Close()
	require.Equal(t, "text/event-stream", r.Header.Get("Content-Type"))
	buf := make([]byte, 4096)
	n, err := r.Body.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "retry: 3000\n\n", string(buf[:n]))
	b.append(b.log, lines(b.g, 1)...)
	b.ingest()
	n, err = r.Body.Read(buf)
	require.NoError(t, err)
	require.Regexp(t, `^event: change\ndata: \{"generation":\d+\}\n\n$`, string(buf[:n]))
}

// The replay command is one line of quoted ASCII: a shell makes exactly the
// payload of it.
func TestReplayCommand(t *testing.T) {
	payload := []byte("42[\"x\",\"'; touch /tmp/pwned #\n\xff\x00\"]")
	r := &Record{}
	r.URL.Scheme, r.URL.Domain, r.URL.Path, r.URL.Query = "wss", "a'$(touch pwned)`x`\x1b[0m\u202e", "/ws/\n;rm", "a=1&b='"
	r.Destination.Port = 8443
	r.Wallarm.Payload = payload
	r.Wallarm.WebSocket.Opcode = "binary"
	r.Wallarm.WebSocket.Subprotocol = "chat'.v1"
	r.Wallarm.Request = "POST / WEBSOCKET/13\r\nOrigin: https://x'$(id)\r\n\r\n"
	cmd := replayCommand(r)
	require.Regexp(t, regexp.MustCompile(`^[ -~]+$`), cmd)

	// websocat prints what it is given.
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "websocat"), []byte("#!/bin/sh\ncat > payload\nfor a; do printf '%s\\n' \"$a\"; done > args\n"), 0o700))
	sh := exec.Command("sh", "-c", cmd)
	sh.Dir, sh.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := sh.CombinedOutput()
	require.NoError(t, err, "%s: %s", cmd, out)
	got, err := os.ReadFile(filepath.Join(dir, "payload"))
	require.NoError(t, err)
	require.Equal(t, payload, got)
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	require.NoError(t, err)
	require.Equal(t, "-1\n-n\n--no-line\n-b\n--origin\nhttps://x'$(id)\n--protocol\nchat'.v1\n"+
		"wss://a'$(touch pwned)`x`%1B[0m%E2%80%AE:8443/ws/%0A;rm?a=1&b='\n", string(args))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 3, "nothing else ran")
}

func TestMark(t *testing.T) {
	for _, tt := range []struct{ text, match, want string }{
		{`["<script>alert(1)</script>"]`, "<script>alert(1)</script>", `["[<script>alert(1)</script>]"]`},
		{`["\u003cscript\u003e"]`, "<script>", `["[\u003cscript\u003e]"]`},
		{`["a\"b"]`, `a"b`, `["[a\"b]"]`},
		{"q=%27+OR+1%3D1", "' OR 1=1", "q=[%27+OR+1%3D1]"},
		{"x PHNjcmlwdD4= y", "<script>", "x [PHNjcmlwdD4=] y"},
		{"d=%3C%73cript%3E", "<script>alert", "d=%3C%73cript%3E"},
		{"xx UNION/**/SELECT", "1 union SELECT password", "xx UNION/**/SELECT"},
		{"abcdef abcdef", "abcdef", "[abcdef] [abcdef]"},
		{"a\x00b\u202ec", "zz", `a\u{0}b\u{202e}c`},
	} {
		out := ""
		for _, s := range mark(tt.text, []string{tt.match}) {
			if s.Mark {
				s.Text = "[" + s.Text + "]"
			}
			out += s.Text
		}
		require.Equal(t, tt.want, out)
	}
}

// What several rules found is one mark, and the longest is shown.
func TestSeveralMatches(t *testing.T) {
	require.Equal(t, []Segment{{Text: "x "}, {"<script>alert(1)</script>", true}, {Text: " y"}},
		mark("x <script>alert(1)</script> y", []string{"<script>", "alert(", "<script>alert(1)</script>"}))
	r := &Record{}
	r.Wallarm.Attack.Path, r.Wallarm.Attack.Match = "$", "<script>"
	r.Wallarm.Findings = []Finding{{Path: "$", Match: "<script>alert(1)"}, {Path: "$.b", Match: "much longer than the others"}}
	require.Equal(t, "<script>alert(1)", r.shown())
}

// The decoded tree is what the engine's decoders make of the payload, with the
// value that scored marked.
func TestDecode(t *testing.T) {
	r := &Record{}
	r.URL.Path, r.URL.Query = "/socket.io/", "EIO=4&transport=websocket"
	r.Wallarm.WebSocket.Opcode, r.Wallarm.WebSocket.Direction = "text", "client_to_server"
	r.Wallarm.Payload = []byte(`42["chat message",{"room":"lobby","text":"<script>alert(1)</script>"}]`)
	r.Wallarm.Attack.Path = "$[0].text"
	tree := decode(r, []string{"<script>alert(1)</script>"})
	var text func(nodes []Node, depth int) string
	text = func(nodes []Node, depth int) (s string) {
		for _, n := range nodes {
			s += strings.Repeat(" ", depth) + n.Step
			for _, v := range n.Value {
				s += "=" + v.Text
			}
			if n.Mark {
				s += " !"
			}
			s += "\n" + text(n.Children, depth+1)
		}
		return s
	}
	require.Contains(t, text(tree, 0), "[0]\n  .room=lobby\n  .text=<script>alert(1)</script> !\n")
	for _, n := range []int{0, 125, 126, 65535, 65536, 200000} {
		require.NotPanics(t, func() {
			r.Wallarm.Payload = []byte(`["` + strings.Repeat("x", n) + `"]`)
			require.NotEmpty(t, decode(r, nil), n)
		})
	}
}

// Open and close records tell of connections without an attack; attacks do not
// count them.
func TestConnectionRecords(t *testing.T) {
	b := newBed(t)
	record := func(id, time, action, more string) []byte {
		return []byte(`{"@timestamp":"2026-11-22T06:` + time + `Z","event":{"id":"` + id + `","action":"` + action + `","dataset":"wallarm_websocket.connection"` + more + `},` +
			`"source":{"ip":"198.51.100.13","port":36143},"url":{"domain":"h","path":"/ws"},"observer":{"hostname":"edge1"},` +
			`"wallarm":{"websocket":{"connection_id":"17-4","origin":"https://h"` + strings.ReplaceAll(more, `,"duration":90000000000`,
			`,"close_code":1008,"client":{"messages":3,"bytes":99,"close_code":1000},"server":{"messages":2,"bytes":40},"attacks":1,"dropped":true,"violations":["frame_client_unmasked"]`) + `},"hits":1}}` + "\n")
	}
	b.append(b.log, record("a", "21:19.680", "opened", ""))
	b.ingest()
	s, err := newServer(b.store, b.in.state, &hub{}, newHosts("", nil), "")
	require.NoError(t, err)
	h := s.handler()
	var v Connections
	getJSON(t, h, "/api/connections", &v)
	require.Len(t, v.Connections, 1)
	require.NotNil(t, v.Connections[0].Opened)
	require.Nil(t, v.Connections[0].Closed)
	require.Contains(t, body(t, get(t, h, "/connections")), "action-live")
	b.append(b.log, record("b", "22:49.680", "closed", `,"duration":90000000000`))
	b.ingest()
	getJSON(t, h, "/api/connections?ip=198.51.100.13", &v)
	require.Len(t, v.Connections, 1)
	c := v.Connections[0]
	require.Equal(t, 90*time.Second, c.Closed.Sub(*c.Opened))
	require.Equal(t, 1008, c.Code)
	require.Equal(t, "https://h", c.Origin)
	require.Equal(t, map[string]any{
		"client messages": 3.0, "client bytes": 99.0, "client close_code": 1000.0, "server messages": 2.0, "server bytes": 40.0,
		"attacks": 1.0, "dropped": "yes", "violations": "frame_client_unmasked",
	}, c.Counters)
	require.Contains(t, body(t, get(t, h, "/connections/"+c.ID)), "frame_client_unmasked")
	var a Attacks
	getJSON(t, h, "/api/attacks?kind=all", &a)
	require.Zero(t, a.Hits)
	getJSON(t, h, "/api/connections?ip=198.51.100.14", &v)
	require.Empty(t, v.Connections)
}

// Many clients at one place, who do nothing else, may be a false alarm; one
// client everywhere is none.
func TestCandidates(t *testing.T) {
	b := newBed(t)
	add := func(ip, path, point, id string) {
		b.append(b.log, []byte(`{"@timestamp":"2026-11-22T06:21:19.680Z","event":{"id":"`+id+`","action":"blocked","dataset":"wallarm_websocket.attack"},`+
			`"rule":{"id":"942100"},"source":{"ip":"`+ip+`"},"url":{"domain":"h","path":"`+path+`"},`+
			`"wallarm":{"attack":{"type":"sqli","path":"`+point+`","match":"m"},"ignore":"wallarm_websocket_ignore rule=942100 path=`+point+`;"}}`+"\n"))
	}
	for i := range 5 {
		n := string(rune('a' + i))
		add("10.0.0."+n, "/editor", "$.sql", "editor"+n)
		add("10.9.9.9", "/p"+n, "$.x", "scan"+n)
	}
	b.ingest()
	v, err := b.store.rulesView(t.Context(), &request{Page: 1})
	require.NoError(t, err)
	require.Len(t, v.Candidates, 1)
	c := v.Candidates[0]
	require.Equal(t, "/editor", c.Path)
	require.Equal(t, 5, c.Only)
	require.Equal(t, "wallarm_websocket_ignore rule=942100 path=$.sql;", c.Exception)
	require.Len(t, v.Rules, 1)
	require.EqualValues(t, 10, v.Rules[0].Hits)
	require.Equal(t, 6, v.Rules[0].Clients)
}

// What the operator has to look at stands first, and what only programs read
// does not stand there.
func TestStatusRows(t *testing.T) {
	var gone context.CancelFunc
	nginx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gone() // the reader of the page
		io.WriteString(w, `{"abnormal":1,"attacks":12345,"attack_types":{"xss":{"blocked":3,"monitored":0}},"requests_lost":0,`+
			`"start_time":1795853713,"startid":7713132966668191000,"timestamp":1.5,"uninspected":2,"uninspected_messages":{"engine":2,"protocol":0},`+
			`"time_detect":0.2179708,"workers":[{"pid":1,"engine":true},{"pid":2,"engine":false}],"zones":{},"zebra":"x"}`)
	}))
	defer nginx.Close()
	s := &statusReader{url: nginx.URL}
	ctx, cancel := context.WithCancel(t.Context())
	gone = cancel
	st := s.get(ctx)
	require.Empty(t, st.Error)
	require.Equal(t, []StatusRow{
		{"workers without engine", "1", true}, {"uninspected", "2", true}, {"uninspected_messages: engine", "2", true},
		{"requests_lost", "0", false}, {"attacks", "12,345", false}, {"abnormal", "1", false},
		{"attack_types: xss", "3 blocked", false}, {"time_detect", "0.218 s", false},
		{"start_time", "2026-11-28 08:15:13 UTC", false}, {"workers", "2", false}, {"zebra", "x", false},
	}, st.Rows())
}

func TestAfter(t *testing.T) {
	for s, want := range map[float64]string{0: "0s", 0.04: "0s", 1.26: "1.3s", 59.9: "59.9s", 60: "1m", 32173.2: "8h56m", 3e5: "83h20m"} {
		require.Equal(t, want, after(s))
	}
}
