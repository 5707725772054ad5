package carrier_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/carrier"
)

// encoders are independent ones, for what is decoded here by our own code too.
var encoders = []struct {
	name   string
	kind   carrier.Kind
	encode func(p []byte) []byte
}{
	{"base64", carrier.Base64, func(p []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(p)) }},
	{"gzip", carrier.Gzip, func(p []byte) []byte {
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, 9)
		w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
		_, _ = w.Write(p)
		_ = w.Close()
		return b.Bytes()
	}},
	{"zlib", carrier.Zlib, func(p []byte) []byte {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, _ = w.Write(p)
		_ = w.Close()
		return b.Bytes()
	}},
	{"deflate", carrier.Deflate, func(p []byte) []byte {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 9)
		_, _ = w.Write(p)
		_ = w.Close()
		return b.Bytes()
	}},
	{"brotli", carrier.Brotli, func(p []byte) []byte {
		var b bytes.Buffer
		w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: 5, LGWin: 24})
		_, _ = w.Write(p)
		_ = w.Close()
		return b.Bytes()
	}},
	{"zstd", carrier.Zstd, func(p []byte) []byte {
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		return w.EncodeAll(p, nil)
	}},
	{"lz4", carrier.LZ4, func(p []byte) []byte {
		var b bytes.Buffer
		w := lz4.NewWriter(&b)
		_, _ = w.Write(p)
		_ = w.Close()
		return b.Bytes()
	}},
	{"lz4 block", carrier.LZ4, func(p []byte) []byte {
		b := make([]byte, lz4.CompressBlockBound(len(p)))
		n, _ := lz4.CompressBlock(p, b, nil)
		return b[:n]
	}},
	{"lz4 block of MessagePack for C#", carrier.LZ4, func(p []byte) []byte {
		b := make([]byte, lz4.CompressBlockBound(len(p)))
		n, _ := lz4.CompressBlock(p, b, nil)
		return append(binary.BigEndian.AppendUint32([]byte{0xD2}, uint32(len(p))), b[:n]...)
	}},
	{"lz4 block behind its size", carrier.LZ4, func(p []byte) []byte {
		b := make([]byte, lz4.CompressBlockBound(len(p)))
		n, _ := lz4.CompressBlock(p, b, nil)
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(p))), b[:n]...)
	}},
	{"snappy", carrier.Snappy, func(p []byte) []byte {
		var b bytes.Buffer
		w := snappy.NewBufferedWriter(&b)
		_, _ = w.Write(p)
		_ = w.Close()
		return b.Bytes()
	}},
	{"snappy block", carrier.Snappy, func(p []byte) []byte { return s2.EncodeSnappyBetter(nil, p) }},
}

// text of size bytes that compresses, but not to nothing.
func text(size int) []byte {
	var b []byte
	for i := 0; len(b) < size; i++ {
		b = append(b, prose[i*7919%len(prose):]...)
		b = append(b, "<script>"...)
	}
	return b[:size]
}

func TestRoundTrip(t *testing.T) {
	for _, e := range encoders {
		t.Run(e.name, func(t *testing.T) {
			var d carrier.Decoder
			for _, size := range []int{600, 70_000, 300_000} {
				want := text(size)
				value := e.encode(want)
				out, ok, over := d.Decode(e.kind, nil, value, 1<<20)
				require.True(t, ok)
				require.False(t, over)
				require.True(t, bytes.Equal(want, out), "%d bytes", size)

				out, ok, over = d.Decode(e.kind, nil, value, size)
				require.True(t, ok)
				require.False(t, over, "exactly the limit")
				require.Len(t, out, size)

				out, ok, over = d.Decode(e.kind, nil, value, size-1)
				require.True(t, ok)
				require.True(t, over)
				require.True(t, bytes.Equal(want[:size-1], out), "%d bytes", size)
			}
		})
	}
}

// What a broken stream holds before it breaks is a prefix of its content, and
// all of it but a part that the decoder had not reached.
func TestTruncated(t *testing.T) {
	for _, e := range encoders {
		t.Run(e.name, func(t *testing.T) {
			var d carrier.Decoder
			want := text(3000)
			value := e.encode(want)
			seen := 0
			for n := range value {
				out, ok, _ := d.Decode(e.kind, nil, value[:n], 1<<20)
				require.True(t, bytes.HasPrefix(want, out), "at %d: %q", n, out)
				if ok {
					seen++
				}
			}
			if !strings.Contains(e.name, "block") && e.kind != carrier.Zstd { // one block
				require.NotZero(t, seen)
			}
		})
	}
}

