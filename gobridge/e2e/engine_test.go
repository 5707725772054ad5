//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// stub is an engine of which the test decides the verdicts, see
// testdata/engine.c.
type stub struct {
	testing.TB
	library string
	fifo    *os.File
}

func newStub(t testing.TB, defines ...string) *stub {
	t.Helper()
	dir := t.TempDir()
	s := &stub{TB: t, library: filepath.Join(dir, "libstub.so")}
	fifo := filepath.Join(dir, "verdicts")
	require.NoError(t, syscall.Mkfifo(fifo, 0o666))
	args := append([]string{"-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread",
		"-I..", "-DFIFO=\"" + fifo + "\"", "-o", s.library}, defines...)
	out, err := exec.Command("cc", append(args, "testdata/engine.c")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s.fifo, err = os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { s.fifo.Close() })
	return s
}

func (s *stub) verdict(v string) {
	s.Helper()
	_, err := s.fifo.WriteString(v)
	require.NoError(s, err)
}

// plain is a frame that the stub can read: its masking key is 0.
func plain(s string) []byte {
	return wstest.Frame{Opcode: ws.OpText, Mask: &[4]byte{}, Payload: []byte(s)}.Bytes()
}

// settled returns when NGINX has turned its loop after what the client sent:
// the client has sent first, and the other direction has answered since.
func settled(client, backend *peer) {
	client.Helper()
	m := server("tick").Bytes()
	for range 3 {
		backend.send(m)
		client.expect(m)
	}
}

// A verdict that comes later lets the message and all behind it go, or drops.
func TestPendingVerdict(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h;"})
	t.Run("pass", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		client.send(plain("wait 1"))
		settled(client, backend)
		client.send(plain("behind"))
		settled(client, backend)
		other, otherBackend := n.connect()
		talk(other, otherBackend)
		s.verdict("p")
		backend.expect(plain("wait 1"), plain("behind"))
		client.send(plain("wait 2"))
		s.verdict("p")
		backend.expect(plain("wait 2"))
	})
	t.Run("drop", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		client.send(plain("wait"))
		settled(client, backend)
		client.send(plain("behind"))
		s.verdict("d")
		dropped(client, backend, ws.ClosePolicyViolation)
	})
	t.Run("half-closed meanwhile", func(t *testing.T) {
		n := n.in(t)
		client, backend := n.connect()
		client.send(plain("wait"))
		client.halfClose()
		settled(client, backend)
		s.verdict("p")
		backend.expect(plain("wait"))
		require.Empty(t, backend.rest())
	})
}

// Pitfall 17: a verdict that comes when the connection is gone finds no
// pointer to it, and its event is still logged.
func TestVerdictForGoneConnection(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h;"})
	for range 10 {
		client, backend := n.connect()
		client.send(plain("wait"))
		settled(client, backend)
		client.reset()
		backend.Close()
	}
	n.eventually("all connections are gone", func() bool { return strings.Count(n.log("access.log"), "\n") == 10 })
	// the slots are not given to others
	client, backend := n.connect()
	talk(client, backend)
	s.verdict("dddddddddd")
	n.eventually("all verdicts are logged", func() bool { return strings.Count(n.log("error.log"), "stub event") == 10 })
	talk(client, backend)
}

// A message whose verdict takes longer than wallarm_process_time_limit is not
// waited for.
func TestVerdictTimeLimit(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 300;"})
	client, backend := n.connect()
	client.send(plain("wait"))
	dropped(client, backend, ws.ClosePolicyViolation)
	s.verdict("p")
	client, backend = n.connect()
	talk(client, backend)
}

// Pitfall 13: proxy_read_timeout closes a connection whose message is being
// judged like any other; nothing of the message is sent.
func TestReadTimeoutWithVerdictPending(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h; proxy_read_timeout 1s;"})
	client, backend := n.connect()
	client.send(plain("wait"))
	require.Empty(t, backend.rest())
	require.Empty(t, client.rest())
	s.verdict("p")
	client, backend = n.connect()
	talk(client, backend)
	client.Close()
	n.logged("upstream timed out")
}

// Pitfall 14: a worker that shuts down waits for a pending verdict.
func TestShutdownWithVerdictPending(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]syscall.Signal{"reload": syscall.SIGHUP, "quit": syscall.SIGQUIT} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h;"})
			client, backend := n.connect()
			client.send(plain("wait"))
			settled(client, backend)
			if sig == syscall.SIGHUP {
				n.reload()
			} else {
				n.signal(sig)
			}
			n.logged("gracefully shutting down")
			settled(client, backend)
			s.verdict("p")
			backend.expect(plain("wait"))
			talk(client, backend)
			client.Close()
			backend.Close()
		})
	}
}

// Pitfall 14: a verdict that is pending when worker_shutdown_timeout ends the
// connection does no harm, and neither does a fast shutdown.
func TestShutdownTimeoutWithVerdictPending(t *testing.T) {
	t.Parallel()
	t.Run("worker_shutdown_timeout", func(t *testing.T) {
		s := newStub(t)
		n := start(t, conf{library: s.library, main: "worker_shutdown_timeout 500ms;", location: "wallarm_process_time_limit 1h;"})
		client, backend := n.connect()
		client.send(plain("wait"))
		settled(client, backend)
		n.signal(syscall.SIGQUIT)
		require.Empty(t, backend.rest())
		<-n.exited
	})
	t.Run("TERM", func(t *testing.T) {
		s := newStub(t)
		n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h;"})
		client, backend := n.connect()
		client.send(plain("wait"))
		settled(client, backend)
		n.stop(syscall.SIGTERM)
		require.Empty(t, backend.rest())
	})
}

