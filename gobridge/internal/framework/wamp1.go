package framework

import (
	"bytes"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// wamp1Spec knows WAMP, version 1, by its subprotocol (Ratchet, Autobahn).
var wamp1Spec = spec{
	name:      "wamp1",
	handshake: func(h *Handshake) bool { return h.Subprotocol == "wamp" },
	decoder:   func(l *link, from ws.Direction) Decoder { return &wamp1{link: l, from: from} },
}

// The message types of WAMP 1.
const (
	wamp1Welcome = iota
	wamp1Prefix
	wamp1Call
	wamp1Result
	wamp1Error
	wamp1Subscribe
	wamp1Unsubscribe
	wamp1Publish
	wamp1Event
)

// wamp1Kind is what the elements of a message are.
type wamp1Kind struct {
	name  []byte // of one that has no URI
	uri   int    // the element that is a URI, 0 if none
	shape format.Shape
}

var wamp1Kinds = [...]wamp1Kind{
	wamp1Welcome:     {name: []byte("welcome")},
	wamp1Prefix:      {name: []byte("prefix")},
	wamp1Call:        {uri: 2, shape: format.Shape{Event: []format.Member{{Index: 2}}, Args: 3}},
	wamp1Result:      {name: []byte("result"), shape: format.Shape{Data: []format.Member{{Index: 2}}}},
	wamp1Error:       {uri: 2, shape: format.Shape{Event: []format.Member{{Index: 2}}, Args: 3}},
	wamp1Subscribe:   {uri: 1, shape: format.Shape{Event: []format.Member{{Index: 1}}}},
	wamp1Unsubscribe: {uri: 1, shape: format.Shape{Event: []format.Member{{Index: 1}}}},
	wamp1Publish:     {uri: 1, shape: format.Shape{Event: []format.Member{{Index: 1}}, Data: []format.Member{{Index: 2}}}},
	wamp1Event:       {uri: 1, shape: format.Shape{Event: []format.Member{{Index: 1}}, Data: []format.Member{{Index: 2}}}},
}

const (
	// maxPrefixes and maxPrefixBytes bound what is remembered of a session's
	// prefixes. Behind these, a URI is named as it is sent.
	maxPrefixes    = 32
	maxPrefixBytes = 4 << 10
)

// wamp1 decodes arrays: [7,"http://example.com/chat",{...}]. A client may shorten
// URIs by a prefix that it defined, chat:room.
type wamp1 struct {
	link     *link
	from     ws.Direction
	begun    bool // there was a message
	prefixes []wamp1Prefixed
	size     int // of prefixes, in bytes
}

type wamp1Prefixed struct{ prefix, uri string }

func (d *wamp1) Size() int { return d.size }

// Alike: a client's messages are read by the prefixes before, and the first of a
// server tells what it is.
func (d *wamp1) Alike() int {
	if d.from == ws.FromClient || !d.begun {
		return 0
	}
	return alikeWAMP1
}

func (d *wamp1) Decode(m Message, w *format.Walker, out *Out) {
	d.begun = true
	p := m.Payload
	code, ok := wampCode(format.Element(p, 0))
	if !ok || code >= len(wamp1Kinds) {
		plain(m, w, out)
		return
	}
	kind := &wamp1Kinds[code]
	if !w.JSON(p, format.Root{Shape: &kind.shape}, out.Visit) {
		plain(m, w, out)
		return
	}
	name := kind.name
	switch {
	case code == wamp1Prefix && d.from == ws.FromClient:
		d.define(w, format.Element(p, 1), format.Element(p, 2))
	case code == wamp1Welcome && d.from == ws.FromServer:
		if server := w.Unquote(format.Element(p, 3)); bytes.HasPrefix(server, []byte("Ratchet/")) {
			d.link.confirmed.Store(true)
		}
	case kind.uri > 0:
		name = d.expand(w, format.Element(p, kind.uri), out)
	}
	out.Record(Envelope{Framework: "wamp1", Event: name, Format: "json"})
}

// define remembers a prefix.
func (d *wamp1) define(w *format.Walker, prefix, uri []byte) {
	p := wamp1Prefixed{string(w.Unquote(prefix)), ""}
	p.uri = string(w.Unquote(uri))
	for i := range d.prefixes {
		if d.prefixes[i].prefix == p.prefix {
			d.size -= len(d.prefixes[i].uri)
			d.prefixes[i].uri = "" // as if it were unknown, if there is no room
			if d.size+len(p.uri) <= maxPrefixBytes {
				d.prefixes[i].uri = p.uri
				d.size += len(p.uri)
			}
			return
		}
	}
	if size := len(p.prefix) + len(p.uri); len(d.prefixes) < maxPrefixes && d.size+size <= maxPrefixBytes {
		d.prefixes = append(d.prefixes, p)
		d.size += size
	}
}

// expand returns the URI that value is, and visits it if it is none that is
// sent.
func (d *wamp1) expand(w *format.Walker, value []byte, out *Out) []byte {
	if len(d.prefixes) > 0 {
		prefix, name, ok := bytes.Cut(w.Unquote(value), []byte(":"))
		for i := range d.prefixes {
			if !ok || string(prefix) != d.prefixes[i].prefix {
				continue
			}
			joint := ""
			if d.link.confirmed.Load() {
				joint = "#" // Ratchet's own
			}
			buf := texts.Get().(*[]byte)
			full := append(append(append((*buf)[:0], d.prefixes[i].uri...), joint...), name...)
			w.Text(full, format.Root{Path: "$event"}, out.Visit)
			w.ClearEvent()
			w.AddEvent(full)
			*buf = keep(full)
			texts.Put(buf)
			return w.Event()
		}
	}
	w.ClearEvent()
	w.AddEventJSON(value)
	return w.Event()
}
