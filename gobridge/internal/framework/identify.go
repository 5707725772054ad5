package framework

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// Identify returns the decoders of the two directions of a session. Where the
// handshake does not say which framework it is, the first messages may.
//
// The client may make it look like several frameworks, of which the server is
// one: then all of them decode.
func Identify(h Handshake) (c2s, s2c Decoder) {
	if claims(&h) == 1<<engineIOPlace {
		return &alone{}, &engineIO{}
	}
	var p *both
	for i, s := range registry {
		if s.handshake == nil || !s.handshake(&h) {
			continue
		}
		var l *link
		if p == nil {
			t := new(told)
			p, l = &t.both, &t.link
		} else {
			l = new(link)
		}
		l.limit, l.subprotocol = h.Limit, h.Subprotocol
		for dir := range p.dir {
			d := &p.dir[dir]
			d.decoder = join(d.decoder, s.decoder(l, ws.Direction(dir)))
			d.known |= 1 << i
		}
	}
	if p == nil {
		p = new(both)
	} else {
		p.found.told = true
		p.found.specs.Store(p.dir[0].known)
		p.dir[ws.FromServer].seen = maxFirst // it did not choose the handshake
	}
	p.found.limit = h.Limit
	for dir := range p.dir {
		p.dir[dir].found, p.dir[dir].from = &p.found, ws.Direction(dir)
	}
	return &p.dir[ws.FromClient], &p.dir[ws.FromServer]
}

// claims are the specs whose handshake h is, as bits by their place in the
// registry.
func claims(h *Handshake) (specs uint64) {
	for i, s := range registry {
		if s.handshake != nil && s.handshake(h) {
			specs |= 1 << i
		}
	}
	return specs
}

// engineIOPlace is where in the registry Engine.IO is.
var engineIOPlace = slices.Index(registry, &engineIOSpec)

// alone is what a client sends whose handshake is Engine.IO's and nobody else's.
// Only when it sends something else other frameworks are looked for: an idle
// session is to be small. What the server says is not looked at then, so that
// no stream is trusted.
type alone struct {
	engineIO
	other *unknown // nil: all was Engine.IO's; noOther: nothing else came of it
}

var noOther unknown

func (d *alone) Decode(m Message, w *format.Walker, out *Out) {
	if d.other == nil && d.plain(m, w, out) {
		return
	}
	pending := d.pending != nil
	var env Envelope
	d.decode(m, w, out.Visit, &env)
	none := env.Framework == "none"
	if d.other == nil && (none || m.Opcode == ws.OpBinary && !pending) {
		d.other = &unknown{found: &found{limit: out.Limit, told: true}, from: ws.FromClient}
	}
	var other Decoder
	if d.other != nil && d.other != &noOther {
		d.other.look(m.Payload, w)
		if other = d.other.decoder; other == nil && d.other.seen == maxFirst {
			d.other = &noOther
		}
	}
	if none && other == nil && env.Format == "json" {
		if name := rpcName(m.Payload); name != nil {
			w.ClearEvent()
			w.AddEventJSON(name)
			env.Framework, env.Event, env.Shape = rpcSpec.name, w.Event(), &rpcShape
		}
	}
	if !none || other == nil {
		out.Record(env)
	}
	if other != nil {
		other.Decode(m, w, out)
	}
}

// Alike: what is Engine.IO's alone changes nothing, else it depends on what was
// found. What a server's decoder passed may be something else to this one.
func (d *alone) Alike() int {
	switch d.other {
	case nil:
		if d.pending == nil {
			return alikeEngineIOClient
		}
	case &noOther:
		if d.pending == nil {
			return alikeNoOther
		}
	}
	return 0
}

func (d *alone) Size() int {
	if d.other == nil || d.other == &noOther {
		return d.engineIO.Size()
	}
	return d.engineIO.Size() + d.other.Size()
}

// both are the decoders of a session, told those of one whose handshake showed a
// framework: one block each, as an idle session is to be small.
type (
	both struct {
		found found
		dir   [2]unknown
	}
	told struct {
		both
		link link
	}
)

// several decodes each message by all of its decoders.
type several []Decoder

func join(d, added Decoder) Decoder {
	if s, ok := added.(*sockJS); ok {
		s.beside = d != nil
	} else if s, ok := d.(*sockJS); ok {
		s.beside = true
	}
	switch known := d.(type) {
	case nil:
		return added
	case several:
		return append(known, added)
	}
	return several{d, added}
}

func (d several) Decode(m Message, w *format.Walker, out *Out) {
	for _, decoder := range d {
		decoder.Decode(m, w, out)
	}
}

func (d several) Alike() int { return 0 }

func (d several) Size() (n int) {
	for _, decoder := range d {
		n += decoder.Size()
	}
	return n
}

const (
	// maxFirst is how many messages of a peer are looked at for a framework.
	maxFirst = 4
	// maxBegun is how many bytes of the client's first messages are joined for
	// that.
	maxBegun = 4 << 10
)

// found is what first messages of either direction showed. The directions may
// run at the same time.
type found struct {
	limit int
	told  bool          // the handshake showed some
	specs atomic.Uint64 // as bits by their place in the registry
	mu    sync.Mutex
	links map[int]*link // by that place
}

