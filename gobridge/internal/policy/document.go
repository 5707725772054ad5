package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"wsi/gobridge/internal/format"
)

// What a document may have. A value costs some 50 bytes, so that the values of
// a document stay in a few MiB; a number is computed with, to its last digit.
const (
	maxDocumentDepth  = 128
	maxDocumentValues = 1 << 16
	maxDigits         = 128
	maxExponent       = 400
)

var (
	errDeep     = fmt.Errorf("arrays and objects inside each other deeper than %d", maxDocumentDepth)
	errMany     = fmt.Errorf("more than %d values", maxDocumentValues)
	errNumber   = fmt.Errorf("a number of more than %d digits, or with an exponent over %d", maxDigits, maxExponent)
	errTwice    = errors.New("a member twice")
	errBehind   = errors.New("something behind the document")
	errNoMember = errors.New("no such member of the message")
)

// decoder reads JSON as all readers understand it, or not at all.
type decoder struct {
	*json.Decoder
	values int
}

// decode reads one document. Numbers stay as they are written. A document that
// readers understand in different ways, with the same member twice, is an error.
func decode(doc []byte) (any, error) {
	d := decoder{Decoder: json.NewDecoder(bytes.NewReader(doc))}
	d.UseNumber()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if _, err = d.Token(); err != io.EOF {
		return nil, errBehind
	}
	return v, nil
}

func (d *decoder) value(depth int) (any, error) {
	token, err := d.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return d.rest(token, depth)
}

// rest is the value that begins with token.
func (d *decoder) rest(token json.Token, depth int) (any, error) {
	if d.values++; d.values > maxDocumentValues {
		return nil, errMany
	}
	if depth > maxDocumentDepth {
		return nil, errDeep
	}
	switch token := token.(type) {
	case json.Number:
		return token, checkNumber(string(token))
	case json.Delim:
		if token == '[' {
			return d.array(depth)
		}
		return d.object(depth)
	}
	return token, nil
}

func (d *decoder) array(depth int) (any, error) {
	list := []any{}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, unexpected(err)
		}
		if token == json.Delim(']') {
			return list, nil
		}
		v, err := d.rest(token, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

func (d *decoder) object(depth int) (any, error) {
	object := map[string]any{}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, unexpected(err)
		}
		if token == json.Delim('}') {
			return object, nil
		}
		key := token.(string)
		if _, ok := object[key]; ok {
			return nil, errTwice
		}
		if object[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func checkNumber(s string) error {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		if err != nil || n > maxExponent || n < -maxExponent {
			return errNumber
		}
		s = s[:i]
	}
	if len(s) > maxDigits {
		return errNumber
	}
	return nil
}

// Document is what is left of a message for the application, as it stands: a
// document of JSON, or as Format says of MessagePack or CBOR, and what of it the
// application gets. Shape nil: all of it.
type Document struct {
	Doc    []byte
	Format string // "msgpack", "cbor", or else JSON
	Shape  *format.Shape
}

func (d Document) decode() (any, error) {
	switch d.Format {
	case "msgpack":
		return decodePacked(d.Doc, (*packed).messagePack)
	case "cbor":
		return decodePacked(d.Doc, (*packed).cbor)
	}
	return decode(d.Doc)
}

// arguments is what of the message the application gets. listed says that it is a
// list of arguments.
func (d Document) arguments(message any) (v any, listed bool, err error) {
	if d.Shape == nil {
		return message, false, nil
	}
	switch v := message.(type) {
	case []any:
		if n := d.Shape.Args; n > 0 {
			return v[min(n, len(v)):], true, nil
		}
		v2, err := d.member(func(m *format.Member) (any, bool) {
			if m.Key != "" || m.Index >= len(v) {
				return nil, false
			}
			return v[m.Index], true
		})
		return v2, false, err
	case map[string]any:
		if err := d.alone(v); err != nil {
			return nil, false, err
		}
		v2, err := d.member(func(m *format.Member) (any, bool) {
			value, ok := v[m.Key]
			return value, ok && m.Key != ""
		})
		return v2, false, err
	}
	return nil, false, errNoMember
}

// member is the one member that is the application's data, nil if there is none.
func (d Document) member(get func(*format.Member) (any, bool)) (v any, err error) {
	n := 0
	for i := range d.Shape.Data {
		m := &d.Shape.Data[i]
		if m.Name != "" {
			continue
		}
		value, ok := get(m)
		if !ok {
			continue
		}
		if n++; n > 1 {
			return nil, errTwice
		}
		v = value
		if text, ok := value.(string); ok && m.JSON {
			if inner, err := decode([]byte(text)); err == nil {
				v = inner
			}
		}
	}
	return v, nil
}

// alone refuses an object with members that some readers take for the event's
// name or its data: they do not tell small letters from capitals.
func (d Document) alone(object map[string]any) error {
	for key := range object {
		for _, list := range [][]format.Member{d.Shape.Event, d.Shape.Data} {
			for i := range list {
				if m := &list[i]; m.Key != "" && m.Key != key && strings.EqualFold(m.Key, key) {
					return errTwice
				}
			}
		}
	}
	return nil
}
