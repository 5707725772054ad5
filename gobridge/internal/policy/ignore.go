package policy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// Hit is what an exception looks at: one finding and where it was.
type Hit struct {
	Rule  string
	Type  string
	Event string
	Path  string
	Match []byte // the matched span, as far as it is kept
}

// Ignore is one wallarm_websocket_ignore: all selectors that are set have to
// fit. Event and Path are patterns, see detect.Glob.
type Ignore struct {
	Rule   string
	Type   string
	Parser string
	Event  string
	Path   string
	Match  *[sha256.Size]byte
	Until  time.Time // zero: for ever
}

// Ignored reports whether an exception of p is for h.
func (p *Policy) Ignored(h *Hit, now time.Time) bool {
	for i := range p.Ignores {
		if p.Ignores[i].ignores(h, now) {
			return true
		}
	}
	return false
}

func (g *Ignore) ignores(h *Hit, now time.Time) bool {
	if g.Rule != "" && g.Rule != h.Rule || g.Type != "" && g.Type != h.Type ||
		g.Event != "" && !detect.Glob(g.Event, h.Event) {
		return false
	}
	if g.Parser != "" {
		if !within(g.Parser, g.Path, h.Path) {
			return false
		}
	} else if g.Path != "" && !detect.Glob(g.Path, h.Path) {
		return false
	}
	if g.Match != nil && *g.Match != sha256.Sum256(h.Match) {
		return false
	}
	return g.Until.IsZero() || now.Before(g.Until)
}

// within reports whether path is of what parser made of a value whose path fits
// pattern: "$.token>base64[0]" for "$.token".
func within(parser, pattern, path string) bool {
	for i := 0; i < len(path); i++ {
		if path[i] != '>' {
			continue
		}
		rest, ok := strings.CutPrefix(path[i+1:], parser)
		if ok && (rest == "" || !wordByte(rest[0])) && (pattern == "" || detect.Glob(pattern, path[:i])) {
			return true
		}
	}
	return false
}

func wordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// quote makes s a pattern that only s fits.
func quote(s string) string { return pattern.Replace(s) }

