package detect

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"wsi/gobridge/internal/detect/seclang"
)

// secRules reads a ModSecurity file of which only SecRule lines on arguments
// have a meaning here. All else is refused: a rule that is silently not what it
// is elsewhere is worse than none.
func secRules(file string, data []byte, read ReadFile) (rules []Rule, errs []error) {
	statements, err := seclang.Statements(data)
	if err != nil {
		return nil, []error{secError(file, err)}
	}
	ids := map[string]int{}
	for _, st := range statements {
		r, err := secRule(file, st, read)
		if err == nil && ids[r.ID] > 0 {
			err = fmt.Errorf("id %s is in line %d already", r.ID, ids[r.ID])
		}
		if err == nil && len(rules) == maxUserRules {
			return nil, append(errs, &ParseError{file, st.Line, "SecRule", fmt.Sprintf("more than %d rules", maxUserRules)})
		}
		if err != nil {
			errs = append(errs, &ParseError{file, st.Line, st.Name, err.Error()})
			if len(errs) > maxErrors {
				return nil, errs
			}
			continue
		}
		ids[r.ID] = st.Line
		rules = append(rules, *r)
	}
	return rules, errs
}

func secError(file string, err error) error {
	var e *seclang.Error
	if errors.As(err, &e) {
		return &ParseError{file, e.Line, "SecRule", e.Why}
	}
	return &ParseError{file, 1, "SecRule", err.Error()}
}

func secRule(file string, st seclang.Statement, read ReadFile) (*Rule, error) {
	if st.Name != "SecRule" {
		return nil, errors.New("is not supported, only SecRule is")
	}
	parsed, err := seclang.ParseRule(st)
	if err != nil {
		var e *seclang.Error
		if errors.As(err, &e) {
			return nil, errors.New(e.Why)
		}
		return nil, err
	}
	r := &Rule{Talk: -1, Paranoia: 1, Type: secType, File: file, Line: st.Line}
	for _, v := range parsed.Variables {
		switch strings.TrimSpace(v) {
		case "ARGS":
			r.Target |= Values
		case "ARGS_NAMES":
			r.Target |= Keys
		default:
			return nil, fmt.Errorf("variable %q is not supported, only ARGS and ARGS_NAMES are", v)
		}
	}
	if parsed.Not {
		return nil, errors.New("a negated operator is not supported")
	}
	fold, err := secActions(r, parsed.Actions)
	if err != nil {
		return nil, err
	}
	if !secID.MatchString(r.ID) {
		return nil, errors.New(`needs an "id", a number`)
	}
	if r.Name == "" {
		r.Name = "rule " + r.ID
	}
	if err := secOperator(r, parsed.Operator, parsed.Argument, fold, read); err != nil {
		return nil, err
	}
	for _, n := range viewNames {
		if n.class == r.Type {
			r.Views |= n.view
		}
	}
	return r, nil
}

var secID = regexp.MustCompile(`^[1-9][0-9]{0,9}$`)

// secType is the type of rules that do not say it: a virtual patch.
const secType = "vpatch"

// secOperator sets what r looks for.
func secOperator(r *Rule, operator, argument string, fold bool, read ReadFile) error {
	flags := "(?sm)" // as the CRS's engines: a dot is any byte, ^ and $ are at lines
	if fold {
		flags = "(?ism)"
	}
	if operator != "rx" && strings.Contains(argument, "%{") {
		return errors.New("macros such as %{...} are not supported")
	}
	switch operator {
	case "rx":
		if argument == "" {
			return errors.New("an empty pattern")
		}
		r.Patterns = []string{flags + argument}
		return checkPattern(r.Patterns[0])
	case "contains", "streq":
		if argument == "" {
			return fmt.Errorf("@%s of nothing", operator)
		}
		p := flags + regexp.QuoteMeta(argument)
		if operator == "streq" {
			p = strings.Replace(flags, "m", "", 1) + `\A` + regexp.QuoteMeta(argument) + `\z`
		}
		r.Patterns = []string{p}
		return checkPattern(p)
	case "pm":
		if r.Phrases = strings.Fields(argument); len(r.Phrases) == 0 {
			return errors.New("@pm of nothing")
		}
	case "pmFromFile", "pmf":
		for _, name := range strings.Fields(argument) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(r.File), name)
			}
			data, err := read(name)
			if err != nil {
				return err
			}
			if len(data) > MaxRuleFile {
				return fmt.Errorf("%s is longer than %d bytes", name, MaxRuleFile)
			}
			for line := range bytes.Lines(data) {
				if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
					r.Phrases = append(r.Phrases, string(line))
				}
			}
		}
		if len(r.Phrases) == 0 {
			return errors.New("@pmFromFile of no phrases")
		}
	case "detectSQLi", "detectXSS":
		r.Detector = map[string]string{"detectSQLi": "sqli", "detectXSS": "xss"}[operator]
		if r.Type == secType {
			r.Type = r.Detector
		}
	default:
		return fmt.Errorf("operator @%s is not supported, only @rx, @pm, @pmFromFile, @contains, @streq, @detectSQLi and @detectXSS are", operator)
	}
	return nil
}

