package framework_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

// peers are the two decoders of a session whose protocol is a stream.
type peers struct {
	c2s, s2c framework.Decoder
	broken   ws.Violations
}

func newPeers(h framework.Handshake) *peers {
	var p peers
	p.c2s, p.s2c = framework.Identify(h)
	return &p
}

// send decodes what the client sends; answer what the server does. Fields are
// "path=value", those of a message that is judged as it stands begin with "?",
// and with "~" when it is cut.
func (p *peers) send(payload string) (events, fields []string)   { return p.decode(p.c2s, payload) }
func (p *peers) answer(payload string) (events, fields []string) { return p.decode(p.s2c, payload) }

func (p *peers) decode(d framework.Decoder, payload string) (events, fields []string) {
	var w format.Walker
	d.Decode(binary(payload), &w, &framework.Out{
		Visit: func(f *format.Field) {
			path := f.Path()
			switch {
			case f.Cut:
				path = "~" + path
			case strings.HasPrefix(path, "$message") && string(f.Value) == payload:
				path = "?"
			}
			fields = append(fields, path+"="+string(f.Value))
		},
		Record:  func(e framework.Envelope) { events = append(events, string(e.Event)) },
		Violate: func(v ws.Violation) { p.broken.Add(v) },
	})
	return events, fields
}

// conversation is one of each protocol: how it begins, until the server has
// confirmed it, and what the client sends then.
type conversation struct {
	name          string
	handshake     framework.Handshake
	hello, answer string
	stream        string
	events        []string
	fields        []string // all that is decoded of stream
}

const (
	rs = "\x1e"
	// varint length 22, invocation of "send" with "hello" and {"a":"b"}
	hubCall = "\x16\x96\x01\x80\xc0\xa4send\x92\xa5hello\x81\xa1a\xa1b\x90"
)

var conversations = []conversation{
	{"signalr", framework.Handshake{Target: "/chat?id=x"}, `{"protocol":"json","version":1}` + rs, `{}` + rs,
		`{"type":6}` + rs + `{"arguments":["al",{"text":"hello"}],"target":"Send","type":1}` + rs +
			`{"type":3,"invocationId":"7","result":"done"}` + rs + `{"t\u0079pe":2,"item":"x"}` + rs,
		[]string{"ping", "Send", "completion", "stream_item"},
		[]string{"$[0]=al", "$[1].text~=text", "$[1].text=hello", "$event=Send", "$message.invocationId=7", "$=done", "$=x"}},
	{"signalr messagepack", framework.Handshake{Target: "/chat"}, `{"version":1, "protocol":"messagepack"}` + rs, `{}` + rs,
		"\x02\x91\x06" + hubCall, []string{"ping", "send"},
		[]string{"$event=send", "$[0]=hello", "$[1].a~=a", "$[1].a=b"}},
	{"stomp", framework.Handshake{Subprotocol: "v12.stomp"}, "CONNECT\naccept-version:1.2\nhost:/\n\n\x00", "CONNECTED\nversion:1.2\n\n\x00",
		"\nSEND\r\ndestination:/topic/a\r\ndestination:/b\r\nx\\cid:a\\nb\r\n\r\nhello\x00\r\n\n" +
			"SEND\ndestination:/queue\ncontent-length:7\n\nab\x00cd{}\x00DISCONNECT\n\n\x00",
		[]string{"heartbeat", "/topic/a", "heartbeat", "heartbeat", "/queue", "disconnect"},
		[]string{"$header.destination=/topic/a", "$header.destination=/b", "$header['x:id']=a\nb", "$=hello",
			"$header.destination=/queue", "$=ab\x00cd{}"}},
	{"mqtt", framework.Handshake{Subprotocol: "mqtt"},
		packet(0x10, field("MQTT")+"\x04\xc4\x00\x3c"+field("c")+field("w")+field("will")+field("u")+field("pw")), packet(0x20, "\x00\x00"),
		packet(0x30, field("chat/a")+"hello >") + packet(0xC0, "") + packet(0x82, "\x00\x01"+field("a/#")+"\x00") +
			packet(0x32, field("t")+"\x00\x07"+`{"a":"b"}`),
		[]string{"chat/a", "pingreq", "subscribe", "t"},
		[]string{"$event=chat/a", "$=hello >", "$filter=a/#", "$.a~=a", "$.a=b"}},
	{"mqtt 5", framework.Handshake{Subprotocol: "mqtt"},
		packet(0x10, field("MQTT")+"\x05\x02\x00\x3c\x03\x21\x00\x14"+field("")), packet(0x20, "\x00\x00\x00"),
		packet(0x30, field("t")+"\x0e\x23\x00\x01\x26"+field("k")+field("value")+"hello") + packet(0x30, field("")+"\x03\x23\x00\x01hey!"),
		[]string{"t", "t"},
		[]string{"$user_property=k", "$user_property.k=value", "$event=t", "$=hello", "$=hey!"}},
	{"nats", framework.Handshake{Target: "/"}, "CONNECT {\"user\":\"u\"}\r\nPING\r\n", "INFO {\"server_id\":\"x\"}\r\n",
		"pub\tchat.a  re.1 5\r\nhello\r\nHPUB b 20 24\r\nNATS/1.0\r\nk: v>1\r\n\r\nbody\r\nPUB empty 0\r\n\r\nSUB a.> 1\r\n",
		[]string{"chat.a", "b", "empty", "a.>"},
		[]string{"$message=chat.a  re.1 5", "$=hello", "$header=NATS/1.0", "$header.k=v>1", "$=a.> 1"}},
}

