//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// Each log has its own options.
func TestEventLogs(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: `
		wallarm_mode monitoring;
		wallarm_event_log logs/websocket_attacks.json;
		wallarm_event_log logs/full.json payload=full;
		wallarm_event_log logs/none.json payload=none;
		wallarm_event_log logs/small.json payload=100 datasets=attack;
		wallarm_event_log logs/connections.json datasets=connection;
		wallarm_event_log logs/violations.json datasets=violation;`})
	client, backend := n.connect()
	large := text(strings.Repeat("long ", 4000) + xss)
	invalid := text("\xff\xfe")
	client.send(large, text("fine"), invalid)
	backend.expect(large, text("fine"), invalid)
	backend.send([]byte{0x81, 2, 'o', 'k'})
	client.expect([]byte{0x81, 2, 'o', 'k'})
	n.eventsIn("small.json", 1) // judged off the loop
	client.Close()
	backend.Close()

	for name, payload := range map[string]int{"websocket_attacks.json": 8192, "full.json": 20000 + len(xss), "none.json": 0} {
		all := n.eventsIn(name, 2)
		require.Len(t, all[0].Wallarm.Payload, payload, name)
		validate(t, all[0].Line)
		require.Equal(t, payload > 0, strings.Contains(all[0].Line, "alert(1)"), name)
	}
	require.Len(t, n.eventsIn("small.json", 1)[0].Wallarm.Payload, 100)
	require.Equal(t, "message_utf8_invalid monitored", n.eventsIn("violations.json", 1)[0].what())
	connections := n.eventsIn("connections.json", 2)
	for _, e := range connections {
		validate(t, e.Line)
	}
	require.Equal(t, "opened", connections[0].Event.Action)
	require.Equal(t, "closed", connections[1].Event.Action)
	var e struct {
		Wallarm struct {
			WebSocket struct {
				Attacks        int
				Client, Server struct{ Messages, Bytes int }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(connections[1].Line), &e))
	w := e.Wallarm.WebSocket
	require.Equal(t, 1, w.Attacks)
	require.Equal(t, [2]int{3, len(large) + len(text("fine")) + len(invalid)}, [2]int{w.Client.Messages, w.Client.Bytes})
	require.Equal(t, [2]int{1, 4}, [2]int{w.Server.Messages, w.Server.Bytes})
}

// A flood of one attack writes its share; the lines say how many they stand for.
func TestEventLogSample(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_event_log logs/websocket_attacks.json sample=3/m; wallarm_event_log logs/all.json;"})
	const attacks = 25
	for range attacks {
		client, backend := n.connect()
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	n.eventsIn("all.json", attacks)
	require.GreaterOrEqual(t, strings.Count(n.log("error.log"), "xss attack blocked"), attacks)
	n.stop(syscall.SIGQUIT)
	sum := 0
	all := n.events(4) // three, and one for the rest
	for _, e := range all {
		validate(t, e.Line)
		var hits struct{ Wallarm struct{ Hits int } }
		require.NoError(t, json.Unmarshal([]byte(e.Line), &hits))
		sum += hits.Wallarm.Hits
	}
	require.Equal(t, attacks, sum)
}

func TestEventLogSyslog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	server, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer server.Close()
	require.NoError(t, server.SetDeadline(time.Now().Add(patience)))
	n := start(t, conf{location: "wallarm_event_log syslog:server=unix:" + path + ",tag=waf,nohostname;"})
	client, backend := n.connect()
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	b := make([]byte, 1<<16)
	k, err := server.Read(b)
	require.NoError(t, err)
	header, line, ok := strings.Cut(string(b[:k]), " waf: ")
	require.True(t, ok, header)
	validate(t, line)
}

// A line that a full disk cuts takes no other one with it, of no worker.
func TestEventLogCut(t *testing.T) {
	t.Parallel()
	// instead of a full disk, a limit of the size of files
	signal.Ignore(syscall.SIGXFSZ)
	n := start(t, conf{workers: 2, parameters: "reuseport", location: "wallarm_mode monitoring; wallarm_parse_response off;", server: controlLocation + statusLocations})
	n.ready(2)
	n.allow("was incomplete")
	go n.echo()
	clients := map[int]*peer{} // by the worker
	for i := range 64 {
		c := n.client()
		c.send(request(fmt.Sprintf("/%d", i)))
		require.Equal(t, "101", c.status())
		_, all := n.lives()
		for _, l := range all {
			if l.URI == fmt.Sprintf("/%d", i) && clients[l.PID] == nil {
				clients[l.PID] = c
			}
		}
		if len(clients) == 2 {
			break
		}
	}
	pids := slices.Collect(maps.Keys(clients))
	require.Len(t, pids, 2)
	attack := func(pid int, s string) {
		t.Helper()
		clients[pid].send(text(s))
		clients[pid].expect(server(s).Bytes())
	}
	limit := func(size uint64) {
		for _, pid := range pids {
			var l [2]uint64
			_, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, 0, uintptr(unsafe.Pointer(&l)), 0, 0)
			require.Zero(t, e)
			l[0] = size
			_, _, e = syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&l)), 0, 0, 0)
			require.Zero(t, e)
		}
	}
	check := func(lost int, want ...string) {
		t.Helper()
		var got []string
		for line := range strings.Lines(n.log("websocket_attacks.json")) {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil {
				got = append(got, string(e.Wallarm.Payload))
			}
		}
		require.Equal(t, want, got)
		require.NotContains(t, n.log("websocket_attacks.json"), "\n\n")
		n.becomes(map[string]float64{`wallarm_event_log_dropped_total{sink="file"}`: float64(lost),
			`wallarm_event_log_events_total{sink="file"}`: float64(len(want))})
	}

	first := xss + prose(8000) // more than error.log has
	attack(pids[0], first)
	n.eventsIn("websocket_attacks.json", 1)
	limit(uint64(len(n.log("websocket_attacks.json")) + 100))
	attack(pids[0], xss+"cut")
	attack(pids[1], xss+"lost")
	check(2, first)
	limit(1 << 40)
	attack(pids[1], xss+"other")
	attack(pids[0], xss+"same")
	check(2, first, xss+"other", xss+"same")

	// nor does a configuration begin behind half a line
	limit(uint64(len(n.log("websocket_attacks.json")) + 100))
	attack(pids[0], xss+"cut")
	n.reload()
	n.ready(4)
	c := n.client()
	c.send(request("/"))
	require.Equal(t, "101", c.status())
	c.send(text(xss + "new"))
	c.expect(server(xss + "new").Bytes())
	check(3, first, xss+"other", xss+"same", xss+"new")
}

