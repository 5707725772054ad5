// Package message joins frames to messages (RFC 6455 5.4) and inflates them
// (RFC 7692 7.2.2).
package message

import (
	"unicode/utf8"

	"wsi/gobridge/internal/ws"
)

// Message is a data message as received: unmasked, still compressed.
type Message struct {
	Opcode     ws.Opcode // text or binary
	Compressed bool      // RSV1 of the first frame
	Frames     int
	Payload    []byte
}

// ValidText reports whether p, the whole inflated payload of a text message,
// is UTF-8 (RFC 6455 8.1). Frames may cut code points.
func ValidText(p []byte) bool { return utf8.Valid(p) }

// CheckClose names the rules that the payload of a Close frame breaks
// (RFC 6455 5.5.1 and 7.4).
func CheckClose(p []byte) ws.Violations {
	var v ws.Violations
	switch len(p) {
	case 0:
		return 0
	case 1:
		v.Add(ws.ClosePayloadLength)
		return v
	}
	if !ws.CloseCode(uint16(p[0])<<8 | uint16(p[1])).ValidOnWire() {
		v.Add(ws.CloseCodeInvalid)
	}
	if !utf8.Valid(p[2:]) {
		v.Add(ws.CloseReasonUTF8Invalid)
	}
	return v
}
