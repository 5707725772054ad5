package console

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Segment is a part of a text; Mark says that it is what matched.
type Segment struct {
	Text string `json:"text"`
	Mark bool   `json:"mark,omitempty"`
}

// Hit is one event in full.
type Hit struct {
	ID         string    `json:"id"`
	Attack     string    `json:"attack"`
	Time       time.Time `json:"time"`
	Message    string    `json:"message"`
	Kind       string    `json:"kind"`
	Type       string    `json:"type"`
	Action     string    `json:"action"`
	Rule       string    `json:"rule"`
	RuleName   string    `json:"rule_name"`
	Host       string    `json:"host"`
	Path       string    `json:"path"`
	Query      string    `json:"query"`
	Client     string    `json:"client"`
	Port       int       `json:"port"`
	Server     string    `json:"server"`
	Connection string    `json:"connection,omitempty"` // in URLs
	ConnName   string    `json:"connection_id,omitempty"`
	MessageNo  int64     `json:"message_no"`
	Direction  string    `json:"direction"`
	Opcode     string    `json:"opcode"`
	Transport  string    `json:"transport,omitempty"`
	Fragments  int       `json:"fragments,omitempty"`
	Compressed bool      `json:"compressed"`
	CloseCode  int       `json:"close_code,omitempty"`
	Point      string    `json:"point"`
	Match      string    `json:"match"`
	Section    string    `json:"section,omitempty"` // of the RFC, of a violation
	Score      int       `json:"score"`
	Threshold  int       `json:"threshold"`
	Hits       int64     `json:"hits"`
	Total      int       `json:"findings_total"`
	Findings   []Finding `json:"findings"`
	Chain      string    `json:"chain"`
	Request    []Segment `json:"request"`
	Tree       []Node    `json:"decoded"`
	Cut        bool      `json:"truncated"`
	Redacted   bool      `json:"redacted"`
	Bytes      int64     `json:"payload_bytes"`
	Offset     int64     `json:"payload_offset"`
	Payload    []byte    `json:"payload_base64"`
	Hex        []HexRow  `json:"-"`
	Binary     bool      `json:"binary"`
	Exception  string    `json:"exception"`
	Replay     string    `json:"replay"` // a command
	Raw        string    `json:"-"`
}

func newHit(r *Record, line []byte) *Hit {
	w := &r.Wallarm
	h := &Hit{
		ID: r.Event.ID, Attack: r.attackID(), Time: r.Time.UTC(), Message: r.Message, Kind: r.kind(), Type: r.what(),
		Action: r.Event.Action, Rule: r.rule(), RuleName: r.Rule.Name, Host: r.host(), Path: r.URL.Path,
		Query: r.URL.Query, Client: r.Source.String(), Port: r.Source.Port, Server: r.Observer.Hostname,
		ConnName: w.WebSocket.ConnectionID, MessageNo: w.WebSocket.MessageNo, Direction: w.WebSocket.Direction,
		Opcode: w.WebSocket.Opcode, Transport: w.WebSocket.Transport, Fragments: w.WebSocket.Fragments,
		Compressed: w.WebSocket.Compressed, CloseCode: w.WebSocket.CloseCode, Point: r.point(), Match: r.shown(),
		Section: w.Violation.Section, Score: w.Attack.Score, Threshold: w.Attack.Threshold, Hits: w.Hits,
		Total: max(w.FindingsTotal, len(w.Findings)), Findings: w.Findings, Chain: r.chain(),
		Request: []Segment{}, Cut: w.Truncated, Redacted: w.Redacted.text("") != "", Bytes: r.HTTP.Request.Body.Bytes,
		Offset: w.PayloadOffset, Payload: w.Payload, Exception: r.exception(),
	}
	if c := r.connection(); c != 0 {
		h.Connection = connectionID(c)
	}
	if h.Findings == nil {
		h.Findings = []Finding{}
	}
	matches := []string{w.Attack.Match}
	for _, f := range w.Findings {
		if !slices.Contains(matches, f.Match) {
			matches = append(matches, f.Match)
		}
	}
	if w.Request != "" {
		h.Request = markRequest(w.Request, matches)
	}
	h.Binary = w.WebSocket.Opcode == "binary" || len(w.Payload) > 0 && !printable(w.Payload)
	h.Hex = hexRows(w.Payload, w.PayloadOffset, h.Match)
	h.Tree = decode(r, matches)
	h.Replay = replayCommand(r)

	var b bytes.Buffer
	if json.Indent(&b, line, "", "  ") == nil {
		h.Raw = b.String()
	}
	return h
}

