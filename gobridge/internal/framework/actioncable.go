package framework

import (
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// actionCableSpec knows Action Cable, and AnyCable's actioncable-v1-ext-json. No
// server asks for the subprotocol.
var actionCableSpec = spec{
	name: "actioncable",
	handshake: func(h *Handshake) bool {
		_, last := lastSegments(path(h.Target))
		return strings.HasPrefix(h.Subprotocol, "actioncable-v1-") || h.Subprotocol == "" && last == "cable"
	},
	first: func(_ ws.Direction, p []byte) bool {
		v, _ := format.Members(p, &format.Keys{"command", "identifier", "type"})
		return format.IsString(v[0], "subscribe") && isString(v[1]) || format.IsString(v[2], "confirm_subscription")
	},
	decoder: func(l *link, from ws.Direction) Decoder {
		if l.subprotocol != "" {
			l.confirmed.Store(true) // the server agreed
		}
		d := labelled{labels: &actionCable, link: l, from: from}
		if strings.HasSuffix(l.subprotocol, "-msgpack") {
			return &actionCablePacked{d}
		}
		return &d
	},
}

var actionCableShape = format.Shape{
	Event: []format.Member{{Key: "command"}, {Key: "type"}},
	Data: []format.Member{
		{Key: "data", JSON: true}, {Key: "message"}, {Key: "identifier", Name: "identifier", JSON: true},
	},
}

// {"command":"message","identifier":"{\"channel\":\"ChatChannel\"}","data":"{\"action\":\"speak\"}"}
//
// That is the event ChatChannel#speak. What the server sends to a channel is
// named like the channel, all else like its command or type.
var actionCable = labels{
	name:  "actioncable",
	alike: alikeActionCable,
	keys:  format.Keys{"command", "identifier", "data", "type"},
	shape: func(v format.Values) *format.Shape {
		if !isString(v[0]) && !isString(v[1]) && !isString(v[3]) {
			return nil
		}
		return &actionCableShape
	},
	event: func(v format.Values, w *format.Walker) {
		message, whisper := format.IsString(v[0], "message"), format.IsString(v[0], "whisper")
		switch {
		case v[0] != nil && !message && !whisper:
			w.AddEventJSON(v[0])
		case v[0] == nil && v[3] != nil:
			w.AddEventJSON(v[3])
		default:
			w.AddEventJSON(memberOf(v[1], "channel", w))
			addAction(w, message, whisper, memberOf(v[2], "action", w))
		}
	},
	server: func(v format.Values) bool { return format.IsString(v[3], "welcome") },
}

// addAction adds the method of the channel that a message is for.
func addAction(w *format.Walker, message, whisper bool, action []byte) {
	switch {
	case whisper:
		w.AddEvent([]byte("#whisper"))
	case message && isString(action) && len(action) > 2:
		w.AddEvent([]byte("#"))
		w.AddEventJSON(action)
	case message:
		w.AddEvent([]byte("#receive"))
	}
}

// actionCablePacked decodes actioncable-v1-ext-msgpack: maps of the same, with
// JSON inside.
type actionCablePacked struct{ labelled }

func (*actionCablePacked) Alike() int { return alikeActionCablePacked }

func (d *actionCablePacked) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	v, ok := format.MembersOfMessagePack(p, &actionCable.keys)
	if !ok || !w.MessagePack(p, format.Root{Shape: &actionCableShape}, out.Visit) {
		d.labelled.Decode(m, w, out)
		return
	}
	w.ClearEvent()
	message, whisper := string(v[0]) == "message", string(v[0]) == "whisper"
	switch {
	case v[0] != nil && !message && !whisper:
		w.AddEvent(v[0])
	case v[0] == nil && v[3] != nil:
		w.AddEvent(v[3])
	default:
		w.AddEventJSON(format.Lookup(v[1], "channel"))
		addAction(w, message, whisper, format.Lookup(v[2], "action"))
	}
	out.Record(Envelope{Framework: actionCable.name, Event: w.Event(), Format: "msgpack", Doc: p, Shape: &actionCableShape})
}
