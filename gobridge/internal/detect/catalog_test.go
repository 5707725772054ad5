package detect

import (
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
