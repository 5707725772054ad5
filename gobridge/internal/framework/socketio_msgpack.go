package framework

import (
	"wsi/gobridge/internal/format"
)

// packedPacket decodes a packet of socket.io-msgpack-parser, a binary message:
//
//	{"type":2,"data":["event",...],"nsp":"/","id":7}
//
// It reports false when p is none, having visited nothing.
func packedPacket(p []byte, w *format.Walker, visit format.Visit) (Envelope, bool) {
	kind, named := packedKind(p)
	if kind < 0 || !named {
		return Envelope{}, false
	}
	o, _ := newPacked(p)
	data := o
	for o.next() {
		switch string(o.key) {
		case "type", "data":
			continue
		case "nsp":
			if nsp := packedText(o.value); nsp != nil {
				if len(nsp) > 1 {
					w.Text(nsp, format.Root{Path: "$nsp"}, visit)
				}
				continue
			}
		}
		w.Text(o.key, wholeKey, visit)
		packedValue(o.value, whole, w, visit)
	}
	env := Envelope{Framework: engineIOSpec.name, Event: packetNames[kind], Kind: kindOf(kind)}
	for data.next() {
		if string(data.key) == "type" && packedInt(data.value) < 0 {
			packedValue(data.value, whole, w, visit)
		}
		if string(data.key) != "data" {
			continue
		}
		var root format.Root
		if kind == packetEvent || kind == packetBinaryEvent {
			root.Shape = &arguments
		}
		if packedValue(data.value, root, w, visit) {
			env.Format, env.Doc, env.Shape = "msgpack", data.value, root.Shape
			if root.Shape != nil {
				env.Event = w.Event()
			}
		}
	}
	return env, true
}

// packedKind is the type of the packet p, -1 if it has none, and whether it has
// a namespace.
func packedKind(p []byte) (kind int, named bool) {
	kind = -1
	o, ok := newPacked(p)
	if !ok || !o.object || packedLen(p) != len(p) {
		return -1, false
	}
	for o.next() {
		switch string(o.key) {
		case "type":
			if kind = packedInt(o.value); kind > packetBinaryAck {
				kind = -1
			}
		case "nsp":
			named = packedText(o.value) != nil
		}
	}
	return kind, named
}

// packedValue visits one value, and reports whether there was anything to visit.
func packedValue(p []byte, root format.Root, w *format.Walker, visit format.Visit) bool {
	if packedScalar(p) {
		return false
	}
	if w.MessagePack(p, root, visit) {
		return true
	}
	w.Walk(p, whole, visit)
	return true
}
