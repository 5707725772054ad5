package format

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// Outline reads the members of the outermost array or object of a JSON
// document, so that a framework knows what it has before the Walker visits it.
// It does not look into the members and judges nothing but what is between
// them.
type Outline struct {
	Key   []byte // of an object's member, with its escapes
	Value []byte // as it stands in the document

	doc    []byte
	pos    int
	object bool
	open   bool // there may be more
	whole  bool
}

// NewOutline begins with the first member of doc.
func NewOutline(doc []byte) (o Outline) {
	o.doc = doc
	if bytes.HasPrefix(doc, bom) {
		o.pos = len(bom)
	}
	o.pos = skipSpace(doc, o.pos)
	if o.pos < len(doc) && (doc[o.pos] == '{' || doc[o.pos] == '[') {
		o.object = doc[o.pos] == '{'
		o.open = true
	}
	return o
}

// Next reads the next member, and reports whether there is one.
func (o *Outline) Next() bool {
	if !o.open {
		return false
	}
	first := o.Value == nil
	o.open = false
	i := o.pos
	if first {
		i++
	}
	i = skipSpace(o.doc, i)
	if i == len(o.doc) {
		return false
	}
	if c := o.doc[i]; c == ']' || c == '}' {
		o.whole = (c == '}') == o.object && skipSpace(o.doc, i+1) == len(o.doc)
		return false
	}
	if !first {
		if o.doc[i] != ',' {
			return false
		}
		i = skipSpace(o.doc, i+1)
	}
	if o.object {
		end := skipString(o.doc, i)
		if end < 0 {
			return false
		}
		o.Key = o.doc[i+1 : end-1]
		if i = skipSpace(o.doc, end); i == len(o.doc) || o.doc[i] != ':' {
			return false
		}
		i = skipSpace(o.doc, i+1)
	}
	end := skipValue(o.doc, i)
	if end <= i {
		return false
	}
	o.Value, o.pos, o.open = o.doc[i:end], end, true
	return true
}

// Whole reports whether all of the document was one array or object, once Next
// has returned false.
func (o *Outline) Whole() bool { return o.whole }

// Object reports whether the document is an object.
func (o *Outline) Object() bool { return o.object }

// Array reports whether doc begins like an array.
func Array(doc []byte) bool {
	o := NewOutline(doc)
	return o.open && !o.object
}

// Element is the value of element n of the array doc, nil if there is none.
func Element(doc []byte, n int) []byte {
	o := NewOutline(doc)
	if o.object {
		return nil
	}
	for o.Next() {
		if n == 0 {
			return o.Value
		}
		n--
	}
	return nil
}

// Keys are what Members looks for; "" for nothing.
type Keys [4]string

// Values are the values of Keys as they stand in a document, nil where there is
// none.
type Values [len(Keys{})][]byte

// Members looks up members of the object doc. Of several with the same key the
// last counts, as in JavaScript, and none if others differ in case only: it
// depends on the server which one it takes. ok is false when doc is not just an
// object.
func Members(doc []byte, keys *Keys) (values Values, ok bool) {
	o := NewOutline(doc)
	if !o.object {
		return values, false
	}
	var doubt [len(Keys{})]bool
	for o.Next() {
		for i := range keys {
			switch same, folded := sameKey(o.Key, keys[i]); {
			case same:
				values[i] = o.Value
			case folded:
				doubt[i] = true
			}
		}
	}
	for i := range doubt {
		if doubt[i] {
			values[i] = nil
		}
	}
	return values, o.Whole()
}

// sameKey reports whether the key raw, which may have escapes, is key, and
// whether it is but for its case.
func sameKey(raw []byte, key string) (same, folded bool) {
	if key == "" || len(raw) < len(key) || len(raw) > 6*len(key) {
		return false, false
	}
	var buf [64]byte
	if bytes.IndexByte(raw, '\\') >= 0 {
		raw, _ = appendText(buf[:0], raw, len(buf))
	}
	if string(raw) == key {
		return true, false
	}
	return false, bytes.EqualFold(raw, []byte(key))
}

