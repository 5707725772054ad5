// Package carrier undoes what a value may be wrapped in: base64, compression
// and the like. It knows bytes only; what they mean is the format's business.
//
// Decoders are at least as lenient as those that applications use, and what a
// stream holds before it breaks is returned. Nothing is allocated by an
// announced length, nothing recurses, no goroutine is started.
package carrier

import (
	"slices"
	"unicode/utf8"
)

// Kind is one carrier.
type Kind uint8

const (
	None Kind = iota
	Base64
	Hex
	Percent
	QuotedPrintable
	JWT
	DataURL
	Gzip
	Zlib
	Deflate
	Brotli
	Zstd
	LZ4
	Snappy
	LZString
	UTF16
	Latin1 // a binary string of JavaScript: U+0080 to U+00FF stand for bytes
)

var names = [...]string{
	None: "", Base64: "base64", Hex: "hex", Percent: "percent", QuotedPrintable: "quoted-printable",
	JWT: "jwt", DataURL: "data-url", Gzip: "gzip", Zlib: "zlib", Deflate: "deflate", Brotli: "brotli",
	Zstd: "zstd", LZ4: "lz4", Snappy: "snappy", LZString: "lz-string", UTF16: "utf16", Latin1: "latin1",
}

// String is the carrier's name in a path.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return ""
}

// Magic reports whether what begins as the carrier is hardly anything else.
func (k Kind) Magic() bool {
	switch k {
	case Gzip, Zlib, Zstd, LZ4, Snappy:
		return true
	}
	return false
}

// maxKeep is the scratch memory in bytes that a Decoder keeps between calls.
const maxKeep = 64 << 10

// Decoder undoes carriers. The zero value is ready. It owns scratch memory: one
// per thread, not safe for concurrent use.
type Decoder struct {
	units []uint16 // of lz-string's output
	dict  []span   // of lz-string
	rest  []byte   // the body of a data: URL
	head  []byte   // what a probe decoded to
	frame frame    // of zstd

	declared bool // see Declared
}

// Decode appends what value carries to dst, at most limit bytes of it. ok is
// false if value is not of that kind, or carries nothing that is worth a look:
// neither text nor the beginning of a known structure. over says that limit cut
// something off. value must not be dst's memory.
func (d *Decoder) Decode(kind Kind, dst, value []byte, limit int) (out []byte, ok, over bool) {
	o := output{buf: dst, start: len(dst), limit: max(limit, 0)}
	ok = d.decode(&o, kind, value)
	if !ok || o.len() == 0 && !o.over {
		return o.buf[:o.start], false, false
	}
	return o.buf, true, o.over
}

// Declared is Decode of what is said to be of that kind, so that it is worth a look
// whatever it carries.
func (d *Decoder) Declared(kind Kind, dst, value []byte, limit int) (out []byte, ok, over bool) {
	d.declared = true
	out, ok, over = d.Decode(kind, dst, value, limit)
	d.declared = false
	return out, ok, over
}

func (d *Decoder) decode(o *output, kind Kind, value []byte) bool {
	switch kind {
	case Base64:
		return d.base64(o, value)
	case Hex:
		return d.hex(o, value)
	case Percent:
		return o.percent(value)
	case QuotedPrintable:
		return o.quotedPrintable(value)
	case JWT:
		return o.jwt(value)
	case DataURL:
		return d.dataURL(o, value)
	case Gzip:
		return o.gzip(value)
	case Zlib:
		return o.zlib(value)
	case Deflate:
		return o.deflate(value)
	case Brotli:
		return o.brotli(value)
	case Zstd:
		return d.zstd(o, value)
	case LZ4:
		return o.lz4(value)
	case Snappy:
		return o.snappy(value)
	case LZString:
		return d.lzString(o, value)
	case UTF16:
		return o.utf16(value)
	case Latin1:
		return o.latin1(value)
	}
	return false
}

// probe reports whether value decodes as kind, from the head of the output.
func (d *Decoder) probe(kind Kind, value []byte) bool {
	if cap(d.head) == 0 {
		d.head = make([]byte, 0, head)
	}
	o := output{buf: d.head[:0], limit: head}
	return d.decode(&o, kind, value)
}

// output is what a carrier decoded to: buf[start:], at most limit bytes.
type output struct {
	buf   []byte
	start int
	limit int
	over  bool
}

func (o *output) bytes() []byte { return o.buf[o.start:] }
func (o *output) len() int      { return len(o.buf) - o.start }
func (o *output) left() int     { return o.limit - o.len() }

// reset forgets what was decoded.
func (o *output) reset() {
	o.buf = o.buf[:o.start]
	o.over = false
}

// write appends p and reports whether all of it fitted.
func (o *output) write(p []byte) bool {
	n := min(len(p), o.left())
	o.buf = append(o.buf, p[:n]...)
	o.over = o.over || n < len(p)
	return n == len(p)
}

func (o *output) writeByte(c byte) bool {
	if o.left() == 0 {
		o.over = true
		return false
	}
	o.buf = append(o.buf, c)
	return true
}

// back appends n bytes that begin offset bytes before the end, which may run
// into what they append (LZ77). It reports whether that is possible and fitted.
func (o *output) back(offset, n int) bool {
	if offset <= 0 || offset > o.len() {
		return false
	}
	m := min(n, o.left())
	o.over = o.over || m < n
	o.buf = slices.Grow(o.buf, m)
	from := len(o.buf) - offset
	for m > 0 {
		k := min(m, len(o.buf)-from)
		o.buf = append(o.buf, o.buf[from:from+k]...)
		m -= k
	}
	return !o.over
}

const (
	// minRun is the shortest text that makes junk around it worth a look, in
	// bytes. Shorter ones are in most random data.
	minRun = 8
	// head is how much output of a stream without magic decides whether it is
	// one, in bytes.
	head = 512
)

// worth reports whether p should be looked at: it is text, or has text in it,
// in UTF-8 or UTF-16, or begins as something that is known.
func worth(p []byte) bool {
	if len(p) == 0 {
		return false
	}
	if _, n := magic(p); n > 0 || len(p) >= 2*minRun && likelyUTF16(p) {
		return true
	}
	run, wide := 0, 0
	for i := 0; i < len(p); {
		c, size := p[i], 1
		switch {
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRune(p[i:]); r == utf8.RuneError {
				run = -size
			}
			wide = 0
		case c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7F:
			if run = -size; c != 0 {
				wide = 0
			}
		default:
			if i > 1 && p[i-1] == 0 && p[i-2] != 0 {
				if wide++; wide >= minRun/2 {
					return true
				}
			} else if i > 0 {
				wide = 0
			}
		}
		if run += size; run >= minRun {
			return true
		}
		i += size
	}
	return run == len(p)
}

// isText reports whether nearly all of p is printable UTF-8.
func isText(p []byte) bool {
	p = p[:min(len(p), head)]
	bad := 0
	for i := 0; i < len(p); {
		c, size := p[i], 1
		switch {
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRune(p[i:]); r == utf8.RuneError && utf8.FullRune(p[i:]) {
				bad++
			}
		case c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7F:
			bad++
		}
		i += size
	}
	return bad*16 <= len(p)
}
