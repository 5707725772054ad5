//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// flooding is how many attacks a flood has; make e2e-flood sets it.
func flooding(t testing.TB) (count int, full bool) {
	s := os.Getenv("WSI_FLOOD")
	if s == "" {
		return 5000, false
	}
	count, err := strconv.Atoi(s)
	require.NoError(t, err)
	return count, true
}

// assault is an attack with a number of its own.
func assault(i int) []byte { return text(fmt.Sprintf("<script>alert(%d)</script>", i)) }

// finally is eventually for what takes as long as the flood.
func (n *nginx) finally(what string, f func() bool) {
	n.Helper()
	for deadline := time.Now().Add(30 * patience); !f(); <-time.After(tick) {
		require.True(n, time.Now().Before(deadline), "did not happen: %s", what)
	}
}

// hits are how many events the lines of a file stand for.
func hits(n *nginx, file string) (sum int) {
	n.Helper()
	for _, r := range n.records(file) {
		sum += r.Wallarm.Hits
	}
	return sum
}

// sink accepts connections, and takes what comes.
func (n *nginx) sink(received *atomic.Int64) {
	for {
		c, err := n.backend.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			p := &peer{Conn: c, r: bufio.NewReader(c)}
			p.skipHead()
			c.Write(response())
			for {
				_, op, err := p.message()
				if err != nil || op == ws.OpClose {
					return
				}
				received.Add(1)
			}
		}()
	}
}

