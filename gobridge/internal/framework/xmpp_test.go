package framework_test

import (
	"testing"

	"wsi/gobridge/internal/framework"
)

var xmpp = framework.Handshake{Target: "/", Subprotocol: "xmpp"}

func TestXMPPDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(xmpp)
	noAllocs(t, d, text(`<message to="room@example.com" type="groupchat"><body>5 &lt; 6</body></message>`))
}

func FuzzXMPP(f *testing.F) {
	fuzzSession(f, xmpp, true, `<message to="a" type='chat'><body>5 &lt; 6<![CDATA[x]]></body></message>`, "<open", "hello")
}

// Without the subprotocol a stanza is judged as it stands, too, until the server
// has spoken.
func FuzzXMPPFirst(f *testing.F) {
	fuzzSession(f, framework.Handshake{Target: "/"}, false, `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>`+"\xff\xfe<message>x</message>")
}
