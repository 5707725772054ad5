package policy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"wsi/gobridge/internal/ws"
)

const (
	// maxRefs is how many references may follow one another.
	maxRefs = 16
	// maxMessages is how many messages a document may have in one direction.
	maxMessages = 1000
)

// nameKeys are the members that have the name of an event in messages without a
// framework (framework's rpcShape).
var nameKeys = []string{"method", "action", "event", "type", "command", "cmd", "op"}

// asyncAPI is a document that is being read.
type asyncAPI struct {
	file     string
	root     map[string]any
	byServer bool // it is the server that it describes
	channels bool // events have the addresses of channels, not names of messages
	data     bool // payloads are what the application gets, not whole messages
	yields   bool // a trait does not override what a message has: version 3

	compilers map[*jsonschema.Draft]*jsonschema.Compiler
	compiled  map[string]*jsonschema.Schema
	warn      func(format string, args ...any)

	events  [2]Events
	schemas [2]Schemas
	seen    [2]map[string]bool
}

// node is a value of the document and its JSON pointer.
type node struct {
	at    string
	value any
}

func (n node) object() map[string]any { o, _ := n.value.(map[string]any); return o }

func (n node) text(key string) string { s, _ := n.object()[key].(string); return s }

func (n node) member(key string) (node, bool) {
	v, ok := n.object()[key]
	return node{n.at + "/" + escapePointer(key), v}, ok
}

// members lists those of an object in the order of their keys.
func (n node) members() (list []node) {
	var keys []string
	for key := range n.object() {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		m, _ := n.member(key)
		list = append(list, m)
	}
	return list
}

func (n node) items() (list []node) {
	values, _ := n.value.([]any)
	for i := range values {
		list = append(list, node{n.at + "/" + strconv.Itoa(i), values[i]})
	}
	return list
}

// key is the last step of the pointer.
func (n node) key() string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(n.at[strings.LastIndexByte(n.at, '/')+1:])
}

func escapePointer(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }

func (n node) fail(format string, args ...any) error {
	return fmt.Errorf("%s at %q", fmt.Sprintf(format, args...), "#"+n.at)
}

// resolve follows references. first is where the first led, n itself if there is
// none.
func (a *asyncAPI) resolve(n node) (to, first node, err error) {
	first = n
	for i := 0; ; i++ {
		ref, ok := n.object()["$ref"].(string)
		if !ok {
			return n, first, nil
		}
		if i == maxRefs {
			return n, first, n.fail("more than %d references that lead to each other", maxRefs)
		}
		pointer, ok := strings.CutPrefix(ref, "#/")
		if !ok {
			return n, first, n.fail("%q: only references inside the file are followed", ref)
		}
		if pointer, err = url.PathUnescape(pointer); err != nil {
			return n, first, n.fail("%q is no reference", ref)
		}
		next := node{"", a.root}
		for _, step := range strings.Split(pointer, "/") {
			step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
			if list := next.items(); list != nil {
				if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(list) {
					next = list[i]
					continue
				}
			}
			if next, ok = next.member(step); !ok {
				return n, first, n.fail("%q leads nowhere", ref)
			}
		}
		if n = next; i == 0 {
			first = n
		}
	}
}

// asyncapi reads "file [log|block] [of=server|client] [event=message|channel]
// [payload=message|data]".
func (p *parser) asyncapi(s *Statement) error {
	a := newAsyncAPI(s.Args[0], p.warn)
	if err := once(s.Args[1:]); err != nil {
		return err
	}
	action := ""
	for _, arg := range s.Args[1:] {
		switch arg {
		case "log", "block":
			if action != "" {
				return errors.New("takes one of log and block")
			}
			action = arg
			for _, v := range []ws.Violation{ws.EventUnknown, ws.SchemaViolation, ws.SchemaUnreadable} {
				if err := p.Violations.Parse(v.String(), arg); err != nil {
					return err
				}
			}
		case "of=server", "of=client":
			a.byServer = arg == "of=server"
		case "event=message", "event=channel":
			a.channels = arg == "event=channel"
		case "payload=message", "payload=data":
			a.data = arg == "payload=data"
		default:
			return fmt.Errorf("invalid parameter %q", arg)
		}
	}
	text, err := readFile(a.file)
	if err != nil {
		return err
	}
	if err = a.read(text); err != nil {
		return fmt.Errorf("%q %w", a.file, err)
	}
	for from := range p.Events {
		e := &p.Events[from]
		if e.allow = append(e.allow, a.events[from].allow...); e.allow == nil {
			e.allow = []string{} // nothing is
		}
		e.subscribe = a.events[from].subscribe
		p.Schemas[from] = append(p.Schemas[from], a.schemas[from]...)
	}
	return nil
}

