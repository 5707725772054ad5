package format_test

import (
	"strings"
	"testing"
)

// By the specification.
func TestSmile(t *testing.T) {
	testSamples(t, "smile", []readSample{
		{"values", "smile", ":)\n\x03\xfa\x83textDhello\x82cmd\x85\xc3\xa9 \xf0\x9f\x98\x80\x84items\xf8\xc2\xfa@Ahi\xfb\x01\xe0a long one\xfc!\xe8\x8a\x1e\x18Gf\x13%\\<\x17XG\x06\xfd\x85bytes\xf94a long key\xfc\xe4\xc3\xa9t\xc3\xa9\xfc\xfb",
			[]string{"$.text~=text", "$.text=hello", "$.cmd=é 😀", "$.items[1].text=hi", "$.items[2]=hello", "$.items[3]=a long one", "$.items[5]=<b>bin</b>", "$.items[6]=bytes", "$['a long key']=été"}},
		{"cut", "smile", ":)\n\x03\xfa\x83textDhello\x82cmd\x85\xc3\xa9 \xf0\x9f\x98\x80\x84items\xf8\xc2\xfa@Ahi\xfb\x01\xe0a long one\xfc!\xe8\x8a\x1e\x18Gf\x13%\\<\x17XG\x06\xfd\x85bytes\xf94a long ",
			[]string{"$.text=hello"}},
	}, map[string]string{
		"header":      ":)\n\x00\x21",
		"deep":        ":)\n\x00" + strings.Repeat("\xf8", 1<<16),
		"no such":     ":)\n\x03\x01",
		"huge binary": ":)\n\x03\xfd\x7f\x7f\x7f\x7f\x7f\x7f\x7f\xbf",
		"huge bits":   ":)\n\x03\xe8\x7f\x7f\x7f\x7f\x7f\x7f\x7f\xbf",
		"no such key": ":)\n\x01\xfa\x40\x40a\xfb",
	})
}
