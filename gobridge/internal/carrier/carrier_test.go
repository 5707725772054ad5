package carrier_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/carrier"
)

// sample is what most encoders were given.
const sample = `{"user":"alice","text":"<script>alert(1)</script><script>alert(1)</script>"}`

func unhexed(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestDecode has samples of other encoders: Node 20's zlib, zstd 1.5.4 and lz4
// 1.9.4 of Debian 12, lz-string 1.5.0 and snappyjs 0.7.0 of npm, and Python
// 3.11's quopri and urllib.
func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name  string
		kind  carrier.Kind
		value string
		want  string
	}{
		{"gzip of Node", carrier.Gzip, unhexed("1f8b0800000000000003ab562a2d4e2d52b2524accc94c4e55d2512a49ad2851b252b2294e2eca2c28b14bcc492d2ad130d4b4d1870ae09450aa0500acff8a994c000000"), sample},
		{"zlib of Node", carrier.Zlib, unhexed("789cab562a2d4e2d52b2524accc94c4e55d2512a49ad2851b252b2294e2eca2c28b14bcc492d2ad130d4b4d1870ae09450aa0500daa519f9"), sample},
		{"raw deflate of Node", carrier.Deflate, unhexed("ab562a2d4e2d52b2524accc94c4e55d2512a49ad2851b252b2294e2eca2c28b14bcc492d2ad130d4b4d1870ae09450aa0500"), sample},
		{"brotli of Node", carrier.Brotli, unhexed("1b4b00802c0eec66ce6fa09a9e2126657e2dc233b6b7c2fa8a45a7535e62d8a448591a38e480b9ad353f786431051eb2ed45c84c81eb79f20b09911dfc8a466a3310"), sample},
		{"brotli of Node, quality 1, window 24", carrier.Brotli, unhexed("8f25000080aaaaaaeaff74e7932a800228e85540414f7705053908801c144444011440416122b71d9cc2140e04b1039833523e1c670361aa2c4641f00d10ba2f931d632a5ba4967b75dc37c51f"), sample},
		{"brotli of Node, window 10", carrier.Brotli, unhexed("a158020064716037737e03d5f40c3129f36b119eb1bd15d6572c3a9df212c32645cad2c02107cc6dadf9c1238b29f0906d2f42660a5ccf935f4888ece05734529b81"), sample},
		{"zstd of Debian", carrier.Zstd, unhexed("28b52ffd0458b50100c4027b2275736572223a22616c696365222c2274657874223a223c7363726970743e616c6572742831293c2f227d02003c171065b30ca63c9d03"), sample},
		{"zstd of Debian, 19, no checksum", carrier.Zstd, unhexed("28b52ffd0068a50100c2420a10b0eb3f7322e9232d8c66b526bc36162ab1c304029e5ee89ca94ccdb4f4cfafa8935aa8a5e9e60a0302003c171065b30c"), sample},
		{"zstd of Debian, window 2^27", carrier.Zstd, unhexed("28b52ffd0488a50100c2420a10b0eb3f7322e9232d8c66b526bc36162ab1c304029e5ee89ca94ccdb4f4cfafa8935aa8a5e9e60a0302003c171065b30ca63c9d03"), sample},
		{"lz4 of Debian", carrier.LZ4, unhexed("04224d186440a738000000f31b7b2275736572223a22616c696365222c2274657874223a223c7363726970743e616c6572742831293c2f11000f1900035070743e227d0000000007d877a6"), sample},
		{"lz4 of Debian, linked blocks, block checksums", carrier.LZ4, unhexed("04224d187440bd38000000f31b7b2275736572223a22616c696365222c2274657874223a223c7363726970743e616c6572742831293c2f11000f1900035070743e227d58182bce0000000007d877a6"), sample},
		{"lz4 of Debian, old format", carrier.LZ4, unhexed("02214c1838000000f31b7b2275736572223a22616c696365222c2274657874223a223c7363726970743e616c6572742831293c2f11000f1900035070743e227d"), sample},
		{"lz-string, base64", carrier.LZString, `N4IgrgzgpgTiBcICGAbAlgYyiANCALlAB74IgA8EGMaADvgHyqz4AUAjAJTkD0VN9BpWp1GzGGy69+ohiAC+QA==`, sample},
		{"lz-string, URI", carrier.LZString, `N4IgrgzgpgTiBcICGAbAlgYyiANCALlAB74IgA8EGMaADvgHyqz4AUAjAJTkD0VN9BpWp1GzGGy69+ohiAC+QA`, sample},
		{"lz-string, UTF16", carrier.LZString, unhexed("e1afa1e0a18be486bce0aa80e29cb0e19ca8d190dba0e4aca3e0b382c288e280abe4a8a0e1bc98e184a0e0bca4e0b283e280a3e5bca0e7b38ae69fa0d4a0e498a1e19484df82e58e9dcdaae6aa95e0b6b8e68792e7988fe6a981e490a0e2beb02020"), sample},
		{"lz-string, Uint8Array", carrier.LZString, unhexed("378220ae0ce0a604e205c2021806c096063288034200b94007be08800f0418c6800ef807caacf80140230094e40f454df41a56a751b3186cbaf7ea218800be40"), sample},
		{"lz-string, UTF-16LE", carrier.LZString, unhexed("8237ae20e00c04a605e202c2061896c032060388004240b9be078008040fc6180e8007f8acca01f8234094000fe44d451af4a756b3516c18f7ba21ea008840be"), sample},
		{"lz-string, UTF16 of letters that are no ASCII", carrier.LZString, unhexed("e59494e6a289e698a0e4819cc990e1bd88e28494e5a4a020"), `日本 <b>日本</b>`},
		{"lz-string, base64 of a surrogate pair", carrier.LZString, `IaXg3AB7AEA8BGB8oxQPTyA=`, `a😀 <b>a😀</b>`},
		{"snappyjs", carrier.Snappy, unhexed("4ca87b2275736572223a22616c696365222c2274657874223a223c7363726970743e616c6572742831293c2f73091162190004227d"), sample},

		{"base64", carrier.Base64, "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "<script>alert(1)</script>"},
		{"base64 without padding", carrier.Base64, "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg", "<script>alert(1)</script>"},
		{"base64, URL-safe", carrier.Base64, "Pz8_Pj4-w7_Dvz8_Pz8", "???>>>\u00ff\u00ff????"},
		{"base64, standard", carrier.Base64, "Pz8/Pj4+w7/Dvz8/Pz8=", "???>>>\u00ff\u00ff????"},
		{"base64 on lines", carrier.Base64, "PHNjcmlwdD5h\r\nbGVydCgxKTwv\r\nc2NyaXB0Pg==\r\n", "<script>alert(1)</script>"},
		{"base64 with junk", carrier.Base64, "P!HNj cm.lwdD5hb\x00GV*ydCgxKTwvc2NyaXB0Pg==", "<script>alert(1)</script>"},
		{"base64, padded inside", carrier.Base64, "PHNjcmk=cHQ+YWxlcnQoMSk=", "<script>alert(1)\n<scri\x1c\x1d\x0f\x98[\x19\\\x9d\n\x0cJ"},
		{"base64 of UTF-16", carrier.Base64, "PABzAHYAZwAvAG8AbgBsAG8AYQBkAD4A", "<\x00s\x00v\x00g\x00/\x00o\x00n\x00l\x00o\x00a\x00d\x00>\x00"},
		{"base64 of text behind junk", carrier.Base64, "/////zxzY3JpcHQ+//8=", "\xff\xff\xff\xff<script>\xff\xff"},
		{"base64 of raw deflate", carrier.Base64, "q1YqLU4tUrJSSszJTE5V0lEqSa0oUbJSsilOLsosKLFLzEktKtEw1NSHChiglFCqBQA=",
			unhexed("ab562a2d4e2d52b2524accc94c4e55d2512a49ad2851b252b2294e2eca2c28b14bcc492d2ad130d4d4870a18a09450aa0500")},

		{"hex", carrier.Hex, "3c7363726970743e616c6572742831293c2f7363726970743e", "<script>alert(1)</script>"},
		{"hex, capitals", carrier.Hex, "0x3C7363726970743E", "<script>"},
		{"hex with \\x", carrier.Hex, `\x3c\x73\x63\x72\x69\x70\x74\x3e`, "<script>"},
		{"hex with blanks", carrier.Hex, "3c 73 63 72 69 70 74 3e", "<script>"},
		{"hex with colons", carrier.Hex, "3c:73:63:72:69:70:74:3e", "<script>"},
		{"hex up to junk", carrier.Hex, "3c7363726970743ezz", "<script>"},

		{"percent", carrier.Percent, "a%3Cb%3e", "a<b>"},
		{"percent twice", carrier.Percent, "%253Cscript%253E", "%3Cscript%3E"},
		{"percent of UTF-8", carrier.Percent, "%C3%BC%F0%9F%98%80", "ü😀"},
		{"percent of IIS", carrier.Percent, "%u003cb%U003E%ud83d%ude00", "<b>😀"},
		{"percent that is none", carrier.Percent, "100% of %3C %zz %", "100% of < %zz %"},

		{"quoted-printable", carrier.QuotedPrintable, "=3Cscript=3Ealert=\r\n(1)=3C/script=3E=", "<script>alert(1)</script>="},
		{"quoted-printable, soft break with blanks", carrier.QuotedPrintable, "<scr= \t\nipt>", "<script>"},

		{"JWT", carrier.JWT, "eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoiPHNjcmlwdD4ifQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
			`{"alg":"HS256"}` + "\n" + `{"name":"<script>"}` + "\n"},
		{"JWT without a signature", carrier.JWT, "eyJhbGciOiJub25lIn0.eyJuYW1lIjoiPGI-In0.", `{"alg":"none"}` + "\n" + `{"name":"<b>"}`},
		{"signed cookie", carrier.JWT, "eyJ1IjoiPGI+In0=.YfOZ.c2ln", `{"u":"<b>"}` + "\n\nsig"},

		{"data: in base64", carrier.DataURL, "data:text/html;base64,PHNjcmlwdD4=", "<script>"},
		{"data: in percent", carrier.DataURL, "data:text/html,%3Cscript%3E+", "<script>+"},
		{"data: in capitals and blanks", carrier.DataURL, " \n\x01DaTa:text/html;charset=utf-8; BASE64 ,PHNj\ncmlwdD4", "<script>"},
		{"data: in percent and base64", carrier.DataURL, "data:;base64,PHNjcmlwdD4%3D", "<script>"},
		{"data: with white space", carrier.DataURL, "da\tta\n:,<b>", "<b>"},

		{"UTF-16LE", carrier.UTF16, "<\x00s\x00v\x00g\x00", "<svg"},
		{"UTF-16LE of full-width letters", carrier.UTF16, "\x1c\xff\x53\xff\x56\xff\x47\xff", "＜ｓｖｇ"},
		{"UTF-16BE with no width between", carrier.UTF16, "\x00<\x20\x0b\x00s\x20\x0b\x00v\x20\x0b\x00g", "<\u200bs\u200bv\u200bg"},
		{"UTF-16BE with a mark", carrier.UTF16, "\xfe\xff\x00<\x00s\xd8\x3d\xde\x00", "<s😀"},
		{"binary string", carrier.Latin1, "x\u009c\u00cbH", "x\x9c\xcbH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d carrier.Decoder
			out, ok, over := d.Decode(tt.kind, []byte("before"), []byte(tt.value), 1<<20)
			require.True(t, ok)
			require.False(t, over)
			require.Equal(t, "before"+tt.want, string(out))

			// The limit cuts, and says so.
			for _, limit := range []int{len(tt.want) - 1, len(tt.want) / 2, 0} {
				cut, ok, over := d.Decode(tt.kind, nil, []byte(tt.value), limit)
				require.True(t, strings.HasPrefix(tt.want, string(cut)), "%d: %q", limit, cut)
				require.LessOrEqual(t, len(cut), limit)
				require.True(t, !ok || over, "limit %d", limit)
			}

			kinds, n := carrier.Sniff([]byte(tt.value))
			found := bytes.IndexByte(kindBytes(kinds[:n]), byte(tt.kind)) >= 0
			kinds, n = carrier.Guess([]byte(tt.value))
			found = found || bytes.IndexByte(kindBytes(kinds[:n]), byte(tt.kind)) >= 0
			require.True(t, found, "neither sniffed nor guessed")
		})
	}
}

