package framework

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"

	"wsi/gobridge/internal/format"
)

// The packet types of socket.io, protocols 3 to 5 (socket.io 1 to 4).
const (
	packetConnect = iota
	packetDisconnect
	packetEvent
	packetAck
	packetConnectError
	packetBinaryEvent
	packetBinaryAck
)

// packetNames are the Envelope's Event of packets without an event's name.
var packetNames = [...][]byte{
	packetConnect:      []byte("connect"),
	packetDisconnect:   []byte("disconnect"),
	packetAck:          []byte("ack"),
	packetConnectError: []byte("connect_error"),
	packetBinaryEvent:  nil,
	packetBinaryAck:    []byte("ack"),
}

const (
	// maxPlaceholders and maxPlaceholderPaths bound what is remembered of a
	// packet until its attachments are there: paths, and their bytes.
	maxPlaceholders     = 64
	maxPlaceholderPaths = 4 << 10
)

// packet is one socket.io packet:
//
//	<type>[<attachments>-][/<namespace>,][<ack id>][<JSON>]
type packet struct {
	kind        int
	attachments int
	nsp         []byte
	data        []byte
}

// parsePacket is as lenient as decodeString of socket.io-parser: what JavaScript
// takes for a number there is a number, white space too. It takes python-socketio's
// attachments of any type as well. ok is false if p can be no packet.
func parsePacket(p []byte) (pkt packet, ok bool) {
	i := 1
	switch {
	case len(p) == 0:
		return pkt, false
	case len(p) > 1 && p[1] == '[' && p[0]-'0' < packetBinaryEvent:
		return packet{kind: int(p[0] - '0'), data: p[1:]}, true // most are
	case p[0] >= '0' && p[0] <= '6':
		pkt.kind = int(p[0] - '0')
	default:
		// Number(" ") is 0.
		if i = spaceLen(p); i == 0 {
			return pkt, false
		}
	}
	p = p[i:]

	binary := pkt.kind == packetBinaryEvent || pkt.kind == packetBinaryAck
	dash := digitsLen(p)
	if dash == len(p) || p[dash] != '-' {
		dash = -1
	}
	if binary {
		dash = bytes.IndexByte(p, '-')
	}
	if binary || dash > 0 {
		if dash < 0 {
			return pkt, false
		}
		if pkt.attachments, ok = toCount(p[:dash]); !ok {
			if dash == 0 || digitsLen(p) != dash {
				return pkt, false
			}
			pkt.attachments = math.MaxInt32 // digits of another script: as many as come
		}
		p = p[dash+1:]
	}
	if len(p) > 0 && p[0] == '/' {
		pkt.nsp, p, _ = bytes.Cut(p, []byte(","))
	}
	for {
		n := digitsLen(p) + spaceLen(p[digitsLen(p):])
		if n == 0 {
			break
		}
		p = p[n:]
	}
	pkt.data = p
	return pkt, len(p) == 0 || pkt.fits(p[0])
}

// fits reports whether the packet's JSON may begin with c.
func (pkt *packet) fits(c byte) bool {
	switch pkt.kind {
	case packetConnect, packetDisconnect, packetConnectError:
		return c == '{' || c == '[' || c == '"'
	}
	return c == '['
}

// digitsLen is the length of the digits at the start of p: those of any script,
// as Python takes them.
func digitsLen(p []byte) int {
	n := 0
	for n < len(p) {
		if p[n] < utf8.RuneSelf {
			if p[n]-'0' > 9 {
				break
			}
			n++
			continue
		}
		r, size := utf8.DecodeRune(p[n:])
		if !unicode.Is(unicode.Nd, r) {
			break
		}
		n += size
	}
	return n
}

// spaceLen is the length of the white space or line terminator of JavaScript at
// the start of p, 0 if there is none (ECMA-262 12.2, 12.3).
func spaceLen(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	if p[0] < utf8.RuneSelf {
		if p[0] == ' ' || p[0] >= '\t' && p[0] <= '\r' {
			return 1
		}
		return 0
	}
	r, size := utf8.DecodeRune(p)
	switch {
	case r == 0xA0, r == 0x1680, r >= 0x2000 && r <= 0x200A, r == 0x2028, r == 0x2029,
		r == 0x202F, r == 0x205F, r == 0x3000, r == 0xFEFF:
		return size
	}
	return 0
}

