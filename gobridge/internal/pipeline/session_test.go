package pipeline

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

var directions = []ws.Direction{ws.FromClient, ws.FromServer}

// cuts is wstest.Cuts, without every cut in two of what is long, nor all bytes
// one by one of what is very long.
func cuts(stream []byte) iter.Seq2[string, [][]byte] {
	const long, veryLong = 400, 1 << 17
	if len(stream) <= long {
		return wstest.Cuts(stream)
	}
	return func(yield func(string, [][]byte) bool) {
		rnd := rand.New(rand.NewPCG(6455, 7692))
		for _, most := range []int{len(stream), 1, 2, 7, 100, 1000, 20000} {
			if most < 20 && len(stream) > veryLong {
				continue
			}
			var parts [][]byte
			for rest := stream; len(rest) > 0; {
				n := len(stream)
				if most < n {
					n = 1 + rnd.IntN(most)
				}
				n = min(n, len(rest))
				parts = append(parts, rest[:n])
				rest = rest[n:]
			}
			if !yield(fmt.Sprintf("parts of up to %d", most), parts) {
				return
			}
		}
	}
}

// replay feeds the parts of one direction to a session of its own and checks
// what was forwarded.
func replay(t testing.TB, e *Engine, wake chan struct{}, h Handshake, mode Mode, from ws.Direction, parts [][]byte) (*relay, []Record) {
	s, opened := e.Open(h, config(mode))
	require.Equal(t, Pass, opened.Status)
	records := collect(s)
	p := &relay{t: t, s: s, from: from, wake: wake, records: records}
	for _, part := range parts {
		p.write(part)
	}
	for s.jobs > 0 {
		p.poll()
	}
	n := len(*records)
	dropped := n > 0 && (*records)[n-1].Drop
	p.checkNeed()
	p.checkForwarded(n, dropped)
	if mode == Block {
		require.Equal(t, dropped, p.status == Drop)
	}
	require.True(t, s.Close())
	return p, *records
}

// outcome is what does not depend on how the bytes arrived.
func (p *relay) outcome() any {
	return []any{p.status, p.code, p.messages, p.uninspected, p.events, p.s.Violations(), len(p.out)}
}

// TestCuts: however the bytes arrive, the same messages are judged in the same
// way and the same bytes are forwarded.
func TestCuts(t *testing.T) {
	for _, recorded := range readSessions(t) {
		t.Run(recorded.name, func(t *testing.T) {
			for _, mode := range []Mode{Block, Monitoring, Off} {
				for _, from := range directions {
					e := newEngine(t)
					stream := recorded.stream(from)
					var whole *relay
					var want []Record
					for name, parts := range cuts(stream) {
						p, records := replay(t, e, nil, recorded.handshake, mode, from, parts)
						if whole == nil {
							whole, want = p, records
							continue
						}
						sameRecords(t, want, records, name)
						require.Equal(t, whole.outcome(), p.outcome(), name)
					}
				}
			}
		})
	}
}

// TestGroundTruth: every text that was sent is found where it was sent, every
// attack is dropped and nothing else is.
func TestGroundTruth(t *testing.T) {
	for _, recorded := range readSessions(t) {
		if strings.HasPrefix(recorded.name, "split-") {
			continue // its texts are cut over messages: see replaySession in cmd/wsi
		}
		t.Run(recorded.name, func(t *testing.T) {
			s, _ := newEngine(t).Open(recorded.handshake, config(Monitoring))
			records := collect(s)
			for _, c := range recorded.chunks {
				for b := c.Data; len(b) > 0; {
					r := s.Feed(c.Direction, b)
					require.Positive(t, r.Consumed)
					b = b[r.Consumed:]
				}
			}
			require.Empty(t, s.Violations().Strings())
			require.Len(t, *records, len(recorded.expect))
			for _, want := range recorded.expect {
				i := slices.IndexFunc(*records, func(r Record) bool {
					return r.Direction.String() == want.Dir && r.N == want.Index
				})
				require.NotEqual(t, -1, i)
				got := (*records)[i]
				values := []string{}
				for _, f := range got.Fields {
					values = append(values, f.Value)
				}
				attack := false
				for _, sent := range want.Strings {
					require.Contains(t, values, sent.Text, "%s %d", want.Dir, want.Index)
					attack = attack || sent.Label == "attack" && (sent.Class == "xss" || sent.Class == "sqli")
				}
				if attack {
					require.True(t, got.Drop, "%s %d: %+v", want.Dir, want.Index, want.Strings)
				}
				if want.Label == "benign" {
					require.False(t, got.Drop, "%s %d: %+v", want.Dir, want.Index, want.Strings)
				}
			}
		})
	}
}

