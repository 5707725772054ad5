package framework

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"wsi/gobridge/internal/format"
)

// node is a member of a message whose parts stand deeper than a format.Shape
// reaches. Nodes are tables, the same for JSON, MessagePack and protobuf.
type node struct {
	key string
	num int // protobuf: its field
	// path is where the value stands; "" if it is taken apart further.
	path string
	// event, if not 0, makes the value a part of the event's name: 1 the
	// first, 2 what stands behind a dot.
	event int
	// members of the object that the value is.
	members []node
	// shape of the elements of the array that the value is. Each is an
	// application message, as it is with each and members.
	shape *format.Shape
	each  bool
	// args: the value is an array of the event's name and its arguments.
	args bool
}

// layout walks one message by its nodes. It lives on the stack of a Decode.
type layout struct {
	name   string // of the framework
	format string
	w      *format.Walker
	out    *Out

	event    [2][]byte // the parts of its name, as they stand in the message
	elements bool      // of an array were recorded
	// odd: not all of it is where the nodes expect it. The message has to be
	// walked as it stands, too.
	odd bool
}

// json walks p and reports whether it could be one of the framework's. If not,
// nothing of it counts.
func (l *layout) json(p []byte, nodes []node) bool {
	l.format = "json"
	o := format.NewOutline(p)
	if !o.Object() {
		return false
	}
	l.object(p, nodes)
	l.end(p)
	return true
}

// end records the message p, unless its elements have been.
func (l *layout) end(p []byte) {
	if l.odd {
		l.w.Walk(p, whole, l.out.Visit)
	}
	if !l.elements || l.odd {
		l.record()
	}
}

// record ends an application message that has the name of the event so far.
func (l *layout) record() {
	l.w.ClearEvent()
	for i, part := range l.event {
		if len(part) == 0 {
			continue
		}
		if i > 0 && len(l.event[0]) > 0 {
			l.w.AddEvent(dot)
		}
		if l.format == "json" {
			l.w.AddEventJSON(part)
		} else {
			l.w.AddEvent(part)
		}
	}
	l.out.Record(Envelope{Framework: l.name, Event: l.w.Event(), Format: l.format})
}

var dot = []byte(".")

// wholeKey is where the keys of a message stand.
var wholeKey = format.Root{Path: whole.Path + "~"}

func (l *layout) object(p []byte, nodes []node) {
	o := format.NewOutline(p)
	if !o.Object() {
		l.value(p, whole.Path)
		return
	}
	for o.Next() {
		l.w.Text(o.Key, wholeKey, l.out.Visit)
		if bytes.IndexByte(o.Key, '\\') >= 0 || !utf8.Valid(o.Key) {
			l.odd = true
		}
		n := find(nodes, o.Key)
		switch {
		case n == nil:
			l.unknown(o.Key, o.Value)
		case n.shape != nil || n.each:
			l.array(o.Value, n)
		case n.args && format.Array(o.Value):
			if name := format.Element(o.Value, 0); len(name) > 0 {
				l.event[0] = name
			}
			if !l.w.JSON(o.Value, format.Root{Shape: &arguments}, l.out.Visit) {
				l.odd = true
			}
		case n.members != nil:
			l.object(o.Value, n.members)
		default:
			if n.event > 0 {
				l.event[n.event-1] = o.Value
			}
			l.value(o.Value, n.path)
		}
	}
	l.odd = l.odd || !o.Whole()
}

func (l *layout) array(p []byte, n *node) {
	o := format.NewOutline(p)
	if o.Object() || !o.Next() {
		l.value(p, whole.Path)
		return
	}
	for more := true; more; more = o.Next() {
		l.elements = true
		if n.shape == nil && !isObject(o.Value) {
			l.value(o.Value, "$")
			l.record()
			continue
		}
		if n.shape == nil {
			event := l.event
			l.object(o.Value, n.members)
			l.record()
			l.event = event
			continue
		}
		doc := o.Value
		if !l.w.JSON(o.Value, format.Root{Shape: n.shape}, l.out.Visit) {
			l.odd = l.odd || !isScalar(o.Value)
			doc = nil
		}
		l.shaped(doc, n.shape)
	}
	l.odd = l.odd || !o.Whole()
}

// shaped records an element whose shape says what the event is, if anything.
func (l *layout) shaped(doc []byte, shape *format.Shape) {
	if len(l.w.Event()) == 0 {
		l.record()
		return
	}
	l.out.Record(Envelope{Framework: l.name, Event: l.w.Event(), Format: l.format, Doc: doc, Shape: shape})
}

func (l *layout) value(p []byte, path string) {
	if isScalar(p) {
		return
	}
	if !l.w.JSON(p, format.Root{Path: path}, l.out.Visit) {
		l.odd = true
	}
}

// unknown visits a member of no node at a path of its own.
func (l *layout) unknown(key, value []byte) {
	if isScalar(value) {
		return
	}
	path := whole.Path
	if len(key) <= 64 && isWord(key) {
		path += "." + string(key)
	}
	l.value(value, path)
}

func find(nodes []node, key []byte) *node {
	for i := range nodes {
		if nodes[i].key == string(key) {
			return &nodes[i]
		}
	}
	return nil
}

// isScalar reports whether p is a number or a literal of JSON, or of Python's:
// nothing in it is visited.
func isScalar(p []byte) bool {
	if len(p) == 0 || p[0] == '"' || p[0] == '{' || p[0] == '[' {
		return false
	}
	switch string(p) {
	case "NaN", "Infinity", "-Infinity":
		return true
	}
	return json.Valid(p)
}

