package message_test

import (
	"bytes"
	stdflate "compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

const (
	anyLimit   = 1 << 24
	fullWindow = 1 << 15
)

// TestRFC7692Examples holds the examples of RFC 7692 7.2.3, by section.
func TestRFC7692Examples(t *testing.T) {
	for _, tc := range []struct {
		section  string
		frames   string
		takeover bool
		want     []string
	}{
		{"7.2.3.1 one compressed DEFLATE block", "c1 07 f2 48 cd c9 c9 07 00", true, []string{"Hello"}},
		{"7.2.3.1 fragmented", "41 03 f2 48 cd 80 04 c9 c9 07 00", true, []string{"Hello"}},
		{
			"7.2.3.2 sharing LZ77 sliding window",
			"c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00", true,
			[]string{"Hello", "Hello"},
		},
		{
			"7.2.3.2 no context takeover",
			"c1 07 f2 48 cd c9 c9 07 00 c1 07 f2 48 cd c9 c9 07 00", false,
			[]string{"Hello", "Hello"},
		},
		{"7.2.3.3 DEFLATE block with no compression", "c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00", true, []string{"Hello"}},
		{"7.2.3.4 DEFLATE block with BFINAL set to 1", "c1 08 f3 48 cd c9 c9 07 00 00", true, []string{"Hello"}},
		{"7.2.3.5 two DEFLATE blocks in one message", "c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00", true, []string{"Hello"}},
		{
			"7.2.3.6 an empty fragment",
			"41 07 f2 48 cd c9 c9 07 00 80 00", true, []string{"Hello"},
		},
		{"7.2.3.6 an empty message", "c1 01 00 c1 07 f2 48 cd c9 c9 07 00", true, []string{"", "Hello"}},
		{"an empty message of an empty block", "c1 02 02 00 c1 07 f2 48 cd c9 c9 07 00", true, []string{"", "Hello"}},
		{"no payload at all", "c1 00 c1 07 f2 48 cd c9 c9 07 00", true, []string{"", "Hello"}},
	} {
		t.Run(tc.section, func(t *testing.T) {
			for how, parts := range wstest.Cuts(wstest.Hex(tc.frames)) {
				f := message.NewInflater(fullWindow, tc.takeover)
				all, stop := receive(t, parts, anyLimit)
				require.Equal(t, ws.NoViolation, stop)
				var got []string
				for _, m := range all {
					require.True(t, m.Compressed)
					out, err := f.Inflate(nil, []byte(m.Payload), anyLimit)
					require.NoError(t, err, how)
					got = append(got, string(out))
				}
				require.Equal(t, tc.want, got, how)
			}
		})
	}
}

// deflater compresses messages as RFC 7692 7.2.1 says.
type deflater struct {
	buf bytes.Buffer
	w   interface {
		io.WriteCloser
		Flush() error
		Reset(io.Writer)
	}
	takeover bool
}

func newDeflater(t testing.TB, window int, takeover bool) *deflater {
	d := &deflater{takeover: takeover}
	w, err := flate.NewWriterWindow(&d.buf, window)
	require.NoError(t, err)
	d.w = w
	return d
}

func (d *deflater) deflate(t testing.TB, parts ...[]byte) []byte {
	d.buf.Reset()
	if !d.takeover {
		d.w.Reset(&d.buf)
	}
	for _, p := range parts {
		_, err := d.w.Write(p)
		require.NoError(t, err)
		require.NoError(t, d.w.Flush())
	}
	b := bytes.Clone(d.buf.Bytes())
	require.True(t, bytes.HasSuffix(b, []byte{0, 0, 0xff, 0xff}))
	return b[:len(b)-4]
}

// chat gives texts with repetitions near and far, and some noise.
func chat(rnd *rand.Rand, n int) []byte {
	words := strings.Fields("hello everyone how are you today <b>bold</b> it's fine thanks 42[\"chat\",{\"text\":\"")
	var b []byte
	for len(b) < n {
		if rnd.IntN(20) == 0 {
			for range rnd.IntN(40) {
				b = append(b, byte(rnd.Uint32()))
			}
		}
		b = append(append(b, words[rnd.IntN(len(words))]...), ' ')
	}
	return b[:n]
}

func TestRoundTrip(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		for _, takeover := range []bool{true, false} {
			t.Run(fmt.Sprintf("window bits %d takeover %t", bits, takeover), func(t *testing.T) {
				window := 1 << bits
				rnd := rand.New(rand.NewPCG(uint64(bits), 1))
				d := newDeflater(t, window, takeover)
				f := message.NewInflater(window, takeover)
				require.Zero(t, f.Size(), "before first use")
				var out []byte
				for i := range 150 {
					n := rnd.IntN(200)
					switch i % 10 {
					case 3:
						n = rnd.IntN(3 * window)
					case 5:
						n = window
					case 7:
						n = 0
					}
					want := chat(rnd, n)
					cut := rnd.IntN(n + 1)
					payload := d.deflate(t, want[:cut], want[cut:])
					var err error
					out, err = f.Inflate(out, payload, n)
					require.NoError(t, err)
					require.Equal(t, string(want), string(out))
					require.LessOrEqual(t, f.Size(), window)
					if !takeover {
						require.Zero(t, f.Size())
					}
				}
			})
		}
	}
}

