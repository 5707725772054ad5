// Package event writes what happened as one line of ECS 8 JSON, and as one
// line of error_log. schema.json is the contract of the former.
//
// A line is at most MaxLine bytes: every text has a bound, counted after
// escaping, and the payload is shown as a window around what matched.
package event

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/ws"
)

// MaxLine bounds one event line in bytes, its newline included.
const MaxLine = 64 << 10

// DefaultPayload is how much of a payload an event holds, in bytes, and
// MaxPayload what it may be told to hold. A line is longer by the base64 of what
// is over the default.
const (
	DefaultPayload = 8 << 10
	MaxPayload     = 1 << 20
)

// The bounds below are bytes of escaped text; together they stay under MaxLine.
const (
	maxID      = 64
	maxName    = 256
	maxMatch   = 512
	maxURL     = 2 << 10
	maxHeaders = 6 << 10
	maxText    = 10 << 10
	maxHits    = 8 // findings listed

	maxException = 6 << 10
	maxPoint     = 16 // steps of a point
)

// maxLogLine bounds the error_log line: NGINX appends the client, the request
// and the host, and cuts the whole at 2048 bytes.
const maxLogLine = 1000

// The values of event.action.
const (
	Blocked   = "blocked"   // an attack or a violation ended the connection
	Monitored = "monitored" // block mode would have ended it
	Logged    = "logged"    // a violation that the peers have to settle
	Ignored   = "ignored"   // an exception is for it
)

// Meta is what all events of one connection share. Empty fields are left out.
type Meta struct {
	// Request is the request line and the header lines as received.
	Request []byte

	RemoteAddr string
	RemotePort int
	LocalAddr  string
	LocalPort  int
	TLS        bool

	ServerName    string
	RequestID     string
	RemoteUser    string
	Hostname      string
	ConnectionID  string
	NginxVersion  string
	EngineVersion string

	Now time.Time

	Redact *Redaction
}

// Options are those of one log.
type Options struct {
	Payload int // bytes of payload in a line; 0: none, and nothing else of it
	Hits    int // events that the line stands for
}

// Default are the options of a log of which nothing is said.
var Default = Options{Payload: DefaultPayload, Hits: 1}

// Hit is one finding and where it was.
type Hit struct {
	detect.Finding
	Path  string // JSONPath of the field
	Event string // that its application message is
	Match []byte // the matched span of the field's value
	Shown []byte // instead of it, where something in it is hidden
}

// Attack is one message that was judged an attack.
type Attack struct {
	Direction   ws.Direction
	Opcode      ws.Opcode
	MessageNo   uint64 // data messages of the direction, from 0
	Frames      int
	Compressed  bool
	Framework   string
	Event       string // name the application dispatches on
	Format      string // "json", "text", "binary" or ""
	Subprotocol string

	// Payload is the inflated payload, or a part of it as Redaction.Excerpt
	// gives. It may be longer than a log has room for: the event takes the part
	// around the match.
	Payload       []byte
	PayloadOffset int // where Payload begins in the whole
	PayloadLen    int // of the whole, when Payload is a part

	Redacted  bool  // something of the payload is hidden
	Hits      []Hit // at least one; the first of the highest score leads
	Score     int
	Threshold int
	Exception string // the directives that would have let it pass, or ""
	Action    string // Blocked, Monitored or Ignored
	CloseCode ws.CloseCode
	Exchange  *Exchange // of a request
}

// Exchange is an HTTP request instead of a WebSocket message.
type Exchange struct {
	Transport string // "handshake", "polling", "xhr_send", ...
	Head      bool   // Payload is of the head: it is one value
	Status    int    // HTTP status when the request was refused, else 0
}

// Violation is one broken MUST or exceeded limit.
type Violation struct {
	Direction ws.Direction
	MessageNo uint64
	Violation ws.Violation
	Action    string // Blocked, Monitored or Logged
	Status    int    // HTTP status when the handshake was refused, else 0
	Message   bool   // of Blocked: only the message was dropped
	Exchange  *Exchange
	Value     string       // that is not allowed; of the handshake, redacted
	CloseCode ws.CloseCode // 0: that of the violation
}

// Lead is the hit that names the attack.
func (a *Attack) Lead() *Hit { return leading(a.Hits) }

func leading(hits []Hit) *Hit {
	best := &Hit{}
	for i := range hits {
		if i == 0 || hits[i].Score > best.Score {
			best = &hits[i]
		}
	}
	return best
}

