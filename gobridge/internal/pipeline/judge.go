package pipeline

import (
	"bytes"
	"hash/maphash"
	"math"
	"strings"
	"time"

	"wsi/gobridge/internal/carrier"
	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/verdict"
	"wsi/gobridge/internal/ws"
)

const (
	// inlineBytes is the longest payload that is decoded on the event loop,
	// inflated or not: some 50 us.
	inlineBytes = 16 << 10
	// inlineBudget is how many bytes the costly detectors may read there:
	// libinjection needs at most some 300 ns a byte, so about 1 ms.
	inlineBudget = 4 << 10
	// maxHits is of how many findings in one message the place is kept, and
	// of the first of each rule: exceptions have to see them all, or a document
	// in which an editor keeps many values could not be excepted. A path takes
	// up to 4 us.
	maxHits = 1024
	// maxPaths is how many bytes of paths are kept of deferred values: behind
	// these, what is found is said to be at "$".
	maxPaths = 16 << 10
	// maxMatch is how much of a matched span is kept, in bytes.
	maxMatch = 1 << 10
	// clockBytes is how many bytes are inspected between two looks at the
	// clock.
	clockBytes = 32 << 10
	// keepScratch is the largest scratch buffer that is kept.
	keepScratch = 1 << 20
)

// task is one message to be judged, and what came of it.
type task struct {
	session  *Session
	dir      *direction
	message  message.Message
	n        uint64 // of the message, in its direction
	decoder  framework.Decoder
	inflater *message.Inflater
	deferred []deferred // decoded on the loop, still to be inspected

	head   *framework.Request // to be judged instead of a message; on the loop
	body   *requestBody       // the message is a request's body
	ofHead bool               // it was or is a head

	payload    []byte // inflated, or the part of it that an event shows
	offset     int    // of payload in the inflated payload
	redacted   bool   // something of payload is hidden
	length     int    // of the inflated payload
	envelope   framework.Envelope
	violations ws.Violations
	alike      int // what the decoder said of itself before the message
	findings   []detect.Finding
	hits       []event.Hit
	unkept     []detect.Finding // those with hits beyond maxHits
	fields     []Field          // for Session.Observe
	failed     bool
	submitted  time.Time // to the threads
	size       int       // that a job keeps, in bytes
	paths      int       // of deferred, in bytes

	values map[ws.Violation]string // what is not allowed

	rated [policy.MaxRates]uint32 // events that are counted, by Policy.Rates

	recorded int // of hits, those whose application message has ended
	waiting  int // of deferred, likewise
}

// deferred is a value that was too costly for the loop, or what is inside of
// it.
type deferred struct {
	path   string
	event  string
	value  []byte
	cut    bool
	key    bool
	inside bool

	doc     policy.Document // instead of value: to be checked by schemas
	schemas policy.Schemas
}

// excerpt leaves of the payload, in a copy, what an event may show, around what
// the leading one of hits matched.
func (t *task) excerpt(hits []event.Hit) {
	part, offset, hidden := t.session.redact().Excerpt(t.payload, hits, max(2*event.DefaultPayload, t.session.config.LogPayload))
	t.payload, t.offset, t.redacted = part, t.offset+offset, t.redacted || hidden
}

// judge is what one thread needs to judge messages. A task that it judged
// refers to its scratch memory until the next.
type judge struct {
	scratch   []byte // for message.Assembler
	inflated  []byte
	walker    format.Walker
	recent    recent
	expand    format.Budget
	carrier   carrier.Decoder
	out       framework.Out       // the methods field, record and violate, bound once
	later     func(*format.Field) // the method inside, bound once
	event     []byte              // of the current task's envelope
	findings  []detect.Finding    // what verdict.Keep kept of the current task
	found     []detect.Finding    // scratch: of one value
	profiles  []detect.Profile    // that values of the current task may have
	set       *detect.Set         // of the current task
	version   uint64              // of set
	undecided []undecided         // of the current application message

	own      task // what task returns
	current  *task
	positive positive
	budget   detect.Budget
	whole    bool      // nothing may be left for a thread
	deadline time.Time // zero: none
	clock    int       // bytes until the next look at the clock

	ready func() bool // whether the rules are compiled
}

