package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	sessions    = "../../../testdata/session/"
	httpHeader  = `{"request":null,"response":null,"name":"x.http","kind":"http"}` + "\n"
	httpCapture = httpHeader +
		`{"conn":1,"dir":"c2s","t":900,"b64":"R0VUIC8gSFRUUC8xLjENCg0K"}` + "\n"
)

// handshakeLine is the header of a capture, with the example key of RFC 6455.
const handshakeLine = `{"request":"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",` +
	`"response":"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",` +
	`"name":"x","kind":"websocket"}` + "\n"

// decodeReplay checks the form of each line and takes the output apart.
func decodeReplay(t *testing.T, stdout string) (messages []message, ends []end) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if strings.Contains(line, `"end":true`) {
			var e end
			require.NoError(t, d.Decode(&e))
			require.NotNil(t, e.Violations)
			ends = append(ends, e)
			continue
		}
		var m message
		require.NoError(t, d.Decode(&m))
		require.NotNil(t, m.Values)
		require.NotNil(t, m.Attacks)
		messages = append(messages, m)
	}
	return messages, ends
}

// expectation is what *.expect.json says of a recording.
type expectation struct {
	// Stream has the strings that were cut over several messages, by direction.
	Stream   map[string][]struct{ Text, Class string }
	Messages []struct {
		Conn    int // of a recording of kind "http", instead of Index
		Dir     string
		Index   uint64
		Opcode  int
		Label   string
		Strings []struct{ Text, Label, Class, Encoding string }
	}
}

// TestReplaySessions: every recorded message comes out in order with its
// strings; what carries SQL or a script is dropped, and what is benign is
// allowed.
func TestReplaySessions(t *testing.T) {
	replaySessions(t, sessions)
}

// TestReplayPolling is the same for connections that were not upgraded.
func TestReplayPolling(t *testing.T) {
	replaySessions(t, "../../../testdata/polling/")
}

// TestReplayCaptures is the same for the recordings in CAPTURES_DIR.
func TestReplayCaptures(t *testing.T) {
	dir := os.Getenv("CAPTURES_DIR")
	if dir == "" {
		t.Skip("CAPTURES_DIR= names no directory of recordings with *.expect.json")
	}
	replaySessions(t, dir+"/")
}

func replaySessions(t *testing.T, dir string) {
	paths, err := filepath.Glob(dir + "*.expect.json")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		path = strings.TrimSuffix(path, ".expect.json")
		if strings.HasSuffix(path, ".http") {
			t.Run(filepath.Base(path), func(t *testing.T) { replayPolling(t, path) })
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) { replaySession(t, path) })
	}
}

