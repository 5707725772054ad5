package framework

import (
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// labels is a framework whose messages are JSON objects. It says what their
// members are; all of them are visited.
type labels struct {
	name  string
	alike int
	keys  format.Keys
	// shape of a message that has the values v of keys, nil when it is none of
	// the framework's.
	shape func(v format.Values) *format.Shape
	// event sets w's Event. nil: it is what the shape found.
	event func(v format.Values, w *format.Walker)
	// server reports whether only a server of the framework sends such a
	// message. nil, unless the shape has documents in place of their strings:
	// before that, the strings are visited, too.
	server func(v format.Values) bool
}

// labelled is the decoder of one direction.
type labelled struct {
	stateless
	*labels
	link *link
	from ws.Direction
}

func (d *labelled) Alike() int {
	if d.doubt() {
		return 0
	}
	return d.alike
}

func (d *labelled) Decode(m Message, w *format.Walker, out *Out) {
	if !d.object(m.Payload, w, out) {
		plain(m, w, out)
	}
}

func (d *labelled) doubt() bool { return d.server != nil && !d.link.confirmed.Load() }

// object decodes one message. It reports false when p is none of the
// framework's, or no JSON: strings of it may have been visited.
func (d *labelled) object(p []byte, w *format.Walker, out *Out) bool {
	v, ok := format.Members(p, &d.keys)
	if !ok {
		return false
	}
	shape := d.shape(v)
	if shape == nil || !w.JSON(p, format.Root{Shape: shape}, out.Visit) {
		return false
	}
	if d.doubt() {
		w.JSON(p, whole, out.Visit)
		if d.from == ws.FromServer && d.server(v) {
			d.link.confirmed.Store(true)
		}
	}
	if d.event != nil {
		w.ClearEvent()
		d.event(v, w)
	}
	out.Record(Envelope{Framework: d.name, Event: w.Event(), Format: "json", Doc: p, Shape: shape})
	return true
}

func isString(value []byte) bool { return len(value) > 0 && value[0] == '"' }

// memberOf is the member key of a document that may be in a string of another.
func memberOf(value []byte, key string, w *format.Walker) []byte {
	if isString(value) {
		value = w.Unquote(value)
	}
	return format.Lookup(value, key)
}

// lastSegments are the last two segments of a path. A slash behind them counts
// for nothing.
func lastSegments(path string) (before, last string) {
	path = strings.TrimSuffix(path, "/")
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	last, path = path[i+1:], path[:i]
	return path[strings.LastIndexByte(path, '/')+1:], last
}
