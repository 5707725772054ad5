package format_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"google.golang.org/protobuf/encoding/protowire"

	"wsi/gobridge/internal/format"
)

func bsonSample(t testing.TB) string {
	doc, err := bson.Marshal(bson.D{
		{Key: "text", Value: "hello"}, {Key: "n", Value: int32(7)},
		{Key: "list", Value: bson.A{"a", 1.5, bson.D{{Key: "b", Value: "c"}}}},
		{Key: "bin", Value: bson.Binary{Data: []byte("<b>bin</b> or")}}, {Key: "at", Value: bson.DateTime(1)},
		{Key: "re", Value: bson.Regex{Pattern: "^a", Options: "i"}}, {Key: "code", Value: bson.JavaScript("f()")},
		{Key: "scope", Value: bson.CodeWithScope{Code: "g()", Scope: bson.D{{Key: "v", Value: "w"}}}},
		{Key: "dec", Value: bson.NewDecimal128(1, 2)}, {Key: "id", Value: bson.ObjectID{1}}, {Key: "end", Value: true},
	})
	require.NoError(t, err)
	return string(doc)
}

func TestBSON(t *testing.T) {
	name, fields := walk(bsonSample(t), format.Root{})
	require.Equal(t, "bson", name)
	for _, f := range []string{
		"$.text~=text", "$.text=hello", "$.n~=n", "$.list[0]=a", "$.list[2].b=c", "$.bin=<b>bin</b> or", "$.re=^a", "$.code=f()",
		"$.scope=g()", "$.scope.v=w", "$.end~=end",
	} {
		require.Contains(t, fields, f)
	}
}

func TestNoBSON(t *testing.T) {
	doc := bsonSample(t)
	for cut := range len(doc) {
		name, _ := walk(doc[:cut], format.Root{})
		require.NotEqual(t, "bson", name)
	}
	deep := "\x00"
	for range 1100 {
		inner := make([]byte, 4)
		binary.LittleEndian.PutUint32(inner, uint32(4+len(deep)))
		deep = "\x03a\x00" + string(inner) + deep + "\x00"
	}
	head := make([]byte, 4)
	binary.LittleEndian.PutUint32(head, uint32(4+len(deep)))
	name, _ := walk(string(head)+deep, format.Root{})
	require.NotEqual(t, "bson", name)
}

// FuzzBSON: every string that bsoncore reads in a document that we take is
// visited.
func FuzzBSON(f *testing.F) {
	f.Add([]byte(bsonSample(f)))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var w format.Walker
		visited := map[string]bool{}
		name := w.Walk(doc, format.Root{}, func(f *format.Field) { visited[string(f.Value)] = true })
		if name == "bson" && bsoncore.Document(doc).Validate() == nil {
			requireBSON(t, bsoncore.Document(doc), visited, 0)
		}
	})
}

func requireBSON(t *testing.T, doc bsoncore.Document, visited map[string]bool, depth int) {
	elements, err := doc.Elements()
	if err != nil || depth > 50 {
		return
	}
	for _, e := range elements {
		if s, ok := e.Value().StringValueOK(); ok {
			require.True(t, visited[s], "%q", s)
		}
		if d, ok := e.Value().DocumentOK(); ok {
			requireBSON(t, d, visited, depth+1)
		}
	}
}

func protoSample() string {
	var inner, doc []byte
	inner = protowire.AppendTag(inner, 1, protowire.BytesType)
	inner = protowire.AppendString(inner, "inner text")
	doc = protowire.AppendTag(doc, 1, protowire.VarintType)
	doc = protowire.AppendVarint(doc, 300)
	doc = protowire.AppendTag(doc, 2, protowire.BytesType)
	doc = protowire.AppendString(doc, strings.Repeat("x", 34)+"hello") // a length that is a quote's
	doc = protowire.AppendTag(doc, 3, protowire.BytesType)
	doc = protowire.AppendBytes(doc, inner)
	doc = protowire.AppendTag(doc, 4, protowire.StartGroupType)
	doc = protowire.AppendTag(doc, 5, protowire.BytesType)
	doc = protowire.AppendString(doc, "in a group")
	doc = protowire.AppendTag(doc, 4, protowire.EndGroupType)
	doc = protowire.AppendTag(doc, 6, protowire.Fixed32Type)
	doc = protowire.AppendFixed32(doc, 7)
	return string(doc)
}

func TestProtobuf(t *testing.T) {
	name, fields := walk(protoSample(), format.Root{})
	require.Equal(t, "protobuf", name)
	for _, f := range []string{"$[2]=" + strings.Repeat("x", 34) + "hello", "$[3][1]=inner text", "$[5]=in a group"} {
		require.Contains(t, fields, f)
	}
}

func TestNoProtobuf(t *testing.T) {
	for _, payload := range []string{
		"\x08\x01\x10\x02", // numbers only
		"\x0a\x05hell", "\x0b\x0a\x01a", "\x0c", "\x00\x01", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
		"hello\x01", protoSample()[:len(protoSample())-2],
	} {
		name, _ := walk(payload, format.Root{})
		require.NotEqual(t, "protobuf", name, "%q", payload)
	}
}

