package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

func TestPusher(t *testing.T) {
	h := framework.Handshake{Target: "/app/key?protocol=7&client=js"}
	const message = `{"event":"client-msg","channel":"private-chat","data":{"text":"hi"}}`
	fields := []string{"$event~=event", "$event=client-msg", "$channel~=channel", "$channel=private-chat", "$~=data", "$.text~=text", "$.text=hi"}
	recognises(t, "pusher", text(message), []framework.Handshake{h, {Target: "/prefix/app/key/?protocol=5"}},
		text(`{"event":"pusher:subscribe","data":{"channel":"a"}}`))
	otherwise(t, "pusher", text(message), framework.Handshake{Target: "/app/key"}, framework.Handshake{Target: "/app?protocol=7"})
	testMessages(t, h, ws.FromClient, []one{
		{"object", text(message), decoded{"pusher client-msg json", fields}},
		{"string", text(`{"event":"client-msg","channel":"private-chat","data":"{\"text\":\"hi\"}"}`), decoded{"pusher client-msg json", fields}},
		{"text", text(`{"event":"client-msg","data":"hi"}`), decoded{"pusher client-msg json", []string{
			"$event~=event", "$event=client-msg", "$~=data", "$=hi"}}},
		{"event behind", text(`{"data":["hi"],"ev\u0065nt":"a","event":"b"}`), decoded{"pusher b json", []string{
			"$~=data", "$[0]=hi", "$event~=event", "$event=a", "$event~=event", "$event=b"}}},
		{"no event", text(`{"event":1,"data":"hi"}`), decoded{"none  json", []string{"$.event~=event", "$.data~=data", "$.data=hi"}}},
		{"no JSON", text(`hi`), decoded{"none  text", []string{"$=hi"}}},
	}, text(`{"event":"pusher:connection_established","data":"{}"}`))
	// Who chose the path is not known before the server says so.
	testMessages(t, h, ws.FromClient, []one{
		{"first", text(`{"event":"a","data":"[\"x\"]"}`), decoded{"pusher a json", []string{"$event~=event", "$event=a", "$~=data", "$[0]=x",
			"$message.event~=event", "$message.event=a", "$message.data~=data", "$message.data>json[0]=x", `$message.data=["x"]`}}},
	})
	noAllocs(t, decoder(h, ws.FromClient), text(message), text(`{"event":"client-msg","data":"{\"text\":\"hi\"}"}`))
	linear(t, h, `{"event":"a","data":`, `{"event":"a","data":"{\"a\":\"[\\\"`)
}

func FuzzPusher(f *testing.F) {
	fuzzJSON(f, framework.Handshake{Target: "/app/key?protocol=7"}, ws.FromServer,
		`{"event":"a","channel":"b","data":"{\"c\":\"d\"}"}`, `{"event":"a","data":{"b":"\"c\""}}`)
}
