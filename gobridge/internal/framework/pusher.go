package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// pusherSpec knows the protocol of Pusher, Soketi, Reverb and AnyCable by the
// path /app/<key> and the protocol's version.
var pusherSpec = spec{
	name: "pusher",
	handshake: func(h *Handshake) bool {
		before, _ := lastSegments(path(h.Target))
		return before == "app" && query(h.Target, func(key, _ string) bool { return key == "protocol" })
	},
	first: func(_ ws.Direction, p []byte) bool {
		event := format.Lookup(p, "event")
		return format.IsString(event, "pusher:connection_established") || format.IsString(event, "pusher:subscribe")
	},
	decoder: func(l *link, from ws.Direction) Decoder { return &labelled{labels: &pusher, link: l, from: from} },
}

var pusherShape = format.Shape{
	Event: []format.Member{{Key: "event"}},
	Data:  []format.Member{{Key: "data", JSON: true}, {Key: "channel", Name: "channel"}},
}

// {"event":"client-message","channel":"private-chat","data":{...}}
//
// The servers and the clients take an object as well as a string of JSON.
var pusher = labels{
	name:  "pusher",
	alike: alikePusher,
	keys:  format.Keys{"event"},
	shape: func(v format.Values) *format.Shape {
		if !isString(v[0]) {
			return nil
		}
		return &pusherShape
	},
	event:  func(v format.Values, w *format.Walker) { w.AddEventJSON(v[0]) },
	server: func(v format.Values) bool { return format.IsString(v[0], "pusher:connection_established") },
}
