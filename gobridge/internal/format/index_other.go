//go:build !amd64

package format

func indexDoc(doc []byte, base, n, tail int, quotes *uint16) (read, found, signs int) {
	return indexBytes(doc, base, n, tail, quotes)
}

func survey([]byte) (digits int, signs, ok bool) { return 0, false, false }
