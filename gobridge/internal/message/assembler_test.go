package message_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// received is a data message or, with Frames 0, a control frame.
type received struct {
	Opcode     ws.Opcode
	Compressed bool
	Frames     int
	Payload    string
}

// receive assembles as the pipeline does, with a scratch that every message
// overwrites. It stops at a blocking violation or at a message over max.
func receive(t testing.TB, parts [][]byte, max int) (all []received, stop ws.Violation) {
	t.Helper()
	var p frame.Parser
	var a message.Assembler
	var scratch []byte
	fed := 0
	for _, b := range parts {
		for len(b) > 0 {
			n, ev := p.Next(b)
			h := p.Header()
			switch ev {
			case frame.GotHeader:
				v := frame.Check(h, ws.FromClient, true, a.Open())
				for v != 0 {
					if one := v.Pop(); one.Desync() {
						return all, one
					}
				}
				if a.TooBig(h, max) {
					return all, ws.MessageTooBig
				}
				a.Begin(h)
			case frame.GotPayload:
				fed += n
				a.Append(h, b[:n], p.Offset(n), &scratch)
			}
			b = b[n:]
			// A buffer of 1 KiB at least, and a control frame that was cut.
			require.LessOrEqual(t, a.Size(), 2*fed+1024+125, "holds more than was sent")
			if ev == frame.NeedMore || p.Left() > 0 {
				continue
			}
			m, whole := a.End(h)
			switch {
			case h.Opcode.IsControl():
				require.False(t, whole)
				all = append(all, received{h.Opcode, false, 0, string(a.Control())})
			case whole:
				require.False(t, a.Open())
				all = append(all, received{m.Opcode, m.Compressed, m.Frames, string(m.Payload)})
				a.Release()
				require.Zero(t, a.Size())
			default:
				require.True(t, a.Open())
			}
		}
	}
	return all, ws.NoViolation
}

func masked(f wstest.Frame) wstest.Frame {
	f.Mask = &[4]byte{0x9a, 0x01, 0xff, 0x10}
	return f
}

