package format

import (
	"bytes"
	"io"
	"mime"

	"wsi/gobridge/internal/carrier"
)

const (
	// maxBoundary is the longest boundary, in bytes; RFC 2046 has 70.
	maxBoundary = 256
	// maxHead is the longest head of a part, a mail or a message of HTTP, in bytes.
	maxHead = 64 << 10
	// maxFieldName is the longest name of a field of one, in bytes.
	maxFieldName = 76
)

var newline = []byte("\n")

// headField is the field of a head that p begins with, and what is behind it: a
// name, a colon, and a value that goes on in lines that begin with a blank. name is
// empty if p begins with none, the line ends of value are those that it has in p.
func headField(p []byte) (name, value, rest []byte) {
	i := 0
	for i < len(p) && i < maxFieldName && fieldName[p[i]] {
		i++
	}
	if i == 0 || i == len(p) || p[i] != ':' {
		return nil, nil, p
	}
	name, p = p[:i], p[i+1:]
	end := 0
	for {
		n := bytes.IndexByte(p[end:], '\n')
		if n < 0 {
			end = len(p)
			break
		}
		end += n + 1
		if end == len(p) || p[end] != ' ' && p[end] != '\t' {
			break
		}
	}
	return name, bytes.Trim(p[:end], " \t\r\n"), p[end:]
}

// fieldName has the bytes of a token (RFC 9110 5.6.2).
var fieldName = alnumAnd("!#$%&'*+-.^_`|~")

// emptyLine is what is behind the empty line that p begins with.
func emptyLine(p []byte) (rest []byte, ok bool) {
	switch {
	case len(p) > 0 && p[0] == '\n':
		return p[1:], true
	case len(p) > 1 && p[0] == '\r' && p[1] == '\n':
		return p[2:], true
	}
	return p, false
}

// headOf counts the fields of the head that p begins with, and those of them that
// mails have. ok says that an empty line ends it, foreign that there is a field
// that is a browser's or a server's, and no mail's.
func headOf(p []byte) (fields, ofMail int, foreign, ok bool) {
	p = p[:min(len(p), maxHead)]
	for {
		name, _, rest := headField(p)
		if len(name) == 0 {
			_, ok = emptyLine(p)
			return fields, ofMail, foreign, ok
		}
		fields++
		if isMailField(name) {
			ofMail++
		}
		foreign = foreign || isForeign(name)
		p = rest
	}
}

// folded is name in small letters, in b; empty if it is longer.
func folded(b *[maxFieldName]byte, name []byte) []byte {
	for i, c := range name {
		if c-'A' < 26 {
			c |= 0x20
		}
		b[i] = c
	}
	return b[:len(name)]
}

func isMailField(name []byte) bool {
	var b [maxFieldName]byte
	switch string(folded(&b, name)) {
	case "from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "in-reply-to", "references",
		"mime-version", "content-type", "content-transfer-encoding", "received", "return-path", "delivered-to", "dkim-signature":
		return true
	}
	return false
}

// isForeign reports whether a field tells a browser or a server what to do: where
// the head is no message's of HTTP, somebody may mean it to become a part of one.
func isForeign(name []byte) bool {
	var b [maxFieldName]byte
	name = folded(&b, name)
	switch string(name) {
	case "set-cookie", "set-cookie2", "cookie", "location", "refresh", "host", "link", "connection", "upgrade", "last-modified", "cache-control", "www-authenticate",
		"content-security-policy", "content-length", "transfer-encoding", "strict-transport-security",
		"x-xss-protection", "x-frame-options", "x-original-url", "x-rewrite-url", "x-http-method-override":
		return true
	}
	for _, prefix := range [...]string{"access-control-", "proxy-", "x-forwarded-"} {
		if bytes.HasPrefix(name, []byte(prefix)) {
			return true
		}
	}
	return false
}

// isMail reports whether p begins as a mail (RFC 5322): with fields, two of them a
// mail's, and an empty line.
func isMail(p []byte) bool {
	_, ofMail, _, ok := headOf(p)
	return ok && ofMail > 1
}

