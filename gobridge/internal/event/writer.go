package event

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"wsi/gobridge/internal/ws"
)

// writer appends JSON. A key is "" inside an array.
type writer struct {
	b []byte
}

// key starts a member: a comma when it is not the first, and its name.
func (w *writer) key(name string) {
	if n := len(w.b); n > 0 {
		switch w.b[n-1] {
		case '{', '[', '\n':
		default:
			w.b = append(w.b, ',')
		}
	}
	if name != "" {
		w.b = append(w.b, '"')
		w.b = append(w.b, name...)
		w.b = append(w.b, '"', ':')
	}
}

func (w *writer) object(name string) {
	w.key(name)
	w.b = append(w.b, '{')
}

func (w *writer) array(name string) {
	w.key(name)
	w.b = append(w.b, '[')
}

func (w *writer) end(bracket byte) { w.b = append(w.b, bracket) }

func (w *writer) line() []byte { return append(w.b, '}', '\n') }

func (w *writer) int(name string, n int64) {
	w.key(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) bool(name string, v bool) {
	w.key(name)
	w.b = strconv.AppendBool(w.b, v)
}

// text writes s, cut with an ellipsis to limit bytes of escaped text.
func (w *writer) text(name, s string, limit int) {
	w.key(name)
	w.b = append(w.b, '"')
	mark := len(w.b)
	var n int
	if w.b, n = appendEscaped(w.b, s, limit); n < len(s) {
		w.b, _ = appendEscaped(w.b[:mark], s, limit-len("…"))
		w.b = append(w.b, "…"...)
	}
	w.b = append(w.b, '"')
}

func (w *writer) optional(name, s string, limit int) {
	if s != "" {
		w.text(name, s, limit)
	}
}

func (w *writer) base64(name string, p []byte) {
	w.key(name)
	w.b = append(w.b, '"')
	w.b = base64.StdEncoding.AppendEncode(w.b, p)
	w.b = append(w.b, '"')
}

// common writes what every event begins with.
func (w *writer) common(m *Meta, message string) { w.commonAt(m, "warning", message) }

func (w *writer) commonAt(m *Meta, level, message string) {
	w.key("@timestamp")
	w.b = m.Now.UTC().AppendFormat(w.b, `"2006-01-02T15:04:05.000Z"`)
	w.text("message", message, maxURL)
	w.object("log")
	w.text("level", level, maxName)
	w.end('}')
	w.object("ecs")
	w.text("version", "8.17.0", maxName)
	w.end('}')
}

// event writes ECS's event object; severity below 0 is left out.
func (w *writer) event(dataset, action string, severity int) {
	w.object("event")
	w.text("kind", "alert", maxName)
	w.array("category")
	w.text("", "intrusion_detection", maxName)
	w.text("", "web", maxName)
	w.end(']')
	w.array("type")
	if action == Blocked {
		w.text("", "denied", maxName)
	} else {
		w.text("", "allowed", maxName)
	}
	w.end(']')
	w.text("action", action, maxName)
	w.id()
	if severity >= 0 {
		w.int("severity", int64(severity))
	}
	w.text("module", "wallarm_websocket", maxName)
	w.text("dataset", dataset, maxName)
	w.end('}')
}

func (w *writer) id() {
	var id [16]byte
	rand.Read(id[:]) // never fails
	w.text("id", hex.EncodeToString(id[:]), maxName)
}

// connection writes who spoke with whom. The source is the client in both
// directions, so that who bans by source.ip never bans the server.
func (w *writer) connection(m *Meta, h *head, d ws.Direction, x *Exchange) {
	w.endpoint("source", m.RemoteAddr, m.RemotePort)
	w.endpoint("client", m.RemoteAddr, 0)
	w.endpoint("destination", m.LocalAddr, m.LocalPort)
	if isIP(m.RemoteAddr) {
		w.object("related")
		w.array("ip")
		w.text("", m.RemoteAddr, maxName)
		w.end(']')
		w.end('}')
	}

	path, query := splitQuery(h.target)
	w.object("url")
	w.text("scheme", scheme(m, x), maxName)
	w.optional("domain", domain(m, h), maxName)
	w.text("path", path, maxURL)
	w.optional("query", query, maxURL)
	w.end('}')

	w.object("network")
	if x == nil {
		w.text("protocol", "websocket", maxName)
	} else {
		w.text("protocol", "http", maxName)
	}
	w.text("transport", "tcp", maxName)
	if d == ws.FromClient {
		w.text("direction", "inbound", maxName)
	} else {
		w.text("direction", "outbound", maxName)
	}
	w.optional("community_id", communityID(m), maxName)
	w.end('}')

	w.object("observer")
	w.text("product", "wallarm_websocket", maxName)
	w.text("type", "waf", maxName)
	w.optional("version", m.EngineVersion, maxName)
	w.optional("hostname", m.Hostname, maxName)
	w.end('}')

	w.object("service")
	w.text("type", "nginx", maxName)
	w.optional("name", m.ServerName, maxName)
	w.optional("version", m.NginxVersion, maxName)
	w.end('}')

	if h.userAgent != "" {
		w.object("user_agent")
		w.text("original", h.userAgent, maxMatch)
		w.end('}')
	}
	if m.RemoteUser != "" {
		w.object("user")
		w.text("name", m.RemoteUser, maxName)
		w.end('}')
	}
}

// endpoint writes an ECS ip only where there is one: a unix socket has none.
func (w *writer) endpoint(name, addr string, port int) {
	if addr == "" {
		return
	}
	w.object(name)
	if isIP(addr) {
		w.text("ip", addr, maxName)
	} else {
		w.text("address", addr, maxName)
	}
	if port != 0 {
		w.int("port", int64(port))
	}
	w.end('}')
}

// http writes the handshake or the request; body is left out when length is
// below 0, and an unknown status when it is 0.
func (w *writer) http(m *Meta, h *head, status int, body []byte, length int) {
	w.object("http")
	w.optional("version", h.version, maxName)
	w.object("request")
	w.optional("method", h.method, maxName)
	w.optional("id", m.RequestID, maxName)
	if length >= 0 {
		w.object("body")
		w.text("content", string(body), maxText)
		w.int("bytes", int64(length))
		w.end('}')
	}
	w.end('}')
	if status != 0 {
		w.object("response")
		w.int("status_code", int64(status))
		w.end('}')
	}
	w.end('}')
}

// appendEscaped appends s as the inside of a JSON string, as far as limit
// bytes take it, and returns how much of s it took. Broken UTF-8 becomes
// U+FFFD; controls and characters that reorder a terminal's line are escaped.
func appendEscaped(dst []byte, s string, limit int) ([]byte, int) {
	const digits = "0123456789abcdef"
	end := len(dst) + limit
	for i := 0; i < len(s); {
		plain := i // nearly all is
		for plain < len(s) && s[plain] >= ' ' && s[plain] <= '~' && s[plain] != '"' && s[plain] != '\\' {
			plain++
		}
		if plain > i {
			n := min(plain-i, max(end-len(dst), 0))
			dst = append(dst, s[i:i+n]...)
			if i += n; i < plain {
				return dst, i
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		var buf [6]byte
		esc := buf[:0]
		switch {
		case r == '"' || r == '\\':
			esc = append(esc, '\\', byte(r))
		case r == '\n':
			esc = append(esc, `\n`...)
		case r == '\r':
			esc = append(esc, `\r`...)
		case r == '\t':
			esc = append(esc, `\t`...)
		case r < ' ', r >= 0x7f && r <= 0x9f,
			r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			esc = append(esc, '\\', 'u', digits[r>>12], digits[r>>8&15], digits[r>>4&15], digits[r&15])
		default:
			esc = utf8.AppendRune(esc, r)
		}
		if len(dst)+len(esc) > end {
			return dst, i
		}
		dst = append(dst, esc...)
		i += n
	}
	return dst, len(s)
}

// appendPlain appends s in printable ASCII, at most limit bytes.
func appendPlain(dst []byte, s string, limit int) []byte {
	const digits = "0123456789ABCDEF"
	end := len(dst) + limit - len("...")
	for i := range len(s) {
		if len(dst) > end-len(`\xHH`) {
			return append(dst, "..."...)
		}
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\':
			dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func appendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
