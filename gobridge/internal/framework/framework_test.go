package framework_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

const engineIO, none = "/socket.io/?EIO=4&transport=websocket", "/chat"

func text(s string) framework.Message {
	return framework.Message{Opcode: ws.OpText, Payload: []byte(s)}
}

func binary(s string) framework.Message {
	return framework.Message{Opcode: ws.OpBinary, Payload: []byte(s)}
}

func identify(target string) (c2s, s2c framework.Decoder) {
	return framework.Identify(framework.Handshake{Target: target})
}

// run decodes m and returns the last record's envelope.
func run(d framework.Decoder, m framework.Message, w *format.Walker, visit format.Visit) (env framework.Envelope) {
	d.Decode(m, w, &framework.Out{Visit: visit, Record: func(e framework.Envelope) { env = e }})
	return env
}

// decoded is an Envelope as "framework event format", and "path=value" lines.
type decoded struct {
	envelope string
	fields   []string
}

func decode(d framework.Decoder, m framework.Message) (out decoded) {
	var w format.Walker
	env := run(d, m, &w, func(f *format.Field) {
		out.fields = append(out.fields, f.Path()+"="+string(f.Value))
	})
	out.envelope = fmt.Sprintf("%s %s %s", env.Framework, env.Event, env.Format)
	return out
}

func TestIdentify(t *testing.T) {
	for _, tt := range []struct {
		target string
		want   string
	}{
		{"/socket.io/?EIO=4&transport=websocket", "socket.io"},
		{"/socket.io/?EIO=3&transport=websocket&sid=x", "socket.io"},
		{"/socket.io/", "socket.io"},
		{"/engine.io/?x", "socket.io"},
		{"/app/socket.io/", "socket.io"},
		{"http://h/socket.io/", "socket.io"},
		{"/chat?transport=websocket&EIO=4", "socket.io"},
		{"/chat?EIO=4", "socket.io"},
		{"/chat?EIO=5", "socket.io"},
		{"/chat?EIO=x&EIO=4", "socket.io"},
		{"/chat?EIO", "socket.io"},
		{"/chat?%45I%4f=4", "socket.io"},
		{"/chat?transport=websocket", "socket.io"},
		{"/chat?transport=polling&transport=web%73ocket#x", "socket.io"},
		{"/chat?a=%&%zz&transport=websocket", "socket.io"},
		{"/chat", "none"},
		{"/chat?eio=4", "none"},
		{"/chat?x=EIO=4", "none"},
		{"/chat?%EIO=4", "none"},
		{"/chat?transport=webSockets", "none"},
		{"/chat#?EIO=4", "none"},
		{"/socket.iox", "none"},
		{"", "none"},
	} {
		t.Run(tt.target, func(t *testing.T) {
			c2s, s2c := identify(tt.target)
			for _, d := range []framework.Decoder{c2s, s2c} {
				var w format.Walker
				env := run(d, text(`42["m"]`), &w, func(*format.Field) {})
				require.Equal(t, tt.want, env.Framework)
			}
		})
	}
}

func TestPlain(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    framework.Message
		want decoded
	}{
		{"empty", text(""), decoded{"none  ", nil}},
		{"text", text("hi"), decoded{"none  text", []string{"$=hi"}}},
		{"JSON", text(`{"a":"x"}`), decoded{"none  json", []string{"$.a~=a", "$.a=x"}}},
		{"JSON in a binary message", binary(`["x"]`), decoded{"none  json", []string{"$[0]=x"}}},
		{"text in a binary message", binary("hi"), decoded{"none  text", []string{"$=hi"}}},
		{"binary", binary("\xfftext\x00"), decoded{"none  binary", []string{"$@1=text"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := identify(none)
			require.Equal(t, tt.want, decode(d, tt.m))
		})
	}
}