// packet is a packet of MQTT.
func packet(head byte, body string) string { return string([]byte{head, byte(len(body))}) + body }

// field is a string in a packet of MQTT.
func field(s string) string { return string([]byte{0, byte(len(s))}) + s }

// begin returns the peers behind the handshake of c.
func (c *conversation) begin() *peers {
	p := newPeers(c.handshake)
	if c.name == "nats" { // the server speaks first
		p.answer(c.answer)
		p.send(c.hello)
		return p
	}
	p.send(c.hello)
	p.answer(c.answer)
	return p
}

func TestStreams(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			p := c.begin()
			events, fields := p.send(c.stream)
			require.Equal(t, c.events, events)
			for _, f := range c.fields {
				require.Contains(t, fields, f)
			}
			for _, f := range fields { // the server's word is taken
				require.False(t, strings.HasPrefix(f, "?") || strings.HasPrefix(f, "~"), f)
			}
		})
	}
}

// Before the server has confirmed the protocol, each message is judged as it
// stands, too.
func TestStreamIsNotTrustedBefore(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			p := newPeers(c.handshake)
			_, fields := p.send(c.hello)
			raw := 0
			for _, f := range fields {
				if strings.HasPrefix(f, "$message") || strings.HasPrefix(f, "?") {
					raw++
				}
			}
			require.NotZero(t, raw, fields)
			_, fields = p.send("' OR 1=1 -- ")
			require.Contains(t, strings.Join(fields, "\n"), "=' OR 1=1 -- ")
		})
	}
}

// TestStreamSplit: however a stream is cut into messages, the same records come
// out, each with the message that completes it.
func TestStreamSplit(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			wantEvents, wantFields := c.begin().send(c.stream)
			for size := 1; size < len(c.stream); size++ {
				p := c.begin()
				var events, fields []string
				for rest := c.stream; rest != ""; {
					n := min(size, len(rest))
					e, f := p.send(rest[:n])
					rest = rest[n:]
					for _, f := range f {
						if !strings.HasPrefix(f, "~") {
							fields = append(fields, f)
						}
					}
					events = append(events, e...)
				}
				require.Equal(t, wantFields, fields, "cut every %d bytes", size)
				require.Subset(t, events, wantEvents)
			}
		})
	}
}

// What is cut is judged as it stands, but as cut.
func TestStreamCut(t *testing.T) {
	p := conversations[0].begin()
	_, fields := p.send(`{"type":1,"target":"Send","arguments":["5 o`)
	for _, f := range fields {
		require.True(t, strings.HasPrefix(f, "~"), f)
	}
	_, fields = p.send(`'clock"]}` + rs)
	require.Contains(t, fields, "$[0]=5 o'clock")
}

