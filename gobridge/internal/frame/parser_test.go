package frame_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// got is a frame as the parser found it, unmasked.
type got struct {
	Header  frame.Header
	Payload string
}

// parse feeds parts and collects the frames. rest says that the bytes end
// inside a frame.
func parse(t testing.TB, parts [][]byte) (frames []got, rest bool) {
	t.Helper()
	var p frame.Parser
	var payload []byte
	for _, b := range parts {
		for len(b) > 0 {
			n, ev := p.Next(b)
			require.True(t, n > 0 && n <= len(b), "takes %d of %d", n, len(b))
			switch ev {
			case frame.NeedMore:
				require.Equal(t, len(b), n)
				require.False(t, p.AtBoundary())
			case frame.GotHeader:
				payload = payload[:0]
				require.Equal(t, p.Header().Length, p.Left())
			case frame.GotPayload:
				require.Equal(t, uint64(len(payload)), p.Offset(n))
				part := make([]byte, n)
				frame.Unmask(part, b[:n], p.Header().Mask, p.Offset(n))
				payload = append(payload, part...)
				require.Equal(t, p.Header().Length, p.Left()+uint64(len(payload)))
			}
			b = b[n:]
			if ev != frame.NeedMore && p.Left() == 0 {
				require.True(t, p.AtBoundary())
				frames = append(frames, got{*p.Header(), string(payload)})
			}
		}
	}
	return frames, !p.AtBoundary()
}

// TestRFC6455Examples holds the examples of RFC 6455 5.7.
func TestRFC6455Examples(t *testing.T) {
	hello := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	big := strings.Repeat("x", 256)
	huge := strings.Repeat("y", 65536)

	for _, tc := range []struct {
		name string
		in   []byte
		want []got
	}{
		{
			"a single-frame unmasked text message", wstest.Hex("81 05 48 65 6c 6c 6f"),
			[]got{{frame.Header{Fin: true, Opcode: ws.OpText, Length: 5, Size: 2, Minimal: true}, "Hello"}},
		},
		{
			"a single-frame masked text message", wstest.Hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"),
			[]got{{frame.Header{Fin: true, Opcode: ws.OpText, Masked: true, Mask: hello, Length: 5, Size: 6, Minimal: true}, "Hello"}},
		},
		{
			"a fragmented unmasked text message", wstest.Hex("01 03 48 65 6c 80 02 6c 6f"),
			[]got{
				{frame.Header{Opcode: ws.OpText, Length: 3, Size: 2, Minimal: true}, "Hel"},
				{frame.Header{Fin: true, Opcode: ws.OpContinuation, Length: 2, Size: 2, Minimal: true}, "lo"},
			},
		},
		{
			"unmasked ping and masked pong", wstest.Hex("89 05 48 65 6c 6c 6f 8a 85 37 fa 21 3d 7f 9f 4d 51 58"),
			[]got{
				{frame.Header{Fin: true, Opcode: ws.OpPing, Length: 5, Size: 2, Minimal: true}, "Hello"},
				{frame.Header{Fin: true, Opcode: ws.OpPong, Masked: true, Mask: hello, Length: 5, Size: 6, Minimal: true}, "Hello"},
			},
		},
		{
			"256 bytes binary", append(wstest.Hex("82 7e 01 00"), big...),
			[]got{{frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 256, Size: 4, Minimal: true}, big}},
		},
		{
			"64 KiB binary", append(wstest.Hex("82 7f 00 00 00 00 00 01 00 00"), huge...),
			[]got{{frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 65536, Size: 10, Minimal: true}, huge}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			frames, rest := parse(t, [][]byte{tc.in})
			require.False(t, rest)
			require.Equal(t, tc.want, frames)
		})
	}
}

func session() []byte {
	mask := func(b byte) *[4]byte { return &[4]byte{b, b ^ 0x55, 7, 0xff} }
	return wstest.Stream(
		wstest.Text("Hello"),
		wstest.Frame{Opcode: ws.OpText, Mask: mask(1)},
		wstest.Frame{Opcode: ws.OpPing},
		wstest.Frame{More: true, Opcode: ws.OpText, Mask: mask(2), Payload: []byte("gr\xc3")},
		wstest.Frame{Opcode: ws.OpPong, Mask: mask(3), Payload: []byte("between")},
		wstest.Frame{Opcode: ws.OpContinuation, Mask: mask(4), Payload: []byte("\xbc\xc3\x9fe")},
		wstest.Frame{RSV: 7, Opcode: 0xb, Payload: []byte("reserved")},
		wstest.Frame{Opcode: ws.OpBinary, Mask: mask(5), Payload: bytes.Repeat([]byte{0, 1, 2}, 100)},
		wstest.Frame{Opcode: ws.OpClose, Mask: mask(6), Payload: []byte("\x03\xe8bye")},
	)
}

func TestParserSplitInvariance(t *testing.T) {
	in := session()
	want, rest := parse(t, [][]byte{in})
	require.False(t, rest)
	require.Len(t, want, 9)
	require.Equal(t, "gr\xc3", want[3].Payload)
	for how, parts := range wstest.Cuts(in) {
		frames, rest := parse(t, parts)
		require.False(t, rest, how)
		require.Equal(t, want, frames, how)
	}
}

func TestParserTruncated(t *testing.T) {
	in := session()
	ends := map[int]bool{0: true}
	at := 0
	all, _ := parse(t, [][]byte{in})
	for _, f := range all {
		at += int(f.Header.Size) + len(f.Payload)
		ends[at] = true
	}
	for n := range in {
		_, rest := parse(t, [][]byte{in[:n]})
		require.Equal(t, !ends[n], rest, "the first %d bytes", n)
	}
}

