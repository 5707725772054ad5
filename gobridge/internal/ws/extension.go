package ws

// Deflate holds the permessage-deflate parameters as negotiated in the 101
// (RFC 7692 7.1). The zero value is not valid: window bits are 8 to 15.
type Deflate struct {
	ServerNoContextTakeover bool
	ClientNoContextTakeover bool
	ServerMaxWindowBits     uint8
	ClientMaxWindowBits     uint8
}

// ContextTakeover reports whether the sender of d may refer to earlier messages.
func (p *Deflate) ContextTakeover(d Direction) bool {
	if d == FromClient {
		return !p.ClientNoContextTakeover
	}
	return !p.ServerNoContextTakeover
}

// Window is the size in bytes of the LZ77 sliding window that the sender of d
// may use.
func (p *Deflate) Window(d Direction) int {
	if d == FromClient {
		return 1 << p.ClientMaxWindowBits
	}
	return 1 << p.ServerMaxWindowBits
}