func kindBytes(kinds []carrier.Kind) (b []byte) {
	for _, k := range kinds {
		b = append(b, byte(k))
	}
	return b
}

// TestDecodeNothing has what is not worth a look.
func TestDecodeNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		kind  carrier.Kind
		value string
	}{
		{"prose as base64", carrier.Base64, "please select a seat from the list and drop me a note"},
		{"id as base64", carrier.Base64, "yR3kP0vXw9dQ7sLmA2Zb"},
		{"short base64", carrier.Base64, "PGI+"},
		{"id as hex", carrier.Hex, "550e8400-e29b-41d4-a716-446655440000"},
		{"nothing percent-encoded", carrier.Percent, "100% sure, 5%zz"},
		{"nothing quoted-printable", carrier.QuotedPrintable, "a = b, x=12"},
		{"soft break alone", carrier.QuotedPrintable, "=\n"},
		{"gzip without content", carrier.Gzip, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"},
		{"prose as deflate", carrier.Deflate, "please select a seat from the list and drop me a note"},
		{"prose as brotli", carrier.Brotli, "please select a seat from the list and drop me a note"},
		{"prose as lz-string", carrier.LZString, "please select a seat from the list"},
		{"Chinese as lz-string", carrier.LZString, "你好，请从列表中选择一个座位，然后给我留言"},
		{"data: without a comma", carrier.DataURL, "data:text/html"},
		{"empty", carrier.Base64, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d carrier.Decoder
			out, ok, over := d.Decode(tt.kind, []byte("x"), []byte(tt.value), 1<<20)
			require.Equal(t, "x", string(out))
			require.False(t, ok)
			require.False(t, over)
		})
	}
}

