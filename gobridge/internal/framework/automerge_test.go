package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
)

var automerge = framework.Handshake{Target: "/"}

const automergeJoin = "\xa2\x64type\x64join\x68senderId\x61a"

func TestAutomergeDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(automerge)
	decode(d, binary(automergeJoin))
	noAllocs(t, d, binary("\xa2\x64type\x64sync\x64data\x45hello"))
}

func FuzzAutomerge(f *testing.F) {
	fuzzSession(f, automerge, true, "~"+automergeJoin+"\xff\xfe~\xa2\x64type\x64sync\x64data\x45hello", "~"+automergeJoin+"\xff\xfehello")
}