// TestHeaderNeed reads as a reader does that must not pass a frame's end, with
// all that it may read of a header at first, and with one byte.
func TestHeaderNeed(t *testing.T) {
	testHeaderNeed(t, 2)
	testHeaderNeed(t, 1)
}

func testHeaderNeed(t *testing.T, first int) {
	in := session()
	want, _ := parse(t, [][]byte{in})
	var p frame.Parser
	var frames int
	for b := in; len(b) > 0; {
		n := p.HeaderNeed()
		if p.Left() > 0 {
			require.Zero(t, n)
			n = int(p.Left())
		}
		require.Positive(t, n)
		if p.AtBoundary() {
			n = first
		}
		took, ev := p.Next(b[:n])
		require.Equal(t, n, took)
		if b = b[n:]; p.AtBoundary() {
			require.NotEqual(t, frame.NeedMore, ev)
			frames++
		}
	}
	require.Equal(t, len(want), frames)
}

func TestParserHugeLengths(t *testing.T) {
	for _, tc := range []struct {
		name   string
		in     string
		length uint64
	}{
		{"2^62", "82 7f 40 00 00 00 00 00 00 00", 1 << 62},
		{"2^63", "82 7f 80 00 00 00 00 00 00 00", 1 << 63},
		{"2^64-1", "82 7f ff ff ff ff ff ff ff ff", 1<<64 - 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p frame.Parser
			_, ev := p.Next(wstest.Hex(tc.in))
			require.Equal(t, frame.GotHeader, ev)
			require.Equal(t, tc.length, p.Left())
			n, ev := p.Next(make([]byte, 1000))
			require.Equal(t, frame.GotPayload, ev)
			require.Equal(t, 1000, n)
			_, ev = p.Next(make([]byte, 10))
			require.Equal(t, frame.GotPayload, ev)
			require.Equal(t, uint64(1000), p.Offset(10))
			require.Equal(t, tc.length-1010, p.Left())
		})
	}
}

func TestParserNothing(t *testing.T) {
	var p frame.Parser
	n, ev := p.Next(nil)
	require.Zero(t, n)
	require.Equal(t, frame.NeedMore, ev)
	require.True(t, p.AtBoundary())
}

func TestUnmask(t *testing.T) {
	key := [4]byte{0x12, 0x34, 0x56, 0x78}
	rnd := rand.New(rand.NewPCG(1, 2))
	src := make([]byte, 300)
	for i := range src {
		src[i] = byte(rnd.Uint32())
	}
	for n := range 140 {
		for off := range uint64(9) {
			for align := range 9 {
				in := src[align : align+n]
				want := make([]byte, n)
				for i := range want {
					want[i] = in[i] ^ key[(off+uint64(i))&3]
				}
				dst := bytes.Repeat([]byte{0xee}, n+20)
				frame.Unmask(dst[3:], in, key, off)
				require.Equal(t, want, dst[3:3+n], "n %d off %d align %d", n, off, align)
				require.Equal(t, bytes.Repeat([]byte{0xee}, 17), dst[3+n:], "writes past the end")

				same := append([]byte{}, in...)
				frame.Unmask(same, same, key, off)
				require.Equal(t, want, same, "in place, n %d off %d", n, off)
			}
		}
	}
	far := []byte{1}
	frame.Unmask(far, far, key, 1<<63|2)
	require.Equal(t, []byte{1 ^ 0x56}, far)
}

func TestParserAllocs(t *testing.T) {
	in := session()
	out := make([]byte, len(in))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var p frame.Parser
		for b := in; len(b) > 0; {
			n, ev := p.Next(b)
			switch ev {
			case frame.GotHeader:
				frame.Check(p.Header(), ws.FromClient, false, false)
			case frame.GotPayload:
				frame.Unmask(out, b[:n], p.Header().Mask, p.Offset(n))
			}
			b = b[n:]
		}
	}))
}

// FuzzParser holds that any two cuts of any bytes give the frames of the
// bytes as a whole.
func FuzzParser(f *testing.F) {
	f.Add(session(), uint16(3), uint16(9))
	for _, tc := range headers {
		f.Add(wstest.Bits(tc.picture), uint16(1), uint16(5))
	}
	f.Fuzz(func(t *testing.T, in []byte, i, j uint16) {
		a := min(int(i), len(in))
		b := min(a+int(j), len(in))
		want, wantRest := parse(t, [][]byte{in})
		frames, rest := parse(t, [][]byte{in[:a], in[a:b], in[b:]})
		require.Equal(t, want, frames)
		require.Equal(t, wantRest, rest)
	})
}

func BenchmarkParseHeader(b *testing.B) {
	in := wstest.Text(strings.Repeat("x", 200)).Bytes()
	b.ReportAllocs()
	for b.Loop() {
		frame.ParseHeader(in)
	}
}

func BenchmarkParser(b *testing.B) {
	in := wstest.Text(strings.Repeat("x", 128)).Bytes()
	b.ReportAllocs()
	var p frame.Parser
	for b.Loop() {
		n, _ := p.Next(in)
		frame.Check(p.Header(), ws.FromClient, true, false)
		p.Next(in[n:])
	}
}

func BenchmarkUnmask(b *testing.B) {
	for _, size := range []int{128, 16 << 10} {
		b.Run(map[int]string{128: "128B", 16 << 10: "16KiB"}[size], func(b *testing.B) {
			src, dst := make([]byte, size+1), make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				frame.Unmask(dst, src[1:], [4]byte{1, 2, 3, 4}, 3)
			}
		})
	}
}
