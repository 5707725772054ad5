package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
)

var xmpp = framework.Handshake{Target: "/", Subprotocol: "xmpp"}

func TestXMPPDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(xmpp)
	noAllocs(t, d, text(`<message to="room@example.com" type="groupchat"><body>5 &lt; 6</body></message>`))
}

// A server that agrees to any subprotocol may be a chat on a page.
func TestXMPPMarkup(t *testing.T) {
	for _, attack := range []string{"<script>alert(1)</script>", `<img src=x onerror="alert(1)">`} {
		for _, h := range []framework.Handshake{xmpp, {Target: "/"}} {
			c2s, s2c := framework.Identify(h)
			const open = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>`
			decode(c2s, text(open))
			decode(s2c, text(open))
			require.Contains(t, values(c2s, text(attack)), attack)
		}
	}
	c2s, _ := framework.Identify(xmpp)
	require.Equal(t, []string{"b", "c", "a", `<message xx="b" xxxx='c'><!---->a</message>`},
		values(c2s, text(`<message to="b" from='c'><!---->a</message>`))[:4])
	// what is nothing but data is not judged as a whole
	require.Equal(t, []string{"b", "c", "a", `<message to="b" from='c'>a</message>`},
		values(c2s, text(`<message to="b" from='c'>a</message>`))[:4])
}

func FuzzXMPP(f *testing.F) {
	fuzzSession(f, xmpp, true, `<message to="a" type='chat'><body>5 &lt; 6<![CDATA[x]]></body></message>`, "<open", "hello")
}

// Without the subprotocol a stanza is judged as it stands, too.
func FuzzXMPPFirst(f *testing.F) {
	fuzzSession(f, framework.Handshake{Target: "/"}, false, `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>`+"\xff\xfe<message>x</message>")
}
