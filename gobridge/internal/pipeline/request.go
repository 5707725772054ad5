package pipeline

import (
	"bytes"
	"strings"

	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/ws"
)

// request is what a Session has instead of frames when it is one HTTP request.
// Its head is judged, and then its body, which is one message.
type request struct {
	exchange framework.Exchange
	codings  string // Content-Encoding
	parts    []part // of the body, before its last
	size     int    // of parts, in bytes
}

// part is a piece of a body.
type part struct {
	data []byte
	file *file // instead of data
}

// requestBody is a body to be judged.
type requestBody struct {
	exchange framework.Exchange
	from     ws.Direction
	codings  string
	parts    []part
}

// The statuses of a refused request.
const (
	statusBadRequest ws.CloseCode = 400
	statusForbidden  ws.CloseCode = 403
	statusTooLarge   ws.CloseCode = 413
	statusTooMany    ws.CloseCode = 429
	statusBadGateway ws.CloseCode = 502
	statusTryLater   ws.CloseCode = 503
)

func httpStatus(v ws.Violation) ws.CloseCode {
	switch v {
	case ws.HandshakeBody, ws.HandshakeHTTPVersion, ws.HandshakeConnection:
		return statusBadRequest
	case ws.HandshakeUpgradeNotWebSocket, ws.HandshakeEarlyData:
		return statusBadGateway
	case ws.MessageTooBig, ws.DeflateTooBig:
		return statusTooLarge
	case ws.HandshakeTooManyConnections, ws.MessageRate, ws.EventRate:
		return statusTooMany
	case ws.MemoryExhausted:
		return statusTryLater
	}
	return statusForbidden
}

// exchange is what an event says of a request, nil of a connection.
func (s *Session) exchange(head bool) *event.Exchange {
	if s.request == nil {
		return nil
	}
	return &event.Exchange{Transport: s.request.exchange.Transport, Head: head}
}

// Identify reports whether q is of any business, and whether its body is.
func (e *Engine) Identify(q *framework.Request) (head, body bool) {
	x, ok := q.Exchange()
	return ok, ok && x.Body
}

// OpenRequest begins the session of a request and judges its head. Pending
// means that the request has to wait, in any mode.
func (e *Engine) OpenRequest(q *framework.Request, c *Config) (*Session, Result) {
	x, _ := q.Exchange()
	s := &Session{config: e.share(c)}
	s.request = &request{exchange: x, codings: strings.Clone(q.Get("content-encoding"))}
	for dir := range s.dir {
		s.dir[dir].from = ws.Direction(dir)
		s.dir[dir].mode = s.config.Mode[dir]
	}
	var r Result
	d := &s.dir[ws.FromClient]
	t := e.loop.task(s, d, queued{message.Message{Opcode: ws.OpText}, 0})
	t.head, t.ofHead = q, true
	s.hand(d, t, true, &r)
	s.fill(d, &r)
	return s, r
}

// Violate begins the session of a handshake in which the caller sees v. With
// Drop it has to be refused, with the HTTP status CloseCode.
func (e *Engine) Violate(q *framework.Request, v ws.Violation, c *Config) (*Session, Result) {
	s := &Session{config: e.share(c)}
	s.request = &request{exchange: framework.Exchange{Transport: "handshake"}}
	for dir := range s.dir {
		s.dir[dir].from = ws.Direction(dir)
		s.dir[dir].mode = s.config.Mode[dir]
	}
	var r Result
	d := &s.dir[ws.FromClient]
	s.violate(d, v, 0, &r)
	if s.rare != nil {
		s.rare.events[0].violation.Value = s.redact().HandshakeValue(v, q.All)
	}
	s.fill(d, &r)
	return s, r
}

// Transport is that of a request.
func (s *Session) Transport() string { return s.request.exchange.Transport }

// Body gives the next part of the body, p, and judges the body with the last
// one. p is not kept.
func (s *Session) Body(p []byte, last bool) Result {
	return s.bodyPart(ws.FromClient, part{data: p}, len(p), last)
}

// Answer judges the body of the response, for tools.
func (s *Session) Answer(p []byte, codings string) Result {
	s.request.codings = codings
	return s.bodyPart(ws.FromServer, part{data: p}, len(p), true)
}

// BodyFile is Body for n bytes at off of an open file, which may be closed and
// removed behind the call. It is read off the loop.
func (s *Session) BodyFile(fd int, off, n int64, last bool) Result {
	f, err := newFile(fd, off, n)
	if err != nil {
		var r Result
		d := &s.dir[ws.FromClient]
		if s.violate(d, ws.BodyUndecodable, 0, &r) {
			r.pass(ReasonBody, 1)
			r.Status = Opaque
		}
		s.fill(d, &r)
		return r
	}
	return s.bodyPart(ws.FromClient, part{file: f}, int(n), last)
}

