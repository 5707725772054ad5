package console

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// store is the database and the index over it.
type store struct {
	w    *sql.DB // one connection, for the one writer
	r    *sql.DB
	lock *os.File
	path string

	enc *zstd.Encoder
	dec *zstd.Decoder

	*index
	nextID, nextShape int64

	cache    blockCache
	effort   effort
	unparted int64 // the last event whose text does not say its part
}

// openStore opens or makes the database. Only its owner can read it: it holds
// what attackers and users sent.
func openStore(path string) (*store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s := &store{lock: lock, path: path, index: newIndex(), effort: effort{20_000, 200 * time.Millisecond, 100 * time.Millisecond, time.Second}}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s is in use by another console", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		s.Close()
		return nil, err
	}
	f.Close()

	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)"
	const wal = "&_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_pragma=temp_store(memory)"
	// The first two work in an empty file only.
	if s.w, err = sql.Open("sqlite", dsn+"&_pragma=page_size(8192)&_pragma=auto_vacuum(incremental)"+wal+
		"&_pragma=cache_size(-65536)"); err == nil {
		s.w.SetMaxOpenConns(1)
		err = s.migrate()
	}
	if err == nil {
		s.r, err = sql.Open("sqlite", dsn+wal+"&_pragma=cache_size(-8192)&_pragma=query_only(1)")
	}
	if err == nil {
		s.r.SetMaxOpenConns(4)
		s.r.SetMaxIdleConns(4)
		s.enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	}
	if err == nil {
		s.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	}
	if err == nil {
		err = s.load()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (s *store) Close() error {
	if s.dec != nil {
		s.dec.Close()
	}
	var err error
	for _, db := range []*sql.DB{s.r, s.w} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return errors.Join(err, s.lock.Close())
}

func (s *store) migrate() error {
	var version int
	if err := s.w.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	switch version {
	case schemaVersion:
		return nil
	case 0, 1:
		tx, err := s.w.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		change := schema
		if version == 1 {
			change = migrate1
		}
		if _, err := tx.Exec(change + fmt.Sprintf("; PRAGMA user_version = %d;", schemaVersion)); err != nil {
			return err
		}
		return tx.Commit()
	}
	return fmt.Errorf("the database has version %d, this console reads %d: use another file", version, schemaVersion)
}

// list is a shape as it is stored.
func (s *Shape) list() []*string {
	return []*string{&s.Kind, &s.Action, &s.Type, &s.Rule, &s.Host, &s.Path, &s.Point, &s.IP, &s.Event,
		&s.Framework, &s.Direction, &s.Observer}
}

// load fills the index from the database.
func (s *store) load() error {
	slots := map[int64]uint32{}
	rows, err := s.r.Query(qLoadShapes)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var text []byte
		var shape Shape
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		var list []string
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		for i, p := range shape.list() {
			if i < len(list) {
				*p = list[i]
			}
		}
		slots[id] = s.slot(shape, id)
		s.nextShape = max(s.nextShape, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}

	last := int64(0)
	for more := true; more; {
		rows, err := s.r.Query(qLoadEvents, last)
		if err != nil {
			return err
		}
		more = false
		for rows.Next() {
			var id, shape int64
			var r row
			if err := rows.Scan(&id, &r.ts, &shape, &r.hits, &r.conn); err != nil {
				rows.Close()
				return err
			}
			slot, ok := slots[shape]
			if last == 0 {
				s.base = id
			} else if id != last+1 {
				ok = false
			}
			if !ok {
				rows.Close()
				return fmt.Errorf("event %d does not fit in: the database is damaged", id)
			}
			s.add(slot, r)
			last, more = id, true
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
	}
	if err := s.r.QueryRow(qUnpartedTo).Scan(&s.unparted); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	s.nextID = last
	if last == 0 {
		// Ids are never used again, or an old link would show another event.
		var n sql.NullInt64
		if err := s.r.QueryRow(qLastID).Scan(&n); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		s.nextID = n.Int64
		s.base = s.nextID + 1
	}
	return nil
}

func (s *store) changed() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.generation
}

// line returns an event as it was logged, or nil.
func (s *store) line(ctx context.Context, id int64) ([]byte, error) {
	b, err := s.block(ctx, id)
	if err != nil || b == nil || id-b.first >= int64(len(b.lines)) {
		return nil, err
	}
	return b.lines[id-b.first], nil
}

// record is line, parsed; nil when it is not there any more.
func (s *store) record(ctx context.Context, id int64) (*Record, []byte, error) {
	line, err := s.line(ctx, id)
	if err != nil || line == nil {
		return nil, nil, err
	}
	r := &Record{}
	return r, line, parse(line, r)
}

// block is lines that are stored together.
type block struct {
	first int64
	lines [][]byte
}

// blockCache keeps the last few blocks: what a page shows is often in one.
type blockCache struct {
	mu   sync.Mutex
	all  [16]*block
	next int
}

func (s *store) block(ctx context.Context, id int64) (*block, error) {
	s.cache.mu.Lock()
	for _, b := range s.cache.all {
		if b != nil && b.first <= id && id < b.first+int64(len(b.lines)) {
			s.cache.mu.Unlock()
			return b, nil
		}
	}
	s.cache.mu.Unlock()

	b := &block{}
	var n int
	var z []byte
	if err := s.r.QueryRowContext(ctx, qBlock, id).Scan(&b.first, &n, &z); errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	text, err := s.dec.DecodeAll(z, nil)
	if err != nil {
		return nil, err
	}
	b.lines = bytes.Split(text, []byte("\n"))
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	s.cache.all[s.cache.next] = b
	s.cache.next = (s.cache.next + 1) % len(s.cache.all)
	return b, nil
}

// eventID finds an event by its event.id; 0 when it is not there.
func (s *store) eventID(ctx context.Context, uid []byte) (int64, error) {
	var id int64
	err := s.r.QueryRowContext(ctx, qHasEvent, uid).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// searchLimit bounds the matches that a search takes, newest first.
const searchLimit = 50_000

// effort bounds what a search costs: what no event has costs most, where all
// events have its words.
type effort struct {
	first  int64         // events that it looks at
	more   time.Duration // how long it goes on then
	trial  time.Duration // how long one for several words may take unbounded
	giveUp time.Duration // ends one that cannot be done in parts
}

// partEvents is how many events are of one part, by their ids. A text says its
// part, so that a query for several words is bound to one: FTS5 takes no lower
// bound but for what matches, and would read on to the oldest event where none
// does.
const partEvents = 4096

// part is the word in a text, of a character that is taken out of what is logged.
func part(id int64) string { return partMark + strconv.FormatInt(id/partEvents, 10) }

const partMark = "\uf8ff" // for private use: a letter to SQLite

// search returns the ids, the newest first, of those of the events lo <= id < hi
// whose text has every word of query, and from which id on it looked: lo, or
// what it came to.
func (s *store) search(ctx context.Context, query string, lo, hi int64) (ids []int64, from int64, err error) {
	ids = []int64{}
	match, several, beginning := phrases(query)
	if match == "" {
		return ids, lo, nil
	}
	started := time.Now()
	bounded, cancel := context.WithTimeout(ctx, s.effort.giveUp)
	defer cancel()
	// Most that ask for several words have rare ones among them, and end soon
	// without a bound.
	trial, end := context.WithTimeout(bounded, s.effort.trial)
	defer end()
	parted := false
	from = hi
	for n := s.effort.first; from > lo && n > 0; {
		next, match, within := max(lo, from-n), match, bounded
		switch {
		case beginning, several && from <= s.unparted+1:
			// The index makes a list of all events with all such words, whatever
			// part of it is asked for.
			next = lo
		case parted:
			next = max(lo, (from-1)/partEvents*partEvents, s.unparted+1)
			match = `"` + part(from-1) + `" ` + match
		case several:
			within = trial
		}
		known := len(ids)
		if ids, err = s.searchPart(within, ids, match, next, from); err != nil {
			switch {
			case bounded.Err() == nil && within == trial && trial.Err() != nil:
				if len(ids) > known {
					from = ids[len(ids)-1]
				}
				parted, hi, started = true, from, time.Now()
				n, err = s.effort.first, nil
				continue
			case bounded.Err() == nil || ctx.Err() != nil:
				return nil, 0, err
			}
			next = from
		}
		if len(ids) == searchLimit || err != nil {
			if len(ids) > 0 {
				next = ids[len(ids)-1]
			}
			return ids, next, nil
		}
		from = next
		took := max(time.Since(started), time.Microsecond)
		fits := int64(float64(hi-from) * float64(s.effort.more-took) / float64(took))
		n = min(2*n, fits)
	}
	return ids, from, nil
}

// searchPart appends the matches of lo <= id < hi.
func (s *store) searchPart(ctx context.Context, ids []int64, match string, lo, hi int64) ([]int64, error) {
	rows, err := s.r.QueryContext(ctx, qSearch, match, lo, hi, searchLimit-len(ids))
	if err != nil {
		return ids, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// phrases makes an FTS5 query of what a user typed: every word has to be there,
// in any order; "words in quotes" in theirs; one with a "*" at its end may be a
// beginning. It reports that, and whether there are several words. Nothing else
// that is typed is syntax.
func phrases(query string) (match string, several, beginning bool) {
	var out []string
	for _, w := range words(query) {
		several = several || len(out) > 0 || len(strings.FieldsFunc(w.text, noWord)) > 1
		text := `"` + strings.NewReplacer("\x00", " ", partMark, " ").Replace(w.text) + `"`
		if w.beginning {
			text += "*"
			beginning = true
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, " "), several, beginning
}

func noWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }

// word is what is to be found: one word, or what is in quotes.
type word struct {
	text      string
	beginning bool // of a longer one
}

// words are those of query that have anything to find. A beginning has three
// letters: too many words have shorter ones.
func words(query string) (all []word) {
	for i, part := range strings.Split(query, `"`) {
		words := []string{part}
		if i%2 == 0 {
			words = strings.Fields(part)
		}
		for _, w := range words {
			text, star := strings.CutSuffix(w, "*")
			last := text[strings.LastIndexFunc(text, noWord)+1:]
			if strings.ContainsFunc(text, func(r rune) bool { return !noWord(r) }) {
				all = append(all, word{text, star && i%2 == 0 && utf8.RuneCountInString(last) >= 3})
			}
		}
	}
	return all
}

// retain deletes what is older than age and, oldest first, what is over size
// bytes. It deletes a part at a time and reports whether it has to go on.
func (s *store) retain(now time.Time, age time.Duration, size int64) (more bool, err error) {
	const part = 5000
	s.mu.RLock()
	n := 0
	if age > 0 {
		cutoff, ahead := now.Add(-age).UnixMilli(), now.Add(time.Minute).UnixMilli()
		for i := 0; i < len(s.ts) && n < part && (s.ts[i] < cutoff || s.ts[i] > ahead); i++ {
			if s.ts[i] < cutoff {
				n = i + 1 // with those before it of which the clock was ahead
			}
		}
	}
	total := len(s.ts)
	s.mu.RUnlock()

	if n < part && size > 0 {
		used, err := s.usedBytes(context.Background())
		if err != nil {
			return false, err
		}
		if used > size && total > 0 {
			// A tenth of what is too much, at least: events differ in size.
			n = max(n, min(part, total, 1+int(float64(total)*float64(used-size)/float64(used))))
		}
	}
	if n == 0 {
		return false, nil
	}
	return true, s.dropOldest(n)
}

func (s *store) dropOldest(n int) error {
	s.mu.RLock()
	first := s.base
	behind := first + int64(n)
	s.mu.RUnlock()

	// The shapes that go are known when the index has dropped the events; a
	// crash in between leaves shapes that nobody uses, no event without one.
	tx, err := s.w.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range []string{qDropEvents, qDropBlocks} {
		if _, err := tx.Exec(q, behind); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(qDropTexts, first, behind); err != nil {
		return err
	}
	if _, err := tx.Exec(qAddCounter, "expired", n); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.mu.Lock()
	unused := s.drop(n)
	s.mu.Unlock()
	for _, id := range unused {
		if _, err := s.w.Exec(qDropShape, id); err != nil {
			return err
		}
	}
	_, err = s.w.Exec(`PRAGMA incremental_vacuum(2000)`)
	return err
}

// usedBytes is how much of the file is in use.
func (s *store) usedBytes(ctx context.Context) (int64, error) {
	n := [3]int64{}
	for i, q := range []string{`PRAGMA page_count`, `PRAGMA freelist_count`, `PRAGMA page_size`} {
		if err := s.r.QueryRowContext(ctx, q).Scan(&n[i]); err != nil {
			return 0, err
		}
	}
	return (n[0] - n[1]) * n[2], nil
}