func newJudge() *judge {
	j := &judge{scratch: make([]byte, 0, inlineBytes), ready: detect.Ready}
	j.recent.seed = maphash.MakeSeed()
	j.out = framework.Out{Visit: j.field, Record: j.record, Violate: j.violate}
	j.later = j.inside
	j.walker.Budget = &j.expand
	return j
}

// task is a new task, valid until the next: the hot path allocates nothing.
func (j *judge) task(s *Session, d *direction, m queued) *task {
	j.own = task{session: s, dir: d, message: m.Message, n: m.n, decoder: d.decoder, inflater: d.inflater}
	return &j.own
}

func (j *judge) begin(t *task, whole bool) {
	j.current, j.whole = t, whole
	j.budget = detect.Budget{Left: inlineBudget}
	if whole {
		j.budget.Left = math.MaxInt
	}
	j.deadline = time.Time{}
	j.findings = j.findings[:0]
	j.expand = format.Budget{Left: j.carriers(), Defer: j.later}
	if whole {
		j.expand.Defer = nil
	}
	j.walker.Off = 0
	p := t.session.config.Policy
	if p != nil {
		j.walker.Off = p.ParsersOff
	}
	j.positive.begin(t)
	j.set, j.version = p.Judging()
	j.profiles = p.Possible()
	j.undecided = j.undecided[:0]
}

// carriers is how many bytes those of a message may decode to.
func (j *judge) carriers() int {
	if !j.whole {
		return inlineBytes
	}
	return max(inlineBytes, j.current.limits().MaxInflated)
}

// judge opens t's message and inspects every string in it. Unless whole, it
// stays within what the event loop can afford. It reports false when there is
// more to do off the loop: with t.deferred, those values; without, everything,
// as nothing has happened.
func (j *judge) judge(t *task, whole bool) bool {
	if !whole && (len(t.message.Payload) > inlineBytes || !j.ready()) {
		return false
	}
	j.begin(t, whole)
	if !j.open(t) {
		return false
	}
	j.decide("")
	if t.deferred == nil {
		t.findings = j.findings
		return true
	}
	j.detach(t)
	return false
}

// run judges t off the loop.
func (j *judge) run(t *task) {
	j.begin(t, true)
	if ms := t.session.config.TimeLimit; ms > 0 {
		j.deadline = time.Now().Add(time.Duration(ms) * time.Millisecond)
		j.clock = clockBytes
	}
	if t.deferred == nil {
		j.open(t)
		j.decide("")
	} else {
		j.findings = append(j.findings, t.findings...)
		for i := range t.deferred {
			v := &t.deferred[i]
			switch {
			case v.schemas != nil:
				t.data(v.event, v.doc, v.schemas)
			case v.inside:
				j.walker.Inside(v.value, format.Root{Path: v.path, Cut: v.cut}, j.out.Visit)
			default:
				j.inspect(v.value, j.options(v.cut, v.key), nil, v.path)
			}
			j.decide(v.event)
			t.named(v.event)
		}
		j.limits()
	}
	j.detach(t)
	if cap(j.inflated) > keepScratch {
		j.inflated = nil
	}
}

// detach makes t independent of j's scratch memory.
func (j *judge) detach(t *task) {
	t.findings = append([]detect.Finding(nil), j.findings...)
	t.envelope.Event = bytes.Clone(t.envelope.Event)
	if t.ofHead {
		t.showValue()
	}
	switch {
	case len(t.hits) > 0:
		t.excerpt(t.hits)
	case t.deferred != nil && !j.whole:
		t.payload = bytes.Clone(t.payload)
	default:
		t.payload = nil
	}
}

