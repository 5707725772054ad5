//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

const banZone = "wallarm_websocket_ban_zone $http_x_key zone=bans:64k drops=3 in=60s for=10m;\n"

// ready waits until so many workers have loaded the engine, which takes several
// of them long on a busy machine.
func (n *nginx) ready(workers int) {
	n.Helper()
	for deadline := time.Now().Add(6 * patience); strings.Count(n.log("error.log"), "loaded, ABI") < workers; <-time.After(tick) {
		require.True(n, time.Now().Before(deadline), "workers do not load the engine")
	}
}

// handshake asks for a connection under a key and returns the status; a
// handshake that reaches the backend, which n.echo has to be, gets 101.
func (n *nginx) handshake(target, key string) string {
	n.Helper()
	p := n.client()
	defer p.Close()
	p.send(request(target, "X-Key: "+key+"\r\n"))
	return p.status()
}

// offend sends an attack under a key on a connection of its own.
func (n *nginx) offend(target, key string) {
	n.Helper()
	p := n.client()
	p.send(request(target, "X-Key: "+key+"\r\n"))
	require.Contains(n, p.head(), "HTTP/1.1 101 ")
	p.send(text(xss))
	p.closed(false, ws.ClosePolicyViolation)
}

// N drops, whichever workers saw them, refuse handshakes and polling requests
// of their key in all workers, and of no other; a reload does not forget.
func TestBan(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	c := conf{workers: 4, http: banZone, server: statusLocations, location: "wallarm_websocket_ban zone=bans;"}
	n.write("nginx.conf", n.config(t, c))
	n.run()
	n.ready(4)
	go n.echo()
	for range 2 {
		n.offend("/", "evil")
	}
	require.Equal(t, "101", n.handshake("/", "evil"))
	n.offend("/", "evil")
	banned := func() {
		t.Helper()
		for range 16 { // some for each worker
			require.Equal(t, "403", n.handshake("/", "evil"))
		}
		p := n.client()
		p.send(post(pollingTarget, chat("hello"), "X-Key: evil\r\n"))
		require.Equal(t, "403", p.status())
		require.Equal(t, "101", n.handshake("/", "good"))
		require.Equal(t, "101", n.handshake("/", ""), "an empty key is not counted")
	}
	banned()
	require.Equal(t, []string{"xss blocked", "xss blocked", "xss blocked", "handshake_banned blocked"}, n.whats(4),
		"one event when it begins, none for what it refuses")
	n.becomes(map[string]float64{
		`wallarm_websocket_handshakes_refused_total{reason="handshake_banned"}`:               16,
		`wallarm_websocket_polling_requests_refused_total{reason="handshake_banned"}`:         1,
		`wallarm_websocket_protocol_errors_total{reason="handshake_banned",action="blocked"}`: 1,
		`wallarm_websocket_polling_requests_total`:                                            0,
	})
	n.reload()
	n.ready(8)
	banned()
	n.events(4)
}

// What counts as a drop: an attack of the client, in a message, a polling
// request or a handshake's head. What the server sent does not.
func TestBanCounts(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{
		http: "wallarm_websocket_ban_zone $http_x_key zone=bans:64k drops=2;\n",
		location: "wallarm_websocket_ban zone=bans; wallarm_websocket_response_mode block;\n" +
			"wallarm_websocket_origin missing=allow https://app.example;"}))
	n.run()
	for range 3 {
		client, backend := n.connect("X-Key: victim\r\n")
		backend.send(server(xss).Bytes())
		client.closed(false, ws.ClosePolicyViolation)
		backend.Close()
	}
	client, backend := n.connect("X-Key: victim\r\n")
	talk(client, backend)
	go n.echo()
	for range 3 {
		p := n.client()
		p.send(request("/", "X-Key: visitor\r\n", "Origin: https://evil.example\r\n"))
		require.Equal(t, "403", p.status())
	}
	require.Equal(t, "101", n.handshake("/", "visitor"), "another site must not get its visitors banned")
	p := n.client()
	p.send(post(pollingTarget, chat(xss), "X-Key: poller\r\n"))
	require.Equal(t, "403", p.status())
	require.Equal(t, "101", n.handshake("/", "poller"))
	require.Equal(t, "403", n.handshake("/?x=%3Cscript%3Ealert(1)%3C/script%3E", "poller"))
	require.Equal(t, "403", n.handshake("/", "poller"))
}

// A ban ends; drops that lie too far apart begin none.
func TestBanTimes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{
		http: "wallarm_websocket_ban_zone $http_x_key zone=short:64k drops=1 for=300ms;\n" +
			"wallarm_websocket_ban_zone $http_x_key zone=apart:64k drops=2 in=1ms;\n",
		location:   "wallarm_websocket_ban zone=short;",
		noLocation: true,
		server: "location /short {\n" + n.proxy("http") + "wallarm_parse_websocket on; wallarm_websocket_ban zone=short;}\n" +
			"location /apart {\n" + n.proxy("http") + "wallarm_parse_websocket on; wallarm_websocket_ban zone=apart;}\n"}))
	n.run()
	n.ready(1)
	go n.echo()
	n.offend("/short", "evil")
	require.Equal(t, "403", n.handshake("/short", "evil"))
	n.eventually("the ban ends", func() bool { return n.handshake("/short", "evil") == "101" })
	n.offend("/short", "evil")
	require.Equal(t, "403", n.handshake("/short", "evil"))
	for range 3 {
		n.offend("/apart", "evil")
		<-time.After(tick) // what is tested is that time passes
	}
	require.Equal(t, "101", n.handshake("/apart", "evil"))
}

