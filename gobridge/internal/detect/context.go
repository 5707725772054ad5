package detect

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// weigh gives f the score that it has in what text, a reading of value, is: in
// talk, since people who write to each other also write about code; in a
// statement of SQL, in JSX, in binary data that happens to hold what a rule looks
// for.
func weigh(value, text []byte, f *Finding) {
	switch {
	case f.rule != nil:
		if f.rule.Talk >= 0 && isTalk(text[:f.Start], text[f.End:], talkWords) {
			f.Score = f.rule.Talk
		}
	case f.Type == "sqli":
		if isStatement(text) {
			f.Score = statementScore
		} else if isPlain(text) || isTalk(text, nil, proseWords) {
			f.Score = proseScore
		}
	case isJSX(text[f.Start:f.End]):
		f.Score = jsxScore
	case isEdited(text[f.Start:f.End]):
		f.Score = styleScore
	default:
		if n := mention(text[f.Start:f.End]); n > 0 && isTalk(text[:f.Start], text[f.Start+n:], talkWords) {
			f.Score = mentionScore
		}
	}
	if f.Type == "sqli" && f.Score > formulaScore && isFormula(text) {
		f.Score = formulaScore
	}
	if f.Score > 0 && (isBinary(text) || len(text) != len(value) && isBinary(value)) {
		if f.Score--; f.rule == nil {
			f.Score = min(f.Score, binaryScore)
		}
	}
}

// What libinjection's word counts for: it knows SQL, not who is to have written
// it, takes code of a script for an attribute, a tag that is named for one that
// is there, the colours of an editor for a style that runs code, and finds quotes
// and operators in what is no text.
const (
	statementScore = 2
	proseScore     = 4
	jsxScore       = 1
	styleScore     = 1
	binaryScore    = 2
	mentionScore   = 2
	formulaScore   = 2 // of any rule: SQL has the functions of mathematics
)

// isJSX reports whether text begins with an attribute of JSX, onClick={...
func isJSX(text []byte) bool {
	n := 0
	for n < len(text) && isASCIILetter(text[n]) {
		n++
	}
	return n > 0 && bytes.HasPrefix(text[n:], []byte("={"))
}

// isEdited reports whether text, from the first thing that libinjection can flag
// to its end, has nothing of that but what editors and programs of mail write:
// styles that only say how a text looks, pictures, the head of a page, comments for
// one program.
func isEdited(value []byte) bool {
	s := text(value)
	for from, most := 0, maxMarkup; ; most-- {
		lt := strings.IndexByte(s[from:], '<')
		if lt < 0 {
			break
		}
		if lt = markup(s, from+lt); lt < 0 {
			break
		}
		n := plainMarkup(s[lt:])
		if n < 0 || most == 0 {
			return false
		}
		from = lt + n
	}
	for from := 0; ; {
		eq := strings.IndexByte(s[from:], '=')
		if eq < 0 {
			return true
		}
		at := attribute(s, from+eq)
		if at < 0 {
			return true
		}
		eq = at + strings.IndexByte(s[at:], '=')
		n := -1
		switch {
		case hasPrefixFold(s[at:], "STYLE"):
			n = look(s[eq+1:])
		case hasPrefixFold(s[at:], "SRC"):
			n = picture(s[eq+1:])
		case hasPrefixFold(s[at:], "XMLNS"):
			n = namespace(s[eq+1:])
		}
		if n < 0 {
			return false
		}
		from = eq + 1 + n
	}
}

// maxMarkup bounds how often isEdited looks for a backtick in the rest of a value.
const maxMarkup = 64

