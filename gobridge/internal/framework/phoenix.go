package framework

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// phoenixSpec knows Phoenix channels by the version of their serializer, which
// clients name; LiveView and Supabase Realtime use them, too.
var phoenixSpec = spec{
	name: "phoenix",
	handshake: func(h *Handshake) bool {
		p := path(h.Target)
		_, last := lastSegments(p)
		return h.Subprotocol == "phoenix" || last == "websocket" && (strings.Contains(p, "/realtime/v1/") ||
			query(h.Target, func(key, _ string) bool { return key == "vsn" }))
	},
	first: func(_ ws.Direction, p []byte) bool {
		event := format.Lookup(p, "event")
		if format.Array(p) {
			event = format.Element(p, 3)
		}
		return format.IsString(event, "phx_join") || format.IsString(event, "phx_reply")
	},
	decoder: func(l *link, from ws.Direction) Decoder { return &phoenix{link: l, from: from} },
}

var (
	phoenixArray = format.Shape{
		Event: []format.Member{{Index: 3}},
		Data:  []format.Member{{Index: 4}, {Index: 2, Name: "topic"}},
	}
	phoenixObject = format.Shape{
		Event: []format.Member{{Key: "event"}},
		Data:  []format.Member{{Key: "payload"}, {Key: "topic", Name: "topic"}},
	}
)

// phoenix takes the messages of all versions at any time: [join_ref, ref,
// topic, event, payload], an object of these, and binary ones. The event is
// topic and event: "room:lobby new_msg".
type phoenix struct {
	stateless
	link  *link
	from  ws.Direction
	begun bool // there was a message
}

// Alike: what a server replied to a join decides how others are judged.
func (d *phoenix) Alike() int {
	if !d.link.confirmed.Load() {
		return 0
	}
	if d.from == ws.FromServer {
		return alikePhoenixServer
	}
	return alikePhoenix
}

func (d *phoenix) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	first := !d.begun
	d.begun = true
	if len(p) > 0 && p[0] <= kindUserBroadcast && d.binary(p, w, out) {
		return
	}
	var topic, event, payload []byte
	shape := &phoenixArray
	if format.Array(p) {
		o := format.NewOutline(p)
		for n := 0; n <= 4 && o.Next(); n++ {
			switch n {
			case 2:
				topic = o.Value
			case 3:
				event = o.Value
			case 4:
				payload = o.Value
			}
		}
	} else {
		v, _ := format.Members(p, &format.Keys{"topic", "event", "payload"})
		topic, event, payload = v[0], v[1], v[2]
		shape = &phoenixObject
	}
	if !isString(topic) || !isString(event) || !w.JSON(p, format.Root{Shape: shape}, out.Visit) {
		plain(m, w, out)
		return
	}
	w.ClearEvent()
	if len(topic) > len(liveView) && string(topic[:len(liveView)]) == liveView {
		// The rest is chosen at random, for one page.
		w.AddEvent([]byte("lv"))
	} else {
		w.AddEventJSON(topic)
	}
	w.AddEvent([]byte(" "))
	w.AddEventJSON(event)
	if format.IsString(event, "event") {
		// LiveView's handlers are called by this name.
		if name := format.Lookup(payload, "event"); isString(name) {
			w.AddEvent([]byte(" "))
			w.AddEventJSON(name)
		}
	}
	// What the server says later may be a client's words.
	if d.from == ws.FromServer && first && format.IsString(event, "phx_reply") {
		d.link.confirmed.Store(true)
	}
	out.Record(Envelope{Framework: phoenixSpec.name, Event: w.Event(), Format: "json", Doc: p, Shape: shape})
}

const liveView = `"lv:phx-`

// The kinds of binary messages: one byte, a length for each of the strings that
// follow, a byte for the encoding of Supabase's, the strings, the payload.
const (
	kindPush = iota
	kindReply
	kindBroadcast
	kindUserBroadcastPush
	kindUserBroadcast
)

// The strings of a binary message.
const (
	joinRef = iota
	ref
	topic
	event
	metadata
	stringNames
)

// stringPaths is where they are visited.
var stringPaths = [stringNames]string{"$message[0]", "$message[1]", "$topic", "$event", "$metadata"}

var (
	pushStrings      = []int{joinRef, ref, topic, event}
	serverStrings    = []int{joinRef, topic, event}
	broadcastStrings = []int{topic, event}
	userPushStrings  = []int{joinRef, ref, topic, event, metadata}
	userStrings      = []int{topic, event, metadata}
)

// binary reports false when p is no binary message.
func (d *phoenix) binary(p []byte, w *format.Walker, out *Out) bool {
	var s [stringNames][]byte
	var payload []byte
	ok := false
	switch p[0] {
	case kindPush:
		// What a server pushes has no ref, but some echo a client's.
		if d.from == ws.FromServer {
			payload, ok = cutStrings(p[1:], serverStrings, 0, &s)
		}
		if !ok {
			payload, ok = cutStrings(p[1:], pushStrings, 0, &s)
		}
	case kindReply:
		payload, ok = cutStrings(p[1:], pushStrings, 0, &s)
	case kindBroadcast:
		payload, ok = cutStrings(p[1:], broadcastStrings, 0, &s)
	case kindUserBroadcastPush:
		payload, ok = cutStrings(p[1:], userPushStrings, 1, &s)
	case kindUserBroadcast:
		payload, ok = cutStrings(p[1:], userStrings, 1, &s)
	}
	if !ok {
		return false
	}
	visit := out.Visit
	across := format.NewAcross(p, visit)
	if across != nil {
		visit = across.Visit
	}
	quoted := false
	for i, text := range s {
		quoted = quoted || bytes.ContainsAny(text, "'\"`")
		if i == metadata {
			w.Walk(text, format.Root{Path: stringPaths[i]}, visit)
		} else {
			w.Text(text, format.Root{Path: stringPaths[i]}, visit)
		}
	}
	name := w.Walk(payload, format.Root{}, visit)
	// It may be some other binary, that only looks like this.
	if quoted || !d.link.confirmed.Load() {
		w.Walk(p, whole, out.Visit)
	} else {
		w.Across(across, whole)
	}
	w.ClearEvent()
	w.AddEvent(s[topic])
	w.AddEvent([]byte(" "))
	w.AddEvent(s[event])
	out.Record(Envelope{Framework: phoenixSpec.name, Event: w.Event(), Format: name})
	return true
}

// cutStrings cuts the strings off p that its first bytes are the lengths of, with
// skip other bytes behind these. ok is false when they are no text.
func cutStrings(p []byte, names []int, skip int, s *[stringNames][]byte) (rest []byte, ok bool) {
	head := len(names) + skip
	if len(p) < head {
		return nil, false
	}
	rest = p[head:]
	for i, name := range names {
		n := int(p[i])
		if n > len(rest) || !isPrintable(rest[:n]) {
			return nil, false
		}
		s[name], rest = rest[:n], rest[n:]
	}
	return rest, true
}

func isPrintable(p []byte) bool {
	for _, c := range p {
		if c < ' ' {
			return false
		}
	}
	return utf8.Valid(p)
}
