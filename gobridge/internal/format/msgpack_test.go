package format_test

import (
	"bytes"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"wsi/gobridge/internal/format"
)

// {"user":"alice","tags":["a",1,null],"blob":bin(<b>x</b>),7:"seven"} by
// @msgpack/msgpack 3.1.3.
const packed = "\x84\xa4user\xa5alice\xa4tags\x93\xa1a\x01\xc0\xa4blob\xc4\x08<b>x</b>\x07\xa5seven"

func TestMessagePack(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		fields  []string
	}{
		{"map", packed, []string{"$.user~=user", "$.user=alice", "$.tags~=tags", "$.tags[0]=a", "$.blob~=blob",
			"$.blob=<b>x</b>", "$[7]=seven"}},
		{"negative key", "\x81\xd1\xff\xfe\xa2hi", []string{"$[-2]=hi"}},
		{"several", "\x91\xa1a\x92\x01\xa1b", []string{"$[0]=a", "$[1]=b"}},
		{"long strings", "\x92\xd9\x02hi\xda\x00\x02ho", []string{"$[0]=hi", "$[1]=ho"}},
		{"ext", "\xc7\x05\x01hello", []string{"$=hello"}},
		{"fixext", "\x91\xd6\x01abcd", []string{"$[0]=abcd"}},
		{"JSON in a string", "\x91\xaa{\"a\":\"xy\"}", []string{"$[0]>json.a~=a", "$[0]>json.a=xy", `$[0]={"a":"xy"}`}},
		{"MessagePack in bin", "\x91\xc4\x08\x81\xa1k\xa4\xf0\x9f\x98\x80", []string{"$[0]>msgpack.k~=k", "$[0]>msgpack.k=😀"}},
		{"text as numbers", "\x98<script>", []string{"$[0]@1=<script>"}},
		{"string as a key of a map as a key", "\x81\x81\xa1a\xa1b\xa1c", []string{"$.a~=a", "$.a=b", "$=c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name, fields := walk(tt.payload, format.Root{})
			require.Equal(t, "msgpack", name)
			if tt.name == "text as numbers" || strings.Contains(tt.name, "key of a map") {
				for i := range fields { // where such a value stands has no name
					fields[i] = fields[i][strings.IndexByte(fields[i], '='):]
					tt.fields[i] = tt.fields[i][strings.IndexByte(tt.fields[i], '='):]
				}
			}
			require.Equal(t, tt.fields, fields)
		})
	}
}

// What is deep inside of a value is read with frames, whether a path is asked for or
// not.
func TestFramesThatEndBelowOthers(t *testing.T) {
	var w format.Walker
	var fields []string
	require.True(t, w.MessagePack([]byte("\x9300\xad0000000000000\xad0000000000000"), format.Root{}, func(f *format.Field) {
		fields = append(fields, string(f.Value))
	}))
	require.Equal(t, []string{"0000000000000", "-a6-a6-a", "0000000000000", "-a6-a6-a"}, fields)
}

func TestMessagePackShape(t *testing.T) {
	var w format.Walker
	var fields []string
	ok := w.MessagePack([]byte("\x95\x01\x80\xc0\xa4send\x92\xa2hi\x81\xa1a\xa1b"), format.Root{Shape: &format.Shape{
		Event: []format.Member{{Index: 3}}, Data: []format.Member{{Index: 4}},
	}}, func(f *format.Field) { fields = append(fields, f.Path()+"="+string(f.Value)) })
	require.True(t, ok)
	require.Equal(t, "send", string(w.Event()))
	require.Equal(t, []string{"$event=send", "$[0]=hi", "$[1].a~=a", "$[1].a=b"}, fields)
}

func TestNoMessagePack(t *testing.T) {
	for name, payload := range map[string]string{
		"empty":           "",
		"number":          "\x01",
		"nil":             "\xc0",
		"unused":          "\xc1",
		"truncated":       packed[:len(packed)-1],
		"huge array":      "\xdd\xff\xff\xff\xff",
		"huge map":        "\xdf\xff\xff\xff\xffa",
		"huge string":     "\xdb\xff\xff\xff\xff",
		"too deep":        strings.Repeat("\x91", 1001) + "\x01",
		"a million deep":  strings.Repeat("\x91", 1<<20),
		"number behind":   packed + "\x01",
		"length cut":      "\xda\x00",
		"map without end": "\x82\xa1a\xa1b",
	} {
		t.Run(name, func(t *testing.T) {
			var w format.Walker
			require.False(t, w.MessagePack([]byte(payload), format.Root{}, func(*format.Field) {}))
		})
	}
}

