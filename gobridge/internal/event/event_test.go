package event

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/ws"
)

//go:embed schema.json
var schemaText string

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schemaText))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	require.NoError(t, c.AddResource("urn:wsi:event", doc))
	s, err := c.Compile("urn:wsi:event")
	require.NoError(t, err)
	return s
}

// decode checks one line against the schema and the promises of the package.
func decode(t testing.TB, line []byte) map[string]any {
	t.Helper()
	require.LessOrEqual(t, len(line), MaxLine)
	require.True(t, utf8.Valid(line))
	require.Equal(t, len(line)-1, bytes.IndexByte(line, '\n'), "one line")
	for _, r := range string(line[:len(line)-1]) {
		require.False(t, r < ' ' || r >= 0x7f && r <= 0x9f, "control %#x in the line", r)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	require.NoError(t, err)
	require.NoError(t, schema(t).Validate(doc))

	var m map[string]any
	require.NoError(t, json.Unmarshal(line, &m))
	return m
}

// at follows a dotted path.
func at(m map[string]any, path string) any {
	var v any = m
	for _, k := range strings.Split(path, ".") {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = o[k]
	}
	return v
}

const chatRequest = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n" +
	"User-Agent: Mozilla/5.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Origin: https://chat.example.com\r\nHost: chat.example.com:8443\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
	"Cookie: session=topsecret1\r\nauthorization: Bearer topsecret2\r\n\r\n"

func chatMeta() *Meta {
	return &Meta{
		Request:    []byte(chatRequest),
		RemoteAddr: "198.51.100.13", RemotePort: 36143,
		LocalAddr: "192.0.2.1", LocalPort: 8443, TLS: true,
		ServerName: "chat.example.com", RequestID: "a1b2", RemoteUser: "eve",
		Hostname: "edge1", ConnectionID: "17-4", NginxVersion: "1.22.1", EngineVersion: "1.0.0",
		Now: time.Date(2026, 11, 22, 7, 21, 19, 680_999_999, time.FixedZone("", 3600)),
	}
}

func chatAttack() *Attack {
	payload := []byte(`["chat message","<script>alert(1)</script>"]`)
	return &Attack{
		Direction: ws.FromClient, Opcode: ws.OpText, MessageNo: 17, Frames: 2, Compressed: true,
		Framework: "socket.io", Event: "chat message", Format: "json", Subprotocol: "chat.v1",
		Payload: payload, PayloadLen: len(payload),
		Hits: []Hit{
			{Finding: detect.Finding{Type: "sqli", Rule: "942100", Name: "SQL injection", Score: 3}, Path: "$[0]", Match: []byte("x")},
			{Finding: detect.Finding{Type: "xss", Rule: "941100", Name: "XSS by libinjection", Score: 5}, Path: "$[0].text", Match: []byte("<script>alert(1)</script>")},
		},
		Score: 8, Threshold: 5, Action: Blocked, CloseCode: ws.ClosePolicyViolation,
	}
}

func TestAttack(t *testing.T) {
	line := AppendAttack([]byte("before\n"), chatMeta(), chatAttack(), &Default)
	require.True(t, bytes.HasPrefix(line, []byte("before\n")))
	m := decode(t, line[len("before\n"):])

	for path, want := range map[string]any{
		"@timestamp":                      "2026-11-22T06:21:19.680Z",
		"message":                         "WebSocket xss attack blocked from 198.51.100.13 on chat.example.com/socket.io/ (rule 941100 at $[0].text)",
		"event.action":                    "blocked",
		"event.type":                      []any{"denied"},
		"event.severity":                  8.0,
		"event.dataset":                   "wallarm_websocket.attack",
		"rule.id":                         "941100",
		"rule.category":                   "xss",
		"rule.ruleset":                    "OWASP_CRS",
		"source.ip":                       "198.51.100.13",
		"source.port":                     36143.0,
		"destination.ip":                  "192.0.2.1",
		"destination.port":                8443.0,
		"related.ip":                      []any{"198.51.100.13"},
		"url.scheme":                      "wss",
		"url.domain":                      "chat.example.com",
		"url.path":                        "/socket.io/",
		"url.query":                       "EIO=4&transport=websocket",
		"http.version":                    "1.1",
		"http.request.method":             "GET",
		"http.request.id":                 "a1b2",
		"http.request.body.content":       `["chat message","<script>alert(1)</script>"]`,
		"http.request.body.bytes":         44.0,
		"http.response.status_code":       101.0,
		"user_agent.original":             "Mozilla/5.0",
		"user.name":                       "eve",
		"network.direction":               "inbound",
		"observer.hostname":               "edge1",
		"observer.version":                "1.0.0",
		"service.name":                    "chat.example.com",
		"service.version":                 "1.22.1",
		"wallarm.attack.type":             "xss",
		"wallarm.attack.point":            []any{"websocket", "message", "json", "0", "text"},
		"wallarm.attack.match":            "<script>alert(1)</script>",
		"wallarm.attack.match_offset":     float64(bytes.Index(chatAttack().Payload, []byte("<script>"))),
		"wallarm.attack.match_bytes":      25.0,
		"wallarm.chain":                   `2 frames text (permessage-deflate) > socket.io "chat message" > json`,
		"wallarm.attack.score":            8.0,
		"wallarm.attack.threshold":        5.0,
		"wallarm.findings_total":          2.0,
		"wallarm.websocket.message_no":    17.0,
		"wallarm.websocket.direction":     "client_to_server",
		"wallarm.websocket.opcode":        "text",
		"wallarm.websocket.fragments":     2.0,
		"wallarm.websocket.compressed":    true,
		"wallarm.websocket.event_name":    "chat message",
		"wallarm.websocket.framework":     "socket.io",
		"wallarm.websocket.subprotocol":   "chat.v1",
		"wallarm.websocket.close_code":    1008.0,
		"wallarm.payload_base64":          base64.StdEncoding.EncodeToString(chatAttack().Payload),
		"wallarm.payload_offset":          0.0,
		"wallarm.truncated":               false,
		"wallarm.hits":                    1.0,
		"wallarm.websocket.connection_id": "17-4",
		"wallarm.request": "POST /socket.io/?EIO=4&transport=websocket WEBSOCKET/13\r\n" +
			"Host: chat.example.com:8443\r\n" +
			"Origin: https://chat.example.com\r\n" +
			"User-Agent: Mozilla/5.0\r\n" +
			"Sec-WebSocket-Version: 13\r\n" +
			"Cookie: [redacted]\r\n" +
			"authorization: [redacted]\r\n" +
			"Content-Type: application/json\r\n" +
			"Content-Length: 44\r\n" +
			"\r\n" +
			`["chat message","<script>alert(1)</script>"]`,
	} {
		require.Equal(t, want, at(m, path), path)
	}
}

func TestAttackVariants(t *testing.T) {
	tests := []struct {
		name   string
		change func(m *Meta, a *Attack)
		path   string
		want   any
	}{
		{"monitored", func(m *Meta, a *Attack) { a.Action = Monitored }, "event.type", []any{"allowed"}},
		{"monitored message", func(m *Meta, a *Attack) { a.Action = Monitored }, "event.action", "monitored"},
		{"no close code", func(m *Meta, a *Attack) { a.CloseCode = 0 }, "wallarm.websocket.close_code", nil},
		{"from server", func(m *Meta, a *Attack) { a.Direction = ws.FromServer }, "network.direction", "outbound"},
		{"from server keeps the client as source", func(m *Meta, a *Attack) { a.Direction = ws.FromServer }, "source.ip", "198.51.100.13"},
		{"from server goes to the client", func(m *Meta, a *Attack) { a.Direction, a.Action = ws.FromServer, Monitored }, "message",
			"WebSocket xss attack monitored to 198.51.100.13 on chat.example.com/socket.io/ (rule 941100 at $[0].text)"},
		{"rule of our own", func(m *Meta, a *Attack) { a.Hits[1].Rule = "wsi-1" }, "rule.ruleset", nil},
		{"unix socket", func(m *Meta, a *Attack) { m.RemoteAddr, m.RemotePort = "unix:", 0 }, "source.address", "unix:"},
		{"unix socket has no related address", func(m *Meta, a *Attack) { m.RemoteAddr = "unix:" }, "related", nil},
		{"unix socket has no flow hash", func(m *Meta, a *Attack) { m.RemoteAddr = "unix:" }, "network.community_id", nil},
		{"IPv6", func(m *Meta, a *Attack) { m.RemoteAddr = "2001:db8::1" }, "source.ip", "2001:db8::1"},
		{"plain", func(m *Meta, a *Attack) { m.TLS = false }, "url.scheme", "ws"},
		{"no request", func(m *Meta, a *Attack) { m.Request = nil }, "url.domain", "chat.example.com"},
		{"IPv6 host", func(m *Meta, a *Attack) { m.Request = []byte("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n") }, "url.domain", "[::1]"},
		{"absolute target", func(m *Meta, a *Attack) { m.Request = []byte("GET http://h/p?q=1 HTTP/1.1\r\n\r\n") }, "url.path", "/p"},
		{"payload cut before", func(m *Meta, a *Attack) { a.PayloadLen = 1 << 20 }, "wallarm.truncated", true},
		{"cut payload keeps its place", func(m *Meta, a *Attack) { a.PayloadOffset = 4096 }, "wallarm.payload_offset", 4096.0},
		{"cut payload has a length", func(m *Meta, a *Attack) { a.PayloadOffset, a.PayloadLen = 4096, 0 }, "http.request.body.bytes", 4140.0},
		{"control frame", func(m *Meta, a *Attack) { a.Opcode = ws.OpPing }, "wallarm.websocket.opcode", "ping"},
		{"no hit", func(m *Meta, a *Attack) { a.Hits = nil }, "wallarm.findings_total", 0.0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, a := chatMeta(), chatAttack()
			tt.change(m, a)
			require.Equal(t, tt.want, at(decode(t, AppendAttack(nil, m, a, &Default)), tt.path))
		})
	}
}

