//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

const pollingTarget = "/socket.io/?EIO=4&transport=polling&t=abc&sid=x7"

func chat(text string) string { return `42["chat message",{"text":"` + text + `"}]` }

// post is a request with a body.
func post(target, body string, lines ...string) []byte {
	return []byte("POST " + target + " HTTP/1.1\r\nHost: chat.example\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n", len(body)) + strings.Join(lines, "") + "\r\n" + body)
}

func chunked(target, body string, lines ...string) []byte {
	b := []byte("POST " + target + " HTTP/1.1\r\nHost: chat.example\r\nTransfer-Encoding: chunked\r\n" + strings.Join(lines, "") + "\r\n")
	for len(body) > 0 {
		n := min(len(body), 1000)
		b = fmt.Appendf(b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return append(b, "0\r\n\r\n"...)
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// unseen demands that the backend has nothing of what was sent before.
func (n *nginx) unseen() {
	n.Helper()
	client := n.client()
	client.send([]byte("GET /unseen HTTP/1.1\r\nHost: chat.example\r\n\r\n"))
	backend := n.accept()
	require.Contains(n, backend.head(), "GET /unseen ")
	backend.send([]byte("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
	require.Equal(n, "204", client.status())
}

// passes demands that a request with body gets through as it is.
func (n *nginx) passes(client *peer, body string) {
	n.Helper()
	backend := n.accept()
	head := backend.head()
	if strings.Contains(head, "chunked") {
		backend.expect([]byte(fmt.Sprintf("%x\r\n", len(body))), []byte(body))
	} else {
		require.Contains(n, head, fmt.Sprintf("Content-Length: %d\r\n", len(body)))
		backend.expect([]byte(body))
	}
	backend.send([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"))
	require.Equal(n, "200", client.status())
	client.expect([]byte("ok"))
}

// An attack in any of the fallback transports is answered 403 and never sent
// to the upstream.
func TestPollingAttack(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	attack := url.QueryEscape(chat(xss))
	count := 0
	for name, tt := range map[string]struct {
		request   []byte
		transport string
	}{
		"Engine.IO 4":         {post(pollingTarget, "2\x1e"+chat(xss)), "polling"},
		"Engine.IO 3":         {post("/socket.io/?EIO=3&transport=polling", fmt.Sprintf("1:2%d:%s", len(chat(sqli)), chat(sqli))), "polling"},
		"any path":            {post("/a/b?transport=polling", chat(xss)), "polling"},
		"encoded key":         {post("/a?sid=1&%45%49O=4", chat(xss)), "polling"},
		"repeated key":        {post("/a?transport=x&transport=polling", chat(xss)), "polling"},
		"escaped":             {post(pollingTarget, `42["chat","\u003cscript>alert(1)\u003c/script>"]`), "polling"},
		"Content-Type":        {post(pollingTarget, chat(xss), "Content-Type: image/png\r\n"), "polling"},
		"PUT":                 {bytes.Replace(post(pollingTarget, chat(xss)), []byte("POST"), []byte("PUT"), 1), "polling"},
		"JSONP":               {post(pollingTarget+"&j=0", "d="+attack, "Content-Type: application/x-www-form-urlencoded\r\n"), "polling"},
		"no packet":           {post(pollingTarget, "<x>"+xss), "polling"},
		"SockJS xhr_send":     {post("/echo/099/b3d4m34z/xhr_send", `["hello","`+xss+`"]`), "xhr_send"},
		"SockJS jsonp_send":   {post("/echo/1/2/jsonp_send", "d="+url.QueryEscape(`["`+xss+`"]`)), "jsonp_send"},
		"SockJS encoded path": {post("/echo/1/2/%78hr_send/", `["`+xss+`"]`), "xhr_send"},
		"SignalR":             {post("/chatHub?id=x", `{"type":1,"target":"Send","arguments":["`+xss+`"]}`+"\x1e"), "longPolling"},
		"SignalR any path":    {post("/c?id=6LiTKBsMa1wcaG9H9PH2kA==", `{"type":1,"target":"Send","arguments":["`+xss+`"]}`+"\x1e"), "longPolling"},
		"SignalR cut":         {post("/chatHub?id=x", `{"type":1,"target":"Send","arguments":["<scr`), ""},
		"classic SignalR":     {post("/signalr/send?transport=longPolling&connectionToken=a", "data="+url.QueryEscape(`{"H":"chat","M":"send","A":["`+xss+`"],"I":0}`)), "send"},
		"Bayeux":              {post("/faye", `[{"channel":"/chat","data":{"text":"`+xss+`"}}]`), "long-polling"},
		"Bayeux form":         {post("/cometd/", "message="+url.QueryEscape(`[{"channel":"/chat","data":{"text":"`+xss+`"}}]`)), "long-polling"},
		"Bayeux GET": {[]byte("GET /x?jsonp=f&message=" + url.QueryEscape(`[{"channel":"/chat","data":{"text":"`+xss+`"}}]`) +
			" HTTP/1.1\r\nHost: chat.example\r\n\r\n"), "callback-polling"},
		"chunked":       {chunked(pollingTarget, chat(prose(3000)+xss)), "polling"},
		"gzip":          {post(pollingTarget, gzipped(chat(xss)), "Content-Encoding: gzip\r\n"), "polling"},
		"gzip, plain":   {post(pollingTarget, chat(xss), "Content-Encoding: gzip\r\n"), ""},
		"gzip, not":     {post(pollingTarget, chat("hello"), "Content-Encoding: gzip\r\n"), ""},
		"unknown":       {post(pollingTarget, chat("hello"), "Content-Encoding: x-own\r\n"), ""},
		"spooled":       {post(pollingTarget, chat(prose(100<<10)+xss)), "polling"},
		"spooled gzip":  {post(pollingTarget, gzipped(chat(prose(1<<20)+xss)), "Content-Encoding: gzip\r\n"), "polling"},
		"large chunked": {chunked(pollingTarget, chat(prose(100<<10)+xss)), "polling"},
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			client := n.client()
			client.send(tt.request)
			require.Equal(t, "403", client.status())
			n.unseen()
			count++
			if tt.transport == "" {
				n.eventually("a violation", func() bool { return strings.Count(n.log("websocket_attacks.json"), "\n") >= count })
				count = strings.Count(n.log("websocket_attacks.json"), "\n")
				require.Contains(t, n.log("websocket_attacks.json"), `"token":"body_undecodable"`)
				return
			}
			e := n.events(count)[count-1]
			require.Equal(t, "blocked", e.Event.Action)
			require.Equal(t, "wallarm_websocket.attack", e.Event.Dataset)
			require.Contains(t, e.Line, `"transport":"`+tt.transport+`"`)
			require.Contains(t, e.Line, `"status_code":403`)
			require.Regexp(t, `^(POST|PUT|GET) \S+ HTTP/1\.1\r\n`, e.Wallarm.Request)
		})
	}
	n.accessed("403|block|refuse|xss|1|0")
}

// What is harmless passes, byte for byte, over one connection of the client.
func TestPollingBenign(t *testing.T) {
	t.Parallel()
	for name, location := range map[string]string{
		"default":     "",
		"no buffer":   "proxy_request_buffering off;",
		"small":       "client_body_buffer_size 1k;",
		"file":        "client_body_in_file_only clean;",
		"one buffer":  "client_body_in_single_buffer on;",
		"threshold":   "wallarm_websocket_threshold 100;",
		"monitoring":  "wallarm_mode monitoring;",
		"large limit": "client_max_body_size 10m;",
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, conf{location: location})
			client := n.client()
			for _, body := range []string{"2", chat("hello"), chat(prose(5000)), chat(prose(100 << 10)), ""} {
				client.send(post(pollingTarget, body))
				n.passes(client, body)
			}
			for _, body := range []string{chat("hello"), chat(prose(100 << 10))} {
				client.send(chunked(pollingTarget, body))
				n.passes(client, body)
				client.send(post(pollingTarget, gzipped(body), "Content-Encoding: gzip\r\n"))
				n.passes(client, gzipped(body))
			}
			client.send(post(pollingTarget, chat(xss)))
			if name == "monitoring" || name == "threshold" {
				n.passes(client, chat(xss))
				return
			}
			require.Equal(t, "403", client.status())
			n.unseen()
		})
	}
}

// A client that waits for 100 Continue gets it, and the body is judged.
func TestPollingExpect(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	for _, body := range []string{chat("hello"), chat(xss)} {
		client := n.client()
		r := post(pollingTarget, body, "Expect: 100-continue\r\n")
		client.send(r[:len(r)-len(body)])
		require.Equal(t, "100", client.status())
		client.dribble([]byte(body))
		if body == chat("hello") {
			n.passes(client, body)
		} else {
			require.Equal(t, "403", client.status())
		}
	}
	n.unseen()
}

func TestPollingModes(t *testing.T) {
	t.Parallel()
	t.Run("monitoring", func(t *testing.T) {
		n := start(t, conf{location: "wallarm_mode monitoring; wallarm_websocket_max_message_size 200k;"})
		client := n.client()
		for _, body := range []string{chat(xss), chat(prose(100<<10) + xss)} {
			client.send(post(pollingTarget, body))
			n.passes(client, body)
		}
		require.Equal(t, []string{"xss monitored", "xss monitored"}, n.whats(2))
		client.send(post(pollingTarget, chat(prose(300<<10))))
		n.passes(client, chat(prose(300<<10)))
		client.send(post(pollingTarget, chat("hi"), "Content-Encoding: x-own\r\n"))
		n.passes(client, chat("hi"))
		require.Equal(t, []string{"xss monitored", "xss monitored", "message_too_big monitored", "body_undecodable monitored"}, n.whats(4))
		n.accessed("200|monitoring|attack|xss|1|0")
		n.accessed("200|monitoring|uninspected|-|0|1")
		n.accessed("200|monitoring|uninspected|-|1|1")
	})
	t.Run("off", func(t *testing.T) {
		n := start(t, conf{location: "wallarm_mode off;"})
		client := n.client()
		client.send(post(pollingTarget, chat(xss)))
		n.passes(client, chat(xss))
		require.Empty(t, n.log("websocket_attacks.json"))
		n.accessed("200|off|-|-|-|-")
	})
	t.Run("too big", func(t *testing.T) {
		n := start(t, conf{location: "wallarm_websocket_max_message_size 1k; wallarm_websocket_max_inflated_size 2k;"})
		client := n.client()
		client.send(post(pollingTarget, chat(prose(2000))))
		require.Equal(t, "413", client.status())
		client = n.client()
		client.send(post(pollingTarget, gzipped(chat(prose(4000))), "Content-Encoding: gzip\r\n"))
		require.Equal(t, "413", client.status())
		require.Equal(t, []string{"message_too_big blocked", "deflate_too_big blocked"}, n.whats(2))
		n.unseen()
	})
	t.Run("error page", func(t *testing.T) {
		n := start(t, conf{location: "error_page 403 /sorry;", server: "location /sorry { return 200 sorry; }\n"})
		client := n.client()
		client.send(post(pollingTarget, chat(xss)))
		h := client.head()
		require.Contains(t, h, "403")
		client.expect([]byte("sorry"))
		n.unseen()
	})
	t.Run("proxied error page", func(t *testing.T) {
		n := start(t, conf{location: "error_page 403 /sorry;", redirect: "/sorry"})
		client := n.client()
		client.send(post(pollingTarget, chat(xss)))
		backend := n.accept()
		h := backend.head()
		require.Contains(t, h, " /sorry ")
		require.Contains(t, h, "Content-Length: 0\r\n")
		backend.send([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		require.Contains(t, client.head(), "403")
		require.Empty(t, backend.rest())
	})
}

// Ordinary HTTP is not touched: its bytes are those of a location without the
// directive, and its body is not read before the upstream is there.
func TestOrdinaryHTTP(t *testing.T) {
	t.Parallel()
	const rules = "proxy_request_buffering off;\n"
	var heads [2][]string
	for i, on := range []string{"on", "off"} {
		n := start(t, conf{stopped: true})
		n.write("nginx.conf", n.config(t, conf{noLocation: true,
			server: "location / {\n" + n.proxy("http") + rules + "wallarm_parse_websocket " + on + ";\n}\n"}))
		n.run()
		attack := `{"text":"` + xss + sqli + `"}`
		for _, request := range []string{
			"POST /api/messages?q=" + url.QueryEscape(xss) + " HTTP/1.1\r\nHost: chat.example\r\nCookie: a=<script>\r\nX-A: " + sqli +
				"\r\nContent-Type: application/json\r\n",
			"PUT /xhr_send?id=12 HTTP/1.1\r\nHost: chat.example\r\nContent-Encoding: gzip\r\n",
			"POST /items?id=f81d4fae-7dec-11d0-a765-00a0c91e6bf6 HTTP/1.1\r\nHost: chat.example\r\n",
		} {
			client := n.client()
			client.send([]byte(request+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(attack))), []byte(attack[:5]))
			backend := n.accept()
			head := backend.head()
			backend.expect([]byte(attack[:5]))
			client.send([]byte(attack[5:]))
			backend.expect([]byte(attack[5:]))
			heads[i] = append(heads[i], strings.ReplaceAll(head, n.backend.Addr().String(), "backend"))
			backend.send([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes"))
			require.Equal(t, "200", client.status())
			client.expect([]byte("yes"))
		}
		require.Empty(t, n.log("websocket_attacks.json"))
		require.NotContains(t, n.log("access.log"), "|0|")
	}
	require.Equal(t, heads[1], heads[0])
}

// A client of HTTP/2 polls as any other.
func TestPollingHTTP2(t *testing.T) {
	if !hasBuild(t, "http_v2_module") {
		t.Skip("this NGINX is built without HTTP/2: run make e2e with NGINX_VERSION=")
	}
	t.Parallel()
	n := start(t, conf{parameters: "http2"})
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	go func() {
		http.Serve(n.backend, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			w.Write(b)
		}))
	}()
	for name, body := range map[string]string{"benign": chat("hello"), "attack": chat(xss), "large": chat(prose(100 << 10)), "large attack": chat(prose(100<<10) + xss)} {
		t.Run(name, func(t *testing.T) {
			for _, length := range []bool{true, false} {
				r, err := http.NewRequest("POST", "http://"+n.addr+pollingTarget, io.NopCloser(strings.NewReader(body)))
				require.NoError(t, err)
				if length {
					r.ContentLength = int64(len(body))
				}
				resp, err := client.Do(r)
				require.NoError(t, err)
				require.Equal(t, 2, resp.ProtoMajor)
				b, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				resp.Body.Close()
				if strings.Contains(name, "attack") {
					require.Equal(t, 403, resp.StatusCode)
				} else {
					require.Equal(t, 200, resp.StatusCode)
					require.Equal(t, body, string(b))
				}
			}
		})
	}
}

// What a request carries beside its body is judged, too, of a handshake and of
// a polling request.
func TestHandshakeValues(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"block", "monitoring"} {
		n := start(t, conf{location: "wallarm_mode " + mode + ";"})
		count := 0
		for name, tt := range map[string]struct{ target, line, path string }{
			"query":         {"/?token=" + url.QueryEscape(xss), "", "$query.token"},
			"query, name":   {"/?" + url.QueryEscape(xss) + "=1", "", "$query~"},
			"query, JSON":   {"/?a=" + url.QueryEscape(`{"b":"`+xss+`"}`), "", "$query.a.b"},
			"cookie":        {"/", "Cookie: a=1; sid=" + sqli + "\r\n", "$cookie.sid"},
			"cookie, coded": {"/", "Cookie: sid=" + url.QueryEscape(xss) + "\r\n", "$cookie.sid"},
			"header":        {"/", "X-User: " + sqli + "\r\n", "$header['x-user']"},
			"user agent":    {"/", "User-Agent: " + xss + "\r\n", "$header['user-agent']"},
		} {
			for _, kind := range []string{"handshake", "polling"} {
				t.Run(mode+" "+name+" "+kind, func(t *testing.T) {
					n := n.in(t)
					r := request(tt.target, tt.line)
					if kind == "polling" {
						sep := "?"
						if strings.Contains(tt.target, "?") {
							sep = "&"
						}
						r = []byte("GET " + tt.target + sep + "transport=polling HTTP/1.1\r\nHost: chat.example\r\n" + tt.line + "\r\n")
					}
					client := n.client()
					client.send(r)
					count++
					if mode == "block" {
						require.Equal(t, "403", client.status())
						n.unseen()
						e := n.events(count)[count-1]
						require.Equal(t, "blocked", e.Event.Action)
						require.Equal(t, tt.path, e.Wallarm.Attack.Path)
						require.Contains(t, e.Line, `"transport":"`+kind+`"`)
						return
					}
					backend := n.accept()
					backend.head()
					if kind == "handshake" {
						backend.send(response())
						require.Equal(t, "101", client.status())
						talk(client, backend)
					} else {
						backend.send([]byte("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
						require.Equal(t, "204", client.status())
					}
					require.Equal(t, "monitored", n.events(count)[count-1].Event.Action)
				})
			}
		}
	}
	t.Run("benign", func(t *testing.T) {
		n := start(t, conf{})
		client, backend := n.connectTo("/chat?room=a%20b&token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
			"Cookie: sid=abc; theme=dark\r\n", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n",
			"Accept: text/html,*/*;q=0.8\r\n", "Sec-CH-UA: \"Chromium\";v=\"156\"\r\n", "Origin: https://chat.example\r\n")
		talk(client, backend)
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
		require.Equal(t, []string{"xss blocked"}, n.whats(1))
	})
}

// A request whose verdict comes later waits, and nothing else does.
func TestPollingPending(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h; client_body_buffer_size 8k;"})
	wait := func(t *testing.T, body string) *peer {
		client := n.in(t).client()
		client.send(post("/poll", body))
		n.in(t).unseen()
		return client
	}
	for _, body := range []string{"wait", "wait" + prose(20<<10)} {
		t.Run(fmt.Sprintf("%d pass", len(body)), func(t *testing.T) {
			client := wait(t, body)
			s.verdict("p")
			n.in(t).passes(client, body)
			client.send(post("/poll", "again"))
			n.in(t).passes(client, "again")
		})
		t.Run(fmt.Sprintf("%d drop", len(body)), func(t *testing.T) {
			client := wait(t, body)
			s.verdict("d")
			require.Equal(t, "403", client.status())
			n.in(t).unseen()
		})
		t.Run(fmt.Sprintf("%d fails", len(body)), func(t *testing.T) {
			client := wait(t, body)
			s.verdict("e")
			n.in(t).passes(client, body)
		})
		t.Run(fmt.Sprintf("%d pipelined", len(body)), func(t *testing.T) {
			n := n.in(t)
			client := n.client()
			client.send(post("/poll", body), post("/poll", "next"))
			n.unseen()
			s.verdict("p")
			n.passes(client, body)
			n.passes(client, "next")
		})
	}
	t.Run("abort", func(t *testing.T) {
		n := n.in(t)
		before := strings.Count(n.log("access.log"), "\n")
		client := n.client()
		client.send(post("/poll", "wait"))
		n.unseen()
		client.Close()
		n.eventually("the request has ended", func() bool { return strings.Count(n.log("access.log"), "\n") >= before+2 })
		s.verdict("d")
		n.unseen()
		client = n.client()
		client.send(post("/poll", "hello"))
		n.passes(client, "hello")
		n.eventually("the late verdict is logged", func() bool { return strings.Contains(n.log("error.log"), "stub event") })
	})
	t.Run("fail", func(t *testing.T) {
		for _, target := range []string{"/poll", "/poll?fail"} {
			client := n.in(t).client()
			client.send(post(target, "fail"))
			n.in(t).passes(client, "fail")
		}
		n.accessed("200|block|uninspected|-|0|1")
	})
}

func TestPollingEngineFails(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h; wallarm_fallback off;"})
	for _, target := range []string{"/poll", "/poll?fail"} {
		client := n.client()
		client.send(post(target, "fail"))
		require.Equal(t, "503", client.status())
	}
	client := n.client()
	client.send(post("/poll", "wait"))
	n.unseen()
	s.verdict("e")
	require.Equal(t, "503", client.status())
}

func TestPollingTimeLimit(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 300;"})
	client := n.client()
	client.send(post("/poll", "wait"))
	require.Equal(t, "403", client.status())
	s.verdict("p")
	n.unseen()
	client = n.client()
	client.send(post("/poll", "hello"))
	n.passes(client, "hello")
}

// A worker that shuts down waits for the verdict of a request.
func TestPollingReload(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h;"})
	client := n.client()
	client.send(post("/poll", "wait"))
	n.unseen()
	n.reload()
	n.logged("gracefully shutting down")
	s.verdict("p")
	n.passes(client, "wait")

	n = start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h;"})
	client = n.client()
	client.send(post("/poll", "wait"))
	n.unseen()
	n.stop(syscall.SIGTERM)
	require.Empty(t, client.drain())
}

// wallarm_process_time_limit_block says what exceeding a limit leads to.
func TestTimeLimitBlock(t *testing.T) {
	t.Parallel()
	steep := "[" + strings.Repeat(`"x `+strings.Repeat("</a", 30000)+`",`, 20) + `""]`
	for _, tt := range []struct {
		mode, block string
		drops       bool
		what        string
	}{
		{"block", "attack", true, "process_time_limit blocked"},
		{"block", "on", true, "process_time_limit blocked"},
		{"block", "off", false, "process_time_limit logged"},
		{"monitoring", "attack", false, "process_time_limit monitored"},
		{"monitoring", "on", true, "process_time_limit blocked"},
		{"monitoring", "off", false, "process_time_limit logged"},
	} {
		t.Run(tt.mode+" "+tt.block, func(t *testing.T) {
			n := start(t, conf{location: "client_max_body_size 8m; wallarm_process_time_limit 1; wallarm_mode " + tt.mode + "; wallarm_process_time_limit_block " + tt.block + ";"})
			n.allow("1 websocket messages were not judged")
			client, backend := n.connect()
			client.send(text(steep))
			if tt.drops {
				if tt.mode == "monitoring" {
					backend.expect(text(steep))
				}
				dropped(client, backend, ws.ClosePolicyViolation)
			} else {
				backend.expect(text(steep))
				talk(client, backend)
			}
			client = n.client()
			client.send(post(pollingTarget, "4"+steep))
			if tt.drops {
				require.Equal(t, "403", client.status())
			} else {
				n.passes(client, "4"+steep)
			}
			// the steep text may be over other limits, too
			n.eventually("two violations", func() bool {
				return strings.Count(n.log("websocket_attacks.json"), `"token":"process_time_limit"`) == 2
			})
			for _, e := range n.events(strings.Count(n.log("websocket_attacks.json"), "\n")) {
				if e.Wallarm.Violation.Token == "process_time_limit" {
					require.Equal(t, tt.what, e.what())
				}
			}
		})
	}
}

// The rates of messages, bytes and events hold for what polls, too, and a key has
// one bucket for both. A body has as many messages as are in it.
func TestPollingRates(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(path, rules string) string {
		return "location " + path + " {\n" + n.proxy("http") + "wallarm_parse_websocket on; wallarm_event_log logs" + path + ".json;" + rules + "}\n"
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_websocket_rate_zone $http_x_key zone=some:64k rate=1/m;\n" +
			"wallarm_websocket_rate_zone $http_x_key zone=bytes:64k rate=60/m of=bytes;\n" +
			"wallarm_websocket_rate_zone $http_x_key zone=fast:64k rate=10/s;\n" +
			"wallarm_websocket_ban_zone $http_x_key zone=bans:64k drops=2;\n" +
			"wallarm_websocket_rate zone=some burst=2;\n",
		server: location("/unseen", "") + location("/drop", "") +
			location("/event", "wallarm_websocket_rate zone=some event=say;") +
			location("/alone", "wallarm_websocket_rate zone=some drop_message;") +
			location("/bytes", "wallarm_websocket_rate zone=bytes burst=200k;") +
			location("/ban", "wallarm_websocket_ban zone=bans;") +
			location("/delay", "wallarm_websocket_rate zone=fast delay;") +
			location("/slow", "wallarm_websocket_rate zone=some delay;") +
			location("/monitoring", "wallarm_mode monitoring;") +
			location("/log", "wallarm_websocket_violation message_rate log;") +
			location("/dry", "wallarm_websocket_rate zone=some dry_run;") +
			location("/off", "wallarm_websocket_rate off;")}))
	n.run()
	n.ready(1)
	target := func(path string) string { return path + pollingTarget }
	say, run := `42["say",1]`, `42["run",1]`
	four := strings.Join([]string{say, run, run, run}, "\x1e")
	large := chat(prose(120 << 10)) // judged off the loop, from a file
	for _, tt := range []struct {
		name, path string
		bodies     []string
		refused    bool // the last
		what       string
	}{
		{"messages", "/drop", []string{say, run, say, run}, true, "message_rate blocked"},
		{"in one body", "/drop", []string{four}, true, "message_rate blocked"},
		{"large", "/drop", []string{large, say, run, large}, true, "message_rate blocked"},
		{"events", "/event", []string{four, run, run, say}, true, "event_rate blocked"},
		{"drop_message", "/alone", []string{say, say}, true, "message_rate blocked"},
		{"bytes", "/bytes", []string{large, say, large}, true, "message_rate blocked"},
		{"chunked", "/drop", []string{four}, true, "message_rate blocked"},
		{"monitoring", "/monitoring", []string{four, large}, false, "message_rate monitored"},
		{"log", "/log", []string{four, large}, false, "message_rate logged"},
		{"dry run", "/dry", []string{four, large}, false, ""},
		{"off", "/off", []string{four, large}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := n.in(t)
			client := n.client()
			before := strings.Count(n.log(tt.path[1:]+".json"), "\n")
			for i, body := range tt.bodies {
				if tt.name == "chunked" {
					client.send(chunked(target(tt.path), body, "X-Key: "+tt.name+"\r\n"))
				} else {
					client.send(post(target(tt.path), body, "X-Key: "+tt.name+"\r\n"))
				}
				if i == len(tt.bodies)-1 && tt.refused {
					require.Equal(t, "429", client.status())
					n.unseen()
				} else {
					n.passes(client, body)
				}
			}
			if tt.what == "" {
				require.Empty(t, n.log(tt.path[1:]+".json"))
				return
			}
			e := n.eventsIn(tt.path[1:]+".json", before+1)[before]
			require.Equal(t, tt.what, e.what())
			require.Contains(t, e.Line, `"transport":"polling"`)
			if tt.refused {
				require.Contains(t, e.Line, `"status_code":429`)
			}
		})
	}
	n.logged(`polling request over the rate of zone "some", dry run`)

	t.Run("one bucket", func(t *testing.T) {
		n := n.in(t)
		client := n.client()
		client.send(post(target("/drop"), strings.Join([]string{say, run, say}, "\x1e"), "X-Key: both\r\n"))
		n.passes(client, strings.Join([]string{say, run, say}, "\x1e"))
		upgraded, backend := n.connectTo("/drop/socket.io/?EIO=4&transport=websocket", "X-Key: both\r\n")
		upgraded.send(text(run))
		dropped(upgraded, backend, ws.ClosePolicyViolation)
	})
	t.Run("ban", func(t *testing.T) {
		n := n.in(t)
		for _, want := range []string{"429", "429", "403"} {
			client := n.client()
			client.send(post(target("/ban"), four, "X-Key: banned\r\n"))
			require.Equal(t, want, client.status())
		}
		n.unseen()
	})
	t.Run("delay", func(t *testing.T) {
		n := n.in(t)
		begin := time.Now()
		for range 6 {
			client := n.client()
			client.send(post(target("/delay"), say, "X-Key: late\r\n"))
			n.passes(client, say)
		}
		require.GreaterOrEqual(t, time.Since(begin).Seconds(), 5/10.0*0.9)
		client := n.client()
		client.send(post(target("/delay"), large, "X-Key: late\r\n"))
		n.passes(client, large)
		require.GreaterOrEqual(t, time.Since(begin).Seconds(), 6/10.0*0.9)
		n.logged(`polling request over the rate of zone "fast" is delayed`)
	})
	t.Run("vanishes", func(t *testing.T) {
		n := n.in(t)
		first := n.client()
		first.send(post(target("/slow"), say, "X-Key: gone\r\n"))
		n.passes(first, say)
		before := strings.Count(n.log("access.log"), "\n")
		client := n.client()
		client.send(post(target("/slow"), say, "X-Key: gone\r\n"))
		n.logged(`polling request over the rate of zone "some" is delayed`)
		client.Close()
		n.eventually("the request has ended", func() bool { return strings.Count(n.log("access.log"), "\n") > before })
		n.unseen()
	})
}
