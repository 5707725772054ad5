package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

func TestRPC(t *testing.T) {
	h := framework.Handshake{Target: none}
	testMessages(t, h, ws.FromClient, []one{
		{"event", text(`{"event":"say","data":{"text":"hi"}}`), decoded{"rpc say json", []string{
			"$event~=event", "$event=say", "$~=data", "$.text~=text", "$.text=hi"}}},
		{"method", text(` { "params" : ["hi"] , "id" : "7", "method" : "s\u0061y" } `), decoded{"rpc say json", []string{
			"$~=params", "$[0]=hi", "$message.id~=id", "$message.id=7", "$event~=method", "$event=say"}}},
		{"binary message", binary(`{"type":"say","payload":"hi"}`), decoded{"rpc say json", []string{
			"$event~=type", "$event=say", "$~=payload", "$=hi"}}},
		{"two names", text(`{"type":"a","event":"b","data":"hi"}`), decoded{"none  json", []string{
			"$.type~=type", "$.type=a", "$.event~=event", "$.event=b", "$.data~=data", "$.data=hi"}}},
		{"same name twice", text(`{"type":"a","type":"b","data":"hi"}`), decoded{"none  json", []string{
			"$.type~=type", "$.type=a", "$.type~=type", "$.type=b", "$.data~=data", "$.data=hi"}}},
		{"two arguments", text(`{"type":"a","data":"x","payload":"y"}`), decoded{"none  json", []string{
			"$.type~=type", "$.type=a", "$.data~=data", "$.data=x", "$.payload~=payload", "$.payload=y"}}},
		{"number as name", text(`{"type":1,"data":"hi"}`), decoded{"none  json", []string{"$.type~=type", "$.data~=data", "$.data=hi"}}},
		{"more", text(`{"type":"a","data":"x","text":"y"}`), decoded{"none  json", []string{
			"$.type~=type", "$.type=a", "$.data~=data", "$.data=x", "$.text~=text", "$.text=y"}}},
		{"no arguments", text(`{"type":"a"}`), decoded{"none  json", []string{"$.type~=type", "$.type=a"}}},
		{"array", text(`["event","data"]`), decoded{"none  json", []string{"$[0]=event", "$[1]=data"}}},
		{"broken", text(`{"type":"a","data":"hi"`), decoded{"none  text", []string{
			"$.type~=type", "$.type=a", "$.data~=data", "$.data=hi", `$={"type":"a","data":"hi"`}}},
	})
	// A framework that is told by a later message goes before.
	d := decoder(h, ws.FromClient)
	decode(d, text(`{"method":"say","params":["hi"]}`))
	require.Equal(t, "json-rpc say json", decode(d, text(`{"jsonrpc":"2.0","method":"say","params":["hi"]}`)).envelope)

	noAllocs(t, decoder(h, ws.FromClient), text(`{"event":"say","data":{"text":"hi"}}`))
	linear(t, h, `{"type":"a","data":`, `"type":"\"`)
}

func FuzzRPC(f *testing.F) {
	fuzzJSON(f, framework.Handshake{Target: none}, ws.FromServer, `{"event":"a","data":{"b":"c"}}`, `{"method":"a","params":["b"],"id":1}`)
}
