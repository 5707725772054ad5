package dfa

import (
	"io/fs"
	"regexp"
	"strings"
	"sync"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/stretchr/testify/require"
)

type rule struct {
	id      string
	level   string // paranoia
	pattern string
}

var (
	directive = regexp.MustCompile(`(?m)^\s*SecRule(?:[^\n\\]|\\.|\\\n)*`)
	operator  = regexp.MustCompile(`(?s)"!?@rx ((?:[^"\\]|\\.)*)"`)
	ruleID    = regexp.MustCompile(`id:(\d+)`)
	ruleLevel = regexp.MustCompile(`paranoia-level/(\d)`)
)

// crs returns each pattern of the OWASP CRS once. Those of a chain have no id of
// their own.
var crs = sync.OnceValue(func() []rule {
	var rules []rule
	seen := map[string]bool{}
	err := fs.WalkDir(coreruleset.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".conf") {
			return err
		}
		text, err := fs.ReadFile(coreruleset.FS, path)
		if err != nil {
			return err
		}
		for _, line := range directive.FindAllString(string(text), -1) {
			rx := operator.FindStringSubmatch(line)
			if rx == nil {
				continue
			}
			r := rule{pattern: strings.ReplaceAll(rx[1], `\"`, `"`)}
			if id := ruleID.FindStringSubmatch(line); id != nil {
				r.id = id[1]
			}
			if level := ruleLevel.FindStringSubmatch(line); level != nil {
				r.level = level[1]
			}
			if !seen[r.pattern] && !strings.Contains(r.pattern, "%{") {
				seen[r.pattern] = true
				rules = append(rules, r)
			}
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return rules
})

func TestRuleSetIsRead(t *testing.T) {
	ids := map[string]int{}
	for _, r := range crs() {
		ids[r.id]++
	}
	require.Greater(t, len(crs()), 250)
	for _, id := range []string{"942360", "941160", "932235", "920120", "933160"} {
		require.Contains(t, ids, id)
	}
}
