package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

func TestDDP(t *testing.T) {
	const connect = `{"msg":"connect","version":"1","support":["1"]}`
	const method = `{"msg":"method","method":"send","params":["hi",{"room":"lobby"}],"id":"1"}`
	recognises(t, "ddp", text(method), nil, text(connect), text(`{"msg":"connected","session":"x"}`))
	h := framework.Handshake{Target: "/websocket"}
	for _, tt := range []struct {
		name, m string
		want    decoded
	}{
		{"method", method, decoded{"ddp send json", []string{"$message.msg~=msg", "$message.msg=method", "$event~=method", "$event=send",
			"$~=params", "$[0]=hi", "$[1].room~=room", "$[1].room=lobby", "$message.id~=id", "$message.id=1"}}},
		{"subscription", `{"msg":"sub","id":"1","name":"messages","params":["hi"]}`, decoded{"ddp messages json", []string{
			"$message.msg~=msg", "$message.msg=sub", "$message.id~=id", "$message.id=1", "$event~=name", "$event=messages", "$~=params", "$[0]=hi"}}},
		{"change", `{"msg":"added","collection":"messages","fields":{"text":"hi"}}`, decoded{"ddp messages json", []string{
			"$message.msg~=msg", "$message.msg=added", "$event~=collection", "$event=messages", "$~=fields", "$.text~=text", "$.text=hi"}}},
		{"result", `{"msg":"result","result":"hi"}`, decoded{"ddp result json", []string{"$message.msg~=msg", "$message.msg=result", "$~=result", "$=hi"}}},
		{"name of no method", `{"method":"a","msg":"ping"}`, decoded{"ddp ping json", []string{"$event~=method", "$event=a", "$message.msg~=msg", "$message.msg=ping"}}},
		{"no message", `{"server_id":"0"}`, decoded{"none  json", []string{"$.server_id~=server_id", "$.server_id=0"}}},
		{"no JSON", `hi`, decoded{"none  text", []string{"$=hi"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := decoder(h, ws.FromClient)
			require.Equal(t, "ddp connect json", decode(d, text(connect)).envelope)
			require.Equal(t, tt.want, decode(d, text(tt.m)))
		})
	}
	d := decoder(h, ws.FromClient)
	decode(d, text(connect))
	noAllocs(t, d, text(method))
	linear(t, h, `{"msg":"method","params":`)
}

func FuzzDDP(f *testing.F) {
	fuzzJSON(f, framework.Handshake{Target: "/websocket"}, ws.FromClient,
		`{"msg":"connect","version":"1","support":["a"]}`, `{"version":{"a":["b"]},"msg":"connect","params":"c"}`)
}