// open inflates and decodes t's message. It reports false when the inflated
// payload is too long for the loop.
func (j *judge) open(t *task) bool {
	switch {
	case t.head != nil:
		return j.openHead(t)
	case t.body != nil:
		return j.openBody(t)
	}
	t.payload = t.message.Payload
	cut := false
	if t.message.Compressed {
		var ok bool
		if cut, ok = j.inflate(t); !ok {
			return false
		}
	}
	t.length = len(t.payload)
	alike := t.decoder.Alike()
	t.alike = alike
	if t.message.Opcode == ws.OpText && t.session.config.action(ws.MessageNUL) != ws.Off &&
		bytes.IndexByte(t.payload, 0) >= 0 {
		t.violations.Add(ws.MessageNUL)
	}
	var slot *clean
	if alike != 0 && t.violations == 0 && t.session.Observe == nil && j.positive.rates == nil {
		slot = j.recent.slot(t.payload)
	}
	if slot != nil && slot.is(t, j.version, t.payload) {
		return true
	}
	if t.message.Opcode == ws.OpText && !cut && !message.ValidText(t.payload) {
		t.violations.Add(ws.MessageUTF8Invalid)
	}
	t.envelope = framework.Envelope{}
	j.out.Limit = t.limits().MaxMessage
	t.decoder.Decode(framework.Message{Opcode: t.message.Opcode, Payload: t.payload}, &j.walker, &j.out)
	j.decide("") // what is of no application message
	j.limits()
	if slot != nil && len(j.findings) == 0 && t.violations == 0 && t.deferred == nil && t.decoder.Alike() == alike {
		slot.set(t, j.version, t.payload)
	}
	return true
}

func (t *task) limits() *ws.Limits { return &t.session.config.Limits[t.dir.from] }

// inflate inflates t's message. cut says that it was not to the end, ok that it
// was not too long for the loop.
func (j *judge) inflate(t *task) (cut, ok bool) {
	l := t.limits()
	most, tooMuch := l.MaxInflated, ws.DeflateTooBig
	ratio := l.Inflated(len(t.message.Payload))
	if ratio < most && t.dir.mode == Block && t.session.config.action(ws.DeflateRatio) == ws.Block {
		most, tooMuch = ratio, ws.DeflateRatio
	}
	limit := most
	if !j.whole {
		limit = min(most, inlineBytes)
	}
	var err error
	j.inflated, err = t.inflater.Inflate(j.inflated, t.message.Payload, limit)
	t.payload = j.inflated
	switch {
	case err == message.ErrTooBig && limit < most:
		return true, false
	case err == message.ErrTooBig:
		t.violations.Add(tooMuch)
	case err != nil:
		t.violations.Add(ws.DeflateInvalid)
	case len(t.payload) > ratio:
		t.violations.Add(ws.DeflateRatio)
	}
	return err != nil, true
}

// control judges the payload of a control frame, at most 125 bytes, and what is
// inside of it, up to what the costly detectors may read on the loop.
func (j *judge) control(t *task, payload []byte) {
	j.begin(t, true)
	j.expand.Left = inlineBudget
	t.payload, t.length = payload, len(payload)
	t.envelope = framework.Envelope{Framework: "none"}
	t.envelope.Format = j.walker.Walk(payload, format.Root{}, j.out.Visit)
	j.decide("")
	j.limits()
	t.findings = j.findings
}

func (j *judge) field(f *format.Field) {
	if s := j.current.session; s.Observe != nil {
		j.current.fields = append(j.current.fields, Field{Path: f.Path(), Value: string(f.Value), Key: f.Key})
	}
	if f.Noise || f.Opened && j.set == detect.Default() { // users' rules may be about the whole
		return
	}
	j.inspect(f.Value, j.options(f.Cut, f.Key), f, "")
	if f.Key && string(f.Value) == "prototype" && strings.HasSuffix(f.Path(), ".constructor.prototype~") {
		j.inspect(prototype, j.options(f.Cut, f.Key), f, "")
	}
}

// prototype is a key and the one around it, as a rule knows them: each alone is
// a word.
var prototype = []byte("constructor.prototype.")

// record ends an application message. A WebSocket message is shown as the first
// of its application messages that has an event.
func (j *judge) record(e framework.Envelope) {
	t := j.current
	if j.positive.any() {
		j.allowed(t, &e)
	}
	e.Doc = nil
	if t.envelope.Framework == "" || len(t.envelope.Event) == 0 && len(e.Event) > 0 {
		t.envelope = e
		if len(e.Event) > 0 {
			j.event = append(j.event[:0], e.Event...)
			t.envelope.Event = j.event
		}
	}
	if len(j.undecided) > 0 {
		j.decide(string(e.Event))
	}
	if t.recorded < len(t.hits) {
		t.named(string(e.Event))
	}
	for ; t.waiting < len(t.deferred); t.waiting++ {
		t.deferred[t.waiting].event = string(e.Event)
	}
}

