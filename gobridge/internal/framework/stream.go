package framework

import (
	"bytes"

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
	record(p []byte, w *format.Walker, out *Out)

	// junk is how many bytes of p, which are no record, its servers skip, -1 if
	// the end of that is not in p, or they give up.
	junk(p []byte) int

	// alike is what Decoder.Alike returns between two records.
	alike() int
}

// stream joins the messages of one direction to records.
//
// Who is to be trusted that the server really joins them? Before its own answer
// has confirmed the protocol, every message is judged as it stands, too. Behind
// that only those that are cut, as the server's answer may be some other
// client's words: but then as Cut, since harmless text that begins or ends
// anywhere may look like an attack. Those words have to be the first that the
// server says, and all that it says later has to be the protocol's.
//
// A peer who arranges that on a server of plain text hides nothing that is
// in a record, and no tag that is in several or around the frame of one
// (together). What is left is SQL in a message that is a part of a record, which
// detectors that depend on where a text begins cannot judge, and SQL that needs
// the bytes between two values.
type stream struct {
	protocol
	name string // of the spec
	link *link
	from ws.Direction

	rest  []byte // of a record that is not complete
	seen  int    // bytes of rest that next was given
	need  int    // bytes of the record, before it is looked at again
	doubt bool   // something was none of the protocol's, or left out
	lost  bool   // inside of that
}

func (s *stream) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	cut := len(s.rest) > 0
	if cut {
		s.rest = append(s.rest, p...)
		p = s.rest
	}
	trusted := s.trusted()
	open := false // a tag, in a record before
	for len(p) > 0 && len(p) >= s.need {
		if s.lost {
			if p = s.skip(p); s.lost {
				break
			}
			continue
		}
		n, need, ok := s.next(p, s.seen)
		if ok && n == 0 {
			s.seen, s.need = len(p), need
			break
		}
		s.seen, s.need = 0, 0
		if !ok {
			// What the server makes of this, and of what follows, is not known.
			out.Record(Envelope{Framework: s.name, Format: w.Walk(p, format.Root{}, out.Visit)})
			s.doubt, s.lost, trusted = true, true, false
			if s.from == ws.FromServer {
				s.link.denied.Store(true)
			}
			continue
		}
		open = open || len(p) > n && openTag(p[:n])
		s.record(p[:n], w, out)
		p = p[n:]
	}
	root := format.Root{Path: whole.Path, Cut: trusted}
	again := Doubtful
	if trusted {
		again = Again
	}
	switch {
	case cut, len(p) > 0, !trusted:
		out.Record(Envelope{Framework: s.name, Format: w.Walk(m.Payload, root, out.Visit), Kind: again})
	case open:
		out.Record(Envelope{Framework: s.name, Format: w.Text(m.Payload, root, out.Visit), Kind: again})
	}
	s.keep(p, out)
}

// own is the Kind of what the framework keeps to itself. Before the server has
// answered in its terms that may be a message of another one, unless it is what
// a client begins with, hello.
func (l *link) own(hello bool) Kind {
	if hello || l.confirmed.Load() && !l.denied.Load() {
		return Own
	}
	return Application
}

func (s *stream) trusted() bool {
	return !s.doubt && s.link.confirmed.Load() && !s.link.denied.Load()
}

// skip leaves out what is no record. It was judged, and what follows is judged as
// it stands, too.
func (s *stream) skip(p []byte) []byte {
	n := s.junk(p)
	if n < 0 {
		return nil
	}
	s.lost = false
	return p[n:]
}

// keep keeps the beginning of a record.
func (s *stream) keep(p []byte, out *Out) {
	if limit := s.link.limit; limit > 0 && max(len(p), s.need) > limit {
		out.Violate(ws.MessageTooBig)
		s.doubt, s.lost, p = true, true, nil
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
	if len(s.rest) > 0 || !s.trusted() {
		return 0
	}
	return s.alike()
}

func (s *stream) Size() int {
	if p, ok := s.protocol.(interface{ size() int }); ok {
		return cap(s.rest) + p.size()
	}
	return cap(s.rest)
}

// maxKept is how many bytes are kept for the next record that is cut.
const maxKept = 1 << 10

// together visits p, a record whose frame head has the beginning of a tag: who
// reads the record as text sees the tag go on in what is visited apart.
func together(head, p []byte, w *format.Walker, visit format.Visit) {
	if openTag(head) {
		w.Text(p, format.Root{Path: whole.Path, Cut: true}, visit)
	}
}

// openTag reports whether p ends inside of what may be a tag.
func openTag(p []byte) bool {
	i := bytes.LastIndexByte(p, '<')
	return i >= 0 && bytes.IndexByte(p[i:], '>') < 0
}
