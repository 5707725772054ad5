package main

// #include "wsi.h"
import "C"

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unsafe"

	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
)

var engine *pipeline.Engine

//export wsi_abi_7
func wsi_abi_7() C.uint32_t { return C.WSI_ABI_VERSION }

//export wsi_init
func wsi_init(conf *C.wsi_init_t) (rc C.int32_t) {
	defer func() {
		if failed(recover()) {
			rc = -1
		}
	}()
	// The environment of whoever started NGINX must not tune the engine.
	// At GOMAXPROCS 1 a busy thread would stop the event loop for 10 ms.
	threads := int(conf.threads)
	runtime.GOMAXPROCS(threads + 2)
	debug.SetMaxStack(16 << 20)
	if conf.memory_limit > 0 {
		debug.SetMemoryLimit(int64(conf.memory_limit))
	}
	e, err := pipeline.NewEngine(pipeline.Options{
		Threads: threads,
		Wake:    waker(int(conf.wake_fd)),
		Compiled: func() {
			debug.FreeOSMemory()   // of the compilation
			debug.SetGCPercent(15) // behind the rules: most that lives are idle sessions, and little is garbage
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "wsi:", err)
		return -1
	}
	engine = e
	put(conf.version[:], version)
	put(conf._go[:], runtime.Version())
	put(conf.crs[:], event.CRSVersion)
	return 0
}

//export wsi_policy
func wsi_policy(list *C.wsi_statement_t, n C.size_t, buf *C.uint8_t, size C.size_t, length *C.size_t) (number C.uint64_t) {
	text := unsafe.Slice((*byte)(buf), int(size))[:0]
	say := func(kind, line string) {
		line = kind + line + "\n"
		text = append(text, line[:min(len(line), cap(text)-len(text))]...)
		*length = C.size_t(len(text))
	}
	*length = 0
	defer func() {
		if failed(recover()) {
			say("e", "wallarm: the engine failed")
			number = 0
		}
	}()
	loader.Lenient = engine != nil
	p, messages := loader.Parse(statements(unsafe.Slice(list, int(n))))
	for _, m := range messages {
		kind := "e"
		if m.Warning {
			kind = "w"
		}
		say(kind, m.Text)
	}
	if p == nil {
		return 0
	}
	policies = append(policies, p)
	return C.uint64_t(len(policies))
}

// loader has the files of rules of this process's locations.
var loader policy.Loader

var watching bool

//export wsi_reload
func wsi_reload() (n C.uint32_t) {
	defer func() { failed(recover()) }()
	if engine == nil {
		return 0
	}
	if !watching {
		watching = true
		engine.Watch(loader.All())
	}
	return C.uint32_t(engine.Reload())
}

//export wsi_reloaded
func wsi_reloaded(buf *C.uint8_t, size C.size_t, length *C.size_t, generation *C.uint32_t) (busy C.uint32_t) {
	*length, *generation = 0, 0
	defer func() { failed(recover()) }()
	if engine == nil {
		return 0
	}
	news, g, looking := engine.Reloaded()
	text := unsafe.Slice((*byte)(buf), int(size))[:0]
	for _, n := range news {
		kind := "n"
		if n.Error {
			kind = "e"
		}
		line := kind + policy.Line(n.Text) + "\n"
		text = append(text, line[:min(len(line), cap(text)-len(text))]...)
	}
	*length, *generation = C.size_t(len(text)), C.uint32_t(g)
	if looking {
		busy = 1
	}
	return busy
}

//export wsi_open
func wsi_open(hs *C.wsi_handshake_t, out *C.wsi_result_t) (session C.uint64_t) {
	defer func() {
		if failed(recover()) {
			*out = C.wsi_result_t{status: C.WSI_ERROR}
			session = 0
		}
	}()
	checked := handshake.Check(
		handshake.Offer{
			Method:       view(hs.method),
			Protocol:     view(hs.protocol),
			Key:          view(hs.key),
			Version:      view(hs.version),
			Subprotocols: view(hs.subprotocols),
			Extensions:   view(hs.extensions),
		},
		handshake.Answer{
			Upgrade:     view(hs.upgrade),
			Accept:      view(hs.accept),
			Subprotocol: view(hs.subprotocol),
			Extensions:  view(hs.answered_extensions),
		})
	checked.Subprotocol = strings.Clone(checked.Subprotocol)
	c := config(&hs.conf)
	s, r := engine.Open(pipeline.Handshake{Target: view(hs.target), Result: checked}, &c)
	s.Cookie = uint64(hs.cookie)
	set(out, &r)
	return C.uint64_t(sessions.add(s))
}

//export wsi_violate
func wsi_violate(request *C.wsi_request_t, token C.wsi_str_t, out *C.wsi_result_t) (session C.uint64_t) {
	defer func() {
		if failed(recover()) {
			*out = C.wsi_result_t{status: C.WSI_ERROR}
			session = 0
		}
	}()
	v, ok := ws.ParseViolation(view(token))
	if !ok {
		*out = C.wsi_result_t{status: C.WSI_ERROR}
		return 0
	}
	c := config(&request.conf)
	s, r := engine.Violate(newRequest(request), v, &c)
	s.Cookie = uint64(request.cookie)
	set(out, &r)
	return C.uint64_t(sessions.add(s))
}

//export wsi_identify
func wsi_identify(request *C.wsi_request_t) (what C.uint32_t) {
	defer func() {
		if failed(recover()) {
			what = C.WSI_REQUEST_HEAD | C.WSI_REQUEST_BODY
		}
	}()
	head, body := engine.Identify(newRequest(request))
	if head {
		what |= C.WSI_REQUEST_HEAD
	}
	if body {
		what |= C.WSI_REQUEST_BODY
	}
	return what
}

//export wsi_request
func wsi_request(request *C.wsi_request_t, out *C.wsi_result_t) (session C.uint64_t) {
	defer func() {
		if failed(recover()) {
			*out = C.wsi_result_t{status: C.WSI_ERROR}
			session = 0
		}
	}()
	c := config(&request.conf)
	s, r := engine.OpenRequest(newRequest(request), &c)
	s.Cookie = uint64(request.cookie)
	set(out, &r)
	return C.uint64_t(sessions.add(s))
}

//export wsi_body
func wsi_body(session C.uint64_t, data *C.wsi_cbyte_t, n C.size_t, last C.uint32_t, out *C.wsi_result_t) {
	defer fail(out)
	r := sessions.get(uint64(session)).Body(unsafe.Slice((*byte)(data), int(n)), last != 0)
	set(out, &r)
}

//export wsi_body_file
func wsi_body_file(session C.uint64_t, fd C.int32_t, offset, n C.uint64_t, last C.uint32_t, out *C.wsi_result_t) {
	defer fail(out)
	r := sessions.get(uint64(session)).BodyFile(int(fd), int64(offset), int64(n), last != 0)
	set(out, &r)
}

//export wsi_feed
func wsi_feed(session C.uint64_t, direction C.uint32_t, data *C.wsi_cbyte_t, n C.size_t, out *C.wsi_result_t) {
	defer fail(out)
	s := sessions.get(uint64(session))
	r := s.Feed(ws.Direction(direction&1), unsafe.Slice((*byte)(data), int(n)))
	set(out, &r)
}

//export wsi_poll
func wsi_poll(done *C.wsi_done_t) C.uint32_t {
	*done = C.wsi_done_t{}
	defer fail(&done.result)
	v, ok := engine.Poll()
	if !ok {
		return 0
	}
	done.cookie, done.direction = C.uint64_t(v.Session.Cookie), C.uint32_t(v.Direction)
	finish(done, v)
	return 1
}

// finish tells even of a panic whose session it was.
func finish(d *C.wsi_done_t, v pipeline.Verdict) {
	defer fail(&d.result)
	r := v.Result()
	set(&d.result, &r)
}

//export wsi_expire
func wsi_expire(session C.uint64_t, direction C.uint32_t, reason C.uint32_t, out *C.wsi_result_t) {
	defer fail(out)
	v := ws.MessageAssemblyTimeout
	switch reason {
	case C.WSI_EXPIRE_VERDICT:
		v = ws.ProcessTimeLimit
	case C.WSI_EXPIRE_MEMORY:
		v = ws.MemoryExhausted
	}
	r := sessions.get(uint64(session)).Expire(ws.Direction(direction&1), v)
	set(out, &r)
}

//export wsi_raise
func wsi_raise(session C.uint64_t, direction C.uint32_t, violation *C.wsi_violation_t, out *C.wsi_result_t) (blocks C.uint32_t) {
	defer fail(out)
	v, ok := ws.ParseViolation(view(violation.token))
	if !ok {
		panic("unknown violation")
	}
	r, blocked := sessions.get(uint64(session)).Raise(ws.Direction(direction&1), pipeline.Raised{
		Violation: v, Value: strings.Clone(view(violation.value)), CloseCode: ws.CloseCode(violation.close_code), Message: violation.message != 0,
	})
	set(out, &r)
	if blocked {
		blocks = 1
	}
	return blocks
}

//export wsi_expires
func wsi_expires(token C.wsi_str_t) (ms C.int64_t) {
	defer func() {
		if failed(recover()) {
			ms = 0
		}
	}()
	return C.int64_t(policy.Expires(view(token)))
}

//export wsi_event
func wsi_event(session C.uint64_t, meta *C.wsi_meta_t, log *C.wsi_log_t, buf *C.uint8_t, size C.size_t, out *C.wsi_event_t) (rc C.int32_t) {
	var s *pipeline.Session
	defer func() {
		if failed(recover()) {
			if s != nil {
				s.Pop()
			}
			rc = 0
		}
	}()
	s = sessions.get(uint64(session))
	l := newLog(log)
	text, line, kind := s.Event(eventScratch[:0], metaOf(s, meta), &l, int(size))
	if kind.Name == "" {
		return 0
	}
	eventScratch = text[:0]
	*out = C.wsi_event_t{line: C.size_t(line), text: C.size_t(len(text) - line)}
	if kind.Attack {
		out.attack = 1
	}
	out.action = action(kind.Action)
	put(out._type[:], kind.Name)
	put(out.rule[:], kind.Rule)
	if C.size_t(len(text)) > size {
		return -1
	}
	if kind.Sampled {
		out.sampled = 1
	}
	copy(unsafe.Slice((*byte)(buf), int(size)), text)
	return 1
}

var eventScratch []byte

//export wsi_event_done
func wsi_event_done(session C.uint64_t) {
	defer func() { failed(recover()) }()
	sessions.get(uint64(session)).Pop()
}

//export wsi_event_summary
func wsi_event_summary(log *C.wsi_log_t, now C.int64_t, buf *C.uint8_t, size C.size_t, length *C.size_t) (rc C.int32_t) {
	defer func() {
		if failed(recover()) {
			rc = 0
		}
	}()
	at := time.Time{}
	if now != 0 {
		at = time.UnixMilli(int64(now))
	}
	l := newLog(log)
	line, ok := engine.Summary(eventScratch[:0], &l, at, int(size))
	if !ok {
		return 0
	}
	return give(line, buf, size, length)
}

//export wsi_connection
func wsi_connection(session C.uint64_t, meta *C.wsi_meta_t, traffic *C.wsi_traffic_t, buf *C.uint8_t, size C.size_t, length *C.size_t) (rc C.int32_t) {
	defer func() {
		if failed(recover()) {
			rc = 0
		}
	}()
	s := sessions.get(uint64(session))
	return give(s.Connection(eventScratch[:0], metaOf(s, meta), newTraffic(traffic)), buf, size, length)
}

// give writes line, which eventScratch had room for, if it fits.
func give(line []byte, buf *C.uint8_t, size C.size_t, length *C.size_t) C.int32_t {
	eventScratch = line[:0]
	*length = C.size_t(len(line))
	if *length > size {
		return -1
	}
	copy(unsafe.Slice((*byte)(buf), int(size)), line)
	return 1
}

//export wsi_close
func wsi_close(session C.uint64_t, meta *C.wsi_meta_t) (rc C.int32_t) {
	defer func() {
		if failed(recover()) {
			rc = 0
		}
	}()
	s := sessions.get(uint64(session))
	if !s.Close() {
		if meta != nil {
			s.Meta = newMeta(meta)
		}
		return 1
	}
	sessions.remove(uint64(session))
	return 0
}

//export wsi_drain
func wsi_drain(ms C.uint32_t) (n C.uint32_t) {
	defer func() { failed(recover()) }()
	if engine == nil {
		return 0
	}
	return C.uint32_t(engine.Drain(int(ms)))
}

// fail ends an exported function whose result is out: it recovers a panic and
// reports it.
func fail(out *C.wsi_result_t) {
	if failed(recover()) {
		*out = C.wsi_result_t{status: C.WSI_ERROR}
	}
}

func failed(e any) bool {
	if e == nil {
		return false
	}
	fmt.Fprintf(os.Stderr, "wsi: panic: %v\n%s", e, bytes.TrimSpace(debug.Stack()))
	return true
}
