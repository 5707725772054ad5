package format_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
)

func TestForm(t *testing.T) {
	for _, tt := range []struct {
		name   string
		text   string
		fields []string // without the text itself, which is first
	}{
		{"one pair", "message=a+b", []string{"$>form.message~=message", "$>form.message=a b"}},
		{"pairs", "_target=m&m=%3Cb%3E+1%2B1", []string{
			"$>form._target~=_target", "$>form._target=m", "$>form.m~=m", "$>form.m=<b> 1+1"}},
		{"nested names", "user[name]=x&a%5B%5D=y", []string{
			"$>form['user[name]']~=user[name]", "$>form['user[name]']=x", "$>form['a[]']~=a[]", "$>form['a[]']=y"}},
		{"escapes in a name", "%3Cb%3E+=x", []string{"$>form['<b> ']~=<b> ", "$>form['<b> ']=x"}},
		{"query", "?a=12345", []string{"$>form.a~=a", "$>form.a=12345"}},
		{"semicolons", "a=1;b=2;c&d=3", []string{
			"$>form.a~=a", "$>form.a=1;b=2;c", "$>form.b~=b", "$>form.b=2", "$>form.d~=d", "$>form.d=3"}},
		{"without values", "a=&b&c=1", []string{"$>form.a~=a", "$>form.b~=b", "$>form.c~=c", "$>form.c=1"}},
		{"empty pairs", "&&a=12&&", []string{"$>form.a~=a", "$>form.a=12"}},
		{"value with =", "a=b=cdef", []string{"$>form.a~=a", "$>form.a=b=cdef"}},
		{"broken escapes", "a=%&b=%4&c=%zz+", []string{
			"$>form.a~=a", "$>form.a=%", "$>form.b~=b", "$>form.b=%4", "$>form.c~=c", "$>form.c=%zz "}},
		{"%u of a surrogate pair", "a=%ud83d%ude00%u003c", []string{"$>form.a~=a", "$>form.a=😀<"}},
		{"raw text", "a=<script>alert(1) </script>", []string{"$>form.a~=a", "$>form.a=<script>alert(1) </script>"}},
		{"JSON in a value", "a=%7B%22b%22:%22c%22%7D", []string{
			"$>form.a~=a", "$>form.a>json.b~=b", "$>form.a>json.b=c", `$>form.a={"b":"c"}`}},

		{"prose", "if x = 5 then y = 6", nil},
		{"code", `if(a=b){c("d")}`, nil},
		{"comparison", "a <= b", nil},
		{"base64", "YWFhYQ==", nil},
		{"markup", `<e href="b">`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) { requireView(t, tt.text, "form", tt.fields) })
	}
}

// requireView compares the fields that the document in text adds: those below
// >name. The text itself is visited in any case.
func requireView(t *testing.T, text, name string, want []string) {
	t.Helper()
	_, fields := walk(text, format.Root{})
	require.Contains(t, fields, "$="+text)
	var got []string
	for _, f := range fields {
		if strings.HasPrefix(f, "$>"+name) {
			got = append(got, f)
		}
	}
	require.Equal(t, want, got)
}

