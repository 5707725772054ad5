package detect

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readMap reads files of a test.
func readMap(files map[string]string) ReadFile {
	return func(path string) ([]byte, error) {
		text, ok := files[path]
		if !ok {
			return nil, errors.New(path + ": no such file")
		}
		return []byte(text), nil
	}
}

func user(t *testing.T, name, text string) *Set {
	t.Helper()
	rules, errs := UserRules([]string{name}, readMap(map[string]string{name: text, "/r/words.txt": "# words\nhocus pocus\n\nabracadabra\n"}))
	require.Empty(t, errs)
	set, err := Default().With(rules)
	require.NoError(t, err)
	return set
}

// Users' rules find what they say, beside the builtin ones.
func TestUserRules(t *testing.T) {
	for _, tt := range []struct {
		name, file, rule, text string
		key, want              bool
	}{
		{"block", "/r/a", "rule mine\n type vpatch\n score 5\n pattern ^open sesame$\n", "open sesame", false, true},
		{"block, other text", "/r/a", "rule mine\n type vpatch\n score 5\n pattern ^open sesame$\n", "open sesame!", false, false},
		{"phrase", "/r/a", "rule mine\n type vpatch\n score 5\n phrase sim sala bim\n", "Sim Sala Bim!", false, true},
		{"key", "/r/a", "rule mine\n type vpatch\n score 5\n target key\n pattern ^\\$secret$\n", "$secret", true, true},
		{"key, in a value", "/r/a", "rule mine\n type vpatch\n score 5\n target key\n pattern ^\\$secret$\n", "$secret", false, false},
		{"rx", "/r/a.conf", `SecRule ARGS "@rx ^open\s+sesame$" "id:1000,phase:2,deny"`, "open  sesame", false, true},
		{"bare rx", "/r/a.conf", `SecRule ARGS "^open\s+sesame$" "id:1000"`, "open  sesame", false, true},
		{"encoded", "/r/a.conf", `SecRule ARGS "@rx ^open sesame$" "id:1000,t:none,t:urlDecodeUni"`, "open&#32;sesame", false, true},
		{"rx, case", "/r/a.conf", `SecRule ARGS "@rx ^open sesame$" "id:1000"`, "Open Sesame", false, false},
		{"rx, lowercase", "/r/a.conf", `SecRule ARGS "@rx ^open sesame$" "id:1000,t:lowercase"`, "Open Sesame", false, true},
		{"pm", "/r/a.conf", `SecRule ARGS "@pm hocus pocus" "id:1000"`, "a Pocus!", false, true},
		{"pmFromFile", "/r/a.conf", `SecRule ARGS "@pmFromFile words.txt" "id:1000"`, "HOCUS POCUS", false, true},
		{"pmFromFile, comment", "/r/a.conf", `SecRule ARGS "@pmFromFile words.txt" "id:1000"`, "# words", false, false},
		{"contains", "/r/a.conf", `SecRule ARGS "@contains a.b" "id:1000"`, "xa.bx", false, true},
		{"contains, no pattern", "/r/a.conf", `SecRule ARGS "@contains a.b" "id:1000"`, "xaxbx!", false, false},
		{"streq", "/r/a.conf", `SecRule ARGS "@streq a (b" "id:1000"`, "a (b", false, true},
		{"streq, more", "/r/a.conf", `SecRule ARGS "@streq a (b" "id:1000"`, "a (b\n", false, false},
		{"detectSQLi", "/r/a.conf", `SecRule ARGS "@detectSQLi" "id:1000"`, "1' or '1'='1' -- ", false, true},
		{"detectXSS", "/r/a.conf", `SecRule ARGS "@detectXSS" "id:1000"`, "<script>alert(1)</script>", false, true},
		{"names", "/r/a.conf", `SecRule ARGS_NAMES "@rx ^_" "id:1000"`, "_method", true, true},
		{"both", "/r/a.conf", `SecRule ARGS|ARGS_NAMES "@rx ^_" "id:1000"`, "_method", false, true},
		{"lines", "/r/a", "# c\nSecRule ARGS \\\n  \"@rx ^open \\\nsesame$\" \\\n  \"id:1000,\\\n  msg:'it, opens',\\\n  severity:'WARNING',tag:'attack-rce'\"\n", "open sesame", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := user(t, tt.file, tt.rule)
			found := set.Scan([]byte(tt.text), Options{Key: tt.key}, &Budget{Left: enough}, nil)
			got := false
			for _, f := range found {
				got = got || f.Rule == "mine" || f.Rule == "1000"
				if tt.name == "lines" && f.Rule == "1000" {
					require.Equal(t, Finding{Type: "rce", Rule: "1000", Name: "it, opens", Score: 3, End: len(tt.text), rule: f.rule}, f)
				}
			}
			require.Equal(t, tt.want, got, "%v", found)
			require.NotEmpty(t, set.Scan([]byte("<script>alert(1)</script>"), Options{}, &Budget{Left: enough}, nil))
			require.Subset(t, set.IDs(), RuleIDs())
			require.Len(t, set.IDs(), len(RuleIDs())+1)
		})
	}
}

