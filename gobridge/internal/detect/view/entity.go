package view

// entities are the named character references that stand for ASCII, for what is
// folded to ASCII, or for what cannot be seen. Others decode to what no rule
// looks for.
var entities = map[string]rune{
	"lt": '<', "LT": '<', "gt": '>', "GT": '>', "quot": '"', "QUOT": '"', "amp": '&', "AMP": '&', "apos": '\'',
	"nbsp": ' ', "NonBreakingSpace": ' ', "Tab": '\t', "NewLine": '\n', "excl": '!', "num": '#', "dollar": '$', "percnt": '%',
	"lpar": '(', "rpar": ')', "ast": '*', "midast": '*', "plus": '+', "comma": ',', "period": '.', "sol": '/',
	"colon": ':', "semi": ';', "equals": '=', "quest": '?', "commat": '@', "lsqb": '[', "lbrack": '[',
	"bsol": '\\', "rsqb": ']', "rbrack": ']', "Hat": '^', "lowbar": '_', "UnderBar": '_', "grave": '`',
	"DiacriticalGrave": '`', "lcub": '{', "lbrace": '{', "verbar": '|', "vert": '|', "VerticalLine": '|',
	"rcub": '}', "rbrace": '}', "hyphen": '-', "dash": '-', "minus": '-',
	"lsquo": '\'', "rsquo": '\'', "OpenCurlyQuote": '\'', "CloseCurlyQuote": '\'', "sbquo": '\'', "lsquor": '\'',
	"rsquor": '\'', "prime": '\'', "acute": '\'', "DiacriticalAcute": '\'',
	"ldquo": '"', "rdquo": '"', "bdquo": '"', "ldquor": '"', "rdquor": '"', "Prime": '"',
	"OpenCurlyDoubleQuote": '"', "CloseCurlyDoubleQuote": '"',
	"lsaquo": '<', "rsaquo": '>', "laquo": '<', "raquo": '>', "lang": '<', "rang": '>', "langle": '<', "rangle": '>',
	"ensp": ' ', "emsp": ' ', "emsp13": ' ', "emsp14": ' ', "numsp": ' ', "puncsp": ' ', "thinsp": ' ',
	"ThinSpace": ' ', "hairsp": ' ', "VeryThinSpace": ' ', "MediumSpace": ' ', "ThickSpace": ' ',
	"ZeroWidthSpace": 0, "NegativeVeryThinSpace": 0, "NegativeThinSpace": 0, "NegativeMediumSpace": 0,
	"NegativeThickSpace": 0, "shy": 0, "zwj": 0, "zwnj": 0, "lrm": 0, "rlm": 0, "NoBreak": 0,
	"ApplyFunction": 0, "af": 0, "InvisibleTimes": 0, "it": 0, "InvisibleComma": 0, "ic": 0,
}

// maxEntity is the longest name of them.
const maxEntity = len("CloseCurlyDoubleQuote")

// bare are the names that HTML takes without a semicolon.
var bare = [...]struct {
	name string
	r    rune
}{
	{"lt", '<'}, {"LT", '<'}, {"gt", '>'}, {"GT", '>'}, {"quot", '"'}, {"QUOT", '"'}, {"amp", '&'}, {"AMP", '&'},
	{"nbsp", ' '}, {"shy", 0},
}

// windows1252 is what HTML makes of the references 0x80 to 0x9F that are ASCII to us.
var windows1252 = map[rune]rune{
	0x82: '\'', 0x84: '"', 0x88: '^', 0x8B: '<', 0x91: '\'', 0x92: '\'', 0x93: '"', 0x94: '"',
	0x96: '-', 0x97: '-', 0x98: '~', 0x9B: '>',
}

// entity is the character reference that p, which begins with &, begins with,
// and its size, 0 if it is none. gone says that nothing is left of it.
func entity(p []byte) (r rune, size int, gone bool) {
	if len(p) < 3 {
		return 0, 0, false
	}
	if p[1] == '#' {
		r, size = numeric(p)
		return r, size, size > 0 && r == 0
	}
	i := 1
	for i < len(p) && i <= maxEntity+1 && isAlnum(p[i]) {
		i++
	}
	if i < 3 {
		return 0, 0, false
	}
	if i < len(p) && p[i] == ';' {
		if r, ok := entities[string(p[1:i])]; ok {
			return r, i + 1, r == 0
		}
	}
	for _, e := range bare {
		if len(p) > len(e.name) && string(p[1:1+len(e.name)]) == e.name {
			return e.r, 1 + len(e.name), e.r == 0
		}
	}
	return 0, 0, false
}

func numeric(p []byte) (r rune, size int) {
	i := 2
	base, limit := rune(10), byte(10)
	if i < len(p) && p[i]|0x20 == 'x' {
		base, limit = 16, 16
		i++
	}
	first := i
	// As many as there are: zeros before a number may be any.
	for i < len(p) && unhex[p[i]] < limit {
		if r = r*base + rune(unhex[p[i]]); r > 0x10FFFF {
			r = 0x110000
		}
		i++
	}
	if i == first {
		return 0, 0
	}
	if i < len(p) && p[i] == ';' {
		i++
	}
	switch {
	case r > 0x10FFFF, r >= 0xD800 && r < 0xE000:
		r = 0xFFFD
	case r >= 0x80 && r < 0xA0:
		if c, ok := windows1252[r]; ok {
			r = c
		}
	}
	return r, i
}

func isAlnum(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord reports whether c is of a word or a file's name.
func isWord(c byte) bool { return isAlnum(c) || c == '_' }

// unhex has the value of each hexadecimal digit, 16 for all other bytes.
var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 16
	}
	for i := range 10 {
		t['0'+i] = byte(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = byte(10+i), byte(10+i)
	}
	return t
}()
