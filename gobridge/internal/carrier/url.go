package carrier

import "bytes"

// maxParts is how many parts of a token are decoded: JWE has five (RFC 7516).
const maxParts = 5

// jwt decodes the parts of a JSON Web Token (RFC 7519), or of what is signed in
// a like way, that are text: one line each.
func (o *output) jwt(p []byte) bool {
	p = bytes.TrimSpace(p)
	found := false
	for i := 0; i < maxParts && len(p) > 0 && !o.over; i++ {
		part, rest, _ := bytes.Cut(p, dot)
		p = rest
		if i > 0 && !o.writeByte('\n') {
			break
		}
		begin := len(o.buf)
		o.digits64(bytes.TrimRight(part, "="), true)
		if len(o.buf) == begin || !isText(o.buf[begin:]) {
			o.buf = o.buf[:begin]
			continue
		}
		found = true
	}
	return found
}

var dot = []byte{'.'}

// afterScheme is what follows data: in value. As the URL standard has it,
// control characters and blanks before it do not matter.
func afterScheme(value []byte) (rest []byte, ok bool) {
	const scheme = "data:"
	i := 0
	for i < len(value) && value[i] <= ' ' {
		i++
	}
	for j := range len(scheme) {
		for i < len(value) && (value[i] == '\t' || value[i] == '\n' || value[i] == '\r') {
			i++
		}
		if i == len(value) || value[i] != scheme[j] && value[i]|0x20 != scheme[j] {
			return nil, false
		}
		i++
	}
	return value[i:], true
}

// dataURL decodes the body of a data: URL (RFC 2397, as the fetch standard
// processes it).
func (d *Decoder) dataURL(o *output, value []byte) bool {
	rest, ok := afterScheme(value)
	if !ok {
		return false
	}
	comma := bytes.IndexByte(rest, ',')
	if comma < 0 {
		return false
	}
	mediatype, body := rest[:comma], rest[comma+1:]
	// The body is percent-decoded first in both cases.
	in := output{buf: d.rest[:0], limit: len(body)}
	if in.percent(body) {
		body = in.buf
	}
	if cap(in.buf) <= maxKeep {
		d.rest = in.buf[:0]
	}
	if isBase64(mediatype) {
		o.digits64(bytes.TrimRight(body, "= \t\r\n"), true)
		return d.worth(o.bytes())
	}
	o.write(body)
	return len(body) > 0
}

// isBase64 reports whether a mediatype ends with the word base64.
func isBase64(p []byte) bool {
	const word = "base64"
	p = bytes.TrimRight(p, " \t\r\n")
	if len(p) < len(word) || !bytes.EqualFold(p[len(p)-len(word):], []byte(word)) {
		return false
	}
	p = bytes.TrimRight(p[:len(p)-len(word)], " \t\r\n")
	return len(p) > 0 && p[len(p)-1] == ';'
}