// replayRecording replays a recording, and reads what is expected of it.
func replayRecording(t *testing.T, path string) (want expectation, messages []message, ends []end) {
	text, err := os.ReadFile(path + ".expect.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &want))
	code, stdout, stderr := runWSI("", "replay", "--json", path+".jsonl")
	require.Equal(t, 0, code)
	require.Empty(t, stderr)
	messages, ends = decodeReplay(t, stdout)
	require.Len(t, ends, 1)
	return want, messages, ends
}

func replaySession(t *testing.T, path string) {
	want, messages, ends := replayRecording(t, path)
	require.Len(t, messages, len(want.Messages))

	type key struct {
		dir string
		n   uint64
	}
	byKey := map[key]*message{}
	next, drops := map[string]uint64{}, map[string]int{}
	for i := range messages {
		m := &messages[i]
		require.Equal(t, path+".jsonl", m.File)
		require.Equal(t, next[m.Direction], m.N)
		next[m.Direction]++
		byKey[key{m.Direction, m.N}] = m
		require.Equal(t, m.Verdict == "drop", len(m.Attacks) > 0)
		if m.Verdict == "drop" {
			drops[m.Direction]++
		}
	}
	for _, w := range want.Messages {
		m := byKey[key{w.Dir, w.Index}]
		require.NotNil(t, m, "%s %d", w.Dir, w.Index)
		require.Equal(t, map[int]string{1: "text", 2: "binary"}[w.Opcode], m.Opcode)
		if w.Label == "benign" && want.Stream == nil {
			require.Equal(t, "allow", m.Verdict, "%s %d: %+v", w.Dir, w.Index, m.Attacks)
		}
		for _, s := range w.Strings {
			if isJudged(s.Class) {
				require.Equal(t, "drop", m.Verdict, "%s %d: %s", w.Dir, w.Index, s.Text)
			}
			require.True(t, holds([]*message{m}, s.Text), "%s %d: %q is not among %+v", w.Dir, w.Index, s.Text, m.Values)
		}
	}
	// Of what is cut, the message is dropped that completes it.
	for dir, strings := range want.Stream {
		attacks := 0
		var all []*message
		for i := range messages {
			if messages[i].Direction == dir {
				all = append(all, &messages[i])
			}
		}
		for _, s := range strings {
			if isJudged(s.Class) {
				attacks++
			}
			require.True(t, holds(all, s.Text), "%s: %q", dir, s.Text)
		}
		require.GreaterOrEqual(t, drops[dir], attacks, dir)
	}
	if strings.Contains(path, "nats") { // nats-server sends 1005 in its Close
		require.Subset(t, []string{"close_code_invalid"}, ends[0].Violations)
	} else {
		require.Empty(t, ends[0].Violations)
	}
	dropped := drops["c2s"]+drops["s2c"] > 0
	require.Equal(t, verdictName(dropped), ends[0].Verdict)
	require.Equal(t, path+".jsonl", ends[0].File)
}

// replayPolling: every text that was sent over a connection that was not
// upgraded is in one of its bodies, in either direction; a request with SQL or a
// script is dropped, and what is benign is allowed.
func replayPolling(t *testing.T, path string) {
	want, messages, ends := replayRecording(t, path)
	require.Empty(t, ends[0].Violations)

	type key struct {
		dir  string
		conn int
	}
	byKey := map[key][]*message{}
	next := map[string]uint64{}
	for i := range messages {
		m := &messages[i]
		require.Equal(t, next[m.Direction], m.N)
		next[m.Direction]++
		require.NotEmpty(t, m.Transport)
		k := key{m.Direction, m.Conn}
		byKey[k] = append(byKey[k], m)
	}
	dropped := false
	for _, w := range want.Messages {
		bodies := byKey[key{w.Dir, w.Conn}]
		for _, s := range w.Strings {
			require.True(t, holds(bodies, s.Text), "%s of %d: %q", w.Dir, w.Conn, s.Text)
		}
		for _, m := range bodies {
			judged, attack := false, false
			for _, s := range w.Strings {
				if s.Label == "attack" && holds([]*message{m}, s.Text) {
					attack, judged = true, judged || isJudged(s.Class)
				}
			}
			if judged || !attack {
				require.Equal(t, verdictName(judged), m.Verdict, "%s of %d: %+v", w.Dir, w.Conn, m)
			}
			dropped = dropped || m.Verdict == "drop"
		}
	}
	require.Equal(t, verdictName(dropped), ends[0].Verdict)
}

// isJudged reports whether there is a detector for attacks of a class.
func isJudged(class string) bool { return class == "xss" || class == "sqli" }

// holds reports whether text is in a value of messages.
func holds(messages []*message, text string) bool {
	for _, m := range messages {
		for _, v := range m.Values {
			if strings.Contains(v.Value, text) {
				return true
			}
		}
	}
	return false
}

func TestReplayForm(t *testing.T) {
	// "hello" unmasked from the server.
	path := writeFile(t, "x.jsonl", handshakeLine+`{"dir":"s2c","t":1,"b64":"gQVoZWxsbw=="}`+"\n")
	code, stdout, stderr := runWSI("", "replay", "--json", path)
	require.Equal(t, 0, code, stderr)
	require.Equal(t, `{"file":"`+path+`","n":0,"direction":"s2c","opcode":"text","framework":"none","event":"","format":"text",`+
		`"values":[{"path":"$","value":"hello"}],"verdict":"allow","attacks":[]}`+"\n"+
		`{"file":"`+path+`","end":true,"verdict":"allow","violations":[]}`+"\n", stdout)

	code, stdout, _ = runWSI("", "replay", path)
	require.Equal(t, 0, code)
	require.Equal(t, "s2c 0 text none text: allow\n    $ = \"hello\"\n"+path+": allow, no violations\n\n", stdout)
}

// Of several application messages in one of WebSocket that is named which is an
// attack.
func TestReplayNamesWhatIsAnAttack(t *testing.T) {
	const batch = `[{"jsonrpc":"2.0","method":"a","params":["hi"]},{"jsonrpc":"2.0","method":"b","params":["<script>alert(1)</script>"]}]`
	frame := append([]byte{0x81, 126, 0, byte(len(batch))}, batch...)
	path := writeFile(t, "x.jsonl", handshakeLine+`{"dir":"s2c","t":1,"b64":"`+base64.StdEncoding.EncodeToString(frame)+`"}`+"\n")
	code, stdout, stderr := runWSI("", "replay", "--json", path)
	require.Equal(t, 0, code, stderr)
	messages, _ := decodeReplay(t, stdout)
	require.Equal(t, "b", messages[0].Event)
	require.Equal(t, "$[0]", messages[0].Attacks[0].Path)
}

func TestReplayExit(t *testing.T) {
	benign := writeFile(t, "benign.jsonl", handshakeLine+`{"dir":"s2c","t":1,"b64":"gQVoZWxsbw=="}`+"\n")
	attack := sessions + "sio4-chat-upgrade-attack.jsonl"
	tests := []struct {
		name string
		args []string
		code int
	}{
		{"benign", []string{benign}, 0},
		{"attack", []string{attack}, 0},
		{"benign, fail on attack", []string{"--fail-on-attack", benign}, 0},
		{"attack, fail on attack", []string{"--fail-on-attack", benign, attack, benign}, 1},
		{"error beats attack", []string{"--fail-on-attack", "absent", attack}, 2},
	}
	for _, tt := range tests {
		for _, form := range []string{"--json", "--json=false"} {
			t.Run(tt.name+" "+form, func(t *testing.T) {
				code, stdout, _ := runWSI("", append([]string{"replay", form}, tt.args...)...)
				require.Equal(t, tt.code, code)
				require.NotEmpty(t, stdout)
			})
		}
	}
}

func TestReplayViolations(t *testing.T) {
	tests := []struct {
		name, header, b64, verdict string
		violations                 []string
	}{
		{"unmasked client frame passes", handshakeLine, "gQVoZWxsbw==", "allow", []string{"frame_client_unmasked"}},
		{"reserved opcode", handshakeLine, "g4AAAAAA", "drop", []string{"frame_opcode_reserved"}},
		{"foreign upgrade", strings.Replace(handshakeLine, `101 Switching Protocols\r\nUpgrade: websocket`, `101 Switching Protocols\r\nUpgrade: h2c`, 1),
			"", "drop", []string{"handshake_upgrade_not_websocket"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, "x.jsonl", tt.header+`{"dir":"c2s","t":1,"b64":"`+tt.b64+`"}`+"\n")
			code, stdout, stderr := runWSI("", "replay", "--json", path)
			require.Equal(t, 0, code, stderr)
			_, ends := decodeReplay(t, stdout)
			require.Equal(t, []end{{path, true, tt.verdict, tt.violations}}, ends)
		})
	}
}

