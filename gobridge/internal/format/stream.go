package format

import "wsi/gobridge/internal/carrier"

// Stream is one compressed stream over several messages.
type Stream = carrier.Stream

// Flushed reports whether p ends a piece of a Stream.
func Flushed(p []byte) bool { return carrier.Flushed(p) }
