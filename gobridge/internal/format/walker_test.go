package format_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

// walk lists the fields of payload as "path=value".
func walk(payload string, root format.Root) (name string, fields []string) {
	var w format.Walker
	name = w.Walk([]byte(payload), root, func(f *format.Field) {
		fields = append(fields, f.Path()+"="+string(f.Value))
	})
	return name, fields
}

// arguments is the shape of socket.io.
var arguments = &format.Shape{Event: []format.Member{{Index: 0}}, Args: 1}

func TestWalkJSON(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		fields  []string
	}{
		{"string", `"hi"`, []string{"$=hi"}},
		{"empty string", `""`, []string{"$="}},
		{"object", `{"text":"hi"}`, []string{"$.text~=text", "$.text=hi"}},
		{"array", `["a",1,"b",[],{},"c"]`, []string{"$[0]=a", "$[2]=b", "$[5]=c"}},
		{"nesting", `[{"a":[0,{"b":"x"}]},"y"]`, []string{
			"$[0].a~=a", "$[0].a[1].b~=b", "$[0].a[1].b=x", "$[1]=y"}},
		{"siblings", `{"a":{"b":"1"},"c":"2"}`, []string{
			"$.a~=a", "$.a.b~=b", "$.a.b=1", "$.c~=c", "$.c=2"}},
		{"white space", " \t\r\n{ \"a\" :\n\"b\" , \"c\" : [ ] } ", []string{"$.a~=a", "$.a=b", "$.c~=c"}},
		{"byte order mark", "\ufeff[\"a\"]", []string{"$[0]=a"}},
		{"no strings", `[1,-0.5e+10,true,false,null]`, nil},
		{"big numbers", `[123456789012345678901234567890,1e999999,"a"]`, []string{"$[2]=a"}},
		{"literals of Python", `[NaN,Infinity,-Infinity,"a"]`, []string{"$[3]=a"}},
		{"duplicate keys", `{"a":"1","a":"2"}`, []string{"$.a~=a", "$.a=1", "$.a~=a", "$.a=2"}},
		{"empty key", `{"":"x"}`, []string{"$['']~=", "$['']=x"}},
		{"several values", `{"a":"1"}["b"]` + "\n" + `["c"]`, []string{"$.a~=a", "$.a=1", "$[0]=b", "$[0]=c"}},
		{"record separators", "\x1e{\"a\":1}\n\x1e[\"b\"]\x1e", []string{"$.a~=a", "$[0]=b"}},

		{"escapes", `"a\"\\\/\b\f\n\r\t"`, []string{"$=a\"\\/\b\f\n\r\t"}},
		{"unicode escapes", `"\u003cscript\u003E \u00fc\u4f60"`, []string{"$=<script> ü你"}},
		{"surrogate pair", `"a\ud83d\ude00b"`, []string{"$=a😀b"}},
		{"lone high surrogate", `"a\ud83db"`, []string{"$=a\ufffdb"}},
		{"lone low surrogate", `"a\ude00b"`, []string{"$=a\ufffdb"}},
		{"high surrogate before an escape", `"a\ud83d\u0062c"`, []string{"$=a\ufffdbc"}},
		{"high surrogate before a pair", `"\ud83d\ud83d\ude00"`, []string{"$=\ufffd😀"}},
		{"escaped NUL", `"a\u0000b"`, []string{"$=a\x00b"}},
		{"escaped key", `{"\u0061\n":"x"}`, []string{`$['a\n']~=` + "a\n", `$['a\n']=x`}},
		{"control character", "[\"a\nb\x01\"]", []string{"$[0]=a\nb\x01"}},
		{"invalid UTF-8", "[\"a\xffb\"]", []string{"$[0]=a\xffb"}},

		{"key with a space", `{"a b":"x"}`, []string{"$['a b']~=a b", "$['a b']=x"}},
		{"key with a quote", `{"it's\\":"x"}`, []string{`$['it\'s\\']~=it's\`, `$['it\'s\\']=x`}},
		{"key of digits", `{"1a":"x","a1":"y"}`, []string{"$['1a']~=1a", "$['1a']=x", "$.a1~=a1", "$.a1=y"}},
		{"key with letters", `{"größe":"x","\u0007":"y"}`, []string{
			"$['größe']~=größe", "$['größe']=x", `$['\u0007']~=` + "\a", `$['\u0007']=y`}},

		{"JSON in a string", `{"data":"{\"text\":\"hi\"}"}`, []string{
			"$.data~=data", "$.data>json.text~=text", "$.data>json.text=hi", `$.data={"text":"hi"}`}},
		{"array in a string", `["[\"a\",\"b\"]"]`, []string{"$[0]>json[0]=a", "$[0]>json[1]=b", `$[0]=["a","b"]`}},
		{"string in a string", `" \"a\""`, []string{"$>json=a", `$= "a"`}},
		{"escapes in a string in a string", `["\"\\u003cb\\u003e\""]`, []string{"$[0]>json=<b>", `$[0]="\u003cb\u003e"`}},
		{"behind JSON in a string", `{"a":"[\"x\"]","b":"y"}`, []string{
			"$.a~=a", "$.a>json[0]=x", `$.a=["x"]`, "$.b~=b", "$.b=y"}},
		{"three deep", `"[\"{\\\"a\\\":\\\"x\\\"}\"]"`, []string{
			"$>json[0]>json.a~=a", "$>json[0]>json.a=x", `$>json[0]={"a":"x"}`, `$=["{\"a\":\"x\"}"]`}},
		{"no JSON in a string", `["(not) [json"]`, []string{"$[0]=(not) [json"}},
		{"broken JSON in a string", `["{\"a\":\"x\""]`, []string{"$[0]>json.a~=a", "$[0]>json.a=x", `$[0]={"a":"x"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name, fields := walk(tt.payload, format.Root{})
			require.Equal(t, "json", name)
			require.Equal(t, tt.fields, fields)
		})
	}
}

