package framework

import (
	"strings"

	"wsi/gobridge/internal/ws"
)

// Request is the head of an HTTP request.
type Request struct {
	Method string
	Target string
	Fields []HeaderField // in order
}

// Clone is q with strings of its own.
func (q *Request) Clone() *Request {
	c := &Request{strings.Clone(q.Method), strings.Clone(q.Target), make([]HeaderField, len(q.Fields))}
	for i, f := range q.Fields {
		c.Fields[i] = HeaderField{strings.Clone(f.Name), strings.Clone(f.Value)}
	}
	return c
}

// HeaderField is one header line.
type HeaderField struct{ Name, Value string }

// Get is the value of the first field of that name, in lower case.
func (q *Request) Get(name string) string {
	for i := range q.Fields {
		if len(q.Fields[i].Name) == len(name) && strings.EqualFold(q.Fields[i].Name, name) {
			return q.Fields[i].Value
		}
	}
	return ""
}

// All joins the values of all fields of that name, in lower case, with ", ".
func (q *Request) All(name string) string {
	var all []string
	for i := range q.Fields {
		if len(q.Fields[i].Name) == len(name) && strings.EqualFold(q.Fields[i].Name, name) {
			all = append(all, q.Fields[i].Value)
		}
	}
	return strings.Join(all, ", ")
}

// Exchange is what an HTTP request is to a framework.
type Exchange struct {
	Framework string // name of a spec, "none" for a handshake
	Transport string // "handshake", "polling", "xhr_send", ...
	// Body says that the request's body is the framework's, too.
	Body bool

	kind     exchange
	protocol byte // of Engine.IO: '3', '4', or 0
	strict   bool // the path says so, too
}

type exchange uint8

const (
	exchangeNone exchange = iota
	exchangeHandshake
	exchangeEngineIO
	exchangeSockJS
	exchangeSignalR
	exchangeClassic
	exchangeBayeux
)

// Exchange says which of the fallback transports q belongs to, or that it is a
// handshake. Frameworks are mounted anywhere, so that the path's end, the
// query's keys, or both tell them, in any case, order and encoding; the
// Content-Type says nothing, since the servers read the body whatever it is.
// Kind is ordinary HTTP otherwise, and ok is false.
func (q *Request) Exchange() (x Exchange, ok bool) {
	if q.handshake() {
		return Exchange{Framework: "none", Transport: "handshake", kind: exchangeHandshake}, true
	}
	p := path(q.Target)
	post := !strings.EqualFold(q.Method, "GET") && !strings.EqualFold(q.Method, "HEAD") && !strings.EqualFold(q.Method, "OPTIONS")
	for _, is := range [...]func(*Request, string, bool) Exchange{engineIOPolling, sockJSPolling, classicPolling, signalRPolling, bayeuxPolling} {
		if x = is(q, p, post); x.kind != exchangeNone {
			x.Body = post
			return x, true
		}
	}
	return x, false
}

// handshake: the configuration may add what the request lacks.
func (q *Request) handshake() bool {
	for i := range q.Fields {
		f := &q.Fields[i]
		switch len(f.Name) {
		case len("upgrade"):
			if strings.EqualFold(f.Name, "upgrade") && strings.EqualFold(f.Value, "websocket") {
				return true
			}
		case len("sec-websocket-key"):
			if strings.EqualFold(f.Name, "sec-websocket-key") {
				return true
			}
		}
	}
	return false
}

// engineIOPolling: the servers insist on transport=polling or take it for
// granted, and the path tells those that are not asked for either.
func engineIOPolling(q *Request, p string, _ bool) (x Exchange) {
	found := containsFold(p, "/socket.io/") || containsFold(p, "/engine.io/")
	query(q.Target, func(key, value string) bool {
		switch {
		case strings.EqualFold(key, "EIO"):
			found = true
			if x.protocol == 0 && len(value) == 1 {
				x.protocol = value[0]
			}
		case strings.EqualFold(key, "transport") && strings.EqualFold(value, "polling"):
			found = true
		}
		return false
	})
	if found {
		x.Framework, x.Transport, x.kind = engineIOSpec.name, "polling", exchangeEngineIO
	}
	return x
}

// sockJSTransports are the last segment of a path, behind those of a server
// and a session.
var sockJSTransports = [...]string{"xhr_send", "jsonp_send", "xhr", "xhr_streaming", "jsonp", "eventsource", "htmlfile"}

