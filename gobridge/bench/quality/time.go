package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/corazawaf/libinjection-go"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/format"
)

// What is required of time, as a multiple of libinjection's on the same texts,
// and of memory.
const (
	requiredChat   = 0.12
	requiredMean   = 0.7
	requiredCoraza = 1000.0 // of Coraza's time, as a multiple of ours
	requiredGrowth = 20.0   // 64 KiB against 4 KiB
	requiredMemory = 16.0   // MiB
)

// rounds of which the fastest counts.
const rounds = 7

// cpuTime is what the process has used of the CPU. The loops that are measured
// make no system call: it is user time.
func cpuTime() time.Duration {
	var ts syscall.Timespec
	const processCPU = 2
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processCPU, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		panic(errno)
	}
	return time.Duration(ts.Nano())
}

// value is what the detectors get.
type value struct {
	text    []byte
	options detect.Options
}

// timed is a text and the values that the walker finds in its message.
type timed struct {
	text   string
	values []value
}

// prepare walks the messages of the samples, so that only detection is timed.
func prepare(samples []*sample) []timed {
	var w format.Walker
	out := make([]timed, 0, len(samples))
	for _, s := range samples {
		t := timed{text: s.Text}
		w.Walk(message(s.Text), format.Root{}, func(f *format.Field) {
			if !f.Noise && !f.Opened {
				t.values = append(t.values, value{bytes.Clone(f.Value), detect.Options{Cut: f.Cut, Key: f.Key}})
			}
		})
		out = append(out, t)
	}
	return out
}

// found and budget keep memory that is not the detectors'.
var (
	found  = make([]detect.Finding, 0, 64)
	budget detect.Budget
)

func ours(t *timed) {
	budget = detect.Budget{Left: math.MaxInt}
	for i := range t.values {
		found = detect.Scan(t.values[i].text, t.values[i].options, &budget, found[:0])
	}
}

var flagged int

func libinjections(t *timed) {
	if hit, _ := libinjection.IsSQLi(t.text); hit {
		flagged++
	}
	if libinjection.IsXSS(t.text) {
		flagged++
	}
}

// each is the nanoseconds of f for each text, the fastest round of calls.
func each(texts []timed, calls int, f func(*timed)) []float64 {
	best := make([]float64, len(texts))
	for round := range rounds {
		for i := range texts {
			start := cpuTime()
			for range calls {
				f(&texts[i])
			}
			ns := float64(cpuTime()-start) / float64(calls)
			if round == 0 || ns < best[i] {
				best[i] = ns
			}
		}
	}
	return best
}

// mean is the nanoseconds of f for a text, the fastest round.
func mean(texts []timed, f func(*timed)) float64 {
	best := math.Inf(1)
	for range rounds {
		start := cpuTime()
		for i := range texts {
			f(&texts[i])
		}
		best = min(best, float64(cpuTime()-start)/float64(len(texts)))
	}
	return best
}

func median(ns []float64) float64 {
	if len(ns) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(ns))
	return s[len(s)/2]
}

// spread is at most n of the samples, evenly from all of them.
func spread(samples []*sample, n int) []*sample {
	if len(samples) <= n {
		return samples
	}
	var out []*sample
	for i := range n {
		out = append(out, samples[i*len(samples)/n])
	}
	return out
}

// englishChat is chat messages of 170 to 230 bytes.
func englishChat(c *corpus) (out []*sample) {
	for _, group := range []string{"chat", "chat-tech"} {
		for _, s := range c.benign[group] {
			if len(s.Text) >= 170 && len(s.Text) <= 230 {
				out = append(out, s)
			}
		}
	}
	return out
}

