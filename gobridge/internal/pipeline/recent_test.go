package pipeline

import (
	"encoding/base64"
	"hash/maphash"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// counter counts what is decoded.
type counter struct {
	framework.Decoder
	n int
}

func (c *counter) Decode(m framework.Message, w *format.Walker, out *framework.Out) {
	c.n++
	c.Decoder.Decode(m, w, out)
}

// TestRecent: a message is judged once for everybody it is sent to, unless
// something of it was found, or may be read in another way.
func TestRecent(t *testing.T) {
	const header = `451-["file",{"_placeholder":true,"num":0}]`
	binary := func(text string) []byte {
		f := wstest.Text(text)
		f.Opcode = ws.OpBinary
		return f.Bytes()
	}
	text := func(text string) []byte { return wstest.Text(text).Bytes() }
	const chat = `42["chat message","hello everyone, how are you?"]`
	const attack = `42["chat message","<script>alert(1)</script>"]`
	long := `42["chat message","` + strings.Repeat("hello ", recentBytes/6+1) + `"]`
	unseen := &framework.Out{Visit: func(*format.Field) {}, Record: func(framework.Envelope) {}}
	for name, test := range map[string]struct {
		targets []string
		frames  [][]byte
		decoded int
		events  int
	}{
		"clean":          {[]string{"/socket.io/?EIO=4", "/socket.io/?EIO=4"}, [][]byte{text(chat), text(chat)}, 1, 0},
		"attack":         {[]string{"/socket.io/?EIO=4", "/socket.io/?EIO=4"}, [][]byte{text(attack), text(attack)}, 4, 4},
		"other decoder":  {[]string{"/socket.io/?EIO=4", "/"}, [][]byte{text(chat)}, 2, 0},
		"other opcode":   {[]string{"/socket.io/?EIO=4"}, [][]byte{text(chat), binary(chat)}, 2, 0},
		"attachment":     {[]string{"/socket.io/?EIO=4"}, [][]byte{text(header), binary("hi"), text(header), binary("hi")}, 4, 0},
		"not UTF-8":      {[]string{"/"}, [][]byte{text("hi \xff"), text("hi \xff")}, 2, 1},
		"too long":       {[]string{"/"}, [][]byte{text(long), text(long)}, 2, 0},
		"nothing":        {[]string{"/"}, [][]byte{text(""), text("")}, 1, 0},
		"other and back": {[]string{"/"}, [][]byte{text("one"), text("two"), text("one"), text("two")}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			for a, b := &e.loop.recent, []byte("one"); a.slot(b) == a.slot([]byte("two")); {
				a.seed = maphash.MakeSeed() // both are to be remembered
			}
			decoded, events := 0, 0
			for _, target := range test.targets {
				s, _ := e.Open(Handshake{Target: target}, config(Monitoring))
				d := s.dir[ws.FromClient].decoder
				for range 4 { // the first messages may show a framework
					d.Decode(framework.Message{Payload: []byte("hi")}, new(format.Walker), unseen)
				}
				c := &counter{Decoder: d}
				s.dir[ws.FromClient].decoder = c
				for _, f := range test.frames {
					r := s.Feed(ws.FromClient, f)
					require.Equal(t, Pass, r.Status)
					require.Equal(t, 1, r.Messages)
				}
				decoded += c.n
				if s.rare != nil {
					events += len(s.rare.events)
				}
			}
			require.Equal(t, test.decoded, decoded)
			require.Equal(t, test.events, events)
		})
	}
}

// TestRecentDeferred: a short message with a value that is too costly for the loop is
// not known to be clean, and each is judged.
func TestRecentDeferred(t *testing.T) {
	e, wake := newThreads(t)
	inside := base64.StdEncoding.EncodeToString(gzipped(strings.Replace(prose(100000), "well", "<script>alert(1)</script>", 1)))
	stream := wstest.Text(`42["chat","` + inside + `"]`).Bytes()
	require.Less(t, len(stream), recentBytes)
	s := open(e, config(Monitoring))
	p := &relay{t: t, s: s, from: ws.FromClient, wake: wake}
	for range 3 {
		p.write(stream)
		require.EqualValues(t, 1, s.jobs, "off the loop")
		p.poll()
	}
	require.Equal(t, []string{"xss", "xss", "xss"}, p.events)
}

// TestRecentNeverMixes: however many messages share a slot, each is compared.
func TestRecentNeverMixes(t *testing.T) {
	s, _ := newEngine(t).Open(Handshake{Target: "/"}, config(Monitoring))
	for i := range 10 * recentSlots {
		s.Feed(ws.FromClient, wstest.Text(strings.Repeat("x", i%recentBytes)).Bytes())
		r := s.Feed(ws.FromClient, wstest.Text(strings.Repeat("x", i%recentBytes)+"<script>").Bytes())
		require.Equal(t, i+1, r.Events)
	}
}

// TestRecentKeepsWhatBegins: what a server's Engine.IO passed still begins a stream
// where a client says it.
func TestRecentKeepsWhatBegins(t *testing.T) {
	e := newEngine(t)
	begins := wstest.Text("CONNECT\naccept-version:1.2\n\n\x00").Bytes()
	s, _ := e.Open(Handshake{Target: "/socket.io/?EIO=4"}, config(Monitoring))
	require.Equal(t, Pass, s.Feed(ws.FromServer, begins).Status)
	s, _ = e.Open(Handshake{Target: "/socket.io/?EIO=4"}, config(Monitoring))
	s.Feed(ws.FromClient, begins)
	s.Feed(ws.FromClient, wstest.Text("SEND\ndestination:/a\n\n<scr").Bytes())
	require.Equal(t, 1, s.Feed(ws.FromClient, wstest.Text("ipt>alert(1)</script>\x00").Bytes()).Events)
}
