package pipeline

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// chat is a socket.io message of n bytes of ordinary English.
func chat(n int) string {
	const head, tail = `42["chat message",{"user":"alice","text":"`, `"}]`
	const text = "I'll be there at 9, but please don't wait for me; the meeting from last week - and the one before - took longer than we had planned. "
	n -= len(head) + len(tail)
	return head + strings.Repeat(text, n/len(text)+1)[:n] + tail
}

// steady is a frame that can come again and again.
func steady(compressed bool, n int) []byte {
	if !compressed {
		return wstest.Text(chat(n)).Bytes()
	}
	// without references to earlier messages: it means the same every time
	return newDeflator().frame(chat(n))
}

func fromServer(frame []byte) []byte {
	h := 2
	if frame[1]&0x7f == 126 {
		h = 4
	}
	out := append([]byte(nil), frame[:h]...)
	out[1] &= 0x7f
	for i, c := range frame[h+4:] {
		out = append(out, c^frame[h+i&3])
	}
	return out
}

// unlike has every message judged, as if none were like an earlier one.
type unlike struct{ framework.Decoder }

func (unlike) Alike() int { return 0 }

// forgetful makes s judge every message anew.
func forgetful(s *Session) {
	for i := range s.dir {
		s.dir[i].decoder = unlike{s.dir[i].decoder}
	}
}

// TestAllocations: what goes on all the time allocates nothing.
func TestAllocations(t *testing.T) {
	for _, test := range []struct {
		name       string
		compressed bool
		n          int
		again      bool
	}{
		{"128", false, 128, false},
		{"128 again", false, 128, true},
		{"1024", false, 1024, false},
		{"16000", false, 16000, false},
		{"128 deflated", true, 128, false},
		{"1024 deflated", true, 1024, false},
		{"1024 deflated again", true, 1024, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, mode := range []Mode{Block, Monitoring, Off} {
				e, _ := newThreads(t)
				h := deflated
				h.Target = "/socket.io/?EIO=4&transport=websocket"
				s, _ := e.Open(h, config(mode))
				if !test.again {
					forgetful(s)
				}
				for _, from := range directions {
					frame := steady(test.compressed, test.n)
					if from == ws.FromServer {
						frame = fromServer(frame)
					}
					feed := func() {
						r := s.Feed(from, frame)
						if r.Status != Pass || r.Release != len(frame) || r.Messages != 1 && mode != Off || r.Events != 0 {
							require.Fail(t, "fed", "%+v", r)
						}
					}
					for range 1000 { // fills the window
						feed()
					}
					// what other goroutines allocate meanwhile counts too
					allocs := 1.0
					for try := 0; try < 5 && allocs > 0; try++ {
						allocs = testing.AllocsPerRun(100, feed)
					}
					require.Zero(t, allocs, "mode %d from %v", mode, from)
				}
			}
		})
	}
}

// TestSize: an idle connection is to cost little. Size classes of Go are 384,
// 416, 448, 480, 512. Two of the allocations last no longer than the call.
func TestSize(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(Session{}), uintptr(448))
	e := newEngine(t)
	c := config(Block)
	hs := map[string]Handshake{"socket.io": {Target: "/socket.io/?EIO=4"}, "plain": {Target: "/"}, "deflate": deflated}
	for name, most := range map[string]float64{"socket.io": 5, "plain": 3, "deflate": 5} {
		h := hs[name]
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { e.Open(h, c) }), most, name)
	}
}

func BenchmarkFeed(b *testing.B) {
	for _, bench := range []struct {
		name       string
		compressed bool
		n          int
		again      bool // the message was just judged
	}{
		{"128", false, 128, false},
		{"128 again", false, 128, true},
		{"1024", false, 1024, false},
		{"16384", false, 16384, false},
		{"128 deflated", true, 128, false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			h := deflated
			h.Target = "/socket.io/?EIO=4&transport=websocket"
			s, _ := newEngine(b).Open(h, config(Block))
			if !bench.again {
				forgetful(s)
			}
			frame := steady(bench.compressed, bench.n)
			b.ReportAllocs()
			b.SetBytes(int64(bench.n))
			for b.Loop() {
				if r := s.Feed(ws.FromClient, frame); r.Release != len(frame) {
					b.Fatalf("%+v", r)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	e := newEngine(b)
	c := config(Block)
	h := Handshake{Target: "/socket.io/?EIO=4&transport=websocket"}
	b.ReportAllocs()
	for b.Loop() {
		s, _ := e.Open(h, c)
		s.Close()
	}
}
