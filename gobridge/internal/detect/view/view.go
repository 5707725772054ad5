// Package view reads a value as the software behind may read it: with escapes
// resolved, comments removed, quotes joined, and what is encoded within a text
// decoded. Rules look at the value itself and at the views they ask for.
//
// What a format.Walker unfolds is a field of its own and no view: whole values
// in base64, compression, percent-encoding, JSON in a string.
package view

import (
	"bytes"
	"slices"

	"wsi/gobridge/internal/carrier"
)

// Kind is a set of views.
type Kind uint8

const (
	// Decoded is the value with percent-encoding, HTML entities and escapes of
	// JavaScript, JSON and CSS resolved, characters that stand for ASCII as
	// ASCII, and without those that cannot be seen. Line ends stay: comments
	// and headers end there. A value may have several such readings.
	Decoded Kind = 1 << iota
	// SQL is a reading without comments, with strings that are concatenated as
	// one, and blanks as one.
	SQL
	// Shell is a reading without the quotes, escapes and variables that a shell
	// removes from a word.
	Shell
	// Path is a reading with / for \, and without /./ and //.
	Path
	// Embedded is a text that a part of the value carries in base64 or hex. It
	// is to be looked at like a value, and has views itself.
	Embedded
	// Percent is not a view. It asks for Decoded also where percent-encoding is
	// all that is resolved, which a Walker does for values, not for keys.
	Percent
)

// All has every view.
const All = Decoded | SQL | Shell | Path | Embedded

const (
	// maxRounds is how often a value is decoded.
	maxRounds = 4
	// maxDepth is how many embedded texts are followed inside each other.
	maxDepth = 3
	// maxScratch is the scratch memory in bytes that a buffer keeps.
	maxScratch = 64 << 10
)

// Budget bounds the bytes of the views of one message.
type Budget struct {
	Left int
	Over bool // some view was left out
}

// take charges for n bytes. It reports false, and marks the budget, if they are
// not left.
func (b *Budget) take(n int) bool {
	if b.Left < n {
		b.Over = true
		return false
	}
	b.Left -= n
	return true
}

// View is one view of a value.
type View struct {
	Kind Kind
	Text []byte // valid only during the call
	// Start and End are what of the value is viewed: the part that carries an
	// embedded text, all of it for others.
	Start, End int
}

// Span is where Text[start:end] comes from in the value: exact outside of the
// part that the view changed, and all of that part otherwise.
func (v *View) Span(value []byte, start, end int) (int, int) {
	if v.Kind == Embedded {
		return v.Start, v.End
	}
	n := min(len(value), len(v.Text))
	head := 0
	for head < n && value[head] == v.Text[head] {
		head++
	}
	tail := 0
	for tail < n-head && value[len(value)-1-tail] == v.Text[len(v.Text)-1-tail] {
		tail++
	}
	shift := len(value) - len(v.Text)
	first, last := head, len(value)-tail
	if start <= head {
		first = start
	} else if len(v.Text)-start <= tail {
		first = start + shift
	}
	if len(v.Text)-end <= tail {
		last = end + shift
	} else if end <= head {
		last = end
	}
	return first, max(first, last)
}

// Decoder makes views. The zero value is ready. It owns scratch memory: one per
// judge, not safe for concurrent use.
type Decoder struct {
	levels  [maxDepth + 1]level
	depth   int
	carrier carrier.Decoder
}

// level has the buffers of one value.
type level struct {
	plain, escaped, css []byte // the readings
	views               [3][]byte
	other               []byte
	carried             [2][]byte
}

// trim lets go of buffers that grew too large.
func (l *level) trim() {
	for _, b := range [...]*[]byte{
		&l.plain, &l.escaped, &l.css, &l.views[0], &l.views[1], &l.views[2], &l.other, &l.carried[0], &l.carried[1],
	} {
		if cap(*b) > maxScratch {
			*b = nil
		}
	}
}

