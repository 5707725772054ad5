package format

import (
	"bytes"
	"unicode/utf8"
)

// binaryFormats are what a payload may be that is no text. read reports whether
// it is, strictly, and visits it if visit is set. The payload is walked by every
// format that takes it, as the reader's is not known.
var binaryFormats []binaryFormat

type binaryFormat struct {
	name string
	read func(w *Walker, p []byte, visit bool) bool
	bit  Parsers
}

// What they visit is looked into by them again: an initializer would be a cycle.
func init() {
	binaryFormats = []binaryFormat{
		{name: "multipart", read: func(w *Walker, p []byte, visit bool) bool {
			if ok := isMultipart(p); !ok || !visit {
				return ok
			}
			w.open(true)
			w.multipart(p)
			w.close()
			return true
		}},
		{name: "java", read: (*Walker).java},
		{name: "dotnet", read: (*Walker).dotnet},
		{name: "avro", read: (*Walker).avro},
		{name: "smile", read: (*Walker).smile},
		{name: "ion", read: (*Walker).ion},
		{name: "msgpack", read: (*Walker).msgpack},
		{name: "cbor", read: (*Walker).cbor},
		{name: "bson", read: (*Walker).bson},
		{name: "bjson", read: (*Walker).bjson},
		{name: "flatbuffers", read: (*Walker).flatBuffers},
		{name: "ubjson", read: (*Walker).ubjson},
		{name: "bjdata", read: (*Walker).bjdata},
		{name: "pickle", read: (*Walker).pickle},
		{name: "php", read: (*Walker).php},
		{name: "hessian", read: (*Walker).hessian},
		{name: "amf", read: (*Walker).amf},
		{name: "protobuf", read: (*Walker).protobuf}, // takes most, so it names least
	}
}

// payload visits every string of p by its content.
func (w *Walker) payload(p []byte) (name string) {
	if len(p) == 0 {
		return ""
	}
	chance := w.chance
	w.chance = 0
	name = w.content(p)
	w.chance = chance
	return name
}

func (w *Walker) content(p []byte) (name string) {
	// What begins like no JSON is first tried as a binary document: the lenient
	// scan reads all of it for strings.
	first := p[0] == '{' || p[0] == '[' || p[0] == '"' || isSpace(p[0])
	if first && w.document(p, w.nested == 0) {
		return "json"
	}
	valid := utf8.Valid(p)
	if !valid || hasControl(p) {
		opens := w.opens
		if name = w.binary(p); name != "" {
			if w.opens == opens {
				w.guess(p, nil) // a string alone is what many bytes look like
			}
			return name
		}
	}
	if !first && w.document(p, w.nested == 0) {
		return "json"
	}
	return w.plain(p, valid)
}

// binary walks p by every format that takes it, and returns the name of the
// first, "" if there is none.
func (w *Walker) binary(p []byte) (name string) {
	root := w.nested == 0
	outer := w.watch(p)
	for i := range binaryFormats {
		f := &binaryFormats[i]
		if w.Off&f.bit != 0 || !f.read(w, p, false) || !w.push(f.name, p, root) {
			continue
		}
		f.read(w, p, true)
		w.pop()
		if name == "" {
			name = f.name
		}
	}
	w.unwatch(p, outer, name != "")
	return name
}

// plain visits p as text, or as text in binary.
func (w *Walker) plain(p []byte, valid bool) string {
	if valid {
		w.whole(p, false)
		if !hasControl(p) {
			return "text"
		}
		w.guess(p, nil) // compressed ASCII may be valid UTF-8
	} else {
		w.carriers(p, true)
		w.streams(p)
	}
	if valid {
		w.runs(p, 0, len(p))
		return "text"
	}
	outer := w.watch(p)
	w.chance = byChance(p)
	w.runs(p, 0, len(p))
	w.chance = 0
	w.unwatch(p, outer, true)
	return "binary"
}

// inside visits what a value is a document of, beside JSON, or carries.
func (w *Walker) inside(text []byte) {
	if len(text) < minInside || w.chance > 0 && w.noisy {
		return
	}
	if len(text) < 8 && bytes.IndexByte(text, '%') < 0 {
		return // nothing that short is encoded, but in percent
	}
	w.textDocument(text)
	w.carriers(text, false)
}