func TestContentType(t *testing.T) {
	tests := []struct {
		name   string
		opcode ws.Opcode
		format string
		want   string
	}{
		{"json", ws.OpText, "json", "application/json"},
		{"json in binary", ws.OpBinary, "json", "application/json"},
		{"text", ws.OpText, "text", "text/plain"},
		{"text frame of nothing", ws.OpText, "", "text/plain"},
		{"binary", ws.OpBinary, "binary", "application/octet-stream"},
		{"binary frame of nothing", ws.OpBinary, "", "application/octet-stream"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := chatAttack()
			a.Opcode, a.Format = tt.opcode, tt.format
			m := decode(t, AppendAttack(nil, chatMeta(), a, &Default))
			require.Contains(t, at(m, "wallarm.request"), "\r\nContent-Type: "+tt.want+"\r\n")
		})
	}
}

func TestHostileBytes(t *testing.T) {
	tests := []struct{ name, payload, content string }{
		{"quotes", `"\`, `"\`},
		{"controls", "\x00\x01\b\t\n\f\r\x1b[2J\x7f", "\x00\x01\b\t\n\f\r\x1b[2J\x7f"},
		{"broken UTF-8", "a\xffb\xc3", "a\ufffdb\ufffd"},
		{"surrogate", "\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
		{"terminal controls", "\u009b31m\u202eabc\u2066", "\u009b31m\u202eabc\u2066"},
		{"line separators", "a\u2028b\u2029", "a\u2028b\u2029"},
		{"other scripts", "привет 你好 🙂", "привет 你好 🙂"},
		{"json ahead", `"},"event":{"action":"allowed`, `"},"event":{"action":"allowed`},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := chatAttack()
			a.Payload, a.PayloadLen = []byte(tt.payload), len(tt.payload)
			a.Event, a.Subprotocol = tt.payload, tt.payload
			a.Hits[1].Path, a.Hits[1].Match = "$['"+tt.payload+"']", []byte(tt.payload)
			meta := chatMeta()
			meta.RemoteUser, meta.Hostname, meta.ServerName = tt.payload, tt.payload, tt.payload

			m := decode(t, AppendAttack(nil, meta, a, &Default))

			require.Equal(t, tt.content, at(m, "http.request.body.content"))
			require.Equal(t, tt.content, at(m, "wallarm.attack.match"))
			require.Equal(t, "blocked", at(m, "event.action"))
			require.True(t, strings.HasSuffix(at(m, "wallarm.request").(string), "\r\n\r\n"+tt.content))
			exact, err := base64.StdEncoding.DecodeString(at(m, "wallarm.payload_base64").(string))
			require.NoError(t, err)
			require.Equal(t, tt.payload, string(exact))
		})
	}
}

