package pipeline

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// TestViolations: what each broken rule is called and does, by action and mode.
func TestViolations(t *testing.T) {
	sampled := map[ws.Violation]bool{}
	for _, sample := range wstest.Samples() {
		v := sample.Violation
		sampled[v] = true
		for _, action := range v.Choices() {
			t.Run(v.String()+" "+sample.Name+" "+action.String(), func(t *testing.T) {
				// twice: each is logged once
				stream := slices.Concat(sample.Bytes, sample.Bytes)
				for _, mode := range []Mode{Block, Monitoring, Off} {
					for name, parts := range cuts(stream) {
						e, c := newEngine(t), config(mode)
						e.now = func() time.Time { return time.Unix(1, 0) }
						c.Limits = both(sample.Limits)
						c.Policy = new(policy.Policy)
						c.Policy.Violations.Set(v, action)
						s, _ := e.Open(deflated, c)
						p := &relay{t: t, s: s, from: sample.From}
						for _, part := range parts {
							p.write(part)
						}
						switch {
						case mode == Off:
							require.Equal(t, Pass, p.status)
						case mode == Block && action == ws.Block:
							require.Equal(t, Drop, p.status, name)
							require.Equal(t, v.CloseCode(), p.code, name)
							require.NotContains(t, string(p.out), string(sample.Bytes[len(sample.Bytes)-2:]), name)
						case v.Desync() && !(v == ws.MessageTooBig && mode == Monitoring):
							require.Equal(t, Opaque, p.status, name)
							require.Positive(t, p.uninspected)
							require.Len(t, p.out, len(stream), name)
						default:
							require.Equal(t, Pass, p.status, name)
							require.Len(t, p.out, len(stream), name)
						}
						if mode == Off || action == ws.Off {
							require.Empty(t, p.events, name)
							continue
						}
						require.Equal(t, []string{v.String()}, p.events, name)
						require.True(t, s.Violations().Has(v), name)
					}
				}
			})
		}
	}
	for _, v := range ws.All() {
		switch name := v.String(); {
		case strings.HasPrefix(name, "handshake_"): // TestHandshake
		case v == ws.MessageAssemblyTimeout, v == ws.MemoryExhausted: // TestExpire
		case v == ws.MessageRate, v == ws.EventRate, v == ws.ConnectionTooOld: // TestRaise
		case v == ws.ProcessTimeLimit, v == ws.FormatLimit, v == ws.BodyUndecodable: // not of frames
		case v == ws.EventDenied, v == ws.EventUnknown: // TestEvents
		case v == ws.SchemaViolation, v == ws.SchemaUnreadable: // TestSchemas
		default:
			require.True(t, sampled[v], "no sample of %s", name)
		}
	}
}

// TestRaise: what only the caller sees has the outcome of any violation, and is
// logged once, also behind a drop.
func TestRaise(t *testing.T) {
	for _, mode := range []Mode{Off, Monitoring, Block} {
		for _, action := range []ws.Action{ws.Off, ws.Log, ws.Block} {
			c := config(mode)
			c.Policy = &policy.Policy{}
			require.NoError(t, c.Policy.Violations.Parse("message_rate", action.String()))
			s := open(newEngine(t), c)
			r, blocks := s.Raise(ws.FromClient, Raised{Violation: ws.MessageRate})
			require.Equal(t, mode == Block && action == ws.Block, blocks)
			logged := 0
			if mode != Off && action != ws.Off {
				logged = 1
			}
			require.Equal(t, logged, r.Events)
			want := Pass
			if blocks {
				want = Drop
				require.Equal(t, ws.ClosePolicyViolation, r.CloseCode)
			}
			require.Equal(t, want, r.Status)
			again, stillBlocks := s.Raise(ws.FromClient, Raised{Violation: ws.MessageRate})
			require.Equal(t, blocks, stillBlocks)
			require.Equal(t, logged, again.Events)
			if mode == Block {
				other, blocks := s.Raise(ws.FromClient, Raised{Violation: ws.HandshakeBanned})
				require.True(t, blocks)
				require.Equal(t, logged+1, other.Events)
			}
		}
	}
}

