package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// sample is one text and what came of it.
type sample struct {
	Text   string `json:"text"`
	Class  string `json:"class"`
	Source string `json:"source"`
	Enc    string `json:"enc"`
	Base   string `json:"base"`

	id   string
	held bool // of the part that nobody looks at while writing rules
	judgement
}

// corpus is a set of samples by group: an attack's class, a benign group.
type corpus struct {
	attacks map[string][]*sample
	benign  map[string][]*sample
	evasion []*sample
	all     []*sample
}

// load reads the files of dir.
func load(dir string) (*corpus, error) {
	if dir == "" {
		return nil, errors.New("no corpus: name its directory, as in make quality CORPUS_DIR=../shared/corpus")
	}
	c := &corpus{attacks: map[string][]*sample{}, benign: map[string][]*sample{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	for _, path := range paths {
		samples, err := read(path)
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, samples...)
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		if class, ok := strings.CutPrefix(name, "attack-"); ok {
			c.attacks[class] = samples
		} else if group, ok := strings.CutPrefix(name, "benign-"); ok {
			c.benign[group] = samples
		} else if name == "evasion" {
			c.evasion = samples
		}
	}
	if len(c.attacks) == 0 || len(c.benign) == 0 || len(c.evasion) == 0 {
		return nil, fmt.Errorf("no corpus in %q: attack-*.jsonl, benign-*.jsonl and evasion.jsonl are needed; "+
			"name its directory with CORPUS_DIR=", dir)
	}
	return c, nil
}

func read(path string) ([]*sample, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	var samples []*sample
	for line := 1; in.Scan(); line++ {
		s := new(sample)
		if err := json.Unmarshal(in.Bytes(), s); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		sum := sha1.Sum([]byte("quality:" + s.Text))
		s.id = hex.EncodeToString(sum[:6])
		s.held = sum[19]&3 == 3
		if s.Enc != "" {
			sum = sha1.Sum([]byte("quality:" + s.Base)) // with its plain payload
			s.held = sum[19]&3 == 3
		}
		samples = append(samples, s)
	}
	return samples, in.Err()
}

// part is c without what is held out, or only that. A payload's encodings stay together.
func (c *corpus) part(held bool) *corpus {
	only := func(samples []*sample) (kept []*sample) {
		for _, s := range samples {
			if s.held == held {
				kept = append(kept, s)
			}
		}
		return kept
	}
	h := &corpus{attacks: map[string][]*sample{}, benign: map[string][]*sample{}, evasion: only(c.evasion), all: only(c.all)}
	for class, samples := range c.attacks {
		h.attacks[class] = only(samples)
	}
	for group, samples := range c.benign {
		h.benign[group] = only(samples)
	}
	return h
}

// bySize is the keys of groups, the largest group first.
func bySize(groups map[string][]*sample) []string {
	var names []string
	for name := range groups {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if a, b := len(groups[names[i]]), len(groups[names[j]]); a != b {
			return a > b
		}
		return names[i] < names[j]
	})
	return names
}
