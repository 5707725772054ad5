package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// ddpSpec knows Meteor's DDP by the connect message, which has to be the first.
var ddpSpec = spec{
	name: "ddp",
	first: func(_ ws.Direction, p []byte) bool {
		v, _ := format.Members(p, &format.Keys{"msg", "version", "session"})
		return format.IsString(v[0], "connect") && v[1] != nil || format.IsString(v[0], "connected") && v[2] != nil
	},
	decoder: func(l *link, from ws.Direction) Decoder { return &labelled{labels: &ddp, link: l, from: from} },
}

var ddpShape = format.Shape{
	Event: []format.Member{{Key: "method"}, {Key: "name"}, {Key: "collection"}},
	Data:  []format.Member{{Key: "params"}, {Key: "fields"}, {Key: "result"}, {Key: "error"}},
}

// {"msg":"method","method":"send","params":[...],"id":"1"}
//
// The event is the method, the publication that is subscribed to, the
// collection that changed, or else the message.
var ddp = labels{
	name:  "ddp",
	alike: alikeDDP,
	keys:  format.Keys{"msg", "method", "name", "collection"},
	shape: func(v format.Values) *format.Shape {
		if !isString(v[0]) {
			return nil
		}
		return &ddpShape
	},
	event: func(v format.Values, w *format.Walker) {
		var name []byte
		switch {
		case format.IsString(v[0], "method"):
			name = v[1]
		case format.IsString(v[0], "sub"):
			name = v[2]
		default:
			name = v[3]
		}
		if !isString(name) {
			name = v[0]
		}
		w.AddEventJSON(name)
	},
}
