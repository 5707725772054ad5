package console

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// batchLines and batchBytes bound one transaction.
	batchLines = 2000
	batchBytes = 4 << 20
	// headSize is how much of a file's beginning tells it from another that
	// has its inode number.
	headSize = 512
	// quiet is how long a rotated file is still read: workers write to it
	// until they have reopened the log.
	quiet = 30 * time.Second
)

// pollInterval is how often the files are looked at when nothing comes.
const pollInterval = 200 * time.Millisecond

// sourceState is how far a file is read, as it is stored.
type sourceState struct {
	log      string
	dev, ino uint64
	offset   int64
	head     []byte
	seen     int64 // milliseconds, when it last grew
	done     bool
}

// tail reads one file to its end, again and again.
type tail struct {
	sourceState
	path string
	f    *os.File
	gz   io.Reader // of a compressed file, positioned
	buf  []byte    // behind offset: a line that is not yet whole
	skip bool      // inside of a line that is too long
	old  bool      // renamed: another file has the log's name
	new  bool      // not stored yet
}

// follower reads one log through all its rotations.
type follower struct {
	log   string
	tails []*tail       // the oldest first; the last has the log's name
	done  []sourceState // read to the end, or there before the first start
	err   error         // why the log cannot be read, for the health page
	lost  int64         // rotated files that were gone before they were read

	looked time.Time // when those of done were last asked whether they have more
}

func identity(info fs.FileInfo) (dev, ino uint64) {
	st := info.Sys().(*syscall.Stat_t)
	return uint64(st.Dev), st.Ino
}

// resume opens what is not yet read of the log, its rotated files included.
func (f *follower) resume(stored []sourceState, b *batch) {
	siblings := f.siblings()
	if len(stored) == 0 {
		// The first start: what is there is not of this console's time, and what
		// comes later is.
		for _, sib := range siblings {
			if sib.path == f.log {
				continue
			}
			src := sourceState{log: f.log, dev: sib.dev, ino: sib.ino, offset: sib.size, head: head(f.log, sib.path), seen: sib.mtime, done: true}
			f.done = append(f.done, src)
			b.sources = append(b.sources, src)
		}
		return
	}
	for _, src := range stored {
		path := find(siblings, &src)
		if path == "" {
			b.dropped = append(b.dropped, src)
			if !src.done {
				f.lost++
				b.count("files_lost", 1)
			}
			continue
		}
		if src.done {
			f.done = append(f.done, src)
			continue
		}
		if t, err := openTail(f.log, path, src.offset); err == nil {
			t.head = src.head
			t.seen = src.seen
			if dev, ino := t.dev, t.ino; dev != src.dev || ino != src.ino {
				b.dropped = append(b.dropped, src) // compressed since
			}
			t.old = path != f.log
			f.tails = append(f.tails, t)
		}
	}
	f.missed(siblings)
	f.grown(siblings)
	slices.SortStableFunc(f.tails, func(a, b *tail) int {
		switch {
		case a.old && !b.old:
			return -1
		case b.old && !a.old:
			return 1
		}
		return 0
	})
}

// missed takes up the files that the log was renamed to and that were never seen:
// it was rotated more than once since, or the console was killed before it had
// stored that it knew them. What is read again is known by its ids.
func (f *follower) missed(siblings []sibling) {
	for _, sib := range siblings {
		if sib.path == f.log || f.knows(sib) {
			continue
		}
		if t, err := openTail(f.log, sib.path, 0); err == nil {
			t.head = head(f.log, sib.path)
			t.old = true
			f.tails = append(f.tails, t)
		}
	}
}

// grown takes up the files of done that have more since: workers that could not
// open the log anew, or took their time, still write to them.
func (f *follower) grown(siblings []sibling) {
	for _, sib := range siblings {
		i := slices.IndexFunc(f.done, func(src sourceState) bool { return src.dev == sib.dev && src.ino == sib.ino })
		if i < 0 || sib.path == f.log || strings.HasSuffix(sib.path, ".gz") {
			continue
		}
		src := f.done[i]
		// An older version of this has no offset of what it found at its start.
		if sib.size <= src.offset || src.offset == 0 && len(src.head) > 0 || !begins(f.log, sib.path, src.head) {
			continue
		}
		if t, err := openTail(f.log, sib.path, src.offset); err == nil {
			t.head, t.old = src.head, true
			f.tails = slices.Insert(f.tails, 0, t)
			f.done = slices.Delete(f.done, i, i+1)
		}
	}
}

