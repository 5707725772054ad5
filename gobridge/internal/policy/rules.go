package policy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"wsi/gobridge/internal/detect"
)

// maxRuleFiles is how many files of rules a location has.
const maxRuleFiles = 64

// Rules are those of a location: the builtin ones and those of files, which are
// read again when they change.
type Rules struct {
	files   []string
	current atomic.Pointer[loaded]
	seen    map[string]stamp // of what was read last, of the thread that reads
	err     []error          // of the first reading
}

// loaded is one reading of the files.
type loaded struct {
	set     *detect.Set
	version uint64
	count   int // of users' rules
}

// versions tells readings apart in a process.
var versions atomic.Uint64

// stamp tells whether a file is another than before.
type stamp struct {
	size, modified int64
	device, inode  uint64
	missing        bool
}

func stampOf(fi os.FileInfo) stamp {
	s := stamp{size: fi.Size(), modified: fi.ModTime().UnixNano()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode = uint64(st.Dev), st.Ino
	}
	return s
}

// Set is what is in force, and a number that no other has.
func (r *Rules) Set() (*detect.Set, uint64) {
	c := r.current.Load()
	return c.set, c.version
}

// String names the files and how many rules they have.
func (r *Rules) String() string {
	return fmt.Sprintf("%d rules of %s", r.current.Load().count, strings.Join(r.files, ", "))
}

// Err is why the files could not be read the first time.
func (r *Rules) Err() []error { return r.err }

// load reads the files. On errors what is in force stays so.
func (r *Rules) load() []error {
	seen := map[string]stamp{}
	rules, errs := detect.UserRules(r.files, func(path string) ([]byte, error) {
		data, s, err := readRules(path)
		seen[path] = s
		return data, err
	})
	r.seen = seen
	if len(errs) > 0 {
		return errs
	}
	set, err := detect.Default().With(rules)
	if err != nil {
		return []error{err}
	}
	r.current.Store(&loaded{set, versions.Add(1), len(rules)})
	return nil
}

// Reload reads the files if one of them is another than when they were read
// last. It is called off the event loop, by one thread at a time.
func (r *Rules) Reload() (changed bool, errs []error) {
	same := true
	for path, before := range r.seen {
		now := stamp{missing: true}
		if fi, err := os.Stat(path); err == nil {
			now = stampOf(fi)
		}
		same = same && now == before
	}
	if same {
		return false, nil
	}
	errs = r.load()
	return len(errs) == 0, errs
}

// ReadRules reads files of rules, for tools.
func ReadRules(files []string) ([]detect.Rule, []error) {
	return detect.UserRules(files, func(path string) ([]byte, error) {
		data, _, err := readRules(path)
		return data, err
	})
}

// readRules reads a file, at most one byte more than is allowed.
func readRules(path string) ([]byte, stamp, error) {
	// a FIFO would let the reader wait for ever
	fi, err := os.Stat(path)
	if err != nil {
		return nil, stamp{missing: true}, readError(path, err)
	}
	if !fi.Mode().IsRegular() {
		return nil, stampOf(fi), fmt.Errorf("%s: is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, stampOf(fi), readError(path, err)
	}
	defer f.Close()
	if fi, err = f.Stat(); err != nil {
		return nil, stamp{}, readError(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, detect.MaxRuleFile+1))
	if err != nil {
		return nil, stampOf(fi), readError(path, err)
	}
	return data, stampOf(fi), nil
}

// readError is err with the place first.
func readError(path string, err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Loader parses the policies of a process. Those that name the same files share
// what is in them.
type Loader struct {
	// Lenient has locations with broken files begin with the builtin rules: in
	// a worker, since a file may have been broken after the check.
	Lenient bool

	rules map[string]*Rules
}

// All are the rules that have files.
func (l *Loader) All() (all []*Rules) {
	for _, r := range l.rules {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Rules) int { return slices.Compare(a.files, b.files) })
	return all
}

// rules loads what the statements of a location name. It reports false when
// that cannot be read.
func (p *parser) loadRules(l *Loader, list []Statement) bool {
	var files []string
	var from []*Statement
	for i := range list {
		if s := &list[i]; s.Name == "wallarm_websocket_rules" && len(s.Args) == 1 && !slices.Contains(files, s.Args[0]) {
			files, from = append(files, s.Args[0]), append(from, s)
		}
	}
	if files == nil {
		return true
	}
	if len(files) > maxRuleFiles {
		p.statement = from[maxRuleFiles]
		p.say(false, "%q directive: more than %d files", p.statement.Name, maxRuleFiles)
		return false
	}
	key := strings.Join(files, "\x00")
	r := l.rules[key]
	if r == nil {
		r = &Rules{files: files}
		if r.err = r.load(); r.err != nil {
			r.current.Store(&loaded{set: detect.Default(), version: versions.Add(1)})
		}
		if l.rules == nil {
			l.rules = map[string]*Rules{}
		}
		l.rules[key] = r
	}
	p.Rules = r
	if l.Lenient {
		return true
	}
	for _, err := range r.err {
		p.statement = from[len(from)-1]
		for i, file := range files {
			if strings.HasPrefix(err.Error(), file+":") {
				p.statement = from[i]
			}
		}
		p.say(false, "%q directive: %v", p.statement.Name, err)
	}
	return len(r.err) == 0
}

func (p *parser) rules(s *Statement) error {
	if len(s.Args) != 1 {
		return errors.New("needs one file")
	}
	return nil // loadRules has read it
}

// Judging is the set of rules of p, which may be nil, and its version.
func (p *Policy) Judging() (*detect.Set, uint64) {
	if p == nil || p.Rules == nil {
		return detect.Default(), 0
	}
	return p.Rules.Set()
}

func (p *parser) ruleIDs() []string {
	if p.Rules == nil {
		return detect.RuleIDs()
	}
	set, _ := p.Rules.Set()
	return set.IDs()
}

func (p *parser) types() []string {
	if p.Rules == nil {
		return detect.Types()
	}
	set, _ := p.Rules.Set()
	return append(detect.Types(), set.Types()...)
}
