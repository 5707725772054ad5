package console

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
)

func BenchmarkIngest(b *testing.B) {
	dir := b.TempDir()
	g := newGenerator(1)
	var text []byte
	for range b.N {
		text = g.line(text)
	}
	log := filepath.Join(dir, "log")
	require.NoError(b, os.WriteFile(log, text, 0o600))
	s, err := openStore(filepath.Join(dir, "db"))
	require.NoError(b, err)
	in, err := newIngester(s, []string{log})
	require.NoError(b, err)
	b.SetBytes(int64(len(text) / b.N))
	b.ResetTimer()
	for more := true; more; {
		more, err = in.step(time.Now())
		require.NoError(b, err)
	}
	b.StopTimer()
	require.Len(b, s.ts, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	size, err := s.usedBytes(b.Context())
	require.NoError(b, err)
	b.ReportMetric(float64(size)/float64(b.N), "db-B/event")
	require.NoError(b, s.Close())
}

// lines are n events, each with its newline.
func lines(g *generator, n int) (all [][]byte) {
	for range n {
		all = append(all, g.line(nil))
	}
	return all
}

// bed is a log and the console's ingestion of it, in a directory of its own.
type bed struct {
	testing.TB
	dir, log, db string
	store        *store
	in           *ingester
	g            *generator
}

func newBed(t testing.TB) *bed {
	dir := t.TempDir()
	b := &bed{TB: t, dir: dir, log: filepath.Join(dir, "attacks.json"), db: filepath.Join(dir, "events.db"), g: newGenerator(1)}
	b.open()
	t.Cleanup(b.kill)
	return b
}

func (b *bed) open() {
	b.Helper()
	var err error
	b.store, err = openStore(b.db)
	require.NoError(b, err)
	b.in, err = newIngester(b.store, []string{b.log})
	require.NoError(b, err)
}

// kill drops everything that is not in the database, as a killed process does.
func (b *bed) kill() {
	if b.store == nil {
		return
	}
	for _, f := range b.in.followers {
		f.close()
	}
	b.store.Close()
	b.store = nil
}

func (b *bed) restart() {
	b.Helper()
	b.kill()
	b.open()
}

func (b *bed) append(path string, all ...[]byte) {
	b.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(b, err)
	_, err = f.Write(bytes.Join(all, nil))
	require.NoError(b, err)
	require.NoError(b, f.Close())
}

// ingest reads all that is there.
func (b *bed) ingest() {
	b.Helper()
	for more := true; more; {
		var err error
		more, err = b.in.step(time.Now())
		require.NoError(b, err)
	}
	// What a poll found in the directory is read by the next.
	for range 2 {
		_, err := b.in.step(time.Now())
		require.NoError(b, err)
	}
}

// holds demands exactly these lines, in any order, in the database and in the
// index.
func (b *bed) holds(want ...[][]byte) {
	b.Helper()
	var expect, got []string
	for _, all := range want {
		for _, line := range all {
			expect = append(expect, strings.TrimSuffix(string(line), "\n"))
		}
	}
	for i := range b.store.ts {
		line, err := b.store.line(b.Context(), b.store.base+int64(i))
		require.NoError(b, err)
		got = append(got, string(line))
	}
	slices.Sort(expect)
	slices.Sort(got)
	require.Equal(b, len(expect), len(got))
	require.True(b, slices.Equal(expect, got), "other lines")
	var stored int
	require.NoError(b, b.store.r.QueryRow(`SELECT count(*) FROM events`).Scan(&stored))
	require.Equal(b, len(expect), stored)
}

func (b *bed) counter(name string) (n int64) {
	b.Helper()
	h, err := b.store.healthView(b.Context(), b.in.state)
	require.NoError(b, err)
	return h.Counters[name]
}

func TestFollow(t *testing.T) {
	b := newBed(t)
	b.ingest() // there is no log yet
	b.append(b.log)
	b.ingest() // nothing is in it
	one, two := lines(b.g, 3), lines(b.g, 2)
	b.append(b.log, one...)
	b.ingest()
	b.holds(one)
	b.append(b.log, two...)
	b.ingest()
	b.holds(one, two)
	b.restart()
	b.ingest()
	b.holds(one, two)
	require.EqualValues(t, 5, b.counter("lines"), "no line is read twice")
}

// A line that is not yet whole waits, wherever it is cut, also over a restart.
func TestPartialLine(t *testing.T) {
	b := newBed(t)
	all := lines(b.g, 3)
	text := bytes.Join(all, nil)
	for i := 0; i < len(text); i += 97 {
		b.append(b.log, text[i:min(i+97, len(text))])
		b.ingest()
		if i%970 == 0 {
			b.restart()
		}
	}
	b.holds(all)
	require.EqualValues(t, 0, b.counter("malformed"))
}

// Workers write to the renamed file until they have reopened the log.
func TestRotationByRename(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			b := newBed(t)
			all := [][][]byte{lines(b.g, 4), lines(b.g, 4), lines(b.g, 4), lines(b.g, 4), lines(b.g, 4)}
			again := func() {
				if restart {
					b.restart()
				}
			}
			b.append(b.log, all[0]...)
			b.ingest()
			b.append(b.log, all[1]...) // not read before the rename
			require.NoError(t, os.Rename(b.log, b.log+".1"))
			again()
			b.ingest()
			b.append(b.log, all[2]...)
			b.ingest()
			again()
			b.append(b.log+".1", all[3]...)
			b.ingest()
			b.append(b.log, all[4]...)
			b.ingest()
			b.holds(all...)
			require.EqualValues(t, 20, b.counter("lines"))
		})
	}
}

