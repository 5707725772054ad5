package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

const chat2 = `
asyncapi: 2.6.0
info: {title: chat, version: "1"}
channels:
  /chat:
    publish:
      message:
        oneOf:
          - $ref: '#/components/messages/say'
          - $ref: '#/components/messages/typing'
    subscribe:
      message:
        name: said
        payload: {$ref: '#/components/schemas/text'}
components:
  messages:
    say:
      payload:
        $ref: '#/components/schemas/text'
    typing: {}
  schemas:
    text:
      type: object
      required: [text]
      additionalProperties: false
      properties:
        text: {type: string, maxLength: 0x8}
        at: {$ref: "#/components/schemas/time"}
    time: {type: integer, minimum: 0o17}
`

const chat3 = `{
	"asyncapi": "3.0.0",
	"channels": {
		"room": {"address": "rooms/{id}/*", "messages": {
			"say": {"payload": {"type": "object", "required": ["type"], "properties": {"type": {"const": "say.it"}, "text": {"type": "string"}}}},
			"list": {"payload": {"schemaFormat": "application/schema+json;version=2020-12", "schema": {"type": "array", "prefixItems": [{"type": "string"}], "items": false}}},
			"told": {"$ref": "#/components/messages/told"}
		}}
	},
	"operations": {
		"say": {"action": "receive", "channel": {"$ref": "#/channels/room"}, "messages": [{"$ref": "#/channels/room/messages/say"}],
			"reply": {"channel": {"$ref": "#/channels/room"}, "messages": [{"$ref": "#/channels/room/messages/list"}]}},
		"tell": {"action": "send", "channel": {"$ref": "#/channels/room"}, "messages": [{"$ref": "#/channels/room/messages/told"}]}
	},
	"components": {"messages": {"told": {"payload": true}}}
}`

// traits has what messages get from them; the version goes before it.
const traits = `
channels:
  chat:
    address: chat
    publish: {message: {oneOf: [{$ref: '#/channels/chat/messages/a'}, {$ref: '#/channels/chat/messages/b'}]}}
    messages:
      a: {traits: [{name: first}, {$ref: '#/components/messageTraits/named'}], payload: {type: string}}
      b: {name: own, traits: [{name: other, schemaFormat: application/schema+json;version=draft-04}], payload: {const: b}}
operations:
  say: {action: receive, channel: {$ref: '#/channels/chat'}, traits: [{$ref: '#/components/operationTraits/bound'}]}
components:
  messageTraits: {named: {name: said, headers: {type: object}}}
  operationTraits: {bound: {bindings: {ws: {}}}}
`

