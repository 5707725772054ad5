package framework

import (
	"bytes"
	"strings"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// kubernetesSpec knows exec, attach and port-forward of Kubernetes by the
// subprotocol, which its API server insists on.
var kubernetesSpec = spec{
	name: "kubernetes",
	handshake: func(h *Handshake) bool {
		return h.Subprotocol == "channel.k8s.io" || strings.HasSuffix(h.Subprotocol, ".channel.k8s.io") ||
			strings.HasSuffix(h.Subprotocol, ".portforward.k8s.io")
	},
	decoder: func(_ *link, from ws.Direction) Decoder { return &kubernetes{from: from} },
}

// maxLine is the longest line of a stream that is joined, in bytes. Of a longer
// one the last lineOverlap bytes stand before what follows.
const (
	maxLine     = 1 << 10
	lineOverlap = 256
)

// kubernetesClose is the channel on which v5 closes another.
const kubernetesClose = 255

var kubernetesChannels = [...]string{"stdin", "stdout", "stderr", "error", "resize"}

// kubernetes decodes messages of <channel><data>: the channel is a byte, or a
// digit in base64.channel.k8s.io, where the data is Base64. What is typed comes
// key by key, so that a message that goes on with a line is judged with what came before.
//
// Servers agree to any subprotocol, so that what goes on with a line is judged as it
// stands, too: as a part where it is output, which is cut anywhere.
type kubernetes struct {
	from  ws.Direction
	lines [3][]byte // what the last line of stdin, stdout and stderr begins with
}

// Alike: a line that is open goes on in the next message.
func (d *kubernetes) Alike() int { return 0 }

func (d *kubernetes) Size() int {
	n := 0
	for i := range d.lines {
		n += cap(d.lines[i])
	}
	return n
}

func (d *kubernetes) Decode(m Message, w *format.Walker, out *Out) {
	p := m.Payload
	if len(p) == 0 {
		plain(m, w, out)
		return
	}
	channel := int(p[0])
	data := p[1:]
	if p[0] >= '0' && p[0] <= '9' {
		channel -= '0'
		data, _ = decodeBase64(data)
		w.Text(p, whole, out.Visit)
	}
	e := Envelope{Framework: kubernetesSpec.name}
	switch {
	case channel >= len(kubernetesChannels) && p[0] != kubernetesClose:
		plain(m, w, out)
		return
	case channel >= len(d.lines):
		e.Format = w.Walk(data, format.Root{}, out.Visit)
	default:
		if len(d.lines[channel]) > 0 && len(data) > 1 {
			w.Walk(data, format.Root{Cut: d.from == ws.FromServer}, out.Visit)
		}
		e.Format = joinLine(&d.lines[channel], data, w, out)
	}
	w.ClearEvent()
	if channel < len(kubernetesChannels) {
		addString(w, kubernetesChannels[channel])
	}
	e.Event = w.Event()
	out.Record(e)
}

// joinLine visits data of a stream: its first line with what came before, as a part until
// the line ends, and the rest.
func joinLine(line *[]byte, data []byte, w *format.Walker, out *Out) (name string) {
	if len(*line) > 0 {
		end := bytes.IndexAny(data, "\r\n")
		first := data
		if end >= 0 {
			first = data[:end]
		}
		for len(first) > 0 || end >= 0 {
			n := min(len(first), maxLine-len(*line))
			*line = append(*line, first[:n]...)
			first = first[n:]
			name = w.Walk(*line, format.Root{Cut: end < 0 || len(first) > 0}, out.Visit)
			if len(first) == 0 && len(*line) < maxLine {
				break
			}
			*line = append((*line)[:0], (*line)[len(*line)-lineOverlap:]...)
		}
		if end < 0 {
			return name
		}
		*line = (*line)[:0]
		data = data[end+1:]
	}
	if len(data) > 0 {
		name = w.Walk(data, format.Root{}, out.Visit)
	}
	last := data[bytes.LastIndexAny(data, "\r\n")+1:]
	*line = append((*line)[:0], last[max(0, len(last)-lineOverlap):]...)
	return name
}
