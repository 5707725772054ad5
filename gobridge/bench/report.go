package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// limits of the block mode, as ratio of worker CPU per message to plain.
var limits = []struct {
	size, window int
	ratio        float64
}{
	{128, 1, 1.25},
	{128, pipelined, 1.2},
	{1024, 1, 1.4},
	{1024, pipelined, 1.4},
}

// limitIdle is what an idle connection may cost beyond plain, in bytes.
const limitIdle = 1000

func median[T int | float64 | time.Duration](values []T) T {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// perRound applies f to the answers of a variant.
func perRound[T any](c cell, variant int, f func(round int, a answer) T) []T {
	values := make([]T, len(c.answers[variant]))
	for round, a := range c.answers[variant] {
		values[round] = f(round, a)
	}
	return values
}

func cpuPerMessage(a answer) float64 {
	return float64(a.WorkerCPU.Nanoseconds()) / 1e3 / float64(a.Messages)
}

// ratios to plain in the same round, ascending: what changes between rounds,
// such as the load of the machine, cancels out.
func (c cell) ratios(variant int) []float64 {
	r := perRound(c, variant, func(round int, a answer) float64 {
		return cpuPerMessage(a) / cpuPerMessage(c.answers[0][round])
	})
	slices.Sort(r)
	return r
}

func printLoads(w io.Writer, variants []variant, cells []cell) {
	fmt.Fprint(w, "\nEchoed socket.io events. CPU: all threads of the worker, per message. Medians of the rounds;\n"+
		"ratio to plain in the same round, with its lowest and highest. busy: share of its core that\n"+
		"the worker had; wait: share of the time that its threads were kept from it, by other processes\n"+
		"on this machine or by each other; load: share that generator with backend had of theirs.\n\n")
	var table bytes.Buffer
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "payload\tin flight\tNGINX\tCPU us\tratio\tlow-high\tmsg/s\tp50 us\tp99 us\tbusy\twait\tload\t")
	for _, c := range cells {
		for i, v := range variants {
			ratios := c.ratios(i)
			share := func(f func(answer) time.Duration) float64 {
				return 100 * median(perRound(c, i, func(_ int, a answer) float64 { return f(a).Seconds() / a.Wall.Seconds() }))
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%.1f\t%.2f\t%.2f-%.2f\t%.0f\t%d\t%d\t%.0f%%\t%.0f%%\t%.0f%%\t\n",
				sizeName(c.size), c.window, v.name,
				median(perRound(c, i, func(_ int, a answer) float64 { return cpuPerMessage(a) })),
				median(ratios), ratios[0], ratios[len(ratios)-1],
				median(perRound(c, i, func(_ int, a answer) float64 { return float64(a.Messages) / a.Wall.Seconds() })),
				median(perRound(c, i, func(_ int, a answer) time.Duration { return a.P50 })).Microseconds(),
				median(perRound(c, i, func(_ int, a answer) time.Duration { return a.P99 })).Microseconds(),
				share(func(a answer) time.Duration { return a.WorkerCPU }),
				share(func(a answer) time.Duration { return a.Waited }),
				share(func(a answer) time.Duration { return a.LoadCPU }))
		}
		fmt.Fprintln(t, strings.Repeat("\t", 12)) // an empty row
	}
	t.Flush()
	for line := range strings.Lines(table.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

func printIdles(w io.Writer, variants []variant, idle []memory, connections int) {
	fmt.Fprintf(w, "Resident memory of the worker per idle connection, bytes, at %d connections: after the handshake,\n"+
		"and after one message of 128 B on each.\n\n", connections)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "NGINX\thandshake\tto plain\tmessage\tto plain\t")
	for i, v := range variants {
		fmt.Fprintf(t, "%s\t%.0f\t%+.0f\t%.0f\t%+.0f\t\n", v.name,
			idle[i].connected, idle[i].connected-idle[0].connected, idle[i].talked, idle[i].talked-idle[0].talked)
	}
	t.Flush()
	fmt.Fprintln(w)
}

// printVerdict reports whether the block mode keeps every limit that was
// measured.
func printVerdict(w io.Writer, variants []variant, cells []cell, idle []memory) bool {
	block := slices.IndexFunc(variants, func(v variant) bool { return v.mode == "block" })
	if block < 0 {
		fmt.Fprintln(w, "Limits: not judged, block was not measured.")
		return true
	}
	kept := true
	judge := func(what, value, limit string, ok bool) {
		verdict := "ok"
		if !ok {
			verdict, kept = "EXCEEDED", false
		}
		fmt.Fprintf(w, "limit: block, %s: %s, at most %s: %s\n", what, value, limit, verdict)
	}
	for _, l := range limits {
		i := slices.IndexFunc(cells, func(c cell) bool { return c.size == l.size && c.window == l.window })
		if i < 0 {
			fmt.Fprintf(w, "limit: block, %s, %d in flight: not measured\n", sizeName(l.size), l.window)
			continue
		}
		ratio := median(cells[i].ratios(block))
		judge(fmt.Sprintf("%s, %d in flight", sizeName(l.size), l.window),
			fmt.Sprintf("%.2fx of plain (plain again %.2fx)", ratio, median(cells[i].ratios(1))),
			fmt.Sprintf("%.2fx", l.ratio), ratio <= l.ratio)
	}
	if idle == nil {
		fmt.Fprintln(w, "limit: block, idle connection: not measured")
		return kept
	}
	for _, m := range []struct {
		what  string
		bytes float64
	}{
		{"idle connection", idle[block].connected - idle[0].connected},
		{"idle connection after a message", idle[block].talked - idle[0].talked},
	} {
		judge(m.what, fmt.Sprintf("%+.0f bytes", m.bytes), fmt.Sprintf("%+d", limitIdle), m.bytes <= limitIdle)
	}
	return kept
}

// sizeName prints 16384 as 16 KiB.
func sizeName(size int) string {
	switch {
	case size >= 1<<20 && size%(1<<20) == 0:
		return strconv.Itoa(size>>20) + " MiB"
	case size >= 1<<10 && size%(1<<10) == 0:
		return strconv.Itoa(size>>10) + " KiB"
	}
	return strconv.Itoa(size) + " B"
}
