package framework

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// body takes the body of a request, or of its response, apart into application
// messages, and gives each to the framework's decoder. A server's choice
// between two readings is not known: then both are taken.
type body struct {
	exchange Exchange
	from     ws.Direction
	decoder  Decoder
	form     []byte // scratch of a value of a form
	once     []byte // scratch of a packet that was encoded twice
}

func (*body) Alike() int { return 0 }
func (*body) Size() int  { return 0 }

// named is plain under a framework's name.
type named struct {
	stateless
	name string
}

func (*named) Alike() int { return 0 }

func (d *named) Decode(m Message, w *format.Walker, out *Out) {
	out.Record(Envelope{Framework: d.name, Format: w.Walk(m.Payload, format.Root{}, out.Visit)})
}

// formKeys are the arguments in which forms carry messages.
var formKeys = [...]string{
	exchangeEngineIO: "d",
	exchangeSockJS:   "d",
	exchangeClassic:  "data",
	exchangeBayeux:   "message",
}

func (d *body) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	if len(p) == 0 {
		out.Record(Envelope{Framework: d.exchange.Framework})
		return
	}
	if d.from == ws.FromServer {
		d.response(p, w, out)
		return
	}
	if d.forms(p, w, out) {
		return
	}
	d.messages(p, w, out)
}

// messages decodes p, which is no form.
func (d *body) messages(p []byte, w *format.Walker, out *Out) {
	switch d.exchange.kind {
	case exchangeEngineIO:
		d.engineIO(p, w, out)
	case exchangeSignalR:
		if d.exchange.strict && !wholeRecords(p) && !json.Valid(p) {
			// the rest would come in another request
			out.Violate(ws.BodyUndecodable)
		}
		d.polled(p)
		d.message(p, w, out)
	default:
		d.message(p, w, out)
	}
}

// polled tells SignalR's decoder what each body of a connection begins with.
func (d *body) polled(p []byte) {
	if s, ok := d.decoder.(*stream); ok {
		s.protocol.(*signalR).polled(p)
	}
}

func (d *body) message(p []byte, w *format.Walker, out *Out) {
	d.decoder.Decode(Message{Opcode: ws.OpText, Payload: p}, w, out)
}

// forms decodes p as a form and reports whether it can be nothing else.
func (d *body) forms(p []byte, w *format.Walker, out *Out) bool {
	if int(d.exchange.kind) >= len(formKeys) || formKeys[d.exchange.kind] == "" {
		return false
	}
	key := formKeys[d.exchange.kind]
	found, other := false, false
	for rest := p; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte("&"))
		name, value, _ := bytes.Cut(pair, []byte("="))
		if len(name) > 3*len(key) || string(formDecode(nil, name)) != key {
			other = other || len(pair) > 0
			continue
		}
		found = true
		d.form = formDecode(d.form[:0], value)
		if d.exchange.kind != exchangeEngineIO {
			d.messages(d.form, w, out)
			continue
		}
		text, escaped := unescapeJSONP(d.form)
		d.messages(text, w, out)
		if escaped {
			d.messages(d.form, w, out)
		}
	}
	return found && !other
}

// formDecode appends p without its percent-encoding to dst; what is no escape
// stays.
func formDecode(dst, p []byte) []byte {
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(p):
			high, low := strings.IndexByte(hexDigits, p[i+1]|0x20), strings.IndexByte(hexDigits, p[i+2]|0x20)
			if high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// unescapeJSONP undoes what Engine.IO's JSONP client does to line feeds: they
// are \n, and what was \n is \\n.
func unescapeJSONP(p []byte) (text []byte, escaped bool) {
	if !bytes.Contains(p, []byte(`\n`)) {
		return p, false
	}
	text = make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		switch {
		case bytes.HasPrefix(p[i:], []byte(`\\n`)):
			text = append(text, `\n`...)
			i += 2
		case bytes.HasPrefix(p[i:], []byte(`\n`)):
			text = append(text, '\n')
			i++
		default:
			text = append(text, p[i])
		}
	}
	return text, true
}

