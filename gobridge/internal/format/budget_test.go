package format_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// wrapped is text in n layers of base64.
func wrapped(text string, n int) string {
	for range n {
		text = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return text
}

// What does not fit into the budget is deferred, with where it stands, and found
// when it is looked into later.
func TestBudgetDefer(t *testing.T) {
	const attack = "<script>alert(document.cookie)</script>"
	payload := `["` + wrapped(strings.Repeat("x", 100)+attack, 1) + `","` + wrapped(attack, 2) + `","some-id-ABCDEFGH12345678"]`
	var deferred, later []string
	var values [][]byte
	budget := format.Budget{Left: 50, Defer: func(f *format.Field) {
		deferred = append(deferred, f.Path())
		values = append(values, append([]byte(nil), f.Value...))
	}}
	w := format.Walker{Budget: &budget}
	w.Walk([]byte(payload), format.Root{}, func(f *format.Field) { require.NotContains(t, string(f.Value), attack) })
	require.False(t, budget.Over)
	require.Contains(t, deferred, "$[0]")
	require.Contains(t, deferred, "$[1]")

	budget = format.Budget{Left: 1 << 20}
	for i, v := range values {
		w.Inside(v, format.Root{Path: deferred[i]}, func(f *format.Field) { later = append(later, f.Path()+"="+string(f.Value)) })
	}
	require.False(t, budget.Over)
	require.Contains(t, strings.Join(later, "\n"), "$[0]>base64="+strings.Repeat("x", 100)+attack)
	require.Contains(t, later, "$[1]>base64>base64="+attack)
}

// What is not deferred is said to be over, but for what carries nothing.
func TestBudgetOver(t *testing.T) {
	for _, tt := range []struct {
		name, payload string
		left          int
		over          bool
	}{
		{"enough", wrapped("some text in base64", 3), 1000, false},
		{"too few bytes", wrapped(strings.Repeat("some text in base64", 10), 1), 100, true},
		{"as deep as it goes", wrapped("text, and more", 8), 10000, false},
		{"too deep", wrapped("text, and no more", 10), 10000, true},
		{"an id in the depth", wrapped(`"8f14e45fceea167a5a36dedd4bea2543"`, 7), 10000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			budget := format.Budget{Left: tt.left}
			w := format.Walker{Budget: &budget}
			w.Walk([]byte(tt.payload), format.Root{}, func(*format.Field) {})
			require.Equal(t, tt.over, budget.Over)
		})
	}
}

// Java's readUTF takes every character in two bytes.
func TestJavaLongForms(t *testing.T) {
	const text = "\xc0\xbcscript\xc0\xbealert(1)\xc0\xbc/script\xe0\x80\xbe"
	_, fields := walk("\xac\xed\x00\x05\x74\x00"+string([]byte{byte(len(text))})+text, format.Root{})
	require.Contains(t, strings.Join(fields, "\n"), "=<script>alert(1)</script>")
}
