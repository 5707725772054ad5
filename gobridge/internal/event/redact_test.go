package event

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

func TestMask(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"json", `{"user":"ann","password":"hunter2","n":1}`, `{"user":"ann","password":"*******","n":1}`},
		{"blanks", "{\"password\" :\n\"a\"}", "{\"password\" :\n\"*\"}"},
		{"escapes", `{"password":"a\"b\\","x":"y"}`, `{"password":"******","x":"y"}`},
		{"json in json", `["{\"token\":\"abc\",\"x\":\"y\"}"]`, `["{\"token\":\"***\",\"x\":\"y\"}"]`},
		{"json in json, escaped quote", `["{\"token\":\"a\\\"c\",\"x\":1}"]`, `["{\"token\":\"******\",\"x\":1}"]`},
		{"number", `{"cvv": 123, "x": 1}`, `{"cvv": ***, "x": 1}`},
		{"nested", `{"password":{"$ne":"abc","n":[12,"d"]},"x":"y"}`, `{"password":{"***":"***","*":[**,"*"]},"x":"y"}`},
		{"punctuation and case", `{"Access_Token":"abc","api-key":"def"}`, `{"Access_Token":"***","api-key":"***"}`},
		{"form", "a=1&password=hun%20ter,2&b=3", "a=1&password=***********&b=3"},
		{"header", "Authorization: Bearer abc\r\nHost: x", "Authorization: **********\r\nHost: x"},
		{"header of STOMP", "CONNECT\nlogin:ann\npasscode:hun ter\nAuthorization:Basic YWJj\n\n\x00", "CONNECT\nlogin:ann\npasscode:*******\nAuthorization:**********\n\n\x00"},
		{"cookies", "Cookie: a=1; session=xyz\r\nHost: x", "Cookie: ****************\r\nHost: x"},
		{"header in json", `{"h":"Authorization: Bearer abc","x":"y"}`, `{"h":"Authorization: **********","x":"y"}`},
		{"headers in json", `{"h":"Cookie: a=1; b=2\r\nHost: x","x":"y"}`, `{"h":"Cookie: ********\r\nHost: x","x":"y"}`},
		{"scheme", "see my token: Bearer abc, x: 1", "see my token: **********, x: 1"},
		{"brackets", "user[password]=a+b&user[token][]=c&x=d", "user[password]=***&user[token][]=*&x=d"},
		{"brackets, encoded", "user%5Bpassword%5D=ab&user%5btoken%5d%5b%5d=c&x=d", "user%5Bpassword%5D=**&user%5btoken%5d%5b%5d=*&x=d"},
		{"names around", `{"passwordConfirm":"a","password2":"b","x-api-key":"c","aws_secret_access_key":"d","secretKey":"e","idJWT":"f","passcode":"g"}`,
			`{"passwordConfirm":"*","password2":"*","x-api-key":"*","aws_secret_access_key":"*","secretKey":"*","idJWT":"*","passcode":"*"}`},
		{"xml", `<a><wsse:Password Type="x">hunter2</wsse:Password><token>abc</token><token/>shown</a>`,
			`<a><wsse:Password Type="x">*******</wsse:Password><token>***</token><token/>shown</a>`},
		{"cbor", "\xa2hpasswordghunter2axay", "\xa2hpasswordg*******axay"},
		{"cbor, lengths", "\xbfetokenx\x03abcetokenCdefetokenXd" + strings.Repeat("z", 100) + "axay\xff",
			"\xbfetokenx\x03***etokenC***etokenXd" + strings.Repeat("*", 100) + "axay\xff"},
		{"cbor, number and card", "\xa2ccvv\x18\x7bdcardp4111111111111111", "\xa2ccvv\x18*dcardp************1111"},
		{"msgpack, bin and str 32", "\x82\xa5token\xc4\x03abc\xa3jwt\xdb\x00\x00\x00\x03abc", "\x82\xa5token\xc4\x03***\xa3jwt\xdb\x00\x00\x00\x03***"},
		{"msgpack, numbers", "\x83\xa3cvv\x7b\xa3cvc\xcd\x01\x02\xa1x\x01", "\x83\xa3cvv*\xa3cvc\xcd**\xa1x\x01"},
		{"msgpack", "\x82\xa8password\xa7hunter2\xa1x\xa1y", "\x82\xa8password\xa7*******\xa1x\xa1y"},
		{"msgpack, str 8", "\x81\xa5token\xd9\x03abc\xa1x", "\x81\xa5token\xd9\x03***\xa1x"},
		{"bson", "\x02password\x00\x08\x00\x00\x00hunter2\x00\x00", "\x02password\x00\x08\x00\x00\x00*******\x00\x00"},
		{"card", `{"n":"4111 1111 1111 1111"}`, `{"n":"**** **** **** 1111"}`},
		{"card without blanks", "my card 5555555555554444.", "my card ************4444."},
		{"card and more numbers", "2 x 4 4111 1111 1111 1111 12/27 123", "2 x 4 **** **** **** 1111 12/27 123"},
		{"card in a sentence", "4111 1111 1111 1111 is mine, 5555555555554444 yours", "**** **** **** 1111 is mine, ************4444 yours"},
		{"cards", "5555555555554444 378282246310005 3782 822463 10005", "************4444 ***********0005 **** ****** *0005"},
		{"numbers", "3 14 15 92 65 35 89 79 32 38 46 26 43 38 32 79 50 28 84 19 71 69", "3 14 15 92 65 35 89 79 32 38 46 26 43 38 32 79 50 28 84 19 71 69"},
		{"no card", "4111 1111 1111 1112", "4111 1111 1111 1112"},
		{"an id", "x4111111111111111", "x4111111111111111"},
		{"author", `{"author":"ann","tokens":3,"key":"k"}`, `{"author":"ann","tokens":3,"key":"k"}`},
		{"talk", "my password is long", "my password is long"},
		{"cut", `{"password":"hun`, `{"password":"***`},
		{"cut behind the name", `{"password":`, `{"password":`},
		{"cut msgpack", "\x81\xa8password\xd9", "\x81\xa8password\xd9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := []byte(tt.in)
			masked := (*Redaction)(nil).Mask(p)
			require.Equal(t, tt.want, string(p))
			require.Equal(t, tt.in != tt.want, masked)
		})
	}
	p := []byte(`{"password":"a","badge":"b"}`)
	require.False(t, (&Redaction{Off: true}).Mask(p))
	require.True(t, (&Redaction{Names: []string{"badge"}}).Mask(p))
	require.Equal(t, `{"password":"*","badge":"*"}`, string(p))
	p = []byte(`{"пароль":"a","user[pin]":"b","pin":"c"} user[pin]=12&x=1`)
	require.True(t, (&Redaction{Names: []string{Fold("пароль"), Fold("user[pin]")}}).Mask(p))
	require.Equal(t, `{"пароль":"*","user[pin]":"*","pin":"c"} user[pin]=**&x=1`, string(p))
	p = []byte("4111 1111 1111 1111")
	require.False(t, (&Redaction{Cards: true}).Mask(p))
}

