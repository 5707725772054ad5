package detect

import "strings"

// maxConditionals is how many heads are taken off one text: each costs
// libinjection another look at the rest.
const maxConditionals = 16

// conditional takes the head off program code, "if (condition) {", which
// libinjection reads as a call of SQL's IF and flags by that alone. A comma in
// the parentheses makes it SQL's, and SQL has no brace behind them; nor does a
// condition alone do anything. The head must have nothing that SQL could read
// as a string or a comment: then it is the same in every reading of the text,
// and hides nothing of the rest.
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
		switch c := s[i]; {
		case strings.IndexByte("'\"`#$\\", c) >= 0,
			strings.HasPrefix(s[i:], "--"), strings.HasPrefix(s[i:], "/*"),
			c == ',' && depth == 1:
			return "", "", false
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				rest, ok = strings.CutPrefix(strings.TrimLeft(s[i+1:], " \t\r\n"), "{")
				return s[1:i], rest, ok || rest == ""
			}
		}
	}
	return "", "", false
}