// A log that was rotated several times while the console was down, its oldest
// part compressed.
func TestRotationWhileDown(t *testing.T) {
	b := newBed(t)
	all := [][][]byte{lines(b.g, 4), lines(b.g, 4), lines(b.g, 4), lines(b.g, 4)}
	b.append(b.log, all[0]...)
	b.ingest()
	b.kill()
	b.append(b.log, all[1]...)
	old, err := os.ReadFile(b.log)
	require.NoError(t, err)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(old)
	require.NoError(t, w.Close())
	b.append(b.log+".2.gz", z.Bytes())
	require.NoError(t, os.Remove(b.log))
	b.append(b.log+".1", all[2]...)
	b.append(b.log, all[3]...)
	future := time.Now().Add(time.Second)
	require.NoError(t, os.Chtimes(b.log+".1", future, future))
	b.open()
	b.ingest()
	b.holds(all...)
	require.EqualValues(t, 0, b.counter("files_lost"))
	b.restart()
	b.ingest()
	b.holds(all...)
}

// While it was busy with one file, the next came and went, and then it was killed
// before it had stored that it knew of it.
func TestRotationWhileBehind(t *testing.T) {
	b := newBed(t)
	all := [][][]byte{lines(b.g, 4), lines(b.g, 4), lines(b.g, 4), lines(b.g, 4)}
	b.append(b.log, all[0]...)
	b.ingest()
	require.NoError(t, os.Rename(b.log, b.log+".2"))
	b.append(b.log, all[1]...)
	require.NoError(t, os.Rename(b.log, b.log+".1"))
	past := time.Now().Add(-time.Minute)
	require.NoError(t, os.Chtimes(b.log+".1", past, past))
	b.append(b.log, all[2]...)
	b.kill()
	b.open()
	b.ingest()
	b.holds(all[:3]...)
	b.append(b.log, all[3]...)
	b.restart()
	b.ingest()
	b.holds(all...)
	require.EqualValues(t, 0, b.counter("files_lost"))
}

// Between two looks at it the log was rotated more than once.
func TestRotatedTwice(t *testing.T) {
	b := newBed(t)
	all := [][][]byte{lines(b.g, 4), lines(b.g, 4), lines(b.g, 4), lines(b.g, 4)}
	for i, some := range all[:3] {
		if i > 0 {
			require.NoError(t, os.Rename(b.log, fmt.Sprintf("%s.%d", b.log, 9-i)))
		}
		b.append(b.log, some...)
		if i == 0 {
			b.ingest()
		}
	}
	b.ingest()
	b.holds(all[:3]...)
	b.append(b.log, all[3]...)
	b.restart()
	b.ingest()
	b.holds(all...)
	require.EqualValues(t, 0, b.counter("files_lost"))
	require.EqualValues(t, 0, b.counter("duplicates"))
}

// What was rotated before the first start is not read, at no later start either.
func TestRotatedBefore(t *testing.T) {
	b := newBed(t)
	b.kill()
	require.NoError(t, os.RemoveAll(b.db))
	old, now := lines(b.g, 4), lines(b.g, 4)
	b.append(b.log+".1", old...)
	b.append(b.log, now...)
	b.open()
	b.ingest()
	future := time.Now().Add(time.Second)
	require.NoError(t, os.Rename(b.log+".1", b.log+".2"))
	require.NoError(t, os.Chtimes(b.log+".2", future, future))
	b.restart()
	require.NoError(t, os.Rename(b.log, b.log+".1"))
	b.append(b.log, lines(b.g, 1)...)
	b.ingest()
	require.Len(t, b.store.ts, 5)
	require.EqualValues(t, 0, b.counter("duplicates"))
}