// isHTTP reports whether p begins as a message of HTTP/1: with the line of a request
// or of a response, fields, and an empty line.
func isHTTP(p []byte) bool {
	line, rest, ok := bytes.Cut(p[:min(len(p), maxHead)], newline)
	if !ok || !isRequestLine(bytes.TrimSuffix(line, []byte("\r"))) && !isStatusLine(line) {
		return false
	}
	_, _, _, ok = headOf(rest)
	return ok
}

// isRequestLine takes METHOD target HTTP/1.x.
func isRequestLine(p []byte) bool {
	method, rest, ok := bytes.Cut(p, []byte(" "))
	if !ok || len(method) < 3 || len(method) > 20 {
		return false
	}
	for _, c := range method {
		if c-'A' >= 26 && c != '-' {
			return false
		}
	}
	target, version, ok := bytes.Cut(rest, []byte(" "))
	return ok && len(target) > 0 && isVersion(version) && len(version) == len("HTTP/1.1")
}

// isStatusLine takes HTTP/1.x, a code of three digits and a text.
func isStatusLine(p []byte) bool {
	const size = len("HTTP/1.1 200")
	return len(p) >= size && isVersion(p) && p[8] == ' ' && digits(p[:size], 9) == size && (len(p) == size || p[size] <= ' ')
}

func isVersion(p []byte) bool {
	return len(p) >= len("HTTP/1.1") && bytes.HasPrefix(p, []byte("HTTP/1.")) && p[7]-'0' <= 9
}

// isMultipart reports whether p begins as multipart/form-data: with a boundary
// and a line of a part's header. Line ends are CRLF or LF.
func isMultipart(p []byte) bool {
	boundary, rest := boundaryLine(p)
	if boundary == nil {
		return false
	}
	line, _, _ := bytes.Cut(rest[:min(len(rest), maxHead)], newline)
	return len(line) > 8 && bytes.EqualFold(line[:8], []byte("content-")) && bytes.IndexByte(line, ':') > 0
}

// byLetter is what p, without white space before it, is by the letter, so that all
// that anybody may have put into it is visited: "multipart" with its last boundary
// and, as payloads, "mail" and "http"; or "". The fields of their heads are then no
// lines that somebody put into a value.
func (w *Walker) byLetter(p []byte, payload bool) string {
	if len(p) < 8 || w.nested == maxNested {
		return ""
	}
	p = p[skipSpace(p, 0):]
	switch name := messageName(p); {
	case name == "" || w.off(name):
	case name == "multipart":
		if closes(p) {
			return name
		}
	case name == "mail" && payload:
		if _, _, foreign, _ := headOf(p); !foreign {
			return name
		}
	case payload:
		return name
	}
	return ""
}

// messageName is what p begins as, as far as its first line tells most texts from
// it.
func messageName(p []byte) string {
	if len(p) < 8 {
		return ""
	}
	if p[0] == '-' {
		if isMultipart(p) {
			return "multipart"
		}
		return ""
	}
	i := 0
	for i < len(p) && i < maxFieldName && fieldName[p[i]] {
		i++
	}
	switch {
	case i == 0 || i == len(p):
	case p[i] == ':':
		if isMail(p) {
			return "mail"
		}
	case p[i] == ' ' || p[i] == '/':
		if isHTTP(p) {
			return "http"
		}
	}
	return ""
}

// closes reports whether p has a head in each part, with nothing foreign in it, and
// its last boundary.
func closes(p []byte) bool {
	boundary, p := boundaryLine(p)
	for first := true; ; first = false {
		part, behind, last := cutPart(p, boundary)
		if _, _, foreign, ok := headOf(part); foreign || !ok && len(part) > 0 && !isHeadAlone(part) {
			return false
		}
		if last {
			return !first || len(part) > 0
		}
		if behind == nil {
			return false
		}
		p = behind
	}
}

// isHeadAlone reports whether p is nothing but fields.
func isHeadAlone(p []byte) bool {
	for len(p) > 0 {
		name, _, rest := headField(p)
		if len(name) == 0 {
			return false
		}
		p = rest
	}
	return true
}

// boundaryLine splits p behind its first line, which is -- and the boundary.
func boundaryLine(p []byte) (boundary, rest []byte) {
	p = p[min(len(p), skipSpace(p, 0)):]
	if !bytes.HasPrefix(p, []byte("--")) {
		return nil, nil
	}
	i := bytes.IndexByte(p[:min(len(p), maxBoundary)], '\n')
	if i < 0 {
		return nil, nil
	}
	boundary = bytes.TrimRight(p[2:i], " \t\r")
	if len(boundary) == 0 {
		return nil, nil
	}
	return boundary, p[i+1:]
}

