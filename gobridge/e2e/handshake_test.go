//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// Pitfall 1: frames behind the request are in the buffer of the request, which
// NGINX forwards without a read.
func TestPipelinedRequestFrames(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	attack := text(xss)

	open := func(t *testing.T, behind []byte) (client, backend *peer) {
		n := n.in(t)
		client = n.client()
		client.send(request("/"), behind)
		backend = n.accept()
		backend.head()
		backend.send(response())
		require.Contains(t, client.head(), " 101 ")
		return client, backend
	}

	t.Run("benign", func(t *testing.T) {
		client, backend := open(t, append(text("hello"), text("there")...))
		backend.expect(text("hello"), text("there"))
		talk(client, backend)
	})
	t.Run("benign and attack", func(t *testing.T) {
		client, backend := open(t, append(text("hello"), attack...))
		backend.expect(text("hello"))
		dropped(client, backend, ws.ClosePolicyViolation)
	})
	for i := 1; i <= len(attack); i++ {
		t.Run(fmt.Sprintf("attack cut at %d", i), func(t *testing.T) {
			client, backend := open(t, attack[:i])
			if i < len(attack) {
				client.send(attack[i:])
			}
			dropped(client, backend, ws.ClosePolicyViolation)
		})
	}
	t.Run("large", func(t *testing.T) {
		// more than the request's buffer, judged off the loop
		m := append(text(prose(700)), text(prose(100<<10))...)
		client, backend := open(t, m)
		backend.expect(m)
		talk(client, backend)
	})
}

// Pitfall 1, too: where else the frames may be by the time of the 101.
func TestEarlyFrames(t *testing.T) {
	t.Parallel()
	attack := append(text("hello"), text(xss)...)
	for _, tr := range transports {
		n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream})
		for name, tt := range map[string]struct{ first, then []byte }{
			"with the request":          {append(request("/"), attack...), nil},
			"before the 101":            {request("/"), attack},
			"both":                      {append(request("/"), attack[:15]...), attack[15:]},
			"large header":              {append(request("/", "X-Large: "+prose(3000)+"\r\n"), attack...), nil},
			"large header, both":        {append(request("/", "X-Large: "+prose(3000)+"\r\n"), attack[:15]...), attack[15:]},
			"behind more than a buffer": {append(request("/"), text(prose(5000))...), attack},
		} {
			t.Run(tr.name+" "+name, func(t *testing.T) {
				n := n.in(t)
				client := n.client()
				client.send(tt.first)
				backend := n.accept()
				backend.head()
				client.send(tt.then)
				backend.send(response())
				client.head()
				if strings.HasPrefix(name, "behind") {
					backend.expect(text(prose(5000)))
				}
				backend.expect(text("hello"))
				dropped(client, backend, ws.ClosePolicyViolation)
			})
		}
		t.Run(tr.name+" pipelined requests", func(t *testing.T) {
			n := n.in(t)
			client := n.client()
			client.send([]byte("GET /first HTTP/1.1\r\nHost: chat.example\r\n\r\n"), request("/"), attack)
			backend := n.accept()
			require.Contains(t, backend.head(), " /first ")
			backend.send([]byte("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
			require.Equal(t, "204", client.status())
			backend = n.accept()
			backend.head()
			backend.send(response())
			require.Equal(t, "101", client.status())
			backend.expect(text("hello"))
			dropped(client, backend, ws.ClosePolicyViolation)
		})
	}
}

// Pitfall 5: frames behind the 101 are in the buffer of the response.
func TestFramesBehindResponse(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"monitoring", "block"} {
		n := start(t, conf{location: "wallarm_websocket_response_mode " + mode + ";"})
		m := append(server("welcome").Bytes(), server("to the chat").Bytes()...)
		for i := 0; i <= len(m); i++ {
			t.Run(fmt.Sprintf("%s cut at %d", mode, i), func(t *testing.T) {
				n := n.in(t)
				client := n.client()
				client.send(request("/"))
				backend := n.accept()
				backend.head()
				backend.send(response(), m[:i])
				client.head()
				backend.send(m[i:])
				client.expect(m)
				talk(client, backend)
			})
		}
		t.Run(mode+" attack", func(t *testing.T) {
			n := n.in(t)
			client := n.client()
			client.send(request("/"))
			backend := n.accept()
			backend.head()
			backend.send(response(), server(xss).Bytes())
			client.head()
			if mode == "block" {
				dropped(client, backend, ws.ClosePolicyViolation)
			} else {
				client.expect(server(xss).Bytes())
				talk(client, backend)
			}
		})
	}
}

