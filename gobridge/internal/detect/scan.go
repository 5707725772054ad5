package detect

import (
	"bytes"
	"math/bits"
	"sync"

	"wsi/gobridge/internal/detect/view"
)

// Options say how a value is judged.
type Options struct {
	// Paranoia is the level up to which rules count, 1 to 4; 0 is 1.
	Paranoia int
	Profile  Profile
	// Response says that the server sent the value.
	Response bool
	// Key says that the value is a key of an object.
	Key bool
	// Cut says that the value may begin or end anywhere in what was sent,
	// which not every detector can judge.
	Cut bool
}

// Scan is Scan of the builtin rules.
func Scan(value []byte, o Options, b *Budget, dst []Finding) []Finding {
	return Default().Scan(value, o, b, dst)
}

// Scan appends what it finds in value to dst, each rule once. A word alone, as
// most keys and names are, is never an attack.
func (s *Set) Scan(value []byte, o Options, b *Budget, dst []Finding) []Finding {
	if isWord(value) {
		return dst
	}
	sc := scanner{set: s, o: o, budget: b, value: value, from: len(dst), dst: dst}
	return sc.scan()
}

// scanner is one call of Scan.
type scanner struct {
	set     *Set
	o       Options
	side    int
	budget  *Budget
	value   []byte
	from    int // findings from here on are of this call
	dst     []Finding
	all     bool // of a test: every rule is a candidate
	reading *reading
	part    part // the last that matched in this reading

	trace func(text []byte, v *view.View, found []Finding) // of Explain, behind each reading
}

func (sc *scanner) scan() []Finding {
	sc.reading = readings.Get().(*reading)
	defer readings.Put(sc.reading)
	if sc.o.Paranoia == 0 {
		sc.o.Paranoia = 1
	}
	if sc.o.Response {
		sc.side = 1
	}
	sc.read(sc.value, nil)
	if view.MaskOf(sc.value, sc.reading.in.viewClasses()) != 0 {
		sc.views()
	}
	return sc.dst
}

var readings = sync.Pool{New: func() any { return new(reading) }}

// read judges one reading of the value, the value itself or a view of it.
func (sc *scanner) read(text []byte, v *view.View) {
	r := sc.reading
	sc.part = part{}
	in := classesOf(text)
	x := sc.set.index[sc.side].at(sc.o.Paranoia, special(v), in, len(text))
	if sc.all {
		x = sc.set.index[sc.side].first[anyBytes]
	}
	x.find(text, in, r)
	if sc.all {
		for i := range x.rules {
			r.candidates[i>>6] |= 1 << (i & 63)
		}
	}
	for w := range x.words {
		for set := r.candidates[w]; set != 0; set &= set - 1 {
			n := w<<6 | bits.TrailingZeros64(set)
			if r.hit[w]&(set&-set) == 0 {
				r.rules[n] = found{}
			}
			sc.try(&x.rules[n], &r.rules[n], text, v)
		}
	}
	if special(v) == 0 {
		sc.libinjection(text, v)
	}
	if sc.trace != nil {
		sc.trace(text, v, sc.dst[sc.from:])
	}
}

// ruleShare is how many bytes a rule reads in the time that libinjection may need
// for one.
const ruleShare = 128

// try runs a rule that is a candidate.
func (sc *scanner) try(r *compiled, f *found, text []byte, v *view.View) {
	target := Values
	if sc.o.Key {
		target = Keys
	}
	if r.Paranoia > sc.o.Paranoia || r.Target&target == 0 || !r.Profiles.has(sc.o.Profile) ||
		special(v) != 0 && r.Views&v.Kind == 0 || sc.part.rule != r.Rule && sc.has(r.Type, r.ID) {
		return
	}
	if !sc.all && (r.longest > 0 && len(text) > r.longest || !r.possible(sc.reading.in)) {
		return
	}
	first := -1 // where the match ends
	if r.located && !f.all && !sc.all {
		end, cost := r.locate(text, sc.reading, f)
		if !sc.budget.charge(1+cost/ruleShare) || end < 0 {
			return
		}
		first = end
	}
	for n, m := range r.patterns {
		if n == r.lead && first >= 0 {
			continue
		}
		if !sc.budget.charge(1+len(text)/ruleShare) || !m.Match(text) {
			return
		}
	}
	for _, m := range r.not {
		if m.Match(text) {
			return
		}
	}
	if r.lead != 0 {
		first = -1
	}
	start, end, ok := r.patterns[0].span(text, first, r.check)
	switch {
	case !ok:
		return
	case sc.part.rule == r.Rule && end >= sc.part.end:
		return
	case sc.part.rule == r.Rule:
		sc.dst = sc.dst[:len(sc.dst)-1]
	}
	sc.part = part{r.Rule, end}
	sc.add(Finding{Type: r.Type, Rule: r.ID, Name: r.Name, Score: r.Score, Start: start, End: end, rule: r.Rule}, text, v)
}