// TestBlock: the connection ends with the first attack, and nothing of it nor
// behind it is forwarded.
func TestBlock(t *testing.T) {
	e := newEngine(t)
	attack := wstest.Text(`42["chat",{"text":"<script>alert(1)</script>"}]`).Bytes()
	benign := wstest.Text(`42["chat",{"text":"hello"}]`).Bytes()
	p := &relay{t: t, s: open(e, config(Block)), from: ws.FromClient}
	p.write(slices.Concat(benign, attack, benign))
	require.Equal(t, Drop, p.status)
	require.Equal(t, ws.ClosePolicyViolation, p.code)
	require.Equal(t, string(benign), string(p.out))
	require.Equal(t, []string{"xss"}, p.events)

	r := p.s.Feed(ws.FromClient, benign)
	require.Equal(t, Drop, r.Status)
	require.Zero(t, r.Release)
}

// TestAfterDrop: the other direction, which holds nothing, is brought to the
// end of its frame, so that a Close frame can follow.
func TestAfterDrop(t *testing.T) {
	c := config(Block)
	c.Mode[ws.FromServer] = Monitoring
	s := open(newEngine(t), c)
	frame := wstest.Frame{Opcode: ws.OpText, Payload: []byte(`42["chat","good morning"]`)}.Bytes()
	require.Equal(t, Pass, s.Feed(ws.FromServer, frame[:9]).Status)
	attack := wstest.Text(`42["chat","<script>alert(1)</script>"]`).Bytes()
	require.Equal(t, Drop, s.Feed(ws.FromClient, attack).Status)

	for i := 9; i < len(frame); i++ {
		r := s.Feed(ws.FromServer, frame[i:i+1])
		require.Equal(t, Drop, r.Status)
		require.Equal(t, 1, r.Consumed)
		require.Equal(t, 1, r.Release)
		require.Equal(t, len(frame)-i-1, r.Need)
	}
}

// TestControl: heartbeats between the fragments of a held message overtake it.
func TestControl(t *testing.T) {
	mask := &[4]byte{1, 2, 3, 4}
	first := wstest.Frame{More: true, Opcode: ws.OpText, Mask: mask, Payload: []byte("hello ")}
	ping := wstest.Frame{Opcode: ws.OpPing, Mask: mask, Payload: []byte("beat")}
	last := wstest.Frame{Opcode: ws.OpContinuation, Mask: mask, Payload: []byte("world")}
	for name, parts := range wstest.Cuts(wstest.Stream(ping, first, ping, ping, last, ping)) {
		p := &relay{t: t, s: open(newEngine(t), config(Block)), from: ws.FromClient}
		for _, part := range parts {
			p.write(part)
		}
		require.Equal(t, string(wstest.Stream(ping, ping, ping, first, last, ping)), string(p.out), name)
		require.Empty(t, p.held, name)
		p.checkNeed()
	}
}

// TestObserve: an attack in a message that breaks a rule as well.
func TestObserve(t *testing.T) {
	s := open(newEngine(t), config(Monitoring))
	records := collect(s)
	s.Feed(ws.FromClient, wstest.Text("<script>alert(1)</script>\xff").Bytes())
	require.Len(t, *records, 1)
	require.True(t, (*records)[0].Drop)
	require.Equal(t, []string{"message_utf8_invalid"}, s.Violations().Strings())
}

// TestManyHits: many findings of one rule hide no other, and few of them are
// kept.
func TestManyHits(t *testing.T) {
	c := config(Block)
	c.Threshold = 15 // of <script> alone: 12
	many := `42["chat",` + strings.Repeat(`"<script>",`, 3000)
	for _, test := range []struct {
		name, text string
		want       Status
	}{
		{"one rule", many + `""]`, Pass},
		{"two rules", many + `"1' or '1'='1"]`, Drop},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(newEngine(t), c)
			records := collect(s)
			r := s.Feed(ws.FromClient, wstest.Text(test.text).Bytes())
			require.Equal(t, test.want, r.Status)
			hits := (*records)[0].Hits
			require.LessOrEqual(t, len(hits), maxHits+8) // and the first of each rule
			require.Equal(t, test.want == Drop, hits[len(hits)-1].Type == "sqli")
		})
	}
}

