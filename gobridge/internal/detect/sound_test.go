package detect

import (
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/corazawaf/libinjection-go"
	"github.com/stretchr/testify/require"
)

// The module for which the comments on sqliFolder.read and suspect prove what they say.
// Change it, and the digests below, only after checking the proofs again.
const (
	provedVersion = "v0.3.5"
	provedSum     = "h1:Zj2AAAKnaRtoLCXYqmc/wzCVAVXxe81UpF5JblL4WQA="
)

func TestProvedVersion(t *testing.T) {
	const module = "github.com/corazawaf/libinjection-go"
	lines := func(name string) (found []string) {
		data, err := os.ReadFile(filepath.Join("../../..", name))
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "//")
			if line = strings.TrimSpace(line); strings.Contains(line, module+" v") || strings.Contains(line, module+" =>") {
				found = append(found, strings.TrimPrefix(line, "require "))
			}
		}
		return found
	}
	require.Equal(t, []string{module + " " + provedVersion}, lines("go.mod"))
	require.Contains(t, lines("go.sum"), module+" "+provedVersion+" "+provedSum)

	table, err := os.ReadFile("sqli_table.go")
	require.NoError(t, err)
	require.Contains(t, string(table), "from "+module+" "+provedVersion+".", "go generate")
}

// What the proof of sqliFolder.read says of the tables.
func TestSQLiTable(t *testing.T) {
	for line := range strings.Lines(sqliKeywords) {
		name, _, _ := strings.Cut(line, "\t")
		require.Less(t, len(name), maxWord, name)
		require.Equal(t, strings.ToUpper(name), name)
		require.NotZero(t, sqliWords.words[sqliWords.lookup(strings.ToLower(name))].class, name)
	}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if unicode.ToUpper(r) < 0x80 {
			require.Contains(t, "\u0131\u017f", string(r))
		}
	}
}

func TestSQLiUpperNonASCII(t *testing.T) {
	for s, want := range map[string]bool{
		"uſer": true, "unıon": true, "ın": true, "diſtinct": true,
		"ı": false, "kapı": false, "sélect": false, "ın\xc4": false,
		strings.Repeat("ı", 2*maxWord): false,
	} {
		require.Equal(t, want, sqliWords.upperNonASCII(s), s)
	}
}

// randomTexts calls check with n texts put together from fragments: the same
// ones in every run.
func randomTexts(n int, fragments []string, check func(s string)) {
	var (
		r = rand.New(rand.NewPCG(1, 2))
		b strings.Builder
	)
	for range n {
		b.Reset()
		spaced := r.IntN(2) == 0
		for range 1 + r.IntN(10) {
			b.WriteString(fragments[r.IntN(len(fragments))])
			if spaced {
				b.WriteByte(' ')
			}
		}
		check(b.String())
	}
}

func sqliFragments() []string {
	common := strings.Fields(`1 1 a ' ' or and select union ( ) , = + not -- # in user ; @a int - . 'a' f if like sleep where \ "`)
	rare := strings.Fields("23 1.5 0x1f 0x 0b1 1e5 1.e .5 5. 1f 1d; 1fu ;; { } [ ] [a] ? : :: := '' \\' \"\" ` `` `a` `user` `if` " +
		"`notlike` @ @@ @user @@version @`a` $ $$ $1 $a$ $. /* */ /*a*/ /**/ /*! / \\N % * ! !! != < <=> <> >= ~ ^ & && | || " +
		"x'1f' x' b'1' b' e' n' q'(a)' nq'[ u&' N'a' E' é ſelect ın ıs dual exists case from table binary collate latin1_bin " +
		"sp_password null into outfile order group by limit having all distinct database password current_user " +
		"localtimestamp user_id not is between regexp as execute waitfor delay begin declare char sounds similar to create " +
		"replace on _utf8 varchar select. select`a` user.x sys.stragg or.a 12345678901234567890123456789012 " +
		"abcdefghijklmnopqrstuvwxyzabcdef don't it's well O'Neil")
	blanks := []string{"\n", "--\n", "-- ", "\t", "\xa0", "\x00", "\x7f", "  ", "`order by`"}
	fragments := append(rare, blanks...)
	for range 8 {
		fragments = append(fragments, common...)
	}
	return fragments
}