// plainMarkup is how much of s, which begins with what markup finds, does nothing:
// a doctype, a meta tag that says what the page is, a style sheet that loads
// nothing, the beginning of a conditional comment. -1 of anything else.
func plainMarkup(s string) int {
	gt := strings.IndexByte(s, '>')
	if gt < 0 {
		return -1
	}
	switch tag := s[:gt]; {
	case hasPrefixFold(tag, "<!DOCTYPE HTML"):
		if strings.IndexByte(tag[1:], '<') < 0 && strings.IndexByte(tag, '[') < 0 {
			return gt + 1
		}
	case strings.HasPrefix(tag, "<!--[if ") || strings.HasPrefix(tag, "<!--[if(") || strings.HasPrefix(tag, "<![if "):
		if strings.HasSuffix(strings.TrimSuffix(tag, "--"), "]") && strings.IndexByte(tag[1:], '<') < 0 {
			return gt + 1
		}
	case len(tag) == len("<XML") && hasPrefixFold(tag, "<XML"):
		return gt + 1 // settings of Word, in such a comment
	case hasPrefixFold(tag, "<META"):
		if len(tag) > 5 && htmlWhite(tag[5]) && (isHead(tag[5:]) || isNamed(tag[5:])) {
			return gt + 1
		}
	case hasPrefixFold(tag, "<LINK"):
		if len(tag) > 5 && htmlWhite(tag[5]) && isReference(tag[5:]) {
			return gt + 1
		}
	case hasPrefixFold(tag, "<SVG"):
		if n := drawing(s); n > 0 {
			return n
		}
	case hasPrefixFold(tag, "<STYLE"):
		end := indexFold(s[gt:], "</STYLE>")
		if end >= 0 && (len(tag) == 6 || isHead(tag[6:])) && isSheet(s[gt+1:gt+end]) {
			return gt + end + len("</STYLE>")
		}
	}
	return -1
}

// isHead reports whether the attributes of a tag name nothing that leads elsewhere,
// or an encoding in which a tag is none.
func isHead(attributes string) bool {
	if inQuotes(attributes) {
		return false
	}
	for i := range len(attributes) {
		switch c := attributes[i]; c {
		case '<', '\\', '&', '`', '%', 0:
			return false
		}
	}
	for _, word := range [...]string{"REFRESH", "COOKIE", "LINK", "SCRIPT", "DATA:", "UTF-7", "UTF7", "UTF-16", "UTF-32", "ISO-2022", "MAC", "X-IMAP", "HZ-", "EBCDIC", "SRC", "HREF"} {
		if indexFold(attributes, word) >= 0 {
			return false
		}
	}
	return true
}

// isNamed reports whether the attributes of a meta tag only name something about a
// page, whatever it is: without http-equiv and charset it does nothing.
func isNamed(attributes string) bool {
	return !inQuotes(attributes) && indexFold(attributes, "HTTP-EQUIV") < 0 && indexFold(attributes, "CHARSET") < 0 &&
		strings.IndexByte(attributes, '<') < 0 && strings.IndexByte(attributes, 0) < 0 && !hasHandler(attributes)
}

