package pipeline

import (
	"time"

	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/verdict"
	"wsi/gobridge/internal/ws"
)

// Session is one upgraded connection, or one request.
type Session struct {
	config      *shared
	subprotocol *string  // nil: none
	request     *request // nil: a connection
	dir         [2]direction
	closeCode   [2]ws.CloseCode // of the peers' Close frames, by direction
	jobs        int8            // being judged off the loop
	dead        bool            // dropped, or failed
	dropped     bool
	rare        *rare

	// Observe, if set, is shown every data message in the order of its
	// verdict. For tools; it makes judging slow.
	Observe func(*Record)

	// Cookie is the caller's.
	Cookie uint64
	// Meta is the caller's, for events after the connection is gone.
	Meta *event.Meta
}

// direction is what one peer sent.
type direction struct {
	decoder  framework.Decoder
	inflater *message.Inflater // nil: not negotiated
	parser   frame.Parser
	assemble message.Assembler
	backlog  *backlog      // behind a job, where nothing is held
	raised   ws.Violations // each is logged once
	messages uint64        // data messages completed
	held     uint32        // bytes consumed and not released
	start    uint32        // of held, when the current frame began
	owned    int           // bytes of payloads in jobs and the backlog

	from   ws.Direction
	mode   Mode
	busy   bool // a job has the decoder and the inflater
	gone   bool // its message was given up, and counted as uninspected
	blind  bool // nothing can be decoded any more
	skip   bool // the current message is too big to be looked at
	closed bool // a Close frame was seen
	refers bool // compressed messages may refer to earlier ones
}

// backlog is made when first needed: an idle session is to be small.
type backlog struct{ messages []queued }

// queued is a message and its number.
type queued struct {
	message.Message
	n uint64
}

// queuedBytes is what a queued message costs beyond its payload.
const queuedBytes = 64

// rare is what few sessions need. It is made when first needed, as backlog.
type rare struct {
	events []pending
	watch  *watch
}

// watch is what some limits have to remember.
type watch struct {
	pace [2]pace // of control frames, by ws.Direction
	mask [4]byte // of the client's last frame
}

func (s *Session) watch() *watch {
	if s.rare == nil {
		s.rare = new(rare)
	}
	if s.rare.watch == nil {
		s.rare.watch = new(watch)
	}
	return s.rare.watch
}

// pending is an event that waits for what only NGINX knows.
type pending struct {
	attack    *event.Attack
	violation *event.Violation
}

// Violations is the set of all violations raised so far.
func (s *Session) Violations() ws.Violations { return s.dir[0].raised | s.dir[1].raised }

// Feed takes the next bytes of a direction. b is not kept. It stops before
// the end of b with Pending, Drop, Opaque, Failed, behind a control frame that
// may overtake what is held, and behind a message that is not to be forwarded or
// has events that are counted.
func (s *Session) Feed(from ws.Direction, b []byte) Result {
	var r Result
	d := &s.dir[from]
	if s.dead {
		// what passes unheld still has to end with a frame
		for d.mode != Block && !d.blind && r.Consumed < len(b) {
			n, _ := d.parser.Next(b[r.Consumed:])
			r.Consumed += n
		}
		r.Release = r.Consumed
		r.Status = Drop
		s.fill(d, &r)
		return r
	}
	if d.busy && d.mode == Block {
		r.Status = Pending
		s.fill(d, &r)
		return r
	}
	if d.blind {
		r.Consumed = len(b)
	}
	for r.Consumed < len(b) && !d.blind {
		rest := b[r.Consumed:]
		if d.parser.AtBoundary() {
			d.start = d.held
		}
		n, ev := d.parser.Next(rest)
		r.Consumed += n
		d.held += uint32(n)
		h := d.parser.Header()
		switch ev {
		case frame.NeedMore:
			continue
		case frame.GotHeader:
			s.begin(d, h, &r)
		case frame.GotPayload:
			if !h.Opcode.IsControl() && d.mode != Off {
				r.Bytes += n
			}
			if d.mode != Off && (!d.skip || h.Opcode.IsControl()) {
				d.assemble.Append(h, rest[:n], d.parser.Offset(n), &s.config.engine.loop.scratch)
			}
		}
		if r.Status != Pass || d.blind {
			break
		}
		if d.parser.Left() > 0 {
			continue
		}
		s.end(d, h, &r)
		if r.Status != Pass || r.Control > 0 || r.Discard > 0 || r.Last > 0 {
			break
		}
	}
	if d.blind && r.Status == Pass && d.mode != Off {
		r.Status = Opaque
	}
	if d.mode != Block {
		d.held = 0
		r.Release = r.Consumed
	}
	s.fill(d, &r)
	return r
}

