package frame_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

var headers = []struct {
	name    string
	picture string // FIN RSV opcode MASK length ...
	want    frame.Header
}{
	{
		"text", "1 000 0001 0 0000101",
		frame.Header{Fin: true, Opcode: ws.OpText, Length: 5, Size: 2, Minimal: true},
	},
	{
		"masked text", "1 000 0001 1 0000101 00110111 11111010 00100001 00111101",
		frame.Header{Fin: true, Opcode: ws.OpText, Masked: true, Mask: [4]byte{0x37, 0xfa, 0x21, 0x3d}, Length: 5, Size: 6, Minimal: true},
	},
	{
		"first fragment", "0 000 0001 0 0000011",
		frame.Header{Opcode: ws.OpText, Length: 3, Size: 2, Minimal: true},
	},
	{
		"last continuation", "1 000 0000 0 0000010",
		frame.Header{Fin: true, Opcode: ws.OpContinuation, Length: 2, Size: 2, Minimal: true},
	},
	{
		"compressed", "1 100 0001 0 0000111",
		frame.Header{Fin: true, RSV1: true, Opcode: ws.OpText, Length: 7, Size: 2, Minimal: true},
	},
	{
		"rsv2", "1 010 0010 0 0000000",
		frame.Header{Fin: true, RSV2: true, Opcode: ws.OpBinary, Size: 2, Minimal: true},
	},
	{
		"rsv3", "1 001 0010 0 0000000",
		frame.Header{Fin: true, RSV3: true, Opcode: ws.OpBinary, Size: 2, Minimal: true},
	},
	{
		"empty masked ping", "1 000 1001 1 0000000 00000001 00000010 00000011 00000100",
		frame.Header{Fin: true, Opcode: ws.OpPing, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Size: 6, Minimal: true},
	},
	{
		"length 125", "1 000 1010 0 1111101",
		frame.Header{Fin: true, Opcode: ws.OpPong, Length: 125, Size: 2, Minimal: true},
	},
	{
		"length 126", "1 000 0010 0 1111110 00000000 01111110",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 126, Size: 4, Minimal: true},
	},
	{
		"length 125 in 16 bits", "1 000 0010 0 1111110 00000000 01111101",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 125, Size: 4},
	},
	{
		"length 127 in 16 bits", "1 000 0010 0 1111110 00000000 01111111",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 127, Size: 4, Minimal: true},
	},
	{
		"length 65535", "1 000 0010 1 1111110 11111111 11111111 00000000 00000000 00000000 00000001",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Masked: true, Mask: [4]byte{3: 1}, Length: 65535, Size: 8, Minimal: true},
	},
	{
		"length 65536", "1 000 0010 0 1111111" +
			"00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 65536, Size: 10, Minimal: true},
	},
	{
		"length 65535 in 64 bits", "1 000 0010 0 1111111" +
			"00000000 00000000 00000000 00000000 00000000 00000000 11111111 11111111",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 65535, Size: 10},
	},
	{
		"length 126 in 64 bits", "1 000 0010 0 1111111" +
			"00000000 00000000 00000000 00000000 00000000 00000000 00000000 01111110",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 126, Size: 10},
	},
	{
		"length 2^63-1", "1 000 0010 0 1111111" +
			"01111111 11111111 11111111 11111111 11111111 11111111 11111111 11111111",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Length: 1<<63 - 1, Size: 10, Minimal: true},
	},
	{
		"high bit of the length", "1 000 0010 1 1111111" +
			"10000000 00000000 00000000 00000000 00000000 00000000 00000000 00000101" +
			"11111111 00000000 11111111 00000000",
		frame.Header{Fin: true, Opcode: ws.OpBinary, Masked: true, Mask: [4]byte{0xff, 0, 0xff, 0}, Length: 1<<63 | 5, Size: 14, Minimal: true},
	},
	{
		"everything wrong", "0 111 1111 1 1111111" +
			"11111111 11111111 11111111 11111111 11111111 11111111 11111111 11111111" +
			"11111111 11111111 11111111 11111111",
		frame.Header{RSV1: true, RSV2: true, RSV3: true, Opcode: 15, Masked: true, Mask: [4]byte{255, 255, 255, 255}, Length: 1<<64 - 1, Size: 14, Minimal: true},
	},
}

func TestParseHeader(t *testing.T) {
	for _, tc := range headers {
		t.Run(tc.name, func(t *testing.T) {
			b := wstest.Bits(tc.picture)
			require.Len(t, b, int(tc.want.Size))

			h, n := frame.ParseHeader(append(b, 0xaa, 0xbb))
			require.Equal(t, len(b), n)
			require.Equal(t, tc.want, h)

			for cut := range b {
				_, n := frame.ParseHeader(b[:cut])
				require.Zero(t, n, "cut at %d", cut)
			}
		})
	}
}

