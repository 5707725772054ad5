package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

var sockJS = framework.Handshake{Target: "/echo/719/gu4xllvb/websocket"}

func TestSockJS(t *testing.T) {
	recognises(t, "sockjs", text(`["hi"]`), []framework.Handshake{
		sockJS, {Target: "/719/x/websocket"}, {Target: "/a/b/c/1/x/websocket/?t=1"}, {Target: "/echo/%37/x/websocket"},
	})
	otherwise(t, "sockjs", text(`["hi"]`), framework.Handshake{Target: "/echo/websocket"}, framework.Handshake{Target: "/echo/a.b/x/websocket"},
		framework.Handshake{Target: "/echo/719/x/xhr"}, framework.Handshake{Target: "/echo/719//websocket"}, framework.Handshake{Target: "/echo/719/x/websocket//"})
	testMessages(t, sockJS, ws.FromClient, []one{
		{"text", text(`["hi"]`), decoded{"sockjs  text", []string{"$=hi"}}},
		{"one string", text("\ufeff \"hi\"\n"), decoded{"none  json", []string{"$=hi"}}},
		{"one string alone", text(` "{\"a\":\"x\"}" `), decoded{"sockjs  json", []string{"$.a~=a", "$.a=x"}}},
		{"JSON", text(`["{\"a\":\"\\u003cx\"}"]`), decoded{"sockjs  json", []string{"$.a~=a", "$.a=<x"}}},
		{"several", text(` [ "a" , "[\"b\"]",{"c":"d"},"" ] `), decoded{"sockjs  ", []string{"$=a", "$[0]=b", "$.c~=c", "$.c=d"}}},
		{"none", text(`[]`), decoded{"sockjs  json", nil}},
		{"binary message", binary(`["hi"]`), decoded{"sockjs  text", []string{"$=hi"}}},
		{"no JSON", text(`["hi",]`), decoded{"none  text", []string{"$[0]=hi", `$=["hi",]`}}},
		{"escape of no JSON", text(`["\x68i","b"]`), decoded{"none  text", []string{"$[0]=hi", "$[1]=b", `$=["\x68i","b"]`}}},
		{"what a server sends", text(`a["hi"]`), decoded{"none  text", []string{"$[0]=hi", `$=a["hi"]`}}},
		{"raw", text(`{"a":"x"}`), decoded{"none  json", []string{"$.a~=a", "$.a=x"}}},
		{"nothing", text(``), decoded{"none  ", nil}},
	}, text("o"))
	testMessages(t, sockJS, ws.FromClient, []one{
		{"before the server", text(`["[\"a\"]"]`), decoded{"sockjs  json", []string{"$[0]=a", "$message[0]>json[0]=a", `$message[0]=["a"]`}}},
	})
	testMessages(t, sockJS, ws.FromServer, []one{
		{"open", text(`o`), decoded{"sockjs open ", nil}},
		{"heartbeat", text("h\n"), decoded{"sockjs heartbeat ", nil}},
		{"array", text(`a["hi"]`), decoded{"sockjs  text", []string{"$=hi"}}},
		{"message", text(`m"[\"hi\"]"`), decoded{"sockjs  json", []string{"$[0]=hi"}}},
		{"close", text(`c[3000,"Go away!"]`), decoded{"sockjs close json", []string{"$[1]=Go away!"}}},
		{"text", text(`open`), decoded{"none  text", []string{"$=open"}}},
		{"text like an array", text(`a ["hi"`), decoded{"none  text", []string{`$=a ["hi"`}}},
		{"text like a close", text(`c[1`), decoded{"none  text", []string{"$=c[1"}}},
		{"JSON", text(`["hi"]`), decoded{"none  json", []string{"$[0]=hi"}}},
		{"nothing", text(``), decoded{"none  ", nil}},
	})
	linear(t, sockJS, `"\"`, `["a",`, `"a","{\"b\":`, `a["\\`, `"[\"[\\\"`)
}

