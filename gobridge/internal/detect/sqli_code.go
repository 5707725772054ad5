package detect

import "strings"

// maxConditionals is how many heads are taken off one text: each costs
// libinjection another look at the rest.
const maxConditionals = 16

// conditional takes the head off program code, "if (condition) {", which
// libinjection reads as a call of SQL's IF and flags by that alone. A comma in
// the parentheses makes it SQL's, and SQL has no brace behind it.
func conditional(s string) (condition, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t\r\n")
	if len(s) < 2 || !strings.EqualFold(s[:2], "if") {
		return "", "", false
	}
	s = strings.TrimLeft(s[2:], " \t\r\n")
	if s == "" || s[0] != '(' {
		return "", "", false
	}
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ',':
			if depth == 1 {
				return "", "", false
			}
		case ')':
			if depth--; depth == 0 {
				rest = strings.TrimLeft(s[i+1:], " \t\r\n")
				for _, next := range []string{"{", "return", "throw"} {
					if after, found := strings.CutPrefix(rest, next); found {
						return s[1:i], after, true
					}
				}
				return "", "", false
			}
		}
	}
	return "", "", false
}
