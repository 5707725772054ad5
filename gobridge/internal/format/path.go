package format

import (
	"fmt"
	"strconv"
	"strings"
)

// path renders the path of the field being visited, see (*Field).Path. It is
// cut to maxPath.
func (w *Walker) path() string {
	w.sync()
	b := []byte(w.root.Path)
	if len(b) == 0 {
		b = append(b, '$')
	}
	if w.root.Name != nil {
		b = appendKey(b, &frame{key: w.root.Name})
	}
	for n := 0; n <= w.nested && len(b) <= maxPath; n++ {
		l := &w.levels[n]
		if n > 0 && !l.silent {
			b = append(append(b, '>'), l.name...)
		}
		top := len(w.frames)
		if n < w.nested {
			top = w.levels[n+1].base
		}
		for i := l.base; i < top && len(b) <= maxPath; i++ {
			b = w.appendMember(b, &w.frames[i])
		}
		if l.offset >= 0 {
			b = strconv.AppendInt(append(b, '@'), int64(l.offset), 10)
		}
	}
	if len(b) > maxPath {
		return strings.ToValidUTF8(string(b[:maxPath]), "\ufffd") + "..."
	}
	if w.field.Key {
		b = append(b, '~')
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
}

func appendIndex(b []byte, n int) []byte {
	b = strconv.AppendInt(append(b, '['), int64(n), 10)
	return append(b, ']')
}

// appendMember appends f's current member by its role.
func (w *Walker) appendMember(b []byte, f *frame) []byte {
	switch f.role {
	case roleEvent:
		return append(b, "event"...)
	case roleData, roleJSON:
		return append(b, f.data...)
	case roleArg:
		return appendIndex(b, f.index-w.root.Shape.Args)
	case roleOther:
		b = append(b, "message"...)
	}
	switch {
	case !f.object || f.number:
		return appendIndex(b, f.index)
	case f.keyed:
		return appendKey(b, f)
	}
	return b // a lenient server's member without a key
}

// appendKey appends f's current key as .name or ['name'] (RFC 9535 2.7).
func appendKey(b []byte, f *frame) []byte {
	raw := f.key[:min(len(f.key), maxPath)]
	var name []byte
	for len(raw) > 0 {
		size := 1
		if f.raw && raw[0] == '\\' {
			name, size, _ = unescape(name, raw)
		} else {
			name = append(name, raw[0])
		}
		raw = raw[size:]
	}
	if isName(name) {
		b = append(b, '.')
		return append(b, name...)
	}
	b = append(b, "['"...)
	for _, c := range name {
		switch {
		case c == '\'' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, "']"...)
}

// isName reports whether p may follow a dot: a letter, _ or $, then digits too.
func isName(p []byte) bool {
	for i, c := range p {
		switch {
		case c|0x20-'a' <= 'z'-'a', c == '_', c == '$':
		case c-'0' <= 9 && i > 0:
		default:
			return false
		}
	}
	return len(p) > 0
}
