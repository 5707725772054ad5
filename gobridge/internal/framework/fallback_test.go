package framework

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// TestExchange: which requests are a framework's.
func TestExchange(t *testing.T) {
	const get, post = "GET", "POST"
	for _, test := range []struct {
		method, target, header string
		want                   string // framework and transport, "" for ordinary HTTP
		body                   bool
	}{
		{get, "/socket.io/?EIO=4&transport=polling", "", "socket.io polling", false},
		{post, "/socket.io/?EIO=4&transport=polling&sid=a", "", "socket.io polling", true},
		{post, "/x?transport=polling", "", "socket.io polling", true},
		{post, "/x?a=b&eio=3", "", "socket.io polling", true},
		{post, "/x?%45IO=3", "", "socket.io polling", true},
		{post, "/x?tr%61nsport=poll%69ng", "", "socket.io polling", true},
		{post, "/x?transport=websocket&transport=polling", "", "socket.io polling", true},
		{post, "/a/%73ocket.io/", "", "socket.io polling", true},
		{post, "http://host/a/socket.io/?", "", "socket.io polling", true},
		{"PUT", "/socket.io/", "", "socket.io polling", true},
		{"HEAD", "/socket.io/", "", "socket.io polling", false},
		{post, "/echo/099/b3d4m34z/xhr_send", "", "sockjs xhr_send", true},
		{post, "/a/b/c/XHR_SEND/?x", "", "sockjs xhr_send", true},
		{get, "/1/2/eventsource", "", "sockjs eventsource", false},
		{post, "/xhr_send", "", "", false},
		{post, "/2/xhr", "", "", false},
		{post, "/chatHub?id=1", "", "signalr longPolling", true},
		{post, "/x?ID=6LiTKBsMa1wcaG9H9PH2kA==", "", "signalr longPolling", true},
		{post, "/x?id=6LiTKBsMa1wcaG9H9PH2kA%3D%3D", "", "signalr longPolling", true},
		{get, "/x?id=6LiTKBsMa1wcaG9H9PH2kA", "Accept: text/event-stream", "signalr serverSentEvents", false},
		{get, "/x?id=6LiTKBsMa1wcaG9H9PH2kA&_=1", "User-Agent: Microsoft SignalR/8.0 (8.0.7; Linux; NodeJS; 20.20.2)", "signalr longPolling", false},
		{get, "/x?id=6LiTKBsMa1wcaG9H9PH2kA", "", "", false},
		{post, "/chat/negotiate?negotiateVersion=1", "", "signalr negotiate", true},
		{post, "/items?id=12", "", "", false},
		{post, "/items?id=f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "", "", false},
		{post, "/signalr/send?transport=longPolling", "", "signalr-classic send", true},
		{post, "/x/send?connectionToken=a", "", "signalr-classic send", true},
		{post, "/mail/send", "", "", false},
		{post, "/faye", "", "bayeux long-polling", true},
		{post, "/CometD/handshake", "", "bayeux long-polling", true},
		{get, "/x?jsonp=f&message=" + url.QueryEscape(`[{"channel":"/a"}]`), "", "bayeux callback-polling", false},
		{get, "/x?message=hello", "", "", false},
		{post, "/api/messages?q=polling&x=EIO", "", "", false},
		{get, "/", "Upgrade: WebSocket", "none handshake", false},
		{get, "/", "Sec-WebSocket-Key: a", "none handshake", false},
		{post, "/socket.io/?EIO=4", "Upgrade: websocket", "none handshake", false},
		{get, "/", "Upgrade: h2c", "", false},
		{get, "/", "", "", false},
		{get, "", "", "", false},
	} {
		q := &Request{Method: test.method, Target: test.target}
		if name, value, ok := strings.Cut(test.header, ": "); ok {
			q.Fields = []HeaderField{{name, value}}
		}
		x, ok := q.Exchange()
		got := strings.TrimSpace(x.Framework + " " + x.Transport)
		if !ok {
			got = ""
		}
		require.Equal(t, test.want, got, "%s %s", test.method, test.target)
		require.Equal(t, test.body, ok && x.Body, "%s %s", test.method, test.target)
	}
	ordinary := &Request{Method: post, Target: "/api/items?page=2&q=x", Fields: []HeaderField{{"Host", "a"}, {"Accept", "text/html"}}}
	require.Zero(t, testing.AllocsPerRun(100, func() { ordinary.Exchange() }))
}

// bodyValues are the values in a body, each with its path.
func bodyValues(target, text string, from ws.Direction) (all []string, violations ws.Violations) {
	x, _ := (&Request{Method: "POST", Target: target}).Exchange()
	var w format.Walker
	x.Decoder(from).Decode(Message{Opcode: ws.OpBinary, Payload: []byte(text)}, &w, &Out{
		Visit:   func(f *format.Field) { all = append(all, f.Path()+" = "+string(f.Value)) },
		Record:  func(Envelope) {},
		Violate: func(v ws.Violation) { violations.Add(v) },
	})
	return all, violations
}

// twice is text in UTF-8 whose bytes are characters again, as old servers send it.
func twice(text string) string {
	var out []rune
	for _, c := range []byte(text) {
		out = append(out, rune(c))
	}
	return string(out)
}

// TestBody: how bodies are taken apart.
func TestBody(t *testing.T) {
	const eio4, eio3 = "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=3&transport=polling"
	packet := `42["chat","Grüße 😀"]`
	units := len("42[\"chat\",\"Gr..e ..\"]")
	attachment := base64.StdEncoding.EncodeToString([]byte("the attachment"))
	for _, test := range []struct {
		name, target, text string
		want               []string
	}{
		{"4", eio4, "2\x1e" + packet + "\x1e3", []string{"$[0] = Grüße 😀"}},
		{"4, attachment", eio4, `451-["up",{"_placeholder":true,"num":0}]` + "\x1eb" + attachment, []string{"$[0] = the attachment"}},
		{"4, not UTF-8", eio4, "42[\"chat\",\"\\u003cb>\xff\"]", []string{"$[0] = <b>\xff"}},
		{"4 with lengths", eio4, fmt.Sprintf("%d:%s", units, packet), []string{"$[0] = Grüße 😀"}},
		{"3", eio3, fmt.Sprintf("1:2%d:%s", units, packet), []string{"$[0] = Grüße 😀"}},
		{"3, encoded twice", eio3, fmt.Sprintf("%d:%s", len(packet), twice(packet)), []string{"$[0] = Grüße 😀"}},
		{"3, odd length", eio3, fmt.Sprintf(" 1.0:2 %d :%s", units, packet), []string{"$[0] = Grüße 😀"}},
		{"3, rest", eio3, fmt.Sprintf("%d:%s,,,", units, packet), []string{"$[0] = Grüße 😀", "$ = ,,,"}},
		{"3 without lengths", eio3, packet, []string{"$[0] = Grüße 😀"}},
		{"3, base64", eio3, fmt.Sprintf("%d:b4%s", len(attachment)+2, attachment), []string{"$ = the attachment"}},
		{"3, bytes", eio3, "\x00\x01\x02\xff42[\"ab\",\"cd\"]", []string{"$[0] = cd"}},
		{"3, binary packet", eio3, "\x01\x01\x05\xff\x04the attachment", []string{"$ = the attachment"}},
		{"JSONP", eio4, "d=" + url.QueryEscape(packet), []string{"$[0] = Grüße 😀"}},
		{"JSONP, key", eio4, "%64=" + url.QueryEscape(packet), []string{"$[0] = Grüße 😀"}},
		{"JSONP, later", eio4, "a=b&d=" + url.QueryEscape(packet), []string{"$[0] = Grüße 😀"}},
		{"JSONP, line feed", eio4, "d=" + url.QueryEscape(`42["chat",`+`\n`+`"a\\n"]`), []string{"$[0] = a\n"}},
		{"no packet", eio4, "hello", []string{"$ = hello"}},
		{"SockJS", "/echo/1/2/xhr_send", `["a","b"]`, []string{"$ = a", "$ = b"}},
		{"SockJS JSONP", "/echo/1/2/jsonp_send", "d=%5B%22a%22%5D", []string{"$ = a"}},
		{"Bayeux", "/faye", `[{"channel":"/c","data":"x"}]`, []string{"x"}},
		{"Bayeux form", "/faye", "message=" + url.QueryEscape(`[{"channel":"/c","data":"x"}]`), []string{"x"}},
		{"Bayeux, repeated", "/faye", "message=%5B%22y%22%5D&message=%5B%22x%22%5D", []string{"x", "y"}},
		{"classic", "/signalr/send", "data=" + url.QueryEscape(`{"H":"h","M":"m","A":["x"],"I":0}`), []string{"x"}},
		{"SignalR", "/hub?id=1", `{"type":1,"target":"t","arguments":["x"]}` + "\x1e" + `{"type":1,"arguments":["y"]}` + "\x1e", []string{"$[0] = x", "$[0] = y"}},
		{"SignalR, MessagePack", "/hub?id=1", "\x0a\x96\x01\x80\xc0\xa1t\x91\xa1x\x90", []string{"$[0] = x"}},
		{"SignalR, handshake", "/hub?id=1", `{"protocol":"json","version":1}` + "\x1e", []string{"$message.protocol = json"}},
		{"SignalR, both", "/hub?id=1", `{"protocol":"json","version":1}` + "\x1e" + `{"type":1,"target":"t","arguments":["x"]}` + "\x1e", []string{"$message.protocol = json", "$[0] = x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, violations := bodyValues(test.target, test.text, ws.FromClient)
			require.Zero(t, violations)
			for _, want := range test.want {
				if !strings.Contains(want, " = ") {
					want = " = " + want
				}
				require.Condition(t, func() bool {
					for _, got := range all {
						if strings.HasSuffix(got, want) {
							return true
						}
					}
					return false
				}, "%q not in %q", want, all)
			}
		})
	}
}

// TestCutRecord: a part of a record is not taken for all of it.
func TestCutRecord(t *testing.T) {
	for text, cut := range map[string]bool{
		`{"type":1,"arguments":["<scr`:  true,
		`{"type":1,"arguments":["<scr}`: true,
		`{"type":1}` + "\x1e":           false,
		`{"a":"an ordinary request"}`:   false,
		"\x02\x91\x06":                  false,
		"\x03\x91\x06":                  true,
	} {
		_, violations := bodyValues("/hub?id=1", text, ws.FromClient)
		require.Equal(t, cut, violations.Has(ws.BodyUndecodable), "%q", text)
	}
}

// TestResponse: how responses are taken apart.
func TestResponse(t *testing.T) {
	for _, test := range []struct{ name, target, text, want string }{
		{"socket.io", "/socket.io/?EIO=4", "2\x1e" + `42["chat","x"]`, "$[0] = x"},
		{"socket.io JSONP", "/socket.io/?EIO=4&j=0", `___eio[0]("42[\"chat\",\"x\"]");`, "$[0] = x"},
		{"SockJS", "/e/1/2/xhr_streaming", "hhhh\no\na[\"x\"]\n", "$ = x"},
		{"SockJS JSONP", "/e/1/2/jsonp", "/**/cb(\"a[\\\"x\\\"]\");\r\n", "$ = x"},
		{"SockJS eventsource", "/e/1/2/eventsource", "\r\ndata: a[\"x\"]\r\n\r\n", "$ = x"},
		{"SockJS htmlfile", "/e/1/2/htmlfile", "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n", "$ = x"},
		{"SignalR", "/hub?id=1", `{"type":1,"target":"t","arguments":["x"]}` + "\x1e", "$[0] = x"},
		{"SignalR, MessagePack", "/hub?id=1", "\x0a\x96\x01\x80\xc0\xa1t\x91\xa1x\x90", "$[0] = x"},
		{"Bayeux JSONP", "/faye", `/**/jsonpcallback([{"data":"x"}]);`, " = x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, _ := bodyValues(test.target, test.text, ws.FromServer)
			require.Contains(t, strings.Join(all, "\n"), test.want)
		})
	}
}

