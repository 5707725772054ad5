package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

func TestJSONRPC(t *testing.T) {
	const call = `{"jsonrpc":"2.0","method":"say","params":{"text":"hi"},"id":1}`
	fields := []string{"$message.jsonrpc~=jsonrpc", "$message.jsonrpc=2.0", "$event~=method", "$event=say", "$~=params", "$.text~=text", "$.text=hi", "$message.id~=id"}
	recognises(t, "json-rpc", text(call), []framework.Handshake{{Target: none}}, text(`[`+call+`]`), text(`{"id":1,"jsonrp\u0063":"2.0","result":"rpc"}`))
	testMessages(t, framework.Handshake{Target: none}, ws.FromClient, []one{
		{"call", text(call), decoded{"json-rpc say json", fields}},
		{"batch", text(" [ " + call + " , " + call + " ] "), decoded{"json-rpc say json", append(fields[:8:8], fields...)}},
		{"language server", text("content-length: 65\r\nContent-Type: x\r\n\r\n" + call), decoded{"json-rpc say json", append([]string{
			"$message=content-length: 65\r\nContent-Type: x\r\n\r\n"}, fields...)}},
		{"by position", text(`{"params":["hi"],"method":"s\u0061y","jsonrpc":"2.0"}`), decoded{"json-rpc say json", []string{
			"$~=params", "$[0]=hi", "$event~=method", "$event=say", "$message.jsonrpc~=jsonrpc", "$message.jsonrpc=2.0"}}},
		{"result", text(`{"jsonrpc":"2.0","result":"hi","error":null,"id":1}`), decoded{"json-rpc result json", []string{
			"$message.jsonrpc~=jsonrpc", "$message.jsonrpc=2.0", "$~=result", "$=hi", "$~=error", "$message.id~=id"}}},
		{"error", text(`{"jsonrpc":"2.0","error":{"message":"no"},"id":"x"}`), decoded{"json-rpc error json", []string{
			"$message.jsonrpc~=jsonrpc", "$message.jsonrpc=2.0", "$~=error", "$.message~=message", "$.message=no", "$message.id~=id", "$message.id=x"}}},
		{"in two cases", text(`{"jsonrpc":"2.0","method":"a","Method":"b"}`), decoded{"json-rpc  json", []string{
			"$message.jsonrpc~=jsonrpc", "$message.jsonrpc=2.0", "$event~=method", "$event=a", "$message.Method~=Method", "$message.Method=b"}}},
	})
	for _, tt := range []one{
		{"without version", text(`{"method":"say","params":["hi"]}`), decoded{"json-rpc say json", []string{"$event~=method", "$event=say", "$~=params", "$[0]=hi"}}},
		{"other JSON", text(`{"text":"hi"}`), decoded{"none  json", []string{"$.text~=text", "$.text=hi"}}},
		{"array", text(`["hi",{"jsonrpc":"2.0"}]`), decoded{"none  json", []string{"$[0]=hi", "$[1].jsonrpc~=jsonrpc", "$[1].jsonrpc=2.0"}}},
		{"batch with another", text(`[{"jsonrpc":"2.0","id":1},{"text":"hi"}]`), decoded{"none  json", []string{
			"$message.jsonrpc~=jsonrpc", "$message.jsonrpc=2.0", "$message.id~=id", "$.text~=text", "$.text=hi"}}},
		{"broken batch", text(`[{"method":"say"},{"text":hi"}]`), decoded{"none  text", []string{"$[0].method~=method", "$[0].method=say", "$[1].text~=text",
			"$[1].text=}]", `$=[{"method":"say"},{"text":hi"}]`}}},
		{"batch with a broken one", text(`[{"method":"say"},{"text":'}]"hi"'}]`), decoded{"none  text", []string{
			"$[0].method~=method", "$[0].method=say", "$[1].text~=text", `$[1].text=}]"hi"`, `$=[{"method":"say"},{"text":'}]"hi"'}]`}}},
		{"batch with a bad number", text(`[{"method":"say"},{"n":01,"text":"hi"}]`), decoded{"none  text", []string{
			"$event~=method", "$event=say", "$.n~=n", "$.text~=text", "$.text=hi", `$={"n":01,"text":"hi"}`,
			"$message[0].method~=method", "$message[0].method=say", "$message[1].n~=n", "$message[1].text~=text", "$message[1].text=hi",
			`$message=[{"method":"say"},{"n":01,"text":"hi"}]`}}},
		{"empty batch", text(`[]`), decoded{"none  json", nil}},
		{"no JSON", text(`hi`), decoded{"none  text", []string{"$=hi"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := decoder(framework.Handshake{Target: none}, ws.FromClient)
			decode(d, text(call))
			require.Equal(t, tt.want, decode(d, tt.m))
		})
	}
	d := decoder(framework.Handshake{Target: none}, ws.FromClient)
	decode(d, text(call))
	noAllocs(t, d, text(call), text("["+call+","+call+"]"))
	linear(t, framework.Handshake{Target: none}, `{"jsonrpc":"2.0","params":`, `[{"jsonrpc":"2.0"},`, `{"jsonrpc":"2.0"},{},`)
}

// Each message of a batch is recorded with its own event.
func TestJSONRPCBatch(t *testing.T) {
	d := decoder(framework.Handshake{Target: none}, ws.FromClient)
	var w format.Walker
	var events []string
	d.Decode(text(`[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"},{"x":1}]`), &w, &framework.Out{
		Visit:  func(f *format.Field) {},
		Record: func(e framework.Envelope) { events = append(events, e.Framework+" "+string(e.Event)) },
	})
	require.Equal(t, []string{"json-rpc a", "json-rpc b", "none "}, events)
}

func FuzzJSONRPC(f *testing.F) {
	fuzzJSON(f, framework.Handshake{Target: none}, ws.FromClient,
		`{"jsonrpc":"2.0","method":"a","params":{"b":"c"}}`, `[{"jsonrpc":"2.0","method":"a"},{"error":"b"},{"method":01}]`)
}
