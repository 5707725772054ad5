package policy

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

var (
	errCut  = errors.New("it ends too early")
	errKey  = errors.New("a key that is no text")
	errText = errors.New("a text that is not UTF-8")
	errNaN  = errors.New("a number that JSON does not have")
	errKind = errors.New("a kind of value that JSON does not have")
)

// packed reads MessagePack or CBOR into what decode makes of JSON: bytes become
// base64url (RFC 8949 6.1). What JSON does not have is an error.
type packed struct {
	p      []byte
	values int
}

// decodePacked reads one document.
func decodePacked(p []byte, read func(*packed, int) (any, error)) (any, error) {
	r := packed{p: p}
	v, err := read(&r, 0)
	if err == nil && len(r.p) > 0 {
		return nil, errBehind
	}
	return v, err
}

// take is the next n bytes.
func (r *packed) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.p)) {
		return nil, errCut
	}
	b := r.p[:n]
	r.p = r.p[n:]
	return b, nil
}

// number is the next n bytes as one.
func (r *packed) number(n int) (uint64, error) {
	b, err := r.take(uint64(n))
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[8-n:], b)
	return binary.BigEndian.Uint64(wide[:]), nil
}

// count begins a value.
func (r *packed) count(depth int) error {
	if r.values++; r.values > maxDocumentValues {
		return errMany
	}
	if depth > maxDocumentDepth {
		return errDeep
	}
	return nil
}

func (r *packed) text(n uint64) (any, error) {
	b, err := r.take(n)
	if err == nil && !utf8.Valid(b) {
		err = errText
	}
	return string(b), err
}

