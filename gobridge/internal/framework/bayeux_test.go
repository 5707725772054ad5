package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
)

var bayeux = framework.Handshake{Target: "/faye"}

func TestBayeuxDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(bayeux)
	noAllocs(t, d, text(`[{"channel":"/chat","data":{"text":"hello"},"clientId":"abc","id":"3"},{"channel":"/a","data":"b"}]`))
}

func FuzzBayeux(f *testing.F) {
	fuzzSession(f, bayeux, false, `[{"channel":"/chat","data":{"text":"hello"},"id":"3"},{"channel":"/a","data":"b"}]`,
		`{"channel":"/chat","data":"hello"}`+"\xff\xfe[]", `[{"ch\u0061nnel":"/a",},"x",7]`)
}