func (s *Session) bodyPart(from ws.Direction, p part, n int, last bool) (r Result) {
	d, q := &s.dir[from], s.request
	defer func() {
		if r.Status != Pass || last {
			q.free()
		}
		s.fill(d, &r)
		r.Decoded += q.size
	}()
	if s.dead || d.mode == Off {
		p.close()
		return r
	}
	if q.size+n > s.config.Limits[from].MaxMessage {
		p.close()
		r.Bytes = q.size + n
		if s.violate(d, ws.MessageTooBig, 0, &r) {
			r.pass(ReasonMessage, 1)
			r.Status = Opaque
		}
		return r
	}
	if !last {
		p.data = bytes.Clone(p.data)
		q.parts = append(q.parts, p)
		q.size += n
		return r
	}
	r.Bytes = q.size + n
	b := &requestBody{exchange: q.exchange, from: from, codings: q.codings, parts: q.parts}
	m := message.Message{Opcode: ws.OpBinary, Payload: p.data, Frames: 1}
	if len(b.parts) > 0 || p.file != nil {
		b.parts = append(b.parts, p)
		m.Payload = b.memory()
	}
	q.parts, q.size = nil, 0
	t := s.config.engine.loop.task(s, d, queued{m, d.messages})
	t.body = b
	d.messages++
	r.Messages++
	s.hand(d, t, s.held(d), &r)
	return r
}

// held reports whether a body waits for its verdict.
func (s *Session) held(d *direction) bool {
	return d.mode == Block || d.mode == Monitoring && s.config.LimitBlock == LimitOn
}

// hand has t judged, on the loop or off it.
func (s *Session) hand(d *direction, t *task, held bool, r *Result) {
	e := s.config.engine
	if d.mode == Off {
		return
	}
	if e.loop.judge(t, e.offload == nil) {
		r.Judged++
		s.conclude(d, t, r)
		return
	}
	job := new(task)
	*job = *t
	switch {
	case job.deferred != nil:
		job.message.Payload, job.head, job.body = nil, nil, nil
	case job.head != nil:
		job.head = job.head.Clone()
	default:
		job.payload = nil
		if len(job.body.parts) == 0 {
			job.message.Payload = bytes.Clone(job.message.Payload)
		}
		job.size = len(job.message.Payload)
		for _, p := range job.body.parts {
			if p.file != nil {
				job.size += int(p.file.size)
			}
		}
	}
	d.busy = true
	s.jobs++
	job.size += len(job.payload)
	d.owned += job.size
	e.submit(job)
	if held {
		r.Status = Pending
	}
}

// memory joins the parts when all of them are in memory.
func (b *requestBody) memory() []byte {
	var p []byte
	for _, part := range b.parts {
		if part.file != nil {
			return nil
		}
		p = append(p, part.data...)
	}
	b.parts = nil
	return p
}

// read is the whole body. It closes the files.
func (b *requestBody) read(p []byte) ([]byte, error) {
	if len(b.parts) == 0 {
		return p, nil
	}
	p = nil
	var err error
	for _, part := range b.parts {
		if part.file == nil {
			p = append(p, part.data...)
			continue
		}
		if err == nil {
			p, err = part.file.appendTo(p)
		}
		part.file.close()
	}
	b.parts = nil
	return p, err
}

// free closes the files of a body that will not be judged.
func (q *request) free() {
	for _, p := range q.parts {
		p.close()
	}
	q.parts, q.size = nil, 0
}

func (p part) close() {
	if p.file != nil {
		p.file.close()
	}
}

// openHead visits the values of a head.
func (j *judge) openHead(t *task) bool {
	x := &t.session.request.exchange
	t.envelope = framework.Envelope{}
	x.Head(t.head, &j.walker, &j.out)
	j.limits()
	t.showValue()
	return true
}

// showValue has an event show what matched, not the credentials beside it.
func (t *task) showValue() {
	if len(t.hits) > 0 {
		shown := event.Attack{Hits: t.hits}
		t.payload = shown.Lead().Match
		t.length = len(t.payload)
	}
}

// openBody decodes a body, without its codings and as it is: many servers do
// not look at Content-Encoding, and some coded bytes are text to them. It
// reports false when that takes too long for the loop.
func (j *judge) openBody(t *task) bool {
	b := t.body
	if !j.whole && len(b.parts) > 0 {
		return false
	}
	p, err := b.read(t.message.Payload)
	t.message.Payload = p
	if err != nil {
		t.violations.Add(ws.BodyUndecodable)
	}
	t.payload, t.length = p, len(p)
	t.envelope = framework.Envelope{}
	if b.codings != "" {
		most := t.limits().MaxInflated
		limit := most
		if !j.whole {
			limit = min(most, inlineBytes)
		}
		plain, ok, over := j.uncoded(p, b.codings, limit)
		switch {
		case over && limit < most:
			return false
		case over:
			t.violations.Add(ws.DeflateTooBig)
		case !ok:
			t.violations.Add(ws.BodyUndecodable)
		}
		if plain != nil {
			t.payload, t.length = plain, len(plain)
			t.message.Compressed = true
			b.exchange.Decoder(b.from).Decode(framework.Message{Opcode: t.message.Opcode, Payload: plain}, &j.walker, &j.out)
			if bytes.HasPrefix(p, []byte("\x1f\x8b")) || bytes.HasPrefix(p, []byte("\x28\xb5\x2f\xfd")) {
				j.limits()
				return true // gzip, Zstandard: no text begins like this
			}
			j.limits()
			j.positive.coded = true
			if !t.violations.Has(ws.ProcessTimeLimit) {
				j.expand.Left = j.carriers()
			}
		}
	}
	b.exchange.Decoder(b.from).Decode(framework.Message{Opcode: t.message.Opcode, Payload: p}, &j.walker, &j.out)
	j.limits()
	return true
}