// begin looks at a frame's header. Unless it drops the session or blinds the
// direction, the frame is followed.
func (s *Session) begin(d *direction, h *frame.Header, r *Result) {
	broken := frame.Check(h, d.from, d.inflater != nil, d.assemble.Open())
	if d.closed && !h.Opcode.IsControl() {
		broken.Add(ws.FrameAfterClose)
	}
	if d.mode != Off {
		broken |= s.limits(d, h)
	}
	for broken != 0 {
		v := broken.Pop()
		if !s.violate(d, v, d.messages, r) {
			return
		}
		if v.Desync() {
			if d.mode != Off {
				r.pass(reasonOf(v), 1)
			}
			s.blind(d, reasonOf(v), r)
			return
		}
	}
	if d.mode != Off && !d.skip && d.tooBig(h, s.config.Limits[d.from].MaxMessage) {
		if !s.violate(d, ws.MessageTooBig, d.messages, r) {
			return
		}
		if d.mode == Block {
			r.pass(ReasonMessage, 1) // opaque: what is too big is not held to its end
			s.blind(d, ReasonMessage, r)
			return
		}
		// not kept any more, but the frames stay in step
		d.assemble.Release()
		d.skip = true
	}
	d.assemble.Begin(h)
}

// limits judges a frame by its header, before its payload is read.
func (s *Session) limits(d *direction, h *frame.Header) (broken ws.Violations) {
	l := &s.config.Limits[d.from]
	if d.from == ws.FromClient && h.Masked && s.config.action(ws.FrameMaskPredictable) != ws.Off {
		w := s.watch()
		if h.Mask == [4]byte{} || h.Mask == w.mask {
			broken.Add(ws.FrameMaskPredictable)
		}
		w.mask = h.Mask
	}
	if h.Opcode.IsControl() {
		if l.MaxControlRate > 0 && !s.watch().pace[d.from].take(s.config.engine.now(), l.MaxControlRate) {
			broken.Add(ws.FrameControlRate)
		}
		return broken
	}
	if l.MaxFrame > 0 && h.Length > uint64(l.MaxFrame) {
		broken.Add(ws.FrameTooBig)
	}
	if l.MaxFragments > 0 && d.assemble.Frames(h) > l.MaxFragments {
		broken.Add(ws.MessageTooManyFragments)
	}
	if l.Only != ws.OpContinuation && h.Opcode != ws.OpContinuation && h.Opcode != l.Only {
		broken.Add(ws.MessageTypeNotAllowed)
	}
	return broken
}

// pace is a token bucket of one second.
type pace struct {
	last time.Time
	left int64 // in millionths
}

// take reports whether one more goes at a rate per second.
func (p *pace) take(now time.Time, rate int) bool {
	const one = 1e6
	full := int64(rate) * one
	if since := now.Sub(p.last); since >= time.Second {
		p.left = full
	} else {
		p.left = min(full, p.left+since.Microseconds()*int64(rate))
	}
	p.last = now
	if p.left < one {
		return false
	}
	p.left -= one
	return true
}