// A match in a value that is hidden is hidden, also where the path does not say
// whose value it is.
func TestHideMatchInText(t *testing.T) {
	for _, tt := range []struct{ payload, match, want string }{
		{"user=ann&password=' OR 1=1 --&x=1", "' OR 1=1", "********"},
		{"Authorization: Bearer ' OR 1=1", "' OR 1=1", "********"},
		{"password=abc&q=' OR 1=1", "' OR 1=1", "' OR 1=1"},
		{"q=' OR 1=1&password=' OR 1=1", "' OR 1=1", "' OR 1=1"},
		{"q=1&password=x' OR", "1&password=x' OR", "1&password=*****"},
	} {
		hits := []Hit{{Path: "$", Match: []byte(tt.match)}}
		_, _, hidden := (*Redaction)(nil).Excerpt([]byte(tt.payload), hits, 1000)
		require.True(t, hidden)
		require.Equal(t, tt.want, string((*Redaction)(nil).show(&hits[0])), tt.payload)
		a := chatAttack()
		a.Hits = hits
		require.Equal(t, tt.want, at(decode(t, AppendAttack(nil, chatMeta(), a, &Default)), "wallarm.attack.match"))
		require.Contains(t, string(AppendAttackLogLine(nil, chatMeta(), a)), `match "`+tt.want+`"`)
	}
}

// What stands before the window names what is in it.
func TestExcerpt(t *testing.T) {
	payload := []byte(`{"password":"` + strings.Repeat("s3cret ", 10000) + `<script>"}`)
	part, offset, hidden := (*Redaction)(nil).Excerpt(payload, []Hit{{Match: []byte("<script>")}}, 100)
	require.True(t, hidden)
	require.Len(t, part, 100)
	require.Equal(t, len(payload)-100, offset)
	require.NotContains(t, string(part), "s3cret")
	require.NotContains(t, string(part), "script")
	require.Contains(t, string(payload), "s3cret", "the message itself is not touched")
}

