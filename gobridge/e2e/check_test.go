//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// serve answers every connection: a plain endpoint echoes, one of socket.io
// opens, joins, and echoes events. It has no say in the test.
func (n *nginx) serve(silent bool) {
	go func() {
		for {
			conn, err := n.backend.Accept()
			if err != nil {
				return
			}
			go answer(conn, silent)
		}
	}()
}

func answer(conn net.Conn, silent bool) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	conn.Write(responseTo(req.Header.Get("Sec-WebSocket-Key")))
	write := func(op ws.Opcode, text string) { conn.Write(wstest.Frame{Opcode: op, Payload: []byte(text)}.Bytes()) }
	socketIO := req.URL.Query().Has("EIO")
	if socketIO {
		write(ws.OpText, `0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`)
	}
	head := []byte{}
	for {
		b, err := r.ReadByte()
		if err != nil {
			return
		}
		head = append(head, b)
		h, size := frame.ParseHeader(head)
		if size == 0 {
			continue
		}
		head = head[:0]
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		for i := range payload {
			payload[i] ^= h.Mask[i&3]
		}
		switch {
		case h.Opcode == ws.OpPing:
			write(ws.OpPong, string(payload))
		case h.Opcode == ws.OpClose:
			return
		case socketIO && strings.HasPrefix(string(payload), "40"):
			write(ws.OpText, `40{"sid":"y"}`)
		case !silent:
			write(ws.OpText, string(payload))
		}
	}
}

// wsi check tells what the module does with an endpoint, by its exit status.
func TestCheck(t *testing.T) {
	t.Parallel()
	type step struct {
		Name, Outcome, Event string
		Code                 int `json:"close_code"`
	}
	for _, tt := range []struct {
		name, location, target string
		log, silent            bool
		status                 int
		outcomes               string
	}{
		{"block", "", "/", false, false, 0, "answered blocked blocked"},
		{"block, logged", "", "/", true, false, 0, "answered blocked blocked"},
		{"block, another code, logged", "wallarm_websocket_action close 4403;", "/", true, false, 0, "answered blocked blocked"},
		{"drop the message, logged", "wallarm_websocket_action drop_message;", "/socket.io/", true, false, 0, "answered blocked blocked"},
		{"block, silent", "", "/chat", false, true, 0, "open blocked blocked"},
		{"block, socket.io", "", "/socket.io/", true, false, 0, "answered blocked blocked"},
		{"monitoring", "wallarm_mode monitoring;", "/", true, false, 1, "answered answered answered"},
		{"monitoring, silent socket.io", "wallarm_mode monitoring;", "/socket.io/", true, true, 1, "open open open"},
		{"monitoring, without the log", "wallarm_mode monitoring;", "/", false, false, 3, "answered answered answered"},
		{"off", "wallarm_mode off;", "/", true, false, 3, "answered answered answered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := start(t, conf{location: tt.location})
			n.serve(tt.silent)
			args := []string{"check", "--json", "--timeout", "30s"}
			if tt.log {
				args = append(args, "--log", filepath.Join(n.dir, "logs", "websocket_attacks.json"))
			}
			cmd := exec.Command(env(t, "WSI_CLI"), append(args, "ws://"+n.addr+tt.target)...)
			out, _ := cmd.Output()
			var report struct {
				Verdict string
				Steps   []step
			}
			require.NoError(t, json.Unmarshal(out, &report), "%s", out)
			var outcomes []string
			for i, s := range report.Steps {
				outcomes = append(outcomes, s.Outcome)
				if s.Outcome == "blocked" {
					code := ws.ClosePolicyViolation
					if strings.Contains(tt.location, "4403") {
						code = 4403
					}
					if strings.Contains(tt.location, "drop_message") {
						code = 0
					}
					require.Equal(t, int(code), s.Code)
				}
				require.Equal(t, tt.log && i > 0 && tt.status != 3, s.Event != "", "%s", out)
			}
			require.Equal(t, tt.outcomes, strings.Join(outcomes, " "), "%s", out)
			require.Equal(t, tt.status, cmd.ProcessState.ExitCode(), "%s", out)
		})
	}

	// A wrong --log does not make an endpoint one that is not inspected.
	n := start(t, conf{location: "wallarm_mode monitoring;"})
	n.serve(false)
	out, _ := exec.Command(env(t, "WSI_CLI"), "check", "--log", filepath.Join(n.dir, "logs", "other.json"), "ws://"+n.addr+"/").Output()
	require.Contains(t, string(out), "not blocked\n(there is no ")

	n = start(t, conf{location: "return 404;"})
	cmd := exec.Command(env(t, "WSI_CLI"), "check", "ws://"+n.addr+"/")
	out, _ = cmd.CombinedOutput()
	require.Equal(t, 2, cmd.ProcessState.ExitCode())
	require.Contains(t, string(out), "404")
}
