package format_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// chatTable is {text: "or 1=1", user: "alice <b>\x01x</b> é", tags: ["a", "tag two"],
// n: -7} by google/flatbuffers 25.2.10.
const chatTable = "\x10\x00\x00\x00\x0c\x00\x14\x00\x10\x00\x0c\x00\x08\x00\x04\x00\x0c\x00\x00\x00\xf9\xff\xff\xff\x0c\x00\x00\x00(\x00\x00\x00<\x00\x00\x00" +
	"\x02\x00\x00\x00\x14\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00tag two\x00\x01\x00\x00\x00a\x00\x00\x00" +
	"\x12\x00\x00\x00alice <b>\x01x</b> é\x00\x00\x06\x00\x00\x00or 1=1\x00\x00"

func TestFlatBuffers(t *testing.T) {
	strs := []string{"$@52=tag two", "$@64=a", "$@72=alice <b>\x01x</b> é", "$@96=or 1=1"}
	testSamples(t, "flatbuffers", []readSample{
		{"table", "flatbuffers", chatTable, strs},
		{"with its size", "flatbuffers", string(binary.LittleEndian.AppendUint32(nil, uint32(len(chatTable)))) + chatTable, []string{"$@100=or 1=1"}},
		{"text behind", "flatbuffers", chatTable + "<script>", append(strs, "$@104=<script>")},
		{"no text that is a string", "flatbuffers", strings.Replace(chatTable, "\x06\x00\x00\x00or", "\x05\x00\x00\x00or", 1), strs},
	}, map[string]string{
		"no vtable":    "\x10\x00\x00\x00\x00\x00\x00\x00" + chatTable[8:],
		"no table":     "\xff\xff\x00\x00" + chatTable[4:],
		"table before": "\x10\x00\x00\x00" + chatTable[4:16] + "\x40" + chatTable[17:],
		"no string":    chatTable[:44] + "\x00\x00\x00\x00",
	})
}

// FuzzFlatBuffers: every string of a table is visited as it is, whatever stands beside
// it.
func FuzzFlatBuffers(f *testing.F) {
	f.Add("<script>", []byte("\x04\x00\x00\x00abcd\x00\x00\x00\x00"))
	f.Add("é", []byte{1})
	var w format.Walker
	f.Fuzz(func(t *testing.T, text string, behind []byte) {
		if text == "" || !utf8.ValidString(text) || strings.Contains(text, "\x00") || len(text)+len(behind) > 8<<10 {
			return
		}
		doc := []byte("\x0c\x00\x00\x00\x06\x00\x08\x00\x04\x00\x00\x00\x08\x00\x00\x00\x04\x00\x00\x00")
		doc = append(binary.LittleEndian.AppendUint32(doc, uint32(len(text))), text...)
		for doc = append(doc, 0); len(doc)%4 != 0; doc = append(doc, 0) {
		}
		doc = append(doc, behind...)
		found, n := false, 0
		w.Walk(doc, format.Root{}, func(f *format.Field) {
			found = found || string(f.Value) == text && !f.Noise && !f.Cut
			n += len(f.Value)
		})
		require.True(t, found, "%q", doc)
		require.LessOrEqual(t, n, 400*len(doc)+400)
	})
}