// In monitoring nothing is dropped, so nothing is banned; nor is a banned key
// where the mode is monitoring. With the violation's action log no ban begins.
func TestBanModes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_websocket_ban_zone $http_x_key zone=bans:64k drops=1;\n" +
			"wallarm_websocket_ban_zone $http_x_key zone=tried:64k drops=1;\nwallarm_websocket_ban zone=bans;\n",
		server: n.inspected("/block", "") + n.inspected("/monitoring", "wallarm_mode monitoring;") +
			n.inspected("/off", "wallarm_websocket_ban off;") +
			n.inspected("/log", "wallarm_websocket_ban zone=tried; wallarm_websocket_violation handshake_banned log;") +
			n.inspected("/message", "wallarm_websocket_action drop_message;")}))
	n.run()
	client, backend := n.connectTo("/monitoring", "X-Key: a\r\n")
	client.send(text(xss))
	backend.expect(text(xss))
	client.Close()
	backend.Close()
	client, backend = n.connectTo("/message", "X-Key: m\r\n")
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation) // with the message the ban begins
	go n.echo()
	require.Equal(t, "101", n.handshake("/block", "a"))
	n.offend("/off", "a")
	require.Equal(t, "101", n.handshake("/block", "a"))
	n.offend("/log", "a")
	require.Equal(t, "101", n.handshake("/log", "a"))
	n.offend("/block", "a")
	require.Equal(t, "403", n.handshake("/block", "a"))
	require.Equal(t, "101", n.handshake("/monitoring", "a"))
	require.Equal(t, "101", n.handshake("/off", "a"))
	require.Equal(t, "403", n.handshake("/block", "m"))
	require.Contains(t, n.whats(8), "handshake_banned logged")
}

// Keys beyond what the zone has room for take the place of the oldest.
func TestBanZoneFull(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{
		http:     "wallarm_websocket_ban_zone $http_x_key zone=bans:32k drops=1;\nlarge_client_header_buffers 4 16k;\n",
		location: "wallarm_websocket_ban zone=bans; wallarm_event_log off;"}))
	n.run()
	n.ready(1)
	go n.echo()
	key := func(i int) string { return fmt.Sprintf("%d%s", i, strings.Repeat("k", 1500)) }
	const keys = 40
	for i := range keys {
		n.offend("/", key(i))
		require.Equal(t, "403", n.handshake("/", key(i)))
	}
	require.Equal(t, "101", n.handshake("/", key(0)))
}

// The number of connections of a key holds across workers, and over a reload,
// which leaves connections open; a closed one makes room.
func TestConnections(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	c := conf{workers: 4, server: statusLocations,
		http:     "wallarm_websocket_connections_zone $http_x_key zone=conns:64k;\n",
		location: "wallarm_websocket_connections zone=conns 16;"}
	n.write("nginx.conf", n.config(t, c))
	n.run()
	n.ready(4)
	go n.echo()
	var open []*peer
	connect := func() string {
		p := n.client()
		p.send(request("/", "X-Key: a\r\n"))
		status := p.status()
		if status == "101" {
			open = append(open, p)
		}
		return status
	}
	got := map[string]int{}
	for range 64 {
		got[connect()]++
	}
	require.Equal(t, map[string]int{"101": 16, "429": 48}, got)
	require.Equal(t, "101", n.handshake("/", "b"))
	n.reload()
	n.ready(8)
	require.Equal(t, "429", connect(), "those of the old workers count")
	for _, p := range open[:2] {
		p.Close()
	}
	open = open[2:]
	n.eventually("room", func() bool { return connect() == "101" })
	n.eventually("room", func() bool { return connect() == "101" })
	require.Equal(t, "429", connect())
	for _, p := range open {
		p.send(text("hi"))
		p.expect(server("hi").Bytes())
	}
	require.Contains(t, n.log("websocket_attacks.json"), "handshake_too_many_connections")
	require.Positive(t, sum(n.metrics(), "wallarm_websocket_handshakes_refused_total", `reason="handshake_too_many_connections"`))
}

// Connections of a worker that was killed do not count for ever.
func TestConnectionsOfKilledWorker(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 2})
	n.allow("exited on signal 9")
	n.write("nginx.conf", n.config(t, conf{workers: 2, server: controlLocation,
		http:     "wallarm_websocket_connections_zone $http_x_key zone=conns:64k;\n",
		location: "wallarm_websocket_connections zone=conns 8;"}))
	n.run()
	n.ready(2)
	go n.echo()
	fill := func() (open []*peer) {
		t.Helper()
		n.eventually("the limit is reached", func() bool {
			p := n.client()
			p.send(request("/", "X-Key: a\r\n"))
			if p.status() != "101" {
				return len(open) == 8
			}
			open = append(open, p)
			return false
		})
		return open
	}
	open := fill()
	_, all := n.lives()
	require.Len(t, all, 8)
	require.NoError(t, syscall.Kill(all[0].PID, syscall.SIGKILL))
	died := 0
	for _, l := range all {
		if l.PID == all[0].PID {
			died++
		}
	}
	n.ready(3)
	_, all = n.lives()
	require.Len(t, all, 8-died)
	alive := 0
	n.eventually("those that died make room", func() bool {
		p := n.client()
		p.send(request("/", "X-Key: a\r\n"))
		if p.status() == "101" {
			alive++
		}
		return alive == died
	})
	require.Equal(t, "429", n.handshake("/", "a"))
	for _, p := range open {
		p.Close()
	}
	n.eventually("room", func() bool { return n.handshake("/", "a") == "101" })
}

