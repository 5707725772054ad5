package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/verdict"
)

// TestOwnSamples: the project's own attacks are dropped and its benign texts are
// not, as values of a message.
func TestOwnSamples(t *testing.T) {
	paths, err := filepath.Glob("../../../testdata/detect/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	j, err := newJudge()
	require.NoError(t, err)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		samples, err := read(path)
		require.NoError(t, err)
		require.Greater(t, len(samples), 5, name)
		for _, s := range samples {
			found, err := j.judge(s.Text)
			require.NoError(t, err)
			assert.Equal(t, strings.HasPrefix(name, "attack-"), found.drop(verdict.Threshold), "%s: %q: %v", name, s.Text, found.hits)
		}
	}
}
