package ws

// CloseCode is the status code of a Close frame (RFC 6455 7.4).
type CloseCode uint16

// The registered codes that the engine sends or names.
const (
	CloseNormal          CloseCode = 1000
	CloseGoingAway       CloseCode = 1001
	CloseProtocolError   CloseCode = 1002
	CloseUnsupportedData CloseCode = 1003
	CloseNoStatus        CloseCode = 1005
	CloseInvalidPayload  CloseCode = 1007
	ClosePolicyViolation CloseCode = 1008
	CloseMessageTooBig   CloseCode = 1009
	CloseInternalError   CloseCode = 1011
	CloseTryAgainLater   CloseCode = 1013
)

// ValidOnWire reports whether a peer may send c in a Close frame: 1000-1003
// and 1007-1014 as registered with IANA, 3000-4999 for libraries and
// applications (RFC 6455 7.4.2). 1004-1006 and 1015 must never be sent.
func (c CloseCode) ValidOnWire() bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014:
		return true
	}
	return c >= 3000 && c <= 4999
}
