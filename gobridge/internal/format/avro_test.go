package format_test

import (
	"bytes"
	"compress/flate"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
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

// A block that a codec without a magic number compressed, and one that only says so.
func TestAvroCodec(t *testing.T) {
	const record, sync = "\x48<script>alert('hello, you')</script>", "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
	var deflated bytes.Buffer
	z, err := flate.NewWriter(&deflated, flate.BestCompression)
	require.NoError(t, err)
	_, err = z.Write([]byte(record))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for _, tt := range []struct{ codec, block, path string }{
		{"deflate", deflated.String(), "$[0]>deflate"},
		{"snappy", string(snappy.Encode(nil, []byte(record))) + "\x01\x02\x03\x04", "$[0]>snappy"},
		{"snappy", "\x01", ""},
		{"deflate", record, "$[0]"},
	} {
		doc := "Obj\x01\x02\x14avro.codec" + string(rune(2*len(tt.codec))) + tt.codec + "\x00" + sync + "\x02" + string(rune(2*len(tt.block))) + tt.block + sync
		var w format.Walker
		var paths []string
		require.Equal(t, "avro", w.Walk([]byte(doc), format.Root{}, func(f *format.Field) {
			if strings.Contains(string(f.Value), "<script>") {
				path, _, _ := strings.Cut(f.Path(), "@")
				paths = append(paths, path)
			}
		}))
		if tt.path == "" {
			require.Empty(t, paths)
			continue
		}
		require.NotEmpty(t, paths, tt.codec)
		require.Equal(t, tt.path, paths[0])
	}
}

// A record without its schema: strings are behind twice their length.
func TestAvroRecord(t *testing.T) {
	text, more := "1' OR '1'='1' UNION", "hello everyone, how are you?"
	for name, tt := range map[string]struct {
		doc    string
		fields []string
	}{
		"one":        {"\xff\x01&" + text + "\xff", []string{"$@2=&" + text, "$@3=" + text}},
		"two":        {"\xff\x01&" + text + "8" + more + "\xff", []string{"$@2=&" + text + "8" + more, "$@3=" + text, "$@23=" + more}},
		"not these":  {"\xff\x10general&" + text + "\xff", []string{"$@2=general&" + text}},
		"behind one": {"\xff\x0egeneral&" + text + "\xff", []string{"$@2=general&" + text, "$@2=general", "$@10=" + text}},
		"bytes":      {"\xff\x01\x07general\x13" + text + "\xff", []string{"$@3=general", "$@11=" + text, "$@14=" + text[3:]}},
		"length":     {"\xff\x01'" + text + "5 o'clock, or later.\xff", []string{"$@2='" + text + "5 o'clock, or later. cut", "$@3=" + text + "5 o'clock, or later."}},
	} {
		t.Run(name, func(t *testing.T) {
			var w format.Walker
			var fields []string
			w.Text([]byte(tt.doc), format.Root{}, func(f *format.Field) {
				s := f.Path() + "=" + string(f.Value)
				if f.Cut {
					s += " cut"
				}
				fields = append(fields, s)
			})
			require.Equal(t, tt.fields, fields)
		})
	}
}
