//go:build e2e

package e2e

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// limitLines are the directives that say l of what from sends.
func limitLines(l ws.Limits, from ws.Direction) string {
	var b strings.Builder
	say := func(format string, value any) {
		fmt.Fprintf(&b, "wallarm_websocket_"+format+" from=%s;", value, map[ws.Direction]string{ws.FromClient: "client", ws.FromServer: "server"}[from])
	}
	say("max_message_size %d", l.MaxMessage)
	say("max_inflated_size %d", l.MaxInflated)
	say("max_frame_size %d", l.MaxFrame)
	say("max_fragments %d", l.MaxFragments)
	say("max_inflate_ratio %d", l.MaxRatio)
	say("max_control_rate %dr/s", l.MaxControlRate)
	if l.Only != ws.OpContinuation {
		say("messages %v", l.Only)
	}
	return b.String()
}

// Every violation can be told what it does: off and log let the bytes pass as
// they are, and the connection lives; block drops with the close code; opaque,
// where nothing can be decoded any more, passes and counts. Monitoring passes
// all of it.
func TestViolations(t *testing.T) {
	t.Parallel()
	type variant struct {
		wstest.Sample
		action ws.Action
		mode   string
		path   string
	}
	var all []variant
	var locations strings.Builder
	n := start(t, conf{stopped: true})
	for i, sample := range wstest.Samples() {
		add := func(mode, directive string, action ws.Action) {
			v := variant{sample, action, mode, fmt.Sprintf("%d-%s-%v", i, mode, action)}
			all = append(all, v)
			fmt.Fprintf(&locations, "location /%s {\n%swallarm_mode %s; wallarm_websocket_response_mode block; %s %s\n"+
				"wallarm_event_log logs/%s.json; access_log logs/%s.log e2e;\n}\n",
				v.path, n.proxy("http"), mode, limitLines(sample.Limits, sample.From), directive, v.path, v.path)
		}
		for _, action := range sample.Violation.Choices() {
			add("block", fmt.Sprintf("wallarm_websocket_violation %v %v;", sample.Violation, action), action)
		}
		add("monitoring", "", sample.Violation.Action())
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on;", server: locations.String()}))
	n.run()
	for _, v := range all {
		t.Run(fmt.Sprintf("%v %s %s %v", v.Violation, v.Name, v.mode, v.action), func(t *testing.T) {
			n := n.in(t)
			token := v.Violation.String()
			client, backend := n.connectTo("/"+v.path, deflate)
			from, to := client, backend
			if v.From == ws.FromServer {
				from, to = backend, client
			}
			from.send(v.Bytes)
			action := "logged"
			switch {
			case v.mode == "block" && v.action == ws.Block:
				action = "blocked"
				code := v.Violation.CloseCode()
				h, payload := to.frame()
				for h.Opcode != ws.OpClose || string(payload) != string([]byte{byte(code >> 8), byte(code)}) {
					h, payload = to.frame() // what came before, and was whole
				}
				require.Empty(t, to.rest())
				from.closed(from == backend, v.Violation.CloseCode())
			default:
				to.expect(v.Bytes)
				if !strings.HasPrefix(token, "close_") && v.Violation != ws.FrameAfterClose {
					settled(client, backend)
				}
				if v.action == ws.Block {
					action = "monitored"
				}
			}
			client.Close()
			backend.Close()
			opaque := v.Violation.Desync() && action != "blocked"
			if v.action == ws.Off {
				n.eventually("access.log", func() bool { return n.log(v.path+".log") != "" })
				require.Empty(t, n.log(v.path+".json"))
			} else {
				e := n.eventsIn(v.path+".json", 1)[0]
				require.Equal(t, token+" "+action, e.what())
				validate(t, e.Line)
				if action == "blocked" {
					require.Equal(t, int(v.Violation.CloseCode()), e.Wallarm.WebSocket.CloseCode)
				}
			}
			n.eventually("access.log", func() bool { return n.log(v.path+".log") != "" })
			line := n.log(v.path + ".log")
			switch {
			case action == "blocked":
				require.Regexp(t, `^101\|block\|drop\|-\|`, line)
			case opaque:
				require.Regexp(t, `^101\|`+v.mode+`\|uninspected\|-\|\d+\|[1-9]`, line)
			default:
				require.Regexp(t, `^101\|`+v.mode+`\|allow\|-\|\d+\|0`, line)
			}
		})
	}
}

// Which action a violation has is merged token by token.
func TestViolationInheritance(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_websocket_violation message_utf8_invalid off;" +
			"wallarm_websocket_violation frame_client_unmasked block;",
		server: "wallarm_websocket_violation message_nul block;" + n.location("/inherits", "") +
			n.location("/other", "wallarm_websocket_violation message_utf8_invalid block; wallarm_websocket_violation message_nul off;") +
			n.location("/twice", "wallarm_websocket_violation message_nul block; wallarm_websocket_violation message_nul off;")}))
	n.run()
	unmasked := server("hello").Bytes()
	for _, tt := range []struct {
		target string
		bytes  []byte
		code   ws.CloseCode
	}{
		{"/inherits", text("\xff"), 0},
		{"/inherits", text("\x00"), ws.CloseInvalidPayload},
		{"/inherits", unmasked, ws.CloseProtocolError},
		{"/other", text("\xff"), ws.CloseInvalidPayload},
		{"/other", text("\x00"), 0},
		{"/other", unmasked, ws.CloseProtocolError},
		{"/twice", text("\x00"), 0},
	} {
		client, backend := n.connectTo(tt.target)
		client.send(tt.bytes)
		if tt.code != 0 {
			dropped(client, backend, tt.code)
			continue
		}
		backend.expect(tt.bytes)
		client.Close()
		backend.Close()
	}
	n.events(4)
}

