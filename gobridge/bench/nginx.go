package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// variant is one way to run NGINX. Without a mode the module is not loaded.
type variant struct {
	name string
	mode string // of wallarm_mode
}

// plain is what the others are compared with, again its equal: their ratio is
// the noise of the run.
var plain, again = variant{name: "plain"}, variant{name: "plain again"}

// setup is the same for every variant.
type setup struct {
	binary      string
	module      string
	library     string // empty: where the module looks by itself
	cpu         int    // of the worker
	backend     int    // port
	connections int    // to hold at once
	files       int    // limit of open files
}

// instance is a running NGINX with one worker.
type instance struct {
	variant
	prefix string
	port   int
	worker int // pid
	cmd    *exec.Cmd
	exited chan error
}

func (s setup) config(v variant, port int) string {
	var b strings.Builder
	if v.mode != "" {
		fmt.Fprintf(&b, "load_module %q;\n", s.module)
		if s.library != "" {
			fmt.Fprintf(&b, "wallarm_websocket_library %q;\n", s.library)
		}
	}
	if os.Geteuid() == 0 {
		// The worker writes below the prefix and reads a library that may
		// lie in somebody's home.
		fmt.Fprintf(&b, "user root;\n")
	}
	fmt.Fprintf(&b, `daemon off;
pid nginx.pid;
error_log logs/error.log;
worker_processes 1;
worker_cpu_affinity 1%s;
worker_rlimit_nofile %d;
events {
    worker_connections %d;
}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:%d backlog=4096;
        location /socket.io/ {
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_http_version 1.1;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Host $host;
            proxy_pass http://127.0.0.1:%d;
`, strings.Repeat("0", s.cpu), s.files, 2*s.connections+64, port, s.backend)
	if v.mode != "" {
		fmt.Fprintf(&b, "            wallarm_parse_websocket on;\n            wallarm_mode %s;\n", v.mode)
	}
	b.WriteString("        }\n    }\n}\n")
	return b.String()
}

// start returns when the worker runs and the port is open.
func (s setup) start(v variant, dir string) (*instance, error) {
	prefix, err := os.MkdirTemp(dir, strings.ReplaceAll(v.name, " ", "-")+"-")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(prefix, "logs"), 0o755); err != nil {
		return nil, err
	}
	fd, port, err := listen()
	if err != nil {
		return nil, err
	}
	syscall.Close(fd)
	conf := filepath.Join(prefix, "nginx.conf")
	if err := os.WriteFile(conf, []byte(s.config(v, port)), 0o644); err != nil {
		return nil, err
	}
	stderr, err := os.Create(filepath.Join(prefix, "logs", "stderr.log"))
	if err != nil {
		return nil, err
	}
	defer stderr.Close()

	n := &instance{variant: v, prefix: prefix, port: port, exited: make(chan error, 1)}
	n.cmd = exec.Command(s.binary, "-p", prefix, "-c", conf)
	n.cmd.Stdout, n.cmd.Stderr = stderr, stderr
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { n.exited <- n.cmd.Wait() }()

	if err := n.ready(); err != nil {
		n.stop()
		return nil, n.failed(err)
	}
	return n, nil
}

func (n *instance) ready() error {
	for range 1000 {
		select {
		case err := <-n.exited:
			n.exited <- err
			return fmt.Errorf("ended: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		var err error
		if n.worker, err = workerOf(n.cmd.Process.Pid); err != nil {
			return err
		}
		if n.worker == 0 {
			continue
		}
		if fd, err := dial(n.port); err == nil {
			return syscall.Close(fd)
		}
	}
	return fmt.Errorf("no worker on port %d", n.port)
}

// failed adds to err which NGINX it was and what that said.
func (n *instance) failed(err error) error {
	if s := n.complaints(); s != "" {
		return fmt.Errorf("nginx, %s: %w\n%s", n.name, err, s)
	}
	return fmt.Errorf("nginx, %s: %w", n.name, err)
}

// complaints returns what NGINX said above the level of a plain error: the end
// of it, at most.
func (n *instance) complaints() string {
	var lines []string
	for _, name := range []string{"stderr.log", "error.log"} {
		log, err := os.ReadFile(filepath.Join(n.prefix, "logs", name))
		if err != nil {
			continue
		}
		for line := range bytes.Lines(log) {
			if name == "stderr.log" || bytes.Contains(line, []byte("[crit]")) ||
				bytes.Contains(line, []byte("[alert]")) || bytes.Contains(line, []byte("[emerg]")) {
				lines = append(lines, "  "+strings.TrimRight(string(line), "\n"))
			}
		}
	}
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// attacksLogged tells whether the event log has a line yet.
func (n *instance) attacksLogged() bool {
	info, err := os.Stat(filepath.Join(n.prefix, "logs", "websocket_attacks.json"))
	return err == nil && info.Size() > 0
}

func (n *instance) stop() {
	n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.exited:
	case <-time.After(5 * time.Second):
		n.cmd.Process.Kill()
		if worker, _ := workerOf(n.cmd.Process.Pid); worker != 0 && worker == n.worker {
			syscall.Kill(worker, syscall.SIGKILL)
		}
		<-n.exited
	}
}