func newAsyncAPI(file string, warn func(string, ...any)) *asyncAPI {
	return &asyncAPI{file: file, byServer: true, warn: warn,
		compilers: map[*jsonschema.Draft]*jsonschema.Compiler{}, compiled: map[string]*jsonschema.Schema{},
		seen: [2]map[string]bool{{}, {}}}
}

// read reads a document. An error goes on from the name of its file.
func (a *asyncAPI) read(text []byte) (err error) {
	var root any
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		if root, err = decode(text); err != nil {
			return fmt.Errorf("is no JSON: %s", place(text, err))
		}
	} else if root, err = decodeYAML(text); err != nil {
		return fmt.Errorf("is no YAML: %v", err)
	}
	var ok bool
	if a.root, ok = root.(map[string]any); !ok {
		return errors.New("is no AsyncAPI document")
	}
	switch version := fmt.Sprint(a.root["asyncapi"]); {
	case strings.HasPrefix(version, "2."):
		err = a.version2()
	case strings.HasPrefix(version, "3."):
		err = a.version3()
	default:
		err = errors.New(`"asyncapi" has to be 2.x or 3.x`)
	}
	if err != nil {
		return fmt.Errorf("cannot be used: %w", err)
	}
	return nil
}

// version2: "publish" is what the application gets, "subscribe" what it sends.
func (a *asyncAPI) version2() error {
	channels, ok := node{"", a.root}.member("channels")
	if !ok {
		return errors.New(`has no "channels"`)
	}
	for _, item := range channels.members() {
		channel, _, err := a.resolve(item)
		if err != nil {
			return err
		}
		for _, key := range []string{"publish", "subscribe"} {
			operation, ok := channel.member(key)
			if !ok {
				continue
			}
			if operation, _, err = a.resolve(operation); err != nil {
				return err
			}
			m, ok := operation.member("message")
			if !ok {
				return operation.fail(`no "message"`)
			}
			list := []node{m}
			if of, ok := m.member("oneOf"); ok {
				list = of.items()
			}
			for _, m := range list {
				if err := a.message(m, item.key(), a.from(key == "publish")); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a *asyncAPI) version3() error {
	a.yields = true
	operations, ok := node{"", a.root}.member("operations")
	if !ok {
		return errors.New(`has no "operations"`)
	}
	for _, o := range operations.members() {
		o, _, err := a.resolve(o)
		if err != nil {
			return err
		}
		action := o.text("action")
		if action != "send" && action != "receive" {
			return o.fail(`"action" has to be send or receive`)
		}
		from := a.from(action == "receive")
		if err := a.operation(o, from); err != nil {
			return err
		}
		reply, ok := o.member("reply")
		if !ok {
			continue
		}
		if reply, _, err = a.resolve(reply); err != nil {
			return err
		}
		if err := a.operation(reply, 1-from); err != nil {
			return err
		}
	}
	return nil
}

// operation reads what version 3 says of one, or of its reply.
func (a *asyncAPI) operation(o node, from ws.Direction) error {
	address := ""
	var all []node
	if c, ok := o.member("channel"); ok {
		channel, _, err := a.resolve(c)
		if err != nil {
			return err
		}
		address = channel.text("address")
		if of, ok := channel.member("messages"); ok {
			all = of.members()
		}
	} else if a.channels {
		return o.fail(`no "channel"`)
	}
	if some, ok := o.member("messages"); ok {
		all = some.items()
	}
	for _, m := range all {
		if err := a.message(m, address, from); err != nil {
			return err
		}
	}
	return nil
}

// from is who sends what the application that is described gets, or sends.
func (a *asyncAPI) from(received bool) ws.Direction {
	if received == a.byServer {
		return ws.FromClient
	}
	return ws.FromServer
}

// message adds a message of a channel to what a peer may send.
func (a *asyncAPI) message(m node, address string, from ws.Direction) error {
	m, first, err := a.resolve(m)
	if err != nil {
		return err
	}
	if m.object() == nil {
		return m.fail("no message")
	}
	if m, err = a.traits(m); err != nil {
		return err
	}
	if id := m.at + " " + address; !a.seen[from][id] {
		a.seen[from][id] = true
	} else {
		return nil
	}
	if len(a.seen[from]) > maxMessages {
		return fmt.Errorf("more than %d messages of one direction", maxMessages)
	}
	schema, err := a.payload(m)
	if err != nil {
		return err
	}
	var names []string
	if a.channels {
		names = []string{addressPattern(address)}
		if from == ws.FromServer {
			e := &a.events[ws.FromClient]
			e.subscribe = append(e.subscribe, names[0])
			if len(e.subscribe) == 1 {
				e.subscribe = append(e.subscribe, "subscribe", "unsubscribe") // MQTT's
			}
		}
	} else {
		if names, err = a.names(m, first); err != nil {
			return err
		}
		if schema != nil && !a.data {
			names = append(names, "") // told by what it is
		}
	}
	for _, name := range names {
		if len(name) > maxSelector {
			return m.fail("a name is longer than %d bytes", maxSelector)
		}
		if e := &a.events[from]; !slices.Contains(e.allow, name) {
			e.allow = append(e.allow, name)
		}
		a.add(from, name, schema)
	}
	return nil
}

// traitKeys are what a message may have from its traits and is looked at here. A
// trait has no payload, and one of an operation has no messages.
var traitKeys = []string{"name", "messageId", "schemaFormat"}

// traits is m with what its traits say, of which the last counts.
func (a *asyncAPI) traits(m node) (node, error) {
	list, _ := m.member("traits")
	merged := maps.Clone(m.object())
	for _, t := range list.items() {
		t, _, err := a.resolve(t)
		if err != nil {
			return m, err
		}
		if t.object() == nil {
			return m, t.fail("no trait")
		}
		for _, key := range traitKeys {
			value, ok := t.object()[key]
			if _, own := m.object()[key]; !ok || own && a.yields {
				continue
			}
			if merged[key] = value; value == nil { // JSON Merge Patch
				delete(merged, key)
			}
		}
	}
	return node{m.at, merged}, nil
}

// add lets data of the events be what schema says, or, if it is nil, anything.
func (a *asyncAPI) add(from ws.Direction, pattern string, schema *oneSchema) {
	any := oneSchema{}
	if schema != nil {
		any = *schema
	}
	for i := range a.schemas[from] {
		if s := &a.schemas[from][i]; s.pattern == pattern {
			s.schemas = append(s.schemas, any)
			return
		}
	}
	a.schemas[from] = append(a.schemas[from], Schema{pattern: pattern, schemas: []oneSchema{any}})
}

// names are patterns of those that the event of a message may have.
func (a *asyncAPI) names(m, first node) (names []string, err error) {
	name := m.text("name")
	if name == "" {
		if parent := strings.TrimSuffix(first.at, "/"+escapePointer(first.key())); strings.HasSuffix(parent, "/messages") {
			name = first.key()
		}
	}
	if name == "" {
		name = m.text("messageId")
	}
	if name != "" {
		names = append(names, quotePattern(name))
	}
	payload, _, _, err := a.schemaOf(m)
	if err != nil {
		return nil, err
	}
	list, err := a.constants(payload, 0)
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		if name = quotePattern(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// constants are the names that a payload has to have in one of nameKeys.
func (a *asyncAPI) constants(schema node, depth int) (names []string, err error) {
	if schema, _, err = a.resolve(schema); err != nil || depth > maxRefs {
		return nil, err
	}
	if properties, ok := schema.member("properties"); ok {
		for _, key := range nameKeys {
			p, ok := properties.member(key)
			if !ok {
				continue
			}
			if p, _, err = a.resolve(p); err != nil {
				return nil, err
			}
			if name, ok := p.object()["const"].(string); ok {
				names = append(names, name)
			}
			if list, ok := p.member("enum"); ok {
				for _, item := range list.items() {
					if name, ok := item.value.(string); ok {
						names = append(names, name)
					}
				}
			}
		}
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		of, _ := schema.member(key)
		for _, s := range of.items() {
			more, err := a.constants(s, depth+1)
			if err != nil {
				return nil, err
			}
			if names = append(names, more...); len(names) > maxMessages {
				return nil, schema.fail("more than %d names", maxMessages)
			}
		}
	}
	return names, nil
}

// schemaOf is a message's payload, nil if there is none, and its draft, nil if
// it is no JSON Schema.
func (a *asyncAPI) schemaOf(m node) (schema node, format string, draft *jsonschema.Draft, err error) {
	format = m.text("schemaFormat")
	schema, ok := m.member("payload")
	if !ok {
		return node{}, "", nil, nil
	}
	to, _, err := a.resolve(schema)
	if err != nil {
		return node{}, "", nil, err
	}
	if inner, ok := to.member("schema"); ok {
		if f := to.text("schemaFormat"); f != "" { // version 3
			schema, format = inner, f
		}
	}
	return schema, format, draftOf(format), nil
}

// draftOf is the draft of a schemaFormat, nil if that is no JSON Schema.
func draftOf(format string) *jsonschema.Draft {
	if format == "" {
		return jsonschema.Draft7
	}
	kind, parameters, _ := strings.Cut(format, ";")
	switch strings.TrimSpace(strings.ToLower(kind)) {
	case "application/vnd.aai.asyncapi", "application/vnd.aai.asyncapi+json", "application/vnd.aai.asyncapi+yaml":
		return jsonschema.Draft7
	case "application/schema+json", "application/schema+yaml":
		for name, draft := range map[string]*jsonschema.Draft{
			"04": jsonschema.Draft4, "06": jsonschema.Draft6, "07": jsonschema.Draft7,
			"2019-09": jsonschema.Draft2019, "2020-12": jsonschema.Draft2020,
		} {
			if strings.HasSuffix(strings.TrimSpace(parameters), name) {
				return draft
			}
		}
	}
	return nil
}

// payload compiles that of a message, nil if anything goes.
func (a *asyncAPI) payload(m node) (*oneSchema, error) {
	schema, format, draft, err := a.schemaOf(m)
	if err != nil || schema.at == "" {
		return nil, err
	}
	if draft == nil {
		a.warn("%q: payloads of the format %q are not checked at %q", a.file, format, "#"+schema.at)
		return nil, nil
	}
	to, _, err := a.resolve(schema)
	if err != nil {
		return nil, err
	}
	compiled := a.compiled[to.at]
	if compiled == nil {
		c := a.compilers[draft]
		if c == nil {
			if c, _, err = compiler(a.file, a.root); err != nil {
				return nil, errors.New(oneLine(err))
			}
			c.DefaultDraft(draft)
			a.compilers[draft] = c
		}
		if compiled, err = c.Compile(fileURL(a.file) + "#" + (&url.URL{Path: to.at}).EscapedPath()); err != nil {
			return nil, errors.New(oneLine(err))
		}
		a.compiled[to.at] = compiled
	}
	kind := to.object()["type"]
	return &oneSchema{compiled, kind != "array", !a.data}, nil
}

// addressPattern is the pattern of an address, whose parameters may be any text.
func addressPattern(address string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(address, "{")
		b.WriteString(quotePattern(before))
		if !ok {
			return b.String()
		}
		if _, address, ok = strings.Cut(rest, "}"); !ok {
			b.WriteString(quotePattern("{" + rest))
			return b.String()
		}
		b.WriteByte('*')
	}
}

// quotePattern is the pattern that fits name only.
func quotePattern(name string) string { return strings.NewReplacer(`\`, `\\`, "*", `\*`).Replace(name) }
