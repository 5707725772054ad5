package event

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

func TestMask(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"json", `{"user":"ann","password":"hunter2","n":1}`, `{"user":"ann","password":"*******","n":1}`},
		{"blanks", "{\"password\" :\n\"a\"}", "{\"password\" :\n\"*\"}"},
		{"escapes", `{"password":"a\"b\\","x":"y"}`, `{"password":"******","x":"y"}`},
		{"json in json", `["{\"token\":\"abc\",\"x\":\"y\"}"]`, `["{\"token\":\"***\",\"x\":\"y\"}"]`},
		{"json in json, escaped quote", `["{\"token\":\"a\\\"c\",\"x\":1}"]`, `["{\"token\":\"******\",\"x\":1}"]`},
		{"number", `{"cvv": 123, "x": 1}`, `{"cvv": ***, "x": 1}`},
		{"nested", `{"password":{"$ne":"abc","n":[12,"d"]},"x":"y"}`, `{"password":{"***":"***","*":[**,"*"]},"x":"y"}`},
		{"punctuation and case", `{"Access_Token":"abc","api-key":"def"}`, `{"Access_Token":"***","api-key":"***"}`},
		{"form", "a=1&password=hun%20ter,2&b=3", "a=1&password=***********&b=3"},
		{"header", "Authorization: Bearer abc\r\nHost: x", "Authorization: ****** abc\r\nHost: x"},
		{"msgpack", "\x82\xa8password\xa7hunter2\xa1x\xa1y", "\x82\xa8password\xa7*******\xa1x\xa1y"},
		{"msgpack, str 8", "\x81\xa5token\xd9\x03abc\xa1x", "\x81\xa5token\xd9\x03***\xa1x"},
		{"bson", "\x02password\x00\x08\x00\x00\x00hunter2\x00\x00", "\x02password\x00\x08\x00\x00\x00*******\x00\x00"},
		{"card", `{"n":"4111 1111 1111 1111"}`, `{"n":"**** **** **** 1111"}`},
		{"card without blanks", "my card 5555555555554444.", "my card ************4444."},
		{"no card", "4111 1111 1111 1112", "4111 1111 1111 1112"},
		{"an id", "x4111111111111111", "x4111111111111111"},
		{"author", `{"author":"ann","tokens":3,"key":"k"}`, `{"author":"ann","tokens":3,"key":"k"}`},
		{"talk", "my password is long", "my password is long"},
		{"cut", `{"password":"hun`, `{"password":"***`},
		{"cut behind the name", `{"password":`, `{"password":`},
		{"cut msgpack", "\x81\xa8password\xd9", "\x81\xa8password\xd9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := []byte(tt.in)
			masked := (*Redaction)(nil).Mask(p)
			require.Equal(t, tt.want, string(p))
			require.Equal(t, tt.in != tt.want, masked)
		})
	}
	p := []byte(`{"password":"a","badge":"b"}`)
	require.False(t, (&Redaction{Off: true}).Mask(p))
	require.True(t, (&Redaction{Names: []string{"badge"}}).Mask(p))
	require.Equal(t, `{"password":"*","badge":"*"}`, string(p))
	p = []byte("4111 1111 1111 1111")
	require.False(t, (&Redaction{Cards: true}).Mask(p))
}

// What stands before the window names what is in it.
func TestExcerpt(t *testing.T) {
	payload := []byte(`{"password":"` + strings.Repeat("s3cret ", 10000) + `<script>"}`)
	part, offset, hidden := (*Redaction)(nil).Excerpt(payload, []byte("<script>"), 100)
	require.True(t, hidden)
	require.Len(t, part, 100)
	require.Equal(t, len(payload)-100, offset)
	require.NotContains(t, string(part), "s3cret")
	require.NotContains(t, string(part), "script")
	require.Contains(t, string(payload), "s3cret", "the message itself is not touched")
}

func FuzzMask(f *testing.F) {
	f.Add([]byte(`{"password":"hunter2","token":{"a":[1,"x"]}}`))
	f.Add([]byte("\x81\xa8password\xa7hunter2"))
	f.Add([]byte(`["{\"token\":\"a\\\"c\"}"] 4111111111111111`))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := bytes.Clone(in)
		masked := (*Redaction)(nil).Mask(p)
		require.Len(t, p, len(in))
		for i := range p {
			require.True(t, p[i] == in[i] || p[i] == mask)
		}
		if !masked {
			require.Equal(t, in, p)
		}
	})
}

// Neither a line nor the error_log shows what is hidden.
func TestAttackRedacted(t *testing.T) {
	a := chatAttack()
	for i := range a.Hits {
		a.Hits[i].Path = "$[0].password"
	}
	m := decode(t, AppendAttack(nil, chatMeta(), a, &Default))
	require.Equal(t, true, at(m, "wallarm.redacted"))
	require.Regexp(t, `^\*+$`, at(m, "wallarm.attack.match"))
	require.NotContains(t, string(AppendAttackLogLine(nil, chatMeta(), a)), string(a.Lead().Match))
	shown := chatMeta()
	shown.Redact = &Redaction{Off: true}
	m = decode(t, AppendAttack(nil, shown, a, &Default))
	require.Nil(t, at(m, "wallarm.redacted"))
	require.Equal(t, string(a.Lead().Match), at(m, "wallarm.attack.match"))
}

func TestAttackWithoutPayload(t *testing.T) {
	line := AppendAttack(nil, chatMeta(), chatAttack(), &Options{Hits: 7})
	m := decode(t, line)
	require.Equal(t, "", at(m, "wallarm.payload_base64"))
	require.Equal(t, "", at(m, "wallarm.attack.match"))
	require.EqualValues(t, 7, at(m, "wallarm.hits"))
	require.NotContains(t, string(line), "script")
}

func TestConnection(t *testing.T) {
	c := Connection{Subprotocol: "chat"}
	m := decode(t, AppendConnection(nil, chatMeta(), &c))
	require.Equal(t, "opened", at(m, "event.action"))
	require.Nil(t, at(m, "wallarm.websocket.client"))
	c = Connection{Ended: true, Duration: 90 * time.Second, Messages: [2]uint64{3, 4}, Bytes: [2]uint64{30, 40},
		CloseCode: [2]ws.CloseCode{1001, 0}, Attacks: 1, Dropped: true, Violations: 1 << ws.MessageTooBig}
	m = decode(t, AppendConnection(nil, chatMeta(), &c))
	require.Equal(t, "closed", at(m, "event.action"))
	require.EqualValues(t, 90_000_000_000, at(m, "event.duration"))
	require.EqualValues(t, 1001, at(m, "wallarm.websocket.client.close_code"))
	require.EqualValues(t, 40, at(m, "wallarm.websocket.server.bytes"))
	require.Equal(t, []any{ws.MessageTooBig.String()}, at(m, "wallarm.websocket.violations"))
}
