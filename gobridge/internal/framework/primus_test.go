package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
)

var primus = framework.Handshake{Target: "/primus"}

func TestPrimusDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(primus)
	noAllocs(t, d, text(`{"type":0,"data":["say",{"text":"hello"}],"id":1}`), text(`{"text":"hello"}`), text(`"primus::ping::17"`))
}

func FuzzPrimus(f *testing.F) {
	fuzzSession(f, primus, false, `{"type":0,"data":["say",{"text":"hello"}],"id":1}`, `"primus::ping::17"`+"\xff\xfehello",
		`{"type":0,"data":["a",]}`)
}