// Each calls f for the views of value that are in need. A view that equals the
// value, or another of its kind, is left out; an embedded text may come once for
// each reading. f may call Each for an embedded text.
func (d *Decoder) Each(value []byte, need Kind, b *Budget, f func(View)) {
	if d.depth > 0 {
		need |= Percent // no Walker sees what is embedded
	}
	m, sure := mask(value, classes(value))
	if m&(need|Decoded) == 0 || need&^Percent == 0 {
		return
	}
	if d.depth > maxDepth {
		b.Over = true
		return
	}
	c := call{d: d, l: &d.levels[d.depth], value: value, need: need, budget: b, f: f}
	d.depth++
	defer c.end() // f may panic
	c.run(m, sure)
}

// call is one call of Each.
type call struct {
	d      *Decoder
	l      *level
	value  []byte
	need   Kind
	budget *Budget
	f      func(View)
}

func (c *call) end() {
	c.d.depth--
	c.l.trim()
}

func (c *call) run(m Kind, sure bool) {
	plain := c.value
	if m&Decoded != 0 {
		out, did := decode(c.l.plain, c.value, plainText, c.budget)
		c.l.plain = out
		switch {
		case did&walked != 0 && c.need&Percent == 0:
			return // the field that the Walker makes of it has these views
		case did&worth != 0 || did&changed != 0 && sure:
			plain = out
			c.show(Decoded, plain)
		}
	}
	// What a reading resolves may carry something, or break what did.
	if c.need&Embedded != 0 {
		switch {
		case m&Embedded != 0:
			c.embedded(c.value, true)
		case m&Decoded != 0 && hasRun(plain):
			c.embedded(plain, false)
		}
	}
	c.derive(plain, true)
	if bytes.IndexByte(plain, '\\') < 0 {
		return
	}
	c.l.escaped = c.l.escaped[:0]
	if hasScript(plain) {
		c.l.escaped = c.escapes(c.l.escaped, plain, scriptEscapes)
		if len(c.l.escaped) > 0 {
			c.derive(c.l.escaped, false)
		}
	}
	if hasStyle(plain) {
		c.l.css = c.escapes(c.l.css, plain, styleEscapes)
	}
}

// escapes hands out the reading of plain with the escapes of m resolved. It is
// empty if there is none.
func (c *call) escapes(buf, plain []byte, m mode) []byte {
	out, did := decode(buf, plain, m, c.budget)
	if did&worth == 0 || bytes.Equal(out, c.value) || bytes.Equal(out, plain) || bytes.Equal(out, c.l.escaped) {
		return out[:0]
	}
	c.show(Decoded, out)
	if c.need&Embedded != 0 && hasRun(out) {
		c.embedded(out, false)
	}
	return out
}

// show hands a view out, unless nothing is in it.
func (c *call) show(k Kind, text []byte) {
	if c.need&k != 0 && len(text) > 0 {
		c.f(View{Kind: k, Text: text, End: len(c.value)})
	}
}

// derive hands out the views of a reading. What the first reading gave is not
// handed out again.
func (c *call) derive(text []byte, first bool) {
	need := derivable(text) & c.need
	for i, k := range [...]Kind{SQL, Shell, Path} {
		if first {
			c.l.views[i] = c.l.views[i][:0]
		}
		if need&k == 0 {
			continue
		}
		if !c.budget.take(len(text)) {
			return
		}
		buf := &c.l.views[i]
		if !first {
			buf = &c.l.other
		}
		*buf = slices.Grow((*buf)[:0], len(text))
		switch k {
		case SQL:
			*buf = sqlView(*buf, text)
		case Shell:
			*buf = shellView(*buf, text)
		case Path:
			*buf = pathView(*buf, text)
		}
		if bytes.Equal(*buf, text) || bytes.Equal(*buf, c.value) || !first && bytes.Equal(*buf, c.l.views[i]) {
			continue
		}
		c.show(k, *buf)
	}
}
