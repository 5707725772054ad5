package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// rpcSpec is what applications without a framework mostly send: an object that
// has a name, its arguments, and little more. It is looked for in each message
// of an unknown connection, and decides nothing for the next.
var rpcSpec = spec{
	name:    "rpc",
	decoder: func(*link, ws.Direction) Decoder { return rpc{} },
}

// rpcShape holds where there is one member for each of the two.
var rpcShape = format.Shape{
	Event: []format.Member{
		{Key: "method"}, {Key: "action"}, {Key: "event"}, {Key: "type"}, {Key: "command"}, {Key: "cmd"}, {Key: "op"},
	},
	Data: []format.Member{
		{Key: "params"}, {Key: "data"}, {Key: "payload"}, {Key: "args"}, {Key: "arguments"}, {Key: "body"},
	},
}

// rpcName is the name of the event, as it stands, if p is like
// {"event":"say","data":{...},"id":1}.
func rpcName(p []byte) (name []byte) {
	o := format.NewOutline(p)
	if !o.Object() {
		return nil
	}
	names, arguments := 0, 0
	for o.Next() {
		switch string(o.Key) {
		case "method", "action", "event", "type", "command", "cmd", "op":
			if !isString(o.Value) {
				return nil
			}
			name = o.Value
			names++
		case "params", "data", "payload", "args", "arguments", "body":
			arguments++
		case "id", "cid", "ref", "seq", "sessionId", "session_id", "requestId", "request_id", "ts", "timestamp", "version":
		default:
			return nil
		}
	}
	if names != 1 || arguments != 1 || !o.Whole() {
		return nil
	}
	return name
}

// rpc is plain for all other messages.
type rpc struct{ stateless }

func (rpc) Alike() int { return alikeRPC }

func (rpc) Decode(m Message, w *format.Walker, out *Out) {
	if rpcName(m.Payload) != nil && w.JSON(m.Payload, format.Root{Shape: &rpcShape}, out.Visit) {
		out.Record(Envelope{Framework: rpcSpec.name, Event: w.Event(), Format: "json", Doc: m.Payload, Shape: &rpcShape})
		return
	}
	plain(m, w, out)
}
