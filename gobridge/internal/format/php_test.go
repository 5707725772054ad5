package format_test

import (
	"strings"
	"testing"
)

// PHP 8.2 writes the first; the others are by its sources.
func TestPHP(t *testing.T) {
	testSamples(t, "php", []readSample{
		{"not public", "php", "a:3:{s:4:\"name\";s:3:\"bob\";s:1:\"l\";a:2:{i:0;i:1;i:-1;s:3:\"two\";}s:1:\"o\";O:1:\"A\":3:{s:1:\"x\";s:1:\"v\";s:4:\"\x00*\x00y\";a:4:{i:0;i:1;i:1;d:2.5;i:2;b:1;i:3;N;}s:4:\"\x00A\x00z\";s:4:\"\xc3\xa9\"s\";}}",
			[]string{"$.name=bob", "$.l[-1]=two", "$.o.A~=A", "$.o.x=v", "$.o.z=é\"s"}},
		{"object", "text", "O:8:\"stdClass\":1:{s:4:\"text\";s:5:\"hello\";}",
			[]string{"$>php.stdClass~=stdClass", "$>php.text=hello"}},
		{"escaped", "text", "a:1:{i:0;S:8:\"\\3cscript\\3E\";}",
			[]string{"$>php[0]=<script>"}},
		{"custom", "text", "C:11:\"ArrayObject\":21:{x:i:0;a:0:{};m:a:0:{}}",
			[]string{"$>php.ArrayObject~=ArrayObject"}},
		{"enum", "text", "a:2:{i:0;E:8:\"Suit:Two\";i:1;R:2;}",
			[]string{"$>php[0]=Suit:Two"}},
		{"more behind", "text", "O:1:\"A\":0:{}; DROP",
			[]string{"$>php.A~=A"}},
		{"plus", "text", "O:+1:\"A\":0:{}",
			[]string{"$>php.A~=A"}},
	}, map[string]string{
		"deep":        "\x00" + strings.Repeat("a:1:{i:0;", 1<<14),
		"huge":        "a:999999999999999999:{s:1:\"\x00\";",
		"huge string": "s:999999999:\"\x00\";",
		"too long":    "s:9999999999999999999999999:\"\x00\";",
		"sentence":    "a:1 and\x00more",
	})
}