// shown is the match that says most: the longest of the value that leads.
func (r *Record) shown() string {
	m := r.Wallarm.Attack.Match
	for _, f := range r.Wallarm.Findings {
		if f.Path == r.Wallarm.Attack.Path && len(f.Match) > len(m) {
			m = f.Match
		}
	}
	return m
}

// chain is how the value was wrapped, from outside to inside.
func (r *Record) chain() string {
	if s := r.Wallarm.Chain.text(" > "); s != "" {
		return s
	}
	w := &r.Wallarm.WebSocket
	var steps []string
	switch {
	case w.Opcode != "":
		s := "frame " + w.Opcode
		if w.Fragments > 1 {
			s = strconv.Itoa(w.Fragments) + " frames " + w.Opcode
		}
		if w.Compressed {
			s += " (permessage-deflate)"
		}
		steps = append(steps, s)
	case w.Transport != "":
		steps = append(steps, "HTTP "+w.Transport)
	}
	if w.Framework != "" {
		s := w.Framework
		if w.EventName != "" {
			s += " " + strconv.Quote(w.EventName)
		}
		steps = append(steps, s)
	}
	if w.Format != "" {
		steps = append(steps, w.Format)
	}
	if _, inside, ok := strings.Cut(r.Wallarm.Attack.Path, ">"); ok {
		for _, part := range strings.Split(inside, ">") {
			steps = append(steps, strings.FieldsFunc(part+".", func(c rune) bool { return c == '.' || c == '[' })[:1]...)
		}
	}
	return strings.Join(steps, " > ")
}

// exception is the directive that would let the event pass, on one line of
// printable characters: what is pasted must not hold more than what is seen.
func (r *Record) exception() string {
	s := r.Wallarm.Exception.text(" ")
	if s == "" {
		s = r.Wallarm.Ignore.text(" ")
	}
	if strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) || c == utf8.RuneError }) {
		return ""
	}
	return s
}

// printable reports whether b is text that a page can show.
func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return false
		}
	}
	return true
}

// visible shows controls and what changes the direction of text as \u{...}:
// neither HTML nor CSS does.
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, `\u{%x}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return r != '\n' && r != '\t' && r != '\r' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == 0x2028 || r == 0x2029)
}

// variants are the forms in which a message may hold a value.
func variants(match string) (all []string) {
	add := func(s string) {
		if len(s) > 1 && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	match = strings.TrimSuffix(match, "…")
	add(match)
	if b, err := json.Marshal(match); err == nil {
		add(string(b[1 : len(b)-1])) // <, > and & as \u003c
	}
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if e.Encode(match) == nil {
		add(strings.Trim(strings.TrimSpace(plain.String()), `"`))
	}
	add(url.QueryEscape(match))
	add(url.PathEscape(match))
	add(base64.StdEncoding.EncodeToString([]byte(match)))
	return all
}

// mark cuts text where one of matches stands. Where none does, in none of its
// forms, it looks for the longest word of the first.
func mark(text string, matches []string) []Segment {
	type span struct{ lo, hi int }
	var spans []span
	find := func(s string) bool {
		found := false
		for from := 0; s != "" && len(spans) < 50; {
			i := strings.Index(text[from:], s)
			if i < 0 {
				break
			}
			spans = append(spans, span{from + i, from + i + len(s)})
			from += i + len(s)
			found = true
		}
		return found
	}
	for _, m := range matches {
		for _, v := range variants(m) {
			if find(v) {
				break
			}
		}
	}
	if len(spans) == 0 && len(matches) > 0 {
		longest := ""
		for _, w := range strings.FieldsFunc(matches[0], func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(w) > len(longest) {
				longest = w
			}
		}
		if len(longest) >= 4 {
			find(longest)
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.lo - b.lo })
	var merged []span
	for _, s := range spans {
		if n := len(merged); n > 0 && s.lo < merged[n-1].hi {
			merged[n-1].hi = max(merged[n-1].hi, s.hi)
		} else {
			merged = append(merged, s)
		}
	}
	var out []Segment
	at := 0
	for _, s := range merged {
		if s.lo > at {
			out = append(out, Segment{Text: visible(text[at:s.lo])})
		}
		out = append(out, Segment{visible(text[s.lo:s.hi]), true})
		at = s.hi
	}
	if at < len(text) {
		out = append(out, Segment{Text: visible(text[at:])})
	}
	return out
}

