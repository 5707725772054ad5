package framework

import (
	"bytes"

	"wsi/gobridge/internal/format"
)

// response decodes what a server answers. It wraps its messages as the
// transport asks: in lines, in events, in a call of a script.
func (d *body) response(p []byte, w *format.Walker, out *Out) {
	switch d.exchange.Transport {
	case "eventsource", "serverSentEvents":
		d.events(p, w, out)
		return
	case "htmlfile":
		for line := range bytes.SplitSeq(p, []byte("\n")) {
			if call, ok := argument(line); ok {
				d.script(call, w, out)
			}
		}
		return
	}
	if call, ok := argument(p); ok {
		d.script(call, w, out)
		return
	}
	switch d.exchange.kind {
	case exchangeEngineIO:
		d.engineIO(p, w, out)
	case exchangeSockJS:
		for line := range bytes.SplitSeq(p, []byte("\n")) {
			d.sockJS(line, w, out)
		}
	case exchangeSignalR:
		if d.exchange.Transport != "negotiate" {
			d.polled(p)
		}
		d.message(p, w, out)
	default:
		d.message(p, w, out)
	}
}

// events decodes server-sent events: the data lines of each are one message.
func (d *body) events(p []byte, w *format.Walker, out *Out) {
	var data []byte
	flush := func() {
		if len(data) > 0 {
			d.sockJS(data, w, out)
		}
		data = data[:0]
	}
	for line := range bytes.SplitSeq(p, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			flush()
			continue
		}
		if rest, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			if len(data) > 0 {
				data = append(data, '\n')
			}
			data = append(data, bytes.TrimPrefix(rest, []byte(" "))...)
		}
	}
	flush()
}

// argument is what p, a call of a script, is called with.
func argument(p []byte) (arg []byte, ok bool) {
	p = bytes.TrimSpace(p)
	p = bytes.TrimPrefix(p, []byte("/**/"))
	open, end := bytes.IndexByte(p, '('), bytes.LastIndexByte(p, ')')
	if open < 1 || end < open || len(p)-end > 2 {
		return nil, false
	}
	for _, c := range p[:open] {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '_', c == '$', c == '.', c == '[', c == ']':
		default:
			return nil, false
		}
	}
	return p[open+1 : end], true
}

// script decodes the argument of a call: a string with messages, or the
// messages themselves.
func (d *body) script(arg []byte, w *format.Walker, out *Out) {
	text, ok := unquote(arg)
	switch {
	case !ok:
		d.message(arg, w, out)
	case d.exchange.kind == exchangeEngineIO:
		d.engineIO(text, w, out)
	default:
		d.sockJS(text, w, out)
	}
}

// unquote decodes a string of JSON, the whole of p.
func unquote(p []byte) (text []byte, ok bool) {
	return format.AppendText(nil, bytes.TrimRight(p, " \t\r\n"))
}

// sockJS decodes one frame of a SockJS server: o, h, a[...], m"...", c[...].
func (d *body) sockJS(p []byte, w *format.Walker, out *Out) {
	p = bytes.TrimSpace(p)
	if _, plain := d.decoder.(*named); d.exchange.kind == exchangeSockJS && plain && len(p) > 0 && bytes.IndexByte([]byte("oham c"), p[0]) >= 0 {
		if len(p) > 1 && (p[1] == '[' || p[1] == '"') {
			p = p[1:]
		}
	}
	if len(p) > 0 {
		d.message(p, w, out)
	}
}