// A framework is looked for in the strings, and goes on from one to the next.
func TestSockJSInside(t *testing.T) {
	c2s, s2c := framework.Identify(sockJS)
	decode(s2c, text(`o`))
	require.Equal(t, "ddp connect json", decode(c2s, text(`["{\"msg\":\"connect\",\"version\":\"1\"}"]`)).envelope)
	require.Equal(t, "ddp connected json", decode(s2c, text(`a["{\"msg\":\"connected\",\"session\":\"x\"}"]`)).envelope)
	require.Equal(t, decoded{"ddp send json", []string{
		"$message.msg~=msg", "$message.msg=method", "$event~=method", "$event=send", "$~=params", "$[0]=hi",
	}}, decode(c2s, text(`["{\"msg\":\"method\",\"method\":\"send\",\"params\":[\"hi\"]}"]`)))
	for range 3 {
		decode(c2s, text(`["{}"]`))
		decode(s2c, text(`a["{}"]`))
	}
	require.NotZero(t, c2s.Alike())
	require.NotEqual(t, c2s.Alike(), s2c.Alike())

	noAllocs(t, c2s, text(`["{\"msg\":\"method\",\"method\":\"send\",\"params\":[\"hi\"]}","{\"msg\":\"ping\"}"]`))
	c2s, s2c = framework.Identify(sockJS)
	noAllocs(t, c2s, text(`["hi","{\"a\":\"x\"}"]`))
	noAllocs(t, s2c, text(`a["hi","{\"a\":\"x\"}"]`))
}

// A server that does not begin with a frame is none of SockJS.
func TestSockJSServer(t *testing.T) {
	c2s, s2c := framework.Identify(sockJS)
	decode(s2c, text(`hello`))
	require.Equal(t, decoded{"none  json", []string{"$[0]=hi"}}, decode(c2s, text(`["hi"]`)))
	require.Equal(t, decoded{"none  text", []string{"$=o"}}, decode(s2c, text(`o`)))

	h := framework.Handshake{Target: "/api/socket/websocket?vsn=2.0.0"}
	const message = `[null,null,"room","msg","hi"]`
	c2s, s2c = framework.Identify(h)
	require.Equal(t, []string{"phoenix", "sockjs", "sockjs", "sockjs", "sockjs", "sockjs", "sockjs"}, frameworks(c2s, text(message)))
	require.Contains(t, frameworks(s2c, text(`[null,"1","room","phx_reply",{}]`)), "phoenix")
	require.Equal(t, []string{"phoenix"}, frameworks(c2s, text(message)))
	require.Equal(t, []string{"none"}, frameworks(c2s, text("hi")))
	c2s, s2c = framework.Identify(h)
	frameworks(s2c, text("o"))
	require.Contains(t, frameworks(c2s, text(`["hi"]`)), "sockjs")
}

// STOMP is a stream across the strings.
func TestSockJSStomp(t *testing.T) {
	c2s, s2c := framework.Identify(sockJS)
	decode(c2s, text(`["CONNECT\naccept-version:1.2\n\n\u0000"]`))
	decode(s2c, text(`a["CONNECTED\nversion:1.2\n\n\u0000"]`))
	decode(c2s, text(`["SEND\ndestination:/topic/a\n\n<scr"]`))
	require.Contains(t, decode(c2s, text(`["ipt>\u0000"]`)).fields, "$=<script>")
}

func FuzzSockJS(f *testing.F) {
	fuzzJSON(f, sockJS, ws.FromClient, `["{\"a\":\"b\"}","c",{"d":["e"]},1]`, `"[\"\\u003c\"]"`, `{"a":"b"}`)
}

func FuzzSockJSSession(f *testing.F) {
	fuzzSession(f, sockJS, true, "<o\xff\xfe<h\xff\xfe[\"a\"]\xff\xfe<a[\"a\",\"{\\\"b\\\":1}\"]\xff\xfe<c[1,\"x\"]\xff\xfe<m\"a\"",
		`["{\"msg\":\"connect\",\"version\":\"1\"}"]`+"\xff\xfe"+`["{\"msg\":\"ping\"}"]`)
}
