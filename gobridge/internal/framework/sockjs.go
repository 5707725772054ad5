package framework

import (
	"bytes"
	"strings"
	"sync"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// sockJSSpec knows SockJS by the path /<prefix>/<server>/<session>/websocket,
// neither of which has a dot. The raw /<prefix>/websocket has nothing of SockJS
// in its messages.
var sockJSSpec = spec{
	name: "sockjs",
	handshake: func(h *Handshake) bool {
		p, ok := strings.CutSuffix(strings.TrimSuffix(path(h.Target), "/"), "/websocket")
		server, session := lastSegments(p)
		return ok && !strings.HasSuffix(p, "/") && server != "" && session != "" && !strings.Contains(server+session, ".")
	},
	decoder: func(l *link, from ws.Direction) Decoder {
		if l.inside == nil {
			l.inside = &found{limit: l.limit}
		}
		d := &sockJS{unknown: unknown{found: l.inside, from: from}, link: l}
		d.inner = Out{Visit: d.visit, Record: d.record, Violate: d.violate}
		return d
	},
}

// sockJS decodes what a client sends, ["...","..."] or "...", and a server: o, h,
// a["..."], m"...", c[3000,"..."]. Each string is a message of the application,
// or of a framework that is looked for in them: STOMP, DDP.
type sockJS struct {
	unknown
	link   *link // variant: what the server's first message was
	beside bool  // another decoder has the messages, too
	inner  Out   // the methods, bound once
	out    *Out  // of the current message
	known  bool  // it is SockJS
}

// The paths of SockJS are those of many, but its servers begin with a frame, o.
const (
	sockJSServer = 1 + iota
	noSockJSServer
)

// alikeSockJS is more than Alike returns for what is inside.
const alikeSockJS = 10000

// Alike tells also who sends, and what is inside.
func (d *sockJS) Alike() int {
	inner, variant := d.unknown.Alike(), int(d.link.variant.Load())
	if inner == 0 || variant == 0 {
		return 0
	}
	return alikeSockJS + 4*inner + 2*(variant-1) + int(d.from)
}

func (d *sockJS) visit(f *format.Field) { d.out.Visit(f) }

func (d *sockJS) violate(v ws.Violation) { d.out.Violate(v) }

func (d *sockJS) record(e Envelope) {
	if d.known && (e.Framework == "none" || e.Framework == rpcSpec.name) {
		e.Framework = "sockjs"
	}
	d.out.Record(e)
}

func (d *sockJS) Decode(m Message, w *format.Walker, out *Out) {
	d.out = out
	d.known = d.link.variant.Load() != noSockJSServer && d.frame(m.Payload, w)
	if d.from == ws.FromServer && d.known {
		d.link.variant.CompareAndSwap(0, sockJSServer)
	} else if d.from == ws.FromServer {
		d.link.variant.CompareAndSwap(0, noSockJSServer)
	}
	if d.known && d.link.variant.Load() == 0 {
		// Its server may be another, for which this is one message.
		d.out.Record(Envelope{Framework: "sockjs", Format: w.Walk(m.Payload, whole, out.Visit)})
	}
	if !d.known && !(d.beside && d.link.variant.Load() == noSockJSServer) {
		d.unknown.Decode(m, w, &d.inner)
	}
	d.out = nil
}

var (
	sockJSOpen      = []byte("open")
	sockJSHeartbeat = []byte("heartbeat")
	sockJSClose     = []byte("close")
)

// frame reports false when p is none of SockJS's, without having visited
// anything.
func (d *sockJS) frame(p []byte, w *format.Walker) bool {
	p = bytes.TrimRight(p, "\n")
	if d.from == ws.FromServer && len(p) > 0 {
		switch kind := p[0]; {
		case kind == 'o' && len(p) == 1:
			d.out.Record(Envelope{Framework: "sockjs", Event: sockJSOpen})
			return true
		case kind == 'h' && len(bytes.TrimLeft(p, "h")) == 0: // a stream begins with many
			d.out.Record(Envelope{Framework: "sockjs", Event: sockJSHeartbeat})
			return true
		case kind == 'c' && isArray(p[1:]):
			d.out.Record(Envelope{Framework: "sockjs", Event: sockJSClose, Format: w.Walk(p[1:], format.Root{}, d.out.Visit)})
			return true
		case kind == 'a' || kind == 'm':
			p = p[1:]
		default:
			return false
		}
	}
	return d.strings(p, w)
}

// strings decodes an array of messages, or one. It reports false when p is
// neither, or no JSON: the server delivers nothing of it then.
func (d *sockJS) strings(p []byte, w *format.Walker) bool {
	buf := texts.Get().(*[]byte)
	defer texts.Put(buf)
	if !format.Array(p) {
		p = bytes.TrimSpace(p)
		text, ok := format.AppendText((*buf)[:0], p)
		if ok {
			*buf = keep(text)
			d.known = true
			d.unknown.Decode(Message{Opcode: ws.OpText, Payload: text}, w, &d.inner)
		}
		return ok
	}
	o := format.NewOutline(p)
	for o.Next() {
		if isString(o.Value) {
			text, ok := format.AppendText((*buf)[:0], o.Value)
			if !ok {
				return false
			}
			*buf = keep(text)
		}
	}
	if !o.Whole() {
		return false
	}
	d.known = true
	n := 0
	for o = format.NewOutline(p); o.Next(); n++ {
		text := o.Value
		if isString(text) {
			text, _ = format.AppendText((*buf)[:0], text)
			*buf = keep(text)
		}
		d.unknown.Decode(Message{Opcode: ws.OpText, Payload: text}, w, &d.inner)
	}
	if n == 0 {
		d.out.Record(Envelope{Framework: "sockjs", Format: "json"})
	}
	return true
}

// texts are buffers for the text of a string.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// keep is the buffer to keep of text's.
func keep(text []byte) []byte {
	if cap(text) > 64<<10 {
		return nil
	}
	return text
}

func isArray(p []byte) bool {
	o := format.NewOutline(p)
	for o.Next() {
	}
	return o.Whole() && !o.Object()
}