// link is what the two decoders of a spec share.
func (f *found) link(i int) *link {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.links == nil {
		f.links = map[int]*link{}
	}
	if f.links[i] == nil {
		f.links[i] = &link{limit: f.limit}
	}
	return f.links[i]
}

// unknown waits for a message that a framework knows.
type unknown struct {
	found   *found
	from    ws.Direction
	seen    uint8  // messages
	known   uint64 // the specs that decoder has, by their place in the registry
	decoder Decoder
	begun   []byte // messages that may become what a spec's first takes
}

func (d *unknown) Decode(m Message, w *format.Walker, out *Out) {
	d.look(m.Payload, w)
	if d.decoder == nil {
		rpc{}.Decode(m, w, out)
		return
	}
	d.decoder.Decode(m, w, out)
}

func (d *unknown) look(p []byte, w *format.Walker) {
	before := len(d.begun)
	begins := d.seen < maxFirst && d.first(p)
	specs := d.found.specs.Load()
	for i := 0; specs != d.known && i < len(registry); i++ {
		s := registry[i]
		if (specs&^d.known)>>i&1 == 0 {
			continue
		}
		l := d.found.link(i)
		if d.from == ws.FromServer && d.seen > 1 {
			l.denied.Store(true) // an answer is the first that is said
		}
		decoder := s.decoder(l, d.from)
		if s.begins != nil && before > 0 {
			decoder.Decode(Message{Payload: d.begun[:before]}, w, &unseen)
		}
		d.decoder = join(d.decoder, decoder)
	}
	if d.known = specs; !begins {
		d.begun = nil
	}
}

// unseen is for what was judged before.
var unseen = Out{Visit: func(*format.Field) {}, Record: func(Envelope) {}, Violate: func(ws.Violation) {}}

// first asks the specs about p. What may become something that they take does not
// count as a message, as it could be cut anywhere: then first reports true.
func (d *unknown) first(p []byte) (begins bool) {
	joined := p
	if len(d.begun) > 0 {
		d.begun = append(d.begun, p...)
		joined = d.begun
	}
	joined = bytes.TrimLeft(joined, "\x00 \t\r\n") // servers skip that
	begins = len(joined) == 0
	for i, s := range registry {
		if s.first == nil || d.found.told && s.begins == nil {
			continue
		}
		stream := d.from == ws.FromClient && s.begins != nil
		switch {
		case s.first(d.from, p), stream && len(joined) > 0 && s.first(d.from, joined):
			d.found.specs.Or(1 << i)
		case stream && len(joined) > 0 && s.begins(joined):
			begins = true
		}
	}
	if begins = begins && len(joined) <= maxBegun; !begins {
		d.seen++
	} else if len(d.begun) == 0 {
		d.begun = append(d.begun, joined...)
	}
	return begins
}

func (d *unknown) Alike() int {
	switch {
	case d.seen < maxFirst || d.found.specs.Load() != d.known:
		return 0
	case d.decoder != nil:
		return d.decoder.Alike()
	}
	return alikeRPC
}

func (d *unknown) Size() int {
	if d.decoder == nil {
		return cap(d.begun)
	}
	return cap(d.begun) + d.decoder.Size()
}

// What Decoder.Alike returns.
const (
	alikeEngineIO       = 1 + iota
	alikeEngineIOClient // anything else begins a look-out there
	alikeNoOther        // Engine.IO, behind messages that were none
	alikeSignalR
	alikeSignalRMessagePack
	alikeSTOMP
	alikeNATS
	alikeGraphQL
	alikeActionCable
	alikeActionCablePacked
	alikePhoenix
	alikePhoenixServer // what the server sends
	alikePusher
	alikeDDP
	alikeJSONRPC
	alikeWAMP1
	alikeRPC
	alikeSignalRClassic
	alikeBayeux
	alikePrimus
	alikeAbly
	alikeFirebase
	alikeXMPP
	alikeColyseus
	alikeYjs
	alikeCentrifugo // and the next, of the server
	alikeCentrifugoServer
	alikeAutomerge
	alikeDiscord
)

// path is the decoded path of a request target, without its query.
func path(target string) string {
	target, _, _ = strings.Cut(target, "#")
	target, _, _ = strings.Cut(target, "?")
	if _, rest, ok := strings.Cut(target, "://"); ok {
		_, target, _ = strings.Cut(rest, "/")
		target = "/" + target
	}
	return percentDecode(target)
}

// query calls visit with the decoded arguments of a request target until it
// returns true, and returns whether it did.
func query(target string, visit func(key, value string) bool) bool {
	target, _, _ = strings.Cut(target, "#")
	_, rest, _ := strings.Cut(target, "?")
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		key, value, _ := strings.Cut(pair, "=")
		if visit(percentDecode(key), percentDecode(value)) {
			return true
		}
	}
	return false
}

// percentDecode leaves what is no escape as it is, as Node.js does.
func percentDecode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		c, size := s[0], 1
		if c == '%' && len(s) > 2 {
			high, low := strings.IndexByte(hexDigits, s[1]|0x20), strings.IndexByte(hexDigits, s[2]|0x20)
			if high >= 0 && low >= 0 {
				c, size = byte(high<<4|low), 3
			}
		}
		b.WriteByte(c)
		s = s[size:]
	}
	return b.String()
}

const hexDigits = "0123456789abcdef"
