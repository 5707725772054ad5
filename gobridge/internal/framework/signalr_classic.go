package framework

import (
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// signalRClassicSpec knows ASP.NET SignalR 1 and 2 by the query that their
// clients and servers need. ASP.NET does not mind the case.
var signalRClassicSpec = spec{
	name: "signalr-classic",
	handshake: func(h *Handshake) bool {
		var websockets, token bool
		query(h.Target, func(key, value string) bool {
			websockets = websockets || strings.EqualFold(key, "transport") && strings.EqualFold(value, "webSockets")
			token = token || strings.EqualFold(key, "connectionToken") || strings.EqualFold(key, "connectionData")
			return websockets && token
		})
		return websockets && token
	},
	decoder: func(*link, ws.Direction) Decoder { return signalRClassic{} },
}

// {"H":"hub","M":"method","A":[...],"I":1,"S":{...}} calls the server; it
// answers {"I":"1","R":...,"E":"..."}, and calls clients by
// {"C":"cursor","M":[{"H":...,"M":...,"A":[...]}]}. H and M are the event. The
// messages of a persistent connection are elements of M, or anything.
var (
	signalRClassicCall = []node{
		{key: "H", path: "$event", event: 1},
		{key: "M", path: "$event", event: 2},
		{key: "A", path: "$"},
		{key: "I", path: "$message.I"},
		{key: "S", path: "$state"},
		{key: "R", path: "$result"},
		{key: "E", path: "$error"},
		{key: "D", path: "$error.data"},
		{key: "T", path: "$error.trace"},
	}
	signalRClassicBatch = []node{
		{key: "C", path: "$message.C"},
		{key: "M", each: true, members: signalRClassicCall},
		{key: "G", path: "$message.G"},
		{key: "S", path: "$message.S"},
	}
)

type signalRClassic struct{ stateless }

func (signalRClassic) Alike() int { return alikeSignalRClassic }

func (signalRClassic) Decode(m Message, w *format.Walker, out *Out) {
	l := layout{name: signalRClassicSpec.name, w: w, out: out}
	nodes := signalRClassicCall
	if v, _ := format.Members(m.Payload, &format.Keys{"M"}); format.Array(v[0]) {
		nodes = signalRClassicBatch
	}
	if !l.json(m.Payload, nodes) {
		plain(m, w, out)
	}
}
