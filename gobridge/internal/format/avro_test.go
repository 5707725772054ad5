package format_test

import (
	"strings"
	"testing"
)

// By the specification.
func TestAvro(t *testing.T) {
	testSamples(t, "avro", []readSample{
		{"container", "avro", "Obj\x01\x04\x16avro.schema\x10\"string\"\x14avro.codec\x08null\x00\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\x02\x0c\nhello\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf",
			[]string{"$['avro.schema']~=avro.schema", "$['avro.schema']=\"string\"", "$[0]=\nhello"}},
		{"cut", "avro", "Obj\x01\x04\x16avro.schema\x10\"string\"\x14avro.codec\x08null\x00\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\x02\x0c\nh",
			[]string{"$['avro.codec']=null"}},
	}, map[string]string{
		"header":   "Obj\x01" + strings.Repeat("\x00", 17),
		"huge map": "Obj\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + strings.Repeat("\xff", 17),
		"huge key": "Obj\x01\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" + strings.Repeat("\x00", 17),
		"negative": "Obj\x01\x02\x01" + strings.Repeat("\x00", 17),
	})
}