// What is not JSON shows everything once more as raw text, and its strings as
// far as a lenient server could read them.
func TestWalkBrokenJSON(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		fields  []string // without the raw text, which is last
	}{
		{"empty document", `  `, nil},
		{"number", `42`, nil},
		{"literals", `true false null`, nil},
		{"prose", `hello "you" there`, nil},
		{"prose behind a number", `5 "apples"`, []string{"$=apples"}},
		{"prose with an apostrophe", `'tis "fun"`, nil},
		{"leading zero", `[01,"a"]`, []string{"$[1]=a"}},
		{"trailing comma", `["a",]`, []string{"$[0]=a"}},
		{"leading comma", `[,"a"]`, []string{"$[1]=a"}},
		{"comma outside", `"a","b"`, []string{"$=a", "$=b"}},
		{"colon in an array", `["a":"b"]`, []string{"$[0]~=a", "$[0]=b"}},
		{"colon outside", `:"b"`, nil},
		{"missing colon", `{"a" "b"}`, []string{"$=a", "$=b"}},
		{"missing value", `{"a":}`, []string{"$.a~=a"}},
		{"missing comma", `["a" "b"]`, []string{"$[0]=a", "$[0]=b"}},
		{"wrong bracket", `{"a":"b"]"c"`, []string{"$.a~=a", "$.a=b", "$=c"}},
		{"stray bracket", `]"\u0061"`, []string{"$=a"}},
		{"unclosed array", `["a"`, []string{"$[0]=a"}},
		{"unclosed object", `{"a":`, []string{"$.a~=a"}},
		{"unclosed string", `["a","b`, []string{"$[0]=a", "$[1]=b"}},
		{"unclosed escape", `["a\`, []string{"$[0]=a"}},
		{"number as key", `{1:"b"}`, []string{"$['1']~=1", "$['1']=b"}},
		{"bare key", `{a:"b"}`, []string{"$.a~=a", "$.a=b"}},
		{"bare value", `{"a":b,"c":"d"}`, []string{"$.a~=a", "$.c~=c", "$.c=d"}},
		{"single quotes", `{'a':'it\'s "b"'}`, []string{"$.a~=a", `$.a=it's "b"`}},
		{"comment", `{/* " */"a":"b"// "` + "\n" + `,"c":"d"}`, []string{"$.a~=a", "$.a=b", "$.c~=c", "$.c=d"}},
		{"unclosed comment", `["a"/*,"b"`, []string{"$[0]=a", "$[1]=b"}},
		{"unknown escape", `["\q\x3cb\u12g"]`, []string{"$[0]=q<bu12g"}},
		{"escaped line end", "[\"a\\\nb\"]", []string{"$[0]=ab"}},
		{"escape behind prose", `cb("\u0061",'\u0062')`, []string{"$=a", "$=b"}},
		{"string behind a number", `42["message","hi"]`, []string{"$[0]=message", "$[1]=hi"}},
		{"strings in a row", `"a" "b"`, []string{"$=a", "$=b"}},
		{"prefix against inclusion", `)]}',` + "\n" + `{"a":"\u0062"}`, []string{"$.a~=a", "$.a=b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name, fields := walk(tt.payload, format.Root{})
			require.Equal(t, "text", name)
			require.Equal(t, append(tt.fields, "$="+tt.payload), fields)
		})
	}
}

