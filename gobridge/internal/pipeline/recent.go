package pipeline

import (
	"bytes"
	"hash/maphash"

	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
)

const (
	// recentSlots and recentBytes bound what is remembered: at most 256 KiB.
	recentSlots = 128
	recentBytes = 2 << 10
)

// recent remembers messages that were just judged and found clean. A server
// sends the same message to everybody in a room; it is judged once. What is
// compared is the message itself, never its hash, and only where the decoder
// depends on nothing else.
type recent struct {
	seed  maphash.Seed
	slots [recentSlots]clean
}

// clean is one message without a finding or a violation. alike 0: none.
type clean struct {
	payload []byte // inflated
	policy  *policy.Policy
	rules   uint64 // their version
	alike   int    // framework.Decoder's
	opcode  ws.Opcode
	from    ws.Direction
}

// slot is where payload is remembered, nil when it is too long.
func (r *recent) slot(payload []byte) *clean {
	if len(payload) > recentBytes {
		return nil
	}
	return &r.slots[maphash.Bytes(r.seed, payload)%recentSlots]
}

func (c *clean) is(t *task, rules uint64, payload []byte) bool {
	return c.policy == t.session.config.Policy && c.rules == rules && c.alike == t.alike && c.opcode == t.message.Opcode &&
		c.from == t.dir.from && bytes.Equal(c.payload, payload)
}

func (c *clean) set(t *task, rules uint64, payload []byte) {
	c.payload = append(c.payload[:0], payload...)
	c.policy, c.rules, c.alike, c.opcode, c.from = t.session.config.Policy, rules, t.alike, t.message.Opcode, t.dir.from
}
