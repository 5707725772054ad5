package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

func parser1(t *testing.T, name string) format.Parsers {
	p, ok := format.Parser(name)
	require.True(t, ok, name)
	return p
}

func TestParserDisable(t *testing.T) {
	p, messages := Parse([]Statement{
		{"wallarm_parser_disable", []string{"base64", "urlenc"}, "a.conf", 1},
		{"wallarm_parser_disable", []string{"xml"}, "a.conf", 2},
	})
	require.Empty(t, messages)
	require.Equal(t, parser1(t, "base64")|parser1(t, "form")|parser1(t, "xml"), p.ParsersOff)
}

func TestParseErrors(t *testing.T) {
	p, messages := Parse([]Statement{
		{"wallarm_parser_disable", []string{"nothing\n"}, "a.conf", 7},
		{"wallarm_other", nil, "b.conf", 8},
		{"wallarm_parser_disable", []string{strings.Repeat("x", 5000)}, "c.conf", 9},
	})
	require.Nil(t, p)
	require.Len(t, messages, 3)
	for _, m := range messages {
		require.False(t, m.Warning)
		require.Less(t, len(m.Text), 1600)
		require.NotContains(t, m.Text, "\n")
	}
	require.Regexp(t, `^"wallarm_parser_disable" directive: unknown parser "nothing\\n", it must be one of .* in a.conf:7$`, messages[0].Text)
	require.Equal(t, `unknown directive "wallarm_other" in b.conf:8`, messages[1].Text)
	require.Regexp(t, ` in c.conf:9$`, messages[2].Text)
}
