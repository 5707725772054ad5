package main

// #include "wsi.h"
import "C"

import (
	"encoding/binary"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
)

// view is a C string as it stands there, valid during the call.
func view(s C.wsi_str_t) string {
	return unsafe.String((*byte)(s.data), int(s.len))
}

func config(c *C.wsi_conf_t) pipeline.Config {
	p := pipeline.Config{
		Policy:      policyOf(uint64(c.policy)),
		Threshold:   int(c.threshold),
		TimeLimit:   int(c.time_limit),
		LimitBlock:  pipeline.LimitBlock(c.limit_block),
		CloseCode:   ws.CloseCode(c.close_code),
		DropMessage: c.drop_message != 0,
		LogPayload:  int(c.log_payload),
	}
	for i, mode := range c.mode {
		p.Mode[i] = pipeline.Mode(mode)
	}
	for i, l := range c.limits {
		p.Limits[i] = ws.Limits{
			MaxMessage:     int(l.max_message),
			MaxInflated:    int(l.max_inflated),
			MaxFrame:       int(l.max_frame),
			MaxFragments:   int(l.max_fragments),
			MaxRatio:       int(l.max_inflate_ratio),
			MaxControlRate: int(l.max_control_rate),
			Only:           ws.Opcode(l.messages),
		}
	}
	return p
}

// policies are those of this process's locations. A policy's number is its
// index+1.
var policies []*policy.Policy

func policyOf(number uint64) *policy.Policy {
	if number == 0 {
		return nil
	}
	return policies[number-1]
}

func statements(list []C.wsi_statement_t) []policy.Statement {
	to := make([]policy.Statement, len(list))
	for i := range list {
		from := &list[i]
		to[i] = policy.Statement{
			Name: strings.Clone(view(from.name)), File: strings.Clone(view(from.file)), Line: int(from.line),
		}
		for _, arg := range unsafe.Slice(from.args, int(from.nargs)) {
			to[i].Args = append(to[i].Args, strings.Clone(view(arg)))
		}
	}
	return to
}

// newRequest is valid during the call, and until the next.
func newRequest(q *C.wsi_request_t) *framework.Request {
	fields := head.Fields[:0]
	for _, f := range unsafe.Slice(q.fields, int(q.nfields)) {
		fields = append(fields, framework.HeaderField{Name: view(f.name), Value: view(f.value)})
	}
	head = framework.Request{Method: view(q.method), Target: view(q.target), Fields: fields}
	return &head
}

var head framework.Request

func set(out *C.wsi_result_t, r *pipeline.Result) {
	out.consumed = C.size_t(r.Consumed)
	out.release = C.size_t(r.Release)
	out.discard = C.size_t(r.Discard)
	out.control = C.size_t(r.Control)
	out.need = C.size_t(r.Need) // Unknown becomes SIZE_MAX
	out.decoded = C.size_t(r.Decoded)
	out.status = C.uint32_t(r.Status)
	out.events = C.uint32_t(r.Events)
	out.bytes = C.uint64_t(r.Bytes)
	out.thread_time = C.uint64_t(r.ThreadTime)
	out.messages = C.uint32_t(r.Messages)
	out.binary = C.uint32_t(r.Binary)
	out.judged = C.uint32_t(r.Judged)
	out.threaded = C.uint32_t(r.Threaded)
	out.jobs = C.uint32_t(r.Jobs)
	out.uninspected = C.uint32_t(r.Uninspected)
	for i, n := range r.Reasons {
		out.reasons[i] = C.uint32_t(n)
	}
	out.close_code = C.uint32_t(r.CloseCode)
	for i, n := range r.Rated {
		out.rated[i] = C.uint32_t(n)
	}
	out.alone = 0
	if r.Alone {
		out.alone = 1
	}
	out.last = C.size_t(r.Last)
}

func action(s string) C.uint32_t {
	switch s {
	case event.Blocked:
		return C.WSI_ACTION_BLOCKED
	case event.Monitored:
		return C.WSI_ACTION_MONITORED
	case event.Ignored:
		return C.WSI_ACTION_IGNORED
	}
	return C.WSI_ACTION_LOGGED
}

// put writes s, cut to fit, with a NUL behind it.
func put(dst []C.char, s string) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), len(dst))
	b[copy(b[:len(b)-1], s)] = 0
}

// metaOf is what NGINX says of s's connection now, or said when it closed it.
func metaOf(s *pipeline.Session, m *C.wsi_meta_t) *event.Meta {
	if m == nil && s.Meta != nil {
		return s.Meta
	}
	return newMeta(m)
}

func newLog(l *C.wsi_log_t) pipeline.Log {
	return pipeline.Log{
		ID: uint64(l.id), Payload: int(l.payload), Sample: int(l.sample), Datasets: pipeline.Datasets(l.datasets),
	}
}

func newTraffic(t *C.wsi_traffic_t) *pipeline.Traffic {
	if t == nil {
		return nil
	}
	return &pipeline.Traffic{
		Duration: time.Duration(t.duration) * time.Millisecond,
		Bytes:    [2]uint64{uint64(t.bytes[0]), uint64(t.bytes[1])},
		Attacks:  int(t.attacks),
	}
}

// newMeta copies m, which may be nil.
func newMeta(m *C.wsi_meta_t) *event.Meta {
	if m == nil {
		return &event.Meta{Now: time.Now()}
	}
	text := func(s C.wsi_str_t) string { return strings.Clone(view(s)) }
	return &event.Meta{
		Request:       []byte(view(m.request)),
		RemoteAddr:    text(m.remote_addr),
		RemotePort:    int(m.remote_port),
		LocalAddr:     text(m.local_addr),
		LocalPort:     int(m.local_port),
		TLS:           m.tls != 0,
		ServerName:    text(m.server_name),
		RequestID:     text(m.request_id),
		RemoteUser:    text(m.remote_user),
		Hostname:      text(m.hostname),
		ConnectionID:  strconv.FormatUint(uint64(m.connection_id), 10),
		NginxVersion:  text(m.server_version),
		EngineVersion: version,
		Now:           time.UnixMilli(int64(m.time)),
	}
}

// waker writes to an eventfd, from any thread.
func waker(fd int) func() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	return func() {
		for {
			if _, err := syscall.Write(fd, one[:]); err != syscall.EINTR {
				return // EAGAIN: it is readable already
			}
		}
	}
}

// table hands out handles. A handle is generation<<32 | index+1: C never sees
// a Go pointer, and a stale handle finds nothing.
type table struct {
	slots []slot
	free  []uint32
}

type slot struct {
	session    *pipeline.Session
	generation uint32
}

var sessions table

func (t *table) add(s *pipeline.Session) uint64 {
	if len(t.free) == 0 {
		t.free = append(t.free, uint32(len(t.slots)))
		t.slots = append(t.slots, slot{})
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.slots[i].session = s
	return uint64(t.slots[i].generation)<<32 | uint64(i+1)
}

// get panics on a handle that was never given out or is closed; the export
// answers WSI_ERROR.
func (t *table) get(handle uint64) *pipeline.Session {
	s := &t.slots[uint32(handle)-1]
	if s.session == nil || s.generation != uint32(handle>>32) {
		panic("stale handle")
	}
	return s.session
}

func (t *table) remove(handle uint64) {
	i := uint32(handle) - 1
	t.slots[i] = slot{generation: t.slots[i].generation + 1}
	t.free = append(t.free, i)
}
