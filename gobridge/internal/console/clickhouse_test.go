package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var literal = regexp.MustCompile(`^'(?:[0-9A-Za-z]|\\x[0-9a-f]{2})*'$`)

// unquote reads a literal as ClickHouse does.
func unquote(t testing.TB, s string) string {
	require.Regexp(t, literal, s)
	s = s[1 : len(s)-1]
	var b strings.Builder
	for len(s) > 0 {
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		n, err := strconv.ParseUint(s[2:4], 16, 8)
		require.NoError(t, err)
		b.WriteByte(byte(n))
		s = s[4:]
	}
	return b.String()
}

func TestQuote(t *testing.T) {
	for s, want := range map[string]string{
		"": "''", "abc09": "'abc09'", "'": `'\x27'`, `\`: `'\x5c'`, `\'`: `'\x5c\x27'`, "a b": `'a\x20b'`, "\x00\n\xff": `'\x00\x0a\xff'`,
		"д": `'\xd0\xb4'`, "'; DROP TABLE x --": `'\x27\x3b\x20DROP\x20TABLE\x20x\x20\x2d\x2d'`,
	} {
		require.Equal(t, want, quote(s))
	}
	all := ""
	for c := range 256 {
		all += string([]byte{byte(c)})
	}
	require.Equal(t, all, unquote(t, quote(all)))
	require.Equal(t, `('a','\x27')`, list([]string{"a", "'"}))
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "'", `\`, `\x27`, "a' OR '1'='1", "\x00\xff", "{name:String}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { require.Equal(t, s, unquote(t, quote(s))) })
}

// FuzzWhere: whatever is asked for, conditions have nothing of it but literals.
func FuzzWhere(f *testing.F) {
	for _, s := range []string{"type=xss", "-ip=198.51.100.*&q=union+select", "kind=x'&host=%27%29+OR+1%3D1&q=%22a%22%5C", "from=2026-01-01&to=2026-02-01&point=*"} {
		f.Add(s)
	}
	strings := regexp.MustCompile(`'(?:[0-9A-Za-z]|\\x[0-9a-f]{2})*'`)
	fixed := regexp.MustCompile(`^(?:[a-z_A-Z0-9 (),<>=!+-]|L)*$`)
	f.Fuzz(func(t *testing.T, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := parseRequest(v, msTime(1_800_000_000_000))
		if err != nil {
			return
		}
		for _, c := range append(where(&q.Filter, false), has(q.Query)...) {
			require.Regexp(t, fixed, strings.ReplaceAllString(c, "L"))
		}
	})
}

func TestOpenClickHouse(t *testing.T) {
	t.Setenv("CLICKHOUSE_PASSWORD", "of-environment")
	for store, want := range map[string]*clickHouse{
		"clickhouse://h":    {url: "http://h:8123/", table: "wallarm.websocket_events", name: "clickhouse://h:8123/wallarm/websocket_events", password: "of-environment"},
		"clickhouse://u@h/": {url: "http://h:8123/", table: "wallarm.websocket_events", name: "clickhouse://h:8123/wallarm/websocket_events", user: "u", password: "of-environment"},
		"clickhouse://u:p%40@[::1]:1/db/tab?secure=1": {url: "https://[::1]:1/", table: "db.tab", name: "clickhouse://[::1]:1/db/tab", user: "u", password: "p@"},
		"clickhouse://h/db?secure=1":                  {url: "https://h:8443/", table: "db.websocket_events", name: "clickhouse://h:8443/db/websocket_events", password: "of-environment"},
		"http://h":                                    {}, "clickhouse:h": {}, "clickhouse://": {}, "clickhouse://h/a/b/c": {}, "clickhouse://h/a.b": {},
		"clickhouse://h/a;b": {}, "clickhouse://h/'": {}, "clickhouse://h?x=1": {}, "clickhouse://h?secure=0": {}, "clickhouse://h#f": {},
	} {
		got, err := openClickHouse(store)
		if want.url == "" {
			require.ErrorContains(t, err, "--store", store)
			continue
		}
		require.NoError(t, err, store)
		require.Equal(t, want.url, got.url)
		require.Equal(t, want.table, got.table)
		require.Equal(t, want.name, got.name)
		require.Equal(t, [2]string{want.user, want.password}, [2]string{got.user, got.password})
	}
}

// FINAL is only where an event is twice, and a day is looked at when its parts
// have changed.
func TestClickHouseLook(t *testing.T) {
	parts, twice := `["2026-11-27","1"],["2026-11-28","2"]`, 0
	looked := ""
	ch := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if strings.Contains(string(b), "system.parts") {
			fmt.Fprintf(w, `{"data":[%s]}`, parts)
			return
		}
		for _, day := range []string{"27", "28", "29"} {
			if strings.Contains(string(b), `toDate('2026\x2d11\x2d`+day+`')`) {
				looked += day + " "
			}
		}
		fmt.Fprintf(w, `{"data":[[%d]]}`, twice)
	}))
	defer ch.Close()
	c, err := openClickHouse("clickhouse://" + strings.TrimPrefix(ch.URL, "http://"))
	require.NoError(t, err)
	look := func(days int, final bool) {
		t.Helper()
		looked = ""
		require.NoError(t, c.look(t.Context()))
		require.Len(t, strings.Fields(looked), days, looked)
		require.Equal(t, final, strings.Contains(c.from(nil), "FINAL"))
	}
	look(2, false)
	look(0, false)
	parts, twice = `["2026-11-27","1"],["2026-11-28","3"]`, 1
	look(1, true)
	require.Equal(t, "28 ", looked)
	look(0, true)
	parts, twice = `["2026-11-28","4"],["2026-11-29","1"]`, 0 // merged, and another dropped
	look(2, false)
}

// What goes wrong with the server is an error, and none of it is on a page.
func TestClickHouseErrors(t *testing.T) {
	var status int
	var answer string
	var asked *http.Request
	var sql string
	ch := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked, sql = r, string(b)
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	defer ch.Close()
	c, err := openClickHouse("clickhouse://reader:secret@" + strings.TrimPrefix(ch.URL, "http://"))
	require.NoError(t, err)
	srv, err := newServer(c, nil, &hub{}, newHosts("127.0.0.1:8765", nil), "1")
	require.NoError(t, err)
	var log strings.Builder
	srv.errors.SetOutput(&log)
	h := srv.handler()
	for _, tt := range []struct {
		status         int
		answer, logged string
	}{
		{500, "Code: 60, e.displayText() = DB::Exception: Table wallarm.websocket_events doesn't exist.\nstack", "ClickHouse: 500 Internal Server Error: Code: 60, e.displayText() = DB::Exception: Table wallarm.websocket_events doesn't exist."},
		{403, "", "ClickHouse: 403 Forbidden"},
		{200, `{"data":[["1"],`, "ClickHouse: unexpected end of JSON input"},
		{200, `{"data":[["x"]]}`, "ClickHouse: 1 columns, not 2"},
		{200, `{"data":[["a",1]]}`, "ClickHouse: json: cannot unmarshal number"},
	} {
		log.Reset()
		status, answer = tt.status, tt.answer
		r := get(t, h, "/attacks")
		require.Equal(t, 500, r.StatusCode)
		text := body(t, r)
		require.NotContains(t, text, "ClickHouse")
		require.Contains(t, text, "went wrong")
		require.Contains(t, log.String(), tt.logged)
		require.NotContains(t, log.String(), "stack")
	}
	require.Equal(t, "reader", asked.Header.Get("X-ClickHouse-User"))
	require.Equal(t, "secret", asked.Header.Get("X-ClickHouse-Key"))
	require.Equal(t, "2", asked.URL.Query().Get("readonly"))
	require.True(t, strings.HasPrefix(sql, "SELECT "))
	require.True(t, strings.HasSuffix(sql, " FORMAT JSONCompact"))
	var e map[string]string
	require.NoError(t, json.Unmarshal([]byte(body(t, get(t, h, "/api/health"))), &e))
	require.NotContains(t, e["error"], "ClickHouse")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.healthView(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// A search goes back a part at a time; what it says it came to is where the
// next one begins, and none is left out or found twice.
func TestClickHouseSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var all []int64 // ms
	for len(all) < 30_000 {
		at := 1_700_000_000_000 + int64(len(all))*5000
		for range []int{1, 1, 1, 3, 2000}[r.IntN(5)*(1-min(len(all)%7, 1))] { // some in one millisecond
			all = append(all, at+int64(r.IntN(2)))
		}
	}
	slices.Sort(all)
	read, longest := 0, 0
	bound := regexp.MustCompile(`ms (>=|<) (\d+)`)
	bar := regexp.MustCompile(`intDiv\(ms - \((\d+)\), (\d+)\)`)
	limit := regexp.MustCompile(`LIMIT (\d+)`)
	number := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }
	ch := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		sql := string(b)
		lo, hi := 0, len(all)
		for _, m := range bound.FindAllStringSubmatch(sql, -1) {
			i, _ := slices.BinarySearch(all, number(m[2]))
			if m[1] == "<" {
				hi = i
			} else {
				lo = i
			}
		}
		var rows []string
		switch {
		case strings.HasPrefix(sql, "SELECT min(ms)"):
			rows = append(rows, fmt.Sprintf("[%d,%d]", all[0], all[len(all)-1]))
		case bar.MatchString(sql):
			m := bar.FindStringSubmatch(sql)
			n := map[int64]int{}
			for _, ms := range all[lo:hi] {
				n[(ms-number(m[1]))/number(m[2])]++
			}
			for _, k := range slices.Sorted(maps.Keys(n)) {
				rows = append(rows, fmt.Sprintf("[%d,%d]", k, n[k]))
			}
		default:
			require.Contains(t, sql, "positionCaseInsensitive(request, 'word')")
			read, longest = read+hi-lo, max(longest, hi-lo)
			n := int(number(limit.FindStringSubmatch(sql)[1]))
			for i := hi - 1; i >= lo && len(rows) < n; i-- {
				if i%3 == 0 { // that have the word
					rows = append(rows, fmt.Sprintf(`["attack","blocked","xss","1","h","/","$","::1","","","","",%d,1,"%d","%d"]`, all[i], i, i/2))
				}
			}
		}
		fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(rows, ","))
	}))
	defer ch.Close()
	c, err := openClickHouse("clickhouse://" + strings.TrimPrefix(ch.URL, "http://"))
	require.NoError(t, err)
	for _, more := range []time.Duration{0, time.Hour} {
		c.effort = effort{first: 400, more: more, giveUp: time.Hour}
		read, longest = 0, 0
		times := map[string]int{}
		searches := 0
		q, err := parseRequest(url.Values{"q": {"word"}}, time.Now())
		require.NoError(t, err)
		for {
			f, err := c.search(t.Context(), &q.Filter, false)
			require.NoError(t, err)
			for _, id := range f.ids {
				times[id]++
			}
			searches++
			if !f.Limited {
				break
			}
			require.False(t, f.From.IsZero())
			q.To = *f.From
		}
		require.Len(t, times, (len(all)+2)/3)
		for id, n := range times {
			require.Equal(t, 1, n, id)
		}
		if more == 0 {
			require.Equal(t, len(all), read)
			require.Greater(t, searches, 10)
			require.LessOrEqual(t, longest, 2*2000+400, "a part has so many events, or those of one millisecond")
		} else {
			require.Equal(t, 2, searches, "the limit of what is found")
		}
	}
}
