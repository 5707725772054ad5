package detect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect/view"
)

// TestRules: each builtin rule finds its attacks and leaves its benign texts.
func TestRules(t *testing.T) {
	rules, err := Builtin()
	require.NoError(t, err)
	for i := range rules {
		r := &rules[i]
		if r.File != "rules/crs.rules" {
			assert.NotEmpty(t, r.Attack, "%s:%d: %s has no attack", r.File, r.Line, r.ID)
			assert.NotEmpty(t, r.Benign, "%s:%d: %s has no benign text", r.File, r.Line, r.ID)
		}
		hits := func(text string) bool {
			found := Default().Scan([]byte(text), Options{
				Paranoia: 4, Response: r.Response, Key: r.Target == Keys, Profile: r.profile(),
			}, &Budget{Left: enough}, nil)
			for _, f := range found {
				if f.Rule == r.ID {
					return true
				}
			}
			return false
		}
		for _, text := range r.Attack {
			assert.True(t, hits(text), "%s:%d: %s does not find %q", r.File, r.Line, r.ID, text)
		}
		for _, text := range r.Benign {
			assert.False(t, hits(text), "%s:%d: %s finds %q", r.File, r.Line, r.ID, text)
		}
	}
}

// profile is one where r applies.
func (r *Rule) profile() Profile {
	for p := range numProfiles {
		if r.Profiles.has(p) {
			return p
		}
	}
	return Chat
}

func TestParseRules(t *testing.T) {
	const head = "rule a\n type sqli\n score 5\n"
	rules, err := ParseRules("f", []byte("# c\n\n"+head+" talk 2\n paranoia 3\n name  what it is \n target any\n profile chat api\n"+
		" view sql shell\n event ch*\n path $.a\n direction response\n pattern a b\n pattern \" c\\n\"\n not d\n check luhn\n attack x\n attack y\n benign z\n"))
	require.NoError(t, err)
	require.Equal(t, []Rule{{
		ID: "a", Type: "sqli", Name: "what it is", Score: 5, Talk: 2, Paranoia: 3, Response: true, Target: Values | Keys,
		Profiles: 1<<Chat | 1<<API, Event: "ch*", Path: "$.a", Views: view.SQL | view.Shell, Patterns: []string{"a b", " c\n"}, Not: []string{"d"},
		Check: "luhn", Attack: []string{"x", "y"}, Benign: []string{"z"}, File: "f", Line: 3,
	}}, rules)

	for text, want := range map[string]string{
		"type sqli\n":                                  "f:1: type: stands before the first rule",
		"rule a b\n":                                   `f:1: rule: an id is 1 to 64 letters, digits, "_", "." and "-"`,
		"rule\n":                                       "f:1: rule: no value",
		head + "pattern x\nrule a\n":                   "f:5: rule: a is in line 1 already",
		"rule a\n type sqli\n pattern x\n":             "f:1: score: missing in a",
		"rule a\n score 1\n pattern x\n":               "f:1: type: missing in a",
		head:                                           "f:1: pattern: neither a pattern nor a phrase in a",
		head + "pattern x\nphrase y\n":                 "f:1: pattern: both a pattern and a phrase in a",
		head + "score 4\n":                             "f:4: score: is there twice",
		head + "score 4\npattern x\n":                  "f:4: score: is there twice",
		head + "colour red\n":                          "f:4: colour: no such field",
		head + "pattern (\n":                           "f:4: pattern: error parsing regexp: missing closing ): `(`",
		head + "pattern \"a\n":                         "f:4: pattern: not a text in quotes",
		"rule a\n type SQLi\n":                         "f:2: type: a type is 2 to 32 small letters, digits and _",
		"rule a\n score x\n":                           "f:2: score: is a number from 0 to 100",
		"rule a\n paranoia 5\n":                        "f:2: paranoia: is a number from 1 to 4",
		"rule a\n target all\n":                        "f:2: target: is value, key or any",
		"rule a\n view rot13\n":                        `f:2: view: no view "rot13"`,
		"rule a\n profile sms\n":                       `f:2: profile: "sms" is not chat, api, code or rich_text`,
		"rule a\n direction up\n":                      "f:2: direction: is request or response",
		"rule a\n check sum\n":                         `f:2: check: no check "sum"`,
		head + "pattern " + strings.Repeat("a", 70000): "f:4: pattern: longer than 65536 bytes",
	} {
		_, err := ParseRules("f", []byte(text))
		assert.EqualError(t, err, want, "%.100q", text)
	}
}

// unfiltered is Scan with every rule tried on every reading, of what is not a
// word.
func unfiltered(value []byte, o Options) []Finding {
	if isWord(value) {
		return nil
	}
	sc := scanner{set: Default(), o: o, budget: &Budget{Left: enough}, value: value, all: true}
	return sc.scan()
}

func FuzzScanSound(f *testing.F) {
	addSamples(f)
	rules, err := Builtin()
	require.NoError(f, err)
	for i := range rules {
		for _, text := range rules[i].Attack {
			f.Add(text)
		}
	}
	f.Add("Union")
	f.Add("0updAte 0") // two texts of one anchor, the second with more before it
	Default()          // now, as a run has 10 seconds
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 500 {
			t.Skip("the unfiltered rules would take too long")
		}
		const words = "we walked home along the river after work, and talked about old times "
		for _, o := range []Options{{}, {Response: true}, {Paranoia: 4}, {Paranoia: 4, Key: true}, {Paranoia: 4, Response: true}} {
			texts := []string{s}
			if o.Paranoia == 0 { // long texts of words have an index
				texts = []string{s, words + s, s + " " + words, words + s + " " + words}
			}
			for _, s := range texts {
				require.Equal(t, unfiltered([]byte(s), o), Default().Scan([]byte(s), o, &Budget{Left: enough}, nil), s)
			}
		}
	})
}

func FuzzParseRules(f *testing.F) {
	for _, name := range []string{"own", "crs"} {
		data, err := os.ReadFile(filepath.Join("rules", name+".rules"))
		if err == nil && len(data) < 10000 {
			f.Add(data)
		}
	}
	f.Add([]byte("rule a\ntype sqli\nscore 5\npattern x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := ParseRules("f", data)
		if err == nil && len(rules) < 10 {
			Compile(rules)
		}
	})
}
