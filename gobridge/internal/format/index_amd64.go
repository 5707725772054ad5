package format

// indexBlocks is indexBytes, of p at base, for processors that hasAVX2.
//
//go:noescape
func indexBlocks(p *byte, n, tail int, quotes *uint16, digits *uint64) (read, found, signs int)

// surveyText counts the bytes of n at p, 32 or more, that are digits of base64 or
// hex, but small letters; some of them twice. signs: % or = is among them.
//
//go:noescape
func surveyText(p *byte, n int) (digits int, signs bool)

func cpuid(leaf uint32) (b, c uint32)
func xgetbv() uint32

// hasAVX2: and POPCNT, BMI1, and a system that keeps the registers.
var hasAVX2 = func() bool {
	const osxsave, popcnt, avx2, bmi1, ymm = 1 << 27, 1 << 23, 1 << 5, 1 << 3, 6
	_, c := cpuid(1)
	if c&osxsave == 0 || c&popcnt == 0 || xgetbv()&ymm != ymm {
		return false
	}
	b, _ := cpuid(7) // there is one where there is XSAVE
	return b&avx2 != 0 && b&bmi1 != 0
}()

func (x *index) blocks(doc []byte, base, n, tail int) (read int) {
	if !hasAVX2 {
		return x.blocksInGo(doc, base, n, tail)
	}
	read, x.n, x.signs = indexBlocks(&doc[base], n, tail, &x.quotes[0], &x.digits[0])
	return read
}