// The match has to be seen in every form of the payload, wherever it stands.
func TestWindow(t *testing.T) {
	const match = `<img src="x" onerror=alert(1)>`
	filler := func(n int) string { return strings.Repeat("lorem ipsum ", n/12+1)[:n] }
	tests := []struct{ name, payload, seen string }{
		{"at the start", match + filler(100_000), match},
		{"in the middle", filler(50_000) + match + filler(50_000), match},
		{"at the end", filler(100_000) + match, match},
		{"escaped as JSON", filler(50_000) + `<img src=\"x\" onerror=alert(1)>` + filler(50_000), `src=\"x\" onerror`},
		{"escaped otherwise", filler(50_000) + `\u003cimg src=\u0022x\u0022 onerror=alert(1)\u003e` + filler(50_000), "onerror=alert"},
		{"in controls", strings.Repeat("\x01", 50_000) + match + strings.Repeat("\x01", 50_000), match},
		{"in broken UTF-8", strings.Repeat("\xff", 50_000) + match + strings.Repeat("\xff", 50_000), match},
		{"just over", filler(DefaultPayload+1-len(match)) + match, match},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := chatAttack()
			a.Payload, a.PayloadLen = []byte(tt.payload), len(tt.payload)
			a.Hits[1].Match = []byte(match)

			m := decode(t, AppendAttack(nil, chatMeta(), a, &Default))

			part, err := base64.StdEncoding.DecodeString(at(m, "wallarm.payload_base64").(string))
			require.NoError(t, err)
			require.Len(t, part, DefaultPayload)
			require.Contains(t, string(part), tt.seen)
			require.Contains(t, at(m, "http.request.body.content"), tt.seen)
			require.Contains(t, at(m, "wallarm.request"), tt.seen)
			offset := int(at(m, "wallarm.payload_offset").(float64))
			require.Equal(t, tt.payload[offset:offset+DefaultPayload], string(part))
			require.Equal(t, true, at(m, "wallarm.truncated"))
			require.Equal(t, float64(len(tt.payload)), at(m, "http.request.body.bytes"))
		})
	}
}