// The engine fails in the middle of a session: wallarm_fallback decides.
func TestEngineFails(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"open", "feed", "verdict"} {
		for _, fallback := range []string{"on", "off"} {
			t.Run(when+" fallback "+fallback, func(t *testing.T) {
				s := newStub(t)
				n := start(t, conf{library: s.library, location: "wallarm_process_time_limit 1h; wallarm_fallback " + fallback + ";"})
				if when == "open" {
					client := n.client()
					client.send(request("/fail"))
					backend := n.accept()
					backend.head()
					backend.send(response())
					if fallback == "off" {
						require.Equal(t, "502", client.status())
						return
					}
					require.Equal(t, "101", client.status())
					talk(client, backend)
					client.Close()
					n.accessed("101|block|uninspected|-|0|1")
					return
				}
				client, backend := n.connect()
				talk(client, backend)
				m := plain("fail")
				if when == "verdict" {
					m = plain("wait")
				}
				client.send(m)
				if when == "verdict" {
					settled(client, backend)
					client.send(plain("behind"))
					m = append(m, plain("behind")...)
					s.verdict("e")
				}
				if fallback == "off" {
					dropped(client, backend, ws.CloseInternalError)
					return
				}
				backend.expect(m)
				talk(client, backend)
				client.send(plain("fail wait"))
				backend.expect(plain("fail wait"))
				client.Close()
				n.accessed("101|block|uninspected|-|0|1")
				n.logged("inspection failed")
			})
		}
	}
}

// Pitfall 20: a library that passes the check of the configuration but does not
// start leaves workers that serve; wallarm_fallback decides.
func TestLibraryDoesNotStart(t *testing.T) {
	t.Parallel()
	broken := newStub(t, "-DINIT=1")
	truncated := newStub(t)
	b, err := os.ReadFile(truncated.library)
	require.NoError(t, err)
	undefined := filepath.Join(t.TempDir(), "undefined.so")
	source := filepath.Join(t.TempDir(), "undefined.c")
	require.NoError(t, os.WriteFile(source, []byte("extern int nowhere(void); int wsi_abi_7(void) { return nowhere(); }"), 0o644))
	out, err := exec.Command("cc", "-shared", "-fPIC", "-o", undefined, source).CombinedOutput()
	require.NoError(t, err, "%s", out)

	for name, library := range map[string]string{"init fails": broken.library, "undefined symbol": undefined, "replaced": truncated.library} {
		for _, c := range []struct{ fallback, mode string }{{"on", "block"}, {"off", "block"}, {"off", "monitoring"}} {
			t.Run(name+" fallback "+c.fallback+" "+c.mode, func(t *testing.T) {
				location := "wallarm_fallback " + c.fallback + "; wallarm_mode " + c.mode + ";"
				n := start(t, conf{stopped: name == "replaced", library: library, location: location})
				n.allow(`wallarm: .*did not start|dlopen\(\) failed|are not inspected by this worker`)
				if name == "replaced" {
					// the ELF header and the tables at the end stay, the code is gone
					bad := append([]byte(nil), b...)
					clear(bad[64:0x100])
					library := filepath.Join(t.TempDir(), "bad.so")
					require.NoError(t, os.WriteFile(library, bad, 0o644))
					n.write("nginx.conf", n.config(t, conf{library: library, location: location}))
					n.run()
				}
				client := n.client()
				client.send(request("/"))
				if c.fallback == "off" && c.mode == "block" {
					require.Equal(t, "503", client.status())
				} else {
					backend := n.accept()
					backend.head()
					backend.send(response())
					require.Equal(t, "101", client.status())
					client.send(text(xss))
					backend.expect(text(xss))
					client.Close()
					backend.Close()
					n.accessed("101|" + c.mode + "|uninspected|-|0|1")
				}
				n.logged(`\[error\].*library is not loaded`)
				// ordinary requests are served
				client = n.client()
				client.send([]byte("GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n"))
				backend := n.accept()
				backend.head()
				backend.send([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
				require.Equal(t, "204", client.status())
				require.Len(t, n.workers(), 1)
			})
		}
	}
}

// What the engine says of a session that failed, and passes, drops nothing.
func TestLateVerdictOfFailedSession(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_websocket_response_mode block; wallarm_process_time_limit 1h;"})
	client, backend := n.connect()
	talk(client, backend)
	held := server("wait").Bytes()
	backend.send(held)
	backend.send(server("behind").Bytes())
	client.send(plain("hello"))
	backend.expect(plain("hello"))
	client.send(plain("fail"))
	backend.expect(plain("fail"))
	client.expect(held, server("behind").Bytes())
	s.verdict("d")
	n.eventually("the stub's event is logged", func() bool { // which no schema knows
		return strings.Count(n.log("websocket_attacks.json"), "\n") == 1
	})
	talk(client, backend)
	client.Close()
	n.accessed("101|block|attack|xss|0|1")
}
