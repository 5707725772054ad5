package framework

import (
	"bytes"
	"math"

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
		return hasMember(record, "protocol") && hasMember(record, "version")
	},
	begins: func(p []byte) bool {
		if p[0] != '{' || bytes.IndexByte(p, recordSeparator[0]) >= 0 {
			return false
		}
		o := format.NewOutline(p)
		for o.Next() {
		}
		return !o.Whole() || hasMember(p, "protocol")
	},
	decoder: func(l *link, from ws.Direction) Decoder {
		return &stream{protocol: &signalR{link: l, from: from}, name: "signalr", link: l, from: from}
	},
}

// hasMember reports whether the object that p begins with may have a member key
// for any server: some ignore its case, and what follows the object.
func hasMember(p []byte, key string) bool {
	o := format.NewOutline(p)
	for o.Object() && o.Next() {
		if bytes.IndexByte(o.Key, '\\') >= 0 || bytes.EqualFold(o.Key, []byte(key)) {
			return true
		}
	}
	return false
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
	// requests: the messages are in requests, whose URL is SignalR's.
	requests bool
}

// polled prepares for the body of a request. The handshake is one of its own, so
// that the others do not say which protocol they are of.
func (d *signalR) polled(p []byte) {
	record, _, _ := bytes.Cut(p, recordSeparator)
	if hasMember(record, "protocol") && hasMember(record, "version") {
		return
	}
	d.begun, d.requests = true, true
	if bytes.HasSuffix(p, recordSeparator) {
		d.link.variant.Store(signalRJSON)
	} else {
		d.link.variant.Store(signalRMessagePack)
	}
}

func (d *signalR) alike() int {
	switch variant := d.link.variant.Load(); {
	case !d.begun:
		return 0
	case variant == signalRJSON:
		return alikeSignalR
	case variant == signalRMessagePack:
		return alikeSignalRMessagePack
	}
	return 0
}

// junk: a broken length ends the connection.
func (d *signalR) junk([]byte) int { return -1 }

func (d *signalR) next(p []byte, seen int) (n, need int, ok bool) {
	if d.json(p[0]) {
		if n = bytes.IndexByte(p[seen:], recordSeparator[0]); n < 0 {
			return 0, 0, true
		}
		return seen + n + 1, 0, true
	}
	// A length, seven bits in a byte, the lowest first: five bytes at most, but
	// Go's servers take more.
	for i, length := 0, 0; i < 10; i++ {
		if i == len(p) {
			return 0, i + 1, true
		}
		if length |= int(p[i]&0x7F) << (7 * i); length < 0 || length > math.MaxInt32 {
			return 0, 0, false
		}
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

// hubError is a completion whose result is an error.
var hubError = format.Shape{Data: []format.Member{{Index: 4, Name: "error"}}}

// isHubError reports whether the completion p is one: it says so in front of it.
func isHubError(p []byte) bool {
	o, _ := newPacked(p)
	for i := 0; o.next(); i++ {
		if i == 3 {
			return packedInt(o.value) == 1
		}
	}
	return false
}

// hubNames are the events of messages that have no target.
var hubNames = [...][]byte{
	2: []byte("stream_item"), 3: []byte("completion"), 5: []byte("cancel"), 6: []byte("ping"), 7: []byte("close"),
	8: []byte("ack"), 9: []byte("sequence"),
}

func (d *signalR) record(p []byte, w *format.Walker, out *Out) {
	if !d.json(p[0]) {
		d.messagePack(p, w, out)
		return
	}
	p = p[:len(p)-1]
	if !d.begun {
		d.handshake(p, w, out)
		return
	}
	if !w.JSON(p, format.Root{Shape: &hubJSON}, out.Visit) {
		if len(p) > 0 {
			w.Text(p, whole, out.Visit)
		}
		out.Record(Envelope{Framework: "signalr", Format: "text"})
		return
	}
	event := w.Event()
	e := Envelope{Framework: "signalr", Format: "json", Doc: p, Shape: &hubJSON}
	if len(event) == 0 {
		if t := format.Lookup(p, "type"); len(t) == 1 {
			if event = hubName(t[0] - '0'); event != nil {
				e.Kind = d.own()
			}
		}
	}
	e.Event = event
	out.Record(e)
}

func hubName(kind byte) []byte {
	if int(kind) < len(hubNames) {
		return hubNames[kind]
	}
	return nil
}

func (d *signalR) messagePack(p []byte, w *format.Walker, out *Out) {
	for p[0] >= 0x80 {
		p = p[1:]
	}
	p = p[1:]
	kind := hubKind(p)
	var shape *format.Shape
	if int(kind) < len(hubArray) {
		shape = &hubArray[kind]
	}
	if kind == 3 && isHubError(p) {
		shape = &hubError
	}
	e := Envelope{Framework: "signalr", Format: "msgpack"}
	if w.MessagePack(p, format.Root{Shape: shape}, out.Visit) {
		e.Doc, e.Shape = p, shape
		if shape != nil && len(shape.Event) > 0 {
			e.Event = w.Event()
		} else if e.Event = hubName(kind); e.Event != nil {
			e.Kind = d.own()
		}
	} else {
		e.Format = w.Walk(p, whole, out.Visit)
	}
	out.Record(e)
}

// hubKind is the type of a message, its first element, 0 if that is none.
func hubKind(p []byte) byte {
	n := 0
	switch {
	case len(p) > 0 && p[0]>>4 == 0x9:
		n = 1
	case len(p) > 3 && p[0] == 0xDC:
		n = 3
	case len(p) > 5 && p[0] == 0xDD:
		n = 5
	}
	if n == 0 || n == len(p) {
		return 0
	}
	// Readers take an integer in any of its sizes: its last byte is the lowest.
	switch c := p[n]; {
	case c >= 0xCC && c <= 0xCF:
		n += 1 << (c - 0xCC)
	case c >= 0xD0 && c <= 0xD3:
		n += 1 << (c - 0xD0)
	}
	if n >= len(p) || p[n] >= 0x80 {
		return 0
	}
	return p[n]
}

// handshake reads the first record of a direction.
func (d *signalR) handshake(p []byte, w *format.Walker, out *Out) {
	d.begun = true
	if d.from == ws.FromServer {
		if isHandshakeAnswer(p) {
			d.link.confirmed.Store(true)
		}
	} else if d.link.variant.Load() == signalRUnknown {
		// What follows the object is ignored.
		values, _ := format.Members(p, &format.Keys{"protocol"})
		switch name := values[0]; {
		case name == nil: // depends on the server
		case format.IsString(name, "json"):
			d.link.variant.Store(signalRJSON)
		default:
			d.link.variant.Store(signalRMessagePack)
		}
	}
	e := Envelope{Framework: "signalr", Event: handshakeEvent, Format: w.Walk(p, whole, out.Visit), Kind: Own}
	out.Record(e)
}

// own is the Kind of what is named like its type: what is no invocation.
func (d *signalR) own() Kind {
	if d.requests {
		return Own
	}
	return d.link.own(false)
}

var handshakeEvent = []byte("handshake")

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
