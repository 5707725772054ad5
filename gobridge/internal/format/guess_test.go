package format_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
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

// What is compressed behind a head of the application's own is found, with the
// head's length in the path.
func TestStreams(t *testing.T) {
	const text = `{"cmd":"say","text":"<script>alert(1)</script>"}`
	var z, g, d, b bytes.Buffer
	for buf, w := range map[*bytes.Buffer]io.WriteCloser{
		&z: zlib.NewWriter(&z), &g: gzip.NewWriter(&g), &b: brotli.NewWriter(&b),
	} {
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close(), buf)
	}
	dw, err := flate.NewWriter(&d, 9)
	require.NoError(t, err)
	_, _ = io.WriteString(dw, text)
	require.NoError(t, dw.Close())
	size := func(head string, p []byte) string {
		return head + string(binary.BigEndian.AppendUint32(nil, uint32(len(p)))) + string(p)
	}
	packet := func(p []byte) string { // of bilibili's chat
		h := binary.BigEndian.AppendUint32(nil, uint32(16+len(p)))
		return string(h) + "\x00\x10\x00\x03\x00\x00\x00\x05\x00\x00\x00\x01" + string(p)
	}
	for _, tt := range []struct{ name, payload, want string }{
		{"a type", "\x01" + g.String(), "$@1>gzip>json.text"},
		{"a type, zlib", "\x07" + z.String(), "$@1>zlib>json.text"},
		{"gRPC", size("\x01", g.Bytes()), "$@5>gzip>json.text"},
		{"Erlang's external term format", "\x83P\x00\x00\x00\x30" + z.String(), "$@6>zlib>json.text"},
		{"two", "\x02\xff" + z.String() + "\x00" + g.String(), fmt.Sprintf("$@%d>gzip>json.text", 3+z.Len())},
		{"a length, DEFLATE", size("\x05\xff", d.Bytes()), "$@6>deflate>json.text"},
		{"a length, Brotli", size("\x05\xff", b.Bytes()), "$@6>brotli>json.text"},
		{"a length of all, Brotli", packet(b.Bytes()), "$@16>brotli>json.text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, fields := walk(tt.payload, format.Root{})
			require.Contains(t, fields, tt.want+"=<script>alert(1)</script>")
		})
	}
}
