package ws

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each violation has a token of its own, a default that it may be given, and a
// place in the set.
func TestViolationTable(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range All() {
		token := v.String()
		require.NotEmpty(t, token, "%d", v)
		require.False(t, seen[token], token)
		seen[token] = true
		require.NotEmpty(t, v.Meaning(), token)
		require.NotEqual(t, Opaque, v.Action(), token)
		if choices := v.Choices(); choices != nil {
			require.Contains(t, choices, v.Action(), token)
		}
		var s Violations
		s.Add(v)
		require.Equal(t, []string{token}, s.Strings())
	}
	require.Less(t, int(numViolations), 64, "a set has 64 bits")
}

func TestActions(t *testing.T) {
	var a Actions
	require.Equal(t, Log, a.Of(FrameClientUnmasked))
	require.NoError(t, a.Parse("frame_client_unmasked", "block"))
	require.Equal(t, Block, a.Of(FrameClientUnmasked))
	require.NoError(t, a.Parse("frame_client_unmasked", "off"))
	require.Equal(t, Off, a.Of(FrameClientUnmasked))
	require.NoError(t, a.Parse("deflate_invalid", "opaque"))
	require.Equal(t, Opaque, a.Of(DeflateInvalid))
	require.Equal(t, Block, a.Of(DeflateTooBig))
	for _, tt := range []struct{ token, action, want string }{
		{"frame_client_unmaskd", "off", `unknown violation "frame_client_unmaskd", did you mean frame_client_unmasked, frame_server_masked, frame_control_rate?`},
		{"utf8", "off", `unknown violation "utf8", did you mean message_utf8_invalid, close_reason_utf8_invalid, event_rate?`},
		{"frame_client_unmasked", "opaque", `invalid action "opaque" of "frame_client_unmasked", it must be off, log, block`},
		{"deflate_invalid", "log", `invalid action "log" of "deflate_invalid", it must be block, opaque`},
		{"format_limit", "log", `the action of "format_limit" cannot be set`},
	} {
		require.EqualError(t, a.Parse(tt.token, tt.action), tt.want)
	}
	require.Equal(t, Off, a.Of(FrameClientUnmasked))
}
