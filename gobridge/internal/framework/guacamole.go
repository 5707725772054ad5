package framework

import (
	"unicode/utf8"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// guacamoleSpec knows Apache Guacamole by its subprotocol.
var guacamoleSpec = spec{
	name:      "guacamole",
	handshake: func(h *Handshake) bool { return h.Subprotocol == "guacamole" },
	decoder: func(l *link, from ws.Direction) Decoder {
		return &stream{protocol: &guacamole{link: l, from: from}, name: "guacamole", link: l, from: from}
	},
}

// maxInstruction is the longest instruction in bytes; guacd takes 8 KiB.
const maxInstruction = 64 << 10

// guacamole reads instructions, <length>.<opcode>,<length>.<argument>,...; in
// which a length counts code points. The keys that are typed are joined to
// lines.
type guacamole struct {
	link *link
	from ws.Direction
	line []byte
	at   int // of the element that next did not read to its end
}

func (g *guacamole) size() int { return cap(g.line) }

// alike: a key may go on with a line.
func (g *guacamole) alike() int { return 0 }

// junk: guacd gives up.
func (g *guacamole) junk([]byte) int { return -1 }

func (g *guacamole) next(p []byte, seen int) (n, need int, ok bool) {
	if seen == 0 {
		g.at = 0
	}
	for {
		_, end, state := guacamoleElement(p[g.at:])
		switch end += g.at; {
		case state == elementBad || end > maxInstruction:
			return 0, 0, false
		case state == elementOpen:
			return 0, end, len(p) <= maxInstruction
		}
		if g.at = end; p[end-1] == ';' {
			return end, 0, true
		}
	}
}

const (
	elementBad = iota
	elementOpen
	elementWhole
)

// guacamoleElement reads the element that p begins with; end is behind its
// terminator. Of an open one it is how long that is at least.
func guacamoleElement(p []byte) (value []byte, end, state int) {
	count := 0
	for end < len(p) && end < 6 && p[end]-'0' <= 9 {
		count = count*10 + int(p[end]-'0')
		end++
	}
	switch {
	case end == len(p) && end < 6:
		return nil, end + 1, elementOpen
	case end == 0 || end == len(p) || p[end] != '.':
		return nil, end, elementBad
	}
	end++
	start := end
	for ; count > 0; count-- {
		if !utf8.FullRune(p[end:]) {
			return nil, max(end+count, len(p)) + 1, elementOpen
		}
		_, size := utf8.DecodeRune(p[end:])
		end += size
	}
	switch {
	case end == len(p):
		return nil, end + 1, elementOpen
	case p[end] != ',' && p[end] != ';':
		return nil, end, elementBad
	}
	return p[start:end], end + 1, elementWhole
}

// guacamoleArguments are paths of the first arguments; the others have "$".
var guacamoleArguments = [...]string{"$[0]", "$[1]", "$[2]", "$[3]", "$[4]", "$[5]", "$[6]", "$[7]"}

func (g *guacamole) record(p []byte, w *format.Walker, out *Out) {
	if g.from == ws.FromServer {
		g.link.confirmed.Store(true)
	}
	opcode, end, _ := guacamoleElement(p)
	w.Text(opcode, format.Root{Path: "$event"}, out.Visit)
	key := string(opcode) == "key"
	e := Envelope{Framework: guacamoleSpec.name}
	var keysym []byte
	for i, rest := 0, p[end:]; len(rest) > 0; i++ {
		value, n, state := guacamoleElement(rest)
		if state != elementWhole {
			break
		}
		rest = rest[n:]
		path := "$"
		if i < len(guacamoleArguments) {
			path = guacamoleArguments[i]
		}
		if f := w.Walk(value, format.Root{Path: path}, out.Visit); e.Format == "" || f != "text" {
			e.Format = f
		}
		switch {
		case key && i == 0:
			keysym = value
		case key && i == 1 && string(value) == "1":
			g.pressed(keysym, w, out)
		}
	}
	w.ClearEvent()
	w.AddEvent(opcode)
	e.Event = w.Event()
	out.Record(e)
}

// pressed visits the line that a key goes on with. Keysyms of X11 are Latin-1,
// or Unicode from 0x01000000 on.
func (g *guacamole) pressed(keysym []byte, w *format.Walker, out *Out) {
	const enter, unicode = 0xff0d, 0x01000000
	n := 0
	for _, c := range keysym[:min(len(keysym), 9)] {
		n = n*10 + int(c-'0')
	}
	var buf [utf8.UTFMax]byte
	typed := buf[:0]
	switch {
	case n == enter:
		typed = append(typed, '\n')
	case n >= ' ' && n <= 0xff:
		typed = utf8.AppendRune(typed, rune(n))
	case n > unicode && n <= unicode+utf8.MaxRune:
		typed = utf8.AppendRune(typed, rune(n-unicode))
	default:
		return
	}
	joinLine(&g.line, typed, w, out)
}
