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
	decoder: func(l *link, _ ws.Direction) Decoder { return &xmpp{agreed: l.subprotocol == "xmpp"} },
}

var xmppFraming = []byte("urn:ietf:params:xml:ns:xmpp-framing")

// xmpp reads one stanza per message. A server may agree to any subprotocol and
// show to a page what it gets, so that a stanza is judged as it stands, too, but
// for the attributes of every stanza that look like those of an attack on a
// page. Without the subprotocol it is judged with these.
type xmpp struct {
	agreed  bool
	scratch []byte
}

// Alike: what is kept is never read again.
func (d *xmpp) Alike() int {
	if !d.agreed {
		return 0
	}
	return alikeXMPP
}

// maxStanza is how large a scratch buffer is kept.
const maxStanza = 4 << 10

func (d *xmpp) Size() int { return cap(d.scratch) }

func (d *xmpp) Decode(m Message, w *format.Walker, out *Out) {
	if !w.XML(m.Payload, format.Root{}, out.Visit) {
		plain(m, w, out)
		return
	}
	root := whole
	if d.agreed && !format.IsData(m.Payload) {
		// XMPP has neither comments nor instructions: nothing of them was visited.
		root.Cut = !bytes.Contains(m.Payload, []byte("<!--")) && !bytes.Contains(m.Payload, []byte("<?"))
		d.scratch = appendStanza(d.scratch[:0], m.Payload)
		w.Text(d.scratch, root, out.Visit)
		if cap(d.scratch) > maxStanza {
			d.scratch = nil
		}
	} else {
		w.Walk(m.Payload, root, out.Visit)
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
}

// appendStanza appends p without the names of the attributes that address a
// stanza: an x stands for each of their letters.
func appendStanza(b, p []byte) []byte {
	start := len(b)
	b = append(b, p...)
	inTag := false
	for i, c := range b[start:] {
		switch c {
		case '<':
			inTag = true
		case '>':
			inTag = false
		case ' ', '\t', '\r', '\n':
			if !inTag {
				continue
			}
			name := b[start+i+1:]
			for _, a := range xmppAddressing {
				if bytes.HasPrefix(name, a) {
					for j := range a[:len(a)-1] {
						name[j] = 'x'
					}
					break
				}
			}
		}
	}
	return b
}

var xmppAddressing = [][]byte{[]byte("xmlns="), []byte("xmlns:"), []byte("to="), []byte("from=")}

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
