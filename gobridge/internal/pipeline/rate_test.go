package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// TestRated: feeding stops behind each message that has an event that is counted,
// and says which bytes these are and whether they may be left out.
func TestRated(t *testing.T) {
	socketIO := Handshake{Target: "/socket.io/?EIO=4&transport=websocket"}
	mqtt := Handshake{Target: "/", Result: handshake.Result{Subprotocol: "mqtt"}}
	type stop struct {
		n     int // bytes of the last message
		rated [policy.MaxRates]uint32
		alone bool
	}
	size := func(m string) int { return len(wstest.Text(m).Bytes()) }
	one := func(i int) (r [policy.MaxRates]uint32) { r[i] = 1; return r }
	chat, other := `42["chat",1]`, `42["other",1]`
	for _, tt := range []struct {
		name, directives string
		handshake        Handshake
		messages         []string
		want             []stop
	}{
		{"none", "rate zone=a", socketIO, []string{chat, chat}, nil},
		{"one name", "rate zone=a event=chat", socketIO, []string{chat, other, "2", chat}, []stop{{size(chat), one(0), true}, {size(chat), one(0), true}}},
		{"which", "rate zone=a\nrate zone=b event=oth* delay\nrate zone=c event=chat", socketIO, []string{chat, other},
			[]stop{{size(chat), one(2), true}, {size(other), one(1), true}}},
		{"not the framework's own", "rate zone=a event=*", socketIO, []string{"40", "2", `43["a"]`, other}, []stop{{size(other), one(0), true}}},
		{"each message", "rate zone=a drop_message", socketIO, []string{"2", other}, []stop{{size("2"), one(0), true}, {size(other), one(0), true}}},
		{"the same again", "rate zone=a event=say", Handshake{Target: "/"}, []string{`{"type":"say","data":1}`, `{"type":"say","data":1}`},
			[]stop{{size(`{"type":"say","data":1}`), one(0), false}, {size(`{"type":"say","data":1}`), one(0), false}}},
		{"several in one", "rate zone=a event=say", Handshake{Target: "/"}, []string{
			`[{"jsonrpc":"2.0","method":"say","params":[]},{"jsonrpc":"2.0","method":"run","params":[]},{"jsonrpc":"2.0","method":"say","params":[]}]`},
			[]stop{{144, [policy.MaxRates]uint32{2}, false}}},
		{"a stream", "rate zone=a event=t", mqtt, []string{"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", "\x30\x04\x00\x01tx\x30\x04\x00\x01t", "y"},
			[]stop{{17, one(0), false}, {size("y"), one(0), false}}},
		{"off", "rate off", socketIO, []string{chat}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, cut := range []int{0, 1, 7} {
				c := config(Block)
				c.Policy = policyOf(t, tt.directives)
				s, _ := newEngine(t).Open(tt.handshake, c)
				var stream []byte
				for _, m := range tt.messages {
					f := wstest.Text(m)
					if tt.handshake.Subprotocol != "" {
						f.Opcode = ws.OpBinary
					}
					stream = append(stream, f.Bytes()...)
				}
				var got []stop
				released := 0
				for len(stream) > 0 {
					part := stream
					if cut > 0 {
						part = stream[:min(cut, len(stream))]
					}
					r := s.Feed(ws.FromClient, part)
					require.Equal(t, Pass, r.Status)
					require.Positive(t, r.Consumed)
					stream = stream[r.Consumed:]
					released += r.Release
					require.GreaterOrEqual(t, r.Release, r.Last)
					if r.Last > 0 {
						got = append(got, stop{r.Last, r.Rated, r.Alone})
					} else {
						require.Zero(t, r.Rated)
					}
				}
				require.Equal(t, tt.want, got)
			}
		})
	}
}

// TestRatedModes: what the server sends is not counted, monitoring does not stop,
// and off the loop it is the verdict that counts.
func TestRatedModes(t *testing.T) {
	const m = `{"type":"say","data":1}`
	three := append(append(wstest.Text(m).Bytes(), wstest.Text(m).Bytes()...), wstest.Text(m).Bytes()...)
	c := config(Monitoring)
	c.Policy = policyOf(t, "rate zone=a event=say")
	s, _ := newEngine(t).Open(Handshake{Target: "/"}, c)
	r := s.Feed(ws.FromClient, three)
	require.Equal(t, len(three), r.Consumed)
	require.EqualValues(t, 3, r.Rated[0])
	require.Zero(t, r.Last)
	r = s.Feed(ws.FromServer, wstest.Frame{Opcode: ws.OpText, Payload: []byte(m)}.Bytes())
	require.Zero(t, r.Rated)

	e, wake := newThreads(t)
	c = config(Block)
	c.Policy = policyOf(t, "rate zone=a event=say")
	s, _ = e.Open(Handshake{Target: "/"}, c)
	big := wstest.Text(fmt.Sprintf(`{"type":"say","data":%q}`, strings.Repeat("hello world ", 5000))).Bytes()
	r = s.Feed(ws.FromClient, append(big, three...))
	require.Equal(t, Pending, r.Status)
	require.Equal(t, len(big), r.Consumed)
	require.Zero(t, r.Rated)
	var v Verdict
	for ok := false; !ok; v, ok = e.Poll() {
		<-wake
	}
	r = v.Result()
	require.Equal(t, Pass, r.Status)
	require.EqualValues(t, 1, r.Rated[0])
	require.Equal(t, len(big), r.Last)
	require.Equal(t, len(big), r.Release)
}

// A message that is counted costs no more allocations than another.
func TestRatedAllocate(t *testing.T) {
	c := config(Block)
	c.Policy = policyOf(t, "rate zone=a event=say")
	s, _ := newEngine(t).Open(Handshake{Target: "/"}, c)
	m := wstest.Text(`{"type":"say","data":{"text":"hello"}}`).Bytes()
	s.Feed(ws.FromClient, m)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if r := s.Feed(ws.FromClient, m); r.Rated[0] != 1 {
			t.Error("not counted")
		}
	}))
}
