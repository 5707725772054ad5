package framework

import "wsi/gobridge/internal/format"

// plain judges a message by its content alone.
func plain(m Message, w *format.Walker, out *Out) {
	out.Record(walked(Envelope{Framework: "none"}, m.Payload, format.Root{}, w, out.Visit))
}
