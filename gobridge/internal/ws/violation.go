package ws

import (
	"fmt"
	"math/bits"
)

// Violation names one broken MUST of RFC 6455 or RFC 7692, or one exceeded
// limit, as data: parsing never judges. Its string is the stable token used in
// events, metrics, logs and tests.
type Violation uint8

// Every violation. The comment is the token's default action. Some of the
// handshake are the NGINX module's, which sees them before the 101.
const (
	NoViolation Violation = iota

	HandshakeUpgradeNotWebSocket   // block
	HandshakeAcceptMismatch        // block
	HandshakeExtensionUnknown      // block
	HandshakeExtensionNotOffered   // block
	HandshakeExtensionParameter    // block
	HandshakeSubprotocolNotOffered // block
	HandshakeBody                  // block
	HandshakeHTTPVersion           // block
	HandshakeMethod                // block
	HandshakeVersion               // block
	HandshakeKey                   // block
	HandshakeOriginDenied          // block
	HandshakeSubprotocolDenied     // block
	HandshakeExtensionDenied       // block
	FrameRSVWithoutExtension       // block
	FrameRSV1Misplaced             // block
	FrameOpcodeReserved            // block
	FrameClientUnmasked            // log
	FrameServerMasked              // log
	FrameControlFragmented         // block
	FrameControlTooLong            // block
	FrameLengthNotMinimal          // block
	FrameLengthOverflow            // block
	FrameAfterClose                // log
	MessageContinuationUnexpected  // block
	MessageContinuationExpected    // block
	MessageUTF8Invalid             // block
	MessageTooBig                  // block
	MessageAssemblyTimeout         // block
	BodyUndecodable                // block
	DeflateInvalid                 // block
	DeflateTooBig                  // block
	ClosePayloadLength             // log
	CloseCodeInvalid               // log
	CloseReasonUTF8Invalid         // log
	FormatLimit                    // block
	ProcessTimeLimit               // block
	MemoryExhausted                // block
	numViolations
)

type violationInfo struct {
	token   string
	section string // RFC section of the broken MUST, "" for a limit of ours
	block   bool
	code    CloseCode
	desync  bool // nothing behind it can be decoded
}

