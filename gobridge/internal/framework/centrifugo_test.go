package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
)

var centrifugo = framework.Handshake{Target: "/connection/websocket"}

func TestCentrifugoDoesNotAllocate(t *testing.T) {
	d, s := framework.Identify(centrifugo)
	noAllocs(t, d, text(`{"publish":{"channel":"chat","data":{"text":"hello"}},"id":3}`+"\n"+`{"rpc":{"method":"say","data":"x"}}`),
		binary("\x10\x08\x03\x3a\x0c\x0a\x04chat\x12\x04\"hi\""))
	noAllocs(t, s, text(`{"push":{"channel":"chat","pub":{"data":{"text":"hello"}}}}`))
}

func FuzzCentrifugo(f *testing.F) {
	fuzzSession(f, centrifugo, true, `{"publish":{"channel":"chat","data":{"text":"hello"}},"id":3}`+"\n"+`{"rpc":{"method":"say"}}`,
		`<{"push":{"channel":"chat","pub":{"data":"x"}}}`, "~\x10\x08\x03\x3a\x0c\x0a\x04chat\x12\x04\"hi\"\xff\xfehello")
}
