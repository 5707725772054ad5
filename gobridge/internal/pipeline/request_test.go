package pipeline

import (
	"bytes"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// polls is the head of a polling request.
func polls(fields ...framework.HeaderField) *framework.Request {
	return &framework.Request{Method: "POST", Target: "/socket.io/?EIO=4&transport=polling", Fields: fields}
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

// stored is a zlib stream with the text as it is.
func stored(text string) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.NoCompression)
	w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

// names are what s has to tell.
func names(s *Session) (all []string) {
	for {
		_, _, kind := s.Event(nil, &event.Meta{}, &AllEvents, math.MaxInt)
		if kind.Name == "" {
			return all
		}
		all = append(all, kind.Name)
		s.Pop()
	}
}

// settle waits for what is judged off the loop.
func settle(e *Engine, wake chan struct{}, s *Session, r *Result) {
	for s.jobs > 0 {
		if v, ok := e.Poll(); ok {
			messages := r.Messages
			*r = v.Result()
			r.Messages += messages
			continue
		}
		<-wake
	}
}

// TestRequest: a body is judged alike inline and off the loop, in one part or
// in many, from memory or from a file.
func TestRequest(t *testing.T) {
	filler := strings.Repeat("all is well here, ", 5000)
	coding := func(name string) []framework.HeaderField {
		return []framework.HeaderField{{Name: "Content-Encoding", Value: name}}
	}
	short := xss
	xss := strings.Replace(xss, "<script>", filler+"<script>", 1)
	for _, test := range []struct {
		name   string
		body   []byte
		fields []framework.HeaderField
		want   string
		status ws.CloseCode
	}{
		{"benign", []byte(`42["chat","hello"]`), nil, "", 0},
		{"large", []byte(prose(100000)), nil, "", 0},
		{"attack", []byte(`42["chat","<script>alert(1)</script>"]`), nil, "xss", 403},
		{"large attack", []byte(xss), nil, "xss", 403},
		{"gzip", gzipped(prose(100)), coding("gzip"), "", 0},
		{"gzip attack", gzipped(xss), coding("GZIP, identity"), "xss", 403},
		{"gzip, twice", gzipped(string(gzipped(xss))), coding("gzip, gzip"), "xss", 403},
		{"deflate", stored(xss), coding("deflate"), "xss", 403},
		{"deflate, for who does not decode", stored("&d=" + url.QueryEscape(short)), coding("deflate"), "xss", 403},
		{"gzip, plain", []byte(prose(100)), coding("gzip"), "body_undecodable", 403},
		{"no such coding", []byte(prose(100)), coding("compress"), "body_undecodable", 403},
		{"many codings", []byte(prose(100)), coding("gzip,gzip,gzip,gzip,gzip"), "body_undecodable", 403},
		{"too big", []byte(prose(300000)), nil, "message_too_big", 413},
		{"bomb", gzipped(strings.Repeat("a", 1<<20)), coding("gzip"), "deflate_too_big", 413},
		{"empty", nil, nil, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "body")
			require.NoError(t, os.WriteFile(path, append([]byte("before"), test.body...), 0o600))
			for _, threads := range []bool{false, true} {
				e, wake := newEngine(t), make(chan struct{})
				if threads {
					e, wake = newThreads(t)
				}
				for _, how := range []string{"whole", "parts", "file", "both"} {
					for _, mode := range []Mode{Block, Monitoring, Off} {
						c := config(mode)
						c.Limits = both(ws.Limits{MaxMessage: 200000, MaxInflated: 500000})
						s, r := e.OpenRequest(polls(test.fields...), c)
						require.Equal(t, Pass, r.Status)
						f, err := os.Open(path)
						require.NoError(t, err)
						n := len(test.body)
						switch how {
						case "whole":
							r = s.Body(test.body, true)
						case "parts":
							for i := range 10 {
								scratch := bytes.Clone(test.body[i*n/10 : (i+1)*n/10])
								if r = s.Body(scratch, i == 9); r.Status != Pass {
									break
								}
								clear(scratch)
							}
						case "file":
							r = s.BodyFile(int(f.Fd()), 6, int64(n), true)
						case "both":
							if r = s.Body(test.body[:n/2], false); r.Status == Pass {
								r = s.BodyFile(int(f.Fd()), int64(6+n/2), int64(n-n/2), true)
							}
						}
						f.Close()
						what := fmt.Sprintf("%s, mode %d, threads %v", how, mode, threads)
						if mode != Off && test.want != "message_too_big" {
							require.Equal(t, n, r.Bytes, what)
						}
						settle(e, wake, s, &r)
						require.Zero(t, r.Decoded, what)
						if mode == Off {
							require.Equal(t, Pass, r.Status, what)
							require.Empty(t, names(s), what)
							continue
						}
						if test.want == "" {
							require.Empty(t, names(s), what)
						} else {
							require.Equal(t, []string{test.want}, names(s), what)
						}
						if mode == Block {
							require.Equal(t, test.status, r.CloseCode, what)
							require.Equal(t, test.want != "", r.Status == Drop, what)
						} else {
							require.NotEqual(t, Drop, r.Status, what)
							require.Equal(t, test.want != "" && test.want != "xss", r.Uninspected == 1, what)
						}
						require.True(t, s.Close())
					}
				}
			}
		})
	}
}

