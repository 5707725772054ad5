package ws

// Limits are the budgets of one session; each is one directive.
type Limits struct {
	// MaxMessage is the largest payload of one message in bytes, as on the
	// wire (wallarm_websocket_max_message_size). Over it: message_too_big.
	MaxMessage int
	// MaxInflated is the largest inflated payload of one message in bytes
	// (wallarm_websocket_max_inflated_size), the guard against bombs. Over it:
	// deflate_too_big.
	MaxInflated int
}

// DefaultLimits are the limits when nothing is configured: 16 MiB is what the
// large chat servers accept at most; socket.io itself takes 1 MB.
var DefaultLimits = Limits{MaxMessage: 16 << 20, MaxInflated: 16 << 20}
