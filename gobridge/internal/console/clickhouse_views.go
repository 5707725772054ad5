package console

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plain are the columns of dims, by name.
var plain = map[string]string{
	"type": "what", "action": "action", "host": "site", "path": "url_path", "ip": "source_ip", "rule": "rule_id", "point": "path",
	"event": "event_name", "framework": "framework", "direction": "direction", "observer": "host",
}

// columns are these as pages show them: what is longer than the console's own
// store keeps is cut there, and here.
var columns = func() map[string]string {
	all := map[string]string{}
	for name, column := range plain {
		all[name] = fmt.Sprintf("substring(%s, 1, %d)", column, maxValue)
	}
	return all
}()

// sums are the columns of Counts.
const sums = "sum(hits), count(), sumIf(hits, action = 'blocked'), " +
	"sumIf(hits, action IN ('monitored', 'passed', 'allowed')), min(ms), max(ms)"

func (c *Counts) columns() []any {
	return []any{&c.Hits, &c.Events, &c.Blocked, &c.Passed, &c.First, &c.Last}
}

func (c *Counts) rest() { c.Other = c.Hits - c.Blocked - c.Passed }

// look finds out on which days any event is there twice, which an agent that sent
// it again has done, until ClickHouse merges the two. Only these are read with
// FINAL, which takes twenty times as long. A day whose parts are what they were is
// not looked at again.
func (c *clickHouse) look(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	database, table, _ := strings.Cut(c.table, ".")
	now := map[string]dayParts{}
	err := c.query(ctx, "SELECT partition, toString(sum(cityHash64(name))) FROM system.parts WHERE active AND database = "+quote(database)+
		" AND table = "+quote(table)+" GROUP BY partition", func(row tuple) error {
		var day string
		var p dayParts
		err := row.scan(&day, &p.parts)
		now[strings.Trim(day, "'")] = p
		return err
	})
	if err != nil {
		return err
	}
	var twice []string
	for day, p := range now {
		if old := c.days[day]; old.parts == p.parts {
			p.twice = old.twice
		} else {
			err := c.query(ctx, "SELECT count() > uniqExact(event_id) FROM "+c.table+" WHERE day = toDate("+quote(day)+")", func(row tuple) error {
				var twice int
				err := row.scan(&twice)
				p.twice = twice != 0
				return err
			})
			if err != nil {
				return err
			}
		}
		now[day] = p
		if p.twice {
			twice = append(twice, "toDate("+quote(day)+")")
		}
	}
	c.days = now
	in := ""
	if len(twice) > 0 {
		slices.Sort(twice)
		in = "(" + strings.Join(twice, ", ") + ")"
	}
	c.twice.Store(&in)
	return nil
}

// dayParts is what a day was when it was looked at.
type dayParts struct {
	parts string // a hash of their names
	twice bool
}

// from is the table, each event once, with these conditions.
func (c *clickHouse) from(where []string) string {
	part := func(final string, where []string) string {
		s := c.table + final
		if len(where) > 0 {
			s += " WHERE " + strings.Join(where, " AND ")
		}
		return s
	}
	twice := *c.twice.Load()
	if twice == "" {
		return " FROM " + part("", where)
	}
	const all = "SELECT attack, kind, what, action, site, url_path, source_ip, rule_id, path, event_name, framework, direction, host, " +
		"ms, hits, event_id, connection FROM " // of which ClickHouse reads what is asked for
	return " FROM (" + all + part("", append([]string{"day NOT IN " + twice}, where...)) +
		" UNION ALL " + all + part(" FINAL", append([]string{"day IN " + twice}, where...)) + ")"
}

// times are the conditions of from <= ms < to; the days are those of partitions,
// and time is in the key.
func times(from, to int64) (where []string) {
	second := func(ms int64) string { return fmt.Sprintf("toDateTime(%d)", max(ms/1000, 0)) }
	if from != math.MinInt64 {
		where = append(where, fmt.Sprintf("ms >= %d", from), "time >= "+second(from), "day >= toDate("+second(from)+")")
	}
	if to != math.MaxInt64 {
		where = append(where, fmt.Sprintf("ms < %d", to), "time <= "+second(to), "day <= toDate("+second(to)+")")
	}
	return where
}

