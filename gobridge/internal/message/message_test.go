package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/message"
)

func TestCheckClose(t *testing.T) {
	for _, tc := range []struct {
		name    string
		payload string
		want    []string
	}{
		{"empty", "", nil},
		{"normal", "\x03\xe8", nil},
		{"normal with a reason", "\x03\xe8gr\xc3\xbc\xc3\x9fe", nil},
		{"going away", "\x03\xe9", nil},
		{"try again later", "\x03\xf5", nil},
		{"application 3000", "\x0b\xb8", nil},
		{"application 4999", "\x13\x87", nil},
		{"one byte", "\x03", []string{"close_payload_length"}},
		{"0", "\x00\x00", []string{"close_code_invalid"}},
		{"999", "\x03\xe7", []string{"close_code_invalid"}},
		{"1004 reserved", "\x03\xec", []string{"close_code_invalid"}},
		{"1005 not provided", "\x03\xed", []string{"close_code_invalid"}},
		{"1006 abnormal", "\x03\xee", []string{"close_code_invalid"}},
		{"1015 TLS", "\x03\xf7", []string{"close_code_invalid"}},
		{"2999", "\x0b\xb7", []string{"close_code_invalid"}},
		{"5000", "\x13\x88", []string{"close_code_invalid"}},
		{"65535", "\xff\xff", []string{"close_code_invalid"}},
		{"reason cut inside a code point", "\x03\xe8gr\xc3", []string{"close_reason_utf8_invalid"}},
		{"both", "\x03\xed\xff", []string{"close_code_invalid", "close_reason_utf8_invalid"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ElementsMatch(t, tc.want, message.CheckClose([]byte(tc.payload)).Strings())
		})
	}
}

func TestValidText(t *testing.T) {
	long := strings.Repeat("plain ", 1000)
	for _, tc := range []struct {
		name string
		text string
		want bool
	}{
		{"empty", "", true},
		{"ascii", long, true},
		{"two, three and four bytes", "\u00e9\u20ac\U0001f600", true},
		{"last code point", "\U0010ffff", true},
		{"not character", "\ufffe", true},
		{"lone continuation", "a\x80", false},
		{"cut code point", long + "\xe2\x82", false},
		{"overlong slash", "\xc0\xaf", false},
		{"surrogate", "\xed\xa0\x80", false},
		{"above 10ffff", "\xf4\x90\x80\x80", false},
		{"invalid behind much ascii", long + "\xff", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, message.ValidText([]byte(tc.text)))
		})
	}
}
