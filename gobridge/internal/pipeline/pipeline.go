package pipeline

import (
	"time"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
)

// Mode says what happens to the bytes of a direction. The values are those of
// wsi.h.
type Mode uint8

// The modes of a direction.
const (
	Off        Mode = iota // frames are counted, nothing is looked at
	Monitoring             // judged and logged, never held or dropped
	Block                  // held until judged, dropped on attack
)

// LimitBlock is what to do when judging a message exceeds a limit. The values
// are those of wsi.h.
type LimitBlock uint8

// The values of wallarm_process_time_limit_block.
const (
	LimitAttack LimitBlock = iota // as the mode says of attacks
	LimitOn                       // drop, in monitoring too
	LimitOff                      // never drop
)

// Status is what is to be done with a connection. The values are those of
// wsi.h.
type Status uint8

// The states of a Result.
const (
	Pass    Status = iota
	Pending        // judged off the loop; feed no more until Poll reports it
	Drop           // finalize the connection
	Opaque         // nothing can be decoded any more; pass the bytes on
	Failed         // the engine failed; the session is dead
)

// Unknown is Result.Need when frame boundaries are not known any more.
const Unknown = -1

// Result is the outcome of a call for one direction. All sizes are in bytes.
type Result struct {
	Consumed    int // taken of those given
	Release     int // from the oldest held or given on, to forward
	Discard     int // behind these, not to be forwarded
	Control     int // the last consumed are a control frame that may overtake
	Need        int // no frame ends within fewer; 0 at a boundary, or Unknown
	Decoded     int // kept for this session
	Bytes       int // payload bytes of data frames, or of a request's body
	Status      Status
	Events      int             // waiting, see Session.Event
	Messages    int             // data messages completed
	Binary      int             // of these, with the opcode binary
	Judged      int             // messages and heads judged on the loop
	Threaded    int             // and off it
	ThreadTime  time.Duration   // of those off it, from handing over to verdict
	Jobs        int             // of all sessions, off the loop
	Uninspected int             // messages let through without a verdict
	Reasons     [NumReasons]int // the same by reason
	CloseCode   ws.CloseCode    // of a request, the HTTP status

	Rated [policy.MaxRates]uint32 // events that are counted, by policy.Policy.Rates
	Last  int                     // of Release, the last: the message that these are in, or 0
	Alone bool                    // Last may be left out

	value     string       // that the violation is about
	code      ws.CloseCode // of the violation, 0: its own
	swallow   bool         // the message may be dropped alone
	swallowed bool         // and was
}

// Reason says why a message passed without a verdict. The values are those of
// wsi.h.
type Reason uint8

// The reasons.
const (
	ReasonMessage  Reason = iota // over MaxMessage
	ReasonInflated               // over MaxInflated
	ReasonTime                   // over TimeLimit
	ReasonFormat                 // encodings inside each other over limits
	ReasonMemory                 // over a budget of bytes
	ReasonAssembly               // took too long to arrive
	ReasonBody                   // a request's body that cannot be decoded
	ReasonProtocol               // behind a broken frame or DEFLATE stream
	ReasonEngine                 // the engine failed
	NumReasons
)

// reasonOf is the reason when v lets a message pass.
func reasonOf(v ws.Violation) Reason {
	switch v {
	case ws.MessageTooBig:
		return ReasonMessage
	case ws.DeflateTooBig, ws.DeflateRatio:
		return ReasonInflated
	case ws.ProcessTimeLimit:
		return ReasonTime
	case ws.FormatLimit:
		return ReasonFormat
	case ws.MemoryExhausted:
		return ReasonMemory
	case ws.MessageAssemblyTimeout:
		return ReasonAssembly
	case ws.BodyUndecodable:
		return ReasonBody
	}
	return ReasonProtocol
}

// pass counts n messages that pass without a verdict.
func (r *Result) pass(why Reason, n int) {
	r.Uninspected += n
	r.Reasons[why] += n
}

// Config is what the directives of a location say. Sessions share it.
type Config struct {
	Mode      [2]Mode // by ws.Direction
	Threshold int
	Policy    *policy.Policy // nil: no directives
	TimeLimit int            // of judging one message, in milliseconds; 0: none
	// LimitBlock says what follows from ProcessTimeLimit and FormatLimit.
	LimitBlock LimitBlock
	Limits     [2]ws.Limits // by ws.Direction
	LogPayload int          // bytes of payload that some log wants of an event
	// CloseCode is that of a connection dropped for an attack; 0: 1008.
	CloseCode ws.CloseCode
	// DropMessage drops the one message instead, where nothing depends on it.
	DropMessage bool
}

