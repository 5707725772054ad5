package framework

import (
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
	var d [2]Decoder
	for _, s := range registry {
		if s.handshake != nil && s.handshake(&h) {
			l := &link{limit: h.Limit, subprotocol: h.Subprotocol}
			for dir := range d {
				d[dir] = join(d[dir], s.decoder(l, ws.Direction(dir)))
			}
		}
	}
	if d[0] != nil {
		return d[ws.FromClient], d[ws.FromServer]
	}
	// one block: an idle session is to be small
	p := new(struct {
		found found
		dir   [2]unknown
	})
	p.found.limit = h.Limit
	for dir := range p.dir {
		p.dir[dir] = unknown{found: &p.found, from: ws.Direction(dir)}
	}
	return &p.dir[ws.FromClient], &p.dir[ws.FromServer]
}

// several decodes each message by all of its decoders.
type several []Decoder

func join(d, added Decoder) Decoder {
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

// maxFirst is how many messages of a peer are looked at for a framework.
const maxFirst = 4

// found is what first messages of either direction showed. The directions may
// run at the same time.
type found struct {
	limit int
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
}

func (d *unknown) Decode(m Message, w *format.Walker, out *Out) {
	d.look(m.Payload)
	if d.decoder == nil {
		plain{}.Decode(m, w, out)
		return
	}
	d.decoder.Decode(m, w, out)
}

func (d *unknown) look(p []byte) {
	if d.seen < maxFirst {
		d.seen++
		for i, s := range registry {
			if s.first != nil && s.first(d.from, p) {
				d.found.specs.Or(1 << i)
			}
		}
	}
	specs := d.found.specs.Load()
	if specs == d.known {
		return
	}
	for i, s := range registry {
		if (specs&^d.known)>>i&1 != 0 {
			d.decoder = join(d.decoder, s.decoder(d.found.link(i), d.from))
		}
	}
	d.known = specs
}

func (d *unknown) Alike() int {
	switch {
	case d.seen < maxFirst || d.found.specs.Load() != d.known:
		return 0
	case d.decoder != nil:
		return d.decoder.Alike()
	}
	return alikePlain
}

func (d *unknown) Size() int {
	if d.decoder == nil {
		return 0
	}
	return d.decoder.Size()
}

// What Decoder.Alike returns.
const (
	alikePlain = 1 + iota
	alikeEngineIO
	alikeSignalR
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
