package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	xssText  = "<script>alert(1)</script>"
	sqliText = "' OR 1=1 -- "
)

func scanLines(t *testing.T, stdout string) []judgement {
	t.Helper()
	var all []judgement
	for line := range strings.Lines(stdout) {
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		var j judgement
		require.NoError(t, d.Decode(&j))
		all = append(all, j)
	}
	return all
}

func TestScan(t *testing.T) {
	code, stdout, stderr := runWSI("hello\n\n"+xssText+"\r\n"+sqliText, "scan", "--json")
	require.Equal(t, 0, code)
	require.Empty(t, stderr)

	lines := scanLines(t, stdout)
	require.Len(t, lines, 4)
	for i, want := range []struct {
		verdict string
		types   []string
	}{{"allow", nil}, {"allow", nil}, {"drop", []string{"xss"}}, {"drop", []string{"sqli"}}} {
		require.Equal(t, i, lines[i].N)
		require.Equal(t, want.verdict, lines[i].Verdict)
		require.NotNil(t, lines[i].Attacks)
		score := 0
		for _, typ := range want.types {
			require.Equal(t, typ, lines[i].Attacks[0].Type)
			require.NotEmpty(t, lines[i].Attacks[0].Rule)
			require.Equal(t, "$", lines[i].Attacks[0].Path)
			score = lines[i].Attacks[0].Score
		}
		require.GreaterOrEqual(t, lines[i].Score, score)
		require.Equal(t, len(want.types) == 0, score == 0)
	}
	require.True(t, strings.HasPrefix(stdout, `{"n":0,"verdict":"allow","score":0,"attacks":[]}`+"\n"), stdout)
}

func TestScanJSONL(t *testing.T) {
	in := `{"text":"hi","label":"benign"}` + "\n" + `{"label":"x","text":"\u003cscript>alert(1)</script>"}` + "\n"
	code, stdout, stderr := runWSI(in, "scan", "--json", "--jsonl", "--fail-on-attack", "-")
	require.Equal(t, 1, code)
	require.Empty(t, stderr)
	lines := scanLines(t, stdout)
	require.Len(t, lines, 2)
	require.Equal(t, "allow", lines[0].Verdict)
	require.Equal(t, "drop", lines[1].Verdict)
}

func TestScanFiles(t *testing.T) {
	a := writeFile(t, "a.txt", "one\ntwo\n")
	b := writeFile(t, "b.txt", "three\n"+xssText+"\n")
	code, stdout, _ := runWSI("", "scan", "--json", a, b)
	require.Equal(t, 0, code)
	lines := scanLines(t, stdout)
	require.Len(t, lines, 4)
	require.Equal(t, 3, lines[3].N)
	require.Equal(t, "drop", lines[3].Verdict)
}

func TestScanForPeople(t *testing.T) {
	code, stdout, _ := runWSI("hi \x1b[2J\n"+xssText+"\n", "scan")
	require.Equal(t, 0, code)
	require.Contains(t, stdout, `0 allow, score 0: "hi \x1b[2J"`+"\n")
	require.Contains(t, stdout, `1 drop, score `)
	require.Contains(t, stdout, "\n    xss, rule ")
}

func TestScanExit(t *testing.T) {
	tests := []struct {
		name  string
		stdin string
		args  []string
		code  int
	}{
		{"benign", "hi\n", nil, 0},
		{"attack", xssText, nil, 0},
		{"benign, fail on attack", "hi\n", []string{"--fail-on-attack"}, 0},
		{"attack, fail on attack", xssText, []string{"--fail-on-attack"}, 1},
		{"nothing", "", []string{"--fail-on-attack"}, 0},
		{"error beats attack", xssText, []string{"--fail-on-attack", "-", "absent"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, _ := runWSI(tt.stdin, append([]string{"scan"}, tt.args...)...)
			require.Equal(t, tt.code, code)
		})
	}
}

func TestScanErrors(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.txt")
	long := filepath.Join(t.TempDir(), "long.txt")
	require.NoError(t, os.WriteFile(long, []byte("x\n"), 0o600))
	require.NoError(t, os.Truncate(long, maxScanLine+3)) // zeros, sparse
	bad := writeFile(t, "bad.jsonl", `{"text":"a"}`+"\n"+`{"text":1}`+"\n")

	tests := []struct {
		name, stdin string
		args        []string
		err         string
		judged      int
	}{
		{"absent", "", []string{absent}, absent + ": no such file", 0},
		{"directory", "", []string{t.TempDir()}, "is a directory", 0},
		{"line too long", "", []string{long}, long + ":2: line longer than", 1},
		{"not JSON", "{\n", []string{"--jsonl"}, "standard input:1: unexpected end", 0},
		{"text not a string", "", []string{"--jsonl", bad}, bad + ":2: json: cannot unmarshal number", 1},
		{"no text", `{"text":"a"}` + "\n{}\n", []string{"--jsonl"}, "standard input:2: no text", 1},
		{"other files go on", "ok\n", []string{absent, "-"}, absent, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := runWSI(tt.stdin, append([]string{"scan", "--json"}, tt.args...)...)
			require.Equal(t, 2, code)
			require.Contains(t, stderr, "wsi scan: ")
			require.Contains(t, stderr, tt.err)
			require.Len(t, scanLines(t, stdout), tt.judged)
		})
	}
}
