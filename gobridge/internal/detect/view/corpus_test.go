package view_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect/view"
	"wsi/gobridge/internal/format"
)

type sample struct{ Text, Class, Enc, Base string }

// corpus reads a file of CORPUS_DIR, which is not ours to copy.
func corpus(t *testing.T, name string) (samples []sample) {
	dir := os.Getenv("CORPUS_DIR")
	if dir == "" {
		t.Skip("CORPUS_DIR is not set: the corpus is not in the repository")
	}
	file, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var s sample
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s))
		samples = append(samples, s)
	}
	require.NoError(t, lines.Err())
	return samples
}

// bare is text without letter case and blanks.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// seen is what is judged of a payload: the fields of it, and their views.
func seen(payload string) (texts []string) {
	var d view.Decoder
	var w format.Walker
	need := view.All
	budget := view.Budget{Left: 16 << 20}
	var show func(view.View)
	show = func(v view.View) {
		texts = append(texts, string(v.Text))
		if v.Kind == view.Embedded {
			d.Each(v.Text, view.All, &budget, show)
		}
	}
	w.Walk([]byte(payload), format.Root{}, func(f *format.Field) {
		texts = append(texts, string(f.Value))
		need = view.All
		if f.Key {
			need |= view.Percent
		}
		d.Each(f.Value, need, &budget, show)
	})
	return texts
}

// TestEncodings: of each family of encodings, the plain text comes out as a
// field or as a view of one.
func TestEncodings(t *testing.T) {
	samples := corpus(t, "evasion.jsonl")
	plain := map[string]string{}
	for _, s := range samples {
		if s.Enc == "plain" {
			plain[s.Base] = bare(s.Text)
		}
	}
	found, all := map[string]int{}, map[string]int{}
	for _, s := range samples {
		want, ok := plain[s.Base]
		require.True(t, ok, s.Base)
		all[s.Enc]++
		found[s.Enc] += 0
		if slices.ContainsFunc(seen(s.Text), func(text string) bool { return strings.Contains(bare(text), want) }) {
			found[s.Enc]++
		} else if os.Getenv("VERBOSE") == s.Enc {
			t.Logf("%q %q", s.Text, seen(s.Text))
		}
	}
	for _, enc := range slices.Sorted(func(yield func(string) bool) {
		for enc := range all {
			if !yield(enc) {
				return
			}
		}
	}) {
		t.Logf("%-18s %4d of %4d  %5.1f %%", enc, found[enc], all[enc], 100*float64(found[enc])/float64(all[enc]))
	}
	for enc := range all {
		require.GreaterOrEqual(t, found[enc]*100, all[enc]*85, enc)
	}
}

// TestOrdinary: what people write has no views, as good as always.
func TestOrdinary(t *testing.T) {
	for _, tt := range []struct {
		group string
		most  float64 // per cent of the texts with a view
	}{
		{"chat", 2}, {"chat-multi", 2}, {"chat-tech", 1}, {"prose", 4}, {"structured", 2},
		{"structured-json", 100}, {"code-talk", 100}, {"html-rich", 100}, {"code-verbatim", 100}, {"binary-text", 100},
	} {
		samples := corpus(t, "benign-"+tt.group+".jsonl")
		var d view.Decoder
		counts := map[view.Kind]int{}
		masked, viewed := 0, 0
		for i := range samples {
			value := []byte(samples[i].Text)
			if view.Mask(value) != 0 {
				masked++
			}
			n := 0
			d.Each(value, view.All, &view.Budget{Left: 1 << 20}, func(v view.View) {
				counts[v.Kind]++
				n++
				if k := os.Getenv("VERBOSE"); k == tt.group && n == 1 {
					t.Logf("%d %.300q %.300q", v.Kind, value, v.Text)
				}
			})
			if n > 0 {
				viewed++
			}
		}
		rate := 100 * float64(viewed) / float64(len(samples))
		t.Logf("%-16s %6d texts, mask %5.2f %%, views %5.2f %%; decoded %d, sql %d, shell %d, path %d, embedded %d", tt.group, len(samples),
			100*float64(masked)/float64(len(samples)), rate, counts[view.Decoded], counts[view.SQL], counts[view.Shell], counts[view.Path], counts[view.Embedded])
		require.LessOrEqual(t, rate, tt.most, tt.group)
	}
}
