package message_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/ws"
)

const sessions = "../../../testdata/session"

// recorded is a session of testdata/session and what was sent in it.
type recorded struct {
	chunks     map[string][][]byte // by direction
	noTakeover map[string]bool
	messages   []sent
}

type sent struct {
	Dir        string
	Opcode     ws.Opcode
	Compressed bool
	Frames     int
	WireLen    int `json:"wire_len"`
	Len        int
	Head       string
}

func readSession(t *testing.T, path string) *recorded {
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	dec := json.NewDecoder(bytes.NewReader(raw))
	var handshake struct{ Response string }
	require.NoError(t, dec.Decode(&handshake))
	s := &recorded{
		chunks: map[string][][]byte{},
		noTakeover: map[string]bool{
			"c2s": strings.Contains(handshake.Response, "client_no_context_takeover"),
			"s2c": strings.Contains(handshake.Response, "server_no_context_takeover"),
		},
	}
	for dec.More() {
		var chunk struct {
			Dir string
			B64 []byte
		}
		require.NoError(t, dec.Decode(&chunk))
		s.chunks[chunk.Dir] = append(s.chunks[chunk.Dir], chunk.B64)
	}
	raw, err = os.ReadFile(strings.TrimSuffix(path, ".jsonl") + ".expect.json")
	require.NoError(t, err)
	expect := struct{ Messages *[]sent }{&s.messages}
	require.NoError(t, json.Unmarshal(raw, &expect))
	return s
}

func randomCut(chunks [][]byte, rnd *rand.Rand) (parts [][]byte) {
	for b := bytes.Join(chunks, nil); len(b) > 0; {
		n := min(1+rnd.IntN(500), len(b))
		parts = append(parts, b[:n])
		b = b[n:]
	}
	return parts
}

// TestSessions reads what real clients and servers sent, as it arrived and cut
// otherwise.
func TestSessions(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(sessions, "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".jsonl"), func(t *testing.T) {
			s := readSession(t, path)
			require.NotEmpty(t, s.messages)
			rnd := rand.New(rand.NewPCG(8, 8))
			for _, dir := range []string{"c2s", "s2c"} {
				var want []sent
				for _, m := range s.messages {
					if m.Dir == dir {
						want = append(want, m)
					}
				}
				all, stop := receive(t, s.chunks[dir], anyLimit)
				require.Equal(t, ws.NoViolation, stop)
				cut, _ := receive(t, randomCut(s.chunks[dir], rnd), anyLimit)
				require.Equal(t, all, cut)

				f := message.NewInflater(fullWindow, !s.noTakeover[dir])
				for _, m := range all {
					if m.Opcode.IsControl() {
						continue
					}
					require.NotEmpty(t, want, "more messages than were sent")
					require.Equal(t, want[0].Opcode, m.Opcode)
					require.Equal(t, want[0].Compressed, m.Compressed)
					require.Equal(t, want[0].Frames, m.Frames)
					require.Len(t, m.Payload, want[0].WireLen)
					payload := []byte(m.Payload)
					if m.Compressed {
						payload, err = f.Inflate(nil, payload, anyLimit)
						require.NoError(t, err)
					}
					require.Len(t, payload, want[0].Len)
					// A text that is cut over messages may be cut in a character.
					if m.Opcode == ws.OpText && !strings.HasPrefix(filepath.Base(path), "split-") {
						require.True(t, bytes.HasPrefix(payload, []byte(want[0].Head)))
						require.True(t, message.ValidText(payload))
					}
					want = want[1:]
				}
				require.Empty(t, want, "messages that were sent")
			}
		})
	}
}
