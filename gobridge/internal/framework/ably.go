package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// ablySpec knows Ably by the query of its clients, which the service insists
// on, or by the service's first message.
var ablySpec = spec{
	name: "ably",
	handshake: func(h *Handshake) bool {
		var version, auth, ably bool
		query(h.Target, func(key, value string) bool {
			version = version || key == "v"
			auth = auth || key == "key" || key == "accessToken" || key == "access_token"
			ably = ably || key == "heartbeats" || key == "format" && (value == "json" || value == "msgpack")
			return false
		})
		return version && auth && ably
	},
	first: func(from ws.Direction, p []byte) bool {
		v, ok := format.Members(p, &format.Keys{"action", "connectionDetails"})
		return from == ws.FromServer && ok && string(v[0]) == "4" && v[1] != nil
	},
	decoder: func(*link, ws.Direction) Decoder { return ably{} },
}

// {"action":15,"channel":"chat","messages":[{"name":"say","data":...,
// "encoding":"json"}]}, or the same in MessagePack. Each of the messages is one
// of the application, whose event is its name, or else the channel.
var (
	ablyShape = format.Shape{
		Event: []format.Member{{Key: "name"}},
		Data:  []format.Member{{Key: "data", JSON: true}},
	}
	ablyMessage = []node{
		{key: "action", path: "$message.action"},
		{key: "channel", path: "$message.channel", event: 1},
		{key: "messages", shape: &ablyShape},
		{key: "presence", shape: &ablyShape},
		{key: "annotations", shape: &ablyShape},
		{key: "state", shape: &ablyShape},
		{key: "id", path: "$message.id"},
		{key: "connectionId", path: "$message.connectionId"},
		{key: "connectionKey", path: "$message.connectionKey"},
		{key: "connectionDetails", path: "$message.connectionDetails"},
		{key: "channelSerial", path: "$message.channelSerial"},
		{key: "msgSerial", path: "$message.msgSerial"},
		{key: "timestamp", path: "$message.timestamp"},
		{key: "flags", path: "$message.flags"},
		{key: "count", path: "$message.count"},
		{key: "error", path: "$message.error"},
		{key: "auth", path: "$message.auth"},
		{key: "params", path: "$message.params"},
	}
)

type ably struct{ stateless }

func (ably) Alike() int { return alikeAbly }

func (ably) Decode(m Message, w *format.Walker, out *Out) {
	l := layout{name: ablySpec.name, w: w, out: out}
	if !l.json(m.Payload, ablyMessage) && !l.msgpack(m.Payload, ablyMessage) {
		plain(m, w, out)
	}
}
