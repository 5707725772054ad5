package frame

import "wsi/gobridge/internal/ws"

// Check names the header rules that h breaks: RFC 6455 5.1, 5.2, 5.4, 5.5 and
// RFC 7692 6. deflate says that permessage-deflate was negotiated, continued
// that a fragmented message is open.
func Check(h *Header, dir ws.Direction, deflate, continued bool) ws.Violations {
	var v ws.Violations
	if h.RSV2 || h.RSV3 || h.RSV1 && !deflate {
		v.Add(ws.FrameRSVWithoutExtension)
	} else if h.RSV1 && h.Opcode != ws.OpText && h.Opcode != ws.OpBinary {
		v.Add(ws.FrameRSV1Misplaced)
	}
	if h.Opcode.IsReserved() {
		v.Add(ws.FrameOpcodeReserved)
	}
	switch {
	case dir == ws.FromClient && !h.Masked:
		v.Add(ws.FrameClientUnmasked)
	case dir == ws.FromServer && h.Masked:
		v.Add(ws.FrameServerMasked)
	}
	if !h.Minimal {
		v.Add(ws.FrameLengthNotMinimal)
	}
	if h.Length>>63 != 0 {
		v.Add(ws.FrameLengthOverflow)
	}
	switch h.Opcode {
	case ws.OpContinuation:
		if !continued {
			v.Add(ws.MessageContinuationUnexpected)
		}
	case ws.OpText, ws.OpBinary:
		if continued {
			v.Add(ws.MessageContinuationExpected)
		}
	}
	if h.Opcode.IsControl() {
		if !h.Fin {
			v.Add(ws.FrameControlFragmented)
		}
		if h.Length > MaxControl {
			v.Add(ws.FrameControlTooLong)
		}
	}
	return v
}
