package framework

import (
	"bytes"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// stompSpec is STOMP 1.0 to 1.2 (stomp.github.io).
var stompSpec = spec{
	name: "stomp",
	handshake: func(h *Handshake) bool {
		return len(h.Subprotocol) == len("v12.stomp") && strings.EqualFold(h.Subprotocol[3:], ".stomp")
	},
	first: func(from ws.Direction, p []byte) bool {
		command, _, _ := bytes.Cut(bytes.TrimLeft(p, "\r\n"), []byte("\n"))
		switch string(bytes.TrimRight(command, "\r")) {
		case "CONNECT", "STOMP":
			return from == ws.FromClient
		}
		return false
	},
	decoder: func(l *link, from ws.Direction) Decoder { return newStomp(l, from) },
}

// newStomp is the decoder of one direction, also of one inside SockJS.
func newStomp(l *link, from ws.Direction) *stream {
	return &stream{protocol: &stomp{link: l, from: from}, name: "stomp", link: l, from: from, alike: alikeSTOMP}
}

const (
	// maxStompHeader is the longest head of a frame in bytes.
	maxStompHeader = 64 << 10
	// maxStompCommand is the longest command in bytes.
	maxStompCommand = 32
)

type stomp struct {
	link *link
	from ws.Direction
	text []byte // of a header that has escapes
}

// next takes the ends of lines before a frame as a record of its own: they are
// heartbeats.
func (d *stomp) next(p []byte, seen int) (n, need int, ok bool) {
	if p[0] == '\n' {
		return 1, 0, true
	}
	if p[0] == '\r' {
		if len(p) == 1 {
			return 0, 2, true
		}
		return 2, 0, p[1] == '\n'
	}
	body := stompBody(p)
	if body < 0 {
		i := bytes.IndexByte(p, '\n')
		command := i
		if i < 0 {
			command = len(p)
		}
		nul := bytes.IndexByte(p[:min(len(p), maxStompHeader)], 0) >= 0
		return 0, 0, command <= maxStompCommand && len(p) <= maxStompHeader && !nul && isCommand(p[:command])
	}
	if length, ok := contentLength(p[:body]); ok {
		n = body + length + 1
		if n > len(p) {
			return 0, n, true
		}
		return n, 0, p[n-1] == 0
	}
	from := max(body, seen)
	i := bytes.IndexByte(p[from:], 0)
	if i < 0 {
		return 0, 0, true
	}
	return from + i + 1, 0, true
}

// stompBody is where the body of a frame begins, -1 if it is not there yet.
func stompBody(p []byte) int {
	p = p[:min(len(p), maxStompHeader)]
	for i := 0; ; {
		n := bytes.IndexByte(p[i:], '\n')
		if n < 0 {
			return -1
		}
		i += n + 1
		switch {
		case i < len(p) && p[i] == '\n':
			return i + 1
		case i+1 < len(p) && p[i] == '\r' && p[i+1] == '\n':
			return i + 2
		}
	}
}

func isCommand(p []byte) bool {
	for _, c := range p {
		if c|0x20-'a' > 'z'-'a' && c != '\r' {
			return false
		}
	}
	return len(p) > 0
}

// stompHeader cuts the next header off the lines of a head.
func stompHeader(head []byte) (name, value, rest []byte) {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	name, value, _ = bytes.Cut(line, []byte(":"))
	return name, value, rest
}

// contentLength is the value of the first header of that name.
func contentLength(head []byte) (n int, ok bool) {
	for _, _, rest := stompHeader(head); len(rest) > 0; {
		var name, value []byte
		name, value, rest = stompHeader(rest)
		if string(name) != "content-length" {
			continue
		}
		value = bytes.TrimSpace(value)
		for _, c := range value {
			if c-'0' > 9 || n > 1<<30 {
				return 0, false
			}
			n = n*10 + int(c-'0')
		}
		return n, len(value) > 0
	}
	return 0, false
}

func (d *stomp) record(p []byte, w *format.Walker, out *Out) bool {
	body := stompBody(p)
	if body < 0 {
		out.Record(Envelope{Framework: "stomp", Event: heartbeat})
		return true
	}
	head, content := p[:body], p[body:len(p)-1]
	line, _, rest := stompHeader(head)
	e := Envelope{Framework: "stomp"}
	for len(rest) > 0 {
		var name, value []byte
		name, value, rest = stompHeader(rest)
		if len(name) == 0 {
			continue
		}
		value = d.unescape(value)
		if string(name) == "destination" && e.Event == nil {
			e.Event = value[:min(len(value), maxEvent)]
			if len(d.text) > 0 {
				e.Event = bytes.Clone(e.Event)
			}
		}
		w.Text(name, format.Root{Path: "$header"}, out.Visit)
		w.Walk(value, format.Root{Path: "$header", Name: name}, out.Visit)
	}
	if e.Event == nil {
		e.Event = stompEvent(line)
	}
	if d.from == ws.FromServer && string(line) == "CONNECTED" {
		d.link.confirmed.Store(true)
	}
	e.Format = w.Walk(content, format.Root{}, out.Visit)
	out.Record(e)
	return true
}

var heartbeat = []byte("heartbeat")

// stompEvents are the commands in small letters.
var stompEvents = func() map[string][]byte {
	names := map[string][]byte{}
	for _, s := range []string{
		"CONNECT", "STOMP", "CONNECTED", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "BEGIN", "COMMIT", "ABORT", "ACK", "NACK",
		"DISCONNECT", "MESSAGE", "RECEIPT", "ERROR",
	} {
		names[s] = []byte(strings.ToLower(s))
	}
	return names
}()

func stompEvent(command []byte) []byte { return stompEvents[string(command)] }

// unescape resolves the escapes of versions 1.1 and 1.2. What is none stands for
// itself, as in 1.0.
func (d *stomp) unescape(p []byte) []byte {
	d.text = d.text[:0]
	if bytes.IndexByte(p, '\\') < 0 {
		return p
	}
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
		d.text = append(d.text, c)
	}
	return d.text
}
