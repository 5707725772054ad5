package format_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

func TestOutline(t *testing.T) {
	for _, tt := range []struct {
		name  string
		doc   string
		want  []string
		whole bool
	}{
		{"object", `{"a":"x","b":{"c":[1,"}"]}}`, []string{`a="x"`, `b={"c":[1,"}"]}`}, true},
		{"array", ` [ 1 , "a\"]" ,[[]],{} ] `, []string{`=1`, `="a\"]"`, `=[[]]`, `={}`}, true},
		{"empty object", `{}`, nil, true},
		{"empty array", "\ufeff[ ]\n", nil, true},
		{"empty key", `{"":null}`, []string{`=null`}, true},
		{"escaped key", `{"\u0061\"":1}`, []string{`\u0061\"=1`}, true},
		{"no document", `hi`, nil, false},
		{"nothing", ``, nil, false},
		{"string", `"[1]"`, nil, false},
		{"more behind", `[1][2]`, []string{`=1`}, false},
		{"wrong bracket", `[1}`, []string{`=1`}, false},
		{"trailing comma", `[1,]`, []string{`=1`}, false},
		{"missing comma", `["a""b"]`, []string{`="a"`}, false},
		{"missing value", `{"a":,"b":1}`, nil, false},
		{"missing colon", `{"a" 1}`, nil, false},
		{"bare key", `{a:1}`, nil, false},
		{"cut", `[1,[2,"`, []string{`=1`}, false},
		{"cut string", `["a\`, nil, false},
		{"cut key", `{"a`, nil, false},
		{"cut object", `{"a":1`, []string{`a=1`}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			o := format.NewOutline([]byte(tt.doc))
			for o.Next() {
				got = append(got, string(o.Key)+"="+string(o.Value))
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.whole, o.Whole())
		})
	}
}

func TestMembers(t *testing.T) {
	for _, tt := range []struct {
		name, doc, want string
		ok              bool
	}{
		{"both", `{"type":"a","id":7}`, `"a" 7`, true},
		{"none", `{"x":"type"}`, ` `, true},
		{"nested", `{"x":{"type":"a"},"id":{"id":1}}`, ` {"id":1}`, true},
		{"the last counts", `{"type":"a","id":1,"type":"b"}`, `"b" 1`, true},
		{"escaped key", `{"\u0074yp\u0065":"a","i\u0064":1}`, `"a" 1`, true},
		{"long escapes", `{"\u0074\u0079\u0070\u0065":"a"}`, `"a" `, true},
		{"other case", `{"Type":"a","id":1}`, ` 1`, true},
		{"both cases", `{"type":"a","TYPE":"b"}`, ` `, true},
		{"longer key", `{"types":"a"}`, ` `, true},
		{"array", `["type"]`, ` `, false},
		{"broken", `{"type":"a","id":1`, `"a" 1`, false},
		{"two", `{"type":"a"}{"type":"b"}`, `"a" `, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, ok := format.Members([]byte(tt.doc), &format.Keys{"type", "id"})
			require.Equal(t, tt.want, fmt.Sprintf("%s %s", v[0], v[1]))
			require.Equal(t, tt.ok, ok)
		})
	}
}

func TestElement(t *testing.T) {
	doc := []byte(`[1,"a",[2]]`)
	require.Equal(t, `1`, string(format.Element(doc, 0)))
	require.Equal(t, `[2]`, string(format.Element(doc, 2)))
	require.Nil(t, format.Element(doc, 3))
	require.Nil(t, format.Element([]byte(`{"a":1}`), 0))
}

func TestEventOfParts(t *testing.T) {
	var w format.Walker
	w.ClearEvent()
	w.AddEventJSON([]byte(`"room:\u003c"`))
	w.AddEvent([]byte(" "))
	w.AddEventJSON([]byte(`7`))
	require.Equal(t, "room:< 7", string(w.Event()))
	w.AddEventJSON([]byte(`"` + strings.Repeat(`\u00fc`, 1000) + `"`))
	require.LessOrEqual(t, len(w.Event()), 256)
	w.AddEvent(bytes.Repeat([]byte("x"), 1000))
	require.Len(t, w.Event(), 256)
	require.Equal(t, `{"a":"`+"\n", string(w.Unquote([]byte(`"{\"a\":\"\n"`))))
	require.Nil(t, w.Unquote([]byte(`7`)))
}

