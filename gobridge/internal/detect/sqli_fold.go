package detect

import "strings"

//go:generate go run ./gen

// freeSteps are the tokens and blanks of a value that are read at no cost to the
// budget, some 40 us of work. Prose ends after a few, whatever its length.
const freeSteps = 2048

// Properties of a token that folding asks for.
const (
	propUnary = 1 << iota // + - ! ~ !! NOT
	propArith             // * / + - %
	propCast              // ::
	propEmpty             // `` or, at the end of the value, a lone `
	propOpen              // a string without its end
	propLong              // of a comment: more than two bytes
)

// sqliToken is libinjection's token as far as folding looks at it: the class
// and, of the text, its word and properties.
type sqliToken struct {
	class byte
	props uint8
	first byte   // of a comment; of a string the quote before it, 0 if that is only thought to be there
	word  uint16 // in sqliWords, 0 if not there
}

func (t *sqliToken) unary() bool { return t.class == 'o' && t.props&propUnary != 0 }
func (t *sqliToken) arith() bool { return t.class == 'o' && t.props&propArith != 0 }

// has reports whether the token's text is a word with one of flags.
func (t *sqliToken) has(flags uint8) bool { return sqliWords.words[t.word].flags&flags != 0 }

// settled: no folding rule applies to the token because of its text, and its
// class is in none but those on an operator, "," or "." behind it.
func (t *sqliToken) settled() bool {
	switch t.class {
	case 's', '1', ':', '?':
		return true
	case 'n', 'v':
		return !t.has(wordLeft | wordRight | wordCallable)
	}
	return false
}

// dead reports that no rule, at whatever later place it applies, changes a and b
// as the first two tokens, and that nothing listed begins with them.
func dead(a, b *sqliToken) bool {
	if !b.settled() || !a.settled() && a.class != '{' ||
		a.class == 's' && b.class == 's' || a.class == '{' && b.class == 'n' {
		return false
	}
	x, y := sqliSymbol[a.class], sqliSymbol[b.class]
	return x == 0 || y == 0 || sqliNext[sqliNext[1][x-1]][y-1] == 0
}

// operand reports whether a token of this class is n, 1, v or s.
func operand(class byte) bool {
	return class == 'n' || class == '1' || class == 'v' || class == 's'
}

// sqliFolder computes libinjection's fingerprint of in.
type sqliFolder struct {
	in      string
	has     byteSet // the classes of its bytes
	pos     int
	quote   byte // the value is read as if it followed this quote; 0: as is
	mysql   bool // read # and -- as MySQL does
	reparse bool // # or --x was seen: MySQL reads the value differently
	unsure  bool // the value holds what this tokenizer leaves to libinjection
	evil    int8 // whether in can hold an evil token: 0 unknown, 1 yes, -1 no
	steps   int  // tokens and blanks that may still be read
	tokens  int  // read in this reading
	size    int  // of the first of them
	vec     [8]sqliToken
}

// flagged reports whether libinjection flags the value in the given context, or
// that cannot be told.
func (f *sqliFolder) flagged(quote byte, mysql bool) bool {
	f.pos, f.quote, f.mysql, f.reparse, f.tokens = 0, quote, mysql, false, 0
	f.vec = [8]sqliToken{}
	n := f.fold()
	return f.unsure || f.listed(n) && !f.forgiven(n)
}

// listed reports whether the fingerprint, of n tokens, is one of libinjection's.
func (f *sqliFolder) listed(n int) bool {
	if n == 0 {
		return false
	}
	if last := &f.vec[n-1]; n > 2 && last.class == 'n' && last.props&(propEmpty|propOpen) == propEmpty|propOpen {
		last.class = 'c'
	}
	state := uint16(1)
	for i := range n {
		symbol := sqliSymbol[f.vec[i].class]
		if symbol == 0 {
			return false
		}
		state = sqliNext[state][symbol-1]
		if state == 0 {
			return false
		}
	}
	return state >= sqliFinal
}

