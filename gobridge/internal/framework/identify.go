package framework

// Identify returns the decoders of the two directions of a session by the
// request target and the negotiated subprotocol of its handshake. A wrong guess
// hides nothing: every decoder hands what it does not understand to the
// generic one.
func Identify(target, subprotocol string) (c2s, s2c Decoder) {
	return plain{}, plain{}
}