func TestUserRuleErrors(t *testing.T) {
	const head = "rule a\n type sqli\n score 5\n "
	for text, want := range map[string]string{
		"rule 942100\n type sqli\n score 5\n pattern x\n":                  "/r/f:1: id: 942100 is a builtin rule's",
		"rule 941110\n type sqli\n score 5\n pattern x\n":                  "/r/f:1: id: 941110 is a builtin rule's",
		head + "pattern .*\n":                                              "/r/f:1: pattern: matches the empty text, which is in every value",
		head + "phrase \"\"\n":                                             "/r/f:4: phrase: no value",
		head + "phrase " + strings.Repeat("x", maxPhrases+1) + "\n":        "/r/f:1: phrase: longer than 65536 bytes together",
		head + "pattern (?!x)\n":                                           "/r/f:4: pattern: error parsing regexp: invalid or unsupported Perl syntax: `(?!`",
		strings.Repeat("#", MaxRuleFile+1):                                 "/r/f:1: file: longer than 4194304 bytes",
		`SecAction "id:1"`:                                                 "/r/f:1: SecAction: is not supported, only SecRule is",
		"\nSecRuleEngine On":                                               "/r/f:2: SecRuleEngine: is not supported, only SecRule is",
		`SecRule ARGS`:                                                     "/r/f:1: SecRule: SecRule has variables, an operator and actions",
		`SecRule ARGS "x`:                                                  "/r/f:1: SecRule: no end of the text in quotes",
		`SecRule ARGS "x" "id:1,msg:'a"`:                                   "/r/f:1: SecRule: no end of the text in single quotes",
		`SecRule REQUEST_URI|ARGS "x" "id:1"`:                              `/r/f:1: SecRule: variable "REQUEST_URI" is not supported, only ARGS and ARGS_NAMES are`,
		`SecRule !ARGS:a|ARGS "x" "id:1"`:                                  `/r/f:1: SecRule: variable "!ARGS:a" is not supported, only ARGS and ARGS_NAMES are`,
		`SecRule ARGS "!@rx x" "id:1"`:                                     "/r/f:1: SecRule: a negated operator is not supported",
		`SecRule ARGS "@ge 5" "id:1"`:                                      "/r/f:1: SecRule: operator @ge is not supported, only @rx, @pm, @pmFromFile, @contains, @streq, @detectSQLi and @detectXSS are",
		`SecRule ARGS "x"`:                                                 `/r/f:1: SecRule: needs an "id", a number`,
		`SecRule ARGS "x" "id:a"`:                                          `/r/f:1: SecRule: needs an "id", a number`,
		`SecRule ARGS "x" "id:1,chain"`:                                    `/r/f:1: SecRule: "chain" is not supported`,
		`SecRule ARGS "x" "id:1,pass"`:                                     `/r/f:1: SecRule: "pass" is not supported: a rule adds to a score; see wallarm_websocket_ignore for exceptions`,
		`SecRule ARGS "x" "id:1,ctl:ruleEngine=Off"`:                       `/r/f:1: SecRule: action "ctl" is not supported`,
		`SecRule ARGS "x" "id:1,t:md5"`:                                    "/r/f:1: SecRule: transformation t:md5 is not supported",
		`SecRule ARGS "x" "id:1,severity:BAD"`:                             `/r/f:1: SecRule: unknown severity "BAD"`,
		`SecRule ARGS "x" "id:1,setvar:'tx.a=1'"`:                          `/r/f:1: SecRule: setvar:tx.a=1 is not supported, only adding to a score is, which "severity" says here`,
		`SecRule ARGS "@contains %{tx.1}" "id:1"`:                          "/r/f:1: SecRule: macros such as %{...} are not supported",
		`SecRule ARGS "@pmFromFile none.txt" "id:1"`:                       "/r/f:1: SecRule: /r/none.txt: no such file",
		"SecRule ARGS \"x\" \"id:1\"\n\nSecRule ARGS \"y\" \"id:1\"":       "/r/f:3: SecRule: id 1 is in line 1 already",
		"SecRule ARGS \\\n \"(?=x)\" \\\n \"id:1\"":                        "/r/f:1: SecRule: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
		`SecRule ARGS "@rx x" "id:1,tag:'paranoia-level/7'"`:               `/r/f:1: SecRule: invalid tag "paranoia-level/7"`,
		`SecRule ARGS "x" "id:942100"`:                                     "/r/f:1: id: 942100 is a builtin rule's",
		`SecRule ARGS "x" \`:                                               `/r/f:1: SecRule: ends behind a "\"`,
		"rule a\n type sqli\n score 5\n pattern " + strings.Repeat("(", 1): "/r/f:4: pattern: error parsing regexp: missing closing ): `(`",
	} {
		_, errs := UserRules([]string{"/r/f"}, readMap(map[string]string{"/r/f": text}))
		require.Len(t, errs, 1, "%.100q", text)
		require.EqualError(t, errs[0], want, "%.100q", text)
	}
	// every wrong line of a file is told, and ids are of a location
	_, errs := UserRules([]string{"/r/a", "/r/b"}, readMap(map[string]string{
		"/r/a": "rule x\n type sqli\n score 1\n pattern x\n",
		"/r/b": "\nrule x\n type sqli\n score 1\n pattern x\n",
	}))
	require.EqualError(t, errors.Join(errs...), "/r/b:2: id: x is in /r/a:1 already")
	_, errs = UserRules([]string{"/r/a", "/r/c"}, readMap(map[string]string{"/r/a": strings.Repeat("SecMarker X\n", 50)}))
	require.Len(t, errs, maxErrors+1)

	var many strings.Builder
	for i := range maxUserRules + 1 {
		fmt.Fprintf(&many, "rule r%d\n type sqli\n score 1\n pattern x\n", i)
	}
	_, errs = UserRules([]string{"/r/a"}, readMap(map[string]string{"/r/a": many.String()}))
	require.EqualError(t, errors.Join(errs...), fmt.Sprintf("/r/a:%d: rules: more than 1024 in all files", maxUserRules*4+1))
}