// tooBig judges a message by the header of a frame, before its payload is
// read. Tiny fragments may hold far more bytes than they have payload.
func (d *direction) tooBig(h *frame.Header, limit int) bool {
	return d.assemble.TooBig(h, limit) || d.mode == Block && int(d.start) > 2*limit+1<<16
}

// end is called behind the last byte of a frame.
func (s *Session) end(d *direction, h *frame.Header, r *Result) {
	if h.Opcode.IsControl() {
		s.control(d, h, r)
		if r.Status == Pass && d.mode == Block {
			if d.start == 0 {
				r.Release += int(d.held)
				d.held = 0
			} else {
				r.Control = int(d.held - d.start)
				d.held = d.start
			}
		}
		return
	}
	m, whole := d.assemble.End(h)
	if !whole {
		return
	}
	if d.mode == Off {
		d.assemble.Release()
		return
	}
	q := queued{m, d.messages}
	d.messages++
	r.Messages++
	if m.Opcode == ws.OpBinary {
		r.Binary++
	}
	if d.skip {
		d.skip = false
		r.pass(ReasonMessage, 1)
		if m.Compressed && d.refers {
			s.blind(d, ReasonMessage, r)
		}
		return
	}
	if d.busy {
		s.queue(d, q, r)
		return
	}
	s.message(d, q, false, r)
	d.assemble.Release()
	if r.Status == Pass && d.mode == Block {
		d.settle(r)
	}
}

// settle lets go what was held for a message.
func (d *direction) settle(r *Result) {
	if r.swallowed {
		r.Discard += int(d.held)
	} else {
		r.Release += int(d.held)
		if r.Rated != [policy.MaxRates]uint32{} {
			r.Last = int(d.held)
		}
	}
	d.held = 0
}

// control judges a control frame: it is a side channel everywhere else.
func (s *Session) control(d *direction, h *frame.Header, r *Result) {
	payload := d.assemble.Control()
	if h.Opcode == ws.OpClose {
		d.closed = true
		s.closeCode[d.from] = closeCode(payload)
		for broken := message.CheckClose(payload); broken != 0; {
			if !s.violate(d, broken.Pop(), d.messages, r) {
				return
			}
		}
		payload = payload[min(2, len(payload)):]
	}
	if len(payload) == 0 || d.mode == Off {
		return
	}
	t := s.config.engine.loop.task(s, d, queued{message.Message{Opcode: h.Opcode, Frames: 1}, d.messages})
	s.config.engine.loop.control(t, payload)
	over := t.violations.Has(ws.FormatLimit)
	if over && !s.violate(d, ws.FormatLimit, d.messages, r) {
		return
	}
	s.attack(d, t, r)
	if over && r.Status != Drop {
		r.pass(ReasonFormat, 1)
	}
}

// message judges a message on the loop, or hands it over when it may take
// long. m.Payload is the assembler's unless owned.
func (s *Session) message(d *direction, m queued, owned bool, r *Result) {
	t := s.config.engine.loop.task(s, d, m)
	if s.config.engine.loop.judge(t, s.config.engine.offload == nil) {
		r.Judged++
		s.conclude(d, t, r)
		return
	}
	if t.deferred != nil {
		t.message.Payload = nil // what is left to do is in deferred
	} else if !owned {
		t.message.Payload = d.assemble.Take()
		t.payload = nil
	}
	// the thread has the payload, the decoder and the inflater until finish
	job := new(task)
	*job = *t
	d.busy = true
	s.jobs++
	job.size += len(job.message.Payload) + len(job.payload)
	d.owned += job.size
	s.config.engine.submit(job)
	if d.mode == Block {
		r.Status = Pending
	}
}

