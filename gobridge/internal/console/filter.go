package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	pageSize  = 50
	maxPage   = 200
	maxQuery  = 256 // bytes of a search
	maxValue  = 512 // of one value of a filter
	maxValues = 20  // of one dimension
)

var ranges = []struct {
	Name, Label string
	d           time.Duration
}{
	{"1h", "1 h", time.Hour},
	{"24h", "24 h", 24 * time.Hour},
	{"7d", "7 d", 7 * 24 * time.Hour},
	{"30d", "30 d", 30 * 24 * time.Hour},
	{"", "All", 0},
}

var sorts = []struct{ Name, Label string }{{"", "newest"}, {"hits", "most hits"}, {"first", "first seen"}}

// request is what the parameters of a page ask for.
type request struct {
	Filter
	Range string
	Sort  string
	Page  int // from 1
	hit   string
	given url.Values // of it what is known, canonical
}

// parseRequest reads the parameters; what it does not know it leaves out.
func parseRequest(v url.Values, now time.Time) (*request, error) {
	r := &request{Page: 1, given: url.Values{}}
	r.Is, r.Not = map[string][]string{}, map[string][]string{}
	for _, d := range dims {
		for name, to := range map[string]map[string][]string{d.Name: r.Is, "-" + d.Name: r.Not} {
			for _, s := range v[name] {
				if len(s) > maxValue {
					return nil, fmt.Errorf("%s is longer than %d bytes", name, maxValue)
				}
				if s != "" && !slices.Contains(to[d.Name], s) {
					to[d.Name] = append(to[d.Name], s)
					r.given.Add(name, s)
				}
			}
			if len(to[d.Name]) > maxValues {
				return nil, fmt.Errorf("more than %d values of %s", maxValues, name)
			}
		}
	}
	if r.Kind = v.Get("kind"); r.Kind != "" {
		if len(r.Kind) > 64 {
			return nil, fmt.Errorf("kind is longer than 64 bytes")
		}
		r.given.Set("kind", r.Kind)
	}
	if r.Query = strings.TrimSpace(v.Get("q")); r.Query != "" {
		if len(r.Query) > maxQuery {
			return nil, fmt.Errorf("q is longer than %d bytes", maxQuery)
		}
		r.given.Set("q", r.Query)
	}
	if s := v.Get("range"); s != "" {
		i := slices.IndexFunc(ranges, func(e struct {
			Name, Label string
			d           time.Duration
		}) bool {
			return e.Name == s
		})
		if i < 0 {
			return nil, fmt.Errorf("range: 1h, 24h, 7d or 30d")
		}
		r.Range = s
		r.From = now.Add(-ranges[i].d)
		r.given.Set("range", s)
	}
	for name, to := range map[string]*time.Time{"from": &r.From, "to": &r.To} {
		if s := v.Get(name); s != "" {
			t, err := parseTime(s)
			if err != nil {
				return nil, fmt.Errorf("%s: a time as 2026-11-22T06:21:19Z", name)
			}
			*to = t
			r.given.Set(name, s)
			r.Range = ""
			r.given.Del("range")
		}
	}
	if s := v.Get("sort"); s != "" {
		if s != "hits" && s != "first" {
			return nil, fmt.Errorf("sort: hits or first")
		}
		r.Sort = s
		r.given.Set("sort", s)
	}
	if s := v.Get("page"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxPage {
			return nil, fmt.Errorf("page: 1 to %d", maxPage)
		}
		r.Page = n
	}
	r.hit = v.Get("hit")
	return r, nil
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1970 && t.Year() < 2200 {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("no time: %q", s)
}

// canonical moves "type:xss" and "-ip:10.0.0.1" out of what was typed into the
// search box. It reports whether there was any.
func canonical(v url.Values) (url.Values, bool) {
	var text []string
	moved := false
	out := url.Values{}
	for k, all := range v {
		out[k] = slices.Clone(all)
	}
	for _, word := range strings.Fields(v.Get("q")) {
		name, value, ok := strings.Cut(word, ":")
		plain := strings.TrimPrefix(name, "-")
		known := slices.ContainsFunc(dims, func(d struct {
			Name, Label string
			of          func(*Shape) string
		}) bool {
			return d.Name == plain
		})
		if !ok || !known || value == "" {
			text = append(text, word)
			continue
		}
		moved = true
		if !slices.Contains(out[name], value) {
			out.Add(name, value)
		}
	}
	if moved {
		out.Set("q", strings.Join(text, " "))
		if len(text) == 0 {
			out.Del("q")
		}
	}
	return out, moved
}

// url is the page with some parameters changed: pairs of name and value, where
// an empty value takes the parameter away.
func (r *request) url(path string, pairs ...string) string {
	v := url.Values{}
	for k, all := range r.given {
		v[k] = all
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v[pairs[i]] = []string{pairs[i+1]}
		}
	}
	return join(path, v)
}

// with adds one value of a filter, without removes it.
func (r *request) with(path, name, val string) string {
	v := url.Values{}
	for k, all := range r.given {
		v[k] = all
	}
	if !slices.Contains(v[name], val) {
		v[name] = append(slices.Clone(v[name]), val)
	}
	return join(path, v)
}

func (r *request) without(path, name, val string) string {
	v := url.Values{}
	for k, all := range r.given {
		v[k] = all
	}
	v[name] = slices.DeleteFunc(slices.Clone(v[name]), func(s string) bool { return s == val })
	return join(path, v)
}

func join(path string, v url.Values) string {
	if q := v.Encode(); q != "" {
		return path + "?" + q
	}
	return path
}