// Everything that a peer can make long is long, in bytes that escape worst.
func TestLineIsBounded(t *testing.T) {
	for _, unit := range []string{"\x01", "\xff", `"`, "a", "🙂"} {
		long := strings.Repeat(unit, 100_000)
		m, a := chatMeta(), chatAttack()
		m.Request = []byte("G" + long + " /" + long + "?a=" + long + " HTTP/" + long + "\r\n" +
			"Host: " + long + "\r\nOrigin: " + long + "\r\nUser-Agent: " + long + "\r\n" +
			strings.Repeat("X-Short: "+unit+"\r\n", 5000) + "\r\n")
		for _, s := range []*string{&m.RemoteAddr, &m.LocalAddr, &m.ServerName, &m.RequestID, &m.RemoteUser,
			&m.Hostname, &m.ConnectionID, &m.NginxVersion, &m.EngineVersion,
			&a.Framework, &a.Event, &a.Format, &a.Subprotocol} {
			*s = long
		}
		hit := Hit{Finding: detect.Finding{Type: long, Rule: long, Name: long, Score: 1 << 40}, Path: "$" + strings.Repeat("."+long[:100], 100), Match: []byte(long)}
		a.Payload, a.PayloadLen, a.Hits = []byte(long), len(long), nil
		for range 100 {
			a.Hits = append(a.Hits, hit)
		}
		decode(t, AppendAttack(nil, m, a, &Default))
		require.Less(t, len(AppendAttackLogLine(nil, &Meta{}, a)), maxLogLine)
		decode(t, AppendViolation(nil, m, &Violation{Violation: ws.MessageTooBig, Action: Blocked}, &Default))
	}
}

