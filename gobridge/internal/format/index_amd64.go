package format

// indexBlocks is indexBytes for n blocks at p.
//
//go:noescape
func indexBlocks(p *byte, n int, out *block, quotes *uint16) (read, found int)