func xssFragments() []string {
	common := strings.Fields(`< > = " ' / a script onclick onerror href src style <a <img`)
	rare := strings.Fields("<! <!-- --> -- -!> <? <% %> </ </a> </script> <![CDATA[ ]]> <!doctype <!DOCTYPE <!doctyp ` [if xml import " +
		"entity <?import <?xml <svg <xsl <svgfoo <xss <iframe <frameset <meta <base x:onclick xlink:href xlink xmlns " +
		"attributename by to from values action filter datasrc onfoo on data: javascript: JaVa vbscript: view-source: " +
		"&#106;ava &#x6a; &#1; & dat é foo 3 <3 : ; - . _ onwebkitcurrentplaybacktargetiswirelesschanged")
	blanks := []string{" ", "\n", "\t", "\v", "\f", "\r", "\x00", "\x01", "\x7f", "\xa0", "\x00on", "hr\x00ef", "sc\x00ript"}
	fragments := append(rare, blanks...)
	for range 5 {
		fragments = append(fragments, common...)
	}
	return fragments
}

// The digests are over libinjection's answers, so that they change with its
// behaviour. A text that it flags and the prefilter skips is a bypass.
func TestPrefilterSound(t *testing.T) {
	tests := []struct {
		name      string
		fragments []string
		digest    uint64
		flags     func(s string) bool
		may       func(s string) bool
	}{
		{"sqli", sqliFragments(), 0x72226986436faef8, libSQLi, mayBeSQLi},
		{"xss", xssFragments(), 0x3916513c0c852256, libinjection.IsXSS, mayBeXSS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const n = 300_000
			digest, flagged, passed := fnv.New64a(), 0, 0
			randomTexts(n, tt.fragments, func(s string) {
				may := tt.may(s)
				if may {
					passed++
				}
				if tt.flags(s) {
					flagged++
					io.WriteString(digest, s)
					if !may {
						t.Fatalf("skipped %q", s)
					}
				}
			})
			t.Logf("%d texts, %d passed on, %d flagged", n, passed, flagged)
			require.Greater(t, flagged, n/50)
			require.Less(t, passed, n/2)
			require.Equal(t, tt.digest, digest.Sum64())
		})
	}
}

// Rules that random texts seldom need.
func TestPrefilterRules(t *testing.T) {
	for _, s := range []string{
		"1fUNION SELECT 1", "1d or 1=1", "1.e or 1.e(1)=1 union select 1", // the end of a number
		"1 collate latin1_bin union select 1", "1' collate a_b union select 1--",
		"1 union select user(a)", "1 union select password(a)", "1 union select @user(1)",
		"'a'::int or 1=1", "@a::int or 1=1",
		"1),(1),(1) union select 1", "1+(1) union select 1", "1,(1) or 1=1", // five tokens fold
		"a)+(a) union select 1", "a+(1) or 1=1 --", "1+(1)or(1)=(1)",
		"1' or q'(a)'='a' -- ", "1 or nq'[a]'=1 -- ", "1 or $$a$$=1 -- ", "1 or $a$a$a$=1 -- ",
		"1 or @'a'=1 -- ", "1 or @`a`=1 -- ", "1 or x'1f'=b'1' -- ", "1 or e'a'=u&'a' -- ",
		`\%1 or 1=1`, `\1 or 1=1`, `\N or 1=1`, "1 or {a 1}=1 -- ", "{``", "1 union select .`a`",
		"1;if(1=1) drop table a -- ", "1 not in (1) or 1=1", "1 like(1) or 1=1",
		"1' --x\n or 1=1 -- ", "1 #\n or 1=1", "1\xa0or \x7f1=1", "1 /*/**/*/ 2",
	} {
		if libSQLi(s) {
			require.True(t, mayBeSQLi(s), "%q", s)
		} else {
			t.Errorf("not flagged: %q", s)
		}
	}
	for _, s := range []string{
		"<a href=\"\x7fjavascript:1\">", "<a href=\"\u00a0\xffjavascript:1\">", "<a href=\"\x00java:\">",
		"on\x00click=1", "onclick\x00=\x001", "<sc\x00ript>", "<\x00script", "onclick\v=\f1", "'onclick=1", "`onclick=1",
		"a/onclick=1", "x onwebkitcurrentplaybacktargetiswirelesschanged=1", "</script/", "</script\t>", "</svgscript ",
		"a<!--[if a", "<!`", "<!x`", "<a><!-- b ` -->", "<!DoCtYpE", "</[if a", "<%import ",
	} {
		if libinjection.IsXSS(s) {
			require.True(t, mayBeXSS(s), "%q", s)
		} else {
			t.Errorf("not flagged: %q", s)
		}
	}
}

