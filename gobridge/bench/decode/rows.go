package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

const prose = "please select a seat from the list and drop me a note -- thanks, it's on 5 o'clock. "

// event is a chat message of size bytes as socket.io's JSON.
func event(size int) []byte {
	const head, tail = `["chat message",{"room":"general","user":"alice","text":"`, `"}]`
	n := size - len(head) - len(tail)
	return []byte(head + strings.Repeat(prose, n/len(prose)+1)[:n] + tail)
}

// history is an array of chat messages of size bytes or a bit more.
func history(size int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"room":"general","user":"alice","text":"%s","tags":["a","b"],"read":true}`, i, prose[:30+i%50])
	}
	b.WriteByte(']')
	return b.Bytes()
}

// jsonValues parses doc and gives its keys and texts to visit.
func jsonValues(doc []byte) func() {
	var p fastjson.Parser
	f := new(format.Field)
	return func() {
		v, err := p.ParseBytes(doc)
		if err != nil {
			panic(err)
		}
		jsonStrings(v, f)
	}
}

func jsonStrings(v *fastjson.Value, f *format.Field) {
	switch v.Type() {
	case fastjson.TypeObject:
		o, _ := v.Object()
		o.Visit(func(key []byte, v *fastjson.Value) {
			f.Value, f.Key = key, true
			visitor(f)
			jsonStrings(v, f)
		})
	case fastjson.TypeArray:
		a, _ := v.Array()
		for _, v := range a {
			jsonStrings(v, f)
		}
	case fastjson.TypeString:
		f.Value, _ = v.StringBytes()
		f.Key = false
		visitor(f)
	}
}

// jsonParse parses doc only.
func jsonParse(doc []byte) func() {
	var p fastjson.Parser
	return func() {
		if _, err := p.ParseBytes(doc); err != nil {
			panic(err)
		}
	}
}

func rows() []row {
	socketIO := framework.Handshake{Target: "/socket.io/?EIO=4&transport=websocket"}
	short, long, rows16 := event(200), event(16<<10), history(16<<10)
	packet := decode(socketIO, ws.OpText, append([]byte("42"), short...))
	return append([]row{
		{"socket.io event", len(short) + 2, "fastjson, its JSON to values", 0.5, packet, jsonValues(short)},
		{"socket.io event", len(short) + 2, "fastjson, its JSON parsed only", 0, packet, jsonParse(short)},
		{"JSON, chat history", len(rows16), "fastjson to values", 0.5, walk(rows16), jsonValues(rows16)},
		{"JSON, chat history", len(rows16), "fastjson parsed only", 0, walk(rows16), jsonParse(rows16)},
		{"JSON, one long text", len(long), "fastjson to values", 0, walk(long), jsonValues(long)},
	}, documentRows()...)
}

func growths() []growth {
	var out []growth
	for _, d := range []struct{ name, unit string }{
		{"JSON arrays", `[`},
		{"JSON objects", `{"a":`},
		{"quotes", `"`},
		{"backslashes", `"\`},
		{"JSON in strings", `"[\"[\\\"`},
		{"base64", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg"},
		{"percent", "%253C"},
		{"equals", "a=b&"},
		{"form, semicolons", "a=b;"},
		{"less-than", "<a b='"},
		{"XML", "<a b='c'>&lt;<![CDATA[d]]>e</a>"},
		{"GraphQL", `{ a(b: """c""", d: "e\"") `},
		{"multipart", "--X\nContent-Disposition: form-data; name=a\n\nb\n"},
		{"mail", "From: a\nTo: =?utf-8?Q?b?=\nContent-Transfer-Encoding: quoted-printable\n\n"},
		{"HTTP", "GET / HTTP/1.1\nTransfer-Encoding: chunked\n\n1\na\n"},
		{"lz-string", "N4Ig"},
		{"JWT", "eyJ."},
		{"quoted-printable", "= "},
		{"zstd frames", "\x28\xb5\x2f\xfd\x20\x01\x09\x00\x00a"},
		{"zstd windows", "\x28\xb5\x2f\xfd\x00\x68\x09\x00\x00a"},
		{"gzip headers", "\x1f\x8b\x08\x08aaaaaaaa"},
		{"lz4, old frames", "\x02\x21\x4c\x18"},
		{"deflate, stored blocks", "\x00\x01\x00\xfe\xffa"},
		{"control characters", "abcd\x00"},
		{"not UTF-8", "abcd\xff"},
	} {
		repeat := func(n int) []byte { return []byte(strings.Repeat(d.unit, n/len(d.unit)+1)[:n]) }
		out = append(out, growth{d.name, walk(repeat(4 << 10)), walk(repeat(64 << 10))})
	}
	for _, unit := range []string{"1.a,", "60000." + strings.Repeat("ü", 30000)} {
		bytewise := func(n int) func() { return single([]byte(strings.Repeat(unit, n/len(unit)+1)[:n])) }
		out = append(out, growth{fmt.Sprintf("Guacamole %.6q", unit), bytewise(4 << 10), bytewise(64 << 10)})
	}
	return out
}

// single decodes a session whose messages have one byte each.
func single(stream []byte) func() {
	return func() {
		decodeByte := decoder(framework.Handshake{Subprotocol: "guacamole", Limit: 1 << 20})
		for i := range stream {
			decodeByte(framework.Message{Opcode: ws.OpText, Payload: stream[i : i+1]})
		}
	}
}