func TestEngineIO(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    framework.Message
		want decoded
	}{
		{"open", text(`0{"sid":"x","upgrades":["websocket"],"pingInterval":25000}`), decoded{"engine.io  json", []string{
			"$.sid~=sid", "$.sid=x", "$.upgrades~=upgrades", "$.upgrades[0]=websocket", "$.pingInterval~=pingInterval"}}},
		{"broken open", text(`0{ or 1=1`), decoded{"engine.io  text", []string{"$={ or 1=1", "$message=0{ or 1=1"}}},
		{"close", text("1"), decoded{"engine.io  ", nil}},
		{"ping", text("2"), decoded{"engine.io  ", nil}},
		{"ping probe", text("2probe"), decoded{"engine.io  text", []string{"$=probe"}}},
		{"pong probe", text("3probe"), decoded{"engine.io  text", []string{"$=probe"}}},
		{"ping with a payload", text("2 or 1=1"), decoded{"none  text", []string{"$=2 or 1=1"}}},
		{"upgrade", text("5"), decoded{"engine.io  ", nil}},
		{"noop", text("6"), decoded{"engine.io  ", nil}},
		{"empty message", text("4"), decoded{"engine.io  ", nil}},
		{"text message", text("4hi"), decoded{"engine.io  text", []string{"$=hi", "$message=4hi"}}},
		{"JSON message", text(`4{"a":"x"}`), decoded{"engine.io  json", []string{"$.a~=a", "$.a=x"}}},
		{"text like a packet", text("42 cats"), decoded{"engine.io  text", []string{"$=2 cats", "$message=42 cats"}}},
		{"binary message", binary("hi"), decoded{"engine.io  text", []string{"$=hi"}}},
		{"JSON in a binary message", binary(`["x"]`), decoded{"engine.io  json", []string{"$[0]=x"}}},
		{"binary message of EIO 3", binary("\x04[\"x\"]"), decoded{"engine.io  json", []string{"$[0]=x"}}},
		{"empty binary message", binary(""), decoded{"engine.io  ", nil}},
		{"base64", text("bPGI+"), decoded{"engine.io  text", []string{"$=<b>", "$message=bPGI+"}}},
		{"unknown type", text("7hi"), decoded{"none  text", []string{"$=7hi"}}},
		{"no type", text("hi"), decoded{"none  text", []string{"$=hi"}}},
		{"text with a b", text("b 1 or 1=1"), decoded{"none  text", []string{"$message=b 1 or 1=1"}}},
		{"nothing", text(""), decoded{"none  ", nil}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := identify(engineIO)
			require.Equal(t, tt.want, decode(d, tt.m))
		})
	}
}