// queue keeps a message behind a job, in a direction that holds nothing. When
// the backlog outgrows two messages, the direction is given up.
func (s *Session) queue(d *direction, m queued, r *Result) {
	if d.owned+len(m.Payload)+queuedBytes > 2*s.config.Limits[d.from].MaxMessage {
		r.pass(ReasonMemory, 1)
		s.violate(d, ws.MemoryExhausted, m.n, r)
		s.blind(d, ReasonMemory, r)
		return
	}
	m.Payload = d.assemble.Take()
	d.owned += len(m.Payload) + queuedBytes
	if d.backlog == nil {
		d.backlog = new(backlog)
	}
	d.backlog.messages = append(d.backlog.messages, m)
}

// finish takes a job back on the loop.
func (s *Session) finish(job *task) Result {
	var r Result
	d := job.dir
	d.busy = false
	s.jobs--
	s.config.engine.jobs--
	d.owned -= job.size
	r.Threaded, r.ThreadTime = 1, time.Since(job.submitted)
	if job.failed {
		s.dead = true
		r.Status = Failed
		s.blind(d, ReasonEngine, &r)
		s.fill(d, &r)
		return r
	}
	s.conclude(d, job, &r)
	message.Free(job.message.Payload)
	for d.backlog != nil && !d.busy {
		m := d.backlog.messages[0]
		if d.backlog.messages = d.backlog.messages[1:]; len(d.backlog.messages) == 0 {
			d.backlog = nil
		}
		d.owned -= len(m.Payload) + queuedBytes
		s.message(d, m, true, &r)
	}
	if d.mode == Block && !s.dead {
		d.settle(&r)
	}
	if d.blind && r.Status == Pass {
		r.Status = Opaque
	}
	s.fill(d, &r)
	return r
}

// conclude draws the consequences of a judged message.
func (s *Session) conclude(d *direction, t *task, r *Result) {
	desync, passed, why := false, false, ReasonProtocol
	r.Alone = s.alone(d, t)
	r.swallow = s.config.DropMessage && r.Alone
	for i, n := range t.rated {
		r.Rated[i] += n
	}
	for broken := t.violations; broken != 0; {
		v := broken.Pop()
		r.value = t.values[v]
		if !s.violate(d, v, t.n, r) {
			continue
		}
		desync = desync || v.Desync() && d.refers
		if !passed && (v.Desync() || v == ws.ProcessTimeLimit || v == ws.FormatLimit || v == ws.BodyUndecodable) {
			passed, why = true, reasonOf(v)
		}
	}
	r.value = ""
	drop := s.attack(d, t, r)
	r.swallow = false
	if passed && !d.gone && r.Status != Drop && !r.swallowed {
		r.pass(why, 1)
	}
	if s.Observe != nil {
		s.observe(d, t, drop)
	}
	if desync {
		s.blind(d, why, r)
	}
}

// alone reports whether t's message can be dropped alone: later ones do not refer
// to it, and to the decoder it was as if it had not been.
func (s *Session) alone(d *direction, t *task) bool {
	return s.request == nil &&
		d.mode == Block && d.from == ws.FromClient &&
		!(t.message.Compressed && d.refers) &&
		t.alike != 0 && t.decoder.Alike() == t.alike
}

// attack turns what was found into an event, and into a drop. It reports
// whether the message is an attack.
func (s *Session) attack(d *direction, t *task, r *Result) bool {
	if len(t.findings) == 0 {
		return false
	}
	action := event.Monitored
	score, drop := verdict.Judge(t.findings, s.config.Threshold)
	if !drop {
		return false
	}
	hits := t.hits
	if ignored := t.ignore(s.config.Policy); ignored != nil {
		without, still := verdict.Judge(t.findings, s.config.Threshold)
		if still {
			score, hits = without, t.hits
		} else {
			action, hits, drop = event.Ignored, ignored, false
		}
	}
	a := &event.Attack{
		Direction:  d.from,
		Opcode:     t.message.Opcode,
		MessageNo:  t.n,
		Frames:     t.message.Frames,
		Compressed: t.message.Compressed,
		Framework:  t.envelope.Framework,
		Format:     t.envelope.Format,
		PayloadLen: t.length,
		Hits:       hits,
		Score:      score,
		Threshold:  s.config.Threshold,
		Action:     action,
	}
	lead := a.Lead()
	a.Event = lead.Event
	a.Exception = policy.Exceptions(newHits(hits))
	if s.subprotocol != nil {
		a.Subprotocol = *s.subprotocol
	}
	a.Exchange = s.exchange(t.ofHead)
	t.excerpt(hits)
	a.Payload, a.PayloadOffset, a.Redacted = t.payload, t.offset, t.redacted
	if drop && d.mode == Block {
		a.Action = event.Blocked
		code := s.config.attackCode()
		switch {
		case s.request != nil:
			code = statusForbidden
			a.Exchange.Status = int(code)
		case !r.swallow:
			a.CloseCode = code
		}
		s.drop(code, r)
	}
	s.raise(pending{attack: a})
	return drop
}