// withAsyncAPI is a policy with one document.
func withAsyncAPI(t testing.TB, text, args string, more ...Statement) (*Policy, []Message) {
	name := filepath.Join(t.TempDir(), "chat.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	return Parse(append([]Statement{{"wallarm_websocket_asyncapi", append([]string{name}, strings.Fields(args)...), "a.conf", 1}}, more...))
}

func TestAsyncAPI(t *testing.T) {
	for _, tt := range []struct {
		name, text, args string
		from             ws.Direction
		event, doc       string
		shape            *format.Shape
		want             ws.Violation
		why              string
	}{
		{"2, published", chat2, "", 0, "say", `{"text":"hello"}`, nil, 0, ""},
		{"2, its schema", chat2, "", 0, "say", `{"text":"a","more":1}`, nil, ws.SchemaViolation, "additionalProperties"},
		{"2, hexadecimal", chat2, "", 0, "say", `{"text":"123456789"}`, nil, ws.SchemaViolation, `maxLength at "/text"`},
		{"2, octal, through a reference", chat2, "", 0, "say", `{"text":"a","at":14}`, nil, ws.SchemaViolation, `minimum at "/at"`},
		{"2, without payload", chat2, "", 0, "typing", `[1]`, nil, 0, ""},
		{"2, other", chat2, "", 0, "run", `{"text":"a"}`, nil, ws.EventUnknown, ""},
		{"2, what the server sends", chat2, "", 0, "said", `{"text":"a"}`, nil, ws.EventUnknown, ""},
		{"2, subscribed", chat2, "", 1, "said", `{"text":"a"}`, nil, 0, ""},
		{"2, of the client", chat2, "of=client", 0, "said", `{"text":"a"}`, nil, 0, ""},
		{"2, of the client, published", chat2, "of=client", 0, "say", `{"text":"a"}`, nil, ws.EventUnknown, ""},
		{"2, no name", chat2, "", 0, "", `{"text":"a"}`, nil, 0, ""},
		{"2, no name and no message", chat2, "", 0, "", `{"txt":"a"}`, nil, ws.SchemaViolation, "required"},
		{"2, an argument", chat2, "", 0, "say", `["say",{"text":"a"}]`, &eventShape, 0, ""},
		{"2, a wrong argument", chat2, "", 0, "say", `["say",{"txt":"a"}]`, &eventShape, ws.SchemaViolation, "required"},
		{"2, two arguments", chat2, "", 0, "say", `["say",{"text":"a"},1]`, &eventShape, ws.SchemaViolation, "type"},
		{"2, channel", chat2, "event=channel", 0, "/chat", `{"text":"a"}`, nil, 0, ""},
		{"2, name where channels are", chat2, "event=channel", 0, "say", `{"text":"a"}`, nil, ws.EventUnknown, ""},
		{"2, data", chat2, "payload=data", 0, "say", `{"method":"say","params":{"text":"a"}}`, &callShape, 0, ""},
		{"2, whole", chat2, "", 0, "say", `{"method":"say","params":{"text":"a"}}`, &callShape, ws.SchemaViolation, `at ""`},
		{"2, data without a name", chat2, "payload=data", 0, "", `{"text":"a"}`, nil, ws.EventUnknown, ""},
		{"2, named by the last trait", "asyncapi: 2.6.0" + traits, "", 0, "said", `"a"`, nil, 0, ""},
		{"2, its schema is the message's", "asyncapi: 2.6.0" + traits, "", 0, "said", `1`, nil, ws.SchemaViolation, "type"},
		{"2, by the one before", "asyncapi: 2.6.0" + traits, "", 0, "first", `"a"`, nil, ws.EventUnknown, ""},
		{"2, a trait overrides", "asyncapi: 2.6.0" + traits, "", 0, "other", `1`, nil, 0, ""},
		{"2, what it overrides", "asyncapi: 2.6.0" + traits, "", 0, "own", `"a"`, nil, ws.EventUnknown, ""},
		{"3, named by the last trait", "asyncapi: 3.0.0" + traits, "", 0, "said", `1`, nil, ws.SchemaViolation, "type"},
		{"3, a trait does not override", "asyncapi: 3.0.0" + traits, "", 0, "own", `"a"`, nil, 0, ""},
		{"3, what would override", "asyncapi: 3.0.0" + traits, "", 0, "other", `"a"`, nil, ws.EventUnknown, ""},
		{"3, received", chat3, "", 0, "say", `{"type":"say.it"}`, nil, 0, ""},
		{"3, the name in the payload", chat3, "", 0, "say.it", `{"type":"say.it","text":"a"}`, &callShape, 0, ""},
		{"3, another one there", chat3, "", 0, "say", `{"type":"say"}`, nil, ws.SchemaViolation, `const at "/type"`},
		{"3, another operation's", chat3, "", 0, "told", `1`, nil, ws.EventUnknown, ""},
		{"3, sent", chat3, "", 1, "told", `1`, nil, 0, ""},
		{"3, answered", chat3, "", 1, "list", `["a"]`, nil, 0, ""},
		{"3, of another draft", chat3, "", 1, "list", `["a",1]`, nil, ws.SchemaViolation, `false at "/1"`},
		{"3, an argument that is no list", chat3, "", 1, "list", `["list","a"]`, &eventShape, 0, ""},
		{"3, a list in the list", chat3, "", 1, "list", `["list",["a"]]`, &eventShape, ws.SchemaViolation, "type"},
		{"3, channel", chat3, "event=channel", 0, "rooms/7/*", `{"type":"say.it"}`, nil, 0, ""},
		{"3, not that channel", chat3, "event=channel", 0, "rooms/7/x", `{"type":"say.it"}`, nil, ws.EventUnknown, ""},
		{"3, one of two of a channel", chat3, "event=channel", 1, "rooms/7/*", `["a"]`, nil, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, messages := withAsyncAPI(t, tt.text, tt.args)
			require.Empty(t, messages)
			v, why := p.Events[tt.from].Judge([]byte(tt.event)), ""
			if v == ws.NoViolation {
				v, why = p.Schemas[tt.from].Of([]byte(tt.event)).Judge(Document{Doc: []byte(tt.doc), Shape: tt.shape})
			}
			require.Equal(t, tt.want, v, why)
			require.Contains(t, why, tt.why)
		})
	}
}