// forgiven is libinjection's notWhitelist of a fingerprint that is listed: of two
// tokens only 1U, vU, 1c, nc, sc and vc are.
func (f *sqliFolder) forgiven(n int) bool {
	a, b, c := &f.vec[0], &f.vec[1], &f.vec[2]
	if f.vec[n-1].class == 'c' && strings.Contains(f.in, "sp_password") {
		return false
	}
	switch fingerprint := [3]byte{a.class, b.class, c.class}; {
	case n == 2 && b.class == 'U':
		return f.tokens == 2
	case n == 2 && (b.first == '#' || a.class == 'n' && b.first != '/'):
		return true
	case n == 2 && a.class == '1':
		// It looks behind the number, as if that were the beginning of the value.
		rest := f.in[min(f.size, maxWord):]
		return f.tokens == 2 && b.first != '/' &&
			rest[0] > ' ' && !strings.HasPrefix(rest, "--") && !strings.HasPrefix(rest, "/*")
	case n == 2:
		return b.first == '-' && b.props&propLong != 0
	case n > 3:
		return false
	case fingerprint == [3]byte{'s', 'o', 's'}, fingerprint == [3]byte{'s', '&', 's'}:
		return a.first != 0 || c.first != f.quote || c.props&propOpen == 0
	case f.tokens == 3 && (fingerprint == [3]byte{'s', '&', 'n'} || fingerprint == [3]byte{'n', '&', '1'} ||
		a.class == '1' && b.class == '&' && (c.class == '1' || c.class == 'v' || c.class == 's')):
		return true
	}
	return b.class == 'k' && !strings.HasPrefix(sqliWords.words[b.word].name, "INTO ")
}

// sqliSymbol maps a token class to its column of sqliNext plus 1.
var sqliSymbol = newSQLiSymbol()

func newSQLiSymbol() (table [256]uint8) {
	for i := range len(sqliSymbols) {
		c := sqliSymbols[i]
		table[c] = uint8(i + 1)
		if 'A' <= c && c <= 'Z' {
			table[c+'a'-'A'] = uint8(i + 1)
		}
	}
	return table
}

// noEvil reports that no token of the value can become evil, which alone makes a
// fingerprint of its own: /* comments and "{`".
func (f *sqliFolder) noEvil() bool {
	if f.evil == 0 {
		f.evil = -1
		if f.has.has('/') && f.has.has('*') && strings.Contains(f.in, "/*") || f.has.has('`') && f.has.has('{') {
			f.evil = 1
		}
	}
	return f.evil < 0
}

