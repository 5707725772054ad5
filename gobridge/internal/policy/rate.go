package policy

import (
	"fmt"
	"strings"

	"wsi/gobridge/internal/detect"
)

// MaxRates is how many rates a location may have, as WSI_RATES.
const MaxRates = 8

// Rate says what is counted for one wallarm_websocket_rate. The zero value is for
// one that NGINX counts by itself.
type Rate struct {
	Messages bool // each, as they may be dropped alone
	events   bool
	pattern  string
}

func (r Rate) any() bool { return r.Messages || r.events }

// Of reports whether an event of that name is counted.
func (r *Rate) Of(name []byte) bool { return r.events && detect.Glob(r.pattern, name) }

// OfFold is Of where the application does not look at the case of names.
func (r *Rate) OfFold(name []byte) bool { return r.events && detect.GlobFold(r.pattern, name) }

// Any reports whether it is messages that are counted, of any event.
func (r *Rate) Any() bool { return !r.events }

// rate reads "zone=name [burst=number] [drop|delay|drop_message] [event=pattern]
// [dry_run]", of which NGINX knows the rest.
func (p *parser) rate(s *Statement) error {
	if s.Args[0] == "off" {
		return nil
	}
	var r Rate
	for _, arg := range s.Args {
		if pattern, ok := strings.CutPrefix(arg, "event="); ok {
			r.events, r.pattern = true, pattern
		}
		if arg == "drop_message" {
			r.Messages = true
		}
	}
	if len(r.pattern) > maxSelector {
		return fmt.Errorf("a pattern is longer than %d bytes", maxSelector)
	}
	if r.events {
		r.Messages = false
	}
	if len(p.Rates) == MaxRates {
		return fmt.Errorf("more than %d of them", MaxRates)
	}
	p.Rates = append(p.Rates, r)
	return nil
}