// A client may ask for what the server sends, and send only what is its own.
func TestAsyncAPISubscribe(t *testing.T) {
	p, messages := withAsyncAPI(t, chat2, "event=channel")
	require.Empty(t, messages)
	client := &p.Events[ws.FromClient]
	require.Equal(t, ws.NoViolation, client.JudgeSubscribe([]byte("/chat")))
	p, _ = withAsyncAPI(t, `{"asyncapi":"2.0.0","channels":{"in":{"publish":{"message":{}}},"out/{id}":{"subscribe":{"message":{}}}}}`, "event=channel")
	client = &p.Events[ws.FromClient]
	for name, want := range map[string]ws.Violation{"in": 0, "out/7": 0, "subscribe": 0, "other": ws.EventUnknown, strings.Repeat("out/", 100): ws.EventUnknown} {
		require.Equal(t, want, client.JudgeSubscribe([]byte(name)), name)
	}
	require.Equal(t, ws.EventUnknown, client.Judge([]byte("out/7")))
	require.Equal(t, ws.EventUnknown, p.Events[ws.FromServer].JudgeSubscribe([]byte("in")))
}

// A schema whose bounds depend on the draft is that of AsyncAPI's own.
func TestAsyncAPIDraft(t *testing.T) {
	const text = `{"asyncapi":"2.0.0","channels":{"c":{"publish":{"message":{"name":"m","payload":
		{"type":"array","items":[{"type":"string"}],"additionalItems":false}}}}}}`
	p, messages := withAsyncAPI(t, text, "")
	require.Empty(t, messages)
	v, why := p.Schemas[0].Of([]byte("m")).Judge(Document{Doc: []byte(`["a",1]`)})
	require.Equal(t, ws.SchemaViolation, v)
	require.Equal(t, `additionalItems at ""`, why)
}

// What it says of unknown events is said by token, too, and then that counts.
func TestAsyncAPIActions(t *testing.T) {
	actions := func(args string, more ...Statement) (list []ws.Action) {
		p, messages := withAsyncAPI(t, chat3, args, more...)
		require.Empty(t, messages)
		for _, v := range []ws.Violation{ws.EventUnknown, ws.SchemaViolation, ws.SchemaUnreadable} {
			list = append(list, p.Violations.Of(v))
		}
		return list
	}
	require.Equal(t, []ws.Action{ws.Block, ws.Block, ws.Block}, actions(""))
	require.Equal(t, []ws.Action{ws.Log, ws.Log, ws.Log}, actions("log"))
	require.Equal(t, []ws.Action{ws.Log, ws.Block, ws.Log},
		actions("log", Statement{"wallarm_websocket_violation", []string{"schema_violation", "block"}, "a.conf", 2}))
	p, _ := withAsyncAPI(t, chat3, "", Statement{"wallarm_websocket_event", []string{"allow", "more"}, "a.conf", 2})
	require.Equal(t, ws.NoViolation, p.Events[0].Judge([]byte("more")))
	require.Equal(t, ws.NoViolation, p.Events[0].Judge([]byte("say")))
	p, _ = withAsyncAPI(t, `{"asyncapi":"2.0.0","channels":{"c":{"subscribe":{"message":{"name":"m"}}}}}`, "")
	require.Equal(t, ws.EventUnknown, p.Events[ws.FromClient].Judge([]byte("m")), "the client may send nothing")
}

