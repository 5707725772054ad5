package view_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect/view"
)

// fuzz holds what is true of every view of kind: it is not longer than what is
// viewed, handed out once, and handed out only if Mask has it.
func fuzz(f *testing.F, kind view.Kind, check func(t *testing.T, value, text []byte)) {
	for _, s := range []string{
		`&lt;\u0073cript%25%36%31 ＜ &#x000003c`, "1/**/union/*!50000select*/#x\n'a'||'b'", `c'a't$IFS$9${x}{a,b}^\` + "\n",
		`..\..\/./x//y..;/`, "eval(atob('PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==')) 0x3c7363726970743e3c7363726970743e", "\xc0\xbc\xe0\x80\xbc\xff",
		"a\u200b\u3000b\u2019=’\x00\v", `\65 \000065xpression\u{3c}\x3c\74`, "a+b+c'or+%27", "%u003c%ud83d%ude00",
	} {
		f.Add([]byte(s))
	}
	for _, h := range hostile {
		f.Add([]byte(strings.Repeat(h.repeated, 20)))
	}
	var d view.Decoder
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		seen := [][]byte{value}
		b := view.Budget{Left: 1 << 20}
		m := view.Mask(value)
		d.Each(value, kind|view.Percent, &b, func(v view.View) {
			require.Equal(t, kind, v.Kind)
			require.NotZero(t, m&(kind|view.Decoded))
			require.NotEmpty(t, v.Text)
			if kind != view.Embedded {
				require.LessOrEqual(t, len(v.Text), len(value))
				for _, text := range seen {
					require.NotEqual(t, text, v.Text)
				}
			}
			seen = append(seen, bytes.Clone(v.Text))
			start, end := v.Span(value, 0, len(v.Text))
			require.True(t, 0 <= start && start <= end && end <= len(value))
			start, end = v.Span(value, len(v.Text)/2, len(v.Text)/2)
			require.True(t, 0 <= start && start <= end && end <= len(value))
		})
		require.False(t, b.Over)
		require.Equal(t, before, value)
		if check != nil {
			for _, text := range seen[1:] {
				check(t, value, text)
			}
		}
	})
}

// FuzzDecoded: what is decoded as often as it can be stays as it is. A + may be
// one that was decoded, and a backslash has several readings.
func FuzzDecoded(f *testing.F) {
	fuzz(f, view.Decoded, func(t *testing.T, value, text []byte) {
		if bytes.ContainsAny(value, `+\`) || bytes.ContainsAny(text, `+\`) || bytes.Count(value, []byte("%"))+bytes.Count(value, []byte("&")) > 3 {
			return
		}
		for _, s := range []string{"25", "26", "37", "38", "x2", "amp", "AMP", "percnt"} {
			if bytes.Contains(value, []byte(s)) {
				return // may be encoded more often than is decoded
			}
		}
		var d view.Decoder
		d.Each(text, view.Decoded|view.Percent, &view.Budget{Left: 1 << 20}, func(v view.View) {
			t.Errorf("%q is %q is %q", value, text, v.Text)
		})
	})
}

func FuzzSQL(f *testing.F)      { fuzz(f, view.SQL, nil) }
func FuzzShell(f *testing.F)    { fuzz(f, view.Shell, nil) }
func FuzzPath(f *testing.F)     { fuzz(f, view.Path, nil) }
func FuzzEmbedded(f *testing.F) { fuzz(f, view.Embedded, nil) }
