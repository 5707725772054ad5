package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The generator and the backend are this program again.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if _, err := runRole(role); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(2)
		}
		return
	}
	os.Exit(m.Run())
}

func TestQuick(t *testing.T) {
	nginx := os.Getenv("WSI_NGINX")
	if nginx == "" {
		nginx = "/usr/sbin/nginx"
	}
	if _, err := os.Stat(nginx); err != nil {
		t.Skip("no NGINX, run make deps or set WSI_NGINX=: ", err)
	}
	args := []string{"-quick", "-nginx", nginx}
	if os.Getenv("WSI_MODULE") == "" {
		args = append(args, "-modes=")
	}
	ok, err := run(args)
	require.NoError(t, err)
	require.True(t, ok)
}

func TestMissingModule(t *testing.T) {
	_, err := run([]string{"-quick", "-module", "testdata/none.so"})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFrame(t *testing.T) {
	const key = 0x84c3a15e
	for _, length := range []int{0, 1, 7, 8, 9, 125, 126, 0xffff, 0x10000} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			payload := bytes.Repeat([]byte("0123456789a"), length/11+1)[:length]
			frame := appendMasked(appendClientHeader(nil, 0x81, length, key), payload, key)

			h, err := parseHeader(frame)
			require.NoError(t, err)
			require.Equal(t, frameHeader{first: 0x81, masked: true, key: key, size: len(frame) - length, length: length}, h)
			for cut := range h.size {
				short, err := parseHeader(frame[:cut])
				require.NoError(t, err)
				require.Zero(t, short.size)
			}
			masked := frame[h.size:]
			if length >= 4 {
				require.Equal(t, []byte{'0' ^ 0x5e, '1' ^ 0xa1, '2' ^ 0xc3, '3' ^ 0x84}, masked[:4])
			}
			require.Equal(t, payload, appendMasked([]byte{}, masked, key))

			h, err = parseHeader(appendServerHeader(nil, 0x81, length))
			require.NoError(t, err)
			require.False(t, h.masked)
			require.Equal(t, length, h.length)
		})
	}
	_, err := parseHeader([]byte{0x81, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	require.ErrorIs(t, err, errFrame)
}

func TestChatMessages(t *testing.T) {
	for _, size := range []int{32, 63, 64, 128, 1024, 16384} {
		t.Run(sizeName(size), func(t *testing.T) {
			distinct := map[string]bool{}
			messages := chatMessages(size)
			for _, m := range messages {
				require.Len(t, m, size)
				require.True(t, bytes.HasPrefix(m, []byte(`42["chat message",`)))
				require.True(t, json.Valid(m[2:]), "%s", m)
				distinct[string(m)] = true
			}
			require.Greater(t, len(distinct), 50)
		})
	}
}

func TestVerdict(t *testing.T) {
	variants := []variant{plain, again, {name: "block", mode: "block"}}
	// Worker CPU per message of plain, plain again and block, by round.
	load := func(size, window int, cpu ...[3]time.Duration) cell {
		c := cell{size, window, make([][]answer, 3)}
		for _, round := range cpu {
			for i, d := range round {
				c.answers[i] = append(c.answers[i], answer{Messages: 1000, WorkerCPU: 1000 * d})
			}
		}
		return c
	}
	for _, test := range []struct {
		name  string
		cells []cell
		idle  []memory
		kept  bool
		lines []string
	}{
		{
			"kept",
			[]cell{load(128, 1, [3]time.Duration{100, 101, 125}, [3]time.Duration{100, 99, 200}, [3]time.Duration{200, 200, 210})},
			[]memory{{18000, 18100}, {18000, 18100}, {19000, 19100}},
			true,
			[]string{
				"limit: block, 128 B, 1 in flight: 1.25x of plain (plain again 1.00x), at most 1.25x: ok\n",
				"limit: block, 1 KiB, 16 in flight: not measured\n",
				"limit: block, idle connection: +1000 bytes, at most +1000: ok\n",
			},
		},
		{
			"cpu",
			[]cell{load(128, pipelined, [3]time.Duration{100, 101, 121})},
			nil,
			false,
			[]string{"limit: block, 128 B, 16 in flight: 1.21x of plain (plain again 1.01x), at most 1.20x: EXCEEDED\n"},
		},
		{
			"memory",
			[]cell{load(1024, 1, [3]time.Duration{100, 101, 121})},
			[]memory{{18000, 18100}, {18000, 18100}, {19000, 19101}},
			false,
			[]string{"limit: block, idle connection after a message: +1001 bytes, at most +1000: EXCEEDED\n"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			require.Equal(t, test.kept, printVerdict(&out, variants, test.cells, test.idle))
			for _, line := range test.lines {
				require.Contains(t, out.String(), line)
			}
		})
	}
}