// TestCompressorLevels meets stored, fixed and dynamic blocks of another
// compressor.
func TestCompressorLevels(t *testing.T) {
	for _, level := range []int{stdflate.HuffmanOnly, stdflate.NoCompression, 1, 6, 9} {
		t.Run(fmt.Sprint("level ", level), func(t *testing.T) {
			d := &deflater{takeover: true}
			w, err := stdflate.NewWriter(&d.buf, level)
			require.NoError(t, err)
			d.w = w
			f := message.NewInflater(fullWindow, true)
			rnd := rand.New(rand.NewPCG(uint64(level), 2))
			for _, n := range []int{1, 5, 128, 0, 4000, 70000, 300, 200000, 1} {
				want := chat(rnd, n)
				out, err := f.Inflate(nil, d.deflate(t, want), anyLimit)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, out))
			}
		})
	}
}

// TestWindowGrows holds that a window costs what was sent, not what was
// negotiated.
func TestWindowGrows(t *testing.T) {
	f := message.NewInflater(fullWindow, true)
	d := newDeflater(t, fullWindow, true)
	for range 4 {
		_, err := f.Inflate(nil, d.deflate(t, make([]byte, 100)), anyLimit)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, f.Size(), 400)
	require.LessOrEqual(t, f.Size(), 800)
}

// bitWriter writes DEFLATE by hand.
type bitWriter struct {
	b []byte
	n int
}

// bits writes the low n bits of v, lowest first.
func (w *bitWriter) bits(v, n int) *bitWriter {
	for i := range n {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
	return w
}

// code writes a Huffman code of n bits, highest first.
func (w *bitWriter) code(v, n int) *bitWriter {
	for i := n - 1; i >= 0; i-- {
		w.bits(v>>i&1, 1)
	}
	return w
}

// fixed begins a block with fixed codes.
func (w *bitWriter) fixed(final int) *bitWriter { return w.bits(final, 1).bits(1, 2) }

func (w *bitWriter) literal(c byte) *bitWriter { return w.code(0x30+int(c), 8) }

func (w *bitWriter) end() *bitWriter { return w.code(0, 7) }

// back writes a reference of length 3.
func (w *bitWriter) back(distance int) *bitWriter {
	w.code(1, 7)
	base := 1
	for symbol := range 30 {
		extra := max(symbol/2-1, 0)
		if distance < base+1<<extra {
			return w.code(symbol, 5).bits(distance-base, extra)
		}
		base += 1 << extra
	}
	panic("distance over 32768")
}

// flushed ends the message: the header of an empty stored block, its length
// removed.
func (w *bitWriter) flushed() []byte {
	w.bits(0, 3)
	return w.b
}

// stored is a non-final block without compression that begins at a byte.
func stored(p []byte) []byte {
	n := len(p)
	return append([]byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}, p...)
}

