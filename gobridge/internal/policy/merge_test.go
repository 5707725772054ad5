package policy

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The kinds are those that the module's table of directives has.
func TestKinds(t *testing.T) {
	code, err := os.ReadFile("../../../module/ngx_http_wallarm_websocket_module.c")
	require.NoError(t, err)
	names := map[string]Kind{"single": Single, "list": List, "every": Every}
	got := map[string]Kind{}
	entry := regexp.MustCompile(`ngx_string\("(\w+)"\),\s+[A-Z0-9_|]+,\s+ngx_http_wallarm_websocket_statement(?:_file|_file1)?,\s+\w+,\s+0,\s+&ngx_http_wallarm_websocket_(single|list|every) `)
	for _, m := range entry.FindAllStringSubmatch(string(code), -1) {
		got[m[1]] = names[m[2]]
	}
	got["wallarm_websocket_rate"] = List // its setter knows zones, too
	require.Equal(t, Kinds, got)
	for name := range directives {
		require.Contains(t, Kinds, name)
	}
}

func TestMerge(t *testing.T) {
	s := func(name, arg string) Statement { return Statement{Name: name, Args: []string{arg}} }
	outer := []Statement{
		s("wallarm_websocket_paranoia", "1"), s("wallarm_websocket_ignore", "a"), s("wallarm_websocket_profile", "a"), s("wallarm_parser_disable", "a"),
	}
	inner := []Statement{s("wallarm_websocket_paranoia", "2"), s("wallarm_websocket_ignore", "b"), s("wallarm_websocket_profile", "b")}
	require.Equal(t, []Statement{
		s("wallarm_websocket_ignore", "a"), s("wallarm_parser_disable", "a"),
		s("wallarm_websocket_paranoia", "2"), s("wallarm_websocket_ignore", "b"), s("wallarm_websocket_profile", "b"),
	}, Merge(outer, inner))
	require.Equal(t, outer, Merge(outer, nil))
}
