package console

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"
)

// What pages show is what the API gives: the same structs, one as HTML, the
// other as JSON.

// Attack is hits of one kind, on one place, by one client.
type Attack struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Type    string    `json:"type"`
	Host    string    `json:"host"`
	Path    string    `json:"path"`
	Point   string    `json:"point"`
	Client  string    `json:"client"`
	Hits    int64     `json:"hits"`
	Events  int64     `json:"events"` // lines of the log; one may stand for several hits
	Blocked int64     `json:"blocked"`
	Passed  int64     `json:"passed"`
	Other   int64     `json:"other"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Rules   []string  `json:"rules"`
	Names   []string  `json:"event_names"`
	Match   string    `json:"match"` // of the newest hit
	Newest  string    `json:"newest"`
}

// Attacks is the page of them.
type Attacks struct {
	Attacks  []Attack           `json:"attacks"`
	Total    int                `json:"total"`
	Hits     int64              `json:"hits"`
	Blocked  int64              `json:"blocked"`
	Passed   int64              `json:"passed"`
	Other    int64              `json:"other"`
	Page     int                `json:"page"`
	Pages    int                `json:"pages"`
	Timeline Timeline           `json:"timeline"`
	Facets   map[string][]value `json:"facets"`
	Searched
}

// Searched says how far a search went.
type Searched struct {
	Limited bool       `json:"search_limited"` // there is older that it did not look at
	From    *time.Time `json:"searched_from,omitempty"`
}

// Timeline is hits over time.
type Timeline struct {
	From    time.Time    `json:"from"`
	To      time.Time    `json:"to"`
	Seconds float64      `json:"seconds"` // of one bar
	Bars    []TimelineAt `json:"bars"`
}

// TimelineAt is one bar.
type TimelineAt struct {
	At      time.Time `json:"at"`
	Blocked int64     `json:"blocked"`
	Passed  int64     `json:"passed"`
	Other   int64     `json:"other"`
}

func (a TimelineAt) sum() int64 { return a.Blocked + a.Passed + a.Other }

func msTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func timeline(r *bars) Timeline {
	t := Timeline{
		From: msTime(r.from), To: msTime(r.from + r.width*int64(len(r.buckets))),
		Seconds: float64(r.width) / 1000,
	}
	for i, b := range r.buckets {
		t.Bars = append(t.Bars, TimelineAt{msTime(r.from + r.width*int64(i)), b[laneBlocked], b[lanePassed], b[laneOther]})
	}
	return t
}

// matching are the ids that a search allows: nil without one.
func (s *store) matching(ctx context.Context, f *Filter) (ids []int64, how Searched, err error) {
	if f.Query == "" {
		return nil, how, nil
	}
	s.mu.RLock()
	lo, hi := s.between(f.times())
	s.mu.RUnlock()
	ids, from, err := s.search(ctx, f.Query, lo, hi)
	if err != nil || from == lo {
		return ids, how, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	how.Limited = true
	if i := from - s.base; i >= 0 && i < int64(len(s.ts)) {
		t := msTime(s.ts[i])
		how.From = &t
	}
	return ids, how, nil
}

func (s *store) attacksView(ctx context.Context, q *request) (*Attacks, error) {
	ids, how, err := s.matching(ctx, &q.Filter)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	v, newest := s.attacksPage(q, ids)
	s.mu.RUnlock()
	v.Searched = how

	for i := range v.Attacks {
		r, _, err := s.record(ctx, newest[i])
		if err != nil {
			return nil, err
		}
		if r != nil { // else it expired meanwhile
			v.Attacks[i].show(r)
		}
	}
	return v, nil
}

// attacksPage is the page, and of each attack the newest event, which has what
// is not in the index. ids are as run has them.
func (x *index) attacksPage(q *request, ids []int64) (v *Attacks, newest []int64) {
	res := x.run(&q.Filter, x.accepts(&q.Filter), ids)
	groups, total := x.attacks(res, q.Sort, (q.Page-1)*pageSize, pageSize)
	v = &Attacks{
		Attacks: []Attack{}, Total: total, Hits: res.total.Hits, Blocked: res.total.Blocked, Passed: res.total.Passed,
		Other: res.total.Other, Page: q.Page, Pages: min(max((total+pageSize-1)/pageSize, 1), maxPage),
		Timeline: timeline(&res.bars), Facets: x.facets(res, 8),
	}
	bySlot := map[uint32]int{}
	for i, g := range groups {
		v.Attacks = append(v.Attacks, x.attack(&x.groups[g.slot], g.Counts))
		newest = append(newest, g.LastID)
		bySlot[g.slot] = i
	}
	for i := range res.shapes {
		if res.shapes[i].events == 0 {
			continue
		}
		if n, ok := bySlot[x.shapes[i].group]; ok {
			v.Attacks[n].mention(&x.shapes[i].Shape)
		}
	}
	return v, newest
}

// show adds what the record of its newest event has.
func (a *Attack) show(r *Record) {
	a.Newest = r.Event.ID
	a.Match = cmp.Or(r.shown(), r.Wallarm.Violation.Section)
}

func (x *index) attack(g *groupSlot, c Counts) Attack {
	return Attack{
		ID: g.id, Kind: g.kind, Type: g.typ, Host: g.host, Path: g.path, Point: g.point, Client: g.ip,
		Hits: c.Hits, Events: c.Events, Blocked: c.Blocked, Passed: c.Passed, Other: c.Other,
		First: msTime(c.First), Last: msTime(c.Last), Rules: []string{}, Names: []string{},
	}
}

func (a *Attack) mention(s *Shape) {
	const limit = 5
	for _, e := range []struct {
		list *[]string
		s    string
	}{{&a.Rules, s.Rule}, {&a.Names, s.Event}} {
		if e.s != "" && len(*e.list) < limit && !slices.Contains(*e.list, e.s) {
			*e.list = append(*e.list, e.s)
			slices.Sort(*e.list)
		}
	}
}

// HitRow is one event in a list.
type HitRow struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Type    string    `json:"type"`
	Action  string    `json:"action"`
	Rule    string    `json:"rule"`
	Path    string    `json:"path"`
	Match   string    `json:"match"`
	Event   string    `json:"event_name"`
	Message int64     `json:"message_no"`
	Hits    int64     `json:"hits"`
	Attack  string    `json:"attack"`
}

// AttackPage is one attack and its hits.
type AttackPage struct {
	Attack   Attack   `json:"attack"`
	Hits     []HitRow `json:"hits"`
	Page     int      `json:"page"`
	Pages    int      `json:"pages"`
	Timeline Timeline `json:"timeline"`
	Hit      *Hit     `json:"hit"`
}

var errNotFound = errors.New("not found")

func (s *store) attackView(ctx context.Context, id string, q *request) (*AttackPage, error) {
	s.mu.RLock()
	slot, ok := s.byID[id]
	if !ok {
		s.mu.RUnlock()
		return nil, errNotFound
	}
	of := make([]bool, len(s.shapes))
	for i := range s.shapes {
		of[i] = s.shapes[i].count > 0 && s.shapes[i].group == slot
	}
	all := s.having(of)
	var total Counts
	slots := map[uint32]bool{}
	for _, id := range all {
		i := id - s.base
		sl, t, h := s.shape[i], s.ts[i], int64(s.hits[i])
		slots[sl] = true
		one := Counts{Hits: h, Events: 1, First: t, Last: t, LastID: id}
		*one.of(s.lanes[sl]) = h
		total.add(&one)
	}
	// The time line of one attack is that of its own time.
	line := newBars(total.First, total.Last+1)
	for _, id := range all {
		i := id - s.base
		line.add(s.ts[i], s.lanes[s.shape[i]], int64(s.hits[i]))
	}
	v := &AttackPage{Attack: s.attack(&s.groups[slot], total), Page: q.Page, Hits: []HitRow{}, Timeline: timeline(&line)}
	for sl := range slots {
		v.Attack.mention(&s.shapes[sl].Shape)
	}
	ids := lastOf(all, (q.Page-1)*pageSize, pageSize)
	s.mu.RUnlock()
	v.Pages = min(max((len(all)+pageSize-1)/pageSize, 1), maxPage)

	var err error
	if v.Hits, err = s.rows(ctx, ids); err != nil {
		return nil, err
	}
	hit := q.hit
	if hit == "" && len(v.Hits) > 0 {
		hit = v.Hits[0].ID
	}
	if len(v.Hits) > 0 {
		v.Attack.Match, v.Attack.Newest = v.Hits[0].Match, v.Hits[0].ID
	}
	if v.Hit, err = s.hitView(ctx, hit); err == nil && v.Hit.Attack != id {
		err = errNotFound
	}
	return v, err
}

// rows are the events of ids, as far as they are still there.
func (s *store) rows(ctx context.Context, ids []int64) ([]HitRow, error) {
	rows := []HitRow{}
	for _, id := range ids {
		r, _, err := s.record(ctx, id)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		rows = append(rows, newHitRow(r, r.attackID()))
	}
	return rows, nil
}

func newHitRow(r *Record, attack string) HitRow {
	return HitRow{
		ID: r.Event.ID, Time: r.Time.UTC(), Kind: r.kind(), Type: r.what(), Action: r.Event.Action, Rule: r.rule(),
		Path: r.point(), Match: r.shown(), Event: r.Wallarm.WebSocket.EventName,
		Message: r.Wallarm.WebSocket.MessageNo, Hits: r.Wallarm.Hits, Attack: attack,
	}
}

// attackID is the attack that r belongs to.
func (r *Record) attackID() string {
	it := newItem(r, nil)
	return it.shape.attack().id()
}

// hitView is one event, by its event.id.
func (s *store) hitView(ctx context.Context, id string) (*Hit, error) {
	var r Record
	if len(id) > 128 {
		return nil, errNotFound
	}
	r.Event.ID = id
	n, err := s.eventID(ctx, r.uid())
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errNotFound
	}
	rec, line, err := s.record(ctx, n)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, errNotFound
	}
	return newHit(rec, line), nil
}

// Rule is what one rule did.
type Rule struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Types     []string  `json:"types"`
	Hits      int64     `json:"hits"`
	Blocked   int64     `json:"blocked"`
	Passed    int64     `json:"passed"`
	Ignored   int64     `json:"ignored"`
	Clients   int       `json:"clients"`
	Locations int       `json:"locations"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// Candidate is a place where a rule may be wrong: many clients trip it there,