// Monitoring lets pass and counts; other requests than handshakes are none.
func TestConnectionsModes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_websocket_connections_zone $server_name zone=server:64k;\n" +
			"wallarm_websocket_connections_zone $http_x_key zone=conns:64k;\nwallarm_websocket_connections zone=conns 1;\n",
		server: n.inspected("/block", "") + n.inspected("/monitoring", "wallarm_mode monitoring;") +
			n.inspected("/off", "wallarm_websocket_connections off;") +
			n.inspected("/two", "wallarm_websocket_connections zone=conns 2;") +
			n.inspected("/both", "wallarm_websocket_connections zone=conns 2; wallarm_websocket_connections zone=server 1;")}))
	n.run()
	n.ready(1)
	go n.echo()
	open := func(target, key string) string {
		p := n.client()
		p.send(request(target, "X-Key: "+key+"\r\n"))
		return p.status()
	}
	require.Equal(t, "101", open("/monitoring", "a"))
	require.Equal(t, "101", open("/monitoring", "a"))
	require.Equal(t, "handshake_too_many_connections monitored", n.whats(1)[0])
	require.Equal(t, "429", open("/block", "a"))
	require.Equal(t, "101", open("/off", "a"))
	require.Equal(t, "101", open("/both", "b"))
	require.Equal(t, "429", open("/both", "b"), "the second zone refuses")
	require.Equal(t, "101", open("/two", "b"), "and the first did not count it")
	require.Equal(t, "429", open("/two", "b"))
	n.events(4)
}

// A connection ends at its age, however busy it is.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true, http: "wallarm_websocket_max_age 400ms;",
		server: n.inspected("/old", "") + n.inspected("/monitoring", "wallarm_mode monitoring;") +
			n.inspected("/off", "wallarm_websocket_max_age 0;")}))
	n.run()
	begin := time.Now()
	client, backend := n.connectTo("/old")
	_, off := n.connectTo("/off")
	watched, behind := n.connectTo("/monitoring")
	talk(client, backend)
	dropped(client, backend, ws.CloseGoingAway)
	require.GreaterOrEqual(t, time.Since(begin), 400*time.Millisecond)
	require.ElementsMatch(t, []string{"connection_too_old blocked", "connection_too_old monitored"}, n.whats(2))
	talk(watched, behind)
	off.Close()
	n.reload()
}

