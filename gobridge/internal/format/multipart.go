package format

import "bytes"

const (
	// maxBoundary is the longest boundary, in bytes; RFC 2046 has 70.
	maxBoundary = 256
	// maxPartHeader is the longest header of a part, in bytes.
	maxPartHeader = 8 << 10
)

// isMultipart reports whether p begins as multipart/form-data: with a boundary
// and a line of a part's header. Line ends are CRLF or LF.
func isMultipart(p []byte) bool {
	boundary, rest := boundaryLine(p)
	if boundary == nil {
		return false
	}
	line, _, _ := bytes.Cut(rest[:min(len(rest), maxPartHeader)], newline)
	return len(line) > 8 && bytes.EqualFold(line[:8], []byte("content-")) && bytes.IndexByte(line, ':') > 0
}

var newline = []byte("\n")

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

// multipart visits the parts of a body (RFC 7578): parameters and other fields
// of their headers, and the content as a payload of its own.
func (w *Walker) multipart(p []byte) {
	boundary, p := boundaryLine(p)
	for len(p) > 0 {
		var part []byte
		part, p = cutPart(p, boundary)
		w.part(part)
	}
}

// cutPart splits p before the next line that begins with -- and boundary. The
// end of the last part is a boundary that -- follows.
func cutPart(p, boundary []byte) (part, rest []byte) {
	for i := 0; ; {
		line := p[i:]
		if len(line) >= 2+len(boundary) && line[0] == '-' && line[1] == '-' && bytes.HasPrefix(line[2:], boundary) {
			part = bytes.TrimSuffix(bytes.TrimSuffix(p[:i], newline), []byte("\r"))
			rest = line[2+len(boundary):]
			n := bytes.IndexByte(rest, '\n')
			if n < 0 {
				return part, nil
			}
			return part, rest[n+1:]
		}
		n := bytes.IndexByte(line, '\n')
		if n < 0 {
			return p, nil
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
	header := true
	for header && len(p) > 0 {
		line, rest, _ := bytes.Cut(p, newline)
		line = bytes.TrimRight(line, " \t\r")
		if len(line) == 0 {
			p = rest
			break
		}
		colon := bytes.IndexByte(line, ':')
		if header = colon > 0 && len(line) <= maxPartHeader; header {
			w.parameters(bytes.TrimLeft(line[colon+1:], " \t"))
			p = rest
		}
	}
	if len(p) > 0 {
		w.bytes(p)
	}
}

// parameters visits a field of a header, and each parameter in it. The one
// called name is the key of the part.
func (w *Walker) parameters(p []byte) {
	first, p, more := bytes.Cut(p, semicolon)
	if len(first) > 0 && !isWord(first) {
		w.visitString(first)
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
		p = bytes.TrimLeft(p[i+1:], " \t")
		if len(p) > 0 && p[0] == '"' {
			l := &w.levels[w.nested]
			end := 0
			value, end = l.quotedString(p)
			p = p[end:]
			_, p, more = bytes.Cut(p, semicolon)
		} else {
			value, p, more = bytes.Cut(p, semicolon)
		}
		if len(value) == 0 {
			continue
		}
		if string(name) == "name" {
			w.key(value)
			continue
		}
		w.visitString(value)
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
	for _, c := range p {
		if !isNameByte(c) && c != '/' && c != '+' {
			return false
		}
	}
	return true
}