func TestWalkText(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		format  string
		fields  []string
	}{
		{"nothing", "", "", nil},
		{"text", "Grüße, 你好 😀", "text", []string{"$=Grüße, 你好 😀"}},
		{"lines", "a\tb\r\nc", "text", []string{"$=a\tb\r\nc"}},
		{"control characters", "\x0a\x05hello\x12\x04abcd\x01abc", "text", []string{
			"$=\x0a\x05hello\x12\x04abcd\x01abc", "$@2=hello", "$@9=abcd"}},
		{"runs", "\x00\xff<b>x\x80abc\xc3\xbc\xfeyz", "binary", []string{"$@2=<b>x", "$@7=abcü"}},
		{"run behind its length", "\xffw" + `"` + strings.Repeat("x", 34), "binary", []string{"$@1=w\"" + strings.Repeat("x", 34), "$@3=" + strings.Repeat("x", 34)}},
		{"one run", "\xffabcd", "binary", []string{"$@1=abcd"}},
		{"short runs", "\xffabc\xffabc", "binary", nil},
		{"truncated rune", "abcd\xe4\xbd", "binary", []string{"$@0=abcd"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name, fields := walk(tt.payload, format.Root{})
			require.Equal(t, tt.format, name)
			require.Equal(t, tt.fields, fields)
		})
	}
}

func TestRoot(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		root    format.Root
		fields  []string
	}{
		{"path of JSON", `{"a":"x"}`, format.Root{Path: "$[1].file"}, []string{"$[1].file.a~=a", "$[1].file.a=x"}},
		{"path of text", "hi", format.Root{Path: "$nsp"}, []string{"$nsp=hi"}},
		{"path of runs", "\xffabcd", format.Root{Path: "$[0]"}, []string{"$[0]@1=abcd"}},
		{"event", `["message",{"a":"x"},"y",["z"]]`, format.Root{Shape: arguments}, []string{
			"$event=message", "$[0].a~=a", "$[0].a=x", "$[1]=y", "$[2][0]=z"}},
		{"event in an object", `[{"a":"x"}]`, format.Root{Shape: arguments}, []string{"$event.a~=a", "$event.a=x"}},
		{"event in a string", `["[\"x\"]","[\"y\"]"]`, format.Root{Shape: arguments}, []string{
			"$event>json[0]=x", `$event=["x"]`, "$[0]>json[0]=y", `$[0]=["y"]`}},
		{"event without an array", `{"a":"x"}`, format.Root{Shape: arguments}, []string{"$message.a~=a", "$message.a=x"}},
		{"members", `{"id":"1","target":"send","arguments":["x",{"a":"y"}],"p":{"q":"z"}}`, format.Root{Shape: &format.Shape{
			Event: []format.Member{{Key: "target"}}, Data: []format.Member{{Key: "arguments"}, {Key: "p", Name: "params"}}}}, []string{
			"$message.id~=id", "$message.id=1", "$event~=target", "$event=send", "$~=arguments", "$[0]=x", "$[1].a~=a", "$[1].a=y",
			"$params~=p", "$params.q~=q", "$params.q=z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, fields := walk(tt.payload, tt.root)
			require.Equal(t, tt.fields, fields)
		})
	}
}