func TestXML(t *testing.T) {
	for _, tt := range []struct {
		name   string
		text   string
		fields []string
	}{
		{"XMPP", `<message xmlns='jabber:client' to="room@c" type='groupchat'><body>I &lt;3 &#x3c;b&#62; &amp;amp;</body><x/></message>`, []string{
			"$>xml.message.xmlns=jabber:client", "$>xml.message.to=room@c", "$>xml.message.type=groupchat",
			"$>xml.message.body=I <3 <b> &amp;"}},
		{"declaration", `<?xml version="1.0"?>` + "\n<e>b</e>", []string{"$>xml.e=b"}},
		{"siblings", "<e><b>1</b><c>2</c>3</e>", []string{"$>xml.e.b=1", "$>xml.e.c=2", "$>xml.e=3"}},
		{"CDATA", "<e>x<![CDATA[<script>&lt;]]>y</e>", []string{"$>xml.e=x<script>&lt;y"}},
		{"CDATA, split", "<e><![CDATA[<scr]]><![CDATA[ipt>]]></e>", []string{"$>xml.e=<script>"}},
		{"comment inside a text", "<e>scr<!-- > -->ipt<?x?>s</e>", []string{"$>xml.e=scripts"}},
		{"references in an attribute", `<e b="x&quot;&apos;&#39;&#X22;&unknown;&"/>`, []string{`$>xml.e.b=x"''"&unknown;&`}},
		{"references that are none", "<e>&#;&#x;&#xg;&#x110000;&lt&;</e>", []string{"$>xml.e=&#;&#x;&#xg;&#x110000;&lt&;"}},
		{"entities are not expanded", `<!DOCTYPE e [<!ENTITY x "&#60;b>"><!ENTITY y SYSTEM 'file:///etc/passwd'><!-- don't -->]><e>&x;</e>`, []string{
			"$>xml=<b>", "$>xml=file:///etc/passwd", "$>xml.e=&x;"}},
		{"unquoted attribute", "<e b=c d>e</e>", []string{"$>xml.e.b=c", "$>xml.e=e"}},
		{"wrong end tags", "<e><b>1</c></e></e>2", []string{"$>xml.e.b=1", "$>xml=2"}},
		{"no end", `<e b="c`, nil},
		{"no end of a value", `<e b='c >d</e>`, []string{"$>xml.e.b='c", "$>xml.e=d"}},
		{"byte order mark", "\ufeff <e>b</e>", []string{"$>xml.e=b"}},
		{"element of HTML with a namespace", `<a xmlns="b">c</a>`, []string{"$>xml.a.xmlns=b", "$>xml.a=c"}},
		{"base64 in a text", "<e>PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==</e>", []string{
			"$>xml.e=PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "$>xml.e>base64=<script>alert(1)</script>"}},

		{"heart", "<3 this", nil},
		{"rich text", "<p>it is <b>this</b></p>", nil},
		{"headline", "<H1>it is this</H1>", nil},
		{"arrow", "<- look > here", nil},
		{"comparison", "a < b > c", nil},
		{"tag that is not closed", "<b and nothing", nil},
	} {
		t.Run(tt.name, func(t *testing.T) { requireView(t, tt.text, "xml", tt.fields) })
	}
}

// TestXMLOpened: which XML is nothing but its texts and attributes, as the value of
// a message and inside of JSON.
func TestXMLOpened(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{`<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><say n="1">a &lt; b</say></s:Body></s:Envelope>`, true},
		{" <e a='1'  b = \"x\" ><f/>t<g></g >\n</e> ", true},
		{`<?xml version='1.1' standalone="no" ?>` + "\n<e xmlns='urn:x'/>", true},
		{`<?xml version="1.0"?><e a="rO0ABQ"/>`, false}, // no protocol's: somebody's parser is to have it
		{`<a:e xmlns:a="urn:x"><a:f/></a:e>`, true},
		{`<a:e xmlns:ab="urn:x"/>`, false},
		{`<esi:debug/>`, false},
		{`<e xmlns:xi="http://www.w3.org/2001/XInclude"/>`, false},
		{`<e xmlns:ev="http://www.w3.org/2001/xml-events" ev:handler="a#x"/>`, false},
		{`<e xmlns:x="urn:x" x:schemaLocation="urn:x http://a/b"/>`, false},
		{`<m><p style="font-weight:bold">a</p></m>`, true},
		{`<m><p style="width:expression(f())">a</p></m>`, false},
		{`<e>a</e><f/>`, false},
		{`<e>a</f>`, false},
		{`<e>a`, false},
		{`<e>a</e>b`, false},
		{`b<e>a</e>`, false},
		{`<e onclick="f()"/>`, false},
		{`<x:e x:ONload="f()"/>`, false},
		{`<e srcdoc="x"/>`, false},
		{`<e><script/></e>`, false},
		{`<e><x:Script src="a"/></e>`, false},
		{`<e><svg/></e>`, false},
		{`<e a=b/>`, false},
		{`<e a/>`, false},
		{`<e a="b"c="d"/>`, false},
		{`<e a="<b>"/>`, false},
		{`<e><!-- a --></e>`, false},
		{`<e><![CDATA[a]]></e>`, false},
		{`<!DOCTYPE e SYSTEM "http://a/b"><e/>`, false},
		{`<?xml version="1.0"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n" + `<plist version="1.0"><string>a</string></plist>`, true},
		{`<!DOCTYPE e PUBLIC "-//W3C//DTD X//EN" "http://www.w3.org.example.com/x.dtd"><e/>`, false},
		{`<!DOCTYPE e PUBLIC "-//W3C//DTD X//EN" "http://www.w3.org/x.dtd" [<!ENTITY a "b">]><e/>`, false},
		{`<!DOCTYPE e PUBLIC "-//W3C//DTD X//EN" "http://www.w3.org/../x?a"><e/>`, false},
		{`<e><?php echo 1 ?></e>`, false},
		{`<?xml-stylesheet href="a"?><e/>`, false},
		{`<?xml version="1.0 or 1=1"?><e/>`, false},
		{`<?xml version="1.0" a="b"?><e/>`, false},
		{`</e>`, false},
		{`<3>a</3>`, false},
		{`<e 1="a"/>`, false},
		{strings.Repeat("<e>", 70) + strings.Repeat("</e>", 70), false},
	} {
		for _, payload := range []string{tt.text, strconv.Quote(tt.text)} {
			var w format.Walker
			visited := 0
			w.Walk([]byte(payload), format.Root{}, func(f *format.Field) {
				if string(f.Value) == tt.text && (f.Path() == "$") {
					require.Equal(t, tt.want, f.Opened, tt.text)
					visited++
				}
			})
			require.Equal(t, 1, visited, tt.text)
		}
	}

	// the name of a namespace is not the sender's
	for value, want := range map[string]bool{
		"http://www.w3.org/1999/xhtml": true, "jabber:client": true, "urn:xmpp:mam:2": true,
		"javascript:alert(1)": false, "http://a/../b": false, "http://a/' or 1=1--": false, "file:///etc/passwd": false,
	} {
		var w format.Walker
		w.Walk([]byte(`<e xmlns:a="`+value+`" a="`+value+`"/>`), format.Root{}, func(f *format.Field) {
			switch f.Path() {
			case "$>xml.e['xmlns:a']":
				require.Equal(t, want, f.Opened, value)
			case "$>xml.e.a":
				require.False(t, f.Opened)
			}
		})
	}
}

func TestGraphQL(t *testing.T) {
	for _, tt := range []struct {
		name   string
		text   string
		fields []string
	}{
		{"argument", `mutation M { send(text: "a\u003cb\n\"c\"", room: 1) { id } }`, []string{"$>graphql.text=a<b\n\"c\""}},
		{"code point", `{ a(b: "\u{1F600}\u{3c}") }`, []string{"$>graphql.b=😀<"}},
		{"selection alone", `{ user(id: "1") { name } }`, []string{"$>graphql.id=1"}},
		{"object", `mutation($x: I!) @d { send(input: {text: "x", tags: ["y", "z"]}) }`, []string{
			"$>graphql.text=x", "$>graphql.tags=y", "$>graphql.tags=z"}},
		{"comment", "# \"no\"\n{ a(b: \"c\" # \"\n) }", []string{"$>graphql.b=c"}},
		{"block string", "{ a(b: \"\"\"\n    x <scr\n      ipt>\n    \\\"\"\" \\u003c\n  \"\"\") }", []string{
			"$>graphql.b=x <scr\n  ipt>\n\"\"\" \\u003c"}},
		{"empty strings", `{ a(b: "", c: """""") }`, []string{"$>graphql.b=", "$>graphql.c="}},
		{"strings without an end", `{ a(b: """x`, []string{"$>graphql.b=x"}},
		{"alias and fragment", `query Q { x: a(b: "c") ...F } fragment F on T { d(e: "f") }`, []string{"$>graphql.b=c", "$>graphql.e=f"}},

		{"prose", `find "x" in the list`, nil},
		{"prose with a keyword", `query about "it"`, nil},
		{"JSON of JavaScript", `{text: "x"}`, nil},
		{"no string", `{ a { b } }`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) { requireView(t, tt.text, "graphql", tt.fields) })
	}
}

func TestMultipart(t *testing.T) {
	const body = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhello\r\nyou\r\n" +
		"--XX\r\ncontent-disposition: form-data; name=f; filename=\"x\\\"<b>.html\"\r\nContent-Type: text/html\r\n\r\n{\"k\":\"v\"}\r\n--XX--\r\n"
	want := []string{
		"$>multipart.a~=a", "$>multipart.a=hello\r\nyou",
		"$>multipart.f~=f", `$>multipart.f=x"<b>.html`, "$>multipart.f>json.k~=k", "$>multipart.f>json.k=v",
	}
	for _, tt := range []struct {
		name   string
		text   string
		fields []string
	}{
		{"CRLF", body, want},
		{"leading line end", "\r\n" + body, want},
		{"no end", "--X\nContent-Disposition: form-data; name=a\n\nb", []string{"$>multipart.a~=a", "$>multipart.a=b"}},
		{"no name", "--X\nContent-Type: text/plain\n\nb\n--X--", []string{"$>multipart=b"}},
		{"other field", "--X\nContent-Disposition: form-data; name=a\nX-Note: <b>\n\n--X--", []string{"$>multipart.a~=a", "$>multipart.a=<b>"}},
		{"dashes inside", "--X\nContent-Disposition: form-data; name=a\n\n--Y\n--\n--X--", []string{"$>multipart.a~=a", "$>multipart.a=--Y\n--"}},
		{"no boundary", "-- thanks\nsee you", nil},
		{"list", "-- a\n-- b", nil},
	} {
		t.Run(tt.name, func(t *testing.T) { requireView(t, tt.text, "multipart", tt.fields) })
	}
	t.Run("binary", func(t *testing.T) {
		name, fields := walk("--X\nContent-Disposition: form-data; name=a\n\n\x00\x01text\xff\n--X\nContent-Disposition: x; name=b\n\nc\n--X--", format.Root{})
		require.Equal(t, "multipart", name)
		require.Equal(t, []string{"$.a~=a", "$.a@2=text", "$.b~=b", "$.b=c"}, fields)
	})
}

func TestMail(t *testing.T) {
	const boundary = "\r\n--==1=\r\n"
	for _, tt := range []struct {
		name   string
		text   string
		fields []string
	}{
		{"folded and encoded words", "From: a@b.c\nSubject: =?utf-8?B?PGI+?= x\n =?utf-8?Q?=C3=BC_=3D?=\n\nhi", []string{
			"$>mail.From~=From", "$>mail.From=a@b.c", "$>mail.Subject~=Subject", "$>mail.Subject==?utf-8?B?PGI+?= x =?utf-8?Q?=C3=BC_=3D?=",
			"$>mail.Subject=<b> x ü =", "$>mail.body=hi"}},
		{"base64", "From: a\r\nTo: b\r\nContent-Transfer-Encoding: BASE64\r\n\r\nb2s=\r\n", []string{
			"$>mail.From~=From", "$>mail.From=a", "$>mail.To~=To", "$>mail.To=b",
			"$>mail['Content-Transfer-Encoding']~=Content-Transfer-Encoding", "$>mail['Content-Transfer-Encoding']=BASE64",
			"$>mail.body>base64=ok", "$>mail.body=b2s=\r\n"}},
		{"parts", "To: a\r\nContent-Type: multipart/mixed; boundary=\"==1=\"\r\n\r\nnot shown" + boundary +
			"Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/html; charset=utf-8;\r\n name=\"a <b>\"\r\n\r\n=3Cb>=\r\nc" + boundary + "\r\nplain\r\n--==1=--\r\nbehind", []string{
			"$>mail.To~=To", "$>mail.To=a", "$>mail['Content-Type']~=Content-Type", `$>mail['Content-Type']=multipart/mixed; boundary="==1="`,
			"$>mail['Content-Type']===1=", "$>mail.body=not shown\r", "$>mail.body=--==1=\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/html; charset=utf-8;\r\n name=\"a <b>\"\r\n\r\n=3Cb>=\r\nc" + boundary + "\r\nplain\r\n--==1=--\r\nbehind",
			"$>mail.body>multipart=utf-8", "$>mail.body>multipart['a <b>']~=a <b>", "$>mail.body>multipart['a <b>']>quoted-printable=<b>c",
			"$>mail.body>multipart['a <b>']==3Cb>=\r\nc", "$>mail.body>multipart=plain", "$>mail.body>multipart=behind"}},

		{"no mail's fields", "a: b\nc: d\n\ne", nil},
		{"one field", "Subject: b\n\ne", nil},
		{"no end of the head", "From: a\nTo: b", nil},
		{"prose", "From: a\nTo: b and so on\nas I said\n\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) { requireView(t, tt.text, "mail", tt.fields) })
	}
}

func TestHTTP(t *testing.T) {
	for _, tt := range []struct {
		name   string
		text   string
		fields []string
	}{
		{"request", "POST /a?b=%3Cc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n{\"d\":\"e\"}", []string{
			"$>http.target=/a?b=%3Cc", "$>http.target>percent=/a?b=<c", "$>http.query=b=%3Cc", "$>http.query>form.b~=b", "$>http.query>form.b=<c", "$>http.query>percent=b=<c",
			"$>http.Host~=Host", "$>http.Host=x", "$>http['Content-Type']~=Content-Type", "$>http['Content-Type']=application/json",
			"$>http.body>json.d~=d", "$>http.body>json.d=e"}},
		{"response in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n<sc\r\n4\r\nript\r\n0\r\n\r\n", []string{
			"$>http.status=200 OK", "$>http['Transfer-Encoding']~=Transfer-Encoding", "$>http['Transfer-Encoding']=chunked",
			"$>http.body=<script", "$>http.body=3;x=y\r\n<sc\r\n4\r\nript\r\n0\r\n\r\n"}},
		{"nothing but chunks", "PUT /f HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<sc\r\nC\r\nript>--->>>>\r\n0\r\n\r\n", []string{
			"$>http.target=/f", "$>http['Transfer-Encoding']~=Transfer-Encoding", "$>http['Transfer-Encoding']=chunked", "$>http.body=<script>--->>>>"}},

		{"no empty line", "GET / HTTP/1.1\r\nHost: x\r\n", nil},
		{"prose", "GET IT / HTTP/1.1\r\n\r\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) { requireView(t, tt.text, "http", tt.fields) })
	}
}

// TestMessagesOpened: the fields of a head are what a message consists of, and are
// what somebody put into a value where it is none, or they are others' than its.
func TestMessagesOpened(t *testing.T) {
	const form = "--X\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n"
	for _, tt := range []struct {
		text           string
		message, value bool
	}{
		{form + "--X--\r\n", true, true},
		{form + "--X\r\nContent-Type: a/b\r\n\r\n--X--", true, true},
		{form, false, false},
		{form + "--X\r\nSet-Cookie: a\r\n\r\n--X--", false, false},
		{form + "--X\r\nno field\r\n\r\n--X--", false, false},
		{form + "--X", false, false},
		{"From: a\r\nSubject: b\r\n\r\nc", true, false},
		{"From: a\r\nSubject: b\r\nLocation: c\r\n\r\n", false, false},
		{"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n", true, false},
		{"GET / HTTP/1.0\n\n", true, false},
		{"a GET / HTTP/1.0\r\nSet-Cookie: a=b\r\n\r\n", false, false},
		{`SAY #1 {"a":"b"}`, true, false},
		{"Content-Length: 9\r\n\r\n" + `{"a":"b"}`, true, false},
		{`cb({"a":"b"});` + "\n", true, false},
		{`<a b={"a":"b"}`, false, false},
		{`say {"a":"b"} ; ls`, false, false},
		{`say {"a":"b"} {"c":"d"}`, true, false},
		{`say {"a":"b"} "c"`, false, false},
	} {
		quoted, err := json.Marshal(tt.text)
		require.NoError(t, err)
		for i, payload := range []string{tt.text, "[" + string(quoted) + "]"} {
			var w format.Walker
			got := false
			w.Walk([]byte(payload), format.Root{}, func(f *format.Field) {
				if string(f.Value) == tt.text {
					got = f.Opened
				}
			})
			require.Equal(t, [2]bool{tt.message, tt.value}[i], got, payload)
		}
	}
}

// TestAround: what stands behind a command or a head is read as JSON, and what is
// before it is a value.
func TestAround(t *testing.T) {
	name, fields := walk("SAY 7 "+`{"a":"b\n"}`, format.Root{})
	require.Equal(t, "text", name)
	require.Equal(t, []string{"$.a~=a", "$.a=b\n", "$=SAY 7 ", "$=SAY 7 " + `{"a":"b\n"}`}, fields)
	_, fields = walk("\xff\x00\x00\x01room 17"+`{"a":"b\n"}`+"\x01x\xff\x00\xfe", format.Root{})
	require.Subset(t, fields, []string{"$@11>json.a~=a", "$@11>json.a=b\n", "$@4=room 17", `$@4=room 17{"a":"b\n"}`})
	_, fields = walk(`he said "x" {"a":"b"}`, format.Root{})
	require.NotContains(t, fields, "$.a=b")
}

// documents are long ones of each format, of one unit over and over.
var documents = map[string]string{
	"pairs":              "a=b&",
	"semicolons":         "a=b;",
	"semicolons alone":   "a;=",
	"escapes":            "a=%3C+",
	"names":              "a",
	"tags":               "<e>",
	"end tags":           "</e>",
	"attributes":         `<e b="c" `,
	"quotes in tags":     `<e b="`,
	"apostrophes":        `<e b='`,
	"comments":           "<!--",
	"CDATA":              "<![CDATA[",
	"CDATA in a text":    "<e>x<![CDATA[y]]>",
	"instructions":       "<?a ",
	"document types":     "<!DOCTYPE e [",
	"entities":           `<!DOCTYPE e [<!ENTITY a "b">]>&a;`,
	"references":         "<e>&lt;",
	"references, broken": "<e>&&&&#x",
	"strings":            `{ a(b: "c") `,
	"block strings":      `{ a(b: """c `,
	"escaped blocks":     `{ a(b: """\"""`,
	"comments and lines": "{ a # \"\n",
	"parts":              "--X\nContent-Disposition: form-data; name=a\n\nb\n",
	"parameters":         `--X` + "\n" + `Content-Disposition: a; b="c\"`,
	"boundaries":         "--X\n",
	"closed parts":       "--X\nContent-Type: a/b\n\n--X--\n",
	"fields":             "From: a\n",
	"folded fields":      "From: a\n b\n c\nTo: =?utf-8?B?PGI+?=\n",
	"mails":              "From: a\nTo: b\nContent-Transfer-Encoding: quoted-printable\n\n",
	"mails in base64":    "From: a\nTo: b\nContent-Transfer-Encoding: base64\n\n",
	"mails in parts":     "From: a\nTo: b\nContent-Type: x; boundary=X\n\n--X\n",
	"requests":           "GET / HTTP/1.1\nA: b\n\n",
	"chunks":             "GET / HTTP/1.1\nTransfer-Encoding: chunked\n\n1\na\n",
	"encoded words":      "From: a\nTo: =?=?=?utf-8?=?Q?",
	"dashes":             "-",
}

func TestDocumentsLinear(t *testing.T) {
	for name, unit := range documents {
		t.Run(name, func(t *testing.T) {
			for _, prefix := range []string{"", "<e>", "a=", "--X\nContent-Disposition: form-data; name=a\n\n", `{ a(b: "c") `} {
				payload := []byte(prefix + strings.Repeat(unit, 100_000/len(unit)))
				var w format.Walker
				visited, visits := 0, 0
				w.Walk(payload, format.Root{}, func(f *format.Field) { visited += len(f.Value); visits++ })
				require.GreaterOrEqual(t, visited, len(payload))
				require.LessOrEqual(t, visited, 20*len(payload))
				require.LessOrEqual(t, visits, 2*len(payload))
			}
		})
	}
}

func TestDocumentsAllocations(t *testing.T) {
	var w format.Walker
	visit := func(*format.Field) {}
	for _, text := range []string{
		"_target=m&m=%3Cb%3E+1&a[b]=c",
		`<message to="room@c"><body>I &lt;3 <![CDATA[x]]></body></message>`,
		`mutation M { send(text: "a\u003cb", b: """` + "\n  x\n  y" + `""") { id } }`,
		"--X\nContent-Disposition: form-data; name=\"a\"; filename=\"b\\\"c\"\n\nb\n--X--",
		"From: a\nSubject: b\n c\nContent-Type: a/b; boundary=X\nContent-Transfer-Encoding: base64\n\nb2sgb2sgb2s=",
		"POST /a?b=c HTTP/1.1\nTransfer-Encoding: chunked\n\n1\na\n0\n\n",
	} {
		payload := []byte(text)
		w.Walk(payload, format.Root{}, visit)
		require.Zero(t, testing.AllocsPerRun(100, func() { w.Walk(payload, format.Root{}, visit) }), text)
	}
}

// FuzzDocuments: whatever a text is a document of, it is visited as itself, and
// nothing is visited out of proportion.
func FuzzDocuments(f *testing.F) {
	for _, unit := range documents {
		f.Add([]byte(strings.Repeat(unit, 3)))
	}
	f.Add([]byte("From: a\r\nTo: =?utf-8?Q?=3Cb?=\r\n c\r\nContent-Type: a/b; boundary=\"X\"\r\n\r\nd\r\n--X\r\nContent-Transfer-Encoding: base64\r\n\r\nb2s=\r\n--X--\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"))
	f.Add([]byte(`<?xml version="1.0"?><!DOCTYPE e [<!ENTITY x "y">]><e b='c'>&lt;<![CDATA[d]]><!-- e --></e>`))
	var w format.Walker
	f.Fuzz(func(t *testing.T, payload []byte) {
		raw, visits := false, 0
		name := w.Walk(payload, format.Root{}, func(f *format.Field) {
			visits++
			raw = raw || bytes.Equal(f.Value, payload)
			require.NotEmpty(t, f.Path())
		})
		if name == "text" {
			require.True(t, raw, "raw text not visited")
		}
		require.LessOrEqual(t, visits, 64*len(payload))
	})
}

// FuzzXMLOpened: what is said to be XML by the letter is such to encoding/xml, and
// nothing is said of what no server may read twice.
func FuzzXMLOpened(f *testing.F) {
	for _, s := range []string{`<?xml version="1.0"?><a:b c="d" xmlns='urn:x'><e/>&lt;</a:b>`, "<a>b</a>", `<!DOCTYPE a PUBLIC "-//W3C//DTD A//EN" "http://www.w3.org/a/b.dtd"><a/>`, `<a b='<'/>`, "<a><!-- --></a>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if !format.IsData(p) || !utf8.Valid(p) {
			return
		}
		d := xml.NewDecoder(bytes.NewReader(bytes.Replace(p, []byte("1.1"), []byte("1.0"), 1)))
		d.Strict, d.CharsetReader = false, func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
		for {
			token, err := d.Token()
			if err == io.EOF || err != nil && strings.Contains(err.Error(), "illegal character code") {
				return
			}
			require.NoError(t, err)
			switch token := token.(type) {
			case xml.Comment:
				require.Fail(t, "hidden", "%q", p)
			case xml.Directive:
				require.Regexp(t, `^DOCTYPE [\w:.-]* PUBLIC "-//[\w /.-]*"\s*"http://www\.(w3\.org|apple\.com)/[\w:./-]*"$`, string(token))
			case xml.ProcInst:
				require.Equal(t, "xml", token.Target)
			case xml.StartElement:
				require.NotEqual(t, "script", strings.ToLower(token.Name.Local))
			}
		}
	})
}