// A byte behind the end hides nothing.
func TestTrailing(t *testing.T) {
	for _, e := range encoders {
		if e.name == "base64" || strings.Contains(e.name, "block") {
			continue // a part of the content
		}
		t.Run(e.name, func(t *testing.T) {
			var d carrier.Decoder
			want := text(100)
			for _, tail := range []string{"\x00", "x", "\xff\xff\xff\xff\xff\xff"} {
				out, ok, _ := d.Decode(e.kind, nil, append(e.encode(want), tail...), 1<<20)
				require.True(t, ok)
				require.Equal(t, string(want), string(out))
			}
		})
	}
}

// Several members, frames and chunks are one.
func TestConcatenated(t *testing.T) {
	for _, e := range encoders {
		if e.kind != carrier.Gzip && e.name != "zstd" && e.name != "lz4" && e.name != "snappy" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			var d carrier.Decoder
			value := append(e.encode([]byte("<script>")), e.encode([]byte("alert(1)"))...)
			out, ok, _ := d.Decode(e.kind, nil, value, 1<<20)
			require.True(t, ok)
			require.Equal(t, "<script>alert(1)", string(out))
		})
	}
}

// TestBombs: 64 MB of one byte cost neither more memory nor more output than
// the limit allows.
func TestBombs(t *testing.T) {
	const limit = 1 << 20
	bomb := bytes.Repeat([]byte("a"), 64<<20)
	for _, e := range encoders {
		t.Run(e.name, func(t *testing.T) {
			var d carrier.Decoder
			value := e.encode(bomb)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			out, ok, over := d.Decode(e.kind, nil, value, limit)
			runtime.ReadMemStats(&after)
			require.True(t, ok)
			require.True(t, over)
			require.Equal(t, bomb[:limit], out)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
		})
	}
}

// TestAnnounced has sizes that nothing follows.
func TestAnnounced(t *testing.T) {
	for _, tt := range []struct {
		name  string
		kind  carrier.Kind
		value string
	}{
		{"zstd, content of 2^63 in a single segment", carrier.Zstd, "\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00"},
		{"zstd, window of 3.75 TB", carrier.Zstd, "\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00"},
		{"lz4, content of 2^63", carrier.LZ4, "\x04\x22\x4d\x18\x68\x70\x00\x00\x00\x00\x00\x00\x00\x80\x00\xff\xff\xff\x7f"},
		{"lz4, old format over and over", carrier.LZ4, strings.Repeat("\x02\x21\x4c\x18", 100_000)},
		{"snappy, 4 GB", carrier.Snappy, "\xff\xff\xff\xff\x0f\x00a"},
		{"snappy, chunk of 16 MB", carrier.Snappy, "\xff\x06\x00\x00sNaPpY\x00\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\x0f"},
		{"skippable frame of 4 GB", carrier.Zstd, "\x50\x2a\x4d\x18\xff\xff\xff\xff"},
		{"brotli, 16 MB", carrier.Brotli, "\x0f\xfe\xff\xff\x07\x00\x00\x00\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d carrier.Decoder
			d.Decode(tt.kind, nil, []byte(tt.value), 1<<20)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, ok, _ := d.Decode(tt.kind, nil, []byte(tt.value), 1<<20)
			runtime.ReadMemStats(&after)
			require.False(t, ok)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
		})
	}
}

