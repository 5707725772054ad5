//go:build !amd64

package format

func (x *index) blocks(doc []byte, base, n, tail int) (read int) {
	return x.blocksInGo(doc, base, n, tail)
}

func survey([]byte) (digits int, signs, ok bool) { return 0, false, false }
