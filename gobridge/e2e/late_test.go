//go:build e2e

package e2e

import "testing"

// What the engine says of a session that failed, and passes, drops nothing.
func TestLateVerdictOfFailedSession(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	n := start(t, conf{library: s.library, location: "wallarm_websocket_response_mode block; wallarm_process_time_limit 1h;"})
	client, backend := n.connect()
	talk(client, backend)
	held := server("wait").Bytes()
	backend.send(held)
	backend.send(server("behind").Bytes())
	client.send(plain("hello"))
	backend.expect(plain("hello"))
	client.send(plain("fail"))
	backend.expect(plain("fail"))
	client.expect(held, server("behind").Bytes())
	s.verdict("d")
	n.events(1)
	talk(client, backend)
	client.Close()
	n.accessed("101|block|attack|xss|0|1")
}
