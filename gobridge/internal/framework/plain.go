package framework

import "wsi/gobridge/internal/format"

// plain judges messages by their content alone. It has no state.
type plain struct{ stateless }

func (plain) Alike() int { return alikePlain }

func (plain) Decode(m Message, w *format.Walker, out *Out) {
	out.Record(Envelope{Framework: "none", Format: w.Walk(m.Payload, format.Root{}, out.Visit)})
}
