//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// Pitfall 14: live connections survive a reload, with new ones beside them.
func TestReload(t *testing.T) {
	t.Parallel()
	n := start(t, conf{workers: 2})
	client, backend := n.connect()
	client.send(more("held over "))
	settled(client, backend)
	n.reload()
	settled(client, backend)
	other, otherBackend := n.connect()
	talk(other, otherBackend)
	client.send(last("the reload"))
	backend.expect(more("held over "), last("the reload"))
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	talk(other, otherBackend)
	n.events(1)
}

// A reload changes the mode of new connections only.
func TestReloadChangesMode(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_mode monitoring;"})
	client, backend := n.connect()
	n.write("nginx.conf", n.config(t, conf{}))
	n.reload()
	client.send(text(xss))
	backend.expect(text(xss))
	talk(client, backend)
	client, backend = n.connect()
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	require.Equal(t, []string{"xss monitored", "xss blocked"}, n.whats(2))
}

// A reload with a configuration that is refused changes nothing.
func TestReloadRefused(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	n.allow(`\[emerg\].*wallarm_websocket_library`)
	client, backend := n.connect()
	workers := n.workers()
	n.write("nginx.conf", n.config(t, conf{library: "/nowhere/libwsi.so"}))
	n.signal(syscall.SIGHUP)
	n.logged(`\[emerg\].*/nowhere/libwsi.so`)
	talk(client, backend)
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	require.Equal(t, workers, n.workers())
}

// Many reloads under traffic: no message is lost or changed, no worker dies,
// none stays behind.
func TestReloadsUnderTraffic(t *testing.T) {
	n := start(t, conf{workers: 2})
	go n.echo()
	var stop atomic.Bool
	var messages atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for !stop.Load() {
				if err := n.conversation(i, 20, &messages); err != nil {
					t.Errorf("conversation: %v", err)
					return
				}
			}
		}()
	}
	for range 20 {
		before := messages.Load()
		n.reload()
		n.eventually("traffic goes on", func() bool { return messages.Load() > before+20 || t.Failed() })
	}
	stop.Store(true)
	wg.Wait()
	n.eventually("old workers are gone", func() bool { return len(children(n.cmd.Process.Pid)) == 2 })
	for _, pid := range n.workers() {
		require.Less(t, rss(pid), 100<<20)
	}
	require.Less(t, rss(n.cmd.Process.Pid), 50<<20)
}

// echo accepts connections and sends back what comes, unmasked.
func (n *nginx) echo() {
	for {
		c, err := n.backend.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			p := &peer{Conn: c, r: bufio.NewReader(c)}
			c.SetDeadline(time.Now().Add(time.Minute))
			p.skipHead()
			c.Write(response())
			for {
				payload, op, err := p.message()
				if err != nil || op == ws.OpClose {
					return
				}
				f := server(string(payload))
				if _, err := c.Write(f.Bytes()); err != nil {
					return
				}
			}
		}()
	}
}

// conversation is a connection of so many messages, each of which comes back.
func (n *nginx) conversation(id, count int, messages *atomic.Int64) error {
	c, err := dial(n.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(request("/")); err != nil {
		return err
	}
	head := make([]byte, 12)
	p := &peer{Conn: c, r: bufio.NewReader(c)}
	if _, err := io.ReadFull(p.r, head); err != nil || string(head) != "HTTP/1.1 101" {
		return fmt.Errorf("%q %v", head, err)
	}
	p.skipHead()
	for i := range count {
		size := 100
		if i%5 == 0 {
			size = 20 << 10 // judged off the loop
		}
		want := fmt.Sprintf("%d %d %s", id, i, prose(size))
		if _, err := c.Write(text(want)); err != nil {
			return err
		}
		got, _, err := p.message()
		if err != nil {
			return err
		}
		if string(got) != want {
			return fmt.Errorf("message %d came back as %.40q", i, got)
		}
		messages.Add(1)
	}
	return nil
}

// Pitfall 19: only workers load the library. A Go runtime does not survive a
// fork, and the cache's processes have no use for one.
func TestOnlyWorkersLoadLibrary(t *testing.T) {
	t.Parallel()
	n := start(t, conf{http: "proxy_cache_path cache keys_zone=zone:1m;", server: "proxy_cache zone;"})
	client, backend := n.connect()
	talk(client, backend)
	loaded := func(pid int) bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		require.NoError(t, err)
		return strings.Contains(string(b), "libwsi.so")
	}
	// the loader starts a minute later
	manager := 0
	n.eventually("a cache manager", func() bool {
		for _, pid := range children(n.cmd.Process.Pid) {
			if title(pid) == "nginx: cache manager process" {
				manager = pid
			}
		}
		return manager != 0
	})
	require.True(t, loaded(n.worker()), "the worker")
	require.False(t, loaded(manager), "the cache manager")
	require.False(t, loaded(n.cmd.Process.Pid), "the master")
}

