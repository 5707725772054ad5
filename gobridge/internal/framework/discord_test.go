package framework_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

// pieces are texts as one stream of zlib, flushed behind each.
func pieces(t testing.TB, texts ...string) (p []string) {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	for _, text := range texts {
		_, err := z.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, z.Flush())
		p = append(p, b.String())
		b.Reset()
	}
	return p
}

var discordTexts = []string{
	`{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}`,
	`{"t":"MESSAGE_CREATE","s":1,"op":0,"d":{"content":"hello everyone","author":{"username":"bob"}}}`,
	`{"t":"MESSAGE_CREATE","s":2,"op":0,"d":{"content":"<script>alert(1)</script>","author":{"username":"bob"}}}`,
	`{"t":"MESSAGE_CREATE","s":3,"op":0,"d":{"content":"` + strings.Repeat("hello everyone ", 5000) + `","author":{"username":"bob"}}}`,
	`{"t":"TYPING_START","s":4,"op":0,"d":{"content":"hello everyone","author":{"username":"bob"}}}`,
}

// TestDiscordStream: each message refers to those before, whatever the handshake
// says, and wherever a piece is cut.
func TestDiscordStream(t *testing.T) {
	for _, h := range []framework.Handshake{{Target: "/?v=10&encoding=json&compress=zlib-stream"}, {Target: "/gateway"}} {
		for _, cut := range []int{0, 1, 7} {
			_, s2c := framework.Identify(h)
			for i, p := range pieces(t, discordTexts...) {
				if cut > 0 && i > 0 {
					decode(s2c, binary(p[:len(p)-cut]))
					p = p[len(p)-cut:]
				}
				d := sample{Base64: []byte(p)}
				d.decode(s2c)
				require.Contains(t, strings.Join(d.Records, "\n"), "discord", i)
				if i == 2 {
					require.Contains(t, d.Fields, "$.content=<script>alert(1)</script>")
					require.Contains(t, d.Records, "discord MESSAGE_CREATE json")
				}
				if i == 4 {
					require.Contains(t, d.Fields, "$.content=hello everyone")
				}
			}
			require.LessOrEqual(t, s2c.Size(), 64<<10)
		}
	}
}

// What is no piece ends the stream, and is judged as it stands.
func TestDiscordNoPiece(t *testing.T) {
	p := pieces(t, discordTexts...)
	for _, broken := range []string{"hello <b>", p[1][:10] + "\x00\x00\xff\xff", "\x00\x00\xff\xff"} {
		_, s2c := framework.Identify(framework.Handshake{Target: "/?v=10&encoding=json", Limit: 100})
		decode(s2c, binary(p[0]))
		require.NotPanics(t, func() { decode(s2c, binary(broken)) })
		require.Contains(t, values(s2c, text(strings.Repeat("hello <b> ", 20))), strings.Repeat("hello <b> ", 20))
	}
	// A client's are not joined.
	c2s, _ := framework.Identify(framework.Handshake{Target: "/?v=10&encoding=json"})
	for _, p := range p {
		decode(c2s, binary(p))
	}
	require.LessOrEqual(t, c2s.Size(), 4<<10)
}

func TestDiscordDoesNotAllocate(t *testing.T) {
	c2s, s2c := framework.Identify(framework.Handshake{Target: "/?v=10&encoding=json"})
	noAllocs(t, c2s, text(`{"op":1,"d":{"a":"b"}}`))
	p := pieces(t, discordTexts[0], `{"op":0,"t":"A","d":"qwfpgj"}`)
	decode(s2c, binary(p[0]))
	for range 3000 {
		decode(s2c, binary(p[1]))
	}
	var w format.Walker
	out := &framework.Out{Visit: func(*format.Field) {}, Record: func(framework.Envelope) {}, Violate: func(ws.Violation) {}}
	m := framework.Message{Opcode: ws.OpBinary, Payload: []byte(p[1])}
	require.Zero(t, testing.AllocsPerRun(20, func() { s2c.Decode(m, &w, out) }))
}

func FuzzDiscord(f *testing.F) {
	p := pieces(f, discordTexts[:3]...)
	fuzzSession(f, framework.Handshake{Target: "/?v=10&encoding=json&compress=zlib-stream"}, true,
		"<"+p[0]+"\xff\xfe<"+p[1]+"\xff\xfe<"+p[2], "<"+p[0]+"\xff\xfe<"+p[1][:9]+"\xff\xfe<"+p[1][9:], discordTexts[1])
}