// TestHead: what of a head is visited, and where it stands.
func TestHead(t *testing.T) {
	q := &Request{Target: "/a?token=a%20b+c&x-y=1&%3Cb%3E=2&empty&message=%5B%22d%22%5D#no=1", Fields: []HeaderField{
		{"Host", "host"}, {"Accept", "accept"}, {"Cookie", `sid="s1"; n%3C=v%20w; flag`}, {"X-User", "u"},
		{"Sec-WebSocket-Key", "k"}, {"Sec-WebSocket-Protocol", "p"}, {"User-Agent", "Mozilla"}, {"Origin", "o"}, {"Sec-Fetch-Mode", "f"},
	}}
	x, _ := q.Exchange()
	var w format.Walker
	var all []string
	x.Head(q, &w, &Out{
		Visit:  func(f *format.Field) { all = append(all, f.Path()+" = "+string(f.Value)) },
		Record: func(Envelope) {},
	})
	require.Equal(t, []string{
		"$query.token = a b c", "$query['x-y'] = 1", "$query~ = <b>", "$query['<b>'] = 2", "$query.message[0] = d",
		"$cookie.sid = s1", "$cookie~ = n<", "$cookie['n<'] = v w", "$header['x-user'] = u", "$header['sec-websocket-protocol'] = p",
		"$header.origin = o",
	}, all)
}

