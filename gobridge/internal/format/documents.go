package format

import "bytes"

// textDocument visits what text is a document of besides JSON, and reports
// whether it is one. Text that is none costs a look at its first bytes.
func (w *Walker) textDocument(text []byte) bool {
	i := skipSpace(text, 0)
	if i+4 > len(text) {
		return false
	}
	if text[i] == bom[0] && bytes.HasPrefix(text[i:], bom) {
		if i = skipSpace(text, i+len(bom)); i == len(text) {
			return false
		}
	}
	switch {
	case isPHP(text[i:]):
		if w.binaryLevel("php", text[i:], (*Walker).php) {
			return true
		}
	case isPickle(text[i:]):
		if w.binaryLevel("pickle", text[i:], (*Walker).pickle) {
			return true
		}
	}
	switch c := text[i]; c {
	case '<':
		return isXML(text[i:]) && w.textLevel("xml", text[i:], (*Walker).xml)
	case '-':
		return isMultipart(text[i:]) && w.messageLevel("multipart", text[i:])
	case '{', '#', ',', 'q', 'm', 's', 'f':
		if isGraphQL(text[i:]) {
			return w.textLevel("graphql", text[i:], (*Walker).graphql)
		}
	}
	return isForm(text[i:]) && w.textLevel("form", text[i:], (*Walker).form)
}

// textLevel walks doc as the next level, in an object of its own.
func (w *Walker) textLevel(name string, doc []byte, walk func(w *Walker, doc []byte)) bool {
	if w.off(name) || !w.push(name, doc, false) {
		return false
	}
	w.open(true)
	walk(w, doc)
	w.pop()
	return true
}

// binaryLevel is textLevel for what may be no text, too.
func (w *Walker) binaryLevel(name string, doc []byte, read func(w *Walker, doc []byte, visit bool) bool) bool {
	if w.off(name) || !read(w, doc, false) || !w.push(name, doc, false) {
		return false
	}
	read(w, doc, true)
	w.pop()
	return true
}

// label begins a member of the innermost object without a visit of its name:
// that cannot carry anything, and is in the text that was visited as it is.
func (w *Walker) label(name []byte) {
	if f := w.top(); f != nil {
		f.key, f.raw, f.keyed, f.number = name, false, len(name) > 0, false
	}
}