func TestSocketIO(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		want    decoded
	}{
		{"connect", `40`, decoded{"socket.io connect ", nil}},
		{"connect with auth", `40{"token":"x"}`, decoded{"socket.io connect json", []string{"$.token~=token", "$.token=x"}}},
		{"connect to a namespace", `40/admin?a=b,{"token":"x"}`, decoded{"socket.io connect json", []string{
			"$nsp=/admin?a=b", "$.token~=token", "$.token=x"}}},
		{"connect without a comma", `40/admin`, decoded{"socket.io connect ", []string{"$nsp=/admin"}}},
		{"white space as connect", `4 {"token":"x"}`, decoded{"socket.io connect json", []string{"$.token~=token", "$.token=x"}}},
		{"disconnect", `41/admin,`, decoded{"socket.io disconnect ", []string{"$nsp=/admin"}}},
		{"connect error", `44{"message":"no"}`, decoded{"socket.io connect_error json", []string{"$.message~=message", "$.message=no"}}},
		{"error of socket.io 2", `44"no"`, decoded{"socket.io connect_error json", []string{"$=no"}}},
		{"event", `42["message",{"text":"hi"},"x"]`, decoded{"socket.io message json", []string{
			"$event=message", "$[0].text~=text", "$[0].text=hi", "$[1]=x"}}},
		{"event to a namespace", `42/admin,["message","hi"]`, decoded{"socket.io message json", []string{
			"$nsp=/admin", "$event=message", "$[0]=hi"}}},
		{"event with an ack id", `4217["message","hi"]`, decoded{"socket.io message json", []string{"$event=message", "$[0]=hi"}}},
		{"both", `42/admin,17["message","hi"]`, decoded{"socket.io message json", []string{
			"$nsp=/admin", "$event=message", "$[0]=hi"}}},
		{"event of a number", `42[7,"hi"]`, decoded{"socket.io 7 json", []string{"$[0]=hi"}}},
		{"escaped event", `42["mess\u0061ge","hi"]`, decoded{"socket.io message json", []string{"$event=message", "$[0]=hi"}}},
		{"event without a name", `42[]`, decoded{"socket.io  json", nil}},
		{"event without data", `42`, decoded{"socket.io  ", nil}},
		{"ack", `4317["ok"]`, decoded{"socket.io ack json", []string{"$[0]=ok"}}},
		{"JSON in an argument", `42["m","{\"a\":\"x\"}"]`, decoded{"socket.io m json", []string{
			"$event=m", "$[0]>json.a~=a", "$[0]>json.a=x", `$[0]={"a":"x"}`}}},

		{"space as ack id", `42 ["m","x"]`, decoded{"socket.io m json", []string{"$event=m", "$[0]=x"}}},
		{"digits and spaces as ack id", "420 0\t\v\u00a0\u3000\ufeff1[\"m\",\"x\"]", decoded{"socket.io m json", []string{"$event=m", "$[0]=x"}}},
		{"root namespace", `42/,["m","x"]`, decoded{"socket.io m json", []string{"$event=m", "$[0]=x"}}},
		{"white space in JSON", "42[ \"m\"\n,\t\"x\" ] ", decoded{"socket.io m json", []string{"$event=m", "$[0]=x"}}},
		{"attachments of an event", `420-["m","x"]`, decoded{"socket.io m json", []string{"$event=m", "$[0]=x"}}},
		{"no attachments", `450-["m","x"]`, decoded{"socket.io m json", []string{"$event=m", "$[0]=x"}}},
		{"attachments as nothing", `45-["m","x"]`, decoded{"socket.io m json", []string{"$event=m", "$[0]=x"}}},
		{"attachments in other numbers", `45 0x0 -["m","x"]`, decoded{"socket.io m json", []string{"$event=m", "$[0]=x"}}},

		{"unknown packet type", `47["m"]`, decoded{"engine.io  text", []string{"$[0]=m", `$=7["m"]`, `$message=47["m"]`}}},
		{"event without an array", `42{"a":"x"}`, decoded{"engine.io  text", []string{
			"$.a~=a", "$.a=x", `$=2{"a":"x"}`, `$message=42{"a":"x"}`}}},
		{"broken JSON", `42["m","x",]`, decoded{"engine.io  text", []string{
			"$event=m", "$[0]=x", `$=2["m","x",]`, `$message=42["m","x",]`}}},
		{"more behind JSON", `42["m"]x`, decoded{"engine.io  text", []string{"$event=m", `$=2["m"]x`, `$message=42["m"]x`}}},
		{"attachments without a dash", `451["m"]`, decoded{"engine.io  text", []string{
			"$[0]=m", `$=51["m"]`, `$message=451["m"]`}}},
		{"attachments of no number", `45x-["m"]`, decoded{"engine.io  text", []string{
			"$[0]=m", `$=5x-["m"]`, `$message=45x-["m"]`}}},
		{"hidden in no number", `45x-["\u006d"]`, decoded{"engine.io  text", []string{
			"$[0]=m", `$=5x-["\u006d"]`, `$message=45x-["\u006d"]`}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := identify(engineIO)
			require.Equal(t, tt.want, decode(d, text(tt.payload)))
		})
	}
}

