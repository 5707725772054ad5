package ws

import "math"

// Limits are the budgets of one direction of a session; each is one directive.
// 0 is no limit, except for the first two.
type Limits struct {
	// MaxMessage is the largest payload of one message in bytes, as on the
	// wire (wallarm_websocket_max_message_size). Over it: message_too_big.
	MaxMessage int
	// MaxInflated is the largest inflated payload of one message in bytes
	// (wallarm_websocket_max_inflated_size), the guard against bombs. Over it:
	// deflate_too_big.
	MaxInflated int
	// MaxFrame is the largest payload of a data frame in bytes
	// (wallarm_websocket_max_frame_size). Over it: frame_too_big.
	MaxFrame int
	// MaxFragments is how many frames a message may have
	// (wallarm_websocket_max_fragments). Over it: message_too_many_fragments.
	MaxFragments int
	// MaxRatio is how many times its size a message may inflate to
	// (wallarm_websocket_max_inflate_ratio), if to more than RatioFloor. Over
	// it: deflate_ratio.
	MaxRatio int
	// MaxControlRate is how many control frames may come in a second
	// (wallarm_websocket_max_control_rate). Over it: frame_control_rate.
	MaxControlRate int
	// Only is the one opcode of messages that is allowed, OpContinuation: both
	// (wallarm_websocket_messages). The other: message_type_not_allowed.
	Only Opcode
}

// RatioFloor is the inflated size in bytes up to which no ratio is too large:
// short messages of one letter inflate to hundreds of times their size.
const RatioFloor = 64 << 10

// Inflated is how many bytes n may inflate to by MaxRatio.
func (l *Limits) Inflated(n int) int {
	if l.MaxRatio == 0 {
		return math.MaxInt
	}
	return max(RatioFloor, n*l.MaxRatio)
}

// DefaultLimits are the limits by Direction when nothing is configured: 16 MiB is what the
// large chat servers accept at most; socket.io itself takes 1 MB.
var DefaultLimits = [2]Limits{
	{MaxMessage: 16 << 20, MaxInflated: 16 << 20},
	{MaxMessage: 16 << 20, MaxInflated: 16 << 20},
}