// With changes nothing of the set that it begins with.
func TestWith(t *testing.T) {
	before := len(Default().IDs())
	one := user(t, "/r/a", "rule one\n type vpatch\n score 5\n pattern open sesame\n")
	two := user(t, "/r/a", "rule two\n type vpatch\n score 5\n pattern abracadabra\n")
	require.Len(t, Default().IDs(), before)
	require.NotEmpty(t, one.Scan([]byte("open sesame"), Options{}, &Budget{Left: enough}, nil))
	require.Empty(t, two.Scan([]byte("open sesame"), Options{}, &Budget{Left: enough}, nil))
	require.Empty(t, Default().Scan([]byte("open sesame"), Options{}, &Budget{Left: enough}, nil))
	_, err := one.With([]Rule{{ID: "one", Patterns: []string{"x"}, File: "f", Line: 1}})
	require.EqualError(t, err, "f:1: rule: one is there twice")
}

func TestApplies(t *testing.T) {
	f := Finding{rule: &Rule{Event: "doc.*", Path: "$.html*"}}
	require.True(t, f.Applies("doc.save", "$.html>base64"))
	require.True(t, f.Applies("Doc.SAVE", "$.html"), "as hubs of SignalR find their methods")
	require.False(t, f.Applies("chat", "$.html"))
	require.False(t, f.Applies("doc.save", "$.text"))
	require.True(t, f.Narrow())
	require.True(t, f.ForEvent())
	require.True(t, (&Finding{}).Applies("any", "$"))
}

// FuzzUserRules: whatever a file has, it is rules that compile, or an error with
// file and line.
func FuzzUserRules(f *testing.F) {
	f.Add("/r/a", "rule a\n type sqli\n score 5\n pattern x\n phrase y\n")
	f.Add("/r/a.conf", "SecRule ARGS|ARGS_NAMES \\\n \"@rx (?i)a+\" \\\n \"id:1,msg:'a, b',t:lowercase,severity:'ERROR'\"\n")
	f.Add("/r/a.conf", "SecRule ARGS \"@pmFromFile w\" \"id:1\"\nSecAction \"id:2\"\n")
	f.Add("/r/a", "Sec")
	f.Fuzz(func(t *testing.T, name, text string) {
		if len(text) > 4096 {
			return
		}
		rules, errs := UserRules([]string{name}, func(path string) ([]byte, error) {
			if path == name {
				return []byte(text), nil
			}
			return []byte("some\nwords\n"), nil
		})
		for _, err := range errs {
			var at *ParseError
			require.ErrorAs(t, err, &at)
			require.Positive(t, at.Line)
		}
		if len(errs) > 0 {
			require.Nil(t, rules)
			return
		}
		if len(rules) > 8 {
			return
		}
		set, err := Default().With(rules)
		require.NoError(t, err)
		set.Scan([]byte(text), Options{Paranoia: 4}, &Budget{Left: 1 << 16}, nil)
	})
}
