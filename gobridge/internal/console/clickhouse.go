package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// clickHouse is the events of a fleet: the table of
// integrations/clickhouse/schema.sql, read through ClickHouse's HTTP interface.
type clickHouse struct {
	url            string // of the server
	user, password string
	table          string // quoted
	name           string // without the password, for the health page
	client         *http.Client

	changes atomic.Uint64
	effort  effort

	mu    sync.Mutex
	days  map[string]dayParts
	twice atomic.Pointer[string] // the days, for IN, on which some event is there twice
}

var clickHouseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// openClickHouse reads clickhouse://[user[:password]@]host[:port]/[database[/table]][?secure=1].
// Without a password there it is that of CLICKHOUSE_PASSWORD: arguments are seen
// by every user of the machine.
func openClickHouse(store string) (*clickHouse, error) {
	u, err := url.Parse(store)
	if err != nil || u.Scheme != "clickhouse" || u.Hostname() == "" || u.Fragment != "" || u.Opaque != "" {
		return nil, errors.New("--store: an address as clickhouse://user@host:8123/wallarm/websocket_events")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("--store: %w", err)
	}
	secure := false
	for name := range q {
		if name != "secure" || q.Get(name) != "1" || len(q[name]) > 1 {
			return nil, fmt.Errorf("--store: unknown parameter %q, there is secure=1", name)
		}
		secure = true
	}
	scheme, port := "http", "8123"
	if secure {
		scheme, port = "https", "8443"
	}
	if p := u.Port(); p != "" {
		port = p
	}
	names := []string{"wallarm", "websocket_events"}
	if path := strings.Trim(u.Path, "/"); path != "" {
		given := strings.Split(path, "/")
		if len(given) > 2 {
			return nil, errors.New("--store: the path is /database/table")
		}
		copy(names, given)
	}
	for _, n := range names {
		if !clickHouseName.MatchString(n) {
			return nil, fmt.Errorf("--store: %q is no name of letters, digits and _", n)
		}
	}
	c := &clickHouse{
		url: scheme + "://" + net.JoinHostPort(u.Hostname(), port) + "/", user: u.User.Username(),
		table: names[0] + "." + names[1], effort: effort{first: 20_000, more: 500 * time.Millisecond, giveUp: 5 * time.Second},
		// No proxy: the address is what the operator says, and nothing else.
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute}},
	}
	c.twice.Store(new(string))
	c.name = "clickhouse://" + net.JoinHostPort(u.Hostname(), port) + "/" + names[0] + "/" + names[1]
	var given bool
	if c.password, given = u.User.Password(); !given {
		c.password = os.Getenv("CLICKHOUSE_PASSWORD")
	}
	return c, nil
}

// quote makes a literal of any bytes. Parameters of the HTTP interface,
// {name:String}, would do that, but ClickHouse has them from 2019 on, and Debian
// 12 has 18.16. So every byte that is no letter or digit is written by its
// number: nothing of s can end the literal or be taken for an escape.
func quote(s string) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, len(s)+len(s)/2+2)
	b = append(b, '\'')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			b = append(b, c)
		default:
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		}
	}
	return string(append(b, '\''))
}

// list is quoted strings for IN, which is not empty.
func list(all []string) string {
	var b strings.Builder
	for i, s := range all {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(s))
	}
	return "(" + b.String() + ")"
}

// tuple is a row of an answer.
type tuple []json.RawMessage

// scan takes the columns into pointers, in order.
func (t tuple) scan(to ...any) error {
	if len(t) != len(to) {
		return fmt.Errorf("%d columns, not %d", len(t), len(to))
	}
	for i := range to {
		if err := json.Unmarshal(t[i], to[i]); err != nil {
			return err
		}
	}
	return nil
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// query runs a SELECT that cannot change anything, and calls scan for each row.
func (c *clickHouse) query(ctx context.Context, sql string, scan func(tuple) error) error {
	_, err := c.queryTotal(ctx, sql, scan)
	return err
}

// queryTotal is query, and says how many rows a SELECT with GROUP BY, ORDER BY
// and LIMIT has without its limit.
func (c *clickHouse) queryTotal(ctx context.Context, sql string, scan func(tuple) error) (total int, err error) {
	settings := url.Values{
		"readonly": {"2"}, "max_execution_time": {"50"}, "max_result_bytes": {fmt.Sprint(maxAnswer)},
		"output_format_json_quote_64bit_integers": {"0"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"?"+settings.Encode(), strings.NewReader(sql+" FORMAT JSONCompact"))
	if err != nil {
		return 0, err
	}
	if c.user != "" {
		req.Header.Set("X-ClickHouse-User", c.user)
		req.Header.Set("X-ClickHouse-Key", c.password)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
		return 0, fmt.Errorf("ClickHouse: %s: %s", res.Status, line[:min(len(line), 300)])
	}
	if len(body) > maxAnswer {
		return 0, errors.New("ClickHouse: the answer is too long")
	}
	var answer struct {
		Data  []tuple
		Total int `json:"rows_before_limit_at_least"`
	}
	// An error behind the first rows is in the body, which then is no JSON.
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("ClickHouse: %w", err)
	}
	for _, r := range answer.Data {
		if err := scan(r); err != nil {
			return 0, fmt.Errorf("ClickHouse: %w", err)
		}
	}
	return answer.Total, nil
}
