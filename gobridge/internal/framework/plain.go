package framework

import "wsi/gobridge/internal/format"

// plain judges messages by their content alone. It has no state.
type plain struct{}

func (plain) Alike() int { return alikePlain }

func (plain) Decode(m Message, w *format.Walker, visit format.Visit) Envelope {
	return Envelope{Framework: "none", Format: w.Walk(m.Payload, format.Root{}, visit)}
}