// AppendAttack appends a as one line to dst.
func AppendAttack(dst []byte, m *Meta, a *Attack, o *Options) []byte {
	h := parseHead(m.Request, m.Redact)
	hit := a.Lead()
	length := max(a.PayloadLen, a.PayloadOffset+len(a.Payload))
	lo, hi := Window(a.Payload, hit.Match, o.Payload)
	part := a.Payload[lo:hi]
	text := textWindow(part, hit.Match)
	redacted := a.Redacted
	shown := func(h *Hit) string {
		if o.Payload == 0 {
			return ""
		}
		match := m.Redact.show(h)
		redacted = redacted || !bytes.Equal(match, h.Match)
		return string(match)
	}

	w := writer{b: dst}
	w.object("")
	w.common(m,
		protocolName(a.Exchange)+" "+hit.Type+" attack "+a.Action+preposition(a.Direction)+m.RemoteAddr+" on "+
			where(m, &h)+" (rule "+hit.Rule+" at "+hit.Path+")")
	dataset := "wallarm_websocket.attack"
	if a.Action == Ignored {
		dataset = "wallarm_websocket.ignored"
	}
	w.event(dataset, a.Action, max(a.Score, 0))

	w.object("rule")
	w.text("id", hit.Rule, maxID)
	w.text("name", hit.Name, maxName)
	w.text("category", hit.Type, maxID)
	if isCRS(hit.Rule) {
		w.text("ruleset", "OWASP_CRS", maxName)
		w.text("version", CRSVersion, maxName)
	}
	w.end('}')

	w.connection(m, &h, a.Direction, a.Exchange)
	status := 101
	if a.Exchange != nil {
		status = a.Exchange.Status
	}
	w.http(m, &h, status, text, length)

	w.object("wallarm")
	w.object("attack")
	w.text("type", hit.Type, maxID)
	w.array("point")
	for _, p := range point(a, hit.Path) {
		w.text("", p, maxID)
	}
	w.end(']')
	w.text("path", hit.Path, maxName)
	w.text("match", shown(hit), maxMatch)
	if at := bytes.Index(a.Payload, hit.Match); at >= 0 && len(hit.Match) > 0 && o.Payload > 0 {
		w.int("match_offset", int64(a.PayloadOffset+at))
		w.int("match_bytes", int64(len(hit.Match)))
	}
	w.int("score", int64(a.Score))
	w.int("threshold", int64(a.Threshold))
	w.end('}')

	w.array("findings")
	for i := range min(len(a.Hits), maxHits) {
		f := &a.Hits[i]
		w.object("")
		w.text("type", f.Type, maxID)
		w.text("rule", f.Rule, maxID)
		w.text("path", f.Path, maxName)
		w.text("match", shown(f), maxName)
		w.int("score", int64(f.Score))
		w.end('}')
	}
	w.end(']')
	w.int("findings_total", int64(len(a.Hits)))

	w.object("websocket")
	w.optional("connection_id", m.ConnectionID, maxName)
	w.int("message_no", int64(a.MessageNo))
	w.text("direction", directionName(a.Direction), maxName)
	if a.Exchange != nil {
		w.text("transport", a.Exchange.Transport, maxName)
	} else {
		w.text("opcode", a.Opcode.String(), maxName)
		w.int("fragments", int64(a.Frames))
	}
	w.bool("compressed", a.Compressed)
	w.optional("framework", a.Framework, maxName)
	w.optional("event_name", a.Event, maxName)
	w.optional("format", a.Format, maxName)
	w.optional("subprotocol", m.Redact.subprotocols(a.Subprotocol), maxName)
	if a.CloseCode != 0 {
		w.int("close_code", int64(a.CloseCode))
	}
	w.end('}')

	w.text("chain", chain(a, hit.Path), maxName)
	w.optional("ignore", a.Exception, maxException)
	w.base64("payload_base64", part)
	w.int("payload_offset", int64(a.PayloadOffset+lo))
	w.bool("truncated", len(part) < length)
	if redacted {
		w.bool("redacted", true)
	}
	w.int("hits", int64(o.Hits))
	w.text("request", requestText(&h, a, length, text), maxURL+maxHeaders+maxText+maxName)
	w.end('}')
	return w.line()
}

// chain is what the value was in, from the outside: frames, framework, format,
// and what the path names behind each ">".
func chain(a *Attack, path string) string {
	var b strings.Builder
	switch {
	case a.Exchange != nil:
		b.WriteString("HTTP " + a.Exchange.Transport)
	case a.Frames > 1:
		b.WriteString(strconv.Itoa(int(a.Frames)) + " frames " + a.Opcode.String())
	default:
		b.WriteString("frame " + a.Opcode.String())
	}
	if a.Compressed {
		b.WriteString(" (permessage-deflate)")
	}
	if a.Framework != "" && a.Framework != "none" {
		b.WriteString(" > " + a.Framework)
		if a.Event != "" {
			b.WriteString(" " + strconv.Quote(a.Event[:min(len(a.Event), maxName)]))
		}
	}
	if a.Format != "" {
		b.WriteString(" > " + a.Format)
	}
	_, inside, _ := strings.Cut(path, ">")
	for part := range strings.SplitSeq(inside, ">") {
		if i := strings.IndexAny(part, ".["); i >= 0 {
			part = part[:i]
		}
		if part != "" {
			b.WriteString(" > " + part)
		}
	}
	return b.String()
}

