package format_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"wsi/gobridge/internal/format"
)

// event is a chat message of size bytes as socket.io's JSON.
func event(size int) []byte {
	const head, tail = `["chat message",{"room":"general","user":"alice","text":"`, `"}]`
	const prose = "please select a seat from the list and drop me a note -- thanks, it's on 5 o'clock. "
	n := size - len(head) - len(tail)
	return []byte(head + strings.Repeat(prose, n/len(prose)+1)[:n] + tail)
}

func BenchmarkWalk(b *testing.B) {
	for _, size := range []int{128, 200, 1 << 10, 16 << 10} {
		payload := event(size)
		b.Run(fmt.Sprintf("walker/%d", size), func(b *testing.B) {
			var w format.Walker
			visit := func(*format.Field) {}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				w.Walk(payload, format.Root{Shape: arguments}, visit)
			}
		})
		b.Run(fmt.Sprintf("encoding-json/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				var v any
				if err := json.Unmarshal(payload, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, tt := range []struct{ name, payload string }{
		{"chat", chat},
		{"escapes", `["` + strings.Repeat(`\u003cb\u003e\n`, 100) + `"]`},
		{"numbers", "[" + strings.Repeat("12.5,", 200) + "0]"},
		{"text", strings.Repeat("please select a seat from the list. ", 6)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			var w format.Walker
			payload := []byte(tt.payload)
			visit := func(*format.Field) {}
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				w.Walk(payload, format.Root{}, visit)
			}
		})
	}
}
