package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"wsi/gobridge/internal/detect"
)

// Profile is one wallarm_websocket_profile: what users write in values whose
// event and path fit the patterns, of which "" fits any.
type Profile struct {
	Profile detect.Profile
	Event   string
	Path    string
}

// ProfileOf is the profile of a value: of the first of p.Profiles that fits. The
// event fits in any case: some servers find their methods so.
func (p *Policy) ProfileOf(event, path string) detect.Profile {
	if p != nil {
		for i := range p.Profiles {
			f := &p.Profiles[i]
			if (f.Event == "" || detect.GlobFold(f.Event, event)) && (f.Path == "" || detect.Glob(f.Path, path)) {
				return f.Profile
			}
		}
	}
	return detect.Chat
}

// Possible are the profiles that ProfileOf can return.
func (p *Policy) Possible() []detect.Profile {
	if p == nil || p.possible == nil {
		return chat
	}
	return p.possible
}

var chat = []detect.Profile{detect.Chat}

func (p *parser) profile(s *Statement) error {
	if len(s.Args) == 0 {
		return errors.New("needs a profile")
	}
	profile, err := detect.ParseProfile(s.Args[0])
	if err != nil {
		return fmt.Errorf("invalid profile %w", err)
	}
	if err = once(s.Args[1:]); err != nil {
		return err
	}
	f := Profile{Profile: profile}
	for _, arg := range s.Args[1:] {
		name, value, ok := strings.Cut(arg, "=")
		set := map[string]*string{"event": &f.Event, "path": &f.Path}[name]
		switch {
		case !ok || value == "":
			return fmt.Errorf("invalid parameter %q", arg)
		case set == nil:
			return fmt.Errorf("unknown parameter %q", name)
		case name == "path" && value[0] != '$' && value[0] != '*':
			return fmt.Errorf("invalid path %q, it must begin with \"$\" or \"*\"", value)
		}
		*set = value
	}
	if n := len(p.Profiles); n > 0 && p.Profiles[n-1].Event == "" && p.Profiles[n-1].Path == "" {
		p.warn("is never looked at: one before it fits everything")
	}
	p.Profiles = append(p.Profiles, f)
	return nil
}

// settle finds out which profiles are possible.
func (p *Policy) settle() {
	if p.Profiles == nil {
		return
	}
	add := func(profile detect.Profile) {
		if !slices.Contains(p.possible, profile) {
			p.possible = append(p.possible, profile)
		}
	}
	for _, f := range p.Profiles {
		add(f.Profile)
		if f.Event == "" && f.Path == "" {
			return
		}
	}
	add(detect.Chat)
}

func (p *parser) paranoia(s *Statement) error {
	if len(s.Args) != 1 || len(s.Args[0]) != 1 || s.Args[0][0] < '1' || s.Args[0][0] > '4' {
		return fmt.Errorf("invalid value %q, it must be 1 to 4", strings.Join(s.Args, " "))
	}
	p.Paranoia = int(s.Args[0][0] - '0')
	return nil
}
