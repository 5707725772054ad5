//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// Pitfall 13: a message that dribbles in, or stops, is not waited for forever;
// each byte would re-arm proxy_read_timeout.
func TestAssemblyTimeout(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_websocket_assembly_timeout 300ms;"})
	count := 0
	for name, tt := range map[string]struct {
		first   []byte
		dribble bool
	}{
		"half a header": {text("hello")[:1], false},
		"half a frame":  {text("hello")[:8], false},
		"fragment":      {more("hello"), false},
		"dribbled":      {text(prose(60 << 10))[:8], true},
		"heartbeats":    {more("hello"), true},
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			client, backend := n.connect()
			talk(client, backend)
			client.send(tt.first)
			done := make(chan struct{})
			stop := make(chan struct{})
			go func() {
				defer close(done)
				for tick := time.NewTicker(20 * time.Millisecond); tt.dribble; {
					select {
					case <-stop:
						tick.Stop()
						return
					case <-tick.C:
						client.Conn.Write(ping("")[:1])
					}
				}
			}()
			client.closed(false, ws.ClosePolicyViolation)
			close(stop)
			<-done
			for h, _ := backend.frame(); h.Opcode != ws.OpClose; h, _ = backend.frame() {
				require.True(t, h.Opcode.IsControl())
			}
			count++
			require.Equal(t, "message_assembly_timeout blocked", n.whats(count)[count-1])
		})
	}
	t.Run("idle", func(t *testing.T) {
		// between messages there is no deadline, and each message has its own
		n := n.in(t)
		client, backend := n.connect()
		talk(client, backend)
		for range 8 {
			client.send(more("a"))
			settled(client, backend)
			<-time.After(100 * time.Millisecond)
			client.send(last("b"))
			backend.expect(more("a"), last("b"))
		}
		<-time.After(500 * time.Millisecond)
		talk(client, backend)
	})
	t.Run("handshake judged off the loop", func(t *testing.T) {
		// which has a deadline of its own
		n := n.in(t)
		client := n.client()
		var lines []string
		for i, value := range wstest.Doubtful(60) { // more than the loop can afford
			lines = append(lines, fmt.Sprintf("X-%d: %s\r\n", i, value))
		}
		client.send(request("/", lines...))
		backend := n.accept()
		backend.head()
		backend.send(response())
		require.Contains(n, client.head(), "HTTP/1.1 101 ")
		client.send(more("hello"))
		client.closed(false, ws.ClosePolicyViolation)
		count++
		require.Equal(t, "message_assembly_timeout blocked", n.whats(count)[count-1])
	})
	t.Run("monitoring", func(t *testing.T) {
		n := start(t, conf{location: "wallarm_mode monitoring; wallarm_websocket_assembly_timeout 100ms;"})
		client, backend := n.connect()
		client.send(more("a"))
		<-time.After(300 * time.Millisecond)
		client.send(last("b"))
		backend.expect(more("a"), last("b"))
		require.Empty(t, n.log("websocket_attacks.json"))
	})
}

// A header field in hundreds of lines is joined in the memory of one: the request
// may stay for as long as the backend takes.
func TestManyHeaderLines(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	client, backend := n.connect()
	talk(client, backend)
	before := rss(n.worker())
	for range 10 {
		n.client().send([]byte("GET / HTTP/1.1\r\nHost: chat.example\r\n"), bytes.Repeat([]byte("Upgrade:"+strings.Repeat("a", 22)+"\r\n"), 900), []byte("\r\n"))
		n.accept().skipHead()
	}
	require.Less(t, rss(n.worker())-before, 30<<20)
}

// Pitfall 13: silence within a held message is ended by proxy_read_timeout.
func TestReadTimeout(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "proxy_read_timeout 500ms;"})
	client, backend := n.connect()
	client.send(more(xss))
	require.Empty(t, backend.rest())
	require.Empty(t, client.rest())
	n.logged("upstream timed out")
}

// libinjection's steepest input costs some 300 ns a byte: judging it is given
// up in time, and the worker does not notice.
func TestProcessTimeLimit(t *testing.T) {
	t.Parallel()
	steep := "x " + strings.Repeat("</a", 4<<20/3)
	t.Run("block", func(t *testing.T) {
		n := start(t, conf{location: "wallarm_process_time_limit 1;"})
		n.allow("1 websocket messages were not judged") // the thread is still at it
		other, otherBackend := n.connect()
		client, backend := n.connect()
		client.send(text(steep))
		for range 20 {
			talk(other, otherBackend)
		}
		dropped(client, backend, ws.ClosePolicyViolation)
		require.Equal(t, []string{"process_time_limit blocked"}, n.whats(1))
	})
	t.Run("monitoring", func(t *testing.T) {
		n := start(t, conf{location: "wallarm_process_time_limit 1; wallarm_mode monitoring;"})
		client, backend := n.connect()
		// the clock is looked at between values
		m := text("[" + strings.Repeat(`"x `+strings.Repeat("</a", 30000)+`",`, 40) + `""]`)
		client.send(m)
		backend.expect(m)
		talk(client, backend)
		require.Equal(t, []string{"process_time_limit monitored"}, n.whats(1))
		client.Close()
		n.accessed("101|monitoring|uninspected|-|3|1")
	})
}

