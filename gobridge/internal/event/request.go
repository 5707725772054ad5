package event

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"wsi/gobridge/internal/ws"
)

const redacted = "[redacted]"

// head is the handshake request, redacted.
type head struct {
	method    string
	target    string
	version   string // "1.1"
	host      string
	origin    string
	userAgent string
	others    []string // "Name: value", in order
}

// parseHead reads the request line and header lines, redacting as it goes:
// what is secret is in no field of the result. Broken lines are left out, and
// so are continuation lines, which could carry on a secret one.
func parseHead(request []byte, r *Redaction) head {
	var h head
	line, rest, _ := strings.Cut(string(request), "\n")
	part := strings.Fields(line)
	if len(part) > 0 {
		h.method = part[0]
	}
	if len(part) > 1 {
		h.target = r.url(part[1])
	}
	if len(part) > 2 {
		h.version = strings.TrimPrefix(part[2], "HTTP/")
	}

	for rest != "" {
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || name[0] == ' ' || name[0] == '\t' {
			continue
		}
		name = strings.TrimSpace(name)
		value = strings.TrimSpace(value)
		switch lower := strings.ToLower(name); lower {
		case "host":
			h.host = value
		case "origin":
			h.origin = r.url(value)
		case "connection", "upgrade", "sec-websocket-key", "keep-alive", "proxy-connection",
			"te", "trailer", "transfer-encoding", "content-length", "content-type":
			// They speak of the connection or of the handshake's own body.
		case "referer":
			h.others = append(h.others, name+": "+r.url(value))
		case "sec-websocket-protocol":
			h.others = append(h.others, name+": "+r.subprotocols(value))
		default:
			if r.secretName(lower) {
				value = redacted
			}
			value = r.cards(value)
			if lower == "user-agent" {
				h.userAgent = value
			}
			h.others = append(h.others, name+": "+value)
		}
	}
	return h
}

// url hides the userinfo and the values of secret query arguments.
func (r *Redaction) url(s string) string {
	if r.off() {
		return s
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok && !strings.ContainsAny(scheme, "/?") {
		authority, tail := rest, ""
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			authority, tail = rest[:i], rest[i:]
		}
		if i := strings.LastIndexByte(authority, '@'); i >= 0 {
			authority = redacted + authority[i:]
		}
		s = scheme + "://" + authority + tail
	}

	path, query, ok := strings.Cut(s, "?")
	if !ok {
		return s
	}
	var b strings.Builder
	b.WriteString(path)
	sep := byte('?')
	for {
		arg, next := query, byte(0)
		if i := strings.IndexAny(query, "&;"); i >= 0 {
			arg, next, query = query[:i], query[i], query[i+1:]
		}
		b.WriteByte(sep)
		name, _, hasValue := strings.Cut(arg, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if hasValue && r.secretName(strings.ToLower(plain)) {
			arg = name + "=" + redacted
		}
		arg = r.cards(arg)
		b.WriteString(arg)
		if next == 0 {
			return b.String()
		}
		sep = next
	}
}

// cards hides the numbers of cards in a query argument or a header field.
func (r *Redaction) cards(s string) string {
	if r != nil && (r.Off || r.Cards) {
		return s
	}
	p := []byte(s)
	for i, c := range p {
		if c == '+' {
			p[i] = ' '
		}
	}
	if !maskCards(p, false) {
		return s
	}
	for i := range p {
		if s[i] == '+' {
			p[i] = '+'
		}
	}
	return string(p)
}

// subprotocols hides the elements that are too long for a name, and those behind
// one that says what they are: browsers cannot set Authorization, so that tokens
// travel here.
func (r *Redaction) subprotocols(list string) string {
	if r.off() {
		return list
	}
	part := strings.Split(list, ",")
	named := false
	for i, s := range part {
		s = strings.TrimSpace(s)
		part[i] = s
		if named || len(s) > 40 {
			part[i] = redacted
		}
		lower := strings.ToLower(s)
		named = !named && (lower == "bearer" || r.secretName(lower))
	}
	return strings.Join(part, ", ")
}

// HandshakeValue is what of a handshake is not allowed where v is the
// violation; get has the values of a header.
func (r *Redaction) HandshakeValue(v ws.Violation, get func(name string) string) string {
	switch v {
	case ws.HandshakeUpgradeNotWebSocket:
		return get("upgrade")
	case ws.HandshakeOriginDenied:
		return r.url(get("origin"))
	case ws.HandshakeSubprotocolDenied:
		return r.subprotocols(get("sec-websocket-protocol"))
	case ws.HandshakeExtensionDenied:
		return get("sec-websocket-extensions")
	}
	return ""
}

// requestText is the message in the shape of an HTTP request, with the
// protocol in its first line. Of a request whose head is the attack there is no
// body.
func requestText(h *head, a *Attack, length int, body []byte) string {
	var b strings.Builder
	if a.Exchange == nil {
		b.WriteString("POST " + cut(h.target, maxURL) + " WEBSOCKET/13\r\n")
	} else {
		b.WriteString(cut(h.method, maxID) + " " + cut(h.target, maxURL) + " HTTP/" + cut(h.version, maxID) + "\r\n")
	}

	left := maxHeaders
	add := func(line string) {
		e, n := appendEscaped(nil, line, left-len(`\r\n`))
		if n == len(line) {
			left -= len(e) + len(`\r\n`)
			b.WriteString(line + "\r\n")
		}
	}
	add("Host: " + h.host)
	if h.origin != "" {
		add("Origin: " + h.origin)
	}
	for _, line := range h.others {
		add(line)
	}

	if a.Exchange != nil && a.Exchange.Head {
		b.WriteString("\r\n")
		return b.String()
	}
	b.WriteString("Content-Type: " + contentType(a) + "\r\n")
	b.WriteString("Content-Length: " + strconv.Itoa(length) + "\r\n\r\n")
	b.Write(body)
	return b.String()
}

func contentType(a *Attack) string {
	switch {
	case a.Format == "json":
		return "application/json"
	case a.Format == "text", a.Format == "" && a.Opcode == ws.OpText:
		return "text/plain"
	}
	return "application/octet-stream"
}

// cut shortens s to limit bytes of escaped text.
func cut(s string, limit int) string {
	_, n := appendEscaped(nil, s, limit)
	return s[:n]
}

// Window returns the part of p, at most size bytes, that shows match, which p
// may hold in an escaped form.
func Window(p, match []byte, size int) (lo, hi int) {
	if len(p) <= size {
		return 0, len(p)
	}
	at, n := locate(p, match)
	lo = max(0, at-max(0, size-n)/2)
	lo = min(lo, len(p)-size)
	return lo, lo + size
}

// locate finds match in p: as it is, escaped as JSON writes it, or its longest
// run of letters and digits, which no escaping changes.
func locate(p, match []byte) (at, n int) {
	escaped, _ := appendEscaped(nil, string(match), 6*len(match))
	for _, m := range [][]byte{match, escaped, longestRun(match)} {
		if len(m) > 0 {
			if i := bytes.Index(p, m); i >= 0 {
				return i, len(m)
			}
		}
	}
	return 0, 0
}

func longestRun(s []byte) []byte {
	var best []byte
	for _, run := range bytes.FieldsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}) {
		if len(run) > len(best) {
			best = run
		}
	}
	return best
}