// multipart visits the parts of a body (RFC 7578, RFC 2046): parameters and other
// fields of their heads, the content as a payload of its own, and what stands in no
// part.
func (w *Walker) multipart(p []byte) {
	boundary, p := boundaryLine(p)
	w.unlessPlain(boundary)
	last := false
	for len(p) > 0 {
		var part []byte
		if last {
			w.label(nil)
			w.bytes(p)
			return
		}
		part, p, last = cutPart(p, boundary)
		w.part(part)
	}
}

// cutPart splits p before the next line that begins with -- and boundary: last says
// that -- follows it. What else is on that line is a part of rest.
func cutPart(p, boundary []byte) (part, rest []byte, last bool) {
	for i := 0; ; {
		line := p[i:]
		if len(line) >= 2+len(boundary) && line[0] == '-' && line[1] == '-' && bytes.HasPrefix(line[2:], boundary) {
			part = bytes.TrimSuffix(bytes.TrimSuffix(p[:i], newline), []byte("\r"))
			rest = line[2+len(boundary):]
			if last = bytes.HasPrefix(rest, []byte("--")); last {
				rest = rest[2:]
			}
			n := 0
			for n < len(rest) && (rest[n] == ' ' || rest[n] == '\t' || rest[n] == '\r') {
				n++
			}
			switch {
			case n == len(rest):
				rest = nil
			case rest[n] == '\n':
				rest = rest[n+1:]
			}
			return part, rest, last
		}
		n := bytes.IndexByte(line, '\n')
		if n < 0 {
			return p, nil, false
		}
		i += n + 1
	}
}

func (w *Walker) part(p []byte) {
	if len(p) == 0 {
		return
	}
	w.label(nil)
	w.levels[w.nested].scratch = w.levels[w.nested].scratch[:0]
	kind := carrier.None
	for {
		name, value, rest := headField(p)
		if len(name) == 0 {
			break
		}
		w.unlessPlain(name)
		if isEncoding(name) {
			kind = encoding(value)
		}
		w.parameters(w.unfold(value), true)
		p = rest
	}
	p, _ = emptyLine(p)
	if len(p) > 0 {
		w.encoded(p, kind)
	}
}

// unfold joins the lines of the value of a field.
func (w *Walker) unfold(value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 {
		return value
	}
	l := &w.levels[w.nested]
	begin := len(l.scratch)
	for {
		line, rest, more := bytes.Cut(value, newline)
		l.scratch = append(l.scratch, bytes.TrimSuffix(line, []byte("\r"))...)
		if !more {
			return l.scratch[begin:]
		}
		value = rest
	}
}

func isEncoding(name []byte) bool {
	return len(name) == len("content-transfer-encoding") && bytes.EqualFold(name, []byte("content-transfer-encoding"))
}

// encoding is the carrier that a content-transfer-encoding names.
func encoding(value []byte) carrier.Kind {
	switch {
	case bytes.EqualFold(value, []byte("base64")):
		return carrier.Base64
	case bytes.EqualFold(value, []byte("quoted-printable")):
		return carrier.QuotedPrintable
	}
	return carrier.None
}

// encoded visits a content that is said to be encoded as kind: as that and, as
// servers of forms do not look at it, as it stands.
func (w *Walker) encoded(p []byte, kind carrier.Kind) {
	if kind == carrier.None || !w.carry(kind, p, true) || kind == carrier.Base64 && !isBase64(p) {
		w.bytes(p)
		return
	}
	w.nest(p)
	w.visitValue(p)
	w.next()
}

// isBase64 reports whether p is nothing but base64 in lines.
func isBase64(p []byte) bool {
	for _, c := range p {
		if c|0x20-'a' >= 26 && c-'0' > 9 && c != '+' && c != '/' && c != '=' && !isSpace(c) {
			return false
		}
	}
	return true
}