func TestRedaction(t *testing.T) {
	tests := []struct{ name, request, kept string }{
		{"authorization", "GET / HTTP/1.1\r\nAuthorization: Basic SECRET\r\n", "Authorization: [redacted]"},
		{"proxy authorization", "GET / HTTP/1.1\r\nProxy-Authorization: SECRET\r\n", ""},
		{"cookie", "GET / HTTP/1.1\r\nCOOKIE: a=SECRET\r\n", "COOKIE: [redacted]"},
		{"cookie again", "GET / HTTP/1.1\r\nCookie: a=1\r\nCookie: b=SECRET\r\n", ""},
		{"space before colon", "GET / HTTP/1.1\r\nCookie : SECRET\r\n", ""},
		{"continuation", "GET / HTTP/1.1\r\nAuthorization: Basic\r\n\tSECRET: x\r\n SECRET\r\n", ""},
		{"bare LF", "GET / HTTP/1.1\nCookie: SECRET\n\n", ""},
		{"api key", "GET / HTTP/1.1\r\nX-Api-Key: SECRET\r\n", ""},
		{"underscores", "GET / HTTP/1.1\r\nX_Auth_Token: SECRET\r\n", ""},
		{"token in subprotocol", "GET / HTTP/1.1\r\nSec-WebSocket-Protocol: v1.chat, SECRET" + strings.Repeat("x", 40) + "\r\n",
			"Sec-WebSocket-Protocol: v1.chat, [redacted]"},
		{"query", "GET /?a=1&access_token=SECRET&b=2 HTTP/1.1\r\n", "/?a=1&access_token=[redacted]&b=2 WEBSOCKET/13"},
		{"query escaped name", "GET /?%74oken=SECRET HTTP/1.1\r\n", ""},
		{"query broken escape", "GET /?%zztoken=SECRET HTTP/1.1\r\n", ""},
		{"query other case", "GET /?Api-Key=SECRET HTTP/1.1\r\n", ""},
		{"query semicolons", "GET /?a=1;password=SECRET;c=3 HTTP/1.1\r\n", "/?a=1;password=[redacted];c=3"},
		{"query sid", "GET /socket.io/?EIO=4&sid=SECRET HTTP/1.1\r\n", ""},
		{"query second question mark", "GET /?a=?token=1&token=SECRET?x HTTP/1.1\r\n", ""},
		{"referer", "GET / HTTP/1.1\r\nReferer: https://u:SECRET@h/p?jwt=SECRET&x=1\r\n", "Referer: https://[redacted]@h/p?jwt=[redacted]&x=1"},
		{"absolute target", "GET http://u:SECRET@h/p HTTP/1.1\r\n", ""},
		{"hop by hop", "GET / HTTP/1.1\r\nSec-WebSocket-Key: SECRET\r\nConnection: SECRET\r\nUpgrade: SECRET\r\n", ""},
		{"behind the end", "GET / HTTP/1.1\r\n\r\nX: SECRET\r\n", ""},
		{"broken line", "GET / HTTP/1.1\r\nSECRET\r\n: SECRET\r\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			meta := chatMeta()
			meta.Request = []byte(tt.request)
			line := AppendAttack(nil, meta, chatAttack(), &Default)
			line = append(line, AppendViolation(nil, meta, &Violation{Violation: ws.DeflateInvalid, Action: Blocked}, &Default)...)
			require.NotContains(t, string(line), "SECRET")
			require.Contains(t, string(line), tt.kept)
		})
	}
}

func TestPoint(t *testing.T) {
	tests := []struct {
		name, format, path string
		want               []string
	}{
		{"root", "text", "$", []string{"text"}},
		{"no format", "", "$", []string{}},
		{"key", "json", "$.a.b~", []string{"json", "a", "b~"}},
		{"index", "json", "$[0].text", []string{"json", "0", "text"}},
		{"quoted", "json", "$['a.b'][1]", []string{"json", "a.b", "1"}},
		{"inner document", "json", "$.data>json.text", []string{"json", "data>json", "text"}},
		{"quote not closed", "json", "$['a", []string{"json", "a"}},
		{"bracket not closed", "json", "$[1", []string{"json", "1"}},
		{"dots", "json", "$...", []string{"json"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, append([]string{"websocket", "message"}, tt.want...), point(&Attack{Format: tt.format}, tt.path))
		})
	}
}

// The values are those of the Community ID specification's own baseline.
func TestCommunityID(t *testing.T) {
	const want = "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
	require.Equal(t, want, communityID(&Meta{RemoteAddr: "128.232.110.120", RemotePort: 34855, LocalAddr: "66.35.250.204", LocalPort: 80}))
	require.Equal(t, want, communityID(&Meta{RemoteAddr: "66.35.250.204", RemotePort: 80, LocalAddr: "128.232.110.120", LocalPort: 34855}))
}

