package event

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
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
// end in one of secretEnds are, too, and those with "password" in them.
var (
	secretKeys = []string{
		"pass", "pwd", "passwd", "passphrase", "passcode", "sid", "sessionid",
		"cookie", "setcookie", "cvv", "cvc", "cardnumber", "creditcard",
	}
	secretEnds = []string{"token", "secret", "secretkey", "accesskey", "apikey", "privatekey", "jwt", "authorization"}
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
	return strings.Contains(folded, "password") || slices.ContainsFunc(secretEnds, func(end string) bool { return strings.HasSuffix(folded, end) })
}

// Mask hides in p the values of secret members and the numbers of cards, and
// reports whether there were any. Members are those of JSON, also inside of a
// string, of forms, of XML and of texts ("name: value"), of MessagePack, CBOR
// and BSON. It is linear.
func (r *Redaction) Mask(p []byte) (masked bool) {
	if r.off() {
		return false
	}
	binary := !utf8.Valid(p)
	cbor := binary && (p[0] >= 0x80 && p[0] <= 0xbf || bytes.HasPrefix(p, []byte{0xd9, 0xd9, 0xf7}))
	for i := 0; i < len(p); {
		if !isName(p[i]) {
			i++
			continue
		}
		start, end := i, i
		for end < len(p) && isName(p[end]) {
			end++
		}
		i = end
		if cbor {
			if n := r.maskCBOR(p, start, end); n > start {
				i, masked = n, true
				continue
			}
		}
		switch { // what is before a name may look like a part of it
		case start > 0 && p[start-1] == '\\' && strings.IndexByte("bfnrt", p[start]) >= 0:
			start++
		case start > 0 && p[start-1] == '%' && end-start > 2:
			start += 2
		}
		if end < len(p) && r.SecretKey(p[start:end]) {
			n := end
			if binary {
				n = maskPacked(p, start, end)
			}
			if n == end {
				n = r.maskValue(p, start, end)
			}
			if n > end {
				i, masked = n, true
			}
		}
	}
	if r != nil {
		masked = r.maskOthers(p) || masked
	}
	if r == nil || !r.Cards {
		masked = maskCards(p, cbor) || masked
	}
	return masked
}

// maskOthers hides the values of members whose names have other characters than
// isName knows, as those of other alphabets.
func (r *Redaction) maskOthers(p []byte) (masked bool) {
	for _, name := range r.Names {
		if !slices.ContainsFunc([]byte(name), func(c byte) bool { return !isName(c) }) {
			continue
		}
		for i := 0; ; {
			n := bytes.Index(p[i:], []byte(name))
			if n < 0 {
				break
			}
			start := i + n
			i = start + len(name)
			if i < len(p) {
				if n := r.maskValue(p, start, i); n > i {
					i, masked = n, true
				}
			}
		}
	}
	return masked
}

// maskCBOR hides the value behind a secret name in the run of letters from start
// to end: what says the length of a text is a letter, too. It returns start if
// there is none.
func (r *Redaction) maskCBOR(p []byte, start, end int) int {
	for k := start; k < end; k++ {
		i := k + 1 + int(p[k]) - 0x60
		if p[k] <= 0x60 || p[k] > 0x77 || i > end || i >= len(p) || !r.SecretKey(p[k+1:i]) {
			continue
		}
		size := 0
		if info := p[i] & 0x1f; info >= 24 && info <= 26 {
			size = 1 << (info - 24)
		} else if info > 26 {
			continue
		}
		n := i + 1 + size
		if n > len(p) {
			continue
		}
		switch p[i] >> 5 {
		case 0, 1:
			return hide(p, n-max(size, 1), max(size, 1), start)
		case 2, 3:
			length := int(p[i] & 0x1f)
			if size > 0 {
				length = bigEndian(p[i+1 : n])
			}
			return hide(p, n, length, start)
		}
	}
	return start
}

