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

func testSamples(t *testing.T, samples []readSample, hostile map[string]string) {
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
			require.Zero(t, testing.AllocsPerRun(50, func() { w.Walk(payload, format.Root{}, visit) }))
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
			if len(samples) > 0 {
				require.NotEqual(t, samples[0].format, got)
			}
			require.LessOrEqual(t, n, 60*len(doc))
		})
	}
}

// Many references to one long string do not multiply it.
func TestReferencesAreLinear(t *testing.T) {
	long := strings.Repeat("a long text ", 500) // 6,000 bytes
	for name, doc := range map[string]string{
		"amf": "\x09\xce\x21\x01\x06\xdd\x61" + long + strings.Repeat("\x06\x00", 9999),
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
