package message

import "encoding/binary"

// A DEFLATE decoder (RFC 1951) for whole messages. compress/flate and its kin
// cannot say what has to be known here: whether a message ends at a block
// boundary, how far back a reference inside a message goes, and where the
// bytes behind a final block begin.

// An entry is a Huffman table's answer to the next bits: value<<16 | op<<8 |
// bits to consume. op is opLiteral, or opCopy plus the number of extra bits of
// a length or distance, or opTable plus the index bits of the table at value.
type entry uint32

const (
	opLiteral = 0x00
	opCopy    = 0x10
	opEnd     = 0x20 // end of block
	opInvalid = 0x40
	opTable   = 0x80

	invalid entry = opInvalid << 8
)

// Sizes of the first-level tables in bits, and of the tables with all their
// sub-tables in entries: zlib's ENOUGH_LENS, ENOUGH_DISTS.
const (
	litRoot  = 9
	distRoot = 6
	clRoot   = 7

	litTable  = 852
	distTable = 592

	maxBits  = 15  // of a code
	allLits  = 288 // literal and length symbols with the two never used
	maxLits  = 286
	allDists = 32
	maxDists = 30
)

// What each symbol means, as entries without the bits (RFC 1951 3.2.5).
var (
	litSymbols  = makeLitSymbols()
	distSymbols = makeDistSymbols()
	clSymbols   = makeClSymbols()

	fixedLit  = makeFixed(litSymbols[:], litRoot, fixedLitBits)
	fixedDist = makeFixed(distSymbols[:], distRoot, fixedDistBits)
)

var clOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func makeLitSymbols() (s [allLits]entry) {
	for i := range 256 {
		s[i] = entry(i) << 16
	}
	s[256] = opEnd << 8
	base := 3
	for i := 257; i < 285; i++ {
		extra := max((i-261)/4, 0)
		s[i] = entry(base)<<16 | entry(opCopy|extra)<<8
		base += 1 << extra
	}
	s[285] = 258<<16 | opCopy<<8
	s[286], s[287] = invalid, invalid
	return s
}

func makeDistSymbols() (s [allDists]entry) {
	base := 1
	for i := range 30 {
		extra := max(i/2-1, 0)
		s[i] = entry(base)<<16 | entry(opCopy|extra)<<8
		base += 1 << extra
	}
	s[30], s[31] = invalid, invalid
	return s
}

func makeClSymbols() (s [19]entry) {
	for i := range s {
		s[i] = entry(i) << 16
	}
	return s
}

// fixedLitBits and fixedDistBits are the code lengths of RFC 1951 3.2.6.
func fixedLitBits(i int) uint8 {
	switch {
	case i < 144:
		return 8
	case i < 256:
		return 9
	case i < 280:
		return 7
	}
	return 8
}

func fixedDistBits(int) uint8 { return 5 }

func makeFixed(symbols []entry, root uint, codeBits func(int) uint8) huffman {
	lens := make([]uint8, len(symbols))
	for i := range lens {
		lens[i] = codeBits(i)
	}
	h := huffman{t: make([]entry, 1<<root)}
	h.init(symbols, root, lens)
	return h
}

// huffman decodes one Huffman code.
type huffman struct {
	t    []entry
	root uint // index bits of the first-level table
}

// init builds the table for the code whose symbol i has length lens[i], 0 for
// none. A code that is over-subscribed or incomplete is refused, but for no
// symbol at all and for a single one of length 1, as zlib does.
func (h *huffman) init(symbols []entry, root uint, lens []uint8) bool {
	var count, next [maxBits + 1]uint16
	for _, l := range lens {
		if l != 0 {
			count[l]++
		}
	}
	longest := maxBits
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	left, sum := 1, uint16(0)
	for l := 1; l <= maxBits; l++ {
		left = left<<1 - int(count[l])
		if left < 0 {
			return false
		}
		next[l] = sum
		sum += count[l]
	}
	h.root = min(root, uint(max(longest, 1)))
	if left > 0 {
		if longest > 1 {
			return false
		}
		h.t[0], h.t[1] = invalid|1, invalid|1
	}

	// Symbols by length, then value: the order of the codes.
	var sorted [allLits]uint16
	for i, l := range lens {
		if l != 0 {
			sorted[next[l]] = uint16(i)
			next[l]++
		}
	}
	// The first-level table starts with one entry and doubles for each bit
	// that the codes get longer: shorter codes fill it by being copied.
	code, size := uint(0), 0 // code is bit-reversed, as in the stream
	sub, subAt, subBits := ^uint(0), 0, uint(0)
	end := 1 << h.root
	for _, i := range sorted[:sum] {
		l := uint(lens[i])
		for ; size < int(min(l, h.root)); size++ {
			copy(h.t[1<<size:2<<size], h.t[:1<<size])
		}
		if l <= h.root {
			h.t[code] = symbols[i] | entry(l)
		} else {
			if low := code & (1<<h.root - 1); low != sub {
				// As many bits as the codes with this prefix need.
				sub, subAt, subBits = low, end, l-h.root
				for free := 1 << subBits; subBits+h.root < uint(longest); free <<= 1 {
					if free -= int(count[subBits+h.root]); free <= 0 {
						break
					}
					subBits++
				}
				end += 1 << subBits
				if end > len(h.t) { // no complete code needs that
					return false
				}
				h.t[low] = entry(subAt)<<16 | entry(opTable|subBits)<<8 | entry(h.root)
			}
			for j := code >> h.root; j < 1<<subBits; j += 1 << (l - h.root) {
				h.t[subAt+int(j)] = symbols[i] | entry(l-h.root)
			}
		}
		count[l]--
		// The next code, counted from the highest bit down.
		bit := uint(1) << (l - 1)
		for code&bit != 0 {
			bit >>= 1
		}
		if bit == 0 {
			break // that was the last, all ones
		}
		code = code&(bit-1) | bit
	}
	return true
}

