package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/capture"
	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/verdict"
	"wsi/gobridge/internal/ws"
)

// relay is the NGINX side of one direction, by the letter of wsi.h.
type relay struct {
	t    testing.TB
	s    *Session
	from ws.Direction
	wake chan struct{} // nil: synchronous

	in        []byte // all that was written
	fed       int    // of in
	needs     []need
	held      []byte // consumed or not yet fed, not forwarded; begins with the oldest
	unfed     int    // bytes at the end of held
	out       []byte // forwarded
	discarded []byte // not to be
	status    Status
	code      ws.CloseCode

	records *[]Record // if set, the guarantee is checked at each step
	sent    int       // data messages forwarded

	messages, uninspected int
	events                []string // names, in order
}

type need struct{ at, need int }

// write gives b to the session and forwards what may go.
func (p *relay) write(b []byte) {
	p.in = append(p.in, b...)
	p.held = append(p.held, b...)
	p.unfed += len(b)
	p.run()
}

func (p *relay) run() {
	p.opaque()
	for p.unfed > 0 && p.status == Pass {
		part := p.held[len(p.held)-p.unfed:]
		r := p.s.Feed(p.from, part)
		if r.Consumed > len(part) || r.Consumed == 0 && r.Status == Pass {
			require.Fail(p.t, "consumed", "%d of %d, %+v", r.Consumed, len(part), r)
		}
		p.take(r)
		for p.status == Pending {
			p.poll()
		}
	}
}

// opaque forwards all, once nothing can be decoded.
func (p *relay) opaque() {
	if p.status == Opaque {
		p.unfed, p.fed = 0, len(p.in)
		p.release(len(p.held))
	}
}

// take is what follows from a result.
func (p *relay) take(r Result) {
	p.fed += r.Consumed
	p.unfed -= r.Consumed
	if r.Release < 0 || r.Decoded < 0 || r.Release+r.Discard+r.Control > len(p.held)-p.unfed {
		require.Fail(p.t, "result", "%+v, %d held", r, len(p.held)-p.unfed)
	}
	if r.Control > 0 {
		require.Equal(p.t, Block, p.s.dir[p.from].mode)
		end := len(p.held) - p.unfed
		control := bytes.Clone(p.held[end-r.Control : end])
		p.held = append(p.held[:end-r.Control], p.held[end:]...)
		p.release(r.Release)
		p.out = append(p.out, control...)
	} else {
		p.release(r.Release)
	}
	if r.Discard > 0 {
		p.discarded = append(p.discarded, p.held[:r.Discard]...)
		p.held = p.held[r.Discard:]
	}
	p.needs = append(p.needs, need{p.fed, r.Need})
	p.status = r.Status
	p.opaque()
	if r.Status == Drop {
		p.code = r.CloseCode
	}
	p.messages += r.Messages
	p.uninspected += r.Uninspected
	reasons := 0
	for _, n := range r.Reasons {
		reasons += n
	}
	require.Equal(p.t, r.Uninspected, reasons)
	p.fetch(r.Events)
}

func (p *relay) fetch(n int) {
	for range n {
		line, _, kind := p.s.Event(nil, &event.Meta{}, &AllEvents, math.MaxInt)
		require.NotEmpty(p.t, kind.Name)
		require.True(p.t, json.Valid(line[:bytes.IndexByte(line, '\n')]), "%s", line)
		p.events = append(p.events, kind.Name)
		p.s.Pop()
	}
	if _, _, kind := p.s.Event(nil, &event.Meta{}, &AllEvents, math.MaxInt); kind.Name != "" {
		require.Fail(p.t, "more events than told", "%s", kind.Name)
	}
}

func (p *relay) release(n int) {
	if p.records != nil && p.s.dir[p.from].mode == Block {
		p.checkReleased(p.held[:n])
	}
	p.out = append(p.out, p.held[:n]...)
	p.held = p.held[n:]
}

// checkReleased: no byte of a data message goes before its verdict.
func (p *relay) checkReleased(b []byte) {
	frames, rest := split(b)
	last := wire{fin: true}
	for _, f := range frames {
		if f.control {
			continue
		}
		if last = f; f.fin {
			p.sent++
		}
	}
	judged := 0
	for _, r := range *p.records {
		if r.Drop {
			break
		}
		judged++
	}
	if len(rest) > 0 || !last.fin || p.sent > judged {
		require.Fail(p.t, "released without a verdict", "%d sent, %d judged, last %+v, then %x", p.sent, judged, last, rest)
	}
}

