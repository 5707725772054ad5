package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRates(t *testing.T) {
	parse := func(directives ...string) (*Policy, []Message) {
		var list []Statement
		for _, d := range directives {
			list = append(list, Statement{"wallarm_websocket_rate", strings.Fields(d), "a.conf", 1})
		}
		return Parse(list)
	}
	p, messages := parse("zone=a burst=5", "zone=b delay dry_run")
	require.Empty(t, messages)
	require.False(t, p.Counts, "NGINX counts these by itself")
	p, messages = parse("zone=a burst=5", "zone=b event=chat.*", "zone=c drop_message", "zone=d drop", "zone=e drop_message event=", "zone=f event=*")
	require.Empty(t, messages)
	for i, want := range [][3]bool{{}, {true, false, false}, {}, {}, {false, true, false}, {true, true, false}} {
		for j, name := range []string{"chat.send", ""} {
			require.Equal(t, want[j], p.Rates[i].Of([]byte(name)), "%d %q", i, name)
		}
	}
	require.False(t, p.Rates[1].Of([]byte("Chat.send")))
	require.True(t, p.Rates[1].OfFold([]byte("Chat.send")))
	for i, want := range []bool{false, false, true, false, false, false} {
		require.Equal(t, want, p.Rates[i].Messages, i)
	}
	_, messages = parse("zone=a event=" + strings.Repeat("a", maxSelector+1))
	require.Equal(t, `"wallarm_websocket_rate" directive: a pattern is longer than 256 bytes in a.conf:1`, messages[0].Text)
	_, messages = parse(strings.Split(strings.Repeat("zone=a,", MaxRates)+"zone=a", ",")...)
	require.Equal(t, `"wallarm_websocket_rate" directive: more than 8 of them in a.conf:1`, messages[0].Text)
	p, messages = parse("off")
	require.Empty(t, messages)
	require.Nil(t, p.Rates)
}
