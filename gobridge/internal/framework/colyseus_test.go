package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
)

var colyseus = framework.Handshake{Target: "/a/b?sessionId=x"}

func TestColyseusDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(colyseus)
	noAllocs(t, d, binary("\x0d\xa3say\x81\xa4text\xa5hello"), binary("\x0d\x07\x91\xa5hello"))
}

func FuzzColyseus(f *testing.F) {
	fuzzSession(f, colyseus, true, "~\x0d\xa3say\x81\xa4text\xa5hello", "~\x0d\x07\x91\xa5hello\xff\xfe<~\x0e\x80\x01\xa5hello\xff\xfe\rhello")
}
