package framework

import "strings"

// Identify returns the decoders of the two directions of a session by the
// request target and the negotiated subprotocol of its handshake. No framework
// here has a subprotocol yet.
//
// The client chooses what it looks like, so a wrong guess hides nothing: what a
// decoder does not understand is visited as it is.
func Identify(target, _ string) (c2s, s2c Decoder) {
	if isEngineIO(target) {
		return &engineIO{}, &engineIO{}
	}
	return plain{}, plain{}
}

// isEngineIO knows Engine.IO by its query, wherever it is mounted: servers
// insist on transport=websocket, and EIO may be missing or anything (not "4"
// means 3). The path tells the servers of other makes.
func isEngineIO(target string) bool {
	target, _, _ = strings.Cut(target, "#")
	path, query, _ := strings.Cut(target, "?")
	if strings.Contains(path, "/socket.io/") || strings.Contains(path, "/engine.io/") {
		return true
	}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		switch percentDecode(key) {
		case "EIO":
			return true
		case "transport":
			if percentDecode(value) == "websocket" {
				return true
			}
		}
	}
	return false
}

// percentDecode leaves what is no escape as it is, as Node.js does.
func percentDecode(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		c, size := s[0], 1
		if c == '%' && len(s) > 2 {
			high, low := strings.IndexByte(hexDigits, s[1]|0x20), strings.IndexByte(hexDigits, s[2]|0x20)
			if high >= 0 && low >= 0 {
				c, size = byte(high<<4|low), 3
			}
		}
		b.WriteByte(c)
		s = s[size:]
	}
	return b.String()
}

const hexDigits = "0123456789abcdef"
