package framework

import (
	"bytes"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// engineIOSpec knows Engine.IO by its query, wherever it is mounted: servers
// insist on transport=websocket, and EIO may be missing or anything (not "4"
// means 3). The path tells the servers of other makes.
var engineIOSpec = spec{
	name: "socket.io",
	handshake: func(h *Handshake) bool {
		p := path(h.Target)
		return strings.Contains(p, "/socket.io/") || strings.Contains(p, "/engine.io/") ||
			query(h.Target, func(key, value string) bool {
				return key == "EIO" || key == "transport" && value == "websocket"
			})
	},
	decoder: func(*link, ws.Direction) Decoder { return &engineIO{} },
}

// engineIO decodes Engine.IO, protocols 3 and 4, and socket.io in it. A server
// of one protocol ignores what the query says about the other, so that the
// decoder takes both at any time.
type engineIO struct {
	pending *pending // a socket.io packet that waits for its attachments
}

// Alike: only a message that may be an attachment is read by what was before.
func (d *engineIO) Alike() int {
	if d.pending != nil {
		return 0
	}
	return alikeEngineIO
}

// Size: what pending may keep, at most.
func (d *engineIO) Size() int {
	if d.pending == nil {
		return 0
	}
	return d.pending.size + len(d.pending.event)
}

func (d *engineIO) Decode(m Message, w *format.Walker, out *Out) {
	if d.plain(m, w, out) {
		return
	}
	var env Envelope
	d.decode(m, w, out.Visit, &env)
	out.Record(env)
}

// The first character of a text message is the packet's type:
//
//	0{"sid":...}  open        4...  message    b<base64>   binary (EIO 4)
//	1             close       5     upgrade    b4<base64>  binary (EIO 3)
//	2, 2probe     ping        6     noop
//	3, 3probe     pong
//
// A binary message is an attachment or a packet of MessagePack, in EIO 3 behind
// a byte 4.
func (d *engineIO) decode(m Message, w *format.Walker, visit format.Visit, env *Envelope) {
	p := m.Payload
	switch {
	case m.Opcode == ws.OpBinary:
		if len(p) > 0 && p[0] == 4 {
			p = p[1:]
		}
		*env = d.binary(p, w, visit)
	case len(p) == 0:
		env.Framework, env.Kind = "none", Own
	case p[0] == '4':
		d.message(p, w, visit, env)
	case p[0] == 'b':
		*env = d.base64(p, w, visit)
	case len(p) == 1 && p[0] >= '0' && p[0] <= '6':
		env.Framework, env.Kind = "engine.io", Own
	case string(p) == "2probe", string(p) == "3probe":
		env.Framework, env.Format, env.Kind = "engine.io", w.Walk(p[1:], format.Root{}, visit), Own
	case p[0] == '0' && p[1] == '{':
		*env = content(p, w.Walk(p[1:], format.Root{}, visit), w, visit)
		env.Kind = Own
	default:
		*env = walked(Envelope{Framework: "none"}, p, format.Root{}, w, visit)
	}
}

// plain decodes what most messages are, an event of the main namespace that waits
// for nothing, and reports whether m is one. What it says is not copied about.
func (d *engineIO) plain(m Message, w *format.Walker, out *Out) bool {
	p := m.Payload
	if len(p) < 3 || p[0] != '4' || p[1] != '2' || p[2] != '[' || m.Opcode == ws.OpBinary {
		return false
	}
	d.pending = nil
	p = p[2:]
	if !w.Arguments(p, &arguments, out.Visit) {
		out.Record(content(m.Payload, w.Text(m.Payload[1:], format.Root{}, out.Visit), w, out.Visit))
		return true
	}
	out.Record(Envelope{Framework: "socket.io", Event: w.Event(), Format: "json", Doc: p, Shape: &arguments})
	return true
}

// walked walks p, which is all that the application gets.
func walked(e Envelope, p []byte, root format.Root, w *format.Walker, visit format.Visit) Envelope {
	switch e.Format = w.Walk(p, root, visit); e.Format {
	case "json", "msgpack", "cbor":
		e.Doc = p
	}
	return e
}

// binary decodes a binary message: an attachment, or a packet of
// socket.io-msgpack-parser, which has no attachments.
func (d *engineIO) binary(p []byte, w *format.Walker, visit format.Visit) Envelope {
	if d.pending == nil {
		if packet, ok := packedPacket(p, w, visit); ok {
			return packet
		}
	}
	root, env := d.next()
	env.Format = w.Walk(p, root, visit)
	return env
}

// message decodes a packet of type message: socket.io, or the application's
// own.
func (d *engineIO) message(p []byte, w *format.Walker, visit format.Visit, env *Envelope) {
	pkt, ok := parsePacket(p[1:])
	if !ok && len(p) > 1 && p[1] == '{' && d.object(p[1:], w, visit, env) {
		return
	}
	if !ok {
		*env = content(p, w.Walk(p[1:], format.Root{}, visit), w, visit)
		return
	}
	event, ok := d.packet(&pkt, w, visit)
	if !ok {
		*env = content(p, w.Text(p[1:], format.Root{}, visit), w, visit)
		return
	}
	env.Framework, env.Event, env.Kind = "socket.io", event, kindOf(pkt.kind)
	if len(pkt.data) > 0 {
		env.Format = "json"
		env.Doc, env.Shape = pkt.data, &arguments
	}
}

// content ends a packet whose content was visited. If Engine.IO was a wrong
// guess, the type belongs to the text: "4 or 1=1".
func content(p []byte, name string, w *format.Walker, visit format.Visit) Envelope {
	if name == "text" || name == "binary" {
		w.Text(p, whole, visit)
	}
	env := Envelope{Framework: "engine.io", Format: name}
	if name == "json" {
		env.Doc = p[1:]
	}
	return env
}

// whole is where a message stands whose first character may be no packet type.
var whole = format.Root{Path: "$message"}

// base64 decodes an attachment in a text message. No client sends it over
// WebSocket, but the servers take it.
func (d *engineIO) base64(p []byte, w *format.Walker, visit format.Visit) Envelope {
	data, clean := decodeBase64(p[1:])
	if d.pending == nil {
		if packet, ok := packedPacket(data, w, visit); ok {
			w.Text(p, whole, visit)
			return packet
		}
	}
	root, env := d.next()
	env.Format = w.Walk(data, root, visit)
	if bytes.HasPrefix(p, []byte("b4")) {
		data, _ = decodeBase64(p[2:])
		if f := w.Walk(data, root, visit); env.Format == "binary" {
			env.Format = f
		}
	}
	if f := w.Text(p, whole, visit); !clean && env.Framework == "engine.io" {
		env.Framework = "none"
		env.Format = f
	}
	return env
}

// decodeBase64 skips what is not base64, as Node.js does, and takes both
// alphabets. clean is false if it skipped anything but padding.
func decodeBase64(p []byte) (out []byte, clean bool) {
	out = make([]byte, 0, len(p)/4*3+3)
	clean = true
	var bits uint32
	n := 0
	for _, c := range p {
		var v byte
		switch {
		case c-'A' < 26:
			v = c - 'A'
		case c-'a' < 26:
			v = c - 'a' + 26
		case c-'0' < 10:
			v = c - '0' + 52
		case c == '+' || c == '-':
			v = 62
		case c == '/' || c == '_':
			v = 63
		default:
			clean = clean && c == '='
			continue
		}
		bits = bits<<6 | uint32(v)
		if n += 6; n >= 8 {
			n -= 8
			out = append(out, byte(bits>>n))
		}
	}
	return out, clean
}
