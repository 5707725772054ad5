package format_test

import (
	"math/rand"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// wide is s in UTF-16.
func wide(s string, big bool) string {
	var out strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			out.WriteByte(byte(u >> 8))
		}
		out.WriteByte(byte(u))
		if !big {
			out.WriteByte(byte(u >> 8))
		}
	}
	return out.String()
}

func TestUTF16InBinary(t *testing.T) {
	const text = "<script>alert(1)</script>"
	for _, tt := range []struct {
		name, before, behind string
		big                  bool
		want                 string
	}{
		{"little-endian", "\xff\x01\x02", "\xfe\xff", false, "$@3=" + text},
		{"big-endian", "\xff\x01\x02", "\xfe\xff", true, "$@3=" + text},
		{"odd", "\xff\x01\x02\x03", "", false, "$@4=" + text},
		{"behind its length, which is text", "\xff\x01\x02\x32", "\xff", true, "$@3=2" + text},
		{"at the end", "\xff\xfd\x02", "", true, "$@3=" + text},
		{"twice", "\xff\xfd" + wide("another text", true) + "\xff\xff", "\xff", false, "$@28=" + text},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, fields := walk(tt.before+wide(text, tt.big)+tt.behind, format.Root{})
			require.Contains(t, fields, tt.want)
		})
	}
	for _, big := range []bool{false, true} {
		const text = "Grüße, Привет, 你好 😀 <b> and so on"
		_, fields := walk("\xff\x01\x02"+wide(text, big)+"\xfe\xff", format.Root{})
		require.Contains(t, fields, "$@3="+text)
	}
	_, lone := walk("\xff\x01\x02"+wide("alone: ", false)+"\x00\xd8"+wide("<b>", false)+"\xfe\xff", format.Root{})
	require.Contains(t, lone, "$@3=alone: \ufffd<b>")
	_, behind := walk("\xff\x01\x02("+wide("Grüße, 你好 and so on", true)+"\xfe\xff", format.Root{})
	require.Contains(t, behind, "$@4=Grüße, 你好 and so on")
	_, fields := walk("\xff\x01\x02"+wide("sevench", false)+"\xff", format.Root{})
	require.NotContains(t, fields, "$@3=sevench")
}

func TestUTF16IsLinear(t *testing.T) {
	noise := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(noise)
	zeros := strings.Repeat("a\x00", 1<<16) + strings.Repeat("\x00", 1<<16) + strings.Repeat("abc\x00", 1<<15)
	others := strings.Repeat("a\x00"+strings.Repeat("\x4f\x4e", 16)+"b\x00\xff\xff", 1<<13)
	for _, payload := range []string{string(noise), "\xff" + zeros, "\xff\x00" + zeros, others} {
		var w format.Walker
		n := 0
		w.Walk([]byte(payload), format.Root{}, func(f *format.Field) { n += len(f.Value) })
		require.LessOrEqual(t, n, 20*len(payload))
	}
}
