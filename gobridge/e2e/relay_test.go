//go:build e2e

package e2e

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// transports are the ways in which TLS may be on either side.
var transports = []struct {
	name             string
	client, upstream bool
}{
	{"plain", false, false},
	{"tls client", true, false},
	{"tls upstream", false, true},
	{"tls both", true, true},
}

// bufferSizes are values of proxy_buffer_size with what they demand.
var bufferSizes = []struct{ name, conf string }{
	{"512", "proxy_buffer_size 512; "},
	{"4k", "proxy_buffer_size 4k; "},
	{"64k", "proxy_buffer_size 64k; proxy_buffers 4 64k; "},
}

// stream is random messages of one peer: fragmented, with control frames
// between fragments, compressed when w is given.
func stream(rnd *rand.Rand, client bool, w *flate.Writer, out *bytes.Buffer) []byte {
	var b []byte
	add := func(f wstest.Frame) {
		if client {
			f.Mask = &[4]byte{byte(rnd.Uint32()), byte(rnd.Uint32()), 0, byte(rnd.Uint32())}
		}
		b = append(b, f.Bytes()...)
	}
	for range 40 {
		size := rnd.IntN(300)
		switch rnd.IntN(10) {
		case 0:
			size = rnd.IntN(70000)
		case 1, 2:
			size = rnd.IntN(5000)
		}
		payload := []byte(prose(size + 50)[rnd.IntN(50):])
		f := wstest.Frame{Opcode: ws.OpText}
		if w != nil && rnd.IntN(4) > 0 {
			out.Reset()
			w.Write(payload)
			w.Flush()
			payload = bytes.TrimSuffix(bytes.Clone(out.Bytes()), []byte{0, 0, 0xff, 0xff})
			f.RSV = 4
		}
		for parts := rnd.IntN(4); parts > 0; parts-- {
			n := rnd.IntN(len(payload) + 1)
			f.More, f.Payload, payload = true, payload[:n], payload[n:]
			add(f)
			f.RSV, f.Opcode = 0, ws.OpContinuation
			if rnd.IntN(2) == 0 {
				add(wstest.Frame{Opcode: ws.OpPing + ws.Opcode(rnd.IntN(2)), Payload: []byte(prose(rnd.IntN(125)))})
			}
		}
		f.More, f.Payload = false, payload
		add(f)
	}
	return b
}

// sorted takes a stream apart: frames of data, and control frames.
func sorted(t testing.TB, b []byte) (data, control []byte) {
	for len(b) > 0 {
		h, n := frame.ParseHeader(b)
		require.NotZero(t, n)
		n += int(h.Length)
		require.LessOrEqual(t, n, len(b))
		if h.Opcode.IsControl() {
			control = append(control, b[:n]...)
		} else {
			data = append(data, b[:n]...)
		}
		b = b[n:]
	}
	return data, control
}

// received reads as much as want, in which control frames may have overtaken
// data.
func received(t testing.TB, p *peer, want []byte, seed uint64) {
	t.Helper()
	got := make([]byte, len(want))
	p.patiently()
	_, err := readFull(p, got)
	require.NoError(t, err, "seed %d", seed)
	wantData, wantControl := sorted(t, want)
	data, control := sorted(t, got)
	require.True(t, bytes.Equal(wantData, data), "seed %d", seed)
	require.True(t, bytes.Equal(wantControl, control), "seed %d", seed)
}

// feed sends b in random pieces.
func feed(p *peer, rnd *rand.Rand, b []byte) error {
	for most := 1; len(b) > 0; {
		if rnd.IntN(50) == 0 || most == 1 {
			most = 1 << (1 + rnd.IntN(16))
		}
		n := min(1+rnd.IntN(most), len(b))
		if _, err := p.Conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Pitfalls 6, 7, 8: whatever the buffers and the pieces, what comes out is what
// went in. Control frames may overtake fragments that are held.
func TestChunks(t *testing.T) {
	t.Parallel()
	seed := uint64(6455)
	for _, tr := range transports {
		for _, size := range bufferSizes {
			for _, response := range []string{"monitoring", "block"} {
				n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream,
					location: size.conf + "wallarm_websocket_response_mode " + response + ";"})
				for _, pmd := range []bool{false, true} {
					seed++
					t.Run(fmt.Sprintf("%s buffer %s response %s deflate %v", tr.name, size.name, response, pmd), func(t *testing.T) {
						n := n.in(t)
						var lines []string
						var w [2]*flate.Writer
						var out [2]bytes.Buffer
						if pmd {
							lines = []string{deflate}
							for i := range w {
								w[i], _ = flate.NewWriter(&out[i], flate.BestSpeed)
							}
						}
						client, backend := n.connect(lines...)
						rnd := rand.New(rand.NewPCG(seed, 0))
						up := stream(rnd, true, w[0], &out[0])
						down := stream(rnd, false, w[1], &out[1])
						errs := make(chan error, 2)
						go func() { errs <- feed(client, rand.New(rand.NewPCG(seed, 1)), up) }()
						go func() { errs <- feed(backend, rand.New(rand.NewPCG(seed, 2)), down) }()

						received(t, backend, up, seed)
						if response == "monitoring" {
							client.expect(down)
						} else {
							received(t, client, down, seed)
						}
						require.NoError(t, <-errs)
						require.NoError(t, <-errs)
						client.Close()
						backend.Close()
					})
				}
				require.Empty(t, n.log("websocket_attacks.json"))
			}
		}
	}
}