// A message that waits for those of others to be judged is not late by that.
func TestSteepMessagesOfOthers(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_process_time_limit 100;"})
	n.allow("messages were not judged") // the threads are still at the others
	steep := text("x " + strings.Repeat("</a", 3<<20/3))
	for range 4 {
		client, backend := n.connect()
		go client.Conn.Write(steep)
		settled(client, backend)
	}
	client, backend := n.connect()
	for range 5 {
		m := text(prose(30 << 10))
		client.send(m)
		backend.expect(m)
	}
}

// A large message of one connection does not keep another waiting.
func TestLoopGoesOn(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_process_time_limit 1h;"})
	client, backend := n.connect()
	other, otherBackend := n.connect()
	m := text(prose(8 << 20))
	errs := make(chan error, 1)
	go func() {
		_, err := client.Conn.Write(m)
		errs <- err
	}()
	for range 200 {
		talk(other, otherBackend)
	}
	backend.expect(m)
	require.NoError(t, <-errs)
}

// Pitfall 23: when all that is held is incomplete, the largest holder is shed,
// the others live.
func TestWorkerMemory(t *testing.T) {
	t.Parallel()
	n := start(t, conf{main: "wallarm_websocket_worker_memory 2m;", location: "wallarm_websocket_response_mode block;"})
	type pair struct{ client, backend *peer }
	var small []pair
	for i := range 5 {
		client, backend := n.connect()
		client.send(more(prose(100<<10 + i)))
		settled(client, backend)
		small = append(small, pair{client, backend})
	}
	client, backend := n.connect()
	m := text(prose(4 << 20))
	go client.Conn.Write(m)
	dropped(client, backend, ws.CloseTryAgainLater)
	require.Equal(t, []string{"memory_exhausted blocked"}, n.whats(1))
	n.logged("worker_memory")
	for i, p := range small {
		p.client.send(last("end"))
		p.backend.expect(more(prose(100<<10+i)), last("end"))
		talk(p.client, p.backend)
	}
	t.Run("another sheds the largest", func(t *testing.T) {
		n := n.in(t)
		large, largeBackend := n.connect()
		large.send(more(prose(700 << 10)))
		for {
			// one after the other, until the budget is spent
			client, backend := n.connect()
			client.send(more(prose(100 << 10)))
			settled(client, backend)
			if strings.Count(n.log("websocket_attacks.json"), "\n") == 2 {
				break
			}
		}
		dropped(large, largeBackend, ws.CloseTryAgainLater)
	})
}

// Pitfall 23: many large messages at once do not exceed the budget. They wait
// for those that are judged, and only as many are shed as have to be.
func TestWorkerMemoryWaits(t *testing.T) {
	t.Parallel()
	n := start(t, conf{main: "wallarm_websocket_worker_memory 8m;", location: "wallarm_process_time_limit 1h;"})
	m := text(prose(600 << 10))
	type pair struct{ client, backend *peer }
	var all []pair
	errs := make(chan error, 12)
	for range cap(errs) {
		client, backend := n.connect()
		all = append(all, pair{client, backend})
	}
	for _, p := range all {
		go func() {
			_, err := p.client.Conn.Write(m)
			errs <- err
		}()
	}
	shed := 0
	for _, p := range all {
		h, payload := p.backend.frame()
		if h.Opcode == ws.OpClose {
			require.Equal(t, []byte{3, 0xf5}, payload)
			shed++
			continue
		}
		require.Len(t, payload, 600<<10)
	}
	for range all {
		<-errs
	}
	// each takes twice its size, raw and decoded, and room to grow
	require.LessOrEqual(t, shed, 8)
	if shed > 0 {
		n.events(shed)
	}
	require.Less(t, rss(n.worker()), 120<<20)
}

// A client that vanishes while its attack is judged off the loop has attacked
// nevertheless.
func TestAttackerVanishes(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	const attackers = 20
	for range attackers {
		client, backend := n.connect()
		client.send(text(prose(500<<10) + xss))
		client.reset()
		if rest := backend.drain(); len(rest) > 0 {
			require.Equal(t, byte(0x88), rest[0], "only a Close frame")
		}
	}
	count := strings.Count(n.log("websocket_attacks.json"), "\n")
	require.LessOrEqual(t, count, attackers)
	client, backend := n.connect()
	client.send(text(prose(500<<10) + xss))
	client.halfClose()
	dropped(client, backend, ws.ClosePolicyViolation)
	n.eventually("the last is logged", func() bool { return strings.Count(n.log("websocket_attacks.json"), "\n") > count })
}

// A direction that is not held spends of the worker's memory too: when it is
// the largest holder it is given up, and nobody is dropped for it.
func TestUnheldDirectionOverBudget(t *testing.T) {
	t.Parallel()
	n := start(t, conf{main: "wallarm_websocket_worker_memory 256k;"})
	client, backend := n.connect()
	part := wstest.Frame{More: true, Opcode: ws.OpText, Payload: []byte(prose(400 << 10))}.Bytes()
	backend.send(part)
	client.expect(part)
	m := text(prose(60 << 10))
	client.send(m[:30<<10])
	other, behind := n.connect()
	talk(other, behind)
	client.send(m[30<<10:])
	backend.expect(m)
	talk(client, backend)
	n.logged("bytes from server pass uninspected")
}