func TestReplayHTTP(t *testing.T) {
	path := writeFile(t, "x.http.jsonl", httpCapture)
	code, stdout, stderr := runWSI("", "replay", "--json", "--fail-on-attack", path)
	require.Equal(t, 0, code, stderr)
	require.Equal(t, `{"file":"`+path+`","end":true,"verdict":"allow","violations":[]}`+"\n", stdout)
}

// TestReplayExchanges: what of a connection is a body of a framework's.
func TestReplayExchanges(t *testing.T) {
	const polling = "/socket.io/?EIO=4&transport=polling"
	post := "POST " + polling + " HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n42[\"a\"]"
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for _, test := range []struct {
		name, c2s, s2c string
		want           []string
		verdict        string
	}{
		{"exchange", post, ok, []string{"c2s 0", "s2c 0"}, "allow"},
		{"two", post + post, ok + ok, []string{"c2s 0", "c2s 1", "s2c 0", "s2c 1"}, "allow"},
		{"interim response", post, "HTTP/1.1 100 Continue\r\n\r\n" + ok, []string{"c2s 0", "s2c 0"}, "allow"},
		{"no body", "GET " + polling + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n", nil, "allow"},
		{"ordinary", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n<x>", ok, nil, "allow"},
		{"ordinary before", "GET / HTTP/1.1\r\nHost: a\r\n\r\n" + post, ok + ok, []string{"c2s 0", "s2c 0"}, "allow"},
		{"cut", post[:len(post)-1], "", []string{"c2s 0"}, "allow"},
		{"cut response", post, ok[:len(ok)-1], []string{"c2s 0", "s2c 0"}, "allow"},
		{"no HTTP", "hello", "world", nil, "allow"},
		{"attack in the head", strings.Replace(post, "Host: a", "X-A: <script>alert(1)</script>", 1), ok, []string{"c2s 0", "s2c 0"}, "drop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := httpHeader
			for _, chunk := range []struct{ dir, text string }{{"c2s", test.c2s}, {"s2c", test.s2c}} {
				for _, part := range []string{chunk.text[:len(chunk.text)/2], chunk.text[len(chunk.text)/2:]} {
					file += `{"conn":7,"dir":"` + chunk.dir + `","t":1,"b64":"` + base64.StdEncoding.EncodeToString([]byte(part)) + `"}` + "\n"
				}
			}
			code, stdout, stderr := runWSI("", "replay", "--json", writeFile(t, "x.jsonl", file))
			require.Equal(t, 0, code, stderr)
			messages, ends := decodeReplay(t, stdout)
			var got []string
			for _, m := range messages {
				require.Equal(t, 7, m.Conn)
				got = append(got, fmt.Sprint(m.Direction, " ", m.N))
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.verdict, ends[0].Verdict)
		})
	}
}

func TestReplayErrors(t *testing.T) {
	dir := t.TempDir()
	tests := []struct{ name, file, err string }{
		{"empty", "", ":1: no header line"},
		{"header broken", "{\n", ":1: unexpected end of JSON input"},
		{"not a handshake", `{"request":"x","response":"y","name":"x","kind":"websocket"}` + "\n", ":1: handshake: no request line"},
		{"refused", `{"request":"GET / HTTP/1.1\r\n\r\n","response":"HTTP/1.1 400 Bad\r\n\r\n","name":"x","kind":"websocket"}` + "\n", ":1: handshake: response is not a 101"},
		{"chunk broken", handshakeLine + `{"dir":"s2c","t":1,"b64":"gQVoZWxsbw=="}` + "\n{\n", ":3: unexpected end of JSON input"},
		{"HTTP chunk broken", httpCapture + "{\n", ":3: unexpected end of JSON input"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(tt.name, " ", "-")+".jsonl")
			require.NoError(t, os.WriteFile(path, []byte(tt.file), 0o600))
			code, stdout, stderr := runWSI("", "replay", "--json", path)
			require.Equal(t, 2, code)
			require.Equal(t, "wsi replay: "+path+tt.err+"\n", stderr)
			_, ends := decodeReplay(t, stdout)
			require.Empty(t, ends)
		})
	}
}