func TestSniff(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value string
		want  []carrier.Kind
	}{
		{"empty", "", nil},
		{"word", "general", nil},
		{"prose", prose, nil},
		{"prose with a quote", "I <3 this team; meet @ 5 o'clock & bring 100% of it", nil},
		{"Cyrillic", "Привет, как дела? Что нового?", nil},
		{"JSON", `{"user":"alice","text":"please select a seat"}`, nil},
		{"link", "https://example.com/watch?list=of/all/seats", nil},
		{"base64", base64.StdEncoding.EncodeToString([]byte(prose)), []carrier.Kind{carrier.Base64}},
		{"hex", hex.EncodeToString([]byte(prose)), []carrier.Kind{carrier.Hex, carrier.Base64}},
		{"percent", "a%20b", []carrier.Kind{carrier.Percent}},
		{"percent, late", "so 100% of it is what all of us have ordered and %3C", []carrier.Kind{carrier.Percent}},
		{"quoted-printable", "see =3C", []carrier.Kind{carrier.QuotedPrintable}},
		{"data: URL", "data:text/html,%3C", []carrier.Kind{carrier.DataURL, carrier.Percent}},
		{"zlib", "\x78\x9c\xcb\x48", []carrier.Kind{carrier.Zlib}},
		{"skippable frame, then lz4", "\x50\x2a\x4d\x18\x01\x00\x00\x00x\x04\x22\x4d\x18", []carrier.Kind{carrier.LZ4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kinds, n := carrier.Sniff([]byte(tt.value))
			require.ElementsMatch(t, tt.want, kinds[:n])
			for _, k := range kinds[:n] {
				require.NotEmpty(t, k.String())
			}
		})
	}
}

