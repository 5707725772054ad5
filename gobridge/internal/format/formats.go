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
		{name: "multipart", read: messageFormat("multipart", (*Walker).multipart)},
		{name: "mail", read: messageFormat("mail", (*Walker).mail)},
		{name: "http", read: messageFormat("http", (*Walker).http)},
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

// messageFormat reads what has a head and a body, in binary.
func messageFormat(name string, walk func(w *Walker, p []byte)) func(w *Walker, p []byte, visit bool) bool {
	return func(w *Walker, p []byte, visit bool) bool {
		if !visit {
			return messageName(p[skipSpace(p, 0):]) == name
		}
		w.open(true)
		walk(w, p)
		w.close()
		return true
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
	if !first && (!valid || w.byLetter(p, true) == "") {
		if start, end := embedded(p); valid && start < end {
			if w.around(p, start, end, w.nested == 0) {
				return w.opened(p, start, end)
			}
			return w.plain(p, valid)
		}
		if w.document(p, w.nested == 0) {
			return "json"
		}
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

// maxBefore is the longest text before a document that is looked for, in bytes.
const maxBefore = 256

// embedded is what may be a document of JSON in p, behind a command, a head or a
// number: doc[start:end], empty if there is none.
func embedded(p []byte) (start, end int) {
	for start = range p[:min(len(p), maxBefore)] {
		c := p[start]
		if c == '"' || c == '\\' || start == 0 && (c == 0x1E || c == bom[0]) {
			break // read from there on, or as JSON itself
		}
		if c != '{' && c != '[' {
			continue
		}
		i := skipSpace(p, start+1)
		if i == len(p) || p[i] != '"' && (c == '{' || p[i] != '{' && p[i] != '[') {
			continue
		}
		return start, bytes.LastIndexByte(p, c+2) + 1 // ] and } are two behind
	}
	return 0, 0
}

// around visits the JSON at p[start:end], and says whether that and what is before it
// are all that p says. silent: it has no name in paths.
func (w *Walker) around(p []byte, start, end int, silent bool) (opened bool) {
	l := &w.levels[w.nested]
	chance, offset := w.chance, l.offset
	if w.chance = 0; offset >= 0 {
		l.offset += start
	}
	ok := w.document(p[start:end], silent)
	w.chance, l.offset = chance, offset
	behind := p[end:]
	if len(behind) >= minRun || !isFrame(behind) {
		behind = bytes.TrimLeft(behind, ");, \r\n\t\x00")
	} else {
		behind = nil
	}
	if !ok || !w.several || !isFrame(p[:start]) || len(behind) > 0 {
		return false
	}
	if start >= minRun {
		w.visitString(p[:start])
	}
	return true
}

// isFrame reports whether p, which stands before a document or behind it, has nothing
// in it that could be a part of more than names and numbers.
func isFrame(p []byte) bool {
	for _, c := range p {
		if c|0x20-'a' >= 26 && c-'0' > 9 && c > ' ' && bytes.IndexByte([]byte(":#/|,.-_+(="), c) < 0 {
			return false
		}
	}
	return true
}

// opened visits p, which is nothing but what was visited of it, and what is around
// p[start:end].
func (w *Walker) opened(p []byte, start, end int) string {
	w.whole(p, true, true)
	if hasControl(p) {
		w.runs(p, 0, start)
		w.runs(p, end, len(p))
	}
	return "text"
}

// plain visits p as text, or as text in binary.
func (w *Walker) plain(p []byte, valid bool) string {
	if valid {
		w.whole(p, false, true)
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