// and do nothing else.
type Candidate struct {
	Rule      string    `json:"rule"`
	Type      string    `json:"type"`
	Host      string    `json:"host"`
	Path      string    `json:"path"`
	Point     string    `json:"point"`
	Event     string    `json:"event_name"`
	Clients   int       `json:"clients"`
	Only      int       `json:"clients_with_nothing_else"`
	Hits      int64     `json:"hits"`
	Last      time.Time `json:"last"`
	Match     string    `json:"match"`
	Exception string    `json:"exception"`
	Newest    string    `json:"newest"`
	lastID    int64
}

// Rules is the page of them.
type Rules struct {
	Rules      []Rule      `json:"rules"`
	Candidates []Candidate `json:"false_alarm_candidates"`
}

// candidateClients is how many clients make a place suspect, and
// candidateShare how many of them have to be harmless otherwise.
const (
	candidateClients = 3
	candidateShare   = 0.8
)

func (s *store) rulesView(ctx context.Context, q *request) (*Rules, error) {
	type cell struct{ rule, typ, host, path, point, event uint32 }
	type place struct{ host, path uint32 }
	type sum struct {
		Counts
		clients map[uint32]bool
	}
	type ruleSum struct {
		Rule
		Counts
		clients   map[uint32]bool
		locations map[place]bool
	}
	type ruleKey struct {
		kind string
		rule uint32
	}
	rules := map[ruleKey]*ruleSum{}
	cells := map[cell]*sum{}
	// Of a client its only place, or that it has several.
	type only struct {
		cell
		several bool
	}
	places := map[uint32]only{}

	q.Kind = "all"
	s.mu.RLock()
	res := s.run(&q.Filter, s.accepts(&q.Filter), nil)
	for i := range res.shapes {
		sh := &s.shapes[i]
		if res.shapes[i].events == 0 || sh.Rule == "" {
			continue
		}
		c := s.counts(res, i)
		key := ruleKey{sh.Kind, sh.dims[dimRule]}
		if key.kind == kindIgnored {
			key.kind = kindAttack
		}
		r := rules[key]
		if r == nil {
			r = &ruleSum{Rule: Rule{ID: sh.Rule, Kind: key.kind}, clients: map[uint32]bool{}, locations: map[place]bool{}}
			rules[key] = r
		}
		r.Counts.add(&c)
		if sh.Kind == kindIgnored {
			r.Ignored += c.Hits
		}
		if !slices.Contains(r.Types, sh.Type) && len(r.Types) < 5 {
			r.Types = append(r.Types, sh.Type)
		}
		ip := sh.dims[dimIP]
		r.clients[ip] = true
		r.locations[place{sh.dims[dimHost], sh.dims[dimPath]}] = true
		if sh.Kind != kindAttack {
			continue
		}
		k := cell{sh.dims[dimRule], sh.dims[dimType], sh.dims[dimHost], sh.dims[dimPath], sh.dims[dimPoint], sh.dims[dimEvent]}
		if cells[k] == nil {
			cells[k] = &sum{clients: map[uint32]bool{}}
		}
		cells[k].add(&c)
		cells[k].clients[ip] = true
		if p, known := places[ip]; !known {
			places[ip] = only{cell: k}
		} else if p.cell != k && !p.several {
			places[ip] = only{several: true}
		}
	}
	name := func(d int, n uint32) string { return s.dicts[d].names[n] }

	v := &Rules{Rules: []Rule{}, Candidates: []Candidate{}}
	for _, r := range rules {
		out := r.Rule
		out.Hits, out.Blocked, out.Passed = r.Counts.Hits, r.Counts.Blocked, r.Counts.Passed
		out.Clients, out.Locations = len(r.clients), len(r.locations)
		out.First, out.Last = msTime(r.Counts.First), msTime(r.Counts.Last)
		slices.Sort(out.Types)
		v.Rules = append(v.Rules, out)
	}
	v.Rules = top(v.Rules, 200, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.ID, b.ID))
	})
	for k, c := range cells {
		only := 0
		for ip := range c.clients {
			if !places[ip].several {
				only++
			}
		}
		if len(c.clients) < candidateClients || float64(only) < candidateShare*float64(len(c.clients)) {
			continue
		}
		v.Candidates = append(v.Candidates, Candidate{
			Rule: name(dimRule, k.rule), Type: name(dimType, k.typ), Host: name(dimHost, k.host),
			Path: name(dimPath, k.path), Point: name(dimPoint, k.point), Event: name(dimEvent, k.event),
			Clients: len(c.clients), Only: only, Hits: c.Hits, Last: msTime(c.Last), lastID: c.LastID,
		})
	}
	s.mu.RUnlock()
	v.Candidates = top(v.Candidates, 20, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Only, a.Only), cmp.Compare(b.Hits, a.Hits), strings.Compare(a.Path+a.Point, b.Path+b.Point))
	})
	for i := range v.Candidates {
		c := &v.Candidates[i]
		r, _, err := s.record(ctx, c.lastID)
		if err != nil {
			return nil, err
		}
		if r != nil {
			c.Match, c.Newest, c.Exception = r.shown(), r.Event.ID, r.exception()
		}
	}
	return v, nil
}