func TestAssembler(t *testing.T) {
	text := func(s string) wstest.Frame { return masked(wstest.Frame{Opcode: ws.OpText, Payload: []byte(s)}) }
	start := func(s string) wstest.Frame { f := text(s); f.More = true; return f }
	next := func(s string) wstest.Frame { f := start(s); f.Opcode = ws.OpContinuation; return f }
	last := func(s string) wstest.Frame { f := next(s); f.More = false; return f }
	control := func(op ws.Opcode, s string) wstest.Frame {
		return masked(wstest.Frame{Opcode: op, Payload: []byte(s)})
	}
	deflated := func(f wstest.Frame) wstest.Frame { f.RSV = 4; return f }
	long := string(bytes.Repeat([]byte("0123456789abcdef"), 200))

	for _, tc := range []struct {
		name   string
		frames []wstest.Frame
		want   []received
		stop   ws.Violation
	}{
		{
			name: "one frame", frames: []wstest.Frame{text("Hello")},
			want: []received{{ws.OpText, false, 1, "Hello"}},
		},
		{
			name: "unmasked", frames: []wstest.Frame{{Opcode: ws.OpBinary, Payload: []byte("Hello")}},
			want: []received{{ws.OpBinary, false, 1, "Hello"}},
		},
		{
			name: "empty", frames: []wstest.Frame{text(""), text("")},
			want: []received{{ws.OpText, false, 1, ""}, {ws.OpText, false, 1, ""}},
		},
		{
			name: "RFC 6455 5.7 fragmented", frames: []wstest.Frame{start("Hel"), last("lo")},
			want: []received{{ws.OpText, false, 2, "Hello"}},
		},
		{
			name:   "empty fragments",
			frames: []wstest.Frame{start(""), next(""), next("a"), next(""), last("")},
			want:   []received{{ws.OpText, false, 5, "a"}},
		},
		{
			name: "all fragments empty", frames: []wstest.Frame{start(""), last("")},
			want: []received{{ws.OpText, false, 2, ""}},
		},
		{
			name:   "code point over frames",
			frames: []wstest.Frame{start("gr\xc3"), last("\xbcn \xf0\x9f"), start("\xf0"), next("\x9f\x98"), last("\x80")},
			want:   []received{{ws.OpText, false, 2, "gr\xc3\xbcn \xf0\x9f"}, {ws.OpText, false, 3, "\U0001f600"}},
		},
		{
			name: "control frames between fragments",
			frames: []wstest.Frame{
				start("one "), control(ws.OpPing, "beat"), next("two "), control(ws.OpPong, ""),
				control(ws.OpPing, "again"), last("three"), control(ws.OpClose, "\x03\xe8"),
			},
			want: []received{
				{ws.OpPing, false, 0, "beat"}, {ws.OpPong, false, 0, ""}, {ws.OpPing, false, 0, "again"},
				{ws.OpText, false, 3, "one two three"}, {ws.OpClose, false, 0, "\x03\xe8"},
			},
		},
		{
			name:   "compressed flag is the first frame's",
			frames: []wstest.Frame{deflated(start("a")), last("b"), text("c"), deflated(text("d"))},
			want:   []received{{ws.OpText, true, 2, "ab"}, {ws.OpText, false, 1, "c"}, {ws.OpText, true, 1, "d"}},
		},
		{
			name: "larger than a buffer", frames: []wstest.Frame{start(long), last(long), text("x")},
			want: []received{{ws.OpText, false, 2, long + long}, {ws.OpText, false, 1, "x"}},
		},
		{
			name: "continuation without a start", frames: []wstest.Frame{text("a"), last("b")},
			want: []received{{ws.OpText, false, 1, "a"}}, stop: ws.MessageContinuationUnexpected,
		},
		{
			name: "text inside a message", frames: []wstest.Frame{start("a"), text("b")},
			stop: ws.MessageContinuationExpected,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := wstest.Stream(tc.frames...)
			for how, parts := range wstest.Cuts(in) {
				all, stop := receive(t, parts, anyLimit)
				require.Equal(t, tc.want, all, how)
				require.Equal(t, tc.stop, stop, how)
			}
		})
	}
}

// TestTextOverFrames holds that UTF-8 is judged over the whole message: a code
// point cut by frames is text, an invalid one is not, wherever the cut is.
func TestTextOverFrames(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       bool
	}{
		{"valid", "a\u00e9\u20ac\U0001f600z", true},
		{"surrogate", "a\xed\xa0\x80z", false},
		{"ends inside a code point", "a\U0001f600"[:4], false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range len(tc.text) + 1 {
				all, stop := receive(t, [][]byte{wstest.Stream(
					masked(wstest.Frame{More: true, Opcode: ws.OpText, Payload: []byte(tc.text[:i])}),
					masked(wstest.Frame{Opcode: ws.OpContinuation, Payload: []byte(tc.text[i:])}),
				)}, anyLimit)
				require.Equal(t, ws.NoViolation, stop)
				require.Len(t, all, 1)
				require.Equal(t, tc.want, message.ValidText([]byte(all[0].Payload)), "cut at %d", i)
			}
		})
	}
}