// poll waits for one verdict of this direction.
func (p *relay) poll() {
	for {
		v, ok := p.s.config.engine.Poll()
		if !ok {
			<-p.wake
			continue
		}
		require.Same(p.t, p.s, v.Session)
		require.Equal(p.t, p.from, v.Direction)
		r := v.Result()
		require.Zero(p.t, r.Consumed)
		require.Zero(p.t, r.Control)
		p.take(r)
		return
	}
}

// wire is a frame as it stands in a stream.
type wire struct {
	control bool
	fin     bool
	bytes   string
}

// split cuts a stream into its frames. rest is an incomplete one.
func split(stream []byte) (frames []wire, rest []byte) {
	for len(stream) >= 2 {
		n := int(stream[1] & 0x7f)
		size := 2
		switch n {
		case 126:
			size = 4
		case 127:
			size = 10
		}
		if len(stream) < size {
			break
		}
		if size > 2 {
			n = 0
			for _, c := range stream[2:size] {
				n = n<<8 | int(c)
			}
		}
		if stream[1]&0x80 != 0 {
			size += 4
		}
		if n < 0 || len(stream)-size < n {
			break
		}
		frames = append(frames, wire{
			control: stream[0]&8 != 0,
			fin:     stream[0]&0x80 != 0,
			bytes:   string(stream[:size+n]),
		})
		stream = stream[size+n:]
	}
	return frames, stream
}

// lanes is the data frames and the control frames of a stream, each in order.
func lanes(frames []wire) (data, control []string) {
	for _, f := range frames {
		if f.control {
			control = append(control, f.bytes)
		} else {
			data = append(data, f.bytes)
		}
	}
	return data, control
}

// checkNeed holds what Need said against the frames that came.
func (p *relay) checkNeed() {
	frames, _ := split(p.in)
	end, i := 0, 0
	for _, n := range p.needs {
		for end < n.at && i < len(frames) {
			end += len(frames[i].bytes)
			i++
		}
		if n.need == Unknown || end < n.at {
			continue // the last frame is incomplete
		}
		if left := end - n.at; n.need > left || n.need == 0 && left > 0 {
			require.Fail(p.t, "need", "%d at %d, %d before a boundary", n.need, n.at, left)
		}
	}
}

// checkForwarded holds what was forwarded against what came: judged messages
// were judged, the last of them dropped or not.
func (p *relay) checkForwarded(judged int, dropped bool) {
	in, _ := split(p.in[:p.fed])
	data, control := lanes(in)
	out, rest := split(p.out)
	if p.s.dir[p.from].mode != Block {
		require.Equal(p.t, string(p.in[:p.fed]), string(p.out))
		return
	}
	require.Empty(p.t, rest, "part of a frame was forwarded")
	outData, outControl := lanes(out)
	require.True(p.t, slices.Equal(control[:len(outControl)], outControl))
	require.True(p.t, slices.Equal(data[:len(outData)], outData))

	may := 0 // data frames
	for _, f := range in {
		if f.control {
			continue
		}
		if judged == 0 || judged == 1 && dropped {
			break
		}
		may++
		if f.fin {
			judged--
		}
	}
	require.Len(p.t, outData, may, "data frames forwarded")
	if p.status != Drop {
		require.Equal(p.t, control, outControl)
	}
}

