package detect

import (
	"strings"
	"testing"

	"github.com/corazawaf/libinjection-go"
)

// Texts whose cost per message is of interest.
var benchTexts = []struct{ name, text string }{
	{"chat32", "See you at the station at eight!"},
	{"chat128", "I don't think we should select a venue from that list or cancel it: it's not in town, and 3 of us can't drive - what's left, then?"},
	{"prose1k", strings.Repeat(benchProse, 1024/len(benchProse)+1)[:1024]},
	{"prose16k", strings.Repeat(benchProse, 16384/len(benchProse)+1)[:16384]},
	{"prose1m", strings.Repeat(benchProse, 1<<20/len(benchProse)+1)[:1<<20]},
	{"json", `{"user":{"id":1042,"name":"Anna O'Neil","tags":["a","b"]},"text":"it's <3 o'clock = late","ok":true}`},
	{"sum", strings.Repeat("1+", 2000)},
	{"sqli", "' OR 1=1 -- "},
	{"xss", "<script>alert(1)</script>"},
}

const benchProse = "It wasn't until the last of the guests had left that she noticed the letter on the table; " +
	"\"read me\", it said, in a hand she didn't know, and below it stood a date: 14 March 1897. "

func BenchmarkScan(b *testing.B) {
	for _, bt := range benchTexts {
		value := []byte(bt.text)
		b.Run(bt.name, func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			dst := make([]Finding, 0, 4)
			budget := new(Budget)
			for b.Loop() {
				budget.Left = len(value) * 2
				Scan(value, Options{}, budget, dst[:0])
			}
		})
	}
}

// BenchmarkLibinjection is what BenchmarkScan costs without prefilters.
func BenchmarkLibinjection(b *testing.B) {
	for _, bt := range benchTexts {
		b.Run(bt.name, func(b *testing.B) {
			b.SetBytes(int64(len(bt.text)))
			b.ReportAllocs()
			for b.Loop() {
				libinjection.IsSQLi(bt.text)
				libinjection.IsXSS(bt.text)
			}
		})
	}
}

// BenchmarkPrefilter tells the two prefilters apart.
func BenchmarkPrefilter(b *testing.B) {
	for _, bt := range benchTexts {
		b.Run("sqli/"+bt.name, func(b *testing.B) {
			b.SetBytes(int64(len(bt.text)))
			for b.Loop() {
				mayBeSQLi(bt.text)
			}
		})
		b.Run("xss/"+bt.name, func(b *testing.B) {
			b.SetBytes(int64(len(bt.text)))
			for b.Loop() {
				mayBeXSS(bt.text)
			}
		})
	}
}