// TestHeadOfAPageInside: the host of the page that sends a request is no address
// in an attack.
func TestHeadOfAPageInside(t *testing.T) {
	for _, test := range []struct{ name, value, visited string }{
		{"Origin", "http://127.0.0.1:8080", ""},
		{"origin", "https://[::1]", ""},
		{"Referer", "http://intranet/a?b=c", "/a?b=c"},
		{"Referer", "http://a<script>", "<script>"},
		{"Origin", "http://user@127.0.0.1", "@127.0.0.1"},
		{"Origin", "gopher://127.0.0.1/_", "gopher://127.0.0.1/_"},
		{"Origin", "file://", ""},
		{"Origin", "capacitor://localhost", ""},
		{"Origin", "data://text<script>", "data://text<script>"},
		{"X-Url", "http://127.0.0.1/", "http://127.0.0.1/"},
	} {
		q := &Request{Target: "/", Fields: []HeaderField{{test.name, test.value}}}
		x, _ := q.Exchange()
		var w format.Walker
		visited := []string{""}
		x.Head(q, &w, &Out{Visit: func(f *format.Field) { visited = append(visited, string(f.Value)) }, Record: func(Envelope) {}})
		require.Contains(t, visited, test.visited, test.value)
		require.False(t, test.visited != test.value && slices.Contains(visited, test.value), test.value)
	}
}