// engineIO splits a payload: packets separated by U+001E in protocol 4, each
// behind its length in 3. The servers choose by EIO, and some serve one only.
func (d *body) engineIO(p []byte, w *format.Walker, out *Out) {
	if len(p) > 0 && p[0] <= 1 && d.binaryPayload(p, w, out) {
		return
	}
	rest := d.lengths(p, w, out)
	if len(rest) == 0 && d.exchange.protocol != '4' {
		return
	}
	if len(rest) < len(p) && d.exchange.protocol != '4' {
		// what the server makes of the rest is not known
		out.Record(Envelope{Framework: "none", Format: w.Walk(rest, format.Root{}, out.Visit)})
	}
	d.decoder = &engineIO{}
	for packet := range bytes.SplitSeq(p, []byte{0x1e}) {
		d.message(packet, w, out)
	}
}

// lengths decodes packets of protocol 3, <length>:<packet>, and returns what is
// none. The length is what JavaScript takes for a number, of UTF-16 units.
func (d *body) lengths(p []byte, w *format.Walker, out *Out) (rest []byte) {
	const maxLength = 32 // digits
	for len(p) > 0 {
		colon := bytes.IndexByte(p[:min(len(p), maxLength)], ':')
		if colon <= 0 {
			return p
		}
		n, ok := toCount(p[:colon])
		if !ok {
			return p
		}
		size, ok := unitsLen(p[colon+1:], n)
		if !ok {
			return p
		}
		packet := p[colon+1:][:size]
		d.decoder.Decode(Message{Opcode: ws.OpText, Payload: packet}, w, out)
		if once, ok := appendOnce(d.once[:0], packet); ok {
			d.once = once
			d.decoder.Decode(Message{Opcode: ws.OpText, Payload: once}, w, out)
		}
		p = p[colon+1+size:]
	}
	return nil
}

// appendOnce appends what p, in UTF-8, says whose bytes are characters of p: Engine.IO
// before 3.0 encodes its packets twice. ok is false if it does not say so.
func appendOnce(dst, p []byte) (out []byte, ok bool) {
	begin, wide := len(dst), false
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		if r > 0xff {
			return dst[:begin], false
		}
		wide = wide || r >= utf8.RuneSelf
		dst = append(dst, byte(r))
		i += size
	}
	return dst, wide && utf8.Valid(dst[begin:])
}

// unitsLen is the length in bytes of n UTF-16 units of p.
func unitsLen(p []byte, n int) (size int, ok bool) {
	for size < len(p) && n > 0 {
		r, k := utf8.DecodeRune(p[size:])
		if n--; r >= 0x10000 {
			n--
		}
		size += k
	}
	return size, n <= 0
}

// binaryPayload decodes a payload of protocol 3 in bytes: 0 for text or 1 for
// binary, the length in decimal digits, each a byte, 0xff, the packet.
func (d *body) binaryPayload(p []byte, w *format.Walker, out *Out) bool {
	const maxDigits = 310
	known := false
	for len(p) > 0 {
		end := bytes.IndexByte(p[:min(len(p), maxDigits)], 0xff)
		if end < 1 || p[0] > 1 {
			break
		}
		n := 0
		for _, c := range p[1:end] {
			if c > 99 || n > 1<<30 {
				break
			}
			if n *= 10; c > 9 {
				n *= 10
			}
			n += int(c)
		}
		packet := p[end+1:][:min(n, len(p)-end-1)]
		op := ws.OpText
		if p[0] == 1 {
			op = ws.OpBinary
		}
		d.decoder.Decode(Message{Opcode: op, Payload: packet}, w, out)
		p = p[end+1+len(packet):]
		known = true
	}
	if known && len(p) > 0 {
		out.Record(Envelope{Framework: "none", Format: w.Walk(p, format.Root{}, out.Visit)})
	}
	return known
}

// wholeRecords reports whether p is a row of SignalR's records, as JSON or as
// MessagePack.
func wholeRecords(p []byte) bool {
	if p[len(p)-1] == 0x1e {
		return true
	}
	for len(p) > 0 {
		n, shift, i := 0, 0, 0
		for ; ; i++ {
			if i == len(p) || i == 5 {
				return false
			}
			n |= int(p[i]&0x7f) << shift
			shift += 7
			if p[i] < 0x80 {
				break
			}
		}
		if i++; n > len(p)-i {
			return false
		}
		p = p[i+n:]
	}
	return true
}