// part is a part of a rule that matched, and where. Of several, the one counts
// that ends first.
type part struct {
	rule *Rule
	end  int
}

func (sc *scanner) has(kind, rule string) bool {
	for i := range sc.dst[sc.from:] {
		if f := &sc.dst[sc.from+i]; f.Rule == rule && f.Type == kind {
			return true
		}
	}
	return false
}

// add keeps f, whose span is that in text, a view.
func (sc *scanner) add(f Finding, text []byte, v *view.View) {
	weigh(sc.value, text, &f)
	if v != nil && v.Kind&view.Embedded != 0 {
		f.Start, f.End = v.Start, v.End
	} else if v != nil {
		f.Start, f.End = v.Span(sc.value, f.Start, f.End)
	}
	sc.dst = append(sc.dst, f)
}

// libinjection asks the two detectors, each behind its prefilter.
func (sc *scanner) libinjection(text []byte, v *view.View) {
	if !sc.o.Cut && !sc.has("sqli", "942100") { // how SQL reads depends on its beginning
		if f, ok := detectSQLi(text, sc.reading.in, sc.budget); ok {
			sc.found(f, text, v)
		}
	}
	if !sc.has("xss", "941100") {
		if f, ok := detectXSS(text, sc.reading.in, sc.budget); ok {
			sc.found(f, text, v)
		}
	}
}

// special is the kind of a view that only some rules read.
func special(v *view.View) Views {
	if v == nil {
		return 0
	}
	return v.Kind &^ (view.Decoded | view.Embedded)
}

// viewShare is how many bytes of views take the time that libinjection may need
// for one.
const viewShare = 16

// views judges what the value may be read as.
func (sc *scanner) views() {
	d := viewers.Get().(*viewer)
	d.sc = *sc
	d.left = view.Budget{Left: min(sc.budget.Left, maxViews/viewShare) * viewShare}
	before := d.left.Left
	need := view.Decoded | view.Embedded | sc.set.views[sc.side]
	if sc.o.Key {
		need |= view.Percent // no Walker looks into a key
	}
	d.decoder.Each(sc.value, need, &d.left, d.visit)
	sc.budget.charge((before - d.left.Left) / viewShare)
	if d.left.Over && before < maxViews {
		sc.budget.Exhausted = true
	}
	*sc, d.sc = d.sc, scanner{}
	viewers.Put(d)
}

// maxViews is how many bytes the views of one value may have.
const maxViews = 16 << 20

// viewer decodes for one scanner at a time.
type viewer struct {
	decoder view.Decoder
	left    view.Budget
	visit   func(view.View) // the method judge, bound once
	sc      scanner
	view    view.View // that is read now
	within  bool      // it is embedded, and so are those that follow
}

var viewers = sync.Pool{New: func() any {
	d := new(viewer)
	d.visit = d.judge
	return d
}}

func (d *viewer) judge(v view.View) {
	embedded, within := v.Kind == view.Embedded, d.within
	if within { // its span is that of what it is in
		v.Kind, v.Start, v.End = v.Kind|view.Embedded, d.view.Start, d.view.End
	}
	d.view = v
	d.sc.read(v.Text, &d.view)
	if embedded {
		d.within = true
		d.decoder.Each(v.Text, view.All, &d.left, d.visit)
		d.within = within
	}
}

// checks are tests of what a pattern matched that a pattern cannot express: the
// whole match, and its groups.
var checks = map[string]func(match, one, two []byte) bool{
	"luhn":   func(match, _, _ []byte) bool { return luhn(match) },
	"same":   func(_, one, two []byte) bool { return bytes.EqualFold(one, two) },
	"differ": func(_, one, two []byte) bool { return !bytes.EqualFold(one, two) },
}

// luhn is the checksum of card numbers.
func luhn(match []byte) bool {
	sum, n := 0, 0
	for i := len(match) - 1; i >= 0; i-- {
		d := int(match[i]) - '0'
		if d < 0 || d > 9 {
			continue
		}
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return n >= 13 && n <= 19 && sum%10 == 0
}
