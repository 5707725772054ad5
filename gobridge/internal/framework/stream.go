package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// protocol is a framework whose servers read the WebSocket messages of a peer as
// one stream of bytes, whatever their opcode and wherever they are cut.
type protocol interface {
	// next returns the length of the record that p begins with. n is 0 when p
	// ends inside of it; then need is how long the record is at least, 0 if that
	// is not known, and it is called again when there are as many bytes. The
	// first seen bytes of p were there in the call before. ok is false when no
	// record begins like this.
	next(p []byte, seen int) (n, need int, ok bool)

	// record visits the strings of p, one whole record, and calls out.Record.
	// It reports false, if possible without having visited anything, when p is
	// none of the protocol's.
	record(p []byte, w *format.Walker, out *Out) bool
}

// stream joins the messages of one direction to records.
//
// Who is to be trusted that the server really joins them? Before its own answer
// has confirmed the protocol, every message is judged as it stands, too. Behind
// that only those that are cut, as the server's answer may be some other
// client's words: but then as Cut, since harmless text that begins or ends
// anywhere may look like an attack.
type stream struct {
	protocol
	name string // of the spec
	link *link
	from ws.Direction
	// alike is what Alike returns between two records.
	alike int

	rest  []byte // of a record that is not complete
	seen  int    // bytes of rest that next was given
	need  int    // bytes of the record, before it is looked at again
	doubt bool   // a record was none of the protocol's
}

func (s *stream) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	cut := len(s.rest) > 0
	if cut {
		s.rest = append(s.rest, p...)
		p = s.rest
	}
	trusted := s.link.confirmed.Load() && !s.doubt
	known := true
	for len(p) > 0 && len(p) >= s.need {
		n, need, ok := s.next(p, s.seen)
		if ok && n == 0 {
			s.seen, s.need = len(p), need
			break
		}
		s.seen, s.need = 0, 0
		if !ok || !s.record(p[:n], w, out) {
			known = false
			break
		}
		p = p[n:]
	}
	if !known {
		// What the server makes of this, and of what follows, is not known.
		out.Record(Envelope{Framework: s.name, Format: w.Walk(p, format.Root{}, out.Visit)})
		s.doubt, trusted, p = true, false, nil
	}
	cut = cut || len(p) > 0
	if cut || !trusted {
		root := format.Root{Path: whole.Path, Cut: trusted}
		out.Record(Envelope{Framework: s.name, Format: w.Walk(m.Payload, root, out.Visit)})
	}
	s.keep(p, out)
}

// keep keeps the beginning of a record.
func (s *stream) keep(p []byte, out *Out) {
	if limit := s.link.limit; limit > 0 && max(len(p), s.need) > limit {
		out.Violate(ws.MessageTooBig)
		p = nil
	}
	switch {
	case len(p) == 0:
		if s.rest = s.rest[:0]; cap(s.rest) > maxKept {
			s.rest = nil
		}
		s.seen, s.need = 0, 0
	case len(p) != len(s.rest): // not all of it as it is
		s.rest = append(s.rest[:0], p...)
	}
}

func (s *stream) Alike() int {
	if len(s.rest) > 0 || s.doubt || !s.link.confirmed.Load() {
		return 0
	}
	return s.alike
}

func (s *stream) Size() int { return cap(s.rest) }

// maxKept is how many bytes are kept for the next record that is cut.
const maxKept = 1 << 10
