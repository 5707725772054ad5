package framework

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// wamp2Spec knows WAMP, version 2, by its subprotocols.
var wamp2Spec = spec{
	name:      "wamp2",
	handshake: func(h *Handshake) bool { return strings.HasPrefix(h.Subprotocol, "wamp.2.") },
	decoder: func(l *link, _ ws.Direction) Decoder {
		name, batched := strings.CutSuffix(strings.TrimPrefix(l.subprotocol, "wamp.2."), ".batched")
		d := &wamp2{batched: batched}
		for i := range wamp2Serializers {
			if wamp2Serializers[i].name == name {
				d.serializer = i
			}
		}
		return d
	},
}

// wamp2Serializers are those of the subprotocols. code reads the first element
// of an array, walk visits it.
var wamp2Serializers = [...]struct {
	name string
	code func(p []byte) (int, bool)
	walk func(w *format.Walker, p []byte, root format.Root, visit format.Visit) bool
}{
	{"json", func(p []byte) (int, bool) { return wampCode(format.Element(p, 0)) }, (*format.Walker).JSON},
	{"msgpack", msgpackCode, (*format.Walker).MessagePack},
	{"cbor", cborCode, (*format.Walker).CBOR},
	{"ubjson", ubjsonCode, func(w *format.Walker, p []byte, root format.Root, visit format.Visit) bool {
		return w.Walk(p, root, visit) == "ubjson"
	}},
}

// wamp2Kind is what the elements of a message are.
type wamp2Kind struct {
	name    []byte // of one that has no URI
	details int    // the element that may name the URI by key, 0 if none
	key     string
	shape   format.Shape
}

// args are the elements from n on: a list, and a dictionary.
func args(n int, event ...format.Member) format.Shape {
	return format.Shape{Event: event, Data: []format.Member{{Index: n}, {Index: n + 1, Name: "kwargs"}}}
}

func uri(n int) format.Member { return format.Member{Index: n} }

var wamp2Kinds = [...]wamp2Kind{
	1:  {name: []byte("hello"), shape: format.Shape{Data: []format.Member{{Index: 2}, {Index: 1, Name: "realm"}}}},
	2:  {name: []byte("welcome"), shape: format.Shape{Data: []format.Member{{Index: 2}}}},
	3:  {name: []byte("abort"), shape: format.Shape{Data: []format.Member{{Index: 1}}}},
	4:  {name: []byte("challenge"), shape: format.Shape{Data: []format.Member{{Index: 2}}}},
	5:  {name: []byte("authenticate"), shape: format.Shape{Data: []format.Member{{Index: 2}}}},
	6:  {name: []byte("goodbye"), shape: format.Shape{Data: []format.Member{{Index: 1}}}},
	8:  {name: []byte("error"), shape: args(5, uri(4))},
	16: {name: []byte("publish"), shape: args(4, uri(3))},
	17: {name: []byte("published")},
	32: {name: []byte("subscribe"), shape: format.Shape{Event: []format.Member{uri(3)}}},
	33: {name: []byte("subscribed")},
	34: {name: []byte("unsubscribe")},
	35: {name: []byte("unsubscribed")},
	36: {name: []byte("event"), details: 3, key: "topic", shape: args(4)},
	48: {name: []byte("call"), shape: args(4, uri(3))},
	49: {name: []byte("cancel")},
	50: {name: []byte("result"), shape: args(3)},
	64: {name: []byte("register"), shape: format.Shape{Event: []format.Member{uri(3)}}},
	65: {name: []byte("registered")},
	66: {name: []byte("unregister")},
	67: {name: []byte("unregistered")},
	68: {name: []byte("invocation"), details: 3, key: "procedure", shape: args(4)},
	69: {name: []byte("interrupt")},
	70: {name: []byte("yield"), shape: args(3)},
}

// wamp2 decodes arrays: [16,1,{},"com.example.topic",["an argument"],{"a":"keyword"}].
// The event is the topic or procedure, or the message where it has none.
type wamp2 struct {
	stateless
	serializer int
	batched    bool
}

// alikeWAMP2 is what Alike returns for the first serializer.
const alikeWAMP2 = 1000

func (d *wamp2) Alike() int {
	alike := alikeWAMP2 + 2*d.serializer
	if d.batched {
		alike++
	}
	return alike
}

func (d *wamp2) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	if !d.batched || len(p) == 0 {
		d.one(p, w, out)
		return
	}
	if ok, n := d.batch(p, w, out); n == 0 {
		d.one(p, w, out)
	} else if !ok && n > 1 {
		// To another server it is one message.
		w.Walk(p, whole, out.Visit)
	}
}

