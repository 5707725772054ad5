package framework_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

func wamp2(serializer string) framework.Handshake {
	return framework.Handshake{Target: "/ws", Subprotocol: "wamp.2." + serializer}
}

func TestWAMP2(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString([]byte("<script>"))
	testMessages(t, wamp2("json"), ws.FromClient, []one{
		{"hello", text(`[1,"realm1",{"roles":{}}]`), decoded{"wamp2 hello json", []string{"$realm=realm1", "$.roles~=roles"}}},
		{"publish", text(`[16,1,{"a":"b"},"com.room",["hi"],{"text":"x"}]`), decoded{"wamp2 com.room json", []string{
			"$message[2].a~=a", "$message[2].a=b", "$event=com.room", "$[0]=hi", "$kwargs.text~=text", "$kwargs.text=x"}}},
		{"call", text(" [ 48 , 1 , { } , \"com.s\\u0061y\" , [ [ \"hi\" ] ] ] "), decoded{"wamp2 com.say json", []string{"$event=com.say", "$[0][0]=hi"}}},
		{"code as float", text(`[4.8e1,1,{},"com.say",["hi"]]`), decoded{"wamp2 com.say json", []string{"$event=com.say", "$[0]=hi"}}},
		{"yield", text(`[70,1,{},["hi"],{"a":"x"}]`), decoded{"wamp2 yield json", []string{"$[0]=hi", "$kwargs.a~=a", "$kwargs.a=x"}}},
		{"error", text(`[8,68,1,{},"com.error",["hi"]]`), decoded{"wamp2 com.error json", []string{"$event=com.error", "$[0]=hi"}}},
		{"subscribe", text(`[32,1,{},"com.room"]`), decoded{"wamp2 com.room json", []string{"$event=com.room"}}},
		{"cancel", text(`[49,1,{"mode":"kill"}]`), decoded{"wamp2 cancel json", []string{"$message[2].mode~=mode", "$message[2].mode=kill"}}},
		{"binary value", text(`[16,1,{},"a",["\u0000` + b64 + `"]]`), decoded{"wamp2 a json", []string{
			"$event=a", "$[0]=\x00" + b64, "$[0]>base64=<script>"}}},
		{"opcode", binary(`[16,1,{},"a",["hi"]]`), decoded{"wamp2 a json", []string{"$event=a", "$[0]=hi"}}},
		{"unknown", text(`[7,"hi"]`), decoded{"none  json", []string{"$[1]=hi"}}},
		{"large", text(`[1600,"hi"]`), decoded{"none  json", []string{"$[1]=hi"}}},
		{"broken", text(`[32,1,{},"hi",]`), decoded{"none  text", []string{"$event=hi", "$[3]=hi", `$=[32,1,{},"hi",]`}}},
		{"object", text(`{"a":"x"}`), decoded{"none  json", []string{"$.a~=a", "$.a=x"}}},
		{"text", text(`hi`), decoded{"none  text", []string{"$=hi"}}},
		{"nothing", text(``), decoded{"none  ", nil}},
	})
	testMessages(t, wamp2("json"), ws.FromServer, []one{
		{"event", text(`[36,1,2,{},["hi"],{"a":"x"}]`), decoded{"wamp2 event json", []string{"$[0]=hi", "$kwargs.a~=a", "$kwargs.a=x"}}},
		{"event with its topic", text(`[36,1,2,{"topic":"com.room"},["hi"]]`), decoded{"wamp2 com.room json", []string{
			"$message[3].topic~=topic", "$message[3].topic=com.room", "$[0]=hi"}}},
		{"invocation", text(`[68,1,2,{"procedure":"com.say"},["hi"]]`), decoded{"wamp2 com.say json", []string{
			"$message[3].procedure~=procedure", "$message[3].procedure=com.say", "$[0]=hi"}}},
		{"result", text(`[50,1,{},["hi"]]`), decoded{"wamp2 result json", []string{"$[0]=hi"}}},
		{"goodbye", text(`[6,{"message":"hi"},"wamp.close"]`), decoded{"wamp2 goodbye json", []string{
			"$.message~=message", "$.message=hi", "$message[2]=wamp.close"}}},
	})
	for name, codes := range map[string][]string{
		"msgpack": {"\x96\x10\x01\x80", "\xdc\x00\x06\xcc\x10\x01\x80", "\xdd\x00\x00\x00\x06\xcd\x00\x10\x01\x80", "\x96\xd3\x00\x00\x00\x00\x00\x00\x00\x10\x01\x80"},
		"cbor":    {"\x86\x10\x01\xa0", "\xd9\xd9\xf7\x98\x06\x18\x10\x01\xa0", "\x9a\x00\x00\x00\x06\x1a\x00\x00\x00\x10\x01\xa0"},
	} {
		rest := "\xa1a\x91\xa2hi\x81\xa1k\xa1x"
		if name == "cbor" {
			rest = "\x61a\x81\x62hi\xa1\x61k\x61x"
		}
		for _, code := range codes {
			testMessages(t, wamp2(name), ws.FromClient, []one{
				{fmt.Sprintf("%s %x", name, code), binary(code + rest), decoded{"wamp2 a " + name, []string{
					"$event=a", "$[0]=hi", "$kwargs.k~=k", "$kwargs.k=x"}}},
			})
		}
	}
	testMessages(t, wamp2("ubjson"), ws.FromClient, []one{
		{"UBJSON", binary("[i\x10i\x01{}Si\x01a[Si\x02hi]{i\x01kSi\x01x}]"), decoded{"wamp2 a ubjson", []string{
			"$event@5={}Si", "$event=a", "$[0]=hi", "$kwargs.k~=k", "$kwargs.k=x"}}},
		{"UBJSON with a count", binary("[#i\x05U\x20i\x01{}Si\x01aZ"), decoded{"wamp2 a ubjson", []string{"$event@8={}Si", "$event=a"}}},
		{"no UBJSON", binary("[i\x10i\x01text"), decoded{"none  text", []string{
			"$=[i\x10i\x01text", "$@5=text", "$=[i\x10i\x01text", "$@5=text"}}},
	})
	testMessages(t, wamp2("msgpack"), ws.FromClient, []one{
		{"cut", binary("\x96\x10\x01\x80\xa4text"), decoded{"none  binary", []string{"$event=text", "$@5=text"}}},
		{"JSON", text(`["hi"]`), decoded{"none  json", []string{"$[0]=hi"}}},
	})
	c2s, _ := framework.Identify(wamp2("json"))
	noAllocs(t, c2s, text(`[16,1,{},"com.r\u006fom",["hi"],{"a":"x"}]`))
	c2s, _ = framework.Identify(wamp2("msgpack"))
	noAllocs(t, c2s, binary("\x96\x10\x01\x80\xa1a\x91\xa2hi\x81\xa1k\xa1x"))
	linear(t, wamp2("json"), `[16,1,{},"a",[`, `[16,`)
}

