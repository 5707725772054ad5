package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// write makes a corpus of the texts of each file.
func write(t *testing.T, files map[string][]sample) string {
	dir := t.TempDir()
	for name, samples := range files {
		var b bytes.Buffer
		for _, s := range samples {
			require.NoError(t, json.NewEncoder(&b).Encode(s))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".jsonl"), b.Bytes(), 0o666))
	}
	return dir
}

func quality(args ...string) (int, string, error) {
	var out bytes.Buffer
	code, err := run(append([]string{"-notime"}, args...), &out, &out)
	return code, out.String(), err
}

const attack = "' or 1=1 -- "

func small(t *testing.T) string {
	return write(t, map[string][]sample{
		"attack-sqli": {{Text: attack, Class: "sqli", Source: "own"}},
		"benign-chat": {{Text: "hello there", Class: "benign", Source: "own"}},
		"evasion": {
			{Text: attack, Class: "sqli", Enc: "plain", Base: "1"},
			{Text: "%27%20or%201=1%20--%20", Class: "sqli", Enc: "url", Base: "1"},
		},
	})
}

func TestMet(t *testing.T) {
	code, out, err := quality("-corpus", small(t))
	require.NoError(t, err, out)
	require.Equal(t, 0, code, out)
	require.NotContains(t, out, "MISS")
	require.Contains(t, out, "all required figures are met")
}

func TestMissed(t *testing.T) {
	for _, test := range []struct {
		name, file string
		s          sample
		rows       []string // that miss
	}{
		{"an attack passes", "attack-sqli", sample{Text: "hello", Class: "sqli"}, []string{"sqli", "all", "macro"}},
		{"a benign text is dropped", "benign-chat", sample{Text: attack}, []string{"chat"}},
		{"an encoding passes", "evasion", sample{Text: "hello", Enc: "none", Base: "1"}, []string{"none"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := small(t)
			line, err := json.Marshal(test.s)
			require.NoError(t, err)
			f, err := os.OpenFile(filepath.Join(dir, test.file+".jsonl"), os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.Write(line)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			code, out, err := quality("-corpus", dir)
			require.Error(t, err)
			require.Equal(t, 1, code)
			var missed []string
			for _, line := range strings.Split(out, "\n") {
				if strings.Contains(line, "MISS") {
					missed = append(missed, strings.Fields(line)[0])
				}
			}
			require.Equal(t, test.rows, missed, out)
		})
	}
}

func TestNoCorpus(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "gone"), t.TempDir()} {
		code, _, err := quality("-corpus", dir)
		require.Equal(t, 2, code)
		require.ErrorContains(t, err, "no corpus")
		require.ErrorContains(t, err, "CORPUS_DIR=")
	}
}

func TestDiff(t *testing.T) {
	dir := small(t)
	file := filepath.Join(t.TempDir(), "saved.json")
	code, out, err := quality("-corpus", dir, "-save", file)
	require.Equal(t, 0, code, "%s %v", out, err)
	code, out, err = quality("-corpus", dir, "-diff", file)
	require.NoError(t, err)
	require.Equal(t, 0, code)
	require.Contains(t, out, "none")

	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var v saved
	require.NoError(t, json.Unmarshal(b, &v))
	v.Groups["attack sqli"] = savedGroup{N: 1}
	b, err = json.Marshal(&v)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, b, 0o666))
	_, out, err = quality("-corpus", dir, "-diff", file)
	require.NoError(t, err)
	require.Regexp(t, `attack sqli +1 +0\.00 +100\.00 +1 +0`, out)
}

func TestList(t *testing.T) {
	dir := small(t)
	_, out, err := quality("-corpus", dir, "-show", "rule=942100", "-part", "all")
	require.NoError(t, err)
	require.Contains(t, out, "or 1=1")
	require.NotContains(t, out, "hello")
	_, out, err = quality("-corpus", dir, "-missed", "all", "-part", "all")
	require.NoError(t, err)
	require.Empty(t, out)
}

// TestCurve: each level of paranoia has its rates by threshold, and the number of
// figures that are missed.
func TestCurve(t *testing.T) {
	dir := write(t, map[string][]sample{
		"attack-sqli": {{Text: attack, Class: "sqli", Source: "own"}},
		"benign-chat": {{Text: "well -- hello", Class: "benign", Source: "own"}},
		"evasion":     {{Text: attack, Class: "sqli", Enc: "plain", Base: "1"}},
	})
	code, out, err := quality("-corpus", dir, "-curve")
	require.NoError(t, err)
	require.Equal(t, 0, code)
	for _, row := range []string{
		`\n +1 +5 +100\.00 .* 0 *\n`,
		`\n +1 +10 +100\.00 .* 0 *\n`,
		`\n +2 +5 +100\.00 .* 100\.00 .* 1 *\n`, // a dash is a comment there
		`\n +4 +10 `,
	} {
		require.Regexp(t, row, out)
	}
}
