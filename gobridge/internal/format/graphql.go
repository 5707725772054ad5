package format

import "bytes"

// isGraphQL reports whether p begins as a GraphQL document and has a string in
// it: all else is in the text that was visited as it is.
func isGraphQL(p []byte) bool {
	if bytes.IndexByte(p, '"') < 0 {
		return false
	}
	i := skipIgnored(p, 0)
	if i == len(p) {
		return false
	}
	if p[i] != '{' {
		name := graphqlName(p[i:])
		switch string(name) {
		case "query", "mutation", "subscription", "fragment":
		default:
			return false
		}
		// A name, variables, directives, and the selection.
		if i = skipIgnored(p, i+len(name)); i == len(p) {
			return false
		}
		name = graphqlName(p[i:])
		i = skipIgnored(p, i+len(name))
		return i < len(p) && (p[i] == '{' || p[i] == '(' || p[i] == '@' ||
			bytes.HasPrefix(p[i:], []byte("on")))
	}
	// A selection: JSON has a quote, or a key and a colon with a value.
	i = skipIgnored(p, i+1)
	if i == len(p) || p[i] != '.' && len(graphqlName(p[i:])) == 0 {
		return false
	}
	i = skipIgnored(p, i+len(graphqlName(p[i:])))
	if i < len(p) && p[i] == ':' {
		if i = skipIgnored(p, i+1); i == len(p) {
			return false
		}
		name := graphqlName(p[i:])
		i = skipIgnored(p, i+len(name))
		return len(name) > 0 && i < len(p) && p[i] != '}'
	}
	return i < len(p)
}

// skipIgnored moves over what GraphQL 2.1.7 ignores: white space, commas and
// comments.
func skipIgnored(p []byte, i int) int {
	for i < len(p) {
		switch p[i] {
		case ' ', '\t', '\n', '\r', ',':
			i++
		case '#':
			i = lineEnd(p, i)
		default:
			return i
		}
	}
	return i
}

func lineEnd(p []byte, i int) int {
	for i < len(p) && p[i] != '\n' && p[i] != '\r' {
		i++
	}
	return i
}

func graphqlName(p []byte) []byte {
	i := 0
	for i < len(p) && (p[i]|0x20-'a' <= 'z'-'a' || p[i] == '_' || i > 0 && p[i]-'0' <= 9) {
		i++
	}
	return p[:i]
}

// graphql visits the strings of a document, each at the name before it: of an
// argument, or of a field of an object.
func (w *Walker) graphql(p []byte) {
	l := &w.levels[w.nested]
	for i := 0; i < len(p); {
		switch c := p[i]; {
		case c == '#':
			i = lineEnd(p, i)
		case c == '"' && bytes.HasPrefix(p[i:], blockQuote):
			i += len(blockQuote)
			text, size := l.blockString(p[i:])
			i += size
			w.value(text)
		case c == '"':
			// A string ends with its line, but what reads on is lenient.
			text, end, _ := l.unquote(i+1, '"')
			i = min(end+1, len(p))
			w.value(text)
		case c|0x20-'a' <= 'z'-'a' || c == '_':
			name := graphqlName(p[i:])
			i += len(name)
			if j := skipIgnored(p, i); j < len(p) && p[j] == ':' {
				w.label(name)
				i = j + 1
			}
		default:
			i++
		}
	}
}

var blockQuote = []byte(`"""`)

// blockString resolves a block string (GraphQL 2.9.4) up to its end: the
// indentation that all lines but the first have in common goes, and so do empty
// lines at both ends.
func (l *level) blockString(p []byte) (text []byte, size int) {
	end := 0
	for {
		i := bytes.Index(p[end:], blockQuote)
		if i < 0 {
			end, size = len(p), len(p)
			break
		}
		if end += i; end == 0 || p[end-1] != '\\' {
			size = end + len(blockQuote)
			break
		}
		end += len(blockQuote)
	}
	raw := p[:end]
	common := -1
	eachLine(raw, func(first bool, line []byte) {
		indent := indentation(line)
		if !first && indent < len(line) && (common < 0 || indent < common) {
			common = indent
		}
	})
	buf := l.scratch[:0]
	eachLine(raw, func(first bool, line []byte) {
		if !first {
			line = line[min(len(line), max(common, 0)):]
		}
		if len(buf) > 0 {
			buf = append(buf, '\n')
		} else if indentation(line) == len(line) {
			return
		}
		for {
			i := bytes.Index(line, []byte(`\"""`))
			if i < 0 {
				break
			}
			buf = append(append(buf, line[:i]...), blockQuote...)
			line = line[i+1+len(blockQuote):]
		}
		buf = append(buf, line...)
	})
	l.scratch = buf
	return bytes.TrimRight(buf, " \t\n"), size
}

func eachLine(p []byte, visit func(first bool, line []byte)) {
	for first := true; ; first = false {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			visit(first, p)
			return
		}
		visit(first, bytes.TrimSuffix(p[:i], []byte("\r")))
		p = p[i+1:]
	}
}

func indentation(line []byte) int {
	i := 0
	for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
		i++
	}
	return i
}
