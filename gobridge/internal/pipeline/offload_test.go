package pipeline

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// prose is n bytes of JSON that nobody minds.
func prose(n int) string {
	return `42["chat","` + strings.Repeat("all is well here, ", n/18) + `"]`
}

const xss = `42["chat","<script>alert(1)</script>"]`

// deflator compresses messages with context takeover (RFC 7692 7.2.1).
type deflator struct {
	buf bytes.Buffer
	w   *flate.Writer
}

func newDeflator() *deflator {
	d := &deflator{}
	d.w, _ = flate.NewWriter(&d.buf, flate.BestCompression)
	return d
}

func (d *deflator) frame(text string) []byte {
	d.buf.Reset()
	d.w.Write([]byte(text))
	d.w.Flush()
	payload := bytes.Clone(bytes.TrimSuffix(d.buf.Bytes(), []byte{0, 0, 0xff, 0xff}))
	f := wstest.Text("")
	f.RSV, f.Payload = 4, payload
	return f.Bytes()
}

// gate is a decoder that waits until it is told to go on.
type gate struct {
	framework.Decoder
	went chan struct{}
}

func (g *gate) Decode(m framework.Message, w *format.Walker, out *framework.Out) {
	if len(m.Payload) > inlineBytes {
		<-g.went
	}
	g.Decoder.Decode(m, w, out)
}

// telling is a decoder that says when it is called.
type telling struct {
	framework.Decoder
	begun chan struct{}
}

func (d telling) Decode(m framework.Message, w *format.Walker, out *framework.Out) {
	d.begun <- struct{}{}
	d.Decoder.Decode(m, w, out)
}

// hold makes the threads wait with large messages of a direction.
func hold(s *Session, from ws.Direction) chan struct{} {
	g := &gate{s.dir[from].decoder, make(chan struct{})}
	s.dir[from].decoder = g
	return g.went
}

// never is that of a loop before the rules are compiled.
func never() bool { return false }

// TestThreads: with threads the same is judged and forwarded as without, and as
// before the rules are compiled.
func TestThreads(t *testing.T) {
	t.Run("compiled", func(t *testing.T) { testThreads(t, detect.Ready, Block, Monitoring) })
	// in monitoring what is seen at once is reported before what is judged
	t.Run("not compiled", func(t *testing.T) { testThreads(t, never, Block) })
}

func testThreads(t *testing.T, ready func() bool, modes ...Mode) {
	e, wake := newThreads(t)
	e.loop.ready = ready
	for _, recorded := range readSessions(t) {
		t.Run(recorded.name, func(t *testing.T) {
			for _, mode := range modes {
				for _, from := range directions {
					parts := [][]byte{recorded.stream(from)}
					want, wantRecords := replay(t, newEngine(t), nil, recorded.handshake, mode, from, parts)
					got, records := replay(t, e, wake, recorded.handshake, mode, from, parts)
					sameRecords(t, wantRecords, records)
					require.Equal(t, want.outcome(), got.outcome())
				}
			}
		})
	}
}

// TestDeferred: more of what only libinjection can tell from SQL than the loop can
// afford, in a message that it can decode.
func TestDeferred(t *testing.T) {
	long := `"` + strings.Join(wstest.Doubtful(60), `","`) + `"`
	harmless := `42["chat",` + long + `]`
	attack := `42["chat",` + long + `,{"last":"<script>alert(1)</script>"}]`
	require.Less(t, len(attack), inlineBytes)
	e, wake := newThreads(t)
	for name, text := range map[string]string{"benign": harmless, "attack": attack} {
		t.Run(name, func(t *testing.T) {
			stream := wstest.Text(text).Bytes()
			for _, mode := range []Mode{Block, Monitoring} {
				want, wantRecords := replay(t, newEngine(t), nil, Handshake{Target: "/socket.io/"}, mode, ws.FromClient, [][]byte{stream})
				s, _ := e.Open(Handshake{Target: "/socket.io/"}, config(mode))
				records := collect(s)
				r := s.Feed(ws.FromClient, stream)
				require.EqualValues(t, 1, s.jobs, "off the loop")
				require.Equal(t, mode == Block, r.Status == Pending)
				p := &relay{t: t, s: s, from: ws.FromClient, wake: wake, in: stream, held: stream}
				p.take(r)
				p.poll()
				sameRecords(t, wantRecords, *records)
				require.Equal(t, want.outcome(), p.outcome())
				require.Zero(t, s.dir[0].owned)
			}
		})
	}
}