func TestEvent(t *testing.T) {
	for _, tt := range []struct{ name, payload, event string }{
		{"string", `["message","hi"]`, "message"},
		{"escapes", `["mess\u0061ge"]`, "message"},
		{"number", `[ 7 ,"hi"]`, "7"},
		{"object", `[{"a":"b"},"hi"]`, ""},
		{"second element", `[[],"hi"]`, ""},
		{"no array", `"hi"`, ""},
		{"in a string", `[[],"[\"hi\"]"]`, ""},
		{"long", `["` + strings.Repeat("a", 300) + `"]`, strings.Repeat("a", 256)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w format.Walker
			w.Walk([]byte(`["earlier"]`), format.Root{Shape: arguments}, func(*format.Field) {})
			w.Walk([]byte(tt.payload), format.Root{Shape: arguments}, func(*format.Field) {})
			require.Equal(t, tt.event, string(w.Event()))
		})
	}
}

func TestPlaceholder(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		want    []string
	}{
		{"argument", `["m",{"_placeholder":true,"num":0}]`, []string{"0 $[0]"}},
		{"several", `["m",{"a":{"_placeholder":true,"num":1},"b":[{"num":0,"_placeholder":true}]}]`, []string{"1 $[0].a", "0 $[0].b[0]"}},
		{"escaped keys", `["m",{"\u005fplaceholder":true,"n\u0075m":2e0}]`, []string{"2 $[0]"}},
		{"last of duplicates", `["m",{"_placeholder":false,"num":5,"_placeholder":true,"num":3}]`, []string{"3 $[0]"}},
		{"false", `["m",{"_placeholder":false,"num":0}]`, nil},
		{"negative", `["m",{"_placeholder":true,"num":-1}]`, nil},
		{"fraction", `["m",{"_placeholder":true,"num":0.5}]`, nil},
		{"no number", `["m",{"_placeholder":true}]`, nil},
		{"huge number", `["m",{"_placeholder":true,"num":1e400}]`, nil},
		{"in a string", `["m","{\"_placeholder\":true,\"num\":0}"]`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w format.Walker
			var got []string
			w.JSON([]byte(tt.payload), format.Root{Shape: arguments, Placeholder: func(num int, f *format.Field) {
				got = append(got, fmt.Sprint(num, " ", f.Path()))
			}}, func(*format.Field) {})
			require.Equal(t, tt.want, got)
		})
	}
}

func TestPathIsCut(t *testing.T) {
	key := strings.Repeat("k", 1<<20)
	_, fields := walk(`{"`+key+`":{"`+key+`":"x"}}`, format.Root{})
	require.Len(t, fields, 3)
	for _, f := range fields {
		path, _, _ := strings.Cut(f, "=")
		require.Len(t, path, 1024+len("..."))
	}
}

