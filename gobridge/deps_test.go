package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const internal = "wsi/gobridge/internal/"

// stages in the order in which bytes pass them.
var stages = []string{
	"handshake", "frame", "message", "framework", "format", "detect", "verdict", "event", "pipeline",
}

// allowed is what a package under internal may import of the project. A stage
// may import what the stages before it hand over, and the pipeline all.
var allowed = map[string][]string{
	"ws":        {},                                                         // the vocabulary: everybody imports it
	"handshake": {"ws"},                                                     //
	"frame":     {"ws"},                                                     //
	"message":   {"ws", "frame"},                                            // joins frames
	"carrier":   {},                                                         // knows bytes only
	"format":    {"carrier"},                                                // knows payloads, not WebSocket
	"framework": {"ws", "format"},                                           // opens an envelope, shows what is in it to the format
	"detect":    {"carrier", "detect/dfa", "detect/seclang", "detect/view"}, // judges one text, wherever it was; its views open carriers in it
	"verdict":   {"detect"},                                                 // weighs findings
	"event":     {"ws", "detect"},                                           // shows findings
	"policy":    {"ws", "format", "detect", "event"},                        // says what directives mean
	"pipeline":  append([]string{"ws", "carrier", "policy"}, stages[:8]...), // the only one that knows all stages
	"capture":   {"ws"},                                                     // a file format
	"console":   {"ws", "handshake", "verdict", "pipeline"},                 // shows events; no part of the library
	"wstest":    {"ws"},                                                     // must not depend on what it tests
}

// thirdParty is what a package imports that is not ours; detect has what it needs.
var thirdParty = map[string][]string{
	"bench/decode": {
		"github.com/fxamacker/cbor/v2",
		"github.com/klauspost/compress/gzip",
		"github.com/tinylib/msgp/msgp",
		"github.com/valyala/fastjson",
		"go.mongodb.org/mongo-driver/v2/bson",
		"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore",
		"google.golang.org/protobuf/encoding/protowire",
	},
	"bench/quality": {
		"github.com/corazawaf/libinjection-go",
	},
	"internal/console": {
		"github.com/klauspost/compress/zstd",
		"golang.org/x/crypto/bcrypt",
		"modernc.org/sqlite",
	},
	"internal/policy": {
		"github.com/santhosh-tekuri/jsonschema/v6",
		"go.yaml.in/yaml/v3",
	},
	"internal/carrier": {
		"github.com/andybalholm/brotli",
		"github.com/klauspost/compress/flate",
		"github.com/klauspost/compress/zstd",
	},
}

// TestImports: the stages depend on each other in one direction, what is behind
// the boundary does not know of it, and few packages have a third party's code.
func TestImports(t *testing.T) {
	seen := map[string]bool{}
	walk(t, ".", ".go", func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		dir := filepath.ToSlash(filepath.Dir(path))
		pkg := strings.TrimPrefix(dir, "internal/")
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if name == "C" {
				require.Equal(t, ".", dir, "%s: only the exports know C", path)
			}
			if host, _, _ := strings.Cut(name, "/"); strings.Contains(host, ".") {
				require.True(t, strings.HasPrefix(dir, "internal/detect") || slices.Contains(thirdParty[dir], name),
					"%s: a third party's code", path)
			}
			if pkg == dir || strings.Contains(pkg, "/") {
				continue // a command, or what belongs to a package
			}
			seen[pkg] = true
			if other, ok := strings.CutPrefix(name, internal); ok {
				require.Contains(t, allowed, pkg)
				require.True(t, slices.Contains(allowed[pkg], other), "%s may not import %s", path, other)
			} else {
				require.False(t, strings.HasPrefix(name, "wsi/"), "%s imports %s", path, name)
			}
		}
	})
	for pkg := range seen {
		require.Contains(t, allowed, pkg, "no rule")
	}
	for _, stage := range stages {
		require.True(t, seen[stage], "no stage %s", stage)
	}
}

// TestLibrary: what only the command needs is not in NGINX's workers.
func TestLibrary(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, line := range strings.Fields(string(out)) {
		for _, no := range []string{internal + "console", "modernc.org/", "golang.org/x/crypto", "html/template", "database/sql"} {
			require.False(t, strings.HasPrefix(line, no), "libwsi.so has %s", line)
		}
	}
}

// TestGoroutines: only the pipeline's threads and the commands start any. One
// that a call from C starts waits in the run queue of NGINX's thread.
func TestGoroutines(t *testing.T) {
	start := regexp.MustCompile(`(?m)^\s*go (func\b|[\w.]+\()`)
	walk(t, ".", ".go", func(path string) {
		path = filepath.ToSlash(path)
		if strings.HasPrefix(path, "internal/console/") {
			return // of a command: TestLibrary
		}
		if strings.HasSuffix(path, "_test.go") || !strings.HasPrefix(path, "internal/") && strings.Contains(path, "/") {
			return
		}
		code, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, path == "internal/pipeline/offload.go", start.Match(code), path)
	})
}

// TestHeader: one file of the module knows the engine, so that its ABI has one
// user.
func TestHeader(t *testing.T) {
	include := regexp.MustCompile(`(?m)^\s*#\s*include\s*[<"](.*/)?wsi\.h[>"]`)
	users := []string{}
	for _, ext := range []string{".c", ".h"} {
		walk(t, "../module", ext, func(path string) {
			code, err := os.ReadFile(path)
			require.NoError(t, err)
			if include.Match(code) {
				users = append(users, filepath.Base(path))
			}
		})
	}
	require.Equal(t, []string{"ngx_http_wallarm_websocket_bridge.c"}, users)
}

// TestExports: wsi.h declares exactly what is exported, and its ABI number is
// in the name that tells it.
func TestExports(t *testing.T) {
	header, err := os.ReadFile("wsi.h")
	require.NoError(t, err)
	var declared, exported []string
	for _, m := range regexp.MustCompile(`(?m)^\w[\w ]* \*?(wsi_\w+)\(`).FindAllStringSubmatch(string(header), -1) {
		declared = append(declared, m[1])
	}
	walk(t, ".", ".go", func(path string) {
		code, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^//export (\w+)$`).FindAllStringSubmatch(string(code), -1) {
			exported = append(exported, m[1])
		}
	})
	require.ElementsMatch(t, declared, exported)
	abi := regexp.MustCompile(`#define WSI_ABI_VERSION +(\d+)`).FindSubmatch(header)
	require.NotNil(t, abi)
	require.Contains(t, exported, "wsi_abi_"+string(abi[1]))
}

func walk(t *testing.T, root, ext string, visit func(path string)) {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path != root {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return fs.SkipDir // a module of its own
			}
		}
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ext {
			visit(path)
		}
		return err
	})
	require.NoError(t, err)
}