// TestPending: a held direction waits for its verdict, the other does not.
func TestPending(t *testing.T) {
	e, wake := newThreads(t)
	for _, test := range []struct {
		name, text string
		want       Status
	}{
		{"benign", prose(40000), Pass},
		{"attack", strings.Replace(prose(40000), "well", "<script>alert(1)</script>", 1), Drop},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(e, config(Block))
			went := hold(s, ws.FromClient)
			stream := wstest.Text(test.text).Bytes()
			next := wstest.Text(`42["chat","hello"]`).Bytes()
			r := s.Feed(ws.FromClient, slices.Concat(stream, next))
			require.Equal(t, Pending, r.Status)
			require.Equal(t, len(stream), r.Consumed)
			require.Zero(t, r.Release)
			require.GreaterOrEqual(t, r.Decoded, len(test.text))

			r = s.Feed(ws.FromClient, next)
			require.Equal(t, Result{Status: Pending, Decoded: r.Decoded, Jobs: e.jobs}, r, "not taken")

			answer := wstest.Frame{Opcode: ws.OpText, Payload: []byte(`42["chat","hi"]`)}.Bytes()
			r = s.Feed(ws.FromServer, answer)
			require.Equal(t, Pass, r.Status)
			require.Equal(t, len(answer), r.Release)

			close(went)
			p := &relay{t: t, s: s, from: ws.FromClient, wake: wake, held: stream}
			p.poll()
			require.Equal(t, test.want, p.status)
			require.Equal(t, test.want == Pass, len(p.out) == len(stream))
			require.True(t, s.Close())
		})
	}
}

// TestBacklog: where nothing is held, messages behind a job are judged in
// order, with the context of the sender's compression.
func TestBacklog(t *testing.T) {
	e, wake := newThreads(t)
	s, _ := e.Open(deflated, config(Monitoring))
	records := collect(s)
	went := hold(s, ws.FromClient)
	d := newDeflator()
	var stream []byte
	texts := []string{prose(40000), prose(400), xss, prose(50000), xss, `42["chat","bye"]`}
	for _, text := range texts {
		stream = append(stream, d.frame(text)...)
	}
	p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
	p.write(stream)
	require.Equal(t, len(stream), len(p.out), "nothing is held")
	require.Equal(t, len(texts), p.messages)
	require.Empty(t, *records)
	close(went)
	for s.jobs > 0 {
		p.poll()
	}
	require.Len(t, *records, len(texts))
	for i, r := range *records {
		require.Equal(t, uint64(i), r.N)
		require.Equal(t, texts[i] == xss, r.Drop, "%d", i)
	}
	require.Equal(t, []string{"xss", "xss"}, p.events)
	require.Zero(t, s.dir[0].owned)
	require.Zero(t, p.uninspected)
}

// TestBacklogLimit: a backlog that grows beyond two messages is given up, and
// counted, whatever its messages are.
func TestBacklogLimit(t *testing.T) {
	e, wake := newThreads(t)
	for name, small := range map[string]string{"payloads": prose(8000), "empty": ""} {
		t.Run(name, func(t *testing.T) {
			c := config(Monitoring)
			c.Limits = both(ws.Limits{MaxMessage: 40000, MaxInflated: 16 << 20})
			s := open(e, c)
			records := collect(s)
			went := hold(s, ws.FromClient)
			p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
			p.write(wstest.Text(prose(30000)).Bytes())
			frame := wstest.Text(small).Bytes()
			n := 1
			for ; p.status == Pass; n++ {
				require.Less(t, n, 4000)
				p.write(frame)
			}
			require.Equal(t, Opaque, p.status)
			require.Equal(t, []string{"memory_exhausted"}, p.events)
			close(went)
			p.poll()
			require.Len(t, *records, 1)
			require.Equal(t, n-1, p.uninspected)
			require.Zero(t, s.dir[0].owned)
			require.True(t, s.Close())
		})
	}
}