// TestRaiseMessage: the caller drops a message only, as often as it wants, and
// says what is not allowed.
func TestRaiseMessage(t *testing.T) {
	s := open(newEngine(t), config(Block))
	for range 2 {
		r, blocks := s.Raise(ws.FromClient, Raised{Violation: ws.EventRate, Value: "chat.*", Message: true})
		require.True(t, blocks)
		require.Equal(t, Pass, r.Status)
		require.Equal(t, 1, r.Events)
	}
	require.True(t, s.rare.events[0].violation.Message)
	require.Equal(t, "chat.*", s.rare.events[0].violation.Value)
	r, blocks := s.Raise(ws.FromClient, Raised{Violation: ws.ConnectionTooOld, CloseCode: ws.CloseTryAgainLater})
	require.True(t, blocks)
	require.Equal(t, Drop, r.Status)
	require.Equal(t, ws.CloseTryAgainLater, r.CloseCode)
	require.Equal(t, ws.CloseTryAgainLater, s.rare.events[1].violation.CloseCode)
}

// TestPace: a rate holds for any second, and what was not used is not saved up
// for longer.
func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	count := func(n int) (taken int) {
		for range n {
			if p.take(now, 10) {
				taken++
			}
		}
		return taken
	}
	require.Equal(t, 10, count(20))
	now = now.Add(99 * time.Millisecond)
	require.Equal(t, 0, count(1))
	now = now.Add(time.Millisecond)
	require.Equal(t, 1, count(5))
	for range 100 { // what comes often is not denied what came in between
		now = now.Add(500 * time.Microsecond)
		count(1)
	}
	now = now.Add(50 * time.Millisecond)
	require.Equal(t, 1, count(5))
	now = now.Add(time.Hour)
	require.Equal(t, 10, count(20))
}

// TestLimitsByDirection: a limit of one direction is none of the other.
func TestLimitsByDirection(t *testing.T) {
	c := config(Block)
	c.Limits[ws.FromServer] = ws.Limits{MaxMessage: 10, MaxInflated: 10, MaxFrame: 5, MaxFragments: 1, MaxControlRate: 1, Only: ws.OpBinary}
	s := open(newEngine(t), c)
	p := &relay{t: t, s: s, from: ws.FromClient}
	p.write(wstest.Stream(wstest.Text("more than ten bytes"), wstest.Frame{Opcode: ws.OpPing}, wstest.Frame{Opcode: ws.OpPing}))
	require.Equal(t, Pass, p.status)
	require.Equal(t, string(p.in), string(p.out))
	p = &relay{t: t, s: s, from: ws.FromServer}
	p.write(wstest.Frame{Opcode: ws.OpBinary, Payload: []byte("six by")}.Bytes())
	require.Equal(t, Drop, p.status)
	require.Equal(t, []string{"frame_too_big"}, p.events)
}

// TestRatio: short messages may inflate to any times their size.
func TestRatio(t *testing.T) {
	c := config(Block)
	for i := range c.Limits {
		c.Limits[i].MaxRatio = 2
	}
	s, _ := newEngine(t).Open(deflated, c)
	p := &relay{t: t, s: s, from: ws.FromClient}
	d := newDeflator()
	p.write(d.frame(strings.Repeat("a", ws.RatioFloor)))
	require.Equal(t, Pass, p.status)
	p.write(d.frame(strings.Repeat("b", ws.RatioFloor+1)))
	require.Equal(t, Drop, p.status)
	require.Equal(t, ws.CloseMessageTooBig, p.code)
	require.Equal(t, []string{"deflate_ratio"}, p.events)
}

// TestRatioMonitoring: what inflates too steeply is judged to its end all the same,
// and later messages may refer to it.
func TestRatioMonitoring(t *testing.T) {
	c := config(Monitoring)
	for i := range c.Limits {
		c.Limits[i].MaxRatio = 2
	}
	s, _ := newEngine(t).Open(deflated, c)
	p := &relay{t: t, s: s, from: ws.FromClient}
	d := newDeflator()
	steep := `42["chat","` + strings.Repeat("a", ws.RatioFloor) + `<script>alert(1)</script>"]`
	p.write(d.frame(steep))
	p.write(d.frame(steep))
	require.Equal(t, Pass, p.status)
	require.Equal(t, []string{"deflate_ratio", "xss", "xss"}, p.events)
	require.Zero(t, p.uninspected)
}