func TestBackReferences(t *testing.T) {
	text := make([]byte, 33000)
	for i := range text {
		text[i] = byte(i*7 + i/256)
	}
	back := func(distance int) []byte { return new(bitWriter).fixed(0).back(distance).end().flushed() }
	empty := []byte{0}

	for _, tc := range []struct {
		name     string
		window   int
		takeover bool
		first    int // bytes of text in the message before, -1 for none
		same     int // bytes of text in the same message before the reference
		distance int
		ok       bool
	}{
		{"inside the message at the window", 256, true, -1, 300, 256, true},
		{"inside the message beyond the window", 256, true, -1, 300, 257, false},
		{"inside the message beyond its start", 256, true, -1, 10, 11, false},
		{"at the message's start", 256, true, -1, 10, 10, true},
		{"nothing before", fullWindow, true, -1, 0, 1, false},
		{"into the message before", 256, true, 300, 0, 256, true},
		{"beyond the window of the message before", 256, true, 300, 0, 257, false},
		{"over both messages", 1024, true, 100, 10, 110, true},
		{"beyond both messages", 1024, true, 100, 10, 111, false},
		{"over both messages at the window", 256, true, 300, 10, 256, true},
		{"over both messages beyond the window", 256, true, 300, 10, 257, false},
		{"overlapping the message's end", 256, true, 100, 1, 2, true},
		{"largest", fullWindow, true, 33000, 0, 32768, true},
		{"largest inside the message", fullWindow, true, -1, 33000, 32768, true},
		{"without takeover", fullWindow, false, 300, 0, 1, false},
		{"without takeover inside the message", fullWindow, false, 300, 10, 10, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := message.NewInflater(tc.window, tc.takeover)
			if tc.first >= 0 {
				_, err := f.Inflate(nil, append(stored(text[:tc.first]), empty...), anyLimit)
				require.NoError(t, err)
			}
			out, err := f.Inflate(nil, append(stored(text[:tc.same]), back(tc.distance)...), anyLimit)
			if !tc.ok {
				require.ErrorIs(t, err, message.ErrInvalid)
				return
			}
			require.NoError(t, err)
			all := append(text[:max(tc.first, 0):max(tc.first, 0)], text[:tc.same]...)
			for range 3 {
				all = append(all, all[len(all)-tc.distance])
			}
			require.True(t, bytes.Equal(all[max(tc.first, 0):], out))
		})
	}
}

// TestFinalBlocks holds that what stands behind a final block is inflated too
// (RFC 7692 7.2.3.4), in the same context.
func TestFinalBlocks(t *testing.T) {
	final := func(s string) []byte {
		w := new(bitWriter).fixed(1)
		for _, c := range []byte(s) {
			w.literal(c)
		}
		return w.end().b
	}
	plain := func(s string) []byte { return stored([]byte(s)) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	finalStored := join([]byte{1}, plain("stored")[1:])

	for _, tc := range []struct {
		name    string
		payload []byte
		want    string
	}{
		{"then an empty block", join(final("a"), []byte{0}), "a"},
		{"then nothing", final("a"), "a"},
		{"stored, then nothing", finalStored, "stored"},
		{"in the middle", join(plain("a"), final("b"), plain("c"), []byte{0}), "abc"},
		{"stored in the middle", join(plain("a"), finalStored, final("c"), []byte{0}), "astoredc"},
		{"many", join(final("<scr"), final("ipt"), final(">"), []byte{0}), "<script>"},
		{"reference over it", join(final("abc"), new(bitWriter).fixed(0).back(3).end().flushed()), "abcabc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := message.NewInflater(fullWindow, true)
			out, err := f.Inflate(nil, tc.payload, anyLimit)
			require.NoError(t, err)
			require.Equal(t, tc.want, string(out))
		})
	}
}

// dynamic begins a block with codes of its own.
func dynamic(nlit, ndist, ncl int) *bitWriter {
	return new(bitWriter).bits(0, 1).bits(2, 2).bits(nlit-257, 5).bits(ndist-1, 5).bits(ncl-4, 4)
}