// hostile are inputs of n bytes that make decoders work. Time is asserted by
// make bench-decode, here only that each ends within its limit.
var hostile = map[string]func(n int) []byte{
	"soft breaks":  func(n int) []byte { return bytes.Repeat([]byte("= "), n/2) },
	"equals":       func(n int) []byte { return bytes.Repeat([]byte("="), n) },
	"blanks":       func(n int) []byte { return bytes.Repeat([]byte(" \t"), n/2) },
	"percents":     func(n int) []byte { return bytes.Repeat([]byte("%"), n) },
	"percent u":    func(n int) []byte { return bytes.Repeat([]byte("%ud83d"), n/6) },
	"dots":         func(n int) []byte { return append([]byte("eyJ"), bytes.Repeat([]byte("."), n)...) },
	"padded":       func(n int) []byte { return bytes.Repeat([]byte("PHN="), n/4) },
	"data:":        func(n int) []byte { return append([]byte("data:;base64,"), bytes.Repeat([]byte("%41"), n/3)...) },
	"gzip members": func(n int) []byte { return bytes.Repeat(encoders[1].encode([]byte("a")), n/40) },
	"gzip headers": func(n int) []byte { return bytes.Repeat([]byte("\x1f\x8b\x08\x08aaaaaaaa"), n/12) },
	"zstd frames":  func(n int) []byte { return bytes.Repeat([]byte("\x28\xb5\x2f\xfd\x20\x01\x09\x00\x00a"), n/10) },
	"zstd windows": func(n int) []byte { return bytes.Repeat([]byte("\x28\xb5\x2f\xfd\x00\x68\x09\x00\x00a"), n/10) },
	"skippable":    func(n int) []byte { return bytes.Repeat([]byte("\x50\x2a\x4d\x18\x00\x00\x00\x00"), n/8) },
	"lz4 old":      func(n int) []byte { return bytes.Repeat([]byte("\x02\x21\x4c\x18"), n/4) },
	"lz4 lengths":  func(n int) []byte { return append([]byte("\x1fa\x01\x00"), bytes.Repeat([]byte{255}, n)...) },
	"snappy copies": func(n int) []byte {
		return append([]byte("\xff\xff\x03\x00a"), bytes.Repeat([]byte("\xfe\x01\x00"), n/3)...)
	},
	"lz-string":       func(n int) []byte { return bytes.Repeat([]byte("N4Ig"), n/4) },
	"lz-string, one":  func(n int) []byte { return append([]byte("IY"), bytes.Repeat([]byte("ZWzcIe"), n/6)...) },
	"lz-string, wide": func(n int) []byte { return bytes.Repeat([]byte("\u1be1\u3072"), n/6) },
	"NULs":            func(n int) []byte { return bytes.Repeat([]byte("a\x00"), n/2) },
	"stored blocks":   func(n int) []byte { return bytes.Repeat([]byte("\x00\x01\x00\xfe\xffa"), n/6) },
	"empty blocks":    func(n int) []byte { return bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), n/5) },
	"brotli metadata": func(n int) []byte { return append([]byte("\x0c"), bytes.Repeat([]byte{0}, n)...) },
}

func TestHostile(t *testing.T) {
	const limit = 256 << 10
	var d carrier.Decoder
	for name, input := range hostile {
		t.Run(name, func(t *testing.T) {
			p := input(64 << 10)
			for kind := carrier.Base64; kind <= carrier.Latin1; kind++ {
				out, ok, _ := d.Decode(kind, nil, p, limit)
				require.LessOrEqual(t, len(out), limit, kind.String())
				require.Equal(t, ok, len(out) > 0, kind.String())
			}
		})
	}
}

// BenchmarkHostile is every kind, one after the other.
func BenchmarkHostile(b *testing.B) {
	for name, input := range hostile {
		for _, size := range []int{4 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(name, " ", "-"), size), func(b *testing.B) {
				var d carrier.Decoder
				p := input(size)
				var out []byte
				b.SetBytes(int64(size))
				for b.Loop() {
					carrier.Sniff(p)
					carrier.Guess(p)
					for kind := carrier.Base64; kind <= carrier.Latin1; kind++ {
						out, _, _ = d.Decode(kind, out[:0], p, 1<<20)
					}
				}
			})
		}
	}
}

// TestNoGoroutine: one that a call from C starts waits in the run queue of
// NGINX's thread.
func TestNoGoroutine(t *testing.T) {
	created := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(created)
	if created[0].Value.Kind() != metrics.KindUint64 {
		t.Skip("this Go does not count the goroutines that are created: run scripts/go.sh test, which has one that does")
	}
	var values [][]byte
	for _, e := range encoders {
		values = append(values, e.encode(text(300_000)))
	}
	runtime.GC() // its workers are goroutines
	var d carrier.Decoder
	out := make([]byte, 0, 1<<20)
	for i, e := range encoders {
		metrics.Read(created)
		before := created[0].Value.Uint64()
		d.Decode(e.kind, out, values[i], 200_000)
		d.Decode(e.kind, out, values[i], 400_000)
		metrics.Read(created)
		require.Equal(t, before, created[0].Value.Uint64(), e.name)
	}
}

