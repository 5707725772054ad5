package detect

import "github.com/corazawaf/libinjection-go"

// detectSQLi is libinjection's SQL detector (CRS 942100) behind a prefilter.
// in are the classes of value's bytes.
func detectSQLi(value []byte, in byteSet, b *Budget) (Finding, bool) {
	s := text(value)
	if !maySQLi(s, in) || !flagged(s, b) {
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

// flagged asks libinjection, about the parts of program code.
func flagged(s string, b *Budget) bool {
	for range maxConditionals {
		if !b.take(len(s)) {
			return false
		}
		if hit, _ := libinjection.IsSQLi(s); !hit {
			return false
		}
		condition, rest, ok := conditional(s)
		if !ok {
			return true
		}
		if hit, _ := libinjection.IsSQLi(condition); hit {
			return true
		}
		s = rest
	}
	return true
}

// maySQLi reports whether libinjection.IsSQLi(s) can be true. in are the classes
// of the bytes of s.
//
// Sound for v0.3.5, whose functions are named here. check flags s only if
// blacklist knows the fingerprint of one of the five readings below; what
// notWhitelist then forgives is passed on. sqliFolder computes the fingerprint:
// parse stands for byteParsers and their functions, fold and merge for theirs,
// sqliNext for blacklist. It departs from them in three ways only.
//
//   - A token keeps no text but its word and props. No rule asks for more
//     (toUpperCmp, isUnaryOp, isArithmeticOp, "::", len 0, IF) except COLLATE's,
//     see the next. assign cuts a text at 31 bytes and parseWord looks up none
//     longer; every key is shorter than maxWord.
//   - unsure, answered with true: evil tokens, Oracle's q and $$ strings, quoted
//     variables, COLLATE, words that only Unicode folding makes keywords
//     (searchKeyword uses strings.ToUpper), more than sqliTokenLimit tokens.
//   - fold ends early at two tokens that are dead. No rule changes, drops or
//     moves them. With them as a and b: merge and the rules on functions ask for
//     words that settled excludes, "ss" and "{n" are excluded, and whatever else
//     begins with such an a needs an operator, "(", "," "." or "}" behind it. With
//     b as a: the same, and what is dropped is behind it. Every rule further on
//     leaves pos at 2 or more, and the special cases of five tokens have "o", ","
//     or ")" second. So the fingerprint begins with the two; or it is X, which
//     noEvil excludes. # and -- read later would not change them either, so that
//     the MySQL reading would end alike.
func maySQLi(s string, in byteSet) bool {
	f := sqliFolder{in: s, has: in, steps: sqliTokenLimit}
	return f.listed(0, false) || f.reparse && f.listed(0, true) ||
		in.has('\'') && (f.listed('\'', false) || f.reparse && f.listed('\'', true)) ||
		in.has('"') && f.listed('"', true)
}
