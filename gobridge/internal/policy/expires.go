package policy

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// maxExpires is as far as it goes: the year 36812, in seconds.
const maxExpires = 1 << 40

// Expires says when a JSON Web Token (RFC 7519) expires, in milliseconds since
// the epoch, 0 if it does not say. What stands before the last blank, "Bearer",
// is left out. The signature is not looked at.
func Expires(token string) int64 {
	token = token[strings.LastIndexByte(token, ' ')+1:]
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return 0
	}
	doc, err := decode(claims)
	if err != nil {
		return 0
	}
	object, _ := doc.(map[string]any)
	number, _ := object["exp"].(json.Number)
	seconds, err := number.Float64()
	if err != nil || seconds < 0 || seconds > maxExpires {
		return 0
	}
	return max(int64(seconds*1000), 1)
}
