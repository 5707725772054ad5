package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
)

var ably = framework.Handshake{Target: "/?key=a&format=json&v=6"}

func TestAblyDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(ably)
	noAllocs(t, d, text(`{"action":15,"channel":"chat","messages":[{"name":"say","data":"hello"},{"data":"there"}],"msgSerial":0}`),
		binary("\x82\xa7channel\xa4chat\xa8messages\x91\x82\xa4name\xa3say\xa4data\xa5hello"))
}

func FuzzAbly(f *testing.F) {
	fuzzSession(f, ably, true, `{"action":15,"channel":"chat","messages":[{"name":"say","data":"{\"a\":\"b\"}"},7]}`,
		"~\x82\xa7channel\xa4chat\xa8messages\x91\x82\xa4name\xa3say\xa4data\xa5hello\xff\xfehello")
}