// Connection is one connection, as its events show it.
type Connection struct {
	ID       string         `json:"id"`
	Name     string         `json:"connection_id"`
	Client   string         `json:"client"`
	Port     int            `json:"port"`
	Host     string         `json:"host"`
	Path     string         `json:"path"`
	User     string         `json:"user,omitempty"`
	Server   string         `json:"server"`
	Hits     int64          `json:"hits"`
	Blocked  int64          `json:"blocked"`
	First    time.Time      `json:"first"`
	Last     time.Time      `json:"last"`
	Opened   *time.Time     `json:"opened,omitempty"`
	Closed   *time.Time     `json:"closed,omitempty"`
	Code     int            `json:"close_code,omitempty"`
	Origin   string         `json:"origin,omitempty"`
	Agent    string         `json:"user_agent,omitempty"`
	Types    []string       `json:"types"`
	Counters map[string]any `json:"counters,omitempty"` // of the close record
}

// Connections is the page of them, the newest first.
type Connections struct {
	Connections []Connection `json:"connections"`
	Page        int          `json:"page"`
	More        bool         `json:"more"`
	Searched
}

// ConnectionPage is one connection and its events.
type ConnectionPage struct {
	Connection Connection `json:"connection"`
	Hits       []HitRow   `json:"hits"`
	Page       int        `json:"page"`
	Pages      int        `json:"pages"`
}

