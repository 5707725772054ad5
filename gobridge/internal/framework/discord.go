package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// discordSpec knows gateways like Discord's by the version and the encoding in their
// query, or by the server's first message, {"op":10,"d":{"heartbeat_interval":...}},
// which may be the first piece of a stream of zlib.
var discordSpec = spec{
	name: "discord",
	handshake: func(h *Handshake) bool {
		version, encoding := false, false
		query(h.Target, func(key, value string) bool {
			version = version || key == "v"
			encoding = encoding || key == "encoding" && (value == "json" || value == "etf")
			return false
		})
		return version && encoding
	},
	first: func(from ws.Direction, p []byte) bool {
		if from != ws.FromServer {
			return false
		}
		var s format.Stream
		if s.Begins(p) {
			return format.Flushed(p)
		}
		return format.Lookup(format.Lookup(p, "d"), "heartbeat_interval") != nil && format.Lookup(p, "op") != nil
	},
	decoder: func(l *link, from ws.Direction) Decoder { return &discord{link: l, from: from} },
}

// discordShape is an event of a gateway:
//
//	{"op":0,"t":"MESSAGE_CREATE","s":5,"d":{...}}
var discordShape = format.Shape{
	Event: []format.Member{{Key: "t"}},
	Data:  []format.Member{{Key: "d"}},
}

// discord is one direction. What the server sends may be one stream of zlib, whose
// pieces end with a flush; a message that does not is a part of one.
type discord struct {
	link   *link
	from   ws.Direction
	stream format.Stream
	part   []byte // of a piece
	text   []byte // scratch: what a piece holds
}

func (d *discord) Alike() int {
	if d.from == ws.FromServer {
		return 0
	}
	return alikeDiscord
}

func (d *discord) Size() int { return d.stream.Size() + cap(d.part) + cap(d.text) }

// maxDiscord is how large a scratch buffer is kept between two messages.
const maxDiscord = 16 << 10

// defaultDiscord bounds a piece where the handshake says no limit.
const defaultDiscord = 1 << 20

func (d *discord) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	flushed := format.Flushed(p)
	if d.from != ws.FromServer || !d.stream.Begun() && !(flushed && d.stream.Begins(p)) {
		d.event(p, w, out)
		return
	}
	limit := out.Limit
	if limit <= 0 {
		limit = defaultDiscord
	}
	if len(d.part) > 0 || !flushed {
		if len(d.part)+len(p) > limit {
			out.Violate(ws.MessageTooBig)
			d.stream, d.part = format.Stream{}, nil
			d.event(p, w, out)
			return
		}
		if d.part = append(d.part, p...); !format.Flushed(d.part) {
			d.event(p, w, out) // it may be none, too
			return
		}
		p = d.part
	}
	text, ok, over := d.stream.Decode(d.text[:0], p, limit)
	if over {
		out.Violate(ws.MessageTooBig)
	}
	if len(text) > 0 {
		d.event(text, w, out)
	}
	if !ok {
		d.event(m.Payload, w, out)
	}
	if d.text = text; cap(text) > maxDiscord {
		d.text = nil
	}
	if d.part = d.part[:0]; cap(d.part) > maxDiscord {
		d.part = nil
	}
}

// event decodes what a message holds.
func (d *discord) event(p []byte, w *format.Walker, out *Out) {
	if format.Lookup(p, "op") != nil && w.JSON(p, format.Root{Shape: &discordShape}, out.Visit) {
		var event []byte
		if isString(format.Lookup(p, "t")) {
			event = w.Event()
		}
		out.Record(Envelope{Framework: discordSpec.name, Event: event, Format: "json", Doc: p, Shape: &discordShape})
		return
	}
	e := Envelope{Framework: "none"}
	if d.stream.Begun() {
		e.Framework = discordSpec.name
	}
	out.Record(walked(e, p, format.Root{}, w, out.Visit))
}
