package console

import (
	"fmt"
	"math/rand/v2"
	"time"

	"wsi/gobridge/internal/detect"
	"wsi/gobridge/internal/event"
	"wsi/gobridge/internal/ws"
)

// generator makes event lines with the engine's own writer.
type generator struct {
	rand *rand.Rand
	now  time.Time
	conn int
}

func newGenerator(seed uint64) *generator {
	return &generator{
		rand: rand.New(rand.NewPCG(seed, 1)),
		now:  time.Now().Add(-20 * 24 * time.Hour).Truncate(time.Second),
	}
}

var generated = []struct{ typ, rule, name, match string }{
	{"xss", "941100", "XSS attack detected via libinjection", "<script>alert(%d)</script>"},
	{"xss", "941100", "XSS attack detected via libinjection", "<img src=x onerror=alert(%d)>"},
	{"sqli", "942100", "SQL injection attack detected via libinjection", "' OR %d=1 -- "},
	{"sqli", "942100", "SQL injection attack detected via libinjection", "1 UNION SELECT password,%d FROM users"},
	{"rce", "932100", "Remote command execution", "; cat /etc/passwd #%d"},
}

// line appends one attack. Some 200 clients and 12 places make the most of it;
// one in 50 is of a client of its own.
func (g *generator) line(dst []byte) []byte {
	g.now = g.now.Add(time.Duration(g.rand.IntN(3000)) * time.Millisecond)
	a := generated[g.rand.IntN(len(generated))]
	match := fmt.Sprintf(a.match, g.rand.IntN(100))
	host := []string{"chat.example.com", "app.example.com", "api.example.net"}[g.rand.IntN(3)]
	path := []string{"/socket.io/", "/ws/editor", "/cable", "/graphql"}[g.rand.IntN(4)]
	field := []string{"$[0]", "$[0].text", "$.variables.q"}[g.rand.IntN(3)]
	client := fmt.Sprintf("198.51.100.%d", g.rand.IntN(200))
	if g.rand.IntN(50) == 0 {
		client = fmt.Sprintf("10.%d.%d.%d", g.rand.IntN(256), g.rand.IntN(256), g.rand.IntN(256))
	}
	action := event.Blocked
	if g.rand.IntN(4) == 0 {
		action = event.Monitored
	}
	payload := fmt.Sprintf(`42["chat message",{"room":"lobby-%d","text":"hello there, my friend, this is what I wanted to say: %s"}]`,
		g.rand.IntN(20), match)
	g.conn++
	return event.AppendAttack(dst, &event.Meta{
		Request: []byte("GET " + path + "?EIO=4&transport=websocket HTTP/1.1\r\nHost: " + host + "\r\n" +
			"Origin: https://" + host + "\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n" +
			"Accept-Language: en-US,en;q=0.9\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nSec-WebSocket-Version: 13\r\n" +
			"Cookie: session=secret\r\n\r\n"),
		RemoteAddr: client, RemotePort: 1024 + g.rand.IntN(60000), LocalAddr: "192.0.2.1", LocalPort: 443, TLS: true,
		ServerName: host, RequestID: fmt.Sprintf("%032x", g.rand.Uint64()), Hostname: fmt.Sprintf("edge%d", g.rand.IntN(2)+1),
		ConnectionID: fmt.Sprintf("%d-%d", 4000+g.rand.IntN(4), g.conn), NginxVersion: "1.22.1", EngineVersion: "0.1.0", Now: g.now,
	}, &event.Attack{
		Direction: ws.FromClient, Opcode: ws.OpText, MessageNo: uint64(g.rand.IntN(40)), Frames: 1,
		Framework: "socket.io", Event: "chat message", Format: "json", Payload: []byte(payload), PayloadLen: len(payload),
		Hits:  []event.Hit{{Finding: detect.Finding{Type: a.typ, Rule: a.rule, Name: a.name, Score: 5}, Path: field, Match: []byte(match)}},
		Score: 5, Threshold: 5, Action: action, CloseCode: ws.ClosePolicyViolation,
	}, &event.Default)
}