// Pitfall 2: a body goes to the backend before the 101, and may be taken for
// frames.
func TestBodyOnUpgrade(t *testing.T) {
	t.Parallel()
	attack := text(xss)
	bodies := map[string][]byte{
		"length": append(request("/", fmt.Sprintf("Content-Length: %d\r\n", len(attack))), attack...),
		"chunked": append(request("/", "Transfer-Encoding: chunked\r\n"),
			fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(attack), attack)...),
	}
	for _, buffering := range []string{"on", "off"} {
		for name, b := range bodies {
			t.Run(name+" buffering "+buffering, func(t *testing.T) {
				n := start(t, conf{location: "proxy_request_buffering " + buffering + ";"})
				client := n.client()
				client.send(b)
				require.Equal(t, "400", client.status())
				require.Equal(t, []string{"handshake_body blocked"}, n.whats(1))
				n.accessed("400|block|refuse|-|0|0")

				n = start(t, conf{location: "wallarm_mode monitoring; proxy_request_buffering " + buffering + ";"})
				client = n.client()
				client.send(b)
				backend := n.accept()
				backend.head()
				backend.send(response())
				require.Equal(t, "101", client.status())
				client.Close()
				backend.Close()
				require.Equal(t, []string{"handshake_body monitored"}, n.whats(1))
				n.eventually("the body is counted as uninspected", func() bool {
					return strings.HasSuffix(n.log("access.log"), "|1\n")
				})
			})
		}
	}
	t.Run("empty", func(t *testing.T) {
		n := start(t, conf{})
		client, backend := n.connect("Content-Length: 0\r\n")
		talk(client, backend)
	})
}

