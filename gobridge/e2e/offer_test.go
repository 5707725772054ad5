//go:build e2e

package e2e

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// answers answers every handshake that reaches the backend, and has their
// heads.
func (n *nginx) answers() <-chan string {
	heads := make(chan string, 100)
	go func() {
		for {
			c, err := n.backend.Accept()
			if err != nil {
				return
			}
			var head strings.Builder
			for r := bufio.NewReader(c); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
				line, err := r.ReadString('\n')
				if err != nil {
					break
				}
				head.WriteString(line)
			}
			heads <- head.String()
			c.Write(response())
			c.Close()
		}
	}()
	return heads
}

// offer is the status that a handshake gets. From is the Host instead of
// chat.example, if any.
func (n *nginx) offer(target, host string, lines ...string) string {
	n.Helper()
	b := string(request(target, lines...))
	if host != "" {
		b = strings.Replace(b, "Host: chat.example", "Host: "+host, 1)
	}
	client := n.client()
	client.send([]byte(b))
	return client.status()
}

// locations starts NGINX with a location for each of the rules: /0, /1, ...
func locations(t *testing.T, c conf, rules ...string) *nginx {
	t.Helper()
	c.stopped, c.noLocation = true, true
	n := start(t, c)
	for i, r := range rules {
		c.server += fmt.Sprintf("location /%d {\n%swallarm_parse_websocket on;\n%s\n}\n", i, n.proxy("http"), r)
	}
	n.write("nginx.conf", n.config(t, c))
	n.run()
	return n
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	type want struct{ lines, host, status string }
	origin := func(s string) string { return "Origin: " + s + "\r\n" }
	for _, tls := range []bool{false, true} {
		for _, tt := range []struct {
			rule  string
			tls   bool
			wants []want
		}{
			{"wallarm_websocket_origin https://app.example http://10.0.0.1:8080 HTTPS://Upper.Example:443;", false, []want{
				{origin("https://app.example"), "", "101"},
				{origin("https://app.example:443"), "", "101"},
				{origin("HTTPS://APP.EXAMPLE"), "", "101"},
				{origin("https://upper.example"), "", "101"},
				{origin("http://10.0.0.1:8080"), "", "101"},
				{"", "", "101"},
				{"origin: https://app.example\r\n", "", "101"},
				{"origin: https://evil.example\r\n", "", "403"},
				{origin("https://evil.example"), "", "403"},
				{origin("http://app.example"), "", "403"},
				{origin("http://app.example:443"), "", "403"},
				{origin("https://app.example:444"), "", "403"},
				{origin("https://app.example."), "", "403"},
				{origin("https://app.example.evil.example"), "", "403"},
				{origin("https://evilapp.example"), "", "403"},
				{origin("https://x.app.example"), "", "403"},
				{origin("https://app.example/"), "", "403"},
				{origin("https://app.example:"), "", "403"},
				{origin("https://app.example:443x"), "", "403"},
				{origin("https://app.example:0"), "", "403"},
				{origin("https://evil@app.example"), "", "403"},
				{origin("https://app.example, https://app.example"), "", "403"},
				{origin("https://app.example") + origin("https://app.example"), "", "403"},
				{origin("https://app.example") + origin("https://evil.example"), "", "403"},
				{origin("http://10.0.0.1"), "", "403"},
				{origin("https://chat.example"), "", "403"},
				{origin("*"), "", "403"},
				{origin("https://*"), "", "403"},
				{origin("https://*.example"), "", "403"},
				{origin("null"), "", "403"},
				{origin(""), "", "403"},
			}},
			{"wallarm_websocket_origin https://*.example.com http://localhost:* http://*.dev.test:*;", false, []want{
				{origin("https://a.example.com"), "", "101"},
				{origin("https://a.b.EXAMPLE.com:443"), "", "101"},
				{origin("http://localhost"), "", "101"},
				{origin("http://localhost:3000"), "", "101"},
				{origin("http://x.dev.test:5173"), "", "101"},
				{origin("https://example.com"), "", "403"},
				{origin("https://.example.com"), "", "403"},
				{origin("https://evil-example.com"), "", "403"},
				{origin("https://a.example.com.evil.test"), "", "403"},
				{origin("https://a.example.com:8443"), "", "403"},
				{origin("http://a.example.com"), "", "403"},
				{origin("https://localhost:3000"), "", "403"},
				{origin("http://localhost:*"), "", "403"},
				{origin("http://dev.test:5173"), "", "403"},
			}},
			{"wallarm_websocket_origin null missing=deny http://[::1]:3000 chrome-extension://abcdefgh file://;", false, []want{
				{origin("null"), "", "101"},
				{origin("http://[::1]:3000"), "", "101"},
				{origin("chrome-extension://abcdefgh"), "", "101"},
				{origin("file://"), "", "101"},
				{"", "", "403"},
				{origin("NULL"), "", "403"},
				{origin("null, null"), "", "403"},
				{origin("http://[::1]"), "", "403"},
				{origin("http://[::1"), "", "403"},
				{origin("chrome-extension://other"), "", "403"},
				{origin("http://"), "", "403"},
			}},
			{"wallarm_websocket_origin same;", false, []want{
				{origin("http://chat.example"), "", "101"},
				{origin("http://CHAT.example:80"), "", "101"},
				{origin("http://chat.example:8080"), "chat.example:8080", "101"},
				{origin("http://[::1]:8080"), "[::1]:8080", "101"},
				{origin("http://[::1]"), "[::1]", "101"},
				{origin("https://chat.example"), "", "403"},
				{origin("http://chat.example:8080"), "", "403"},
				{origin("http://chat.example"), "chat.example:8080", "403"},
				{origin("http://evil.example"), "", "403"},
				{origin("https://chat.example") + "X-Forwarded-Proto: https\r\n", "", "403"},
			}},
			{"wallarm_websocket_origin same;", true, []want{
				{origin("https://chat.example"), "", "101"},
				{origin("https://chat.example:8443"), "chat.example:8443", "101"},
				{origin("http://chat.example"), "", "403"},
			}},
			{"wallarm_websocket_origin same scheme=https;", false, []want{
				{origin("https://chat.example"), "", "101"},
				{origin("https://chat.example:8443"), "chat.example:8443", "101"},
				{origin("http://chat.example"), "", "403"},
			}},
			{"wallarm_websocket_origin same scheme=$http_x_forwarded_proto;", false, []want{
				{origin("https://chat.example") + "X-Forwarded-Proto: https\r\n", "", "101"},
				{origin("https://chat.example") + "X-Forwarded-Proto: HTTPS , http\r\n", "", "101"},
				{origin("http://chat.example") + "X-Forwarded-Proto: http\r\n", "", "101"},
				{origin("http://chat.example"), "", "101"},
				{origin("http://chat.example") + "X-Forwarded-Proto: gopher\r\n", "", "101"},
				{origin("https://chat.example"), "", "403"},
				{origin("http://chat.example") + "X-Forwarded-Proto: https\r\n", "", "403"},
				{origin("gopher://chat.example") + "X-Forwarded-Proto: gopher\r\n", "", "403"},
			}},
			{"wallarm_websocket_origin https://$arg_tenant.example.com $arg_origin;", false, []want{
				{origin("https://blue.example.com"), "?tenant=blue", "101"},
				{origin("https://red.example.com"), "?tenant=blue", "403"},
				{origin("https://red.test"), "?origin=https://red.test", "101"},
				{origin("https://x.red.test"), "?origin=https://*.red.test", "101"},
				{origin("https://red.test"), "?tenant=a/b", "403"},
			}},
		} {
			if tt.tls != tls {
				continue
			}
			t.Run(tt.rule, func(t *testing.T) {
				t.Parallel()
				n := locations(t, conf{tls: tls}, tt.rule)
				n.allow(`invalid origin "https://a/b.example.com" in "wallarm_websocket_origin"`)
				heads := n.answers()
				denied := 0
				for _, w := range tt.wants {
					target, host := "/0", w.host
					if strings.HasPrefix(host, "?") {
						target, host = target+host, ""
					}
					require.Equal(t, w.status, n.offer(target, host, w.lines), "%q to %q", w.lines, w.host)
					if w.status == "101" {
						require.Contains(t, <-heads, target)
					} else {
						denied++
					}
				}
				require.Empty(t, heads, "a refused handshake came to the backend")
				for _, what := range n.whats(denied) {
					require.Equal(t, "handshake_origin_denied blocked", what)
				}
			})
		}
	}
}

