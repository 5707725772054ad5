package framework

import (
	"unicode/utf8"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// yjsSpec knows y-websocket and Hocuspocus by the first message of a peer, which
// is the first step of a sync, or says who is there. The path is the document's.
var yjsSpec = spec{
	name: "yjs",
	first: func(_ ws.Direction, p []byte) bool {
		m, ok := readYjs(p)
		if !ok {
			return false
		}
		switch m.kind {
		case yjsSync:
			return m.step == 0 && isStateVector(m.body) || m.step > 0 && isUpdate(m.body)
		case yjsAwareness:
			return isAwareness(m.body)
		}
		return false
	},
	decoder: func(l *link, from ws.Direction) Decoder { return &yjs{link: l, from: from} },
}

// Message types of y-protocols, and of Hocuspocus where they differ.
const (
	yjsSync = iota
	yjsAwareness
	yjsAuth
	yjsQuery
	yjsSyncReply
	yjsStateless
	yjsBroadcast
	yjsClose
	yjsStatus
)

var yjsNames = [...]string{"sync", "awareness", "auth", "query", "sync", "stateless", "stateless", "close", "status"}

// yjsMessage is <type>[<step>]<length><body>, with the name of the document in
// front in Hocuspocus.
type yjsMessage struct {
	document   []byte
	kind, step uint64
	body       []byte
}

func readYjs(p []byte) (m yjsMessage, ok bool) {
	if m, ok = readYjsMessage(p); ok {
		return m, true
	}
	r := reader{p: p}
	document := r.bytes()
	if r.failed || len(document) == 0 || !utf8.Valid(document) {
		return m, false
	}
	m, ok = readYjsMessage(r.p)
	m.document = document
	return m, ok
}

func readYjsMessage(p []byte) (m yjsMessage, ok bool) {
	r := reader{p: p}
	m.kind = r.uint()
	switch m.kind {
	case yjsSync, yjsSyncReply:
		if m.step = r.uint(); m.step > 2 {
			return m, false
		}
		m.body = r.bytes()
	case yjsAwareness, yjsStateless, yjsBroadcast:
		m.body = r.bytes()
	case yjsAuth:
		r.uint()
		m.body = r.bytes()
	case yjsQuery:
	case yjsClose:
		m.body = r.bytes()
	case yjsStatus:
		r.uint()
	default:
		return m, false
	}
	return m, !r.failed && len(r.p) == 0 && len(p) > 0
}

// yjs visits the strings of updates and of awareness. What is typed comes key
// by key: a character that continues what the same client has typed is judged
// with that.
type yjs struct {
	link  *link
	from  ws.Direction
	typed [maxTyping]typing
	turn  int
}

const (
	maxTyping  = 4   // clients whose typing is followed
	maxTyped   = 512 // bytes of it
	typedAgain = 128 // of these, what stands before what follows
)

// typing is the text that a client's last insertions make together.
type typing struct {
	client, next uint64 // the insertion that continues it
	text         []byte
	joined       bool // of several insertions
}

// Alike: what is typed depends on what was.
func (d *yjs) Alike() int { return 0 }

func (d *yjs) Size() (n int) {
	for i := range d.typed {
		n += cap(d.typed[i].text)
	}
	return n
}

func (d *yjs) Decode(m Message, w *format.Walker, out *Out) {
	y, ok := readYjs(m.Payload)
	e := Envelope{Framework: yjsSpec.name}
	across := format.NewAcross(m.Payload, out.Visit)
	if ok {
		u := yjsUpdate{d: d, w: w, out: out}
		if across != nil {
			watched := *out
			watched.Visit = across.Visit
			u.out = &watched
		}
		ok = u.message(&y)
	}
	if !ok {
		plain(m, w, out)
		return
	}
	e.Format = "binary"
	if !d.link.confirmed.Load() {
		e.Format = w.Walk(m.Payload, whole, out.Visit)
	}
	w.Across(across, whole)
	if d.from == ws.FromServer && y.kind == yjsSync {
		d.link.confirmed.Store(true)
	}
	w.ClearEvent()
	addString(w, yjsNames[y.kind])
	if y.kind == yjsSync && y.step > 0 {
		addString(w, ".update")
	}
	e.Event = w.Event()
	out.Record(e)
}

// yjsUpdate visits one message.
type yjsUpdate struct {
	d     *yjs
	w     *format.Walker
	out   *Out
	quiet bool // check only
}

func (u *yjsUpdate) message(y *yjsMessage) bool {
	u.text(y.document, "$document")
	switch y.kind {
	case yjsSync, yjsSyncReply:
		if y.step == 0 {
			u.numbers(y.body)
			return isStateVector(y.body)
		}
		check := yjsUpdate{quiet: true}
		return check.update(y.body) && u.update(y.body)
	case yjsAwareness:
		return isAwareness(y.body) && u.awareness(y.body)
	case yjsAuth, yjsStateless, yjsBroadcast, yjsClose:
		u.value(y.body, "$")
	}
	return true
}

func (u *yjsUpdate) value(p []byte, path string) {
	if !u.quiet && len(p) > 0 {
		u.w.Walk(p, format.Root{Path: path}, u.out.Visit)
	}
}

func (u *yjsUpdate) text(p []byte, path string) {
	if !u.quiet && len(p) > 0 {
		u.w.Text(p, format.Root{Path: path}, u.out.Visit)
	}
}

func isStateVector(p []byte) bool {
	r := reader{p: p}
	for n := r.count(2); n > 0 && !r.failed; n-- {
		r.uint()
		r.uint()
	}
	return !r.failed && len(r.p) == 0
}

func isAwareness(p []byte) bool {
	u := yjsUpdate{quiet: true}
	return u.awareness(p)
}

// awareness reads <clients> times <client><clock><state>, a state being JSON.
func (u *yjsUpdate) awareness(p []byte) bool {
	r := reader{p: p}
	for n := r.count(3); n > 0 && !r.failed; n-- {
		r.uint()
		r.uint()
		if state := r.bytes(); !r.failed {
			u.value(state, "$")
		}
	}
	return !r.failed && len(r.p) == 0
}

func isUpdate(p []byte) bool {
	u := yjsUpdate{quiet: true}
	return u.update(p)
}

// The kinds of structs in an update, by the low bits of the first byte, and the
// flags in its high bits.
const (
	yjsGC = iota
	yjsDeleted
	yjsJSON
	yjsBinary
	yjsString
	yjsEmbed
	yjsFormat
	yjsType
	yjsAny
	yjsDoc
	yjsSkip

	yjsOrigin      = 0x80
	yjsRightOrigin = 0x40
	yjsParentSub   = 0x20
)

// update reads version 1 of an update: structs per client, and the set of what
// is deleted.
func (u *yjsUpdate) update(p []byte) bool {
	r := reader{p: p}
	for clients := r.count(3); clients > 0 && !r.failed; clients-- {
		structs := r.count(1)
		client, clock := r.uint(), r.uint()
		for ; structs > 0 && !r.failed; structs-- {
			clock += u.item(&r, client, clock)
		}
	}
	deleted := r.p
	for clients := r.count(2); clients > 0 && !r.failed; clients-- {
		r.uint()
		for n := r.count(2); n > 0 && !r.failed; n-- {
			r.uint()
			r.uint()
		}
	}
	u.numbers(deleted)
	return !r.failed && len(r.p) == 0
}

// numbers visits what is numbers here, and may be text to another reader.
func (u *yjsUpdate) numbers(p []byte) {
	if !u.quiet && len(p) > 3 {
		u.w.Text(p, format.Root{Path: whole.Path, Cut: true}, u.out.Visit)
	}
}

// item reads one struct and returns by how much it advances the clock.
func (u *yjsUpdate) item(r *reader, client, clock uint64) uint64 {
	info := r.byte()
	kind := info & 0x1f
	if kind == yjsGC || kind == yjsSkip {
		return r.uint()
	}
	continues := false
	if info&yjsOrigin != 0 {
		continues = r.uint() == client
		continues = r.uint()+1 == clock && continues
	}
	if info&yjsRightOrigin != 0 {
		r.uint()
		r.uint()
	}
	if info&(yjsOrigin|yjsRightOrigin) == 0 {
		if r.uint() == 1 {
			u.text(r.bytes(), "$~")
		} else {
			r.uint()
			r.uint()
		}
		if info&yjsParentSub != 0 {
			u.text(r.bytes(), "$~")
		}
	}
	switch kind {
	case yjsDeleted:
		return r.uint()
	case yjsJSON:
		n := r.count(1)
		for i := n; i > 0 && !r.failed; i-- {
			u.value(r.bytes(), "$")
		}
		return n
	case yjsBinary, yjsEmbed:
		u.value(r.bytes(), "$")
	case yjsString:
		text := r.bytes()
		n := utf16Len(text)
		if !r.failed {
			u.inserted(text, client, clock, n, continues)
		}
		return n
	case yjsFormat:
		u.text(r.bytes(), "$~")
		u.value(r.bytes(), "$")
	case yjsType:
		if t := r.uint(); t == 3 || t == 5 {
			u.text(r.bytes(), "$")
		}
	case yjsAny:
		n := r.count(1)
		for i := n; i > 0 && !r.failed; i-- {
			u.any(r)
		}
		return n
	case yjsDoc:
		u.text(r.bytes(), "$")
		u.any(r)
	default:
		r.failed = true
	}
	return 1
}

// maxAny is how deep values of lib0 are followed.
const maxAny = 64

// any reads a value of lib0.
func (u *yjsUpdate) any(r *reader) {
	var left [maxAny]uint64 // values of the open objects and arrays
	var object [maxAny]bool
	for depth := 0; ; {
		if depth > 0 && object[depth-1] {
			u.text(r.bytes(), "$~")
		}
		switch kind := r.byte(); kind {
		case 127, 126, 121, 120:
		case 125:
			for r.byte() >= 0x80 && !r.failed {
			}
		case 124:
			r.take(4)
		case 123, 122:
			if b := r.take(8); printable(b) {
				u.numbers(b)
			}
		case 119:
			u.text(r.bytes(), "$")
		case 116:
			u.value(r.bytes(), "$")
		case 118, 117:
			n := r.count(1)
			if depth == maxAny {
				r.failed = true
			} else if n > 0 && !r.failed {
				left[depth], object[depth] = n+1, kind == 118
				depth++
			}
		default:
			r.failed = true
		}
		if r.failed {
			return
		}
		for depth > 0 {
			if left[depth-1]--; left[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// inserted visits a string of n clocks, with what it continues.
func (u *yjsUpdate) inserted(text []byte, client, clock, n uint64, continues bool) {
	if u.quiet {
		return
	}
	t := u.d.typing(client)
	if !continues || t.client != client || t.next != clock || len(t.text) == 0 {
		u.end(t)
		u.text(text, "$")
		t.client, t.next, t.joined = client, clock+n, false
		t.text = append(t.text[:0], text[max(0, len(text)-typedAgain):]...)
		return
	}
	t.next, t.joined = clock+n, true
	if len(text) > 1 {
		u.text(text, "$")
	}
	for len(text) > 0 {
		if len(t.text) == maxTyped {
			t.text = append(t.text[:0], t.text[maxTyped-typedAgain:]...)
		}
		k := min(len(text), maxTyped-len(t.text))
		t.text = append(t.text, text[:k]...)
		text = text[k:]
		u.w.Text(t.text, format.Root{Cut: true}, u.out.Visit)
	}
	if last := t.text[len(t.text)-1]; last == '\n' {
		u.end(t)
	}
}

// end judges what was typed as a whole: nothing continues it.
func (u *yjsUpdate) end(t *typing) {
	if t.joined {
		u.text(t.text, "$")
	}
	t.text = t.text[:0]
}

// typing of client, or the place of one that has not typed for longest.
func (d *yjs) typing(client uint64) *typing {
	for i := range d.typed {
		if d.typed[i].client == client && len(d.typed[i].text) > 0 {
			return &d.typed[i]
		}
	}
	d.turn = (d.turn + 1) % maxTyping
	return &d.typed[d.turn]
}

// utf16Len is the length of p in JavaScript.
func utf16Len(p []byte) (n uint64) {
	for len(p) > 0 {
		_, size := utf8.DecodeRune(p)
		n++
		if size == 4 {
			n++
		}
		p = p[size:]
	}
	return n
}

// reader reads what lib0 encodes: varints, and bytes behind their length.
type reader struct {
	p      []byte
	failed bool
}

func (r *reader) byte() byte {
	if len(r.p) == 0 {
		r.failed = true
		return 0
	}
	c := r.p[0]
	r.p = r.p[1:]
	return c
}

func (r *reader) uint() uint64 {
	v, n := uvarint(r.p)
	if n == 0 {
		r.failed = true
		return 0
	}
	r.p = r.p[n:]
	return v
}

// count is a number of things that take min bytes each at least.
func (r *reader) count(min int) uint64 {
	n := r.uint()
	if n > uint64(len(r.p)/min) {
		r.failed = true
		return 0
	}
	return n
}

func (r *reader) take(n int) []byte {
	if n > len(r.p) {
		r.failed = true
		return nil
	}
	b := r.p[:n:n]
	r.p = r.p[n:]
	return b
}

func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.p)) {
		r.failed = true
		return nil
	}
	return r.take(int(n))
}
