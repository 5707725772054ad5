package seclang

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRules(t *testing.T) {
	rules, err := Rules([]byte(`# a comment
SecRuleEngine On
SecRule ARGS|!ARGS:a "@rx a\"b,c" \
    "id:1,\
    phase:2,\
    msg:'a, and \'b\'',\
    t:none,t:lowercase,\
    chain"
    SecRule MATCHED_VARS "!@pm x y" "t:none"
SecRule ARGS_NAMES bare id:2
`))
	require.NoError(t, err)
	require.Equal(t, []Rule{
		{
			Line: 3, Variables: []string{"ARGS", "!ARGS:a"}, Operator: "rx", Argument: `a"b,c`,
			Actions: []Action{{"id", "1"}, {"phase", "2"}, {"msg", "a, and 'b'"}, {"t", "none"}, {"t", "lowercase"}, {"chain", ""}},
			Chain: []Rule{{
				Line: 9, Variables: []string{"MATCHED_VARS"}, Not: true, Operator: "pm", Argument: "x y", Actions: []Action{{"t", "none"}},
			}},
		},
		{Line: 10, Variables: []string{"ARGS_NAMES"}, Operator: "rx", Argument: "bare", Actions: []Action{{"id", "2"}}},
	}, rules)
	require.Equal(t, []string{"none", "lowercase"}, rules[0].All("t"))

	for text, want := range map[string]string{
		"SecRule ARGS":                      "1: SecRule has variables, an operator and actions",
		"\nSecRule ARGS \"a":                "2: no end of the text in quotes",
		`SecRule ARGS a "id:'1"`:            "1: no end of the text in single quotes",
		`SecRule ARGS a \`:                  `1: ends behind a "\"`,
		"SecRule ARGS a chain":              "1: a chain has no end",
		"SecRule ARGS a chain\nSecAction b": "2: a chain is interrupted",
	} {
		_, err := Rules([]byte(text))
		assert.EqualError(t, err, want, "%q", text)
	}
}

func FuzzRules(f *testing.F) {
	f.Add([]byte("SecRule ARGS \"@rx a\" \\\n \"id:1,chain\"\nSecRule B c\n"))
	f.Fuzz(func(t *testing.T, data []byte) { Rules(data) })
}
