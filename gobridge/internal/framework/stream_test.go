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
					bytes.IndexAny(m, `{["'\`) < 0 {
					require.Contains(t, strings.Join(fields, "\n"), "="+string(m), fmt.Sprintf("%q", stream))
				}
			}
			return joined
		}
		decode(len(stream) + 1)
		decode(1 + int(size))
	})
}