// Workers that could not open the log anew write to the renamed file for as long
// as they live, also while the console is down.
func TestRotatedFileGrows(t *testing.T) {
	b := newBed(t)
	b.append(b.log+".1", lines(b.g, 3)...) // before the first start
	b.restart()
	all := [][][]byte{lines(b.g, 4), lines(b.g, 4), lines(b.g, 4), lines(b.g, 4), lines(b.g, 4)}
	later := time.Duration(0)
	wait := func() {
		t.Helper()
		for range 3 {
			later += quiet + time.Second
			_, err := b.in.step(time.Now().Add(later))
			require.NoError(t, err)
		}
	}
	b.append(b.log+".1", all[0]...)
	b.append(b.log, all[1]...)
	b.ingest()
	require.NoError(t, os.Rename(b.log+".1", b.log+".2"))
	require.NoError(t, os.Rename(b.log, b.log+".1"))
	b.append(b.log)
	b.ingest()
	wait()
	require.Empty(t, slices.DeleteFunc(slices.Clone(b.in.followers[0].tails), func(t *tail) bool { return !t.old }), "they are done with")
	b.append(b.log+".1", all[2]...)
	wait()
	b.holds(all[:3]...)
	wait()
	b.append(b.log+".1", all[3]...)
	b.restart()
	b.ingest()
	b.holds(all[:4]...)
	wait()
	b.append(b.log, all[4]...)
	wait()
	b.holds(all...)
	require.EqualValues(t, 20, b.counter("lines"))
}

// A clock that was ahead keeps neither rotated files open nor old events.
func TestClockGoesBack(t *testing.T) {
	b := newBed(t)
	at := func(age time.Duration, n int) [][]byte {
		b.g.now = time.Now().Add(-age)
		all := lines(b.g, n)
		b.append(b.log, all...)
		return all
	}
	const day = 24 * time.Hour
	at(-100*day, 1)
	at(40*day, 3)
	kept := [][][]byte{at(time.Hour, 2), at(-100*day, 1), at(time.Hour, 1)}
	b.ingest()
	require.NoError(t, os.Rename(b.log, b.log+".1"))
	b.append(b.log)
	b.ingest()
	_, err := b.store.w.Exec(`UPDATE sources SET seen = ?`, time.Now().Add(100*day).UnixMilli())
	require.NoError(t, err)
	b.restart()
	require.Len(t, b.in.followers[0].tails, 2)
	for _, later := range []time.Duration{0, quiet + time.Second} {
		_, err := b.in.step(time.Now().Add(later))
		require.NoError(t, err)
	}
	require.Len(t, b.in.followers[0].tails, 1)

	for more := true; more; {
		more, err = b.store.retain(time.Now(), 30*day, 0)
		require.NoError(t, err)
	}
	b.holds(kept...)
}

func TestRotatedFileIsGone(t *testing.T) {
	b := newBed(t)
	one, two := lines(b.g, 4), lines(b.g, 4)
	b.append(b.log, one...)
	b.ingest()
	b.kill()
	require.NoError(t, os.Remove(b.log))
	b.append(b.log, two...)
	b.open()
	b.ingest()
	b.holds(one, two)
	require.EqualValues(t, 1, b.counter("files_lost"), "it may have had more lines")
}

// Whoever may write the directory of the log cannot make the console read, and
// show, a file of somebody else, nor wait for a pipe.
func TestPlantedFiles(t *testing.T) {
	b := newBed(t)
	one := lines(b.g, 4)
	b.append(b.log, one...)
	b.ingest()
	b.kill()
	secret := filepath.Join(t.TempDir(), "secret")
	b.append(secret, []byte("root:$y$hash\n"))
	require.NoError(t, os.Symlink(secret, b.log+".1"))
	require.NoError(t, syscall.Mkfifo(b.log+".2", 0o600))
	future := time.Now().Add(time.Second)
	require.NoError(t, os.Chtimes(secret, future, future))
	require.NoError(t, os.Chtimes(b.log+".2", future, future))
	b.open()
	b.ingest()
	b.holds(one)
	require.Zero(t, b.counter("malformed"))

	// The log itself is where the administrator says, also behind a link.
	require.NoError(t, os.Remove(b.log+".1"))
	require.NoError(t, os.Rename(b.log, b.log+"-real"))
	require.NoError(t, os.Symlink(b.log+"-real", b.log))
	two := lines(b.g, 2)
	b.append(b.log, two...)
	b.restart()
	b.ingest()
	b.holds(one, two)
}

