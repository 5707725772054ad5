package detect

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf8"

	"wsi/gobridge/internal/detect/view"
)

// byteSet is a set of classes of bytes, letters of either case alike.
type byteSet uint64

var byteClass = func() (class [256]byteSet) {
	for i := range class {
		var n int
		switch c := byte(i); {
		case c == '\n' || c == '\r':
			n = 1
		case c == 0:
			n = 2
		case c == '\t':
			n = 62
		case c < ' ' || c == 0x7f:
			n = 3
		case c == ' ':
			n = 4
		case '0' <= c && c <= '9':
			n = 5
		case isASCIILetter(c):
			n = 6 + strings.IndexByte("bcfgjkpqvwxyz_", c|0x20)
			if n < 6 {
				n = 20
			}
		case c < 0x80:
			n = 21 + strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c)
		case c == 0xc2:
			n = 54
		case c == 0xe2:
			n = 55
		case c == 0xef:
			n = 56
		case c == 0xc0 || c == 0xc1 || c >= 0xf5:
			n = 57
		case c == 0xf0 || c == 0xf3:
			n = 58
		case c == 0xe1 || c == 0xe3:
			n = 59
		case c == 0xcc || c == 0xcd:
			n = 60
		case c == 0xce || c == 0xd0 || c == 0xd1:
			n = 61
		}
		class[i] = 1 << n
	}
	return class
}()

// viewClass is, by class, what its bytes are to views: to these they are alike.
var viewClass = func() (classes [64]view.Classes) {
	for c, set := range byteClass {
		classes[bits.TrailingZeros64(uint64(set))] = view.ClassesOf(byte(c))
	}
	return classes
}()

// viewed are the classes that views look at.
var viewed = func() (set byteSet) {
	for n, class := range viewClass {
		if class != 0 {
			set |= 1 << n
		}
	}
	return set
}()

func (s byteSet) viewClasses() (has view.Classes) {
	for s &= viewed; s != 0; s &= s - 1 {
		has |= viewClass[bits.TrailingZeros64(uint64(s))]
	}
	return has
}

// has reports whether c's class, which for punctuation is c alone, is in s.
func (s byteSet) has(c byte) bool { return s&byteClass[c] != 0 }

// classesOf are the classes of value's bytes.
func classesOf(value []byte) (in byteSet) {
	for ; len(value) >= 8; value = value[8:] {
		w := binary.LittleEndian.Uint64(value)
		in |= byteClass[byte(w)] | byteClass[byte(w>>8)] | byteClass[byte(w>>16)] | byteClass[byte(w>>24)] |
			byteClass[byte(w>>32)] | byteClass[byte(w>>40)] | byteClass[byte(w>>48)] | byteClass[byte(w>>56)]
	}
	for _, c := range value {
		in |= byteClass[c]
	}
	return in
}

// setOf is classesOf for what is compiled, and for few values.
func setOf(text string) (set byteSet) {
	for i := range len(text) {
		set |= byteClass[text[i]]
	}
	return set
}

// four and eight are the first bytes of b, the first one lowest.
func four[T string | []byte](b T) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func eight(b string) uint64 { return uint64(four(b)) | uint64(four(b[4:]))<<32 }

// byteFold maps bytes to 6 bits for the index, letters of either case alike.
// What falls together is told apart by a comparison. Of the bytes beyond ASCII,
// of which text in other languages is full, those of rules are by themselves.
var byteFold = func() (fold [256]uint8) {
	for i := range fold {
		switch c := byte(i); {
		case isASCIILetter(c):
			fold[i] = c | 0x20 - 'a' + 1
		case '0' <= c && c <= '9':
			fold[i] = 27 + (c-'0')/5
		case c == 0xc2 || c == 0x8a || c == 0x8d: // of U+00BC, U+560A and U+560D
			fold[i] = 0
		case c == ' ':
			fold[i] = 29
		case ' ' < c && c < 0x7f:
			fold[i] = uint8(30 + strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c))
		case c >= 0x80:
			fold[i] = 62
		default:
			fold[i] = 63
		}
	}
	return fold
}()

var byteLower = func() (low [256]uint8) {
	for i := range low {
		low[i] = lower(byte(i))
	}
	return low
}()

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// allBytes is a set of bytes.
type allBytes [4]uint64

func (s *allBytes) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s *allBytes) add(lo, hi rune) {
	for c := lo; c <= min(hi, utf8.RuneSelf-1); c++ {
		s[c>>6] |= 1 << (c & 63)
	}
	if hi >= utf8.RuneSelf {
		s[2], s[3] = ^uint64(0), ^uint64(0)
	}
}

func (s *allBytes) union(t *allBytes) {
	for i := range s {
		s[i] |= t[i]
	}
}

// share is how many of ordinary text's bytes are in s.
func (s *allBytes) share() (sum float64) {
	for c := range 256 {
		if s.has(byte(c)) {
			sum += float64(byteCost[c])
		}
	}
	return min(sum, 1)
}

// word is 1 for the bytes of words, as \b knows them.
var word = func() (is [256]edges) {
	for c := range is {
		if isASCIILetter(byte(c)) || '0' <= c && c <= '9' || c == '_' {
			is[c] = 1
		}
	}
	return is
}()

func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
