package verdict

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect"
)

func TestJudge(t *testing.T) {
	sqli := detect.Finding{Type: "sqli", Rule: "942100", Score: 5}
	xss := detect.Finding{Type: "xss", Rule: "941100", Score: 5}
	warning := detect.Finding{Type: "sqli", Rule: "942110", Score: 3}
	notice := detect.Finding{Type: "sqli", Rule: "942120", Score: 2}
	far := detect.Finding{Type: "sqli", Rule: "942130", Score: 2, Start: 513}
	near := detect.Finding{Type: "sqli", Rule: "942140", Score: 3, Start: 400}
	sameRule := detect.Finding{Type: "xss", Rule: "942100", Score: 5}

	tests := []struct {
		name      string
		findings  []detect.Finding
		threshold int
		score     int
		drop      bool
	}{
		{"nothing", nil, Threshold, 0, false},
		{"nothing, threshold 0", nil, 0, 0, false},
		{"one critical", []detect.Finding{sqli}, Threshold, 5, true},
		{"one warning", []detect.Finding{warning}, Threshold, 3, false},
		{"two rules add up", []detect.Finding{warning, notice}, Threshold, 5, true},
		{"a rule counts once", []detect.Finding{warning, warning, warning}, Threshold, 3, false},
		{"a rule counts once, not adjacent", []detect.Finding{warning, notice, warning}, 6, 5, false},
		{"types add up", []detect.Finding{sqli, xss}, 10, 10, true},
		{"a rule of two types counts twice", []detect.Finding{sqli, sameRule}, 10, 10, true},
		{"two places", []detect.Finding{warning, far}, Threshold, 3, false},
		{"two places, one of which is enough", []detect.Finding{far, warning, notice}, Threshold, 5, true},
		{"one place, not in order", []detect.Finding{far, near, warning}, Threshold, 6, true},
		{"below a higher threshold", []detect.Finding{sqli}, 6, 5, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			score, drop := Judge(tt.findings, tt.threshold)
			require.Equal(t, tt.score, score)
			require.Equal(t, tt.drop, drop)
		})
	}
}

func TestJudgeAllocates(t *testing.T) {
	findings := make([]detect.Finding, 1000)
	require.Zero(t, testing.AllocsPerRun(10, func() { Judge(findings, Threshold) }))
}