func (r *packed) bytes(n uint64) (any, error) {
	b, err := r.take(n)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// list and object read n elements, or with n < 0 those until there is no more.
func (r *packed) list(n int64, depth int, more func() bool, read func(*packed, int) (any, error)) (any, error) {
	list := []any{}
	for ; n > 0 || n < 0 && more(); n-- {
		v, err := read(r, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (r *packed) object(n int64, depth int, more func() bool, read func(*packed, int) (any, error), text func() bool) (any, error) {
	object := map[string]any{}
	for ; n > 0 || n < 0 && more(); n-- {
		if !text() {
			return nil, errKey
		}
		key, err := read(r, depth+1)
		if err != nil {
			return nil, err
		}
		if _, ok := object[key.(string)]; ok {
			return nil, errTwice
		}
		if object[key.(string)], err = read(r, depth+1); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func float(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errNaN
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
}

func unsigned(n uint64) any { return json.Number(strconv.FormatUint(n, 10)) }

func signed(n int64) any { return json.Number(strconv.FormatInt(n, 10)) }

// messagePack reads a value of MessagePack.
func (r *packed) messagePack(depth int) (any, error) {
	if err := r.count(depth); err != nil {
		return nil, err
	}
	b, err := r.take(1)
	if err != nil {
		return nil, err
	}
	c := b[0]
	switch {
	case c < 0x80:
		return unsigned(uint64(c)), nil
	case c >= 0xe0:
		return signed(int64(int8(c))), nil
	case c < 0x90:
		return r.messagePackObject(uint64(c&0x0f), depth)
	case c < 0xa0:
		return r.list(int64(c&0x0f), depth, nil, (*packed).messagePack)
	case c < 0xc0:
		return r.text(uint64(c & 0x1f))
	case c == 0xc0:
		return nil, nil
	case c == 0xc2, c == 0xc3:
		return c == 0xc3, nil
	}
	size := 0
	switch c {
	case 0xc4, 0xcc, 0xd0, 0xd9:
		size = 1
	case 0xc5, 0xcd, 0xd1, 0xda, 0xdc, 0xde:
		size = 2
	case 0xc6, 0xca, 0xce, 0xd2, 0xdb, 0xdd, 0xdf:
		size = 4
	case 0xcb, 0xcf, 0xd3:
		size = 8
	default:
		return nil, errKind // an extension
	}
	n, err := r.number(size)
	if err != nil {
		return nil, err
	}
	switch {
	case c < 0xc7:
		return r.bytes(n)
	case c == 0xca:
		return float(float64(math.Float32frombits(uint32(n))))
	case c == 0xcb:
		return float(math.Float64frombits(n))
	case c < 0xd0:
		return unsigned(n), nil
	case c < 0xd4:
		shift := 64 - 8*size
		return signed(int64(n<<shift) >> shift), nil
	case c < 0xdc:
		return r.text(n)
	case c < 0xde:
		return r.list(int64(n), depth, nil, (*packed).messagePack)
	}
	return r.messagePackObject(n, depth)
}

func (r *packed) messagePackObject(n uint64, depth int) (any, error) {
	return r.object(int64(n), depth, nil, (*packed).messagePack, func() bool {
		return len(r.p) > 0 && (r.p[0]&0xe0 == 0xa0 || r.p[0] >= 0xd9 && r.p[0] <= 0xdb)
	})
}

// cbor reads a data item of CBOR. Of tags it takes those that say of a text what it
// is (RFC 8949 3.4), and the one that says that it is CBOR.
func (r *packed) cbor(depth int) (any, error) {
	if err := r.count(depth); err != nil {
		return nil, err
	}
	b, err := r.take(1)
	if err != nil {
		return nil, err
	}
	major, info := b[0]>>5, b[0]&0x1f
	n := uint64(info)
	endless := info == 31 && major >= 2 && major <= 5
	switch {
	case info < 24 || endless:
	case info < 28:
		if n, err = r.number(1 << (info - 24)); err != nil {
			return nil, err
		}
	default:
		return nil, errKind
	}
	count := int64(min(n, math.MaxInt64))
	if endless {
		count = -1
	}
	switch major {
	case 0:
		return unsigned(n), nil
	case 1:
		if n > math.MaxInt64 {
			return json.Number("-" + addOne(n)), nil
		}
		return signed(-1 - int64(n)), nil
	case 2, 3:
		if endless {
			return r.cborChunks(major)
		}
		if major == 3 {
			return r.text(n)
		}
		return r.bytes(n)
	case 4:
		return r.list(count, depth, r.cborMore, (*packed).cbor)
	case 5:
		return r.object(count, depth, r.cborMore, (*packed).cbor, func() bool { return len(r.p) > 0 && r.p[0]>>5 == 3 })
	case 6:
		text := len(r.p) > 0 && r.p[0]>>5 == 3
		if n != 55799 && (!text || n != 0 && (n < 32 || n > 36)) {
			return nil, fmt.Errorf("the tag %d", n)
		}
		return r.cbor(depth + 1)
	}
	switch {
	case info == 20, info == 21:
		return info == 21, nil
	case info == 22, info == 23: // undefined, too
		return nil, nil
	case info == 25:
		return float(half(uint16(n)))
	case info == 26:
		return float(float64(math.Float32frombits(uint32(n))))
	case info == 27:
		return float(math.Float64frombits(n))
	}
	return nil, errKind
}

// cborMore reports whether something comes before the end of what has no length,
// which it takes.
func (r *packed) cborMore() bool {
	if len(r.p) > 0 && r.p[0] == 0xff {
		r.p = r.p[1:]
		return false
	}
	return true
}

// cborChunks reads the parts of a text, or of bytes.
func (r *packed) cborChunks(major byte) (any, error) {
	var all []byte
	for r.cborMore() {
		if r.values++; r.values > maxDocumentValues {
			return nil, errMany
		}
		b, err := r.take(1)
		if err != nil {
			return nil, err
		}
		n := uint64(b[0] & 0x1f)
		if b[0]>>5 != major || n > 27 {
			return nil, errKind
		}
		if n >= 24 {
			if n, err = r.number(1 << (n - 24)); err != nil {
				return nil, err
			}
		}
		part, err := r.take(n)
		if err != nil {
			return nil, err
		}
		if major == 3 && !utf8.Valid(part) {
			return nil, errText
		}
		all = append(all, part...)
	}
	if major == 3 {
		return string(all), nil
	}
	return base64.RawURLEncoding.EncodeToString(all), nil
}

// addOne is n+1, which may be 2^64.
func addOne(n uint64) string {
	if n == math.MaxUint64 {
		return "18446744073709551616"
	}
	return strconv.FormatUint(n+1, 10)
}

// half is a float of 16 bits (RFC 8949 D).
func half(h uint16) float64 {
	exponent, mantissa := int(h>>10&0x1f), float64(h&0x3ff)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(mantissa, -24)
	case 31:
		f = math.Inf(1)
		if mantissa != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(mantissa+1024, exponent-25)
	}
	if h>>15 != 0 {
		return -f
	}
	return f
}
