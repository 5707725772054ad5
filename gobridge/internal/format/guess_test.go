package format_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// What a carrier without a magic number begins as does not hide it. The samples
// are klauspost/compress's.
func TestGuess(t *testing.T) {
	for _, tt := range []struct{ name, payload, want string }{
		{"deflate that is a MessagePack string, too", "\xb2)N.\xca,(\xd1/.J\xb6MI,I\x04\x0c\x00", "$>deflate=<script/src=data"},
		{"snappy that is UTF-8, too",
			"<@v&newline;b&tab;s\x15\x10\x00c\x15\n\x00r\x05\x1a\x00i\x05\x06,p&newline;t&",
			"$>snappy=v&newline;b&tab;s&newline;c&newline;r&tab;i&tab;p&newline;t&"},
		{"deflate in hex", "b2294e2eca2c28d12f2e4ab64d492c49040c00", "$>hex>deflate=<script/src=data"},
		{"deflate in base64", "silOLsosKNEvLkq2TUksSQQMAA==", "$>base64>deflate=<script/src=data"},
		{"percent in base64 in JSON", `["` + "JTNDc2NyaXB0JTNF" + `"]`, "$[0]>base64>percent=<script>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, fields := walk(tt.payload, format.Root{})
			require.Contains(t, fields, tt.want)
		})
	}
}
