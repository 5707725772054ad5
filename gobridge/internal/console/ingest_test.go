package console

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkIngest(b *testing.B) {
	dir := b.TempDir()
	g := newGenerator(1)
	var text []byte
	for range b.N {
		text = g.line(text)
	}
	log := filepath.Join(dir, "log")
	require.NoError(b, os.WriteFile(log, text, 0o600))
	s, err := openStore(filepath.Join(dir, "db"))
	require.NoError(b, err)
	in, err := newIngester(s, []string{log})
	require.NoError(b, err)
	b.SetBytes(int64(len(text) / b.N))
	b.ResetTimer()
	for more := true; more; {
		more, err = in.step(time.Now())
		require.NoError(b, err)
	}
	b.StopTimer()
	require.Len(b, s.ts, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	size, err := s.usedBytes(b.Context())
	require.NoError(b, err)
	b.ReportMetric(float64(size)/float64(b.N), "db-B/event")
	require.NoError(b, s.Close())
}
