package format

import (
	"bytes"

	"wsi/gobridge/internal/carrier"
)

const (
	// minNumbers is the shortest array of numbers that may be bytes.
	minNumbers = 8
	// maxNumbers is how many arrays of a document are read as bytes.
	maxNumbers = 64
)

// numbers visits the arrays of a JSON document whose elements are bytes: what
// Node.js makes of a Buffer, and other serializers of an array of bytes. Where the
// document does not say that they are, they have to be text that is mostly letters,
// or to begin as something compressed.
func (w *Walker) numbers(doc []byte) {
	l := &w.levels[w.nested]
	outer := l.offset
	lazy := l.lazy == lazyJSON
	if lazy { // paths are found anew
		w.unwind(l.base)
		l.synced = 0
		if bytes.HasPrefix(doc, bom) {
			l.synced = len(bom)
		}
	}
	for i, n := 0, 0; n < maxNumbers; {
		next := bytes.IndexByte(doc[i:], '[')
		if next < 0 {
			break
		}
		at := i + next
		i = at + 1
		if first := skipSpace(doc, i); first == len(doc) || doc[first]-'0' > 9 {
			continue
		}
		if w.nested == maxNested {
			break
		}
		into := &w.levels[w.nested+1]
		var ok bool
		into.decoded, i, ok = appendNumbers(into.decoded[:0], doc, i)
		out := into.decoded
		if !ok || !isBuffer(doc[:at]) && (len(out) < minNumbers || !likelyBytes(out)) {
			continue
		}
		n++
		if l.pos = at; !lazy {
			l.offset = at
		}
		if w.Budget.Left <= 0 {
			w.deferred(doc[at:min(i+1, len(doc))])
			continue
		}
		w.Budget.Left -= min(len(out), w.Budget.Left)
		w.enter("bytes", out, false)
		w.payload(out)
		w.pop()
	}
	l.offset = outer
}

// appendNumbers appends the elements of the array whose first is at i, and returns
// where it stopped. ok is false if they are no bytes.
func appendNumbers(out, doc []byte, i int) (_ []byte, end int, ok bool) {
	for {
		i = skipSpace(doc, i)
		n, digits := 0, i
		for i < len(doc) && doc[i]-'0' <= 9 && i-digits < 4 {
			n = 10*n + int(doc[i]-'0')
			i++
		}
		if i == digits || n > 0xFF {
			return out, i, false
		}
		out = append(out, byte(n))
		if i = skipSpace(doc, i); i == len(doc) {
			return out, i, false
		}
		switch doc[i] {
		case ']':
			return out, i, true
		case ',':
			i++
		default:
			return out, i, false
		}
	}
}

// isBuffer reports whether before is what Node.js writes before the bytes of a
// Buffer: {"type":"Buffer","data":
func isBuffer(before []byte) bool {
	before = bytes.TrimRight(before, " \t\r\n:")
	return bytes.HasSuffix(before, []byte(`"data"`)) && bytes.Contains(before[max(0, len(before)-40):], []byte(`"Buffer"`))
}

// likelyBytes reports whether p is rather text than what an application counts.
func likelyBytes(p []byte) bool {
	if kinds, n := carrier.Sniff(p); n > 0 && kinds[0].Magic() {
		return true
	}
	letters := 0
	for _, c := range p {
		switch {
		case c|0x20-'a' < 26 || c == ' ' || c >= 0x80:
			letters++
		case c < ' ' && !isSpace(c):
			return false
		}
	}
	return 3*letters >= len(p)
}