// knows reports whether a file is, or was, read: by its inode, or compressed by
// its beginning.
func (f *follower) knows(sib sibling) bool {
	var start []byte
	read := false
	is := func(src *sourceState) bool {
		same := src.dev == sib.dev && src.ino == sib.ino
		if !same && !strings.HasSuffix(sib.path, ".gz") {
			return false
		}
		if !read {
			start, read = head(f.log, sib.path), true
		}
		return (same || len(src.head) > 0) && bytes.HasPrefix(start, src.head)
	}
	for i := range f.done {
		if is(&f.done[i]) {
			return true
		}
	}
	return slices.ContainsFunc(f.tails, func(t *tail) bool { return is(&t.sourceState) })
}

// head is how a file begins, decompressed.
func head(log, path string) []byte {
	t, err := openTail(log, path, 0)
	if err != nil {
		return nil
	}
	defer t.f.Close()
	b := make([]byte, headSize)
	n := 0
	if t.gz != nil {
		n, _ = io.ReadFull(t.gz, b)
	} else {
		n, _ = t.f.ReadAt(b, 0)
	}
	return b[:n]
}

type sibling struct {
	path     string
	dev, ino uint64
	mtime    int64
	size     int64
}

// siblings are the log and what it was renamed to, the oldest first.
func (f *follower) siblings() (all []sibling) {
	dir, base := filepath.Split(f.log)
	entries, err := os.ReadDir(filepath.Clean(dir + "."))
	if err != nil {
		return nil
	}
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	for _, e := range entries {
		name := e.Name()
		// logrotate's own names, and those with its "extension".
		if name != base && !strings.HasPrefix(name, base+".") && !strings.HasPrefix(name, base+"-") &&
			!(strings.HasPrefix(name, stem+"-") && strings.Contains(name, filepath.Ext(base))) {
			continue
		}
		// Only the log itself may be a link.
		stat := e.Info
		if name == base {
			stat = func() (fs.FileInfo, error) { return os.Stat(f.log) }
		}
		info, err := stat()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		dev, ino := identity(info)
		all = append(all, sibling{filepath.Join(dir, name), dev, ino, info.ModTime().UnixMilli(), info.Size()})
	}
	slices.SortFunc(all, func(a, b sibling) int { return int(min(max(a.mtime-b.mtime, -1), 1)) })
	return all
}

// find looks for a stored file: by its inode, or compressed by its beginning.
func find(siblings []sibling, src *sourceState) string {
	for _, s := range siblings {
		if s.dev == src.dev && s.ino == src.ino && begins(src.log, s.path, src.head) {
			return s.path
		}
	}
	for _, s := range siblings {
		if strings.HasSuffix(s.path, ".gz") && len(src.head) > 0 && begins(src.log, s.path, src.head) {
			return s.path
		}
	}
	return ""
}