// Pitfall 6: edge-triggered events come once, so what releases nothing must not
// end the reading.
func TestDribble(t *testing.T) {
	t.Parallel()
	for _, size := range bufferSizes {
		t.Run(size.name, func(t *testing.T) {
			n := start(t, conf{location: size.conf + "wallarm_websocket_response_mode block;"})
			client, backend := n.connect()
			m := append(append(more("one"), next(" two")...), last(" three")...)
			client.dribble(m)
			backend.expect(m)
			m = append(server(prose(300)).Bytes(), server("").Bytes()...)
			backend.dribble(m)
			client.expect(m)
		})
	}
}

// Pitfall 7: what is released at once may be more than NGINX's buffer, and more
// than the peer takes at once.
func TestReleaseBeyondBuffer(t *testing.T) {
	t.Parallel()
	for _, size := range bufferSizes {
		for _, length := range []int{1000, 15 << 10, 3 << 20} {
			t.Run(fmt.Sprintf("%s %d", size.name, length), func(t *testing.T) {
				n := start(t, conf{location: size.conf + "wallarm_websocket_response_mode block;"})
				client, backend := n.connect()
				m := append(text(prose(length)), text("behind")...)
				client.send(m)
				backend.expect(m)
				m = append(server(prose(length)).Bytes(), server("behind").Bytes()...)
				backend.send(m)
				client.expect(m)
				talk(client, backend)
			})
		}
	}
}

// No byte of a data message reaches the application before the whole message
// has its verdict.
func TestNothingOfAnAttack(t *testing.T) {
	t.Parallel()
	fragments := func(parts ...string) []byte {
		b := more(parts[0])
		for _, p := range parts[1 : len(parts)-1] {
			b = append(b, next(p)...)
		}
		return append(b, last(parts[len(parts)-1])...)
	}
	socketIO := `42["chat message","` + xss + `"]`
	var tiny []byte
	for i := range socketIO {
		f := wstest.Frame{More: i < len(socketIO)-1, Opcode: ws.OpContinuation, Mask: mask, Payload: []byte(socketIO[i : i+1])}
		if i == 0 {
			f.Opcode = ws.OpText
		}
		tiny = append(tiny, f.Bytes()...)
	}
	split := deflated(socketIO)
	tests := []struct {
		name  string
		bytes []byte
	}{
		{"one frame", text(socketIO)},
		{"text", text(sqli)},
		{"last fragment", fragments(`42["chat message",`, `"how are you",`, `"`+xss+`"]`)},
		{"over fragments", fragments(`42["chat message","<scr`, `ipt>al`, `ert(1)</script>"]`)},
		{"a byte a fragment", tiny},
		{"empty fragments", fragments("", "", socketIO, "", "")},
		{"first fragment", fragments(socketIO[:len(socketIO)-2], `"`, `]`)},
		{"binary", wstest.Frame{Opcode: ws.OpBinary, Mask: mask, Payload: []byte(xss)}.Bytes()},
		{"compressed", compressed(socketIO)},
		{"compressed fragments", wstest.Stream(
			wstest.Frame{More: true, RSV: 4, Opcode: ws.OpText, Mask: mask, Payload: split[:len(split)/2]},
			wstest.Frame{Opcode: ws.OpContinuation, Mask: mask, Payload: split[len(split)/2:]})},
		{"100 KiB", text(`42["chat message","` + prose(100<<10) + xss + `"]`)},
		{"100 KiB fragments", fragments(`42["chat message","`+prose(50<<10), prose(50<<10), xss+`"]`)},
		{"100 KiB compressed", compressed(`42["chat message","` + prose(100<<10) + xss + `"]`)},
		{"2 MiB", text(`42["chat message","` + prose(2<<20) + xss + `"]`)},
	}
	for _, size := range bufferSizes {
		n := start(t, conf{location: size.conf})
		attacks := 0
		for _, tt := range tests {
			for _, dribble := range []bool{false, true} {
				if dribble && len(tt.bytes) > 1000 {
					continue
				}
				t.Run(fmt.Sprintf("%s buffer %s dribble %v", tt.name, size.name, dribble), func(t *testing.T) {
					n := n.in(t)
					client, backend := n.connectTo("/socket.io/?EIO=4&transport=websocket", deflate)
					benign := text(`42["chat message","hello"]`)
					client.send(benign)
					backend.expect(benign)
					if dribble {
						client.dribble(tt.bytes)
					} else {
						client.send(benign, tt.bytes)
						backend.expect(benign)
					}
					dropped(client, backend, ws.ClosePolicyViolation)
					attacks++
				})
			}
		}
		n.events(attacks)
	}
}

