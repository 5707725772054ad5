package console

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// foundLimit bounds the matches that a search takes, newest first.
const foundLimit = 10_000

// found is what a search found, in the index that the other store has of all
// events: what a page counts of it is counted here.
type found struct {
	*index
	ids   []string // event.id, by position
	conns []string // connection
	Searched
}

// searchedColumns are what the text search of the other store has, as far as
// the table has it. There is no index of it: ClickHouse reads the columns.
var searchedColumns = []string{"message", "what", "event_name", "connection_id", "match", "request"}

// has are the words of a query as conditions.
func has(query string) (all []string) {
	for _, w := range words(query) {
		position := "positionCaseInsensitive"
		if strings.ContainsFunc(w.text, func(r rune) bool { return r >= utf8.RuneSelf }) {
			position += "UTF8" // takes three times as long
		}
		var found []string
		for _, column := range searchedColumns { // one text of them all would be copied, for each event
			found = append(found, position+"("+column+", "+quote(w.text)+")")
		}
		all = append(all, strings.Join(found, " + ")+" > 0")
	}
	return all
}

// foundColumns are those of a Shape, and what else the index has.
var foundColumns = "kind, " + columns["action"] + ", " + columns["type"] + ", " + columns["rule"] + ", " + columns["host"] + ", " +
	columns["path"] + ", " + columns["point"] + ", " + columns["ip"] + ", " + columns["event"] + ", " + columns["framework"] + ", " +
	columns["direction"] + ", " + columns["observer"] + ", ms, hits, event_id, connection"

// search goes back in time, a part at a time, until it has many events, or has
// taken long enough. A filter only leaves out what need not be read.
func (c *clickHouse) search(ctx context.Context, f *Filter, anyKind bool) (*found, error) {
	first, last, err := c.ends(ctx)
	if err != nil {
		return nil, err
	}
	r := &found{index: newIndex()}
	r.span = &[2]int64{first, last}
	text := has(f.Query)
	if len(text) == 0 {
		return r, nil
	}
	p := c.parts(f, anyKind, first, last)
	text = append(text, p.cond...)

	started := time.Now()
	bounded, cancel := context.WithTimeout(ctx, c.effort.giveUp)
	defer cancel()
	var rows []foundRow // the newest first
	looked := int64(0)
	for part := c.effort.first; part > c.effort.first/4 && len(rows) <= foundLimit; {
		to := p.to
		n, err := p.next(bounded, part)
		if err == nil && n == 0 {
			return r.take(rows), nil
		}
		if err == nil {
			rows, err = c.searchPart(bounded, rows, append(times(p.to, to), text...))
		}
		if err != nil {
			if bounded.Err() == nil || ctx.Err() != nil {
				return nil, err
			}
			p.to = to
			break
		}
		looked += n
		took := max(time.Since(started), time.Microsecond)
		fits := int64(float64(looked) * float64(c.effort.more-took) / float64(took))
		part = min(4*part, fits)
	}
	if len(rows) > foundLimit {
		// What is of the same time as the first that is too many is left for the next, too.
		p.to = rows[foundLimit].ms + 1
		keep := slices.IndexFunc(rows, func(row foundRow) bool { return row.ms < p.to })
		if keep == 0 {
			keep, p.to = foundLimit, rows[0].ms
		}
		rows = rows[:keep]
	} else if p.to <= p.from {
		return r.take(rows), nil
	}
	r.Limited = true
	if looked > 0 {
		at := msTime(p.to)
		r.From = &at
	}
	return r.take(rows), nil
}

type foundRow struct {
	shape    Shape
	ms       int64
	hits     uint32
	id, conn string
}

// searchPart appends the matches, the newest first, one more than are to be had.
func (c *clickHouse) searchPart(ctx context.Context, rows []foundRow, cond []string) ([]foundRow, error) {
	sql := "SELECT " + foundColumns + c.from(cond) + fmt.Sprintf(" ORDER BY ms DESC, event_id DESC LIMIT %d", foundLimit+1-len(rows))
	err := c.query(ctx, sql, func(row tuple) error {
		var r foundRow
		to := make([]any, 0, len(row))
		for _, p := range r.shape.list() {
			to = append(to, p)
		}
		err := row.scan(append(to, &r.ms, &r.hits, &r.id, &r.conn)...)
		rows = append(rows, r)
		return err
	})
	return rows, err
}

