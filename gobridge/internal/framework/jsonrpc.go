package framework

import (
	"bytes"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// jsonRPCSpec knows JSON-RPC 2.0 (LSP, Ethereum) by its messages.
var jsonRPCSpec = spec{
	name: "json-rpc",
	first: func(_ ws.Direction, p []byte) bool {
		if !bytes.Contains(p, []byte("rpc")) {
			return false
		}
		p = p[lspHead(p):]
		if format.Array(p) {
			p = format.Element(p, 0)
		}
		return format.IsString(format.Lookup(p, "jsonrpc"), "2.0")
	},
	decoder: func(*link, ws.Direction) Decoder { return &jsonRPC{labelled{labels: &jsonRPCLabels}} },
}

var jsonRPCShape = format.Shape{
	Event: []format.Member{{Key: "method"}},
	Data:  []format.Member{{Key: "params"}, {Key: "result"}, {Key: "error"}},
}

// {"jsonrpc":"2.0","method":"say","params":{...},"id":1}
//
// An answer is named result or error. Servers do without the version.
var jsonRPCLabels = labels{
	name:  "json-rpc",
	alike: alikeJSONRPC,
	keys:  format.Keys{"jsonrpc", "method", "result", "error"},
	shape: func(v format.Values) *format.Shape {
		if v[0] == nil && !isString(v[1]) {
			return nil
		}
		return &jsonRPCShape
	},
	event: func(v format.Values, w *format.Walker) {
		switch {
		case isString(v[1]):
			w.AddEventJSON(v[1])
		case v[3] != nil && string(v[3]) != "null":
			w.AddEvent([]byte("error"))
		case v[2] != nil:
			w.AddEvent([]byte("result"))
		}
	},
}

// jsonRPC decodes batches, too: arrays of messages.
type jsonRPC struct{ labelled }

func (d *jsonRPC) Decode(m Message, w *format.Walker, out *Out) {
	if head := lspHead(m.Payload); head > 0 {
		if bytes.ContainsAny(m.Payload[:head], "<'\"`") {
			head = len(m.Payload) // who reads it as text sees it go on
		}
		w.Text(m.Payload[:head], whole, out.Visit)
		head = lspHead(m.Payload)
		m.Payload = m.Payload[head:]
	}
	if !d.batch(m.Payload, w, out) {
		d.labelled.Decode(m, w, out)
	}
}

// lspHead is the length of the header fields that some clients of a language
// server send before a message, 0 if there are none.
func lspHead(p []byte) int {
	const field = "Content-"
	if len(p) < len(field) || !strings.EqualFold(string(p[:len(field)]), field) {
		return 0
	}
	i := bytes.Index(p, []byte("\r\n\r\n"))
	if i < 0 {
		return 0
	}
	return i + 4
}

// batch reports false when p is no array of objects.
func (d *jsonRPC) batch(p []byte, w *format.Walker, out *Out) bool {
	o := format.NewOutline(p)
	n := 0
	for o.Next() {
		if o.Object() || o.Value[0] != '{' {
			return false
		}
		n++
	}
	if n == 0 || !o.Whole() {
		return false
	}
	known := true
	for o = format.NewOutline(p); o.Next(); {
		if d.object(o.Value, w, out) {
			continue
		}
		e := walked(Envelope{Framework: "none"}, o.Value, format.Root{}, w, out.Visit)
		known = known && e.Format == "json"
		out.Record(e)
	}
	if !known {
		// No JSON: the messages may begin and end elsewhere.
		out.Record(Envelope{Framework: "none", Format: w.Walk(p, whole, out.Visit)})
	}
	return true
}
