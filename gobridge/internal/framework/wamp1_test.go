package framework_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

var wamp1 = framework.Handshake{Target: "/", Subprotocol: "wamp"}

func TestWAMP1(t *testing.T) {
	testMessages(t, wamp1, ws.FromClient, []one{
		{"prefix", text(`[1,"chat","http://example.com/chat#"]`), decoded{"wamp1 prefix json", []string{
			"$message[1]=chat", "$message[2]=http://example.com/chat#"}}},
		{"call", text(`[2,"7","http://example.com/say","hi",{"a":"x"}]`), decoded{"wamp1 http://example.com/say json", []string{
			"$message[1]=7", "$event=http://example.com/say", "$[0]=hi", "$[1].a~=a", "$[1].a=x"}}},
		{"subscribe", text(`[5,"chat:room"]`), decoded{"wamp1 chat:room json", []string{"$event=chat:room"}}},
		{"unsubscribe", text(`[6,"room"]`), decoded{"wamp1 room json", []string{"$event=room"}}},
		{"publish", text(` [ 7.0 , "r\u006fom", {"text":"hi"}, ["me"] ] `), decoded{"wamp1 room json", []string{
			"$event=room", "$.text~=text", "$.text=hi", "$message[3][0]=me"}}},
		{"binary message", binary(`[7,"room","hi"]`), decoded{"wamp1 room json", []string{"$event=room", "$=hi"}}},
		{"unknown", text(`[9,"hi"]`), decoded{"none  json", []string{"$[1]=hi"}}},
		{"broken", text(`[7,"room","hi"`), decoded{"none  text", []string{"$event=room", "$=hi", "$[1]=room", "$[2]=hi", `$=[7,"room","hi"`}}},
		{"object", text(`{"a":"x"}`), decoded{"none  json", []string{"$.a~=a", "$.a=x"}}},
		{"text", text(`hi`), decoded{"none  text", []string{"$=hi"}}},
	})
	testMessages(t, wamp1, ws.FromServer, []one{
		{"welcome", text(`[0,"x",1,"Autobahn"]`), decoded{"wamp1 welcome json", []string{"$message[1]=x", "$message[3]=Autobahn"}}},
		{"result", text(`[3,"7",["hi"]]`), decoded{"wamp1 result json", []string{"$message[1]=7", "$[0]=hi"}}},
		{"error", text(`[4,"7","no","hi",{"a":"x"}]`), decoded{"wamp1 no json", []string{"$message[1]=7", "$event=no", "$[0]=hi", "$[1].a~=a", "$[1].a=x"}}},
		{"event", text(`[8,"room","hi"]`), decoded{"wamp1 room json", []string{"$event=room", "$=hi"}}},
	})
	c2s, _ := framework.Identify(wamp1)
	noAllocs(t, c2s, text(`[7,"http://example.com/r\u006fom","hi"]`))
	decode(c2s, text(`[1,"chat","http://example.com/chat#"]`))
	noAllocs(t, c2s, text(`[7,"chat:room","hi"]`))
	linear(t, wamp1, `[7,"a",`, `[1,"a","b"],`)
}

// A URI is what the server makes of it: with the prefix in its place.
func TestWAMP1Prefix(t *testing.T) {
	for _, server := range []struct{ welcome, joint string }{{"Autobahn", ""}, {"Ratchet/0.4.4", "#"}} {
		c2s, s2c := framework.Identify(wamp1)
		require.Zero(t, s2c.Alike())
		decode(s2c, text(`[0,"x",1,"`+server.welcome+`"]`))
		require.NotZero(t, s2c.Alike())
		decode(c2s, text(`[1,"chat","http://example.com/<scr"]`))
		require.Zero(t, c2s.Alike())
		uri := "http://example.com/<scr" + server.joint + "ipt>"
		require.Equal(t, decoded{"wamp1 " + uri + " json", []string{"$event=chat:ipt>", "$=hi", "$event=" + uri}}, decode(c2s, text(`[7,"chat:ipt>","hi"]`)))
		decode(c2s, text(`[1,"chat","b"]`))
		require.Equal(t, "wamp1 b"+server.joint+"room json", decode(c2s, text(`[5,"chat:room"]`)).envelope)
	}
	c2s, _ := framework.Identify(wamp1)
	for i := range 1000 {
		decode(c2s, text(fmt.Sprintf(`[1,"p%d","%s"]`, i, strings.Repeat("x", 300))))
	}
	require.LessOrEqual(t, c2s.Size(), 4<<10)
	require.Equal(t, "wamp1 p999:a json", decode(c2s, text(`[5,"p999:a"]`)).envelope)
}

func FuzzWAMP1(f *testing.F) {
	fuzzSession(f, wamp1, false, `[1,"a","b"]`+"\xff\xfe"+`[7,"a:c",["d"]]`, "<[0,\"a\",1,\"Ratchet/\"]\xff\xfe[2,\"a\",\"b\",\"c\"]")
}

func FuzzWAMP1JSON(f *testing.F) {
	fuzzJSON(f, wamp1, ws.FromClient, `[7,"a:b",{"c":["d"]}]`, `[2,"a","b","c"]`, `[1,"a","b"]`)
}