func (s *store) connectionsView(ctx context.Context, q *request) (*Connections, error) {
	ids, how, err := s.matching(ctx, &q.Filter)
	if err != nil {
		return nil, err
	}
	var allowed map[int64]bool
	if ids != nil {
		allowed = make(map[int64]bool, len(ids))
		for _, id := range ids {
			allowed[id] = true
		}
	}
	f := &q.Filter
	from, to := f.times()

	s.mu.RLock()
	ok := s.passes(f)
	if f.Kind != "" {
		// Else those of which only opening and closing is known, too.
		ok = s.accepts(f)
	}
	// The newest first, as far as the page goes, then what else is known of them.
	offset, order := (q.Page-1)*pageSize, []int64{}
	seen := map[int64]bool{}
	more := false
	for i := len(s.ts) - 1; i >= 0; i-- {
		c, t := s.conn[i], s.ts[i]
		if c == 0 || !ok[s.shape[i]] || t < from || t >= to || seen[c] || allowed != nil && !allowed[s.base+int64(i)] {
			continue
		}
		if len(order) == offset+pageSize {
			more = true
			break
		}
		seen[c] = true
		order = append(order, c)
	}
	order = order[min(offset, len(order)):]
	s.mu.RUnlock()

	v := &Connections{Connections: []Connection{}, Page: q.Page, More: more, Searched: how}
	v.Connections, err = s.connections(ctx, order)
	return v, err
}

