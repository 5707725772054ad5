package framework_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
)

var guacamole = framework.Handshake{Target: "/tunnel", Subprotocol: "guacamole"}

// An instruction that is cut anywhere is read whole, and typed keys are joined.
func TestGuacamoleCut(t *testing.T) {
	const instructions = "9.clipboard,1.0,10.text/plain;4.blob,1.0,8.PGI+hi8+;"
	for i := 1; i < len(instructions); i++ {
		c2s, s2c := framework.Identify(guacamole)
		decode(s2c, text("4.args,13.VERSION_1_5_0;"))
		first := sample{Text: instructions[:i]}
		first.decode(c2s)
		rest := sample{Text: instructions[i:]}
		rest.decode(c2s)
		fields := append(first.Fields, rest.Fields...)
		require.Contains(t, fields, "$[1]=text/plain", i)
		require.Contains(t, fields, "$[1]=PGI+hi8+", i)
	}
}

func TestGuacamoleKeys(t *testing.T) {
	c2s, s2c := framework.Identify(guacamole)
	decode(s2c, text("4.args,13.VERSION_1_5_0;"))
	require.Contains(t, values(c2s, text("3.key,2.60,1.1;3.key,2.60,1.0;")), "<")
	require.Contains(t, values(c2s, text("3.key,2.98,1.1;")), "<b")
	require.Contains(t, values(c2s, text("3.key,8.16777278,1.1;")), "<b>")
	require.Contains(t, values(c2s, text("3.key,5.65293,1.1;3.key,3.111,1.1;")), "o")
}

func FuzzGuacamole(f *testing.F) {
	fuzzSession(f, guacamole, true, "4.blob,1.0,8.PGI+hi8+;3.key,2.98,1.1;", "<4.args,1.x;\xff\xfe3.key,2\xff\xfe.98,1.1;", "1.ä,2.ab;9")
}
