package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSkeleton: in a copy of the repository, what is generated is formatted,
// builds, passes its own tests and has its row in the docs.
func TestSkeleton(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{"go.mod", "go.sum", "gobridge/internal", "testdata/framework", "docs", "scripts", "module"} {
		copyTree(t, "../../../../"+path, filepath.Join(root, path))
	}
	in := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", strings.Join(cmd.Args, " "), out)
		return string(out)
	}
	in("git", "init", "--quiet")
	in("go", "run", "./"+dir+"/gen", "foo")
	require.Empty(t, in("go", "run", "cmd/gofmt", "-l", "gobridge/internal/framework"))
	in("go", "vet", "./"+dir)
	out := in("go", "test", "./"+dir, "-v", "-run", "Foo|TestSamples|TestIdentify")
	for _, name := range []string{"TestFoo/event", "TestFooDoesNotAllocate", "FuzzFoo/seed#1", "TestSamples/foo/messages"} {
		require.Contains(t, out, "--- PASS: "+name)
	}
	in("bash", "scripts/check-docs.sh", "frameworks")

	again := exec.Command("go", "run", "./"+dir+"/gen", "foo")
	again.Dir = root
	refused, err := again.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(refused), "is there already")
}

func copyTree(t *testing.T, from, to string) {
	require.NoError(t, filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			if e.Name() == "node_modules" {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !e.Type().IsRegular() {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	}))
}
