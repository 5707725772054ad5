package format

// Shape says what the members of a payload's outermost array or object are to
// a framework. It holds for every format: the elements of a JSON array are
// those of a MessagePack array.
type Shape struct {
	// Event are the members whose string is the event's name, at "$event". Of
	// several in one payload the last counts, as in JavaScript.
	Event []Member
	// Data are the members that the application gets. One without a name
	// stands at "$".
	Data []Member
	// Args, unless 0, is the index from which on the elements of an array are
	// arguments: the first is "$[0]".
	Args int
}

// Member is one member of an object, by its key, or of an array, by its index.
type Member struct {
	Key   string // "": the element at Index
	Index int
	Name  string // its path is "$" and this
	// JSON says that the application gets what a string there is a document
	// of: that stands at the path of the string, which is not visited itself.
	JSON bool
}

// role is what a member is to the Shape.
type role uint8

const (
	roleNone  role = iota // no Shape, or too deep for it
	roleEvent             // "$event"
	roleJSON              // "$", and the name of the frame's data, of Member.JSON
	roleData              // "$", and the name of the frame's data
	roleArg               // "$[n]"
	roleOther             // "$message", and the member
)

// mark is what it is to a string.
func (r role) mark() markKind {
	switch r {
	case roleEvent:
		return markEvent
	case roleJSON:
		return markJSON
	}
	return 0
}

// role of the member of f, which is the outermost frame. key is unquoted.
func (s *Shape) role(f *frame, key []byte) (r role, name string) {
	if !f.object && s.Args > 0 && f.index >= s.Args {
		return roleArg, ""
	}
	for i := range s.Event {
		if s.Event[i].is(f.object, f.index, key) {
			return roleEvent, ""
		}
	}
	for i := range s.Data {
		if m := &s.Data[i]; m.is(f.object, f.index, key) {
			if m.JSON {
				return roleJSON, m.Name
			}
			return roleData, m.Name
		}
	}
	return roleOther, ""
}

// special is the role of a member of the outermost object whose strings are not
// just visited, roleNone of any other.
func (s *Shape) special(key []byte) role {
	for i := range s.Event {
		if s.Event[i].is(true, 0, key) {
			return roleEvent
		}
	}
	for i := range s.Data {
		if s.Data[i].JSON && s.Data[i].is(true, 0, key) {
			return roleJSON
		}
	}
	return roleNone
}

// specials are the elements of an array whose strings are not just visited.
type specials struct {
	events, documents uint64 // a bit for each index
}

// specials of the outermost array.
func (s *Shape) specials() (at specials) {
	for i := range s.Event {
		if m := &s.Event[i]; m.Key == "" {
			at.events |= 1 << m.Index
		}
	}
	for i := range s.Data {
		if m := &s.Data[i]; m.Key == "" && m.JSON {
			at.documents |= 1 << m.Index
		}
	}
	return at
}

// mark is the kind of the element at index.
func (at *specials) mark(index int) markKind {
	return markKind(at.events>>index&1)*markEvent | markKind(at.documents>>index&1&^(at.events>>index))*markJSON
}

func (m *Member) is(object bool, index int, key []byte) bool {
	if object {
		return m.Key != "" && string(key) == m.Key
	}
	return m.Key == "" && index == m.Index
}