// What is logged only does not keep an attack from being blocked.
func TestAttackBehindViolation(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_violation message_utf8_invalid log; wallarm_websocket_violation frame_length_not_minimal log;" +
		"wallarm_websocket_max_frame_size 10; wallarm_websocket_violation frame_too_big log;"})
	client, backend := n.connect()
	client.send(text("\xff" + xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	require.ElementsMatch(t, []string{"frame_too_big logged", "message_utf8_invalid logged", "xss blocked"}, n.whats(3))
	client, backend = n.connect()
	long := wstest.Hex("81 fe 0019 00000000")
	client.send(long, []byte(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	require.ElementsMatch(t, []string{"frame_too_big logged", "frame_length_not_minimal logged", "xss blocked"}, n.whats(6)[3:])
}

// Opaque: the rest of that direction passes, the other is still judged.
func TestOpaque(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_response_mode block; wallarm_websocket_violation frame_opcode_reserved opaque;" +
		"wallarm_websocket_assembly_timeout 200ms from=client; wallarm_websocket_violation message_assembly_timeout opaque;"})
	client, backend := n.connect()
	odd := wstest.Frame{Opcode: 5, Mask: mask, Payload: []byte("hello")}.Bytes()
	client.send(text("before"), odd, text(xss))
	backend.expect(text("before"), odd, text(xss))
	backend.send(server("hello").Bytes())
	client.expect(server("hello").Bytes())
	n.logged("bytes from client pass uninspected")
	require.Equal(t, []string{"frame_opcode_reserved logged"}, n.whats(1))
	backend.send(server(xss).Bytes())
	client.closed(false, ws.ClosePolicyViolation)
	require.Empty(t, backend.rest()) // no Close frame where frames are not known

	client, backend = n.connect()
	client.send(more("<scr"))
	backend.expect(more("<scr"))
	require.Equal(t, "message_assembly_timeout logged", n.whats(3)[2])
}

// Violations of the handshake take actions, too: off and log let the connection
// through, which is inspected; opaque lets it pass as it is.
func TestHandshakeViolations(t *testing.T) {
	t.Parallel()
	accept := func(key string) []byte {
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		return regexp.MustCompile(`(?m)Accept: .*\r$`).ReplaceAll(response(), []byte("Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r"))
	}
	type sample struct {
		violation  ws.Violation
		status     string
		from, to   string // changed in the request
		response   []byte
		directives string
	}
	keyLine := "Sec-WebSocket-Key: " + key + "\r\n"
	offer := func(line string) string { return line + "Host:" }
	small := "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n"
	samples := []sample{
		{ws.HandshakeUpgradeNotWebSocket, "502", "", "", []byte(strings.Replace(string(response()), "Upgrade: websocket", "Upgrade: h2c", 1)), ""},
		{ws.HandshakeAcceptMismatch, "502", "", "", accept("another"), ""},
		{ws.HandshakeExtensionUnknown, "502", "Host:", offer("Sec-WebSocket-Extensions: x-rot13\r\n"), response("Sec-WebSocket-Extensions: x-rot13\r\n"), ""},
		{ws.HandshakeExtensionNotOffered, "502", "", "", response(deflate), ""},
		{ws.HandshakeExtensionParameter, "502", "Host:", offer(deflate), response("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n"), ""},
		{ws.HandshakeExtensionWindow, "502", "Host:", offer(small), response(deflate), ""},
		{ws.HandshakeSubprotocolNotOffered, "502", "", "", response("Sec-WebSocket-Protocol: mqtt\r\n"), ""},
		{ws.HandshakeBody, "400", "Host:", offer("Content-Length: 0000\r\n"), response(), ""},
		{ws.HandshakeHTTPVersion, "502", "HTTP/1.1", "HTTP/1.0", response(), ""},
		{ws.HandshakeMethod, "502", "GET", "POST", response(), ""},
		{ws.HandshakeVersion, "502", "Version: 13", "Version: 8", response(), ""},
		{ws.HandshakeKey, "502", keyLine, "", accept(""), ""},
		{ws.HandshakeConnection, "400", "Connection: Upgrade", "Connection: keep-alive", response(), ""},
		{ws.HandshakeOfferMalformed, "502", "Host:", offer("Sec-WebSocket-Protocol: chat, chat\r\n"), response(), ""},
		{ws.HandshakeEarlyData, "502", "", "", response(), ""},
		{ws.HandshakeOriginDenied, "403", "Host:", offer("Origin: https://evil.example\r\n"), response(), "wallarm_websocket_origin https://chat.example;"},
		{ws.HandshakeSubprotocolDenied, "403", "Host:", offer("Sec-WebSocket-Protocol: mqtt\r\n"), response(), "wallarm_websocket_subprotocol stomp;"},
		{ws.HandshakeTokenExpired, "403", " HTTP/1.1", "?token=" + token(-time.Hour) + " HTTP/1.1", response(), "wallarm_websocket_max_age jwt=$arg_token;"},
		{ws.HandshakeExtensionDenied, "403", "Host:", offer(deflate), response(), "wallarm_websocket_extensions refuse;"},
	}
	sampled := map[ws.Violation]bool{}
	var locations strings.Builder
	n := start(t, conf{stopped: true})
	path := func(s *sample, a ws.Action) string { return fmt.Sprintf("%v-%v", s.violation, a) }
	for i := range samples {
		s := &samples[i]
		sampled[s.violation] = true
		for _, a := range s.violation.Choices() {
			fmt.Fprintf(&locations, "location /%s {\n%s%s wallarm_websocket_violation %v %v; wallarm_event_log logs/%s.json;\n}\n",
				path(s, a), n.proxy("http"), s.directives, s.violation, a, path(s, a))
		}
	}
	// TestBanModes, TestConnections: these need more than one handshake
	sampled[ws.HandshakeBanned], sampled[ws.HandshakeTooManyConnections] = true, true
	for _, v := range ws.All() {
		require.Equal(t, strings.HasPrefix(v.String(), "handshake_"), sampled[v], v.String())
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true, http: "wallarm_parse_websocket on;", server: locations.String()}))
	n.run()
	for i := range samples {
		s := &samples[i]
		for _, a := range s.violation.Choices() {
			t.Run(path(s, a), func(t *testing.T) {
				n := n.in(t)
				r := strings.Replace(string(request("/"+path(s, a))), s.from, s.to, 1)
				body := ""
				if s.violation == ws.HandshakeBody {
					r, body = strings.Replace(r, "0000", "5", 1), "hello"
				}
				early := []byte(nil)
				if s.violation == ws.HandshakeEarlyData {
					early = text("early")
				}
				client := n.client()
				client.send([]byte(r+body), early)
				file := path(s, a) + ".json"
				if a != ws.Block || s.status == "502" {
					backend := n.accept()
					backend.head()
					backend.expect([]byte(body))
					backend.send(s.response)
					if a != ws.Block {
						require.Equal(t, "101", client.status())
						client.send(text("hello"))
						backend.expect(early, text("hello"))
						client.send(text(xss))
						if a == ws.Opaque {
							backend.expect(text(xss))
							client.Close()
							backend.Close()
						} else {
							dropped(client, backend, ws.ClosePolicyViolation)
						}
					}
				}
				token := s.violation.String()
				switch a {
				case ws.Off:
					require.Equal(t, "xss blocked", n.eventsIn(file, 1)[0].what())
				case ws.Log:
					all := n.eventsIn(file, 2)
					require.Equal(t, token+" logged", all[0].what())
					require.Equal(t, "xss blocked", all[1].what())
				case ws.Opaque:
					require.Equal(t, token+" logged", n.eventsIn(file, 1)[0].what())
				case ws.Block:
					require.Equal(t, s.status, client.status())
					require.Equal(t, token+" blocked", n.eventsIn(file, 1)[0].what())
				}
				if a != ws.Off {
					validate(t, n.log(file)[:strings.Index(n.log(file), "\n")+1])
				}
			})
		}
	}
}

