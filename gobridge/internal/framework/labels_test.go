package framework_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

// one is a message and what is decoded of it.
type one struct {
	name string
	m    framework.Message
	want decoded
}

// testMessages decodes each on a connection of its own, behind some of the
// server.
func testMessages(t *testing.T, h framework.Handshake, from ws.Direction, tests []one, before ...framework.Message) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c2s, s2c := framework.Identify(h)
			for _, m := range before {
				decode(s2c, m)
			}
			d := c2s
			if from == ws.FromServer {
				d = s2c
			}
			require.Equal(t, tt.want, decode(d, tt.m))
		})
	}
}

func decoder(h framework.Handshake, from ws.Direction) framework.Decoder {
	c2s, s2c := framework.Identify(h)
	if from == ws.FromServer {
		return s2c
	}
	return c2s
}

// recognises: a connection with one of the handshakes, or first messages, is of
// the framework name, which m is one of.
func recognises(t *testing.T, name string, m framework.Message, handshakes []framework.Handshake, first ...framework.Message) {
	t.Helper()
	for _, h := range handshakes {
		require.Contains(t, frameworks(decoder(h, ws.FromClient), m), name, "%+v", h)
	}
	for _, f := range first {
		d := decoder(framework.Handshake{Target: none}, ws.FromClient)
		frameworks(d, f)
		require.Contains(t, frameworks(d, m), name, "%s", f.Payload)
	}
}

// otherwise: connections that are none of the framework.
func otherwise(t *testing.T, name string, m framework.Message, handshakes ...framework.Handshake) {
	t.Helper()
	for _, h := range handshakes {
		require.NotContains(t, frameworks(decoder(h, ws.FromClient), m), name, "%+v", h)
	}
}

// frameworks are those of the records of m.
func frameworks(d framework.Decoder, m framework.Message) (names []string) {
	var w format.Walker
	d.Decode(m, &w, &framework.Out{
		Visit:   func(*format.Field) {},
		Record:  func(e framework.Envelope) { names = append(names, e.Framework) },
		Violate: func(ws.Violation) {},
	})
	return names
}

// linear: messages that are a prefix and many of a unit are visited a bounded
// number of times.
func linear(t *testing.T, h framework.Handshake, units ...string) {
	for _, unit := range units {
		for _, prefix := range []string{"", "[", `{"a":`, `["`, `{"method":"`} {
			p := prefix + strings.Repeat(unit, 64<<10/len(unit))
			visited := 0
			c2s, s2c := framework.Identify(h)
			for _, d := range []framework.Decoder{c2s, s2c} {
				var w format.Walker
				run(d, text(p), &w, func(f *format.Field) { visited += len(f.Value) })
			}
			require.LessOrEqual(t, visited, 4*11*len(p), "%.40q", p)
		}
	}
}

// fuzzJSON feeds messages of one peer. Each key and string that encoding/json
// sees is visited, but for a string whose document is.
func fuzzJSON(f *testing.F, h framework.Handshake, from ws.Direction, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		d := decoder(h, from)
		var w format.Walker
		visited := map[string]bool{}
		records := 0
		d.Decode(framework.Message{Opcode: ws.OpText, Payload: p}, &w, &framework.Out{
			Visit: func(f *format.Field) {
				require.NotEmpty(t, f.Path())
				visited[normal(string(f.Value))] = true
			},
			Record:  func(framework.Envelope) { records++ },
			Violate: func(ws.Violation) {},
		})
		require.Positive(t, records)
		if json.Valid(p) {
			for _, s := range jsonStrings(string(p)) {
				requireVisited(t, visited, s)
			}
		}
	})
}

func requireVisited(t *testing.T, visited map[string]bool, s string) {
	if visited[normal(s)] || normal(s) != s || strings.ContainsFunc(s, unicode.IsControl) || s == "" {
		return // encoding/json takes no control characters in a document
	}
	require.True(t, json.Valid([]byte(s)), "%q is hidden", s)
	for _, inner := range jsonStrings(s) {
		requireVisited(t, visited, inner)
	}
}