// TestBacklogDesync: what waits when a direction cannot be decoded any more is
// judged or counted.
func TestBacklogDesync(t *testing.T) {
	e, wake := newThreads(t)
	s := open(e, config(Monitoring))
	records := collect(s)
	went := hold(s, ws.FromClient)
	p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
	p.write(slices.Concat(
		wstest.Text(prose(30000)).Bytes(),
		wstest.Text(xss).Bytes(),
		wstest.Frame{Opcode: 3, Mask: &[4]byte{}}.Bytes()))
	require.Equal(t, Opaque, p.status)
	close(went)
	for s.jobs > 0 {
		p.poll()
	}
	require.Equal(t, 3, len(*records)+p.uninspected)
}

// TestClose: what is being judged, or was forwarded and waits for it, still
// becomes an event after the connection is gone.
func TestClose(t *testing.T) {
	e, wake := newThreads(t)
	attack := strings.Replace(prose(40000), "well", "<script>alert(1)</script>", 1)
	for _, test := range []struct {
		name    string
		mode    Mode
		stream  []byte
		actions []string
	}{
		{"held", Block, wstest.Text(attack).Bytes(), []string{event.Blocked}},
		{"backlog", Monitoring, wstest.Stream(wstest.Text(prose(40000)), wstest.Text(xss), wstest.Text(attack)),
			[]string{event.Monitored, event.Monitored}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(e, config(test.mode))
			went := hold(s, ws.FromClient)
			s.Feed(ws.FromClient, test.stream)
			require.False(t, s.Close())
			s.Meta = &event.Meta{RemoteAddr: "192.0.2.7"}
			close(went)
			var actions []string
			for closed := false; !closed; {
				v, ok := e.Poll()
				if !ok {
					<-wake
					continue
				}
				require.Same(t, s, v.Session)
				r := v.Result()
				require.Zero(t, r.Release)
				for range r.Events {
					line, _, kind := s.Event(nil, s.Meta, &AllEvents, math.MaxInt)
					require.True(t, kind.Attack)
					require.Equal(t, "xss", kind.Name)
					require.Contains(t, string(line), "192.0.2.7")
					for _, action := range []string{event.Blocked, event.Monitored} {
						if bytes.Contains(line, []byte(`"`+action+`"`)) {
							actions = append(actions, action)
						}
					}
					s.Pop()
				}
				closed = s.Close()
			}
			require.Equal(t, test.actions, actions)
		})
	}
}

// TestDrainRequest: the head and the body of a request that is not held may be
// judged at a time; the end of one is not that of the other.
func TestDrainRequest(t *testing.T) {
	e, wake := newThreads(t)
	s, _ := e.OpenRequest(polls(), config(Monitoring))
	d := &s.dir[ws.FromClient]
	var went []chan struct{}
	begun := make(chan struct{})
	for range 2 {
		g := &gate{open(e, config(Monitoring)).dir[ws.FromClient].decoder, make(chan struct{})}
		went = append(went, g.went)
		m := message.Message{Opcode: ws.OpText, Payload: []byte(prose(20000))}
		e.submit(&task{session: s, dir: d, message: m, decoder: telling{g, begun}})
		s.jobs++
	}
	for range went {
		<-begun
	}
	close(went[0])
	v, ok := e.Poll()
	for ; !ok; v, ok = e.Poll() {
		<-wake
	}
	v.Result()
	require.Equal(t, 1, e.Drain(0))
	close(went[1])
	require.Zero(t, e.Drain(60000))
	var r Result
	settle(e, wake, s, &r)
}

// TestExpireWaiting: the time that a message waits for others is not its own.
func TestExpireWaiting(t *testing.T) {
	e, wake := newThreads(t)
	c := config(Block)
	c.TimeLimit = 1
	stream := wstest.Text(prose(40000)).Bytes()
	var went []chan struct{}
	sessions := []*Session{open(e, c), open(e, c), open(e, c)}
	for _, s := range sessions {
		went = append(went, hold(s, ws.FromClient))
		require.Equal(t, Pending, s.Feed(ws.FromClient, stream).Status)
	}
	// the two threads are late with the first two
	for _, s := range sessions[:2] {
		for s.Expire(ws.FromClient, ws.ProcessTimeLimit).Status == Pending {
		}
	}
	require.Equal(t, Pending, sessions[2].Expire(ws.FromClient, ws.ProcessTimeLimit).Status)
	for _, c := range went {
		close(c)
	}
	released := map[*Session]int{}
	for range sessions {
		v, ok := e.Poll()
		for ; !ok; v, ok = e.Poll() {
			<-wake
		}
		released[v.Session] = v.Result().Release
	}
	require.Equal(t, map[*Session]int{sessions[0]: 0, sessions[1]: 0, sessions[2]: len(stream)}, released)
}