// TestPrototypeKeys: the way to the prototype of all objects is found as keys of
// objects, too.
func TestPrototypeKeys(t *testing.T) {
	for text, want := range map[string]Status{
		`{"constructor":{"prototype":{"isAdmin":true}}}`:                 Drop,
		`{"a":[{"constructor":{"x":1,"proto\u0074ype":{"isAdmin":1}}}]}`: Drop,
		`{"__proto__":{"isAdmin":true}}`:                                 Drop,
		`{"constructor":{"name":"x"},"prototype":{"isAdmin":true}}`:      Pass,
		`{"prototype":{"constructor":1}}`:                                Pass,
	} {
		e, _ := newThreads(t)
		s, _ := e.Open(Handshake{Target: "/"}, config(Block))
		require.Equal(t, want, s.Feed(ws.FromClient, wstest.Text(text).Bytes()).Status, text)
	}
}

// TestControlAttack: control frames carry text, too.
func TestControlAttack(t *testing.T) {
	mask := &[4]byte{5, 6, 7, 8}
	ping := wstest.Frame{Opcode: ws.OpPing, Mask: mask, Payload: []byte("<script>alert(1)</script>")}
	closing := wstest.Frame{Opcode: ws.OpClose, Mask: mask, Payload: []byte("\x03\xe8' or 1=1 -- ")}
	for _, test := range []struct {
		name string
		wstest.Frame
		want string
	}{
		{"ping", ping, "xss"},
		{"close", closing, "sqli"},
		{"pong in JSON", wstest.Frame{Opcode: ws.OpPong, Mask: mask, Payload: []byte(`{"id":"\u003cscript>alert(1)</script>"}`)}, "xss"},
		{"ping in base64", wstest.Frame{Opcode: ws.OpPing, Mask: mask, Payload: []byte("PHNjcmlwdD5hbGVydChkb2N1bWVudC5jb29raWUpPC9zY3JpcHQ+")}, "xss"},
		{"ping in binary", wstest.Frame{Opcode: ws.OpPing, Mask: mask, Payload: []byte("\x00\x01<script>alert(1)</script>\xff")}, "xss"},
		{"close in base64", wstest.Frame{Opcode: ws.OpClose, Mask: mask, Payload: []byte("\x03\xe8PHNjcmlwdD5hbGVydChkb2N1bWVudC5jb29raWUpPC9zY3JpcHQ+")}, "xss"},
	} {
		t.Run(test.name, func(t *testing.T) {
			first := wstest.Frame{More: true, Opcode: ws.OpText, Mask: mask, Payload: []byte("hello")}
			for mode, want := range map[Mode]Status{Block: Drop, Monitoring: Pass, Off: Pass} {
				for name, parts := range wstest.Cuts(wstest.Stream(first, test.Frame)) {
					p := &relay{t: t, s: open(newEngine(t), config(mode)), from: ws.FromClient}
					for _, part := range parts {
						p.write(part)
					}
					require.Equal(t, want, p.status, name)
					require.Equal(t, mode != Off, slices.Equal(p.events, []string{test.want}), name)
					require.Equal(t, mode == Block, len(p.out) == 0, name)
				}
			}
		})
	}
}

// TestControlBomb: what a control frame carries is inflated no further than the
// loop can afford.
func TestControlBomb(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	w.Write(make([]byte, 1<<16))
	w.Close()
	require.Less(t, bomb.Len(), 126)
	p := &relay{t: t, s: open(newEngine(t), config(Block)), from: ws.FromClient}
	p.write(wstest.Frame{Opcode: ws.OpPing, Mask: &[4]byte{1}, Payload: bomb.Bytes()}.Bytes())
	require.Equal(t, Drop, p.status)
	require.Equal(t, []string{"format_limit"}, p.events)
}

// TestControlAllocs: heartbeats cost nothing.
func TestControlAllocs(t *testing.T) {
	s := open(newEngine(t), config(Block))
	for _, payload := range []string{"", "keepalive", "1700000000000", `{"t":1700000000000}`, "0194f3a0-7c1e-7e0a-9d5d-0c7f3a1e2b4c"} {
		ping := wstest.Frame{Opcode: ws.OpPing, Mask: &[4]byte{1, 2, 3, 4}, Payload: []byte(payload)}.Bytes()
		feed := func() {
			if r := s.Feed(ws.FromClient, ping); r.Status != Pass || r.Release != len(ping) {
				require.Fail(t, "fed", "%+v", r)
			}
		}
		for range 100 {
			feed()
		}
		allocs := 1.0
		for try := 0; try < 5 && allocs > 0; try++ {
			allocs = testing.AllocsPerRun(100, feed)
		}
		require.Zero(t, allocs, payload)
	}
}

