package policy

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
)

// bothPacked are v in MessagePack and in CBOR.
func bothPacked(t testing.TB, v any) map[string][]byte {
	m, err := msgp.AppendIntf(nil, v)
	require.NoError(t, err)
	c, err := cbor.Marshal(v)
	require.NoError(t, err)
	return map[string][]byte{"msgpack": m, "cbor": c}
}

// TestPacked: what other libraries write is read as the JSON of the same.
func TestPacked(t *testing.T) {
	for _, v := range []any{
		nil, true, false, 0, 1, 23, 24, 127, 128, 255, 256, 65535, 65536, uint64(math.MaxUint64), -1, -24, -32, -33, -129, -40000, int64(math.MinInt64),
		1.5, float32(0.25), 1e300, "", "text", "é", strings.Repeat("long", 100), strings.Repeat("long", 20000),
		[]any{}, []any{1, "a", nil}, map[string]any{}, map[string]any{"a": 1, "b": []any{map[string]any{"c": "d"}}},
		map[string]any{strings.Repeat("k", 300): make([]any, 40)},
	} {
		doc, err := json.Marshal(v)
		require.NoError(t, err)
		want, err := decode(doc)
		require.NoError(t, err)
		for format, p := range bothPacked(t, v) {
			got, err := Document{Doc: p, Format: format}.decode()
			require.NoError(t, err, "%s %.40s", format, doc)
			again, err := json.Marshal(got)
			require.NoError(t, err)
			back, err := json.Marshal(want)
			require.NoError(t, err)
			require.JSONEq(t, string(back), string(again), format)
		}
	}
}

func TestPackedErrors(t *testing.T) {
	deep := strings.Repeat("91", 200) + "01"
	for _, tt := range []struct{ format, hex, want string }{
		{"msgpack", "c403ffee01", ""},
		{"msgpack", "", "ends too early"},
		{"msgpack", "92", "ends too early"},
		{"msgpack", "dd00ffffff", "ends too early"},
		{"msgpack", "a3ffffff", "not UTF-8"},
		{"msgpack", "8101a161", "a key that is no text"},
		{"msgpack", "81c4016101", "a key that is no text"},
		{"msgpack", "82a16101a16102", "a member twice"},
		{"msgpack", "0101", "something behind the document"},
		{"msgpack", "d6ff00000000", "a kind of value that JSON does not have"},
		{"msgpack", "c1", "a kind of value that JSON does not have"},
		{"msgpack", "cb7ff0000000000000", "a number that JSON does not have"},
		{"msgpack", deep, "deeper than 128"},
		{"msgpack", "dd0001ffff" + strings.Repeat("c0", 1<<17-1), "more than 65536 values"},
		{"cbor", "bf6161f9c000ff", ""},
		{"cbor", "9f0102ff", ""},
		{"cbor", "7f616161ff", "not UTF-8"},
		{"cbor", "7f61616162ff", ""},
		{"cbor", "7f61614162ff", "a kind of value"},
		{"cbor", "c074323031332d30332d32315432303a30343a30305a", ""},
		{"cbor", "c249010000000000000000", "the tag 2"},
		{"cbor", "c001", "the tag 0"},
		{"cbor", "d9d9f7a16161f6", ""},
		{"cbor", "a1016161", "a key that is no text"},
		{"cbor", "a2616101616102", "a member twice"},
		{"cbor", "f97e00", "a number that JSON does not have"},
		{"cbor", "f8ff", "a kind of value"},
		{"cbor", "ff", "a kind of value"},
		{"cbor", "bf6161ff", "a kind of value"},
		{"cbor", "9bffffffffffffffff00", "ends too early"},
		{"cbor", "0000", "something behind the document"},
		{"cbor", strings.Repeat("d9d9f7", 300) + "60", "deeper than 128"},
	} {
		p, err := hex.DecodeString(tt.hex)
		require.NoError(t, err)
		_, err = Document{Doc: p, Format: tt.format}.decode()
		if tt.want == "" {
			require.NoError(t, err, "%s %s", tt.format, tt.hex)
		} else {
			require.ErrorContains(t, err, tt.want, "%s %s", tt.format, tt.hex)
		}
	}
	v, err := Document{Doc: []byte("\xc4\x03\xff\xee\x01"), Format: "msgpack"}.decode()
	require.NoError(t, err)
	require.Equal(t, "_-4B", v)
	v, _ = Document{Doc: []byte("\xf9\xc4\x00"), Format: "cbor"}.decode()
	require.Equal(t, json.Number("-4"), v)
	v, _ = Document{Doc: []byte("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), Format: "cbor"}.decode()
	require.Equal(t, json.Number("-18446744073709551616"), v)
}

// FuzzPacked: what is read as CBOR is that to another library, and all of it is
// JSON.
func FuzzPacked(f *testing.F) {
	for _, p := range bothPacked(f, map[string]any{"a": []any{1, -1, 1.5, "x", nil, true}, "b": map[string]any{"c": []byte("d")}}) {
		f.Add(p)
	}
	f.Add([]byte("\xbf\x61\x61\x9f\x01\xff\xff"))
	strict, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 1000}.DecMode()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, format := range []string{"msgpack", "cbor"} {
			v, err := Document{Doc: p, Format: format}.decode()
			if err != nil {
				continue
			}
			_, err = json.Marshal(v)
			require.NoError(t, err)
			if format == "cbor" {
				var other any
				err := strict.Unmarshal(p, &other)
				if err != nil && !strings.Contains(err.Error(), "cannot unmarshal") && !strings.Contains(err.Error(), "time") {
					require.NoError(t, err)
				}
			}
		}
	})
}
