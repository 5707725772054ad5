package message_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/message"
	"wsi/gobridge/internal/wstest"
)

const anyLimit = 1 << 24

// TestRFC7692Examples holds the examples of RFC 7692 7.2.3, by section.
func TestRFC7692Examples(t *testing.T) {
	for _, tc := range []struct {
		section  string
		payloads []string
		takeover bool
	}{
		{"7.2.3.1 a message compressed using one DEFLATE block", []string{"f2 48 cd c9 c9 07 00"}, true},
		{"7.2.3.2 sharing LZ77 sliding window", []string{"f2 48 cd c9 c9 07 00", "f2 00 11 00 00"}, true},
		{"7.2.3.2 no context takeover", []string{"f2 48 cd c9 c9 07 00", "f2 48 cd c9 c9 07 00"}, false},
		{"7.2.3.3 DEFLATE block with no compression", []string{"00 05 00 fa ff 48 65 6c 6c 6f 00"}, true},
		{"7.2.3.4 DEFLATE block with BFINAL set to 1", []string{"f3 48 cd c9 c9 07 00 00"}, true},
		{"7.2.3.5 two DEFLATE blocks in one message", []string{"f2 48 05 00 00 00 ff ff ca c9 c9 07 00"}, true},
	} {
		t.Run(tc.section, func(t *testing.T) {
			f := message.NewInflater(1<<15, tc.takeover)
			for _, p := range tc.payloads {
				out, err := f.Inflate(nil, wstest.Hex(p), anyLimit)
				require.NoError(t, err)
				require.Equal(t, "Hello", string(out))
			}
		})
	}
}
