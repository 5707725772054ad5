package format

// Field is one string that a peer put into a payload: a value, or a key.
type Field struct {
	// Value is the decoded text (escapes resolved). It is valid only during
	// the visit.
	Value []byte
	// Key tells an object key from a value.
	Key bool
	// Cut says that the value may begin or end where a message was cut, and
	// not where the sender's value does.
	Cut bool
	// Noise says that the value is no evidence: noise of the payload's length
	// has such texts, too.
	Noise bool
	// Opened says that the value is a document by the letter, an array or object of
	// JSON or XML that carries data, whose keys, strings and attributes are visited,
	// or the name of a namespace: nothing else is in it.
	Opened bool

	w *Walker
}

// Path renders where the field stands, as JSONPath: "$[0].text" for a value,
// "$[0].text~" for a key (the ~ of JSONPath-Plus), "$.data>json.text" for a
// value inside a JSON document inside the string at $.data, "$.data>base64" for
// what that string carries, "$@12" for a run of text at byte 12 of a binary
// payload. It allocates and may be called only during the visit.
func (f *Field) Path() string {
	if f.w == nil {
		return "$"
	}
	return f.w.path()
}

// Visit receives the fields of a payload in order.
type Visit func(*Field)