// secTypes are Wallarm's codes for the CRS's tags.
var secTypes = map[string]string{
	"attack-sqli": "sqli", "attack-xss": "xss", "attack-lfi": "ptrav", "attack-rfi": "ssrf",
	"attack-ssrf": "ssrf", "attack-ssti": "ssti", "attack-ldap": "ldapi", "attack-injection-php": "rce",
	"attack-injection-java": "rce", "attack-injection-generic": "rce", "attack-rce": "rce",
	"attack-protocol": "crlf", "attack-reputation-scanner": "scanner",
}

// secScores are those of severities, which are numbers, too.
var secScores = map[string]int{
	"EMERGENCY": 5, "ALERT": 5, "CRITICAL": 5, "ERROR": 4, "WARNING": 3, "NOTICE": 2, "INFO": 1, "DEBUG": 1,
	"0": 5, "1": 5, "2": 5, "3": 4, "4": 3, "5": 2, "6": 1, "7": 1,
}

// secViews are what transformations ask for. Decodings are not asked for: every
// rule reads the value and each of its decoded forms.
var secViews = map[string]string{
	"none": "", "lowercase": "", "urldecode": "", "urldecodeuni": "", "htmlentitydecode": "", "jsdecode": "",
	"cssdecode": "", "utf8tounicode": "", "removenulls": "", "base64decode": "", "base64decodeext": "", "hexdecode": "",
	"escapeseqdecode": "", "replacecomments": "sql", "removecomments": "sql", "cmdline": "shell",
	"normalizepath": "path", "normalisepath": "path", "normalizepathwin": "path", "normalisepathwin": "path",
}

// secActions sets what actions say; fold: letters of either case are alike.
func secActions(r *Rule, actions []seclang.Action) (fold bool, err error) {
	r.Score = 5
	for _, a := range actions {
		switch a.Name {
		case "id":
			r.ID = a.Value
		case "msg":
			r.Name = a.Value
		case "severity":
			score, ok := secScores[strings.ToUpper(a.Value)]
			if !ok {
				return false, fmt.Errorf("unknown severity %q", a.Value)
			}
			r.Score = score
		case "tag":
			if t := secTypes[a.Value]; t != "" {
				r.Type = t
			}
			if level, ok := strings.CutPrefix(a.Value, "paranoia-level/"); ok {
				if r.Paranoia, err = strconv.Atoi(level); err != nil || r.Paranoia < 1 || r.Paranoia > 4 {
					return false, fmt.Errorf("invalid tag %q", a.Value)
				}
			}
		case "t":
			name, ok := secViews[strings.ToLower(a.Value)]
			if !ok {
				return false, fmt.Errorf("transformation t:%s is not supported", a.Value)
			}
			fold = fold || strings.EqualFold(a.Value, "lowercase")
			for _, n := range viewNames {
				if n.name == name {
					r.Views |= n.view
				}
			}
		case "setvar":
			if !secScoreVar.MatchString(a.Value) {
				return false, fmt.Errorf("setvar:%s is not supported, only adding to a score is, which \"severity\" says here", a.Value)
			}
		case "phase", "deny", "block", "drop", "status", "log", "nolog", "auditlog", "noauditlog", "logdata", "capture",
			"multimatch", "rev", "ver", "maturity", "accuracy":
		case "chain":
			return false, errors.New(`"chain" is not supported`)
		case "pass", "allow":
			return false, fmt.Errorf("%q is not supported: a rule adds to a score; see wallarm_websocket_ignore for exceptions", a.Name)
		default:
			return false, fmt.Errorf("action %q is not supported", a.Name)
		}
	}
	return fold, nil
}

var secScoreVar = regexp.MustCompile(`^'?(?i:tx)\.[\w.-]*score[\w.-]*=\+`)