const prose = "please select a seat from the list and drop me a note -- thanks, it is on at 5 o'clock. " +
	"We meet in front of the house, and then we walk to the river; bring water, a hat and something to read on the way back"

// FuzzEmbedded: what is found begins as it says, behind where the search began, and
// a head that tells a length is before the body.
func FuzzEmbedded(f *testing.F) {
	f.Add([]byte("\x01\x1f\x8b\x08\x00"), 1)
	f.Add([]byte("ab\x28\xb5\x2f\xfdx\x9c\xb2)N."), 0)
	f.Add([]byte("\x00\x00\x00\x05abcde"), 2)
	f.Add([]byte("a: 1PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==\r\n"), 1)
	f.Fuzz(func(t *testing.T, p []byte, from int) {
		if from < 0 || from > len(p) {
			return
		}
		kind, at := carrier.Embedded(p, from)
		if kind == carrier.None {
			require.Equal(t, len(p), at)
		} else {
			require.GreaterOrEqual(t, at, from)
			require.True(t, kind.Magic())
			if kind != carrier.Zlib {
				kinds, n := carrier.Sniff(p[at:])
				require.True(t, n == 0 || kinds[0] == kind, "%s %x", kind, p[at:])
			}
		}
		if start, end := carrier.Token(p, from); start < end {
			require.GreaterOrEqual(t, start, from)
			require.LessOrEqual(t, end, len(p))
			var d carrier.Decoder
			out, _, _ := d.Decode(carrier.Base64, nil, p[start:end], 1<<20)
			require.True(t, utf8.Valid(out) || len(out) > 0 && (out[0] == 0x1F || out[0] == 'x' || out[0] == 0x28) || end-start >= 16, "%q", out)
		} else {
			require.Equal(t, len(p), end)
		}
		if n := carrier.Framed(p); n != 0 {
			require.Less(t, n, len(p))
		}
	})
}

// What is compressed is always taken for that.
func TestGuessBrotli(t *testing.T) {
	guessed := func(p []byte) bool {
		kinds, n := carrier.Guess(p)
		return slices.Contains(kinds[:n], carrier.Brotli)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 1200 {
		text := make([]byte, 1+r.IntN(1+n/2))
		for i := range text {
			switch kinds := n % 4; {
			case kinds == 0:
				text[i] = byte(r.Uint32())
			case kinds == 1:
				text[i] = "0123456789abcdef"[r.IntN(16)]
			default:
				text[i] = sample[(i+n)%len(sample)] + byte(r.IntN(kinds))
			}
		}
		var b bytes.Buffer
		w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: n % 12, LGWin: 10 + n%15})
		w.Write(text)
		require.NoError(t, w.Close())
		if b.Len() >= 8 {
			require.True(t, guessed(b.Bytes()), "%d: %x", n, b.Bytes())
		}
	}
	taken := 0
	noise := make([]byte, 24)
	for range 10_000 {
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		if guessed(noise) {
			taken++
		}
	}
	require.Less(t, taken, 300)
}
