package pipeline

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/ws"
)

// hits adds up what a log's lines stand for.
func hits(t *testing.T, line []byte) int {
	var e struct{ Wallarm struct{ Hits int } }
	require.NoError(t, json.Unmarshal(line, &e), "%s", line)
	return e.Wallarm.Hits
}

// A sample writes its share, then lines that say how many were held back: the
// sum is exact.
func TestSample(t *testing.T) {
	e := newEngine(t)
	l := Log{ID: 1, Payload: 100, Sample: 3, Datasets: Attacks | Violations}
	all := AllEvents
	now := time.UnixMilli(1_000_000)
	lines, sum, sampled := 0, 0, 0
	attack := func(addr string) {
		s, _ := e.Open(Handshake{}, config(Monitoring))
		r := s.Feed(ws.FromClient, textFrame("<script>alert(1)</script>"))
		require.Equal(t, 1, r.Events)
		m := &event.Meta{Now: now, RemoteAddr: addr}
		_, n, _ := s.Event(nil, m, &all, math.MaxInt)
		require.NotZero(t, n, "another log has all")
		_, n, _ = s.Event(nil, m, &l, 10) // has no room: not counted
		line, again, kind := s.Event(nil, m, &l, math.MaxInt)
		require.Equal(t, n > 0, again > 0)
		if again > 0 {
			lines++
			sum += hits(t, line[:again])
		}
		if kind.Sampled {
			sampled++
		}
		s.Pop()
		require.True(t, s.Close())
	}
	for range 10 {
		attack("192.0.2.1")
	}
	attack("192.0.2.2")
	require.Equal(t, []int{4, 4, 7}, []int{lines, sum, sampled})
	_, ok := e.Summary(nil, &l, now.Add(time.Second), math.MaxInt)
	require.False(t, ok, "its minute has not passed")

	now = now.Add(2 * sampleTime)
	attack("192.0.2.1")
	require.Equal(t, []int{5, 12}, []int{lines, sum}, "the first line of the next minute says how many")
	for range 5 {
		attack("192.0.2.1")
	}
	require.Equal(t, []int{7, 14}, []int{lines, sum})

	line, ok := e.Summary(nil, &l, now.Add(2*sampleTime), 10)
	require.True(t, ok, "no room: it stays")
	require.Equal(t, 3, hits(t, line))
	line, ok = e.Summary(nil, &l, now.Add(2*sampleTime), math.MaxInt)
	require.True(t, ok)
	require.Equal(t, 3, hits(t, line))
	_, ok = e.Summary(nil, &l, time.Time{}, math.MaxInt)
	require.False(t, ok)
	require.Empty(t, e.samples)
}

// Names that a client makes up do not fill the memory.
func TestSampleIsBounded(t *testing.T) {
	e := newEngine(t)
	l := Log{ID: 1, Sample: 1, Datasets: Attacks}
	m := event.Meta{Now: time.UnixMilli(1)}
	sum, total := 0, maxSamples+100
	for i := range total {
		p := pending{attack: &event.Attack{Hits: []event.Hit{{Path: "$", Event: string(rune(i + 300))}}}}
		n := e.samples.due(&l, &p, &m)
		e.samples.count(&l, &p, &m, n)
		sum += n
	}
	require.LessOrEqual(t, len(e.samples), maxSamples+1)
	for {
		line, ok := e.Summary(nil, &l, time.Time{}, math.MaxInt)
		if !ok {
			break
		}
		sum += hits(t, line)
	}
	require.Equal(t, total, sum)
}

// A log takes the datasets that it names.
func TestDatasets(t *testing.T) {
	s, _ := newEngine(t).Open(Handshake{}, config(Monitoring))
	s.Feed(ws.FromClient, textFrame("<script>alert(1)</script>"))
	m := &event.Meta{}
	_, line, kind := s.Event(nil, m, &Log{Datasets: Violations | Ignored | Connections}, math.MaxInt)
	require.Zero(t, line)
	require.Equal(t, Kind{Attack: true, Name: "xss", Rule: kind.Rule, Action: event.Monitored}, kind)
	require.NotEmpty(t, kind.Rule)
	_, line, _ = s.Event(nil, m, &Log{Datasets: Attacks}, math.MaxInt)
	require.NotZero(t, line)
}
