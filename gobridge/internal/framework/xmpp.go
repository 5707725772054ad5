package framework

import (
	"bytes"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// xmppSpec knows XMPP (RFC 7395) by its subprotocol, or by the <open/> that each
// peer begins with.
var xmppSpec = spec{
	name:      "xmpp",
	handshake: func(h *Handshake) bool { return h.Subprotocol == "xmpp" },
	first: func(_ ws.Direction, p []byte) bool {
		return bytes.Contains(p[:min(len(p), 256)], xmppFraming)
	},
	decoder: func(l *link, from ws.Direction) Decoder { return xmpp{link: l, from: from} },
}

var xmppFraming = []byte("urn:ietf:params:xml:ns:xmpp-framing")

// xmpp reads one stanza per message. Attributes of a stanza look like those of
// an attack on a page (xmlns, from, to), so that the stanza itself is a value
// only as long as the server has not spoken XMPP.
type xmpp struct {
	stateless
	link *link
	from ws.Direction
}

func (d xmpp) Alike() int {
	if !d.trusted() {
		return 0
	}
	return alikeXMPP
}

func (d xmpp) Decode(m Message, w *format.Walker, out *Out) {
	if !w.XML(m.Payload, format.Root{}, out.Visit) {
		plain{}.Decode(m, w, out)
		return
	}
	tag := bytes.TrimLeft(m.Payload, " \t\r\n")[1:]
	if end := bytes.IndexByte(tag, '>'); end >= 0 {
		tag = tag[:end]
	}
	name := tag
	if i := bytes.IndexAny(tag, " \t\r\n/"); i >= 0 {
		name = tag[:i]
	}
	w.ClearEvent()
	w.AddEvent(name)
	if kind := attribute(tag[len(name):], typeAttribute); len(kind) > 0 {
		w.AddEvent(dot)
		w.AddEvent(kind)
	}
	out.Record(Envelope{Framework: xmppSpec.name, Event: w.Event(), Format: "xml"})

	if d.trusted() {
		return
	}
	out.Record(Envelope{Framework: xmppSpec.name, Format: w.Walk(m.Payload, whole, out.Visit)})
	if d.from == ws.FromServer && string(name) == "open" && bytes.Contains(tag, xmppFraming) {
		d.link.confirmed.Store(true)
	}
}

func (d xmpp) trusted() bool { return d.link.subprotocol == "xmpp" || d.link.confirmed.Load() }

var typeAttribute = []byte("type=")

// attribute is the value of the attribute name, which ends with =, in a tag.
func attribute(tag, name []byte) []byte {
	for {
		i := bytes.Index(tag, name)
		if i < 0 {
			return nil
		}
		before := byte(0)
		if i > 0 {
			before = tag[i-1]
		}
		tag = tag[i+len(name):]
		if before != ' ' && before != '\t' && before != '\n' && before != '\r' || len(tag) == 0 {
			continue
		}
		if quote := tag[0]; quote == '"' || quote == '\'' {
			if end := bytes.IndexByte(tag[1:], quote); end >= 0 {
				return tag[1 : 1+end]
			}
		}
	}
}
