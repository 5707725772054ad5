package detect

// Types are the attack types that findings have: Wallarm's codes.
func Types() []string {
	return []string{
		"sqli", "xss", "rce", "ptrav", "nosqli", "ssti", "ssi", "xxe", "ssrf", "ldapi", "crlf", "mail_injection",
		"redir", "scanner", "data_bomb", "overlimit_res", "infoleak",
	}
}

// RuleIDs are the ids of all rules.
func RuleIDs() []string { return []string{"941100", "942100"} }