// What is refused is refused for nothing else, and monitoring lets it pass.
func TestOriginOutcome(t *testing.T) {
	t.Parallel()
	const evil = "Origin: https://user:secret@evil.example\r\n"
	rule := "wallarm_websocket_origin https://app.example;"
	n := locations(t, conf{}, rule, rule+"wallarm_mode monitoring;", rule+"wallarm_mode off;",
		rule+"error_page 403 /1;", rule+"error_page 404 /1; return 404;")

	require.Equal(t, "403", n.offer("/0", "", evil))
	e := n.events(1)[0]
	require.Equal(t, "handshake_origin_denied blocked", e.what())
	require.NotContains(t, e.Line, "secret")
	require.Contains(t, e.Line, `"value":"https://[redacted]@evil.example"`)
	require.Contains(t, e.Line, `"status_code":403`)
	require.Contains(t, e.Line, `"transport":"handshake"`)
	n.logged(`\[warn\].*wallarm: handshake violation handshake_origin_denied blocked, value "https://\[redacted\]@evil.example"`)
	n.accessed("403|block|refuse|-|0|0")

	// its values are judged as ever
	client := n.client()
	client.send(request("/1?q=<script>alert(1)</script>", evil))
	backend := n.accept()
	backend.head()
	backend.send(response())
	require.Equal(t, "101", client.status())
	talk(client, backend)
	require.Equal(t, []string{"handshake_origin_denied monitored", "xss monitored"}, n.whats(3)[1:])

	client, backend = n.connectTo("/2", evil)
	talk(client, backend)

	// no request but a handshake
	client = n.client()
	client.send([]byte("GET /0 HTTP/1.1\r\nHost: chat.example\r\n" + evil + "\r\n"))
	backend = n.accept()
	backend.head()
	backend.send([]byte("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
	require.Equal(t, "204", client.status())

	// an error page's upstream does not upgrade
	client = n.client()
	client.send(request("/3", evil))
	backend = n.accept()
	require.NotContains(t, backend.head(), "Upgrade: websocket")
	backend.send(response())
	backend.Close()
	require.Equal(t, "403", client.status())
	require.Equal(t, "handshake_origin_denied blocked", n.whats(4)[3])
}

func TestOriginInheritance(t *testing.T) {
	t.Parallel()
	n := locations(t, conf{
		http:   "wallarm_websocket_origin https://http.example;",
		server: "wallarm_websocket_origin https://server.example;\nwallarm_websocket_origin https://second.example missing=deny;",
	}, "", "wallarm_websocket_origin off;", "wallarm_websocket_origin https://location.example;")
	n.answers()
	for _, tt := range []struct{ origin, statuses string }{
		{"https://http.example", "403 101 403"},
		{"https://server.example", "101 101 403"},
		{"https://second.example", "101 101 403"},
		{"https://location.example", "403 101 101"},
		{"", "403 101 101"},
	} {
		var got []string
		for i := range 3 {
			line := ""
			if tt.origin != "" {
				line = "Origin: " + tt.origin + "\r\n"
			}
			got = append(got, n.offer(fmt.Sprintf("/%d", i), "", line))
		}
		require.Equal(t, tt.statuses, strings.Join(got, " "), tt.origin)
	}
}

// lines are the values of a header in a head.
func lines(head, name string) (values []string) {
	for line := range strings.Lines(head) {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

func TestSubprotocol(t *testing.T) {
	t.Parallel()
	n := locations(t, conf{http: "wallarm_websocket_subprotocol from.http;"},
		"wallarm_websocket_subprotocol mqtt v12.stomp; wallarm_websocket_subprotocol bearer.*;",
		"wallarm_websocket_subprotocol mqtt strip;",
		"wallarm_websocket_subprotocol mqtt; wallarm_mode monitoring;",
		"wallarm_websocket_subprotocol off;",
		"")
	heads := n.answers()
	offer := func(list ...string) (all string) {
		for _, l := range list {
			all += "Sec-WebSocket-Protocol: " + l + "\r\n"
		}
		return all
	}
	filler := func(n int) (all string) {
		for i := range n {
			all += fmt.Sprintf("X-%d: %d\r\n", i, i)
		}
		return all
	}
	var events []string
	for _, tt := range []struct {
		target, lines string
		want          []string // nil: refused
	}{
		{"/0", "", []string{}},
		{"/0", offer("mqtt"), []string{"mqtt"}},
		{"/0", offer("v12.stomp, mqtt"), []string{"v12.stomp, mqtt"}},
		{"/0", offer("v12.stomp, v11.stomp, v10.stomp"), []string{"v12.stomp"}},
		{"/0", offer("v10.stomp,\tv12.stomp ,,bearer.abc"), []string{"v12.stomp,bearer.abc"}},
		{"/0", offer("mqtt", "wamp", "v12.stomp"), []string{"mqtt,v12.stomp"}},
		{"/0", filler(30) + offer("wamp", "mqtt") + filler(30), []string{"mqtt"}},
		{"/0", offer("MQTT"), nil},
		{"/0", offer("mqtt2"), nil},
		{"/0", offer("bearer"), nil},
		{"/0", offer("wamp", "soap"), nil},
		{"/0", offer(" , "), []string{","}},
		{"/1", offer("wamp"), []string{}},
		{"/1", offer("wamp", "mqtt, wamp"), []string{"mqtt"}},
		{"/2", offer("wamp"), []string{"wamp"}},
		{"/2", offer("wamp, mqtt"), []string{"wamp, mqtt"}},
		{"/3", offer("wamp"), []string{"wamp"}},
		{"/4", offer("wamp"), nil},
		{"/4", offer("from.http"), []string{"from.http"}},
	} {
		status := n.offer(tt.target, "", tt.lines)
		if tt.want == nil {
			require.Equal(t, "403", status, "%s %q", tt.target, tt.lines)
			events = append(events, "handshake_subprotocol_denied blocked")
			continue
		}
		require.Equal(t, "101", status, "%s %q", tt.target, tt.lines)
		head := <-heads
		require.ElementsMatch(t, tt.want, lines(head, "Sec-WebSocket-Protocol"), "%s %q", tt.target, tt.lines)
		for line := range strings.Lines(filler(30)) {
			if strings.Contains(tt.lines, line) {
				require.Contains(t, head, line)
			}
		}
		if tt.target == "/2" && !strings.Contains(tt.lines, "mqtt") {
			events = append(events, "handshake_subprotocol_denied monitored")
		}
	}
	require.Equal(t, events, n.whats(len(events)))
}

// A subprotocol that was stripped, or never offered, is not accepted back.
func TestSubprotocolNotOffered(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_subprotocol mqtt;"})
	for i, offered := range []string{"Sec-WebSocket-Protocol: wamp, mqtt\r\n", ""} {
		client := n.client()
		client.send(request("/", offered))
		backend := n.accept()
		backend.head()
		backend.send(response("Sec-WebSocket-Protocol: wamp\r\n"))
		require.Equal(t, "502", client.status())
		require.Equal(t, "handshake_subprotocol_not_offered blocked", n.whats(i + 1)[i])
	}
}

func TestExtensions(t *testing.T) {
	t.Parallel()
	n := locations(t, conf{http: "wallarm_websocket_extensions refuse;"},
		"wallarm_websocket_extensions inspect;",
		"wallarm_websocket_extensions strip;",
		"",
		"wallarm_mode monitoring;",
		"wallarm_websocket_extensions strip; wallarm_mode monitoring;",
		"wallarm_websocket_extensions strip; set $seen $http_sec_websocket_extensions;"+
			"proxy_set_header Sec-WebSocket-Extensions $http_sec_websocket_extensions; wallarm_websocket_subprotocol mqtt;"+
			"set $seen $http_sec_websocket_protocol; proxy_set_header Sec-WebSocket-Protocol $http_sec_websocket_protocol;")
	heads := n.answers()
	const two = deflate + "X-Between: 1\r\nSec-WebSocket-Extensions: x-one, x-two\r\n"
	for _, tt := range []struct{ target, lines, want string }{
		{"/0", two, "permessage-deflate|x-one, x-two"},
		{"/1", two, ""},
		{"/1", "", ""},
		{"/2", "", ""},
		{"/2", "Sec-WebSocket-Extensions: ,\r\n", ","},
		{"/2", two, "403"},
		{"/3", two, "permessage-deflate|x-one, x-two"},
		{"/4", two, "permessage-deflate|x-one, x-two"},
		{"/5", two + "Sec-WebSocket-Protocol: mqtt, wamp\r\n", ""},
	} {
		status := n.offer(tt.target, "", tt.lines)
		if tt.want == "403" {
			require.Equal(t, "403", status, "%s %q", tt.target, tt.lines)
			continue
		}
		require.Equal(t, "101", status, "%s %q", tt.target, tt.lines)
		head := <-heads
		require.Equal(t, tt.want, strings.Join(lines(head, "Sec-WebSocket-Extensions"), "|"), "%s %q", tt.target, tt.lines)
		require.Equal(t, strings.Contains(tt.lines, "X-Between"), strings.Contains(head, "X-Between: 1"))
		require.NotContains(t, head, "wamp")
	}
	require.Equal(t, []string{"handshake_extension_denied blocked", "handshake_extension_denied monitored"}, n.whats(2))
}

// Behind strip the peers talk uncompressed, and a server that compresses all
// the same is refused.
func TestExtensionsStripped(t *testing.T) {
	t.Parallel()
	for _, upstream := range []string{"proxy", "uwsgi"} {
		t.Run(upstream, func(t *testing.T) {
			n := start(t, conf{stopped: true})
			pass := n.proxy("http")
			if upstream == "uwsgi" {
				pass = "uwsgi_pass " + n.backend.Addr().String() + ";\nuwsgi_param REQUEST_METHOD $request_method;\n"
			}
			n.write("nginx.conf", n.config(t, conf{noLocation: true,
				server: "location / {\n" + pass + "wallarm_parse_websocket on; wallarm_websocket_extensions strip;\n}\n"}))
			n.run()
			client := n.client()
			client.send(request("/", deflate, "X-Last: end-of-head\r\n"))
			backend := n.accept()
			answer := string(response())
			if upstream == "uwsgi" {
				backend.until("end-of-head")
				answer = "Status: 101 Switching Protocols\r\n" + strings.SplitN(answer, "\r\n", 2)[1]
			} else {
				require.NotContains(t, backend.head(), "permessage-deflate")
			}
			backend.send([]byte(answer))
			require.Equal(t, "101", client.status())
			talk(client, backend)
		})
	}
	n := start(t, conf{location: "wallarm_websocket_extensions strip;"})
	client := n.client()
	client.send(request("/", deflate))
	backend := n.accept()
	backend.head()
	backend.send(response(deflate))
	require.Equal(t, "502", client.status())
	require.Equal(t, []string{"handshake_extension_not_offered blocked"}, n.whats(1))
}

// Only an opening handshake becomes a tunnel, whatever the backend says.
func TestGenuineHandshake(t *testing.T) {
	t.Parallel()
	replace := func(from, to string) []byte {
		return []byte(strings.Replace(string(request("/")), from, to, 1))
	}
	keyLine := "Sec-WebSocket-Key: " + key + "\r\n"
	accept := func(key string) []byte {
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		return []byte(strings.Replace(string(response()), lines(string(response()), "Sec-WebSocket-Accept")[0],
			base64.StdEncoding.EncodeToString(sum[:]), 1))
	}
	for _, tt := range []struct {
		name     string
		request  []byte
		response []byte
		tokens   string
	}{
		{"POST", replace("GET", "POST"), response(), "handshake_method"},
		{"HTTP/1.0", replace("HTTP/1.1", "HTTP/1.0"), response(), "handshake_http_version"},
		{"no key", replace(keyLine, ""), accept(""), "handshake_key"},
		{"short key", replace(key, "c2hvcnQ="), accept("c2hvcnQ="), "handshake_key"},
		{"two keys", replace(keyLine, keyLine+keyLine), accept(key + ", " + key), "handshake_key"},
		{"no version", replace("Sec-WebSocket-Version: 13\r\n", ""), response(), "handshake_version"},
		{"version 8", replace("Version: 13", "Version: 8"), response(), "handshake_version"},
		{"two versions", replace("Version: 13\r\n", "Version: 13\r\nSec-WebSocket-Version: 13\r\n"), response(), "handshake_version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := locations(t, conf{}, "", "wallarm_mode monitoring;")
			var want []string
			for i, mode := range []string{"blocked", "monitored"} {
				client := n.client()
				client.send([]byte(strings.Replace(string(tt.request), " / ", fmt.Sprintf(" /%d ", i), 1)))
				backend := n.accept()
				backend.head()
				backend.send(tt.response)
				for token := range strings.SplitSeq(tt.tokens, " ") {
					want = append(want, token+" "+mode)
				}
				if mode == "blocked" {
					require.Equal(t, "502", client.status())
					require.Empty(t, backend.drain())
				} else {
					require.Equal(t, "101", client.status())
					talk(client, backend)
				}
			}
			require.Equal(t, want, n.whats(len(want)))
		})
	}
}

// A 101 that nobody asked for is no tunnel to NGINX, but one to the client.
func TestUnaskedUpgrade(t *testing.T) {
	t.Parallel()
	n := locations(t, conf{}, "", "wallarm_mode monitoring;")
	for i, b := range [][]byte{
		[]byte("GET /0 HTTP/1.1\r\nHost: chat.example\r\n\r\n"),
		[]byte(strings.Replace(string(request("/0")), "Upgrade: websocket", "Upgrade: h2c", 1)),
	} {
		client := n.client()
		client.send(b)
		backend := n.accept()
		require.NotContains(t, backend.head(), "Upgrade: ")
		backend.send(response())
		require.Equal(t, "502", client.status())
		require.Equal(t, "handshake_upgrade_not_websocket blocked", n.whats(i + 1)[i])
		n.accessed("502|block|refuse|-|0|0")
	}
	client := n.client()
	client.send([]byte("GET /1 HTTP/1.1\r\nHost: chat.example\r\n\r\n"))
	backend := n.accept()
	backend.head()
	backend.send(response())
	backend.Close()
	require.Equal(t, "101", client.status())
	require.Equal(t, "handshake_upgrade_not_websocket monitored", n.whats(3)[2])
	n.accessed("101|monitoring|uninspected|-|0|1")
}

// What the module refuses by itself it refuses without an engine, too.
func TestOfferWithoutEngine(t *testing.T) {
	t.Parallel()
	n := start(t, conf{library: newStub(t, "-DINIT=1").library, location: "wallarm_websocket_origin https://app.example;"})
	n.allow("did not start|are not inspected|library is not loaded")
	require.Equal(t, "403", n.offer("/", "", "Origin: https://evil.example\r\n"))
	n.logged(`wallarm: handshake violation handshake_origin_denied blocked, the inspection engine cannot log it`)
	client, backend := n.connect("Origin: https://app.example\r\n")
	talk(client, backend)
}

func TestOfferDirectives(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	for _, tt := range []struct{ line, want string }{
		{"wallarm_websocket_origin;", `invalid number of arguments in "wallarm_websocket_origin" directive`},
		{"wallarm_websocket_origin app.example;", `invalid origin "app.example", it must be "scheme://host[:port]" or "scheme://*.host[:port]"`},
		{"wallarm_websocket_origin *;", `invalid origin "*"`},
		{`wallarm_websocket_origin "";`, `invalid origin ""`},
		{"wallarm_websocket_origin https://;", `invalid origin "https://"`},
		{"wallarm_websocket_origin https://*;", `invalid origin "https://*"`},
		{"wallarm_websocket_origin https://*.;", `invalid origin "https://*."`},
		{"wallarm_websocket_origin https://*..example;", `invalid origin "https://*..example"`},
		{"wallarm_websocket_origin https://app*.example;", `invalid origin "https://app*.example"`},
		{"wallarm_websocket_origin https://app.example/;", `invalid origin "https://app.example/"`},
		{"wallarm_websocket_origin https://app.example:99999;", `invalid origin "https://app.example:99999"`},
		{"wallarm_websocket_origin https://app.example:;", `invalid origin "https://app.example:"`},
		{"wallarm_websocket_origin 1http://a;", `invalid origin "1http://a"`},
		{"wallarm_websocket_origin none;", `invalid origin "none"`},
		{"wallarm_websocket_origin https://a.example off;", `invalid origin "off"`},
		{"wallarm_websocket_origin https://$nothing;", `unknown "nothing" variable`},
		{"wallarm_websocket_origin missing=maybe;", `invalid parameter "missing=maybe", it must be "missing=allow" or "missing=deny"`},
		{"wallarm_websocket_origin missing=deny missing=deny;", `duplicate parameter "missing=deny"`},
		{"wallarm_websocket_origin same scheme=ftp;", `invalid scheme "ftp", it must be "http", "https" or have variables`},
		{"wallarm_websocket_origin same scheme=;", `invalid scheme ""`},
		{"wallarm_websocket_origin same missing=deny; wallarm_websocket_origin missing=allow;", `"wallarm_websocket_origin" directive has "missing" twice`},
		{"wallarm_websocket_origin same scheme=http scheme=https;", `duplicate parameter "scheme=https"`},
		{"wallarm_websocket_origin same scheme=http; wallarm_websocket_origin scheme=https;", `"wallarm_websocket_origin" directive has "scheme" twice`},
		{"wallarm_websocket_origin null same null;", `duplicate parameter "null"`},
		{"wallarm_websocket_origin same; wallarm_websocket_origin off;", `"wallarm_websocket_origin" directive cannot be off as well`},
		{"wallarm_websocket_origin off; wallarm_websocket_origin same;", `"wallarm_websocket_origin" directive is off already`},
		{"wallarm_websocket_origin off;", ""},
		{"wallarm_websocket_origin same null missing=deny scheme=$scheme https://*.example:8443 http://[::1]:*;", ""},
		{"wallarm_websocket_subprotocol;", `invalid number of arguments in "wallarm_websocket_subprotocol" directive`},
		{"wallarm_websocket_subprotocol a,b;", `invalid subprotocol "a,b", it must be a name or "prefix*"`},
		{"wallarm_websocket_subprotocol *;", `invalid subprotocol "*"`},
		{"wallarm_websocket_subprotocol a*b;", `invalid subprotocol "a*b"`},
		{"wallarm_websocket_subprotocol a b a;", `duplicate parameter "a"`},
		{"wallarm_websocket_subprotocol a off;", `invalid subprotocol "off"`},
		{`wallarm_websocket_subprotocol "";`, `invalid subprotocol ""`},
		{`wallarm_websocket_subprotocol "a b";`, `invalid subprotocol "a b"`},
		{"wallarm_websocket_subprotocol a; wallarm_websocket_subprotocol off;", `"wallarm_websocket_subprotocol" directive cannot be off as well`},
		{"wallarm_websocket_subprotocol off; wallarm_websocket_subprotocol a;", `"wallarm_websocket_subprotocol" directive is off already`},
		{"wallarm_websocket_subprotocol mqtt v12.stomp bearer.* strip;", ""},
		{"wallarm_websocket_extensions on;", `invalid value "on"`},
		{"wallarm_websocket_extensions strip refuse;", `invalid number of arguments in "wallarm_websocket_extensions" directive`},
		{"wallarm_websocket_extensions strip; wallarm_websocket_extensions strip;", `"wallarm_websocket_extensions" directive is duplicate`},
		{"wallarm_websocket_extensions refuse;", ""},
	} {
		t.Run(tt.line, func(t *testing.T) {
			n := n.in(t)
			for _, c := range []conf{{http: tt.line}, {server: tt.line}, {location: tt.line}} {
				n.write("nginx.conf", n.config(t, c))
				out, ok := n.test()
				require.Equal(t, tt.want == "", ok, out)
				if tt.want != "" {
					require.Contains(t, out, "[emerg]")
					require.Contains(t, out, tt.want)
					if !strings.Contains(tt.want, "variable") {
						require.Regexp(t, `nginx.conf:\d+`, out)
					}
				}
			}
			n.write("nginx.conf", n.config(t, conf{main: tt.line}))
			out, ok := n.test()
			require.False(t, ok)
			require.Contains(t, out, "directive is not allowed here")
		})
	}
}

// The configuration of docs/hardening.md, as it stands there, does what is
// said of it.
func TestHardening(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/hardening.md")
	require.NoError(t, err)
	_, block, _ := strings.Cut(string(page), "```nginx\n")
	block, _, ok := strings.Cut(block, "```")
	require.True(t, ok)

	n := start(t, conf{stopped: true, tls: true})
	cert, key := certificate(t)
	n.write("app.example.com.pem", cert)
	n.write("app.example.com.key", key)
	for _, r := range [][2]string{
		{"listen      443 ssl", "listen " + n.addr + " ssl"},
		{"listen      80", "listen " + freeAddr(t)},
		{"127.0.0.1:3000", n.backend.Addr().String()},
	} {
		require.Equal(t, 1, strings.Count(block, r[0]), r[0])
		block = strings.Replace(block, r[0], r[1], 1)
	}
	head, _, _ := strings.Cut(n.config(t, conf{}), "http {")
	n.write("nginx.conf", head+"http {\nclient_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n"+
		"uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"+block+"}\n")
	out, ok := n.test()
	require.True(t, ok, out)
	require.NotContains(t, out, "[warn]")
	n.run()

	const origin, protocol = "Origin: https://app.example.com\r\n", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
	for _, lines := range []string{protocol, "Origin: https://evil.example\r\n" + protocol, origin + "Sec-WebSocket-Protocol: binary\r\n"} {
		require.Equal(t, "403", n.offer("/socket", "", lines), lines)
	}
	attacks := map[ws.CloseCode][]byte{
		ws.ClosePolicyViolation: text(xss),
		ws.CloseMessageTooBig:   text(prose(64<<10 + 1)),
		ws.CloseUnsupportedData: wstest.Frame{Opcode: ws.OpBinary, Mask: mask, Payload: []byte("hello")}.Bytes(),
	}
	for code, attack := range attacks {
		client := n.client()
		client.send(request("/socket", origin, protocol, deflate))
		backend := n.accept()
		require.NotContains(t, backend.head(), "permessage-deflate")
		backend.send(response(protocol))
		require.Equal(t, "101", client.status())
		talk(client, backend)
		client.send(text(prose(64 << 10)))
		backend.expect(text(prose(64 << 10)))
		client.send(attack)
		dropped(client, backend, code)
	}
	n.eventually("the connections in the access log", func() bool {
		return strings.Count(n.log("websocket.log"), `"https://app.example.com" "GET /socket" 101 `) == len(attacks)
	})
}