// Pitfall 3: older NGINX would write tunnelled bytes into an HTTP/2
// connection.
func TestHTTP2Upgrade(t *testing.T) {
	if !hasBuild(t, "http_v2_module") {
		t.Skip("this NGINX is built without HTTP/2: run make e2e with NGINX_VERSION=")
	}
	t.Parallel()
	for _, mode := range []string{"block", "monitoring"} {
		t.Run(mode, func(t *testing.T) {
			n := start(t, conf{parameters: "http2", location: "wallarm_mode " + mode + ";"})
			client := n.client()
			// RFC 7541: 0x82 is GET, 0x86 is http, 0x84 is /, 0x41 :authority,
			// 0x00 a literal name
			block := "\x82\x86\x84\x41\x0cchat.example" +
				"\x00\x07upgrade\x09websocket\x00\x11sec-websocket-key\x18" + key
			client.send([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
				append([]byte{0, 0, byte(len(block)), 1, 5, 0, 0, 0, 1}, block...))
			for {
				head := make([]byte, 9)
				client.patiently()
				_, err := readFull(client, head)
				require.NoError(t, err)
				payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
				_, err = readFull(client, payload)
				require.NoError(t, err)
				if head[3] == 1 {
					// 0x8c is :status 400; a table size update may come first
					require.Contains(t, string(payload[:min(4, len(payload))]), "\x8c")
					break
				}
			}
			if refusesItself(t) {
				t.Log("this NGINX answers 400 before the module sees the request")
				return
			}
			e := n.events(1)[0]
			require.Equal(t, "handshake_http_version blocked", e.what())
			require.Contains(t, e.Line, `"status_code":400`)
		})
	}
}

// refusesItself: so does NGINX from 1.31.0 on.
func refusesItself(t testing.TB) bool {
	t.Helper()
	out, err := exec.Command(env(t, "WSI_NGINX"), "-v").CombinedOutput()
	require.NoError(t, err)
	var minor int
	_, err = fmt.Sscanf(string(out[strings.LastIndexByte(string(out), '/')+1:]), "1.%d", &minor)
	require.NoError(t, err, "%s", out)
	return minor >= 31
}

// Pitfall 4: with $http_upgrade in the configuration any token tunnels.
func TestForeignUpgradeToken(t *testing.T) {
	t.Parallel()
	foreign := func(token string) []byte {
		return []byte(strings.Replace(string(request("/")), "Upgrade: websocket", "Upgrade: "+token, 1))
	}
	for _, token := range []string{"h2c", "websocket2", "websocket, h2c", "h2c, websocket", "\twebsocket/13", "TLS/1.0"} {
		t.Run(token, func(t *testing.T) {
			n := start(t, conf{})
			client := n.client()
			client.send(foreign(token), text(xss))
			backend := n.accept()
			require.NotContains(t, strings.ToLower(backend.head()), "upgrade:")
			backend.send([]byte("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"))
			require.Equal(t, "426", client.status())
		})
	}
	t.Run("seen by the rewrite module", func(t *testing.T) {
		n := start(t, conf{location: "set $seen $http_upgrade;"})
		client := n.client()
		client.send(foreign("h2c"))
		backend := n.accept()
		require.NotContains(t, strings.ToLower(backend.head()), "h2c")
		backend.Close()
		require.Equal(t, "502", client.status())
	})
	t.Run("several lines", func(t *testing.T) {
		n := start(t, conf{})
		client := n.client()
		client.send([]byte(strings.Replace(string(request("/")), "Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: h2c", 1)))
		backend := n.accept()
		head := strings.ToLower(backend.head())
		require.NotContains(t, head, "h2c")
		backend.Close()
	})
	t.Run("WebSocket", func(t *testing.T) {
		n := start(t, conf{})
		client := n.client()
		client.send(foreign("WebSocket"))
		backend := n.accept()
		require.Contains(t, backend.head(), "Upgrade: WebSocket\r\n")
		backend.send(response())
		require.Equal(t, "101", client.status())
		talk(client, backend)
	})
	t.Run("monitoring", func(t *testing.T) {
		n := start(t, conf{location: "wallarm_mode monitoring;"})
		client := n.client()
		client.send(foreign("h2c"))
		backend := n.accept()
		require.Contains(t, backend.head(), "Upgrade: h2c\r\n")
		backend.send([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"))
		require.Equal(t, "101", client.status())
		client.send([]byte("anything"))
		backend.expect([]byte("anything"))
		backend.send([]byte("and anything"))
		client.expect([]byte("and anything"))
		client.Close()
		backend.Close()
		n.accessed("101|monitoring|uninspected|-|0|1")
	})
}

// Pitfall 4: a 101 that does not mean what the engine would take it for is
// refused with 502, and passes in monitoring.
func TestRefusedResponse(t *testing.T) {
	t.Parallel()
	replace := func(from, to string) []byte {
		return []byte(strings.Replace(string(response()), from, to, 1))
	}
	tests := []struct {
		name, offer string
		response    []byte
		token       string
		opaque      bool // monitoring cannot decode either
	}{
		{"foreign token", "", replace("Upgrade: websocket", "Upgrade: h2c"), "handshake_upgrade_not_websocket", true},
		{"no token", "", replace("Upgrade: websocket\r\n", ""), "handshake_upgrade_not_websocket", true},
		{"two tokens", "", replace("Upgrade: websocket", "Upgrade: websocket, h2c"), "handshake_upgrade_not_websocket", true},
		{"wrong accept", "", replace("Accept: ", "Accept: x"), "handshake_accept_mismatch", false},
		{"no accept", "", replace("Sec-WebSocket-Accept", "X-Accept"), "handshake_accept_mismatch", false},
		{"unknown extension", "Sec-WebSocket-Extensions: x-rot13\r\n", response("Sec-WebSocket-Extensions: x-rot13\r\n"), "handshake_extension_unknown", true},
		{"extension not offered", "", response(deflate), "handshake_extension_not_offered", true},
		{"window bits 99", deflate, response("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n"), "handshake_extension_parameter", true},
		{"two lines of extensions", deflate, response(deflate, "Sec-WebSocket-Extensions: x-rot13\r\n"), "handshake_extension_unknown", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t, conf{})
			client := n.client()
			client.send(request("/", tt.offer))
			backend := n.accept()
			backend.head()
			backend.send(tt.response, server("early").Bytes())
			require.Equal(t, "502", client.status())
			require.Empty(t, backend.drain())
			require.Equal(t, []string{tt.token + " blocked"}, n.whats(1))
			n.logged(`\[warn\].*wallarm: websocket violation ` + tt.token)
			n.accessed("502|block|refuse|-|0|0")

			n = start(t, conf{location: "wallarm_mode monitoring;"})
			client = n.client()
			client.send(request("/", tt.offer))
			backend = n.accept()
			backend.head()
			backend.send(tt.response, server("early").Bytes())
			require.Equal(t, "101", client.status())
			client.expect(server("early").Bytes())
			client.send(text(xss))
			backend.expect(text(xss))
			client.Close()
			backend.Close()
			if tt.opaque {
				require.Equal(t, []string{tt.token + " monitored"}, n.whats(1))
				n.accessed("101|monitoring|uninspected|-|0|1")
			} else {
				require.Equal(t, []string{tt.token + " monitored", "xss monitored"}, n.whats(2))
				n.accessed("101|monitoring|attack|xss|2|0")
			}
		})
	}
}

// An ordinary request and an ordinary answer to a handshake are not touched.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	for name, b := range map[string][]byte{
		"request":   []byte("POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 5\r\n\r\nhello"),
		"handshake": request("/"),
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			client := n.client()
			client.send(b)
			backend := n.accept()
			backend.head()
			backend.send([]byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"))
			require.Equal(t, "403", client.status())
			client.expect([]byte("no"))
		})
	}
}

