package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

func TestActionCable(t *testing.T) {
	h := framework.Handshake{Target: "/", Subprotocol: "actioncable-v1-json"}
	const identifier = `"identifier":"{\"channel\":\"ChatChannel\",\"room\":\"lobby\"}"`
	fields := func(more ...string) []string {
		return append([]string{"$identifier~=identifier", "$identifier.channel~=channel", "$identifier.channel=ChatChannel",
			"$identifier.room~=room", "$identifier.room=lobby"}, more...)
	}
	recognises(t, "actioncable", text(`{"command":"x"}`), []framework.Handshake{
		h, {Target: "/", Subprotocol: "actioncable-v1-ext-json"}, {Target: "/cable"}, {Target: "/app/cable/?x"},
	}, text(`{"command":"subscribe",`+identifier+`}`))
	otherwise(t, "actioncable", text(`{"command":"x"}`), framework.Handshake{Target: "/cable", Subprotocol: "chat"}, framework.Handshake{Target: "/cable/x"})
	testMessages(t, h, ws.FromClient, []one{
		{"subscribe", text(`{` + identifier + `,"command":"subscribe"}`), decoded{"actioncable subscribe json", fields(
			"$event~=command", "$event=subscribe")}},
		{"action", text(`{` + identifier + `,"command":"message","data":"{\"action\":\"speak\",\"a\":[\"hi\"]}"}`), decoded{
			"actioncable ChatChannel#speak json", fields("$event~=command", "$event=message", "$~=data", "$.action~=action", "$.action=speak", "$.a~=a", "$.a[0]=hi")}},
		{"no action", text(`{` + identifier + `,"command":"message","data":"{\"a\":1}"}`), decoded{
			"actioncable ChatChannel#receive json", fields("$event~=command", "$event=message", "$~=data", "$.a~=a")}},
		{"no JSON", text(`{` + identifier + `,"command":"message","data":"{\"a\":'hi'}"}`), decoded{
			"actioncable ChatChannel#receive json", fields("$event~=command", "$event=message", "$~=data", "$.a~=a", "$.a=hi", `$={"a":'hi'}`)}},
		{"escapes", text(`{` + identifier + `,"comm\u0061nd":"mess\u0061ge","data":"{\"\\u0061ction\":\"spe\\u0061k\"}"}`), decoded{
			"actioncable ChatChannel#speak json", fields("$event~=command", "$event=message", "$~=data", "$.action~=action", "$.action=speak")}},
		{"whisper", text(`{` + identifier + `,"command":"whisper","data":{"a":"hi"}}`), decoded{
			"actioncable ChatChannel#whisper json", fields("$event~=command", "$event=whisper", "$~=data", "$.a~=a", "$.a=hi")}},
		{"broadcast", text(`{` + identifier + `,"message":{"a":"hi"}}`), decoded{
			"actioncable ChatChannel json", fields("$~=message", "$.a~=a", "$.a=hi")}},
		{"ping", text(`{"type":"ping","message":1}`), decoded{"actioncable ping json", []string{"$event~=type", "$event=ping", "$~=message"}}},
		{"other JSON", text(`{"a":"x"}`), decoded{"none  json", []string{"$.a~=a", "$.a=x"}}},
		{"text", text(`hi`), decoded{"none  text", []string{"$=hi"}}},
	})
	// Without the subprotocol, it may be another server until that says welcome.
	path := framework.Handshake{Target: "/cable"}
	m := one{"by the path", text(`{"command":"message","data":"[\"x\"]"}`), decoded{"actioncable #receive json", []string{
		"$event~=command", "$event=message", "$~=data", "$[0]=x"}}}
	testMessages(t, path, ws.FromClient, []one{m}, text(`{"type":"welcome"}`))
	m.want.fields = append(m.want.fields, "$message.command~=command", "$message.command=message", "$message.data~=data",
		"$message.data>json[0]=x", `$message.data=["x"]`)
	testMessages(t, path, ws.FromClient, []one{m})
	noAllocs(t, decoder(h, ws.FromClient), text(`{`+identifier+`,"command":"message","data":"{\"action\":\"speak\",\"a\":\"hi\"}"}`))
	linear(t, h, `{"identifier":"{\"channel\":`, `"data":"[\"\\\"`)

	h.Subprotocol = "actioncable-v1-ext-msgpack"
	const packed = "\x83\xa7command\xa7message\xaaidentifier\xb9" + `{"channel":"ChatChannel"}` + "\xa4data\xbb" + `{"action":"speak","a":"hi"}`
	testMessages(t, h, ws.FromClient, []one{
		{"MessagePack", binary(packed), decoded{"actioncable ChatChannel#speak msgpack", []string{
			"$event~=command", "$event=message", "$identifier~=identifier", "$identifier.channel~=channel", "$identifier.channel=ChatChannel",
			"$~=data", "$.action~=action", "$.action=speak", "$.a~=a", "$.a=hi"}}},
		{"welcome", binary("\x81\xa4type\xa7welcome"), decoded{"actioncable welcome msgpack", []string{"$event~=type", "$event=welcome"}}},
		{"JSON", text(`{"type":"ping"}`), decoded{"actioncable ping json", []string{"$event~=type", "$event=ping"}}},
		{"neither", binary("\x83\xa4text"), decoded{"none  binary", []string{"$@2=text"}}},
	})
	noAllocs(t, decoder(h, ws.FromClient), binary(packed))
}

func FuzzActionCable(f *testing.F) {
	fuzzJSON(f, framework.Handshake{Target: "/cable"}, ws.FromClient,
		`{"command":"message","identifier":"{\"channel\":\"a\"}","data":"{\"action\":\"b\",\"c\":\"[\\\"d\\\"]\"}"}`, `{"type":"ping","message":[]}`)
}

func FuzzActionCablePacked(f *testing.F) {
	fuzzSession(f, framework.Handshake{Target: "/cable", Subprotocol: "actioncable-v1-ext-msgpack"}, true,
		"~\x83\xa7command\xa7message\xaaidentifier\xa9{\"a\":\"b\"}\xa4data\xc4\x02[]", "~\x81\xa4type\xdc\x00\x01\xa1a")
}