// With copytruncate the file stays the same one and begins anew. What was
// written since the last look is in the copy.
func TestCopyTruncate(t *testing.T) {
	for _, longer := range []bool{false, true} {
		t.Run(fmt.Sprint("longer than before ", longer), func(t *testing.T) {
			b := newBed(t)
			all := [][][]byte{lines(b.g, 4), lines(b.g, 4), lines(b.g, 2)}
			if longer {
				all[2] = lines(b.g, 40)
			}
			b.append(b.log, all[0]...)
			b.ingest()
			b.append(b.log, all[1]...)
			copied, err := os.ReadFile(b.log)
			require.NoError(t, err)
			b.append(b.log+".1", copied)
			require.NoError(t, os.Truncate(b.log, 0))
			b.append(b.log, all[2]...)
			b.ingest()
			b.holds(all...)
		})
	}
}

// A console that is killed between any two steps loses and doubles nothing.
func TestKill(t *testing.T) {
	b := newBed(t)
	var all [][]byte
	for i := range 12 {
		more := lines(b.g, 250)
		all = append(all, more...)
		b.append(b.log, more...)
		if i%4 == 3 {
			require.NoError(t, os.Rename(b.log, fmt.Sprintf("%s.%d", b.log, 9-i/4)))
		}
		_, err := b.in.step(time.Now())
		require.NoError(t, err)
		b.restart()
	}
	b.ingest()
	b.holds(all)
}

