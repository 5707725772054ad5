package framework_test

import (
	"bytes"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

const script, sql = "<script>alert(1)</script>", "' OR 1=1 --"

// shown reports whether a field that d visits of m holds text, and whether one
// does that is not cut, so that it is judged as SQL, too.
func shown(d framework.Decoder, m framework.Message, text string) (some, whole bool) {
	var w format.Walker
	d.Decode(m, &w, &framework.Out{
		Limit: 1 << 20,
		Visit: func(f *format.Field) {
			tag := text[:strings.IndexByte(text, '>')+1] // is an attack itself
			if !f.Noise && (bytes.Contains(f.Value, []byte(text)) || f.Cut && tag != "" && bytes.Contains(f.Value, []byte(tag))) {
				some, whole = true, whole || !f.Cut
			}
		},
		Record:  func(framework.Envelope) {},
		Violate: func(ws.Violation) {},
	})
	return some, whole
}

// foreign is attack as messages of other servers: text, JSON, MessagePack, CBOR,
// protobuf, a form, and behind what the frameworks begin with.
func foreign(attack string) (out []string) {
	quoted, n := strings.ReplaceAll(attack, `"`, `\"`), string([]byte{byte(len(attack))})
	fixstr := string([]byte{0xa0 | byte(len(attack))}) + attack
	out = []string{
		attack, `"` + quoted + `"`, `{"a":"` + quoted + `"}`, `["` + quoted + `"]`, `[1,{"b":["` + quoted + `"]}]`, `{"` + quoted + `":1}`,
		`{"a":"` + quoted + `"`, `{a:"` + quoted + `"}`, `{"a":1,"a":"` + quoted + `","a":2}`, `{"type":6,"x":"` + quoted + `"}`,
		"{}\n{\"a\":\"" + quoted + "\"}", `{"channel":"x","data":1,"data":"` + quoted + `"}`, "{\"a\":\"" + quoted + "\xff\"}",
		"\x81\xa1a" + fixstr, "\x92\x01" + fixstr, "\xa1\x61a\x78" + n + attack, "\x82\x01\x78" + n + attack, "\x0a" + n + attack,
		"a=1&q=" + url.QueryEscape(attack), attack + "\xff\xfe", "\x00" + attack + "\x00", "{}" + attack,
	}
	for _, head := range []string{
		"4", "42", "451-", "40/", "b4", "a", "c[3000,\"x\"]", "m\"", "o", "hhh", "\x04", "\x1e", "{}\x1e", "\x02\x91\x06", "SEND\n\n", "PUB a 99\r\n",
		"+OK ", "\x30\x02\x00\x00", "\xc0\x00", "99999", "\x0a", "\x0d", "\x0d\xa1a", "\x11\x01", "\x00", "\x00\x00", "\x00\x02", "\x01\x01",
		"\x00\x04\x00\x00\x00", "\x02\x05\x05", "4.nop;", "primus::", "[7,\"x\"]", "[16,1,{}]", "Content-", "Content-Length: 3\r\n\r\n", "<open>",
		"<!--", "\x8d" + n, "\x86", "\x87\x00" + n,
	} {
		out = append(out, head+attack, head+n+attack, head+attack+"\x00", head+attack+"\xff")
	}
	return out
}

// TestBlind: whatever a session has shown to be, a message that is another
// server's shows what it holds.
//
// Behind the answer of a stream's server a message is judged as cut, where it may
// be a part of a record: then SQL is not looked for, see stream. The same holds for
// the pieces of Firebase, the output of a shell, and binary messages of Phoenix.
func TestBlind(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/framework/*/*messages.jsonl")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, file := range files {
		dir, name := filepath.Split(file)
		t.Run(filepath.Base(dir)+"/"+strings.TrimSuffix(name, ".jsonl"), func(t *testing.T) {
			h, samples := readSamples(t, file)
			parts := false
			for i := range samples {
				for _, r := range samples[i].Records {
					name, _, _ := strings.Cut(r, " ")
					seen[name] = true
					switch name {
					case "stomp", "mqtt", "nats", "signalr", "guacamole", "firebase", "kubernetes", "phoenix":
						parts = true
					}
				}
			}
			for _, attack := range []string{script, sql} {
				for _, p := range foreign(attack) {
					plain, _ := identify(none)
					if _, whole := shown(plain, binary(p), attack); !whole {
						continue
					}
					for from := range 2 {
						for _, m := range []framework.Message{text(p), binary(p)} {
							var d [2]framework.Decoder
							d[0], d[1] = framework.Identify(h)
							for i := range samples {
								to := 0
								if samples[i].From == "s2c" {
									to = 1
								}
								shown(d[to], samples[i].message(), attack)
							}
							some, whole := shown(d[from], m, attack)
							require.True(t, some, "%q from %d", p, from)
							require.True(t, whole || parts || attack == script, "%q from %d is cut", p, from)
						}
					}
				}
			}
		})
	}
	for _, name := range framework.Names() {
		require.True(t, seen[name] || name == "rpc", "no session of %s", name)
	}
}

// TestBlindToWhatIsBetween: what stands across the parts of a message is seen.
func TestBlindToWhatIsBetween(t *testing.T) {
	const link = "<a href=\x01javascript:alert(1)>"
	at := func(target string) framework.Handshake { return framework.Handshake{Target: target} }
	agreed := func(name string) framework.Handshake { return framework.Handshake{Subprotocol: name} }
	const joined, replied = `["1","1","room:a","phx_join",{}]`, `<["1","1","room:a","phx_reply",{}]`
	for _, tt := range []struct {
		name     string
		h        framework.Handshake
		messages []string // the server's begin with <<
		attack   string
		cut      bool // may be
	}{
		{"numbers as keys of MessagePack", at("/?v=2&key=x&heartbeats=1"), []string{"\x8d\x19" + script}, script, false},
		{"number of a type", at("/a/b?sessionId=1"), []string{"\r" + script + "\xff"}, script, false},
		{"number that is a quote", at("/a/b?sessionId=1"), []string{"\r" + sql + "\xff"}, sql, false},
		{"name of a type", at("/a/b?sessionId=1"), []string{"\r\xa9<a href=\njavascript:alert(1)>"}, "<a href=\njavascript:alert(1)>", false},
		{"header of LSP", at("/"), []string{`{"jsonrpc":"2.0","method":"a"}`, "Content-<a href=\r\n\r\njavascript:alert(1)>"},
			"<a href=\r\n\r\njavascript:alert(1)>", false},
		{"header of LSP, SQL", at("/"), []string{`{"jsonrpc":"2.0","method":"a"}`, "Content-' OR\r\n\r\n1=1 -- "}, "' OR\r\n\r\n1=1 -- ", false},
		{"names of Phoenix", at("/websocket?vsn=2.0.0"), []string{joined, "<" + replied, "\x00\x04\x00\x00\x00" + script}, script, true},
		{"late answer of Phoenix", at("/websocket?vsn=2.0.0"), []string{joined, "<<hi", "<" + replied, "\x00\x04\x00\x00\x00" + sql}, sql, false},
		{"batch of WAMP", agreed("wamp.2.json.batched"), []string{"<a href=\x18javascript:alert(1)>"}, "<a href=\x18javascript:alert(1)>", false},
		{"batch of WAMP, SQL", agreed("wamp.2.json.batched"), []string{"'\x18 OR 1=1 -- "}, "'\x18 OR 1=1 -- ", false},
		{"line of a shell, SQL", agreed("channel.k8s.io"), []string{"\x01a", "\x01" + sql}, sql, false},
		{"lines of a shell", agreed("channel.k8s.io"), []string{"\x00a", "\x00<a href=\njavascript:alert(1)>"}, "<a href=\njavascript:alert(1)>", false},
		{"lines of a shell's output", agreed("channel.k8s.io"), []string{"<<\x01a", "<<\x01<a href=\njavascript:alert(1)>"},
			"<a href=\njavascript:alert(1)>", true},
		{"comment in a stanza", agreed("xmpp"), []string{"<!--" + sql + "--><a/>"}, sql, false},
		{"instruction in a stanza", agreed("xmpp"), []string{"<?x " + sql + "?><a/>"}, sql, false},
		{"type of a packet", at("/socket.io/?EIO=4"), []string{"41 or 1=1\xff"}, "41 or 1=1", false},
		{"fields of protobuf", at("/connection/websocket"), []string{"\x20\x0a\x08<a href=\x12\x14javascript:alert(1)>"},
			"<a href=\x12\x14javascript:alert(1)>", true},
		{"update of Yjs", yjs, []string{"\x00\x00\x01\x00", "<<\x00\x00\x01\x00",
			"\x00\x02\x27\x01\x02\x07\x01\x04\x01\x01a\x08<a href=\x04\x01\x01a\x0fjavascript:ale(\x00"}, "<a href=\x04\x01\x01a\x0fjavascript:ale(", true},
		{"strings of protobuf", at("/"), []string{"\x12\x08<a href=\x12\x14javascript:alert(1)>"}, "<a href=\x12\x14javascript:alert(1)>", true},
		{"strings of AMF", at("/"), []string{"\x02\x00\x08<a href=\x02\x00\x14javascript:alert(1)>"}, "<a href=\x02\x00\x14javascript:alert(1)>", true},
		{"heads of CBOR", at("/"), []string{"\x83\x61<\x73cript>alert(1)</scr\x69pt>xxxxxx"}, "<script>", true},
		{"heads of CBOR of WAMP", agreed("wamp.2.cbor"), []string{"\x84\x10\x61<\x73cript>alert(1)</scr\x69pt>xxxxxx"}, "<script>", true},
		{"control in a tag", at("/"), []string{link + "\xff"}, link, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.h.Limit = 1 << 20
			c2s, s2c := framework.Identify(tt.h)
			some, whole := false, false
			for _, p := range tt.messages {
				d := c2s
				if rest, ok := strings.CutPrefix(p, "<<"); ok {
					d, p = s2c, rest
				}
				some, whole = shown(d, binary(p), tt.attack)
			}
			require.True(t, some)
			require.True(t, whole || tt.cut, "cut")
		})
	}
}

// TestSizeOfTopics: what MQTT keeps for aliases is told.
func TestSizeOfTopics(t *testing.T) {
	d, _ := framework.Identify(framework.Handshake{Subprotocol: "mqtt", Limit: 1 << 20})
	shown(d, binary(packet(0x10, field("MQTT")+"\x05\x02\x00\x3c\x00"+field("c"))), "x")
	before := d.Size()
	for i := range 50 {
		shown(d, binary(packet(0x30, field(strings.Repeat("t", 100))+"\x03\x23\x00"+string([]byte{byte(i + 1)})+"x")), "x")
	}
	require.GreaterOrEqual(t, d.Size()-before, 50*100)
}