// Expire gives up on what is held in a direction, and on the direction itself
// where nothing is held. With ProcessTimeLimit, a message that waits for its
// turn stays Pending.
func (s *Session) Expire(from ws.Direction, v ws.Violation) Result {
	var r Result
	d := &s.dir[from]
	switch {
	case v == ws.ProcessTimeLimit && d.busy && !s.config.engine.offload.late(d, s.config.TimeLimit):
		r.Status = Pending // others' messages took the time
	case !s.violate(d, v, d.messages, &r):
	case v == ws.ProcessTimeLimit && d.busy && s.config.LimitBlock == LimitOff:
		r.Status = Pending // but its verdict still counts
	default:
		r.pass(reasonOf(v), 1)
		d.gone = d.busy
		if d.mode == Block {
			d.mode = Monitoring // what is judged late has passed
		}
		s.blind(d, reasonOf(v), &r)
		r.Status = Opaque
	}
	s.fill(d, &r)
	return r
}

// Raised is a violation that the caller sees and the engine does not.
type Raised struct {
	Violation ws.Violation
	Value     string       // what is not allowed, or ""
	CloseCode ws.CloseCode // 0: that of the violation
	Message   bool         // it drops a message only
}

// Raise raises v. It reports whether it blocks.
func (s *Session) Raise(from ws.Direction, v Raised) (Result, bool) {
	r := Result{value: v.Value, code: v.CloseCode, swallow: v.Message}
	d := &s.dir[from]
	passes := s.violate(d, v.Violation, d.messages, &r)
	s.fill(d, &r)
	return r, !passes
}

// Close ends the session and reports whether nothing of it is being judged
// any more. What was forwarded unjudged still is. Its events can be fetched.
func (s *Session) Close() bool {
	s.dead = true
	s.release()
	return s.jobs == 0
}

// release frees what was kept of messages that will not be judged.
func (s *Session) release() {
	for i := range s.dir {
		s.dir[i].assemble.Release()
	}
	if s.request != nil {
		s.request.free()
	}
}

// violate raises v in message n. It reports whether the connection goes on.
func (s *Session) violate(d *direction, v ws.Violation, n uint64, r *Result) bool {
	if d.mode == Off {
		return true
	}
	action := s.config.action(v)
	if action == ws.Off {
		return true
	}
	blocks := action == ws.Block
	drops := blocks && d.mode == Block
	if v == ws.ProcessTimeLimit || v == ws.FormatLimit {
		switch s.config.LimitBlock {
		case LimitOn:
			drops = true
		case LimitOff:
			blocks, drops = false, false
		}
	}
	if !d.raised.Has(v) {
		d.raised.Add(v)
		e := &event.Violation{Direction: d.from, MessageNo: n, Violation: v, Action: event.Logged, Exchange: s.exchange(false), Value: r.value, CloseCode: r.code}
		switch {
		case drops:
			e.Action = event.Blocked
			e.Message = r.swallow
			if s.request != nil {
				e.Status = int(httpStatus(v))
			}
		case blocks:
			e.Action = event.Monitored
		}
		s.raise(pending{violation: e})
	}
	if drops {
		code := v.CloseCode()
		switch {
		case s.request != nil:
			code = httpStatus(v)
		case r.code != 0:
			code = r.code
		}
		s.drop(code, r)
	}
	return !drops
}

