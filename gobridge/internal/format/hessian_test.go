package format_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// hessian.js 2.10.0 writes the first four.
func TestHessian(t *testing.T) {
	testSamples(t, "hessian", []readSample{
		{"map", "hessian", "H\x03cmd\x04chat\x01d_\x00\x00\x05\xdc\x04list|\x01a\x01b\xd5\x11p\x8d\x01n\x95\x03nilN\x02okT\x04text\x0b<b>x</b> \xed\xa0\xbd\xed\xb8\x80Z",
			[]string{"$.cmd~=cmd", "$.cmd=chat", "$.list[0]=a", "$.list[1]=b", "$.text=<b>x</b> 😀"}},
		{"object", "hessian", "C\x10com.example.Chat\x92\x04user\x04text`\x05alice0(hello everyone, how are you doing today?",
			[]string{"$~=com.example.Chat", "$~=user", "$.user=alice", "$.text=hello everyone, how are you doing today?"}},
		{"binary", "hessian", "{\x03oneJ\x00\x00\x00\x00\x00\x00\x00\x01+<b>blob</b>", []string{"$[0]=one", "$[2]=<b>blob</b>"}},
		{"typed list", "hessian", "V\x13java.util.ArrayList\x92\x03one\x03twoq\x90\x05three", []string{"$~=java.util.ArrayList", "$[1]=two", "$[0]=three"}},
		{"call", "hessian", "H\x02\x00C\x03say\x92R\x00\x02heS\x00\x03llo\x8a", []string{"$=say", "$=hello"}},
		{"reply", "hessian", "H\x02\x00RM\x05a.Map\x04text\x02hi\x91W\x01xZZ", []string{"$~=a.Map", "$.text=hi", "$[1][0]=x"}},
		{"fault", "hessian", "H\x02\x00FH\x04code\x05oops!Z", []string{"$.code=oops!"}},
		{"in parts", "hessian", "yR\x00\x05<scriR\x00\x04pt>aS\x00\x06lert()", []string{"$[0]=<script>alert()"}},
		{"the last part is short", "hessian", "yR\x00\x05<scri\x03pt>", []string{"$[0]=<script>"}},
		{"surrogates in two parts", "hessian", "yR\x00\x03ab\xed\xa0\xbdS\x00\x02\xed\xb8\x80c", []string{"$[0]=ab😀c"}},
		{"binary in parts", "hessian", "yA\x00\x03<b>A\x00\x01x\x24</b>", []string{"$[0]=<b>x</b>"}},
		{"a key in parts", "hessian", "HR\x00\x05<scri\x03pt>\x02hiZ", []string{"$[1]~=<script>", "$[1]=hi"}},
		{"arguments", "hessian", "\x052.0.2\x04pathR\x00\x04<scr\x04ipt>", []string{"$=<script>"}},
	}, map[string]string{
		"a string":       "\x05hello",
		"version":        "H\x02\x00",
		"deep":           strings.Repeat("y", 1<<15),
		"deep lists":     "H" + strings.Repeat("\x01aW", 1<<15),
		"no such class":  "yo\x05hello",
		"no such part":   "yR\x00\x02he\x90",
		"huge list":      "XI\x7f\xff\xff\xff\x05hello",
		"huge string":    "yS\xff\xffhello",
		"no end":         "H\x05hello\x05hello",
		"not UTF-8":      "y\x05hell\xff",
		"classes only":   strings.Repeat("C\x01a\x90", 1<<14),
		"a binary alone": "\x25hello",
	})
}

// Where a sender cuts a text makes no difference.
func FuzzHessian(f *testing.F) {
	f.Add("<script>alert(1)</script>", uint(4), uint(3))
	f.Add("5 o'clock 😀", uint(11), uint(0))
	f.Add("", uint(0), uint(0))
	var w format.Walker
	f.Fuzz(func(t *testing.T, text string, first, second uint) {
		if !utf8.ValidString(text) || len(text) > 4096 {
			return
		}
		units := cesu(text)
		first %= uint(len(units) + 1)
		second = first + second%uint(len(units)+1-int(first))
		doc := "zR" + part(units[:first]) + "R" + part(units[first:second]) + "S" + part(units[second:]) + "\x04last"
		var fields []string
		w.Walk([]byte(doc), format.Root{}, func(f *format.Field) {
			fields = append(fields, f.Path()+"="+string(f.Value))
		})
		require.Contains(t, fields, "$[0]="+text, "%q", doc)
		require.Contains(t, fields, "$[1]=last", "%q", doc)
	})
}

// cesu are the units of UTF-16 of text, each in UTF-8.
func cesu(text string) (units []string) {
	for _, r := range text {
		if r < 0x10000 {
			units = append(units, string(r))
			continue
		}
		for _, half := range []rune{0xD800 + (r-0x10000)>>10, 0xDC00 + (r-0x10000)&0x3FF} {
			units = append(units, string([]byte{0xE0 | byte(half>>12), 0x80 | byte(half>>6)&0xBF, 0x80 | byte(half)&0xBF}))
		}
	}
	return units
}

// part is the length of units, and these.
func part(units []string) string {
	return string([]byte{byte(len(units) >> 8), byte(len(units))}) + strings.Join(units, "")
}
