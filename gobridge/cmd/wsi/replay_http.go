package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"sort"

	"wsi/gobridge/internal/capture"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/ws"
)

// exchanges are the connections of a recording of kind "http".
type exchanges struct {
	conns map[int]*[2]stream
	seq   int // chunks read
}

// stream is what one peer sent on one connection.
type stream struct {
	data []byte
	ends []int // of data, behind each chunk
	seqs []int // of the chunks
}

// body is one of a framework's transport, or a request without any.
type body struct {
	conn     int
	seq      int // of the chunk in which it ends
	from     ws.Direction
	request  *framework.Request
	codings  string
	data     []byte
	question bool // the request, whose head is judged, too
}

// replayHTTP prints every body of a fallback transport in the order in which
// they ended, numbered by direction.
func replayHTTP(c *pipeline.Config, path string, r *capture.Reader, out *printer) (violations []string, drop bool, err error) {
	x := exchanges{conns: map[int]*[2]stream{}}
	if err := x.read(r); err != nil {
		return nil, false, err
	}
	var all []body
	for _, conn := range slices.Sorted(maps.Keys(x.conns)) {
		all = append(all, bodies(conn, x.conns[conn])...)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].seq < all[j].seq })

	var set ws.Violations
	var n [2]uint64
	for i := range all {
		b := &all[i]
		broken, dropped, err := judgeBody(c, b, func(m *message) {
			m.File, m.Conn, m.N = path, b.conn, n[b.from]
			n[b.from]++
			out.message(m)
		})
		if err != nil {
			return nil, false, err
		}
		set |= broken
		drop = drop || dropped
	}
	return set.Strings(), drop, nil
}

func (x *exchanges) read(r *capture.Reader) error {
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if x.conns[c.Conn] == nil {
			x.conns[c.Conn] = &[2]stream{}
		}
		s := &x.conns[c.Conn][c.Direction]
		s.data = append(s.data, c.Data...)
		s.ends = append(s.ends, len(s.data))
		s.seqs = append(s.seqs, x.seq)
		x.seq++
	}
}

// at is the number of the chunk that has the last of the first n bytes.
func (s *stream) at(n int) int {
	i := sort.SearchInts(s.ends, n)
	if len(s.seqs) == 0 {
		return 0
	}
	return s.seqs[min(i, len(s.seqs)-1)]
}

// bodies takes a connection apart. What is no HTTP ends it, and so does an
// upgrade; a body that is not complete is taken as far as it is.
func bodies(conn int, s *[2]stream) (all []body) {
	requests := bytes.NewReader(s[ws.FromClient].data)
	responses := bytes.NewReader(s[ws.FromServer].data)
	in, answers := bufio.NewReader(requests), bufio.NewReader(responses)
	for {
		rq, err := http.ReadRequest(in)
		if err != nil {
			return all
		}
		data, err := io.ReadAll(rq.Body)
		q := head(rq)
		x, ok := q.Exchange()
		if ok {
			all = append(all, body{
				conn: conn, from: ws.FromClient, request: q, codings: rq.Header.Get("Content-Encoding"), data: data, question: true,
				seq: s[ws.FromClient].at(len(s[ws.FromClient].data) - requests.Len() - in.Buffered()),
			})
		}
		if err != nil {
			return all
		}
		rs, err := response(answers, rq)
		if err != nil || rs.StatusCode == http.StatusSwitchingProtocols {
			return all
		}
		data, err = io.ReadAll(rs.Body)
		if ok && x.Transport != "handshake" {
			all = append(all, body{
				conn: conn, from: ws.FromServer, request: q, codings: rs.Header.Get("Content-Encoding"), data: data,
				seq: s[ws.FromServer].at(len(s[ws.FromServer].data) - responses.Len() - answers.Buffered()),
			})
		}
		if err != nil {
			return all
		}
	}
}

// response reads the final response to a request.
func response(r *bufio.Reader, rq *http.Request) (*http.Response, error) {
	for {
		rs, err := http.ReadResponse(r, rq)
		if err != nil || rs.StatusCode >= 200 || rs.StatusCode == http.StatusSwitchingProtocols {
			return rs, err
		}
	}
}

func head(rq *http.Request) *framework.Request {
	q := &framework.Request{Method: rq.Method, Target: rq.RequestURI}
	for _, name := range slices.Sorted(maps.Keys(rq.Header)) {
		for _, value := range rq.Header[name] {
			q.Fields = append(q.Fields, framework.HeaderField{Name: name, Value: value})
		}
	}
	return q
}

// judgeBody judges a body, and the head of a request, of which nothing is shown.
func judgeBody(c *pipeline.Config, b *body, observe func(*message)) (violations ws.Violations, drop bool, err error) {
	e, err := pipeline.NewEngine(pipeline.Options{})
	if err != nil {
		return 0, false, err
	}
	s, r := e.OpenRequest(b.request, c)
	defer s.Close()
	for range r.Events {
		_, _, kind := s.Event(nil, &event.Meta{}, &pipeline.AllEvents, math.MaxInt)
		drop = drop || kind.Attack && kind.Action != event.Ignored && b.question
		s.Pop()
	}
	if len(b.data) == 0 {
		return s.Violations(), drop, nil
	}
	s.Observe = func(r *pipeline.Record) {
		m := newMessage(r)
		m.Opcode = ""
		m.Transport = s.Transport()
		drop = drop || r.Drop
		observe(m)
	}
	if b.from == ws.FromClient {
		r = s.Body(b.data, true)
	} else {
		r = s.Answer(b.data, b.codings)
	}
	if r.Status == pipeline.Failed {
		return 0, false, errors.New("the engine failed")
	}
	for broken := s.Violations(); broken != 0; {
		drop = broken.Pop().Blocks() || drop
	}
	return s.Violations(), drop, nil
}