// A single process (master_process off) is a worker, too.
func TestSingleProcess(t *testing.T) {
	t.Parallel()
	n := start(t, conf{main: "master_process off;"})
	client, backend := n.connect()
	client.send(text(prose(100<<10) + xss))
	dropped(client, backend, ws.ClosePolicyViolation)
}

// Workers do not load the library when no location uses it.
func TestNotInUse(t *testing.T) {
	t.Parallel()
	for name, directive := range map[string]string{
		"off":      "wallarm_parse_websocket off;",
		"absent":   "",
		"mode off": "wallarm_parse_websocket on; wallarm_mode off;",
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, conf{stopped: true})
			n.write("nginx.conf", n.config(t, conf{library: "/nowhere/libwsi.so", noLocation: true,
				server: "location / {" + n.proxy("http") + directive + "}"}))
			n.run()
			client, backend := n.connect()
			m := append(text(xss), more(sqli)...)
			client.send(m)
			backend.expect(m)
			talk(client, backend)
			client.Close()
			n.accessed("101|off|-|-|-|-")
			require.NoFileExists(t, filepath.Join(n.dir, "logs/websocket_attacks.json"))
		})
	}
}

// attack has a connection of its own dropped.
func (n *nginx) attack() {
	client, backend := n.connect()
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
}

// USR1 reopens the event log.
func TestReopenEventLog(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_event_log logs/attacks.json;"})
	log := filepath.Join(n.dir, "logs/attacks.json")
	n.attack()
	n.eventsIn("attacks.json", 1)
	require.NoError(t, os.Rename(log, log+".1"))
	n.attack()
	n.eventsIn("attacks.json.1", 2)
	n.signal(syscall.SIGUSR1)
	worker := n.worker()
	n.eventually("the worker has the new file", func() bool {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", worker))
		for _, f := range files {
			if target, _ := os.Readlink(f); target == log {
				return true
			}
		}
		return false
	})
	n.attack()
	n.eventsIn("attacks.json", 1)
	n.eventsIn("attacks.json.1", 2)
}

// Where USR1 cannot open the log anew, lines go on to the file that is open, and
// none is lost or counted as dropped.
func TestReopenEventLogFails(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_event_log logs/attacks.json;", server: statusLocations})
	n.allow(`open\(\) ".*logs/attacks.json" failed \(21: Is a directory\)`)
	log := filepath.Join(n.dir, "logs/attacks.json")
	n.attack()
	n.eventsIn("attacks.json", 1)
	require.NoError(t, os.Rename(log, log+".1"))
	require.NoError(t, os.Mkdir(log, 0o755))
	n.signal(syscall.SIGUSR1)
	n.eventually("master and worker have tried", func() bool {
		return strings.Count(n.log("error.log"), "(21: Is a directory)") == 2
	})
	n.attack()
	n.eventsIn("attacks.json.1", 2)
	n.becomes(map[string]float64{`wallarm_event_log_events_total{sink="file"}`: 2, `wallarm_event_log_dropped_total{sink="file"}`: 0})

	require.NoError(t, os.Remove(log))
	n.signal(syscall.SIGUSR1)
	n.eventually("the file is there", func() bool { info, err := os.Stat(log); return err == nil && info.Mode().IsRegular() })
	n.eventually("lines go to it", func() bool { n.attack(); return n.log("attacks.json") != "" })
}

