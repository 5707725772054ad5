package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/capture"
	"wsi/gobridge/internal/ws"
)

const (
	upgradeRequest = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	upgradeResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

	helloFrame  = "\x81\x05hello"                      // from the server, behind its 101
	maskedFrame = "\x81\x82\x00\x00\x00\x00hi"         // from the client
	attackFrame = "\x81\x99\x00\x00\x00\x00" + xssText // 25 bytes
)

// echo is a server that answers /ws with 101 and one frame in one write, then
// sends back what it gets; /refuse with 400; anything else with a page.
func echo(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ws":
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			io.WriteString(conn, upgradeResponse+helloFrame)
			io.Copy(conn, rw)
		case "/refuse":
			w.WriteHeader(http.StatusBadRequest)
		default:
			io.WriteString(w, "page")
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// startRecord records until stop is called, which returns the error.
func startRecord(t *testing.T, target, dir string, stderr io.Writer) (addr string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := recordUntil(ctx, ":0", target, dir, in, stderr)
		in.CloseWithError(err)
		done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Sscanf(line, "listening on %s", &addr)
	require.NoError(t, err)
	return strings.TrimSuffix(addr, ","), func() error {
		cancel()
		return <-done
	}
}

func readRecording(t *testing.T, path string) (capture.Header, map[int][2]string) {
	t.Helper()
	r, err := capture.Open(path)
	require.NoError(t, err)
	defer r.Close()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	sent := map[int][2]string{}
	last := map[int]int64{}
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header, sent
		}
		require.NoError(t, err)
		require.GreaterOrEqual(t, c.Time, last[c.Conn])
		last[c.Conn] = c.Time
		both := sent[c.Conn]
		both[c.Direction] += string(c.Data)
		sent[c.Conn] = both
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	return paths
}

// dial opens a connection that every test closes.
func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

// talk sends, ends its direction, and returns all that comes back.
func talk(t *testing.T, addr string, writes ...string) string {
	t.Helper()
	conn := dial(t, addr)
	for _, s := range writes {
		_, err := io.WriteString(conn, s)
		require.NoError(t, err)
	}
	require.NoError(t, conn.CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(answer)
}

func TestRecordWebSocket(t *testing.T) {
	tests := []struct {
		name   string
		writes []string
	}{
		{"frames behind the request", []string{upgradeRequest + maskedFrame + attackFrame}},
		{"request in two writes", []string{upgradeRequest[:30], upgradeRequest[30:] + maskedFrame, attackFrame}},
		{"byte by byte", strings.Split(upgradeRequest+maskedFrame+attackFrame, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "dir")
			addr, stop := startRecord(t, echo(t), dir, io.Discard)
			require.True(t, strings.HasPrefix(addr, "127.0.0.1:"), addr)

			answer := talk(t, addr, tt.writes...)
			require.Equal(t, upgradeResponse+helloFrame+maskedFrame+attackFrame, answer)
			require.NoError(t, stop())

			require.Empty(t, glob(t, dir, "*.http.jsonl"))
			paths := glob(t, dir, "*-ws*.jsonl")
			require.Len(t, paths, 1)
			h, chunks := readRecording(t, paths[0])
			require.Equal(t, capture.KindWebSocket, h.Kind)
			require.Equal(t, filepath.Base(paths[0]), h.Name+".jsonl")
			require.Equal(t, upgradeRequest, *h.Request)
			require.Equal(t, upgradeResponse, *h.Response)
			require.Equal(t, map[int][2]string{0: {
				ws.FromClient: maskedFrame + attackFrame,
				ws.FromServer: helloFrame + maskedFrame + attackFrame,
			}}, chunks)

			code, stdout, stderr := runWSI("", "replay", "--json", "--fail-on-attack", paths[0])
			require.Equal(t, 1, code, stderr)
			messages, _ := decodeReplay(t, stdout)
			require.Len(t, messages, 5)
		})
	}
}