func TestTooBig(t *testing.T) {
	const max = 100
	body := make([]byte, max+1)
	for _, tc := range []struct {
		name   string
		frames []wstest.Frame
		want   int
		stop   ws.Violation
	}{
		{"at the limit", []wstest.Frame{{Opcode: ws.OpText, Payload: body[:max]}}, 1, ws.NoViolation},
		{"over the limit", []wstest.Frame{{Opcode: ws.OpText, Payload: body}}, 0, ws.MessageTooBig},
		{"fragments at the limit", []wstest.Frame{
			{More: true, Opcode: ws.OpText, Payload: body[:60]},
			{Opcode: ws.OpPing, Payload: body[:90]},
			{Opcode: ws.OpContinuation, Payload: body[:40]},
		}, 2, ws.NoViolation},
		{"fragments over the limit", []wstest.Frame{
			{More: true, Opcode: ws.OpText, Payload: body[:60]},
			{Opcode: ws.OpContinuation, Payload: body[:41]},
		}, 0, ws.MessageTooBig},
		{"each message anew", []wstest.Frame{
			{More: true, Opcode: ws.OpText, Payload: body[:60]},
			{Opcode: ws.OpContinuation, Payload: body[:40]},
			{Opcode: ws.OpText, Payload: body[:max]},
		}, 2, ws.NoViolation},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, stop := receive(t, [][]byte{wstest.Stream(tc.frames...)}, max)
			require.Equal(t, tc.stop, stop)
			require.Len(t, all, tc.want)
		})
	}

	for _, length := range []uint64{1 << 62, 1 << 63, 1<<64 - 1} {
		var a message.Assembler
		require.True(t, a.TooBig(&frame.Header{Fin: true, Opcode: ws.OpText, Length: length}, 1<<62-1))
	}
}

// TestControlBesideMessage holds that a control frame leaves a whole message that
// was not released alone.
func TestControlBesideMessage(t *testing.T) {
	var a message.Assembler
	scratch := make([]byte, 0, 100)
	text := &frame.Header{Fin: true, Opcode: ws.OpText, Length: 5}
	a.Begin(text)
	a.Append(text, []byte("hello"), 0, &scratch)
	m, whole := a.End(text)
	require.True(t, whole)
	ping := &frame.Header{Fin: true, Opcode: ws.OpPing, Length: 4}
	a.Begin(ping)
	a.Append(ping, []byte("ping"), 0, &scratch)
	require.Equal(t, "ping", string(a.Control()))
	require.Equal(t, "hello", string(m.Payload))
}

// TestAnnouncedLength holds that what a peer only announces costs no memory.
func TestAnnouncedLength(t *testing.T) {
	for _, length := range []uint64{16 << 20, 1 << 62} {
		in := binary.BigEndian.AppendUint64([]byte{0x82, 0x7f}, length)
		var p frame.Parser
		var a message.Assembler
		var scratch []byte
		n, ev := p.Next(in)
		require.Equal(t, frame.GotHeader, ev)
		require.Equal(t, len(in), n)
		a.Begin(p.Header())
		require.Zero(t, a.Size())
		n, _ = p.Next(make([]byte, 10))
		a.Append(p.Header(), make([]byte, n), p.Offset(n), &scratch)
		require.LessOrEqual(t, a.Size(), 1024)
		require.Empty(t, scratch)
		a.Release()
		require.Zero(t, a.Size())
	}
}

func TestTake(t *testing.T) {
	var a message.Assembler
	scratch := make([]byte, 0, 64)
	feed := func(in []byte, h *frame.Header, cut int) message.Message {
		a.Begin(h)
		if cut > 0 {
			a.Append(h, in[:cut], 0, &scratch)
		}
		a.Append(h, in[cut:], uint64(cut), &scratch)
		m, whole := a.End(h)
		require.True(t, whole)
		return m
	}
	h := &frame.Header{Fin: true, Opcode: ws.OpText, Length: 5}

	feed([]byte("first"), h, 0)
	first := a.Take()
	second := feed([]byte("other"), h, 0)
	require.Equal(t, "first", string(first), "is a copy of the scratch")
	require.Same(t, &scratch[:1][0], &second.Payload[0], "is the scratch")
	a.Release()

	third := feed([]byte("third"), h, 2)
	taken := a.Take()
	require.Same(t, &third.Payload[0], &taken[0], "is not copied")
	require.Zero(t, a.Size())
	feed([]byte("fourt"), h, 3)
	require.Equal(t, "third", string(taken))
	message.Free(taken)
	require.Equal(t, "fourt", string(a.Take()))
}