// maskPacked hides the value of MessagePack behind the name from start to end, if
// its length stands before it: what maskValue does not know, since it could be
// text. It returns end if there is none.
func maskPacked(p []byte, start, end int) int {
	n := end - start
	if !(start > 0 && n < 32 && p[start-1] == 0xa0|byte(n) || start > 1 && p[start-2] == 0xd9 && int(p[start-1]) == n) {
		return end
	}
	size := 0
	switch c := p[end]; {
	case c < 0x80:
		return hide(p, end, 1, end)
	case c >= 0xca && c <= 0xd3: // float 32 and 64, uint and int of 8 to 64 bits
		return hide(p, end+1, []int{4, 8, 1, 2, 4, 8, 1, 2, 4, 8}[c-0xca], end)
	case c == 0xc4 || c == 0xc5 || c == 0xc6: // bin
		size = 1 << (c - 0xc4)
	case c == 0xdb: // str 32
		size = 4
	default:
		return end
	}
	if end+1+size > len(p) {
		return end
	}
	return hide(p, end+1+size, bigEndian(p[end+1:end+1+size]), end)
}

// bigEndian is the number that up to 4 bytes are.
func bigEndian(b []byte) (n int) {
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return n
}

// isName reports whether c may be in the name of a member.
func isName(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

func isWord(c byte) bool { return isName(c) && c != '.' && c != '-' }

// maskValue hides the value of the member whose name is from start to i, and
// returns where it ends; i, if there is no value.
func (r *Redaction) maskValue(p []byte, start, i int) int {
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
	if n := maskElement(p, start, i); n > i {
		return n
	}
	j, form := brackets(p, i)
	if j < len(p) && p[j] == '=' {
		form = true
	} else if form {
		return i
	}
	// The quote behind the name may be escaped.
	name := j
	for j < len(p) && p[j] == '\\' {
		j++
	}
	escapes := j - name
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
	open := j
	for j < len(p) && p[j] == '\\' && j-open < escapes {
		j++
	}
	if j == len(p) {
		return i
	}
	switch c := p[j]; c {
	case '"', '\'':
		if !form || escapes > 0 || isQuoted(p[j:]) {
			return maskString(p, j+1, c, escapes)
		}
	case '[', '{':
		return r.maskNested(p, j)
	}
	line := !form && isLine(p, start, i)
	for scheme := !form && !line && isScheme(p[j:]); j < len(p); j++ {
		c := p[j]
		switch {
		case c == '\r' || c == '\n':
			return max(j, i+1)
		case line && (c == '"' || c == '\\' && j+1 < len(p) && strings.IndexByte(`rn"\`, p[j+1]) >= 0):
			return max(j, i+1)
		case scheme && c == ' ':
			scheme = false
		case !line && (c == '&' || !form && (c == ',' || c == '}' || c == ']' || c == ' ')):
			return max(j, i+1)
		}
		p[j] = mask
	}
	return j
}

// brackets returns where those behind i, as in user[password][]=, end, and
// whether there are any. They may be encoded.
func brackets(p []byte, i int) (int, bool) {
	j := i
	for {
		switch {
		case j < len(p) && (p[j] == '[' || p[j] == ']'):
			j++
		case j+2 < len(p) && p[j] == '%' && p[j+1] == '5' && (p[j+2]|0x20 == 'b' || p[j+2]|0x20 == 'd'):
			j += 3
		default:
			return j, j > i
		}
	}
}

// isQuoted reports whether the value behind a "=" is in quotes: one of a form may
// begin with one.
func isQuoted(p []byte) bool {
	for i := 1; i < len(p) && p[i] != '\r' && p[i] != '\n'; i++ {
		if p[i] == p[0] {
			return i+1 == len(p) || strings.IndexByte(" \t\r\n&,;>/?)]}", p[i+1]) >= 0
		}
	}
	return false
}

// isLine reports whether the name from start to end is that of a header field,
// whose value is the rest of the line.
func isLine(p []byte, start, end int) bool {
	if end >= len(p) || p[end] != ':' && p[end] != ' ' {
		return false
	}
	if start == 0 {
		return true
	}
	switch p[start-1] {
	case '\n', '"', '\'':
		return true
	}
	return start > 1 && p[start-2] == '\\' && p[start-1] == 'n'
}

// isScheme reports whether a blank and what it is for follow the first word of a
// credential.
func isScheme(p []byte) bool {
	word, _, ok := bytes.Cut(p[:min(len(p), 16)], []byte{' '})
	return ok && slices.ContainsFunc([]string{"bearer", "basic", "digest", "negotiate", "token"}, func(s string) bool {
		return strings.EqualFold(s, string(word))
	})
}

// maskElement hides the text of the element of XML whose name is from start to i.
func maskElement(p []byte, start, i int) int {
	at := start
	if at > 0 && p[at-1] == ':' { // behind a prefix
		for at--; at > 0 && isName(p[at-1]) && start-at < maxSecretName; at-- {
		}
	}
	if at == 0 || p[at-1] != '<' {
		return i
	}
	n := bytes.IndexAny(p[i:min(len(p), i+512)], "<>")
	if n < 0 || p[i+n] == '<' || n > 0 && p[i+n-1] == '/' {
		return i
	}
	j := i + n + 1
	end := []byte("<")
	if cdata := []byte("<![CDATA["); bytes.HasPrefix(p[j:], cdata) {
		j, end = j+len(cdata), []byte("]]>")
	}
	n = bytes.Index(p[j:], end)
	if n < 0 {
		n = len(p) - j
	}
	return hide(p, j, n, i)
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

// The digits of a card's number, how many are shown, and how many a group has at
// least where other numbers stand beside it.
const (
	minCard   = 13
	maxCard   = 19
	cardShown = 4
	cardGroup = 4
)

// maskCards hides numbers that begin as those of payment cards and pass Luhn's
// check, all but their last digits. Groups of digits may be parted by one blank
// or hyphen; in a longer row of groups a card has none that is short.
func maskCards(p []byte, cbor bool) (masked bool) {
	seen := 0 // where the last row of groups ends
	for i := 0; i < len(p); {
		if p[i] < '3' || p[i] > '6' {
			i++
			continue
		}
		limit := len(p)
		if i > 0 && isWord(p[i-1]) {
			// of CBOR this is how long the text is
			if limit = i + int(p[i-1]) - 0x60; !cbor || p[i-1] > 0x77 || limit < i+minCard || limit > len(p) {
				i++
				continue
			}
		}
		var at [maxCard]int
		n, card, group, short := 0, 0, 0, false
		j := i
		for ; j < limit; j++ {
			if c := p[j]; c >= '0' && c <= '9' {
				if n == maxCard {
					n++
					break
				}
				at[n] = j
				n++
				group++
			} else if c != ' ' && c != '-' || p[j-1] == c {
				break
			} else {
				if short = short || group < cardGroup; !short && n >= minCard && luhn(p, at[:n]) {
					card = n
				}
				group = 0
			}
		}
		if (i >= seen || !short && group >= cardGroup) && n >= minCard && n <= maxCard && (j == limit || !isWord(p[j])) && luhn(p, at[:n]) {
			card = n
		}
		if seen = max(seen, j); card == 0 {
			i++
			continue
		}
		for _, k := range at[:card-cardShown] {
			p[k] = mask
		}
		masked = true
		i = at[card-1] + 1
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

// Excerpt copies what may be shown of a payload, at most size bytes around what
// the leading hit matched, says where that begins, and whether something in it is
// hidden. The hits get what may be shown of what they matched.
func (r *Redaction) Excerpt(payload []byte, hits []Hit, size int) (part []byte, offset int, hidden bool) {
	lead := leading(hits)
	lo, hi := Window(payload, lead.Match, size)
	if r.off() {
		return bytes.Clone(payload[lo:hi]), lo, false
	}
	// A value may begin, and its name stand, before the window.
	whole := bytes.Clone(payload)
	if r.Mask(whole) {
		lead.Shown = hideIn(payload, whole, lead.Match)
		for i := range hits[:min(len(hits), maxHits)] {
			hits[i].Shown = hideIn(payload, whole, hits[i].Match)
		}
	}
	part = bytes.Clone(whole[lo:hi])
	return part, lo, !bytes.Equal(part, payload[lo:hi])
}

// hideIn returns match, of payload, as it stands in masked. Nil: it is shown there,
// or cannot be found.
func hideIn(payload, masked, match []byte) []byte {
	if len(match) == 0 || bytes.Contains(masked, match) {
		return nil
	}
	if i := bytes.Index(payload, match); i >= 0 {
		return bytes.Clone(masked[i : i+len(match)])
	}
	return nil
}

// show returns what may be shown of what h matched.
func (r *Redaction) show(h *Hit) []byte {
	if h.Shown != nil {
		return h.Shown
	}
	return r.HideMatch(h.Match, h.Path)
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
	if open := strings.LastIndexByte(strings.TrimRight(name, "[]"), '['); open >= 0 {
		return r.secretName(name[:open]) || r.secretName(strings.Trim(name[open:], "[]"))
	}
	name = strings.TrimRight(name, "[]")
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