// markRequest marks what matched in the body, and only where it is not there in
// the head.
func markRequest(text string, matches []string) []Segment {
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	normal := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
	if !ok || body == "" {
		return mark(normal(text), matches)
	}
	marked := mark(body, matches)
	if !slices.ContainsFunc(marked, func(s Segment) bool { return s.Mark }) {
		return append(mark(normal(head)+"\n\n", matches), marked...)
	}
	return append([]Segment{{Text: visible(normal(head) + "\n\n")}}, marked...)
}

// HexRow is 16 bytes.
type HexRow struct {
	Offset string
	Hex    []Segment
	Text   []Segment
}

func hexRows(p []byte, offset int64, match string) (rows []HexRow) {
	lo, hi := -1, -1
	for _, v := range variants(match) {
		if i := bytes.Index(p, []byte(v)); i >= 0 {
			lo, hi = i, i+len(v)
			break
		}
	}
	add := func(list []Segment, text string, marked bool) []Segment {
		if n := len(list); n > 0 && list[n-1].Mark == marked {
			list[n-1].Text += text
			return list
		}
		return append(list, Segment{text, marked})
	}
	for i := 0; i < len(p); i += 16 {
		row := HexRow{Offset: fmt.Sprintf("%08x", offset+int64(i))}
		for j := i; j < min(i+16, len(p)); j++ {
			m := j >= lo && j < hi
			row.Hex = add(row.Hex, fmt.Sprintf("%02x ", p[j]), m)
			c := "."
			if p[j] >= ' ' && p[j] < 0x7f {
				c = string(rune(p[j]))
			}
			row.Text = add(row.Text, c, m)
		}
		rows = append(rows, row)
	}
	return rows
}

// replayCommand is a shell command that sends the payload again. It is one line
// of printable ASCII and every part of it is quoted, whatever the attacker sent:
// pasting it runs nothing else.
func replayCommand(r *Record) string {
	if len(r.Wallarm.Payload) == 0 {
		return ""
	}
	host := r.URL.Domain
	if host == "" {
		host = r.Destination.String()
	}
	if p := r.Destination.Port; p != 0 && !(p == 80 && (r.URL.Scheme == "ws" || r.URL.Scheme == "http")) &&
		!(p == 443 && (r.URL.Scheme == "wss" || r.URL.Scheme == "https")) {
		host += ":" + strconv.Itoa(p)
	}
	target := r.URL.Scheme + "://" + host + r.URL.Path
	if r.URL.Query != "" {
		target += "?" + r.URL.Query
	}
	payload := base64.StdEncoding.EncodeToString(r.Wallarm.Payload)
	w := &r.Wallarm.WebSocket
	if w.Opcode != "text" && w.Opcode != "binary" {
		return ""
	}
	cmd := "printf %s " + quoteShell(payload) + " | base64 -d | websocat -1 -n --no-line"
	if w.Opcode == "binary" {
		cmd += " -b"
	} else {
		cmd += " -t"
	}
	if o := header(r.Wallarm.Request, "Origin"); o != "" {
		cmd += " --origin " + quoteShell(o)
	}
	if w.Subprotocol != "" {
		cmd += " --protocol " + quoteShell(w.Subprotocol)
	}
	return cmd + " " + quoteShell(target)
}

// quoteShell quotes one word. What is not printable ASCII is percent-encoded:
// it has no place in a URL or in a header's value.
func quoteShell(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			b.WriteString(`'\''`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// header is the value of a header line in the HTTP-like text.
func header(request, name string) string {
	head, _, _ := strings.Cut(request, "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n")[1:] {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
