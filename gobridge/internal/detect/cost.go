package detect

import (
	_ "embed" // ordinary.txt
	"math"
)

// cost estimates how often ordinary text has one of the clause's texts, per
// byte.
func (c clause) cost() (sum float64) {
	for i := range c {
		sum += textCost(c[i].text)
	}
	return sum
}

// finding estimates how often the index meets one: it finds single bytes at no
// cost.
func (c clause) finding() (sum float64) {
	for i := range c {
		if len(c[i].text) > 1 {
			sum += textCost(c[i].text)
		}
	}
	return sum
}

// farBefore is where it makes no difference how far: a text is looked at once.
const farBefore = 100

// locating estimates how many bytes are looked at for each of ordinary text if a
// pattern is located by the clause.
func (c clause) locating() (sum float64) {
	looked := 0.0
	for i := range c {
		l := &c[i]
		if i == 0 || l.around != c[i-1].around && *l.around != *c[i-1].around {
			looked = l.looked()
		}
		n := looked
		if len(l.text) > 1 {
			n += indexed
		}
		sum += textCost(l.text) * n
	}
	return sum
}

// looked estimates how many bytes are looked at where a literal stands.
func (a *around) looked() float64 {
	n := float64(min(a.before, farBefore))
	if q := a.behind.share(); q < 1 {
		n = min(n, q/(1-q))
	}
	n += 8
	if !a.open {
		n = 1 + n*a.after.share()
	}
	return n
}

// indexed is how many bytes could be looked at in the time that the index needs
// for a text of two bytes or more.
const indexed = 8

// gating estimates the same if one of its texts is all that is asked for.
func (c clause) gating() float64 { return c.cost() + indexed*c.finding() }

// textCost estimates how often s begins at a byte of ordinary text.
func textCost(s string) float64 {
	p := 1.0
	for i := range len(s) {
		if i == 0 {
			p = float64(byteCost[s[0]])
			continue
		}
		p *= float64(pairCost[byteFold[s[i-1]]][byteFold[s[i]]]) * float64(byteCost[s[i]])
	}
	return p
}

//go:embed ordinary.txt
var ordinary string

// pairCost is how much more often than elsewhere a byte is behind another, both
// folded, in ordinary text.
var pairCost = func() (cost [64][64]float32) {
	const unknown = 20 // bytes, of which the second are as elsewhere
	var (
		pairs  [64][64]float32
		firsts [64]float32
	)
	for i := 1; i < len(ordinary); i++ {
		a, b := byteFold[ordinary[i-1]], byteFold[ordinary[i]]
		pairs[a][b]++
		firsts[a]++
	}
	for a := range cost {
		for b := range cost[a] {
			if foldCost[b] > 0 {
				cost[a][b] = (pairs[a][b]/foldCost[b] + unknown) / (firsts[a] + unknown)
			}
		}
	}
	return cost
}()

// foldCost is byteCost of folded bytes.
var foldCost = func() (cost [64]float32) {
	for c, p := range byteCost {
		if byteLower[c] == byte(c) {
			cost[byteFold[c]] += p
		}
	}
	return cost
}()

// byteCost is how often a byte is in chat: rounded, letters as in English.
var byteCost = func() (cost [256]float32) {
	for i := range cost {
		cost[i] = 0.0005
	}
	for i, per := range []float32{64, 12, 22, 33, 100, 17, 16, 48, 55, 1, 8, 32, 20, 55, 60, 15, 1, 47, 50, 72, 22, 8, 19, 1, 16, 1} {
		cost['a'+i] = per / 1000
	}
	for c := byte('0'); c <= '9'; c++ {
		cost[c] = 0.003
	}
	cost[' '], cost['.'], cost[','], cost['\''], cost['"'] = 0.18, 0.012, 0.008, 0.004, 0.004
	cost['-'], cost[':'], cost['?'], cost['!'], cost['/'] = 0.003, 0.003, 0.004, 0.003, 0.002
	return cost
}()

// bestClause is the one of least cost, nil when any text may satisfy all.
func bestClause(clauses []clause, cost func(clause) float64) (best clause) {
	least := math.Inf(1)
	for _, c := range clauses {
		if c[0].text == "" {
			continue
		}
		if p := cost(c); p < least {
			best, least = c, p
		}
	}
	return best
}
