package framework

import "wsi/gobridge/internal/format"

// plain judges a message by its content alone.
func plain(m Message, w *format.Walker, out *Out) {
	out.Record(Envelope{Framework: "none", Format: w.Walk(m.Payload, format.Root{}, out.Visit)})
}