// TestExpire: what was given up is not released by a late verdict.
func TestExpire(t *testing.T) {
	e, wake := newThreads(t)
	for _, test := range []struct {
		name      string
		violation ws.Violation
		code      ws.CloseCode
	}{
		{"verdict", ws.ProcessTimeLimit, ws.ClosePolicyViolation},
		{"assembly", ws.MessageAssemblyTimeout, ws.ClosePolicyViolation},
		{"memory", ws.MemoryExhausted, ws.CloseTryAgainLater},
	} {
		for _, text := range []string{prose(40000), strings.Replace(prose(40000), "well", "<script>alert(1)</script>", 1)} {
			t.Run(test.name, func(t *testing.T) {
				c := config(Block)
				c.TimeLimit = 1
				s := open(e, c)
				went := hold(s, ws.FromClient)
				stream := wstest.Text(text).Bytes()
				p := &relay{t: t, s: s, from: ws.FromClient, wake: wake, held: stream}
				require.Equal(t, Pending, s.Feed(ws.FromClient, stream).Status)
				r := s.Expire(ws.FromClient, test.violation)
				for r.Status == Pending {
					r = s.Expire(ws.FromClient, test.violation)
				}
				p.take(r)
				require.Equal(t, Drop, p.status)
				require.Equal(t, test.code, p.code)
				require.Equal(t, []string{test.violation.String()}, p.events)
				close(went)
				p.poll()
				require.Equal(t, Drop, p.status)
				require.Empty(t, p.out)
				require.True(t, s.Close())
			})
		}
	}
	for _, v := range []ws.Violation{ws.MessageAssemblyTimeout, ws.MemoryExhausted} {
		t.Run("opaque "+v.String(), func(t *testing.T) {
			c := config(Block)
			c.Policy = new(policy.Policy)
			c.Policy.Violations.Set(v, ws.Opaque)
			s := open(e, c)
			went := hold(s, ws.FromClient)
			stream := wstest.Text(prose(40000) + xss).Bytes()
			p := &relay{t: t, s: s, from: ws.FromClient, wake: wake, held: stream}
			require.Equal(t, Pending, s.Feed(ws.FromClient, stream).Status)
			p.take(s.Expire(ws.FromClient, v))
			require.Equal(t, Opaque, p.status)
			require.Equal(t, string(stream), string(p.out))
			require.Equal(t, 1, p.uninspected)
			close(went)
			p.poll()
			require.Equal(t, Opaque, p.status, "what has passed is not blocked any more")
			require.Equal(t, []string{v.String(), "xss"}, p.events)
			answer := wstest.Frame{Opcode: ws.OpText, Payload: []byte("hello")}.Bytes()
			r := s.Feed(ws.FromServer, answer)
			require.Equal(t, Pass, r.Status)
			require.Equal(t, len(answer), r.Release)
			require.True(t, s.Close())
		})
	}
	t.Run("unheld", func(t *testing.T) {
		s := open(e, config(Monitoring))
		r := s.Expire(ws.FromClient, ws.MessageAssemblyTimeout)
		require.Equal(t, Opaque, r.Status)
		require.Equal(t, 1, r.Uninspected)
	})
}

// broken is a decoder that panics.
type broken struct{}

func (broken) Alike() int { return 0 }

func (broken) Size() int { return 0 }

func (broken) Decode(framework.Message, *format.Walker, *framework.Out) {
	panic("broken decoder")
}

// TestPanic: a panic off the loop ends the session, not the process, and the
// thread goes on.
func TestPanic(t *testing.T) {
	e, wake := newThreads(t)
	for range 3 {
		s := open(e, config(Block))
		s.dir[ws.FromClient].decoder = broken{}
		p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
		p.write(wstest.Text(prose(40000)).Bytes())
		require.Equal(t, Failed, p.status)
		require.Empty(t, p.out)
		require.True(t, s.Close())
	}
	s := open(e, config(Block))
	p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
	p.write(wstest.Text(prose(40000)).Bytes())
	require.Equal(t, Pass, p.status)
	require.Equal(t, len(p.in), len(p.out))
}