func mayBeSQLi(s string) bool {
	flagged, _ := readSQLi(s)
	return flagged
}

func readSQLi(s string) (flagged, sure bool) {
	f := sqliFolder{in: s, has: setOf(s), steps: math.MaxInt}
	flagged = f.read()
	return flagged, !f.unsure
}

func mayBeXSS(s string) bool { return suspect(s, setOf(s)) >= 0 }

func libSQLi(s string) bool {
	hit, _ := libinjection.IsSQLi(s)
	return hit
}

// requireSQLi requires that sqliFolder says of s what libinjection does, if it is
// sure, and reports whether it is.
func requireSQLi(t *testing.T, s string) bool {
	flagged, sure := readSQLi(s)
	if lib := libSQLi(s); flagged != lib && (sure || lib) {
		t.Fatalf("%v, sure %v: %q", flagged, sure, s)
	}
	return sure
}

func TestSQLiExact(t *testing.T) {
	const n = 300_000
	sure := 0
	check := func(s string) {
		if requireSQLi(t, s) {
			sure++
		}
	}
	randomTexts(n, sqliFragments(), check)
	require.Greater(t, sure, n*4/5)
	// Few tokens, as forgiven looks at them.
	few := strings.Fields(`1 a 'a ' " and union # -- --a --ab /* /**/ + into exec null sp_password @a u&'a e'a 'b' "b" "c $$ $a$ q'(a)' nq'aa' @'user' @"a" @`)
	for _, a := range few {
		for _, b := range few {
			for _, c := range few {
				for _, between := range []string{"", " "} {
					check(a + between + b)
					check(a + between + b + between + c)
					check(a + between + b + between + c + "'")
				}
			}
		}
	}
	for _, number := range []string{"1", " 1", "\n\t1", "12345", "0x1f", "x'1f'", "$1", "1.5e3", strings.Repeat("1", 30), strings.Repeat("1", 31), strings.Repeat("1", 40)} {
		for _, between := range []string{"", " ", "-", "/", "a", "\x00", "- "} {
			for _, comment := range []string{"--", "-- ", "--a", "#", "/*", "/**/", "-- abc\n"} {
				check(number + between + comment)
			}
		}
	}
	for _, text := range []string{"1 into outfile", "1 into  dumpfile", "1 into", "1 intox", "--\n a", "1 union", "@a union", "1 --\n", "a --\n2"} {
		check(text)
	}
}

func FuzzSQLiExact(f *testing.F) {
	addSamples(f)
	randomTexts(200, sqliFragments(), func(s string) { f.Add(s) })
	f.Fuzz(func(t *testing.T, s string) {
		requireSQLi(t, s)
	})
}

func FuzzXSSPrefilterSound(f *testing.F) {
	addSamples(f)
	randomTexts(200, xssFragments(), func(s string) { f.Add(s) })
	f.Fuzz(func(t *testing.T, s string) {
		if libinjection.IsXSS(s) && !mayBeXSS(s) {
			t.Fatalf("skipped %q", s)
		}
	})
}

func addSamples(f *testing.F) {
	for _, name := range []string{"sqli/attack", "sqli/benign", "xss/attack", "xss/benign"} {
		for _, s := range samples(f, name) {
			f.Add(s)
		}
	}
}

// samples returns the lines of a file of testdata/detect.
func samples(t testing.TB, name string) []string {
	data, err := os.ReadFile(filepath.Join("../../../testdata/detect", name+".txt"))
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}