var (
	pattern = strings.NewReplacer(`\`, `\\`, `*`, `\*`)
	quoted  = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
)

// date is the form of until=.
const date = "2006-01-02"

func (p *parser) ignore(s *Statement) error {
	var g Ignore
	if err := once(s.Args); err != nil {
		return err
	}
	for _, arg := range s.Args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || value == "" {
			return fmt.Errorf("invalid parameter %q", arg)
		}
		if err := p.selector(&g, name, value); err != nil {
			return err
		}
	}
	switch {
	case g.Rule == "" && g.Type == "" && g.Parser == "":
		return errors.New(`needs "rule=", "type=" or "parser="`)
	case g.Event == "" && g.Path == "" && g.Match == nil:
		p.warn("without \"event=\", \"path=\" or \"match=\" switches %s off for the whole location", cmp.Or(g.Rule, g.Type, g.Parser))
	}
	if !g.Until.IsZero() && !time.Now().Before(g.Until) {
		p.warn("has expired on %s", g.Until.AddDate(0, 0, -1).Format(date))
	}
	p.Ignores = append(p.Ignores, g)
	return nil
}

func (p *parser) selector(g *Ignore, name, value string) error {
	switch name {
	case "rule":
		if err := known("rule", value, p.ruleIDs()); err != nil {
			return err
		}
		g.Rule = value
	case "type":
		if err := known("type", value, p.types()); err != nil {
			return err
		}
		g.Type = value
	case "parser":
		if err := known("parser", value, format.ParserNames()); err != nil {
			return err
		}
		g.Parser = value
	case "event":
		g.Event = value
	case "path":
		if !strings.HasPrefix(value, "$") && !strings.HasPrefix(value, "*") {
			return fmt.Errorf("invalid path %q, it must begin with \"$\" or \"*\"", value)
		}
		g.Path = value
	case "match":
		sum, ok := strings.CutPrefix(value, "sha256:")
		b, err := hex.DecodeString(sum)
		if !ok || err != nil || len(b) != sha256.Size {
			return fmt.Errorf("invalid match %q, it must be \"sha256:\" and 64 hexadecimal digits", value)
		}
		g.Match = (*[sha256.Size]byte)(b)
	case "until":
		day, err := time.Parse(date, value)
		if err != nil {
			return fmt.Errorf("invalid date %q, it must be YYYY-MM-DD", value)
		}
		g.Until = day.AddDate(0, 0, 1) // through that day, UTC
	default:
		return fmt.Errorf("unknown parameter %q", name)
	}
	return nil
}

// known refuses a value that is not in list, and names the nearest that are.
func known(what, value string, list []string) error {
	best := []string{}
	least := len(value)/2 + 1
	for _, s := range list {
		if s == value {
			return nil
		}
		switch d := ws.Distance(value, s); {
		case d < least:
			least, best = d, []string{s}
		case d == least && len(best) > 0 && len(best) < 5:
			best = append(best, s)
		}
	}
	if len(best) == 0 {
		return fmt.Errorf("unknown %s %q", what, value)
	}
	return fmt.Errorf("unknown %s %q, the nearest: %s", what, value, strings.Join(best, ", "))
}

// maxSelector is what of an event's name or a path an exception has, in bytes.
const maxSelector = 256

// maxExceptions is how many exceptions a message may need.
const maxExceptions = 8

// Exceptions are the narrowest wallarm_websocket_ignore that are for hits, in
// one line for nginx.conf: one for each place, by the rule, or by the type where
// several rules of it hit; of more places than maxExceptions, one for each type
// and event, with what their paths begin with. What a peer chose is quoted. Empty:
// there would be too many.
func Exceptions(hits []Hit) string {
	type place struct {
		*Hit
		rule string
	}
	var places []place
next:
	for i := range hits {
		h := &hits[i]
		for k := range places {
			p := &places[k]
			if h.Type != p.Type || h.Event != p.Event || h.Path != p.Path {
				continue
			}
			switch {
			case named(h):
				if h.Rule != p.Rule {
					p.rule = "type=" + h.Type
				}
				continue next
			case h.Rule == p.Rule && bytes.Equal(h.Match, p.Match):
				continue next
			}
		}
		if len(places) == maxExceptions {
			return wider(hits)
		}
		places = append(places, place{h, "rule=" + h.Rule})
	}
	var lines []string
	for _, p := range places {
		lines = append(lines, exception(p.Hit, p.rule))
	}
	return strings.Join(lines, " ")
}

// wider are the exceptions for each type and event.
func wider(hits []Hit) string {
	var list []Hit
	for i := range hits {
		h := &hits[i]
		k := slices.IndexFunc(list, func(o Hit) bool { return o.Type == h.Type && o.Event == h.Event })
		switch {
		case k >= 0:
			list[k].Path = common(list[k].Path, h.Path)
		case len(list) == maxExceptions || !writable(h.Event):
			return ""
		default:
			list = append(list, *h)
			list[len(list)-1].Path = common(h.Path, h.Path)
		}
	}
	var lines []string
	for i := range list {
		line := "wallarm_websocket_ignore type=" + list[i].Type
		if list[i].Event != "" {
			line += " " + word("event="+quote(list[i].Event))
		}
		lines = append(lines, line+" "+word("path="+offsets(quote(list[i].Path))+"*")+";")
	}
	return strings.Join(lines, " ")
}

// common is what two paths begin with, as far as it can be written.
func common(a, b string) string {
	n := 0
	for n < min(len(a), len(b), maxSelector) && a[n] == b[n] {
		n++
	}
	for n > 0 && (!utf8.ValidString(a[:n]) || strings.ContainsAny(a[:n], "\ufffd\x00")) {
		n--
	}
	return a[:n]
}

// named reports whether the place of h can be told from all others.
func named(h *Hit) bool {
	return h.Path != "" && writable(h.Path) && writable(h.Event) && !strings.HasSuffix(h.Path, "...")
}

func exception(h *Hit, rule string) string {
	line := "wallarm_websocket_ignore " + rule
	if h.Event != "" && writable(h.Event) {
		line += " " + word("event="+quote(h.Event))
	}
	if named(h) {
		return line + " " + word("path="+offsets(quote(h.Path))) + ";"
	}
	sum := sha256.Sum256(h.Match)
	return line + " match=sha256:" + hex.EncodeToString(sum[:]) + ";"
}

// writable reports whether s can be told from all others in nginx.conf.
func writable(s string) bool {
	return len(s) <= maxSelector && utf8.ValidString(s) && !strings.ContainsAny(s, "\ufffd\x00")
}

// offsets lets "@123", where in a binary value a text stood, be any.
func offsets(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		b.WriteByte(pattern[i])
		if pattern[i] == '@' && i+1 < len(pattern) && isDigit(pattern[i+1]) {
			for i+1 < len(pattern) && isDigit(pattern[i+1]) {
				i++
			}
			b.WriteByte('*')
		}
	}
	return b.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// word is s as one word of nginx.conf.
func word(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`"'\;{}#`, c) >= 0 {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return `"` + quoted.Replace(s) + `"`
}