// FuzzProtobuf: every text that protowire reads at the top is visited.
func FuzzProtobuf(f *testing.F) {
	f.Add([]byte(protoSample()))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var w format.Walker
		visited := map[string]bool{}
		n := 0
		name := w.Walk(doc, format.Root{}, func(f *format.Field) {
			visited[string(f.Value)] = true
			n += len(f.Value)
		})
		require.LessOrEqual(t, n, 200*len(doc)+200)
		if name != "protobuf" {
			return
		}
		for rest := doc; len(rest) > 0; {
			_, kind, tag := protowire.ConsumeTag(rest)
			size := protowire.ConsumeFieldValue(1, kind, rest[max(tag, 0):])
			if tag < 0 || size < 0 {
				return // protowire is stricter with groups
			}
			if kind == protowire.BytesType {
				s, _ := protowire.ConsumeString(rest[tag:])
				if utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0 && s != "" {
					require.True(t, visited[s], "%q", s)
				}
			}
			rest = rest[tag+size:]
		}
	})
}

func TestUBJSON(t *testing.T) {
	for _, tt := range []struct {
		name, format, payload string
		fields                []string
	}{
		{"object", "ubjson", "{i\x04userSi\x05alicei\x04tags[Si\x01ai\x07N]i\x02okT}", []string{
			"$.user~=user", "$.user=alice", "$.tags~=tags", "$.tags[0]=a", "$.ok~=ok"}},
		{"counted", "ubjson", "[#i\x02Si\x01aSI\x00\x02bc", []string{"$[0]=a", "$[1]=bc"}},
		{"typed", "ubjson", "{i\x01b[$U#i\x08<script>}", []string{"$.b~=b", "$.b=<script>"}},
		{"typed object in an array", "ubjson", "[{#i\x01i\x01kSi\x01v]", []string{"$[0].k~=k", "$[0].k=v"}},
		{"BJData", "bjdata", "{U\x01kSu\x02\x00hi}", []string{"$.k~=k", "$.k=hi"}},
		{"BJData, dimensions", "bjdata", "{U\x01k[$U#[U\x02U\x04]<script>}", []string{"$.k~=k", "$.k=<script>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name, fields := walk(tt.payload, format.Root{})
			require.Equal(t, tt.format, name)
			for i := len(fields) - 1; i >= 0; i-- {
				if strings.Contains(fields[i], "#i") || strings.Contains(fields[i], "#[") { // markers in a row
					fields = append(fields[:i], fields[i+1:]...)
				}
			}
			require.Equal(t, tt.fields, fields)
		})
	}
}

func TestBJSON(t *testing.T) {
	body := "\x10\x04user\x10\x05alice\x10\x04list\x20\x05\x10\x01a\x04\x07\x10\x03bin\x14\x04<b>x"
	name, fields := walk("\x24"+string([]byte{byte(len(body))})+body, format.Root{})
	require.Equal(t, "bjson", name)
	require.Equal(t, []string{"$.user~=user", "$.user=alice", "$.list~=list", "$.list[0]=a", "$.bin~=bin", "$.bin=<b>x"}, fields)
}

func TestNoUBJSON(t *testing.T) {
	for _, payload := range []string{
		"{i\x04userSi\x05alic", "[[[[\x01", "[$U#i\x09<script>", "[#i\x7fSi\x01a\x01", "{i\xffa\x01}", "[$S#i\x02i\x01a",
		"[#l\x7f\xff\xff\xff\x01", "[1,\x01 2]", "\x24\x7f\x10\x01a", "\x24\x03\x10\x01a", "\x21\xff\xff", "\x24\x05\x10\x01a\x10\x01",
		strings.Repeat("[", 5000) + "\x01", "\x23\xff\xff\xff\xff\xff\xff\xff\xffaa",
	} {
		name, _ := walk(payload, format.Root{})
		require.NotContains(t, []string{"ubjson", "bjdata", "bjson"}, name, "%q", payload)
	}
}

// FuzzBinary: no payload makes a format fail, and what it costs is bounded.
func FuzzBinary(f *testing.F) {
	for _, s := range []string{
		"{i\x04userSi\x05alicei\x04tags[Si\x01ai\x07N]i\x02okT}", "{U\x01k[$U#[U\x02U\x04]<script>}",
		"\x24\x0a\x10\x01a\x20\x05\x10\x01a\x04\x07",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var w format.Walker
		n := 0
		w.Walk(doc, format.Root{}, func(f *format.Field) {
			n += len(f.Value)
			require.NotEmpty(t, f.Path())
		})
		require.LessOrEqual(t, n, 1000*len(doc)+1000)
	})
}

func TestBinaryDoesNotAllocate(t *testing.T) {
	for name, doc := range map[string]string{"bson": bsonSample(t), "protobuf": protoSample()} {
		t.Run(name, func(t *testing.T) {
			var w format.Walker
			n := 0
			visit := func(f *format.Field) { n += len(f.Value) }
			payload := []byte(doc)
			require.Zero(t, testing.AllocsPerRun(100, func() { w.Walk(payload, format.Root{}, visit) }))
			require.NotZero(t, n)
		})
	}
}

// Work is measured in visited bytes.
func TestBinaryIsLinear(t *testing.T) {
	for name, unit := range map[string]string{
		"MessagePack arrays":  "\x91",
		"MessagePack strings": "\xa4abcd",
		"CBOR arrays":         "\x9f",
		"CBOR chunks":         "\x7f\x61a",
		"protobuf":            "\x0a\x04abcd",
		"nested protobuf":     "\x0a\x7e",
		"BSON":                "\x02a\x00\x02\x00\x00\x00b\x00",
	} {
		t.Run(name, func(t *testing.T) {
			payload := []byte("\xff" + strings.Repeat(unit, 100_000/len(unit)))
			for _, p := range [][]byte{payload, payload[1:]} {
				var w format.Walker
				visited := 0
				w.Walk(p, format.Root{}, func(f *format.Field) { visited += len(f.Value) })
				require.LessOrEqual(t, visited, 40*len(p))
			}
		})
	}
}
