package format

import (
	"bytes"
	"unsafe"
)

// Across finds the tags of HTML that stand across the values of a binary document,
// so that none of these shows them: what is between two strings is no text, but
// browsers skip control characters before a URL, and the length of a string may be
// a letter.
type Across struct {
	doc   []byte
	tags  []tag
	visit Visit
}

// tag is doc[start:end].
type tag struct {
	start, end int
	seen       bool // in one value
}

const (
	// maxTag is how long a tag is looked at, in bytes.
	maxTag = 4 << 10
	// maxTags bounds those that are looked for in the values; others are visited.
	maxTags = 64
)

// NewAcross looks for the tags of doc, whose values go to its Visit on their way
// to visit. nil: there are none.
func NewAcross(doc []byte, visit Visit) *Across {
	if nextTag(doc, 0) == len(doc) {
		return nil
	}
	a := new(Across)
	a.find(doc, visit)
	return a
}

func (a *Across) find(doc []byte, visit Visit) {
	a.doc, a.visit, a.tags = doc, visit, a.tags[:0]
	for i := nextTag(doc, 0); i < len(doc); {
		end := i + tagLen(doc[i:min(len(doc), i+maxTag)])
		limit := (end-i)/noisy + 1
		if len(doc) <= maxTag || junk(doc[i:end], limit) < limit { // else it is noise
			a.tags = append(a.tags, tag{start: i, end: end})
		}
		i = nextTag(doc, end)
	}
}

// nextTag is where in doc, from i on, a tag begins, len(doc) if nowhere.
func nextTag(doc []byte, i int) int {
	for i = indexFrom(doc, i, '<'); i+1 < len(doc); i = indexFrom(doc, i+1, '<') {
		if (doc[i+1]|0x20)-'a' <= 'z'-'a' {
			return i
		}
	}
	return len(doc)
}

// Visit passes f on, and notes which tags are in it.
func (a *Across) Visit(f *Field) {
	if start := offsetIn(a.doc, f.Value); start >= 0 && !f.Noise {
		for i := range a.tags[:min(len(a.tags), maxTags)] {
			t := &a.tags[i]
			t.seen = t.seen || t.start >= start && t.end <= start+len(f.Value)
		}
	}
	a.visit(f)
}

// see notes which tags are in one of the marks of doc that are values as they stand.
func (a *Across) see(doc []byte, marks []mark) {
	at := offsetIn(a.doc, doc)
	if at < 0 {
		return
	}
	first, last := marks[0].start, uint32(0)
	for i := len(marks) - 1; i >= 0 && last == 0; i-- {
		last = marks[i].end // 0: no string
	}
	for i := range a.tags[:min(len(a.tags), maxTags)] {
		t := &a.tags[i]
		if t.start < at+int(first) {
			continue
		}
		if t.start >= at+int(last) {
			return
		}
		for _, m := range marks {
			t.seen = t.seen || m.kind&markRare == 0 && at+int(m.start) <= t.start && t.end <= at+int(m.end)
		}
	}
}

// Across visits the tags that were in no value, as parts.
func (w *Walker) Across(a *Across, root Root) {
	if a != nil {
		w.begin(a.doc, root, a.visit)
		w.across(a)
		w.end()
	}
}

func (w *Walker) across(a *Across) {
	l := &w.levels[w.nested]
	offset, cut := l.offset, w.field.Cut
	for _, t := range a.tags {
		if t.seen {
			continue
		}
		l.offset, w.field.Cut = t.start, true
		w.field.Value, w.field.Key = a.doc[t.start:t.end], false
		a.visit(&w.field)
	}
	l.offset, w.field.Cut = offset, cut
}

// watch looks for the tags of doc, unless it is a part of what is watched, and
// returns what was before, for unwatch.
func (w *Walker) watch(doc []byte) watched {
	outer := w.watched
	switch {
	case offsetIn(outer.doc, doc) >= 0:
	case outer.doc != nil: // what a carrier decoded to
		w.watched = watched{doc, NewAcross(doc, w.visit)}
		if a := w.watched.across; a != nil {
			w.visit = a.Visit
		}
	default:
		w.watched.doc = doc
		if w.outermost.find(doc, w.visit); len(w.outermost.tags) > 0 {
			if w.through == nil {
				w.through = w.outermost.Visit
			}
			w.watched.across, w.visit = &w.outermost, w.through
		}
	}
	return outer
}

// unwatch visits what of doc was in no value, if any of it was visited.
func (w *Walker) unwatch(doc []byte, outer watched, some bool) {
	if offsetIn(outer.doc, doc) >= 0 {
		return
	}
	if a := w.watched.across; a != nil {
		if w.visit = a.visit; some {
			w.across(a)
		}
	}
	w.watched = outer
}

// watched is the document whose values are being visited. across is nil where it
// has no tags.
type watched struct {
	doc    []byte
	across *Across
}

// offsetIn is where in doc its part p begins, -1 if it is none.
func offsetIn(doc, p []byte) int {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(p))) - uintptr(unsafe.Pointer(unsafe.SliceData(doc)))
	if len(doc) == 0 || len(p) == 0 || at > uintptr(len(doc)-min(len(p), len(doc))) || len(p) > len(doc) {
		return -1
	}
	return int(at)
}

// tagLen is the length of the tag that p begins with, all of p if it does not
// end.
func tagLen(p []byte) int {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '>':
			return i + 1
		case '=':
			quote := i + 1
			for quote < len(p) && (isSpace(p[quote]) || p[quote] == '\f') {
				quote++
			}
			if quote < len(p) && (p[quote] == '"' || p[quote] == '\'') {
				n := bytes.IndexByte(p[quote+1:], p[quote])
				if n < 0 {
					return len(p)
				}
				i = quote + 1 + n
			}
		}
	}
	return len(p)
}
