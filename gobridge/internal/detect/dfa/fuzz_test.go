package dfa

import (
	"errors"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMatch compares a pattern of the CRS, or of ours, on any bytes with package
// regexp; with a cache of usual size and with one that is always too small.
func FuzzMatch(f *testing.F) {
	type pair struct{ usual, small *Matcher }
	var all []pair
	add := func(pattern string, o Options) {
		usual := must(f, pattern, o)
		o.Bytes = 1
		all = append(all, pair{usual, must(f, pattern, o)})
	}
	for _, pattern := range patterns {
		add(pattern, Options{})
	}
	for _, r := range crs() {
		add(r.pattern, Options{Flags: "sm"})
	}
	for i, piece := range pieces {
		f.Add(uint16(i), []byte(piece+"a"+piece))
	}
	for i, s := range append(chat, attack...) {
		f.Add(uint16(len(patterns)+i*29), []byte(s))
	}
	f.Fuzz(func(t *testing.T, n uint16, b []byte) {
		if len(b) > 4096 {
			return
		}
		p := all[int(n)%len(all)]
		agree(t, p.usual, b)
		agree(t, p.small, b)
	})
}

// FuzzCompile: whatever package regexp compiles is compiled, unless it is too
// large, and agrees.
func FuzzCompile(f *testing.F) {
	for i, pattern := range patterns {
		f.Add(pattern, []byte(pieces[i%len(pieces)]))
	}
	for _, r := range crs() {
		f.Add(r.pattern, []byte(chat[0]))
	}
	f.Fuzz(func(t *testing.T, pattern string, b []byte) {
		if len(pattern) > 300 || len(b) > 1000 {
			return
		}
		_, want := regexp.Compile(pattern)
		m, err := Compile(pattern, Options{})
		if errors.Is(err, ErrTooLarge) {
			return
		}
		require.Equal(t, want == nil, err == nil, "%q: %v, %v", pattern, want, err)
		if err != nil {
			return
		}
		agree(t, m, b)
	})
}
