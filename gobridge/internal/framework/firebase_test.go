package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
)

var firebase = framework.Handshake{Target: "/.ws?v=5&ns=a"}

const firebaseHello = `{"t":"c","d":{"t":"h","d":{"v":"5"}}}`

// A message that was cut anywhere is judged whole with the last of its pieces.
func TestFirebasePieces(t *testing.T) {
	const whole = `{"t":"d","d":{"a":"p","b":{"p":"/chat","d":"hello there"}}}`
	for i := 1; i < len(whole); i++ {
		c2s, s2c := framework.Identify(firebase)
		decode(s2c, text(firebaseHello))
		for range 4 { // first messages, which may show another framework
			decode(c2s, text("0"))
		}
		require.Equal(t, "firebase frames text", decode(c2s, text("2")).envelope)
		decode(c2s, text(whole[:i]))
		require.Positive(t, c2s.Size())
		got := decode(c2s, text(whole[i:]))
		require.Equal(t, "firebase p json", got.envelope)
		require.Contains(t, got.fields, "$=hello there")
		require.Zero(t, c2s.Size())
		require.NotZero(t, c2s.Alike())
	}
}

// Pieces of a message that is too long are judged as they stand.
func TestFirebaseTooBig(t *testing.T) {
	h := firebase
	h.Limit = 10
	c2s, _ := framework.Identify(h)
	s := sample{Text: "3"}
	s.decode(c2s)
	s = sample{Text: `"hello the`}
	s.decode(c2s)
	require.NotContains(t, s.Records, "! message_too_big")
	s = sample{Text: "re"}
	s.decode(c2s)
	require.Contains(t, s.Records, "! message_too_big")
	require.Contains(t, s.Fields, "$message=re")
	require.Zero(t, c2s.Size())
	s = sample{Text: `["end"]`}
	s.decode(c2s)
	require.Contains(t, s.Fields, "$message[0]=end")
}

// What looks like two frameworks is decoded by both.
func TestSeveral(t *testing.T) {
	c2s, _ := identify("/socket.io/.ws?EIO=4&transport=websocket&v=5&ns=a")
	require.Contains(t, values(c2s, text("bPGI+")), "<b>")
	require.Contains(t, values(c2s, text(`42["m","x"]`)), "x")
	decode(c2s, text("2"))
	decode(c2s, text(`{"a":"hello`))
	require.Contains(t, values(c2s, text(` there"}`)), "hello there")
}

// The first message of an attacker does not keep the server's from being heard.
func TestSeveralFirst(t *testing.T) {
	c2s, s2c := identify("/chat")
	require.Equal(t, "bayeux /meta/x json", decode(c2s, text(`[{"channel":"/meta/x"}]`)).envelope)
	decode(s2c, text(firebaseHello))
	decode(c2s, text("2"))
	decode(c2s, text(`{"a":"hello`))
	require.Contains(t, values(c2s, text(` there"}`)), "hello there")
}

func TestFirebaseDoesNotAllocate(t *testing.T) {
	c2s, _ := framework.Identify(firebase)
	noAllocs(t, c2s, text(`{"t":"d","d":{"r":3,"a":"p","b":{"p":"/chat/x","d":{"text":"hello"}}}}`))
}

func FuzzFirebase(f *testing.F) {
	fuzzSession(f, firebase, false, `{"t":"d","d":{"r":3,"a":"p","b":{"p":"/chat/x","d":{"text":"hello"}}}}`,
		"<"+firebaseHello+"\xff\xfe2\xff\xfe{\"t\":\xff\xfe\"d\"}", "0x2\xff\xfea\xff\xfeb")
}
