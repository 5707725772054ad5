package view_test

import (
	"bytes"
	"strings"
	"testing"

	"wsi/gobridge/internal/detect/view"
)

func BenchmarkMask(b *testing.B) {
	for _, tt := range []struct{ name, value string }{
		{"english-200", strings.Repeat("Hello, how are you? I'm fine - see you at 5! ", 5)[:200]},
		{"chinese-200", strings.Repeat("今天天气很好，我们去公园吧！", 5)[:198]},
		{"arabic-200", strings.Repeat("مرحبا كيف حالك؟ ", 7)[:200]},
		{"url-100", strings.Repeat("https://example.org/a/path?with=query&b=c ", 3)[:100]},
		{"word", "general"},
	} {
		value := []byte(tt.value)
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				view.Mask(value)
			}
		})
	}
}

// BenchmarkEach has hostile values, of 4 and of 64 KiB.
func BenchmarkEach(b *testing.B) {
	for _, tt := range hostile {
		for _, size := range []int{4 << 10, 64 << 10} {
			value := bytes.Repeat([]byte(tt.repeated), size/len(tt.repeated))
			name := map[int]string{4 << 10: "-4k", 64 << 10: "-64k"}[size]
			b.Run(strings.ReplaceAll(tt.name, " ", "-")+name, func(b *testing.B) {
				var d view.Decoder
				f := func(view.View) {}
				b.SetBytes(int64(len(value)))
				b.ReportAllocs()
				for b.Loop() {
					budget := view.Budget{Left: 1 << 30}
					d.Each(value, view.All|view.Percent, &budget, f)
				}
			})
		}
	}
}
