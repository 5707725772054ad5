package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// TestViolations: what each broken rule is called and does, by mode.
func TestViolations(t *testing.T) {
	mask := &[4]byte{9, 8, 7, 6}
	client := func(rsv byte, op ws.Opcode, more bool, payload string) []byte {
		return wstest.Frame{RSV: rsv, Opcode: op, More: more, Mask: mask, Payload: []byte(payload)}.Bytes()
	}
	bomb := newDeflator().frame(strings.Repeat("a", 1<<16))
	limits := ws.Limits{MaxMessage: 4000, MaxInflated: 8000}
	for _, test := range []struct {
		name  string
		from  ws.Direction
		bytes []byte
		want  ws.Violation
	}{
		{"rsv2", 0, client(2, ws.OpText, false, "a"), ws.FrameRSVWithoutExtension},
		{"rsv3", 0, client(1, ws.OpText, false, "a"), ws.FrameRSVWithoutExtension},
		{"rsv1 of a control frame", 0, client(4, ws.OpPing, false, ""), ws.FrameRSV1Misplaced},
		{"rsv1 of a continuation", 0, slices.Concat(client(0, ws.OpText, true, "a"), client(4, ws.OpContinuation, false, "b")), ws.FrameRSV1Misplaced},
		{"opcode 3", 0, client(0, 3, false, "a"), ws.FrameOpcodeReserved},
		{"opcode 11", 0, client(0, 11, false, "a"), ws.FrameOpcodeReserved},
		{"unmasked client", 0, wstest.Frame{Opcode: ws.OpText, Payload: []byte("a")}.Bytes(), ws.FrameClientUnmasked},
		{"masked server", 1, client(0, ws.OpText, false, "a"), ws.FrameServerMasked},
		{"fragmented ping", 0, client(0, ws.OpPing, true, "a"), ws.FrameControlFragmented},
		{"long ping", 0, client(0, ws.OpPing, false, strings.Repeat("a", 126)), ws.FrameControlTooLong},
		{"16-bit length of 5", 0, wstest.Hex("81 fe 0005 00000000 6161616161"), ws.FrameLengthNotMinimal},
		{"length 2^63", 0, wstest.Hex("81 ff 8000000000000000 00000000"), ws.FrameLengthOverflow},
		{"behind close", 0, slices.Concat(client(0, ws.OpClose, false, ""), client(0, ws.OpText, false, "a")), ws.FrameAfterClose},
		{"continuation of nothing", 0, client(0, ws.OpContinuation, false, "a"), ws.MessageContinuationUnexpected},
		{"text in a message", 0, slices.Concat(client(0, ws.OpText, true, "a"), client(0, ws.OpText, false, "b")), ws.MessageContinuationExpected},
		{"not UTF-8", 0, client(0, ws.OpText, false, "a\xff"), ws.MessageUTF8Invalid},
		{"half a code point", 0, slices.Concat(client(0, ws.OpText, true, "\xc3"), client(0, ws.OpContinuation, false, "a")), ws.MessageUTF8Invalid},
		{"too big", 0, client(0, ws.OpText, false, strings.Repeat("a", 4001)), ws.MessageTooBig},
		{"too big in fragments", 0, slices.Concat(client(0, ws.OpText, true, strings.Repeat("a", 4000)), client(0, ws.OpContinuation, false, "a")), ws.MessageTooBig},
		{"no DEFLATE", 0, client(4, ws.OpText, false, "\x07\xff\xff"), ws.DeflateInvalid},
		{"bomb", 0, bomb, ws.DeflateTooBig},
		{"close of one byte", 0, client(0, ws.OpClose, false, "\x03"), ws.ClosePayloadLength},
		{"close 1005", 0, client(0, ws.OpClose, false, "\x03\xed"), ws.CloseCodeInvalid},
		{"close reason", 0, client(0, ws.OpClose, false, "\x03\xe8\xff"), ws.CloseReasonUTF8Invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			// twice: each is logged once
			stream := slices.Concat(test.bytes, test.bytes)
			for _, mode := range []Mode{Block, Monitoring, Off} {
				for name, parts := range cuts(stream) {
					c := config(mode)
					c.Limits = limits
					s, _ := newEngine(t).Open(deflated, c)
					p := &relay{t: t, s: s, from: test.from}
					for _, part := range parts {
						p.write(part)
					}
					switch {
					case mode == Off:
						require.Equal(t, Pass, p.status)
					case mode == Block && test.want.Blocks():
						require.Equal(t, Drop, p.status, name)
						require.Equal(t, test.want.CloseCode(), p.code, name)
						require.NotContains(t, string(p.out), string(test.bytes[len(test.bytes)-2:]), name)
					case test.want.Desync() && test.want != ws.MessageTooBig:
						require.Equal(t, Opaque, p.status, name)
						require.Len(t, p.out, len(stream), name)
					default:
						require.Equal(t, Pass, p.status, name)
						require.Len(t, p.out, len(stream), name)
					}
					if mode != Off {
						require.True(t, s.Violations().Has(test.want), name)
						require.Contains(t, p.events, test.want.String(), name)
						seen := slices.Clone(p.events)
						slices.Sort(seen)
						require.Len(t, slices.Compact(seen), len(p.events), "logged once: %s", name)
					} else {
						require.Empty(t, p.events)
					}
				}
			}
		})
	}
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
			c.Limits.MaxMessage = 50000
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
	c.Limits = ws.Limits{MaxMessage: 4000, MaxInflated: 8000}
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
