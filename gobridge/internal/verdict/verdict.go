// Package verdict turns the findings of one message into a decision.
package verdict

import "wsi/gobridge/internal/detect"

// Threshold is the default: one critical finding drops.
const Threshold = 5

// Judge adds up a message's scores. A rule counts once for each attack type,
// however many values it matches: the same payload in two fields is one attack,
// two rules are more evidence than one. A message without a score never drops.
func Judge(findings []detect.Finding, threshold int) (score int, drop bool) {
	for i := range findings {
		if !Has(findings[:i], &findings[i]) {
			score += findings[i].Score
		}
	}
	return score, score > 0 && score >= threshold
}

// Has reports whether f's rule is in findings, so that f would not count.
func Has(findings []detect.Finding, f *detect.Finding) bool {
	for i := range findings {
		if findings[i].Type == f.Type && findings[i].Rule == f.Rule {
			return true
		}
	}
	return false
}