func TestReleaseInsideMessage(t *testing.T) {
	var a message.Assembler
	var scratch []byte
	h := &frame.Header{Opcode: ws.OpText, Length: 3}
	a.Begin(h)
	a.Append(h, []byte("abc"), 0, &scratch)
	_, whole := a.End(h)
	require.False(t, whole)
	require.True(t, a.Open())
	require.Positive(t, a.Size())
	a.Release()
	require.Zero(t, a.Size())
	require.True(t, a.Open(), "the peer goes on with continuations")

	h = &frame.Header{Fin: true, Opcode: ws.OpContinuation, Length: 3}
	a.Begin(h)
	a.Append(h, []byte("def"), 0, &scratch)
	m, whole := a.End(h)
	require.True(t, whole)
	require.Equal(t, 2, m.Frames)
	require.Equal(t, "def", string(m.Payload))
	require.False(t, a.Open())
}

// TestControlTooLong holds that a control frame over 125 bytes, when it is
// tolerated, is cut and costs no more.
func TestControlTooLong(t *testing.T) {
	var a message.Assembler
	var scratch []byte
	h := &frame.Header{Fin: true, Opcode: ws.OpPing, Length: 1 << 40}
	a.Begin(h)
	for i := range 10 {
		a.Append(h, bytes.Repeat([]byte{'x'}, 50), uint64(50*i), &scratch)
	}
	require.Len(t, a.Control(), 125)
	require.LessOrEqual(t, a.Size(), 125)
}

func TestAssemblerAllocs(t *testing.T) {
	whole := masked(wstest.Frame{Opcode: ws.OpText, Payload: make([]byte, 128)}).Bytes()
	beat := masked(wstest.Frame{Opcode: ws.OpPing, Payload: []byte("beat")}).Bytes()
	for _, tc := range []struct {
		name  string
		parts [][]byte
	}{
		{"whole frames", [][]byte{append(whole, beat...)}},
		{"cut frames", [][]byte{whole[:3], whole[3:70], whole[70:]}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p frame.Parser
			var a message.Assembler
			var scratch []byte
			messages := 0
			run := func() {
				for _, b := range tc.parts {
					for len(b) > 0 {
						n, ev := p.Next(b)
						switch ev {
						case frame.GotHeader:
							a.Begin(p.Header())
						case frame.GotPayload:
							a.Append(p.Header(), b[:n], p.Offset(n), &scratch)
						}
						if b = b[n:]; p.AtBoundary() {
							if _, ok := a.End(p.Header()); ok {
								messages++
								a.Release()
							}
						}
					}
				}
			}
			// The pool of buffers may be emptied by a collection meanwhile.
			require.Less(t, testing.AllocsPerRun(1000, run), 1.0)
			require.Equal(t, 1001, messages)
		})
	}
}

// FuzzAssembler holds that any cut of any bytes gives the same messages, and
// that no more is held than was sent.
func FuzzAssembler(f *testing.F) {
	f.Add(wstest.Stream(
		wstest.Text("Hello"),
		masked(wstest.Frame{More: true, Opcode: ws.OpText, RSV: 4, Payload: []byte("Hel")}),
		masked(wstest.Frame{Opcode: ws.OpPing, Payload: []byte("beat")}),
		masked(wstest.Frame{Opcode: ws.OpContinuation, Payload: []byte("lo")}),
		masked(wstest.Frame{Opcode: ws.OpClose, Payload: []byte("\x03\xe8")}),
	), uint16(4), uint16(9))
	f.Add(wstest.Hex("82 7f 40 00 00 00 00 00 00 00 01 02"), uint16(4), uint16(7))
	f.Fuzz(func(t *testing.T, in []byte, i, j uint16) {
		const max = 4096
		a := min(int(i), len(in))
		b := min(a+int(j), len(in))
		want, wantStop := receive(t, [][]byte{in}, max)
		all, stop := receive(t, [][]byte{in[:a], in[a:b], in[b:]}, max)
		require.Equal(t, want, all)
		require.Equal(t, wantStop, stop)
		for _, m := range all {
			require.LessOrEqual(t, len(m.Payload), max)
		}
	})
}