// dynamicA is a message "a" with nlit literal codes, of which the last has one,
// and ndist distance codes, of which the last has length dist.
func dynamicA(nlit, ndist, dist int) []byte {
	w := dynamic(nlit, ndist, 18)
	for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1} {
		w.bits(map[int]int{0: 2, 1: 2, 2: 2, 18: 2}[symbol], 3)
	}
	length := func(l int) { w.code(l, 2) } // 0, 1, 2 in order
	zeros := func(n int) {
		for ; n > 10; n -= min(n, 138) {
			w.code(3, 2).bits(min(n, 138)-11, 7)
		}
		for range n {
			length(0)
		}
	}
	zeros('a')
	length(1)
	zeros(256 - 'a' - 1)
	length(2)
	zeros(nlit - 258)
	length(2)
	zeros(ndist - 1)
	length(dist)
	return w.code(0, 1).code(2, 2).flushed()
}

// TestMostCodes holds that the limits of TestInvalid are no lower than DEFLATE's.
func TestMostCodes(t *testing.T) {
	for _, payload := range [][]byte{dynamicA(286, 1, 0), dynamicA(286, 1, 1), dynamicA(286, 30, 1)} {
		f := message.NewInflater(fullWindow, true)
		out, err := f.Inflate(nil, payload, anyLimit)
		require.NoError(t, err)
		require.Equal(t, "a", string(out))
	}
}

func TestInvalid(t *testing.T) {
	for _, tc := range []struct {
		name    string
		payload []byte
	}{
		{"reserved block type", []byte{0x06, 0, 0, 0, 0}},
		{"stored length mismatch", wstest.Hex("00 05 00 fa fe 48 65 6c 6c 6f 00")},
		{"stored longer than the message", wstest.Hex("00 50 00 af ff 48 65 6c 6c 6f 00")},
		{"only one byte that is no block", []byte{0x02}},
		{"not at a block's end", new(bitWriter).fixed(0).literal('a').literal('b').b},
		// Two bits are left of the last byte, one too few for a block header.
		{"no room for the stored block", new(bitWriter).fixed(0).code(400, 9).code(400, 9).code(400, 9).code(400, 9).end().b},
		{"garbage behind a final block", append(new(bitWriter).fixed(1).literal('a').end().b, 0xff, 0xff)},
		{"garbage behind the last block", append(stored([]byte("a")), 0, 0, 0, 0xff, 0xff, 0x17)},
		{"length symbol 286", new(bitWriter).fixed(0).code(0xc6, 8).code(0, 5).end().flushed()},
		{"distance symbol 30", new(bitWriter).fixed(0).literal('a').code(1, 7).code(30, 5).end().flushed()},
		{"final block that ends behind the message", new(bitWriter).fixed(1).literal('a').b},
		{"too many literal codes", dynamicA(287, 1, 0)},
		{"too many distance codes", dynamicA(286, 31, 0)},
		{"distance code incomplete", dynamicA(286, 1, 2)},
		{"no code length code", dynamic(257, 1, 4).bits(0, 12).bits(0, 64).b},
		{"code length code over-subscribed", dynamic(257, 1, 4).bits(1, 3).bits(1, 3).bits(1, 3).bits(0, 3).bits(0, 64).b},
		{"code length code incomplete", dynamic(257, 1, 4).bits(2, 3).bits(2, 3).bits(2, 3).bits(0, 3).bits(0, 64).b},
		{"repeat before the first length", dynamic(257, 1, 4).bits(1, 3).bits(1, 3).bits(0, 6).bits(0, 64).b},
		// Symbols 18 and 0: all lengths 0, also that of the end of block.
		{"no end of block", dynamic(257, 1, 4).bits(0, 6).bits(1, 3).bits(1, 3).bits(1, 1).bits(127, 7).bits(1, 1).bits(109, 7).b},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := message.NewInflater(fullWindow, true)
			_, err := f.Inflate(nil, tc.payload, anyLimit)
			require.ErrorIs(t, err, message.ErrInvalid)
			require.Zero(t, f.Size())
		})
	}
}

