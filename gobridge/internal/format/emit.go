package format

// What a format calls while it reads a document, in the order in which the
// parts stand there. Texts have to stay as they are until their level ends.

// open begins an array or an object as the next value. It reports false, and
// notes it, beyond maxDepth: then there must be no close.
func (w *Walker) open(object bool) bool {
	if len(w.frames) == maxDepth {
		w.limit()
		return false
	}
	w.opens++
	w.frames = append(w.frames, frame{object: object, num: -1})
	if !object && len(w.frames) == 1 {
		w.setRole(&w.frames[0], nil)
	}
	return true
}

// close ends the innermost array or object.
func (w *Walker) close() {
	n := len(w.frames) - 1
	w.frames[n].key = nil
	w.frames = w.frames[:n]
	w.next()
}

// top is the innermost array or object of the document, nil outside of any.
func (w *Walker) top() *frame {
	if len(w.frames) == w.levels[w.nested].base {
		return nil
	}
	return &w.frames[len(w.frames)-1]
}

// next counts a value that is complete, or is no string.
func (w *Walker) next() {
	if f := w.top(); f != nil && !f.object {
		f.index++
		if len(w.frames) == 1 {
			w.setRole(f, nil)
		}
	}
}

// key begins a member of the innermost object, and visits its key.
func (w *Walker) key(text []byte) {
	if f := w.top(); f != nil {
		f.key, f.raw, f.keyed, f.number = text, false, true, false
		w.setRole(f, text)
	}
	w.visitKey(text)
}

// intKey begins a member whose key is a number.
func (w *Walker) intKey(n int64) {
	if f := w.top(); f != nil {
		f.key, f.keyed, f.number, f.index = nil, false, true, int(n)
		w.setRole(f, nil)
	}
}

// setRole looks up what f's member is to the Shape. Only the outermost array or
// object of the payload itself has one.
func (w *Walker) setRole(f *frame, key []byte) {
	if w.root.Shape != nil && len(w.frames) == 1 && w.nested == 1 && w.levels[1].silent {
		f.role, f.data = w.root.Shape.role(f, key)
	}
}

// value visits a string, and what is inside of it.
func (w *Walker) value(text []byte) {
	w.string(text)
	w.next()
}

func (w *Walker) string(text []byte) {
	if w.root.Shape != nil && len(w.frames) == 1 && w.nested == 1 {
		w.special(w.frames[0].role, text)
		return
	}
	w.visitString(text)
}

// visitString visits a string that may be a document itself.
func (w *Walker) visitString(text []byte) {
	if w.chance > 0 {
		// Its visit says whether it is noise.
		if w.visitValue(text); !w.noisy {
			w.nest(text)
		}
		w.inside(text)
		return
	}
	w.strictly = false
	w.nest(text)
	w.whole(text, w.strictly, false)
}

// whole visits text, and what is inside of it beside JSON. opened says that its
// parts were visited, payload that text is all of a payload.
func (w *Walker) whole(text []byte, opened, payload bool) {
	name := w.byLetter(text, payload)
	data := name != "" || w.data(text)
	w.field.Opened = opened || data
	w.visitValue(text)
	w.field.Opened = false
	switch {
	case name != "":
		w.messageLevel(name, text)
	case data:
		w.textDocument(text)
	default:
		w.inside(text)
	}
}

// special visits a string that is one of the outermost members.
func (w *Walker) special(r role, text []byte) {
	switch r {
	case roleEvent:
		w.setEvent(text)
	case roleJSON:
		if !w.document(text, true) {
			w.visitValue(text)
			w.inside(text)
		}
		return
	}
	w.visitString(text)
}

// bytes visits a binary value as a payload of its own.
func (w *Walker) bytes(b []byte) {
	w.name(b)
	w.payload(b)
	w.next()
}

// name keeps the name of the event.
func (w *Walker) name(text []byte) {
	if w.root.Shape == nil || len(w.frames) != 1 || w.frames[0].role != roleEvent || w.nested != 1 {
		return
	}
	w.setEvent(text)
}

func (w *Walker) setEvent(text []byte) {
	w.event = append(w.event[:0], text[:min(len(text), maxEvent)]...)
}

func (w *Walker) visitValue(text []byte) {
	w.field.Value, w.field.Key = text, false
	if w.chance > 0 {
		w.doubtful(text)
		return
	}
	w.visit(&w.field)
}

func (w *Walker) visitKey(text []byte) {
	w.field.Value, w.field.Key = text, true
	if w.chance > 0 {
		w.doubtful(text)
	} else {
		w.visit(&w.field)
	}
	w.field.Key = false
}