// token is a JSON Web Token that expires in a while.
func token(in time.Duration) string {
	claims := fmt.Sprintf(`{"sub":"a","exp":%.3f}`, float64(time.Now().Add(in).UnixMilli())/1000)
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

// A connection ends with its token, or earlier, wherever the token comes from; one
// without exp, and what is none, end nothing.
func TestTokenAge(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(path, rules string) string {
		return "location " + path + " {\n" + n.proxy("http") + "wallarm_parse_websocket on; wallarm_event_log logs" + path + ".json;" + rules + "}\n"
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true, http: "wallarm_websocket_max_age 1h jwt=$http_authorization;",
		server: location("/header", "") + location("/query", "wallarm_websocket_max_age jwt=$arg_token code=1013;") +
			location("/earlier", "wallarm_websocket_max_age 100ms jwt=$arg_token code=1013;") +
			location("/monitoring", "wallarm_mode monitoring; wallarm_websocket_max_age jwt=$arg_token;") +
			location("/log", "wallarm_websocket_violation handshake_token_expired log; wallarm_websocket_max_age jwt=$arg_token;")}))
	n.run()
	n.ready(1) // a token that expires before the handshake would be refused
	for _, tt := range []struct {
		path, before string
		in           time.Duration
		code         ws.CloseCode
	}{
		{"/header", "", 3 * time.Second, ws.CloseGoingAway},
		{"/query", "?token=", 3 * time.Second, ws.CloseTryAgainLater},
		{"/earlier", "?token=", time.Hour, ws.CloseTryAgainLater},
	} {
		target, header := tt.path, "Authorization: Bearer "+token(tt.in)+"\r\n"
		if tt.before != "" {
			target, header = tt.path+tt.before+token(tt.in), ""
		}
		client, backend := n.connectTo(target, header)
		dropped(client, backend, tt.code)
		e := n.eventsIn(tt.path+".json", 1)[0]
		require.Equal(t, "connection_too_old blocked", e.what())
		require.Equal(t, int(tt.code), e.Wallarm.WebSocket.CloseCode)
	}
	for _, target := range []string{"/header", "/query", "/query?token=none", "/query?token=" + token(time.Hour),
		"/query?token=a." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"a"}`)) + ".b"} {
		client, backend := n.connectTo(target)
		talk(client, backend)
		client.Close()
		backend.Close()
	}
	expired := n.client()
	expired.send(request("/query?token=" + token(-time.Second)))
	require.Equal(t, "403", expired.status())
	require.Equal(t, "handshake_token_expired blocked", n.eventsIn("/query.json", 2)[1].what())
	for path, want := range map[string]string{"/monitoring": "monitored", "/log": "logged"} {
		client, backend := n.connectTo(path + "?token=" + token(-time.Second))
		talk(client, backend)
		require.Equal(t, "handshake_token_expired "+want, n.eventsIn(path+".json", 1)[0].what())
	}
}

// speak opens a connection under a key and sends messages, one by one, until
// one does not come back. It returns how many did, and the close code if there
// was one.
func (n *nginx) speak(target, key string, count int, payload string) (passed int, code ws.CloseCode) {
	c, err := dial(n.addr)
	if err != nil {
		return 0, 1
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(6 * patience))
	p := &peer{Conn: c, r: bufio.NewReader(c)}
	c.Write(request(target, "X-Key: "+key+"\r\n"))
	p.skipHead()
	for ; passed < count; passed++ {
		c.Write(text(payload))
		b, op, err := p.message()
		switch {
		case err != nil:
			return passed, 1
		case op == ws.OpClose && len(b) > 1:
			return passed, ws.CloseCode(b[0])<<8 | ws.CloseCode(b[1])
		}
	}
	return passed, 0
}

// speakAll is speak on many connections at once.
func (n *nginx) speakAll(connections int, target, key string, count int, payload string) (passed int, codes map[ws.CloseCode]int) {
	type result struct {
		passed int
		code   ws.CloseCode
	}
	results := make(chan result)
	for range connections {
		go func() {
			passed, code := n.speak(target, key, count, payload)
			results <- result{passed, code}
		}()
	}
	codes = map[ws.CloseCode]int{}
	for range connections {
		r := <-results
		passed += r.passed
		codes[r.code]++
	}
	return passed, codes
}

// A rate of one key holds exactly for 64 connections of 4 workers, and over a
// reload: what is over it drops its connection.
func TestRateDrop(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	c := conf{workers: 4, http: "wallarm_websocket_rate_zone $http_x_key zone=rates:64k rate=1/m;\n",
		location: "wallarm_websocket_rate zone=rates burst=199;"}
	n.write("nginx.conf", n.config(t, c))
	n.run()
	n.ready(4)
	go n.echo()
	begin := time.Now()
	passed, codes := n.speakAll(64, "/", "a", 10, "hello")
	back := int(time.Since(begin)/time.Minute) + 1 // of the rate itself
	require.GreaterOrEqual(t, passed, 200)
	require.LessOrEqual(t, passed, 200+back)
	require.Zero(t, codes[1])
	require.GreaterOrEqual(t, codes[ws.ClosePolicyViolation], 44)
	require.Equal(t, "message_rate blocked", n.whats(codes[ws.ClosePolicyViolation])[0])
	n.reload()
	n.ready(8)
	begin = time.Now()
	passed, _ = n.speakAll(4, "/", "a", 2, "hello")
	require.LessOrEqual(t, passed, int(time.Since(begin)/time.Minute)+2, "a reload forgets nothing")
	passed, codes = n.speakAll(1, "/", "b", 10, "hello")
	require.Equal(t, 10, passed)
	require.Equal(t, map[ws.CloseCode]int{0: 1}, codes)
}

// A key that is longer than the others takes their room, and one that has none in
// the whole zone is not let pass in silence.
func TestRateZoneFull(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T, location string) *nginx {
		n := start(t, conf{stopped: true})
		n.write("nginx.conf", n.config(t, conf{
			http:     "large_client_header_buffers 4 64k;\nwallarm_websocket_rate_zone $http_x_key zone=rates:32k rate=1/m;\n",
			location: "wallarm_websocket_rate zone=rates burst=1 " + location}))
		n.run()
		n.ready(1)
		go n.echo()
		return n
	}
	dropped := map[ws.CloseCode]int{ws.ClosePolicyViolation: 1}
	t.Run("long key", func(t *testing.T) {
		n := begin(t, ";")
		for i := range 300 {
			n.speakAll(1, "/", fmt.Sprint(i), 1, "hello")
		}
		_, codes := n.speakAll(1, "/", strings.Repeat("k", 6000), 10, "hello")
		require.Equal(t, dropped, codes)
	})
	const lost = `no memory for a key in zone "rates"`
	key := strings.Repeat("k", 40000)
	t.Run("no room, fallback", func(t *testing.T) {
		n := begin(t, ";")
		n.allow(lost)
		passed, codes := n.speakAll(1, "/", key, 10, "hello")
		require.Equal(t, 10, passed)
		require.Equal(t, map[ws.CloseCode]int{0: 1}, codes)
		require.Equal(t, 1, strings.Count(n.log("error.log"), lost+", messages are not counted"))
	})
	t.Run("no room, no fallback", func(t *testing.T) {
		n := begin(t, "; wallarm_fallback off;")
		n.allow(lost)
		n.speakAll(1, "/", "other", 10, "hello")
		defer func() { // nothing is forgotten for a key that has no room anyway
			_, codes := n.speakAll(1, "/", "other", 1, "hello")
			require.Equal(t, dropped, codes)
		}()
		passed, codes := n.speakAll(1, "/", key, 10, "hello")
		require.Zero(t, passed)
		require.Equal(t, dropped, codes)
		require.Contains(t, n.log("error.log"), lost+", messages are over its rate")
	})
}

// A rate that is used all the time holds within 5 % for 64 connections of 4
// workers, whose clocks are not read at the same time.
func TestRateSustained(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	n.write("nginx.conf", n.config(t, conf{workers: 4,
		http:     "wallarm_websocket_rate_zone $http_x_key zone=rates:64k rate=1000/s;\n",
		location: "wallarm_websocket_rate zone=rates burst=200 drop_message;"}))
	n.run()
	n.ready(4)
	go n.echo()
	const rate, burst = 1000, 200
	var passed atomic.Int64
	var all []*peer
	var readers sync.WaitGroup
	for range 64 {
		c, err := dial(n.addr)
		require.NoError(t, err)
		c.SetDeadline(time.Now().Add(6 * patience))
		p := &peer{Conn: c, r: bufio.NewReader(c)}
		c.Write(request("/", "X-Key: a\r\n"))
		p.skipHead()
		all = append(all, p)
	}
	begin := time.Now()
	for _, p := range all {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				if _, op, err := p.message(); err != nil || op == ws.OpClose {
					return
				}
				passed.Add(1)
			}
		}()
	}
	five := bytes.Repeat(text("hello"), 5)
	for time.Since(begin) < 3*time.Second {
		for _, p := range all {
			p.Write(five)
		}
		<-time.After(tick)
	}
	sent := time.Since(begin).Seconds()
	for _, p := range all {
		p.Write(wstest.Frame{Opcode: ws.OpClose, Mask: mask}.Bytes())
	}
	readers.Wait()
	took := time.Since(begin).Seconds()
	t.Logf("%d messages in %.2f s", passed.Load(), took)
	require.LessOrEqual(t, float64(passed.Load()), (burst+1+rate*took)*1.05)
	require.GreaterOrEqual(t, float64(passed.Load()), rate*sent*0.95)
}

// With delay nothing is lost, and no faster than allowed.
func TestRateDelay(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	n.write("nginx.conf", n.config(t, conf{workers: 4,
		http:     "wallarm_websocket_rate_zone $http_x_key zone=rates:64k rate=100r/s;\n",
		location: "wallarm_websocket_rate zone=rates burst=20 delay;"}))
	n.run()
	n.ready(4)
	go n.echo()
	begin := time.Now()
	const connections, count = 64, 6
	passed, codes := n.speakAll(connections, "/", "a", count, "hello")
	took := time.Since(begin)
	require.Equal(t, connections*count, passed)
	require.Equal(t, map[ws.CloseCode]int{0: connections}, codes)
	require.GreaterOrEqual(t, took.Seconds(), (connections*count-20)/100.0*0.95)
	n.logged(`wallarm: websocket messages over the rate of zone "rates" are delayed`)
	require.Empty(t, n.log("websocket_attacks.json"))
}

// What is sent in one go waits as well, also behind a verdict off the loop, and
// comes whole and in order.
func TestRateDelayPipelined(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{
		http:     "wallarm_websocket_rate_zone $connection zone=rates:64k rate=20/s;\n",
		location: "wallarm_websocket_rate zone=rates delay;"}))
	n.run()
	n.ready(1)
	client, backend := n.connect()
	large := prose(20 << 10)
	begin := time.Now()
	for i := range 10 {
		client.send(text(fmt.Sprint(i)), ping("x"), text(fmt.Sprint(i, large)), more("a"), ping("y"), last("b"))
	}
	var got []string
	for len(got) < 30 || got[29] != "ab" {
		h, payload := backend.frame()
		switch h.Opcode {
		case ws.OpText:
			got = append(got, string(payload))
		case ws.OpContinuation:
			got[len(got)-1] += string(payload)
		}
	}
	for i := range 10 {
		require.Equal(t, []string{fmt.Sprint(i), fmt.Sprint(i, large), "ab"}, got[3*i:3*i+3])
	}
	require.GreaterOrEqual(t, time.Since(begin).Seconds(), 29/20.0*0.9)
	client.Close()
	backend.Close()
}

// Rates of bytes, by modes and parameters.
func TestRateModes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_websocket_rate_zone $http_x_key zone=bytes:64k rate=600/m of=bytes;\n" +
			"wallarm_websocket_rate_zone $connection zone=each:64k rate=1/m;\nwallarm_websocket_rate zone=each;\n",
		server: n.inspected("/each", "") + n.inspected("/off", "wallarm_websocket_rate off;") +
			n.inspected("/bytes", "wallarm_websocket_rate zone=bytes burst=90;") +
			n.inspected("/monitoring", "wallarm_mode monitoring;") +
			n.inspected("/delayed", "wallarm_mode monitoring; wallarm_websocket_rate zone=each delay;") +
			n.inspected("/dry", "wallarm_websocket_rate zone=each dry_run;") +
			n.inspected("/log", "wallarm_websocket_violation message_rate log;")}))
	n.run()
	n.ready(1)
	go n.echo()
	for _, tt := range []struct {
		target string
		passed int
		code   ws.CloseCode
	}{
		{"/each", 1, ws.ClosePolicyViolation},
		{"/each", 1, ws.ClosePolicyViolation}, // another connection
		{"/bytes", 10, ws.ClosePolicyViolation},
		{"/off", 12, 0},
		{"/monitoring", 12, 0},
		{"/delayed", 12, 0},
		{"/dry", 12, 0},
		{"/log", 12, 0},
	} {
		passed, code := n.speak(tt.target, "a", 12, "ten bytes.")
		if tt.target == "/bytes" { // some come back meanwhile
			require.Contains(t, []int{10, 11, 12}, passed)
			continue
		}
		require.Equal(t, tt.passed, passed, tt.target)
		require.Equal(t, tt.code, code, tt.target)
	}
	n.logged(`zone "each", dry run`)
	all := n.log("websocket_attacks.json")
	require.Contains(t, all, `message_rate monitored`)
	require.Contains(t, all, `message_rate logged`)
}

// A rate of one event holds exactly for 64 connections of 4 workers, and over a
// reload; other events are not counted.
func TestEventRate(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	n.write("nginx.conf", n.config(t, conf{workers: 4, http: "wallarm_websocket_rate_zone $http_x_key zone=rates:64k rate=1/m;\n",
		location: "wallarm_websocket_rate zone=rates burst=199 event=say;"}))
	n.run()
	n.ready(4)
	go n.echo()
	say, run := `{"type":"say","data":{"text":"hello"}}`, `{"type":"run","data":{"text":"hello"}}`
	begin := time.Now()
	passed, codes := n.speakAll(64, "/", "a", 10, say)
	back := int(time.Since(begin)/time.Minute) + 1 // of the rate itself
	require.GreaterOrEqual(t, passed, 200)
	require.LessOrEqual(t, passed, 200+back)
	require.Zero(t, codes[1])
	require.GreaterOrEqual(t, codes[ws.ClosePolicyViolation], 44)
	e := n.events(codes[ws.ClosePolicyViolation])[0]
	require.Equal(t, "event_rate blocked", e.what())
	require.Contains(t, e.Line, `"value":"say"`)
	n.reload()
	n.ready(8)
	begin = time.Now()
	passed, _ = n.speakAll(4, "/", "a", 2, say)
	require.LessOrEqual(t, passed, int(time.Since(begin)/time.Minute)+2, "a reload forgets nothing")
	passed, codes = n.speakAll(1, "/", "a", 10, run)
	require.Equal(t, 10, passed)
	require.Equal(t, map[ws.CloseCode]int{0: 1}, codes)
}

// What is over a rate of an event goes alone: what was read with it passes, with
// drop_message what comes behind it, too.
func TestEventRateActions(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(path, rules string) string {
		return "location " + path + "/ {\n" + n.proxy("http") + "wallarm_parse_websocket on; wallarm_event_log logs" + path + ".json;" + rules + "}\n"
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_websocket_rate_zone $connection zone=each:64k rate=1/m;\n" +
			"wallarm_websocket_rate_zone $connection zone=fast:64k rate=20/s;\n" +
			"wallarm_websocket_ban_zone $http_x_key zone=bans:64k drops=3;\n" +
			"wallarm_websocket_rate zone=each event=say;\n",
		server: location("/drop", "") +
			location("/message", "wallarm_websocket_rate zone=each event=say drop_message;") +
			location("/ban", "wallarm_websocket_rate zone=each event=say drop_message; wallarm_websocket_ban zone=bans;") +
			location("/any", "wallarm_websocket_rate zone=each drop_message;") +
			location("/delay", "wallarm_websocket_rate zone=fast event=say delay;") +
			location("/dry", "wallarm_websocket_rate zone=each event=say dry_run;") +
			location("/monitoring", "wallarm_mode monitoring;") +
			location("/log", "wallarm_websocket_violation event_rate log;") +
			location("/off", "wallarm_websocket_rate off;")}))
	n.run()
	n.ready(1)
	say, run := text(`42["say",1]`), text(`42["run",1]`)
	for _, tt := range []struct {
		path    string
		send    [][]byte
		passes  [][]byte
		dropped bool
		what    string
	}{
		{"/drop", [][]byte{run, say, run, say, run}, [][]byte{run, say, run}, true, "event_rate blocked"},
		{"/message", [][]byte{run, say, run, say, run, say, say, run}, [][]byte{run, say, run, run, run}, false, "event_rate blocked"},
		{"/any", [][]byte{run, say, run}, [][]byte{run}, false, "message_rate blocked"},
		{"/dry", [][]byte{say, say, run}, [][]byte{say, say, run}, false, ""},
		{"/monitoring", [][]byte{say, say, run}, [][]byte{say, say, run}, false, "event_rate monitored"},
		{"/log", [][]byte{say, say, run}, [][]byte{say, say, run}, false, "event_rate logged"},
		{"/off", [][]byte{say, say, run}, [][]byte{say, say, run}, false, ""},
	} {
		for _, together := range []bool{true, false} {
			client, backend := n.connectTo(tt.path + socketIO)
			if together {
				client.send(tt.send...)
			} else {
				for _, m := range tt.send {
					client.send(m)
					<-time.After(tick) // to be read one by one, mostly
				}
			}
			backend.expect(tt.passes...)
			if tt.dropped {
				dropped(client, backend, ws.ClosePolicyViolation)
			} else {
				client.send(ping("behind"))
				backend.expect(ping("behind"))
				client.Close()
				backend.Close()
			}
		}
		if tt.what == "" {
			require.Empty(t, n.log(tt.path+".json"))
		} else {
			require.Equal(t, tt.what, n.eventsIn(tt.path+".json", 2)[0].what())
		}
	}
	n.logged(`zone "each", dry run`)

	client, backend := n.connectTo("/ban"+socketIO, "X-Key: a\r\n")
	client.send(say, say, say, say, run)
	backend.expect(say)
	dropped(client, backend, ws.ClosePolicyViolation) // the third that was left out
	require.Equal(t, "handshake_banned blocked", n.eventsIn("/ban.json", 2)[1].what())

	client, backend = n.connectTo("/delay" + socketIO)
	begin := time.Now()
	var all [][]byte
	for range 8 {
		all = append(all, run, say)
	}
	client.send(all...)
	backend.expect(all...)
	require.GreaterOrEqual(t, time.Since(begin).Seconds(), 7/20.0*0.9)
	client.Close()
	backend.Close()
}

func TestZoneDirectives(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	const (
		bans  = "wallarm_websocket_ban_zone $binary_remote_addr zone=a:64k;"
		rates = "wallarm_websocket_rate_zone $binary_remote_addr zone=r:64k rate=10r/s;"
		conns = "wallarm_websocket_connections_zone $binary_remote_addr zone=c:64k;"
	)
	for _, tt := range []struct{ http, location, want string }{
		{bans, "wallarm_websocket_ban zone=a;", ""},
		{"wallarm_websocket_ban_zone $a$b zone=b:1m drops=1 in=1h for=1d;", "", `unknown "a" variable`},
		{"wallarm_websocket_ban_zone $host$uri zone=b:1m drops=1 in=1h for=1d;", "", ""},
		{"wallarm_websocket_ban_zone $host;", "", `invalid number of arguments in "wallarm_websocket_ban_zone" directive in`},
		{"wallarm_websocket_ban_zone $host drops=1;", "", `"wallarm_websocket_ban_zone" must have "zone" parameter in`},
		{"wallarm_websocket_ban_zone $host zone=a;", "", `invalid zone size "zone=a" in`},
		{"wallarm_websocket_ban_zone $host zone=:1m;", "", `invalid zone size "zone=:1m" in`},
		{"wallarm_websocket_ban_zone $host zone=a:x;", "", `invalid zone size "zone=a:x" in`},
		{"wallarm_websocket_ban_zone $host zone=a:4k;", "", `zone "zone=a:4k" is too small in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m drops=0;", "", `invalid parameter "drops=0" in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m drops=1001;", "", `invalid parameter "drops=1001" in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m in=0;", "", `invalid parameter "in=0" in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m for=3650d;", "", ""},
		{"wallarm_websocket_ban_zone $host zone=a:1m for=3651d;", "", `invalid parameter "for=3651d" in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m in=9223372036854775807ms;", "", `invalid parameter "in=9223372036854775807ms" in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m for=1h for=2h;", "", `duplicate parameter "for=2h" in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m zone=b:1m;", "", `duplicate parameter "zone=b:1m" in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m for=ever;", "", `invalid parameter "for=ever" in`},
		{"wallarm_websocket_ban_zone $host zone=a:1m rate=1r/s;", "", `invalid parameter "rate=1r/s" in`},
		{bans + bans, "", `wallarm_websocket_ban_zone "a" is already bound to key "$binary_remote_addr" in`},
		{"", "wallarm_websocket_ban zone=a;", `zero size shared memory zone "a"`},
		{bans, "wallarm_websocket_ban a;", `invalid parameter "a" in`},
		{bans, "wallarm_websocket_ban zone=;", `invalid parameter "zone=" in`},
		{bans, "wallarm_websocket_ban zone=a; wallarm_websocket_ban zone=a;", `"wallarm_websocket_ban" directive is duplicate in`},
		{bans, "wallarm_websocket_ban off; wallarm_websocket_ban zone=a;", `"wallarm_websocket_ban" directive is duplicate in`},
		{bans, "wallarm_websocket_ban zone=a; wallarm_websocket_ban off;", `"wallarm_websocket_ban" directive is duplicate in`},
		{bans, "wallarm_websocket_ban zone=a 3;", `invalid number of arguments in "wallarm_websocket_ban" directive in`},
		{bans, "wallarm_websocket_ban off;", ""},
		{bans, "wallarm_websocket_ban_zone $host zone=b:1m;", `"wallarm_websocket_ban_zone" directive is not allowed here in`},
		{conns, "wallarm_websocket_connections zone=c 10;", ""},
		{conns, "wallarm_websocket_connections off;", ""},
		{conns, "wallarm_websocket_connections zone=c;", `"wallarm_websocket_connections" directive must have a number of connections in`},
		{conns, "wallarm_websocket_connections zone=c 0;", `invalid number of connections "0" in`},
		{conns, "wallarm_websocket_connections zone=c 65536;", `invalid number of connections "65536" in`},
		{conns, "wallarm_websocket_connections c 1;", `invalid parameter "c" in`},
		{conns, "wallarm_websocket_ban zone=c;", `the shared memory zone "c" is already declared for a different use in`},
		{"wallarm_websocket_connections_zone $host zone=c:1m drops=1;", "", `invalid number of arguments in "wallarm_websocket_connections_zone" directive in`},
		{rates, "wallarm_websocket_rate zone=r;", ""},
		{rates, "wallarm_websocket_rate zone=r burst=10 delay dry_run;", ""},
		{rates, "wallarm_websocket_rate off;", ""},
		{rates, "wallarm_websocket_rate zone=r event=chat.* drop_message;", ""},
		{rates, "wallarm_websocket_rate zone=r event=" + strings.Repeat("a", 257) + ";", `"wallarm_websocket_rate" directive: a pattern is longer than 256 bytes in`},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=1k/s of=bytes;", "wallarm_websocket_rate zone=r event=a;", `zone "r" is one of bytes: it takes neither "event=" nor "drop_message" in`},
		{rates, "wallarm_websocket_rate zone=r burst=x;", `invalid parameter "burst=x" in`},
		{rates, "wallarm_websocket_rate zone=r burst=9223372036854775808;", `invalid parameter "burst=9223372036854775808" in`},
		{rates, "wallarm_websocket_rate zone=r burst=1 burst=2;", `duplicate parameter "burst=2" in`},
		{rates, "wallarm_websocket_rate zone=r event=a event=b;", `duplicate parameter "event=b" in`},
		{rates, "wallarm_websocket_rate zone=r dry_run dry_run;", `duplicate parameter "dry_run" in`},
		{rates, "wallarm_websocket_rate zone=r drop event=drop;", ""},
		{rates, "wallarm_websocket_rate zone=r nodelay;", `invalid parameter "nodelay" in`},
		{rates, "wallarm_websocket_rate zone=r delay drop;", `"wallarm_websocket_rate" directive takes one of "drop", "delay" and "drop_message" in`},
		{rates, "wallarm_websocket_rate burst=1;", `invalid parameter "burst=1" in`},
		{rates, "wallarm_websocket_rate zone=r; wallarm_websocket_rate zone=r delay;", `"wallarm_websocket_rate" directive is duplicate in`},
		{"wallarm_websocket_rate_zone $host zone=r:64k;", "", `"wallarm_websocket_rate_zone" must have "rate" parameter in`},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=10;", "", `invalid rate "rate=10", it must be as "10r/s", "64k/s" or "5r/m" in`},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=0/s;", "", `invalid rate "rate=0/s", it must be as "10r/s", "64k/s" or "5r/m" in`},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=10/h;", "", `invalid rate "rate=10/h", it must be as "10r/s", "64k/s" or "5r/m" in`},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=64k/s of=bytes;", "", ""},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=1000000001/s;", "", `invalid rate "rate=1000000001/s"`},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=1/s rate=2/s;", "", `duplicate parameter "rate=2/s" in`},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=1/s of=bytes of=messages;", "", `duplicate parameter "of=messages" in`},
		{"wallarm_websocket_rate_zone $host zone=r:64k rate=6/m of=events;", "", `invalid parameter "of=events" in`},
		{"", "wallarm_websocket_max_age 1h;", ""},
		{"", "wallarm_websocket_max_age 0;", ""},
		{"", "wallarm_websocket_max_age 1h jwt=$arg_token code=1013;", ""},
		{"", "wallarm_websocket_max_age jwt=$cookie_session;", ""},
		{"", "wallarm_websocket_max_age jwt=$nothing_of_that_name;", `unknown "nothing_of_that_name" variable`},
		{"", "wallarm_websocket_max_age jwt=token;", `"jwt=token" has no variable in it in`},
		{"", "wallarm_websocket_max_age code=1013;", `"wallarm_websocket_max_age" directive needs a time or "jwt=" in`},
		{"", "wallarm_websocket_max_age 1h code=1000;", `invalid parameter "code=1000" in`},
		{"", "wallarm_websocket_max_age jwt=$arg_token 1h;", `invalid parameter "1h" in`},
		{"", "wallarm_websocket_max_age 3650d;", ""},
		{"", "wallarm_websocket_max_age 3651d;", `"wallarm_websocket_max_age" directive invalid value in`},
		{"", "wallarm_websocket_max_age 1h code=1001 code=1013;", `duplicate parameter "code=1013" in`},
		{"", "wallarm_websocket_max_age 1h jwt=$arg_a jwt=$arg_b;", `duplicate parameter "jwt=$arg_b" in`},
		{"", "wallarm_websocket_max_age soon;", `"wallarm_websocket_max_age" directive invalid value in`},
		{"", "wallarm_websocket_max_age 1h; wallarm_websocket_max_age 1h;", `"wallarm_websocket_max_age" directive is duplicate in`},
	} {
		t.Run(tt.http+tt.location, func(t *testing.T) {
			n := n.in(t)
			n.write("nginx.conf", n.config(t, conf{http: tt.http, location: tt.location}))
			out, ok := n.test()
			require.Equal(t, tt.want == "", ok, out)
			if tt.want != "" {
				require.Contains(t, out, "[emerg]")
				require.Contains(t, out, tt.want)
			}
		})
	}
}

// A reload under which a zone changes its key is refused, and the old
// configuration serves on.
func TestZoneKeyChanges(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.allow("previously it used")
	rules := conf{http: "wallarm_websocket_ban_zone $http_x_key zone=bans:64k drops=1;\n", location: "wallarm_websocket_ban zone=bans;"}
	n.write("nginx.conf", n.config(t, rules))
	n.run()
	n.ready(1)
	go n.echo()
	n.offend("/", "evil")
	rules.http = strings.Replace(rules.http, "$http_x_key", "$host", 1)
	n.write("nginx.conf", n.config(t, rules))
	n.signal(1)
	n.logged(`\[emerg\].*wallarm: zone "bans" uses the "\$host" key while previously it used the "\$http_x_key" key`)
	require.Equal(t, "403", n.handshake("/", "evil"))
}
