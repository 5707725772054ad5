package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckArguments(t *testing.T) {
	for _, args := range [][]string{
		{}, {"http"}, {"ftp://x/"}, {"ws:///x"}, {"--framework", "x", "ws://x/"}, {"--header", "x", "ws://x/"},
		{"--message", "x", "ws://x/"}, {"--timeout", "x", "ws://x/"}, {"ws://x/", "ws://y/"},
	} {
		var out, errors bytes.Buffer
		require.Equal(t, exitError, check(args, &out, &errors), args)
		require.Contains(t, errors.String(), "wsi check: ", args)
	}
}

func TestCheckMessage(t *testing.T) {
	for _, tt := range []struct{ target, framework, template, text, url, want string }{
		{"ws://h", "", "%s", `<a "b">`, "ws://h/", `<a "b">`},
		{"https://h/x?y=1", "", `{"say":"%s"}`, `<a "b">`, "wss://h/x?y=1", `{"say":"<a \"b\">"}`},
		{"ws://h/socket.io/", "", "%s", `<a "b">`, "ws://h/socket.io/?EIO=4&transport=websocket", `42["wsi-check","<a \"b\">"]`},
		{"ws://h", "socket.io", "%s", "x", "ws://h/socket.io/?EIO=4&transport=websocket", `42["wsi-check","x"]`},
		{"ws://h/a/?EIO=3", "", "%s", "x", "ws://h/a/?EIO=3&transport=websocket", `42["wsi-check","x"]`},
		{"ws://h/socket.io/", "plain", "%s", "x", "ws://h/socket.io/", "x"},
	} {
		c, err := newChecker(tt.target, tt.framework, tt.template, nil)
		require.NoError(t, err)
		require.Equal(t, tt.url, c.target.String())
		require.Equal(t, tt.want, string(c.message(tt.text)))
	}
}

// An endpoint that is not there, or is none, is an error and no verdict.
func TestCheckNoEndpoint(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	answers := make(chan string, 2)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			c.Write([]byte(<-answers))
			c.Close()
		}
	}()
	for _, answer := range []string{"HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"} {
		answers <- answer
		var out, errors bytes.Buffer
		require.Equal(t, exitError, check([]string{"ws://" + ln.Addr().String()}, &out, &errors))
		require.Contains(t, out.String(), "unknown: ")
		require.NotContains(t, out.String(), "inspected")
	}
	require.NoError(t, ln.Close())
	var out, errors bytes.Buffer
	require.Equal(t, exitError, check([]string{"ws://" + ln.Addr().String()}, &out, &errors))
	require.Contains(t, out.String(), "refused")
	require.Equal(t, exitError, check([]string{"--log", "/nonexistent/log", "ws://x/"}, &out, &errors))
	require.Contains(t, out.String(), "/nonexistent/log")
	require.Empty(t, errors.String())
}

func TestConsoleArguments(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--log", "x"}, {"--db", "x"}, {"--log", "x", "--db", "y", "z"}, {"--log", "x", "--db", "y", "--retain", "x"},
		{"--log", "x", "--db", "y", "--retain-size", "1t"}, {"--log", "x", "--db", "y", "--listen", "0.0.0.0:0"},
		{"--log", "x", "--db", "y", "--auth-file", "/nonexistent"},
	} {
		var out, errors bytes.Buffer
		require.Equal(t, exitError, consoleCommand(args, &out, &errors), args)
		require.Contains(t, errors.String(), "wsi console: ", args)
	}
	for s, want := range map[string]int64{"0": 0, "500m": 500 << 20, "2G": 2 << 30} {
		n, err := parseSize(s)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	d, err := parseAge("30d")
	require.NoError(t, err)
	require.Equal(t, 720.0, d.Hours())
}

