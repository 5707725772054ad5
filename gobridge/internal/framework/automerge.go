package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// automergeSpec knows Automerge Repo by its first message, a map of CBOR with
// the type join or peer.
var automergeSpec = spec{
	name: "automerge",
	first: func(_ ws.Direction, p []byte) bool {
		kind, ok := automergeKind(p)
		return ok && (string(kind) == "join" || string(kind) == "peer")
	},
	decoder: func(*link, ws.Direction) Decoder { return automerge{} },
}

// {"type":"sync","senderId":"...","targetId":"...","documentId":"...","data":
// ...}: the event is the type, and the data changes of a document, whose texts
// are read as runs, some of them compressed.
var automergeShape = format.Shape{
	Event: []format.Member{{Key: "type"}},
	Data:  []format.Member{{Key: "data"}},
}

type automerge struct{ stateless }

func (automerge) Alike() int { return alikeAutomerge }

func (automerge) Decode(m Message, w *format.Walker, out *Out) {
	if _, ok := automergeKind(m.Payload); !ok || !w.CBOR(m.Payload, format.Root{Shape: &automergeShape}, out.Visit) {
		plain(m, w, out)
		return
	}
	out.Record(Envelope{Framework: automergeSpec.name, Event: w.Event(), Format: "cbor"})
}

// automergeKind is the type of a message, which stands first.
func automergeKind(p []byte) (kind []byte, ok bool) {
	// a map, b9 of two bytes of length as cbor-x has it; the text "type"; a text
	switch {
	case len(p) > 0 && p[0]&^0x1f == 0xa0 && p[0] < 0xb8:
		p = p[1:]
	case len(p) > 3 && p[0] == 0xb9:
		p = p[3:]
	default:
		return nil, false
	}
	const key = "\x64type"
	if len(p) < len(key)+1 || string(p[:len(key)]) != key {
		return nil, false
	}
	p = p[len(key):]
	n := int(p[0] - 0x60)
	if p[0] < 0x60 || n > 0x17 || len(p) < 1+n {
		return nil, false
	}
	return p[1 : 1+n], true
}