func TestAllocations(t *testing.T) {
	var d carrier.Decoder
	out := make([]byte, 0, 1<<10)
	for _, tt := range []struct {
		kind  carrier.Kind
		value string
	}{
		{carrier.Base64, base64.StdEncoding.EncodeToString([]byte(prose))},
		{carrier.Base64, "yR3kP0vXw9dQ7sLmA2Zb"},
		{carrier.Hex, "3c7363726970743e616c6572742831293c2f7363726970743e"},
		{carrier.Percent, "a%3Cb%u003e"},
		{carrier.QuotedPrintable, "=3Cscript=3Ealert=\r\n(1)"},
		{carrier.JWT, "eyJhbGciOiJub25lIn0.eyJuYW1lIjoiPGI-In0."},
		{carrier.DataURL, "data:text/html;base64,PHNjcmlwdD4%3D"},
		{carrier.LZString, "N4IgrgzgpgTiBcICGAbAlgYyiANCALlAB7IgA8EGmaAAgGgyqz4AUAjAJTkD0UN9BpW1zGGyi9+ohiAC+QA="},
		{carrier.UTF16, "<\x00s\x00v\x00g\x00"},
		{carrier.Gzip, string(encoders[1].encode([]byte(prose)))},
		{carrier.Deflate, string(encoders[3].encode([]byte(prose)))},
		{carrier.Zstd, string(encoders[5].encode([]byte(prose)))},
		{carrier.LZ4, string(encoders[6].encode([]byte(prose)))},
		{carrier.Snappy, string(encoders[9].encode([]byte(prose)))},
	} {
		value := []byte(tt.value)
		// A pool loses what it has to a collection of garbage, hence below 1.
		require.Less(t, testing.AllocsPerRun(200, func() {
			carrier.Sniff(value)
			carrier.Guess(value)
			d.Decode(tt.kind, out, value, 1<<10)
		}), 1.0, tt.kind.String())
	}
	for _, value := range [][]byte{[]byte(prose), []byte("word"), []byte(`{"a":"b=c"}`)} {
		require.Zero(t, testing.AllocsPerRun(100, func() { carrier.Sniff(value) }))
	}
}

// FuzzDecode: no input makes any kind fail or give more than the limit, and a
// lower limit gives a prefix.
func FuzzDecode(f *testing.F) {
	for _, e := range encoders {
		f.Add(byte(e.kind), e.encode([]byte(prose)), uint16(1000))
		f.Add(byte(e.kind), e.encode([]byte(prose)), uint16(100))
	}
	for _, s := range []string{"%3C%u003cx", "=3C= \r\n", "eyJ.eyJ.x", "data:;base64,PHNj", "\x3c\x73", "N4IgrgzgpgTiBcICGAbAlgYyiANC", "a\x00b\x00"} {
		for k := carrier.Base64; k <= carrier.Latin1; k++ {
			f.Add(byte(k), []byte(s), uint16(50))
		}
	}
	var d carrier.Decoder
	f.Fuzz(func(t *testing.T, kind byte, value []byte, limit uint16) {
		k := carrier.Kind(kind % (byte(carrier.Latin1) + 2))
		carrier.Sniff(value)
		carrier.Guess(value)
		out, ok, over := d.Decode(k, []byte("before"), value, int(limit))
		require.True(t, bytes.HasPrefix(out, []byte("before")))
		out = out[len("before"):]
		require.LessOrEqual(t, len(out), int(limit))
		if !ok {
			require.Empty(t, out)
			require.False(t, over)
			return
		}
		require.True(t, k == carrier.DataURL || len(out) > 0 || over)
		if k == carrier.LZ4 || k == carrier.LZString || k == carrier.JWT {
			return // of several readings or parts, a limit may leave fewer
		}
		more, ok, _ := d.Decode(k, nil, value, int(limit)+100)
		if ok {
			require.True(t, bytes.HasPrefix(more, out), "%q %q", more, out)
		}
	})
}
