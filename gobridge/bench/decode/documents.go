package main

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/url"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// documentRows compares text formats and carriers with the standard library and
// what is wrapped. Ours visits the text as itself, too, and looks into each
// value for what it carries.
func documentRows() []row {
	stanza := []byte(`<message xmlns="jabber:client" to="room@conference.example" type="groupchat"><body>` +
		prose + `&lt;b&gt;</body></message>`)
	form := []byte("_target=message&room=general&message=" + url.QueryEscape(prose+"<b>"))
	text := strings.Repeat(prose, 12)
	wrapped := []byte(base64.StdEncoding.EncodeToString([]byte(text)))
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return []row{
		{"XMPP stanza", len(stanza), "encoding/xml RawToken", 0.5, walk(stanza), xmlTokens(stanza)},
		{"form", len(form), "net/url ParseQuery", 0, walk(form), func() {
			v, _ := url.ParseQuery(string(form))
			for name, values := range v {
				visited += len(name) + len(values[0])
			}
		}},
		{"base64 of text", len(wrapped), "encoding/base64", 0, walk(wrapped), base64Bytes(wrapped)},
		{"gzip of text", zipped.Len(), "klauspost/compress gzip", 0, walk(zipped.Bytes()), gzipBytes(zipped.Bytes())},
	}
}

func xmlTokens(doc []byte) func() {
	return func() {
		d := xml.NewDecoder(bytes.NewReader(doc))
		for {
			t, err := d.RawToken()
			if err != nil {
				return
			}
			switch t := t.(type) {
			case xml.StartElement:
				for _, a := range t.Attr {
					visited += len(a.Value)
				}
			case xml.CharData:
				visited += len(t)
			}
		}
	}
}

func base64Bytes(p []byte) func() {
	out := make([]byte, len(p))
	return func() {
		n, _ := base64.StdEncoding.Decode(out, p)
		visited += n
	}
}

func gzipBytes(p []byte) func() {
	in := bytes.NewReader(p)
	r := new(gzip.Reader)
	out := make([]byte, 1<<20)
	return func() {
		in.Reset(p)
		if err := r.Reset(in); err != nil {
			panic(err)
		}
		n, _ := io.ReadFull(r, out)
		visited += n
	}
}