func TestAsyncAPIMessages(t *testing.T) {
	message := func(m string) string {
		return `{"asyncapi":"2.0.0","channels":{"a/b":{"publish":{"message":` + m + `}}}}`
	}
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	for _, tt := range []struct{ name, text, want string }{
		{"parameter", chat3, `invalid parameter "warn"`},
		{"no YAML", "asyncapi: 2.0.0\nchannels: [", `chat.yaml" is no YAML: line 2: `},
		{"no JSON", "{\n\"asyncapi\": }", `chat.yaml" is no JSON: line 2: invalid character '}'`},
		{"empty", "", `is no YAML: no document`},
		{"two documents", "asyncapi: 2.0.0\n---\na: 1", `is no YAML: something behind the document`},
		{"twice", "asyncapi: 2.0.0\nchannels: {}\nchannels: {}", `is no YAML: line 3: a member twice`},
		{"merge", "asyncapi: 2.0.0\na: &a {}\nchannels: {<<: *a}", `is no YAML: line 3: the merge key`},
		{"tag", "asyncapi: !go 2.0.0", `is no YAML: line 1: the tag "!go" is not taken`},
		{"binary", "asyncapi: !!binary aGk=", `the tag "!!binary" is not taken`},
		{"number", "asyncapi: 2.0.0\nchannels: .inf", `line 2: the number ".inf" is none of JSON`},
		{"key", "asyncapi: 2.0.0\n[1]: a", `line 2: a key that is no text`},
		{"bomb", bomb, `is no YAML: line \d+: more than 65536 values`},
		{"alias of itself", "a: &a [*a]", `is no YAML: line 1: (arrays and objects inside each other deeper than 128|.*contains itself)`},
		{"list", "- asyncapi", `is no AsyncAPI document`},
		{"version", `{"asyncapi":"1.2.0"}`, `"asyncapi" has to be 2.x or 3.x`},
		{"no channels", `{"asyncapi":"2.0.0"}`, `has no "channels"`},
		{"no operations", `{"asyncapi":"3.0.0","channels":{}}`, `has no "operations"`},
		{"action", `{"asyncapi":"3.0.0","operations":{"a":{"action":"publish"}}}`, `"action" has to be send or receive at "#/operations/a"`},
		{"other file", message(`{"$ref":"m.json"}`), `"m.json": only references inside the file are followed at "#/channels/a~1b/publish/message"`},
		{"other file by HTTP", message(`{"payload":{"properties":{"type":{"$ref":"http://localhost/a"}}}}`), `cannot be used: .*only references inside the file are followed`},
		{"other file as the name's schema", message(`{"payload":{"properties":{"type":{"$ref":"#/nowhere"}}}}`), `cannot be used: `},
		{"other file in a schema", message(`{"payload":{"items":{"$ref":"other.json"}}}`), `only references inside the file are followed`},
		{"nowhere", message(`{"$ref":"#/components/messages/x"}`), `"#/components/messages/x" leads nowhere at "#/channels/a~1b/publish/message"`},
		{"in a circle", message(`{"$ref":"#/channels/a~1b/publish/message"}`), `more than 16 references that lead to each other`},
		{"no message", `{"asyncapi":"2.0.0","channels":{"c":{"publish":{}}}}`, `no "message" at "#/channels/c/publish"`},
		{"no trait", message(`{"traits":[1]}`), `no trait at "#/channels/a~1b/publish/message/traits/0"`},
		{"trait nowhere", message(`{"traits":[{"$ref":"#/components/messageTraits/x"}]}`), `"#/components/messageTraits/x" leads nowhere at "#/channels/a~1b/publish/message/traits/0"`},
		{"no schema", message(`{"payload":{"type":"text"}}`), `#/channels/a~1b/publish/message/payload`},
		{"long name", message(`{"name":"` + strings.Repeat("n", 300) + `"}`), `a name is longer than 256 bytes at "#/channels/a~1b/publish/message"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := ""
			if tt.name == "parameter" {
				args = "warn"
			}
			p, messages := withAsyncAPI(t, tt.text, args)
			require.Nil(t, p)
			require.Len(t, messages, 1)
			require.Regexp(t, `^"wallarm_websocket_asyncapi" directive: .*`+tt.want+`.* in a.conf:1$`, messages[0].Text)
		})
	}
	p, messages := withAsyncAPI(t, message(`{"name":"m","schemaFormat":"application/vnd.apache.avro;version=1.9.0","payload":{"type":"record"}}`), "")
	require.NotNil(t, p)
	require.Len(t, messages, 1)
	require.True(t, messages[0].Warning)
	require.Contains(t, messages[0].Text, `payloads of the format "application/vnd.apache.avro;version=1.9.0" are not checked at "#/channels/a~1b/publish/message/payload"`)
}

// FuzzAsyncAPI: a document, of whatever size it pretends to be, is read or
// refused.
func FuzzAsyncAPI(f *testing.F) {
	f.Add([]byte(chat2))
	f.Add([]byte(chat3))
	f.Add([]byte("asyncapi: 2.6.0" + traits))
	f.Add([]byte("asyncapi: 3.0.0" + traits))
	f.Add([]byte("a: &a [*a, *a]\n*a : 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a := newAsyncAPI("a.yaml", func(string, ...any) {})
		if a.read(text) != nil {
			return
		}
		for from := range a.schemas {
			for i := range a.schemas[from] {
				require.Contains(t, a.events[from].allow, a.schemas[from][i].pattern)
			}
		}
	})
}
