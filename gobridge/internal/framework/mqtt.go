package framework

import (
	"bytes"
	"encoding/binary"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// mqttSpec is MQTT 3.1, 3.1.1 and 5 (OASIS). Its packets need not align with
// messages (MQTT 5 6.0).
var mqttSpec = spec{
	name: "mqtt",
	handshake: func(h *Handshake) bool {
		return len(h.Subprotocol) >= 4 && strings.EqualFold(h.Subprotocol[:4], "mqtt")
	},
	first: func(from ws.Direction, p []byte) bool {
		return from == ws.FromClient && len(p) > 4 && p[0] == mqttConnect<<4 &&
			bytes.Contains(p[:min(len(p), mqttProlog)], []byte("MQ"))
	},
	decoder: func(l *link, from ws.Direction) Decoder {
		return &stream{protocol: &mqtt{link: l, from: from}, name: "mqtt", link: l, from: from}
	},
	begins: func(p []byte) bool { return p[0] == mqttConnect<<4 && len(p) < mqttProlog },
}

// The types of packets.
const (
	mqttConnect = 1 + iota
	mqttConnack
	mqttPublish
	mqttPuback
	mqttPubrec
	mqttPubrel
	mqttPubcomp
	mqttSubscribe
	mqttSuback
	mqttUnsubscribe
	mqttUnsuback
	mqttPingreq
	mqttPingresp
	mqttDisconnect
	mqttAuth
)

var mqttNames = [...][]byte{
	nil, []byte("connect"), []byte("connack"), nil, []byte("puback"), []byte("pubrec"), []byte("pubrel"),
	[]byte("pubcomp"), []byte("subscribe"), []byte("suback"), []byte("unsubscribe"), []byte("unsuback"),
	[]byte("pingreq"), []byte("pingresp"), []byte("disconnect"), []byte("auth"),
}

const (
	// maxAliases and maxEvent bound what is remembered of topic aliases.
	maxAliases = 64
	// mqttProlog is how many bytes there are before the protocol's name, and its
	// first two, at most.
	mqttProlog = 1 + 4 + 2 + 2
	// mqtt5 is the protocol level from which on packets have properties.
	mqtt5 = 5
)

type mqtt struct {
	link    *link
	from    ws.Direction
	begun   bool              // there was a packet
	aliases map[uint16]string // made when first needed
	event   []byte
}

// alike: topics depend on aliases, and all but PUBLISH is rare.
func (d *mqtt) alike() int { return 0 }

func (d *mqtt) size() (n int) {
	for _, topic := range d.aliases {
		n += len(topic)
	}
	return n + cap(d.event)
}

// junk: servers give up.
func (d *mqtt) junk([]byte) int { return -1 }

func (d *mqtt) next(p []byte, _ int) (n, need int, ok bool) {
	if p[0]>>4 == 0 {
		return 0, 0, false
	}
	for i, length := 1, 0; i <= 4; i++ {
		if i == len(p) {
			return 0, i + 1, true
		}
		length |= int(p[i]&0x7F) << (7 * (i - 1))
		if p[i] < 0x80 {
			if n = i + 1 + length; n > len(p) {
				return 0, n, true
			}
			return n, 0, true
		}
	}
	return 0, 0, false
}

// mqttReader reads what a packet consists of.
type mqttReader struct {
	p   []byte
	bad bool
}

func (r *mqttReader) take(n int) []byte {
	if n > len(r.p) {
		r.bad, n = true, len(r.p)
	}
	p := r.p[:n]
	r.p = r.p[n:]
	return p
}

func (r *mqttReader) uint16() int {
	p := r.take(2)
	if r.bad {
		return 0
	}
	return int(binary.BigEndian.Uint16(p))
}

func (r *mqttReader) string() []byte { return r.take(r.uint16()) }

func (r *mqttReader) varint() (n int) {
	for shift := 0; shift < 28; shift += 7 {
		b := r.take(1)
		if r.bad {
			return 0
		}
		n |= int(b[0]&0x7F) << shift
		if b[0] < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

func (d *mqtt) record(p []byte, w *format.Walker, out *Out) {
	kind, flags := p[0]>>4, p[0]&0x0F
	r := mqttReader{p: p[1:]}
	r.varint()
	rest := r.p
	e := Envelope{Framework: "mqtt", Event: mqttNames[kind]}
	switch kind {
	case mqttConnect:
		d.connect(&r, w, out)
	case mqttConnack:
		if d.from == ws.FromServer && !d.begun && len(rest) >= 2 && rest[0] <= 1 && rest[1] == 0 {
			d.link.confirmed.Store(true)
		}
		r.take(2)
		d.properties(&r, w, out)
	case mqttPublish:
		e.Event = d.publish(&r, flags, &e, w, out)
	case mqttSubscribe, mqttUnsubscribe:
		r.take(2)
		d.properties(&r, w, out)
		for len(r.p) > 0 && !r.bad {
			w.Text(r.string(), format.Root{Path: "$filter"}, out.Visit)
			if kind == mqttSubscribe {
				r.take(1)
			}
		}
	case mqttPingreq, mqttPingresp:
	case mqttDisconnect, mqttAuth:
		if len(r.p) > 0 {
			r.take(1)
			d.properties(&r, w, out)
		}
	default: // acknowledgements
		r.take(2)
		if kind != mqttSuback && kind != mqttUnsuback && len(r.p) > 0 {
			r.take(1)
		}
		if len(r.p) > 0 {
			d.properties(&r, w, out)
		}
		if isReasons(r.p) {
			r.p = nil
		}
	}
	switch kind {
	case mqttPublish:
	case mqttSubscribe, mqttUnsubscribe:
		e.Kind = Subscribe
	default:
		e.Kind = d.link.own(kind == mqttConnect && !d.begun)
	}
	d.begun = true
	if r.bad || kind != mqttPublish && len(r.p) > 0 {
		e.Format = w.Walk(rest, whole, out.Visit)
	}
	out.Record(e)
}

// isReasons reports whether p is a list of reason codes, none of which is a
// letter or a sign.
func isReasons(p []byte) bool {
	for _, c := range p {
		if c >= ' ' && c < 0x80 {
			return false
		}
	}
	return true
}

func (d *mqtt) connect(r *mqttReader, w *format.Walker, out *Out) {
	w.Text(r.string(), format.Root{Path: "$message"}, out.Visit)
	head := r.take(4) // level, flags, keep alive
	if r.bad {
		return
	}
	level, flags := head[0]&0x7F, head[1]
	d.link.variant.CompareAndSwap(0, int32(level)) // a second CONNECT ends the session
	d.properties(r, w, out)
	w.Walk(r.string(), format.Root{Path: "$client_id"}, out.Visit)
	if flags&0x04 != 0 {
		d.properties(r, w, out)
		w.Walk(r.string(), format.Root{Path: "$will_topic"}, out.Visit)
		w.Walk(r.string(), format.Root{Path: "$will"}, out.Visit)
	}
	if flags&0x80 != 0 {
		w.Walk(r.string(), format.Root{Path: "$username"}, out.Visit)
	}
	if flags&0x40 != 0 {
		w.Walk(r.string(), format.Root{Path: "$password"}, out.Visit)
	}
}

func (d *mqtt) publish(r *mqttReader, flags byte, e *Envelope, w *format.Walker, out *Out) (event []byte) {
	packet := r.p
	topic := r.string()
	if flags&0x06 != 0 {
		r.take(2)
	}
	alias := d.properties(r, w, out)
	if len(topic) > 0 {
		w.Text(topic, format.Root{Path: "$event"}, out.Visit)
		together(topic, packet, w, out.Visit)
	}
	topic = topic[:min(len(topic), maxEvent)]
	if alias != 0 {
		topic = d.alias(alias, topic)
	}
	if !r.bad {
		*e = walked(*e, r.p, format.Root{}, w, out.Visit)
	}
	return topic
}

// alias remembers the topic of an alias, and returns it where only the alias is
// sent (MQTT 5 3.3.2.3.4).
func (d *mqtt) alias(n uint16, topic []byte) []byte {
	if len(topic) > 0 {
		if d.aliases == nil {
			d.aliases = map[uint16]string{}
		}
		if old, ok := d.aliases[n]; (!ok || old != string(topic)) && (ok || len(d.aliases) < maxAliases) {
			d.aliases[n] = string(topic)
		}
		return topic
	}
	d.event = append(d.event[:0], d.aliases[n]...)
	return d.event
}

// Properties that are strings or binary data, by their identifier (MQTT 5 2.2.2.2).
const (
	propString = 1 + iota
	propPair
	propByte
	propTwo
	propFour
	propVarint
)

var mqttProperties = [0x2B]struct {
	kind uint8
	path string
}{
	0x01: {propByte, ""}, 0x02: {propFour, ""}, 0x03: {propString, "$content_type"}, 0x08: {propString, "$response_topic"},
	0x09: {propString, "$correlation_data"}, 0x0B: {propVarint, ""}, 0x11: {propFour, ""},
	0x12: {propString, "$client_id"}, 0x13: {propTwo, ""}, 0x15: {propString, "$authentication_method"},
	0x16: {propString, "$authentication_data"}, 0x17: {propByte, ""}, 0x18: {propFour, ""}, 0x19: {propByte, ""},
	0x1A: {propString, "$response_information"}, 0x1C: {propString, "$server_reference"},
	0x1F: {propString, "$reason"}, 0x21: {propTwo, ""}, 0x22: {propTwo, ""}, 0x23: {propTwo, ""}, 0x24: {propByte, ""},
	0x25: {propByte, ""}, 0x26: {propPair, "$user_property"}, 0x27: {propFour, ""}, 0x28: {propByte, ""},
	0x29: {propByte, ""}, 0x2A: {propByte, ""},
}

// properties visits the properties that packets have from version 5 on, and
// returns the topic alias, 0 if there is none.
func (d *mqtt) properties(r *mqttReader, w *format.Walker, out *Out) (alias uint16) {
	if d.link.variant.Load() < mqtt5 {
		return 0
	}
	props := mqttReader{p: r.take(r.varint())}
	for len(props.p) > 0 && !props.bad {
		id := props.varint()
		if id >= len(mqttProperties) || mqttProperties[id].kind == 0 {
			props.bad = true
			break
		}
		prop := &mqttProperties[id]
		switch prop.kind {
		case propString:
			w.Walk(props.string(), format.Root{Path: prop.path}, out.Visit)
		case propPair:
			name := props.string()
			w.Text(name, format.Root{Path: prop.path}, out.Visit)
			w.Walk(props.string(), format.Root{Path: prop.path, Name: name}, out.Visit)
		case propByte:
			props.take(1)
		case propTwo:
			if n := uint16(props.uint16()); id == 0x23 {
				alias = n
			}
		case propFour:
			props.take(4)
		case propVarint:
			props.varint()
		}
	}
	r.bad = r.bad || props.bad
	return alias
}
