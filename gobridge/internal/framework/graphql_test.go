package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

func TestGraphQL(t *testing.T) {
	h := framework.Handshake{Target: "/", Subprotocol: "graphql-transport-ws"}
	recognises(t, "graphql", text(`{"type":"ping"}`), []framework.Handshake{
		h, {Target: "/", Subprotocol: "graphql-ws"}, {Target: "/v1/graphql?x"}, {Target: "/graphql/"},
	}, text(`{"type":"connection_init","payload":{}}`), text(`{"payload":{},"t\u0079pe":"connection_init"}`))
	otherwise(t, "graphql", text(`{"type":"ping"}`), framework.Handshake{Target: "/chat"}, framework.Handshake{Target: "/graphql/x"},
		framework.Handshake{Target: "/graphql", Subprotocol: "chat"})
	testMessages(t, h, ws.FromClient, []one{
		{"init", text(`{"type":"connection_init","payload":{"token":"x"}}`), decoded{"graphql connection_init json", []string{
			"$event~=type", "$event=connection_init", "$~=payload", "$.token~=token", "$.token=x"}}},
		{"operation", text(`{"id":"1","type":"subscribe","payload":{"operationName":"Say","variables":{"text":"hi"}}}`),
			decoded{"graphql Say json", []string{"$message.id~=id", "$message.id=1", "$event~=type", "$event=subscribe", "$~=payload",
				"$.operationName~=operationName", "$.operationName=Say", "$.variables~=variables", "$.variables.text~=text", "$.variables.text=hi"}}},
		{"operation before the type", text(`{"payload":{"operationN\u0061me":"S\u0061y"},"type":"start"}`), decoded{"graphql Say json", []string{
			"$~=payload", "$.operationName~=operationName", "$.operationName=Say", "$event~=type", "$event=start"}}},
		{"the last of two", text(`{"type":"next","type":"subscribe","payload":1,"payload":{"operationName":"A","operationName":"B"}}`),
			decoded{"graphql B json", []string{"$event~=type", "$event=next", "$event~=type", "$event=subscribe", "$~=payload", "$~=payload",
				"$.operationName~=operationName", "$.operationName=A", "$.operationName~=operationName", "$.operationName=B"}}},
		{"in two cases", text(`{"type":"subscribe","payload":{"operationName":"A","OperationName":"B"}}`), decoded{"graphql subscribe json", []string{
			"$event~=type", "$event=subscribe", "$~=payload", "$.operationName~=operationName", "$.operationName=A",
			"$.OperationName~=OperationName", "$.OperationName=B"}}},
		{"no name", text(`{"type":"subscribe","payload":{"operationName":null,"query":"{a}"}}`), decoded{"graphql subscribe json", []string{
			"$event~=type", "$event=subscribe", "$~=payload", "$.operationName~=operationName", "$.query~=query", "$.query={a}"}}},
		{"AppSync", text(`{"type":"start","payload":{"data":"{\"operationName\":\"Say\"}"}}`), decoded{"graphql Say json", []string{
			"$event~=type", "$event=start", "$~=payload", "$.data~=data",
			"$.data>json.operationName~=operationName", "$.data>json.operationName=Say", `$.data={"operationName":"Say"}`}}},
		{"AppSync events", text(`{"type":"publish","channel":"/chat","events":["hi"]}`), decoded{"graphql /chat json", []string{
			"$event~=type", "$event=publish", "$message.channel~=channel", "$message.channel=/chat", "$~=events", "$[0]=hi"}}},
		{"binary", binary(`{"type":"ping"}`), decoded{"graphql ping json", []string{"$event~=type", "$event=ping"}}},
		{"no type", text(`{"payload":"hi"}`), decoded{"none  json", []string{"$.payload~=payload", "$.payload=hi"}}},
		{"broken", text(`{"type":"ping","payload":"hi",}`), decoded{"none  text", []string{
			"$.type~=type", "$.type=ping", "$.payload~=payload", "$.payload=hi", `$={"type":"ping","payload":"hi",}`}}},
		{"two", text(`{"type":"a"}{"type":"b"}`), decoded{"none  json", []string{"$.type~=type", "$.type=a", "$.type~=type", "$.type=b"}}},
		{"text", text(`hi`), decoded{"none  text", []string{"$=hi"}}},
		{"nothing", text(``), decoded{"none  ", nil}},
	})
	noAllocs(t, decoder(h, ws.FromClient), text(`{"id":"1","type":"subscribe","payload":{"operationName":"S\u0061y","variables":{"text":"hi"}}}`))
	linear(t, h, `{"type":"subscribe","payload":`, `{"type":"start","payload":{"data":"`, `"type":"\"`)
}

func FuzzGraphQL(f *testing.F) {
	fuzzJSON(f, framework.Handshake{Target: "/graphql"}, ws.FromClient,
		`{"type":"subscribe","payload":{"operationName":"a","query":"{b(c:\"d\")}"}}`, `{"type":"start","payload":{"data":"{\"operationName\":\"\"}"}}`)
}
