package detect

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/detect/view"
)

// TestViewClasses: bytes that are alike here are alike to views.
func TestViewClasses(t *testing.T) {
	for c := range 256 {
		set := byteClass[c]
		require.Equal(t, 1, bits.OnesCount64(uint64(set)))
		require.Equal(t, view.ClassesOf(byte(c)), set.viewClasses(), "%q", c)
	}
}