// A transaction that fails leaves nothing behind, in the index neither.
func TestFailedCommit(t *testing.T) {
	b := newBed(t)
	one, two := lines(b.g, 10), lines(b.g, 10)
	b.append(b.log, one...)
	b.ingest()
	_, err := b.store.w.Exec(`CREATE TEMP TRIGGER full BEFORE INSERT ON blocks BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	require.NoError(t, err)
	b.append(b.log, two...)
	_, err = b.in.step(time.Now())
	require.ErrorContains(t, err, "disk full")
	b.holds(one)
	_, err = b.store.w.Exec(`DROP TRIGGER full`)
	require.NoError(t, err)
	b.ingest()
	b.holds(one, two)
}

// The same event is stored once, by its id.
func TestIdempotent(t *testing.T) {
	b := newBed(t)
	all := lines(b.g, 10)
	b.append(b.log, all...)
	b.append(b.log, all...)
	b.ingest()
	b.append(b.log, all...)
	b.ingest()
	b.holds(all)
	require.EqualValues(t, 20, b.counter("duplicates"))
}

func TestMalformed(t *testing.T) {
	b := newBed(t)
	good := lines(b.g, 2)
	long := append(bytes.Repeat([]byte("x"), maxLine+100), '\n')
	b.append(b.log, good[0], []byte("not json\n"), []byte("\n"), []byte(`{"@timestamp":"2026-11-22T06:21:19.680Z"}`+"\n"),
		[]byte(`{"event":{"id":"1"}}`+"\n"), long, []byte(`["a"]`+"\n"), []byte("\xff\x00<script>\n"), good[1])
	b.ingest()
	b.holds(good)
	h, err := b.store.healthView(t.Context(), b.in.state)
	require.NoError(t, err)
	require.EqualValues(t, 6, h.Counters["malformed"])
	require.EqualValues(t, 8, h.Counters["lines"])
	require.Len(t, h.Bad, 6)
	require.Contains(t, h.Bad[0].Sample, `\u{0}<script>`)
	require.EqualValues(t, len(good[0]), h.Bad[5].Offset)
}

// Members that are not known, or that have another type than today, do not
// fail a line where the console does not need them.
func TestTolerance(t *testing.T) {
	var r Record
	require.NoError(t, parse([]byte(`{"@timestamp":"2026-11-22T06:21:19.680Z","event":{"id":"x","dataset":"wallarm_websocket.later"},
		"new":{"a":[1]},"wallarm":{"hits":0,"exception":{"a":1},"chain":["frame text","json"],"redacted":["a"],"websocket":{"client":7,"violations":{}},"more":true}}`), &r))
	require.Equal(t, "later", r.kind())
	require.Equal(t, "frame text > json", r.chain())
	require.EqualValues(t, 1, r.Wallarm.Hits)
	require.Empty(t, r.exception())
	require.Len(t, r.uid(), 16)
}

func TestRetention(t *testing.T) {
	b := newBed(t)
	b.g.now = time.Now().Add(-40 * 24 * time.Hour)
	old := lines(b.g, 5100)
	b.g.now = time.Now().Add(-3 * time.Hour)
	fresh := lines(b.g, 900)
	b.append(b.log, old...)
	b.append(b.log, fresh...)
	b.ingest()
	retain := func(age time.Duration, size int64) {
		for more := true; more; {
			var err error
			more, err = b.store.retain(time.Now(), age, size)
			require.NoError(t, err)
		}
	}
	retain(30*24*time.Hour, 0)
	b.holds(fresh)
	require.EqualValues(t, 5100, b.counter("expired"))
	v, err := b.store.attacksView(t.Context(), &request{Page: 1})
	require.NoError(t, err)
	require.EqualValues(t, 900, v.Hits)

	used, err := b.store.usedBytes(t.Context())
	require.NoError(t, err)
	retain(0, used/2)
	now, err := b.store.usedBytes(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, now, used/2)
	require.NotEmpty(t, b.store.ts)
	kept := len(b.store.ts)
	b.holds(fresh[len(fresh)-kept:])
	b.restart()
	b.holds(fresh[len(fresh)-kept:])
	ids, _, err := b.store.search(t.Context(), "hello", 0, 1<<40)
	require.NoError(t, err)
	require.Len(t, ids, kept, "what expired is not found")

	retain(time.Nanosecond, 0)
	b.holds()
	last := b.store.nextID
	b.restart()
	require.Equal(t, last, b.store.nextID, "no id is used twice")
}

// What there is too much of goes also while more comes than can be read.
func TestRetentionUnderFlood(t *testing.T) {
	b := newBed(t)
	b.append(b.log, lines(b.g, 2*batchLines)...)
	b.in.size = 1
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var kept []int
	b.in.changed = func() {
		if kept = append(kept, len(b.store.ts)); len(kept) == 2 {
			cancel()
		}
	}
	b.in.run(ctx)
	require.NotZero(t, kept[0])
	require.Less(t, kept[0], 2*batchLines)
	require.Zero(t, kept[1])
}

func TestOneConsolePerDatabase(t *testing.T) {
	b := newBed(t)
	_, err := openStore(b.db)
	require.ErrorContains(t, err, "in use")
	info, err := os.Stat(b.db)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// No query reads the events or their lines from end to end.
func TestQueryPlans(t *testing.T) {
	b := newBed(t)
	b.append(b.log, lines(b.g, 100)...)
	b.ingest()
	source, err := os.ReadFile("queries.go")
	require.NoError(t, err)
	require.Equal(t, len(queries)+len([]string{schema, migrate1}), strings.Count(string(source), "= `"), "a query is not in the list")
	for _, file := range []string{"store.go", "batch.go", "views.go", "tail.go", "server.go", "console.go"} {
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotRegexp(t, "(?i)`\\s*(select|insert|update|delete|with) ", string(code), "%s: queries are in queries.go", file)
	}
	small := regexp.MustCompile(`^SCAN (shapes|malformed|counters|sources|versions|texts VIRTUAL TABLE INDEX \d+:[<>=M0-9]+)( |$)`)
	for _, q := range queries {
		var args []any
		for i := 1; i <= strings.Count(q, "?"); i++ {
			if !strings.Contains(q, "?1") || strings.Contains(q, fmt.Sprint("?", i)) {
				args = append(args, "1")
			}
		}
		rows, err := b.store.w.Query("EXPLAIN QUERY PLAN "+q, args...)
		require.NoError(t, err, q)
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			if strings.HasPrefix(detail, "SCAN") {
				require.Regexp(t, small, detail, q)
			}
			if regexp.MustCompile(`\b(events|blocks|texts)\b`).MatchString(q) {
				require.NotContains(t, detail, "TEMP B-TREE", q)
			}
		}
		require.NoError(t, rows.Err())
		rows.Close()
	}
}

func FuzzParse(f *testing.F) {
	g := newGenerator(1)
	f.Add(g.line(nil))
	f.Add([]byte(`{"@timestamp":"2026-11-22T06:21:19.680Z","event":{"id":"x"},"wallarm":{"payload_base64":"PHNjcmlwdD4=","websocket":{"opcode":"text"},"attack":{"match":"<script>"}}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var r Record
		if parse(line, &r) != nil {
			return
		}
		it := newItem(&r, line)
		require.Len(t, it.uid, 16)
		require.LessOrEqual(t, len(it.text), 5<<10)
		h := newHit(&r, line)
		for _, c := range h.Replay + h.Exception {
			require.True(t, unicode.IsPrint(c), "%q", c)
		}
		text := ""
		for _, s := range h.Request {
			text += s.Text
		}
		require.Equal(t, visible(strings.ReplaceAll(r.Wallarm.Request, "\r\n", "\n")), text)
	})
}
