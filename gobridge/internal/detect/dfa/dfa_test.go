package dfa

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// patterns beside the CRS's, each for something of its own.
var patterns = []string{
	``, `a`, `abc`, `a|b`, `a*`, `a*b`, `(?:a*)*b`, `a+?b`, `[^a]`, `.`, `(?s).`, `...`, `^...$`, `(?s)^...$`,
	`^`, `$`, `^$`, `(?m)^`, `(?m)$`, `(?m)^$`, `\A`, `\z`, `\Aabc`, `abc\z`, `^abc$`, `(?m)^abc$`, `(?m)^a|b$`,
	`\b`, `\B`, `\babc\b`, `\Babc\B`, `\b\B`, `\b(?:^|x)a`, `(?m)$\n^a`, `(?m)(?:^|\b)a`, `a\b.`, `a\B.`, `\b.\b`,
	`(?:^)*a`, `(?:\b)+a`, `(?:^|$|\b|\B)+a`, `^a|\bb|c$`, `a^b`, `a$b`, `(?m)a$.?^b`, `(?sm)a$.^b`,
	`(?i)select`, `(?i)union\s+select`, `(?i)straße`, `(?i)ſ`, `(?i)K`, `[k-s]`, `(?i)[k-s]`, `[^k]`, `(?i)[^k]x`,
	`é`, `[à-ü]`, `[^à-ü]`, `\x{FFFD}`, `[^\x{FFFD}]`, `^[^\x{FFFD}]*$`, `€|₤`, `^€$`, `[\x{800}-\x{FFFF}]`,
	`😀`, `[😀-😂]x`, `^.😀.$`, `\x{10FFFF}`, `[\x{D7FF}-\x{E000}]`, `\pL`, `\p{Greek}+`, `^\PL$`, `[[:^ascii:]]`, `\xff`,
	`a.{3}b`, `^.{2,4}$`, `(?s)a.{0,5}b`, `(a|ab)(c|bcd)(d*)`, `x*y*z*$`, `[a-c]{3,}$`, `(?:a|b)*a(?:a|b){6}$`,
	`a\x00b`, `\x00`, `[^\x00-\x{10FFFF}]`, `a[^\x00-\x{10FFFF}]|b`, `\Q.*\E`, `(?U)a+b`, `(?P<name>a)b`, `.\b$`, `é\b`, `\Bé`,
	`(?m)\n$`, `(?m)^\B`, `\n`, `(?m)a$|^b`, "(?m)$[^\n]", `\w+\W`, `(?i)\w`, `^\d+$`, `^[^b]*b$`, `a[^b]*c`, `(?s)^.*x`,
}

// pieces are what texts of the tests are made of.
var pieces = []string{
	"a", "b", "c", "d", "x", "y", "z", "k", "K", "s", "S", "_", "0", "9", " ", "\n", "\n\n", ".", "abc", "ab", "select", "UNION  ",
	"é", "à", "ü", "ß", "ſ", "\u212a", "€", "₤", "😀", "😁", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\ufffd", "\U00010000", "\U0010ffff", "α", "Ω",
	"\x00", "\x7f", "\x80", "\xbf", "\xc0", "\xc1", "\xc2", "\xc5", "\xe2", "\xe2\x82", "\xe2\x84", "\xe0\x9f\x80", "\xed\xa0\x80", "\xf0", "\xf0\x9f", "\xf0\x9f\x98",
	"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5", "\xff", "\xef\xbf", "\xc3", "\xc3\x28",
}

func text(r *rand.Rand, n int) []byte {
	var b []byte
	for range r.IntN(n + 1) {
		piece := pieces[r.IntN(len(pieces))]
		b = append(b, piece...)
		if r.IntN(8) == 0 { // a run
			b = append(b, strings.Repeat(piece, r.IntN(20))...)
		}
	}
	return b
}

func must(t testing.TB, pattern string, o Options) *Matcher {
	t.Helper()
	m, err := Compile(pattern, o)
	require.NoError(t, err, "%q", pattern)
	return m
}

// agree compares with package regexp all that a matcher says of b.
func agree(t *testing.T, m *Matcher, b []byte) {
	t.Helper()
	re := m.Regexp()
	want := re.FindIndex(b)
	if got := m.Match(b); got != (want != nil) {
		t.Fatalf("%q in %q: Match is %v, regexp says %v", m, b, got, want)
	}
	if len(b) < 100 {
		within(t, m, b)
	}
	start, end := m.Find(b)
	if want == nil {
		want = []int{-1, -1}
	}
	if start != want[0] || end != want[1] {
		t.Fatalf("%q in %q: Find is %d %d, regexp says %v", m, b, start, end, want)
	}
}

