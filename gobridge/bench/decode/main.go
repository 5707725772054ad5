// Command decode compares the decoders with the libraries that they replace or
// wrap. Both sides of a row run by turns, and the fastest turn of each counts,
// so that the load of the machine cancels out. It exits with 1 when a row
// misses its limit.
//
// A library is given what it is best at: its parsed document is used again, and
// only then every string of it is given to a visitor, as key or as value, as a
// Walker does. Rows without a limit show less work than ours.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

// row is one comparison.
type row struct {
	name    string
	size    int // bytes of the document
	library string
	limit   float64 // of our time divided by theirs, 0: none
	ours    func()
	theirs  func()
}

// growth is a document of one kind at two sizes.
type growth struct {
	name         string
	small, large func()
}

// maxGrowth is how much longer 64 KiB may take than 4 KiB.
const maxGrowth = 20

func main() {
	rounds := flag.Int("rounds", 150, "turns of each side")
	turn := flag.Duration("turn", 2*time.Millisecond, "length of a turn")
	only := flag.String("only", "", "the decoders whose name has this")
	flag.Parse()

	missed := 0
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "decoder\tbytes\tns\tMB/s\tallocs\tlibrary\tns\tratio\tlimit\t")
	for _, r := range append(rows(), binaryRows()...) {
		if !strings.Contains(r.name, *only) {
			continue
		}
		best := race(*rounds, *turn, r.ours, r.theirs)
		ratio := best[0] / best[1]
		limit := "-"
		if r.limit > 0 {
			limit = fmt.Sprint(r.limit)
		}
		allocs := testing.AllocsPerRun(20, r.ours)
		verdict := ""
		if r.limit > 0 && ratio > r.limit || allocs > 0 {
			verdict = "MISSED"
			missed++
		}
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.0f\t%.0f\t%s\t%.0f\t%.2f\t%s\t%s\n",
			r.name, r.size, best[0], float64(r.size)/best[0]*1e3, allocs, r.library, best[1], ratio, limit, verdict)
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "64 KiB against 4 KiB\tus\tus\tratio\tlimit\t")
	for _, g := range append(growths(), binaryGrowths()...) {
		if !strings.Contains(g.name, *only) {
			continue
		}
		best := race(*rounds, *turn, g.large, g.small)
		ratio := best[0] / best[1]
		verdict := ""
		if ratio > maxGrowth {
			verdict = "MISSED"
			missed++
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%d\t%s\n", g.name, best[0]/1e3, best[1]/1e3, ratio, maxGrowth, verdict)
	}
	t.Flush()
	if missed > 0 {
		fmt.Printf("bench-decode: %d limits missed\n", missed)
		os.Exit(1)
	}
}

// race runs the functions by turns and returns the nanoseconds of a call in the
// best turn of each.
func race(rounds int, turn time.Duration, functions ...func()) []float64 {
	best := make([]float64, len(functions))
	calls := make([]int, len(functions))
	for i, f := range functions {
		f()
		start := time.Now()
		for time.Since(start) < turn/4 {
			f()
			calls[i]++
		}
		calls[i] = max(1, 4*calls[i])
	}
	for range rounds {
		for i, f := range functions {
			start := time.Now()
			for range calls[i] {
				f()
			}
			ns := float64(time.Since(start).Nanoseconds()) / float64(calls[i])
			if best[i] == 0 || ns < best[i] {
				best[i] = ns
			}
		}
	}
	return best
}

// visited keeps the compiler from leaving the work out.
var visited int

func visit(f *format.Field) { visited += len(f.Value) }

// visitor is visit, called as by a Walker, which does not know it either.
var visitor format.Visit = visit

// walk is a Walker over one document.
func walk(doc []byte) func() {
	w := new(format.Walker)
	return func() { w.Walk(doc, format.Root{}, visit) }
}

// decode is the decoder of a session over one message.
func decode(h framework.Handshake, opcode ws.Opcode, payload []byte) func() {
	d := decoder(h)
	m := framework.Message{Opcode: opcode, Payload: payload}
	return func() { d(m) }
}

// decoder decodes what the client of a new session sends.
func decoder(h framework.Handshake) func(framework.Message) {
	d, _ := framework.Identify(h)
	w := new(format.Walker)
	out := &framework.Out{Visit: visit, Record: func(framework.Envelope) {}, Violate: func(ws.Violation) {}}
	return func(m framework.Message) { d.Decode(m, w, out) }
}