// Of a flood through two workers every attack is in the log, once and whole,
// over rotations; what a sample holds back and what a syslog does not take is
// counted, exactly.
func TestFlood(t *testing.T) {
	total, _ := flooding(t)
	blocked := total / 20
	monitored := total - blocked
	path := filepath.Join(t.TempDir(), "log")
	syslog, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer syslog.Close()

	logs := "wallarm_event_log logs/all.json; wallarm_event_log logs/sampled.json sample=100/m;\n" +
		"wallarm_event_log syslog:server=unix:" + path + ";\n"
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{workers: 2, parameters: "reuseport", http: logs, location: "access_log off;",
		server: statusLocations + "location /monitoring {\n" + n.proxy("http") + "wallarm_parse_websocket on; wallarm_mode monitoring;\n}\n"}))
	n.run()
	n.allow(`to "syslog:server=.* was incomplete`)
	n.ready(2)
	var received atomic.Int64
	go n.sink(&received)

	// The syslog takes some, then nothing, then what comes.
	var taken atomic.Int64
	gate, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 64<<10)
		for {
			k, err := syslog.Read(b)
			if err != nil {
				return
			}
			_, line, ok := bytes.Cut(b[:k], []byte(" nginx: "))
			if !ok || !json.Valid(line) {
				t.Errorf("syslog: %q", b[:k])
			}
			if taken.Add(1) == int64(total/50) {
				<-gate
			}
		}
	}()

	// Both workers have some of the connections.
	var clients []*peer
	busy := func() int {
		k := 0
		for _, w := range n.status().Workers {
			if w.Connections >= 2 {
				k++
			}
		}
		return k
	}
	for len(clients) < 64 && (len(clients) < 8 || busy() < 2) {
		c := n.client()
		c.send(request("/monitoring"))
		require.Equal(t, "101", c.status())
		clients = append(clients, c)
	}
	require.Equal(t, 2, busy())

	var number, sent atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for _, c := range clients {
		wg.Go(func() {
			c.SetWriteDeadline(time.Now().Add(10 * time.Minute))
			for more := true; more; {
				var b []byte
				k := 0
				for ; k < 20; k++ {
					i := int(number.Add(1)) - 1
					if more = i < monitored; !more {
						break
					}
					b = append(b, assault(i)...)
				}
				if _, err := c.Conn.Write(b); err != nil {
					t.Errorf("a client that is monitored: %v", err)
					return
				}
				sent.Add(int64(k))
			}
		})
	}
	next := atomic.Int64{}
	for range 4 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < blocked; i = int(next.Add(1)) - 1 {
				c, err := dial(n.addr)
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(time.Minute))
				p := &peer{Conn: c, r: bufio.NewReader(c)}
				c.Write(request("/"))
				p.skipHead()
				c.Write(assault(monitored + i))
				if payload, op, err := p.message(); err != nil || op != ws.OpClose || !bytes.HasPrefix(payload, []byte{0x03, 0xf0}) {
					t.Errorf("not blocked: %x %v %v", payload, op, err)
				}
				c.Close()
			}
		})
	}

	// Rotation, as logrotate does it.
	const rotations = 3
	for i := range rotations {
		n.finally("so much of the flood", func() bool { return received.Load() >= int64(monitored*(i+1)/(rotations+2)) })
		require.NoError(t, os.Rename(filepath.Join(n.dir, "logs/all.json"), filepath.Join(n.dir, fmt.Sprintf("logs/all.json.%d", i))))
		n.signal(syscall.SIGUSR1)
		n.finally("a new file", func() bool {
			info, err := os.Stat(filepath.Join(n.dir, "logs/all.json"))
			return err == nil && info.Size() > 0
		})
	}
	wg.Wait()
	attacks := func() float64 { return sum(n.metrics(), "wallarm_websocket_attacks_total", `type="xss"`) }
	n.finally("all attacks are counted", func() bool { return attacks() >= float64(total) })
	took := time.Since(began)
	n.finally("all messages pass", func() bool { return received.Load() == int64(monitored) })
	close(gate)

	m := n.metrics()
	require.Equal(t, float64(total), attacks())
	require.Equal(t, float64(blocked), sum(m, "wallarm_websocket_attacks_total", `action="blocked"`))
	require.Equal(t, float64(blocked), m[`wallarm_websocket_connections_dropped_total{code="1008"}`])
	require.Zero(t, sum(m, "wallarm_websocket_uninspected_messages_total"))
	require.Zero(t, m[`wallarm_event_log_dropped_total{sink="file"}`])
	bySyslog, dropped := m[`wallarm_event_log_events_total{sink="syslog"}`], m[`wallarm_event_log_dropped_total{sink="syslog"}`]
	require.Equal(t, float64(total), bySyslog+dropped)
	require.Positive(t, bySyslog)
	require.Positive(t, dropped)
	n.finally("the syslog has what is counted", func() bool { return taken.Load() == int64(bySyslog) })
	byFile, sampled := m[`wallarm_event_log_events_total{sink="file"}`], m["wallarm_event_log_sampled_total"]
	require.Equal(t, float64(2*total), byFile+sampled, "a line of each log, or counted")
	require.Positive(t, sampled)
	for _, c := range clients {
		c.Close()
	}
	n.stop(syscall.SIGQUIT)
	syslog.Close()
	<-done
	require.Equal(t, total, hits(n, "sampled.json"))

	// every one, once
	seen := make([]bool, total)
	files := []string{"all.json"}
	for i := range rotations {
		files = append(files, fmt.Sprintf("all.json.%d", i))
	}
	bytes, lines := 0, 0
	for _, name := range files {
		text := n.log(name)
		require.True(t, strings.HasSuffix(text, "}\n"), name)
		bytes += len(text)
		for line := range strings.Lines(text) {
			var e event
			require.NoError(t, json.Unmarshal([]byte(line), &e), "%s: %s", name, line)
			var i int
			_, err := fmt.Sscanf(string(e.Wallarm.Payload), "<script>alert(%d)</script>", &i)
			require.NoError(t, err, line)
			require.False(t, seen[i], "%d is there twice", i)
			seen[i] = true
			want := "xss monitored"
			if i >= monitored {
				want = "xss blocked"
			}
			require.Equal(t, want, e.what())
			if lines%(total/10) == 0 {
				validate(t, line)
			}
			lines++
		}
	}
	require.Equal(t, total, lines)
	require.NotContains(t, seen, false)
	require.Equal(t, total, strings.Count(n.log("error.log"), "wallarm: websocket xss attack "))
	t.Logf("%d attacks in %v, %.0f a second: %d lines of %d bytes in %d files; sample: %.0f held back; syslog: %.0f sent, %.0f dropped",
		total, took.Round(time.Millisecond), float64(total)/took.Seconds(), lines, bytes/lines, len(files), sampled, bySyslog, dropped)
}

