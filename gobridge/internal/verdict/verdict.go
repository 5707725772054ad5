// Package verdict turns the findings of one message into a decision.
package verdict

import (
	"slices"

	"wsi/gobridge/internal/detect"
)

// Threshold is the default: one critical finding drops.
const Threshold = 5

// Judge adds up a message's scores, of which findings are what Keep kept: of
// each type those of one field, and of these those of one place. A type below Threshold is a suspicion, and
// suspicions of different types or fields do not make an attack: only the
// highest counts, where there is nothing else. A message without a score never
// drops.
func Judge(findings []detect.Finding, threshold int) (score int, drop bool) {
	suspicion := 0
	for i := range findings {
		if first(findings, i) {
			n := Sum(findings, findings[i].Type)
			if n >= Threshold {
				score += n
			}
			suspicion = max(suspicion, n)
		}
	}
	score = max(score, suspicion)
	return score, score > 0 && score >= threshold
}

// reach is how far behind a finding, in bytes, others may begin that add to it.
// An attack is in one place; a long text may name many things.
const reach = 512

// Sum is the score of findings of one type: of those of one place, the place
// being where it is highest. A rule counts once: two rules are more evidence than
// one.
func Sum(findings []detect.Finding, kind string) (score int) {
	lo, hi := -1, 0
	for i := range findings {
		if f := &findings[i]; f.Type == kind && !Has(findings[:i], f) {
			score += f.Score
			if lo < 0 || f.Start < lo {
				lo = f.Start
			}
			hi = max(hi, f.Start)
		}
	}
	if hi-lo <= reach {
		return score
	}
	score = 0
	for i := range findings {
		if findings[i].Type == kind {
			score = max(score, sumFrom(findings, &findings[i]))
		}
	}
	return score
}

func sumFrom(findings []detect.Finding, from *detect.Finding) (score int) {
	for i := range findings {
		f := &findings[i]
		if f.Type == from.Type && f.Start >= from.Start && f.Start-from.Start <= reach && !Has(findings[:i], f) {
			score += f.Score
		}
	}
	return score
}

// Highest is the highest sum of a type in findings of one field.
func Highest(findings []detect.Finding) (score int) {
	for i := range findings {
		if first(findings, i) {
			score = max(score, Sum(findings, findings[i].Type))
		}
	}
	return score
}

// Keep adds the findings of a field to those of a message: of each type, the
// field with the highest sum is kept. The same payload in two fields is one
// attack.
func Keep(message, field []detect.Finding) []detect.Finding {
	for i := range field {
		kind := field[i].Type
		if !first(field, i) || Sum(field, kind) <= Sum(message, kind) {
			continue
		}
		message = slices.DeleteFunc(message, func(f detect.Finding) bool { return f.Type == kind })
		for j := range field {
			if field[j].Type == kind {
				message = append(message, field[j])
			}
		}
	}
	return message
}

// first reports whether no finding before i is of its type.
func first(findings []detect.Finding, i int) bool {
	for j := range i {
		if findings[j].Type == findings[i].Type {
			return false
		}
	}
	return true
}

// Has reports whether f's rule is in findings.
func Has(findings []detect.Finding, f *detect.Finding) bool {
	for i := range findings {
		if findings[i].Type == f.Type && findings[i].Rule == f.Rule {
			return true
		}
	}
	return false
}
