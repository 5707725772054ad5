package format_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/pierrec/lz4/v4"
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

// Base64 that is a part of a text, and is text itself.
func TestTokens(t *testing.T) {
	const script = "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="
	long := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("all is well here. ", 12) + "<script>alert(1)</script>"))
	mail := "Attached is what a@example.com has to say as to lines of it:\r\n\r\n" + long[:76] + "\r\n" + long[76:152] + "\r\n" + long[152:] + "\r\n"
	for _, tt := range []struct{ name, text, path string }{
		{"behind a digit", "1" + script, "$@1>base64"},
		{"behind a word", "payload " + script + " and more", "$@8>base64"},
		{"in a member", `key=` + script + `;x`, "$@4>base64"},
		{"mail", mail, "$@64>base64"},
		{"without padding", "a: " + strings.TrimRight(script, "="), "$@3>base64"},
		{"text in it", "b64:" + base64.StdEncoding.EncodeToString([]byte("<script>alert('你好')</script>")), "$@4>base64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, fields := walk(tt.text, format.Root{})
			require.True(t, slices.ContainsFunc(fields, func(f string) bool {
				return strings.HasPrefix(f, tt.path+"=") && strings.HasSuffix(f, "</script>")
			}), "%q", fields)
		})
	}
	for _, text := range []string{
		"see /usr/share/doc/Node.JS/README2 and MyVeryLongJavaClassNameFactoryImpl2",
		"4f3c2d1e-9a8b-4c7d-8e6f-5a4b3c2d1e0f and SHA256 E3B0C44298FC1C149AFBF4C8996FB924",
	} {
		var w format.Walker
		w.Walk([]byte(text), format.Root{}, func(f *format.Field) { require.Equal(t, "$", f.Path(), f.Value) })
	}
}

// Bytes as numbers.
func TestNumbers(t *testing.T) {
	numbers := func(s string) string {
		return strings.ReplaceAll(strings.Trim(fmt.Sprint([]byte(s)), "[]"), " ", ", ")
	}
	for _, tt := range []struct{ name, text, path string }{
		{"Buffer", `{"a":{"type":"Buffer","data":[` + numbers("' or 1") + `]}}`, "$.a.data>bytes=' or 1"},
		{"Buffer, spaced", `{ "type" : "Buffer", "data" : [ ` + numbers("' or 1") + " ] }", "$.data>bytes=' or 1"},
		{"array", `{"a":[` + numbers("<svg/onload=alert(1)>") + `]}`, "$.a>bytes=<svg/onload=alert(1)>"},
		{"JSON in it", `[[` + numbers(`{"t":"a b c"}`) + `]]`, `$[0]>bytes>json.t=a b c`},
		{"a comma too many", `{"a":[` + numbers("<svg/onload=alert(1)>") + `],}`, "$@5>bytes=<svg/onload=alert(1)>"},
		{"two", `[[1,2],[300],[` + numbers(`hello`) + `],[` + numbers(`hello you`) + `]]`, `$[3]>bytes=hello you`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, fields := walk(tt.text, format.Root{})
			require.Contains(t, fields, tt.path)
		})
	}
	for _, text := range []string{
		"[1,2,3,4,5,6,7,8,9]", "[60,61,62,63,60,61,62,63]", "[97,98,99,100,101,102,103,1000]", "[97,98,99,100,101,102,103,104", "[97,98,99.5,100,101,102,103,104]",
	} {
		_, fields := walk(text, format.Root{})
		for _, f := range fields {
			require.NotContains(t, f, ">bytes")
		}
	}
}

// MessagePack for C# compresses documents: extension 99, or an array of the sizes, in
// extension 98, and of the blocks.
func TestPackedLZ4(t *testing.T) {
	doc := "\x83\xa4type\xa4chat\xa4text\xb9<script>alert(1)</script>\xa4more\xd9\x40" + strings.Repeat("all is well here", 4)
	block := make([]byte, lz4.CompressBlockBound(len(doc)))
	n, err := lz4.CompressBlock([]byte(doc), block, nil)
	require.NoError(t, err)
	require.Positive(t, n)
	packed := "\xd2" + string(binary.BigEndian.AppendUint32(nil, uint32(len(doc))))
	for name, payload := range map[string]string{
		"$>lz4>msgpack.text":    "\xc7" + string([]byte{byte(5 + n)}) + "\x63" + packed + string(block[:n]),
		"$[1]>lz4>msgpack.text": "\x92\xc7\x05\x62" + packed + "\xc4" + string([]byte{byte(n)}) + string(block[:n]),
	} {
		_, fields := walk(payload, format.Root{})
		require.Contains(t, fields, name+"=<script>alert(1)</script>", fields)
	}
}
