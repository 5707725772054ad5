package event

import (
	"bytes"
	"slices"
	"strings"
)

// Redaction says what is not shown of a message and of its handshake. Nil is
// the default.
type Redaction struct {
	Off   bool     // nothing is hidden
	Names []string // hidden too: keys, header fields, query arguments; folded
	Cards bool     // numbers that may be of payment cards are shown
}

// mask stands for each byte that is hidden of a payload, so that offsets and
// lengths stay.
const mask = '*'

// maxSecretName is the longest name of a member that is looked at, in bytes.
const maxSecretName = 64

// secretKeys are names of members whose values are hidden, folded. Those that
// end in one of secretEnds are, too.
var (
	secretKeys = []string{
		"pass", "pwd", "passwd", "passphrase", "jwt", "sid", "sessionid", "apikey", "privatekey", "authorization",
		"cookie", "setcookie", "cvv", "cvc", "cardnumber", "creditcard", "clientsecret",
	}
	secretEnds = []string{"password", "token", "secret"}
)

// fold makes names that differ in case and punctuation alike.
func fold(dst []byte, name []byte) []byte {
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != '_' && c != '-' && c != '.' {
			dst = append(dst, c)
		}
	}
	return dst
}

// Fold is the form of Redaction.Names.
func Fold(name string) string { return string(fold(nil, []byte(name))) }

func (r *Redaction) off() bool { return r != nil && r.Off }

// SecretKey reports whether the values of members of that name are hidden.
func (r *Redaction) SecretKey(name []byte) bool {
	if r.off() || len(name) > maxSecretName {
		return false
	}
	var buf [maxSecretName]byte
	folded := string(fold(buf[:0], name))
	if r != nil && slices.Contains(r.Names, folded) || slices.Contains(secretKeys, folded) {
		return true
	}
	return slices.ContainsFunc(secretEnds, func(end string) bool { return strings.HasSuffix(folded, end) })
}

// Mask hides in p the values of secret members and the numbers of cards, and
// reports whether there were any. Members are those of JSON, also inside of a
// string, of forms and of texts ("name: value"), of MessagePack and BSON. It is
// linear.
func (r *Redaction) Mask(p []byte) (masked bool) {
	if r.off() {
		return false
	}
	for i := 0; i < len(p); {
		if !isName(p[i]) {
			i++
			continue
		}
		end := i
		for end < len(p) && isName(p[end]) {
			end++
		}
		name := p[i:end]
		i = end
		if end < len(p) && r.SecretKey(name) {
			if n := r.maskValue(p, end); n > end {
				i, masked = n, true
			}
		}
	}
	if r == nil || !r.Cards {
		masked = maskCards(p) || masked
	}
	return masked
}

// isName reports whether c may be in the name of a member.
func isName(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

func isWord(c byte) bool { return isName(c) && c != '.' && c != '-' }

// maskValue hides the value of the member whose name ends before i, and returns
// where it ends; i, if there is no value.
func (r *Redaction) maskValue(p []byte, i int) int {
	switch c := p[i]; {
	case c >= 0xa1 && c <= 0xbf: // MessagePack's fixstr
		return hide(p, i+1, int(c&0x1f), i)
	case c == 0xd9 && i+1 < len(p):
		return hide(p, i+2, int(p[i+1]), i)
	case c == 0xda && i+2 < len(p):
		return hide(p, i+3, int(p[i+1])<<8|int(p[i+2]), i)
	case c == 0 && i+5 < len(p) && p[i+4] == 0 && p[i+3] == 0: // BSON's string
		return hide(p, i+5, max(0, int(p[i+1])|int(p[i+2])<<8-1), i)
	}
	// The quote behind the name may be escaped.
	j := i
	for j < len(p) && p[j] == '\\' {
		j++
	}
	escapes := j - i
	if j < len(p) && (p[j] == '"' || p[j] == '\'') {
		j++
	} else if escapes > 0 {
		return i
	}
	j = blanks(p, j)
	if j == len(p) || p[j] != ':' && p[j] != '=' {
		return i
	}
	j = blanks(p, j+1)
	form := p[i] == '='
	open := j
	for j < len(p) && p[j] == '\\' && j-open < escapes {
		j++
	}
	if j == len(p) {
		return i
	}
	switch c := p[j]; c {
	case '"', '\'':
		return maskString(p, j+1, c, escapes)
	case '[', '{':
		return r.maskNested(p, j)
	}
	for ; j < len(p); j++ {
		if c := p[j]; c == '&' || c == '\r' || c == '\n' || !form && (c == ',' || c == '}' || c == ']' || c == ' ') {
			break
		}
		p[j] = mask
	}
	return max(j, i+1)
}

func blanks(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n') {
		i++
	}
	return i
}