// Lookup is the member key of the object doc, see Members.
func Lookup(doc []byte, key string) []byte {
	values, ok := Members(doc, &Keys{key})
	if !ok {
		return nil
	}
	return values[0]
}

// IsString reports whether value, as it stands in a document, is the string s.
func IsString(value []byte, s string) bool {
	if len(value) < 2 || value[0] != '"' {
		return false
	}
	same, _ := sameKey(value[1:len(value)-1], s)
	return same
}

// AppendText appends the text of value, a string as it stands in a document. ok
// is false when it is none, or has an escape that only lenient servers take.
func AppendText(buf, value []byte) (text []byte, ok bool) {
	n := len(value)
	if n < 2 || value[0] != '"' || value[n-1] != '"' || skipString(value, 0) != n {
		return buf, false
	}
	return appendText(buf, value[1:n-1], math.MaxInt)
}

// appendText appends the text of a string, whose escapes it resolves, until buf
// has most bytes.
func appendText(buf, raw []byte, most int) (text []byte, ok bool) {
	ok = true
	for len(raw) > 0 && len(buf) < most {
		n := bytes.IndexByte(raw, '\\')
		if n < 0 {
			n = len(raw)
		}
		if n > 0 {
			n = min(n, most-len(buf))
			buf, raw = append(buf, raw[:n]...), raw[n:]
			continue
		}
		if len(buf) > most-utf8.UTFMax {
			break
		}
		var size int
		var strict bool
		buf, size, strict = unescape(buf, raw)
		raw = raw[size:]
		ok = ok && strict
	}
	return buf, ok
}

// skipString returns the position behind the string at i, -1 if there is none.
func skipString(doc []byte, i int) int {
	if i == len(doc) || doc[i] != '"' {
		return -1
	}
	end := 0
	for i++; i < len(doc); {
		if end < i {
			end = indexFrom(doc, i, '"')
		}
		n := bytes.IndexByte(doc[i:end], '\\')
		switch {
		case n >= 0:
			i += n + 2
		case end < len(doc):
			return end + 1
		default:
			return -1
		}
	}
	return -1
}

// skipValue returns the position behind the value at i, i if there is none, -1
// if it does not end.
func skipValue(doc []byte, i int) int {
	if i == len(doc) {
		return i
	}
	switch doc[i] {
	case '"':
		return skipString(doc, i)
	case '{', '[':
		return skipNested(doc, i)
	}
	for i < len(doc) && !endsWord[doc[i]] {
		i++
	}
	return i
}

func skipNested(doc []byte, i int) int {
	open := 0
	for i < len(doc) {
		switch doc[i] {
		case '{', '[':
			open++
		case '}', ']':
			if open--; open == 0 {
				return i + 1
			}
		case '"':
			if i = skipString(doc, i); i < 0 {
				return -1
			}
			continue
		}
		i++
	}
	return -1
}

// ClearEvent and the methods that follow make the name that Event returns of
// several parts. They are called behind the walk with the Shape.
func (w *Walker) ClearEvent() { w.event = w.event[:0] }

// AddEvent adds text to the event's name.
func (w *Walker) AddEvent(text []byte) {
	w.event = append(w.event, text[:min(len(text), maxEvent-len(w.event))]...)
}

// AddEventJSON adds a string of a JSON document, or the number or literal that
// is there instead.
func (w *Walker) AddEventJSON(value []byte) {
	if len(value) > 1 && value[0] == '"' {
		value = value[1 : len(value)-1]
	}
	w.event, _ = appendText(w.event, value, maxEvent)
}

// Unquote is the text of value, a string as it stands in a document, or nil. It
// is valid until the next Unquote.
func (w *Walker) Unquote(value []byte) []byte {
	if cap(w.text) > maxScratch {
		w.text = nil
	}
	text, ok := AppendText(w.text[:0], value)
	if w.text = text; !ok {
		return nil
	}
	return text
}