// TestRequestFile: a file that is shorter than it was said to be is no body,
// and no descriptor stays open.
func TestRequestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(path, []byte("2"), 0o600))
	fds := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(d)
	}
	f, err := os.Open(path)
	require.NoError(t, err)
	before := fds()
	for _, last := range []bool{true, false} {
		s, _ := newEngine(t).OpenRequest(polls(), config(Block))
		r := s.BodyFile(int(f.Fd()), 0, 2, last)
		if !last {
			require.Equal(t, before+1, fds())
			s.Close()
			continue
		}
		require.Equal(t, ws.CloseCode(403), r.CloseCode)
		require.Equal(t, []string{"body_undecodable"}, names(s))
	}
	require.Equal(t, before, fds())
	s, _ := newEngine(t).OpenRequest(polls(), config(Monitoring))
	f.Close()
	require.Equal(t, Opaque, s.BodyFile(1<<20, 0, 2, true).Status)
}

// TestRequestHead: a head is judged at once, or holds its request in any mode, as
// each does before the rules are compiled.
func TestRequestHead(t *testing.T) {
	t.Run("compiled", func(t *testing.T) { testRequestHead(t, true) })
	t.Run("not compiled", func(t *testing.T) { testRequestHead(t, false) })
}

func testRequestHead(t *testing.T, compiled bool) {
	e, wake := newThreads(t)
	if !compiled {
		e.loop.ready = never
	}
	var many []framework.HeaderField
	for i, value := range wstest.Doubtful(60) { // more than the loop can afford
		many = append(many, framework.HeaderField{Name: fmt.Sprintf("X-%d", i), Value: value})
	}
	for _, mode := range []Mode{Block, Monitoring} {
		for name, fields := range map[string][]framework.HeaderField{
			"benign":   many,
			"attack":   append(many[:60:60], framework.HeaderField{Name: "X-A", Value: "<script>alert(1)</script>"}),
			"inline":   {{Name: "X-A", Value: "<script>alert(1)</script>"}},
			"harmless": {{Name: "X-A", Value: "all is well"}},
		} {
			q := polls(slices.Clone(fields)...)
			s, r := e.OpenRequest(q, config(mode))
			require.Equal(t, len(fields) > 1 || !compiled, r.Status == Pending, name)
			clear(q.Fields)
			*q = framework.Request{}
			settle(e, wake, s, &r)
			attack := name == "attack" || name == "inline"
			require.Equal(t, attack && mode == Block, r.Status == Drop, name)
			if attack {
				line, n, _ := s.Event(nil, &event.Meta{}, &AllEvents, math.MaxInt)
				require.Contains(t, string(line[:n]), `"path":"$header['x-a']"`)
				require.NotContains(t, string(line[:n]), "all is well")
				require.Equal(t, []string{"xss"}, names(s), name)
			}
			require.Zero(t, r.Messages)
			require.True(t, s.Close())
		}
	}
}

// TestLimitBlock: what exceeding a limit leads to.
func TestLimitBlock(t *testing.T) {
	nested := "hello"
	for range 12 {
		nested = fmt.Sprintf("[%q]", nested)
	}
	for _, test := range []struct {
		mode   Mode
		block  LimitBlock
		status Status
		action string
	}{
		{Block, LimitAttack, Drop, "blocked"},
		{Block, LimitOn, Drop, "blocked"},
		{Block, LimitOff, Pass, "logged"},
		{Monitoring, LimitAttack, Pass, "monitored"},
		{Monitoring, LimitOn, Drop, "blocked"},
		{Monitoring, LimitOff, Pass, "logged"},
		{Off, LimitOn, Pass, ""},
	} {
		c := config(test.mode)
		c.LimitBlock = test.block
		s, _ := newEngine(t).OpenRequest(polls(), c)
		r := s.Body([]byte("42"+nested), true)
		require.Equal(t, test.status, r.Status, "%+v", test)
		if test.action == "" {
			continue
		}
		require.Equal(t, test.status == Pass, r.Uninspected == 1, "%+v", test)
		line, _, kind := s.Event(nil, &event.Meta{}, &AllEvents, math.MaxInt)
		require.Equal(t, Kind{Attack: false, Name: "format_limit", Action: test.action}, kind)
		require.Contains(t, string(line), `"action":"`+test.action+`"`)
	}
}