// tail is what the sender removed from the end of the message.
var tail = [4]byte{0x00, 0x00, 0xff, 0xff}

// inflate is the state of inflating one message. Its tables are reused.
type inflate struct {
	in     []byte // payload, tail follows
	p      int    // next byte of in and tail
	acc    uint64 // bits taken from in, lowest first
	n      int    // how many; what acc has above them is what follows
	out    []byte
	limit  int
	win    []byte // see Inflater
	pos    int
	window int

	lit, dist huffman
	lens      [maxLits + maxDists]uint8
	litT      [litTable]entry
	distT     [distTable]entry
}

// message inflates the whole payload.
func (d *inflate) message() error {
	d.p, d.acc, d.n = 0, 0, 0
	end := len(d.in) + len(tail)
	if len(d.in) == 0 {
		return nil
	}
	for {
		final, err := d.block()
		if err != nil {
			return err
		}
		if final {
			// RFC 7692 7.2.3.4: another block begins at the next byte. A
			// sender that left that block out ends here.
			d.acc >>= d.n & 7
			d.n &^= 7
			if d.p-d.n>>3 == len(d.in) {
				return nil
			}
		}
		if d.p == end && d.n == 0 {
			return nil
		}
	}
}

func (d *inflate) at(i int) byte {
	if i < len(d.in) {
		return d.in[i]
	}
	return tail[i-len(d.in)]
}

// refill takes bytes until acc holds at least 56 bits or all that is left.
func (d *inflate) refill() {
	if d.p+8 <= len(d.in) {
		d.acc |= binary.LittleEndian.Uint64(d.in[d.p:]) << (d.n & 63)
		d.p += (63 - d.n) >> 3
		d.n |= 56
		return
	}
	for end := len(d.in) + len(tail); d.n <= 56 && d.p < end; d.p++ {
		d.acc |= uint64(d.at(d.p)) << (d.n & 63)
		d.n += 8
	}
}

// block inflates one block (RFC 1951 3.2.3).
func (d *inflate) block() (final bool, err error) {
	d.refill()
	if d.n < 3 {
		return false, ErrInvalid
	}
	final = d.acc&1 != 0
	kind := d.acc >> 1 & 3
	d.acc >>= 3
	d.n -= 3
	switch kind {
	case 0:
		return final, d.stored()
	case 1:
		return final, d.codes(&fixedLit, &fixedDist)
	case 2:
		if !d.dynamic() {
			return false, ErrInvalid
		}
		return final, d.codes(&d.lit, &d.dist)
	}
	return false, ErrInvalid
}

// stored copies a block without compression (RFC 1951 3.2.4).
func (d *inflate) stored() error {
	i := d.p - d.n>>3
	d.acc, d.n = 0, 0
	end := len(d.in) + len(tail)
	if end-i < 4 {
		return ErrInvalid
	}
	size := int(d.at(i)) | int(d.at(i+1))<<8
	check := int(d.at(i+2)) | int(d.at(i+3))<<8
	i += 4
	if size^check != 0xffff || size > end-i {
		return ErrInvalid
	}
	d.p = i + size
	if size == 0 {
		return nil
	}
	n := len(d.out)
	if !d.room(size) {
		return ErrTooBig
	}
	d.out = d.out[:n+size]
	k := 0
	if i < len(d.in) {
		k = copy(d.out[n:], d.in[i:])
	}
	for ; k < size; k++ {
		d.out[n+k] = d.at(i + k)
	}
	return nil
}

// room makes capacity for n more bytes of output, in all at most twice what
// was produced. It reports false past the limit.
func (d *inflate) room(n int) bool {
	have := len(d.out)
	if n > d.limit-have {
		return false
	}
	if n > cap(d.out)-have {
		out := make([]byte, have, min(d.limit, max(2*have, have+n, 256)))
		copy(out, d.out)
		d.out = out
	}
	return true
}