// TestTimeLimit: what is not inspected in time is dropped, or counted.
func TestTimeLimit(t *testing.T) {
	text := `["` + strings.Repeat(`a","`, 1<<20) + `"]`
	stream := wstest.Text(text).Bytes()
	for _, test := range []struct {
		name        string
		mode        Mode
		status      Status
		uninspected int
	}{
		{"block", Block, Drop, 0},
		{"monitoring", Monitoring, Pass, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, wake := newThreads(t)
			c := config(test.mode)
			c.TimeLimit = 1 // 2^20 values take longer
			p := &relay{t: t, s: open(e, c), from: ws.FromClient, wake: wake}
			p.write(stream)
			for p.s.jobs > 0 {
				p.poll()
			}
			require.Equal(t, test.status, p.status)
			require.Equal(t, test.uninspected, p.uninspected)
			require.Equal(t, []string{"process_time_limit"}, p.events)
		})
	}
}

// TestAccounts: what a session keeps is given back.
func TestAccounts(t *testing.T) {
	e, wake := newThreads(t)
	attack := strings.Replace(prose(40000), "well", "<script>alert(1)</script>", 1)
	d := newDeflator()
	var plain, compressed []byte
	for _, text := range []string{attack, prose(40000), xss, attack} {
		plain = append(plain, wstest.Text(text).Bytes()...)
		compressed = append(compressed, d.frame(text)...)
	}
	for name, stream := range map[string][]byte{"plain": plain, "compressed": compressed} {
		t.Run(name, func(t *testing.T) {
			s, _ := e.Open(deflated, config(Monitoring))
			p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
			p.write(stream)
			for s.jobs > 0 {
				p.poll()
			}
			require.Len(t, p.events, 3)
			require.Zero(t, s.dir[0].owned)
			r := s.Feed(ws.FromClient, nil)
			require.Zero(t, r.Decoded)
		})
	}
}

// TestDeepPaths: of very many costly values the loop renders few paths.
func TestDeepPaths(t *testing.T) {
	key := `{"` + strings.Repeat("k", 900) + `":`
	text := `42["chat",` + key + `[` + strings.Repeat(`"collate a",`, 1000) + `"<script>alert(1)</script>"]}]`
	e, wake := newThreads(t)
	s := open(e, config(Block))
	r := s.Feed(ws.FromClient, wstest.Text(text).Bytes())
	require.Equal(t, Pending, r.Status)
	require.Less(t, r.Decoded, 64<<10, "values, their paths and the payload")
	p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
	p.poll()
	require.Equal(t, Drop, p.status)
	require.Equal(t, []string{"xss"}, p.events)
}

// TestPanicBacklog: what waited behind a message that broke the engine is
// counted.
func TestPanicBacklog(t *testing.T) {
	e, wake := newThreads(t)
	s := open(e, config(Monitoring))
	went := hold(s, ws.FromClient)
	s.dir[ws.FromClient].decoder.(*gate).Decoder = broken{}
	p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
	p.write(wstest.Stream(wstest.Text(prose(40000)), wstest.Text("a"), wstest.Text("b")))
	close(went)
	p.poll()
	require.Equal(t, Failed, p.status)
	require.Equal(t, 2, p.uninspected, "the caller counts the message itself")
	require.Zero(t, s.dir[0].owned)
	require.True(t, s.Close())
}

// TestSmallFirst: messages that take a thread's time do not delay short ones.
func TestSmallFirst(t *testing.T) {
	e, wake := newThreads(t)
	var went []chan struct{}
	for range 3 {
		s := open(e, config(Block))
		went = append(went, hold(s, ws.FromClient))
		require.Equal(t, Pending, s.Feed(ws.FromClient, wstest.Text(prose(2*smallBytes)).Bytes()).Status)
	}
	s := open(e, config(Block))
	stream := wstest.Text(prose(smallBytes)).Bytes()
	require.Equal(t, Pending, s.Feed(ws.FromClient, stream).Status)
	v, ok := e.Poll()
	for ; !ok; v, ok = e.Poll() {
		<-wake
	}
	require.Same(t, s, v.Session)
	require.Equal(t, len(stream), v.Result().Release)
	for _, c := range went {
		close(c)
	}
	require.Zero(t, e.Drain(10_000))
}
