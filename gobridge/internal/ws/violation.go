package ws

import (
	"fmt"
	"math/bits"
)

// Violation names one broken MUST of RFC 6455 or RFC 7692, or one exceeded
// limit, as data: parsing never judges. Its string is the stable token used in
// events, metrics, logs and tests.
type Violation uint8

//go:generate sh -c "cd ../../.. && go run ./gobridge/internal/ws/gen"

// Every violation; violationTable says what it is. Some of the handshake are
// the NGINX module's, which sees them before the 101.
const (
	NoViolation Violation = iota

	HandshakeUpgradeNotWebSocket
	HandshakeAcceptMismatch
	HandshakeExtensionUnknown
	HandshakeExtensionNotOffered
	HandshakeExtensionParameter
	HandshakeExtensionWindow
	HandshakeSubprotocolNotOffered
	HandshakeBody
	HandshakeHTTPVersion
	HandshakeMethod
	HandshakeVersion
	HandshakeKey
	HandshakeConnection
	HandshakeOfferMalformed
	HandshakeEarlyData
	HandshakeOriginDenied
	HandshakeSubprotocolDenied
	HandshakeExtensionDenied
	HandshakeBanned
	HandshakeTooManyConnections
	HandshakeTokenExpired
	FrameRSVWithoutExtension
	FrameRSV1Misplaced
	FrameOpcodeReserved
	FrameClientUnmasked
	FrameServerMasked
	FrameMaskPredictable
	FrameControlFragmented
	FrameControlTooLong
	FrameControlRate
	FrameLengthNotMinimal
	FrameLengthOverflow
	FrameTooBig
	FrameAfterClose
	MessageContinuationUnexpected
	MessageContinuationExpected
	MessageTypeNotAllowed
	MessageUTF8Invalid
	MessageNUL
	MessageTooBig
	MessageTooManyFragments
	MessageAssemblyTimeout
	BodyUndecodable
	DeflateInvalid
	DeflateTooBig
	DeflateRatio
	MessageRate
	EventRate
	ConnectionTooOld
	ClosePayloadLength
	CloseCodeInvalid
	CloseReasonUTF8Invalid
	EventDenied
	EventUnknown
	SchemaViolation
	SchemaUnreadable
	FormatLimit
	ProcessTimeLimit
	MemoryExhausted
	numViolations
)

// choice is which actions a violation may be given.
type choice uint8

const (
	anyAction choice = iota // off, log, block
	lost                    // block, opaque: nothing behind it can be decoded
	fixed                   // none
)

type violationInfo struct {
	token   string
	section string // RFC section of the broken MUST, "" for a limit of ours
	action  Action // default
	code    CloseCode
	choice  choice
	meaning string // a cell of docs/violations.md
}