// unlessPlain visits what stands where a name does, unless it can carry nothing.
func (w *Walker) unlessPlain(name []byte) {
	for _, c := range name {
		if c|0x20-'a' >= 26 && c-'0' > 9 && c != '-' && c != '_' && c != '=' && c != '.' {
			w.visitKey(name)
			return
		}
	}
}

// parameters visits a field of a head, and each parameter in it. Where keyed, the
// one called name is the key of the part.
func (w *Walker) parameters(p []byte, keyed bool) {
	first, p, more := bytes.Cut(p, semicolon)
	if len(first) > 0 && !isWord(first) {
		w.fieldValue(first)
	}
	for more {
		var value []byte
		name := bytes.TrimSpace(p)
		i := bytes.IndexByte(p, '=')
		if i < 0 {
			if len(name) > 0 {
				w.visitValue(name)
			}
			return
		}
		name = bytes.TrimSpace(p[:i])
		w.unlessPlain(name)
		p = bytes.TrimLeft(p[i+1:], " \t")
		if len(p) > 0 && p[0] == '"' {
			l := &w.levels[w.nested]
			end := 0
			value, end = l.quotedString(p)
			p = p[end:]
			var behind []byte
			if behind, p, more = bytes.Cut(p, semicolon); skipSpace(behind, 0) < len(behind) {
				w.visitString(behind)
			}
		} else {
			value, p, more = bytes.Cut(p, semicolon)
		}
		if len(value) == 0 {
			continue
		}
		switch {
		case keyed && string(name) == "name":
			w.key(value)
		case string(name) == "boundary":
			w.visitValue(value) // its digits and = are no quoted-printable
		default:
			w.fieldValue(value)
		}
	}
}

// quotedString reads a quoted-string; a backslash takes the next byte with it.
func (l *level) quotedString(p []byte) (value []byte, size int) {
	i := 1
	escaped := false
	for i < len(p) && p[i] != '"' {
		if p[i] == '\\' {
			escaped = true
			i++
		}
		i++
	}
	if i >= len(p) {
		i = len(p)
		size = i
	} else {
		size = i + 1
	}
	value = p[1:i]
	if !escaped {
		return value, size
	}
	begin := len(l.scratch)
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			i++
		}
		l.scratch = append(l.scratch, value[i])
	}
	return l.scratch[begin:], size
}

// isWord reports whether p is a token as form-data and text/plain are.
func isWord(p []byte) bool {
	slashes := 0
	for i, c := range p {
		switch {
		case c|0x20-'a' < 26, c-'0' <= 9, c == '-', c == '+':
		case c == '.' && i > 0 && p[i-1] != '.':
		case c == '/' && i > 0:
			slashes++
		default:
			return false
		}
	}
	return slashes < 2
}

// fieldValue visits the value of a field of a head, also without the encoded words
// of mails (RFC 2047).
func (w *Walker) fieldValue(value []byte) {
	if bytes.Index(value, []byte("=?")) < 0 || len(value) > maxHead {
		w.visitString(value)
		return
	}
	d := mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	text, err := d.DecodeHeader(string(value))
	if err != nil || text == string(value) {
		w.visitString(value)
		return
	}
	w.visitValue(value)
	l := &w.levels[w.nested]
	begin := len(l.scratch)
	l.scratch = append(l.scratch, text...)
	w.visitString(l.scratch[begin:])
}

// The members that are no fields of a head.
var bodyLabel, statusLabel, targetLabel, queryLabel = []byte("body"), []byte("status"), []byte("target"), []byte("query")

// mail visits the fields of a mail, each at its name, and its body at body: parts,
// with what stands before them, or a payload.
func (w *Walker) mail(p []byte) {
	w.body(w.fields(p[skipSpace(p, 0):]))
}

// entity is what the fields of a head say about the body behind it.
type entity struct {
	body     []byte
	kind     carrier.Kind
	boundary []byte
	chunked  bool
}

// fields visits the fields of the head that p begins with.
func (w *Walker) fields(p []byte) (h entity) {
	for {
		name, value, rest := headField(p)
		if len(name) == 0 {
			h.body, _ = emptyLine(p)
			return h
		}
		l := &w.levels[w.nested]
		l.scratch = l.scratch[:0]
		switch {
		case isEncoding(name):
			h.kind = encoding(value)
		case bytes.EqualFold(name, []byte("content-type")):
			h.boundary = boundaryOf(value)
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			h.chunked = true
		}
		w.key(name)
		switch value = w.unfold(value); {
		case len(value) == 0:
		case len(name) > 8 && bytes.EqualFold(name[:8], []byte("content-")):
			w.visitValue(value)
			w.parameters(value, false)
		default:
			w.fieldValue(value)
		}
		p = rest
	}
}

