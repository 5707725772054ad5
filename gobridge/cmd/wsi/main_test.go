package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test binary is also the command, for tests that need a process.
func TestMain(m *testing.M) {
	if os.Getenv("WSI_TEST_AS_COMMAND") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// runWSI runs the command in this process.
func runWSI(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"nothing", nil, 2, "", "Usage: wsi COMMAND"},
		{"help", []string{"--help"}, 0, "Usage: wsi COMMAND", ""},
		{"help as a word", []string{"help"}, 0, "Usage: wsi COMMAND", ""},
		{"unknown command", []string{"reply"}, 2, "", `wsi: unknown command "reply"`},
		{"replay help", []string{"replay", "--help"}, 0, "Usage: wsi replay", ""},
		{"replay short help", []string{"replay", "-h"}, 0, "Usage: wsi replay", ""},
		{"replay without file", []string{"replay"}, 2, "", "wsi replay: no FILE"},
		{"replay unknown option", []string{"replay", "--jason"}, 2, "", "wsi replay: flag provided but not defined: -jason"},
		{"scan help", []string{"scan", "--help"}, 0, "Usage: wsi scan", ""},
		{"scan unknown option", []string{"scan", "--x"}, 2, "", "wsi scan: flag provided but not defined: -x"},
		{"record help", []string{"record", "--help"}, 0, "Usage: wsi record", ""},
		{"record without target", []string{"record", "--listen", ":0", "--out", "x"}, 2, "", "wsi record: --listen, --target and --out are required"},
		{"record with argument", []string{"record", "--listen", ":0", "--out", "x", "--target", ":1", "y"}, 2, "", "required, and nothing else"},
		{"record bad address", []string{"record", "--listen", "nowhere", "--out", "x", "--target", ":1"}, 2, "", "missing port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := runWSI("", tt.args...)
			require.Equal(t, tt.code, code)
			for _, s := range []struct{ want, got string }{{tt.stdout, stdout}, {tt.stderr, stderr}} {
				if s.want == "" {
					require.Empty(t, s.got)
				}
				require.Contains(t, s.got, s.want)
			}
		})
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputErrors(t *testing.T) {
	capture := writeFile(t, "x.http.jsonl", httpCapture)
	for _, args := range [][]string{{"scan", "--json"}, {"scan"}, {"replay", "--json", capture}, {"replay", capture}} {
		t.Run(args[0]+map[bool]string{true: " json"}[args[len(args)-1] == "--json" || len(args) > 2], func(t *testing.T) {
			var stderr bytes.Buffer
			require.Equal(t, 2, run(args, strings.NewReader("x\n"), fullDisk{}, &stderr))
			require.Equal(t, "wsi "+args[0]+": no space left\n", stderr.String())
		})
	}
}

func TestQuote(t *testing.T) {
	require.Equal(t, `"a\"\x1b[2J\xff"`, quote("a\"\x1b[2J\xff"))
	require.Equal(t, `"`+strings.Repeat("a", 200)+`"... (201 bytes)`, quote(strings.Repeat("a", 201)))
	require.Equal(t, `$['\"\n']`, plain("$['\"\n']"))
}