// TestFloodDelay measures what a bystander on the same worker notices of
// attacks with an event log, beside attacks with an access log: a paced flood,
// each attack on a connection of its own, in turns. It prints; what it asserts
// is that nothing was lost.
func TestFloodDelay(t *testing.T) {
	if _, full := flooding(t); !full {
		t.Skip("a measurement of a minute: make e2e-flood runs it")
	}
	const (
		rounds = 20
		round  = 500 * time.Millisecond
		every  = 4 * time.Millisecond // an attack
		think  = 500 * time.Microsecond
	)
	kinds := []struct{ name, conf string }{
		{"neither", "access_log off; wallarm_event_log off;"},
		{"access_log", "access_log logs/access.json combined; wallarm_event_log off;"},
		{"wallarm_event_log", "access_log off; wallarm_event_log logs/event.json;"},
		{"both", "access_log logs/access.json combined; wallarm_event_log logs/event.json;"},
	}
	n := start(t, conf{stopped: true})
	locations := statusLocations
	for i, k := range kinds {
		locations += fmt.Sprintf("location /%d {\n", i) + n.proxy("http") + "wallarm_parse_websocket on;\n" + k.conf + "\n}\n"
	}
	n.write("nginx.conf", n.config(t, conf{server: locations, location: "access_log off;"}))
	n.run()
	n.ready(1)
	go n.echo()
	bystander := n.client()
	bystander.send(request("/"))
	require.Equal(t, "101", bystander.status())
	worker := n.worker()

	flood := func(kind int, until time.Time) (count int) {
		for next := time.Now(); next.Before(until); next = next.Add(every) {
			time.Sleep(time.Until(next))
			p := n.client()
			p.send(request(fmt.Sprintf("/%d", kind)))
			require.Equal(t, "101", p.status())
			p.send(assault(count))
			p.closed(false, ws.ClosePolicyViolation)
			p.Close()
			count++
		}
		return count
	}
	type figures struct {
		attacks int
		cpu     float64
		times   []time.Duration
	}
	of := make([]figures, len(kinds))
	all, events := 0, 0
	for r := range rounds + 1 { // the first warms up
		for i := range kinds {
			kind := (i + r) % len(kinds)
			until, before := time.Now().Add(round), cpu(worker)
			attacks := make(chan int)
			go func() { attacks <- flood(kind, until) }()
			var times []time.Duration
			for time.Now().Before(until) {
				at := time.Now()
				bystander.send(text("hello"))
				bystander.expect(server("hello").Bytes())
				times = append(times, time.Since(at))
				time.Sleep(think)
			}
			k := <-attacks
			all += k
			if kind >= 2 {
				events += k
			}
			if r > 0 {
				of[kind].attacks += k
				of[kind].cpu += cpu(worker) - before
				of[kind].times = append(of[kind].times, times...)
			}
		}
	}
	n.becomes(map[string]float64{`wallarm_websocket_attacks_total{type="xss",action="blocked"}`: float64(all),
		`wallarm_event_log_events_total{sink="file"}`: float64(events)})
	quantile := func(f *figures, q float64) float64 {
		return float64(f.times[int(q*float64(len(f.times)-1))].Microseconds())
	}
	for i := range of {
		slices.Sort(of[i].times)
	}
	t.Logf("%-18s %8s %9s  %28s", "log", "attacks", "ms CPU/s", "bystander: p50 p90 p99 us")
	for i, k := range kinds {
		f := &of[i]
		t.Logf("%-18s %8d %9.1f  %9.0f %9.0f %9.0f", k.name, f.attacks, 1000*f.cpu/(rounds*round.Seconds()),
			quantile(f, .5), quantile(f, .9), quantile(f, .99))
	}
	for _, q := range []float64{.5, .9, .99} {
		t.Logf("p%.0f, wallarm_event_log against access_log: %.3f", 100*q, quantile(&of[2], q)/quantile(&of[1], q))
	}
}
