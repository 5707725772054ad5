// Package handshake decides from the opening handshake what the bytes behind
// the 101 will be (RFC 6455 4, RFC 7692 7).
package handshake

import (
	"crypto/sha1"
	"encoding/base64"
	"strings"

	"wsi/gobridge/internal/ws"
)

// Offer holds what the client asked for: the request target and the values of
// header fields, empty when absent, repeated lines joined with ", ".
type Offer struct {
	Target       string
	Key          string // Sec-WebSocket-Key
	Version      string // Sec-WebSocket-Version
	Subprotocols string // Sec-WebSocket-Protocol
	Extensions   string // Sec-WebSocket-Extensions
}

// Answer holds the header field values of the 101, in the same form.
type Answer struct {
	Upgrade     string
	Accept      string // Sec-WebSocket-Accept
	Subprotocol string // Sec-WebSocket-Protocol
	Extensions  string // Sec-WebSocket-Extensions
}

// Result is what both peers now believe.
type Result struct {
	// Deflate is nil when permessage-deflate was not negotiated, and when the
	// answer's extensions are a violation.
	Deflate     *ws.Deflate
	Subprotocol string
	Violations  ws.Violations
}

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Check compares the server's answer with the client's offer (RFC 6455 4.1).
func Check(o Offer, a Answer) Result {
	var r Result

	if !strings.EqualFold(trim(a.Upgrade), "websocket") || !sameFraming(trim(o.Version)) {
		r.Violations.Add(ws.HandshakeUpgradeNotWebSocket)
	}
	if trim(a.Accept) != accept(trim(o.Key)) {
		r.Violations.Add(ws.HandshakeAcceptMismatch)
	}

	r.Subprotocol = trim(a.Subprotocol)
	if r.Subprotocol != "" && !offered(o.Subprotocols, r.Subprotocol) {
		r.Violations.Add(ws.HandshakeSubprotocolNotOffered)
	}

	d, v := negotiated(o.Extensions, a.Extensions)
	r.Deflate = d
	r.Violations.Add(v)
	return r
}

// sameFraming reports whether version means the frames of RFC 6455: its own
// 13, and 7 and 8 of the drafts that had the same. A request without the
// header is left to the server.
func sameFraming(version string) bool {
	switch version {
	case "", "7", "8", "13":
		return true
	}
	return false
}

// accept computes Sec-WebSocket-Accept (RFC 6455 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + guid))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func offered(list, name string) bool {
	for s := range strings.SplitSeq(list, ",") {
		if trim(s) == name {
			return true
		}
	}
	return false
}

func trim(s string) string { return strings.Trim(s, " \t") }