func TestAttachments(t *testing.T) {
	const event = `451-["upload",{"name":"a.txt","file":{"_placeholder":true,"num":0}}]`
	b64 := base64.StdEncoding.EncodeToString([]byte(`{"a":"x"}`))
	for _, tt := range []struct {
		name     string
		messages []framework.Message
		want     decoded // of the last one
	}{
		{"text", []framework.Message{text(event), binary("hello")}, decoded{"socket.io upload text", []string{"$[0].file=hello"}}},
		{"JSON", []framework.Message{text(event), binary(`{"a":"x"}`)}, decoded{"socket.io upload json", []string{
			"$[0].file.a~=a", "$[0].file.a=x"}}},
		{"binary", []framework.Message{text(event), binary("\x00\xfftext")}, decoded{"socket.io upload binary", []string{"$[0].file@2=text"}}},
		{"EIO 3", []framework.Message{text(event), binary("\x04hello")}, decoded{"socket.io upload text", []string{"$[0].file=hello"}}},
		{"heartbeat in between", []framework.Message{text(event), text("2"), binary("hello")}, decoded{
			"socket.io upload text", []string{"$[0].file=hello"}}},
		{"one too many", []framework.Message{text(event), binary("hello"), binary("more")}, decoded{"engine.io  text", []string{"$=more"}}},
		{"in order of num", []framework.Message{
			text(`452-["m",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`), binary("first"),
		}, decoded{"socket.io m text", []string{"$[1]=first"}}},
		{"the second", []framework.Message{
			text(`452-["m",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`), binary("first"), binary("second"),
		}, decoded{"socket.io m text", []string{"$[0]=second"}}},
		{"namespace and ack id", []framework.Message{
			text(`451-/admin,7["m",[{"_placeholder":true,"num":0}]]`), binary("hello"),
		}, decoded{"socket.io m text", []string{"$[0][0]=hello"}}},
		{"ack", []framework.Message{text(`461-7[{"_placeholder":true,"num":0}]`), binary("hello")}, decoded{
			"socket.io ack text", []string{"$[0]=hello"}}},
		{"without a placeholder", []framework.Message{text(`452-["m"]`), binary("first"), binary("second")}, decoded{
			"socket.io m text", []string{"$attachment[1]=second"}}},
		{"of an event", []framework.Message{text(`421-["m",{"_placeholder":true,"num":0}]`), binary("hello")}, decoded{
			"socket.io m text", []string{"$[0]=hello"}}},
		{"infinitely many", []framework.Message{text(`45Infinity-["m"]`), binary("hello")}, decoded{
			"socket.io m text", []string{"$attachment[0]=hello"}}},
		{"text packet instead", []framework.Message{text(event), text(`42["m","x"]`)}, decoded{"socket.io m json", []string{
			"$event=m", "$[0]=x"}}},
		{"binary behind a text packet", []framework.Message{text(event), text(`42["m"]`), binary("hello")}, decoded{
			"engine.io  text", []string{"$=hello"}}},
		{"base64", []framework.Message{text(event), text("b" + b64)}, decoded{"socket.io upload json", []string{
			"$[0].file.a~=a", "$[0].file.a=x", "$message=b" + b64}}},
		{"base64 with junk", []framework.Message{text(event), text("b" + b64[:5] + " \n*" + b64[5:])}, decoded{"socket.io upload json", []string{
			"$[0].file.a~=a", "$[0].file.a=x", "$message=b" + b64[:5] + " \n*" + b64[5:]}}},
		{"remembered paths", []framework.Message{
			text(`4599-["m"` + strings.Repeat(`,{"_placeholder":true,"num":98}`, 64) + `,{"_placeholder":true,"num":0}]`), binary("hello"),
		}, decoded{"socket.io m text", []string{"$attachment[0]=hello"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := identify(engineIO)
			var got decoded
			for _, m := range tt.messages {
				got = decode(d, m)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// Base64 of EIO 3 has a packet type in front, which is base64 as well: both
// readings are visited.
func TestBase64OfEngineIO3(t *testing.T) {
	for _, url := range []bool{false, true} {
		t.Run(fmt.Sprintf("url=%t", url), func(t *testing.T) {
			enc := base64.StdEncoding
			if url {
				enc = base64.RawURLEncoding
			}
			d, _ := identify(engineIO)
			decode(d, text(`451-["m",{"_placeholder":true,"num":0}]`))
			got := decode(d, text("b4"+enc.EncodeToString([]byte(`["<script>??>>"]`))))
			require.Equal(t, "socket.io m json", got.envelope)
			require.Contains(t, got.fields, "$[0][0]=<script>??>>")
		})
	}
}

// The decoder takes what the real parsers take, and finds in it what they find.
func TestSocketIOParser(t *testing.T) {
	file, err := os.ReadFile("../../../testdata/framework/socket.io/parser.jsonl")
	require.NoError(t, err)
	for line := range bytes.Lines(file) {
		var want struct {
			Parser, Message, Namespace string
			Event                      *string
			Strings                    []string
			Attachments                []struct {
				Num  int
				Path string
			}
		}
		require.NoError(t, json.Unmarshal(line, &want))
		t.Run(fmt.Sprintf("%s/%q", want.Parser, want.Message), func(t *testing.T) {
			d, _ := identify(engineIO)
			var values []string
			var w format.Walker
			env := run(d, text(want.Message), &w, func(f *format.Field) {
				values = append(values, normal(string(f.Value)))
			})
			require.Equal(t, "socket.io", env.Framework)
			if want.Event != nil {
				require.Equal(t, *want.Event, string(env.Event))
			}
			for _, s := range want.Strings {
				require.Contains(t, values, normal(s))
			}
			if want.Namespace != "/" {
				// socket.io-parser 3 cuts off the query.
				require.True(t, strings.HasPrefix(values[0], want.Namespace))
			}
			paths := map[int]string{}
			for _, a := range want.Attachments {
				paths[a.Num] = a.Path
			}
			for num := range len(paths) {
				require.Equal(t, []string{paths[num] + "=hello"}, decode(d, binary("hello")).fields)
			}
		})
	}
}

// The directions of a session do not share their attachments.
func TestDirections(t *testing.T) {
	c2s, s2c := identify(engineIO)
	decode(c2s, text(`451-["m",{"_placeholder":true,"num":0}]`))
	require.Equal(t, decoded{"engine.io  text", []string{"$=hello"}}, decode(s2c, binary("hello")))
	require.Equal(t, decoded{"socket.io m text", []string{"$[0]=hello"}}, decode(c2s, binary("hello")))
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	for _, tt := range []struct {
		name, target string
		m            framework.Message
	}{
		{"socket.io event", engineIO, text(string(event(200)))},
		{"socket.io connect", engineIO, text(`40/admin,{"token":"x"}`)},
		{"ping", engineIO, text("2")},
		{"engine.io text", engineIO, text("4hello")},
		{"plain", none, text(`{"text":"hi"}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := identify(tt.target)
			var w format.Walker
			n := 0
			out := &framework.Out{Visit: func(f *format.Field) { n += len(f.Value) }, Record: func(framework.Envelope) {}}
			require.Zero(t, testing.AllocsPerRun(100, func() { d.Decode(tt.m, &w, out) }))
		})
	}
}

// event is a chat message of size bytes.
func event(size int) []byte {
	const head, tail = `42["chat message",{"room":"general","user":"alice","text":"`, `"}]`
	const prose = "please select a seat from the list and drop me a note -- thanks, it's on 5 o'clock. "
	n := size - len(head) - len(tail)
	return []byte(head + strings.Repeat(prose, n/len(prose)+1)[:n] + tail)
}

func BenchmarkSocketIO(b *testing.B) {
	for _, size := range []int{128, 200, 1 << 10, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d, _ := identify(engineIO)
			m := framework.Message{Opcode: ws.OpText, Payload: event(size)}
			var w format.Walker
			out := &framework.Out{Visit: func(*format.Field) {}, Record: func(framework.Envelope) {}}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(m, &w, out)
			}
		})
	}
}