// TestTruncated cuts a message at every byte: what a zlib that does not look
// for the block's end would deliver must not pass as a whole message.
func TestTruncated(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	payload := newDeflater(t, fullWindow, true).deflate(t, chat(rnd, 3000))
	for n := 1; n < len(payload)-1; n++ {
		f := message.NewInflater(fullWindow, true)
		_, err := f.Inflate(nil, payload[:n], anyLimit)
		require.ErrorIs(t, err, message.ErrInvalid, "the first %d bytes", n)
	}
}

func bomb(t testing.TB, size int) []byte {
	var b bytes.Buffer
	w, err := stdflate.NewWriter(&b, 9)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

func TestBomb(t *testing.T) {
	const size, limit = 64 << 20, 1 << 20
	payload := bomb(t, size)
	require.Less(t, len(payload), size/1000)

	f := message.NewInflater(fullWindow, true)
	hello := wstest.Hex("f2 48 cd c9 c9 07 00")
	_, err := f.Inflate(nil, hello, limit)
	require.NoError(t, err)

	out, err := f.Inflate(nil, payload, limit)
	require.ErrorIs(t, err, message.ErrTooBig)
	require.LessOrEqual(t, len(out), limit)
	require.LessOrEqual(t, cap(out), limit)
	require.LessOrEqual(t, f.Size(), 64)

	out, err = f.Inflate(nil, wstest.Hex("f2 00 11 00 00"), limit)
	require.NoError(t, err)
	require.Equal(t, "Hello", string(out), "the context is that before the bomb")
}

func TestLimit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	first, want := chat(rnd, 500), chat(rnd, 2000)
	for _, window := range []int{256, fullWindow} {
		d := newDeflater(t, window, true)
		f := message.NewInflater(window, true)
		_, err := f.Inflate(nil, d.deflate(t, first), anyLimit)
		require.NoError(t, err)
		payload := d.deflate(t, want)
		for limit := -1; limit < len(want); limit++ {
			out, err := f.Inflate(make([]byte, 0, rnd.IntN(3000)), payload, limit)
			require.ErrorIs(t, err, message.ErrTooBig, "limit %d", limit)
			require.LessOrEqual(t, len(out), max(limit, 0))
			require.True(t, bytes.HasPrefix(want, out))
		}
		out, err := f.Inflate(nil, payload, len(want))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, out))
	}
}

func TestInflateAllocs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	for _, takeover := range []bool{true, false} {
		d := newDeflater(t, fullWindow, takeover)
		f := message.NewInflater(fullWindow, takeover)
		var payloads [][]byte
		for range 1000 {
			payloads = append(payloads, d.deflate(t, chat(rnd, 128)))
		}
		var out []byte
		i := 0
		run := func() {
			var err error
			out, err = f.Inflate(out, payloads[i], 4096)
			require.NoError(t, err)
			i++
		}
		for i < 400 { // the window grows meanwhile
			run()
		}
		// The pool of decoders may be emptied by a collection meanwhile.
		require.Less(t, testing.AllocsPerRun(500, run), 1.0)
	}
}

// reference inflates with compress/flate what was compressed behind dict. It
// knows the window of 32768 alone. That a message ends at a block boundary shows when either of two final
// blocks behind it is read as such.
func reference(dict, payload []byte) (out []byte, ok bool) {
	if len(payload) == 0 {
		return nil, true
	}
	inflate := func(final []byte) (out []byte, ok bool) {
		tail := append([]byte{0, 0, 0xff, 0xff}, final...)
		in := bytes.NewReader(append(bytes.Clone(payload), tail...))
		out = bytes.Clone(dict)
		for {
			b, err := io.ReadAll(stdflate.NewReaderDict(in, out))
			out = append(out, b...)
			switch {
			case err != nil:
				return nil, false
			case in.Len() == 0:
				return out[len(dict):], true
			case in.Len() == len(tail): // a final block ended the payload
				return append(out, final[5:]...)[len(dict):], true
			}
		}
	}
	out, ok = inflate([]byte{1, 0, 0, 0xff, 0xff})
	more, moreOK := inflate([]byte{1, 1, 0, 0xfe, 0xff, 'Z'})
	return out, ok && moreOK && string(more) == string(out)+"Z"
}

