package frame

import (
	"encoding/binary"
	"math/bits"
)

// Unmask XORs src with the masking key into dst (RFC 6455 5.3). off is the
// position of src[0] in the frame's payload. dst is at least as long as src
// and either src itself or apart from it.
func Unmask(dst, src []byte, key [4]byte, off uint64) {
	k := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*int(off&3))
	kk := uint64(k)<<32 | uint64(k)
	dst = dst[:len(src)]
	for len(src) >= 32 && len(dst) >= 32 {
		a := binary.LittleEndian.Uint64(src) ^ kk
		b := binary.LittleEndian.Uint64(src[8:]) ^ kk
		c := binary.LittleEndian.Uint64(src[16:]) ^ kk
		d := binary.LittleEndian.Uint64(src[24:]) ^ kk
		binary.LittleEndian.PutUint64(dst, a)
		binary.LittleEndian.PutUint64(dst[8:], b)
		binary.LittleEndian.PutUint64(dst[16:], c)
		binary.LittleEndian.PutUint64(dst[24:], d)
		src, dst = src[32:], dst[32:]
	}
	for len(src) >= 8 && len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^kk)
		src, dst = src[8:], dst[8:]
	}
	for i := range src {
		dst[i] = src[i] ^ byte(kk)
		kk >>= 8
	}
}