// hide hides n bytes at i, as far as there are any.
func hide(p []byte, i, n, from int) int {
	if n == 0 || i >= len(p) {
		return from
	}
	end := min(i+n, len(p))
	for ; i < end; i++ {
		p[i] = mask
	}
	return end
}

// maskString hides up to the quote that ends the string. Of a string in another
// one that quote has escapes backslashes before it, and those of what is inside
// stand doubled; fewer end the outer string.
func maskString(p []byte, i int, quote byte, escapes int) int {
	for i < len(p) {
		slashes := 0
		for i+slashes < len(p) && p[i+slashes] == '\\' {
			slashes++
		}
		ends := i+slashes < len(p) && p[i+slashes] == quote &&
			(slashes < escapes || slashes%(2*(escapes+1)) == escapes)
		n := min(slashes+1, len(p)-i)
		if ends {
			n = max(0, slashes-escapes)
		}
		for range n {
			p[i] = mask
			i++
		}
		if ends {
			return i + min(slashes, escapes) + 1
		}
	}
	return i
}

// maskNested hides the strings and numbers of an array or object.
func (r *Redaction) maskNested(p []byte, i int) int {
	depth := 0
	for i < len(p) {
		switch c := p[i]; c {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			end := maskString(p, i+1, c, 0)
			if j := blanks(p, end); j < len(p) && p[j] == ':' {
				i = j // a name, now hidden; what it names is hidden next
			} else {
				i = end
			}
			continue
		case ',', ':', ' ', '\t', '\r', '\n':
		default:
			p[i] = mask
		}
		i++
	}
	return i
}

// The digits of a card's number, and how many are shown.
const (
	minCard   = 13
	maxCard   = 19
	cardShown = 4
)

// maskCards hides numbers that begin as those of payment cards and pass Luhn's
// check, all but their last digits. Groups of digits may be parted by one blank
// or hyphen.
func maskCards(p []byte) (masked bool) {
	for i := 0; i < len(p); {
		if p[i] < '3' || p[i] > '6' || i > 0 && isWord(p[i-1]) {
			i++
			continue
		}
		var at [maxCard]int
		n, j := 0, i
		for ; j < len(p); j++ {
			if c := p[j]; c >= '0' && c <= '9' {
				if n == maxCard {
					n++
					break
				}
				at[n] = j
				n++
			} else if c != ' ' && c != '-' || p[j-1] == c {
				break
			}
		}
		if n >= minCard && n <= maxCard && (j == len(p) || !isWord(p[j])) && luhn(p, at[:n]) {
			for _, k := range at[:n-cardShown] {
				p[k] = mask
			}
			masked = true
		}
		i = max(j, i+1)
	}
	return masked
}

func luhn(p []byte, at []int) bool {
	sum := 0
	for i, k := range at {
		d := int(p[k] - '0')
		if (len(at)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// Excerpt copies what may be shown of a payload, at most size bytes around
// match, says where that begins, and whether something in it is hidden.
func (r *Redaction) Excerpt(payload, match []byte, size int) (part []byte, offset int, hidden bool) {
	lo, hi := Window(payload, match, size)
	if r.off() {
		return bytes.Clone(payload[lo:hi]), lo, false
	}
	// A value may begin, and its name stand, before the window.
	whole := bytes.Clone(payload)
	r.Mask(whole)
	part = bytes.Clone(whole[lo:hi])
	return part, lo, !bytes.Equal(part, payload[lo:hi])
}

// HideMatch returns match as it may be shown, of a value at path.
func (r *Redaction) HideMatch(match []byte, path string) []byte {
	if r.off() {
		return match
	}
	out := bytes.Clone(match)
	if r.secretPath(path) {
		for i := range out {
			out[i] = mask
		}
		return out
	}
	r.Mask(out)
	return out
}

// secretPath reports whether a member of path is secret.
func (r *Redaction) secretPath(path string) bool {
	for path != "" {
		n := 0
		for n < len(path) && isName(path[n]) && path[n] != '.' {
			n++
		}
		if n > 0 && r.SecretKey([]byte(path[:n])) {
			return true
		}
		path = path[max(n, 1):]
	}
	return false
}

// secretName reports whether a header field or query argument of that name is
// likely to carry a credential. name is in lower case.
func (r *Redaction) secretName(name string) bool {
	if r.off() {
		return false
	}
	switch name {
	case "sid", "sig", "key", "pwd", "pass", "jwt":
		// A socket.io sid is enough to take over its session.
		return true
	}
	name = Fold(name)
	if r != nil && slices.Contains(r.Names, name) {
		return true
	}
	for _, s := range []string{"auth", "cookie", "token", "secret", "passw", "apikey", "credential", "session", "signature"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}