// A string that the application gets the document of stands in its place.
func TestShapeJSON(t *testing.T) {
	shape := &format.Shape{
		Event: []format.Member{{Key: "event"}},
		Data:  []format.Member{{Key: "data", JSON: true}, {Key: "id", Name: "id", JSON: true}, {Index: 1, JSON: true}},
	}
	for _, tt := range []struct {
		name, doc string
		fields    []string
	}{
		{"object", `{"event":"e","data":"{\"a\":[\"x\",{\"b\":\"y\"}]}","c":"z"}`, []string{
			"$event~=event", "$event=e", "$~=data", "$.a~=a", "$.a[0]=x", "$.a[1].b~=b", "$.a[1].b=y", "$message.c~=c", "$message.c=z"}},
		{"named", `{"id":"{\"a\":\"x\"}"}`, []string{"$id~=id", "$id.a~=a", "$id.a=x"}},
		{"element", `["a","[\"x\"]","b"]`, []string{"$message[0]=a", "$[0]=x", "$message[2]=b"}},
		{"string", `{"data":"\"x\""}`, []string{"$~=data", "$=x"}},
		{"JSON in it", `{"data":"{\"a\":\"[\\\"x\\\"]\"}"}`, []string{"$~=data", "$.a~=a", "$.a>json[0]=x", `$.a=["x"]`}},
		{"string in it", `{"data":"\"[1,\\\"x\\\"]\""}`, []string{"$~=data", "$>json[1]=x", `$=[1,"x"]`}},
		{"object itself", `{"data":{"a":"x"}}`, []string{"$~=data", "$.a~=a", "$.a=x"}},
		{"text", `{"data":"hi"}`, []string{"$~=data", "$=hi"}},
		{"number", `{"data":"42"}`, []string{"$~=data", "$=42"}},
		{"broken", `{"data":"[\"x\",]"}`, []string{"$~=data", "$[0]=x", `$=["x",]`}},
		{"deeper", `{"c":{"data":"[\"x\"]"}}`, []string{
			"$message.c~=c", "$message.c.data~=data", "$message.c.data>json[0]=x", `$message.c.data=["x"]`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w format.Walker
			for _, doc := range []string{tt.doc, tt.doc + "\x1e"} { // strict and lenient
				var fields []string
				require.True(t, w.JSON([]byte(doc), format.Root{Shape: shape}, func(f *format.Field) {
					fields = append(fields, f.Path()+"="+string(f.Value))
				}))
				require.Equal(t, tt.fields, fields)
			}
		})
	}
}

// FuzzOutline holds the outline of a valid document against encoding/json.
func FuzzOutline(f *testing.F) {
	for _, s := range []string{`{"a":"x\"","b":[1,{}],"a":null}`, ` ["\\",2,[["]"]]] `, `{"\u0061":{"}":1}}`, `[1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var values [][]byte
		var keys []string
		o := format.NewOutline(doc)
		for o.Next() {
			require.NotEmpty(t, o.Value)
			values = append(values, o.Value)
			keys = append(keys, string(o.Key))
		}
		var array []json.RawMessage
		if json.Unmarshal(doc, &array) == nil && array != nil {
			require.True(t, o.Whole())
			require.Len(t, values, len(array))
			for i := range array {
				require.Equal(t, string(array[i]), string(values[i]))
			}
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(doc, &object) == nil && object != nil {
			require.True(t, o.Whole())
			last := map[string]json.RawMessage{}
			for i, raw := range keys {
				var key string
				require.NoError(t, json.Unmarshal([]byte(`"`+raw+`"`), &key))
				last[key] = values[i]
			}
			require.Equal(t, object, last)
			if v, ok := format.Members(doc, &format.Keys{"a"}); ok && v[0] != nil {
				require.Equal(t, string(object["a"]), string(v[0]))
			}
		}
	})
}