// boundaryOf is the parameter boundary of a content-type.
func boundaryOf(value []byte) []byte {
	const name = "boundary="
	for i := 0; i+len(name) < len(value); i++ {
		if n := bytes.IndexByte(value[i:], '='); n < 0 {
			return nil
		} else if i += n; i < len(name)-1 || !bytes.EqualFold(value[i-len(name)+1:i+1], []byte(name)) {
			continue
		}
		value = value[i+1:]
		if len(value) > 0 && value[0] == '"' {
			value, _, _ = bytes.Cut(value[1:], []byte(`"`))
			return value
		}
		if end := bytes.IndexAny(value, "; \t\r\n"); end >= 0 {
			value = value[:end]
		}
		return value
	}
	return nil
}

// body visits what is behind a head.
func (w *Walker) body(h entity) {
	p := h.body
	if len(p) == 0 {
		return
	}
	w.label(bodyLabel)
	l := &w.levels[w.nested]
	if h.chunked {
		clean := false
		if l.joined, clean = appendChunks(l.joined[:0], p); len(l.joined) > 0 {
			w.payload(l.joined)
			if !clean {
				w.visitValue(p)
			}
			return
		}
	}
	if n := len(h.boundary); n > 0 && n <= maxBoundary && h.kind == carrier.None {
		l.scratch = append(append(l.scratch[:0], "\n--"...), h.boundary...)
		if i := bytes.Index(p, l.scratch); i > 0 && !bytes.HasPrefix(p, l.scratch[1:]) {
			w.bytes(p[:i]) // for readers that do not know parts
			p = p[i+1:]
		}
	}
	w.encoded(p, h.kind)
}

// appendChunks appends what is in the chunks (RFC 9112 7.1) of p, nothing if there
// is none. clean says that there is nothing else in p than they and their sizes.
func appendChunks(buf, p []byte) (out []byte, clean bool) {
	clean = true
	for {
		size, i := 0, 0
		for i < len(p) && i < 7 && hex(p[i:], 1) >= 0 {
			size = size<<4 | int(hex(p[i:], 1))
			i++
		}
		rest, ok := emptyLine(p[i:])
		if !ok {
			clean = false // an extension, or no chunk
			_, rest, ok = bytes.Cut(p[i:], newline)
		}
		if i == 0 || !ok {
			return buf, false
		}
		n := min(size, len(rest))
		buf = append(buf, rest[:n]...)
		p, ok = emptyLine(rest[n:])
		if clean = clean && ok; size == 0 {
			return buf, clean && len(p) == 0
		}
	}
}

// http visits a message of HTTP/1: target and query or the text of the status, its
// fields and its body as those of a mail.
func (w *Walker) http(p []byte) {
	line, rest, _ := bytes.Cut(p[skipSpace(p, 0):], newline)
	line = bytes.TrimRight(line, "\r")
	if isStatusLine(line) {
		w.label(statusLabel)
		w.visitString(line[len("HTTP/1.1 "):])
	} else {
		_, line, _ = bytes.Cut(line, []byte(" "))
		target := line[:max(0, bytes.LastIndexByte(line, ' '))]
		w.label(targetLabel)
		w.visitString(target)
		if _, query, ok := bytes.Cut(target, []byte("?")); ok && len(query) > 0 {
			w.label(queryLabel)
			w.visitString(query)
		}
	}
	w.body(w.fields(rest))
}

// messageLevel walks doc, which has head and body, and the tags of HTML that stand
// across them.
func (w *Walker) messageLevel(name string, doc []byte) bool {
	walk := (*Walker).multipart
	switch name {
	case "mail":
		walk = (*Walker).mail
	case "http":
		walk = (*Walker).http
	}
	outer := w.watch(doc)
	ok := w.textLevel(name, doc, walk)
	w.unwatch(doc, outer, ok)
	return ok
}
