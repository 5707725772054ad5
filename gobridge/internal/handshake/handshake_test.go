package handshake

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// The key and its answer are the example of RFC 6455 1.3.
const (
	exampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	exampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func TestCheck(t *testing.T) {
	key := func(key, accept string) func(o *Offer, a *Answer) {
		return func(o *Offer, a *Answer) { o.Key, a.Accept = key, accept }
	}
	tests := []struct {
		name        string
		change      func(o *Offer, a *Answer)
		violations  []string
		subprotocol string
	}{
		{"plain", func(o *Offer, a *Answer) {}, []string{}, ""},
		{"upgrade in other case", func(o *Offer, a *Answer) { a.Upgrade = " WebSocket\t" }, []string{}, ""},
		{"upgrade absent", func(o *Offer, a *Answer) { a.Upgrade = "" },
			[]string{"handshake_upgrade_not_websocket"}, ""},
		{"upgrade foreign", func(o *Offer, a *Answer) { a.Upgrade = "h2c" },
			[]string{"handshake_upgrade_not_websocket"}, ""},
		{"upgrade list", func(o *Offer, a *Answer) { a.Upgrade = "websocket, h2c" },
			[]string{"handshake_upgrade_not_websocket"}, ""},
		{"method", func(o *Offer, a *Answer) { o.Method = "POST" }, []string{"handshake_method"}, ""},
		{"method in other case", func(o *Offer, a *Answer) { o.Method = "get" }, []string{"handshake_method"}, ""},
		{"HTTP/1.0", func(o *Offer, a *Answer) { o.Protocol = "HTTP/1.0" }, []string{"handshake_http_version"}, ""},
		{"version absent", func(o *Offer, a *Answer) { o.Version = "" }, []string{"handshake_version"}, ""},
		{"version with the same frames", func(o *Offer, a *Answer) { o.Version = "8" }, []string{"handshake_version"}, ""},
		{"version twice", func(o *Offer, a *Answer) { o.Version = "13, 13" }, []string{"handshake_version"}, ""},
		{"version twice, one with other frames", func(o *Offer, a *Answer) { o.Version = "13, 6" },
			[]string{"handshake_upgrade_not_websocket"}, ""},
		{"version with other frames", func(o *Offer, a *Answer) { o.Version = "6" },
			[]string{"handshake_upgrade_not_websocket"}, ""},
		{"key with spaces around", func(o *Offer, a *Answer) { o.Key = "  " + exampleKey + "\t" }, []string{}, ""},
		{"key absent", key("", "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w="), []string{"handshake_key"}, ""},
		{"key twice", key(exampleKey+", "+exampleKey, ""), []string{"handshake_accept_mismatch", "handshake_key"}, ""},
		{"key of 15 bytes", key("AAAAAAAAAAAAAAAAAAAA", ""), []string{"handshake_accept_mismatch", "handshake_key"}, ""},
		{"key of 18 bytes", key("AAAAAAAAAAAAAAAAAAAAAAAA", ""), []string{"handshake_accept_mismatch", "handshake_key"}, ""},
		{"key without padding", key("dGhlIHNhbXBsZSBub25jZQ", ""), []string{"handshake_accept_mismatch", "handshake_key"}, ""},
		{"key no base64", key("dGhlIHNhbXBsZSBub25j!!==", ""), []string{"handshake_accept_mismatch", "handshake_key"}, ""},
		{"key of random letters", key("dGhlIHNhbXBsZSBub25jZR==", ""), []string{"handshake_accept_mismatch"}, ""},
		{"key of another", func(o *Offer, a *Answer) { o.Key = "AAAAAAAAAAAAAAAAAAAAAA==" },
			[]string{"handshake_accept_mismatch"}, ""},
		{"accept absent", func(o *Offer, a *Answer) { a.Accept = "" },
			[]string{"handshake_accept_mismatch"}, ""},
		{"accept in other case", func(o *Offer, a *Answer) { a.Accept = "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=" },
			[]string{"handshake_accept_mismatch"}, ""},
		{"subprotocol chosen", func(o *Offer, a *Answer) { o.Subprotocols, a.Subprotocol = "wamp.2.json ,mqtt", "mqtt" },
			[]string{}, "mqtt"},
		{"subprotocol declined", func(o *Offer, a *Answer) { o.Subprotocols = "mqtt" }, []string{}, ""},
		{"subprotocol not offered", func(o *Offer, a *Answer) { o.Subprotocols, a.Subprotocol = "mqtt", "MQTT" },
			[]string{"handshake_subprotocol_not_offered"}, "MQTT"},
		{"subprotocol list", func(o *Offer, a *Answer) { o.Subprotocols, a.Subprotocol = "a, b", "a, b" },
			[]string{"handshake_subprotocol_not_offered"}, "a, b"},
		{"subprotocol twice", func(o *Offer, a *Answer) { o.Subprotocols = "a, b, a" }, []string{"handshake_offer_malformed"}, ""},
		{"subprotocol in another case", func(o *Offer, a *Answer) { o.Subprotocols = "a,A,,\tb ," }, []string{}, ""},
		{"subprotocol that is no token", func(o *Offer, a *Answer) { o.Subprotocols, a.Subprotocol = "a b", "a b" },
			[]string{"handshake_offer_malformed"}, "a b"},
		{"extensions that are none", func(o *Offer, a *Answer) { o.Extensions = "permessage-deflate; =" }, []string{"handshake_offer_malformed"}, ""},
		{"extensions that are none, answered", func(o *Offer, a *Answer) { o.Extensions, a.Extensions = "permessage-deflate; =", "permessage-deflate" },
			[]string{"handshake_extension_not_offered", "handshake_offer_malformed"}, ""},
		{"everything wrong", func(o *Offer, a *Answer) {
			*a = Answer{Upgrade: "x", Accept: "y", Subprotocol: "z", Extensions: "w"}
		}, []string{"handshake_upgrade_not_websocket", "handshake_accept_mismatch",
			"handshake_extension_unknown", "handshake_subprotocol_not_offered"}, "z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Offer{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Key: exampleKey, Version: "13"}
			a := Answer{Upgrade: "websocket", Accept: exampleAccept}
			tt.change(&o, &a)

			r := Check(o, a)

			require.Equal(t, tt.violations, r.Violations.Strings())
			require.Equal(t, tt.subprotocol, r.Subprotocol)
			require.Nil(t, r.Deflate)
		})
	}
}