// begins reports whether a file begins with head.
func begins(log, path string, head []byte) bool {
	t, err := openTail(log, path, 0)
	if err != nil {
		return false
	}
	defer t.f.Close()
	got := make([]byte, len(head))
	if t.gz != nil {
		_, err = io.ReadFull(t.gz, got)
	} else {
		_, err = t.f.ReadAt(got, 0)
	}
	return (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(got, head)
}

func openTail(log, path string, offset int64) (*tail, error) {
	// Whoever may write the directory must not make the console hang, nor read
	// what he may not.
	flag := os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_CLOEXEC
	if path != log {
		flag |= syscall.O_NOFOLLOW
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	t := &tail{path: path, f: f, new: true}
	t.log = log
	t.dev, t.ino = identity(info)
	t.offset = offset
	t.seen = info.ModTime().UnixMilli()
	if strings.HasSuffix(path, ".gz") {
		if t.gz, err = gzip.NewReader(f); err == nil {
			_, err = io.CopyN(io.Discard, t.gz, offset)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
	}
	return t, nil
}

// poll reads what is there into b, to the batch's bound, and reports whether
// there may be more.
func (f *follower) poll(b *batch, now time.Time) (more bool) {
	f.err = nil
	f.open()
	if d := now.Sub(f.looked); len(f.done) > 0 && (d > quiet || d < 0) {
		f.looked = now
		f.grown(f.siblings())
	}
	for i := 0; i < len(f.tails); i++ {
		t := f.tails[i]
		if b.full() {
			return true
		}
		full, err := t.read(b, f)
		if err != nil {
			f.err = err
		}
		if full {
			return true
		}
		t.seen = min(t.seen, now.UnixMilli()) // a clock may go back
		if t.gz != nil || t.old && now.Sub(time.UnixMilli(t.seen)) > quiet && f.last() != t {
			if len(t.buf) > 0 {
				b.addBad(f.log, t.offset, "the file ends inside of a line", t.buf)
				t.offset += int64(len(t.buf))
			}
			t.done = true
			f.done = append(f.done, t.sourceState)
			b.sources = append(b.sources, t.sourceState)
			t.f.Close()
			// Reading may have put a file before it.
			i = slices.Index(f.tails, t)
			f.tails = slices.Delete(f.tails, i, i+1)
			i--
		}
	}
	return false
}

func (b *batch) full() bool { return len(b.items)+len(b.bad) >= batchLines }

func (f *follower) last() *tail {
	if len(f.tails) == 0 {
		return nil
	}
	return f.tails[len(f.tails)-1]
}

// open takes up the file that has the log's name, when it is another one.
func (f *follower) open() {
	info, err := os.Stat(f.log)
	if err != nil {
		f.err = err // rotated by rename and not yet made again, or never there
		return
	}
	dev, ino := identity(info)
	if t := f.last(); t != nil && t.dev == dev && t.ino == ino {
		return
	}
	t, err := openTail(f.log, f.log, 0)
	if err != nil {
		f.err = err
		return
	}
	for i, o := range f.tails {
		if o.dev == dev && o.ino == ino {
			f.tails = append(slices.Delete(f.tails, i, i+1), o)
			t.f.Close()
			t = o
			break
		}
	}
	for _, o := range f.tails {
		o.old = true
	}
	if f.last() != t && len(f.tails)+len(f.done) > 0 {
		f.missed(f.siblings())
	}
	if t.old = false; f.last() != t {
		f.tails = append(f.tails, t)
	}
}

// read takes whole lines into b, and reports whether b became full.
func (t *tail) read(b *batch, f *follower) (full bool, err error) {
	if t.gz == nil {
		if err := t.truncated(f, b); err != nil {
			return false, err
		}
	}
	chunk := make([]byte, 256<<10)
	taken, grown := 0, false
	for !b.full() && taken < batchBytes {
		n, err := t.next(chunk)
		if n > 0 {
			taken += n
			grown = true
			if t.offset == 0 && len(t.buf) < headSize {
				t.head = append(t.head[:min(len(t.head), len(t.buf))], chunk[:n]...)
				t.head = t.head[:min(len(t.head), headSize)]
			}
			t.buf = append(t.buf, chunk[:n]...)
			t.lines(b)
		}
		if err != nil || n == 0 {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
			if grown || t.new {
				t.store(b, grown)
			}
			return false, nil
		}
	}
	t.store(b, grown)
	return true, nil
}

func (t *tail) store(b *batch, grown bool) {
	if grown {
		t.seen = time.Now().UnixMilli()
	}
	t.new = false
	b.sources = append(b.sources, t.sourceState)
}

func (t *tail) next(p []byte) (int, error) {
	if t.gz != nil {
		return t.gz.Read(p)
	}
	return t.f.ReadAt(p, t.offset+int64(len(t.buf)))
}

// lines takes the whole lines out of buf. A bounded batch is not exceeded by
// more than one chunk.
func (t *tail) lines(b *batch) {
	rest := t.buf
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		line := rest[:i]
		switch {
		case t.skip:
			t.skip = false
		case i > maxLine:
			b.count("lines", 1)
			b.addBad(t.log, t.offset, fmt.Sprintf("longer than %d bytes", maxLine), line)
		case len(bytes.TrimSpace(line)) > 0:
			b.addLine(t.log, t.offset, line)
		}
		rest = rest[i+1:]
		t.offset += int64(i) + 1
	}
	if len(rest) > maxLine {
		if !t.skip {
			b.count("lines", 1)
			b.addBad(t.log, t.offset, fmt.Sprintf("longer than %d bytes", maxLine), rest)
		}
		t.skip = true
		t.offset += int64(len(rest))
		rest = nil
	}
	t.buf = append(t.buf[:0], rest...)
}

// truncated notices that the file began anew (copytruncate). What was written
// between the last look and the copy is in the copy: it is read there.
func (t *tail) truncated(f *follower, b *batch) error {
	info, err := t.f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	read := t.offset + int64(len(t.buf))
	if size == read {
		return nil
	}
	same := size > read
	if same && len(t.head) > 0 {
		now := make([]byte, len(t.head))
		n, err := t.f.ReadAt(now, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		same = bytes.Equal(now[:n], t.head)
	}
	if same {
		return nil
	}

	src := t.sourceState
	for _, sib := range f.siblings() {
		if sib.dev == t.dev && sib.ino == t.ino || len(src.head) == 0 || !begins(f.log, sib.path, src.head) {
			continue
		}
		if c, err := openTail(t.log, sib.path, src.offset); err == nil {
			c.head, c.old = src.head, true
			f.tails = slices.Insert(f.tails, 0, c)
			break
		}
	}
	b.count("truncations", 1)
	t.offset, t.buf, t.head, t.skip, t.new = 0, nil, nil, false, true
	return nil
}

// behind is how many bytes are not read yet.
func (t *tail) behind() int64 {
	info, err := t.f.Stat()
	if err != nil || t.gz != nil {
		return 0
	}
	return max(info.Size()-t.offset, 0)
}

func (f *follower) close() {
	for _, t := range f.tails {
		t.f.Close()
	}
	f.tails = nil
}

// ingester moves lines from the logs into the store, and is the store's only
// writer.
type ingester struct {
	store     *store
	followers []*follower
	age       time.Duration
	size      int64
	changed   func() // after a commit that added events
	report    func(error)
	poll      time.Duration
	retained  time.Time
	state     *ingestState
}

func newIngester(s *store, logs []string) (*ingester, error) {
	in := &ingester{
		store: s, changed: func() {}, report: func(error) {}, poll: pollInterval, state: &ingestState{},
	}
	var b batch
	for _, log := range logs {
		log, err := filepath.Abs(log)
		if err != nil {
			return nil, err
		}
		f := &follower{log: log}
		var stored []sourceState
		rows, err := s.r.Query(qSources, log)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			src := sourceState{log: log}
			if err := rows.Scan(&src.dev, &src.ino, &src.offset, &src.head, &src.seen, &src.done); err != nil {
				rows.Close()
				return nil, err
			}
			stored = append(stored, src)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		f.resume(stored, &b)
		in.followers = append(in.followers, f)
	}
	_, err := s.commit(&b)
	return in, err
}

// step reads and stores one batch. It reports whether there may be more.
func (in *ingester) step(now time.Time) (more bool, err error) {
	var b batch
	for _, f := range in.followers {
		more = f.poll(&b, now) || more
	}
	if len(b.items)+len(b.bad)+len(b.sources)+len(b.dropped) > 0 {
		added, err := in.store.commit(&b)
		if err != nil {
			// Nothing of the batch is stored: the files have to be read again
			// from where they were.
			return false, errors.Join(err, in.rewind())
		}
		if n := len(b.items); n > 0 {
			in.state.batch(b.items[n-1].ts, now.UnixMilli(), added)
		}
		if added > 0 || len(b.bad) > 0 {
			in.changed()
		}
	}
	in.state.look(in.followers)
	return more, nil
}

// rewind starts the followers again from what is stored.
func (in *ingester) rewind() error {
	logs := []string{}
	for _, f := range in.followers {
		f.close()
		logs = append(logs, f.log)
	}
	again, err := newIngester(in.store, logs)
	if err == nil {
		in.followers = again.followers
	}
	return err
}

// run ingests until ctx ends.
func (in *ingester) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	last := ""
	for {
		more, err := in.step(time.Now())
		if err == nil && time.Since(in.retained) > time.Minute { // also when there is always more
			in.retained = time.Now()
			for again := true; again && err == nil && ctx.Err() == nil; {
				again, err = in.store.retain(time.Now(), in.age, in.size)
			}
			in.changed()
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != last && text != "" {
			in.report(err)
		}
		last = text
		wait := in.poll
		if err != nil {
			wait = time.Second
		} else if more {
			wait = 0
		}
		in.state.fail(text)
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}