func TestParserHeaderCut(t *testing.T) {
	for _, tc := range headers {
		t.Run(tc.name, func(t *testing.T) {
			b := wstest.Bits(tc.picture)
			for how, parts := range wstest.Cuts(b) {
				var p frame.Parser
				for i, part := range parts {
					n, ev := p.Next(part)
					require.Equal(t, len(part), n, how)
					if i < len(parts)-1 {
						require.Equal(t, frame.NeedMore, ev, how)
						require.False(t, p.AtBoundary(), how)
						continue
					}
					require.Equal(t, frame.GotHeader, ev, how)
				}
				require.Equal(t, tc.want, *p.Header(), how)
				require.Equal(t, tc.want.Length, p.Left(), how)
				require.Equal(t, tc.want.Length == 0, p.AtBoundary(), how)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	client := func(h frame.Header) frame.Header { h.Masked = true; return h }
	final := func(op ws.Opcode) frame.Header { return frame.Header{Fin: true, Opcode: op, Minimal: true} }

	for _, tc := range []struct {
		name      string
		h         frame.Header
		server    bool
		deflate   bool
		continued bool
		want      []string
	}{
		{name: "text", h: client(final(ws.OpText))},
		{name: "server binary", h: final(ws.OpBinary), server: true},
		{name: "continuation", h: client(final(ws.OpContinuation)), continued: true},
		{name: "ping between fragments", h: client(final(ws.OpPing)), continued: true},
		{name: "control of 125", h: frame.Header{Fin: true, Opcode: ws.OpClose, Masked: true, Length: 125, Minimal: true}},
		{name: "compressed", h: frame.Header{Fin: true, RSV1: true, Opcode: ws.OpText, Masked: true, Minimal: true}, deflate: true},
		{name: "compressed binary", h: frame.Header{Fin: true, RSV1: true, Opcode: ws.OpBinary, Masked: true, Minimal: true}, deflate: true},
		{name: "length 2^63-1", h: frame.Header{Fin: true, Opcode: ws.OpText, Masked: true, Length: 1<<63 - 1, Minimal: true}},
		{
			name: "rsv1 without extension", want: []string{"frame_rsv_without_extension"},
			h: frame.Header{Fin: true, RSV1: true, Opcode: ws.OpText, Masked: true, Minimal: true},
		},
		{
			name: "rsv2", deflate: true, want: []string{"frame_rsv_without_extension"},
			h: frame.Header{Fin: true, RSV2: true, Opcode: ws.OpText, Masked: true, Minimal: true},
		},
		{
			name: "rsv3", deflate: true, want: []string{"frame_rsv_without_extension"},
			h: frame.Header{Fin: true, RSV3: true, Opcode: ws.OpText, Masked: true, Minimal: true},
		},
		{
			name: "rsv1 on a continuation", deflate: true, continued: true, want: []string{"frame_rsv1_misplaced"},
			h: frame.Header{Fin: true, RSV1: true, Opcode: ws.OpContinuation, Masked: true, Minimal: true},
		},
		{
			name: "rsv1 on a control frame", deflate: true, want: []string{"frame_rsv1_misplaced"},
			h: frame.Header{Fin: true, RSV1: true, Opcode: ws.OpPing, Masked: true, Minimal: true},
		},
		{name: "reserved data opcode", h: client(final(0x3)), want: []string{"frame_opcode_reserved"}},
		{name: "reserved data opcode 7", h: client(final(0x7)), want: []string{"frame_opcode_reserved"}},
		{name: "reserved control opcode", h: client(final(0xb)), want: []string{"frame_opcode_reserved"}},
		{name: "client unmasked", h: final(ws.OpText), want: []string{"frame_client_unmasked"}},
		{name: "server masked", h: client(final(ws.OpText)), server: true, want: []string{"frame_server_masked"}},
		{
			name: "control fragmented", want: []string{"frame_control_fragmented"},
			h: frame.Header{Opcode: ws.OpPing, Masked: true, Minimal: true},
		},
		{
			name: "control of 126", want: []string{"frame_control_too_long"},
			h: frame.Header{Fin: true, Opcode: ws.OpPong, Masked: true, Length: 126, Minimal: true},
		},
		{
			name: "length not minimal", want: []string{"frame_length_not_minimal"},
			h: frame.Header{Fin: true, Opcode: ws.OpText, Masked: true, Length: 5},
		},
		{
			name: "high bit of the length", want: []string{"frame_length_overflow"},
			h: frame.Header{Fin: true, Opcode: ws.OpText, Masked: true, Length: 1 << 63, Minimal: true},
		},
		{
			name: "continuation without a start", h: client(final(ws.OpContinuation)),
			want: []string{"message_continuation_unexpected"},
		},
		{
			name: "text inside a message", h: client(final(ws.OpText)), continued: true,
			want: []string{"message_continuation_expected"},
		},
		{
			name: "binary inside a message", h: client(final(ws.OpBinary)), continued: true,
			want: []string{"message_continuation_expected"},
		},
		{
			name: "several",
			h:    frame.Header{RSV1: true, RSV2: true, Opcode: 0xf, Length: 1 << 63, Minimal: true},
			want: []string{
				"frame_rsv_without_extension", "frame_opcode_reserved", "frame_client_unmasked",
				"frame_control_fragmented", "frame_control_too_long", "frame_length_overflow",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := ws.FromClient
			if tc.server {
				dir = ws.FromServer
			}
			require.ElementsMatch(t, tc.want, frame.Check(&tc.h, dir, tc.deflate, tc.continued).Strings())
		})
	}
}