// Pitfall 18: control frames do not wait for a message that is held (RFC 6455
// 5.4).
func TestControlOvertakes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_response_mode block;"})
	t.Run("ping", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		client.send(more("how "))
		client.send(ping("1"))
		backend.expect(ping("1"))
		client.dribble(append(next("are "), ping("2")...))
		backend.expect(ping("2"))
		client.send(ping("3"), ping(""), last("you"), ping("4"))
		backend.expect(ping("3"), ping(""), more("how "), next("are "), last("you"), ping("4"))
		talk(client, backend)
	})
	t.Run("pong of server", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		head := wstest.Frame{More: true, Opcode: ws.OpText, Payload: []byte("how")}.Bytes()
		pong := wstest.Frame{Opcode: ws.OpPong}.Bytes()
		tail := wstest.Frame{Opcode: ws.OpContinuation, Payload: []byte("!")}.Bytes()
		backend.send(head, pong)
		client.expect(pong)
		backend.send(tail)
		client.expect(head, tail)
	})
	t.Run("attack", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		client.send(more("<script>"))
		client.send(ping("1"))
		backend.expect(ping("1"))
		client.send(last("alert(1)</script>"))
		dropped(client, backend, ws.ClosePolicyViolation)
	})
	t.Run("attack in a ping", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		client.send(more("how "), ping(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	})
	t.Run("not a whole message", func(t *testing.T) {
		n := n.in(t)
		// a Close must not overtake a message that was released with it
		closing := wstest.Frame{Opcode: ws.OpClose, Mask: mask, Payload: []byte{3, 232}}.Bytes()
		client := n.client()
		client.send(request("/"), text("whole"), more("part"), closing)
		backend := n.accept()
		backend.head()
		backend.send(response())
		client.head()
		backend.expect(text("whole"), closing)
		client.Close()
	})
}

// The longest control frame, whose header has more of a length than it needs,
// overtakes as any other.
func TestLongestControlOvertakes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_response_mode block; wallarm_websocket_assembly_timeout 500ms;" +
		"wallarm_websocket_violation frame_length_not_minimal log;"})
	client, backend := n.connect()
	short := ping(strings.Repeat("a", frame.MaxControl))
	header := []byte{short[0], 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, frame.MaxControl}
	long := append(header, short[2:]...)
	require.Len(t, long, frame.MaxHeader+frame.MaxControl)
	client.send(more("how "))
	client.send(long)
	backend.expect(long)
	// what the module allocates next is behind the frame
	pong := wstest.Frame{Opcode: ws.OpPong}.Bytes()
	backend.send(wstest.Frame{More: true, Opcode: ws.OpText, Payload: []byte("how")}.Bytes(), pong)
	client.expect(pong)
	client.send(long)
	backend.expect(long)
	client.send(last("you"))
	backend.expect(more("how "), last("you"))
	dropped(client, backend, ws.ClosePolicyViolation) // by the time of the server's message
}

// Pitfall 10: at the end of the stream an incomplete message is lost, and the
// backend sees a clean end.
func TestEndOfStream(t *testing.T) {
	t.Parallel()
	for _, tr := range transports {
		n := start(t, conf{tls: tr.client, tlsUpstream: tr.upstream})
		for name, b := range map[string][]byte{
			"half a header":  text(xss)[:1],
			"half a frame":   text(xss)[:20],
			"fragment":       more(xss),
			"large":          text(prose(100 << 10))[:90<<10],
			"half a control": append(more("x"), ping("12345")[:3]...),
		} {
			t.Run(tr.name+" "+name, func(t *testing.T) {
				n := n.in(t)
				client, backend := n.connect()
				client.send(text("hello"), b)
				client.halfClose()
				backend.expect(text("hello"))
				require.Empty(t, backend.rest())
				require.Empty(t, client.rest())
			})
		}
		t.Run(tr.name+" whole message", func(t *testing.T) {
			n := n.in(t)
			client, backend := n.connect()
			m := append(text("hello"), text(prose(64<<10))...)
			client.send(m)
			client.halfClose()
			backend.expect(m)
			require.Empty(t, backend.rest())
		})
		t.Run(tr.name+" backend", func(t *testing.T) {
			n := n.in(t)
			client, backend := n.connect()
			m := append(server("hello").Bytes(), server("bye").Bytes()[:3]...)
			backend.send(m)
			backend.halfClose()
			client.expect(m)
			require.Empty(t, client.rest())
			require.Empty(t, backend.rest())
		})
	}
}

// Pitfall 23: a peer that does not read is waited for, nothing is lost.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_response_mode block;"})
	client, backend := n.connect()
	m := []byte(strings.Repeat(string(text(prose(60<<10))), 200))
	errs := make(chan error, 1)
	go func() {
		_, err := client.Conn.Write(m)
		errs <- err
	}()
	// the other direction and other connections go on meanwhile
	for range 100 {
		backend.send(server("tick").Bytes())
		client.expect(server("tick").Bytes())
	}
	other, otherBackend := n.connect()
	talk(other, otherBackend)
	backend.expect(m)
	require.NoError(t, <-errs)
	require.Less(t, rss(n.worker()), 200<<20)
}
