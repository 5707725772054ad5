package framework

import (
	"bytes"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// signalRSpec is SignalR of ASP.NET Core, Blazor Server's circuits among them.
// It has no subprotocol; the first record of the client names the hub protocol
// (HubProtocol.md of dotnet/aspnetcore).
var signalRSpec = spec{
	name: "signalr",
	handshake: func(h *Handshake) bool {
		return bytes.HasSuffix([]byte(path(h.Target)), []byte("/_blazor"))
	},
	first: func(from ws.Direction, p []byte) bool {
		record, _, ok := bytes.Cut(p, recordSeparator)
		if !ok {
			return false
		}
		if from == ws.FromServer {
			return isHandshakeAnswer(record)
		}
		return format.Lookup(record, "protocol") != nil && format.Lookup(record, "version") != nil
	},
	decoder: func(l *link, from ws.Direction) Decoder {
		return &stream{protocol: &signalR{link: l, from: from}, name: "signalr", link: l, from: from, alike: alikeSignalR}
	},
}

// recordSeparator ends a record of JSON.
var recordSeparator = []byte{0x1E}

// The hub protocols, in link.variant.
const (
	signalRUnknown = iota
	signalRJSON
	signalRMessagePack // and blazorpack
)

// signalR is one direction. The handshake is JSON whatever the protocol.
type signalR struct {
	link  *link
	from  ws.Direction
	begun bool // the handshake is over
}

func (d *signalR) next(p []byte, seen int) (n, need int, ok bool) {
	if d.json(p[0]) {
		if n = bytes.IndexByte(p[seen:], recordSeparator[0]); n < 0 {
			return 0, 0, true
		}
		return seen + n + 1, 0, true
	}
	// A length of at most five bytes, seven bits each, the lowest first.
	for i, length := 0, 0; i < 5; i++ {
		if i == len(p) {
			return 0, i + 1, true
		}
		length |= int(p[i]&0x7F) << (7 * i)
		if p[i] < 0x80 {
			if n = i + 1 + length; n > len(p) {
				return 0, n, true
			}
			return n, 0, true
		}
	}
	return 0, 0, false
}

// json reports whether the record that begins with c is one of JSON.
func (d *signalR) json(c byte) bool {
	switch variant := d.link.variant.Load(); {
	case !d.begun, variant == signalRJSON:
		return true
	case variant == signalRMessagePack:
		return false
	}
	return c == '{'
}

// hubJSON is a message of the JSON protocol: an invocation has arguments, an
// item of a stream an item, a completion a result or an error.
var hubJSON = format.Shape{
	Event: []format.Member{{Key: "target"}},
	Data:  []format.Member{{Key: "arguments"}, {Key: "item"}, {Key: "result"}, {Key: "error", Name: "error"}},
}

// hubArray are the messages of the MessagePack protocol, by their type.
var hubArray = [...]format.Shape{
	0: {},
	1: {Event: []format.Member{{Index: 3}}, Data: []format.Member{{Index: 4}}}, // invocation
	2: {Data: []format.Member{{Index: 3}}},                                     // stream item
	3: {Data: []format.Member{{Index: 4}}},                                     // completion
	4: {Event: []format.Member{{Index: 3}}, Data: []format.Member{{Index: 4}}}, // stream invocation
	5: {}, 6: {}, 7: {}, 8: {}, 9: {},
}

// hubNames are the events of messages that have no target.
var hubNames = [...][]byte{
	2: []byte("stream_item"), 3: []byte("completion"), 5: []byte("cancel"), 6: []byte("ping"), 7: []byte("close"),
	8: []byte("ack"), 9: []byte("sequence"),
}

func (d *signalR) record(p []byte, w *format.Walker, out *Out) bool {
	if !d.json(p[0]) {
		return d.messagePack(p, w, out)
	}
	p = p[:len(p)-1]
	if !d.begun {
		return d.handshake(p, w, out)
	}
	if !w.JSON(p, format.Root{Shape: &hubJSON}, out.Visit) {
		if len(p) > 0 {
			w.Text(p, whole, out.Visit)
		}
		out.Record(Envelope{Framework: "signalr", Format: "text"})
		return true
	}
	event := w.Event()
	if len(event) == 0 {
		if t := format.Lookup(p, "type"); len(t) == 1 {
			event = hubName(t[0] - '0')
		}
	}
	out.Record(Envelope{Framework: "signalr", Event: event, Format: "json"})
	return true
}

func hubName(kind byte) []byte {
	if int(kind) < len(hubNames) {
		return hubNames[kind]
	}
	return nil
}

func (d *signalR) messagePack(p []byte, w *format.Walker, out *Out) bool {
	for p[0] >= 0x80 {
		p = p[1:]
	}
	p = p[1:]
	var kind byte
	switch {
	case len(p) > 1 && p[0]>>4 == 0x9:
		kind = p[1]
	case len(p) > 3 && p[0] == 0xDC:
		kind = p[3]
	case len(p) > 5 && p[0] == 0xDD:
		kind = p[5]
	}
	var shape *format.Shape
	if int(kind) < len(hubArray) {
		shape = &hubArray[kind]
	}
	e := Envelope{Framework: "signalr", Format: "msgpack"}
	if w.MessagePack(p, format.Root{Shape: shape}, out.Visit) {
		if e.Event = hubName(kind); shape != nil && len(shape.Event) > 0 {
			e.Event = w.Event()
		}
	} else {
		e.Format = w.Walk(p, whole, out.Visit)
	}
	out.Record(e)
	return true
}

// handshake reads the first record of a direction.
func (d *signalR) handshake(p []byte, w *format.Walker, out *Out) bool {
	d.begun = true
	if d.from == ws.FromServer {
		if isHandshakeAnswer(p) {
			d.link.confirmed.Store(true)
		}
	} else if d.link.variant.Load() == signalRUnknown {
		variant := int32(signalRMessagePack)
		if name := format.Lookup(p, "protocol"); name == nil || format.IsString(name, "json") {
			variant = signalRJSON
		}
		d.link.variant.Store(variant)
	}
	e := Envelope{Framework: "signalr", Event: []byte("handshake"), Format: w.Walk(p, whole, out.Visit)}
	out.Record(e)
	return true
}

// isHandshakeAnswer reports whether the server accepted: an object without an
// error.
func isHandshakeAnswer(p []byte) bool {
	o := format.NewOutline(p)
	for o.Next() {
		if string(o.Key) == "error" || string(o.Key) == "type" {
			return false
		}
	}
	return o.Object() && o.Whole()
}
