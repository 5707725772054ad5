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

// statusFirst are the values in the order of what an operator asks first; others
// follow by their names.
var statusFirst = []string{
	"workers without engine", "uninspected", "uninspected_messages", "requests_lost", "segfaults", "overlimits_time",
	"attacks", "blocked", "abnormal", "connections", "streams", "messages", "requests",
	"attack_types", "violations", "refused", "bytes_in", "bytes_out", "time_detect",
}

// statusLeftOut is for programs.
var statusLeftOut = []string{"startid", "timestamp", "zones"}

// Rows are the values as a table shows them: of what is counted by something
// only what was seen.
func (s *Status) Rows() (rows []StatusRow) {
	add := func(name string, v any) {
		switch v := v.(type) {
		case float64:
			text := strconv.FormatFloat(v, 'f', -1, 64)
			switch {
			case name == "start_time":
				text = time.Unix(int64(v), 0).UTC().Format("2006-01-02 15:04:05 UTC")
			case name == "time_detect":
				text = strconv.FormatFloat(v, 'f', 3, 64) + " s"
			case v == math.Trunc(v):
				text = thousands(int64(v))
			}
			bad := v > 0 && (strings.HasPrefix(name, "uninspected") || name == "requests_lost" || name == "segfaults")
			rows = append(rows, StatusRow{name, text, bad})
		case string:
			rows = append(rows, StatusRow{name, v, false})
		case []any:
			missing := 0
			for _, one := range v {
				if w, ok := one.(map[string]any); ok && w["engine"] == false {
					missing++
				}
			}
			rows = append(rows, StatusRow{name, strconv.Itoa(len(v)), false})
			if missing > 0 {
				rows = append(rows, StatusRow{name + " without engine", strconv.Itoa(missing), true})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Values)) {
		if slices.Contains(statusLeftOut, name) {
			continue
		}
		m, nested := s.Values[name].(map[string]any)
		if !nested {
			add(name, s.Values[name])
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if of, deeper := m[key].(map[string]any); deeper {
				var seen []string
				for _, k := range slices.Sorted(maps.Keys(of)) {
					if n, ok := of[k].(float64); ok && n != 0 {
						seen = append(seen, thousands(int64(n))+" "+k)
					}
				}
				if seen != nil {
					add(name+": "+key, strings.Join(seen, ", "))
				}
			} else if m[key] != 0.0 {
				add(name+": "+key, m[key])
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b StatusRow) int { return statusPlace(a) - statusPlace(b) })
	return rows
}

// statusPlace is where a row stands: what is bad before all else.
func statusPlace(r StatusRow) int {
	name, _, _ := strings.Cut(r.Name, ":")
	at := slices.Index(statusFirst, name)
	if at < 0 {
		at = len(statusFirst)
	}
	if r.Bad {
		at -= len(statusFirst) + 1
	}
	return at
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
	// The answer is for others, too: one who goes away does not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
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