// A pipe whose reader stands still, as a container's output may, holds up nothing:
// what it does not take is counted, and no line of the rest is torn.
func TestEventLogPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o755))
	require.NoError(t, syscall.Mkfifo(path, 0o666))
	require.NoError(t, os.Chmod(path, 0o666))
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer pipe.Close()
	const attacks = 60
	n := start(t, conf{server: statusLocations, location: "wallarm_mode monitoring; wallarm_parse_response off; wallarm_event_log " + path + ";"})
	n.allow("was incomplete")
	go n.echo()
	client := n.client()
	client.send(request("/"))
	require.Equal(t, "101", client.status())
	attack := func(s string) {
		client.send(text(s))
		client.expect(server(s).Bytes())
	}
	for i := range attacks {
		attack(fmt.Sprint(xss, " ", i, prose(2000))) // some lines are longer than what a pipe takes at once
	}
	lines := make(chan string, 1000) // whole ones
	go func() {
		for in := bufio.NewReader(pipe); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if json.Valid([]byte(line)) { // else what the pipe took of one
				lines <- line
			}
		}
	}()
	sent, whole := attacks, 0
	for read := false; !read; {
		attack(xss + " last")
		sent++
		wait := time.After(tick)
		for waiting := true; waiting; {
			select {
			case line := <-lines:
				whole++
				validate(t, line)
				var e event
				require.NoError(t, json.Unmarshal([]byte(line), &e))
				read = read || bytes.HasPrefix(e.Wallarm.Payload, []byte(xss+" last"))
			case <-wait:
				waiting = false
			}
		}
	}
	m := n.metrics()
	events, lost := int(m[`wallarm_event_log_events_total{sink="file"}`]), int(m[`wallarm_event_log_dropped_total{sink="file"}`])
	require.Positive(t, lost)
	require.Equal(t, sent, events+lost)
	for ; whole < events; whole++ {
		validate(t, <-lines)
	}
	require.Equal(t, events, whole)
	require.Equal(t, 1, strings.Count(n.log("error.log"), "was incomplete"))
}

// A syslog that is gone does not save the attacker, and is said once.
func TestEventLogSyslogDead(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: statusLocations, location: "wallarm_event_log syslog:server=unix:/nowhere/log,tag=waf;"})
	n.allow(`/nowhere/log|connect\(\) failed \(2: No such file`)
	for range 3 {
		client, backend := n.connect()
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	}
	n.becomes(map[string]float64{`wallarm_event_log_dropped_total{sink="syslog"}`: 3})
	require.Equal(t, 1, strings.Count(n.log("error.log"), `send() to "syslog:server=unix:/nowhere/log,tag=waf" was incomplete`))
	require.Equal(t, 1, strings.Count(n.log("error.log"), "connect() failed"))
}

// What is secret is in no log; what is not, is.
func TestRedact(t *testing.T) {
	t.Parallel()
	n := start(t, conf{server: "wallarm_websocket_redact name=badge;", location: "wallarm_event_log logs/websocket_attacks.json payload=full;"})
	secret := `{"password":"hunter2","Badge-No":"7","badge":"x81x","card":"4111 1111 1111 1111","html":"` + xss + `"}`
	client, backend := n.connect("Authorization: Basic c2VjcmV0\r\n", "Badge: x82x\r\n")
	client.send(text(secret))
	dropped(client, backend, ws.ClosePolicyViolation)
	e := n.events(1)[0]
	validate(t, e.Line)
	require.Len(t, e.Wallarm.Payload, len(secret))
	for _, s := range []string{"hunter2", "x81x", "x82x", "c2VjcmV0", "4111 1111"} {
		require.NotContains(t, e.Line, s)
		require.NotContains(t, string(e.Wallarm.Payload), s)
	}
	require.Contains(t, string(e.Wallarm.Payload), `"Badge-No":"7"`)
	require.Contains(t, string(e.Wallarm.Payload), xss)
	require.Contains(t, e.Line, `"redacted":true`)
}
