package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

func TestPhoenix(t *testing.T) {
	h := framework.Handshake{Target: "/socket/websocket?vsn=2.0.0"}
	const message = `["1","2","room:lobby","new_msg",{"body":"hi"}]`
	recognises(t, "phoenix", text(message), []framework.Handshake{
		h, {Target: "/live/websocket?_csrf_token=x&vsn=2.0.0"}, {Target: "/realtime/v1/websocket?apikey=x"}, {Target: "/", Subprotocol: "phoenix"},
	}, text(`["1","1","room:lobby","phx_join",{}]`), text(`{"topic":"room:lobby","event":"phx_join","payload":{},"ref":"1"}`))
	otherwise(t, "phoenix", text(message), framework.Handshake{Target: "/socket/websocket"}, framework.Handshake{Target: "/chat?vsn=2.0.0"})
	fields := []string{"$message[0]=1", "$message[1]=2", "$topic=room:lobby", "$event=new_msg"}
	testMessages(t, h, ws.FromClient, []one{
		{"version 2", text(message), decoded{"phoenix room:lobby new_msg json", append(fields[:4:4], "$.body~=body", "$.body=hi")}},
		{"white space and escapes", text(" [ null ,\n null , \"r\\u006fom\" , \"m\\u0073g\" , \"hi\" , \"more\" ] "), decoded{"phoenix room msg json", []string{
			"$topic=room", "$event=msg", "$=hi", "$message[5]=more"}}},
		{"version 1", text(`{"payload":{"body":"hi"},"topic":"a","topic":"room","event":"msg","ref":"7"}`), decoded{"phoenix room msg json", []string{
			"$~=payload", "$.body~=body", "$.body=hi", "$topic~=topic", "$topic=a", "$topic~=topic", "$topic=room",
			"$event~=event", "$event=msg", "$message.ref~=ref", "$message.ref=7"}}},
		{"LiveView", text(`["1","2","lv:phx-F1x","event",{"type":"form","event":"save","value":"text=a%3Cb"}]`), decoded{"phoenix lv event save json", []string{
			"$message[0]=1", "$message[1]=2", "$topic=lv:phx-F1x", "$event=event", "$.type~=type", "$.type=form", "$.event~=event", "$.event=save",
			"$.value~=value", "$.value=text=a%3Cb", "$.value>form.text~=text", "$.value>form.text=a<b",
			"$.value>percent=text=a<b", "$.value>percent>form.text~=text", "$.value>percent>form.text=a<b"}}},
		{"push", binary("\x00\x01\x01\x0a\x0712room:lobbynew_msg" + `{"body":"hi"}`), decoded{"phoenix room:lobby new_msg json",
			append(fields[:4:4], "$.body~=body", "$.body=hi", "$message.body~=body", "$message.body=hi", "$message=\x00\x01\x01\x0a\x0712room:lobbynew_msg",
				"$message="+"\x00\x01\x01\x0a\x0712room:lobbynew_msg"+`{"body":"hi"}`, "$message@5=12room:lobbynew_msg")}},
		{"broadcast of Supabase", binary("\x03\x01\x01\x0a\x07\x0f\x0112room:lobbynew_msg" + `{"store":false}` + `{"body":"hi"}`), decoded{"phoenix room:lobby new_msg json",
			append(fields[:4:4], "$metadata.store~=store", "$.body~=body", "$.body=hi", "$message.store~=store", "$message.body~=body", "$message.body=hi",
				"$message=\x03\x01\x01\x0a\x07\x0f\x0112room:lobbynew_msg", "$message="+"\x03\x01\x01\x0a\x07\x0f\x0112room:lobbynew_msg"+`{"store":false}`+`{"body":"hi"}`, "$message@7=12room:lobbynew_msg")}},
		{"lengths of more", binary("\x00\x01\x01\x0a\xff12room:lobby"), decoded{"none  binary", []string{"$@5=12room:lobby"}}},
		{"no text", binary("\x00\x01\x01\x0a\x07\x012room:lobbynew_msghi"), decoded{"none  text", []string{
			"$=\x00\x01\x01\x0a\x07\x012room:lobbynew_msghi", "$@6=2room:lobbynew_msghi"}}},
		{"no event", text(`["1","2","room",3,{}]`), decoded{"none  json", []string{"$[0]=1", "$[1]=2", "$[2]=room"}}},
		{"text", text(`hi`), decoded{"none  text", []string{"$=hi"}}},
	})
	testMessages(t, h, ws.FromServer, []one{
		{"push", binary("\x00\x01\x0a\x071room:lobbynew_msghi"), decoded{"phoenix room:lobby new_msg text", []string{
			"$message[0]=1", "$topic=room:lobby", "$event=new_msg", "$=hi", "$message=" + "\x00\x01\x0a\x071room:lobbynew_msghi", "$message@4=1room:lobbynew_msghi"}}},
		{"push of a client's form", binary("\x00\x01\x01\x0a\x0712room:lobbynew_msghi"), decoded{"phoenix room:lobby new_msg text",
			append(fields[:4:4], "$=hi", "$message="+"\x00\x01\x01\x0a\x0712room:lobbynew_msghi", "$message@5=12room:lobbynew_msghi")}},
		{"reply", binary("\x01\x01\x01\x0a\x0212room:lobbyokhi"), decoded{"phoenix room:lobby ok text", append(fields[:3:3],
			"$event=ok", "$=hi", "$message="+"\x01\x01\x01\x0a\x0212room:lobbyokhi", "$message@5=12room:lobbyokhi")}},
		{"broadcast", binary("\x02\x0a\x07room:lobbynew_msghi"), decoded{"phoenix room:lobby new_msg text", append(fields[2:4:4],
			"$=hi", "$message="+"\x02\x0a\x07room:lobbynew_msghi", "$message@3=room:lobbynew_msghi")}},
		{"broadcast of Supabase", binary("\x04\x0a\x07\x00\x00room:lobbynew_msghi"), decoded{"phoenix room:lobby new_msg text", append(fields[2:4:4],
			"$=hi", "$message="+"\x04\x0a\x07\x00\x00room:lobbynew_msghi", "$message@5=room:lobbynew_msghi")}},
	})

	// Once the server replied, a binary message is not taken for another's.
	c2s, s2c := framework.Identify(h)
	require.Zero(t, c2s.Alike())
	decode(s2c, text(`["1","1","room:lobby","phx_reply",{"status":"ok"}]`))
	for range 4 { // first messages, which may show another framework
		decode(c2s, text(message))
	}
	require.NotZero(t, c2s.Alike())
	require.NotEqual(t, c2s.Alike(), s2c.Alike())
	push := binary("\x00\x01\x01\x0a\x0712room:lobbynew_msghi")
	require.Equal(t, append(fields[:4:4], "$=hi"), decode(c2s, push).fields)

	noAllocs(t, c2s, text(message), push)
	linear(t, h, `["1","2","a","b",`, `{"topic":"a","event":"b","payload":`)
}

func FuzzPhoenix(f *testing.F) {
	fuzzJSON(f, framework.Handshake{Target: "/socket/websocket?vsn=2.0.0"}, ws.FromClient,
		`[null,"1","lv:phx-1","event",{"event":"a","value":"b=c"}]`, `{"topic":"a","event":"b","payload":"c","ref":null}`)
}

func FuzzPhoenixBinary(f *testing.F) {
	fuzzSession(f, framework.Handshake{Target: "/socket/websocket?vsn=2.0.0"}, false,
		"~\x00\x01\x01\x0a\x0412room:lobbyfilehi", "<~\x02\x01\x01abhi", "~\x03\x00\x00\x01\x01\x02\x01ab{}hi", "~\x00\x00\x00\x00\x00")
}