// TestTooBig: in monitoring mode a message that is too big is passed and
// counted, and the messages behind it are judged.
func TestTooBig(t *testing.T) {
	for name, threads := range map[string]bool{"loop": false, "busy": true} {
		t.Run(name, func(t *testing.T) {
			e, wake := newEngine(t), make(chan struct{})
			if threads {
				e, wake = newThreads(t)
			}
			c := config(Monitoring)
			c.Limits = both(ws.Limits{MaxMessage: 50000, MaxInflated: 16 << 20})
			s := open(e, c)
			records := collect(s)
			went := hold(s, ws.FromClient)
			p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
			if threads {
				p.write(wstest.Text(prose(40000)).Bytes())
			} else {
				close(went)
				p.write(wstest.Text(prose(400)).Bytes())
			}
			big := wstest.Text(prose(40000))
			big.More = true
			rest := big
			rest.Opcode, rest.More = ws.OpContinuation, false
			ping := wstest.Frame{Opcode: ws.OpPing, Mask: big.Mask}
			p.write(wstest.Stream(big, ping, rest))
			require.Equal(t, 1, p.uninspected)
			require.Equal(t, []string{"message_too_big"}, p.events)
			p.write(wstest.Text(xss).Bytes())
			p.write(wstest.Stream(big, rest, wstest.Text(xss)))
			if threads {
				close(went)
			}
			for s.jobs > 0 {
				p.poll()
			}
			require.Equal(t, 2, p.uninspected)
			require.Equal(t, []string{"message_too_big", "xss", "xss"}, p.events)
			require.Equal(t, 5, p.messages)
			var numbers []uint64
			for _, r := range *records {
				numbers = append(numbers, r.N)
			}
			require.Equal(t, []uint64{0, 2, 4}, numbers)
			require.Equal(t, string(p.in), string(p.out))
		})
	}
}

// TestHandshake: what a broken handshake leads to.
func TestHandshake(t *testing.T) {
	violations := func(all ...ws.Violation) (set ws.Violations) {
		for _, v := range all {
			set.Add(v)
		}
		return set
	}
	for _, test := range []struct {
		name       string
		violations ws.Violations
		block      Status
		monitoring Status
	}{
		{"fine", 0, Pass, Pass},
		{"subprotocol", violations(ws.HandshakeSubprotocolNotOffered), Drop, Pass},
		{"accept", violations(ws.HandshakeAcceptMismatch), Drop, Pass},
		{"extension", violations(ws.HandshakeExtensionUnknown), Drop, Opaque},
		{"accept and extension", violations(ws.HandshakeAcceptMismatch, ws.HandshakeExtensionUnknown), Drop, Opaque},
		{"upgrade and extension", violations(ws.HandshakeUpgradeNotWebSocket, ws.HandshakeExtensionUnknown), Drop, Opaque},
	} {
		t.Run(test.name, func(t *testing.T) {
			for mode, want := range map[Mode]Status{Block: test.block, Monitoring: test.monitoring} {
				s, r := newEngine(t).Open(Handshake{Result: handshake.Result{Violations: test.violations}}, config(mode))
				require.Equal(t, want, r.Status)
				p := &relay{t: t, s: s}
				p.fetch(r.Events)
				require.ElementsMatch(t, test.violations.Strings(), append([]string{}, p.events...))
				if want == Opaque {
					for _, from := range directions {
						require.Equal(t, Opaque, s.Feed(from, wstest.Text("hello").Bytes()).Status)
					}
				}
			}
		})
	}
}

// TestConfig: sessions share what they have in common.
func TestConfig(t *testing.T) {
	e := newEngine(t)
	a, b := open(e, config(Block)), open(e, config(Block))
	require.Same(t, a.config, b.config)
	require.NotSame(t, a.config, open(e, config(Monitoring)).config)
}

// TestNoTakeover: where no message refers to an earlier one, one that cannot
// be inflated does not end the inspection.
func TestNoTakeover(t *testing.T) {
	h := deflated
	h.Deflate = &ws.Deflate{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	c := config(Monitoring)
	c.Limits = both(ws.Limits{MaxMessage: 4000, MaxInflated: 8000})
	big := wstest.Text(strings.Repeat("a", 4001))
	big.RSV = 4
	for name, broken := range map[string][]byte{
		"bomb":    newDeflator().frame(strings.Repeat("a", 1<<16)),
		"invalid": wstest.Frame{RSV: 4, Opcode: ws.OpText, Mask: &[4]byte{}, Payload: []byte("\x07\xff\xff")}.Bytes(),
		"too big": big.Bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newEngine(t).Open(h, c)
			p := &relay{t: t, s: s, from: ws.FromClient}
			p.write(slices.Concat(broken, broken, newDeflator().frame(xss)))
			require.Equal(t, Pass, p.status)
			require.Equal(t, 2, p.uninspected)
			require.Len(t, p.events, 2)
			require.Equal(t, "xss", p.events[1])
		})
	}
}