// FuzzMessagePack: every string that msgp reads is visited, or a part of it.
func FuzzMessagePack(f *testing.F) {
	f.Add([]byte(packed))
	f.Add([]byte("\x91\xc7\x05\x01hello"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var w format.Walker
		var visited [][]byte
		n := 0
		ok := w.MessagePack(doc, format.Root{}, func(f *format.Field) {
			visited = append(visited, bytes.Clone(f.Value))
			n += len(f.Value)
		})
		require.LessOrEqual(t, n, 64*len(doc)+64)
		if !ok {
			return
		}
		for rest := doc; len(rest) > 0; {
			next, err := msgp.Skip(rest)
			require.NoError(t, err)
			rest = next
		}
		for _, s := range packedStrings(doc) {
			require.True(t, containsValue(visited, s), "%q", s)
		}
	})
}

func containsValue(visited [][]byte, s []byte) bool {
	for _, v := range visited {
		if bytes.Equal(v, s) {
			return true
		}
	}
	return false
}

// packedStrings has the strings of doc, as msgp reads them.
func packedStrings(doc []byte) (out [][]byte) {
	for len(doc) > 0 {
		var s []byte
		var err error
		switch msgp.NextType(doc) {
		case msgp.StrType:
			s, doc, err = msgp.ReadStringZC(doc)
			out = append(out, s)
		case msgp.ArrayType:
			_, doc, err = msgp.ReadArrayHeaderBytes(doc)
		case msgp.MapType:
			_, doc, err = msgp.ReadMapHeaderBytes(doc)
		default:
			doc, err = msgp.Skip(doc)
		}
		if err != nil {
			return out
		}
	}
	return out
}

// chatPack is an array of chat messages of size bytes or a bit more.
func chatPack(size int) []byte {
	r := rand.New(rand.NewSource(1))
	var items []byte
	n := 0
	for ; len(items) < size; n++ {
		items = msgp.AppendMapHeader(items, 4)
		items = msgp.AppendString(items, "id")
		items = msgp.AppendInt(items, r.Intn(1<<20))
		items = msgp.AppendString(items, "user")
		items = msgp.AppendString(items, "alice")
		items = msgp.AppendString(items, "text")
		items = msgp.AppendString(items, "please select a seat from the list, it's 5 o'clock"[:20+r.Intn(30)])
		items = msgp.AppendString(items, "ok")
		items = msgp.AppendBool(items, true)
	}
	return append(msgp.AppendArrayHeader(nil, uint32(n)), items...)
}

func TestMessagePackDoesNotAllocate(t *testing.T) {
	doc := chatPack(4 << 10)
	var w format.Walker
	n := 0
	visit := func(f *format.Field) { n += len(f.Value) }
	require.Zero(t, testing.AllocsPerRun(100, func() { w.MessagePack(doc, format.Root{}, visit) }))
	require.NotZero(t, n)
}

func BenchmarkMessagePack(b *testing.B) {
	doc := chatPack(16 << 10)
	n := 0
	b.Run("ours", func(b *testing.B) {
		var w format.Walker
		visit := func(f *format.Field) { n += len(f.Value) }
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			w.MessagePack(doc, format.Root{}, visit)
		}
	})
	b.Run("msgp", func(b *testing.B) {
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			for rest := doc; len(rest) > 0; {
				var s []byte
				switch msgp.NextType(rest) {
				case msgp.StrType:
					s, rest, _ = msgp.ReadStringZC(rest)
					n += len(s)
				case msgp.ArrayType:
					_, rest, _ = msgp.ReadArrayHeaderBytes(rest)
				case msgp.MapType:
					_, rest, _ = msgp.ReadMapHeaderBytes(rest)
				default:
					rest, _ = msgp.Skip(rest)
				}
			}
		}
	})
}