// within checks what Within says against End, with every past.
func within(t *testing.T, m *Matcher, b []byte) {
	t.Helper()
	want := m.End(b, 0)
	for past := range b {
		end, next := m.Within(b, 0, past)
		if end < 0 {
			if next <= past {
				t.Fatalf("%q in %q: nothing up to %d, and next is %d", m, b, past, next)
			}
			if next <= len(b) {
				end = m.End(b, next)
			}
		}
		if end != want {
			t.Fatalf("%q in %q: up to %d, then from %d, the end is %d, not %d", m, b, past, next, end, want)
		}
	}
}

func TestMatchAgreesWithRegexp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, pattern := range patterns {
		t.Run(pattern, func(t *testing.T) {
			m := must(t, pattern, Options{})
			small := must(t, pattern, Options{Bytes: 1})
			agree(t, m, nil)
			for _, piece := range pieces {
				agree(t, m, []byte(piece))
			}
			for range 3000 {
				b := text(r, 12)
				agree(t, m, b)
				agree(t, small, b)
			}
		})
	}
}

// TestMatchFrom: what is before is context, and the first end is the first end.
func TestMatchFrom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, pattern := range patterns {
		t.Run(pattern, func(t *testing.T) {
			m := must(t, pattern, Options{})
			var from [5]*regexp.Regexp
			var ends [8]*regexp.Regexp
			for n := range from {
				from[n] = regexp.MustCompile(fmt.Sprintf(`\A(?s:.{%d}.*?)(?:%s)`, n, pattern))
			}
			for n := range ends {
				ends[n] = regexp.MustCompile(fmt.Sprintf(`\A(?s:.*)(?:%s)(?s:.{%d})\z`, pattern, n))
			}
			for range 500 {
				b := text(r, 8)
				runes := utf8.RuneCount(b)
				at := 0
				for n, re := range from {
					if n > runes {
						break
					}
					require.Equal(t, re.Match(b), m.MatchFrom(b, at), "%q from %d", b, at)
					_, size := utf8.DecodeRune(b[at:])
					at += size
				}

				end := m.End(b, 0)
				at = len(b)
				for n := 0; n < len(ends) && n <= runes; n++ {
					if matches := ends[n].Match(b); matches {
						require.GreaterOrEqual(t, at, end, "%q", b)
						require.GreaterOrEqual(t, end, 0, "%q", b)
					} else {
						require.NotEqual(t, at, end, "%q", b)
					}
					_, size := utf8.DecodeLastRune(b[:at])
					at -= size
				}
			}
		})
	}
}

func TestMatchFromOutside(t *testing.T) {
	m := must(t, `a*`, Options{})
	require.False(t, m.MatchFrom([]byte("a"), -1))
	require.False(t, m.MatchFrom([]byte("a"), 2))
	require.True(t, m.MatchFrom([]byte("a"), 1))
	require.Equal(t, -1, m.End([]byte("a"), 2))
}

// TestRuleSetAgreesWithRegexp: the rules of the CRS, on texts that begin to match.
func TestRuleSetAgreesWithRegexp(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, rule := range crs() {
		m := must(t, rule.pattern, Options{Flags: "sm"})
		small := must(t, rule.pattern, Options{Bytes: 4 << 10})
		words := fragments(rule.pattern)
		for range 60 {
			var b []byte
			for range r.IntN(12) {
				if r.IntN(4) == 0 {
					b = append(b, pieces[r.IntN(len(pieces))]...)
				} else {
					b = append(b, words[r.IntN(len(words))]...)
				}
			}
			agree(t, m, b)
			agree(t, small, b)
		}
	}
}

// fragments are pieces of a pattern as texts.
func fragments(pattern string) []string {
	words := regexp.MustCompile(`[a-zA-Z0-9_]+|[^a-zA-Z0-9_\\?+*|()]`).FindAllString(pattern, 400)
	return append(words, " ", "=", "(", ")", "'", "\"", "1")
}

func TestFlags(t *testing.T) {
	require.False(t, must(t, `a.b|c$`, Options{}).Match([]byte("a\nb c\n")))
	require.True(t, must(t, `a.b`, Options{Flags: "s"}).Match([]byte("a\nb")))
	require.True(t, must(t, `x|c$`, Options{Flags: "m"}).Match([]byte("c\n")))
	require.True(t, must(t, `x|abc`, Options{Flags: "i"}).Match([]byte("ABC")))
}

func TestCompileRefuses(t *testing.T) {
	for _, pattern := range []string{`(`, `a**`, `\8`, `(?=a)`, `[b-a]`, `a{1001}`, "\xff"} {
		_, err := Compile(pattern, Options{})
		require.Error(t, err, "%q", pattern)
	}
	_, err := Compile(`a`, Options{Flags: "x"})
	require.Error(t, err)
	_, err = Compile(strings.Repeat(`(?:a{1000}b)`, 70), Options{})
	require.ErrorIs(t, err, ErrTooLarge)
}
