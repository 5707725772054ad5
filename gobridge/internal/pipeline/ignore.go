package pipeline

import (
	"time"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/verdict"
)

// ignore takes out of t's hits those that an exception is for, and of its
// findings those that have no hit left. A finding with hits that were not kept
// stays: one of them may be no exception.
func (t *task) ignore(p *policy.Policy) (ignored []event.Hit) {
	if p == nil || len(p.Ignores) == 0 {
		return nil
	}
	now := time.Now()
	kept := []event.Hit{}
	for i := range t.hits {
		h := &t.hits[i]
		if p.Ignored(newHit(h), now) {
			ignored = append(ignored, *h)
		} else {
			kept = append(kept, *h)
		}
	}
	if len(ignored) == 0 {
		return nil
	}
	t.findings = verdict.Keep(findingsOf(kept), t.unkept)
	if len(t.unkept) == 0 || len(kept) > 0 {
		t.hits = kept
	}
	return ignored
}

// findingsOf are the findings of hits, as verdict.Keep keeps them. The hits of a
// field follow each other.
func findingsOf(hits []event.Hit) (kept []detect.Finding) {
	var field []detect.Finding
	for i := range hits {
		field = append(field, hits[i].Finding)
		if i+1 == len(hits) || hits[i+1].Path != hits[i].Path {
			kept = verdict.Keep(kept, field)
			field = field[:0]
		}
	}
	return kept
}

func newHits(hits []event.Hit) []policy.Hit {
	list := make([]policy.Hit, len(hits))
	for i := range hits {
		list[i] = *newHit(&hits[i])
	}
	return list
}

func newHit(h *event.Hit) *policy.Hit {
	return &policy.Hit{Rule: h.Rule, Type: h.Type, Event: h.Event, Path: h.Path, Match: h.Match}
}
