package handshake

import (
	"strings"

	"wsi/gobridge/internal/ws"
)

const permessageDeflate = "permessage-deflate"

// extension is one element of Sec-WebSocket-Extensions (RFC 6455 9.1).
type extension struct {
	name   string
	params []param
}

type param struct {
	name     string
	value    string // unquoted
	hasValue bool
}

// negotiated returns the parameters of permessage-deflate, or nil when the
// connection has no extension or the frames cannot be decoded, and what is
// broken.
func negotiated(offer, answer string) (*ws.Deflate, ws.Violation) {
	answers, ok := parseExtensions(answer)
	if !ok {
		return nil, ws.HandshakeExtensionUnknown
	}
	if len(answers) == 0 {
		return nil, ws.NoViolation
	}
	for _, e := range answers {
		if e.name != permessageDeflate {
			return nil, ws.HandshakeExtensionUnknown
		}
	}
	if len(answers) > 1 {
		// Both would claim RSV1 (RFC 6455 9.1).
		return nil, ws.HandshakeExtensionParameter
	}
	a, ok := parseDeflate(answers[0].params, false)
	if !ok {
		return nil, ws.HandshakeExtensionParameter
	}

	offers, ok := parseExtensions(offer)
	if !ok {
		return nil, ws.HandshakeExtensionNotOffered
	}
	v := ws.HandshakeExtensionNotOffered
	for _, e := range offers {
		if e.name != permessageDeflate {
			continue
		}
		v = ws.HandshakeExtensionParameter
		if o, ok := parseDeflate(e.params, true); ok && a.accepts(&o) {
			v = ws.NoViolation
			if o.serverBits != 0 && a.serverBits == 0 {
				v = ws.HandshakeExtensionWindow
			}
			return a.negotiate(), v
		}
	}
	return nil, v
}

// deflate holds the parameters of one permessage-deflate offer or answer. Bits
// are 0 when the parameter is absent, anyBits when it came without a value.
type deflate struct {
	serverNoContextTakeover bool
	clientNoContextTakeover bool
	serverBits              uint8
	clientBits              uint8
}

const anyBits = 16

// parseDeflate reads the parameters of RFC 7692 7.1. It reports false when one
// is unknown, repeated, or has a value that it must not have.
func parseDeflate(params []param, isOffer bool) (d deflate, ok bool) {
	for _, p := range params {
		switch p.name {
		case "server_no_context_takeover":
			if p.hasValue || d.serverNoContextTakeover {
				return d, false
			}
			d.serverNoContextTakeover = true

		case "client_no_context_takeover":
			if p.hasValue || d.clientNoContextTakeover {
				return d, false
			}
			d.clientNoContextTakeover = true

		case "server_max_window_bits":
			bits, ok := parseBits(p.value)
			if !ok || d.serverBits != 0 {
				return d, false
			}
			d.serverBits = bits

		case "client_max_window_bits":
			bits, ok := parseBits(p.value)
			if isOffer && !p.hasValue {
				bits, ok = anyBits, true
			}
			if !ok || d.clientBits != 0 {
				return d, false
			}
			d.clientBits = bits

		default:
			return d, false
		}
	}
	return d, true
}

// parseBits reads a window size: 8 to 15 in decimal without leading zeros.
func parseBits(s string) (uint8, bool) {
	switch {
	case len(s) == 1 && (s[0] == '8' || s[0] == '9'):
		return s[0] - '0', true
	case len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5':
		return 10 + s[1] - '0', true
	}
	return 0, false
}

// accepts reports whether a may answer o.
//
// A server may add either no_context_takeover by itself (RFC 7692 7.1.1), may
// limit its own window unasked, and may ignore the value of the client's hint
// (7.1.2.2). One that leaves out a requested server_max_window_bits breaks
// 7.1.2.1, but widely used servers do and their clients accept it; a window of
// 15 bits decodes whatever they send.
func (a *deflate) accepts(o *deflate) bool {
	if o.serverNoContextTakeover && !a.serverNoContextTakeover {
		return false
	}
	if o.serverBits != 0 && a.serverBits > o.serverBits {
		return false
	}
	return a.clientBits == 0 || o.clientBits != 0
}

func (a *deflate) negotiate() *ws.Deflate {
	d := &ws.Deflate{
		ServerNoContextTakeover: a.serverNoContextTakeover,
		ClientNoContextTakeover: a.clientNoContextTakeover,
		ServerMaxWindowBits:     15,
		ClientMaxWindowBits:     15,
	}
	if a.serverBits != 0 {
		d.ServerMaxWindowBits = a.serverBits
	}
	if a.clientBits != 0 {
		d.ClientMaxWindowBits = a.clientBits
	}
	return d
}

// parseExtensions reads the grammar of RFC 6455 9.1. Empty list elements are
// skipped, as HTTP lists allow. It reports false when s does not conform.
func parseExtensions(s string) ([]extension, bool) {
	var list []extension
	for {
		s = skipSpace(s)
		switch {
		case s == "":
			return list, true
		case s[0] == ',':
			s = s[1:]
			continue
		}

		var e extension
		if e.name, s = token(s); e.name == "" {
			return nil, false
		}
		for s = skipSpace(s); s != "" && s[0] == ';'; s = skipSpace(s) {
			var p param
			var ok bool
			if p, s, ok = parseParam(s[1:]); !ok {
				return nil, false
			}
			e.params = append(e.params, p)
		}
		if s != "" && s[0] != ',' {
			return nil, false
		}
		list = append(list, e)
	}
}

func parseParam(s string) (p param, rest string, ok bool) {
	p.name, s = token(skipSpace(s))
	if p.name == "" {
		return p, s, false
	}
	rest = skipSpace(s)
	if rest == "" || rest[0] != '=' {
		return p, rest, true
	}

	p.hasValue = true
	rest = skipSpace(rest[1:])
	if rest == "" || rest[0] != '"' {
		p.value, rest = token(rest)
		return p, rest, p.value != ""
	}
	p.value, rest, ok = unquote(rest[1:])
	return p, rest, ok
}

// unquote reads a quoted-string behind its opening quote. What it holds has to
// be a token (RFC 6455 9.1).
func unquote(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], b.Len() > 0
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		if !isToken(s[i]) {
			break
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func token(s string) (tok, rest string) {
	n := 0
	for n < len(s) && isToken(s[n]) {
		n++
	}
	return s[:n], s[n:]
}

// isToken reports whether c may stand in an HTTP token (RFC 9110 5.6.2).
func isToken(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t") }
