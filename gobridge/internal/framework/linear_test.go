package framework_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

// TestDecodersAreLinear: of 64 KiB at most 20 times as many bytes are visited as
// of 4 KiB, in one message or in many, hostile ones too.
func TestDecodersAreLinear(t *testing.T) {
	const small, large, most = 4 << 10, 64 << 10, 20
	for _, tt := range []struct {
		name     string
		h        framework.Handshake
		head     string
		repeated string
		tail     string
		parts    int // bytes of a message, 0: one message
	}{
		{"batch", bayeux, "[", `{"channel":"/a","data":"b","x":"y"},`, `{}]`, 0},
		{"open objects", bayeux, "", `[{"channel":`, "", 0},
		{"open strings", signalRClassic, `{"M":[`, `"\"`, "", 0},
		{"calls", signalRClassic, `{"C":"a","M":[`, `{"H":"a","M":"b","A":["c"]},`, `{}]}`, 0},
		{"lines", centrifugo, "", `{"publish":{"channel":"a","data":"b"}}` + "\n", "", 0},
		{"lines that break", centrifugo, "", `{"publish":{"channel":"a","data":"b"}}` + "\n", "{", 0},
		{"commands", centrifugo, "", "\x10\x08\x03\x3a\x0c\x0a\x04chat\x12\x04\"hi\"", "", 0},
		{"fields in fields", centrifugo, "", "\x3a\x05", "", 0},
		{"messages", ably, `{"messages":[`, `{"name":"a","data":"{\"b\":1}"},`, `{}]}`, 0},
		{"arrays of arrays", ably, "", "\x91", "\xc0", 0},
		{"pieces", firebase, "99999", `{"a":"b",`, "", 16},
		{"stanzas", xmpp, "<a>", "<b c='d'>e</b>", "</a>", 0},
		{"open tags", xmpp, "", "<a ", "", 0},
		{"attributes", xmpp, "<a ", "xtype=", "/>", 0},
		{"keys of a line", kubernetes, "\x00", "\x00a", "", 2},
		{"lines of a shell", kubernetes, "\x00", "ls\n", "", 0},
		{"room data", colyseus, "\x0d\xa3say", "\x91", "\xc0", 0},
		{"updates", yjs, "", insertion("a", 10), "", 15},
		{"nested values", yjs, "\x00\x02", "\x75\x01", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			visited := func(size int) (n int) {
				p := []byte(tt.head)
				p = append(p, bytes.Repeat([]byte(tt.repeated), (size-len(p))/len(tt.repeated))...)
				p = append(p, tt.tail...)
				part := tt.parts
				if part == 0 {
					part = len(p)
				}
				d, _ := framework.Identify(tt.h)
				var w format.Walker
				out := &framework.Out{
					Visit:   func(f *format.Field) { n += len(f.Value) + 1 },
					Record:  func(framework.Envelope) { n++ },
					Violate: func(ws.Violation) {},
				}
				for len(p) > 0 {
					k := min(part, len(p))
					d.Decode(framework.Message{Opcode: ws.OpBinary, Payload: p[:k]}, &w, out)
					p = p[k:]
				}
				return n
			}
			require.LessOrEqual(t, visited(large), most*visited(small))
		})
	}
}