func TestRecordHTTP(t *testing.T) {
	const (
		page    = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		closing = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	)
	refused := strings.Replace(upgradeRequest, "/ws", "/refuse", 1)
	tests := []struct {
		name   string
		writes []string
		answer string
	}{
		{"keep-alive", []string{page, closing}, "HTTP/1.1 200 OK"},
		{"upgrade refused", []string{refused}, "HTTP/1.1 400 Bad Request"},
		{"other protocol", []string{strings.Replace(closing, "Host", "Upgrade: h2c\r\nHost", 1)}, "HTTP/1.1 200 OK"},
		{"broken head", []string{"GET"}, ""},
		{"head without end", []string{"GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 2*maxHead)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			addr, stop := startRecord(t, echo(t), dir, io.Discard)
			answer := talk(t, addr, tt.writes...)
			require.Contains(t, answer, tt.answer)
			require.NoError(t, stop())

			require.Empty(t, glob(t, dir, "*-ws*.jsonl"))
			paths := glob(t, dir, "*.http.jsonl")
			require.Len(t, paths, 1)
			h, chunks := readRecording(t, paths[0])
			require.Equal(t, capture.KindHTTP, h.Kind)
			require.Nil(t, h.Request)
			require.Nil(t, h.Response)
			require.Equal(t, map[int][2]string{1: {
				ws.FromClient: strings.Join(tt.writes, ""),
				ws.FromServer: answer,
			}}, chunks)
		})
	}
}

func TestRecordManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	addr, stop := startRecord(t, echo(t), dir, io.Discard)
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			frame := fmt.Sprintf("\x81\x82\x00\x00\x00\x00%02d", i)
			if got := talk(t, addr, upgradeRequest, frame); !strings.HasSuffix(got, frame) {
				t.Errorf("connection %d got %q", i, got)
			}
			talk(t, addr, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		})
	}
	wg.Wait()
	require.NoError(t, stop())

	paths := glob(t, dir, "*-ws*.jsonl")
	require.Len(t, paths, n)
	seen := map[string]bool{}
	for _, path := range paths {
		_, chunks := readRecording(t, path)
		seen[chunks[0][ws.FromClient]] = true
	}
	require.Len(t, seen, n)
	paths = glob(t, dir, "*.http.jsonl")
	require.Len(t, paths, 1)
	_, chunks := readRecording(t, paths[0])
	require.Len(t, chunks, n)
}

// A connection still open when the recorder ends is recorded to that point.
func TestRecordEndsOpenConnections(t *testing.T) {
	dir := t.TempDir()
	addr, stop := startRecord(t, echo(t), dir, io.Discard)
	conn := dial(t, addr)
	_, err := io.WriteString(conn, upgradeRequest)
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, len(upgradeResponse+helloFrame)))
	require.NoError(t, err)

	require.NoError(t, stop())

	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	_, chunks := readRecording(t, glob(t, dir, "*-ws0.jsonl")[0])
	require.Equal(t, helloFrame, chunks[0][ws.FromServer])
}

func TestRecordTargetDown(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	target := ln.Addr().String()
	require.NoError(t, ln.Close())

	dir := t.TempDir()
	var stderr bytes.Buffer
	addr, stop := startRecord(t, target, dir, &stderr)
	_, err = dial(t, addr).Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, stop())
	require.Contains(t, stderr.String(), "wsi record: dial tcp "+target)
	require.Empty(t, glob(t, dir, "*"))
}

func TestRecordErrors(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	file := writeFile(t, "file", "")

	t.Run("address in use", func(t *testing.T) {
		code, _, stderr := runWSI("", "record", "--listen", busy.Addr().String(), "--target", "127.0.0.1:1", "--out", t.TempDir())
		require.Equal(t, 2, code)
		require.Contains(t, stderr, busy.Addr().String())
	})
	t.Run("out is a file", func(t *testing.T) {
		code, _, stderr := runWSI("", "record", "--listen", ":0", "--target", "127.0.0.1:1", "--out", file)
		require.Equal(t, 2, code)
		require.Contains(t, stderr, file)
	})
	t.Run("directory removed", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "out")
		addr, stop := startRecord(t, echo(t), dir, io.Discard)
		require.NoError(t, os.Remove(dir))
		conn := dial(t, addr)
		_, err := io.WriteString(conn, upgradeRequest)
		require.NoError(t, err)
		_, _ = io.ReadAll(conn) // the recorder ends by itself and closes it
		require.ErrorIs(t, stop(), os.ErrNotExist)
	})
}

func TestRecordInterrupted(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0], "record", "--listen", "127.0.0.1:0", "--target", echo(t), "--out", dir)
			cmd.Env = append(os.Environ(), "WSI_TEST_AS_COMMAND=1")
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { cmd.Process.Kill() })
			line, err := bufio.NewReader(stdout).ReadString('\n')
			require.NoError(t, err)
			var addr string
			_, err = fmt.Sscanf(line, "listening on %s", &addr)
			require.NoError(t, err)

			talk(t, strings.TrimSuffix(addr, ","), upgradeRequest, maskedFrame)
			require.NoError(t, cmd.Process.Signal(sig))

			require.NoError(t, cmd.Wait())
			require.Len(t, glob(t, dir, "*-ws0.jsonl"), 1)
		})
	}
}
