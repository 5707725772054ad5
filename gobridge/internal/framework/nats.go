package framework

import (
	"bytes"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// natsSpec is the client protocol of NATS, in which the server speaks first.
var natsSpec = spec{
	name: "nats",
	first: func(from ws.Direction, p []byte) bool {
		verb := natsHello(from)
		if len(p) < len(verb) || !bytes.EqualFold(p[:len(verb)], []byte(verb)) {
			return false
		}
		p = bytes.TrimLeft(p[len(verb):], " \t")
		return len(p) > 0 && p[0] == '{'
	},
	begins: func(p []byte) bool {
		verb := natsHello(ws.FromClient)
		n := min(len(p), len(verb))
		return bytes.EqualFold(p[:n], []byte(verb[:n])) && len(bytes.TrimLeft(p[n:], " \t")) == 0
	},
	decoder: func(l *link, from ws.Direction) Decoder {
		return &stream{protocol: &nats{link: l, from: from}, name: "nats", link: l, from: from}
	},
}

// natsHello is the verb with which a peer begins.
func natsHello(from ws.Direction) string {
	if from == ws.FromServer {
		return "INFO"
	}
	return "CONNECT"
}

// maxControlLine is the longest line in bytes: nats-server takes 4 KiB unless
// told otherwise, INFO has more.
const maxControlLine = 64 << 10

// natsVerbs are the lines of the protocol. args is where the subject stands, -1
// if there is none; sizes is how many sizes end the line.
var natsVerbs = []struct {
	name    string
	subject int
	sizes   int
}{
	{"PUB", 0, 1}, {"MSG", 0, 1}, {"HPUB", 0, 2}, {"HMSG", 0, 2}, {"SUB", 0, 0}, {"UNSUB", -1, 0},
	{"CONNECT", -1, 0}, {"INFO", -1, 0}, {"PING", -1, 0}, {"PONG", -1, 0}, {"+OK", -1, 0}, {"-ERR", -1, 0},
}

type nats struct {
	link  *link
	from  ws.Direction
	begun bool // there was a line
	end   int  // of the line of the record that next reads, 0 until it is known
}

func (d *nats) alike() int {
	if d.from == ws.FromServer && !d.begun {
		return 0
	}
	return alikeNATS
}

// junk: nats-server gives up.
func (d *nats) junk([]byte) int { return -1 }

// natsWord cuts the word that p begins with: blanks and tabs stand between two.
func natsWord(p []byte) (word, rest []byte) {
	i := 0
	for i < len(p) && p[i] != ' ' && p[i] != '\t' && p[i] != '\r' && p[i] != '\n' {
		i++
	}
	word, rest = p[:i], p[i:]
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		rest = rest[1:]
	}
	return word, rest
}

// natsVerb is the index of the verb that p begins with, -1 if it is none. Behind
// those without a size, anything may stand.
func natsVerb(p []byte) int {
	for i := range natsVerbs {
		v := &natsVerbs[i]
		if len(p) < len(v.name) || !bytes.EqualFold(p[:len(v.name)], []byte(v.name)) {
			continue
		}
		if v.subject < 0 || len(p) > len(v.name) && (p[len(v.name)] == ' ' || p[len(v.name)] == '\t') {
			return i
		}
	}
	return -1
}

func (d *nats) next(p []byte, seen int) (n, need int, ok bool) {
	if seen == 0 {
		d.end = 0
	}
	if d.end == 0 {
		i := bytes.IndexByte(p[seen:], '\n')
		if i < 0 {
			known := len(p) < len("CONNECT ") || natsVerb(p) >= 0
			return 0, 0, known && len(p) <= maxControlLine
		}
		d.end = seen + i + 1
	}
	end, v := d.end, natsVerb(p)
	if v < 0 {
		return end, 0, len(bytes.TrimSpace(p[:end])) == 0 // an empty line is skipped
	}
	if natsVerbs[v].sizes == 0 {
		return end, 0, true
	}
	size := natsSize(p[:end])
	if size < 0 {
		return 0, 0, false
	}
	if n = end + size + len("\r\n"); n > len(p) {
		return 0, n, true
	}
	return n, 0, p[n-2] == '\r' && p[n-1] == '\n'
}

// natsSize is the number at the end of a line, -1 if there is none.
func natsSize(line []byte) int {
	line = bytes.TrimRight(line, " \t\r\n")
	size := line[bytes.LastIndexAny(line, " \t")+1:]
	n := 0
	for _, c := range size {
		if c-'0' > 9 || n > 1<<30 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	if len(size) == 0 {
		return -1
	}
	return n
}

func (d *nats) record(p []byte, w *format.Walker, out *Out) {
	line, payload, _ := bytes.Cut(p, []byte("\n"))
	v := natsVerb(line)
	if v < 0 {
		out.Record(Envelope{Framework: "nats", Kind: Own}) // an empty line
		return
	}
	verb := &natsVerbs[v]
	args := bytes.Trim(line[len(verb.name):], " \t\r")
	e := Envelope{Framework: "nats", Event: natsEvents[v]}
	if d.from == ws.FromServer && !d.begun && verb.name == "INFO" {
		d.link.confirmed.Store(true)
	}
	if verb.subject < 0 {
		e.Kind = d.link.own(verb.name == "CONNECT" && !d.begun)
	}
	d.begun = true
	if verb.subject >= 0 {
		e.Event, _ = natsWord(args)
		e.Event = e.Event[:min(len(e.Event), maxEvent)]
		if verb.name == "SUB" {
			e.Kind = Subscribe
		}
	}
	if verb.sizes > 0 {
		w.Text(args, format.Root{Path: "$message"}, out.Visit)
		payload = payload[:max(0, len(payload)-len("\r\n"))]
		if verb.sizes == 2 {
			head := natsSize(bytes.TrimRight(args, "0123456789"))
			if head < 0 || head > len(payload) {
				head = 0
			}
			headers(payload[:head], w, out)
			together(p[:len(line)+1+head], p, w, out.Visit)
			payload = payload[head:]
		} else {
			together(args, p, w, out.Visit)
		}
		e = walked(e, payload, format.Root{}, w, out.Visit)
	} else if len(args) > 0 {
		e.Format = w.Walk(args, format.Root{}, out.Visit)
	}
	out.Record(e)
}

// natsEvents are the verbs in small letters.
var natsEvents = func() (names [][]byte) {
	for i := range natsVerbs {
		names = append(names, bytes.ToLower([]byte(natsVerbs[i].name)))
	}
	return names
}()

// headers visits the fields of a header block as HTTP has it: "$header['name']"
// each. A line that is no field stands at "$header".
func headers(p []byte, w *format.Walker, out *Out) {
	for len(p) > 0 {
		var line []byte
		line, p, _ = bytes.Cut(p, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || openTag(name) {
			w.Text(line, format.Root{Path: "$header"}, out.Visit)
		}
		if !ok {
			continue
		}
		w.Text(name, format.Root{Path: "$header"}, out.Visit)
		w.Walk(bytes.TrimSpace(value), format.Root{Path: "$header", Name: name}, out.Visit)
	}
}