// drop ends the session, or where that is allowed only the message.
func (s *Session) drop(code ws.CloseCode, r *Result) {
	switch {
	case s.dead:
		return
	case r.swallow:
		r.swallowed = true
		return
	}
	s.dead, s.dropped = true, true
	r.Status = Drop
	r.CloseCode = code
}

// blind gives up decoding a direction.
func (s *Session) blind(d *direction, why Reason, r *Result) {
	d.blind = true
	d.assemble.Release()
	d.decoder, d.inflater = nil, nil
	if d.backlog != nil {
		for _, m := range d.backlog.messages {
			d.owned -= len(m.Payload) + queuedBytes
		}
		r.pass(why, len(d.backlog.messages))
		d.backlog = nil
	}
}

// fill sets what every Result says.
func (s *Session) fill(d *direction, r *Result) {
	if s.dead && r.Status != Failed {
		r.Status = Drop
	}
	if s.rare != nil {
		r.Events = len(s.rare.events)
	}
	if s.dead {
		s.release()
	}
	r.Jobs = s.config.engine.jobs
	r.Decoded = d.assemble.Size() + d.owned
	if !d.busy && d.decoder != nil {
		r.Decoded += d.decoder.Size()
	}
	switch left := d.parser.Left(); {
	case d.blind:
		r.Need = Unknown
	case left > 0:
		r.Need = int(min(left, 1<<31-1))
	case d.parser.AtBoundary():
		r.Need = 0
	default:
		r.Need = d.parser.HeaderNeed()
	}
}

func (s *Session) raise(p pending) {
	if s.rare == nil {
		s.rare = new(rare)
	}
	s.rare.events = append(s.rare.events, p)
}

// Kind says in short what an event is of.
type Kind struct {
	Attack  bool   // else a violation
	Name    string // the attack's type or the violation's token, "": no event
	Rule    string // of an attack
	Action  string // event.Blocked, ...
	Sampled bool   // the log has its share of such events
}

// Event appends the oldest waiting event to dst: its JSON line, if l takes it,
// and its text for error_log. It stays until Pop, but is counted in l's sample,
// once for each log, if out has room for it in size bytes.
func (s *Session) Event(dst []byte, m *event.Meta, l *Log, size int) (out []byte, line int, kind Kind) {
	if s.rare == nil || len(s.rare.events) == 0 {
		return dst, 0, Kind{}
	}
	p := &s.rare.events[0]
	m.Redact = s.redact()
	samples, hits := s.config.engine.samples, 0
	out = dst
	wanted := l.Datasets&p.dataset() != 0
	if wanted {
		if hits = samples.due(l, p, m); hits > 0 {
			out = p.append(dst, m, &event.Options{Payload: l.Payload, Hits: hits})
		}
		kind.Sampled = hits == 0
	}
	line = len(out) - len(dst)
	if a := p.attack; a != nil {
		out = event.AppendAttackLogLine(out, m, a)
		kind.Attack, kind.Name, kind.Rule, kind.Action = true, a.Lead().Type, a.Lead().Rule, a.Action
	} else {
		v := p.violation
		out = event.AppendViolationLogLine(out, v)
		kind.Name, kind.Action = v.Violation.String(), v.Action
	}
	if wanted && len(out)-len(dst) <= size {
		samples.count(l, p, m, hits)
	}
	return out, line, kind
}

// Pop forgets the oldest waiting event.
func (s *Session) Pop() {
	if s.rare == nil || len(s.rare.events) == 0 {
		return
	}
	if s.rare.events = s.rare.events[1:]; len(s.rare.events) > 0 {
		return
	}
	if s.rare.events = nil; s.rare.watch == nil {
		s.rare = nil
	}
}
