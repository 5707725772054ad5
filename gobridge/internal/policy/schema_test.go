package policy

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// withSchema is a policy with one schema of "chat".
func withSchema(t testing.TB, text string) (*Policy, []Message) {
	name := filepath.Join(t.TempDir(), "chat.json")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	return Parse([]Statement{{"wallarm_websocket_schema", []string{"chat", name}, "a.conf", 1}})
}

var (
	eventShape = format.Shape{Event: []format.Member{{Index: 0}}, Args: 1}
	callShape  = format.Shape{Event: []format.Member{{Key: "method"}}, Data: []format.Member{{Key: "params"}, {Key: "result"}}}
	textShape  = format.Shape{Event: []format.Member{{Key: "event"}}, Data: []format.Member{{Key: "data", JSON: true}, {Key: "channel", Name: "channel"}}}
)

func TestSchemas(t *testing.T) {
	const message = `{"type":"object","required":["text"],"additionalProperties":false,
		"properties":{"text":{"type":"string","maxLength":5,"pattern":"^[a-z]*$"},"to":{"$ref":"#/$defs/user"}},
		"$defs":{"user":{"type":"integer","maximum":9}}}`
	const list = `{"type":"array","prefixItems":[` + message + `],"maxItems":1,"minItems":1}`
	for _, tt := range []struct {
		name, schema, doc string
		shape             *format.Shape
		want              ws.Violation
		why               string
	}{
		{"whole", message, `{"text":"hello"}`, nil, 0, ""},
		{"type", message, `{"text":1}`, nil, ws.SchemaViolation, `type at "/text"`},
		{"long", message, `{"text":"hello!"}`, nil, ws.SchemaViolation, `maxLength at "/text"`},
		{"missing", message, `{}`, nil, ws.SchemaViolation, `required at ""`},
		{"more", message, `{"text":"a","admin":true}`, nil, ws.SchemaViolation, `additionalProperties at ""`},
		{"reference", message, `{"text":"a","to":10}`, nil, ws.SchemaViolation, `maximum at "/to"`},
		{"escaped", message, `{"\u0074ext":"\u0041"}`, nil, ws.SchemaViolation, `pattern at "/text"`},
		{"arguments", strings.ReplaceAll(list, `"#/$defs`, `"#/prefixItems/0/$defs`), `["chat",{"text":"a","to":1}]`, &eventShape, 0, ""},
		{"an argument more", `{"maxItems":1}`, `["chat",1,2]`, &eventShape, ws.SchemaViolation, `maxItems at ""`},
		{"in an argument", `{"prefixItems":[{"type":"string"}]}`, `["chat",2]`, &eventShape, ws.SchemaViolation, `type at "/0"`},
		{"params", message, `{"method":"chat","params":{"text":"a"},"id":1}`, &callShape, 0, ""},
		{"no params", message, `{"method":"chat"}`, &callShape, ws.SchemaViolation, `type at ""`},
		{"params twice", message, `{"method":"chat","params":{"text":"a"},"params":{}}`, &callShape, ws.SchemaUnreadable, "a member twice"},
		{"params in capitals", message, `{"method":"chat","params":{"text":"a"},"Params":{}}`, &callShape, ws.SchemaUnreadable, "a member twice"},
		{"two data", message, `{"method":"chat","params":{"text":"a"},"result":{}}`, &callShape, ws.SchemaUnreadable, "a member twice"},
		{"document in a string", message, `{"event":"chat","channel":"x","data":"{\"text\":1}"}`, &textShape, ws.SchemaViolation, `type at "/text"`},
		{"and without it", message, `{"event":"chat","channel":"x","data":{"text":"a"}}`, &textShape, 0, ""},
		{"twice inside", message, `{"text":"a","text":"b"}`, nil, ws.SchemaUnreadable, "a member twice"},
		{"no JSON", message, "", nil, ws.SchemaUnreadable, "no JSON"},
		{"lenient JSON", message, `{"text":"a",}`, nil, ws.SchemaUnreadable, "invalid character"},
		{"more behind", message, `{"text":"a"}{}`, nil, ws.SchemaUnreadable, "behind"},
		{"deep", "true", strings.Repeat("[", 200) + strings.Repeat("]", 200), nil, ws.SchemaUnreadable, "deeper than 128"},
		{"many", "true", "[" + strings.Repeat("0,", maxDocumentValues) + "0]", nil, ws.SchemaUnreadable, "more than 65536 values"},
		{"exponent", `{"type":"integer"}`, "1e1000000000", nil, ws.SchemaUnreadable, "exponent"},
		{"digits", `{"type":"integer"}`, strings.Repeat("1", 200), nil, ws.SchemaUnreadable, "digits"},
		{"format", `{"format":"email"}`, `"no mail"`, nil, ws.SchemaViolation, `format at ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, messages := withSchema(t, tt.schema)
			require.Empty(t, messages)
			schemas := p.Schemas[ws.FromClient].Of([]byte("chat"))
			require.Len(t, schemas, 1)
			require.Empty(t, p.Schemas[ws.FromClient].Of([]byte("other")))
			d := Document{Doc: []byte(tt.doc), Shape: tt.shape}
			if tt.doc == "" {
				d.Doc = nil
			}
			v, why := schemas.Judge(d)
			require.Equal(t, tt.want, v, why)
			require.Contains(t, why, tt.why)
		})
	}
}

func TestSchemaMessages(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no JSON", "{\n\"type\": }", `chat.json" is no JSON: line 2: invalid character '}'`},
		{"cut", `{"type":`, `chat.json" is no JSON: unexpected EOF`},
		{"twice", `{"type":"string","type":"object"}`, "is no JSON: a member twice"},
		{"keyword", `{"type":"text"}`, `/type`},
		{"remote", `{"$ref":"other.json"}`, "only references inside the file are followed"},
		{"remote, by HTTP", `{"$ref":"http://localhost/x"}`, "only references inside the file are followed"},
		{"nowhere", `{"$ref":"#/$defs/x"}`, `\$defs/x`},
		{"pattern", `{"pattern":"(?=a)"}`, `pattern`},
		{"big", `"` + strings.Repeat("a", maxSchemaFile) + `"`, "is longer than 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, messages := withSchema(t, tt.text)
			require.Nil(t, p)
			require.Len(t, messages, 1)
			require.Regexp(t, `^"wallarm_websocket_schema" directive: .*`+tt.want+`.* in a.conf:1$`, messages[0].Text)
		})
	}
	for _, tt := range []struct{ args, want string }{
		{"chat /nowhere/at/all.json", `open /nowhere/at/all.json: no such file or directory`},
		{"chat /", `"/" is not a regular file`},
		{"from=server chat", "needs a pattern and a file"},
		{"from=peer chat /", `invalid parameter "from=peer", it must be from=client or from=server`},
	} {
		_, messages := Parse([]Statement{{"wallarm_websocket_schema", strings.Fields(tt.args), "a.conf", 1}})
		require.Equal(t, `"wallarm_websocket_schema" directive: `+tt.want+" in a.conf:1", messages[0].Text)
	}
}

// FuzzArguments: what is taken from a message is in bounds, and is what
// encoding/json reads there.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{
		`["chat",{"text":"a"},1]`, `{"method":"chat","params":[1,"a",null]}`, `{"event":"x","data":"{\"a\":1}"}`,
		`{"Params":1}`, "[1e400]", `"\ud800"`, "[[[[", `{"params":1,"result":2}`,
	} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(1))
	}
	shapes := []*format.Shape{nil, &eventShape, &callShape, &textShape}
	f.Fuzz(func(t *testing.T, doc []byte, n uint8) {
		d := Document{Doc: doc, Shape: shapes[int(n)%len(shapes)]}
		message, err := decode(doc)
		if err != nil {
			return
		}
		require.True(t, json.Valid(doc))
		v, listed, err := d.arguments(message)
		if err != nil {
			return
		}
		if d.Shape != nil && !listed {
			return
		}
		r := json.NewDecoder(bytes.NewReader(doc))
		r.UseNumber()
		var want any
		require.NoError(t, r.Decode(&want))
		if listed {
			list := want.([]any)
			want = list[min(1, len(list)):]
		}
		require.Equal(t, want, v)
	})
}