// A record that is none of the protocol's is judged as it stands, and what
// follows as well.
func TestStreamDoubt(t *testing.T) {
	for _, tt := range []struct{ name, junk string }{
		{"stomp", "1 or 1=1 -- no frame, and no line that ends"},
		{"stomp", "SEND\ndestination:/a\ncontent-length:3\n\nabcdef\x00"},
		{"mqtt", "\x30\xff\xff\xff\xff\x7f' or 1=1 -- "},
		{"mqtt", "\x00' or 1=1 -- "},
		{"nats", "' or 1=1 -- \r\n"},
		{"nats", "PUB a x\r\n' or 1=1 -- \r\n"},
		{"signalr messagepack", "\xff\xff\xff\xff\xff' or 1=1 -- "},
	} {
		for _, c := range conversations {
			if c.name != tt.name {
				continue
			}
			t.Run(tt.name+" "+tt.junk[:4], func(t *testing.T) {
				p := c.begin()
				_, fields := p.send(tt.junk)
				require.NotEmpty(t, fields)
				for _, f := range fields {
					require.False(t, strings.HasPrefix(f, "~"), f)
				}
				_, fields = p.send("' OR 1=1 -- ")
				require.Contains(t, strings.Join(fields, "\n"), "=' OR 1=1 -- ")
			})
		}
	}
}

func TestStreamLimit(t *testing.T) {
	for _, tt := range []struct {
		name, record string
		handshake    framework.Handshake
	}{
		{"announced", "\x30\xff\x7f\x00\x01t", framework.Handshake{Subprotocol: "mqtt", Limit: 1000}},
		{"arrived", "SEND\n\n" + strings.Repeat("x", 1000), framework.Handshake{Subprotocol: "v12.stomp", Limit: 1000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeers(tt.handshake)
			p.send(tt.record)
			require.True(t, p.broken.Has(ws.MessageTooBig))
			require.LessOrEqual(t, p.c2s.Size(), 1024)
		})
	}
}

func TestStreamDoesNotAllocate(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			p := c.begin()
			var w format.Walker
			n := 0
			out := &framework.Out{Visit: func(f *format.Field) { n += len(f.Value) }, Record: func(framework.Envelope) {}}
			whole := binary(c.stream)
			require.Zero(t, testing.AllocsPerRun(50, func() { p.c2s.Decode(whole, &w, out) }))
			require.NotZero(t, n)
			if strings.IndexFunc(c.stream, func(r rune) bool { return r < '\n' }) >= 0 {
				return // half a binary record may look like Brotli, whose reader allocates
			}
			first, second := binary(c.stream[:len(c.stream)/2]), binary(c.stream[len(c.stream)/2:])
			require.Zero(t, testing.AllocsPerRun(50, func() {
				p.c2s.Decode(first, &w, out)
				p.c2s.Decode(second, &w, out)
			}))
		})
	}
}

// Work is measured in visited bytes: a constant times those that were sent.
func TestStreamIsLinear(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			p := c.begin()
			var w format.Walker
			n := 0
			out := &framework.Out{Visit: func(f *format.Field) { n += len(f.Value) }, Record: func(framework.Envelope) {}}
			const size = 64 << 10
			for i := range size {
				p.c2s.Decode(binary(c.stream[i%len(c.stream):][:1]), &w, out)
			}
			require.LessOrEqual(t, n, 8*size)
		})
	}
}

