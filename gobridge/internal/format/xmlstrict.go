package format

import "bytes"

// IsData reports whether p is an XML document by the letter that carries data: one
// whose texts and attributes, which are visited each, are all that anybody may have
// put into it, and in which a browser would find nothing to run. It has no comment
// or CDATA, of document types that of a standard alone, and of processing
// instructions the declaration alone, which only a document with a namespace or such
// a type has, as those of protocols do. Each prefix is declared in it.
func IsData(p []byte) bool {
	const depth = 64
	var open [depth]struct{ start, end int } // names
	var known prefixes
	n, elements := 0, 0
	if hasControl(p) {
		return false
	}
	i := skipSpace(p, 0)
	declaration := bytes.HasPrefix(p[i:], []byte("<?xml "))
	if declaration {
		end := bytes.Index(p[i:], []byte("?>"))
		if end < 0 || !isDeclaration(p[i+len("<?xml"):i+end]) {
			return false
		}
		i = skipSpace(p, i+end+len("?>"))
	}
	size := standardType(p[i:])
	if i += size; declaration && size == 0 && !bytes.Contains(p, []byte(" xmlns")) {
		return false
	}
	for {
		if n == 0 {
			if i = skipSpace(p, i); i == len(p) {
				return elements > 0
			}
			if elements > 0 || p[i] != '<' {
				return false
			}
		}
		next := bytes.IndexByte(p[i:], '<')
		if next < 0 {
			return false
		}
		if i += next + 1; i == len(p) {
			return false
		}
		if p[i] == '/' && n > 0 {
			start := i + 1
			end := nameEnd(p, start)
			if n--; !bytes.Equal(p[start:end], p[open[n].start:open[n].end]) {
				return false
			}
			if i = skipSpace(p, end); i == len(p) || p[i] != '>' {
				return false
			}
			i++
			continue
		}
		end := nameEnd(p, i)
		if n == depth || end == i || !isNameStart(p[i]) || isActive(local(p[i:end])) || !known.declared(p, p[i:end]) {
			return false
		}
		open[n].start, open[n].end = i, end
		elements++
		empty, size := attributes(p[end:])
		if size == 0 {
			return false
		}
		i = end + size
		if !empty {
			n++
		}
	}
}

// data is IsData for a text that may be anything.
func (w *Walker) data(text []byte) bool {
	i := skipSpace(text, 0)
	return i < len(text) && text[i] == '<' && w.nested < maxNested && !w.off("xml") && isXML(text[i:]) && IsData(text[i:])
}

// isDeclaration reports whether p is what <?xml declares.
func isDeclaration(p []byte) bool {
	for len(p) > 0 {
		i := skipSpace(p, 0)
		if i == len(p) {
			return true
		}
		end := nameEnd(p, i)
		if end+1 >= len(p) || p[end] != '=' || p[end+1] != '"' && p[end+1] != '\'' {
			return false
		}
		size := bytes.IndexByte(p[end+2:], p[end+1])
		if size < 0 {
			return false
		}
		value := p[end+2 : end+2+size]
		switch string(p[i:end]) {
		case "version":
			if string(value) != "1.0" && string(value) != "1.1" {
				return false
			}
		case "encoding", "standalone":
			if nameEnd(value, 0) < size {
				return false
			}
		default:
			return false
		}
		p = p[end+2+size+1:]
	}
	return true
}

// standardType is the length of the document type that p begins with, if it is one
// of a standard, named and published by those who made it: nobody put it there.
func standardType(p []byte) int {
	const before = "<!DOCTYPE "
	if !bytes.HasPrefix(p, []byte(before)) {
		return 0
	}
	i := nameEnd(p, len(before))
	rest, ok := bytes.CutPrefix(p[i:], []byte(` PUBLIC "-//`))
	if !ok {
		return 0
	}
	public, rest, _ := bytes.Cut(rest, []byte(`"`))
	for _, c := range public {
		if c|0x20-'a' >= 26 && c-'0' > 9 && c != ' ' && c != '/' && c != '.' && c != '-' {
			return 0
		}
	}
	system, rest, _ := bytes.Cut(bytes.TrimLeft(rest, " \t\r\n"), []byte(`">`))
	for _, publisher := range [...]string{`"http://www.apple.com/DTDs/`, `"http://www.w3.org/`} {
		path, ok := bytes.CutPrefix(system, []byte(publisher))
		for ok && len(path) > 0 {
			end := nameEnd(path, 0)
			if path = path[end:]; len(path) > 0 {
				ok = path[0] == '/'
				path = path[1:]
			}
		}
		if ok {
			return len(p) - len(rest)
		}
	}
	return 0
}

