package detect

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// What finds something has an id that an exception may name.
func TestRuleIDs(t *testing.T) {
	ids := RuleIDs()
	require.IsIncreasing(t, ids)
	for _, text := range []string{"<script>alert(1)</script>", "1' or '1'='1' -- ", "$(cat /etc/passwd)"} {
		found := Scan([]byte(text), Options{Paranoia: 4}, &Budget{Left: enough}, nil)
		require.NotEmpty(t, found, text)
		for _, f := range found {
			require.Contains(t, ids, f.Rule)
		}
	}
}

// What finds something has a type that an exception may name, and that the module
// has a place for.
func TestTypes(t *testing.T) {
	rules, err := Builtin()
	require.NoError(t, err)
	for i := range rules {
		require.Contains(t, Types(), rules[i].Type, rules[i].ID)
	}
	source, err := os.ReadFile("../../../module/ngx_http_wallarm_websocket_variables.c")
	require.NoError(t, err)
	list := regexp.MustCompile(`(?s)ngx_http_wallarm_websocket_types\[\] = \{\n    ngx_string\("other"\),\n(.*?)    ngx_null_string`).FindSubmatch(source)
	require.NotNil(t, list)
	var module []string
	for _, m := range regexp.MustCompile(`ngx_string\("(\w+)"\)`).FindAllSubmatch(list[1], -1) {
		module = append(module, string(m[1]))
	}
	require.Equal(t, Types(), module)
}
