package carrier

import (
	"encoding/binary"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest window of zstd, in bytes: what RFC 8878 recommends.
// What a larger one could refer back to is past that much output, and the
// output ends there.
const maxWindow = 8 << 20

// frame is one frame of zstd, with a header of our own: no announced content
// size, and a bounded window.
type frame struct {
	header [10]byte
	size   int
	body   []byte
}

func (f *frame) Read(p []byte) (n int, err error) {
	if f.size > 0 {
		n = copy(p, f.header[:f.size])
		copy(f.header[:], f.header[n:f.size])
		f.size -= n
	}
	k := copy(p[n:], f.body)
	f.body = f.body[k:]
	if n += k; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Concurrency 1 decodes in the call: no goroutine is started, none is left.
var zstdReaders = sync.Pool{New: func() any {
	r, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxWindow),
		zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecodeBuffersBelow(0),
		zstd.IgnoreChecksum(true))
	if err != nil {
		return nil
	}
	return r
}}

// zstd decodes the frames of RFC 8878.
func (d *Decoder) zstd(o *output, p []byte) bool {
	r, _ := zstdReaders.Get().(*zstd.Decoder)
	if r == nil {
		return false
	}
	for len(p) > 0 && !o.over {
		if n := skip(p); n > 0 {
			p = p[n:]
			continue
		}
		size := d.frame.cut(p)
		if size == 0 {
			break
		}
		p = p[size:]
		if r.Reset(&d.frame) != nil || !o.readFrom(r, false) {
			break
		}
	}
	_ = r.Reset(nil)
	d.frame.body = nil
	zstdReaders.Put(r)
	return o.len() > 0
}

// cut takes the frame at the start of p and returns its size, 0 if there is
// none.
func (f *frame) cut(p []byte) int {
	if len(p) < 6 || p[0] != 0x28 || p[1] != 0xB5 || p[2] != 0x2F || p[3] != 0xFD {
		return 0
	}
	const single, checksum = 1 << 5, 1 << 2
	flags := p[4]
	i := 5
	window := uint64(0)
	if flags&single == 0 {
		w := p[i]
		window = 1 << (10 + w>>3)
		window += window / 8 * uint64(w&7)
		i++
	}
	dict := [4]int{0, 1, 2, 4}[flags&3]
	content := [4]int{0, 2, 4, 8}[flags>>6]
	if content == 0 && flags&single != 0 {
		content = 1
	}
	if len(p) < i+dict+content {
		return 0
	}
	id := p[i : i+dict]
	i += dict
	if flags&single != 0 {
		var b [8]byte
		copy(b[:], p[i:i+content])
		if window = binary.LittleEndian.Uint64(b[:]); content == 2 {
			window += 256
		}
	}
	i += content

	// A block's header has 3 bytes: last, type, size. most is what the
	// blocks can hold, whatever the header announces.
	const maxBlock = 128 << 10
	end, most := i, uint64(0)
	for end+3 <= len(p) {
		h := int(p[end]) | int(p[end+1])<<8 | int(p[end+2])<<16
		n := h >> 3
		switch h >> 1 & 3 {
		case 0:
			most += uint64(n)
		case 1: // a run of one byte
			most += uint64(n)
			n = 1
		default:
			most += maxBlock
		}
		end += 3 + n
		if h&1 != 0 {
			if flags&checksum != 0 {
				end += 4
			}
			break
		}
	}
	end = min(end, len(p))
	f.body = p[i:end]

	exponent := byte(0)
	for 1<<(10+exponent) < min(window, most, maxWindow) {
		exponent++
	}
	f.size = copy(f.header[:], p[:4])
	f.header[4] = flags & (checksum | 3)
	f.header[5] = exponent << 3
	f.size = 6 + copy(f.header[6:], id)
	return end
}

// skip is the size of the skippable frame at the start of p, which zstd and lz4
// have in common.
func skip(p []byte) int {
	if len(p) < 8 || p[0]&0xF0 != 0x50 || p[1] != 0x2A || p[2] != 0x4D || p[3] != 0x18 {
		return 0
	}
	n := uint64(binary.LittleEndian.Uint32(p[4:])) + 8
	return int(min(n, uint64(len(p))))
}

// skippable is what follows the skippable frames of p.
func skippable(p []byte) Kind {
	for n := skip(p); n > 0; n = skip(p) {
		p = p[n:]
	}
	if len(p) >= 4 && p[0] == 0x04 {
		return LZ4
	}
	return Zstd
}