// attributes reads those of a start tag up to its end: size is 0 if there is none,
// or one of them is no mere data.
func attributes(p []byte) (empty bool, size int) {
	for i := 0; ; {
		space := skipSpace(p, i)
		if space == len(p) {
			return false, 0
		}
		switch {
		case p[space] == '>':
			return false, space + 1
		case p[space] == '/':
			if space+1 < len(p) && p[space+1] == '>' {
				return true, space + 2
			}
			return false, 0
		case space == i:
			return false, 0
		}
		end := nameEnd(p, space)
		name := local(p[space:end])
		if end == space || !isNameStart(p[space]) || len(name) > 1 && name[0]|0x20 == 'o' && name[1]|0x20 == 'n' ||
			bytes.EqualFold(name, []byte("srcdoc")) || bytes.EqualFold(name, []byte("formaction")) ||
			bytes.HasSuffix(name, []byte("chemaLocation")) {
			return false, 0
		}
		processed := bytes.HasPrefix(p[space:end], []byte("xmlns"))
		style := bytes.EqualFold(name, []byte("style"))
		if i = skipSpace(p, end); i == len(p) || p[i] != '=' {
			return false, 0
		}
		if i = skipSpace(p, i+1); i == len(p) || p[i] != '"' && p[i] != '\'' {
			return false, 0
		}
		quote := bytes.IndexByte(p[i+1:], p[i])
		if quote < 0 || bytes.IndexByte(p[i+1:i+1+quote], '<') >= 0 || style && bytes.ContainsAny(p[i+1:i+1+quote], `(\&@/`) ||
			processed && isProcessed(p[i+1:i+1+quote]) {
			return false, 0
		}
		i += quote + 2
	}
}

// nameEnd is where the name at i ends, of ASCII alone.
func nameEnd(p []byte, i int) int {
	for i < len(p) && p[i] < 0x80 && isNameByte(p[i]) {
		i++
	}
	return i
}

// prefixes are those of names that were found to be declared.
type prefixes struct {
	names [8][]byte
	n     int
}

// declared reports whether p declares the prefix that name has, if any. So many
// different ones are looked for, since each look is at all of p.
func (k *prefixes) declared(p, name []byte) bool {
	colon := bytes.IndexByte(name, ':')
	if colon < 0 {
		return true
	}
	prefix := name[:colon]
	for _, known := range k.names[:k.n] {
		if bytes.Equal(known, prefix) {
			return true
		}
	}
	if k.n == len(k.names) {
		return false
	}
	k.names[k.n] = prefix
	k.n++
	for rest := p; ; {
		i := bytes.Index(rest, []byte("xmlns:"))
		if i < 0 {
			return false
		}
		if rest = rest[i+len("xmlns:"):]; len(rest) > colon && bytes.HasPrefix(rest, prefix) && nameEnd(rest, 0) == colon {
			return true
		}
	}
}

// isProcessed reports whether a namespace is one whose elements an XML processor
// acts on: it includes other documents or leads to them, transforms this one, or
// says what handles an event.
func isProcessed(namespace []byte) bool {
	for _, name := range [...]string{"/XInclude", "/XSL/", "/xml-events", "/xlink"} {
		if bytes.Contains(namespace, []byte(name)) {
			return true
		}
	}
	return false
}

// local is name without its prefix.
func local(name []byte) []byte { return name[bytes.LastIndexByte(name, ':')+1:] }

// isActive reports whether an element of that name may be one that a browser runs,
// loads, or reads other elements in than XML says.
func isActive(name []byte) bool {
	var b [12]byte
	if len(name) > len(b) {
		return false
	}
	for i, c := range name {
		if c-'A' < 26 {
			c |= 0x20
		}
		b[i] = c
	}
	switch string(b[:len(name)]) {
	case "script", "style", "svg", "math", "iframe", "frame", "frameset", "object", "embed", "applet", "link", "meta", "base",
		"form", "input", "button", "img", "image", "video", "audio", "source", "marquee", "isindex", "template", "noscript", "xmp",
		"plaintext", "textarea", "use", "set", "animate", "handler", "include", "stylesheet", "transform", "import", "layer", "bgsound":
		return true
	}
	return false
}

// isNamespace reports whether the value of an attribute for namespaces is the name
// of one, and nothing else.
func isNamespace(attribute, value []byte) bool {
	if !bytes.Equal(attribute, []byte("xmlns")) && !bytes.HasPrefix(attribute, []byte("xmlns:")) {
		return false
	}
	known := false
	for _, prefix := range [...]string{"http://", "https://", "urn:", "jabber:"} {
		known = known || bytes.HasPrefix(value, []byte(prefix))
	}
	for i, c := range value {
		switch {
		case c|0x20-'a' < 26, c-'0' < 10, c == ':', c == '/', c == '-', c == '_', c == '#':
		case c == '.' && i > 0 && value[i-1] != '.':
		default:
			return false
		}
	}
	return known
}
