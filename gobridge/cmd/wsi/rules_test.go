package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesCheck(t *testing.T) {
	good := writeFile(t, "good", "rule mine\n type vpatch\n score 5\n phrase open sesame\n attack Open Sesame!\n benign sesame\n")
	code, stdout, stderr := runWSI("", "rules", "check", good)
	require.Equal(t, 0, code, stderr)
	require.Equal(t, "mine\tvpatch\t5\t1\trequest\t"+good+":1\tmine\n", stdout)

	wrong := writeFile(t, "wrong", "rule mine\n type vpatch\n score 5\n phrase open sesame\n attack sesame\n benign open sesame\n")
	code, _, stderr = runWSI("", "rules", "check", wrong)
	require.Equal(t, 2, code)
	require.Equal(t, wrong+":1: mine \"does not find its attack sesame\"\n"+wrong+":1: mine \"finds its benign open sesame\"\n", stderr)

	bad := writeFile(t, "bad.conf", "SecRule ARGS \"@rx (\" \"id:1\"\nSecAction \"id:2\"\n")
	code, stdout, stderr = runWSI("", "rules", "check", bad)
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Equal(t, bad+":1: SecRule: error parsing regexp: missing closing ): `(?sm)(`\n"+
		bad+":2: SecAction: is not supported, only SecRule is\n", stderr)

	code, stdout, _ = runWSI("", "rules", "list", good)
	require.Equal(t, 0, code)
	require.Contains(t, stdout, "\n941110\txss\t")
	require.Contains(t, stdout, "\nmine\tvpatch\t5\t1\trequest\t")

	for _, args := range [][]string{{"rules"}, {"rules", "check"}, {"rules", "forget"}, {"rules", "check", "absent"}} {
		code, _, _ := runWSI("", args...)
		require.Equal(t, 2, code)
	}
}

// The explanation names what would have let a text pass, and that is true.
func TestScanExplain(t *testing.T) {
	rules := writeFile(t, "rules", "rule mine\n type vpatch\n score 7\n name it opens\n pattern open sesame\n paranoia 2\n profile code\n path $.a\n event doc\n")
	args := []string{"scan", "--explain", "--rules", rules, "--paranoia", "2", "--profile", "code", "--event", "doc", "--path", "$.a"}
	code, stdout, stderr := runWSI("say open&#32;sesame\n", args...)
	require.Equal(t, 0, code, stderr)
	require.Equal(t, `0 drop, score 7: "say open&#32;sesame"
    read as value, bytes 0-19: "say open&#32;sesame"
    read as decoded, bytes 0-19: "say open sesame"
    vpatch, rule mine, score 7, in decoded, bytes 4-19 "open&#32;sesame": it opens
    sums: vpatch 7; threshold 5
    would pass with: wallarm_websocket_ignore rule=mine event=doc path=$.a;
    or with: wallarm_websocket_threshold 8;
`, stdout)
	for _, other := range [][2]string{{"--paranoia", "1"}, {"--profile", "chat"}, {"--event", "x"}, {"--path", "$.b"}, {"--threshold", "8"}} {
		_, stdout, _ := runWSI("say open sesame\n", append(args, other[:]...)...)
		require.True(t, strings.HasPrefix(stdout, "0 allow"), stdout)
	}
	_, stdout, _ = runWSI("hello\n", "scan", "--explain")
	require.Contains(t, stdout, "a word alone: no rule looks at it")
	_, stdout, _ = runWSI(xssText+"\n", "scan", "--explain", "--json")
	j := scanLines(t, stdout)[0]
	require.NotNil(t, j.Explanation)
	require.Len(t, j.Explanation.Findings, len(j.Attacks))
	require.Greater(t, len(j.Explanation.Pass), 1)
	for _, args := range [][]string{{"--profile", "talk"}, {"--paranoia", "5"}, {"--threshold", "0"}, {"--rules", "absent"}} {
		code, _, stderr := runWSI("", append([]string{"scan"}, args...)...)
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "wsi scan: ")
	}
}
