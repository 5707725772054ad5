package framework_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

var update = flag.Bool("update", false, "rewrite the fields and records of testdata/framework/*/*messages.jsonl")

// sample is one message of a session in testdata/framework, and what is decoded
// of it.
type sample struct {
	From    string   `json:"from"`
	Text    string   `json:"text,omitempty"`
	Base64  []byte   `json:"base64,omitempty"`
	Fields  []string `json:"fields"`
	Records []string `json:"records"`
}

func (s *sample) message() framework.Message {
	if s.Base64 != nil {
		return framework.Message{Opcode: ws.OpBinary, Payload: s.Base64}
	}
	return text(s.Text)
}

func (s *sample) decode(d framework.Decoder) {
	s.Fields, s.Records = []string{}, []string{}
	var w format.Walker
	d.Decode(s.message(), &w, &framework.Out{
		Visit: func(f *format.Field) {
			s.Fields = append(s.Fields, f.Path()+"="+strings.ToValidUTF8(string(f.Value), "\ufffd"))
		},
		Record: func(e framework.Envelope) {
			s.Records = append(s.Records, fmt.Sprintf("%s %s %s", e.Framework, e.Event, e.Format))
		},
		Violate: func(v ws.Violation) { s.Records = append(s.Records, "! "+v.String()) },
	})
}

// TestSamples: each message of each session is decoded as its line says.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/framework/*/*messages.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		dir, name := filepath.Split(file)
		t.Run(filepath.Base(dir)+"/"+strings.TrimSuffix(name, ".jsonl"), func(t *testing.T) {
			head, samples := readSamples(t, file)
			decoders := map[string]framework.Decoder{}
			decoders["c2s"], decoders["s2c"] = framework.Identify(head)
			for i := range samples {
				want := samples[i]
				require.Contains(t, decoders, want.From)
				samples[i].decode(decoders[want.From])
				if !*update {
					require.Equal(t, want, samples[i], "line %d: %s", i+2, samples[i].message().Payload)
				}
			}
			if *update {
				writeSamples(t, file, samples)
			}
		})
	}
}

func readSamples(t *testing.T, file string) (h framework.Handshake, samples []sample) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range bytes.Lines(data) {
		if h.Limit == 0 {
			require.NoError(t, json.Unmarshal(line, &h))
			h.Limit = 1 << 20
			continue
		}
		var s sample
		require.NoError(t, json.Unmarshal(line, &s), "%s", line)
		samples = append(samples, s)
	}
	return h, samples
}

func writeSamples(t *testing.T, file string, samples []sample) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	head, _, _ := bytes.Cut(data, []byte("\n"))
	out := bytes.NewBuffer(append(head[:len(head):len(head)], '\n'))
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, s := range samples {
		require.NoError(t, enc.Encode(s))
	}
	require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
}

// noAllocs: messages like m, once the first has been decoded, are decoded
// without an allocation.
func noAllocs(t *testing.T, d framework.Decoder, messages ...framework.Message) {
	t.Helper()
	var w format.Walker
	n := 0
	out := &framework.Out{
		Visit:   func(f *format.Field) { n += len(f.Value) },
		Record:  func(framework.Envelope) {},
		Violate: func(ws.Violation) {},
	}
	for i, m := range messages {
		require.Zero(t, testing.AllocsPerRun(20, func() { d.Decode(m, &w, out) }), "message %d", i)
	}
	require.Positive(t, n, "nothing was visited")
}

// values are what the decoder visits of m, keys too.
func values(d framework.Decoder, m framework.Message) (out []string) {
	var w format.Walker
	d.Decode(m, &w, &framework.Out{
		Visit:   func(f *format.Field) { out = append(out, string(f.Value)) },
		Record:  func(framework.Envelope) {},
		Violate: func(ws.Violation) {},
	})
	return out
}

// hidesNothing: what no framework would show of m is in visited.
func hidesNothing(t *testing.T, m framework.Message, visited []string) {
	t.Helper()
	plain, _ := identify(none)
	all := strings.Join(visited, "\x00")
	for _, v := range values(plain, m) {
		require.True(t, strings.Contains(all, v), "%q is hidden in %q", v, m.Payload)
	}
}

// cutMark separates the messages of a session in a fuzzer's input.
var cutMark = []byte("\xff\xfe")

// fuzzSession feeds sessions of h: messages between cut marks, of which a
// leading < makes one the server's and a leading ~ a binary one. Nothing
// panics, every path can be rendered, and where hides is false, nothing is
// hidden that no framework would show.
func fuzzSession(f *testing.F, h framework.Handshake, hides bool, seeds ...string) {
	h.Limit = 4 << 10
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, session []byte) {
		c2s, s2c := framework.Identify(h)
		var w format.Walker
		for p := range bytes.SplitSeq(session, cutMark) {
			d, m := c2s, framework.Message{Opcode: ws.OpText, Payload: p}
			if rest, ok := bytes.CutPrefix(m.Payload, []byte("<")); ok {
				d, m.Payload = s2c, rest
			}
			if rest, ok := bytes.CutPrefix(m.Payload, []byte("~")); ok {
				m = framework.Message{Opcode: ws.OpBinary, Payload: rest}
			}
			recorded := false
			var visited []string
			d.Decode(m, &w, &framework.Out{
				Visit: func(f *format.Field) {
					require.NotEmpty(t, f.Path())
					visited = append(visited, string(f.Value))
				},
				Record:  func(e framework.Envelope) { recorded = recorded || e.Framework != "" },
				Violate: func(ws.Violation) {},
			})
			require.LessOrEqual(t, d.Size(), 2*(h.Limit+len(session)))
			if !hides {
				hidesNothing(t, m, visited)
				require.True(t, recorded, "no record")
			}
		}
	})
}
