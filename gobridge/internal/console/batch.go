package console

import (
	"database/sql"
	"encoding/json"
	"strings"
	"time"
)

// batch is the lines of one transaction. Nothing of it is in the index before
// it is committed.
type batch struct {
	items   []item
	bad     []badLine
	sources []sourceState
	dropped []sourceState // files that are gone
	counts  map[string]int64
}

type item struct {
	uid      []byte
	ts       int64
	shape    Shape
	hits     uint32
	line     []byte
	text     string
	conn     int64
	versions [3]string
}

type badLine struct {
	log    string
	offset int64
	reason string
	sample []byte
}

func (b *batch) count(name string, n int64) {
	if b.counts == nil {
		b.counts = map[string]int64{}
	}
	b.counts[name] += n
}

// addLine parses one line, whole and without its newline.
func (b *batch) addLine(log string, offset int64, line []byte) {
	b.count("lines", 1)
	var r Record
	if err := parse(line, &r); err != nil {
		b.addBad(log, offset, err.Error(), line)
		return
	}
	b.items = append(b.items, newItem(&r, line))
}

func (b *batch) addBad(log string, offset int64, reason string, line []byte) {
	b.count("malformed", 1)
	b.bad = append(b.bad, badLine{log, offset, reason, append([]byte(nil), line[:min(len(line), 200)]...)})
}

func newItem(r *Record, line []byte) item {
	w := &r.Wallarm.WebSocket
	it := item{
		uid: r.uid(),
		ts:  r.Time.UnixMilli(),
		shape: Shape{
			Kind: r.kind(), Action: r.Event.Action, Type: r.what(), Rule: r.rule(), Host: r.host(),
			Path: r.URL.Path, Point: r.point(), IP: r.Source.String(), Event: w.EventName,
			Framework: w.Framework, Direction: w.Direction, Observer: r.Observer.Hostname,
		},
		hits:     uint32(r.Wallarm.Hits),
		line:     append([]byte(nil), line...),
		conn:     r.connection(),
		versions: [3]string{r.Observer.Hostname, r.Observer.Version, r.Service.Version},
	}
	for _, p := range it.shape.list() {
		*p = clip(*p)
	}
	if it.shape.Kind != kindConnection {
		it.text = r.searched()
	}
	return it
}

// clip bounds what filters look at: a page's link to it has to work.
func clip(s string) string {
	if len(s) <= maxValue {
		return s
	}
	return strings.ToValidUTF8(s[:maxValue], "")
}

// blockLines and blockBytes bound what is compressed together: more of it is
// smaller, and slower to take a line out of.
const (
	blockLines = 64
	blockBytes = 512 << 10
)

// commit stores b and makes it visible. It returns how many events were new.
func (s *store) commit(b *batch) (added int, err error) {
	tx, err := s.w.Begin()
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	p := preparer{tx: tx, stmts: map[string]*sql.Stmt{}}
	defer p.close()

	id, shapeID := s.nextID, s.nextShape
	shapes := map[Shape]int64{} // new ones
	var order []Shape
	type fresh struct {
		shape Shape
		row
	}
	var rows []fresh
	type version struct{ observer, engine, nginx string }
	versions := map[version][2]int64{} // first and last
	duplicates := int64(0)

	var lines []byte
	first := id + 1
	flush := func() {
		if len(lines) > 0 {
			p.exec(qInsertBlock, first, id-first+1, s.enc.EncodeAll(lines, nil))
			lines, first = lines[:0], id+1
		}
	}
	for i := range b.items {
		it := &b.items[i]
		shape, ok := shapes[it.shape]
		if !ok {
			// Only the writer changes the index: it needs no lock to read.
			if slot, known := s.byShape[it.shape]; known {
				shape = s.shapes[slot].row
			} else {
				shapeID++
				shape = shapeID
				order = append(order, it.shape)
				list, err := json.Marshal(it.shape.list())
				if err != nil {
					return 0, err
				}
				p.exec(qInsertShape, shape, string(list))
			}
			shapes[it.shape] = shape
		}

		if n := p.exec(qInsertEvent, id+1, it.uid, it.ts, shape, it.hits, it.conn); n == 0 {
			duplicates++
			continue
		}
		id++
		if it.text != "" {
			p.exec(qInsertText, id, part(id)+"\n"+it.text)
		}
		if len(lines) > 0 {
			lines = append(lines, '\n')
		}
		lines = append(lines, it.line...)
		if n := id - first + 1; n == blockLines || len(lines) >= blockBytes {
			flush()
		}
		rows = append(rows, fresh{it.shape, row{ts: it.ts, hits: it.hits, conn: it.conn}})
		v := version{it.versions[0], it.versions[1], it.versions[2]}
		if times, ok := versions[v]; ok {
			versions[v] = [2]int64{min(times[0], it.ts), max(times[1], it.ts)}
		} else {
			versions[v] = [2]int64{it.ts, it.ts}
		}
	}
	flush()
	for v, times := range versions {
		p.exec(qSetVersions, v.observer, v.engine, v.nginx, times[0], times[1])
	}
	for _, m := range b.bad {
		p.exec(qInsertBad, time.Now().UnixMilli(), m.log, m.offset, m.reason, m.sample)
	}
	if len(b.bad) > 0 {
		p.exec(qTrimBad)
	}
	if duplicates > 0 {
		p.exec(qAddCounter, "duplicates", duplicates)
	}
	if id > s.nextID {
		p.exec(qAddCounter, "last_id", id-s.nextID)
	}
	for name, n := range b.counts {
		p.exec(qAddCounter, name, n)
	}
	for _, src := range b.sources {
		p.exec(qSetSource, src.log, src.dev, src.ino, src.offset, append([]byte{}, src.head...), src.seen, src.done)
	}
	for _, src := range b.dropped {
		p.exec(qDropSource, src.log, src.dev, src.ino)
	}
	if p.err != nil {
		return 0, p.err
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextID, s.nextShape = id, shapeID
	for _, shape := range order {
		s.slot(shape, shapes[shape])
	}
	for i := range rows {
		s.add(s.byShape[rows[i].shape], rows[i].row)
	}
	return len(rows), nil
}

// preparer prepares each query once per transaction and keeps the first error.
type preparer struct {
	tx    *sql.Tx
	stmts map[string]*sql.Stmt
	err   error
}

func (p *preparer) stmt(query string) *sql.Stmt {
	s := p.stmts[query]
	if s == nil && p.err == nil {
		s, p.err = p.tx.Prepare(query)
		p.stmts[query] = s
	}
	return s
}

// exec returns how many rows changed.
func (p *preparer) exec(query string, args ...any) (n int64) {
	s := p.stmt(query)
	if p.err != nil {
		return 0
	}
	r, err := s.Exec(args...)
	if err == nil {
		n, err = r.RowsAffected()
	}
	p.err = err
	return n
}

func (p *preparer) close() {
	for _, s := range p.stmts {
		if s != nil {
			s.Close()
		}
	}
}