// fold is libinjection's fold, rule by rule in its order. It returns the number
// of tokens of the fingerprint in vec, 0 also if it begins with two tokens that
// no listed fingerprint begins with.
func (f *sqliFolder) fold() int {
	const maxTokens = 5
	var (
		v       = &f.vec
		pos     = 0 // where the next token goes
		left    = 0 // tokens before it are done
		more    = true
		comment sqliToken
	)
	for more {
		more = f.next(&v[0])
		if c := v[0].class; c != 'c' && c != '(' && c != 't' && !v[0].unary() {
			break
		}
	}
	if !more {
		return 0
	}
	pos++

	for {
		if pos >= maxTokens && foldsWhenFull(v) {
			if pos > maxTokens {
				v[1] = v[maxTokens]
				left, pos = 1, 2
			} else {
				left, pos = 0, 1
			}
		}
		if !more || left >= maxTokens {
			left = pos
			break
		}

		for more && pos <= maxTokens && pos-left < 2 {
			more = f.next(&v[pos])
			if more {
				comment = v[pos]
				if comment.class != 'c' {
					pos++
				}
			}
		}
		if pos >= 2 && dead(&v[0], &v[1]) && f.noEvil() {
			return 0
		}
		if pos-left < 2 {
			left = pos
			continue
		}

		a, b := &v[left], &v[left+1]
		switch {
		case a.class == 's' && b.class == 's',
			a.class == ';' && b.class == ';':
			pos--
			continue
		case (a.class == 'o' || a.class == '&') && (b.unary() || b.class == 't'):
			pos--
			left = 0
			continue
		case a.class == '(' && b.unary():
			pos--
			if left > 0 {
				left--
			}
			continue
		case f.merge(a, b):
			pos--
			if left > 0 {
				left--
			}
			continue
		case a.class == ';' && b.class == 'f' && b.has(wordIf):
			b.class = 'T'
			continue
		case (a.class == 'n' || a.class == 'v') && b.class == '(' && a.has(wordCallable):
			a.class = 'f'
			continue
		case a.class == 'k' && a.has(wordIn):
			if b.class == '(' {
				a.class = 'o'
			} else {
				a.class = 'n'
			}
			continue
		case a.class == 'o' && a.has(wordLike):
			if b.class == '(' {
				a.class = 'f'
			}
		case a.class == 't' && (operand(b.class) || b.class == 't' || b.class == '(' || b.class == 'f'):
			*a = *b
			pos--
			left = 0
			continue
		case a.class == '\\':
			if b.arith() {
				a.class = '1'
			} else {
				*a = *b
				pos--
			}
			left = 0
			continue
		case a.class == '(' && b.class == '(',
			a.class == ')' && b.class == ')':
			pos--
			left = 0
			continue
		case a.class == '{' && b.class == 'n':
			if b.props&propEmpty != 0 {
				f.unsure = true
				return 0
			}
			left = 0
			pos -= 2
			continue
		case b.class == '}':
			pos--
			left = 0
			continue
		}

		for more && pos <= maxTokens && pos-left < 3 {
			more = f.next(&v[pos])
			if more {
				comment = v[pos]
				if comment.class != 'c' {
					pos++
				}
			}
		}
		if pos-left < 3 {
			left = pos
			continue
		}

		c := &v[left+2]
		switch {
		case a.class == '1' && b.class == 'o' && c.class == '1',
			a.class == 'o' && b.class != '(' && c.class == 'o',
			a.class == '&' && c.class == '&',
			a.class == 'v' && b.class == 'o' && (c.class == 'v' || c.class == '1' || c.class == 'n'),
			(a.class == 'n' || a.class == '1') && b.class == 'o' && (c.class == '1' || c.class == 'n'),
			operand(a.class) && b.class == 'o' && b.props&propCast != 0 && c.class == 't',
			operand(a.class) && b.class == ',' && operand(c.class),
			a.class == 'n' && b.class == '.' && c.class == 'n':
			pos -= 2
			left = 0
			continue
		case (a.class == 'E' || a.class == 'B' || a.class == ',') && b.unary() && c.class == '(',
			(a.class == 'k' || a.class == 'E' || a.class == 'B') && b.unary() && (operand(c.class) || c.class == 'f'),
			a.class == 'E' && b.class == '.' && c.class == 'n':
			*b = *c
			pos--
			left = 0
			continue
		case a.class == ',' && b.unary() && operand(c.class):
			*b = *c
			left = 0
			pos -= 3
			continue
		case a.class == ',' && b.unary() && c.class == 'f':
			*b = *c
			pos--
			left = 0
			continue
		case a.class == 'f' && b.class == '(' && c.class != ')':
			if a.has(wordUser) {
				a.class = 'n'
			}
		}
		left++
	}

	if left < maxTokens && comment.class == 'c' {
		v[left] = comment
		left++
	}
	return min(left, maxTokens)
}

// foldsWhenFull: the five tokens are an expression that folds away.
func foldsWhenFull(v *[8]sqliToken) bool {
	switch a, b, c, d, e := v[0].class, v[1].class, v[2].class, v[3].class, v[4].class; {
	case a == '1' && (b == 'o' || b == ',') && c == '(' && d == '1' && e == ')',
		a == 'n' && b == 'o' && c == '(' && (d == 'n' || d == '1') && e == ')',
		a == '1' && b == ')' && c == ',' && d == '(' && e == '1',
		a == 'n' && b == ')' && c == 'o' && d == '(' && e == 'n':
		return true
	}
	return false
}

// merge joins two words that are a phrase of the table into a.
func (f *sqliFolder) merge(a, b *sqliToken) bool {
	if !a.has(wordLeft) || !b.has(wordRight) || !mergeable(a.class) || !mergeable(b.class) && b.class != '&' {
		return false
	}
	w := sqliWords.merge(a.word, b.word)
	if w == 0 {
		return false
	}
	*a = sqliToken{class: sqliWords.words[w].class, word: w}
	return true
}

func mergeable(class byte) bool {
	switch class {
	case 'k', 'n', 'o', 'U', 'f', 'E', 'T', 't':
		return true
	}
	return false
}