var violationTable = [numViolations]violationInfo{
	NoViolation:                    {"", "", false, 0, false},
	HandshakeUpgradeNotWebSocket:   {"handshake_upgrade_not_websocket", "RFC 6455 4.1", true, 0, true},
	HandshakeAcceptMismatch:        {"handshake_accept_mismatch", "RFC 6455 4.1", true, 0, false},
	HandshakeExtensionUnknown:      {"handshake_extension_unknown", "RFC 6455 9.1", true, 0, true},
	HandshakeExtensionNotOffered:   {"handshake_extension_not_offered", "RFC 6455 4.1", true, 0, true},
	HandshakeExtensionParameter:    {"handshake_extension_parameter", "RFC 7692 7.1", true, 0, true},
	HandshakeSubprotocolNotOffered: {"handshake_subprotocol_not_offered", "RFC 6455 4.1", true, 0, false},
	HandshakeBody:                  {"handshake_body", "RFC 6455 4.1", true, 0, false},
	HandshakeHTTPVersion:           {"handshake_http_version", "RFC 6455 4.1", true, 0, false},
	HandshakeMethod:                {"handshake_method", "RFC 6455 4.1", true, 0, false},
	HandshakeVersion:               {"handshake_version", "RFC 6455 4.1", true, 0, false},
	HandshakeKey:                   {"handshake_key", "RFC 6455 4.1", true, 0, false},
	HandshakeOriginDenied:          {"handshake_origin_denied", "", true, 0, false},
	HandshakeSubprotocolDenied:     {"handshake_subprotocol_denied", "", true, 0, false},
	HandshakeExtensionDenied:       {"handshake_extension_denied", "", true, 0, false},
	FrameRSVWithoutExtension:       {"frame_rsv_without_extension", "RFC 6455 5.2", true, CloseProtocolError, true},
	FrameRSV1Misplaced:             {"frame_rsv1_misplaced", "RFC 7692 6.1", true, CloseProtocolError, true},
	FrameOpcodeReserved:            {"frame_opcode_reserved", "RFC 6455 5.2", true, CloseProtocolError, true},
	FrameClientUnmasked:            {"frame_client_unmasked", "RFC 6455 5.1", false, CloseProtocolError, false},
	FrameServerMasked:              {"frame_server_masked", "RFC 6455 5.1", false, CloseProtocolError, false},
	FrameControlFragmented:         {"frame_control_fragmented", "RFC 6455 5.5", true, CloseProtocolError, true},
	FrameControlTooLong:            {"frame_control_too_long", "RFC 6455 5.5", true, CloseProtocolError, true},
	FrameLengthNotMinimal:          {"frame_length_not_minimal", "RFC 6455 5.2", true, CloseProtocolError, true},
	FrameLengthOverflow:            {"frame_length_overflow", "RFC 6455 5.2", true, CloseProtocolError, true},
	FrameAfterClose:                {"frame_after_close", "RFC 6455 5.5.1", false, CloseProtocolError, false},
	MessageContinuationUnexpected:  {"message_continuation_unexpected", "RFC 6455 5.4", true, CloseProtocolError, true},
	MessageContinuationExpected:    {"message_continuation_expected", "RFC 6455 5.4", true, CloseProtocolError, true},
	MessageUTF8Invalid:             {"message_utf8_invalid", "RFC 6455 8.1", true, CloseInvalidPayload, false},
	MessageTooBig:                  {"message_too_big", "", true, CloseMessageTooBig, true},
	MessageAssemblyTimeout:         {"message_assembly_timeout", "", true, ClosePolicyViolation, true},
	BodyUndecodable:                {"body_undecodable", "", true, 0, false},
	DeflateInvalid:                 {"deflate_invalid", "RFC 7692 6.2", true, CloseInvalidPayload, true},
	DeflateTooBig:                  {"deflate_too_big", "", true, CloseMessageTooBig, true},
	ClosePayloadLength:             {"close_payload_length", "RFC 6455 5.5.1", false, CloseProtocolError, false},
	CloseCodeInvalid:               {"close_code_invalid", "RFC 6455 7.4", false, CloseProtocolError, false},
	CloseReasonUTF8Invalid:         {"close_reason_utf8_invalid", "RFC 6455 5.5.1", false, CloseInvalidPayload, false},
	FormatLimit:                    {"format_limit", "", true, ClosePolicyViolation, false},
	ProcessTimeLimit:               {"process_time_limit", "", true, ClosePolicyViolation, false},
	MemoryExhausted:                {"memory_exhausted", "", true, CloseTryAgainLater, true},
}

func (v Violation) info() *violationInfo {
	if v >= numViolations {
		return &violationTable[NoViolation]
	}
	return &violationTable[v]
}

// String is the stable token.
func (v Violation) String() string {
	if v >= numViolations {
		return fmt.Sprintf("violation(%d)", uint8(v))
	}
	return violationTable[v].token
}

// ParseViolation is the violation of a token.
func ParseViolation(token string) (v Violation, ok bool) {
	for v = NoViolation + 1; v < numViolations; v++ {
		if violationTable[v].token == token {
			return v, true
		}
	}
	return NoViolation, false
}

// Section is the RFC section whose MUST is broken, empty for a limit.
func (v Violation) Section() string { return v.info().section }

// Blocks reports whether v refuses the connection by default: it makes
// decoding ambiguous or impossible, or exceeds a limit.
func (v Violation) Blocks() bool { return v.info().block }

// CloseCode is the status code that tells the peer about v.
func (v Violation) CloseCode() CloseCode { return v.info().code }

// Desync reports whether nothing behind v can be decoded.
func (v Violation) Desync() bool { return v.info().desync }

// Violations is a set of violations. The zero value is empty.
type Violations uint64

// Add puts v into the set.
func (s *Violations) Add(v Violation) { *s |= 1 << v &^ 1 }

// Has reports whether v is in the set.
func (s Violations) Has(v Violation) bool { return v != NoViolation && s>>v&1 != 0 }

// Pop takes the lowest violation out, NoViolation when the set is empty.
func (s *Violations) Pop() Violation {
	if *s == 0 {
		return NoViolation
	}
	v := Violation(bits.TrailingZeros64(uint64(*s)))
	*s &= *s - 1
	return v
}

// Strings lists the tokens in declaration order.
func (s Violations) Strings() []string {
	out := []string{}
	for s != 0 {
		out = append(out, s.Pop().String())
	}
	return out
}