// named gives the hits since the last call their event.
func (t *task) named(event string) {
	for ; t.recorded < len(t.hits); t.recorded++ {
		t.hits[t.recorded].Event = event
	}
}

func (j *judge) violate(v ws.Violation) { j.current.violations.Add(v) }

// limits raises what the walker could not look into.
func (j *judge) limits() {
	if j.expand.Over && !j.current.violations.Has(ws.ProcessTimeLimit) { // which leaves no budget
		j.violate(ws.FormatLimit)
	}
}

// inside keeps a value that is too costly to look into on the loop.
func (j *judge) inside(f *format.Field) {
	j.put(deferred{value: f.Value, cut: f.Cut, inside: true}, f)
}

// put defers v, which stands at f.
func (j *judge) put(v deferred, f *format.Field) {
	t := j.current
	v.path = "$"
	if t.paths < maxPaths {
		v.path = f.Path()
		t.paths += len(v.path)
	}
	v.value = bytes.Clone(v.value)
	t.size += len(v.path) + len(v.value)
	t.deferred = append(t.deferred, v)
}

// options are those of a value of the current task.
func (j *judge) options(cut, key bool) detect.Options {
	o := detect.Options{
		Response: j.current.dir != nil && j.current.dir.from == ws.FromServer,
		Key:      key,
		Cut:      cut,
	}
	if p := j.current.session.config.Policy; p != nil {
		o.Paranoia = p.Paranoia
	}
	return o
}

// inspect runs the detectors over one value, which stands at f, or at path.
func (j *judge) inspect(value []byte, o detect.Options, f *format.Field, path string) {
	if !j.inTime(len(value)) {
		return
	}
	before := len(j.undecided)
	for _, o.Profile = range j.profiles {
		j.found = j.set.Scan(value, o, &j.budget, j.found[:0])
		if j.budget.Exhausted {
			j.budget = detect.Budget{}
			j.undecided = j.undecided[:before]
			j.put(deferred{value: value, cut: o.Cut, key: o.Key}, f)
			return
		}
		if len(j.found) == 0 {
			continue
		}
		if len(j.profiles) == 1 && !narrow(j.found) || before >= maxUndecided {
			j.count(j.found, value, f, path)
			continue
		}
		if path == "" {
			path = f.Path()
		}
		j.wait(value, o.Profile, path)
	}
}

// count adds what was found in one value to the message's.
func (j *judge) count(list []detect.Finding, value []byte, f *format.Field, path string) {
	t := j.current
	j.findings = verdict.Keep(j.findings, list)
	if verdict.Highest(list) < min(t.session.config.Threshold, verdict.Threshold) {
		return // it adds nothing to what drops a message
	}
	for i := range list {
		found := &list[i]
		if len(t.hits) >= maxHits {
			if verdict.Has(t.unkept, found) {
				continue
			}
			if shown(t.hits, found) {
				t.unkept = append(t.unkept, *found)
				continue
			}
		}
		if path == "" {
			path = f.Path()
		}
		match := value[found.Start:min(found.End, found.Start+maxMatch)]
		t.hits = append(t.hits, event.Hit{Finding: *found, Path: path, Match: bytes.Clone(match)})
	}
}

// shown reports whether found's rule is in hits.
func shown(hits []event.Hit, found *detect.Finding) bool {
	for i := range hits {
		if hits[i].Type == found.Type && hits[i].Rule == found.Rule {
			return true
		}
	}
	return false
}

// ignore is a Budget.Defer for what is not to be looked into any more.
func ignore(*format.Field) {}

// inTime reports whether there is time for n more bytes. It looks at the clock
// once in clockBytes.
func (j *judge) inTime(n int) bool {
	if j.deadline.IsZero() {
		return true
	}
	if j.clock -= n + 1; j.clock < 0 {
		j.clock = clockBytes
		if time.Now().After(j.deadline) {
			j.current.violations.Add(ws.ProcessTimeLimit)
			j.expand = format.Budget{Defer: ignore} // the time is what is over
		}
	}
	return !j.current.violations.Has(ws.ProcessTimeLimit)
}
