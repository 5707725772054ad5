package framework_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

// FuzzEngineIO feeds a session: a message ends at each newline, a ~ makes it a
// binary one. Text is visited as it is, with or without the packet's type,
// unless all of it was decoded.
func FuzzEngineIO(f *testing.F) {
	for _, s := range []string{
		"2probe\n3probe\n5\n6", `0{"sid":"x"}`, "4hi\n7hi\n\nb4aGVsbG8=\nbaGVsbG8",
		`452-["m",{"_placeholder":true,"num":1}]` + "\n~\x04hello\n~{\"a\":\"x\"}\nbaGVsbG8\n42[\"m\"]\n~\xfftext",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, session []byte) {
		d, _ := identify(engineIO)
		var w format.Walker
		for p := range bytes.SplitSeq(session, []byte("\n")) {
			m := framework.Message{Opcode: ws.OpText, Payload: p}
			if rest, ok := bytes.CutPrefix(p, []byte("~")); ok {
				m = framework.Message{Opcode: ws.OpBinary, Payload: rest}
			}
			visited, raw := 0, false
			env := run(d, m, &w, func(f *format.Field) {
				visited += len(f.Value)
				raw = raw || bytes.Equal(f.Value, m.Payload)
				require.NotEmpty(t, f.Path())
			})
			require.LessOrEqual(t, visited, 40*len(m.Payload))
			require.Contains(t, []string{"socket.io", "engine.io", "none"}, env.Framework)
			text := m.Opcode == ws.OpText && utf8.Valid(m.Payload) && !strings.HasSuffix(string(m.Payload), "probe")
			if text && env.Format == "text" {
				require.True(t, raw, "raw text not visited")
			}
		}
	})
}

// FuzzSocketIO holds the decoder against the grammar of a packet: each string
// and key of its JSON is visited, in its order, as is the namespace.
func FuzzSocketIO(f *testing.F) {
	for _, s := range []string{
		`2["message",{"text":"hi\u003c"},"x"]`, `0/admin?a=b,{"token":"x"}`, `2/a,17["m"]`, `51-["m",{"_placeholder":true,"num":0}]`,
		`46`, `4"error"`, `2 0["m",[["{\"a\":\"b\"}"]]]`, `5 0x1-["m"]`, `3/,0[]`, `1/x`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, pkt []byte) {
		nsp, doc, ok := reference(string(pkt))
		var want []string
		if ok {
			if len(nsp) > 1 && utf8.ValidString(nsp) {
				want = append(want, nsp)
			}
			want = append(want, jsonStrings(doc)...)
		}
		d, _ := identify(engineIO)
		var w format.Walker
		env := run(d, text("4"+string(pkt)), &w, func(f *format.Field) {
			require.NotEmpty(t, f.Path())
			if len(want) > 0 && normal(want[0]) == normal(string(f.Value)) {
				want = want[1:]
			}
		})
		require.Empty(t, want, "not visited")
		if ok && strings.Count(doc, "[")+strings.Count(doc, "{") <= 1000 {
			require.Equal(t, "socket.io", env.Framework)
		}
	})
}

// reference parses a packet as decodeString of socket.io-parser 4.2 does, as
// far as ASCII goes.
func reference(p string) (nsp, doc string, ok bool) {
	number := func(c byte) bool { return c >= '0' && c <= '9' || strings.IndexByte(" \t\n\v\f\r", c) >= 0 }
	if p == "" || p[0] < '0' || p[0] > '6' {
		return "", "", false
	}
	kind := p[0]
	p = p[1:]
	if kind == '5' || kind == '6' {
		var n string
		if n, p, ok = strings.Cut(p, "-"); !ok || strings.Trim(n, "0123456789") != "" {
			return "", "", false
		}
	}
	if strings.HasPrefix(p, "/") {
		nsp, p, _ = strings.Cut(p, ",")
	}
	for p != "" && number(p[0]) {
		p = p[1:]
	}
	var first string
	switch kind {
	case '0':
		first = "{"
	case '1':
		return nsp, p, p == ""
	case '4':
		first = `{"`
	default:
		first = "["
	}
	return nsp, p, p == "" || strings.Contains(first, p[:1]) && json.Valid([]byte(p))
}

func jsonStrings(doc string) (out []string) {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	for {
		tok, err := d.Token()
		if err != nil {
			return out
		}
		if s, ok := tok.(string); ok {
			out = append(out, s)
		}
	}
}

// normal leaves out what encoding/json replaces by U+FFFD.
func normal(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\ufffd", "")
}
