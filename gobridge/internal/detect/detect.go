package detect

// Finding is one detector's hit in one field.
type Finding struct {
	Type  string // Wallarm's attack code: "sqli", "xss", ...
	Rule  string // rule id, CRS's where one exists: "942100"
	Name  string // the rule in words
	Score int
	Start int // the matched span of the value, in bytes
	End   int
}

// Budget bounds the bytes that costly detectors may read for one message.
// Prefilters are free; a costly detector takes len(value) first.
type Budget struct {
	Left      int
	Exhausted bool // some value was not fully inspected
}
