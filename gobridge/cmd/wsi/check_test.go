package main

import (
	"bytes"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckArguments(t *testing.T) {
	for _, args := range [][]string{
		{}, {"http"}, {"ftp://x/"}, {"ws:///x"}, {"--framework", "x", "ws://x/"}, {"--header", "x", "ws://x/"},
		{"--message", "x", "ws://x/"}, {"--timeout", "x", "ws://x/"}, {"--log", "/nonexistent/log", "ws://x/"}, {"ws://x/", "ws://y/"},
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
	require.Contains(t, errors.String(), "refused")
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
