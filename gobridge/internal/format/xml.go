package format

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// isXML reports whether p, which begins with <, begins as XML: with a tag, a
// comment, CDATA, a document type or a processing instruction. An element ends
// in it, or there is nothing that an application gets. Rich text in HTML is not
// taken apart.
func isXML(p []byte) bool {
	if len(p) < 4 {
		return false
	}
	switch c := p[1]; {
	case c == '?' || isNameStart(c):
		i := 2
		for i < len(p) && isNameByte(p[i]) {
			i++
		}
		if isHTML(p[1:i]) && !bytes.Contains(p, []byte("xmlns")) && !bytes.Contains(p, []byte("<![CDATA[")) {
			return false
		}
		return i < len(p) && (isSpace(p[i]) || p[i] == '>' || p[i] == '/' || p[i] == '?') && endsElement(p)
	case c == '!':
		return (p[2] == '-' || p[2] == '[' || p[2]|0x20 == 'd') && endsElement(p)
	}
	return false
}

// isHTML reports whether an element is one of HTML that rich text begins with.
func isHTML(name []byte) bool {
	var b [10]byte
	if len(name) > len(b) {
		return false
	}
	for i, c := range name {
		b[i] = c | 0x20
	}
	switch string(b[:len(name)]) {
	case "a", "b", "i", "u", "p", "s", "br", "hr", "em", "strong", "code", "pre", "div", "span", "img",
		"ul", "ol", "li", "table", "blockquote", "aside", "details", "script", "style", "svg", "iframe":
		return true
	}
	return len(name) == 2 && b[0] == 'h' && name[1]-'1' < 6
}

// endsElement reports whether there is "</" or "/>" in p.
func endsElement(p []byte) bool {
	for i := 1; i < len(p); i++ {
		n := bytes.IndexByte(p[i:], '/')
		if n < 0 {
			return false
		}
		if i += n; p[i-1] == '<' || i+1 < len(p) && p[i+1] == '>' {
			return true
		}
	}
	return false
}

// isNameStart takes what XML 1.0 does, and all that is not ASCII.
func isNameStart(c byte) bool {
	return c|0x20-'a' <= 'z'-'a' || c == '_' || c == ':' || c >= 0x80
}

func isNameByte(c byte) bool {
	return isNameStart(c) || c-'0' <= 9 || c == '-' || c == '.'
}

// xmlScanner is the position in an XML document.
type xmlScanner struct {
	w   *Walker
	doc []byte
	pos int

	depth int // open elements that have a frame
	over  int // and that have none: beyond maxDepth

	text   []byte // since the last tag: a part of doc, or scratch
	copied bool   // into scratch

	// Nothing ends what begins so, so it is not looked for again.
	noComment, noCDATA, noPI, noTag bool
	noQuote                         [2]bool
}

// xml visits texts and attributes; references to characters and to the five
// entities of XML are resolved, others stay. Nothing is loaded or expanded: what
// a document type declares is visited as values. Text is joined over CDATA and
// comments, as parsers join it.
func (w *Walker) xml(doc []byte) {
	s := xmlScanner{w: w, doc: doc}
	for s.pos < len(doc) {
		i := bytes.IndexByte(doc[s.pos:], '<')
		if i < 0 {
			s.add(doc[s.pos:], true)
			break
		}
		s.add(doc[s.pos:s.pos+i], true)
		s.pos += i
		s.markup()
	}
	s.flush()
}

// markup reads what begins with the < at pos.
func (s *xmlScanner) markup() {
	rest := s.doc[s.pos:]
	c := byte(0)
	if len(rest) > 1 {
		c = rest[1]
	}
	switch {
	case c == '!' && bytes.HasPrefix(rest, []byte("<!--")):
		if _, ok := s.until(4, "-->", &s.noComment); ok {
			return
		}
	case c == '!' && bytes.HasPrefix(rest, []byte("<![CDATA[")):
		if body, ok := s.until(9, "]]>", &s.noCDATA); ok {
			s.add(body, false)
			return
		}
	case c == '!' && len(rest) > 2 && rest[2]|0x20 == 'd':
		s.flush()
		s.docType()
		return
	case c == '?':
		if _, ok := s.until(2, "?>", &s.noPI); ok {
			return
		}
	case c == '/':
		if _, ok := s.until(2, ">", &s.noTag); ok {
			s.flush()
			s.end()
			return
		}
	case isNameStart(c):
		s.flush()
		s.tag()
		return
	}
	s.add(rest[:1], true)
	s.pos++
}

// until moves behind end and returns what is between it and the skip bytes at
// pos. failed remembers that there is no end.
func (s *xmlScanner) until(skip int, end string, failed *bool) (body []byte, ok bool) {
	if *failed {
		return nil, false
	}
	body = s.doc[s.pos+skip:]
	i := bytes.Index(body, []byte(end))
	if i < 0 {
		*failed = true
		return nil, false
	}
	s.pos += skip + i + len(end)
	return body[:i], true
}

// add appends to the text, with references resolved if set.
func (s *xmlScanner) add(p []byte, references bool) {
	if len(p) == 0 {
		return
	}
	references = references && bytes.IndexByte(p, '&') >= 0
	if len(s.text) == 0 && !references {
		s.text, s.copied = p, false
		return
	}
	l := &s.w.levels[s.w.nested]
	if !s.copied {
		l.scratch = append(l.scratch[:0], s.text...)
		s.copied = true
	}
	if references {
		l.scratch = appendReferences(l.scratch, p)
	} else {
		l.scratch = append(l.scratch, p...)
	}
	s.text = l.scratch
}