func (r *report) times(c *corpus, o *options) error {
	runtime.LockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	most := 1000
	if o.full {
		most = math.MaxInt
	}
	fmt.Fprintf(r.out, "\nTime: ns of user CPU for a text, best of %d rounds, GOMAXPROCS=1; at most %d texts of a group\n", rounds, most)

	chat := prepare(spread(englishChat(c), 400))
	chatOurs, chatLib := median(each(chat, 32, ours)), median(each(chat, 8, libinjections))
	meanOurs, meanLib := mean(chat, ours), mean(chat, libinjections)
	t := r.table(fmt.Sprintf("%d English chat messages of 170 to 230 bytes", len(chat)), "\twsi\tlibinj.\tratio\trequired\t\t")
	fmt.Fprintf(t, "median, each 32 times in a row\t%.0f\t%.0f\t%.3f\t<= %g\t%s\t\n", chatOurs, chatLib, chatOurs/chatLib, requiredChat, r.ok(chatOurs/chatLib <= requiredChat))
	fmt.Fprintf(t, "mean, one after the other\t%.0f\t%.0f\t%.3f\t-\t\t\n", meanOurs, meanLib, meanOurs/meanLib)
	t.Flush()

	t = r.table("Mean time of benign texts", "group\ttexts\twsi\tlibinj.\tratio\tallocs\trequired\t\t")
	var sumOurs, sumLib, allOurs, allLib float64
	for _, group := range bySize(c.benign) {
		texts := prepare(spread(c.benign[group], most))
		us, lib := mean(texts, ours), mean(texts, libinjections)
		sumOurs, sumLib = sumOurs+us, sumLib+lib
		allOurs, allLib = allOurs+us*float64(len(c.benign[group])), allLib+lib*float64(len(c.benign[group]))
		allocs := allocations(texts)
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.0f\t%.3f\t%.3f\tno allocs\t%s\t\n", group, len(texts), us, lib, us/lib, allocs, r.ok(allocs == 0))
		runtime.GC()
	}
	n := float64(len(c.benign))
	fmt.Fprintf(t, "mean of groups\t\t%.0f\t%.0f\t%.3f\t\t<= %g\t%s\t\n", sumOurs/n, sumLib/n, sumOurs/sumLib, requiredMean, r.ok(sumOurs/sumLib <= requiredMean))
	fmt.Fprintf(t, "weighed by texts\t\t\t\t%.3f\t\t-\t\t\n", allOurs/allLib)
	t.Flush()

	r.worst(c)
	if err := r.memory(); err != nil {
		return err
	}
	if o.coraza == "" {
		fmt.Fprintln(r.out, "\nCoraza with CRS: not timed (make quality CORAZA=1)")
		return nil
	}
	return r.coraza(o.coraza, spread(englishChat(c), 50), chatOurs)
}

