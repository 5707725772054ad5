package framework

import (
	"bytes"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// centrifugoSpec knows Centrifugo and Centrifuge by the subprotocol, by the
// usual path, or by the first command and its reply.
var centrifugoSpec = spec{
	name: "centrifugo",
	handshake: func(h *Handshake) bool {
		return strings.HasPrefix(h.Subprotocol, "centrifuge-") ||
			strings.HasSuffix(strings.TrimSuffix(path(h.Target), "/"), "/connection/websocket")
	},
	first: func(_ ws.Direction, p []byte) bool {
		p, _, _ = bytes.Cut(p, newline)
		v, ok := format.Members(p, &format.Keys{"id", "connect"})
		return ok && v[0] != nil && len(v[1]) > 1 && v[1][0] == '{'
	},
	decoder: func(_ *link, from ws.Direction) Decoder { return centrifugo{from: from} },
}

var newline = []byte("\n")

// One command of the client, in JSON {"id":3,"publish":{"channel":"chat","data":
// ...}}, and one reply, {"id":3,"publish":{}} or {"push":{"channel":"chat","pub":
// {"data":...}}}. The event is the channel, or the method of an RPC; the
// numbers are those of the fields in protobuf.
var (
	centrifugoInfo = []node{
		{key: "user", num: 1, path: "$message.user"},
		{key: "client", num: 2, path: "$message.client"},
		{key: "conn_info", num: 3, path: "$message.conn_info"},
		{key: "chan_info", num: 4, path: "$message.chan_info"},
	}
	centrifugoPublication = []node{
		{key: "data", num: 4, path: "$"},
		{key: "info", num: 5, members: centrifugoInfo},
		{key: "offset", num: 6, path: "$message.offset"},
		{key: "tags", num: 7, path: "$message.tags"},
		{key: "delta", num: 8, path: "$message.delta"},
		{key: "time", num: 9, path: "$message.time"},
		{key: "channel", num: 10, path: "$message.channel"},
	}
	centrifugoClientInfo = []node{{key: "info", num: 1, members: centrifugoInfo}}
	centrifugoPayload    = []node{{key: "data", num: 1, path: "$"}}
	centrifugoConnect    = []node{
		{key: "token", num: 1, path: "$message.token"},
		{key: "data", num: 2, path: "$"},
		{key: "subs", num: 3, path: "$message.subs"},
		{key: "name", num: 4, path: "$message.name"},
		{key: "version", num: 5, path: "$message.version"},
		{key: "headers", num: 6, path: "$message.headers"},
	}
	centrifugoConnected = []node{
		{key: "client", num: 1, path: "$message.client"},
		{key: "version", num: 2, path: "$message.version"},
		{key: "expires", num: 3, path: "$message.expires"},
		{key: "ttl", num: 4, path: "$message.ttl"},
		{key: "data", num: 5, path: "$"},
		{key: "subs", num: 6, path: "$message.subs"},
		{key: "ping", num: 7, path: "$message.ping"},
		{key: "pong", num: 8, path: "$message.pong"},
		{key: "session", num: 9, path: "$message.session"},
		{key: "node", num: 10, path: "$message.node"},
		{key: "time", num: 11, path: "$message.time"},
	}
	centrifugoChannel = []node{
		{key: "channel", num: 1, path: "$event", event: 1},
		{key: "data", num: 2, path: "$"},
	}
	centrifugoCommand = []node{
		{key: "id", num: 1, path: "$message.id"},
		{key: "connect", num: 4, members: centrifugoConnect},
		{key: "subscribe", num: 5, members: []node{
			{key: "channel", num: 1, path: "$event", event: 1},
			{key: "token", num: 2, path: "$message.token"},
			{key: "recover", num: 3, path: "$message.recover"},
			{key: "epoch", num: 6, path: "$message.epoch"},
			{key: "offset", num: 7, path: "$message.offset"},
			{key: "data", num: 8, path: "$"},
			{key: "flag", num: 12, path: "$message.flag"},
		}},
		{key: "unsubscribe", num: 6, members: centrifugoChannel},
		{key: "publish", num: 7, members: centrifugoChannel},
		{key: "presence", num: 8, members: centrifugoChannel},
		{key: "presence_stats", num: 9, members: centrifugoChannel},
		{key: "history", num: 10, members: centrifugoChannel},
		{key: "ping", num: 11, path: "$message.ping"},
		{key: "send", num: 12, members: centrifugoPayload},
		{key: "rpc", num: 13, members: []node{
			{key: "data", num: 1, path: "$"},
			{key: "method", num: 2, path: "$event", event: 1},
		}},
		{key: "refresh", num: 14, path: "$message.refresh"},
		{key: "sub_refresh", num: 15, path: "$message.sub_refresh"},
	}
	centrifugoReply = []node{
		{key: "id", num: 1, path: "$message.id"},
		{key: "error", num: 2, path: "$error"},
		{key: "push", num: 4, members: []node{
			{key: "channel", num: 2, path: "$event", event: 1},
			{key: "pub", num: 4, members: centrifugoPublication},
			{key: "join", num: 5, members: centrifugoClientInfo},
			{key: "leave", num: 6, members: centrifugoClientInfo},
			{key: "unsubscribe", num: 7, path: "$message.unsubscribe"},
			{key: "message", num: 8, members: centrifugoPayload},
			{key: "subscribe", num: 9, path: "$message.subscribe"},
			{key: "connect", num: 10, path: "$message.connect"},
			{key: "disconnect", num: 11, path: "$message.disconnect"},
			{key: "refresh", num: 12, path: "$message.refresh"},
		}},
		{key: "connect", num: 5, members: centrifugoConnected},
		{key: "subscribe", num: 6, path: "$message.subscribe"},
		{key: "unsubscribe", num: 7, path: "$message.unsubscribe"},
		{key: "publish", num: 8, path: "$message.publish"},
		{key: "presence", num: 9, path: "$message.presence"},
		{key: "presence_stats", num: 10, path: "$message.presence_stats"},
		{key: "history", num: 11, path: "$message.history"},
		{key: "ping", num: 12, path: "$message.ping"},
		{key: "rpc", num: 13, members: centrifugoPayload},
		{key: "refresh", num: 14, path: "$message.refresh"},
		{key: "sub_refresh", num: 15, path: "$message.sub_refresh"},
	}
)

// centrifugo decodes commands of the client, or replies of the server: JSON, one
// per line, or protobuf, each behind its length. Their order is kept, so that
// some may be of another kind.
type centrifugo struct {
	stateless
	from ws.Direction
}

func (d centrifugo) Alike() int { return alikeCentrifugo + int(d.from) }

func (d centrifugo) Decode(m Message, w *format.Walker, out *Out) {
	nodes := centrifugoCommand
	if d.from == ws.FromServer {
		nodes = centrifugoReply
	}
	l := layout{name: centrifugoSpec.name, w: w, out: out}
	p := m.Payload
	if len(p) == 0 || delimited(p, nil, nil) {
		if !delimited(p, &l, nodes) {
			plain(m, w, out)
		}
		return
	}
	// The last line may be cut off by nothing but the end.
	if !jsonLines(p) {
		plain(m, w, out)
		return
	}
	for len(p) > 0 {
		var line []byte
		line, p, _ = bytes.Cut(p, newline)
		if len(line) > 0 {
			l := layout{name: centrifugoSpec.name, w: w, out: out}
			l.json(line, nodes)
		}
	}
}

// jsonLines reports whether each line of p is an object.
func jsonLines(p []byte) bool {
	for len(p) > 0 {
		var line []byte
		line, p, _ = bytes.Cut(p, newline)
		if len(line) == 0 {
			continue
		}
		if _, ok := format.Members(line, &format.Keys{}); !ok {
			return false
		}
	}
	return true
}

// delimited reports whether p is messages of protobuf, each behind its length,
// and walks them if l is set.
func delimited(p []byte, l *layout, nodes []node) bool {
	for some := false; ; some = true {
		if len(p) == 0 {
			return some
		}
		size, n := uvarint(p)
		if n == 0 || size > uint64(len(p)-n) {
			return false
		}
		body := p[n : n+int(size)]
		if !isProtobuf(body) {
			return false
		}
		if l != nil {
			one := layout{name: l.name, w: l.w, out: l.out}
			one.protobuf(body, nodes)
		}
		p = p[n+int(size):]
	}
}
