//go:build e2e

package e2e

import (
	"testing"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// A direction that is not held spends of the worker's memory too: when it is
// the largest holder it is given up, and nobody is dropped for it.
func TestUnheldDirectionOverBudget(t *testing.T) {
	t.Parallel()
	n := start(t, conf{main: "wallarm_websocket_worker_memory 256k;"})
	client, backend := n.connect()
	part := wstest.Frame{More: true, Opcode: ws.OpText, Payload: []byte(prose(400 << 10))}.Bytes()
	backend.send(part)
	client.expect(part)
	m := text(prose(60 << 10))
	client.send(m[:30<<10])
	other, behind := n.connect()
	talk(other, behind)
	client.send(m[30<<10:])
	backend.expect(m)
	talk(client, backend)
	n.logged("bytes from server pass uninspected")
}
