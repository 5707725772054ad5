package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
)

var yjs = framework.Handshake{Target: "/room"}

// insertion is an update of client 7 that inserts s at clock, behind what it
// inserted before.
func insertion(s string, clock byte) string {
	item := "\x84\x07" + string([]byte{clock - 1, byte(len(s))}) + s
	update := "\x01\x01\x07" + string([]byte{clock}) + item + "\x00"
	return "\x00\x02" + string([]byte{byte(len(update))}) + update
}

// synced is a session in which the server has answered.
func synced() (c2s, s2c framework.Decoder) {
	c2s, s2c = framework.Identify(yjs)
	decode(c2s, binary("\x00\x00\x01\x00"))
	decode(s2c, binary("\x00\x00\x01\x00"))
	return c2s, s2c
}

// What is typed key by key is judged as it grows, and whole where a line ends.
func TestYjsTyping(t *testing.T) {
	const line = "<script>alert(1)</script>"
	d, _ := synced()
	for i := range len(line) {
		got := values(d, binary(insertion(line[i:i+1], byte(10+i))))
		require.Equal(t, line[:i+1], got[0]) // what is inside of it follows
	}
	whole := sample{Base64: []byte(insertion("\n", byte(10+len(line))))}
	whole.decode(d)
	require.Contains(t, whole.Fields, "$="+line+"\n")
	require.Equal(t, []string{"x"}, values(d, binary(insertion("x", byte(11+len(line))))))
	require.Equal(t, []string{"elsewhere"}, values(d, binary(insertion("elsewhere", 90))))
}

func TestYjsTypingIsBounded(t *testing.T) {
	d, _ := synced()
	for range 10 {
		for i := range 100 {
			decode(d, binary(insertion("0123456789", byte(10+i))))
		}
	}
	require.LessOrEqual(t, d.Size(), 4<<10)
}

// Until the server has answered, messages are judged as they stand, too.
func TestYjsUnconfirmed(t *testing.T) {
	d, _ := framework.Identify(yjs)
	decode(d, binary("\x00\x00\x01\x00"))
	got := values(d, binary(insertion("hello there", 10)))
	require.GreaterOrEqual(t, len(got), 2)
	require.Equal(t, "hello there", got[0])
	require.Contains(t, got[1], "hello there")
}

func TestYjsDoesNotAllocate(t *testing.T) {
	d, _ := synced()
	noAllocs(t, d, binary(insertion("hello", 10)), binary("\x01\x0d\x01\x07\x01\x09{\"a\":\"b\"}"))
}

func FuzzYjs(f *testing.F) {
	hello := "~\x00\x00\x01\x00"
	fuzzSession(f, yjs, true, hello+"\xff\xfe<"+hello+"\xff\xfe~"+insertion("a", 10)+"\xff\xfe~"+insertion("b", 11),
		"~\x01\x0d\x01\x07\x01\x09{\"a\":\"b\"}", hello+"\xff\xfehello",
		hello+"\xff\xfe~\x00\x02\x1e\x01\x01\x07\x14\x28\x01\x04meta\x03key\x01\x76\x01\x01a\x75\x02\x7d\x41\x74\x01b\x00")
}