// The configuration of Wallarm's article, with its one directive.
func TestArticle(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "upstream socket_nodes {\nip_hash;\nserver " + n.backend.Addr().String() + " weight=5;\n" +
			"# server 127.0.0.1:3001 weight=10;\n}\n",
		server: `location /socket.io/ {
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection "upgrade";
			proxy_http_version 1.1;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header Host $host;
			proxy_pass http://socket_nodes;
			# error_log /var/log/nginx/error.ws.log debug;
			wallarm_parse_websocket on;
		}`}))
	n.run()
	const target = "/socket.io/?EIO=4&transport=websocket"
	for _, attack := range []string{xss, sqli} {
		client, backend := n.connectTo(target)
		other, otherBackend := n.connectTo(target)
		hello := text(`42["chat message","hello"]`)
		client.send(hello)
		backend.expect(hello)
		client.send(text(`42["chat message","` + attack + `"]`))
		dropped(client, backend, ws.ClosePolicyViolation)
		talk(other, otherBackend)
	}
	require.Equal(t, []string{"xss blocked", "sqli blocked"}, n.whats(2))
}

// A subrequest that is answered 101 would tunnel past the inspection.
func TestUpgradeOfSubrequest(t *testing.T) {
	if !hasBuild(t, "http_auth_request_module") {
		t.Skip("this NGINX is built without auth_request: run make e2e with NGINX_VERSION=")
	}
	t.Parallel()
	n := start(t, conf{location: "auth_request /auth;", redirect: "/auth"})
	client := n.client()
	client.send(request("/"), text(xss))
	backend := n.accept()
	require.Contains(t, backend.head(), " /auth ")
	backend.send(response())
	require.NotContains(t, string(backend.drain()), xss[:4])
	client.Close()
}

// uwsgi and SCGI backends can switch protocols, too.
func TestOtherUpstreams(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"scgi", "uwsgi"} {
		t.Run(protocol, func(t *testing.T) {
			n := start(t, conf{stopped: true})
			n.write("nginx.conf", n.config(t, conf{noLocation: true, server: "location / {\n" + protocol + "_pass " +
				n.backend.Addr().String() + ";\n" + protocol + "_param REQUEST_METHOD $request_method;\nwallarm_parse_websocket on;\n}\n"}))
			n.run()
			client := n.client()
			client.send(request("/"), text("hello"), text(xss))
			backend := n.accept()
			// the header in which NGINX passes the handshake on
			backend.until(key)
			backend.send([]byte("Status: 101 Switching Protocols\r\n" + strings.SplitN(string(response()), "\r\n", 2)[1]))
			require.Equal(t, "101", client.status())
			backend.until(string(text("hello")))
			dropped(client, backend, ws.ClosePolicyViolation)
		})
	}
}
