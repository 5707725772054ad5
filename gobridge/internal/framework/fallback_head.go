package framework

import (
	"strings"

	"wsi/gobridge/internal/format"
)

// Head visits the values that a request carries beside its body: the arguments
// of its query, its cookies, and those headers that carry text.
func (x *Exchange) Head(q *Request, w *format.Walker, out *Out) {
	v := head{w: w, out: out}
	v.query(q.Target)
	if x.kind == exchangeBayeux {
		query(q.Target, func(key, value string) bool {
			if key == "message" {
				x.messages(0).Decode(Message{Payload: []byte(value)}, w, out)
			}
			return false
		})
	}
	for i := range q.Fields {
		f := &q.Fields[i]
		name := strings.ToLower(f.Name)
		switch {
		case name == "cookie":
			v.cookies(f.Value)
		case carriesText(name, f.Value):
			v.visit(member("$header", name), location(name, f.Value))
		}
	}
	out.Record(Envelope{Framework: x.Framework, Format: "text"})
}

// location is the part of a header's value to be judged. The page that the
// request comes from may well be on a host inside: that is no address in an
// attack.
func location(name, value string) string {
	if name != "origin" && name != "referer" {
		return value
	}
	if name == "origin" && isOrigin(value) {
		return ""
	}
	rest := value
	for _, scheme := range []string{"http://", "https://"} {
		rest = strings.TrimPrefix(rest, scheme)
	}
	if len(rest) == len(value) {
		return value
	}
	return strings.TrimLeft(rest, hostBytes)
}

// isOrigin reports whether value is a scheme and a host (RFC 6454 7.1), or a
// scheme alone as pages of a device have it.
func isOrigin(value string) bool {
	scheme, host, ok := strings.Cut(value, "://")
	return ok && strings.Trim(scheme, schemeBytes) == "" && strings.Trim(host, hostBytes) == ""
}

const (
	schemeBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-"
	hostBytes   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"
)

type head struct {
	w   *format.Walker
	out *Out
}

func (v *head) visit(path, value string) {
	if value != "" {
		v.w.Walk([]byte(value), format.Root{Path: path}, v.out.Visit)
	}
}

func (v *head) query(target string) {
	target, _, _ = strings.Cut(target, "#")
	_, rest, _ := strings.Cut(target, "?")
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(strings.ReplaceAll(pair, "+", " "), "=")
		v.pair("$query", percentDecode(name), percentDecode(value))
	}
}

// pair visits a value, and its name if it is no usual one.
func (v *head) pair(root, name, value string) {
	if !isName(name) && name != "" {
		v.visit(root+"~", name)
	}
	v.visit(member(root, name), value)
}

func (v *head) cookies(list string) {
	for list != "" {
		var pair string
		pair, list, _ = strings.Cut(list, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		v.pair("$cookie", percentDecode(name), percentDecode(strings.Trim(value, `"`)))
	}
}

// member is a path in JSONPath's notation.
func member(root, name string) string {
	const maxMember = 64
	if name == "" {
		return root
	}
	name = name[:min(len(name), maxMember)]
	if isName(name) && strings.IndexByte(name, '-') < 0 && strings.IndexByte(name, '.') < 0 {
		return root + "." + name
	}
	return root + "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "']"
}

// isName reports whether s has nothing to look for.
func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return s != ""
}

// carriesText reports whether a header may carry text of an application. Those
// that speak of the connection, of caches, or of what a browser can do, hold
// what no application shows, and look like attacks now and then.
func carriesText(name, value string) bool {
	switch name {
	case "connection", "upgrade", "host", "content-length", "content-type", "content-encoding", "transfer-encoding",
		"cache-control", "pragma", "te", "trailer", "keep-alive", "proxy-connection", "expect", "date", "dnt", "priority",
		"range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "max-forwards",
		"upgrade-insecure-requests", "sec-gpc", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions":
		return false
	case "user-agent":
		return strings.IndexByte(value, '<') >= 0
	}
	return !strings.HasPrefix(name, "accept") && !strings.HasPrefix(name, "sec-fetch-") && !strings.HasPrefix(name, "sec-ch-")
}
