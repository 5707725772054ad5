// Package handshake decides from the opening handshake what the bytes behind
// the 101 will be (RFC 6455 4, RFC 7692 7).
package handshake

import (
	"crypto/sha1"
	"encoding/base64"
	"strings"

	"wsi/gobridge/internal/ws"
)

// Offer holds what the client asked for: what its request line says, and the
// values of header fields, empty when absent, repeated lines joined with ", ".
type Offer struct {
	Method       string
	Target       string
	Protocol     string // "HTTP/1.1"
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

// Check looks whether the client's offer is an opening handshake, and compares
// the server's answer with it (RFC 6455 4.1). What no server should have
// answered with a 101 is a violation of the offer.
func Check(o Offer, a Answer) Result {
	var r Result

	if o.Method != "GET" {
		r.Violations.Add(ws.HandshakeMethod)
	}
	if o.Protocol != "HTTP/1.1" {
		r.Violations.Add(ws.HandshakeHTTPVersion)
	}
	if !isKey(trim(o.Key)) {
		r.Violations.Add(ws.HandshakeKey)
	}
	same := sameFraming(o.Version)
	if same && trim(o.Version) != "13" {
		r.Violations.Add(ws.HandshakeVersion)
	}
	if !same || !strings.EqualFold(trim(a.Upgrade), "websocket") {
		r.Violations.Add(ws.HandshakeUpgradeNotWebSocket)
	}
	if trim(a.Accept) != accept(trim(o.Key)) {
		r.Violations.Add(ws.HandshakeAcceptMismatch)
	}

	if _, ok := parseExtensions(o.Extensions); !ok || !namesOnce(o.Subprotocols) {
		r.Violations.Add(ws.HandshakeOfferMalformed)
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

// sameFraming reports whether all of versions mean the frames of RFC 6455: its
// own 13, and 7 and 8 of the drafts that had the same. So may none.
func sameFraming(versions string) bool {
	for v := range strings.SplitSeq(versions, ",") {
		switch trim(v) {
		case "", "7", "8", "13":
		default:
			return false
		}
	}
	return true
}

// isKey reports whether key is 16 bytes in base64 (RFC 6455 4.1).
func isKey(key string) bool {
	var b [18]byte
	if len(key) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	n, err := base64.StdEncoding.Decode(b[:], []byte(key))
	return err == nil && n == 16
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

// namesOnce reports whether list is of tokens, of which none is twice (RFC 6455
// 4.1). Empty list elements are skipped, as HTTP lists allow.
func namesOnce(list string) bool {
	seen := map[string]bool{}
	for s := range strings.SplitSeq(list, ",") {
		if s = trim(s); s == "" {
			continue
		}
		if _, rest := token(s); rest != "" || seen[s] {
			return false
		}
		seen[s] = true
	}
	return true
}

func trim(s string) string { return strings.Trim(s, " \t") }