// flush visits the text.
func (s *xmlScanner) flush() {
	text := s.text
	s.text, s.copied = nil, false
	if skipSpace(text, 0) < len(text) {
		s.w.value(text)
	}
}

// tag reads a start tag.
func (s *xmlScanner) tag() {
	s.pos++
	name := s.name()
	s.w.label(name)
	if len(s.w.frames) < maxDepth {
		s.w.open(true)
		s.depth++
	} else {
		s.over++
	}
	for {
		s.pos = skipSpace(s.doc, s.pos)
		if s.pos == len(s.doc) {
			break
		}
		c := s.doc[s.pos]
		if c == '>' {
			s.pos++
			break
		}
		if c == '<' {
			break // a tag that is not closed
		}
		if c == '/' && s.pos+1 < len(s.doc) && s.doc[s.pos+1] == '>' {
			s.pos += 2
			s.end()
			return
		}
		if !isNameStart(c) {
			s.pos++
			continue
		}
		attribute := s.name()
		i := skipSpace(s.doc, s.pos)
		if i == len(s.doc) || s.doc[i] != '=' {
			continue
		}
		s.pos = skipSpace(s.doc, i+1)
		s.w.label(attribute)
		value := s.unreference(s.quoted())
		if !isNamespace(attribute, value) {
			s.w.value(value)
			continue
		}
		s.w.field.Opened = true
		s.w.visitValue(value)
		s.w.field.Opened = false
	}
	s.w.label(nil)
}

// end leaves the innermost element, whatever its name.
func (s *xmlScanner) end() {
	if s.over > 0 {
		s.over--
	} else if s.depth > 0 {
		s.depth--
		s.w.close()
	}
	s.w.label(nil)
}

func (s *xmlScanner) name() []byte {
	start := s.pos
	for s.pos < len(s.doc) && isNameByte(s.doc[s.pos]) {
		s.pos++
	}
	return s.doc[start:s.pos]
}

// quoted reads the value at pos: in quotes or, as in HTML, up to white space or
// the end of the tag.
func (s *xmlScanner) quoted() []byte {
	rest := s.doc[s.pos:]
	if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
		if failed := &s.noQuote[rest[0]&1]; !*failed {
			if i := bytes.IndexByte(rest[1:], rest[0]); i >= 0 {
				s.pos += i + 2
				return rest[1 : i+1]
			}
			*failed = true
		}
	}
	i := 0
	for i < len(rest) && !isSpace(rest[i]) && rest[i] != '>' {
		i++
	}
	s.pos += i
	return rest[:i]
}

func (s *xmlScanner) unreference(p []byte) []byte {
	if bytes.IndexByte(p, '&') < 0 {
		return p
	}
	l := &s.w.levels[s.w.nested]
	l.scratch = appendReferences(l.scratch[:0], p)
	return l.scratch
}

// docType visits the literals of a document type: those of entities, of
// defaults of attributes, and system identifiers.
func (s *xmlScanner) docType() {
	s.pos += 2
	subset := false
	for s.pos < len(s.doc) {
		switch c := s.doc[s.pos]; c {
		case '"', '\'':
			before := s.pos
			if literal := s.quoted(); s.pos > before && len(literal) > 0 {
				s.w.value(s.unreference(literal))
			}
			if s.pos == before {
				s.pos++
			}
		case '[':
			subset = true
			s.pos++
		case ']':
			subset = false
			s.pos++
		case '>':
			s.pos++
			if !subset {
				return
			}
		case '<':
			rest := s.doc[s.pos:]
			if bytes.HasPrefix(rest, []byte("<!--")) {
				if _, ok := s.until(4, "-->", &s.noComment); ok {
					continue
				}
			} else if bytes.HasPrefix(rest, []byte("<?")) {
				if _, ok := s.until(2, "?>", &s.noPI); ok {
					continue
				}
			} else if !subset {
				return
			}
			s.pos++
		default:
			s.pos++
		}
	}
}

// appendReferences resolves the references of XML 1.0 4.1 and 4.6 in p.
func appendReferences(buf, p []byte) []byte {
	const maxReference = 12
	for {
		i := bytes.IndexByte(p, '&')
		if i < 0 {
			return append(buf, p...)
		}
		buf = append(buf, p[:i]...)
		p = p[i:]
		end := bytes.IndexByte(p[:min(len(p), maxReference)], ';')
		if end > 0 {
			if r := reference(p[1:end]); r >= 0 {
				buf = utf8.AppendRune(buf, r)
				p = p[end+1:]
				continue
			}
		}
		buf = append(buf, '&')
		p = p[1:]
	}
}

// reference is the character that name stands for, -1 if it is another entity.
func reference(name []byte) rune {
	switch string(name) {
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "amp":
		return '&'
	case "quot":
		return '"'
	case "apos":
		return '\''
	}
	if len(name) < 2 || name[0] != '#' {
		return -1
	}
	base, digits := 10, name[1:]
	if digits[0]|0x20 == 'x' {
		base, digits = 16, digits[1:]
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > 0x10FFFF {
		return -1
	}
	return rune(n)
}

// XML visits every text and attribute of doc, and reports whether it begins as
// XML. The text as a whole and the names in it are not visited: a caller knows
// that its reader takes nothing else.
func (w *Walker) XML(doc []byte, root Root, visit Visit) bool {
	i := skipSpace(doc, 0)
	if i == len(doc) || doc[i] != '<' || !isXML(doc[i:]) {
		return false
	}
	w.begin(doc, root, visit)
	ok := w.push("xml", doc, true)
	if ok {
		w.open(true)
		w.xml(doc)
		w.pop()
	}
	w.end()
	return ok
}
