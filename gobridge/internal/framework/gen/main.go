// Command gen writes the skeleton of a framework: its decoder, its test, its
// samples, its line in registry.go and its row in docs/frameworks.md.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

const (
	dir     = "gobridge/internal/framework"
	samples = "testdata/framework"
	page    = "docs/frameworks.md"
)

var (
	//go:embed decoder.tmpl
	decoder string
	//go:embed test.tmpl
	test string
)

// sample is a session that the skeleton decodes.
const sample = `{"target":"/%[1]s","subprotocol":"%[1]s"}
{"from":"c2s","text":"{\"event\":\"say\",\"data\":{\"text\":\"hello\"},\"id\":\"7\"}","fields":["$event~=event","$event=say","$~=data","$.text~=text","$.text=hello","$message.id~=id","$message.id=7"],"records":["%[1]s say json"]}
{"from":"s2c","text":"hello","fields":["$=hello"],"records":["none  text"]}
`

const row = "| %[2]s | `%[1]s` | none | WebSocket | JSON | subprotocol or path `%[1]s` | `event`; `$` is `data` | specification |\n"

func main() {
	log.SetFlags(0)
	log.SetPrefix("new-framework: ")
	if len(os.Args) != 2 || !regexp.MustCompile(`^[a-z][a-z0-9]{1,30}$`).MatchString(os.Args[1]) {
		log.Fatal("usage: make new-framework NAME=foo (small letters and digits)")
	}
	name := os.Args[1]
	source := filepath.Join(dir, name+".go")
	if _, err := os.Stat(source); err == nil {
		log.Fatalf("%s is there already", source)
	}
	title := strings.ToUpper(name[:1]) + name[1:]
	data := struct{ Name, Title string }{name, title}

	// The edits come first: they can fail.
	registry := insert(dir+"/registry.go", "\n}\n", fmt.Sprintf("\n\t&%sSpec,", name))
	identify := insert(dir+"/identify.go", "\n)\n\n// path is", "\n\talike"+title)
	docs := insert(page, "\n<!-- new-framework -->", "\n"+strings.TrimSuffix(fmt.Sprintf(row, name, title), "\n"))
	write(source, render(decoder, data))
	write(filepath.Join(dir, name+"_test.go"), render(test, data))
	write(filepath.Join(samples, name, "messages.jsonl"), fmt.Appendf(nil, sample, name))
	write(dir+"/registry.go", registry)
	write(dir+"/identify.go", identify)
	write(page, docs)
}

// insert returns the file at path with text before the last mark.
func insert(path, mark, text string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		log.Fatalf("%v: is this the top of the repository?", err)
	}
	i := bytes.LastIndex(b, []byte(mark))
	if i < 0 {
		log.Fatalf("%s: no %q to insert before", path, mark)
	}
	return append(b[:i:i], text+string(b[i:])...)
}

func render(text string, data any) []byte {
	var b bytes.Buffer
	if err := template.Must(template.New("").Parse(text)).Execute(&b, data); err != nil {
		log.Fatal(err)
	}
	out, err := format.Source(b.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	return out
}

func write(path string, b []byte) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Println(path)
}
