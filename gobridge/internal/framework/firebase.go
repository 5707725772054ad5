package framework

import (
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// firebaseSpec knows the Firebase Realtime Database by the path and the query
// that it insists on, or by its first message, {"t":"c","d":{"t":"h",...}}.
var firebaseSpec = spec{
	name: "firebase",
	handshake: func(h *Handshake) bool {
		return strings.HasSuffix(path(h.Target), "/.ws") &&
			query(h.Target, func(key, _ string) bool { return key == "v" || key == "ns" })
	},
	first: func(_ ws.Direction, p []byte) bool {
		v, ok := format.Members(p, &format.Keys{"t", "d"})
		if !ok || !format.IsString(v[0], "c") && !format.IsString(v[0], "d") {
			return false
		}
		d, ok := format.Members(v[1], &format.Keys{"t", "d", "a", "b"})
		return ok && (d[0] != nil && d[1] != nil || d[2] != nil && d[3] != nil)
	},
	decoder: func(l *link, from ws.Direction) Decoder { return &firebase{link: l, from: from} },
}

// {"t":"d","d":{"r":1,"a":"p","b":{"p":"/chat/x","d":...}}}: the event is the
// action, of which "p" sets, "m" merges and "q" listens, and the data what is
// written. The server's control messages have t "c", and d.d.
var firebaseMessage = []node{
	{key: "t", path: "$message.t"},
	{key: "d", members: []node{
		{key: "r", path: "$message.r"},
		{key: "a", path: "$event", event: 1},
		{key: "t", path: "$event", event: 1},
		{key: "b", members: []node{
			{key: "p", path: "$path"},
			{key: "d", path: "$"},
			{key: "h", path: "$message.h"},
			{key: "s", path: "$message.s"},
			{key: "c", path: "$message.c"},
			{key: "q", path: "$message.q"},
			{key: "t", path: "$message.t"},
		}},
		{key: "d", path: "$message.d"},
	}},
}

// firebaseAsked is link.variant when the client has spoken.
const firebaseAsked = 1

// firebase joins what was cut: a number announces in how many messages the next
// comes. As with streams, the pieces are judged as they stand, too, as long as
// the server has not shown to be Firebase, and behind that as parts.
type firebase struct {
	link *link
	from ws.Direction

	left   int  // messages that are announced
	joined bool // several were
	lost   bool // too long to be joined
	buf    []byte
}

func (d *firebase) Alike() int {
	if d.left > 0 || !d.link.confirmed.Load() {
		return 0
	}
	return alikeFirebase
}

func (d *firebase) Size() int { return cap(d.buf) }

func (d *firebase) Decode(m Message, w *format.Walker, out *Out) {
	if d.from == ws.FromClient {
		d.link.variant.Store(firebaseAsked)
	}
	if d.left == 0 {
		if n, ok := count(m.Payload); ok {
			d.left, d.joined, d.lost = n, n > 1, false
			w.Text(m.Payload, whole, out.Visit)
			out.Record(Envelope{Framework: firebaseSpec.name, Event: announce, Format: "text"})
			return
		}
		d.message(m, w, out)
		return
	}
	d.left--
	if !d.joined {
		d.message(m, w, out)
		return
	}
	root := format.Root{Path: whole.Path, Cut: d.link.confirmed.Load() && !d.lost}
	f := w.Walk(m.Payload, root, out.Visit)
	if limit := d.link.limit; !d.lost && limit > 0 && len(d.buf)+len(m.Payload) > limit {
		out.Violate(ws.MessageTooBig)
		d.lost, d.buf = true, nil
	}
	if !d.lost {
		d.buf = append(d.buf, m.Payload...)
	}
	if d.left == 0 && !d.lost {
		d.message(Message{m.Opcode, d.buf}, w, out)
		d.buf = nil
		return
	}
	out.Record(Envelope{Framework: firebaseSpec.name, Format: f})
}

var announce = []byte("frames")

func (d *firebase) message(m Message, w *format.Walker, out *Out) {
	l := layout{name: firebaseSpec.name, w: w, out: out}
	if !l.json(m.Payload, firebaseMessage) {
		plain(m, w, out)
		return
	}
	// The server speaks first: what it says later may be a client's words.
	if d.from == ws.FromServer && d.link.variant.Load() != firebaseAsked && firebaseSpec.first(d.from, m.Payload) {
		d.link.confirmed.Store(true)
	}
}

// count is the number that announces messages: of at most six characters, and
// whatever JavaScript takes for one.
func count(p []byte) (n int, ok bool) {
	if len(p) == 0 || len(p) > 6 {
		return 0, false
	}
	return toCount(p)
}