// AppendViolation appends v as one line to dst.
func AppendViolation(dst []byte, m *Meta, v *Violation, o *Options) []byte {
	h := parseHead(m.Request, m.Redact)
	status := v.Status
	if status == 0 && v.Exchange == nil {
		status = 101
	}
	reason := v.Violation.String()
	if s := v.Violation.Section(); s != "" {
		reason += " (" + s + ")"
	}

	w := writer{b: dst}
	w.object("")
	w.common(m,
		protocolName(v.Exchange)+" violation "+reason+" "+v.Action+preposition(v.Direction)+m.RemoteAddr+" on "+where(m, &h))
	w.event("wallarm_websocket.violation", v.Action, -1)
	w.connection(m, &h, v.Direction, v.Exchange)
	w.http(m, &h, status, nil, -1)

	w.object("wallarm")
	w.object("violation")
	w.text("token", v.Violation.String(), maxName)
	w.optional("section", v.Violation.Section(), maxName)
	w.optional("value", v.Value, maxName)
	w.end('}')
	w.object("websocket")
	w.optional("connection_id", m.ConnectionID, maxName)
	w.int("message_no", int64(v.MessageNo))
	w.text("direction", directionName(v.Direction), maxName)
	if v.Exchange != nil {
		w.text("transport", v.Exchange.Transport, maxName)
	} else if c := v.closeCode(); c != 0 && v.Action == Blocked && !v.Message {
		w.int("close_code", int64(c))
	}
	w.end('}')
	w.int("hits", int64(o.Hits))
	w.end('}')
	return w.line()
}

func (v *Violation) closeCode() ws.CloseCode {
	if v.CloseCode != 0 {
		return v.CloseCode
	}
	return v.Violation.CloseCode()
}

// AppendAttackLogLine appends the error_log line of a to dst, without a newline.
// Bytes outside printable ASCII stand as \xHH, as in NGINX's own logs.
func AppendAttackLogLine(dst []byte, m *Meta, a *Attack) []byte {
	hit := a.Lead()
	dst = appendSubject(dst, a.Exchange)
	dst = appendPlain(dst, hit.Type, 32)
	dst = append(dst, " attack "...)
	dst = append(dst, a.Action...)
	dst = append(dst, ", rule "...)
	dst = appendPlain(dst, hit.Rule, 32)
	if a.Direction == ws.FromServer {
		dst = append(dst, ", from server"...)
	}
	if a.Event != "" {
		dst = append(dst, `, event "`...)
		dst = append(appendPlain(dst, a.Event, 128), '"')
	}
	dst = append(dst, `, path "`...)
	dst = append(appendPlain(dst, hit.Path, 256), '"')
	if a.Exchange == nil {
		dst = append(dst, ", message "...)
		dst = appendUint(dst, a.MessageNo)
	}
	dst = append(dst, `, match "`...)
	return append(appendPlain(dst, string(m.Redact.show(hit)), 400), '"')
}

// AppendViolationLogLine appends the error_log line of v to dst, without a
// newline.
func AppendViolationLogLine(dst []byte, v *Violation) []byte {
	dst = appendSubject(dst, v.Exchange)
	dst = append(dst, "violation "...)
	dst = append(dst, v.Violation.String()...)
	if s := v.Violation.Section(); s != "" {
		dst = append(dst, " ("+s+")"...)
	}
	dst = append(dst, ' ')
	dst = append(dst, v.Action...)
	if v.Direction == ws.FromServer {
		dst = append(dst, ", from server"...)
	}
	if v.Value != "" {
		dst = append(dst, `, value "`...)
		dst = append(appendPlain(dst, v.Value, 400), '"')
	}
	if v.Exchange != nil {
		return dst
	}
	dst = append(dst, ", message "...)
	return appendUint(dst, v.MessageNo)
}

func appendSubject(dst []byte, x *Exchange) []byte {
	dst = append(dst, "wallarm: "...)
	if x == nil {
		return append(dst, "websocket "...)
	}
	return append(append(dst, x.Transport...), ' ')
}

func protocolName(x *Exchange) string {
	if x == nil {
		return "WebSocket"
	}
	return "HTTP " + x.Transport
}

// preposition says how the client took part.
func preposition(d ws.Direction) string {
	if d == ws.FromClient {
		return " from "
	}
	return " to "
}

func directionName(d ws.Direction) string {
	if d == ws.FromClient {
		return "client_to_server"
	}
	return "server_to_client"
}

// CRSVersion is that of the OWASP CRS that rules are from.
const CRSVersion = "4.x"

// isCRS reports whether a rule id is one of the OWASP CRS.
func isCRS(id string) bool { return len(id) == 6 && id[0] == '9' }
