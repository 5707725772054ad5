package detect

import (
	"slices"
	"sync"
)

// Types are the attack types that findings have: Wallarm's codes.
func Types() []string {
	return []string{
		"sqli", "xss", "rce", "ptrav", "rfi", "nosqli", "ssti", "ssi", "xxe", "ssrf", "ldapi", "crlf", "mail_injection",
		"redir", "scanner", "data_bomb", "overlimit_res", "infoleak", "vpatch",
	}
}

// libinjectionIDs are those that its two detectors have in the CRS.
var libinjectionIDs = []string{"941100", "942100"}

// RuleIDs are the ids of all rules that come with the engine.
var RuleIDs = sync.OnceValue(func() []string {
	rules, err := Builtin()
	if err != nil {
		panic(err) // a test reads them all
	}
	ids := slices.Clone(libinjectionIDs)
	for i := range rules {
		ids = append(ids, rules[i].ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
})