// So does a request's body that cannot be decoded or is too big.
func TestBodyViolations(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	var locations strings.Builder
	actions := map[string]string{"off": "passes", "log": "logged", "block": "blocked", "opaque": "logged"}
	samples := []struct {
		token, body, status string
		line                string
		actions             []string
	}{
		{"body_undecodable", chat("hello"), "403", "Content-Encoding: x-own\r\n", []string{"off", "log", "block"}},
		{"message_too_big", chat(prose(2000)), "413", "", []string{"block", "opaque"}},
		{"deflate_too_big", gzipped(chat(prose(9000))), "413", "Content-Encoding: gzip\r\n", []string{"block", "opaque"}},
	}
	for _, s := range samples {
		for _, a := range s.actions {
			fmt.Fprintf(&locations, "location /%s/%s/ {\n%swallarm_websocket_max_message_size 1500; wallarm_websocket_max_inflated_size 8000;"+
				"wallarm_websocket_violation %s %s; wallarm_event_log logs/%s-%s.json;\n}\n", s.token, a, n.proxy("http"), s.token, a, s.token, a)
		}
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true, http: "wallarm_parse_websocket on;", server: locations.String()}))
	n.run()
	for _, s := range samples {
		for _, a := range s.actions {
			t.Run(s.token+" "+a, func(t *testing.T) {
				n := n.in(t)
				client := n.client()
				client.send(post("/"+s.token+"/"+a+pollingTarget, s.body, s.line))
				if a == "block" {
					require.Equal(t, s.status, client.status())
				} else {
					n.passes(client, s.body)
				}
				file := s.token + "-" + a + ".json"
				if a == "off" {
					require.Empty(t, n.log(file))
				} else {
					require.Equal(t, s.token+" "+actions[a], n.eventsIn(file, 1)[0].what())
				}
			})
		}
	}
}
