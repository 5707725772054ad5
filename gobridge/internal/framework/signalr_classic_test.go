package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
)

var signalRClassic = framework.Handshake{
	Target: "/signalr/connect?transport=webSockets&clientProtocol=1.5&connectionToken=x",
}

func TestSignalRClassicHandshake(t *testing.T) {
	for target, want := range map[string]string{
		"/signalr/connect?transport=webSockets&connectionToken=x":        "signalr-classic chat.send json",
		"/x?ConnectionData=%5B%5D&TRANSPORT=websockets":                  "signalr-classic chat.send json",
		"/signalr/reconnect?connectionToken=x&transport=web%53ockets&a=": "signalr-classic chat.send json",
		"/signalr/connect?transport=webSockets":                          "none  json",
		"/signalr/connect?connectionToken=x":                             "none  json",
	} {
		d, _ := identify(target)
		require.Equal(t, want, decode(d, text(`{"H":"chat","M":"send","A":[]}`)).envelope, target)
	}
}

func TestSignalRClassicDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(signalRClassic)
	noAllocs(t, d, text(`{"H":"chat","M":"send","A":["hello",{"text":"there"}],"I":1}`),
		text(`{"C":"d-1,1","M":[{"H":"Chat","M":"add","A":["hello"]},{"H":"News","M":"show","A":["there"]}]}`))
}

func FuzzSignalRClassic(f *testing.F) {
	fuzzSession(f, signalRClassic, false, `{"H":"chat","M":"send","A":["hello"],"I":1,"S":{"a":"b"}}`,
		`<{"C":"d-1,1","M":[{"H":"Chat","M":"add","A":["hello"]},"x"]}`+"\xff\xfehello", `{"\u0048":"a","M":["b",],}`)
}
