package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
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
