package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// graphQLSpec knows graphql-transport-ws, and subscriptions-transport-ws, whose
// subprotocol is graphql-ws (Hasura, AppSync).
var graphQLSpec = spec{
	name: "graphql",
	handshake: func(h *Handshake) bool {
		switch h.Subprotocol {
		case "graphql-transport-ws", "graphql-ws", "aws-appsync-event-ws":
			return true
		}
		_, last := lastSegments(path(h.Target))
		return h.Subprotocol == "" && last == "graphql"
	},
	first: func(_ ws.Direction, p []byte) bool {
		kind := format.Lookup(p, "type")
		return format.IsString(kind, "connection_init") || format.IsString(kind, "connection_ack")
	},
	decoder: func(l *link, from ws.Direction) Decoder { return &labelled{labels: &graphQL, link: l, from: from} },
}

var graphQLShape = format.Shape{
	Event: []format.Member{{Key: "type"}},
	Data:  []format.Member{{Key: "payload"}, {Key: "events"}, {Key: "event"}},
}

// {"type":"subscribe","id":"1","payload":{"query":"...","operationName":"...","variables":{...}}}
//
// AppSync has these in a string: {"payload":{"data":"..."}}. Its events have a
// channel: {"type":"publish","channel":"...","events":["..."]}.
var graphQL = labels{
	name:  "graphql",
	alike: alikeGraphQL,
	keys:  format.Keys{"type", "payload", "channel"},
	shape: func(v format.Values) *format.Shape {
		if !isString(v[0]) {
			return nil
		}
		return &graphQLShape
	},
	event: func(v format.Values, w *format.Walker) {
		name := v[2]
		if format.IsString(v[0], "subscribe") || format.IsString(v[0], "start") {
			if operation := format.Lookup(v[1], "operationName"); isString(operation) {
				name = operation
			} else if data := format.Lookup(v[1], "data"); isString(data) {
				name = format.Lookup(w.Unquote(data), "operationName")
			}
		}
		if !isString(name) || len(name) == 2 {
			name = v[0]
		}
		w.AddEventJSON(name)
	},
}