// connections describes them, in that order, from all their events.
func (s *store) connections(ctx context.Context, order []int64) ([]Connection, error) {
	type known struct {
		Counts
		opening, closing int64 // ids of records
		types            []string
	}
	all := map[int64]*known{}
	var maybe [1 << 10]uint64 // bits of those in all: most events cost no look there
	bit := func(c int64) (word *uint64, mask uint64) { return &maybe[c>>7&0x3ff], 1 << (c >> 1 & 0x3f) }
	for _, c := range order {
		all[c] = &known{}
		word, mask := bit(c)
		*word |= mask
	}
	s.mu.RLock()
	for i, c := range s.conn {
		if word, mask := bit(c); *word&mask == 0 {
			continue
		}
		k := all[c]
		if c == 0 || k == nil {
			continue
		}
		sh, id, h := &s.shapes[s.shape[i]], s.base+int64(i), int64(s.hits[i])
		one := Counts{Events: 1, First: s.ts[i], Last: s.ts[i], LastID: id}
		if sh.Kind == kindConnection {
			if opening(sh.Action) {
				k.opening = id
			} else {
				k.closing = id
			}
		} else {
			one.Hits = h
			if sh.Action == "blocked" {
				one.Blocked = h
			}
			if !slices.Contains(k.types, sh.Type) && len(k.types) < 6 {
				k.types = append(k.types, sh.Type)
			}
		}
		k.add(&one)
	}
	s.mu.RUnlock()

	list := []Connection{}
	for _, c := range order {
		k := all[c]
		if k.Events == 0 {
			continue
		}
		out := Connection{
			ID: connectionID(c), Hits: k.Hits, Blocked: k.Blocked, First: msTime(k.First), Last: msTime(k.Last), Types: k.types,
		}
		for _, id := range []int64{k.LastID, k.opening, k.closing} {
			if id == 0 {
				continue
			}
			r, _, err := s.record(ctx, id)
			if err != nil {
				return nil, err
			}
			if r != nil {
				out.learn(r)
			}
		}
		list = append(list, out)
	}
	return list, nil
}