// A new binary (USR2) takes over; connections of the old one go on.
func TestBinaryUpgrade(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	// NGINX ignores the signal as long as its parent is the one it had first
	n.write("nginx.conf", strings.Replace(n.config(t, conf{}), "daemon off;", "daemon on;", 1))
	out, err := exec.Command(env(t, "WSI_NGINX"), "-p", n.dir, "-c", filepath.Join(n.dir, "nginx.conf")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	n.eventually("a pid file", func() bool { return n.master() != 0 })
	old := n.master()
	t.Cleanup(func() { syscall.Kill(old, syscall.SIGTERM) })

	client, backend := n.connect()
	require.NoError(t, syscall.Kill(old, syscall.SIGUSR2))
	n.eventually("a new master", func() bool { return n.master() != 0 && n.master() != old })
	fresh := n.master()
	t.Cleanup(func() { syscall.Kill(fresh, syscall.SIGTERM) })
	n.eventually("it has a worker", func() bool { return len(children(fresh)) == 1 })

	require.NoError(t, syscall.Kill(old, syscall.SIGWINCH))
	n.logged("gracefully shutting down")
	talk(client, backend)
	other, otherBackend := n.connect()
	other.send(text(xss))
	dropped(other, otherBackend, ws.ClosePolicyViolation)
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
	n.events(2)
	client.Close()
	other.Close()

	for _, pid := range []int{old, fresh} {
		require.NoError(t, syscall.Kill(pid, syscall.SIGQUIT))
		n.eventually("it is gone", func() bool { return !strings.Contains(title(pid), "nginx") })
	}
	n.checkLog()
}

// A worker that is killed takes its connections along, and the next one
// inspects.
func TestRespawn(t *testing.T) {
	t.Parallel()
	n := start(t, conf{})
	n.allow("exited on signal 9")
	client, backend := n.connect()
	talk(client, backend)
	old := n.worker()
	require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
	require.Empty(t, client.drain())
	n.eventually("a new worker", func() bool { w := n.workers(); return len(w) == 1 && w[0] != old })
	client, backend = n.connect()
	client.send(text(xss))
	dropped(client, backend, ws.ClosePolicyViolation)
}

// Pitfalls 15, 16: the wake-up works with a level-triggered event method, too.
func TestPoll(t *testing.T) {
	if !hasBuild(t, "--with-poll_module") {
		t.Skip("this NGINX is built without poll: run make e2e with NGINX_VERSION=")
	}
	t.Parallel()
	n := start(t, conf{events: "use poll;"})
	client, backend := n.connect()
	client.send(text(prose(100 << 10)))
	backend.expect(text(prose(100 << 10)))
	client.send(text(prose(100<<10) + xss))
	dropped(client, backend, ws.ClosePolicyViolation)

	s := newStub(t)
	n = start(t, conf{library: s.library, events: "use poll;", location: "wallarm_process_time_limit 1h;"})
	client, backend = n.connect()
	client.send(plain("wait"))
	settled(client, backend)
	client.send(plain("behind"))
	s.verdict("p")
	backend.expect(plain("wait"), plain("behind"))
	client.Close()
	backend.Close()
}

// Pitfall 16: a worker does not work while it waits for a verdict.
func TestPendingIsIdle(t *testing.T) {
	t.Parallel()
	methods := []string{"epoll"}
	if hasBuild(t, "--with-poll_module") {
		methods = append(methods, "poll")
	}
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			s := newStub(t)
			n := start(t, conf{library: s.library, events: "use " + method + ";", location: "wallarm_process_time_limit 1s;"})
			client, backend := n.connect()
			client.send(plain("wait"), text(prose(100<<10)))
			dropped(client, backend, ws.ClosePolicyViolation)
			require.Less(t, cpu(n.worker()), 0.3)
		})
	}
}

// Pitfall 15: nothing is left open when a worker exits. NGINX itself looks, and
// says so in an alert, which every test's end looks for.
func TestGracefulExit(t *testing.T) {
	t.Parallel()
	n := start(t, conf{workers: 2})
	client, backend := n.connect()
	talk(client, backend)
	client.Close()
	n.stop(syscall.SIGQUIT)
	require.Contains(t, n.log("error.log"), "gracefully shutting down")
	require.NotContains(t, n.log("error.log"), "left in connection")
}

// A connection costs nothing that stays.
func TestNoGrowth(t *testing.T) {
	n := start(t, conf{location: noWait})
	worker := n.worker()
	go n.echo()
	var messages atomic.Int64
	n.conversation(0, 20, &messages)
	n.eventually("idle", func() bool { return connections(worker) == 0 })
	round := func() int {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for k := range 100 {
					if err := n.conversation(i, 6, &messages); err != nil {
						t.Errorf("conversation: %v", err)
						return
					}
					c, err := dial(n.addr)
					if err != nil {
						t.Errorf("dial: %v", err)
						return
					}
					c.SetDeadline(time.Now().Add(time.Minute))
					c.Write(append(request("/"), text(prose(k*300)+xss)...))
					io.Copy(io.Discard, c)
					c.Close()
				}
			}()
		}
		wg.Wait()
		n.eventually("all connections are gone", func() bool { return connections(worker) == 0 })
		return rss(worker)
	}
	first, files := round(), fds(worker)
	second := round()
	require.Equal(t, worker, n.worker())
	require.LessOrEqual(t, fds(worker), files)
	require.Less(t, second, first+first/2)
	n.events(1600)
}
