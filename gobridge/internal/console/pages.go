package console

import (
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pages are the templates, one for each kind of page.
type pages struct {
	set     map[string]*template.Template
	assets  string // what changes with the files under /static/
	version string
}

func newPages(fsys fs.FS, assets, version string) (pages, error) {
	p := pages{set: map[string]*template.Template{}, assets: assets, version: version}
	for _, name := range []string{"attacks", "attack", "hit", "rules", "connections", "connection", "health", "error"} {
		t, err := template.New("layout.html").Funcs(functions).ParseFS(fsys, "layout.html", "parts.html", name+".html")
		if err != nil {
			return p, err
		}
		p.set[name] = t
	}
	return p, nil
}

// page is what a template is given.
type page struct {
	Name, Path, Assets, Version string
	Q                           *request
	Data                        any
}

func (p *pages) render(w io.Writer, name, path string, q *request, data any) error {
	return p.set[name].Execute(w, &page{Name: name, Path: path, Assets: p.assets, Version: p.version, Q: q, Data: data})
}

// link is a link of a page, perhaps the one that is chosen.
type link struct {
	Label, URL string
	On         bool
}

// Tabs are the kinds of events.
func (p *page) Tabs() []link {
	list := []link{}
	for _, k := range []struct{ kind, label string }{
		{"", "Attacks"}, {kindViolation, "Violations"}, {kindIgnored, "Ignored"}, {"all", "All"},
	} {
		list = append(list, link{k.label, p.Q.url(p.Path, "kind", k.kind), p.Q.Kind == k.kind})
	}
	return list
}

// Ranges are the times to choose from.
func (p *page) Ranges() []link {
	list := []link{}
	custom := p.Q.given.Get("from") != "" || p.Q.given.Get("to") != ""
	for _, r := range ranges {
		list = append(list, link{r.Label, p.Q.url(p.Path, "range", r.Name, "from", "", "to", ""), !custom && p.Q.Range == r.Name})
	}
	return list
}

// Sorts are the orders to choose from.
func (p *page) Sorts() []link {
	list := []link{}
	for _, s := range sorts {
		list = append(list, link{s.Label, p.Q.url(p.Path, "sort", s.Name), p.Q.Sort == s.Name})
	}
	return list
}

// chip is one filter that is on.
type chip struct {
	Label, Value, Remove string
	Not                  bool
}

// Chips are the filters that are on.
func (p *page) Chips() []chip {
	list := []chip{}
	for _, d := range dims {
		for _, v := range p.Q.Is[d.Name] {
			list = append(list, chip{d.Label, v, p.Q.without(p.Path, d.Name, v), false})
		}
		for _, v := range p.Q.Not[d.Name] {
			list = append(list, chip{d.Label, v, p.Q.without(p.Path, "-"+d.Name, v), true})
		}
	}
	for _, name := range []string{"from", "to"} {
		if v := p.Q.given.Get(name); v != "" {
			list = append(list, chip{name, v, p.Q.url(p.Path, name, ""), false})
		}
	}
	return list
}

// Hidden are the parameters that the search form has to keep.
func (p *page) Hidden() []struct{ Name, Value string } {
	list := []struct{ Name, Value string }{}
	for name, all := range p.Q.given {
		for _, v := range all {
			if name != "q" {
				list = append(list, struct{ Name, Value string }{name, v})
			}
		}
	}
	slices.SortFunc(list, func(a, b struct{ Name, Value string }) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
	return list
}

// facet is one dimension in the sidebar.
type facet struct {
	Name, Label string
	Values      []facetValue
}

type facetValue struct {
	Value, Is, Not string
	Hits           int64
	Share          int // in percent of the largest
}

// Facets are the values to filter by.
func (p *page) Facets(counted map[string][]value) []facet {
	list := []facet{}
	for _, d := range dims {
		values := counted[d.Name]
		if len(values) == 0 {
			continue
		}
		f := facet{Name: d.Name, Label: d.Label}
		for _, v := range values {
			f.Values = append(f.Values, facetValue{
				Value: v.Value, Hits: v.Hits, Share: int(100 * v.Hits / max(values[0].Hits, 1)),
				Is: p.Q.with(p.Path, d.Name, v.Value), Not: p.Q.with(p.Path, "-"+d.Name, v.Value),
			})
		}
		list = append(list, f)
	}
	return list
}

// Pager leads to the pages before and behind.
func (p *page) Pager(pages int) []link {
	list := []link{}
	if p.Q.Page > 1 {
		list = append(list, link{"newer", p.Q.url(p.Path, "page", strconv.Itoa(p.Q.Page-1)), false})
	}
	if p.Q.Page < pages {
		list = append(list, link{"older", p.Q.url(p.Path, "page", strconv.Itoa(p.Q.Page+1)), false})
	}
	return list
}

// More is Pager where only the next page is known.
func (p *page) More(more bool) []link {
	n := p.Q.Page
	if more {
		n++
	}
	return p.Pager(n)
}

// Rest is this page with what a search did not come to; nothing when that is not
// known.
func (p *page) Rest(s Searched) string {
	if s.From == nil {
		return ""
	}
	return p.Q.url(p.Path, "range", "", "to", s.From.Add(time.Millisecond).Format(time.RFC3339Nano))
}

// URL is this page with one filter.
func (p *page) Only(path, name, v string) string {
	return join(path, url.Values{name: {v}})
}

// Self is this page.
func (p *page) Self(pairs ...string) string { return p.Q.url(p.Path, pairs...) }

// bar is one bar of a time line, in the units of its picture.
type bar struct {
	X, W  string
	Parts []barPart
	Title string
	URL   string
}

type barPart struct{ Class, Y, H string }

// chart is a time line as a picture of 1000 by 100.
type chart struct {
	Bars     []bar
	Max      int64
	From, To time.Time
	Seconds  float64
}

// End is one end of it, without seconds where bars are longer.
func (c chart) End(t time.Time) struct {
	Time   time.Time
	Minute bool
} {
	return struct {
		Time   time.Time
		Minute bool
	}{t, c.Seconds >= 60}
}

// Chart draws t; a bar leads to its time.
func (p *page) Chart(t Timeline, zoom bool) chart {
	c := chart{From: t.From, To: t.To, Seconds: t.Seconds}
	for _, b := range t.Bars {
		c.Max = max(c.Max, b.sum())
	}
	n := float64(max(len(t.Bars), 1))
	for i, b := range t.Bars {
		if b.sum() == 0 {
			continue
		}
		end := b.At.Add(time.Duration(t.Seconds * float64(time.Second)))
		one := bar{
			X: decimal(float64(i) * 1000 / n), W: decimal(max(1000/n-2, 1)),
			Title: fmt.Sprintf("%s, %s: %d blocked, %d passed, %d other", b.At.Format("2006-01-02 15:04:05 UTC"),
				span2text(t.Seconds), b.Blocked, b.Passed, b.Other),
		}
		if zoom {
			one.URL = p.Q.url(p.Path, "from", b.At.Format(time.RFC3339), "to", end.Format(time.RFC3339), "range", "")
		}
		y := 100.0
		for _, part := range []struct {
			class string
			n     int64
		}{{"blocked", b.Blocked}, {"passed", b.Passed}, {"other", b.Other}} {
			if part.n == 0 {
				continue
			}
			h := max(float64(part.n)*96/float64(c.Max), 1.5)
			y -= h
			one.Parts = append(one.Parts, barPart{part.class, decimal(y), decimal(h)})
		}
		c.Bars = append(c.Bars, one)
	}
	return c
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

func span2text(seconds float64) string { return time.Duration(seconds * float64(time.Second)).String() }

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64)
}

func thousands(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// after is how long something took that takes seconds, or stood for days.
func after(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

var functions = template.FuncMap{
	"after":  after,
	"number": thousands,
	"counter": func(v any) string {
		if n, ok := v.(int64); ok {
			return thousands(n)
		}
		return fmt.Sprint(v)
	},
	"iso":     func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") },
	"when":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	"minute":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
	"visible": visible,
	"short": func(n int, s string) string {
		s = visible(s)
		r := []rune(s)
		if len(r) > n {
			return string(r[:n-1]) + "…"
		}
		return s
	},
	"join": strings.Join,
	"bytes": func(n int64) string {
		switch {
		case n >= 1<<30:
			return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
		case n >= 1<<20:
			return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
		case n >= 1<<10:
			return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
		}
		return fmt.Sprintf("%d B", n)
	},
	"percent": func(a, b int64) int64 { return 100 * a / max(b, 1) },
	"hash": func(s string) uint32 {
		h := uint32(2166136261)
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
		return h % 8
	},
	"badge": func(s string) string { // a class for what is known, none of the attacker's words
		switch s {
		case "blocked", "monitored", "ignored", "logged":
			return s
		case "passed", "allowed":
			return "monitored"
		}
		return "other"
	},
	"label": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
	"deref": func(t *time.Time) time.Time { return *t },
	"dict": func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	},
}
