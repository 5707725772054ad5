package detect

import (
	"math"

	"github.com/corazawaf/libinjection-go"
)

// detectSQLi is libinjection's SQL detector (CRS 942100). in are the classes of
// value's bytes.
func detectSQLi(value []byte, in byteSet, b *Budget) (Finding, bool) {
	s := text(value)
	if !isSQLi(s, in, b) || !beyondHeads(s, b) {
		return Finding{}, false
	}
	return Finding{
		Type:  "sqli",
		Rule:  "942100",
		Name:  "SQL injection attack detected via libinjection",
		Score: 5,
		End:   len(s),
	}, true
}

// beyondHeads reports whether s, which is flagged, is so but for the heads of
// program code in it.
func beyondHeads(s string, b *Budget) bool {
	for range maxConditionals {
		condition, rest, ok := conditional(s)
		if !ok {
			return true
		}
		if !b.take(len(s)) {
			return false
		}
		if isSQLi(condition, setOf(condition), b) {
			return true
		}
		if s = rest; !isSQLi(s, setOf(s), b) {
			return false
		}
	}
	return true
}

// isSQLi is libinjection.IsSQLi, which is asked where sqliFolder cannot tell. in are
// the classes of the bytes of s.
func isSQLi(s string, in byteSet, b *Budget) bool {
	f := sqliFolder{in: s, has: in, steps: freeSteps}
	flagged := f.read()
	if !f.unsure {
		return flagged
	}
	if !b.take(len(s)) {
		return false
	}
	if f.steps < 0 {
		f = sqliFolder{in: s, has: in, steps: math.MaxInt}
		if flagged = f.read(); !f.unsure {
			return flagged
		}
	}
	flagged, _ = libinjection.IsSQLi(s)
	return flagged
}

// read reports whether libinjection.IsSQLi says that the value is SQL; if it is
// unsure, that can be.
//
// Exact for v0.3.5, whose functions are named here. check flags s if blacklist
// knows the fingerprint of one of the five readings below, and notWhitelist does
// not forgive it. sqliFolder computes the fingerprint: parse stands for
// byteParsers and their functions, fold and merge for theirs, sqliNext for
// blacklist, forgiven for notWhitelist. It departs from them in three ways only.
//
//   - A token keeps no text but its word, props and first. No rule asks for more
//     (toUpperCmp, isUnaryOp, isArithmeticOp, "::", len 0, IF, strOpen, strClose)
//     except COLLATE's, see the next. assign cuts a text at 31 bytes and parseWord
//     looks up none longer; every key is shorter than maxWord.
//   - unsure, answered with true: evil tokens, COLLATE, words that only Unicode
//     folding makes keywords (searchKeyword uses strings.ToUpper), and more tokens
//     than steps.
//   - fold ends early at two tokens that are dead. No rule changes, drops or
//     moves them. With them as a and b: merge and the rules on functions ask for
//     words that settled excludes, "ss" and "{n" are excluded, and whatever else
//     begins with such an a needs an operator, "(", "," "." or "}" behind it. With
//     b as a: the same, and what is dropped is behind it. Every rule further on
//     leaves pos at 2 or more, and the special cases of five tokens have "o", ","
//     or ")" second. So the fingerprint begins with the two; or it is X, which
//     noEvil excludes. # and -- read later would not change them either, so that
//     the MySQL reading would end alike.
func (f *sqliFolder) read() (flagged bool) {
	return f.flagged(0, false) || f.reparse && f.flagged(0, true) ||
		f.has.has('\'') && (f.flagged('\'', false) || f.reparse && f.flagged('\'', true)) ||
		f.has.has('"') && f.flagged('"', true)
}
