package format_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

type jsonString struct {
	key  bool
	text string
}

// jsonStrings lists what encoding/json sees in a valid document.
func jsonStrings(doc []byte) (out []jsonString) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var objects []bool // of the open arrays and objects
	key := false
	for {
		tok, err := d.Token()
		if err != nil {
			return out
		}
		switch v := tok.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				objects = append(objects, v == '{')
				key = v == '{'
				continue
			}
			objects = objects[:len(objects)-1]
		case string:
			out = append(out, jsonString{key, normal(v)})
			if key {
				key = false
				continue
			}
		}
		key = len(objects) > 0 && objects[len(objects)-1]
	}
}

// normal leaves out what encoding/json replaces by U+FFFD.
func normal(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\ufffd", "")
}

// FuzzWalkJSON holds the walker against encoding/json: of a document that it
// takes, each key and each string is visited, in its order.
func FuzzWalkJSON(f *testing.F) {
	for _, s := range []string{
		chat, `"x"`, `["a\ud83d\ude00\u003c",{"k":[{}],"":"v"}]`, `{"a":"{\"b\":\"[\\\"c\\\"]\"}"}`,
		`[1,-0.5e+10,true,null,"\ud800"]`, `[,"a",{'b':"\x41"/*"*/}]`, "\ufeff{}\x1e[]", `{"a":"b"`, "\xff\x00text",
		`{"a":{"type":"Buffer","data":[91,91,39,32,111,114]}}`, `[97,98,99,100,101,102,103,104]`,
		strings.Repeat("[", 1100) + strings.Repeat("]", 1100), "2\"\f 2CB0000000010A00",
	} {
		f.Add([]byte(s))
	}
	var w format.Walker
	f.Fuzz(func(t *testing.T, payload []byte) {
		var want []jsonString
		valid := json.Valid(payload)
		if valid {
			want = jsonStrings(payload)
		}
		visits, visited, raw, carried := 0, 0, false, false
		name := w.Walk(payload, format.Root{}, func(f *format.Field) {
			carried = carried || strings.Contains(f.Path(), ">")
			visits++
			visited += len(f.Value)
			raw = raw || bytes.Equal(f.Value, payload)
			require.NotEmpty(t, f.Path())
			if len(want) > 0 && want[0] == (jsonString{f.Key, normal(string(f.Value))}) {
				want = want[1:]
			}
		})
		require.Empty(t, want, "not visited")
		most := 11*len(payload) + 1<<10 // a carrier makes more of a few bytes
		if carried {
			most = 1032 * len(payload) // as DEFLATE does
		}
		require.LessOrEqual(t, visits, most)
		require.LessOrEqual(t, visited, most)
		if name == "text" {
			require.True(t, raw, "raw text not visited")
		}
		if valid && bytes.ContainsAny(payload, `{["`) && bytes.Count(payload, []byte("["))+bytes.Count(payload, []byte("{")) <= 1000 {
			require.Equal(t, "json", name)
		}
	})
}
