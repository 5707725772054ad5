package pipeline

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

// random are n bytes of noise, the same in every run.
func random(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(6455, seed))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
	return p
}

// dropped reports whether a binary message is an attack.
func dropped(t *testing.T, e *Engine, p []byte) bool {
	t.Helper()
	frame := wstest.Frame{Opcode: ws.OpBinary, Mask: &[4]byte{1, 2, 3, 4}, Payload: p}
	_, records := replay(t, e, nil, Handshake{}, Monitoring, ws.FromClient, [][]byte{frame.Bytes()})
	require.Len(t, records, 1)
	return records[0].Drop
}

// TestNoise: what is compressed, encrypted or sampled is no attack, although
// texts stand in it by chance.
func TestNoise(t *testing.T) {
	e := newEngine(t)
	for _, test := range []struct {
		name        string
		size, times int
		most        int // dropped
	}{
		{"256 B", 256, 1000, 5},
		{"4 KiB", 4 << 10, 500, 5},
		{"64 KiB", 64 << 10, 50, 1},
		{"1 MiB", 1 << 20, 5, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := 0
			for i := range test.times {
				if dropped(t, e, random(uint64(i), test.size)) {
					n++
				}
			}
			require.LessOrEqual(t, n, test.most)
		})
	}
}

// TestAttackInNoise: what is too long for noise is judged.
func TestAttackInNoise(t *testing.T) {
	e := newEngine(t)
	for _, test := range []struct {
		name, text string
		size       int // of the noise on either side
	}{
		{"short", "\x00' or 1=1 -- \x00", 128},
		{"4 KiB", "\x00' or 1=1 -- \x00", 4 << 10},
		{"64 KiB", "\x00<script>alert(1)</script>\x00", 64 << 10},
		{"1 MiB", "\x001' union select password from users -- \x00", 1 << 20},
		{"percent", "\x00%3Cscript%3Ealert(1)%3C/script%3E\x00", 4 << 10},
		{"form", "a=Ren\xe9&b=%3Cscript%3E", 0},
		{"string", `{"a":"` + "\xff\xff\xff" + `\u003cscript\u003e"}`, 0},
		{"string with junk", `{a:"\u003cscript\u003e` + "\xff\xff\xff\xff\xff\xff\xff\xff\xff" + `"}`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := append(random(1, test.size), test.text...)
			require.True(t, dropped(t, e, append(p, random(2, test.size)...)))
		})
	}
}
