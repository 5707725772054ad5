package carrier

import (
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// lz-string is LZ78 on UTF-16 units, with codes of growing width whose bits
// come in the least significant first. It packs them into 6 bits (two
// alphabets), 15 bits (a valid UTF-16 unit each) or 16 bits.

// unlz has the value of each digit of compressToBase64 and of
// compressToEncodedURIComponent, whose + may have become a blank; 64 for all
// other bytes.
var unlz = table(64, base64Digits+"+/", base64Digits+" -")

// span is a phrase of the dictionary: where it was output.
type span struct{ at, size int }

// packing is how bits are packed.
type packing uint8

const (
	packed6  packing = iota // digits of base64
	packed15                // characters from U+0020 on
	packed16                // characters
	packedBE                // bytes, big-endian
	packedLE                // bytes, little-endian
)

// likelyLZString16 reports whether the first characters of p can be the
// beginning of compressToUTF16 or compress: a printable first character.
func likelyLZString16(p []byte) bool {
	r, size := utf8.DecodeRune(p)
	if r == utf8.RuneError || r > 0xFFFF || size == len(p) {
		return false
	}
	return r >= ' ' && likelyFirst(uint16(r-' ')<<1) || likelyFirst(uint16(r))
}

// likelyFirst looks at the code and the character in the first bits.
func likelyFirst(bits16 uint16) bool {
	switch bits16 >> 14 {
	case 0:
		c := bits.Reverse8(byte(bits16 >> 6))
		return c >= ' ' && c < 0x7F || c == '\n'
	case 2:
		return true // a character of 16 bits
	}
	return false
}

func likelyLZStringBytes(p []byte) bool {
	return likelyFirst(uint16(p[0])<<8|uint16(p[1])) || likelyFirst(uint16(p[1])<<8|uint16(p[0]))
}

func (d *Decoder) lzString(o *output, p []byte) bool {
	if len(p) < 2 {
		return false
	}
	r, _ := utf8.DecodeRune(p)
	wide := p[0] >= '`' && r != utf8.RuneError && r <= 0xFFFF
	le := uint16(p[1])<<8 | uint16(p[0])
	for pack, likely := range [...]bool{
		packed6:  likelyFirst(uint16(unlz[p[0]])<<10 | uint16(unlz[p[1]])<<4),
		packed15: wide && likelyFirst(uint16(r-' ')<<1),
		packed16: wide && likelyFirst(uint16(r)),
		packedBE: likelyFirst(bits.ReverseBytes16(le)),
		packedLE: likelyFirst(le),
	} {
		if !likely {
			continue
		}
		if d.unlz(o, &unpacker{p: p, pack: packing(pack)}) {
			return true
		}
		o.reset()
	}
	return false
}

// unpacker gives the bits of p.
type unpacker struct {
	p    []byte
	pack packing
	unit uint
	left uint // bits of unit
	end  bool
}

// code reads a number of n bits, at most 32.
func (u *unpacker) code(n uint) (x int) {
	for got := uint(0); got < n; {
		if u.left == 0 {
			u.next()
			if u.end {
				return 0
			}
		}
		k := min(u.left, n-got)
		u.left -= k
		v := uint16(u.unit >> u.left & (1<<k - 1))
		x |= int(bits.Reverse16(v)>>(16-k)) << got
		got += k
	}
	return x
}

func (u *unpacker) next() {
	u.end = true
	p := u.p
	switch u.pack {
	case packed6:
		if len(p) == 0 || unlz[p[0]] > 63 {
			return
		}
		u.unit, u.left = uint(unlz[p[0]]), 6
		u.p = p[1:]
	case packed15, packed16:
		r, size := utf8.DecodeRune(p)
		if size == 0 || r > 0xFFFF {
			return
		}
		u.unit, u.left = uint(r), 16
		if u.pack == packed15 {
			if r < ' ' {
				return
			}
			u.unit, u.left = uint(r-' '), 15
		}
		u.p = p[size:]
	default:
		if len(p) < 2 {
			return
		}
		u.unit, u.left = uint(p[0])<<8|uint(p[1]), 16
		if u.pack == packedLE {
			u.unit = uint(p[1])<<8 | uint(p[0])
		}
		u.p = p[2:]
	}
	u.end = false
}

// The codes that are no phrase.
const (
	lzChar8 = iota
	lzChar16
	lzEnd
	lzFirst // the first phrase
)

// unlz decodes u. Only what ends well counts, or has much text.
func (d *Decoder) unlz(o *output, u *unpacker) bool {
	out, dict := d.units[:0], d.dict[:0]
	// A unit is a byte at least.
	limit := o.limit + 1
	width := uint(2)
	room := 4 // codes until they get wider
	previous := span{}
	ended, first := false, true
	for len(out) < limit {
		c := u.code(width)
		if u.end {
			break
		}
		var phrase span
		switch c {
		case lzChar8, lzChar16:
			n := uint(8)
			if c == lzChar16 {
				n = 16
			}
			x := uint16(u.code(n))
			if u.end {
				break
			}
			phrase = span{len(out), 1}
			out = append(out, x)
			if first {
				// The first character is in the dictionary, and has no phrase
				// before it.
				dict = append(dict, phrase)
				width, room, first = 3, 4, false
				previous = phrase
				continue
			}
			dict = append(dict, phrase)
			room--
			if room == 0 {
				room = 1 << width
				width++
			}
		case lzEnd:
			ended = true
		default:
			i := c - lzFirst
			if first || i > len(dict) {
				u.end = true
				break
			}
			if i < len(dict) {
				phrase = span{len(out), dict[i].size}
				at := dict[i].at
				for k := range min(phrase.size, limit-len(out)) {
					out = append(out, out[at+k])
				}
			} else {
				phrase = span{len(out), previous.size + 1}
				for k := range min(phrase.size, limit-len(out)) {
					out = append(out, out[previous.at+k])
				}
			}
		}
		if ended || u.end {
			break
		}
		// What was output before and the first character of this.
		dict = append(dict, span{previous.at, previous.size + 1})
		previous = phrase
		room--
		if room == 0 {
			room = 1 << width
			width++
		}
		if len(out) >= head/2 && len(out)-phrase.size < head/2 && !isTextUnits(out) {
			break
		}
	}
	for i := 0; i < len(out); i++ {
		r := rune(out[i])
		if utf16.IsSurrogate(r) && i+1 < len(out) {
			if pair := utf16.DecodeRune(r, rune(out[i+1])); pair != utf8.RuneError {
				r = pair
				i++
			}
		}
		if !o.writeRune(r) {
			break
		}
	}
	d.units, d.dict = out, dict
	if cap(out) > maxKeep {
		d.units = nil
	}
	if cap(dict) > maxKeep {
		d.dict = nil
	}
	p := o.bytes()
	if o.over || ended && len(p) >= minRun/2 {
		return isText(p) && hasASCII(p)
	}
	return len(p) >= head/2 && isText(p) && hasASCII(p)
}

// hasASCII reports whether 4 characters of ASCII follow each other in p.
// Nearly every unit is some character, so that junk looks like text.
func hasASCII(p []byte) bool {
	run := 0
	for _, c := range p {
		if run++; c >= utf8.RuneSelf || c < ' ' {
			run = 0
		} else if run == 4 {
			return true
		}
	}
	return false
}

// isTextUnits is isText for the beginning of what lz-string holds.
func isTextUnits(p []uint16) bool {
	bad := 0
	for _, c := range p[:head/2] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7F || c == 0xFFFD {
			bad++
		}
	}
	return bad*16 <= head/2
}
