package detect

import (
	"fmt"

	"wsi/gobridge/internal/detect/view"
)

// Rule is one rule as a file of rules has it. The zero value of an optional
// field says that it has no say.
type Rule struct {
	ID   string
	Type string // Wallarm's attack code
	Name string

	Score    int // added to its field's and type's sum
	Talk     int // instead of Score, where people talk about code; -1: Score
	Paranoia int // from which level on, 1 to 4

	Response bool     // for what the server sends
	Target   Target   // values, keys or both
	Profiles Profiles // where it applies; 0 everywhere
	Event    string   // a glob; "" any
	Path     string   // a glob; "" any
	Views    Views    // what it reads beside the value itself

	Patterns []string // all have to match
	Not      []string // none may match
	Phrases  []string // or any of these texts, in any case
	Check    string   // a test of what matched: "luhn"
	Detector string   // instead of patterns: "sqli" or "xss", libinjection's

	Attack []string // texts that it finds
	Benign []string // texts that it does not

	File string
	Line int
}

// Target is what a rule reads.
type Target uint8

const (
	Values Target = 1 << iota
	Keys
)

// Profile is what users write at some place.
type Profile uint8

const (
	Chat     Profile = iota // talk, of code, too
	API                     // parameters
	Code                    // program text
	RichText                // HTML
	numProfiles
)

var profileNames = [numProfiles]string{"chat", "api", "code", "rich_text"}

// ParseProfile is the profile of that name.
func ParseProfile(name string) (Profile, error) {
	for i, n := range profileNames {
		if n == name {
			return Profile(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not chat, api, code or rich_text", name)
}

func (p Profile) String() string { return profileNames[p] }

// Profiles is a set of them.
type Profiles uint8

func (p Profiles) has(q Profile) bool { return p == 0 || p&(1<<q) != 0 }

// Views is a set of readings of a value. Each rule reads the value itself, its
// decoded forms and what is embedded in it; the others are for the rules that
// ask for them, and for those of their class.
type Views = view.Kind

var viewNames = [...]struct {
	name  string
	view  Views
	class string
}{{"sql", view.SQL, "sqli"}, {"shell", view.Shell, "rce"}, {"path", view.Path, "ptrav"}}
