//go:build !amd64

package format

import "unsafe"

func indexBlocks(p *byte, n int, out *block, quotes *uint16) (read, found int) {
	return indexBytes(unsafe.Slice(p, n*blockSize), unsafe.Slice(out, n), unsafe.Slice(quotes, n*blockSize))
}
