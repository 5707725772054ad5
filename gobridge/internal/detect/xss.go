package detect

import (
	"strings"

	"github.com/corazawaf/libinjection-go"
)

// xss is libinjection's HTML detector (CRS 941100) behind a prefilter.
type xss struct{}

func (xss) Name() string { return "xss" }

func (xss) Detect(value []byte, b *Budget, dst []Finding) []Finding {
	s := text(value)
	if !mayXSS(s) || !b.take(len(s)) {
		return dst
	}
	if !libinjection.IsXSS(s) {
		return dst
	}
	return append(dst, Finding{
		Type:  "xss",
		Rule:  "941100",
		Name:  "XSS attack detected via libinjection",
		Score: 5,
		End:   len(s),
	})
}

// mayXSS reports whether libinjection.IsXSS(s) can be true.
//
// Sound for v0.3.5, whose functions are named here. checkToken flags five tokens:
//
//   - DocType, TagComment and TagNameOpen arise only behind a "<" that stateData
//     found, from stateTagOpen by the byte after it. mayMarkup tries every "<".
//     stateEndTagOpen leads to a TagClose, which is not flagged, if ">" ends the
//     name.
//   - AttrValue, if the token before it was an AttrName that isBlackAttr knows
//     (runXSS forgets it at any other token). stateAttributeName and
//     stateAfterAttributeName let only white space and "=" stand between the
//     two. A name begins at the start of the text, after white space, "/" or a
//     closing quote (the callers of stateAttributeName), and a black one is all
//     letters and ":", so it is the whole run of these before the "=".
//     mayAttribute tries every "=" in this way. If isBlackURL judges the value,
//     its first character is D, V, J or an entity, after what mayBlackURL skips.
//
// NUL is skipped inside and between these; text with NUL is passed on.
func mayXSS(s string) bool {
	lt, eq := strings.IndexByte(s, '<'), strings.IndexByte(s, '=')
	if lt < 0 && eq < 0 {
		return false
	}
	if strings.IndexByte(s, 0) >= 0 {
		return true
	}
	return lt >= 0 && mayMarkup(s[lt:]) || eq >= 0 && mayAttribute(s, eq)
}

// mayMarkup reports whether a "<" of s can begin a black tag, a doctype or a
// black comment.
func mayMarkup(s string) bool {
	noTick := false
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 || i+1 == len(s) {
			return false
		}
		s = s[i+1:]
		switch c := s[0]; {
		case isASCIILetter(c):
			if name := tagName(s); blackTag(name) {
				return true
			}
		case c == '/' && len(s) > 1 && isASCIILetter(s[1]):
			// A closing tag counts only when it goes on behind its name.
			if name := tagName(s[1:]); blackTag(name) &&
				!strings.HasPrefix(s[1+len(name):], ">") {
				return true
			}
		case c == '!' && hasPrefixFold(s[1:], "DOCTYPE"):
			return true
		case c == '!' || c == '?' || c == '%' || c == '/':
			if !noTick && strings.IndexByte(s, '`') >= 0 || blackComment(s[1:]) ||
				strings.HasPrefix(s, "!--") && blackComment(s[3:]) {
				return true
			}
			noTick = true
		}
	}
}

// maxTagName is the length of the longest black tag.
const maxTagName = 8

// tagName returns the beginning of s up to what ends a tag's name, cut at one
// byte more than a black tag has.
func tagName(s string) string {
	for i := range min(len(s), maxTagName+1) {
		if c := s[i]; c == '/' || c == '>' || htmlWhite(c) {
			return s[:i]
		}
	}
	return s[:min(len(s), maxTagName+1)]
}

func blackTag(name string) bool {
	if hasPrefixFold(name, "SVG") || hasPrefixFold(name, "XSL") {
		return true
	}
	var buf [maxTagName + 1]byte
	switch string(upper(buf[:], name)) {
	case "APPLET", "BASE", "COMMENT", "EMBED", "FRAME", "FRAMESET", "HANDLER",
		"IFRAME", "IMPORT", "ISINDEX", "LINK", "LISTENER", "META", "NOSCRIPT",
		"OBJECT", "SCRIPT", "STYLE", "VMLFRAME", "XML", "XSS":
		return true
	}
	return false
}

func blackComment(s string) bool {
	return hasPrefixFold(s, "[IF") || hasPrefixFold(s, "XML") ||
		hasPrefixFold(s, "IMPORT") || hasPrefixFold(s, "ENTITY")
}

// maxAttrName is the longest name that libinjection looks up.
const maxAttrName = 64

// mayAttribute reports whether an "=" of s, the first being at i, can stand
// between a black attribute's name and its value.
func mayAttribute(s string, i int) bool {
	for {
		end := i
		for end > 0 && htmlWhite(s[end-1]) {
			end--
		}
		start := end
		for start > 0 && end-start <= maxAttrName && (isASCIILetter(s[start-1]) || s[start-1] == ':') {
			start--
		}
		if (start == 0 || beforeName(s[start-1])) && blackAttribute(s[start:end], s[i+1:]) {
			return true
		}
		n := strings.IndexByte(s[i+1:], '=')
		if n < 0 {
			return false
		}
		i += 1 + n
	}
}

// beforeName reports whether an attribute's name can follow c.
func beforeName(c byte) bool {
	return htmlWhite(c) || c == '/' || c == '"' || c == '\'' || c == '`'
}

// blackAttribute reports whether the attribute can be black with the value that
// rest begins with.
func blackAttribute(name, rest string) bool {
	if hasPrefixFold(name, "ON") {
		return 5 <= len(name) && len(name) <= maxAttrName
	}
	var buf [16]byte
	switch string(upper(buf[:], name)) {
	case "XMLNS", "XLINK", "DATAFORMATAS", "DATASRC", "FILTER", "STYLE", "ATTRIBUTENAME":
		return true
	case "ACTION", "BY", "BACKGROUND", "DYNSRC", "FORMACTION", "FOLDER", "FROM",
		"HANDLER", "HREF", "LOWSRC", "POSTER", "SRC", "TO", "VALUES", "XLINK:HREF":
		return mayBlackURL(rest)
	}
	return false
}

// mayBlackURL reports whether the attribute value that s begins with can be a
// data, view-source, vbscript or java URL, in characters or entities.
func mayBlackURL(s string) bool {
	for i := range len(s) {
		switch c := s[i]; c {
		case 'd', 'D', 'v', 'V', 'j', 'J', '&':
			return true
		case '"', '\'', '`':
		default:
			if ' ' < c && c < 0x7f {
				return false
			}
		}
	}
	return false
}

func isASCIILetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func htmlWhite(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func hasPrefixFold(s, upper string) bool {
	return len(s) >= len(upper) && equalUpper(upper, s[:len(upper)])
}

// upper writes s, at most len(buf) bytes of it, to buf in upper case.
func upper(buf []byte, s string) []byte {
	n := copy(buf, s)
	for i, c := range buf[:n] {
		if 'a' <= c && c <= 'z' {
			buf[i] = c - ('a' - 'A')
		}
	}
	return buf[:n]
}