// TestDropMessage: of recorded attacks each message is taken out alone, or ends
// the connection; nothing else is missing, however the bytes arrive.
func TestDropMessage(t *testing.T) {
	threads, wake := newThreads(t)
	swallowed := 0
	for _, recorded := range readSessions(t) {
		t.Run(recorded.name, func(t *testing.T) {
			c := config(Block)
			c.DropMessage = true
			var want []any
			stream := recorded.stream(ws.FromClient)
			run := func(name string, e *Engine, wake chan struct{}, parts [][]byte) {
				s, _ := e.Open(recorded.handshake, c)
				records := collect(s)
				p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
				for _, part := range parts {
					p.write(part)
				}
				n := p.checkSwallowed(*records)
				p.checkNeed()
				require.True(t, s.Close())
				got := []any{p.outcome(), string(p.out), string(p.discarded)}
				if want == nil {
					want = got
					swallowed += n
				}
				require.Equal(t, want, got, name)
			}
			e := newEngine(t)
			for name, parts := range cuts(stream) {
				run(name, e, nil, parts)
			}
			run("threads", threads, wake, [][]byte{stream})
		})
	}
	require.Greater(t, swallowed, 20)
}

// TestDropMessageAlone: a message that later ones may refer to, or that the
// decoder remembers, is not taken out: the connection ends.
func TestDropMessageAlone(t *testing.T) {
	socketIO := Handshake{Target: "/socket.io/?EIO=4&transport=websocket"}
	deflate := func(noTakeover bool) Handshake {
		h := socketIO
		h.Deflate = &ws.Deflate{ClientNoContextTakeover: noTakeover, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
		return h
	}
	for _, test := range []struct {
		name      string
		handshake Handshake
		stream    []byte
		alone     bool
	}{
		{"plain", socketIO, wstest.Text(xss).Bytes(), true},
		{"event with an attachment to come", socketIO, wstest.Text(`451-["chat","<script>alert(1)</script>",{"_placeholder":true,"num":0}]`).Bytes(), false},
		{"compressed", deflate(true), newDeflator().frame(xss), true},
		{"compressed, with context takeover", deflate(false), newDeflator().frame(xss), false},
		{"with context takeover, not compressed", deflate(false), wstest.Text(xss).Bytes(), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config(Block)
			c.DropMessage = true
			s, _ := newEngine(t).Open(test.handshake, c)
			r := s.Feed(ws.FromClient, test.stream)
			require.Zero(t, r.Release)
			require.Equal(t, 1, r.Events)
			if test.alone {
				require.Equal(t, Pass, r.Status)
				require.Equal(t, len(test.stream), r.Discard)
				return
			}
			require.Equal(t, Drop, r.Status)
			require.Zero(t, r.Discard)
		})
	}
}

// TestHeldFragments: fragments of next to nothing are not held without end.
func TestHeldFragments(t *testing.T) {
	const limit = 1000
	c := config(Block)
	c.Limits = both(ws.Limits{MaxMessage: limit, MaxInflated: limit})
	s := open(newEngine(t), c)
	first := wstest.Frame{More: true, Opcode: ws.OpText, Mask: wstest.Text("").Mask}
	rest := first
	rest.Opcode = ws.OpContinuation
	require.Equal(t, Pass, s.Feed(ws.FromClient, first.Bytes()).Status)
	held := len(first.Bytes())
	for r := (Result{}); r.Status == Pass; held += len(rest.Bytes()) {
		require.LessOrEqual(t, held, 2*limit+1<<16+20)
		r = s.Feed(ws.FromClient, rest.Bytes())
		require.Zero(t, r.Release)
	}
	require.Greater(t, held, 2*limit+1<<16)
	require.Equal(t, []string{ws.MessageTooBig.String()}, s.Violations().Strings())
}

// TestFirstDrop: the peers are told of the first reason for a drop.
func TestFirstDrop(t *testing.T) {
	s := open(newEngine(t), config(Block))
	r := s.Feed(ws.FromClient, wstest.Text(xss+"\xff").Bytes())
	require.Equal(t, Drop, r.Status)
	require.Equal(t, ws.CloseInvalidPayload, r.CloseCode)
	require.Equal(t, []string{"message_utf8_invalid", "xss"}, names(s))
}