func TestExtensions(t *testing.T) {
	const (
		none    = ws.NoViolation
		unknown = ws.HandshakeExtensionUnknown
		foreign = ws.HandshakeExtensionNotOffered
		broken  = ws.HandshakeExtensionParameter
	)
	plain := &ws.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}

	tests := []struct {
		name          string
		offer, answer string
		deflate       *ws.Deflate
		violation     ws.Violation
	}{
		{"none", "", "", nil, none},
		{"declined", "permessage-deflate", "", nil, none},
		{"blank answer", "permessage-deflate", " , ,", nil, none},
		{"plain", "permessage-deflate", "permessage-deflate", plain, none},
		{"browser", "permessage-deflate; client_max_window_bits", "permessage-deflate", plain, none},
		{"several lines", "x-one, x-two; a=1, permessage-deflate", "permessage-deflate", plain, none},
		{"all parameters",
			"permessage-deflate; client_max_window_bits=12; server_max_window_bits=11; server_no_context_takeover; client_no_context_takeover",
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=9",
			&ws.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 8, ClientMaxWindowBits: 9}, none},
		{"spaces", "permessage-deflate ;\tclient_max_window_bits", "\tpermessage-deflate\t; client_max_window_bits = 10 ,",
			&ws.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 10}, none},
		{"quoted value", `permessage-deflate; server_max_window_bits="10"`, `permessage-deflate; server_max_window_bits="\1\0"`,
			&ws.Deflate{ServerMaxWindowBits: 10, ClientMaxWindowBits: 15}, none},
		{"unasked no_context_takeover", "permessage-deflate",
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
			&ws.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, none},
		{"unasked server window", "permessage-deflate", "permessage-deflate; server_max_window_bits=9",
			&ws.Deflate{ServerMaxWindowBits: 9, ClientMaxWindowBits: 15}, none},
		{"requested server window ignored", "permessage-deflate; server_max_window_bits=12", "permessage-deflate", plain, ws.HandshakeExtensionWindow},
		{"client hint ignored", "permessage-deflate; client_max_window_bits=10", "permessage-deflate; client_max_window_bits=14",
			&ws.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 14}, none},
		{"second offer matches", "permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
			"permessage-deflate; server_max_window_bits=12; client_max_window_bits=11",
			&ws.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 11}, none},
		{"offer with unknown parameter skipped", "permessage-deflate; x, permessage-deflate", "permessage-deflate", plain, none},

		{"answer unknown", "x-webkit-deflate-frame", "x-webkit-deflate-frame", nil, unknown},
		{"answer of two", "permessage-deflate, x-mux", "permessage-deflate, x-mux", nil, unknown},
		{"name in other case", "permessage-deflate", "Permessage-Deflate", nil, unknown},
		{"answer malformed", "permessage-deflate", "permessage-deflate client_max_window_bits", nil, unknown},
		{"answer with bare equals", "permessage-deflate", "permessage-deflate; =", nil, unknown},
		{"answer with dangling semicolon", "permessage-deflate", "permessage-deflate;", nil, unknown},
		{"quote not closed", "permessage-deflate", `permessage-deflate; server_max_window_bits="10`, nil, unknown},
		{"quote escapes the end", "permessage-deflate", `permessage-deflate; server_max_window_bits="10\`, nil, unknown},
		{"quoted separator", "permessage-deflate", `permessage-deflate; server_max_window_bits="10;"`, nil, unknown},
		{"quoted nothing", "permessage-deflate", `permessage-deflate; server_max_window_bits=""`, nil, unknown},

		{"not offered", "", "permessage-deflate", nil, foreign},
		{"offered in other case", "PerMessage-Deflate", "permessage-deflate", nil, foreign},

		{"answered twice", "permessage-deflate", "permessage-deflate, permessage-deflate", nil, broken},
		{"parameter unknown", "permessage-deflate", "permessage-deflate; x", nil, broken},
		{"parameter in other case", "permessage-deflate", "permessage-deflate; Server_No_Context_Takeover", nil, broken},
		{"flag repeated", "permessage-deflate", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", nil, broken},
		{"flag repeated for client", "permessage-deflate", "permessage-deflate; client_no_context_takeover; client_no_context_takeover", nil, broken},
		{"flag with value", "permessage-deflate", "permessage-deflate; server_no_context_takeover=1", nil, broken},
		{"client flag with value", "permessage-deflate", "permessage-deflate; client_no_context_takeover=true", nil, broken},
		{"server window repeated", "permessage-deflate", "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", nil, broken},
		{"client window repeated", "permessage-deflate; client_max_window_bits",
			"permessage-deflate; client_max_window_bits=9; client_max_window_bits=9", nil, broken},
		{"window 7", "permessage-deflate", "permessage-deflate; server_max_window_bits=7", nil, broken},
		{"window 16", "permessage-deflate", "permessage-deflate; server_max_window_bits=16", nil, broken},
		{"window 08", "permessage-deflate", "permessage-deflate; server_max_window_bits=08", nil, broken},
		{"window +9", "permessage-deflate", "permessage-deflate; server_max_window_bits=+9", nil, broken},
		{"window 150", "permessage-deflate", "permessage-deflate; server_max_window_bits=150", nil, broken},
		{"server window without value", "permessage-deflate", "permessage-deflate; server_max_window_bits", nil, broken},
		{"client window without value", "permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits", nil, broken},
		{"client window unasked", "permessage-deflate", "permessage-deflate; client_max_window_bits=10", nil, broken},
		{"server window larger than asked", "permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=11", nil, broken},
		{"server takeover kept", "permessage-deflate; server_no_context_takeover", "permessage-deflate", nil, broken},
		{"only invalid offers", "permessage-deflate; client_max_window_bits=7, permessage-deflate; server_max_window_bits",
			"permessage-deflate", nil, broken},
		{"offer repeats a parameter", "permessage-deflate; client_max_window_bits; client_max_window_bits=9", "permessage-deflate", nil, broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Check(
				Offer{Method: "GET", Protocol: "HTTP/1.1", Key: exampleKey, Version: "13", Extensions: tt.offer},
				Answer{Upgrade: "websocket", Accept: exampleAccept, Extensions: tt.answer})

			var want ws.Violations
			want.Add(tt.violation)
			require.Equal(t, want.Strings(), r.Violations.Strings())
			require.Equal(t, tt.deflate, r.Deflate)
		})
	}
}

func TestParseTexts(t *testing.T) {
	request := "GET /chat?a=1 HTTP/1.1\r\nHost: x\r\nsec-websocket-key:  " + exampleKey + " \r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: x-one\r\n\r\n" +
		"Sec-WebSocket-Protocol: behind the end\r\n"
	response := "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nno colon here\n" +
		"Sec-WebSocket-Accept: " + exampleAccept + "\nSec-WebSocket-Protocol: b\n" +
		"Sec-WebSocket-Extensions: permessage-deflate\n\n"

	o, a, err := ParseTexts(request, response)

	require.NoError(t, err)
	require.Equal(t, Offer{
		Method: "GET", Target: "/chat?a=1", Protocol: "HTTP/1.1", Key: exampleKey, Version: "13",
		Subprotocols: "a, b", Extensions: "permessage-deflate, x-one",
	}, o)
	require.Equal(t, Answer{
		Upgrade: "websocket", Accept: exampleAccept, Subprotocol: "b", Extensions: "permessage-deflate",
	}, a)
	require.Empty(t, Check(o, a).Violations.Strings())
}

func TestParseTextsRejects(t *testing.T) {
	const request, response = "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	tests := []struct{ name, request, response, err string }{
		{"empty request", "", response, "handshake: no request line"},
		{"short request line", "GET /\r\n\r\n", response, "handshake: no request line"},
		{"not HTTP", "GET / WEBSOCKET/13\r\n\r\n", response, "handshake: no request line"},
		{"empty response", request, "", "handshake: response is not a 101"},
		{"refused", request, "HTTP/1.1 400 Bad Request\r\n\r\n", "handshake: response is not a 101"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ParseTexts(tt.request, tt.response)
			require.EqualError(t, err, tt.err)
		})
	}
}

// FuzzExtensions holds that a negotiated answer is always complete and within
// the bounds that the inflater relies on, and that nothing else is accepted
// in silence.
func FuzzExtensions(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=10")
	f.Add(`permessage-deflate; server_max_window_bits="1\0", x`, "permessage-deflate")
	f.Add("", "x;y=z,")
	f.Fuzz(func(t *testing.T, offer, answer string) {
		d, v := negotiated(offer, answer)
		if v != ws.NoViolation && v != ws.HandshakeExtensionWindow {
			if d != nil {
				t.Fatalf("%v with parameters %+v", v, d)
			}
			return
		}
		answers, ok := parseExtensions(answer)
		if !ok || (d != nil) != (len(answers) == 1) || len(answers) > 1 {
			t.Fatalf("%q accepted as %+v", answer, d)
		}
		if d != nil && (d.ServerMaxWindowBits < 8 || d.ServerMaxWindowBits > 15 ||
			d.ClientMaxWindowBits < 8 || d.ClientMaxWindowBits > 15) {
			t.Fatalf("window of %+v", d)
		}
	})
}