func opening(action string) bool { return strings.Contains(action, "open") || action == "start" }

// learn takes what r says of its connection.
func (c *Connection) learn(r *Record) {
	c.Name, c.Client, c.Port = r.Wallarm.WebSocket.ConnectionID, r.Source.String(), r.Source.Port
	c.Host, c.Path, c.User, c.Server = r.host(), r.URL.Path, r.User.Name, r.Observer.Hostname
	if r.UserAgent.Original != "" {
		c.Agent = r.UserAgent.Original
	}
	if o := cmp.Or(r.Wallarm.WebSocket.Origin, header(r.Wallarm.Request, "Origin")); o != "" {
		c.Origin = o
	}
	if r.Wallarm.WebSocket.CloseCode != 0 {
		c.Code = r.Wallarm.WebSocket.CloseCode
	}
	if r.kind() != kindConnection {
		return
	}
	at := r.Time.UTC()
	if opening(r.Event.Action) {
		c.Opened = &at
		return
	}
	c.Closed = &at
	if d := r.Event.Duration; d > 0 && c.Opened == nil {
		opened := at.Add(-time.Duration(d))
		c.Opened = &opened
	}
	c.Counters = r.counters()
}

// counters is what a close record counts.
func (r *Record) counters() map[string]any {
	w, out := &r.Wallarm.WebSocket, map[string]any{}
	for name, peer := range map[string]loose{"client": w.Client, "server": w.Server} {
		m, _ := peer.v.(map[string]any)
		for key, v := range m {
			if n, ok := v.(float64); ok && len(key) < 64 {
				out[name+" "+key] = int64(n)
			}
		}
	}
	if n, ok := w.Attacks.v.(float64); ok {
		out["attacks"] = int64(n)
	}
	if s := w.Dropped.text(""); s != "" {
		out["dropped"] = s
	}
	if s := w.Violations.text(", "); s != "" {
		out["violations"] = s
	}
	return out
}

func connectionID(c int64) string {
	var b [8]byte
	for i := range b {
		b[i] = byte(c >> (56 - 8*i))
	}
	return hex.EncodeToString(b[:])
}

func (s *store) connectionView(ctx context.Context, id string, q *request) (*ConnectionPage, error) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 8 {
		return nil, errNotFound
	}
	c := int64(0)
	for _, x := range b {
		c = c<<8 | int64(x)
	}
	list, err := s.connections(ctx, []int64{c})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errNotFound
	}
	s.mu.RLock()
	ids, total := s.newest(func(i int) bool { return s.conn[i] == c }, (q.Page-1)*pageSize, pageSize)
	s.mu.RUnlock()
	v := &ConnectionPage{Connection: list[0], Page: q.Page, Pages: min(max((total+pageSize-1)/pageSize, 1), maxPage)}
	v.Hits, err = s.rows(ctx, ids)
	return v, err
}