// textWindow narrows part until its escaped text has at most maxText bytes.
func textWindow(part, match []byte) []byte {
	for size := len(part); ; size -= size/4 + 1 {
		lo, hi := Window(part, match, size)
		text := part[lo:hi]
		if _, n := appendEscaped(nil, string(text), maxText); n == len(text) {
			return text
		}
	}
}

// where names the target in the message of an event.
func where(m *Meta, h *head) string {
	path, _ := splitQuery(h.target)
	return cut(domain(m, h), maxName) + cut(path, maxMatch)
}

// splitQuery takes a request target apart; of an absolute one only the path
// counts.
func splitQuery(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if _, rest, ok := strings.Cut(path, "://"); ok && path[0] != '/' {
		_, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	return path, query
}

// domain is the host that the client named, without its port.
func domain(m *Meta, h *head) string {
	host := h.host
	if host == "" {
		return m.ServerName
	}
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return host
}

func scheme(m *Meta, x *Exchange) string {
	s := "ws"
	if x != nil {
		s = "http"
	}
	if m.TLS {
		s += "s"
	}
	return s
}

// point is Wallarm's name of a place: the parsers from outside to inside, then
// the steps of the JSONPath.
func point(a *Attack, path string) []string {
	p := []string{"websocket", "message"}
	if a.Exchange != nil {
		p = []string{"http", "body"}
		if a.Exchange.Head {
			p[1] = "head"
		}
	}
	if a.Format != "" {
		p = append(p, a.Format)
	}
	path = strings.TrimPrefix(path, "$")
	for path != "" && len(p) < maxPoint {
		var step string
		switch {
		case path[0] == '.':
			path = path[1:]
			continue
		case strings.HasPrefix(path, "['"):
			step, path, _ = strings.Cut(path[2:], "']")
		case path[0] == '[':
			step, path, _ = strings.Cut(path[1:], "]")
		default:
			n := strings.IndexAny(path[1:], ".[") + 1
			if n == 0 {
				n = len(path)
			}
			step, path = path[:n], path[n:]
		}
		p = append(p, step)
	}
	return p
}

// communityID is the flow hash that network monitors share, version 1 with
// seed 0; empty without two IP addresses.
func communityID(m *Meta) string {
	src, err := netip.ParseAddr(m.RemoteAddr)
	if err != nil {
		return ""
	}
	dst, err := netip.ParseAddr(m.LocalAddr)
	if err != nil || src.Is4() != dst.Is4() {
		return ""
	}
	a, b := netip.AddrPortFrom(src, uint16(m.RemotePort)), netip.AddrPortFrom(dst, uint16(m.LocalPort))
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	const tcp = 6
	buf := []byte{0, 0}
	buf = append(buf, a.Addr().AsSlice()...)
	buf = append(buf, b.Addr().AsSlice()...)
	buf = append(buf, tcp, 0)
	buf = binary.BigEndian.AppendUint16(buf, a.Port())
	buf = binary.BigEndian.AppendUint16(buf, b.Port())
	sum := sha1.Sum(buf)
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}