func TestViolation(t *testing.T) {
	tests := []struct {
		name  string
		v     Violation
		path  string
		value any
	}{
		{"token", Violation{Violation: ws.FrameOpcodeReserved, Action: Blocked}, "wallarm.violation.token", "frame_opcode_reserved"},
		{"section", Violation{Violation: ws.FrameOpcodeReserved, Action: Blocked}, "wallarm.violation.section", "RFC 6455 5.2"},
		{"limit without section", Violation{Violation: ws.MessageTooBig, Action: Blocked}, "wallarm.violation.section", nil},
		{"close code", Violation{Violation: ws.MessageTooBig, Action: Blocked}, "wallarm.websocket.close_code", 1009.0},
		{"logged without close code", Violation{Violation: ws.FrameClientUnmasked, Action: Logged}, "wallarm.websocket.close_code", nil},
		{"logged is allowed", Violation{Violation: ws.FrameClientUnmasked, Action: Logged}, "event.type", []any{"allowed"}},
		{"refused handshake", Violation{Violation: ws.HandshakeExtensionUnknown, Action: Blocked, Status: 502}, "http.response.status_code", 502.0},
		{"message", Violation{Violation: ws.DeflateInvalid, Action: Monitored}, "message",
			"WebSocket violation deflate_invalid (RFC 7692 7.2) monitored from 198.51.100.13 on chat.example.com/socket.io/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := decode(t, AppendViolation(nil, chatMeta(), &tt.v, &Default))
			require.Equal(t, "wallarm_websocket.violation", at(m, "event.dataset"))
			require.Equal(t, tt.value, at(m, tt.path))
		})
	}
}

func TestEventIDsDiffer(t *testing.T) {
	a := decode(t, AppendAttack(nil, chatMeta(), chatAttack(), &Default))
	b := decode(t, AppendAttack(nil, chatMeta(), chatAttack(), &Default))
	require.NotEqual(t, at(a, "event.id"), at(b, "event.id"))
}

