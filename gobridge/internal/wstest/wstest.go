// Package wstest builds WebSocket bytes for tests, independently of the code
// under test, and cuts them.
package wstest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"

	"wsi/gobridge/internal/ws"
)

// Bits reads a bit picture: "1 000 0001 0 0000101" is 81 05. It panics unless
// the picture is whole bytes of 0 and 1.
func Bits(picture string) []byte {
	digits := strings.Join(strings.Fields(picture), "")
	if len(digits)%8 != 0 {
		panic(fmt.Sprintf("wstest: %d bits are no whole bytes", len(digits)))
	}
	out := make([]byte, len(digits)/8)
	for i, d := range digits {
		if d != '0' && d != '1' {
			panic(fmt.Sprintf("wstest: %q is no bit", d))
		}
		out[i/8] = out[i/8]<<1 | byte(d-'0')
	}
	return out
}

// Hex reads hexadecimal bytes with any spacing: "f2 48 cd".
func Hex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic("wstest: " + err.Error())
	}
	return b
}

// Frame is a frame to build. Opcode, Payload and, from a client, Mask are
// enough; the length is encoded minimally.
type Frame struct {
	More    bool // FIN is 0
	RSV     byte // 4 is RSV1, 2 is RSV2, 1 is RSV3
	Opcode  ws.Opcode
	Mask    *[4]byte
	Payload []byte
}

// Bytes are the frame's header and its masked payload.
func (f Frame) Bytes() []byte {
	b0 := f.RSV<<4 | byte(f.Opcode)
	if !f.More {
		b0 |= 0x80
	}
	var b1 byte
	if f.Mask != nil {
		b1 = 0x80
	}
	b := []byte{b0}
	switch n := len(f.Payload); {
	case n < 126:
		b = append(b, b1|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, b1|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, b1|127), uint64(n))
	}
	if f.Mask == nil {
		return append(b, f.Payload...)
	}
	b = append(b, f.Mask[:]...)
	for i, c := range f.Payload {
		b = append(b, c^f.Mask[i&3])
	}
	return b
}

// Stream is the bytes of frames, one behind the other.
func Stream(frames ...Frame) []byte {
	var b []byte
	for _, f := range frames {
		b = append(b, f.Bytes()...)
	}
	return b
}

// Text is a final text frame from a client.
func Text(s string) Frame {
	return Frame{Opcode: ws.OpText, Mask: &[4]byte{0x37, 0xfa, 0x21, 0x3d}, Payload: []byte(s)}
}

// Cuts yields ways in which b can arrive, each with a name: whole, byte by
// byte, in every two parts, and in random parts (the same in every run).
func Cuts(b []byte) iter.Seq2[string, [][]byte] {
	return func(yield func(string, [][]byte) bool) {
		if !yield("whole", [][]byte{b}) {
			return
		}
		single := make([][]byte, len(b))
		for i := range b {
			single[i] = b[i : i+1]
		}
		if !yield("byte by byte", single) {
			return
		}
		for i := 1; i < len(b); i++ {
			if !yield(fmt.Sprintf("cut at %d", i), [][]byte{b[:i], b[i:]}) {
				return
			}
		}
		rnd := rand.New(rand.NewPCG(6455, 7692))
		for i := range 32 {
			if !yield(fmt.Sprintf("random %d", i), cutRandomly(b, rnd)) {
				return
			}
		}
	}
}

func cutRandomly(b []byte, rnd *rand.Rand) (parts [][]byte) {
	for most := 1 + rnd.IntN(64); len(b) > 0; {
		n := min(1+rnd.IntN(most), len(b))
		parts = append(parts, b[:n])
		b = b[n:]
	}
	return parts
}

// Doubtful are n values that only libinjection can tell from SQL, each with text
// behind it. They are harmless.
func Doubtful(n int) (values []string) {
	for i := range n {
		values = append(values, fmt.Sprintf("%d collate %s, at most %s", i, strings.Repeat("a", i%7), strings.Repeat("y", 100)))
	}
	return values
}