// isReference reports whether the attributes of a link say what a page is about, and
// do not load: it has no rel, or the fonts of Google, whose style sheets nobody else
// writes.
func isReference(attributes string) bool {
	loads, address := false, ""
	for {
		attributes = strings.TrimLeft(attributes, " \t\r\n")
		if attributes == "" || attributes == "/" {
			address += "/"
			return !loads || strings.HasPrefix(address, "https://fonts.googleapis.com/") || strings.HasPrefix(address, "https://fonts.gstatic.com/")
		}
		name := attributes[:len(attributes)-len(strings.TrimLeft(attributes, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
		value := ""
		if attributes = attributes[len(name):]; strings.HasPrefix(attributes, "=\"") {
			end := strings.IndexByte(attributes[2:], '"')
			if end < 0 {
				return false
			}
			value, attributes = attributes[2:2+end], attributes[3+end:]
		} else if attributes != "" && strings.IndexByte(" \t\r\n/", attributes[0]) < 0 {
			return false
		}
		var buf [12]byte
		switch string(upper(buf[:], name)) {
		case "REL":
			loads = true
		case "HREF":
			if address != "" {
				return false
			}
			address = value
		case "ITEMPROP", "ITEMTYPE", "PROPERTY", "RESOURCE", "TYPEOF", "CONTENT", "TYPE", "TITLE", "LANG", "HREFLANG", "MEDIA", "CROSSORIGIN":
		default:
			return false
		}
	}
}

// inQuotes reports whether attributes end within quotes: the tag goes on behind them.
func inQuotes(attributes string) bool {
	var quote byte
	for i := range len(attributes) {
		switch c := attributes[i]; {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return quote != 0
}

// hasHandler reports whether an attribute's name begins with on.
func hasHandler(attributes string) bool {
	for i := 0; ; {
		n := strings.IndexByte(attributes[i:], '=')
		if n < 0 {
			return false
		}
		if at := attribute(attributes, i+n); at >= 0 && hasPrefixFold(attributes[at:], "ON") {
			return true
		}
		i += n + 1
	}
}

// drawing is the length of the svg that s begins with when it has shapes in it and
// nothing that runs or loads; -1 of another.
func drawing(s string) int {
	end := indexFold(s, "</SVG>")
	if end < 0 {
		return -1
	}
	for i := 0; i < end; i++ {
		switch s[i] {
		case '\\', '&', '`', '{', '!', 0:
			return -1
		case '<':
			var buf [16]byte
			switch name := shapeName(strings.TrimPrefix(s[i+1:], "/")); string(upper(buf[:], name)) {
			case "SVG", "G", "PATH", "CIRCLE", "RECT", "LINE", "POLYLINE", "POLYGON", "ELLIPSE", "TITLE", "DESC", "DEFS", "TEXT", "TSPAN",
				"LINEARGRADIENT", "RADIALGRADIENT", "STOP", "CLIPPATH", "MASK", "SYMBOL":
			default:
				return -1
			}
		}
	}
	for i := 0; i < end; {
		eq := strings.IndexByte(s[i:end], '=')
		if eq < 0 {
			break
		}
		at := attribute(s[:end], i+eq)
		if at < 0 {
			break
		}
		eq = at + strings.IndexByte(s[at:], '=')
		n := -1
		switch {
		case hasPrefixFold(s[at:], "STYLE"):
			n = look(s[eq+1 : end])
		case hasPrefixFold(s[at:], "XMLNS"):
			n = namespace(s[eq+1 : end])
		}
		if n < 0 {
			return -1
		}
		i = eq + 1 + n
	}
	for _, word := range [...]string{"HREF", "SRC", "URL("} {
		if at := indexFold(s[:end], word); at >= 0 && (word != "URL(" || !strings.HasPrefix(s[at+len(word):], "#")) {
			return -1
		}
	}
	return end + len("</SVG>")
}

// shapeName is the name of an element that s begins with, as far as letters go.
func shapeName(s string) string {
	n := 0
	for n < len(s) && n < 15 && isASCIILetter(s[n]) {
		n++
	}
	if n < len(s) && s[n] != '>' && s[n] != '/' && !htmlWhite(s[n]) {
		return ""
	}
	return s[:n]
}

// isSheet reports whether a style sheet has no escape, no tag, and nothing that runs
// or loads more than pictures and fonts do. What a comment that stands between rules
// or declarations says does not count; one in a word would join its halves.
func isSheet(style string) bool {
	for i := 0; i < len(style); i++ {
		switch style[i] {
		case '<':
			if !strings.HasPrefix(style[i:], "<!--") {
				return false
			}
		case '/':
			if strings.HasPrefix(style[i:], "/*") {
				end := strings.Index(style[i+2:], "*/")
				if end < 0 || i > 0 && !betweenRules(style[i-1]) || strings.IndexByte(style[i:i+2+end], '<') >= 0 {
					return false
				}
				i += end + 3
			}
		case '\\', '`', 0:
			return false
		}
	}
	for _, word := range [...]string{"EXPRESSION", "SCRIPT:", "BEHAVIOR", "BEHAVIOUR", "BINDING", "@IMPORT", "DATA:"} {
		if indexFold(style, word) >= 0 {
			return false
		}
	}
	return true
}

// betweenRules reports whether a style sheet's word cannot go on behind c.
func betweenRules(c byte) bool {
	return htmlWhite(c) || c == ';' || c == '{' || c == '}' || c == '/'
}

// indexFold is where upper, in any case, is in s first, or -1.
func indexFold(s, upper string) int {
	for i := 0; i+len(upper) <= len(s); i++ {
		if s[i]&^0x20 == upper[0]&^0x20 && equalUpper(upper, s[i:i+len(upper)]) {
			return i
		}
	}
	return -1
}

// namespace is the length of an address of a namespace in quotes that s begins
// with, -1 of anything else.
func namespace(s string) int {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return -1
	}
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 || !strings.HasPrefix(s[1:1+end], "http://www.w3.org/") && !strings.HasPrefix(s[1:1+end], "urn:schemas-microsoft-com:") {
		return -1
	}
	return end + 2
}

// picture is the length of a picture's data in quotes that s begins with, -1 of
// anything else.
func picture(s string) int {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return -1
	}
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 {
		return -1
	}
	kind, ok := strings.CutPrefix(s[1:1+end], "data:image/")
	if !ok {
		return -1
	}
	kind, data, ok := strings.Cut(kind, ";base64,")
	if !ok {
		return -1
	}
	switch kind {
	case "png", "jpeg", "jpg", "gif", "webp", "bmp", "avif":
	default:
		return -1
	}
	for i := range len(data) {
		if c := data[i]; !isASCIILetter(c) && (c < '0' || c > '9') && c != '+' && c != '/' && c != '=' {
			return -1
		}
	}
	return end + 2
}

// nameBefore is the name in a style that ends before i.
func nameBefore(style string, i int) string {
	from := i
	for from > 0 && (isASCIILetter(style[from-1]) || style[from-1] == '-') {
		from--
	}
	return style[from:i]
}

// look is the length of a style in quotes that s begins with and that has only
// numbers, words, colours and fonts; -1 of another. An escape, a comment, an
// entity but a quote's and a call but those of colours, lengths and pictures are none
// of these.
func look(s string) int {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return -1
	}
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 {
		return -1
	}
	style := s[1 : 1+end]
	for i := 0; i < len(style); i++ {
		switch c := style[i]; c {
		case '&':
			// The quotes around a font's name.
			n := 0
			for _, quote := range [...]string{"&quot;", "&#39;", "&apos;"} {
				if strings.HasPrefix(style[i:], quote) {
					n = len(quote)
				}
			}
			if n == 0 {
				return -1
			}
			i += n - 1
		case '\\', '<', '>', '@', '`', '{', '}', '[', 0:
			return -1
		case '*':
			if i > 0 && style[i-1] == '/' || i+1 < len(style) && style[i+1] == '/' {
				return -1
			}
		case '(':
			var buf [16]byte
			switch string(upper(buf[:], nameBefore(style, i))) {
			case "RGB", "RGBA", "HSL", "HSLA", "VAR", "CALC", "MIN", "MAX", "CLAMP", "TRANSLATE", "ROTATE", "SCALE", "URL",
				"LINEAR-GRADIENT", "RADIAL-GRADIENT", "TRANSLATEX", "TRANSLATEY", "MINMAX", "REPEAT":
			default:
				return -1
			}
		case ':':
			var buf [12]byte
			switch string(upper(buf[:], nameBefore(style, i))) {
			case "BEHAVIOR", "JAVASCRIPT", "VBSCRIPT", "DATA", "-MOZ-BINDING":
				return -1
			}
		}
	}
	return end + 2
}

// mention is the length of a tag that text begins with and that may only be
// named: it has no attributes, and nothing follows that a script could be.
func mention(text []byte) int {
	n := bytes.IndexByte(text[:min(len(text), maxTagName+3)], '>') + 1
	if n < 3 {
		return 0
	}
	for i, c := range text[1 : n-1] {
		if !isASCIILetter(c) && (c != '/' || i > 0) {
			return 0
		}
	}
	if n == len(text) || strings.IndexByte(" `.,?!:)\"'\r\n", text[n]) >= 0 {
		return n
	}
	return 0
}

// isFormula reports whether value has nothing but numbers, what stands between them
// in a formula, single letters and functions of mathematics, and one of both.
func isFormula(value []byte) bool {
	variable, function := false, false
	for i := 0; i < len(value); {
		from := i
		for i < len(value) && isASCIILetter(value[i]) {
			i++
		}
		switch n := i - from; {
		case n == 0:
			if c := value[i]; c < '0' || c > '9' {
				switch c {
				case ' ', '\t', '(', ')', '+', '-', '*', '/', '^', '=', ',', '.':
				default:
					return false
				}
			}
			i++
		case n == 1:
			variable = true
		default:
			switch string(value[from:i]) {
			case "sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "arcsin", "arccos", "arctan", "sinh", "cosh",
				"tanh", "exp", "log", "ln", "sqrt", "abs", "max", "min", "floor", "ceil", "round", "mod", "pi", "theta":
			default:
				return false
			}
			function = true
		}
	}
	return variable && function && !bytes.Contains(value, []byte("--")) && !bytes.Contains(value, []byte("/*"))
}

// binaryShare is of how many characters one is none of a text in binary data.
const binaryShare = 12

// isBinary reports whether that share of value is control characters, NUL apart,
// or no UTF-8, or what stands for bytes that were none. One and the same control
// character all over is none of data: it is put between letters to hide them.
func isBinary(value []byte) bool {
	n := 0
	var first byte
	varied := false
	for i := 0; i < len(value); {
		c := value[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != 0 && (c < '\t' || c > '\r') || c == 0x7f {
				n++
				varied = varied || first != 0 && c != first
				first = c
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(value[i:])
		if r == utf8.RuneError || r < 0xa0 {
			n++
			varied = true
		}
		i += size
	}
	return varied && n > len(value)/binaryShare
}

const (
	talkWords  = 5 // words of a language around a match that make a text of it
	proseWords = 7 // the same where the match may be all of the text
)

// isTalk reports whether there are so many words in before and after. A word is
// of letters, between blanks and the marks of sentences; letters beyond ASCII
// need none, as there are languages that have no blanks.
func isTalk(before, after []byte, most int) bool {
	words := 0
	for _, part := range [2][]byte{before, after} {
		for i := 0; i < len(part); {
			from := i
			for i < len(part) && (isASCIILetter(part[i]) || part[i] >= utf8.RuneSelf) {
				i++
			}
			if n := i - from; n > 0 && (from == 0 || wordEdge(part[from-1])) && (i == len(part) || wordEdge(part[i])) &&
				(n > 1 || part[from]|0x20 == 'a' || part[from]|0x20 == 'i') {
				if words++; part[from] >= utf8.RuneSelf {
					words += n / 12
				}
				if words >= most {
					return true
				}
			}
			i++
		}
	}
	return false
}

// wordEdge reports whether c may stand beside a word.
func wordEdge(c byte) bool {
	switch c {
	case ' ', '\n', '\r', '\t', '.', ',', '!', '?', ':', '\'':
		return true
	}
	return false
}

// isPlain reports whether value has nothing but words, numbers, the marks of
// sentences and paths as "src/*/x": no quote, operator, comment that ends, or end
// of a statement.
func isPlain(value []byte) bool {
	var before, last byte
	for _, c := range value {
		switch {
		case isASCIILetter(c), '0' <= c && c <= '9', c >= utf8.RuneSelf:
		case c == '-' && last == '-', c == '/' && last == '*' && before != '/':
			return false
		case strings.IndexByte(" .,:!?()-\n\r/*@_", c) < 0:
			return false
		}
		before, last = last, c
	}
	return true
}

// isStatement reports whether value begins as a statement of SQL does.
func isStatement(value []byte) bool {
	value = bytes.TrimLeft(value, " \t\r\n(`\"")
	n := 0
	for n < len(value) && isASCIILetter(value[n]) {
		n++
	}
	if n == len(value) || value[n] != ' ' && value[n] != '\n' && value[n] != '\t' && value[n] != '\r' {
		return false
	}
	var word [9]byte
	switch string(upper(word[:], text(value[:n]))) {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "WITH", "EXPLAIN", "SHOW", "GRANT", "MERGE":
		return true
	}
	return false
}