func TestDepth(t *testing.T) {
	nest := func(n int, inner string) string {
		return strings.Repeat("[", n) + inner + strings.Repeat("]", n)
	}
	t.Run("1000", func(t *testing.T) {
		name, fields := walk(nest(1000, `"x"`), format.Root{})
		require.Equal(t, "json", name)
		require.Len(t, fields, 1)
	})
	t.Run("1001", func(t *testing.T) {
		payload := nest(1001, `"\u003c"`)
		name, fields := walk(payload, format.Root{})
		require.Equal(t, "text", name)
		require.Len(t, fields, 2)
		require.True(t, strings.HasSuffix(fields[0], "=<"))
		require.Equal(t, "$="+payload, fields[1])
	})
	t.Run("behind a deep one", func(t *testing.T) {
		_, fields := walk(`{"a":`+nest(2000, `0,{"b":0}`)+`,"c":"x"}`, format.Root{})
		require.Contains(t, fields, "$.c=x")
	})
	t.Run("million", func(t *testing.T) {
		var w format.Walker
		n := 0
		require.False(t, w.JSON(bytes.Repeat([]byte(`[{"":`), 1<<20), format.Root{}, func(*format.Field) { n++ }))
		require.Equal(t, 1<<20, n)
	})
	t.Run("strings in strings", func(t *testing.T) {
		payload := `\u003c`
		for range 10 {
			payload = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(payload) + `"`
		}
		_, fields := walk(payload, format.Root{})
		require.Len(t, fields, 9) // maxNested + 1
	})
}

// Work is measured in visited bytes: a constant times the payload's, however
// the payload is built.
func TestLinear(t *testing.T) {
	for _, tt := range []struct{ name, unit string }{
		{"open arrays", `[`},
		{"objects", `{"a":`},
		{"quotes", `"`},
		{"escaped quotes", `"\"`},
		{"apostrophes", `'\`},
		{"colons", `":`},
		{"comments", `/*\"`},
		{"line comments", `//\"`},
		{"arrays in strings", `"[\"[\\\"[\\\\\\\"`},
		{"backslashes", `\`},
		{"placeholders", `{"_placeholder":true,"num":0},`},
		{"control characters", "abcd\x00"},
		{"invalid UTF-8", "abcd\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, prefix := range []string{"", "[", `["`, "x\\"} {
				payload := []byte(prefix + strings.Repeat(tt.unit, 100_000/len(tt.unit)))
				var w format.Walker
				visited := 0
				w.Walk(payload, format.Root{}, func(f *format.Field) { visited += len(f.Value) })
				require.GreaterOrEqual(t, visited, len(payload)/2)
				require.LessOrEqual(t, visited, 11*len(payload))
			}
		})
	}
}

func TestWalkerIsReused(t *testing.T) {
	var w format.Walker
	payloads := [][]byte{
		[]byte(`{"a":"x\n","b":"[\"y\"]"`), []byte("\xff\xffabcd"), []byte(`["z"]`), nil,
	}
	for _, p := range payloads {
		w.Walk(p, format.Root{Path: "$x", Shape: arguments}, func(*format.Field) {})
	}
	var fields []string
	w.Walk([]byte(`["a",["b"]]`), format.Root{}, func(f *format.Field) {
		fields = append(fields, f.Path()+"="+string(f.Value))
	})
	require.Equal(t, []string{"$[0]=a", "$[1][0]=b"}, fields)
}

const chat = `["chat message",{"room":"general","user":"alice","text":"I <3 this team; meet @ 5 o'clock \u0026 bring a \"friend\"","time":1732271532000,"tags":["a","b"],"data":"{\"k\":\"v\"}"}]`

func TestWalkDoesNotAllocate(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload []byte
	}{
		{"JSON", []byte(chat)},
		{"broken JSON", []byte(chat[:len(chat)-2])},
		{"text", []byte("please select a seat from the list and drop me a note -- thanks")},
		{"binary", bytes.Repeat([]byte("\xfftext"), 40)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w format.Walker
			n := 0
			visit := func(f *format.Field) { n += len(f.Value) }
			require.Zero(t, testing.AllocsPerRun(100, func() {
				w.Walk(tt.payload, format.Root{Shape: arguments}, visit)
			}))
			require.NotZero(t, n)
		})
	}
}
