package view

import (
	"bytes"
	"unicode/utf8"

	"wsi/gobridge/internal/carrier"
)

const (
	// minCarrier is the shortest run of digits of base64 or hex that is looked
	// into, in bytes. A word is rarely that long.
	minCarrier = 16
	// minText is the shortest text that one carries.
	minText = 8
	// unwrap is how many carriers may be inside each other.
	unwrap = 4
)

const (
	isRun   = 1 << iota // is in base64, of either alphabet
	isDense             // is a digit or a capital, a quarter of base64 and hex
	slash               // separates the parts of a path
	divider             // is in base64, and separates it from other texts, too
)

var run = func() (t [256]byte) {
	for c := range t {
		b := byte(c)
		if isAlnum(b) || b == '+' || b == '/' || b == '-' || b == '_' {
			t[c] |= isRun
		}
		if isDigit(b) || b >= 'A' && b <= 'Z' {
			t[c] |= isDense
		}
		if b == '+' || b == '/' || b == '-' || b == '_' {
			t[c] |= divider
		}
		if b == '/' {
			t[c] |= slash
		}
	}
	return t
}()

// hasRun reports whether text has a run that is dense enough for a carrier.
func hasRun(text []byte) bool {
	start, end := nextRun(text, 0)
	return start < end
}

// nextRun is the first dense run from i on, empty if there is none. It looks at
// the last byte that a run would have first, as Boyer and Moore do.
func nextRun(text []byte, i int) (start, end int) {
	for i+minCarrier <= len(text) {
		j := i + minCarrier - 1
		for j >= i && run[text[j]] != 0 {
			j--
		}
		if j >= i {
			i = j + 1
			continue
		}
		start = i
		dense := 0
		for i < len(text) && run[text[i]] != 0 {
			if run[text[i]]&isDense != 0 {
				dense++
			}
			i++
		}
		if dense*4 >= i-start {
			return start, i
		}
	}
	return 0, 0
}

// embedded hands out what the runs of text carry. With whole set, one that is
// all of text is left to the Walker.
func (c *call) embedded(text []byte, whole bool) {
	start, end := nextRun(text, 0)
	if whole && c.d.depth == 1 && start < end && (len(bytes.TrimSpace(bytes.Trim(text, "="))) == end-start || isWalked(text)) {
		return // a run that is all of text would be the first
	}
	for ; start < end; start, end = nextRun(text, end) {
		if c.carried(text[start:end], start, end, whole) {
			continue
		}
		// Some of it may be a path, a name or an operator.
		c.parts(text, start, end, whole, slash)
	}
}

// isWalked reports whether the Walker takes text for a token or a data: URL.
func isWalked(text []byte) bool {
	kinds, n := carrier.Sniff(text)
	return n > 0 && (kinds[0] == carrier.JWT || kinds[0] == carrier.DataURL)
}

// parts hands out what the parts of a run carry that dividers separate.
func (c *call) parts(text []byte, start, end int, exact bool, dividers byte) {
	for i := start; i < end; {
		j := i
		for j < end && run[text[j]]&dividers == 0 {
			j++
		}
		if j-i >= minCarrier {
			found := j-i < end-start && c.carried(text[i:j], i, j, exact)
			if !found && dividers == slash {
				c.parts(text, i, j, exact, divider)
			}
		}
		i = j + 1
	}
}

// carried hands out what p carries, and reports whether it does.
func (c *call) carried(p []byte, start, end int, exact bool) bool {
	for _, kind := range [...]carrier.Kind{carrier.Hex, carrier.Base64} {
		if kind == carrier.Hex && !isHex(p) {
			continue
		}
		if !c.budget.take(len(p)) {
			return true
		}
		out, ok := c.undo(0, kind, p)
		if !ok {
			continue
		}
		text := c.innermost(out)
		if text == nil {
			continue
		}
		if !exact {
			start, end = 0, len(c.value)
		}
		c.f(View{Kind: Embedded, Text: text, Start: start, End: end})
		return true
	}
	return false
}

// undo decodes p into one of two buffers.
func (c *call) undo(i int, kind carrier.Kind, p []byte) ([]byte, bool) {
	buf := &c.l.carried[i]
	out, ok, over := c.d.carrier.Decode(kind, (*buf)[:0], p, max(0, c.budget.Left))
	*buf = out
	c.budget.Left -= min(len(out), c.budget.Left)
	c.budget.Over = c.budget.Over || over
	return out, ok
}

// innermost is the text in what a carrier gave, and in what that carries, nil
// if there is none.
func (c *call) innermost(out []byte) []byte {
	var text []byte
	for i := 1; ; i++ {
		isText := isText(out)
		if isText {
			text = out
		}
		if i > unwrap {
			return text
		}
		// The other buffer has what text is in, so that is given up for what is
		// inside of it only if that is text.
		inner, ok := c.inner(i%2, out)
		if !ok || isText && !isTextOrCarrier(inner) {
			return text
		}
		out = inner
		text = nil
	}
}

// inner undoes what out is as a whole. What has no magic number is left alone: an
// identifier may decode as that.
func (c *call) inner(buf int, out []byte) ([]byte, bool) {
	kinds, n := carrier.Sniff(out)
	if more, m := carrier.Guess(out); m > 0 && more[0] == carrier.UTF16 && n < len(kinds) {
		kinds[n] = carrier.UTF16
		n++
	}
	for _, kind := range kinds[:n] {
		switch kind {
		case carrier.Percent, carrier.QuotedPrintable, carrier.LZString:
			continue // views undo the first, and nothing needs the others
		}
		if inner, ok := c.undo(buf, kind, out); ok && isTextOrCarrier(inner) {
			return inner, true
		}
	}
	return nil, false
}

// isTextOrCarrier reports whether p is text, or begins as what holds some.
func isTextOrCarrier(p []byte) bool {
	if isText(p) {
		return true
	}
	kinds, n := carrier.Sniff(p)
	if n > 0 && kinds[0].Magic() {
		return true
	}
	kinds, n = carrier.Guess(p)
	return n > 0 && kinds[0] == carrier.UTF16
}

// isHex reports whether p is hexadecimal digits, behind 0x or not.
func isHex(p []byte) bool {
	if p[0] == '0' && p[1]|0x20 == 'x' {
		p = p[2:]
	}
	if len(p)%2 != 0 || len(p) < minCarrier {
		return false
	}
	for _, c := range p {
		if unhex[c] == 16 {
			return false
		}
	}
	return true
}

// isText reports whether p is printable text, or nearly. What a word decodes to
// is not.
func isText(p []byte) bool {
	const head = 512
	if len(p) < minText {
		return false
	}
	if len(p) > 4 && p[0] == 0xAC && p[1] == 0xED && p[2] == 0 && p[3] == 5 {
		return true // an object of Java, which has text behind its header
	}
	cut := len(p) > head
	p = p[:min(len(p), head)]
	bad := 0
	for i := 0; i < len(p); {
		c, size := p[i], 1
		switch {
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRune(p[i:]); r == utf8.RuneError && size == 1 && !(cut && !utf8.FullRune(p[i:])) {
				bad++
			}
		case c < ' ' && !isBlank(c) || c == 0x7F:
			bad++
		}
		i += size
	}
	return bad*16 <= len(p)
}