// batch decodes several messages: behind each of JSON stands a 0x18, before each
// other its length. n is how many there are, 0 when p is no batch; ok, whether
// all are of WAMP.
func (d *wamp2) batch(p []byte, w *format.Walker, out *Out) (ok bool, n int) {
	ok = true
	if wamp2Serializers[d.serializer].name == "json" {
		for len(p) > 0 {
			var one []byte
			one, p, _ = bytes.Cut(p, []byte{0x18})
			ok = d.one(one, w, out) && ok
			n++
		}
		return ok, n
	}
	for rest := p; len(rest) > 0; {
		if len(rest) < 4 || int64(binary.BigEndian.Uint32(rest)) > int64(len(rest)-4) {
			return false, 0
		}
		rest = rest[4+binary.BigEndian.Uint32(rest):]
	}
	for len(p) > 0 {
		end := 4 + int(binary.BigEndian.Uint32(p))
		ok = d.one(p[4:end], w, out) && ok
		n++
		p = p[end:]
	}
	return ok, n
}

// one decodes one message, and reports whether it is one of WAMP.
func (d *wamp2) one(p []byte, w *format.Walker, out *Out) bool {
	s := &wamp2Serializers[d.serializer]
	code, ok := s.code(p)
	if !ok || code >= len(wamp2Kinds) || wamp2Kinds[code].name == nil {
		plain(Message{Payload: p}, w, out)
		return false
	}
	kind := &wamp2Kinds[code]
	if !s.walk(w, p, format.Root{Shape: &kind.shape}, out.Visit) {
		plain(Message{Payload: p}, w, out)
		return false
	}
	event := w.Event()
	if kind.details > 0 && s.name == "json" {
		if name := format.Lookup(format.Element(p, kind.details), kind.key); isString(name) {
			w.AddEventJSON(name)
			event = w.Event()
		}
	}
	if len(event) == 0 {
		event = kind.name
	}
	out.Record(Envelope{Framework: "wamp2", Event: event, Format: s.name, Doc: p, Shape: &kind.shape})
	return true
}

// wampCode reads the first element of a message. Some servers take 16.0.
func wampCode(value []byte) (code int, ok bool) {
	if len(value) == 0 || len(value) > 8 {
		return 0, false
	}
	for _, c := range value {
		if c-'0' > 9 {
			f, err := strconv.ParseFloat(string(value), 64)
			code = int(f)
			return code, err == nil && f >= 0 && f < 256 && f == float64(code)
		}
		code = code*10 + int(c-'0')
	}
	return code, true
}

// msgpackCode is wampCode of MessagePack.
func msgpackCode(p []byte) (code int, ok bool) {
	if len(p) == 0 {
		return 0, false
	}
	skip := 1
	switch c := p[0]; {
	case c == 0xDC:
		skip = 3
	case c == 0xDD:
		skip = 5
	case c&0xF0 != 0x90:
		return 0, false
	}
	if p = p[min(skip, len(p)):]; len(p) > 0 && p[0] < 0x80 {
		return int(p[0]), true
	}
	// uint 8 to 64, int 8 to 64
	if len(p) == 0 || p[0] < 0xCC || p[0] > 0xD3 {
		return 0, false
	}
	return lastByte(p[1:], 1<<((p[0]-0xCC)&3))
}

// cborCode is wampCode of CBOR.
func cborCode(p []byte) (code int, ok bool) {
	if bytes.HasPrefix(p, []byte{0xD9, 0xD9, 0xF7}) {
		p = p[3:]
	}
	if len(p) == 0 || p[0]>>5 != 4 {
		return 0, false
	}
	skip := 1
	if n := p[0] & 0x1F; n >= 24 && n <= 27 {
		skip += 1 << (n - 24)
	}
	p = p[min(skip, len(p)):]
	switch {
	case len(p) == 0 || p[0] > 0x1B:
		return 0, false
	case p[0] < 24:
		return int(p[0]), true
	}
	return lastByte(p[1:], 1<<(p[0]-24))
}

// ubjsonCode is wampCode of UBJSON.
func ubjsonCode(p []byte) (code int, ok bool) {
	if len(p) < 3 || p[0] != '[' {
		return 0, false
	}
	p = p[1:]
	if p[0] == '#' {
		n, ok := ubjsonSize[p[1]]
		if !ok || len(p) < n+3 {
			return 0, false
		}
		p = p[n+2:]
	}
	n, ok := ubjsonSize[p[0]]
	if !ok {
		return 0, false
	}
	return lastByte(p[1:], n)
}

// ubjsonSize has the bytes of integers.
var ubjsonSize = map[byte]int{'i': 1, 'U': 1, 'I': 2, 'l': 4, 'L': 8}

// lastByte is a big-endian integer of n bytes that is below 128.
func lastByte(p []byte, n int) (code int, ok bool) {
	if len(p) < n {
		return 0, false
	}
	for _, c := range p[:n-1] {
		if c != 0 {
			return 0, false
		}
	}
	return int(p[n-1]), p[n-1] < 0x80
}