// checkSwallowed is checkForwarded with DropMessage, in mode block: each message
// was forwarded or, if it was to be dropped, may have been taken out, as a whole.
func (p *relay) checkSwallowed(records []Record) (swallowed int) {
	in, _ := split(p.in[:p.fed])
	data, control := lanes(in)
	out, rest := split(p.out)
	require.Empty(p.t, rest, "part of a frame was forwarded")
	outData, outControl := lanes(out)
	gone, rest := split(p.discarded)
	require.Empty(p.t, rest, "part of a frame was taken out")
	goneData, goneControl := lanes(gone)
	require.Empty(p.t, goneControl)
	require.True(p.t, slices.Equal(control[:len(outControl)], outControl))
	for _, r := range records {
		whole := 1
		for data[whole-1][0]&0x80 == 0 {
			whole++
		}
		frames := data[:whole]
		data = data[whole:]
		to := &outData
		if r.Drop {
			if to = &goneData; len(goneData) == 0 {
				require.Equal(p.t, Drop, p.status)
				break
			}
			swallowed++
		}
		require.GreaterOrEqual(p.t, len(*to), whole)
		require.Equal(p.t, frames, (*to)[:whole])
		*to = (*to)[whole:]
	}
	require.Empty(p.t, outData)
	require.Empty(p.t, goneData)
	if p.status != Drop {
		require.Equal(p.t, control, outControl)
	}
	return swallowed
}

// session is one recording.
type session struct {
	name      string
	handshake Handshake
	chunks    []capture.Chunk
	expect    []expected
}

// expected is a message of the ground truth.
type expected struct {
	Dir     string
	Index   uint64
	Label   string
	Strings []struct{ Text, Label, Class string }
}

// stream is all bytes of one direction.
func (s *session) stream(from ws.Direction) (b []byte) {
	for _, c := range s.chunks {
		if c.Direction == from {
			b = append(b, c.Data...)
		}
	}
	return b
}

func readSessions(t testing.TB) (all []*session) {
	paths, err := filepath.Glob("../../../testdata/session/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		s := &session{name: strings.TrimSuffix(filepath.Base(path), ".jsonl")}
		r, err := capture.Open(path)
		require.NoError(t, err)
		offer, answer, err := handshake.ParseTexts(*r.Header.Request, *r.Header.Response)
		require.NoError(t, err)
		s.handshake = Handshake{Target: offer.Target, Result: handshake.Check(offer, answer)}
		for {
			c, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			s.chunks = append(s.chunks, c)
		}
		require.NoError(t, r.Close())
		raw, err := os.ReadFile(strings.TrimSuffix(path, ".jsonl") + ".expect.json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &struct{ Messages *[]expected }{&s.expect}))
		require.NotEmpty(t, s.expect)
		all = append(all, s)
	}
	return all
}

func config(mode Mode) *Config {
	return &Config{Mode: [2]Mode{mode, mode}, Threshold: verdict.Threshold, Limits: ws.DefaultLimits}
}

func newEngine(t testing.TB) *Engine {
	e, err := NewEngine(Options{})
	require.NoError(t, err)
	return e
}

// newThreads is an engine whose verdicts are announced on wake.
func newThreads(t testing.TB) (e *Engine, wake chan struct{}) {
	wake = make(chan struct{}, 1)
	e, err := NewEngine(Options{Threads: 2, Wake: func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}})
	require.NoError(t, err)
	detect.Default() // else what is to be judged waits for it in a thread
	return e, wake
}

// collect keeps the records of s.
func collect(s *Session) *[]Record {
	records := new([]Record)
	s.Observe = func(r *Record) {
		keep := *r
		keep.Envelope.Event = bytes.Clone(r.Envelope.Event)
		keep.Fields = append([]Field(nil), r.Fields...)
		*records = append(*records, keep)
	}
	return records
}

// open starts a session without an extension on both sides.
func open(e *Engine, c *Config) *Session {
	s, _ := e.Open(Handshake{Target: "/socket.io/?EIO=4&transport=websocket"}, c)
	return s
}

var deflated = Handshake{
	Target: "/chat",
	Result: handshake.Result{Deflate: &ws.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}},
}

// sameRecords is require.Equal with a short message.
func sameRecords(t testing.TB, want, got []Record, args ...any) {
	if reflect.DeepEqual(want, got) {
		return
	}
	require.Len(t, got, len(want), args...)
	for i := range want {
		if !reflect.DeepEqual(want[i], got[i]) {
			w, g := fmt.Sprintf("%+v", want[i]), fmt.Sprintf("%+v", got[i])
			require.Fail(t, "records differ", "%d: %.2000s\n%.2000s\n%v", i, w, g, args)
		}
	}
}

func both(l ws.Limits) [2]ws.Limits { return [2]ws.Limits{l, l} }
