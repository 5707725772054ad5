package wstest

import (
	"bytes"
	"compress/flate"
	"slices"
	"strings"

	"wsi/gobridge/internal/ws"
)

// Sample is bytes that break one rule, and no other that is on by default.
type Sample struct {
	Violation ws.Violation
	Name      string
	From      ws.Direction
	Bytes     []byte
	Limits    ws.Limits // 0: as by default
}

// Samples are frame-level samples of every violation behind the handshake, in
// a session that agreed on permessage-deflate with context takeover. Two are
// raised by no bytes: message_assembly_timeout and memory_exhausted.
func Samples() []Sample {
	mask := &[4]byte{0x37, 0xfa, 0x21, 0x3d}
	client := func(f Frame) []byte { f.Mask = mask; return f.Bytes() }
	text := func(s string) []byte { return client(Frame{Opcode: ws.OpText, Payload: []byte(s)}) }
	more := func(s string) []byte { return client(Frame{More: true, Opcode: ws.OpText, Payload: []byte(s)}) }
	next := func(s string) []byte { return client(Frame{More: true, Opcode: ws.OpContinuation, Payload: []byte(s)}) }
	last := func(s string) []byte { return client(Frame{Opcode: ws.OpContinuation, Payload: []byte(s)}) }
	ping := func(s string) []byte { return client(Frame{Opcode: ws.OpPing, Payload: []byte(s)}) }
	closing := func(s string) []byte { return client(Frame{Opcode: ws.OpClose, Payload: []byte(s)}) }
	packed := func(p []byte) []byte { return client(Frame{RSV: 4, Opcode: ws.OpText, Payload: p}) }
	small := ws.DefaultLimits[0]
	with := func(set func(*ws.Limits)) ws.Limits { l := small; set(&l); return l }

	return []Sample{
		{ws.FrameRSVWithoutExtension, "rsv2", 0, client(Frame{RSV: 2, Opcode: ws.OpText, Payload: []byte("hello")}), small},
		{ws.FrameRSVWithoutExtension, "rsv3", 0, client(Frame{RSV: 1, Opcode: ws.OpBinary, Payload: []byte("hello")}), small},
		{ws.FrameRSV1Misplaced, "control", 0, client(Frame{RSV: 4, Opcode: ws.OpPing, Payload: []byte("hello")}), small},
		{ws.FrameRSV1Misplaced, "continuation", 0, slices.Concat(more("a"), client(Frame{RSV: 4, Opcode: ws.OpContinuation, Payload: []byte("b")})), small},
		{ws.FrameOpcodeReserved, "3", 0, client(Frame{Opcode: 3, Payload: []byte("hello")}), small},
		{ws.FrameOpcodeReserved, "15", 0, client(Frame{Opcode: 0xf, Payload: []byte("hello")}), small},
		{ws.FrameClientUnmasked, "text", 0, Frame{Opcode: ws.OpText, Payload: []byte("hello")}.Bytes(), small},
		{ws.FrameServerMasked, "text", 1, text("hello"), small},
		{ws.FrameMaskPredictable, "zero", 0, Frame{Opcode: ws.OpText, Mask: &[4]byte{}, Payload: []byte("hello")}.Bytes(), small},
		{ws.FrameMaskPredictable, "zero behind another", 0,
			slices.Concat(text("hello"), Frame{Opcode: ws.OpText, Mask: &[4]byte{}, Payload: []byte("again")}.Bytes()), small},
		{ws.FrameMaskPredictable, "again", 0, slices.Concat(text("hello"), text("again")), small},
		{ws.FrameControlFragmented, "ping", 0, client(Frame{More: true, Opcode: ws.OpPing}), small},
		{ws.FrameControlTooLong, "126", 0, ping(strings.Repeat("a", 126)), small},
		{ws.FrameControlRate, "4 of 3", 0, slices.Concat(ping("1"), ping("2"), ping("3"), ping("4")),
			with(func(l *ws.Limits) { l.MaxControlRate = 3 })},
		{ws.FrameLengthNotMinimal, "16 bits", 0, Hex("81 fe 0002 00000000 6869"), small},
		{ws.FrameLengthNotMinimal, "64 bits", 0, Hex("81 ff 0000000000000002 00000000 6869"), small},
		{ws.FrameLengthOverflow, "2^63", 0, Hex("81 ff 8000000000000002 00000000 6869"), small},
		{ws.FrameTooBig, "101 of 100", 0, text(strings.Repeat("a", 101)), with(func(l *ws.Limits) { l.MaxFrame = 100 })},
		{ws.FrameTooBig, "fragment", 0, slices.Concat(more("a"), last(strings.Repeat("a", 101))), with(func(l *ws.Limits) { l.MaxFrame = 100 })},
		{ws.FrameAfterClose, "text", 0, slices.Concat(closing("\x03\xe8"), text("hello")), small},
		{ws.MessageContinuationUnexpected, "last", 0, last("hello"), small},
		{ws.MessageContinuationExpected, "text", 0, slices.Concat(more("one"), text("two")), small},
		{ws.MessageTypeNotAllowed, "binary", 0, client(Frame{Opcode: ws.OpBinary, Payload: []byte("hello")}), with(func(l *ws.Limits) { l.Only = ws.OpText })},
		{ws.MessageTypeNotAllowed, "text", 0, text("hello"), with(func(l *ws.Limits) { l.Only = ws.OpBinary })},
		{ws.MessageUTF8Invalid, "0xff", 0, text("\xff\xfe"), small},
		{ws.MessageUTF8Invalid, "half a code point", 0, slices.Concat(more("\xc3"), last("a")), small},
		{ws.MessageNUL, "text", 0, text("a\x00b"), small},
		{ws.MessageNUL, "compressed", 0, packed(deflated("a\x00b")), small},
		{ws.MessageTooBig, "one frame", 0, text(strings.Repeat("a", 4001)), with(func(l *ws.Limits) { l.MaxMessage = 4000 })},
		{ws.MessageTooBig, "fragments", 0, slices.Concat(more(strings.Repeat("a", 4000)), last("a")), with(func(l *ws.Limits) { l.MaxMessage = 4000 })},
		{ws.MessageTooManyFragments, "4 of 3", 0, slices.Concat(more("1"), next("2"), next("3"), last("4")), with(func(l *ws.Limits) { l.MaxFragments = 3 })},
		{ws.DeflateInvalid, "no DEFLATE", 0, packed([]byte("\xff\xff\xff")), small},
		{ws.DeflateInvalid, "beyond the window", 0, packed(Hex("f2 00 11 00 00")), small},
		{ws.DeflateTooBig, "bomb", 0, packed(deflated(strings.Repeat("a", 8001))), with(func(l *ws.Limits) { l.MaxInflated = 8000 })},
		{ws.DeflateRatio, "1000", 0, packed(deflated(strings.Repeat("a", 100000))), with(func(l *ws.Limits) { l.MaxRatio = 100 })},
		{ws.ClosePayloadLength, "1 byte", 0, closing("\x03"), small},
		{ws.CloseCodeInvalid, "1005", 0, closing("\x03\xed"), small},
		{ws.CloseCodeInvalid, "from the server", 1, Frame{Opcode: ws.OpClose, Payload: []byte("\x03\xee")}.Bytes(), small},
		{ws.CloseReasonUTF8Invalid, "0xff", 0, closing("\x03\xe8\xff"), small},
	}
}

// deflated is a message of permessage-deflate that refers to no other.
func deflated(s string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression)
	w.Write([]byte(s))
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}
