package console

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
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
	half := msTime(s.ts[len(s.ts)/2]).Format(time.RFC3339)
	for _, p := range []struct{ name, target string }{
		{"attacks", "/attacks"},
		{"attacks by hits", "/attacks?sort=hits"},
		{"attacks, page 100", "/attacks?page=100"},
		{"filter", "/attacks?type=xss&host=chat.example.com"},
		{"exclude", "/attacks?-type=xss&-ip=198.51.100.*&-path=/cable"},
		{"rare filter", "/attacks?ip=198.51.100.7&point=$[0].text"},
		{"time", "/attacks?from=" + half},
		{"search, rare words", "/attacks?q=%22OR+77%3D1%22+lobby-7"},
		{"search, common word", "/attacks?q=script"},
		{"search and filter", "/attacks?q=union+select&action=monitored"},
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