// FuzzStreams: no bytes and no cuts make a decoder fail, and nothing that a
// message says is left out: valid text is visited as it stands wherever it was
// not read as a record.
func FuzzStreams(f *testing.F) {
	for i, c := range conversations {
		f.Add([]byte(c.stream), uint8(i), uint8(3), true)
		f.Add([]byte(c.hello+c.stream), uint8(i), uint8(200), false)
	}
	f.Fuzz(func(t *testing.T, stream []byte, which, size uint8, confirmed bool) {
		c := &conversations[int(which)%len(conversations)]
		decode := func(n int) (joined []string) {
			p := newPeers(c.handshake)
			if confirmed {
				p = c.begin()
			}
			for rest := stream; len(rest) > 0; {
				m := rest[:min(n, len(rest))]
				rest = rest[len(m):]
				visited := 0
				_, fields := p.send(string(m))
				for _, f := range fields {
					visited += len(f)
					if !strings.HasPrefix(f, "~") && !strings.HasPrefix(f, "?") && !strings.HasPrefix(f, "$message") {
						joined = append(joined, f)
					}
				}
				if !confirmed && bytes.IndexFunc(m, func(r rune) bool { return r < ' ' || r > '~' }) < 0 &&
					!bytes.ContainsAny(m, `{["'\`) {
					require.Contains(t, strings.Join(fields, "\n"), "="+string(m), fmt.Sprintf("%q", stream))
				}
			}
			return joined
		}
		decode(len(stream) + 1)
		decode(1 + int(size))
	})
}

// pieces sends each message in pieces of n bytes, and returns what is visited of
// joined records.
func (p *peers) pieces(d framework.Decoder, n int, payload string) (events, fields []string) {
	for ; payload != ""; payload = payload[min(n, len(payload)):] {
		e, f := p.decode(d, payload[:min(n, len(payload))])
		events, fields = append(events, e...), append(fields, f...)
	}
	return events, fields
}

// A client chooses its request and where it cuts: neither keeps a stream from
// being joined, from its first byte on.
func TestStreamIsRecognised(t *testing.T) {
	for _, target := range []string{"/", "/chat?EIO=4&transport=websocket", "/a/000/session/websocket"} {
		for _, c := range conversations {
			for _, n := range []int{1, 3, 7} {
				t.Run(fmt.Sprintf("%s %s %d", c.name, target, n), func(t *testing.T) {
					p := newPeers(framework.Handshake{Target: target})
					if c.name == "nats" {
						p.answer(c.answer)
					}
					for _, noise := range []string{"", "", "", "", ""} {
						p.send(noise)
					}
					p.pieces(p.c2s, n, c.hello)
					p.answer(c.answer)
					events, fields := p.pieces(p.c2s, n, c.stream)
					for _, e := range c.events {
						require.Contains(t, events, e)
					}
					for _, f := range c.fields {
						require.Contains(t, fields, f)
					}
				})
			}
		}
	}
}

// A server is believed when its first words are the protocol's answer, and as
// long as it says nothing else.
func TestStreamIsDenied(t *testing.T) {
	for _, c := range conversations {
		believed := func(p *peers) bool {
			_, fields := p.send(c.stream[:len(c.stream)-1])
			for _, f := range fields {
				if strings.HasPrefix(f, "~") {
					return true
				}
			}
			return false
		}
		t.Run(c.name, func(t *testing.T) {
			require.True(t, believed(c.begin()))
			for name, said := range map[string][]string{
				"before": {"\x00\x00welcome!", c.answer}, "never": {"\x00\x00welcome!"}, "nothing": {},
			} {
				h := c.handshake
				if h.Subprotocol == "" {
					h.Target = "/"
				}
				p := newPeers(h)
				if c.name != "nats" {
					p.send(c.hello)
				}
				for _, s := range said {
					p.answer(s)
				}
				if c.name == "nats" {
					p.send(c.hello)
				}
				require.False(t, believed(p), name)
			}
			if !strings.HasPrefix(c.name, "signalr") { // any bytes are some record there
				p := c.begin()
				p.answer("\x01\xff\xff\xff\xff\xffno answer")
				require.False(t, believed(p), "later")
			}
		})
	}
}

// A tag that goes on behind the frame of a record, or in the next, is judged.
func TestStreamTogether(t *testing.T) {
	for _, tt := range []struct{ name, record, tag string }{
		{"stomp", "SEND\nx:<a href=\n\njavascript:alert(1)>\x00", "<a href=\n\njavascript:alert(1)>"},
		{"stomp", "SEND\n<a href=javascript:alert(1)>\n\nb\x00", "<a href=javascript:alert(1)>"},
		{"stomp", "SEND\n\n<a \x00SEND\n\nhref=javascript:alert(1)>\x00", "<a \x00SEND\n\nhref=javascript:alert(1)>"},
		{"mqtt", packet(0x30, field("<a href=")+"javascript:alert(1)>"), "<a href=javascript:alert(1)>"},
		{"nats", "PUB <a 25\r\nhref=javascript:alert(1) >\r\n", "<a 25\r\nhref=javascript:alert(1) >"},
		{"nats", "HPUB a 12 17\r\nNATS\r\n\r\n<a:\r\nb=1>\r\n", "<a:\r\nb=1>"},
		{"signalr", `{"type":1,"a":"<a ` + rs + `href=javascript:alert(1)>`, "<a " + rs + "href=javascript:alert(1)>"},
	} {
		for _, c := range conversations {
			if c.name == tt.name {
				_, fields := c.begin().send(tt.record)
				require.Contains(t, strings.Join(fields, "\x01"), tt.tag, "%q", tt.record)
			}
		}
	}
}

// What servers take for records, and where they go on behind what is none.
func TestStreamLeniency(t *testing.T) {
	const sent = "SEND\n\nhello\x00"
	for _, tt := range []struct {
		conversation string
		name, stream string
		want         []string
	}{
		{"stomp", "NULs between frames", "\x00\x00\n\x00" + sent, []string{"$=hello"}},
		{"stomp", "a length where no body is", "SUBSCRIBE\ncontent-length:1000\n\n\x00" + sent, []string{"$=hello"}},
		{"stomp", "a length with a blank", "SEND\ncontent-length: 1000\n\nhi\x00" + sent, []string{"$=hi", "$=hello"}},
		{"stomp", "a length with a sign", "SEND\ncontent-length:+1000\n\nhi\x00" + sent, []string{"$=hi", "$=hello"}},
		{"stomp", "a length of many digits", "SEND\ncontent-length:9999999999\n\nhi\x00" + sent, []string{"$=hi", "$=hello"}},
		{"stomp", "a length in capitals", "SEND\nContent-Length:1000\n\nhi\x00" + sent, []string{"$=hi", "$=hello"}},
		{"stomp", "two lengths", "SEND\ncontent-length:2\ncontent-length:1000\n\nhi\x00" + sent, []string{"$=hi", "$=hello"}},
		{"stomp", "an unknown command", "SEMD\ncontent-length:1000\n\nhi\x00" + sent, []string{"$=hello"}},
		{"stomp", "a wrong length", "SEND\ncontent-length:1\n\nhi\x00" + sent, []string{"$=hello"}},
		{"stomp", "a long head", "SEND\nx:" + strings.Repeat("a", 70<<10) + "\n\nhi\x00" + sent, []string{"$=hi", "$=hello"}},
		{"stomp", "escaped names", "SEND\n\\c\\n\\r\\\\\\x:y\n\nhi\x00", []string{"$header=:\n\r\\\\x", "$=hi"}},
		{"stomp", "a header without a name", "SEND\n:y\n\nhi\x00", []string{"$header['']=y", "$=hi"}},
		{"nats", "verbs without a blank", "PINGx\r\nCONNECT{\"user\":\"u\"}\r\nPUB a 2\r\nhi\r\n", []string{"$=x", "$.user=u", "$=hi"}},
		{"nats", "the end of a line alone", "SUB a 1\nPUB a 2\nhi\r\n", []string{"$=a 1", "$=hi"}},
		{"signalr messagepack", "a long length", "\x96\x80\x80\x80\x80\x80\x00" + hubCall[1:], []string{"$event=send", "$[0]=hello"}},
		{"signalr messagepack", "a type of more bytes", "\x08\x94\xcd\x00\x02\x80\xc0\xa1x", []string{"$=x"}},
		{"signalr messagepack", "a long array", "\x09\xdc\x00\x04\x02\x80\xc0\xa2hi", []string{"$=hi"}},
		{"signalr messagepack", "a longer array", "\x0b\xdd\x00\x00\x00\x04\x02\x80\xc0\xa2hi", []string{"$=hi"}},
		{"mqtt", "a long length", "\x30\x85\x80\x80\x00\x00\x01thi", []string{"$event=t", "$=hi"}},
		{"mqtt", "text for reasons", packet(0x40, "\x00\x01' or 1=1 -- "), []string{"$message@2=' or 1=1 -- "}},
		{"mqtt", "text in a ping", packet(0xC0, "' or 1=1 -- "), []string{"$message=' or 1=1 -- "}},
	} {
		for _, c := range conversations {
			if c.name != tt.conversation {
				continue
			}
			for _, n := range []int{len(tt.stream), 1} {
				t.Run(fmt.Sprintf("%s %s %d", c.name, tt.name, n), func(t *testing.T) {
					p := c.begin()
					_, fields := p.pieces(p.c2s, n, tt.stream)
					for _, want := range tt.want {
						require.Contains(t, fields, want)
					}
				})
			}
		}
	}
}

// What a server of SignalR takes for a handshake.
func TestSignalRHandshake(t *testing.T) {
	for _, hello := range []string{
		`{"protocol":"messagepack","version":1}`, `{"version":1,"protocol":"messagepack"}ignored`,
		` { "proto\u0063ol" : "blazorpack" , "version" : 1 } `, `{"protocol":"json","version":1,"protocol":"messagepack"}`,
		`{"x":{"protocol":"json"},"protocol":"messagepack","version":1}`,
		`{"Protocol":"messagepack","version":1}`, // Go
	} {
		for _, n := range []int{1, 1000} {
			p := newPeers(framework.Handshake{Target: "/"})
			p.pieces(p.c2s, n, hello+rs)
			p.answer(`{"minorVersion":0}` + rs)
			events, fields := p.send(hubCall)
			require.Equal(t, []string{"send"}, events, hello)
			require.Contains(t, fields, "$[0]=hello")
		}
	}
	p := newPeers(framework.Handshake{Target: "/"})
	p.send(`{"protocol":"json","version":1}` + rs)
	p.answer(`{"error":"no"}` + rs)
	_, fields := p.send(`{"type":6`)
	for _, f := range fields {
		require.False(t, strings.HasPrefix(f, "~"), "refused, and believed: %s", f)
	}
}

// A message that is clean in one protocol is not taken for the other's.
func TestStreamAlike(t *testing.T) {
	seen := map[int]string{0: "nothing"}
	for _, c := range conversations {
		p := c.begin()
		for range 4 {
			p.send(c.stream)
		}
		alike := p.c2s.Alike()
		if strings.HasPrefix(c.name, "mqtt") {
			require.Zero(t, alike)
			continue
		}
		require.NotContains(t, seen, alike, c.name)
		seen[alike] = c.name
		p.send(c.stream[:len(c.stream)-1])
		require.Zero(t, p.c2s.Alike())
	}
}

// A record that is too big is left out, and what follows is not.
func TestStreamBehindLimit(t *testing.T) {
	p := newPeers(framework.Handshake{Subprotocol: "v12.stomp", Limit: 100})
	p.send("CONNECT\n\n\x00")
	p.answer("CONNECTED\n\n\x00")
	p.send("SEND\n\n" + strings.Repeat("x", 100))
	require.True(t, p.broken.Has(ws.MessageTooBig))
	_, fields := p.send("xx\x00SEND\n\nhello\x00")
	require.Contains(t, fields, "$=hello")
}

// Aliases of topics are kept per direction, and not without end.
func TestMQTTAlias(t *testing.T) {
	p := conversations[4].begin()
	publish := func(n int, topic string) string {
		return packet(0x30, field(topic)+"\x03\x23"+string([]byte{byte(n >> 8), byte(n)})+"hi")
	}
	for n := 1; n <= 100; n++ {
		p.send(publish(n, fmt.Sprint("topic", n)))
	}
	events, _ := p.send(publish(1, ""))
	require.Equal(t, []string{"topic1"}, events)
	events, _ = p.send(publish(100, ""))
	require.Equal(t, []string{""}, events)
	p.send(publish(1, "new"))
	events, _ = p.send(publish(1, ""))
	require.Equal(t, []string{"new"}, events)
	events, _ = p.answer(publish(1, ""))
	require.Equal(t, []string{""}, events)
}

// Sessions whose first messages show what they are, wherever they are cut.
func FuzzStreamSessions(f *testing.F) {
	var seeds []string
	for _, c := range conversations {
		half := len(c.hello) / 2
		seeds = append(seeds, strings.Join([]string{c.hello[:half], c.hello[half:], "<" + c.answer, c.stream}, string(cutMark)),
			strings.Join([]string{"<" + c.answer, c.hello, "~" + c.stream[:half], c.stream[half:]}, string(cutMark)))
	}
	fuzzSession(f, framework.Handshake{Target: "/"}, true, seeds...)
}
