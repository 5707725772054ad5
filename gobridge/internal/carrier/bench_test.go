package carrier_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"wsi/gobridge/internal/carrier"
)

func BenchmarkSniff(b *testing.B) {
	for _, tt := range []struct{ name, value string }{
		{"word", "general"},
		{"prose-200", prose[:200]},
		{"json-200", (`{"user":"alice","room":"general","text":"` + prose)[:200]},
		{"chinese", strings.Repeat("今天天气很好，我们去公园吧", 4)},
		{"id", "yR3kP0vXw9dQ7sLmA2Zb"},
		{"uuid", "550e8400-e29b-41d4-a716-446655440000"},
		{"base64-200", base64.StdEncoding.EncodeToString([]byte(prose))[:200]},
		{"base64-16k", strings.Repeat(base64.StdEncoding.EncodeToString([]byte(prose)), 70)[:16<<10]},
		{"prose-16k", strings.Repeat(prose, 90)[:16<<10]},
	} {
		value := []byte(tt.value)
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				carrier.Sniff(value)
			}
		})
	}
}

// BenchmarkValue is all that a value costs: what is sniffed is decoded.
func BenchmarkValue(b *testing.B) {
	for _, tt := range []struct{ name, value string }{
		{"prose-200", prose[:200]},
		{"chinese", strings.Repeat("今天天气很好，我们去公园吧", 4)},
		{"id", "yR3kP0vXw9dQ7sLmA2Zb"},
		{"uuid", "550e8400-e29b-41d4-a716-446655440000"},
		{"date", "2026-11-27T18:00:00.000Z"},
		{"token", "c2lnbmVkIGJ5IHVzLWrongrR8xZ7lQ0yqk2H3Jd9TfLmVbN5s1A"},
		{"base64-200", base64.StdEncoding.EncodeToString([]byte(prose))[:200]},
		{"base64-16k", strings.Repeat(base64.StdEncoding.EncodeToString([]byte(prose)), 70)[:16<<10]},
	} {
		value := []byte(tt.value)
		b.Run(tt.name, func(b *testing.B) {
			var d carrier.Decoder
			var out []byte
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				kinds, n := carrier.Sniff(value)
				for _, k := range kinds[:n] {
					out, _, _ = d.Decode(k, out[:0], value, 1<<20)
				}
			}
		})
	}
}
