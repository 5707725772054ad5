package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

func TestEvents(t *testing.T) {
	long := strings.Repeat("a", maxName)
	for _, tt := range []struct {
		directives string
		name       string
		want       ws.Violation
	}{
		{"allow chat", "chat", ws.NoViolation},
		{"allow chat", "chat.send", ws.EventUnknown},
		{"allow chat", "Chat", ws.EventUnknown},
		{"allow chat", "", ws.EventUnknown},
		{"allow chat.*", "chat.send", ws.NoViolation},
		{"allow *", "", ws.NoViolation},
		{"allow ", "", ws.NoViolation},
		{`allow \*`, "chat", ws.EventUnknown},
		{"allow a b", "b", ws.NoViolation},
		{"allow a;allow b", "b", ws.NoViolation},
		{"allow chat.*;deny chat.delete", "chat.delete", ws.EventDenied},
		{"deny chat.delete;allow chat.*", "chat.delete", ws.EventDenied},
		{"deny chat.delete", "chat.send", ws.NoViolation},
		{"deny chat.delete", "", ws.NoViolation},
		{"deny *", "", ws.EventDenied},
		{"deny other", long, ws.EventUnknown},
		{"allow a*", long, ws.EventUnknown},
		{"allow *", long, ws.NoViolation},
		{"allow a*;deny a*", long, ws.EventDenied},
		{"allow from=client chat", "other", ws.EventUnknown},
		{"allow from=server chat", "other", ws.NoViolation},
	} {
		t.Run(tt.directives+" "+tt.name[:min(len(tt.name), 20)], func(t *testing.T) {
			var list []Statement
			for _, d := range strings.Split(tt.directives, ";") {
				list = append(list, Statement{"wallarm_websocket_event", strings.Split(d, " "), "a.conf", 1})
			}
			p, messages := Parse(list)
			require.Empty(t, messages)
			require.Equal(t, tt.want, p.Events[ws.FromClient].Judge([]byte(tt.name)))
		})
	}
}

func TestEventMessages(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"accept chat", `invalid parameter "accept", it must be allow or deny`},
		{"allow from=backend chat", `invalid parameter "from=backend", it must be from=client or from=server`},
		{"deny from=server", "needs a pattern"},
		{"allow chat.* from=server", `"from=server" has to stand before the patterns`},
		{"allow " + strings.Repeat("a", maxSelector+1), "a pattern is longer than 256 bytes"},
	} {
		p, messages := Parse([]Statement{{"wallarm_websocket_event", strings.Fields(tt.args), "a.conf", 1}})
		require.Nil(t, p)
		require.Equal(t, []Message{{false, fmt.Sprintf(`"wallarm_websocket_event" directive: %s in a.conf:1`, tt.want)}}, messages)
	}
}

// Judging a name allocates nothing.
func TestEventsAllocate(t *testing.T) {
	p, _ := Parse([]Statement{{"wallarm_websocket_event", []string{"allow", "x", strings.Repeat("chat", 10) + "*"}, "a.conf", 1}})
	name := []byte(strings.Repeat("chat", 20))
	require.Zero(t, testing.AllocsPerRun(10, func() { p.Events[ws.FromClient].Judge(name) }))
}
