// Package detect finds attacks in one decoded value.
package detect

import "unsafe"

// Finding is one detector's hit in one field.
type Finding struct {
	Type  string // Wallarm's attack code: "sqli", "xss", ...
	Rule  string // rule id, CRS's where one exists: "942100"
	Name  string // the rule in words
	Score int
	Start int // the matched span of the value, in bytes
	End   int

	rule *Rule // nil: libinjection
}

// Budget bounds the bytes that costly detectors may read for one message.
// Prefilters are free; a costly detector takes len(value), and something for
// the call, first.
type Budget struct {
	Left      int
	Exhausted bool // some value was not fully inspected
}

// callBytes is what a call of a costly detector costs beyond its bytes.
const callBytes = 32

// take charges a call for n bytes. It reports false, and marks the budget exhausted, when
// they are not left; then nothing later in the message is left either.
func (b *Budget) take(n int) bool { return b.charge(n + callBytes) }

func (b *Budget) charge(n int) bool {
	b.Left -= n
	if b.Left < 0 {
		b.Exhausted = true
		return false
	}
	return true
}

// longestWord is how long a word may be that no rule looks at: longer ones may
// carry something.
const longestWord = 15

// isWord reports whether value is one word of ASCII letters, digits and "_". To
// libinjection it is one SQL token, and no fingerprint has only one; it has
// nothing of HTML.
func isWord(value []byte) bool {
	if len(value) == 0 || len(value) > longestWord || !isASCIILetter(value[0]) {
		return false
	}
	for _, c := range value {
		if !isASCIILetter(c) && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// text is value as a string, valid while value is unchanged: for callees that
// keep nothing of it. libinjection does not: IsSQLi and IsXSS clear their pooled
// state before they return, and a fingerprint is a string of its own.
func text(value []byte) string {
	return unsafe.String(unsafe.SliceData(value), len(value))
}
