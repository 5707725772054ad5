//go:build e2e

// Package e2e tests the module in a real NGINX, as a black box: a client and a
// backend in the test process see every byte on either side of it.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what has to happen.
const patience = 30 * time.Second

// tick is how often a condition is looked at that nothing announces.
const tick = 5 * time.Millisecond

// env is a variable that scripts/env.sh sets.
func env(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	require.NotEmpty(t, v, "%s is not set: run make e2e", name)
	return v
}

// conf is what a test adds to the configuration, by context.
type conf struct {
	main, events, http, server, location string

	redirect    string // another location that passes to the backend
	library     string // instead of WSI_LIBRARY
	parameters  string // of listen
	tls         bool   // the client speaks TLS
	tlsUpstream bool   // the backend speaks TLS
	workers     int    // default 1
	stopped     bool   // only write the configuration
	noLocation  bool   // server has the locations
}

// noWait is for tests that count events, whose clients do not wait for the 101.
const noWait = "wallarm_websocket_violation handshake_early_data off;\n"

// nginx is a running NGINX and a backend behind it.
type nginx struct {
	testing.TB
	dir     string
	addr    string
	backend net.Listener
	cmd     *exec.Cmd
	exited  chan struct{}
	tls     bool
	allowed []*regexp.Regexp
}

// start runs NGINX until the test ends, and then demands that its error log is
// clean and that no worker died.
func start(t testing.TB, c conf) *nginx {
	t.Helper()
	dir, err := os.MkdirTemp("", "wsi-e2e-")
	require.NoError(t, err)
	// a worker under another user has to get at logs and temporary files
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "logs"), 0o755))

	n := &nginx{TB: t, dir: dir, tls: c.tls}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs and configuration are kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	n.backend, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { n.backend.Close() })
	if c.tlsUpstream {
		n.backend = tlsListener(t, n.backend)
	}
	n.addr = freeAddr(t)
	n.write("nginx.conf", n.config(t, c))
	if c.stopped {
		return n
	}
	n.run()
	return n
}

// config is the configuration file.
func (n *nginx) config(t testing.TB, c conf) string {
	library := c.library
	if library == "" {
		library = env(t, "WSI_LIBRARY")
	}
	scheme, listen := "http", c.parameters
	if c.tls {
		listen += " ssl"
		cert, key := certificate(t)
		n.write("cert.pem", cert)
		n.write("key.pem", key)
		c.server += "ssl_certificate cert.pem; ssl_certificate_key key.pem;\n"
	}
	if c.tlsUpstream {
		scheme = "https"
	}
	if !c.noLocation {
		c.server += "location / {\n" + n.proxy(scheme) + "wallarm_parse_websocket on;\n" + c.location + "\n}\n"
	}
	if c.redirect != "" {
		c.server += "location " + c.redirect + " {\n" + n.proxy(scheme) + "wallarm_parse_websocket on;\n}\n"
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	return "daemon off;\npid logs/nginx.pid;\nerror_log logs/error.log info;\n" + user +
		"load_module " + env(t, "WSI_MODULE") + ";\n" +
		"wallarm_websocket_library " + library + ";\n" +
		fmt.Sprintf("worker_processes %d;\n", max(c.workers, 1)) + c.main +
		"\nevents {\nworker_connections 8192;\n" + c.events + "}\nhttp {\n" +
		"client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n" +
		"uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n" +
		"log_format e2e '$status|$wallarm_mode|$wallarm_websocket_verdict|$wallarm_attack_type|" +
		"$wallarm_websocket_messages|$wallarm_websocket_uninspected';\naccess_log logs/access.log e2e;\n" +
		c.http + "\nserver {\nlisten " + n.addr + " " + listen + ";\nserver_name chat.example;\n" + c.server + "}\n}\n"
}

// proxy is what a location needs to pass WebSocket connections on.
func (n *nginx) proxy(scheme string) string {
	return "proxy_pass " + scheme + "://" + n.backend.Addr().String() + ";\n" +
		"proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\n" +
		"proxy_set_header Connection upgrade;\nproxy_set_header Host $host;\n"
}

// location is one that proxies to the backend.
func (n *nginx) location(path, directives string) string {
	return fmt.Sprintf("location %s {\n%s%s}\n", path, n.proxy("http"), directives)
}

// inspected is a location with the directive.
func (n *nginx) inspected(path, directives string) string {
	return n.location(path, "wallarm_parse_websocket on;"+directives)
}

func (n *nginx) write(name, text string) {
	n.Helper()
	require.NoError(n, os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o644))
}

