package console

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// hub tells open pages that there is something new. It says only that, and a
// page asks for the rest: what attackers sent goes one way only, through the
// templates.
type hub struct {
	mu      sync.Mutex
	waiting map[chan struct{}]bool
}

// maxLive bounds how many pages are told.
const maxLive = 64

func (h *hub) notify() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.waiting {
		select {
		case c <- struct{}{}:
		default: // it has not heard of the last one yet
		}
	}
}

// heard reports whether a page listens.
func (h *hub) heard() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting) > 0
}

func (h *hub) join() chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting) >= maxLive {
		return nil
	}
	if h.waiting == nil {
		h.waiting = map[chan struct{}]bool{}
	}
	c := make(chan struct{}, 1)
	h.waiting[c] = true
	return c
}

func (h *hub) leave(c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiting, c)
}

// live is a stream of server-sent events: one for each second with news.
func (s *server) live(w http.ResponseWriter, r *http.Request) {
	c := s.hub.join()
	if c == nil {
		http.Error(w, "503 too many open pages", http.StatusServiceUnavailable)
		return
	}
	defer s.hub.leave(c)
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(text string) bool {
		rc.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, err := fmt.Fprint(w, text)
		return err == nil && rc.Flush() == nil
	}
	if !send("retry: 3000\n\n") {
		return
	}
	beat := time.NewTicker(20 * time.Second)
	defer beat.Stop()
	pause := time.NewTimer(0)
	<-pause.C
	news := c
	for {
		text := ": \n\n"
		select {
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		case <-beat.C:
		case <-pause.C:
			news = c
			continue
		case <-news:
			text = fmt.Sprintf("event: change\ndata: {\"generation\":%d}\n\n", s.store.changed())
			news = nil
			pause.Reset(time.Second)
		}
		if !send(text) {
			return
		}
	}
}
