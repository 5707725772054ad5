package pipeline

import (
	"wsi/gobridge/internal/detect"
)

// undecided is what was found in a value of which not all is known yet: which
// profile it has, and whether a rule is for it, may depend on the event that its
// application message turns out to be. A value is judged under each profile that
// is possible, and what was found under the right one counts.
type undecided struct {
	profile detect.Profile
	path    string
	value   []byte // the matches, to which the spans of found are changed
	found   []detect.Finding
}

// maxUndecided is of how many values that is remembered. Behind these what is
// found counts under each profile: the strictest decides.
const maxUndecided = 256

// narrow reports whether one of found is of a rule for some events or paths.
func narrow(found []detect.Finding) bool {
	for i := range found {
		if found[i].Narrow() {
			return true
		}
	}
	return false
}

// wait keeps j.found until the event is known.
func (j *judge) wait(value []byte, profile detect.Profile, path string) {
	u := undecided{profile: profile, path: path, found: append([]detect.Finding(nil), j.found...)}
	for i := range u.found {
		f := &u.found[i]
		match := value[f.Start:min(f.End, f.Start+maxMatch)]
		f.Start, f.End = len(u.value), len(u.value)+len(match)
		u.value = append(u.value, match...)
	}
	j.undecided = append(j.undecided, u)
}

// decide counts what waited for the event.
func (j *judge) decide(event string) {
	p := j.current.session.config.Policy
	for i := range j.undecided {
		u := &j.undecided[i]
		if p.ProfileOf(event, u.path) == u.profile {
			kept := u.found[:0]
			for k := range u.found {
				if u.found[k].Applies(event, u.path) {
					kept = append(kept, u.found[k])
				}
			}
			if len(kept) > 0 {
				j.count(kept, u.value, nil, u.path)
			}
		}
		*u = undecided{}
	}
	j.undecided = j.undecided[:0]
}