// dynamic reads the codes of a block (RFC 1951 3.2.7).
func (d *inflate) dynamic() bool {
	d.refill()
	if d.n < 14 {
		return false
	}
	nlit := int(d.acc&31) + 257
	ndist := int(d.acc>>5&31) + 1
	ncl := int(d.acc>>10&15) + 4
	d.acc >>= 14
	d.n -= 14
	if nlit > maxLits || ndist > maxDists {
		return false
	}

	var cl [19]uint8
	for _, i := range clOrder[:ncl] {
		if d.n < 3 {
			if d.refill(); d.n < 3 {
				return false
			}
		}
		cl[i] = uint8(d.acc & 7)
		d.acc >>= 3
		d.n -= 3
	}
	d.lit.t, d.dist.t = d.litT[:], d.distT[:]
	if !d.lit.init(clSymbols[:], clRoot, cl[:]) {
		return false
	}

	lens := d.lens[:nlit+ndist]
	for i := 0; i < len(lens); {
		if d.n < 14 {
			d.refill()
		}
		e := d.lit.t[d.acc&(1<<d.lit.root-1)]
		d.acc >>= e & 0xff
		d.n -= int(e & 0xff)
		if d.n < 0 || e>>8&0xff != opLiteral {
			return false
		}
		if e>>16 < 16 {
			lens[i] = uint8(e >> 16)
			i++
			continue
		}
		var l uint8
		var repeat, extra int
		switch e >> 16 {
		case 16:
			if i == 0 {
				return false
			}
			l, repeat, extra = lens[i-1], 3, 2
		case 17:
			repeat, extra = 3, 3
		default:
			repeat, extra = 11, 7
		}
		repeat += int(d.acc) & (1<<extra - 1)
		d.acc >>= extra
		d.n -= extra
		if d.n < 0 || repeat > len(lens)-i {
			return false
		}
		for ; repeat > 0; repeat-- {
			lens[i] = l
			i++
		}
	}
	return lens[256] != 0 &&
		d.lit.init(litSymbols[:], litRoot, lens[:nlit]) &&
		d.dist.init(distSymbols[:], distRoot, lens[nlit:])
}

// codes inflates the compressed data of a block up to its end (RFC 1951
// 3.2.3).
func (d *inflate) codes(lit, dist *huffman) error {
	litT, litMask := lit.t, uint64(1)<<lit.root-1
	distT, distMask := dist.t, uint64(1)<<dist.root-1
	in, p, acc, nb := d.in, d.p, d.acc, d.n
	n := len(d.out)
	buf := d.out[:max(n, min(cap(d.out), d.limit))]
	err := ErrInvalid

	for {
		// A length and its distance take at most 15+5+15+13 bits.
		if nb < 48 {
			if p+8 <= len(in) {
				acc |= binary.LittleEndian.Uint64(in[p:]) << (nb & 63)
				p += (63 - nb) >> 3
				nb |= 56
			} else {
				d.p, d.acc, d.n = p, acc, nb
				d.refill()
				p, acc, nb = d.p, d.acc, d.n
			}
		}
		e := litT[acc&litMask]
		if e&(opTable<<8) != 0 {
			acc >>= e & 63
			nb -= int(e & 63)
			e = litT[uint64(e>>16)+acc&(1<<(e>>8&15)-1)]
		}
		acc >>= e & 63
		nb -= int(e & 63)
		op := e >> 8 & 0xff
		if nb < 0 || op&opInvalid != 0 {
			break
		}
		if op == opLiteral {
			if n == len(buf) {
				d.out = buf[:n]
				if !d.room(1) {
					err = ErrTooBig
					break
				}
				buf = d.out[:min(cap(d.out), d.limit)]
			}
			buf[n] = byte(e >> 16)
			n++
			continue
		}
		if op == opEnd {
			err = nil
			break
		}
		extra := op & 15
		length := int(e>>16) + int(acc&(1<<extra-1))
		acc >>= extra
		nb -= int(extra)

		e = distT[acc&distMask]
		if e&(opTable<<8) != 0 {
			acc >>= e & 63
			nb -= int(e & 63)
			e = distT[uint64(e>>16)+acc&(1<<(e>>8&15)-1)]
		}
		acc >>= e & 63
		nb -= int(e & 63)
		extra = e >> 8 & 15
		back := int(e>>16) + int(acc&(1<<extra-1))
		acc >>= extra
		nb -= int(extra)
		if nb < 0 || e&(opInvalid<<8) != 0 || back > d.window || back > n+len(d.win) {
			break
		}

		if length > len(buf)-n {
			d.out = buf[:n]
			if !d.room(length) {
				err = ErrTooBig
				break
			}
			buf = d.out[:min(cap(d.out), d.limit)]
		}
		end := n + length
		if back > n {
			// From the window: up to its end, wrapped, then from the output.
			far := back - n
			i := d.pos - far
			if i < 0 {
				i += len(d.win)
			}
			k := min(n+far, end)
			m := n + copy(buf[n:k], d.win[i:])
			copy(buf[m:k], d.win)
			n = k
		}
		for from := n - back; n < end; {
			n += copy(buf[n:end], buf[from:n])
		}
	}
	d.p, d.acc, d.n = p, acc, nb
	d.out = buf[:n]
	return err
}