func (n *nginx) run() {
	n.Helper()
	var out bytes.Buffer
	n.cmd = exec.Command(env(n, "WSI_NGINX"), "-p", n.dir, "-c", filepath.Join(n.dir, "nginx.conf"))
	n.cmd.Stdout, n.cmd.Stderr = &out, &out
	require.NoError(n, n.cmd.Start())
	n.exited = make(chan struct{})
	go func() {
		n.cmd.Wait()
		close(n.exited)
	}()
	n.Cleanup(func() {
		n.stop(syscall.SIGQUIT)
		n.checkLog()
	})
	deadline := time.Now().Add(patience)
	for {
		c, err := net.Dial("tcp", n.addr)
		if err == nil {
			c.Close()
			n.eventually("workers", func() bool { return len(n.workers()) == n.configured() })
			return
		}
		select {
		case <-n.exited:
			require.FailNow(n, "NGINX did not start", "%s", out.String())
		case <-time.After(tick):
		}
		require.True(n, time.Now().Before(deadline), "NGINX does not listen: %v", err)
	}
}

// stop sends the signal and waits for the end; a NGINX that does not end is
// killed and fails the test.
func (n *nginx) stop(sig syscall.Signal) {
	n.Helper()
	select {
	case <-n.exited:
		return
	default:
	}
	workers := n.workers()
	n.cmd.Process.Signal(sig)
	select {
	case <-n.exited:
	case <-time.After(patience):
		for _, pid := range workers {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		n.cmd.Process.Kill()
		n.Errorf("NGINX did not exit on %v", sig)
	}
}

func (n *nginx) signal(sig syscall.Signal) {
	n.Helper()
	require.NoError(n, n.cmd.Process.Signal(sig))
}

// in is n for a subtest.
func (n *nginx) in(t testing.TB) *nginx {
	sub := *n
	sub.TB = t
	return &sub
}

// allow takes lines that match out of what checkLog complains about.
func (n *nginx) allow(pattern string) { n.allowed = append(n.allowed, regexp.MustCompile(pattern)) }

var suspect = regexp.MustCompile(`\[(alert|emerg|crit)\]|exited on signal|exited with code [1-9]|wsi: panic|goroutine \d+`)

func (n *nginx) checkLog() {
	n.Helper()
lines:
	for line := range strings.Lines(n.log("error.log")) {
		if !suspect.MatchString(line) {
			continue
		}
		for _, a := range n.allowed {
			if a.MatchString(line) {
				continue lines
			}
		}
		n.Errorf("error.log: %s", line)
	}
}

// log is the content of a file in logs/, empty when there is none.
func (n *nginx) log(name string) string {
	b, _ := os.ReadFile(filepath.Join(n.dir, "logs", name))
	return string(b)
}

// eventually waits until f holds.
func (n *nginx) eventually(what string, f func() bool) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			require.FailNow(n, "did not happen", what)
		case <-ticker.C:
		}
	}
}

// logged waits for a line of error.log.
func (n *nginx) logged(pattern string) {
	n.Helper()
	re := regexp.MustCompile(pattern)
	n.eventually("error.log has "+pattern, func() bool { return re.MatchString(n.log("error.log")) })
}

// accessed waits for a line of access.log.
func (n *nginx) accessed(line string) {
	n.Helper()
	n.eventually("access.log has "+line+" but: "+n.log("access.log"), func() bool {
		return strings.Contains(n.log("access.log"), line+"\n")
	})
}

// event is the part of an event that tests look at.
type event struct {
	Line  string `json:"-"`
	Event struct {
		Kind    string `json:"kind"`
		Action  string `json:"action"`
		Dataset string `json:"dataset"`
	} `json:"event"`
	Wallarm struct {
		Attack struct {
			Type string `json:"type"`
			Path string `json:"path"`
		} `json:"attack"`
		Violation struct {
			Token string `json:"token"`
		} `json:"violation"`
		WebSocket struct {
			MessageNo int    `json:"message_no"`
			Direction string `json:"direction"`
			CloseCode int    `json:"close_code"`
			EventName string `json:"event_name"`
		} `json:"websocket"`
		Payload []byte `json:"payload_base64"`
		Request string `json:"request"`
		Ignore  string `json:"ignore"`
	} `json:"wallarm"`
}

