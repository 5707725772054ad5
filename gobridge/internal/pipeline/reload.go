package pipeline

import (
	"fmt"
	"sync"

	"wsi/gobridge/internal/policy"
)

// News is something about files of rules that is to be logged.
type News struct {
	Error bool
	Text  string
}

// reloading looks after files of rules. Its lock is never held while one is
// read.
type reloading struct {
	rules []*policy.Rules // not changed while busy

	mu         sync.Mutex
	busy       bool
	generation int
	news       []News
}

// Watch has Reload look after rules that have just been loaded.
func (e *Engine) Watch(rules []*policy.Rules) {
	w := &e.reloading
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = rules
	if len(rules) == 0 {
		return
	}
	w.generation = 1
	for _, r := range rules {
		for _, err := range r.Err() {
			w.news = append(w.news, News{true, fmt.Sprintf("rules of files are not used: %v", err)})
		}
		if r.Err() == nil {
			w.news = append(w.news, News{Text: fmt.Sprintf("rules generation 1: %v", r)})
		}
	}
}

// Reload has the files looked at off the loop, unless they are just being looked
// at. It returns how many sets of files there are.
func (e *Engine) Reload() int {
	w := &e.reloading
	w.mu.Lock()
	begin := !w.busy && len(w.rules) > 0
	w.busy = w.busy || begin
	w.mu.Unlock()
	switch {
	case !begin:
	case e.offload == nil:
		w.look()
	default:
		e.offload.errand(w.look)
	}
	return len(w.rules)
}

// Reloaded returns what is new since the last call, the generation of the rules
// in force, and whether files are being looked at.
func (e *Engine) Reloaded() (news []News, generation int, busy bool) {
	w := &e.reloading
	w.mu.Lock()
	defer w.mu.Unlock()
	news, w.news = w.news, nil
	return news, w.generation, w.busy
}

// look reads what has changed. Live sessions are judged by it from their next
// message on.
func (w *reloading) look() {
	defer func() {
		w.mu.Lock()
		w.busy = false
		w.mu.Unlock()
	}()
	for _, r := range w.rules {
		changed, errs := r.Reload()
		w.mu.Lock()
		for _, err := range errs {
			w.news = append(w.news, News{true, fmt.Sprintf("rules generation %d is kept: %v", w.generation, err)})
		}
		if changed {
			w.generation++
			w.news = append(w.news, News{Text: fmt.Sprintf("rules generation %d: %v", w.generation, r)})
		}
		w.mu.Unlock()
	}
}