var violationTable = [numViolations]violationInfo{
	HandshakeUpgradeNotWebSocket: {"handshake_upgrade_not_websocket", "RFC 6455 4.1", Block, 0, lost,
		"the 101 upgrades to something else or was not asked for, or the version is one with other frames; answered 502"},
	HandshakeAcceptMismatch: {"handshake_accept_mismatch", "RFC 6455 4.1", Block, 0, anyAction,
		"`Sec-WebSocket-Accept` does not belong to the key; answered 502"},
	HandshakeExtensionUnknown: {"handshake_extension_unknown", "RFC 6455 9.1", Block, 0, lost,
		"an extension other than permessage-deflate was agreed on; answered 502"},
	HandshakeExtensionNotOffered: {"handshake_extension_not_offered", "RFC 6455 4.1", Block, 0, lost,
		"the client did not offer the extension; answered 502"},
	HandshakeExtensionParameter: {"handshake_extension_parameter", "RFC 7692 7.1", Block, 0, lost,
		"parameters that do not answer the offer; answered 502"},
	HandshakeExtensionWindow: {"handshake_extension_window", "RFC 7692 7.1.2.1", Log, 0, anyAction,
		"the server accepted an offer and left out its `server_max_window_bits`; decoded with the largest window; answered 502"},
	HandshakeSubprotocolNotOffered: {"handshake_subprotocol_not_offered", "RFC 6455 4.1", Block, 0, anyAction,
		"the client did not offer the subprotocol; answered 502"},
	HandshakeBody: {"handshake_body", "RFC 6455 4.1", Block, 0, anyAction,
		"a handshake with a request body; answered 400; where it passes the connection counts as uninspected"},
	HandshakeHTTPVersion: {"handshake_http_version", "RFC 6455 4.1", Block, 0, anyAction,
		"a 101 to a request of HTTP/1.0; answered 502. `Upgrade` in HTTP/2 or HTTP/3; answered 400 whatever the action and the mode"},
	HandshakeMethod: {"handshake_method", "RFC 6455 4.1", Block, 0, anyAction,
		"a 101 to another method than GET; answered 502"},
	HandshakeVersion: {"handshake_version", "RFC 6455 4.1", Block, 0, anyAction,
		"a 101 to a request without version 13, but one with the same frames (7, 8), none, or several; answered 502"},
	HandshakeKey: {"handshake_key", "RFC 6455 4.1", Block, 0, anyAction,
		"a 101 to a request without exactly one key of 16 bytes in base64; answered 502"},
	HandshakeConnection: {"handshake_connection", "RFC 6455 4.1", Log, 0, anyAction,
		"no `Upgrade` in the request's `Connection`; a server gets the one that NGINX writes, a proxy before NGINX may have seen no handshake; answered 400"},
	HandshakeOfferMalformed: {"handshake_offer_malformed", "RFC 6455 4.1", Log, 0, anyAction,
		"a 101 to a request whose subprotocols are no tokens or named twice, or whose extensions are not as RFC 6455 9.1 has it; answered 502"},
	HandshakeEarlyData: {"handshake_early_data", "RFC 6455 4.1", Log, 0, anyAction,
		"the client did not wait for the 101, frames came with the request; answered 502"},
	HandshakeOriginDenied: {"handshake_origin_denied", "", Block, 0, anyAction,
		"see `wallarm_websocket_origin`; answered 403"},
	HandshakeSubprotocolDenied: {"handshake_subprotocol_denied", "", Block, 0, anyAction,
		"see `wallarm_websocket_subprotocol`; answered 403"},
	HandshakeExtensionDenied: {"handshake_extension_denied", "", Block, 0, anyAction,
		"see `wallarm_websocket_extensions`; answered 403"},
	HandshakeBanned: {"handshake_banned", "", Block, ClosePolicyViolation, anyAction,
		"a ban begins, see `wallarm_websocket_ban`; with log it does not"},
	HandshakeTooManyConnections: {"handshake_too_many_connections", "", Block, 0, anyAction,
		"over `wallarm_websocket_connections`; answered 429"},
	HandshakeTokenExpired: {"handshake_token_expired", "", Block, 0, anyAction,
		"a JSON Web Token that has expired, see `wallarm_websocket_max_age`; answered 403"},
	FrameRSVWithoutExtension: {"frame_rsv_without_extension", "RFC 6455 5.2", Block, CloseProtocolError, lost,
		"a reserved bit that no extension has defined"},
	FrameRSV1Misplaced: {"frame_rsv1_misplaced", "RFC 7692 6.1", Block, CloseProtocolError, lost,
		"RSV1 on a control or continuation frame"},
	FrameOpcodeReserved: {"frame_opcode_reserved", "RFC 6455 5.2", Block, CloseProtocolError, lost,
		"opcode 3-7 or 11-15"},
	FrameClientUnmasked: {"frame_client_unmasked", "RFC 6455 5.1", Log, CloseProtocolError, anyAction,
		"a client's frame without a mask"},
	FrameServerMasked: {"frame_server_masked", "RFC 6455 5.1", Log, CloseProtocolError, anyAction,
		"a server's frame with a mask"},
	FrameMaskPredictable: {"frame_mask_predictable", "RFC 6455 5.3", Off, CloseProtocolError, anyAction,
		"a masking key of zeros, or the one of the frame before; off, as many clients that are no browsers do so"},
	FrameControlFragmented: {"frame_control_fragmented", "RFC 6455 5.5", Block, CloseProtocolError, lost,
		"a control frame without FIN"},
	FrameControlTooLong: {"frame_control_too_long", "RFC 6455 5.5", Block, CloseProtocolError, lost,
		"a control frame of more than 125 bytes"},
	FrameControlRate: {"frame_control_rate", "", Block, ClosePolicyViolation, anyAction,
		"over `wallarm_websocket_max_control_rate`"},
	FrameLengthNotMinimal: {"frame_length_not_minimal", "RFC 6455 5.2", Block, CloseProtocolError, anyAction,
		"a length in more bytes than it needs"},
	FrameLengthOverflow: {"frame_length_overflow", "RFC 6455 5.2", Block, CloseProtocolError, lost,
		"a length of 2^63 or more"},
	FrameTooBig: {"frame_too_big", "", Block, CloseMessageTooBig, anyAction,
		"over `wallarm_websocket_max_frame_size`"},
	FrameAfterClose: {"frame_after_close", "RFC 6455 5.5.1", Log, CloseProtocolError, anyAction,
		"a data frame behind a Close frame"},
	MessageContinuationUnexpected: {"message_continuation_unexpected", "RFC 6455 5.4", Block, CloseProtocolError, lost,
		"a continuation of nothing"},
	MessageContinuationExpected: {"message_continuation_expected", "RFC 6455 5.4", Block, CloseProtocolError, lost,
		"a new message inside a fragmented one"},
	MessageTypeNotAllowed: {"message_type_not_allowed", "", Block, CloseUnsupportedData, anyAction,
		"a text or binary message where `wallarm_websocket_messages` allows the other only"},
	MessageUTF8Invalid: {"message_utf8_invalid", "RFC 6455 8.1", Block, CloseInvalidPayload, anyAction,
		"a text message that is not UTF-8"},
	MessageNUL: {"message_nul", "", Off, CloseInvalidPayload, anyAction,
		"a NUL in a text message; off, as it is valid UTF-8 and STOMP ends frames with one"},
	MessageTooBig: {"message_too_big", "", Block, CloseMessageTooBig, lost,
		"over `wallarm_websocket_max_message_size`; in monitoring only the message is passed over, unless it was compressed"},
	MessageTooManyFragments: {"message_too_many_fragments", "", Block, ClosePolicyViolation, anyAction,
		"over `wallarm_websocket_max_fragments`"},
	MessageAssemblyTimeout: {"message_assembly_timeout", "", Block, ClosePolicyViolation, lost,
		"over `wallarm_websocket_assembly_timeout`; does not apply in monitoring"},
	BodyUndecodable: {"body_undecodable", "", Block, 0, anyAction,
		"a polling request's body that cannot be decoded, see [Polling](directives.md#polling); answered 403"},
	DeflateInvalid: {"deflate_invalid", "RFC 7692 7.2", Block, CloseInvalidPayload, lost,
		"not DEFLATE, not ended as messages are, or a reference beyond the window or the message that was agreed on"},
	DeflateTooBig: {"deflate_too_big", "", Block, CloseMessageTooBig, lost,
		"over `wallarm_websocket_max_inflated_size`"},
	DeflateRatio: {"deflate_ratio", "", Block, CloseMessageTooBig, anyAction,
		"over `wallarm_websocket_max_inflate_ratio`"},
	MessageRate: {"message_rate", "", Block, ClosePolicyViolation, anyAction,
		"over `wallarm_websocket_rate`; what is done is said there, with log nothing is; a polling request is answered 429"},
	EventRate: {"event_rate", "", Block, ClosePolicyViolation, anyAction,
		"the same with `event=`, of whose pattern its value is"},
	ConnectionTooOld: {"connection_too_old", "", Block, CloseGoingAway, anyAction,
		"open for longer than `wallarm_websocket_max_age` allows, which may set 1013 instead"},
	ClosePayloadLength: {"close_payload_length", "RFC 6455 5.5.1", Log, CloseProtocolError, anyAction,
		"a Close frame with one byte"},
	CloseCodeInvalid: {"close_code_invalid", "RFC 6455 7.4", Log, CloseProtocolError, anyAction,
		"a code that must not be sent, such as 1005"},
	CloseReasonUTF8Invalid: {"close_reason_utf8_invalid", "RFC 6455 5.5.1", Log, CloseInvalidPayload, anyAction,
		"a reason that is not UTF-8"},
	EventDenied: {"event_denied", "", Block, ClosePolicyViolation, anyAction,
		"an event that `wallarm_websocket_event deny` names"},
	EventUnknown: {"event_unknown", "", Block, ClosePolicyViolation, anyAction,
		"an event that no `wallarm_websocket_event allow` and no `wallarm_websocket_asyncapi` names, where there is any"},
	SchemaViolation: {"schema_violation", "", Block, CloseInvalidPayload, anyAction,
		"data of an event that its schema does not allow, see `wallarm_websocket_schema` and `wallarm_websocket_asyncapi`"},
	SchemaUnreadable: {"schema_unreadable", "", Block, CloseInvalidPayload, anyAction,
		"data of an event with a schema that is not JSON, is understood in different ways, or is over the limits of `wallarm_websocket_schema`"},
	FormatLimit: {"format_limit", "", Block, ClosePolicyViolation, fixed,
		"encodings inside each other deeper than 9, or decoding to more than `wallarm_websocket_max_inflated_size`; " +
			"see [wallarm_process_time_limit_block](directives.md#wallarm_process_time_limit_block)"},
	ProcessTimeLimit: {"process_time_limit", "", Block, ClosePolicyViolation, fixed,
		"over `wallarm_process_time_limit`; " +
			"see [wallarm_process_time_limit_block](directives.md#wallarm_process_time_limit_block)"},
	MemoryExhausted: {"memory_exhausted", "", Block, CloseTryAgainLater, lost,
		"over a budget of bytes, see `wallarm_websocket_worker_memory`"},
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

// Action is the default.
func (v Violation) Action() Action { return v.info().action }

// Blocks reports whether v refuses the connection by default: it makes
// decoding ambiguous or impossible, or exceeds a limit.
func (v Violation) Blocks() bool { return v.Action() == Block }

// CloseCode is the status code that tells the peer about v.
func (v Violation) CloseCode() CloseCode { return v.info().code }

// Desync reports whether nothing behind v can be decoded.
func (v Violation) Desync() bool { return v.info().choice == lost }

// Meaning is one line of Markdown.
func (v Violation) Meaning() string { return v.info().meaning }

// All lists every violation.
func All() []Violation {
	var all []Violation
	for v := NoViolation + 1; v < numViolations; v++ {
		all = append(all, v)
	}
	return all
}

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