// What went wrong says what to do, once.
func TestCheckAdvice(t *testing.T) {
	serve := func(answer func(net.Conn)) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					answer(conn)
					conn.Close()
				}()
			}
		}()
		return ln.Addr().String()
	}
	status := func(line, header string) func(net.Conn) {
		return func(conn net.Conn) {
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, "HTTP/1.1 "+line+"\r\nContent-Length: 0\r\n"+header+"\r\n")
		}
	}
	upgraded := func(then func(*bufio.Reader, net.Conn)) func(net.Conn) {
		return func(conn net.Conn) {
			in := bufio.NewReader(conn)
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
				base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
			then(in, conn)
		}
	}
	closes := func(code string) func(net.Conn) {
		return upgraded(func(in *bufio.Reader, conn net.Conn) {
			in.ReadByte()
			io.WriteString(conn, code)
		})
	}
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	defer certified.Close()
	certified.Config.ErrorLog = log.New(io.Discard, "", 0)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone.Close()
	for _, tt := range []struct{ name, scheme, address, verdict, hint string }{
		{"redirect", "ws", serve(status("301 Moved Permanently", "Location: https://x/ws/\r\n")), "301", "https://x/ws/"},
		{"login", "ws", serve(status("401 Unauthorized", "")), "401", "--header"},
		{"forbidden", "ws", serve(status("403 Forbidden", "")), "403", "event log"},
		{"path", "ws", serve(status("404 Not Found", "")), "404", "/socket.io/"},
		{"no upgrade", "ws", serve(status("200 OK", "")), "200", "proxy_set_header Upgrade"},
		{"upgrade required", "ws", serve(status("426 Upgrade Required", "")), "426", "proxy_http_version"},
		{"backend", "ws", serve(status("502 Bad Gateway", "")), "502", "error_log"},
		{"limit", "ws", serve(status("429 Too Many Requests", "")), "429", "limit"},
		{"nobody", "ws", gone.Addr().String(), "refused", "is NGINX running"},
		{"authority", "wss", certified.Listener.Addr().String(), "certificate", "--insecure"},
		{"no TLS", "wss", serve(func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }), "TLS", "ws://"},
		{"silent", "ws", serve(func(conn net.Conn) { io.Copy(io.Discard, conn) }), "timeout", "--timeout"},
		{"ends", "ws", serve(func(conn net.Conn) { conn.Read(make([]byte, 1<<10)) }), "no answer", "error_log"},
		{"not read", "ws", serve(upgraded(func(in *bufio.Reader, _ net.Conn) { io.Copy(io.Discard, in) })), "not even to a ping", "backend"},
		{"closes", "ws", serve(closes("\x88\x02\x03\xe8")), "closed with 1000 at the harmless", "--message"},
		{"blocks all", "ws", serve(closes("\x88\x02\x03\xf0")), "closed with 1008 at the harmless", "event log says why"},
		{"drops", "ws", serve(closes("")), "without a Close frame", "--message"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errors bytes.Buffer
			timeout := "20s"
			if tt.name == "silent" || tt.name == "not read" {
				timeout = "300ms"
			}
			require.Equal(t, exitError, check([]string{"--json", "--timeout", timeout, tt.scheme + "://" + tt.address + "/"}, &out, &errors))
			require.Empty(t, errors.String())
			var r checkReport
			require.NoError(t, json.Unmarshal(out.Bytes(), &r))
			require.Contains(t, r.Verdict, "unknown: ")
			require.Contains(t, r.Verdict, tt.verdict)
			require.Contains(t, r.Hint, tt.hint)
		})
	}
}

// An event is found behind lines of any length, and a log that cannot be read is
// no log without the event.
func TestCheckLog(t *testing.T) {
	c := &checker{token: "wsi-check-1", log: filepath.Join(t.TempDir(), "log")}
	require.NoError(t, os.WriteFile(c.log, []byte(strings.Repeat("x", 3<<20)+"\n"+
		`{"event":{"action":"blocked"},"rule":{"id":"941100"},"wallarm":{"attack":{"type":"xss","match":"wsi-check-1"}}}`+"\n"+`{"half`), 0o600))
	require.Equal(t, "xss, blocked, rule 941100", c.look("xss"))
	require.Empty(t, c.look("sqli"))
	if os.Geteuid() == 0 {
		c.log = t.TempDir() // root may read any file, but no directory
	} else {
		require.NoError(t, os.Chmod(c.log, 0))
	}
	var out, errors bytes.Buffer
	require.Equal(t, exitError, check([]string{"--log", c.log, "ws://127.0.0.1:1/"}, &out, &errors))
	require.Contains(t, out.String(), c.log)
}
