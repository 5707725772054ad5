package framework

import (
	"bytes"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// primusSpec knows Primus by its path, or by what its clients add to the query.
var primusSpec = spec{
	name: "primus",
	handshake: func(h *Handshake) bool {
		p := path(h.Target)
		return p == "/primus" || strings.HasPrefix(p, "/primus/") ||
			query(h.Target, func(key, _ string) bool { return key == "_primuscb" })
	},
	decoder: func(*link, ws.Direction) Decoder { return primus{} },
}

// primusEmit is a packet of the plugin primus-emit: {"type":0,"data":["event",
// ...],"id":1}. What Primus itself sends is the application's whole message, or
// "primus::ping::1700000000000".
var primusEmit = []node{
	{key: "type", path: "$message.type"},
	{key: "data", path: "$message.data", args: true},
	{key: "id", path: "$message.id"},
}

type primus struct{ stateless }

func (primus) Alike() int { return alikePrimus }

func (primus) Decode(m Message, w *format.Walker, out *Out) {
	v, ok := format.Members(m.Payload, &format.Keys{"type", "data"})
	if ok && len(v[0]) == 1 && v[0][0] == '0' && format.Array(v[1]) {
		l := layout{name: primusSpec.name, w: w, out: out}
		l.json(m.Payload, primusEmit)
		return
	}
	e := Envelope{Framework: primusSpec.name, Format: w.Walk(m.Payload, format.Root{}, out.Visit)}
	if rest, ok := bytes.CutPrefix(bytes.Trim(m.Payload, `"`), primusPrefix); ok {
		e.Event, _, _ = bytes.Cut(rest, primusPrefix[6:])
		e.Event = e.Event[:min(len(e.Event), 256)]
	}
	out.Record(e)
}

var primusPrefix = []byte("primus::")