// what is the attack's type or the violation's token, and what was done.
func (e *event) what() string {
	return e.Wallarm.Attack.Type + e.Wallarm.Violation.Token + " " + e.Event.Action
}

// events waits until the event log has that many lines, and demands that it
// has no more, and that each is as the schema says.
func (n *nginx) events(count int) []event {
	n.Helper()
	return n.eventsIn("websocket_attacks.json", count)
}

func (n *nginx) eventsIn(file string, count int) []event {
	n.Helper()
	n.eventually(fmt.Sprintf("%s has %d lines", file, count), func() bool {
		return strings.Count(n.log(file), "\n") >= count
	})
	var all []event
	for line := range strings.Lines(n.log(file)) {
		e := event{Line: line}
		require.NoError(n, json.Unmarshal([]byte(line), &e), "%s", line)
		validate(n, line)
		all = append(all, e)
	}
	require.Len(n, all, count)
	return all
}

// whats are the what() of that many events.
func (n *nginx) whats(count int) (all []string) {
	n.Helper()
	for _, e := range n.events(count) {
		all = append(all, e.what())
	}
	return all
}

// master is the process id in the pid file.
func (n *nginx) master() int {
	pid, _ := strconv.Atoi(strings.TrimSpace(n.log("nginx.pid")))
	return pid
}

// children are the processes that pid started.
func children(pid int) (pids []int) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, s := range strings.Fields(string(b)) {
		child, _ := strconv.Atoi(s)
		pids = append(pids, child)
	}
	return pids
}

// title is how a process calls itself.
func title(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimRight(string(b), "\x00 ")
}

// workers are the worker processes that do not shut down.
func (n *nginx) workers() (pids []int) {
	for _, pid := range children(n.cmd.Process.Pid) {
		if title(pid) == "nginx: worker process" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// worker waits for the only worker.
func (n *nginx) worker() int {
	n.Helper()
	n.eventually("one worker", func() bool { return len(n.workers()) == 1 })
	return n.workers()[0]
}

// configured is the number of worker processes that nginx.conf asks for.
func (n *nginx) configured() int {
	n.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, "nginx.conf"))
	require.NoError(n, err)
	if bytes.Contains(text, []byte("master_process off;")) {
		return 0
	}
	m := regexp.MustCompile(`worker_processes (\d+);`).FindSubmatch(text)
	require.NotNil(n, m)
	count, err := strconv.Atoi(string(m[1]))
	require.NoError(n, err)
	return count
}

// reload waits until the old workers are told to go and all new ones are there.
func (n *nginx) reload() {
	n.Helper()
	old := n.workers()
	n.signal(syscall.SIGHUP)
	n.eventually("new workers after a reload", func() bool {
		fresh := n.workers()
		for _, pid := range fresh {
			if slices.Contains(old, pid) {
				return false
			}
		}
		return len(fresh) == n.configured()
	})
}

// hasBuild reports whether NGINX was configured with what.
func hasBuild(t testing.TB, what string) bool {
	t.Helper()
	out, err := exec.Command(env(t, "WSI_NGINX"), "-V").CombinedOutput()
	require.NoError(t, err)
	return strings.Contains(string(out), what)
}

var nextPort atomic.Uint32

// freeAddr is an address to listen on. It is outside of the ports that the
// kernel hands out, so that no connection of another test takes it meanwhile.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := 12000 + (uint32(os.Getpid())*101+nextPort.Add(1))%18000
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	require.FailNow(t, "no free port")
	return ""
}

// rss is a process's resident memory in bytes.
func rss(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(f[1])
	return pages * os.Getpagesize()
}

// fds is how many files a process has open.
func fds(pid int) int {
	d, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(d)
}

// connections is how many sockets a process has beside those that listen.
func connections(pid int) int {
	n := 0
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, f := range files {
		if target, _ := os.Readlink(f); strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n - 2 // the listening one and the channel to the master
}

// cpu is the processor time of a process in seconds.
func cpu(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(after)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return float64(user+system) / 100
}
