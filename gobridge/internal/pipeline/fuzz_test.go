package pipeline

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// FuzzSession: whatever arrives, however it is cut, on either side, with
// threads or without: the same messages are judged, the same bytes forwarded
// and no byte of a data message before its verdict.
func FuzzSession(f *testing.F) {
	for _, recorded := range readSessions(f) {
		for _, from := range directions {
			stream := recorded.stream(from)
			f.Add(stream[:min(len(stream), 2000)], uint8(from)|2, recorded.handshake.Deflate != nil, []byte{1, 7, 200})
			f.Add(stream[:min(len(stream), 2000)], uint8(from)|0x84, recorded.handshake.Deflate != nil, []byte{1, 7, 200})
		}
	}
	f.Add(wstest.Stream(wstest.Text(prose(20000)), wstest.Text(xss)), uint8(2), false, []byte{255})
	threads, wake := newThreads(f)
	limits := ws.Limits{MaxMessage: 1 << 15, MaxInflated: 1 << 15}

	f.Fuzz(func(t *testing.T, stream []byte, kind uint8, deflate bool, cuts []byte) {
		from, mode := ws.Direction(kind&1), Mode(kind>>1&0x3f%3)
		h := Handshake{Target: "/socket.io/"}
		if deflate {
			h.Result = handshake.Result{Deflate: deflated.Deflate}
		}
		run := func(e *Engine, wake chan struct{}, parts [][]byte) (*relay, []Record) {
			c := config(mode)
			c.Limits = both(limits)
			c.DropMessage = kind&0x80 != 0 && mode == Block
			s, _ := e.Open(h, c)
			records := collect(s)
			p := &relay{t: t, s: s, from: from, wake: wake, records: records}
			if c.DropMessage {
				p.records = nil // not every message that is to be dropped is the last
			}
			for _, part := range parts {
				p.write(part)
			}
			for s.jobs > 0 {
				p.poll()
			}
			n := len(*records)
			if c.DropMessage {
				p.checkSwallowed(*records)
			} else {
				p.checkForwarded(n, n > 0 && (*records)[n-1].Drop)
			}
			if p.status != Opaque {
				p.checkNeed()
			}
			for i := range s.dir {
				require.Zero(t, s.dir[i].owned)
			}
			require.True(t, s.Close())
			return p, *records
		}
		var parts [][]byte
		for rest, i := stream, 0; len(rest) > 0; i++ {
			n := len(rest)
			if len(cuts) > 0 {
				n = min(n, 1+int(cuts[i%len(cuts)]))
			}
			parts = append(parts, rest[:n])
			rest = rest[n:]
		}
		e := newEngine(t)
		whole, want := run(e, nil, [][]byte{slices.Clone(stream)})
		cut, records := run(e, nil, parts)
		sameRecords(t, want, records)
		require.Equal(t, whole.outcome(), cut.outcome())

		// A backlog may be given up, depending on the threads, and what is seen
		// on the loop may be raised before what a thread finds.
		p, records := run(threads, wake, parts)
		if !p.s.Violations().Has(ws.MemoryExhausted) {
			sameRecords(t, want, records)
			slices.Sort(whole.events)
			slices.Sort(p.events)
			require.Equal(t, whole.outcome(), p.outcome())
		}
	})
}