// take fills the index.
func (f *found) take(rows []foundRow) *found {
	for _, r := range slices.Backward(rows) {
		f.add(f.slot(r.shape, 0), row{ts: r.ms, hits: r.hits})
		f.ids, f.conns = append(f.ids, r.id), append(f.conns, r.conn)
	}
	return f
}

// connections are theirs, the newest first.
func (f *found) connections() (order []string) {
	seen := map[string]bool{"": true}
	for _, c := range slices.Backward(f.conns) {
		if !seen[c] {
			seen[c] = true
			order = append(order, c)
		}
	}
	return order
}

func (c *clickHouse) searchedAttacks(ctx context.Context, q *request) (*Attacks, error) {
	f, err := c.search(ctx, &q.Filter, false)
	if err != nil {
		return nil, err
	}
	v, newest := f.attacksPage(q, nil)
	v.Searched = f.Searched
	for i, id := range newest {
		v.Attacks[i].Newest = f.ids[id-f.base]
	}
	return v, c.show(ctx, v.Attacks)
}

// newestConnections are those with the newest events, from offset on. One whose
// last event is older than a part of the time is behind all that have one in it.
func (c *clickHouse) newestConnections(ctx context.Context, f *Filter, anyKind bool, offset, limit int) (order []string, err error) {
	first, last, err := c.ends(ctx)
	if err != nil {
		return nil, err
	}
	p := c.parts(f, anyKind, first, last)
	cond := append([]string{"connection != ''"}, p.cond...)
	end := p.to
	for part := c.effort.first; ; part *= 4 {
		if _, err := p.next(ctx, part); err != nil {
			return nil, err
		}
		order = nil
		sql := "SELECT connection" + c.from(append(times(p.to, end), cond...)) + " GROUP BY connection ORDER BY max(ms) DESC, connection" +
			fmt.Sprintf(" LIMIT %d, %d", offset, limit)
		err := c.query(ctx, sql, func(row tuple) error {
			var id string
			err := row.scan(&id)
			order = append(order, id)
			return err
		})
		if err != nil || len(order) == limit || p.to <= p.from {
			return order, err
		}
	}
}

// parts goes back over the events of a filter, so many at a time.
type parts struct {
	c        *clickHouse
	cond     []string
	from, to int64 // what is before it
	spans    []timeSpan
}

// timeSpan is a time, and how many events it has; -1: not counted.
type timeSpan struct{ from, to, events int64 }

func (c *clickHouse) parts(f *Filter, anyKind bool, first, last int64) *parts {
	g := *f
	g.From, g.To = time.Time{}, time.Time{}
	p := &parts{c: c, cond: where(&g, anyKind)}
	p.from, p.to = f.times()
	p.from, p.to = max(p.from, first), min(p.to, last+1)
	if p.from < p.to {
		p.spans = []timeSpan{{p.from, p.to, -1}}
	}
	return p
}

// next moves to before some n events, and says how many there are; 0: no more.
func (p *parts) next(ctx context.Context, n int64) (events int64, err error) {
	for events < n && len(p.spans) > 0 {
		s := p.spans[len(p.spans)-1]
		if s.events < 0 || s.events > n && s.to-s.from > 1 {
			if events > 0 {
				break
			}
			p.spans = p.spans[:len(p.spans)-1]
			if err := p.split(ctx, s); err != nil {
				return 0, err
			}
			continue
		}
		p.spans = p.spans[:len(p.spans)-1]
		p.to = s.from
		events += s.events
	}
	if len(p.spans) == 0 {
		p.to = min(p.to, p.from)
	}
	return events, nil
}

// split counts a time by its parts, and keeps those that have any.
func (p *parts) split(ctx context.Context, s timeSpan) error {
	const bars = 256
	width := (s.to - s.from + bars - 1) / bars
	sql := fmt.Sprintf("SELECT intDiv(ms - (%d), %d) AS bar, count() FROM %s WHERE %s GROUP BY bar ORDER BY bar", s.from, width, p.c.table,
		strings.Join(append(times(s.from, s.to), p.cond...), " AND "))
	return p.c.query(ctx, sql, func(row tuple) error {
		var bar, events int64
		err := row.scan(&bar, &events)
		p.spans = append(p.spans, timeSpan{s.from + bar*width, min(s.from+(bar+1)*width, s.to), events})
		return err
	})
}
