package view

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folding is what becomes of a character that is not ASCII.
type folding uint8

const (
	keep    folding = iota
	strong          // is ASCII in a form of its own, which few texts have
	quote           // a quote or a bracket of ordinary texts
	dash            // is in ordinary texts, and no reason for a view
	cjk             // the punctuation of Chinese and Japanese
	blank           // is a blank
	unseen          // is not to be seen
	control         // neither, and no text has it
)

// weak says that the character is in ordinary texts, too, and a reason for a
// view only where its neighbours are ASCII.
func (f folding) weak() bool { return f == quote || f == dash || f == cjk || f == blank || f == unseen }

// fold is what r becomes, and the ASCII that it stands for. Letters of other
// scripts are never ASCII, however alike they look: texts are full of them.
func fold(r rune) (folding, string) {
	switch {
	case r < 0x300:
		return foldLatin(r)
	case r < 0x1D00:
		switch r {
		case 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180E, 0x180F:
			return unseen, ""
		case 0x37E:
			return strong, ";"
		case 0x55A, 0x7F4:
			return strong, "'"
		case 0x1680:
			return blank, " "
		}
		return keep, ""
	case r < 0x2000:
		if r < 0x1D6B || r >= 0x1FBD {
			return foldCompatible(r)
		}
		return keep, ""
	case r < 0x2070:
		return foldPunctuation(r)
	case r < 0x2500:
		return foldSymbol(r)
	case r < 0x2E80:
		switch r {
		case 0x2571, 0x29F8:
			return strong, "/"
		case 0x275B, 0x275C:
			return strong, "'"
		case 0x275D, 0x275E:
			return strong, `"`
		case 0x276C, 0x276E, 0x2770, 0x27E8:
			return strong, "<"
		case 0x276D, 0x276F, 0x2771, 0x27E9:
			return strong, ">"
		case 0x29F5, 0x29F9:
			return strong, `\`
		case 0x2800:
			return blank, " "
		}
		return keep, ""
	case r < 0x3100:
		switch r {
		case 0x3000:
			return blank, " "
		case 0x3002:
			return cjk, "."
		case 0x3008:
			return quote, "<"
		case 0x3009:
			return quote, ">"
		case 0x301D, 0x301E, 0x301F:
			return quote, `"`
		}
		return keep, ""
	case r < 0xFB00:
		if r == 0x3164 {
			return unseen, ""
		}
		return keep, ""
	case r < 0x10000:
		return foldForm(r)
	case r >= 0x1D400 && r < 0x1D800, r >= 0x1F100 && r < 0x1F150:
		return foldCompatible(r)
	case r >= 0xE0000 && r < 0xE0200:
		return unseen, "" // tags, variation selectors
	}
	return keep, ""
}

func foldLatin(r rune) (folding, string) {
	switch r {
	case 0x85:
		return blank, " "
	case 0xA0:
		return blank, " "
	case 0xAB:
		return quote, "<"
	case 0xBB:
		return quote, ">"
	case 0xAD:
		return unseen, ""
	case 0xB4:
		return quote, "'"
	case 0x17F:
		return strong, "s"
	case 0x1C0:
		return strong, "|"
	case 0x1C3:
		return strong, "!"
	case 0x2B9, 0x2BB, 0x2BC, 0x2BD, 0x2BE, 0x2BF, 0x2C8:
		return quote, "'"
	case 0x2BA, 0x2DD, 0x2EE:
		return quote, `"`
	case 0x2C2:
		return strong, "<"
	case 0x2C3:
		return strong, ">"
	case 0x2C6:
		return strong, "^"
	case 0x2CB:
		return strong, "`"
	case 0x2D0:
		return dash, ":"
	case 0x2DC:
		return strong, "~"
	}
	switch {
	case r < 0xA0:
		return control, ""
	case r >= 0x2B0 && r <= 0x2B8:
		return foldCompatible(r)
	}
	return keep, ""
}

func foldPunctuation(r rune) (folding, string) {
	switch {
	case r <= 0x200A, r == 0x2028, r == 0x2029, r == 0x202F, r == 0x205F:
		return blank, " "
	case r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060:
		return unseen, ""
	case r <= 0x2015:
		return dash, "-"
	}
	switch r {
	case 0x2018, 0x2019, 0x201A, 0x201B, 0x2032, 0x2035:
		return quote, "'"
	case 0x201C, 0x201D, 0x201E, 0x201F, 0x2033, 0x2036:
		return quote, `"`
	case 0x2039:
		return quote, "<"
	case 0x203A:
		return quote, ">"
	case 0x2024:
		return strong, "."
	case 0x2025:
		return strong, ".."
	case 0x2044:
		return strong, "/"
	case 0x204E:
		return strong, "*"
	case 0x203C:
		return dash, "!!"
	}
	return keep, ""
}

func foldSymbol(r rune) (folding, string) {
	switch r {
	case 0x2122, 0x2116:
		return keep, ""
	case 0x2212:
		return dash, "-"
	case 0x2215:
		return strong, "/"
	case 0x2216:
		return strong, `\`
	case 0x2217:
		return strong, "*"
	case 0x2223:
		return strong, "|"
	case 0x2236:
		return strong, ":"
	case 0x223C:
		return strong, "~"
	case 0x2329:
		return strong, "<"
	case 0x232A:
		return strong, ">"
	}
	if r < 0x20A0 || r >= 0x2100 && r < 0x2190 || r >= 0x2460 {
		return foldCompatible(r)
	}
	return keep, ""
}

func foldForm(r rune) (folding, string) {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E:
		const ascii = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
		i := r - 0xFF01
		switch ascii[i] {
		case '!', '(', ')', ',', '.', ':', ';', '?', '~', '-', '/':
			return cjk, ascii[i : i+1]
		}
		return strong, ascii[i : i+1]
	case r >= 0xFE00 && r <= 0xFE0F, r == 0xFEFF, r == 0xFFA0, r >= 0xFFF0 && r <= 0xFFFB:
		return unseen, ""
	case r == 0xFF61:
		return cjk, "."
	case r <= 0xFB06, r >= 0xFE10 && r <= 0xFE6F:
		return foldCompatible(r)
	}
	return keep, ""
}

// foldCompatible has the characters that are ASCII by Unicode's compatibility
// decomposition.
func foldCompatible(r rune) (folding, string) {
	var b [utf8.UTFMax]byte
	n := utf8.EncodeRune(b[:], r)
	d := norm.NFKD.Properties(b[:n]).Decomposition()
	if len(d) == 0 || len(d) > n {
		return keep, ""
	}
	for _, c := range d {
		if c >= utf8.RuneSelf {
			return keep, ""
		}
	}
	if len(d) == 1 {
		return strong, asciiText[d[0] : d[0]+1]
	}
	switch string(d) {
	case "ff":
		return strong, "ff"
	case "fi":
		return strong, "fi"
	case "fl":
		return strong, "fl"
	case "ffi":
		return strong, "ffi"
	case "ffl":
		return strong, "ffl"
	case "st":
		return strong, "st"
	}
	return keep, "" // no word is made of them
}

// asciiText has each character of ASCII at its own index.
var asciiText = func() string {
	var b [utf8.RuneSelf]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}()
