package framework

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// colyseusSpec knows Colyseus by /<process>/<room>?sessionId=, where its clients
// go from the matchmaking.
var colyseusSpec = spec{
	name: "colyseus",
	handshake: func(h *Handshake) bool {
		return strings.Count(strings.Trim(path(h.Target), "/"), "/") >= 1 &&
			query(h.Target, func(key, _ string) bool { return key == "sessionId" })
	},
	decoder: func(*link, ws.Direction) Decoder { return colyseus{} },
}

// The first byte of a message. Behind that of room data are the type, a string
// or a number, and the message in MessagePack.
const (
	colyseusJoin      = 10
	colyseusRoomData  = 13
	colyseusRoomBytes = 17
	colyseusPing      = 18
)

var colyseusNames = [...]string{
	colyseusJoin: "join", 11: "error", 12: "leave", colyseusRoomData: "", 14: "state", 15: "patch",
	16: "data_schema", colyseusRoomBytes: "", colyseusPing: "ping",
}

type colyseus struct{ stateless }

func (colyseus) Alike() int { return alikeColyseus }

func (colyseus) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	if len(p) == 0 || p[0] < colyseusJoin || p[0] > colyseusPing {
		plain(m, w, out)
		return
	}
	if utf8.Valid(p) {
		// A line break is as well how a text may begin.
		w.Walk(p, whole, out.Visit)
	}
	message := p
	kind, p := p[0], p[1:]
	w.ClearEvent()
	e := Envelope{Framework: colyseusSpec.name}
	if kind != colyseusRoomData && kind != colyseusRoomBytes {
		e.Format = w.Walk(p, format.Root{}, out.Visit)
		w.ClearEvent()
		addString(w, colyseusNames[kind])
		e.Event = w.Event()
		out.Record(e)
		return
	}
	n := packedLen(p)
	if n == 0 {
		plain(m, w, out)
		return
	}
	name := packedText(p[:n])
	if bytes.ContainsAny(name, "<'\"`") || name == nil && p[0] >= ' ' && !utf8.Valid(message) {
		// To who reads it as text, the type goes on in what follows.
		w.Text(message, whole, out.Visit)
	}
	w.Text(name, format.Root{Path: "$event"}, out.Visit)
	switch rest := p[n:]; {
	case len(rest) == 0:
	case kind == colyseusRoomData && packedLen(rest) == len(rest) && w.MessagePack(rest, format.Root{}, out.Visit):
		e.Format, e.Doc = "msgpack", rest
	case kind == colyseusRoomData && packedLen(rest) == len(rest) && packedScalar(rest):
		e.Format = "msgpack"
	case kind == colyseusRoomData && packedLen(rest) == len(rest):
		e.Format = w.Walk(packedText(rest), format.Root{}, out.Visit)
	default:
		e.Format = w.Walk(rest, format.Root{}, out.Visit)
	}
	w.ClearEvent()
	if name != nil {
		w.AddEvent(name)
	} else if number := packedInt(p[:n]); number >= 0 {
		var buf [20]byte
		w.AddEvent(strconv.AppendInt(buf[:0], int64(number), 10))
	}
	e.Event = w.Event()
	out.Record(e)
}

func addString(w *format.Walker, s string) {
	var buf [32]byte
	w.AddEvent(append(buf[:0], s...))
}