func sockJSPolling(_ *Request, p string, _ bool) (x Exchange) {
	last, before := lastSegment(p)
	for _, name := range sockJSTransports {
		if !strings.EqualFold(last, name) {
			continue
		}
		session, before := lastSegment(before)
		server, _ := lastSegment(before)
		if session != "" && server != "" {
			return Exchange{Framework: "sockjs", Transport: name, kind: exchangeSockJS}
		}
	}
	return x
}

// classicPolling is ASP.NET SignalR 2, whose requests end with what they are.
func classicPolling(q *Request, p string, _ bool) (x Exchange) {
	last, _ := lastSegment(p)
	switch strings.ToLower(last) {
	case "negotiate", "connect", "start", "send", "poll", "reconnect", "abort", "ping":
	default:
		return x
	}
	if containsFold(p, "/signalr/") || query(q.Target, func(key, value string) bool {
		return strings.EqualFold(key, "connectionToken") || strings.EqualFold(key, "connectionData") || strings.EqualFold(key, "clientProtocol")
	}) {
		x = Exchange{Framework: "signalr-classic", Transport: strings.ToLower(last), kind: exchangeClassic, strict: true}
	}
	return x
}

// signalRPolling is ASP.NET Core SignalR: its hubs have any path, and every
// request but the first has the token that the server made.
func signalRPolling(q *Request, p string, post bool) (x Exchange) {
	last, _ := lastSegment(p)
	hub := containsFold(p, "hub") || containsFold(p, "signalr") || containsFold(p, "_blazor")
	x = Exchange{Framework: "signalr", Transport: "longPolling", strict: hub}
	sends := q.Get("x-signalr-user-agent") != "" || containsFold(q.Get("user-agent"), "microsoft signalr/") || // not in browsers
		containsFold(q.Get("accept"), "text/event-stream")
	switch {
	case strings.EqualFold(last, "negotiate") && (hub || query(q.Target, func(key, _ string) bool {
		return strings.EqualFold(key, "negotiateVersion")
	})):
		x.Transport, x.kind = "negotiate", exchangeSignalR
	case query(q.Target, func(key, value string) bool {
		return strings.EqualFold(key, "id") && (hub || (post || sends) && isToken(value))
	}):
		if !post && sends && containsFold(q.Get("accept"), "text/event-stream") {
			x.Transport = "serverSentEvents"
		}
		x.kind = exchangeSignalR
	}
	return x
}

// isToken reports whether s may be a connection's id: servers write 16 random
// bytes or more in base64. A UUID is some other thing's.
func isToken(s string) bool {
	if len(s) < 20 || len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', strings.IndexByte("+/-_=. ", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// bayeuxPolling: Bayeux has no query of its own, but for JSONP.
func bayeuxPolling(q *Request, p string, post bool) (x Exchange) {
	x = Exchange{Framework: "bayeux", Transport: "long-polling"}
	if containsFold(p, "faye") || containsFold(p, "cometd") || containsFold(p, "bayeux") {
		x.kind = exchangeBayeux
	}
	if query(q.Target, func(key, value string) bool {
		return key == "message" && strings.HasPrefix(strings.TrimLeft(value, " \t\r\n+"), "[") ||
			key == "message" && strings.HasPrefix(strings.TrimLeft(value, " \t\r\n+"), "{")
	}) && !post {
		x.Transport, x.kind = "callback-polling", exchangeBayeux
	}
	return x
}

// Decoder opens the bodies of one direction.
func (x *Exchange) Decoder(from ws.Direction) Decoder {
	return &body{exchange: *x, from: from, decoder: x.messages(from)}
}

// messages opens the application messages of a body as those of WebSocket.
func (x *Exchange) messages(from ws.Direction) Decoder {
	if x.kind == exchangeEngineIO {
		return &engineIO{}
	}
	for _, s := range registry {
		if s.name == x.Framework {
			return s.decoder(&link{}, from)
		}
	}
	return &named{name: x.Framework}
}

// lastSegment takes the last segment off a path; an empty one does not count.
func lastSegment(p string) (last, before string) {
	p = strings.TrimRight(p, "/")
	i := strings.LastIndexByte(p, '/')
	if i < 0 {
		return p, ""
	}
	return p[i+1:], p[:i]
}

// containsFold is strings.Contains for ASCII in any case; part is in lower
// case.
func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