// toCount is JavaScript's Number(p), if that is no NaN.
func toCount(p []byte) (n int, ok bool) {
	s := string(bytes.TrimFunc(p, func(r rune) bool {
		return spaceLen(utf8.AppendRune(nil, r)) > 0
	}))
	if s == "" {
		return 0, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		i, err := strconv.ParseInt(s, 0, 64) // 0x1
		if err != nil {
			return 0, false
		}
		f = float64(i)
	}
	return int(math.Max(0, math.Min(f, math.MaxInt32))), !math.IsNaN(f)
}

// arguments is the array of an event: its name, and the arguments.
var arguments = format.Shape{Event: []format.Member{{Index: 0}}, Args: 1}

// packet visits the strings of pkt and returns the event's name. ok is false if
// its data is no JSON.
func (d *engineIO) packet(pkt *packet, w *format.Walker, visit format.Visit) (event []byte, ok bool) {
	d.pending = nil
	if len(pkt.nsp) > 1 {
		w.Text(pkt.nsp, format.Root{Path: "$nsp"}, visit)
	}
	var root format.Root
	named := pkt.kind == packetEvent || pkt.kind == packetBinaryEvent
	if named {
		root.Shape = &arguments
	}
	var wait *pending
	if pkt.attachments > 0 {
		wait = &pending{left: pkt.attachments}
		root.Placeholder = wait.placeholder
	}
	event = packetNames[pkt.kind]
	if len(pkt.data) > 0 {
		if !w.JSON(pkt.data, root, visit) {
			return nil, false
		}
		if named {
			event = w.Event()
		}
	}
	if wait != nil {
		wait.event = bytes.Clone(event)
		d.pending = wait
	}
	return event, true
}

// packetKeys are the members of a packet that is an object, as the parsers make it
// that encode all of it as one document: socket.io-json-parser.
var packetKeys = format.Keys{"type", "nsp", "data"}

// object visits a packet that is an object, and reports whether p is one.
func (d *engineIO) object(p []byte, w *format.Walker, visit format.Visit, env *Envelope) bool {
	values, ok := format.Members(p, &packetKeys)
	kind, nsp, data := values[0], values[1], values[2]
	if !ok || len(kind) != 1 || kind[0]-'0' > packetBinaryAck || nsp == nil || data == nil {
		return false
	}
	pkt := packet{kind: int(kind[0] - '0'), data: data}
	if d.pending = nil; pkt.kind != packetEvent && pkt.kind != packetBinaryEvent || !format.Array(data) {
		env.Event, env.Format = packetNames[pkt.kind], w.Walk(data, format.Root{}, visit)
	} else if w.JSON(data, format.Root{Shape: &arguments}, visit) {
		env.Event, env.Format, env.Doc, env.Shape = w.Event(), "json", data, &arguments
	} else {
		env.Format = w.Text(data, format.Root{}, visit)
	}
	o := format.NewOutline(p)
	for o.Object() && o.Next() {
		switch {
		case &o.Value[0] == &data[0]:
		case string(o.Key) == "nsp":
			w.Walk(o.Value, format.Root{Path: "$nsp"}, visit)
		default:
			w.Text(o.Key, wholeKey, visit)
			w.Walk(o.Value, whole, visit)
		}
	}
	env.Framework, env.Kind = "socket.io", kindOf(pkt.kind)
	return true
}

// kindOf a packet: what is no event is for no handler of the application's.
func kindOf(packet int) Kind {
	if packet == packetEvent || packet == packetBinaryEvent {
		return Application
	}
	return Own
}

// pending is a packet that announced attachments: the next binary messages.
type pending struct {
	event []byte
	num   int // of the next attachment
	left  int
	paths []placeholder
	size  int // of paths, in bytes
}

type placeholder struct {
	num  int
	path string
}

func (p *pending) placeholder(num int, f *format.Field) {
	if len(p.paths) == maxPlaceholders || p.size >= maxPlaceholderPaths {
		return
	}
	path := f.Path()
	p.size += len(path)
	p.paths = append(p.paths, placeholder{num, path})
}

// next takes a binary message for the next attachment of the pending packet. One
// without a known placeholder stands at "$attachment[n]".
func (d *engineIO) next() (root format.Root, env Envelope) {
	p := d.pending
	if p == nil {
		return root, Envelope{Framework: "engine.io"}
	}
	for _, h := range p.paths {
		if h.num == p.num {
			root.Path = h.path
			break
		}
	}
	if root.Path == "" {
		root.Path = fmt.Sprintf("$attachment[%d]", p.num)
	}
	p.num++
	if p.left--; p.left == 0 {
		d.pending = nil
	}
	return root, Envelope{Framework: "socket.io", Event: p.event, Kind: Again}
}
