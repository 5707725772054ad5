package format_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// fieldsOf lists what is visited of doc. A Placeholder keeps the walker from its
// reader of plain JSON.
func fieldsOf(w *format.Walker, doc string, shape *format.Shape, strict bool) (fields []string, name string) {
	root := format.Root{Shape: shape}
	if !strict {
		root.Placeholder = func(int, *format.Field) {}
	}
	name = w.Walk([]byte(doc), root, func(f *format.Field) {
		if strings.Contains(f.Path(), ">bytes") {
			return // of arrays of bytes, the lenient one knows only where they begin
		}
		fields = append(fields, f.Path()+"="+string(f.Value))
	})
	return append(fields, string(w.Event())), name
}

// FuzzStrict holds the reader of plain JSON against the lenient one.
func FuzzStrict(f *testing.F) {
	for _, s := range []string{
		chat, `["a","b",1,[],{"c":{"d":"e"}}]`, ` { "a" : [ "b" , 1.5 ] } `, `{"a":"b"}{"c":"d"}`, `["a":"b"]`, `{"a","b"}`, `{"a":"b",}`,
		`["\u003c","\\","\"x"]`, `{"a":"b","c":"d","e":1,"f":"g"}`, `"a" "b"`, `["a" : "b"]`, `{"a" "b"}`, `[-0,01,1.,1e5,true,nul]`, `[[["a"]]`, `{"a":["b"},"c"]`,
		`[1,"a"]`, `[[1],"a"]`, `{"a":{"type":"Buffer","data":[39,32,111,114]}}`, `["[97,98,99,100,101,102,103,104]",[97,98,99,100,101,102,103,104]]`, `{"x":{"y":"z"},"0":"1"}`,
		`"","bc","a"","bc","a%","bc","a%",%bc`, // noise before it is none of a text's business
		`["` + strings.Repeat("long ", 300) + `","%3c","a=b","x"]`, `[` + strings.Repeat(`"a%","bc",`, 100) + `"d"]`,
		`{` + strings.Repeat(`"key":"value ends",`, 60) + `"k":"v"}`, strings.Repeat(`["a",`, 70) + `1` + strings.Repeat(`]`, 70),
	} {
		f.Add(s)
	}
	var w format.Walker
	f.Fuzz(func(t *testing.T, doc string) {
		if !utf8.ValidString(doc) || len(doc) > 64<<10 {
			return
		}
		for _, shape := range []*format.Shape{nil, arguments, {Event: []format.Member{{Key: "e"}}, Data: []format.Member{{Key: "d", JSON: true}, {Index: 1, JSON: true}}}} {
			want, name := fieldsOf(&w, doc, shape, false)
			got, gotName := fieldsOf(&w, doc, shape, true)
			require.Equal(t, name, gotName)
			require.Equal(t, want, got)
		}
	})
}

func TestStrictAtEveryCut(t *testing.T) {
	doc := `{"event":"x","data":["` + strings.Repeat("long text ", 60) + `",{"a" : "b\n","c":"d","e":[1,-2.5e3,true]},"\u00e9"],"k":{}}`
	var w format.Walker
	for i := range doc {
		for _, cut := range []string{doc[:i], doc[:i] + " " + doc[i:], doc[:i] + "," + doc[i:], doc[:i] + `"` + doc[i:], doc[:i] + doc[i+1:]} {
			want, name := fieldsOf(&w, cut, nil, false)
			got, gotName := fieldsOf(&w, cut, nil, true)
			require.Equal(t, name, gotName, "%s", cut)
			require.Equal(t, want, got, "%s", cut)
		}
	}
}

// A packet of socket.io in SockJS, or in a frame of a proxy.
func TestPrefixedJSONInString(t *testing.T) {
	var w format.Walker
	for _, doc := range []string{`["42[\"e\",\"x\\u003cb\"]"]`, `["4[\"e\",{\"a\":\"x\\u003cb\"}]","y"]`, `["1{\"a\":\"x\\u003cb\"}"]`} {
		fields, _ := fieldsOf(&w, doc, nil, true)
		found := false
		for _, f := range fields {
			found = found || strings.HasPrefix(f, "$[0]>json") && strings.HasSuffix(f, "=x<b")
		}
		require.True(t, found, "%q", fields)
	}
	w.Walk([]byte(`["42[\"e\"]"]`), format.Root{}, func(f *format.Field) {
		require.False(t, f.Opened, "the number is no JSON of its own")
	})
}

