package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ingestState is what the health page says of the ingestion.
type ingestState struct {
	mu      sync.Mutex
	err     string
	logs    []logState
	newest  int64 // time of the newest event when it was read
	delay   int64 // between the event and its reading, milliseconds
	batched int64 // when
	added   int64
}

type logState struct {
	Log     string `json:"log"`
	Error   string `json:"error,omitempty"`
	Behind  int64  `json:"behind_bytes"`
	Offset  int64  `json:"offset"`
	Rotated int    `json:"rotated_files_open"`
}

func (s *ingestState) batch(ts, now int64, added int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest, s.delay, s.batched = ts, max(now-ts, 0), now
	s.added += int64(added)
}

func (s *ingestState) fail(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = text
}

func (s *ingestState) look(followers []*follower) {
	logs := make([]logState, 0, len(followers))
	for _, f := range followers {
		l := logState{Log: f.log}
		if f.err != nil {
			l.Error = f.err.Error()
		}
		for _, t := range f.tails {
			l.Behind += t.behind()
			if t.old {
				l.Rotated++
			} else {
				l.Offset = t.offset
			}
		}
		logs = append(logs, l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = logs
}

func (s *ingestState) get() (err string, logs []logState, newest, delay int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err, s.logs, s.newest, s.delay
}

// Status is what wallarm_status of a NGINX says.
type Status struct {
	URL    string         `json:"url"`
	Time   time.Time      `json:"time"`
	Error  string         `json:"error,omitempty"`
	Values map[string]any `json:"values,omitempty"`
}

// StatusRow is one counter on the page.
type StatusRow struct {
	Name, Value string
	Bad         bool // the operator should look
}

// Rows are the values as a table shows them: of what is counted by something
// only what was seen.
func (s *Status) Rows() (rows []StatusRow) {
	add := func(name string, v any) {
		switch v := v.(type) {
		case float64:
			text := strconv.FormatFloat(v, 'f', -1, 64)
			if v == math.Trunc(v) && !strings.Contains(name, "id") && !strings.HasPrefix(name, "start") && name != "timestamp" {
				text = thousands(int64(v))
			}
			bad := v > 0 && (strings.HasPrefix(name, "uninspected") || name == "requests_lost" || name == "segfaults")
			rows = append(rows, StatusRow{name, text, bad})
		case string:
			rows = append(rows, StatusRow{name, v, false})
		case []any:
			rows = append(rows, StatusRow{name, strconv.Itoa(len(v)), false})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Values)) {
		m, nested := s.Values[name].(map[string]any)
		if !nested {
			add(name, s.Values[name])
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if of, deeper := m[key].(map[string]any); deeper {
				for _, k := range slices.Sorted(maps.Keys(of)) {
					if of[k] != 0.0 {
						add(name+": "+key+", "+k, of[k])
					}
				}
			} else if m[key] != 0.0 {
				add(name+": "+key, m[key])
			}
		}
	}
	// what the operator should look at first
	slices.SortStableFunc(rows, func(a, b StatusRow) int {
		switch {
		case a.Bad && !b.Bad:
			return -1
		case b.Bad && !a.Bad:
			return 1
		}
		return 0
	})
	return rows
}

// statusReader asks NGINX for its counters, at most every few seconds however
// many pages are open.
type statusReader struct {
	url    string
	client http.Client

	mu   sync.Mutex
	last *Status
}

func (s *statusReader) get(ctx context.Context) *Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil && time.Since(s.last.Time) < 5*time.Second {
		return s.last
	}
	st := &Status{URL: s.url, Time: time.Now().UTC()}
	if err := s.read(ctx, st); err != nil {
		st.Error = err.Error()
	}
	s.last = st
	return st
}

func (s *statusReader) read(ctx context.Context, st *Status) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&st.Values)
}
