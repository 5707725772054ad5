package format

// Root says how the paths of a payload begin. The zero value is a document of
// its own, at "$".
type Root struct {
	// Path is what every path begins with; "" means "$".
	Path string
	// Event says that the payload is an array of an event name and its
	// arguments: the name stands at "$event", the arguments count from $[0].
	Event bool
	// Placeholder, if set, is told of each {"_placeholder":true,"num":n}: the
	// Field has no value, only the path at which attachment n will stand.
	Placeholder func(num int, f *Field)
}

// Walker takes payloads apart. The zero value is ready. It owns scratch memory
// that it reuses: one per thread, not safe for concurrent use.
type Walker struct {
	root  Root
	field Field
}

// Walk visits every string of payload and returns its format: "json", "text",
// "binary", or "" when it is empty.
func (w *Walker) Walk(payload []byte, root Root, visit Visit) string {
	if len(payload) == 0 {
		return ""
	}
	w.root = root
	w.field = Field{Value: payload, w: w}
	visit(&w.field)
	return "text"
}

func (w *Walker) path() string {
	if w.root.Path == "" {
		return "$"
	}
	return w.root.Path
}
