package framework_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/framework"
)

var kubernetes = framework.Handshake{Target: "/", Subprotocol: "v4.channel.k8s.io"}

// A line that comes in any pieces is judged whole with the end of it.
func TestKubernetesLine(t *testing.T) {
	const line = "echo '<script>alert(1)</script>'"
	for i := 1; i < len(line); i++ {
		d, _ := framework.Identify(kubernetes)
		decode(d, binary("\x00$ "+line[:i]))
		require.Contains(t, values(d, binary("\x00"+line[i:]+"\nls")), "$ "+line, i)
		require.Equal(t, []string{" -l", "ls -l"}, values(d, binary("\x00 -l")))
		require.Equal(t, []string{"more"}, values(d, binary("\x01more")))
	}
}

// Of a line that is too long, parts are judged that overlap.
func TestKubernetesLongLine(t *testing.T) {
	d, _ := framework.Identify(kubernetes)
	decode(d, binary("\x00x"))
	for range 100 {
		decode(d, binary("\x00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
	}
	require.Less(t, d.Size(), 4<<10)
	decode(d, binary("\x00<script>alert("))
	require.Contains(t, strings.Join(values(d, binary("\x001)</script>\n")), ""), "a<script>alert(1)</script>")
}

func TestKubernetesDoesNotAllocate(t *testing.T) {
	d, _ := framework.Identify(kubernetes)
	decode(d, binary("\x00first"))
	noAllocs(t, d, binary("\x00echo hello\n"), binary("\x00x"), binary("\x04{\"Width\":80}"))
}

func FuzzKubernetes(f *testing.F) {
	fuzzSession(f, kubernetes, true, "~\x00l\xff\xfe~\x00s\n\xff\xfe<~\x01total", "0bHM=\xff\xfe~\x04{}")
}
