package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/ws"
)

// maxSchemaFile is the largest schema or AsyncAPI document, in bytes.
const maxSchemaFile = 1 << 20

// Schemas are what the data of events have to be.
type Schemas []Schema

// Schema is for the events whose name fits a pattern.
type Schema struct {
	pattern string
	schemas []oneSchema // one of them has to hold
}

// oneSchema is a schema, and what it is for. The zero value takes anything.
type oneSchema struct {
	*jsonschema.Schema
	single bool // a list of one argument is that argument
	whole  bool // a message that is an object, not what of it the application gets
}

// Cost is how many schemas there are.
func (s Schemas) Cost() (n int) {
	for i := range s {
		n += len(s[i].schemas)
	}
	return n
}

// Of lists those for an event. Usually there is none, and nothing is allocated.
func (s Schemas) Of(name []byte) Schemas { return s.of(name, detect.Glob) }

// OfFold is Of where the application does not look at the case of names.
func (s Schemas) OfFold(name []byte) Schemas { return s.of(name, detect.GlobFold) }

func (s Schemas) of(name []byte, fits func(string, []byte) bool) (list Schemas) {
	for i := range s {
		if fits(s[i].pattern, name) {
			list = append(list, s[i])
		}
	}
	return list
}

// Judge says what is wrong with an event's data, and where. All of s have to hold.
func (s Schemas) Judge(d Document) (v ws.Violation, why string) {
	if d.Doc == nil {
		return ws.SchemaUnreadable, "no JSON"
	}
	root, err := d.decode()
	if err != nil {
		return ws.SchemaUnreadable, err.Error()
	}
	data, listed, err := d.arguments(root)
	for i := range s {
		why, unreadable, ok := s[i].holds(root, data, listed, err)
		switch {
		case ok:
		case unreadable:
			return ws.SchemaUnreadable, why
		default:
			return ws.SchemaViolation, why
		}
	}
	return ws.NoViolation, ""
}

// holds looks at a message, root, and what of it the application gets: data, or
// an error why that is not known.
func (s *Schema) holds(root, data any, listed bool, unknown error) (why string, unreadable, ok bool) {
	for i := range s.schemas {
		one := &s.schemas[i]
		if one.Schema == nil {
			return "", false, true
		}
		value := data
		_, object := root.(map[string]any)
		list, array := data.([]any)
		switch {
		case one.whole && object:
			value = root
		case unknown != nil:
			return unknown.Error(), true, false
		case one.single && listed && array && len(list) == 1:
			value = list[0]
		}
		err := one.Validate(value)
		if err == nil {
			return "", false, true
		}
		if why == "" {
			why = reason(err)
		}
	}
	return why, false, false
}

// maxPointer is how many bytes of a JSON pointer are shown.
const maxPointer = 128

// reason is the first cause of err: a JSON pointer into the data and a keyword of
// the schema.
func reason(err error) string {
	var e *jsonschema.ValidationError
	if !errors.As(err, &e) {
		return "schema"
	}
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	var b strings.Builder
	for _, step := range e.InstanceLocation {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(step[:min(len(step), maxPointer)]))
		if b.Len() > maxPointer {
			break
		}
	}
	pointer := b.String()
	if len(pointer) > maxPointer {
		pointer = strings.ToValidUTF8(pointer[:maxPointer], "") + "..."
	}
	keyword := "false"
	if path := e.ErrorKind.KeywordPath(); len(path) > 0 {
		keyword = path[len(path)-1]
	}
	return fmt.Sprintf("%s at %q", keyword, pointer)
}

// readFile reads a file that directives name.
func readFile(name string) ([]byte, error) {
	// or a FIFO would let the reader wait for ever
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSchemaFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxSchemaFile {
		return nil, fmt.Errorf("%q is longer than %d bytes", name, maxSchemaFile)
	}
	return b, nil
}

// noLoader is the loader of what a schema refers to.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("only references inside the file are followed")
}

// compiler has doc, the contents of a file.
func compiler(name string, doc any) (c *jsonschema.Compiler, base string, err error) {
	c = jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	base = fileURL(name)
	return c, base, c.AddResource(base, doc)
}

func fileURL(name string) string { return (&url.URL{Scheme: "file", Path: name}).String() }

// schema reads "[from=client|server] event file".
func (p *parser) schema(s *Statement) error {
	from, args, err := fromOf(s.Args)
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return errors.New("needs a pattern and a file")
	}
	if strings.HasPrefix(args[0], "from=") {
		return fmt.Errorf("duplicate parameter %q", args[0])
	}
	if len(args[0]) > maxSelector {
		return fmt.Errorf("a pattern is longer than %d bytes", maxSelector)
	}
	text, err := readFile(args[1])
	if err != nil {
		return err
	}
	doc, err := decode(text)
	if err != nil {
		return fmt.Errorf("%q is no JSON: %s", args[1], place(text, err))
	}
	c, base, err := compiler(args[1], doc)
	if err != nil {
		return fmt.Errorf("%q: %s", args[1], oneLine(err))
	}
	schema, err := c.Compile(base)
	if err != nil {
		return fmt.Errorf("%q: %s", args[1], oneLine(err))
	}
	p.Schemas[from] = append(p.Schemas[from], Schema{pattern: args[0], schemas: []oneSchema{{Schema: schema}}})
	return nil
}

// place says at which line a document is broken, where that is known.
func place(text []byte, err error) string {
	var e *json.SyntaxError
	if !errors.As(err, &e) {
		return err.Error()
	}
	line := 1 + strings.Count(string(text[:min(int(e.Offset), len(text))]), "\n")
	return fmt.Sprintf("line %d: %v", line, err)
}

// oneLine is what of an error of jsonschema has its place.
func oneLine(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines[i]), "- "))
	}
	return strings.Join(lines, "; ")
}