func TestWAMP2Batched(t *testing.T) {
	events := func(h framework.Handshake, m framework.Message) (out []string) {
		var w format.Walker
		decoder(h, ws.FromClient).Decode(m, &w, &framework.Out{
			Visit:  func(f *format.Field) { out = append(out, f.Path()+"="+string(f.Value)) },
			Record: func(e framework.Envelope) { out = append(out, e.Framework+" "+string(e.Event)) },
		})
		return out
	}
	want := []string{"$event=a", "$[0]=hi", "wamp2 a", "$event=b", "wamp2 b"}
	require.Equal(t, want, events(wamp2("json.batched"), text("[16,1,{},\"a\",[\"hi\"]]\x18[32,1,{},\"b\"]\x18")))
	require.Equal(t, want, events(wamp2("msgpack.batched"), binary(
		"\x00\x00\x00\x0a\x95\x10\x01\x80\xa1a\x91\xa2hi"+"\x00\x00\x00\x06\x94\x20\x01\x80\xa1b")))
	require.Equal(t, []string{"$=\x00\x00\x00\tabcdefgh", "$@3=\tabcdefgh", "none "}, events(wamp2("msgpack.batched"), binary("\x00\x00\x00\x09abcdefgh")))
	require.Equal(t, []string{"none "}, events(wamp2("json.batched"), text("")))
}

func FuzzWAMP2(f *testing.F) {
	fuzzJSON(f, wamp2("json"), ws.FromClient, `[16,1,{},"a",["b"],{"c":"d"}]`, `[36,1,2,{"topic":"a"},["\u0000YWJj"]]`, `[8,48,1,{},"a"]`)
}

func FuzzWAMP2MessagePack(f *testing.F) {
	fuzzSession(f, wamp2("msgpack"), true, "~\x96\x10\x01\x80\xa1a\x91\xa2hi\x81\xa1k\xa1x", "~\x93\x01\xa1a\x80")
}

func FuzzWAMP2CBOR(f *testing.F) {
	fuzzSession(f, wamp2("cbor"), true, "~\x86\x10\x01\xa0\x61a\x81\x62hi\xa1\x61k\x61x", "~\x9f\x18\x20\x01\xa0\x7f\x61a\x61b\xff\xff")
}

func FuzzWAMP2Batched(f *testing.F) {
	fuzzSession(f, wamp2("msgpack.batched"), true, "~\x00\x00\x00\x06\x94\x20\x01\x80\xa1b\x00\x00\x00\x01\x90", "~\x00\x00\x00\x09abcdefgh")
}
