package console

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Record is one line of the event log. Fields that it does not know are kept in
// the stored line, and those that it knows may all be absent but the time and
// the id.
type Record struct {
	Time    time.Time `json:"@timestamp"`
	Message string    `json:"message"`
	Event   struct {
		Action   string `json:"action"`
		ID       string `json:"id"`
		Severity int    `json:"severity"`
		Dataset  string `json:"dataset"`
		Duration int64  `json:"duration"` // nanoseconds, as ECS has it
		Reason   string `json:"reason"`
	} `json:"event"`
	Rule struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Ruleset string `json:"ruleset"`
		Version string `json:"version"`
	} `json:"rule"`
	Source      Endpoint `json:"source"`
	Client      Endpoint `json:"client"`
	Destination Endpoint `json:"destination"`
	URL         struct {
		Scheme string `json:"scheme"`
		Domain string `json:"domain"`
		Path   string `json:"path"`
		Query  string `json:"query"`
	} `json:"url"`
	HTTP struct {
		Request struct {
			Method string `json:"method"`
			ID     string `json:"id"`
			Body   struct {
				Content string `json:"content"`
				Bytes   int64  `json:"bytes"`
			} `json:"body"`
		} `json:"request"`
		Response struct {
			Status int `json:"status_code"`
		} `json:"response"`
	} `json:"http"`
	UserAgent struct {
		Original string `json:"original"`
	} `json:"user_agent"`
	User struct {
		Name string `json:"name"`
	} `json:"user"`
	Observer struct {
		Version  string `json:"version"`
		Hostname string `json:"hostname"`
	} `json:"observer"`
	Service struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"service"`
	Wallarm struct {
		Attack struct {
			Type      string   `json:"type"`
			Point     []string `json:"point"`
			Path      string   `json:"path"`
			Match     string   `json:"match"`
			Score     int      `json:"score"`
			Threshold int      `json:"threshold"`
		} `json:"attack"`
		Findings      []Finding `json:"findings"`
		FindingsTotal int       `json:"findings_total"`
		Violation     struct {
			Token   string `json:"token"`
			Section string `json:"section"`
		} `json:"violation"`
		WebSocket struct {
			ConnectionID string `json:"connection_id"`
			MessageNo    int64  `json:"message_no"`
			Direction    string `json:"direction"`
			Transport    string `json:"transport"`
			Opcode       string `json:"opcode"`
			Fragments    int    `json:"fragments"`
			Compressed   bool   `json:"compressed"`
			Framework    string `json:"framework"`
			EventName    string `json:"event_name"`
			Format       string `json:"format"`
			Subprotocol  string `json:"subprotocol"`
			CloseCode    int    `json:"close_code"`
			Origin       string `json:"origin"`
			// Of a connection that ended.
			Client     loose `json:"client"`
			Server     loose `json:"server"`
			Attacks    loose `json:"attacks"`
			Dropped    loose `json:"dropped"`
			Violations loose `json:"violations"`
		} `json:"websocket"`
		Payload       []byte `json:"payload_base64"`
		PayloadOffset int64  `json:"payload_offset"`
		Truncated     bool   `json:"truncated"`
		Redacted      loose  `json:"redacted"`
		Hits          int64  `json:"hits"`
		Request       string `json:"request"`
		Exception     loose  `json:"exception"`
		Ignore        loose  `json:"ignore"` // the exception's first name
		Chain         loose  `json:"chain"`
	} `json:"wallarm"`
}

// Endpoint is one end of the connection.
type Endpoint struct {
	IP      string `json:"ip"`
	Address string `json:"address"`
	Port    int    `json:"port"`
}

func (e Endpoint) String() string {
	if e.IP == "" {
		return e.Address
	}
	return e.IP
}

// Finding is one thing that scored.
type Finding struct {
	Type  string `json:"type"`
	Rule  string `json:"rule"`
	Path  string `json:"path"`
	Match string `json:"match"`
	Score int    `json:"score"`
}

// loose is a member whose type may change: it never fails a line.
type loose struct{ v any }

func (l *loose) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &l.v) }

// text joins what l has into one line.
func (l loose) text(sep string) string {
	switch v := l.v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "yes"
		}
	case []any:
		var parts []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, sep)
	}
	return ""
}

// The kinds of a record: the last word of its dataset. There may be others.
const (
	kindAttack     = "attack"
	kindViolation  = "violation"
	kindIgnored    = "ignored"
	kindConnection = "connection"
)

// maxLine is the longest line that is read. Events have a bound of 64 KiB.
const maxLine = 1 << 20

var (
	errNoID   = errors.New("no event.id")
	errNoTime = errors.New("no @timestamp")
)

// parse reads one line.
func parse(line []byte, r *Record) error {
	*r = Record{}
	if err := json.Unmarshal(line, r); err != nil {
		return err
	}
	if r.Event.ID == "" {
		return errNoID
	}
	if r.Time.IsZero() {
		return errNoTime
	}
	if r.Wallarm.Hits < 1 {
		r.Wallarm.Hits = 1
	}
	if r.Wallarm.Hits > 1<<31-1 {
		r.Wallarm.Hits = 1<<31 - 1
	}
	return nil
}

// uid is the event's id as it is stored: 16 bytes.
func (r *Record) uid() []byte {
	if b, err := hex.DecodeString(r.Event.ID); err == nil && len(b) == 16 {
		return b
	}
	sum := sha256.Sum256([]byte(r.Event.ID))
	return sum[:16]
}

func (r *Record) kind() string {
	if r.Event.Action == kindIgnored {
		return kindIgnored
	}
	d := r.Event.Dataset
	return d[strings.LastIndexByte(d, '.')+1:]
}

// what names the record: the attack's type or the violation's token.
func (r *Record) what() string {
	switch {
	case r.Wallarm.Attack.Type != "":
		return r.Wallarm.Attack.Type
	case r.Wallarm.Violation.Token != "":
		return r.Wallarm.Violation.Token
	case r.Event.Reason != "":
		return r.Event.Reason
	}
	return r.kind()
}

// rule is the rule's id; a violation is its own rule.
func (r *Record) rule() string {
	if r.Rule.ID != "" {
		return r.Rule.ID
	}
	return r.Wallarm.Violation.Token
}

// point is where in the message: the path as an exception names it.
func (r *Record) point() string {
	if r.Wallarm.Attack.Path != "" {
		return r.Wallarm.Attack.Path
	}
	return strings.Join(r.Wallarm.Attack.Point, " ")
}

func (r *Record) host() string {
	if r.URL.Domain != "" {
		return r.URL.Domain
	}
	return r.Service.Name
}

// connection is a hash of what tells one connection from all others, 0 without
// one.
func (r *Record) connection() int64 {
	id := r.Wallarm.WebSocket.ConnectionID
	if id == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(r.Observer.Hostname + "\x00" + id + "\x00" + r.Source.String() + "\x00" + strconv.Itoa(r.Source.Port)))
	return int64(binary.BigEndian.Uint64(sum[:])>>1) | 1
}

// searched is the text that full-text search finds the record by.
func (r *Record) searched() string {
	const limit = 4 << 10
	var b strings.Builder
	for _, s := range []string{
		r.what(), r.rule(), r.Rule.Name, r.host(), r.URL.Path, r.Source.String(), r.User.Name,
		r.Wallarm.WebSocket.EventName, r.Wallarm.Attack.Path, r.Wallarm.Attack.Match,
		r.HTTP.Request.ID, r.Wallarm.WebSocket.ConnectionID, r.UserAgent.Original,
		r.HTTP.Request.Body.Content,
	} {
		if s == "" {
			continue
		}
		if room := limit - b.Len(); len(s) > room {
			s = s[:max(room, 0)]
		}
		b.WriteString(strings.ToValidUTF8(s, " "))
		b.WriteByte('\n')
	}
	return strings.ReplaceAll(b.String(), partMark, " ")
}