// FuzzFallback: whatever a request and its body are, nothing panics, and plain
// text in it is visited.
func FuzzFallback(f *testing.F) {
	f.Add("/socket.io/?EIO=4", "2\x1e42[\"a\"]", byte(0))
	f.Add("/socket.io/?EIO=3", "3:42[", byte(0))
	f.Add("/socket.io/?EIO=3", "\x00\x01\xff4", byte(0))
	f.Add("/e/1/2/jsonp_send", "d=%5B%22a%22%5D&%64=", byte(0))
	f.Add("/e/1/2/htmlfile", "p(\"a[\\\"x\\\"]\");", byte(1))
	f.Add("/hub?id=1", "\x02\x91\x06", byte(0))
	f.Fuzz(func(t *testing.T, target, text string, from byte) {
		q := &Request{Method: "POST", Target: target, Fields: []HeaderField{{"Cookie", text}, {"X-A", text}}}
		x, ok := q.Exchange()
		var w format.Walker
		n := 0
		out := &Out{Visit: func(f *format.Field) { f.Path(); n += len(f.Value) }, Record: func(Envelope) {}, Violate: func(ws.Violation) {}}
		x.Head(q, &w, out)
		if ok {
			n = 0
			x.Decoder(ws.Direction(from&1)).Decode(Message{Opcode: ws.OpBinary, Payload: []byte(text)}, &w, out)
			require.False(t, n == 0 && from&1 == 0 && len(text) > 40 && isName(text), "%q in %q is not visited", text, target)
		}
	})
}