// FuzzInflate holds that no more than the limit comes out, that a call that
// met its limit can be repeated with a larger one, and that the result is that
// of compress/flate.
func FuzzInflate(f *testing.F) {
	rnd := rand.New(rand.NewPCG(6, 6))
	for _, n := range []int{0, 1, 100, 2000} {
		f.Add(newDeflater(f, fullWindow, true).deflate(f, chat(rnd, n)), uint16(n/2))
		var b bytes.Buffer
		w, err := stdflate.NewWriter(&b, 9)
		require.NoError(f, err)
		_, err = w.Write(chat(rnd, n))
		require.NoError(f, err)
		require.NoError(f, w.Close())
		f.Add(append(b.Bytes(), 0), uint16(n/2))
	}
	f.Add(wstest.Hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"), uint16(3))
	f.Add(bomb(f, 100000), uint16(5000))
	f.Fuzz(func(t *testing.T, payload []byte, small uint16) {
		const large = 1 << 20
		direct := message.NewInflater(fullWindow, true)
		want, wantErr := direct.Inflate(nil, payload, large)
		require.LessOrEqual(t, len(want), large)

		again := message.NewInflater(fullWindow, true)
		out, err := again.Inflate(make([]byte, 0, 17), payload, int(small))
		require.LessOrEqual(t, len(out), int(small))
		if err == message.ErrTooBig {
			require.Zero(t, again.Size())
			out, err = again.Inflate(out, payload, large)
		}
		require.Equal(t, wantErr, err)
		if err == message.ErrTooBig {
			return
		}
		ref, ok := reference(nil, payload)
		require.Equal(t, ok, err == nil, "compress/flate says otherwise: %v", err)
		if err != nil {
			return
		}
		require.True(t, bytes.Equal(ref, want))
		require.True(t, bytes.Equal(want, out))
		require.Equal(t, direct.Size(), again.Size())

		// What was kept is the end of what came out.
		if len(want) > 0 {
			back := min(len(want), fullWindow)
			probe, err := direct.Inflate(nil, new(bitWriter).fixed(0).back(back).end().flushed(), large)
			require.NoError(t, err)
			require.Equal(t, want[len(want)-back], probe[0])
		}
	})
}

// FuzzInflateContext holds that a second message, whatever the window, gives
// what compress/flate gives behind the first, or is refused.
func FuzzInflateContext(f *testing.F) {
	rnd := rand.New(rand.NewPCG(9, 9))
	for _, bits := range []uint8{8, 9, 15} {
		d := newDeflater(f, 1<<bits, true)
		first, second := d.deflate(f, chat(rnd, 700)), d.deflate(f, chat(rnd, 200))
		f.Add(first, second, bits)
	}
	f.Fuzz(func(t *testing.T, first, second []byte, bits uint8) {
		window := 1 << (8 + bits%8)
		inf := message.NewInflater(window, true)
		before, err := inf.Inflate(nil, first, 1<<20)
		if err != nil {
			return
		}
		require.LessOrEqual(t, inf.Size(), window)
		for range 2 {
			out, err := inf.Inflate(nil, second, 1<<20)
			if err != nil {
				return
			}
			ref, ok := reference(before, second)
			require.True(t, ok)
			require.True(t, bytes.Equal(ref, out))
			before = append(before, out...)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	for _, size := range []int{128, 16 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(7, 7))
			d := newDeflater(b, fullWindow, true)
			var payloads [][]byte
			for range 600 {
				payloads = append(payloads, d.deflate(b, chat(rnd, size)))
			}
			f := message.NewInflater(fullWindow, true)
			var out []byte
			b.SetBytes(int64(size))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i == len(payloads) {
					i = 0
					f = message.NewInflater(fullWindow, true)
				}
				out, _ = f.Inflate(out, payloads[i], 1<<20)
				i++
			}
		})
	}
}
