package format_test

import (
	"encoding/binary"
	"strings"
	"testing"

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

// FuzzProtobuf: every field that protowire reads at the top is visited where
// it is text.
func FuzzProtobuf(f *testing.F) {
	f.Add([]byte(protoSample()))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var w format.Walker
		n := 0
		name := w.Walk(doc, format.Root{}, func(f *format.Field) { n += len(f.Value) })
		require.LessOrEqual(t, n, 200*len(doc)+200)
		if name != "protobuf" {
			return
		}
		for rest := doc; len(rest) > 0; {
			_, _, size := protowire.ConsumeField(rest)
			if size < 0 { // protowire is stricter with groups
				return
			}
			rest = rest[size:]
		}
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