// Health is what the operator has to know of the product itself.
type Health struct {
	Time     time.Time        `json:"time"`
	Version  string           `json:"version"`
	Store    string           `json:"store"` // "sqlite", or the address of a ClickHouse
	Error    string           `json:"error,omitempty"`
	Logs     []logState       `json:"logs"`
	Newest   *time.Time       `json:"newest_event,omitempty"`
	Delay    float64          `json:"read_delay_seconds"` // of the newest event
	Events   int              `json:"events"`
	Oldest   *time.Time       `json:"oldest_event,omitempty"`
	Size     int64            `json:"database_bytes"`
	Counters map[string]int64 `json:"counters"`
	Bad      []Malformed      `json:"malformed"`
	Engines  []Engine         `json:"engines"`
	Limits   []value          `json:"uninspected_or_limited"` // hits of violations, limits and fallbacks, by token
	Status   *Status          `json:"status,omitempty"`
}

// Malformed is a line that could not be read.
type Malformed struct {
	Time   time.Time `json:"time"`
	Log    string    `json:"log"`
	Offset int64     `json:"offset"`
	Reason string    `json:"reason"`
	Sample string    `json:"sample"`
}

// Engine is a version that was seen on a server.
type Engine struct {
	Server string    `json:"server"`
	Engine string    `json:"engine"`
	Nginx  string    `json:"nginx"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

func (s *store) healthView(ctx context.Context, st *ingestState) (*Health, error) {
	v := &Health{
		Time: time.Now().UTC(), Store: "sqlite", Counters: map[string]int64{}, Bad: []Malformed{}, Engines: []Engine{}, Limits: []value{},
	}
	var newest, delay int64
	v.Error, v.Logs, newest, delay = st.get()
	v.Delay = float64(delay) / 1000

	s.mu.RLock()
	v.Events = len(s.ts)
	sums := map[string]int64{}
	if n := len(s.ts); n > 0 {
		oldest := msTime(s.ts[0])
		v.Oldest = &oldest
		newest = max(newest, s.ts[n-1])
		f := &Filter{Kind: "all"}
		ok := s.accepts(f)
		for i := range ok {
			ok[i] = ok[i] && s.shapes[i].Kind != kindAttack && s.shapes[i].Kind != kindIgnored
		}
		res := s.run(f, ok, nil)
		for i := range res.shapes {
			if res.shapes[i].events > 0 {
				sums[s.shapes[i].Type] += res.shapes[i].hits
			}
		}
	}
	s.mu.RUnlock()
	if newest > 0 {
		t := msTime(newest)
		v.Newest = &t
	}
	for name, n := range sums {
		v.Limits = append(v.Limits, value{name, n})
	}
	v.Limits = top(v.Limits, 50, func(a, b value) int {
		return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Value, b.Value))
	})

	rows, err := s.r.QueryContext(ctx, qCounters)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		if name != "last_id" && name != "unparted" {
			v.Counters[name] = n
		}
	}
	bad, err := s.r.QueryContext(ctx, qBad)
	if err != nil {
		return nil, err
	}
	defer bad.Close()
	for bad.Next() {
		var m Malformed
		var ts int64
		var sample []byte
		if err := bad.Scan(&ts, &m.Log, &m.Offset, &m.Reason, &sample); err != nil {
			return nil, err
		}
		m.Time, m.Sample = msTime(ts), visible(strings.ToValidUTF8(string(sample), "\ufffd"))
		v.Bad = append(v.Bad, m)
	}
	versions, err := s.r.QueryContext(ctx, qVersions)
	if err != nil {
		return nil, err
	}
	defer versions.Close()
	for versions.Next() {
		var e Engine
		var first, last int64
		if err := versions.Scan(&e.Server, &e.Engine, &e.Nginx, &first, &last); err != nil {
			return nil, err
		}
		e.First, e.Last = msTime(first), msTime(last)
		v.Engines = append(v.Engines, e)
	}
	v.Size, err = s.usedBytes(ctx)
	return v, errors.Join(err, rows.Err(), bad.Err(), versions.Err())
}