func TestIndex(t *testing.T) {
	const alphabet = "\"\"\"\"#!%<=@A_`+/09:abcdefghijklmnopqrstuvwxyz\x00\xa2\xdc\\"
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		doc := make([]byte, 64+random.IntN(700))
		letters := len(alphabet) - random.IntN(2)
		for i := range doc {
			doc[i] = alphabet[random.IntN(letters)]
		}
		base := random.IntN(len(doc))
		want, read, signs := format.Index(doc, base, true)
		got, gotRead, gotSigns := format.Index(doc, base, false)
		require.Equal(t, read, gotRead)
		require.Equal(t, signs, gotSigns)
		require.Equal(t, want, got)
		if start := random.IntN(min(len(doc), 512)); bytes.IndexByte(doc, '\\') < 0 {
			end := start + 1 + random.IntN(min(len(doc), 512)-start)
			digits := 0
			for _, c := range doc[start:end] {
				if c >= '/' && c <= '9' || c >= '@' && c <= '_' || c == '+' {
					digits++
				}
			}
			if n := format.DigitsIn(doc, start, end); n != end-start { // no AVX2 here
				require.Equal(t, digits, n)
			}
		}
		part := doc[base:min(len(doc), base+read*64)]
		for i := range part {
			require.False(t, signs>>(i/64)&1 == 0 && (part[i] == '%' || part[i] == '='))
		}
		if i := bytes.IndexByte(part, '\\'); i >= 0 {
			part = part[:i]
		}
		require.Len(t, got, bytes.Count(part, []byte{'"'}))
		for _, q := range got {
			require.Equal(t, byte('"'), part[q])
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"please select a seat", "a:1:{i:0;s:1:\"x\";}", "query{a(b:\"c\")}", "eyJhbGciOi.eyJ.x", "cos\nsystem\n(S'id'\ntR.", "data:text/html,<b>",
		"hello, world", "HZ\x00\x00\x00\x00\x00\x00", "{\"a\":\"b\"}", "<a b='c'>d</a>", "P*M\x18\x04\x00\x00\x00abcd", "PHNjcmlwdD5hbGVydCgxKQ"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		require.False(t, format.Plain(text) && format.Holds(text), "%q", text)
	})
}

// FuzzPacked holds what reads MessagePack and CBOR without frames against what
// reads it with them.
func FuzzPacked(f *testing.F) {
	for _, s := range []string{
		"\x93\xa5hello\x01\x82\xa1a\xc4\x03<b>\x05\xd9\x02xy", "\x92\x81\xa1k\x92\x01\x02\xa8%3Cscri\x00", "\xdc\x00\x02\xcd\x01\x00\xa4text\xa1",
		"\xc7\x05\x01hello\x91\xa3abc", "\xa5alone", "\x95TEXT\x20\xa1x", "\x82\x01\xa1a\xa1b\xa1c", strings.Repeat("\x91", 70) + "\xa3abc",
		"\x83\x65hello\x01\x61a\xbf\x61b\x43<b>\xff\x05\xa1\x61k\x9f\x01\x02\xff", "\xd9\xd9\xf7\x82\x61a\x7f\x61b\x61c\xff", "\xc1\x63abc\xc1\x01", "\xa1\x20\x63abc", "\x82\x78\x3c" + strings.Repeat("p", 60) + "\x01",
		"\x83\x68<b>hello\x61>\x6a<script>ok", "\x93\xa8<b>hello\xa1>\xaa<script>ok", "\x92\xa7<b>[1]\x01\xd9\x3cimg src='" + strings.Repeat("x", 60) + "'", "\x83\x62<b\x42> \x69{\"<b>\":1}",
		"\x82\x9f\xc1\x63abc\xff\x6alongerlong", "\x83\xc1\x63abc\xc1\x64a\xc3\xa9b\x6alongerlong",
		"\x83\xc1\x63abc\xc1\x63def\x6alongerlong", "\x82\xc1\x63abc\xc1\x82\x63abc\x01", "\x82\x63abc\x82\x61a\x80\xa1\x63abc\x9f\x63abc\xff\xff",
		"\x92\x82\xa1a\x92\xa1b\x90\xa1c\x81\xa1d\x80\xa4last\xa4some\xa4more",
		strings.Repeat("\x81", 70) + "\x63abc", "\x9f\xc1", "\xbf\x01\xff", "\x98\x40" + strings.Repeat("\x61a\x1a\x00\x00TE", 64),
	} {
		f.Add([]byte(s))
	}
	var w format.Walker
	f.Fuzz(func(t *testing.T, doc []byte) {
		if len(doc) > 64<<10 {
			return
		}
		for _, root := range []format.Root{{}, {Shape: arguments}, {Shape: &format.Shape{Event: []format.Member{{Key: "a"}}, Data: []format.Member{{Key: "k", JSON: true}, {Index: 1, JSON: true}}}}} {
			for _, cbor := range []bool{false, true} {
				var got [2][]string
				var ok [2]bool
				for i := range got {
					ok[i] = w.Packed(doc, cbor, i == 0, root, func(f *format.Field) {
						got[i] = append(got[i], fmt.Sprintf("%s=%s %v", f.Path(), f.Value, f.Cut))
					})
					got[i] = append(got[i], string(w.Event()))
				}
				require.Equal(t, got[0], got[1], "%q", doc)
				require.Equal(t, ok[0], ok[1], "%q", doc)
			}
		}
	})
}

func TestSurvey(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		text := make([]byte, 32+random.IntN(100))
		sign, want := false, 0
		for i := range text {
			for text[i] = byte(random.IntN(256)); random.IntN(100) > 0 && (text[i] == '%' || text[i] == '='); {
				text[i] = byte(random.IntN(256))
			}
			c := text[i]
			sign = sign || c == '%' || c == '='
			if c >= '/' && c <= '9' || c >= '@' && c <= '_' || c == '+' {
				want++
			}
		}
		digits, signs, ok := format.Survey(text)
		if !ok {
			t.Skip("no AVX2 here")
		}
		require.Equal(t, sign, signs)
		require.GreaterOrEqual(t, digits, want)
		require.LessOrEqual(t, digits, want+31)
	}
}