func isObject(p []byte) bool { return len(p) > 0 && p[0] == '{' }

func isWord(p []byte) bool {
	for _, c := range p {
		if !isAlnum(c) && c != '_' {
			return false
		}
	}
	return len(p) > 0
}

func isAlnum(c byte) bool { return c|0x20-'a' <= 'z'-'a' || c-'0' <= 9 }

// protobuf walks p, one message, and reports whether it is one.
func (l *layout) protobuf(p []byte, nodes []node) bool {
	if !isProtobuf(p) {
		return false
	}
	l.format = "protobuf"
	across, out := format.NewAcross(p, l.out.Visit), l.out
	if across != nil {
		watched := *out
		watched.Visit = across.Visit
		l.out = &watched
	}
	l.fields(p, nodes, whole.Path, 0)
	l.out = out
	l.w.Across(across, whole)
	l.end(p)
	return true
}

// maxFields is how deep messages inside each other are taken apart.
const maxFields = 8

// fields visits the fields of p by their nodes. What has none stands at path.
func (l *layout) fields(p []byte, nodes []node, path string, depth int) {
	for len(p) > 0 {
		num, value, rest, ok := protobufField(p)
		if !ok {
			return
		}
		before := p
		p = rest
		if value == nil {
			// what is text in a number may be that to another reader
			l.odd = l.odd || len(before)-len(rest) > 4 && printable(before[1:len(before)-len(rest)])
			continue
		}
		var n *node
		for i := range nodes {
			if nodes[i].num == num {
				n = &nodes[i]
				break
			}
		}
		at, members := path, []node(nil)
		if n != nil {
			members = n.members
			if n.path != "" {
				at = n.path
			}
			if n.event > 0 {
				l.event[n.event-1] = value
			}
		}
		// The payload is the application's, and text is no message.
		if at != "$" && depth < maxFields && (members != nil || hasControl(value)) && isProtobuf(value) {
			l.fields(value, members, at, depth+1)
			continue
		}
		l.w.Walk(value, format.Root{Path: at}, l.out.Visit)
	}
}

func hasControl(p []byte) bool {
	return bytes.IndexFunc(p, func(r rune) bool { return r < ' ' }) >= 0
}

func isProtobuf(p []byte) bool {
	for len(p) > 0 {
		var ok bool
		if _, _, p, ok = protobufField(p); !ok {
			return false
		}
	}
	return true
}

// protobufField reads the field that p begins with. value is nil unless it is
// length-delimited.
func protobufField(p []byte) (num int, value, rest []byte, ok bool) {
	tag, n := uvarint(p)
	if n == 0 || tag>>3 == 0 || tag>>3 >= 1<<29 {
		return 0, nil, nil, false
	}
	p = p[n:]
	size := uint64(0)
	switch tag & 7 {
	case 0:
		if _, n = uvarint(p); n == 0 {
			return 0, nil, nil, false
		}
		size = uint64(n)
	case 1:
		size = 8
	case 2:
		if size, n = uvarint(p); n == 0 || size > uint64(len(p)-n) {
			return 0, nil, nil, false
		}
		p = p[n:]
		return int(tag >> 3), p[:size:size], p[size:], true
	case 5:
		size = 4
	default: // groups: no framework has any
		return 0, nil, nil, false
	}
	if size > uint64(len(p)) {
		return 0, nil, nil, false
	}
	return int(tag >> 3), nil, p[size:], true
}

// uvarint reads a varint of protobuf, lib0 and others. n is 0 if p does not hold
// one.
func uvarint(p []byte) (v uint64, n int) {
	for i := range min(len(p), 10) {
		v |= uint64(p[i]&0x7f) << (7 * i)
		if p[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// msgpack walks p, one map, and reports whether it is one.
func (l *layout) msgpack(p []byte, nodes []node) bool {
	o, ok := newPacked(p)
	if !ok || !o.object || packedLen(p) != len(p) {
		return false
	}
	l.format = "msgpack"
	for o.next() {
		n := find(nodes, o.key)
		l.odd = l.odd || o.key == nil // a number is a letter to another reader
		l.w.Text(o.key, wholeKey, l.out.Visit)
		switch {
		case n == nil:
			l.packed(o.value, whole.Path)
		case n.shape != nil:
			l.packedArray(o.value, n)
		default:
			if n.event > 0 {
				l.event[n.event-1] = packedText(o.value)
			}
			path := n.path
			if path == "" {
				path = whole.Path
			}
			l.packed(o.value, path)
		}
	}
	l.end(p)
	return true
}

func (l *layout) packedArray(p []byte, n *node) {
	o, ok := newPacked(p)
	if !ok || o.object || o.left == 0 {
		l.packed(p, whole.Path)
		return
	}
	for o.next() {
		l.elements = true
		doc := o.value
		if !l.w.MessagePack(o.value, format.Root{Shape: n.shape}, l.out.Visit) {
			l.packed(o.value, whole.Path)
			doc = nil
		}
		l.shaped(doc, n.shape)
	}
}

// packed visits a value of MessagePack.
func (l *layout) packed(p []byte, path string) {
	if text := packedText(p); text != nil {
		if utf8.Valid(text) {
			l.w.Walk(text, format.Root{Path: path}, l.out.Visit)
			return
		}
	}
	if !l.w.MessagePack(p, format.Root{Path: path}, l.out.Visit) {
		l.odd = l.odd || !packedScalar(p)
	}
}
