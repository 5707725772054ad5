package console

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkPages takes the time of every page over WSI_CONSOLE_EVENTS events,
// 20,000 without; "make bench-console" has 1,000,000. The database is kept in
// WSI_CONSOLE_DB, when that is set, for the next run.
func BenchmarkPages(b *testing.B) {
	n := 20_000
	if s := os.Getenv("WSI_CONSOLE_EVENTS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(b, err)
	}
	db := os.Getenv("WSI_CONSOLE_DB")
	if db == "" {
		db = filepath.Join(b.TempDir(), "events.db")
	}
	s, err := openStore(db)
	require.NoError(b, err)
	defer func() { s.Close() }()
	if len(s.ts) < n {
		g := newGenerator(uint64(len(s.ts)) + 1)
		started := time.Now()
		var took time.Duration
		added := n - len(s.ts)
		for len(s.ts) < n {
			text := make([]byte, 0, batchLines*4<<10)
			var bt batch
			var ends []int
			for range min(batchLines, n-len(s.ts)) {
				text = g.line(text)
				ends = append(ends, len(text))
			}
			from, at := time.Now(), 0
			for _, end := range ends {
				bt.addLine("log", 0, text[at:end-1])
				at = end
			}
			_, err := s.commit(&bt)
			require.NoError(b, err)
			took += time.Since(from)
		}
		b.Logf("%d events in %v: %.0f a second; with their making %v", added, took.Round(time.Millisecond),
			float64(added)/took.Seconds(), time.Since(started).Round(time.Millisecond))
	}
	s.Close()
	started := time.Now()
	s, err = openStore(db)
	require.NoError(b, err)
	used, err := s.usedBytes(b.Context())
	require.NoError(b, err)
	b.Logf("%d events, %d shapes, %d attacks, %d MB; opened in %v", len(s.ts), len(s.byShape), len(s.byGroup), used>>20,
		time.Since(started).Round(time.Millisecond))

	srv, err := newServer(s, &ingestState{}, &hub{}, newHosts("127.0.0.1:8765", nil), "bench")
	require.NoError(b, err)
	h := srv.handler()
	var v Attacks
	getJSON(b, h, "/api/attacks?sort=hits", &v)
	var c Connections
	getJSON(b, h, "/api/connections", &c)
	warm()
	half := msTime(s.ts[len(s.ts)/2]).Format(time.RFC3339)
	for _, p := range []struct{ name, target string }{
		{"attacks", "/attacks"},
		{"attacks by hits", "/attacks?sort=hits"},
		{"attacks, page 100", "/attacks?page=100"},
		{"filter", "/attacks?type=xss&host=chat.example.com"},
		{"exclude", "/attacks?-type=xss&-ip=198.51.100.*&-path=/cable"},
		{"rare filter", "/attacks?ip=198.51.100.7&point=$[0].text"},
		{"time", "/attacks?from=" + half},
		{"filters and exclusions", "/attacks?type=xss&type=sqli&action=blocked&host=*.example.com&-ip=198.51.100.1*&-point=$[0]&-rule=932100"},
		{"nothing excluded but one client", "/attacks?-ip=198.51.100.7&kind=all&sort=hits"},
		{"search, rare words", "/attacks?q=%22OR+77%3D1%22+lobby-7"},
		{"search, common word", "/attacks?q=script"},
		{"search and filter", "/attacks?q=union+select&action=monitored"},
		{"search, a word of all", "/attacks?q=hello"},
		{"search, no such word", "/attacks?q=hello+nosuchword"},
		{"search, no such phrase", "/attacks?q=%22say+to+wanted+i+what+is+this%22"},
		{"search, 120 words", "/attacks?q=%22" + strings.Repeat("i+", 120) + "%22"},
		{"search, a beginning", "/attacks?q=hel*"},
		{"search, a beginning of many", "/attacks?q=000*"},
		{"search, symbols", "/attacks?q=%27%22%3C%3E%28%29%5E*%3A-%00"},
		{"connections, search", "/connections?q=script"},
		{"one attack", "/attacks/" + v.Attacks[0].ID},
		{"one hit", "/hits/" + v.Attacks[0].Newest},
		{"rules", "/rules"},
		{"connections", "/connections"},
		{"connections, filter", "/connections?ip=198.51.100.7"},
		{"one connection", "/connections/" + c.Connections[0].ID},
		{"health", "/health"},
	} {
		b.Run(p.name, func(b *testing.B) {
			var before, after syscall.Rusage
			require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
			for b.Loop() {
				require.Equal(b, http.StatusOK, get(b, h, p.target).StatusCode)
			}
			require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
			cpu := time.Duration(after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano())
			b.ReportMetric(float64(cpu.Microseconds())/1000/float64(b.N), "cpu-ms/page")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/page")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkFollow takes the time, of the clock, in which a console that follows
// a log has an event on its pages: WSI_CONSOLE_LINES lines, 5,000 without, are
// appended as fast as the file takes them, and the log is rotated on the way.
// "make bench-console" has 100,000.
func BenchmarkFollow(b *testing.B) {
	n := 5000
	if s := os.Getenv("WSI_CONSOLE_LINES"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(b, err)
	}
	g := newGenerator(1)
	all := lines(g, n)
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		log := filepath.Join(dir, "log")
		require.NoError(b, os.WriteFile(log, nil, 0o600))
		socket := filepath.Join(dir, "socket")
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error)
		go func() {
			ended <- Run(ctx, Options{Logs: []string{log}, DB: filepath.Join(dir, "db"), Listen: "unix:" + socket, Version: "bench"},
				io.Discard, os.Stderr)
		}()
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", socket)
		}}}
		health := func() (h Health) {
			r, err := client.Get("http://localhost/api/health")
			if err != nil {
				return h
			}
			defer r.Body.Close()
			require.NoError(b, json.NewDecoder(r.Body).Decode(&h))
			return h
		}
		until := func(every time.Duration, so func(Health) bool) (h Health) {
			for h = health(); !so(h); h = health() {
				select {
				case err := <-ended:
					b.Fatalf("the console ended: %v", err)
				case <-time.After(every):
				}
			}
			return h
		}
		until(10*time.Millisecond, func(h Health) bool { return h.Version != "" })
		var before, after syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
		b.StartTimer()
		started := time.Now()
		f, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(b, err)
		for i, line := range all {
			if i == n/2 {
				require.NoError(b, f.Close())
				require.NoError(b, os.Rename(log, log+".1"))
				f, err = os.OpenFile(log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
				require.NoError(b, err)
			}
			_, err := f.Write(line)
			require.NoError(b, err)
		}
		wrote := time.Since(started)
		h := until(100*time.Millisecond, func(h Health) bool { return h.Events >= n })
		took := time.Since(started)
		b.StopTimer()
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
		require.NoError(b, f.Close())
		require.Equal(b, n, h.Events)
		require.Zero(b, h.Counters["duplicates"]+h.Counters["malformed"]+h.Counters["files_lost"])
		cancel()
		require.NoError(b, <-ended)
		cpu := time.Duration(after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano())
		b.ReportMetric(float64(n)/took.Seconds(), "events/s")
		b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-us/event")
		b.ReportMetric(0, "ns/op")
		b.Logf("%d lines written in %v, all on the pages after %v", n, wrote.Round(time.Millisecond), took.Round(time.Millisecond))
		b.StartTimer()
	}
}
