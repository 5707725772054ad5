package framework

import (
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// bayeuxSpec knows Faye and CometD by where they are mounted, or by their first
// message, [{"channel":"/meta/handshake",...}].
var bayeuxSpec = spec{
	name: "bayeux",
	handshake: func(h *Handshake) bool {
		p := path(h.Target)
		return strings.Contains(p, "/faye") || strings.Contains(p, "/bayeux") || strings.Contains(p, "/cometd")
	},
	first: func(_ ws.Direction, p []byte) bool {
		if format.Array(p) {
			p = format.Element(p, 0)
		}
		channel := format.Lookup(p, "channel")
		return len(channel) > 7 && string(channel[:7]) == `"/meta/`
	},
	decoder: func(*link, ws.Direction) Decoder { return bayeux{} },
}

// [{"channel":"/chat","data":{...},"clientId":"...","id":"7"}]: each is an
// application message, whose event is the channel.
var (
	bayeuxMessage = []node{
		{key: "channel", path: "$event", event: 1},
		{key: "data", path: "$"},
		{key: "clientId", path: "$message.clientId"},
		{key: "id", path: "$message.id"},
		{key: "subscription", path: "$message.subscription"},
		{key: "successful", path: "$message.successful"},
		{key: "connectionType", path: "$message.connectionType"},
		{key: "ext", path: "$message.ext"},
		{key: "advice", path: "$message.advice"},
		{key: "error", path: "$message.error"},
	}
	bayeuxBatch = node{each: true, members: bayeuxMessage}
)

type bayeux struct{ stateless }

func (bayeux) Alike() int { return alikeBayeux }

func (bayeux) Decode(m Message, w *format.Walker, out *Out) {
	l := layout{name: bayeuxSpec.name, w: w, out: out}
	switch {
	case format.Array(m.Payload):
		l.format = "json"
		l.array(m.Payload, &bayeuxBatch)
		l.end(m.Payload)
	case !l.json(m.Payload, bayeuxMessage):
		plain(m, w, out)
	}
}