// allocations is how many there are for a text in which nothing is found.
func allocations(texts []timed) float64 {
	var clean []timed
	budget = detect.Budget{Left: math.MaxInt}
	for i := range texts {
		hits := 0
		for _, v := range texts[i].values {
			found = detect.Scan(v.text, v.options, &budget, found[:0])
			hits += len(found)
		}
		if hits == 0 {
			clean = append(clean, texts[i])
		}
	}
	if len(clean) == 0 {
		return 0
	}
	var before, after runtime.MemStats
	for i := range clean { // caches are filled
		ours(&clean[i])
	}
	runtime.ReadMemStats(&before)
	for i := range clean {
		ours(&clean[i])
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(len(clean))
}

// units are texts that are costly when repeated.
var units = []string{
	"'", "\"", "`", "\\", "<", ">", "(", ")", "{", "[", "%", "&", "=", ";", "|", "$", "#", "-", "/", "*", ".", ",", ":", "@", "+", " ", "\n", "\x00", "a", "1", "é", "\u200b",
	"1+", "a-", "((", "1,", "' or ", "\" or 1=1 ", "/*", "*/", "/**/", "--", "-- \n", "#\n", "<a ", "<!--", "</", "<a b=", "&#x", "&#1", "&lt;", "%27", "%25", "%u0027", "\\u0027", "\\x27", "\\", "$(", "${", "{{", "<%", "../", "..\\", "%2e%2e/", ";a ", "|a ", "\n;ls ", "select ", "select(", "union select ", "union ", " and 1=1", "c'a't ", "$IFS", "{a,b}", "a=b&", "http://", "javascript:", "on=", "onx=", "QUFB", "41", "0x41", "\uff07", "*)(", "//", "=*)", "${jndi:", "${lower:", "__proto__", "$ne", "\r\n", "%0d%0a", "GET / HTTP/1.1\r\n", "-'-", "\"a\":", "\"$ne\":",
}

func (r *report) worst(c *corpus) {
	type worst struct {
		unit         string
		small, large float64
	}
	repeat := func(unit string, size int) timed {
		return timed{values: []value{{text: []byte(strings.Repeat(unit, size/len(unit)+1)[:size])}}}
	}
	best := func(t timed, rounds int) float64 {
		least := math.Inf(1)
		for range rounds {
			start := cpuTime()
			ours(&t)
			least = min(least, float64(cpuTime()-start))
		}
		return least
	}
	const small, large = 4 << 10, 64 << 10
	seeds := slices.Clone(units)
	for _, class := range bySize(c.attacks) {
		for _, s := range spread(c.attacks[class], 25) {
			seeds = append(seeds, s.Text)
		}
	}
	var all []worst
	for _, unit := range seeds {
		all = append(all, worst{unit: unit, small: best(repeat(unit, small), 2)})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].small > all[j].small })
	t := r.table(fmt.Sprintf("Worst input: the dearest of %d units and attacks, repeated", len(all)),
		"unit\t4 KiB us\tns/B\t64 KiB us\tgrowth\trequired\t\tlibinj. ns/B\t")
	for _, w := range all[:min(12, len(all))] {
		w.small, w.large = best(repeat(w.unit, small), rounds), best(repeat(w.unit, large), 3)
		text := timed{text: strings.Repeat(w.unit, small/len(w.unit)+1)[:small]}
		lib := mean([]timed{text}, libinjections) / small
		fmt.Fprintf(t, "%.40q\t%.0f\t%.0f\t%.0f\t%.1f\t<= %g\t%s\t%.0f\t\n", w.unit, w.small/1e3, w.small/small, w.large/1e3,
			w.large/w.small, requiredGrowth, r.ok(w.large/w.small <= requiredGrowth), lib)
	}
	t.Flush()
}

// memoryChild makes the process print what an engine holds, and end.
const memoryChild = "WSI_QUALITY_MEMORY"

func reportMemory() {
	j, err := newJudge()
	if err == nil {
		_, err = j.judge("' or 1=1 -- <script>alert(1)</script>")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "RssAnon:" {
			fmt.Println(f[1])
		}
	}
	runtime.KeepAlive(j)
}

func (r *report) memory() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), memoryChild+"=1", "GOMAXPROCS=1")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	var kib float64
	if _, err := fmt.Sscan(string(out), &kib); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	t := r.table("Memory", "\tMiB\trequired\t\t")
	fmt.Fprintf(t, "a process with the engine and Go's runtime, private\t%.1f\t<= %g\t%s\t\n", kib/1024, requiredMemory, r.ok(kib/1024 <= requiredMemory))
	return t.Flush()
}

// coraza times the program of gobridge/bench/coraza on the texts.
func (r *report) coraza(program string, samples []*sample, ours float64) error {
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	texts := make([]string, len(samples))
	for i, s := range samples {
		texts[i] = s.Text
	}
	if err := json.NewEncoder(in).Encode(texts); err != nil {
		return err
	}
	best := make([]float64, len(texts))
	replies := json.NewDecoder(bufio.NewReader(out))
	for round := range 3 {
		if _, err := in.Write([]byte("{}\n")); err != nil {
			return err
		}
		var ns []float64
		if err := replies.Decode(&ns); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
		for i := range best {
			if round == 0 || ns[i] < best[i] {
				best[i] = ns[i]
			}
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		return err
	}
	theirs := median(best)
	t := r.table("Coraza with CRS PL1, 200 B English chat", "texts\tCoraza median\twsi median\tratio\trequired\t\t")
	fmt.Fprintf(t, "%d\t%.0f\t%.0f\t%.0f\t>= %g\t%s\t\n", len(texts), theirs, ours, theirs/ours, requiredCoraza, r.ok(theirs/ours >= requiredCoraza))
	return t.Flush()
}
