package message

import (
	"math/bits"
	"sync"
)

// Payload buffers are powers of two, pooled per size. Larger ones than
// 1<<maxClass are left to the garbage collector.
const (
	minClass = 10
	maxClass = 22
)

var buffers [maxClass + 1]sync.Pool

// grow returns a buffer with the content of b, which it consumes, and room
// for n more bytes. Its capacity is under twice what it holds then, or 1 KiB:
// a length that a peer only announces costs nothing.
func grow(b *[]byte, n int) *[]byte {
	var have []byte
	if b != nil {
		have = *b
	}
	if len(have)+n <= cap(have) {
		return b
	}
	class := max(bits.Len(uint(len(have)+n-1)), minClass)
	var next *[]byte
	if class <= maxClass {
		next, _ = buffers[class].Get().(*[]byte)
	}
	if next == nil {
		s := make([]byte, 0, 1<<class)
		next = &s
	}
	*next = append((*next)[:0], have...)
	free(b)
	return next
}

func free(b *[]byte) {
	if b == nil {
		return
	}
	// Only what grow made goes back: a class holds exactly its size.
	if c := bits.Len(uint(cap(*b))) - 1; c >= minClass && c <= maxClass && cap(*b) == 1<<c {
		buffers[c].Put(b)
	}
}

// Free gives a payload obtained by Assembler.Take back for reuse. The caller
// must hold no reference to it. Not calling it is safe.
func Free(p []byte) { free(&p) }