// where is f as conditions, but for its words; anyKind leaves out that of the kind.
func where(f *Filter, anyKind bool) (all []string) {
	switch {
	case anyKind:
	case f.Kind == "":
		all = append(all, "kind = 'attack'")
	case f.Kind == "all":
		all = append(all, "kind != 'connection'")
	default:
		all = append(all, "kind = "+quote(f.Kind))
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.From.IsZero() {
		from = f.From.UnixMilli()
	}
	if !f.To.IsZero() {
		to = f.To.UnixMilli()
	}
	all = append(all, times(from, to)...)
	for _, d := range dims {
		either := func(patterns []string) string {
			var or []string
			for _, p := range patterns {
				column := plain[d.Name]
				if len(p) == maxValue {
					column = columns[d.Name] // it may be what was cut
				}
				if prefix, ok := strings.CutSuffix(p, "*"); ok {
					or = append(or, "startsWith("+column+", "+quote(prefix)+")")
				} else {
					or = append(or, column+" = "+quote(p))
				}
			}
			return "(" + strings.Join(or, " OR ") + ")"
		}
		if is := f.Is[d.Name]; len(is) > 0 {
			all = append(all, either(is))
		}
		if not := f.Not[d.Name]; len(not) > 0 {
			all = append(all, "NOT "+either(not))
		}
	}
	return all
}

// totals are what a filter counts, and its time line.
func (c *clickHouse) totals(ctx context.Context, f *Filter, where []string) (*result, error) {
	from, to := f.times()
	first, last, err := c.ends(ctx)
	if err != nil {
		return nil, err
	}
	if from == math.MinInt64 {
		from = first
	}
	if to == math.MaxInt64 {
		to = last
	}
	r := &result{bars: newBars(from, to)}
	return r, c.count(ctx, &r.bars, &r.total, where)
}

// ends are the times of the first and the last event of all.
func (c *clickHouse) ends(ctx context.Context) (first, last int64, err error) {
	err = c.query(ctx, "SELECT min(ms), max(ms) FROM "+c.table, func(row tuple) error { return row.scan(&first, &last) })
	if first == 0 {
		last = time.Now().UnixMilli()
		first = last - time.Hour.Milliseconds()
	}
	return first, last, err
}

// count fills the bars, and sums what is in them and beside them.
func (c *clickHouse) count(ctx context.Context, r *bars, total *Counts, where []string) error {
	sql := fmt.Sprintf("SELECT intDiv(ms - (%d), %d) AS bar, action, sum(hits), count(), min(ms), max(ms)", r.from, r.width) +
		c.from(where) + " GROUP BY bar, action"
	return c.query(ctx, sql, func(row tuple) error {
		var bar int64
		var action string
		var n Counts
		if err := row.scan(&bar, &action, &n.Hits, &n.Events, &n.First, &n.Last); err != nil {
			return err
		}
		*n.of(lane(action)) = n.Hits
		total.add(&n)
		if bar >= 0 && bar < int64(len(r.buckets)) {
			r.buckets[bar][lane(action)] += n.Hits
		}
		return nil
	})
}

// grouped are the columns of Attack; names are at most five of many.
var grouped = "attack, any(kind), any(" + columns["type"] + "), any(" + columns["host"] + "), any(" + columns["path"] + "), any(" +
	columns["point"] + "), any(" + columns["ip"] + "), " + sums + ", topK(6)(" + columns["rule"] + "), topK(6)(" + columns["event"] +
	"), argMax(event_id, (ms, event_id))"

func (a *Attack) scan(row tuple) error {
	var c Counts
	to := append([]any{&a.ID, &a.Kind, &a.Type, &a.Host, &a.Path, &a.Point, &a.Client}, c.columns()...)
	if err := row.scan(append(to, &a.Rules, &a.Names, &a.Newest)...); err != nil {
		return err
	}
	c.rest()
	a.Hits, a.Events, a.Blocked, a.Passed, a.Other = c.Hits, c.Events, c.Blocked, c.Passed, c.Other
	a.First, a.Last = msTime(c.First), msTime(c.Last)
	for _, p := range []*[]string{&a.Rules, &a.Names} {
		*p = slices.DeleteFunc(*p, func(s string) bool { return s == "" })
		*p = append([]string{}, (*p)[:min(len(*p), 5)]...)
		slices.Sort(*p)
	}
	return nil
}

func (c *clickHouse) attacksView(ctx context.Context, q *request) (*Attacks, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	if q.Query != "" {
		return c.searchedAttacks(ctx, q)
	}
	cond := where(&q.Filter, false)
	res, err := c.totals(ctx, &q.Filter, cond)
	if err != nil {
		return nil, err
	}
	t := &res.total
	v := &Attacks{
		Attacks: []Attack{}, Hits: t.Hits, Blocked: t.Blocked, Passed: t.Passed, Other: t.Other, Page: q.Page,
		Timeline: timeline(&res.bars), Facets: map[string][]value{},
	}
	order := map[string]string{"hits": "sum(hits)", "first": "min(ms)"}[q.Sort]
	// What is long to gather only of those that are shown.
	var ids []string
	sql := "SELECT attack" + c.from(cond) + " GROUP BY attack ORDER BY " + cmp.Or(order, "max(ms)") + " DESC, attack" +
		fmt.Sprintf(" LIMIT %d, %d", (q.Page-1)*pageSize, pageSize)
	v.Total, err = c.queryTotal(ctx, sql, func(row tuple) error {
		var id string
		err := row.scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	v.Pages = min(max((v.Total+pageSize-1)/pageSize, 1), maxPage)
	if len(ids) > 0 {
		byID := map[string]Attack{}
		sql = "SELECT " + grouped + c.from(append([]string{"attack IN " + list(ids)}, cond...)) + " GROUP BY attack"
		err = c.query(ctx, sql, func(row tuple) error {
			var a Attack
			err := a.scan(row)
			byID[a.ID] = a
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if a, ok := byID[id]; ok { // else a partition was dropped meanwhile
				v.Attacks = append(v.Attacks, a)
			}
		}
	}
	if err := c.show(ctx, v.Attacks); err != nil {
		return nil, err
	}

	for _, d := range dims {
		v.Facets[d.Name] = []value{}
	}
	err = c.query(ctx, c.facets(cond, t.Events), func(row tuple) error {
		var name string
		var val value
		if err := row.scan(&name, &val.Value, &val.Hits); err != nil {
			return err
		}
		v.Facets[name] = append(v.Facets[name], val)
		return nil
	})
	for _, all := range v.Facets {
		slices.SortFunc(all, func(a, b value) int { return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Value, b.Value)) })
	}
	return v, err
}

// facets asks for the most frequent values of every dimension. Of many events a
// pass over each column takes half of what one over all columns takes; of few
// among many, finding them takes most.
func (c *clickHouse) facets(cond []string, events int64) string {
	var names, values, each []string
	for _, d := range dims {
		names, values = append(names, quote(d.Name)), append(values, columns[d.Name])
		each = append(each, "SELECT "+quote(d.Name)+" AS name, substring(v, 1, "+strconv.Itoa(maxValue)+") AS val, sum(m) AS n FROM (SELECT "+
			plain[d.Name]+" AS v, sum(hits) AS m"+c.from(cond)+" GROUP BY v) WHERE v != '' GROUP BY val ORDER BY n DESC, val LIMIT 8")
	}
	if events > 200_000 {
		return strings.Join(each, " UNION ALL ")
	}
	return "SELECT name, val, sum(hits) AS n FROM (SELECT hits, [" + strings.Join(values, ", ") + "] AS vals" + c.from(cond) + ") ARRAY JOIN [" +
		strings.Join(names, ",") + "] AS name, vals AS val WHERE val != '' GROUP BY name, val ORDER BY n DESC, val LIMIT 8 BY name"
}

// show adds what only their newest events have.
func (c *clickHouse) show(ctx context.Context, attacks []Attack) error {
	newest := []eventAt{}
	for _, a := range attacks {
		newest = append(newest, eventAt{a.Newest, a.Last.UnixMilli()})
	}
	records, err := c.records(ctx, newest)
	for i := range attacks {
		if r := records[attacks[i].Newest]; r != nil {
			attacks[i].show(r)
		}
	}
	return err
}

// eventAt is where an event is: its id, and its time, which finds the partition.
type eventAt struct {
	id string
	ms int64
}

// records are those of events, by id.
func (c *clickHouse) records(ctx context.Context, events []eventAt) (map[string]*Record, error) {
	found := map[string]*Record{}
	if len(events) == 0 {
		return found, nil
	}
	var ids, days []string
	first, last := int64(math.MaxInt64), int64(0)
	for _, e := range events {
		ids = append(ids, e.id)
		first, last = min(first, e.ms), max(last, e.ms)
		if day := fmt.Sprintf("toDate(toDateTime(%d))", e.ms/1000); !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	sql := "SELECT line FROM " + c.table + " PREWHERE event_id IN " + list(ids) + " WHERE day IN (" + strings.Join(days, ",") + ") AND " +
		strings.Join(times(first, last+1), " AND ")
	err := c.query(ctx, sql, func(row tuple) error {
		var line string
		if err := row.scan(&line); err != nil {
			return err
		}
		r := &Record{}
		if err := parse([]byte(line), r); err != nil {
			return err
		}
		found[r.Event.ID] = r
		return nil
	})
	return found, err
}

// rows are a page of events, the newest first, and how many there are.
func (c *clickHouse) rows(ctx context.Context, cond []string, page int) (rows []HitRow, total int, err error) {
	rows = []HitRow{}
	err = c.query(ctx, "SELECT count()"+c.from(cond), func(row tuple) error { return row.scan(&total) })
	if err != nil {
		return nil, 0, err
	}
	// Only of these the lines, which are long, are read.
	sql := "SELECT event_id, ms, attack" + c.from(cond) + fmt.Sprintf(" ORDER BY ms DESC, event_id DESC LIMIT %d, %d", (page-1)*pageSize, pageSize)
	var events []eventAt
	var attacks []string
	err = c.query(ctx, sql, func(row tuple) error {
		var e eventAt
		var attack string
		err := row.scan(&e.id, &e.ms, &attack)
		events, attacks = append(events, e), append(attacks, attack)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	records, err := c.records(ctx, events)
	for i, e := range events {
		if r := records[e.id]; r != nil {
			rows = append(rows, newHitRow(r, attacks[i]))
		}
	}
	return rows, total, err
}

func (c *clickHouse) attackView(ctx context.Context, id string, q *request) (*AttackPage, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	if len(id) > 64 {
		return nil, errNotFound
	}
	cond := []string{"attack = " + quote(id)}
	v := &AttackPage{Page: q.Page}
	found := false
	err := c.query(ctx, "SELECT "+grouped+c.from(cond)+" GROUP BY attack", func(row tuple) error {
		found = true
		return v.Attack.scan(row)
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errNotFound
	}
	// The time line of one attack is that of its own time.
	first, last := v.Attack.First.UnixMilli(), v.Attack.Last.UnixMilli()
	cond = append(cond, times(first, last+1)...)
	line := newBars(first, last+1)
	if err := c.count(ctx, &line, &Counts{}, cond); err != nil {
		return nil, err
	}
	v.Timeline = timeline(&line)
	var total int
	if v.Hits, total, err = c.rows(ctx, cond, q.Page); err != nil {
		return nil, err
	}
	v.Pages = min(max((total+pageSize-1)/pageSize, 1), maxPage)
	hit := q.hit
	if len(v.Hits) > 0 {
		hit = cmp.Or(hit, v.Hits[0].ID)
		v.Attack.Match, v.Attack.Newest = v.Hits[0].Match, v.Hits[0].ID
	}
	v.Hit, err = c.hit(ctx, hit, cond...)
	return v, err
}

func (c *clickHouse) hitView(ctx context.Context, id string) (*Hit, error) { return c.hit(ctx, id) }

// hit is one event, if the conditions hold for it.
func (c *clickHouse) hit(ctx context.Context, id string, cond ...string) (*Hit, error) {
	if id == "" || len(id) > 128 {
		return nil, errNotFound
	}
	var line, attack string
	sql := "SELECT line, attack FROM " + c.table + " PREWHERE event_id = " + quote(id)
	if len(cond) > 0 {
		sql += " WHERE " + strings.Join(cond, " AND ")
	}
	sql += " LIMIT 1"
	if err := c.query(ctx, sql, func(row tuple) error { return row.scan(&line, &attack) }); err != nil {
		return nil, err
	}
	if line == "" {
		return nil, errNotFound
	}
	var r Record
	if err := parse([]byte(line), &r); err != nil {
		return nil, err
	}
	h := newHit(&r, []byte(line))
	h.Attack = attack
	return h, nil
}

func (c *clickHouse) rulesView(ctx context.Context, q *request) (*Rules, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	v := &Rules{Rules: []Rule{}, Candidates: []Candidate{}}
	q.Kind = "all"
	cond := where(&q.Filter, false)
	sql := "SELECT " + columns["rule"] + " AS id, if(kind = 'ignored', 'attack', kind) AS k, topK(6)(" + columns["type"] + "), " + sums + ", sumIf(hits, kind = 'ignored'), " +
		"uniq(source_ip), uniq(site, url_path)" + c.from(append([]string{"rule_id != ''"}, cond...)) +
		" GROUP BY id, k ORDER BY k, sum(hits) DESC, id LIMIT 200"
	err := c.query(ctx, sql, func(row tuple) error {
		var r Rule
		var n Counts
		to := append([]any{&r.ID, &r.Kind, &r.Types}, n.columns()...)
		if err := row.scan(append(to, &r.Ignored, &r.Clients, &r.Locations)...); err != nil {
			return err
		}
		r.Hits, r.Blocked, r.Passed, r.First, r.Last = n.Hits, n.Blocked, n.Passed, msTime(n.First), msTime(n.Last)
		r.Types = r.Types[:min(len(r.Types), 5)]
		slices.Sort(r.Types)
		v.Rules = append(v.Rules, r)
		return nil
	})
	if err != nil {
		return nil, err
	}

	// Of a client how many places it trips, beside the places and their clients.
	const cell = "rule_id, what, site, url_path, path, event_name"
	cond = append([]string{"kind = 'attack'", "rule_id != ''"}, cond...)
	sql = "SELECT " + cell + ", uniq(source_ip) AS clients, uniqIf(source_ip, places = 1) AS only, sum(hits) AS n, max(ms) AS last, " +
		"argMax(event_id, ms) FROM (SELECT " + cell + ", source_ip, hits, ms, event_id" + c.from(cond) + ") " +
		"ANY INNER JOIN (SELECT source_ip, uniq(" + cell + ") AS places" + c.from(cond) + " GROUP BY source_ip) USING source_ip " +
		fmt.Sprintf("GROUP BY %s HAVING clients >= %d AND only >= %g * clients ", cell, candidateClients, candidateShare) +
		"ORDER BY only DESC, n DESC, concat(url_path, path) LIMIT 20"
	newest := []eventAt{}
	err = c.query(ctx, sql, func(row tuple) error {
		var k Candidate
		var e eventAt
		err := row.scan(&k.Rule, &k.Type, &k.Host, &k.Path, &k.Point, &k.Event, &k.Clients, &k.Only, &k.Hits, &e.ms, &e.id)
		k.Last = msTime(e.ms)
		v.Candidates, newest = append(v.Candidates, k), append(newest, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	records, err := c.records(ctx, newest)
	for i := range v.Candidates {
		if r := records[newest[i].id]; r != nil {
			k := &v.Candidates[i]
			k.Match, k.Newest, k.Exception = r.shown(), r.Event.ID, r.exception()
		}
	}
	return v, err
}

func (c *clickHouse) connectionsView(ctx context.Context, q *request) (*Connections, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	// Without a kind those of which only opening and closing is known, too.
	anyKind := q.Kind == ""
	v := &Connections{Page: q.Page}
	var order []string
	var err error
	if q.Query != "" {
		var f *found
		if f, err = c.search(ctx, &q.Filter, anyKind); err != nil {
			return nil, err
		}
		v.Searched = f.Searched
		order = f.connections()
		order = order[min((q.Page-1)*pageSize, len(order)):]
	} else if order, err = c.newestConnections(ctx, &q.Filter, anyKind, (q.Page-1)*pageSize, pageSize+1); err != nil {
		return nil, err
	}
	v.More = len(order) > pageSize
	v.Connections, err = c.connections(ctx, order[:min(len(order), pageSize)])
	return v, err
}

// connections describes them, in that order, from all their events.
func (c *clickHouse) connections(ctx context.Context, order []string) ([]Connection, error) {
	all := []Connection{}
	if len(order) == 0 {
		return all, nil
	}
	const opens = "(kind = 'connection' AND (position(action, 'open') > 0 OR action = 'start'))"
	const closes = "(kind = 'connection' AND NOT (position(action, 'open') > 0 OR action = 'start'))"
	sql := "SELECT connection, sumIf(hits, kind != 'connection'), sumIf(hits, kind != 'connection' AND action = 'blocked'), min(ms), max(ms), " +
		"topK(6)(if(kind = 'connection', '', " + columns["type"] + ")), argMax(event_id, (ms, event_id)), " +
		"argMaxIf(event_id, ms, " + opens + "), maxIf(ms, " + opens + "), argMaxIf(event_id, ms, " + closes + "), maxIf(ms, " + closes + ")" +
		c.from([]string{"connection IN " + list(order)}) + " GROUP BY connection"
	byID := map[string]Connection{}
	of := map[string][3]eventAt{}
	var events []eventAt
	err := c.query(ctx, sql, func(row tuple) error {
		var k Connection
		var e [3]eventAt
		var first int64
		err := row.scan(&k.ID, &k.Hits, &k.Blocked, &first, &e[0].ms, &k.Types, &e[0].id, &e[1].id, &e[1].ms, &e[2].id, &e[2].ms)
		k.First, k.Last = msTime(first), msTime(e[0].ms)
		k.Types = slices.DeleteFunc(k.Types, func(s string) bool { return s == "" })
		byID[k.ID], of[k.ID] = k, e
		for _, e := range e {
			if e.id != "" {
				events = append(events, e)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	records, err := c.records(ctx, events)
	if err != nil {
		return nil, err
	}
	for _, id := range order {
		k, ok := byID[id]
		if !ok {
			continue
		}
		for _, e := range of[id] {
			if r := records[e.id]; r != nil {
				k.learn(r)
			}
		}
		all = append(all, k)
	}
	return all, nil
}

func (c *clickHouse) connectionView(ctx context.Context, id string, q *request) (*ConnectionPage, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	if b, err := hex.DecodeString(id); err != nil || len(b) != 8 {
		return nil, errNotFound
	}
	list, err := c.connections(ctx, []string{strings.ToLower(id)})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errNotFound
	}
	v := &ConnectionPage{Connection: list[0], Page: q.Page}
	var total int
	v.Hits, total, err = c.rows(ctx, []string{"connection = " + quote(strings.ToLower(id))}, q.Page)
	v.Pages = min(max((total+pageSize-1)/pageSize, 1), maxPage)
	return v, err
}

func (c *clickHouse) healthView(ctx context.Context, _ *ingestState) (*Health, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	v := &Health{
		Time: time.Now().UTC(), Store: c.name, Logs: []logState{}, Counters: map[string]int64{}, Bad: []Malformed{}, Engines: []Engine{},
		Limits: []value{},
	}
	var first, last int64
	err := c.query(ctx, "SELECT count(), min(ms), max(ms)"+c.from(nil), func(row tuple) error { return row.scan(&v.Events, &first, &last) })
	if err != nil {
		return nil, err
	}
	if v.Events > 0 {
		oldest, newest := msTime(first), msTime(last)
		v.Oldest, v.Newest = &oldest, &newest
	}
	sql := "SELECT what, sum(hits) AS n" + c.from([]string{"kind NOT IN ('attack', 'ignored', 'connection')"}) +
		" GROUP BY what ORDER BY n DESC, what LIMIT 50"
	err = c.query(ctx, sql, func(row tuple) error {
		var val value
		err := row.scan(&val.Value, &val.Hits)
		v.Limits = append(v.Limits, val)
		return err
	})
	if err != nil {
		return nil, err
	}
	// The versions are in the lines only: those of the last two days of events.
	if v.Events > 0 {
		const object = `(\\{(?:[^"}]|"(?:[^"\\\\]|\\\\.)*")*\\})` // of strings
		sql = "SELECT host, visitParamExtractString(extract(line, '\"observer\":" + object + "'), 'version') AS engine, " +
			"visitParamExtractString(extract(line, '\"service\":" + object + "'), 'version') AS nginx, min(ms), max(ms) AS m" +
			" FROM " + c.table + " WHERE " + strings.Join(times(last-24*time.Hour.Milliseconds(), math.MaxInt64), " AND ") + " GROUP BY host, engine, nginx ORDER BY m DESC LIMIT 200"
		err = c.query(ctx, sql, func(row tuple) error {
			var e Engine
			err := row.scan(&e.Server, &e.Engine, &e.Nginx, &first, &last)
			e.First, e.Last = msTime(first), msTime(last)
			v.Engines = append(v.Engines, e)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	database, table, _ := strings.Cut(c.table, ".")
	err = c.query(ctx, "SELECT sum(bytes) FROM system.parts WHERE active AND database = "+quote(database)+" AND table = "+quote(table),
		func(row tuple) error { return row.scan(&v.Size) })
	return v, err
}

// follow tells of new events, as long as somebody listens.
func (c *clickHouse) follow(ctx context.Context, h *hub) {
	c.look(ctx) // the first time it is long; a page says what is wrong
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	var known [2]int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !h.heard() {
			continue
		}
		var now [2]int64
		err := c.query(ctx, "SELECT count(), max(ms) FROM "+c.table, func(row tuple) error { return row.scan(&now[0], &now[1]) })
		if err == nil && now != known {
			known = now
			c.changes.Add(1)
			h.notify()
		}
	}
}

func (c *clickHouse) changed() uint64 { return c.changes.Load() }