func TestLogLine(t *testing.T) {
	tests := []struct {
		name   string
		change func(a *Attack)
		want   string
	}{
		{"blocked", func(a *Attack) {},
			`wallarm: websocket xss attack blocked, rule 941100, event "chat message", path "$[0].text", message 17, match "<script>alert(1)</script>"`},
		{"without event", func(a *Attack) { a.Event = "" },
			`wallarm: websocket xss attack blocked, rule 941100, path "$[0].text", message 17, match "<script>alert(1)</script>"`},
		{"from server", func(a *Attack) { a.Direction, a.Action = ws.FromServer, Monitored },
			`wallarm: websocket xss attack monitored, rule 941100, from server, event "chat message", path "$[0].text", message 17, match "<script>alert(1)</script>"`},
		{"hostile", func(a *Attack) { a.Event, a.Hits[1].Match = "a\"b\\c\r\n\x1b[2J\xff", []byte("д%s") },
			`wallarm: websocket xss attack blocked, rule 941100, event "a\x22b\x5Cc\x0D\x0A\x1B[2J\xFF", path "$[0].text", message 17, match "\xD0\xB4%s"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := chatAttack()
			tt.change(a)
			require.Equal(t, "before "+tt.want, string(AppendAttackLogLine([]byte("before "), &Meta{}, a)))
		})
	}
}

func TestViolationLogLine(t *testing.T) {
	tests := []struct {
		name string
		v    Violation
		want string
	}{
		{"blocked", Violation{Violation: ws.FrameOpcodeReserved, Action: Blocked, MessageNo: 3},
			"wallarm: websocket violation frame_opcode_reserved (RFC 6455 5.2) blocked, message 3"},
		{"limit", Violation{Violation: ws.DeflateTooBig, Action: Monitored},
			"wallarm: websocket violation deflate_too_big monitored, message 0"},
		{"from server", Violation{Direction: ws.FromServer, Violation: ws.FrameServerMasked, Action: Logged},
			"wallarm: websocket violation frame_server_masked (RFC 6455 5.1) logged, from server, message 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(AppendViolationLogLine(nil, &tt.v)))
		})
	}
}

// FuzzAttack holds that no request, payload or match can break the line.
func FuzzAttack(f *testing.F) {
	s := schema(f)
	f.Add([]byte(chatRequest), []byte(`["chat message","<script>"]`), []byte("<script>"), "$[0]")
	f.Add([]byte("GET http://u@h/?a;b HTTP/1.1\n x\n"), []byte("\xff\x00"), []byte("\xff"), "$['\"']>json[")
	f.Fuzz(func(t *testing.T, request, payload, match []byte, path string) {
		m, a := chatMeta(), chatAttack()
		m.Request, a.Payload, a.PayloadLen = request, payload, 0
		a.Hits[1].Match, a.Hits[1].Path = match, path

		line := AppendAttack(nil, m, a, &Default)
		if len(line) > MaxLine || bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("%d bytes: %q", len(line), line)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); err != nil {
			t.Fatal(err)
		}
		if n := len(AppendAttackLogLine(nil, &Meta{}, a)); n >= maxLogLine {
			t.Fatalf("log line of %d bytes", n)
		}
	})
}

// TestRequest: a request keeps its own method and protocol.
func TestRequest(t *testing.T) {
	meta := chatMeta()
	meta.Request = []byte("PUT /socket.io/?EIO=4&sid=secret HTTP/2.0\r\nHost: chat.example.com\r\nCookie: a=topsecret\r\n\r\n")
	a := chatAttack()
	a.Exchange = &Exchange{Transport: "polling", Status: 403}
	a.CloseCode = 0
	m := decode(t, AppendAttack(nil, meta, a, &Default))
	for path, want := range map[string]any{
		"message":                      "HTTP polling xss attack blocked from 198.51.100.13 on chat.example.com/socket.io/ (rule 941100 at $[0].text)",
		"url.scheme":                   "https",
		"network.protocol":             "http",
		"http.version":                 "2.0",
		"http.request.method":          "PUT",
		"http.response.status_code":    403.0,
		"wallarm.websocket.transport":  "polling",
		"wallarm.websocket.framework":  "socket.io",
		"wallarm.websocket.opcode":     nil,
		"wallarm.websocket.close_code": nil,
		"wallarm.attack.point":         []any{"http", "body", "json", "0", "text"},
		"wallarm.request": "PUT /socket.io/?EIO=4&sid=[redacted] HTTP/2.0\r\nHost: chat.example.com\r\nCookie: [redacted]\r\n" +
			"Content-Type: application/json\r\nContent-Length: 44\r\n\r\n" + string(a.Payload),
	} {
		require.Equal(t, want, at(m, path), path)
	}
	require.Contains(t, string(AppendAttackLogLine(nil, &Meta{}, a)), `wallarm: polling xss attack blocked, rule 941100, event "chat message", path "$[0].text", match `)

	a.Exchange = &Exchange{Transport: "handshake", Head: true}
	m = decode(t, AppendAttack(nil, meta, a, &Default))
	require.Nil(t, at(m, "http.response"))
	require.Equal(t, "PUT /socket.io/?EIO=4&sid=[redacted] HTTP/2.0\r\nHost: chat.example.com\r\nCookie: [redacted]\r\n\r\n", at(m, "wallarm.request"))

	v := &Violation{Violation: ws.BodyUndecodable, Action: Blocked, Status: 403, Exchange: &Exchange{Transport: "xhr_send"}}
	m = decode(t, AppendViolation(nil, meta, v, &Default))
	require.Equal(t, "xhr_send", at(m, "wallarm.websocket.transport"))
	require.Equal(t, 403.0, at(m, "http.response.status_code"))
	require.Equal(t, "wallarm: xhr_send violation body_undecodable blocked", string(AppendViolationLogLine(nil, v)))
}

func TestChainOfNoFramework(t *testing.T) {
	a := &Attack{Frames: 1, Opcode: ws.OpText, Framework: "none", Format: "json"}
	require.Equal(t, "frame text > json", chain(a, "$.q"))
}

// Runs of plain text are copied at once: the same as one character at a time.
func TestEscapedByRuns(t *testing.T) {
	for _, s := range []string{"", "plain", `say "hi" \o/`, "a\nb\tc\x00d", "д plain д", "\xff\xfe<b>\xff", "x\u202ey~\x7f", strings.Repeat("ab\"", 9)} {
		for limit := range 3*len(s) + 2 {
			var want []byte
			took := 0
			for took < len(s) {
				_, n := utf8.DecodeRuneInString(s[took:])
				next, k := appendEscaped(want, s[took:took+n], limit-len(want))
				if want = next; k == 0 {
					break
				}
				took += n
			}
			got, n := appendEscaped([]byte("before"), s, limit)
			require.Equal(t, "before"+string(want), string(got), "%q, %d", s, limit)
			require.Equal(t, took, n, "%q, %d", s, limit)
		}
	}
}