// action is what follows from v.
func (c *Config) action(v ws.Violation) ws.Action {
	if c.Policy == nil {
		return v.Action()
	}
	return c.Policy.Violations.Of(v)
}

// attackCode is what the peers are told of an attack.
func (c *Config) attackCode() ws.CloseCode {
	if c.CloseCode == 0 {
		return ws.ClosePolicyViolation
	}
	return c.CloseCode
}

// shared is what all sessions of one Config have in common.
type shared struct {
	Config
	engine *Engine
}

// Handshake is what the opening handshake settled.
type Handshake struct {
	Target string // request target
	handshake.Result
}

// Options of an Engine.
type Options struct {
	// Threads judge off the event loop. With 0 everything is judged at once,
	// whatever it costs: for tools, not for NGINX.
	Threads int
	// Wake is called, from any thread, when Poll has something to report.
	Wake func()
	// Compiled is called, by a thread, when the rules are.
	Compiled func()
}

// Engine is the engine of one process. Its methods and those of its sessions
// are called from one thread.
type Engine struct {
	loop    *judge
	offload *offload // nil: synchronous
	configs map[Config]*shared
	samples samples
	jobs    int // off the loop, until their verdict is taken

	reloading reloading
	now       func() time.Time
}

// NewEngine starts an engine. With threads the rules are compiled off the event
// loop, and what is to be judged meanwhile waits for them there.
func NewEngine(o Options) (*Engine, error) {
	e := &Engine{loop: newJudge(), configs: map[Config]*shared{}, samples: samples{}, now: time.Now}
	if o.Threads > 0 {
		var err error
		if e.offload, err = newOffload(o.Threads, o.Wake); err != nil {
			return nil, err
		}
		e.offload.errand(func() {
			detect.Default()
			if o.Compiled != nil {
				o.Compiled()
			}
		})
	}
	return e, nil
}

// Open begins a session. Result.Status is Drop when the handshake has to be
// refused, Opaque when the connection can only pass uninspected.
func (e *Engine) Open(h Handshake, c *Config) (*Session, Result) {
	s := &Session{config: e.share(c)}
	if h.Subprotocol != "" {
		name := h.Subprotocol // alone on the heap
		s.subprotocol = &name
	}
	decoders := [2]framework.Decoder{}
	decoders[ws.FromClient], decoders[ws.FromServer] = framework.Identify(framework.Handshake{
		Target: h.Target, Subprotocol: h.Subprotocol, Limit: max(c.Limits[ws.FromClient].MaxMessage, c.Limits[ws.FromServer].MaxMessage),
	})
	for dir := range s.dir {
		d := &s.dir[dir]
		d.from = ws.Direction(dir)
		d.mode = c.Mode[dir]
		d.decoder = decoders[dir]
		if h.Deflate != nil {
			f := message.NewInflater(h.Deflate.Window(d.from), h.Deflate.ContextTakeover(d.from))
			d.inflater = &f
			d.refers = h.Deflate.ContextTakeover(d.from)
		}
	}
	var r Result
	d := &s.dir[ws.FromClient]
	for set := h.Violations; set != 0; {
		if v := set.Pop(); s.violate(d, v, 0, &r) && v.Desync() {
			r.Status = Opaque
			s.blind(&s.dir[ws.FromClient], ReasonProtocol, &r)
			s.blind(&s.dir[ws.FromServer], ReasonProtocol, &r)
		}
	}
	if s.rare != nil {
		for _, p := range s.rare.events {
			if p.violation.Action == event.Blocked {
				p.violation.Status = 502
			}
		}
	}
	s.fill(d, &r)
	return s, r
}

func (e *Engine) share(c *Config) *shared {
	config := e.configs[*c]
	if config == nil {
		config = &shared{*c, e}
		e.configs[*c] = config
	}
	return config
}

// Verdict is what was reached off the loop.
type Verdict struct {
	Session   *Session
	Direction ws.Direction
	job       *task
}

// Result draws the consequences. It is called once.
func (v Verdict) Result() Result { return v.Session.finish(v.job) }

// Poll takes one verdict, if there is any.
func (e *Engine) Poll() (v Verdict, ok bool) {
	if e.offload == nil {
		return Verdict{}, false
	}
	job := e.offload.takeDone()
	if job == nil {
		return Verdict{}, false
	}
	return Verdict{job.session, job.dir.from, job}, true
}

// Drain waits at most ms milliseconds until nothing is being judged, and
// returns how many messages still are.
func (e *Engine) Drain(ms int) int {
	if e.offload == nil {
		return 0
	}
	return e.offload.drain(ms)
}
