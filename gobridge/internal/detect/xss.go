package detect

import (
	"strings"

	"github.com/corazawaf/libinjection-go"
)

// detectXSS is libinjection's HTML detector (CRS 941100) behind a prefilter. in
// are the classes of value's bytes.
func detectXSS(value []byte, in byteSet, b *Budget) (Finding, bool) {
	s := text(value)
	start := suspect(s, in)
	if start < 0 || !b.take(len(s)) || !libinjection.IsXSS(s) {
		return Finding{}, false
	}
	return Finding{
		Type:  "xss",
		Rule:  "941100",
		Name:  "XSS attack detected via libinjection",
		Score: 5,
		Start: start,
		End:   len(s),
	}, true
}

// suspect returns where in s the first thing stands that could be what
// libinjection.IsXSS flags, -1 when it flags nothing. in are the classes of the
// bytes of s.
//
// Sound for v0.3.5, whose functions are named here. checkToken flags five tokens:
//
//   - DocType, TagComment and TagNameOpen arise only behind a "<" that stateData
//     found, from stateTagOpen by the byte after it. markup tries every "<".
//     stateEndTagOpen leads to a TagClose, which is not flagged, if ">" ends the
//     name.
//   - AttrValue, if the token before it was an AttrName that isBlackAttr knows
//     (runXSS forgets it at any other token). stateAttributeName and
//     stateAfterAttributeName let only white space and "=" stand between the
//     two. A name begins at the start of the text, after white space, "/" or a
//     closing quote (the callers of stateAttributeName), and a black one is all
//     letters and ":", so it is the whole run of these before the "=".
//     attribute tries every "=" in this way. If isBlackURL judges the value,
//     its first character is D, V, J or an entity, after what mayBlackURL skips.
//
// NUL is skipped inside and between these; text with NUL is passed on.
func suspect(s string, in byteSet) int {
	lt, eq := in.has('<'), in.has('=')
	if (lt || eq) && in.has(0) {
		return 0
	}
	if lt {
		if at := markup(s, strings.IndexByte(s, '<')); at >= 0 {
			return at
		}
	}
	if eq {
		return attribute(s, strings.IndexByte(s, '='))
	}
	return -1
}

// markup returns where a "<" of whole, the first being at i, can begin a black
// tag, a doctype or a black comment, or -1.
func markup(whole string, i int) int {
	s := whole[i:]
	noTick := false
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 || i+1 == len(s) {
			return -1
		}
		s = s[i+1:]
		at := len(whole) - len(s) - 1
		switch c := s[0]; {
		case isASCIILetter(c):
			if name := tagName(s); blackTag(name) {
				return at
			}
		case c == '/' && len(s) > 1 && isASCIILetter(s[1]):
			// A closing tag counts only when it goes on behind its name.
			if name := tagName(s[1:]); blackTag(name) &&
				!strings.HasPrefix(s[1+len(name):], ">") {
				return at
			}
		case c == '!' && hasPrefixFold(s[1:], "DOCTYPE"):
			return at
		case c == '!' || c == '?' || c == '%' || c == '/':
			if !noTick && strings.IndexByte(s, '`') >= 0 || blackComment(s[1:]) ||
				strings.HasPrefix(s, "!--") && blackComment(s[3:]) {
				return at
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

// attribute returns where the name of a black attribute can stand whose "=" is
// one of s, the first being at i, or -1.
func attribute(s string, i int) int {
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
			return start
		}
		n := strings.IndexByte(s[i+1:], '=')
		if n < 0 {
			return -1
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
