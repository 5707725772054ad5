package detect

import (
	"strings"
	"testing"

	"github.com/corazawaf/libinjection-go"
	"github.com/stretchr/testify/require"
)

// Code is judged in its parts: a head of "if (...) {" neither makes an attack
// of what follows, nor hides one.
func TestConditional(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		attack bool
	}{
		"braces":            {`if (a < b && c > d) { return "x"; } is the line that broke the build`, false},
		"bare word":         {"if (a) { b }", false},
		"nested":            {"if (a) { if (b) { c } }", false},
		"attack behind":     {"if (a) { ' OR 1=1 -- ", true},
		"attack inside":     {"if (' or 1=1 --) {", true},
		"SQL's IF":          {"if(1, 1, 2) union select 3", true},
		"SQL behind it":     {"if (1) union select 3", true},
		"comment in head":   {"if (a'/*) {*/ or 1=1 -- ", true},
		"comment, SQL's IF": {"if (1/*) {*/,1,2) union select 3", true},
		"quotes in head":    {"if (a' or '){' = '){' -- ", true},
		"dashes in head":    {"if (a' --) {\n or 1=1 -- ", true},
		"hash in head":      {"if (a' #) {\n or 1=1 -- ", true},
		"attack in second":  {"if (a < b && c > d) { if (b < c && c > d) { 1 union select password from users", true},
	} {
		t.Run(name, func(t *testing.T) {
			found := Scan([]byte(c.text), Options{}, &Budget{Left: 1 << 20}, nil)
			require.Equal(t, c.attack, sum(found) >= 5, "%v", found)
		})
	}
}

// Heads are counted, so that many of them do not cost the square of the text.
func TestConditionalMany(t *testing.T) {
	const head = "if (a && b) {"
	text := strings.Repeat(head, maxConditionals+1)
	require.GreaterOrEqual(t, sum(scan(text)), 5)
	require.Less(t, sum(scan(text[len(head):])), 5)
}

// No word that libinjection knows is an attack by itself, so isWord is sound.
func TestWordAlone(t *testing.T) {
	for _, w := range sqliWords.words[1:] {
		sql, _ := libinjection.IsSQLi(w.name)
		if isWord([]byte(w.name)) && (sql || libinjection.IsXSS(w.name)) {
			t.Errorf("%q is flagged", w.name)
		}
	}
}
