package format_test

import (
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// Most samples are those of RFC 8949, appendix A.
func TestCBOR(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		fields  []string
	}{
		{"array", "\x82\x61a\xa1\x61b\x61c", []string{"$[0]=a", "$[1].b~=b", "$[1].b=c"}},
		{"map", "\xa2\x01\x61x\x20\x61y", []string{"$[1]=x", "$[-1]=y"}},
		{"bytes", "\x81\x44text", []string{"$[0]=text"}},
		{"chunked text", "\x81\x7f\x65strea\x64ming\xff", []string{"$[0]=streaming"}},
		{"chunked bytes", "\x81\x5f\x44scri\x42pt\xff", []string{"$[0]=script"}},
		{"indefinite array", "\x9f\x01\x82\x02\x03\x9f\x61a\x05\xff\xff", []string{"$[2][0]=a"}},
		{"indefinite map", "\xbf\x63Fun\xf5\x63Amt\x61b\xff", []string{"$.Fun~=Fun", "$.Amt~=Amt", "$.Amt=b"}},
		{"empty ones", "\x83\x80\xa0\x61a", []string{"$[2]=a"}},
		{"tagged text", "\xc0\x74" + "2013-03-21T20:04:00Z", []string{"$=2013-03-21T20:04:00Z"}},
		{"self-described", "\xd9\xd9\xf7\x81\x61a", []string{"$[0]=a"}},
		{"embedded CBOR", "\x81\xd8\x18\x46\x82\x61a\x62\xc3\xbc", []string{"$[0]>cbor[0]=a", "$[0]>cbor[1]=ü"}},
		{"sequence", "\x81\x61a\x81\x61b", []string{"$[0]=a", "$[0]=b"}},
		{"numbers", "\x83\x18<\x18b\x81\x61a", []string{"$[2][0]=a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w format.Walker
			var fields []string
			require.True(t, w.CBOR([]byte(tt.payload), format.Root{}, func(f *format.Field) {
				fields = append(fields, f.Path()+"="+string(f.Value))
			}))
			require.Equal(t, tt.fields, fields)
		})
	}
}

func TestNoCBOR(t *testing.T) {
	for name, payload := range map[string]string{
		"empty":              "",
		"number":             "\x01",
		"texts that cut one": "c3%3f<script>alert(1)</script>i\x0b",
		"simple":             "\xf5",
		"break":              "\xff",
		"truncated":          "\x82\x61a",
		"truncated head":     "\x99\x01",
		"huge array":         "\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
		"huge map":           "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff",
		"huge string":        "\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
		"reserved":           "\x81\x1c",
		"chunk of other":     "\x81\x7f\x41a\xff",
		"chunk of chunks":    "\x81\x7f\x7f\x61a\xff\xff",
		"chunks without end": "\x81\x7f\x61a",
		"tag of nothing":     "\x81\xc0",
		"tag of a break":     "\x9f\xc0\xff",
		"break in an array":  "\x81\xff",
		"break at a value":   "\xbf\x61a\xff",
		"invalid UTF-8":      "\x81\x61\xff",
		"too deep":           strings.Repeat("\x81", 1001) + "\x01",
		"a million deep":     strings.Repeat("\x81", 1<<20),
		"a million open":     strings.Repeat("\x9f", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var w format.Walker
			require.False(t, w.CBOR([]byte(payload), format.Root{}, func(*format.Field) {}))
		})
	}
}

// FuzzCBOR: what fxamacker/cbor takes for well-formed is walked, and every
// string that it decodes is visited.
func FuzzCBOR(f *testing.F) {
	for _, s := range []string{"\x82\x61a\xa1\x61b\x61c", "\xbf\x63Fun\xf5\x63Amt\x21\xff", "\x81\x7f\x61a\xff", "\x81\xd8\x18\x43\x81\x61a"} {
		f.Add([]byte(s))
	}
	mode, err := cbor.DecOptions{MaxNestedLevels: 1000, UTF8: cbor.UTF8RejectInvalid, DupMapKey: cbor.DupMapKeyQuiet}.DecMode()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, doc []byte) {
		var w format.Walker
		visited := map[string]bool{}
		n := 0
		ok := w.CBOR(doc, format.Root{}, func(f *format.Field) {
			visited[string(f.Value)] = true
			n += len(f.Value)
		})
		require.LessOrEqual(t, n, 64*len(doc)+64)
		if ok {
			for rest := doc; len(rest) > 0; {
				var raw cbor.RawMessage
				left, err := mode.UnmarshalFirst(rest, &raw)
				if err != nil {
					return // deeper, or UTF-8 only
				}
				rest = left
			}
			var v any
			if _, err := mode.UnmarshalFirst(doc, &v); err == nil {
				requireVisited(t, v, visited)
			}
		}
	})
}

func requireVisited(t *testing.T, v any, visited map[string]bool) {
	switch v := v.(type) {
	case string:
		require.True(t, visited[v], "%q", v)
	case []any:
		for _, v := range v {
			requireVisited(t, v, visited)
		}
	case map[any]any:
		for k, v := range v {
			requireVisited(t, k, visited)
			requireVisited(t, v, visited)
		}
	case cbor.Tag:
		requireVisited(t, v.Content, visited)
	}
}

func chatCBOR(size int) []byte {
	type message struct {
		ID   int    `cbor:"id"`
		User string `cbor:"user"`
		Text string `cbor:"text"`
		OK   bool   `cbor:"ok"`
	}
	var list []message
	for i := 0; i*50 < size; i++ {
		list = append(list, message{i * 7919, "alice", "please select a seat from the list, it's 5 o'clock"[:20+i%30], true})
	}
	doc, err := cbor.Marshal(list)
	if err != nil {
		panic(err)
	}
	return doc
}

func TestCBORDoesNotAllocate(t *testing.T) {
	doc := append(chatCBOR(4<<10), "\x81\x7f\x65strea\x64ming\xff"...)
	var w format.Walker
	n := 0
	visit := func(f *format.Field) { n += len(f.Value) }
	require.Zero(t, testing.AllocsPerRun(100, func() { w.CBOR(doc, format.Root{}, visit) }))
	require.NotZero(t, n)
}

func BenchmarkCBOR(b *testing.B) {
	doc := chatCBOR(16 << 10)
	b.Run("ours", func(b *testing.B) {
		var w format.Walker
		n := 0
		visit := func(f *format.Field) { n += len(f.Value) }
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			w.CBOR(doc, format.Root{}, visit)
		}
	})
	b.Run("fxamacker wellformed", func(b *testing.B) {
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			if err := cbor.Wellformed(doc); err != nil {
				b.Fatal(err)
			}
		}
	})
}
