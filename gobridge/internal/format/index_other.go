//go:build !amd64

package format

func (x *index) blocks(doc []byte, base, n, tail int) (read int) {
	return x.blocksInGo(doc, base, n, tail)
}

const hasAVX2 = false

func surveyText(*byte, int) (digits int, signs bool) { return 0, false }