func FuzzMask(f *testing.F) {
	f.Add([]byte(`{"password":"hunter2","token":{"a":[1,"x"]}}`))
	f.Add([]byte("\x81\xa8password\xa7hunter2"))
	f.Add([]byte("\xa2hpasswordghunter2ctoken\x19\x01\x02\xff"))
	f.Add([]byte("<a><password>x</password><token><![CDATA[y]]></token>"))
	f.Add([]byte("Cookie: a=1; b=2\r\nuser%5Bpassword%5D=x"))
	f.Add([]byte(`["{\"token\":\"a\\\"c\"}"] 4111111111111111`))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := bytes.Clone(in)
		masked := (*Redaction)(nil).Mask(p)
		require.Len(t, p, len(in))
		for i := range p {
			require.True(t, p[i] == in[i] || p[i] == mask)
		}
		if !masked {
			require.Equal(t, in, p)
		}
	})
}

// Neither a line nor the error_log shows what is hidden.
func TestAttackRedacted(t *testing.T) {
	a := chatAttack()
	for i := range a.Hits {
		a.Hits[i].Path = "$[0].password"
	}
	m := decode(t, AppendAttack(nil, chatMeta(), a, &Default))
	require.Equal(t, true, at(m, "wallarm.redacted"))
	require.Regexp(t, `^\*+$`, at(m, "wallarm.attack.match"))
	require.NotContains(t, string(AppendAttackLogLine(nil, chatMeta(), a)), string(a.Lead().Match))
	shown := chatMeta()
	shown.Redact = &Redaction{Off: true}
	m = decode(t, AppendAttack(nil, shown, a, &Default))
	require.Nil(t, at(m, "wallarm.redacted"))
	require.Equal(t, string(a.Lead().Match), at(m, "wallarm.attack.match"))
}

func TestAttackWithoutPayload(t *testing.T) {
	line := AppendAttack(nil, chatMeta(), chatAttack(), &Options{Hits: 7})
	m := decode(t, line)
	require.Equal(t, "", at(m, "wallarm.payload_base64"))
	require.Equal(t, "", at(m, "wallarm.attack.match"))
	require.EqualValues(t, 7, at(m, "wallarm.hits"))
	require.NotContains(t, string(line), "script")
}

func TestConnection(t *testing.T) {
	c := Connection{Subprotocol: "chat"}
	m := decode(t, AppendConnection(nil, chatMeta(), &c))
	require.Equal(t, "opened", at(m, "event.action"))
	require.Nil(t, at(m, "wallarm.websocket.client"))
	c = Connection{Ended: true, Duration: 90 * time.Second, Messages: [2]uint64{3, 4}, Bytes: [2]uint64{30, 40},
		CloseCode: [2]ws.CloseCode{1001, 0}, Attacks: 1, Dropped: true, Violations: 1 << ws.MessageTooBig}
	m = decode(t, AppendConnection(nil, chatMeta(), &c))
	require.Equal(t, "closed", at(m, "event.action"))
	require.EqualValues(t, 90_000_000_000, at(m, "event.duration"))
	require.EqualValues(t, 1001, at(m, "wallarm.websocket.client.close_code"))
	require.EqualValues(t, 40, at(m, "wallarm.websocket.server.bytes"))
	require.Equal(t, []any{ws.MessageTooBig.String()}, at(m, "wallarm.websocket.violations"))
}

func TestHeadRedacted(t *testing.T) {
	h := parseHead([]byte("GET /ws?user[pass]=hunter2&card=4111111111111111&n=4111111111111112&q=4111+1111+1111+1111 HTTP/1.1\r\n"+
		"Sec-WebSocket-Protocol: chat, access_token, hunter2, bearer, hunter2\r\nReferer: http://x/?card=4111-1111-1111-1111\r\n"+
		"X-Card: 4111 1111 1111 1111\r\n\r\n"), nil)
	require.Equal(t, "/ws?user[pass]=[redacted]&card=************1111&n=4111111111111112&q=****+****+****+1111", h.target)
	require.Equal(t, []string{"Sec-WebSocket-Protocol: chat, access_token, [redacted], bearer, [redacted]",
		"Referer: http://x/?card=****-****-****-1111", "X-Card: **** **** **** 1111"}, h.others)
	a := chatAttack()
	a.Subprotocol = strings.Repeat("hunter2", 10)
	require.NotContains(t, string(AppendAttack(nil, chatMeta(), a, &Default)), "hunter2hunter2")
	require.NotContains(t, string(AppendConnection(nil, chatMeta(), &Connection{Subprotocol: a.Subprotocol})), "hunter2hunter2")
}
