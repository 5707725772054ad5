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
}

// role is what a member is to the Shape.
type role uint8

const (
	roleNone  role = iota // no Shape, or too deep for it
	roleEvent             // "$event"
	roleData              // "$", and the name of the frame's data
	roleArg               // "$[n]"
	roleOther             // "$message", and the member
)

// role of the member of f, which is the outermost frame. key is unquoted.
func (s *Shape) role(f *frame, key []byte) (r role, name string) {
	if !f.object && s.Args > 0 && f.index >= s.Args {
		return roleArg, ""
	}
	if s.isEvent(f.object, f.index, key) {
		return roleEvent, ""
	}
	for i := range s.Data {
		if s.Data[i].is(f.object, f.index, key) {
			return roleData, s.Data[i].Name
		}
	}
	return roleOther, ""
}

// isEvent reports whether a member of the outermost array or object is the
// event's name.
func (s *Shape) isEvent(object bool, index int, key []byte) bool {
	for i := range s.Event {
		if s.Event[i].is(object, index, key) {
			return true
		}
	}
	return false
}

func (m *Member) is(object bool, index int, key []byte) bool {
	if object {
		return m.Key != "" && string(key) == m.Key
	}
	return m.Key == "" && index == m.Index
}
