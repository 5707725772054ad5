package format

import (
	"slices"

	"wsi/gobridge/internal/carrier"
)

// carriers visits what value carries: base64 and the like. guess says that
// value is binary and nothing else is known of it.
func (w *Walker) carriers(value []byte, guess bool) {
	kinds, n := carrier.Sniff(value)
	if n == 0 && len(value) > 0 && value[0] == 0 {
		// A binary value of WAMP in JSON.
		value = value[1:]
		kinds, n = carrier.Sniff(value)
	}
	for _, kind := range kinds[:n] {
		if guess && (kind == carrier.Percent || kind == carrier.QuotedPrintable) {
			continue // noise has two in 64 KiB; its runs are looked into
		}
		if w.carried(kind, value) && kind.Magic() {
			return
		}
	}
	if guess {
		w.guess(value, kinds[:n])
	} else {
		w.tokens(value)
	}
}

// maxTokens is how many pieces of base64 are looked for in a text.
const maxTokens = 16

// tokens visits what base64 inside of a text carries: behind a word or a digit, in
// the lines of a mail.
func (w *Walker) tokens(text []byte) {
	l := &w.levels[w.nested]
	outer := l.offset
	for n, end := 0, 0; n < maxTokens; n++ {
		var start int
		if start, end = carrier.Token(text, end); start == end || end == len(text) && (start == 0 || start == 1 && text[0] == 0) {
			break // nothing, or all of it, which was decoded
		}
		l.offset = start
		w.carried(carrier.Base64, text[start:end])
	}
	l.offset = outer
}

// guess visits what value carries without a magic number, but as done.
func (w *Walker) guess(value []byte, done []carrier.Kind) {
	kinds, n := carrier.Guess(value)
	for _, kind := range kinds[:n] {
		if !slices.Contains(done, kind) {
			w.carried(kind, value)
		}
	}
}

// maxStreams is how many places of a payload are tried where a compressed stream
// may begin.
const maxStreams = 8

// streams visits what is compressed behind a head of p's own: a type, a length, a
// flag. What has no magic number is found where the head tells its length.
func (w *Walker) streams(p []byte) {
	l := &w.levels[w.nested]
	outer := l.offset
	for i, n := 1, 0; n < maxStreams; n++ {
		kind, at := carrier.Embedded(p, i)
		if kind == carrier.None {
			break
		}
		l.offset = at
		w.carried(kind, p[at:])
		i = at + 1
	}
	if at := carrier.Framed(p); at > 0 {
		l.offset = at
		w.guess(p[at:], nil)
	}
	l.offset = outer
}

// failure is how much dearer a byte is that a carrier decoded to than one that
// it could not decode.
const failure = 8

// carried visits what value carries as kind, and reports whether it does.
func (w *Walker) carried(kind carrier.Kind, value []byte) bool { return w.carry(kind, value, false) }

// carry is carried. declared says that the sender says so: what was decoded is
// visited whatever it is.
func (w *Walker) carry(kind carrier.Kind, value []byte, declared bool) bool {
	if w.Off&(1<<kind) != 0 {
		return false
	}
	if w.nested == maxNested {
		// Only what is something is cut off: an id may look like base64.
		_, ok, _ := w.carrier.Decode(kind, nil, value, minRun)
		if ok {
			w.limit()
		}
		return ok
	}
	if w.Budget.Left <= 0 {
		return w.deferred(value)
	}
	l := &w.levels[w.nested+1]
	var out []byte
	var ok, over bool
	if declared {
		out, ok, over = w.carrier.Declared(kind, l.decoded[:0], value, w.Budget.Left)
	} else {
		out, ok, over = w.carrier.Decode(kind, l.decoded[:0], value, w.Budget.Left)
	}
	l.decoded = out
	if !ok {
		w.Budget.Left -= len(value) / failure
		return false
	}
	if over {
		if w.Budget.Left = 0; w.deferred(value) {
			return true
		}
	}
	w.Budget.Left -= min(len(out), w.Budget.Left)
	w.enter(kind.String(), out, false)
	w.payload(out)
	w.pop()
	return true
}

// deferred gives value to Budget.Defer, and reports whether there is one. If not,
// value is not looked into, or not as a whole.
func (w *Walker) deferred(value []byte) bool {
	if w.Budget.Defer == nil {
		w.limit()
		return false
	}
	w.field.Value, w.field.Key = value, false
	w.Budget.Defer(&w.field)
	return true
}
