package format_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// readSamples are documents of the formats that are read with a reader, by
// format and name, and what is hostile about the same format.
type readSample struct {
	name, format, doc string
	fields            []string // that are visited, among others
}

func testSamples(t *testing.T, of string, samples []readSample, hostile map[string]string) {
	for _, tt := range samples {
		t.Run(tt.name, func(t *testing.T) {
			name, fields := walk(tt.doc, format.Root{})
			require.Equal(t, tt.format, name, "%q", fields)
			for _, f := range tt.fields {
				require.Contains(t, fields, f)
			}
			var w format.Walker
			n := 0
			visit := func(f *format.Field) { n += len(f.Value) }
			payload := []byte(tt.doc)
			// Brotli, which some strings are tried as, allocates when it fails.
			require.LessOrEqual(t, testing.AllocsPerRun(50, func() { w.Walk(payload, format.Root{}, visit) }), 3.0)
			for i := range payload { // none panics, or takes long
				n = 0
				w.Walk(payload[:i], format.Root{}, visit)
				require.LessOrEqual(t, n, 60*i)
			}
			for i := range payload {
				broken := []byte(tt.doc)
				for _, c := range []byte{0, 0x7F, 0x80, 0xFF, broken[i] ^ 1} {
					broken[i] = c
					n = 0
					w.Walk(broken, format.Root{}, visit)
					require.LessOrEqual(t, n, 60*len(broken))
				}
			}
		})
	}
	for name, doc := range hostile {
		t.Run(name, func(t *testing.T) {
			var w format.Walker
			n := 0
			got := w.Walk([]byte(doc), format.Root{}, func(f *format.Field) { n += len(f.Value) })
			require.NotEqual(t, of, got)
			require.LessOrEqual(t, n, 60*len(doc))
		})
	}
}

func TestReaderDoesNotAllocate(t *testing.T) {
	for name, doc := range map[string]string{
		"amf":         "\x09\x05\x01\x0a\x23\x0ba.Cls\x05k1\x09key2\x06\x05v1\x04\x07\x0a\x01\x06\x05v2\x06\x05v3",
		"java":        "\xac\xed\x00\x05sr\x00\x01A\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01L\x00\x04textt\x00\x01Sxpt\x00\x09\xed\xa0\xbd\xed\xb8\x80abc",
		"pickle":      "\x80\x04}\x94(\x8c\x03cmd\x94\x8c\x04chat\x94u.",
		"hessian":     "yR\x00\x05<scriR\x00\x04pt>aS\x00\x06lert()",
		"flatbuffers": chatTable,
	} {
		t.Run(name, func(t *testing.T) {
			var w format.Walker
			n := 0
			payload := []byte(doc)
			visit := func(f *format.Field) { n += len(f.Value) }
			require.Equal(t, name, w.Walk(payload, format.Root{}, visit))
			require.Zero(t, testing.AllocsPerRun(100, func() { w.Walk(payload, format.Root{}, visit) }))
		})
	}
}

// Many references to one long string do not multiply it.
func TestReferencesAreLinear(t *testing.T) {
	long := strings.Repeat("a long text ", 500) // 6,000 bytes
	for name, doc := range map[string]string{
		"amf":    "\x09\xce\x21\x01\x06\xdd\x61" + long + strings.Repeat("\x06\x00", 9999),
		"java":   "\xac\xed\x00\x05t\x17\x70" + long + strings.Repeat("q\x00\x7e\x00\x00", 9999),
		"pickle": "\x80\x04(X\x70\x17\x00\x00" + long + "\x94" + strings.Repeat("h\x00", 9999) + "t.",
	} {
		t.Run(name, func(t *testing.T) {
			var w format.Walker
			n := 0
			got := w.Walk([]byte(doc), format.Root{}, func(f *format.Field) { n += len(f.Value) })
			require.Equal(t, name, got)
			require.LessOrEqual(t, n, 4*len(doc))
		})
	}
}

// FuzzReader: what is visited stays in proportion, whatever is broken.
func FuzzReader(f *testing.F) {
	for _, doc := range []string{
		"Obj\x01\x04\x16avro.schema\x10\"string\"\x14avro.codec\x08null\x00\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\x02\x0c\nhello\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf",
		":)\n\x03\xfa\x83textDhello\x82cmd\x85\xc3\xa9 \xf0\x9f\x98\x80\x84items\xf8\xc2\xfa@Ahi\xfb\x01\xe0a long one\xfc!\xe8\x8a\x1e\x18Gf\x13%\\<\x17XG\x06\xfd\x85bytes\xf94a long key\xfc\xe4\xc3\xa9t\xc3\xa9\xfc\xfb",
		"\xe0\x01\x00\xea\xee\x95\x81\x83\xde\x91\x87\xbe\x8e\x84text\x83cmd\x84list\xde\xbb\x8a\x8e\x9bhello everyone, how are you\x8bq\x0b\x8c\xbe\x97\x81a!\x05\x0f\x11\xab<b>blob</b>\x94clob",
		"\x09\x05\x01\x0a\x23\x0ba.Cls\x05k1\x09key2\x06\x05v1\x04\x07\x0a\x01\x06\x05v2\x06\x05v3",
		"\x08\x00\x00\x00\x03\x00\x03cmd\x02\x00\x04chat\x00\x00\x09",
		"\xac\xed\x00\x05sr\x00\x01A\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01L\x00\x04textt\x00\x01Sxpt\x00\x03abc",
		"\x80\x04}\x94(\x8c\x03cmd\x94\x8c\x04chat\x94u.", "cposix\nsystem\np0\n(Vid\np1\ntp2\nRp3\n.",
		"O:8:\"stdClass\":1:{s:7:\"\x00*\x00text\";S:5:\"\\68ello\";}",
		"\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x01C\x01\x00\x00\x00\x01m\x01\x06\x02\x00\x00\x00\x05hello\x0b",
	} {
		f.Add([]byte(doc))
	}
	f.Add([]byte("H\x02\x00C\x03say\x93R\x00\x02heS\x00\x03llo\x8aC\x10com.example.Chat\x91\x04text`W\x01xA\x00\x02hi\x21!Z"))
	f.Add([]byte(chatTable))
	var w format.Walker
	f.Fuzz(func(t *testing.T, doc []byte) {
		n := 0
		w.Walk(doc, format.Root{}, func(f *format.Field) { n += len(f.Value) })
		require.LessOrEqual(t, n, 400*len(doc)+400)
	})
}
