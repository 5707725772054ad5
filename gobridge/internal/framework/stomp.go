package framework

import (
	"bytes"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// stompSpec is STOMP 1.0 to 1.2 (stomp.github.io). Brokers take clients that ask
// for no subprotocol.
var stompSpec = spec{
	name: "stomp",
	handshake: func(h *Handshake) bool {
		return len(h.Subprotocol) == len("v12.stomp") && strings.EqualFold(h.Subprotocol[3:], ".stomp")
	},
	first: func(from ws.Direction, p []byte) bool {
		line, _, ok := bytes.Cut(bytes.TrimLeft(p, "\r\n\x00"), []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		return ok && from == ws.FromClient && (string(line) == "CONNECT" || string(line) == "STOMP")
	},
	begins: func(p []byte) bool {
		p = bytes.TrimSuffix(p, []byte("\r"))
		return bytes.HasPrefix([]byte("CONNECT"), p) || bytes.HasPrefix([]byte("STOMP"), p)
	},
	decoder: func(l *link, from ws.Direction) Decoder { return newStomp(l, from) },
}

// newStomp is the decoder of one direction, also of one inside SockJS.
func newStomp(l *link, from ws.Direction) *stream {
	return &stream{protocol: &stomp{link: l, from: from}, name: "stomp", link: l, from: from}
}

// stompCommand is one of the commands. Only where it has a body does a
// content-length count: others end with the first NUL, whatever they say.
type stompCommand struct {
	name  string
	event []byte
	body  bool
}

var stompCommands = []stompCommand{
	{"SEND", []byte("send"), true}, {"MESSAGE", []byte("message"), true}, {"ERROR", []byte("error"), true},
	{"CONNECT", []byte("connect"), false}, {"STOMP", []byte("stomp"), false}, {"CONNECTED", []byte("connected"), false},
	{"SUBSCRIBE", []byte("subscribe"), false}, {"UNSUBSCRIBE", []byte("unsubscribe"), false},
	{"ACK", []byte("ack"), false}, {"NACK", []byte("nack"), false}, {"BEGIN", []byte("begin"), false},
	{"COMMIT", []byte("commit"), false}, {"ABORT", []byte("abort"), false},
	{"DISCONNECT", []byte("disconnect"), false}, {"RECEIPT", []byte("receipt"), false},
}

// isCommandStart reports whether a command begins with p.
func isCommandStart(p []byte) bool {
	p = bytes.TrimSuffix(p, []byte("\r"))
	for i := range stompCommands {
		if strings.HasPrefix(stompCommands[i].name, string(p)) {
			return true
		}
	}
	return false
}

type stomp struct {
	link  *link
	from  ws.Direction
	begun bool // there was a frame

	// Of the frame that next reads:
	command *stompCommand
	line    int // where the line begins that is not complete
	body    int // where the body begins, 0 until that is known
	length  int // of the body, -1 if a NUL ends it

	name, value, event []byte // of a header that has escapes
}

func (d *stomp) alike() int {
	if d.from == ws.FromServer && !d.begun {
		return 0
	}
	return alikeSTOMP
}

// junk: RabbitMQ answers a frame that it does not know, and goes on behind it.
func (d *stomp) junk(p []byte) int {
	if n := bytes.IndexByte(p, 0); n >= 0 {
		return n + 1
	}
	return -1
}

// next takes what may stand between frames as a record of its own, the ends of
// lines that are heartbeats among it.
func (d *stomp) next(p []byte, seen int) (n, need int, ok bool) {
	switch {
	case p[0] == '\n', p[0] == 0:
		return 1, 0, true
	case p[0] == '\r' && len(p) == 1:
		return 0, 2, true
	case p[0] == '\r':
		return 2, 0, p[1] == '\n'
	}
	if seen == 0 {
		d.command, d.line, d.body, d.length = nil, 0, 0, -1
	}
	if d.body == 0 && !d.head(p, seen) {
		return 0, 0, false
	}
	switch {
	case d.body == 0:
		return 0, 0, true
	case d.length >= 0:
		if n = d.body + d.length + 1; n > len(p) {
			return 0, n, true
		}
		return n, 0, p[n-1] == 0
	}
	from := max(d.body, seen)
	if n = bytes.IndexByte(p[from:], 0); n < 0 {
		return 0, 0, true
	}
	return from + n + 1, 0, true
}

// head reads the lines of p that were not complete before. It reports false when
// p is no frame.
func (d *stomp) head(p []byte, seen int) bool {
	for d.body == 0 {
		from := max(d.line, seen)
		i := bytes.IndexByte(p[from:], '\n')
		if i < 0 {
			return d.command != nil || isCommandStart(p)
		}
		line := bytes.TrimSuffix(p[d.line:from+i], []byte("\r"))
		d.line = from + i + 1
		switch {
		case d.command == nil:
			for i := range stompCommands {
				if stompCommands[i].name == string(line) {
					d.command = &stompCommands[i]
				}
			}
			if d.command == nil {
				return false
			}
		case len(line) == 0:
			d.body = d.line
		case d.length == -1 && d.command.body:
			// The first of several headers counts.
			if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(name) == "content-length" {
				d.length = contentLength(value)
			}
		}
	}
	return true
}

// contentLength is -2 where servers do not agree: some strip blanks, take a sign,
// or ignore what they cannot read.
func contentLength(value []byte) (n int) {
	if len(value) == 0 || len(value) > 9 {
		return -2
	}
	for _, c := range value {
		if c-'0' > 9 {
			return -2
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func (d *stomp) record(p []byte, w *format.Walker, out *Out) {
	if c := p[0]; c == '\n' || c == '\r' || c == 0 {
		out.Record(Envelope{Framework: "stomp", Event: heartbeat, Kind: Own})
		return
	}
	if d.from == ws.FromServer && !d.begun && d.command.name == "CONNECTED" {
		d.link.confirmed.Store(true)
	}
	hello := !d.begun && (d.command.name == "CONNECT" || d.command.name == "STOMP")
	d.begun = true
	head := p[:d.body]
	_, lines, _ := bytes.Cut(head, []byte("\n"))
	e := Envelope{Framework: "stomp", Event: d.headers(lines, w, out)}
	if e.Event == nil {
		e.Event = d.command.event
		if !d.command.body || d.command.name == "ERROR" {
			e.Kind = d.link.own(hello)
		}
	} else if d.command.name == "SUBSCRIBE" {
		e.Kind = Subscribe
	}
	together(head, p, w, out.Visit)
	out.Record(walked(e, p[d.body:len(p)-1], format.Root{}, w, out.Visit))
}

// headers visits names and values, and returns the destination.
func (d *stomp) headers(lines []byte, w *format.Walker, out *Out) (destination []byte) {
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		name, value = unescapeHeader(&d.name, name), unescapeHeader(&d.value, value)
		if string(name) == "destination" && destination == nil {
			d.event = append(d.event[:0], value[:min(len(value), maxEvent)]...)
			destination = d.event
		}
		if openTag(name) {
			w.Text(line, format.Root{Path: "$header"}, out.Visit)
		}
		w.Text(name, format.Root{Path: "$header"}, out.Visit)
		w.Walk(value, format.Root{Path: "$header", Name: name}, out.Visit)
	}
	return destination
}

var heartbeat = []byte("heartbeat")

// unescapeHeader resolves the escapes of versions 1.1 and 1.2 into buf. What is
// none stands for itself, as in 1.0.
func unescapeHeader(buf *[]byte, p []byte) []byte {
	if bytes.IndexByte(p, '\\') < 0 {
		return p
	}
	text := (*buf)[:0]
	for i := 0; i < len(p); i++ {
		c := p[i]
		if c == '\\' && i+1 < len(p) {
			switch p[i+1] {
			case 'n':
				c, i = '\n', i+1
			case 'r':
				c, i = '\r', i+1
			case 'c':
				c, i = ':', i+1
			case '\\':
				i++
			}
		}
		text = append(text, c)
	}
	if *buf = text; cap(text) > maxKept {
		*buf = nil
	}
	return text
}
