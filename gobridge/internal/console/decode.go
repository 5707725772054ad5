package console

import (
	"encoding/binary"
	"strings"

	"wsi/gobridge/internal/handshake"
	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/verdict"
	"wsi/gobridge/internal/ws"
)

// Node is one value of the decoded message, or a step on the way to some.
type Node struct {
	Step     string    `json:"step"`
	Path     string    `json:"path,omitempty"` // of a value
	Value    []Segment `json:"value,omitempty"`
	Mark     bool      `json:"mark,omitempty"` // the value that scored
	Children []Node    `json:"children,omitempty"`
}

const (
	maxNodes = 400
	maxShown = 2 << 10 // bytes of one value
)

// decode takes the payload of r apart as the engine did, with the engine's own
// decoders. Of a part of a message, or of one that continues another, they may
// make less.
func decode(r *Record, matches []string) (tree []Node) {
	// Hostile bytes: the page is worth more than its tree.
	defer func() {
		if recover() != nil {
			tree = nil
		}
	}()
	op, ok := map[string]ws.Opcode{"text": ws.OpText, "binary": ws.OpBinary}[r.Wallarm.WebSocket.Opcode]
	if !ok || len(r.Wallarm.Payload) == 0 {
		return nil
	}
	e, err := pipeline.NewEngine(pipeline.Options{})
	if err != nil {
		return nil
	}
	target := r.URL.Path
	if r.URL.Query != "" {
		target += "?" + r.URL.Query
	}
	s, _ := e.Open(pipeline.Handshake{
		Target: target, Result: handshake.Result{Subprotocol: r.Wallarm.WebSocket.Subprotocol},
	}, &pipeline.Config{
		Mode:      [2]pipeline.Mode{pipeline.Monitoring, pipeline.Monitoring},
		Limits:    ws.DefaultLimits,
		Threshold: verdict.Threshold,
	})
	defer s.Close()
	var fields []pipeline.Field
	s.Observe = func(rec *pipeline.Record) { fields = append(fields, rec.Fields...) }
	from := ws.FromClient
	if r.Wallarm.WebSocket.Direction == "server_to_client" {
		from = ws.FromServer
	}
	for in := frameOf(op, from, r.Wallarm.Payload); len(in) > 0; {
		res := s.Feed(from, in)
		for range res.Events {
			s.Pop()
		}
		if res.Consumed == 0 {
			break
		}
		in = in[res.Consumed:]
	}
	return treeOf(fields, r.Wallarm.Attack.Path, matches)
}

// warm has the engine compile its rules, which is long for the first page that
// decodes a message.
func warm() {
	r := &Record{}
	r.Wallarm.WebSocket.Opcode, r.Wallarm.Payload = "text", []byte("a")
	decode(r, nil)
}

// frameOf is payload as one frame; a client's is masked with zeros.
func frameOf(op ws.Opcode, from ws.Direction, payload []byte) []byte {
	b := []byte{0x80 | byte(op), 127}
	b = binary.BigEndian.AppendUint64(b, uint64(len(payload)))
	switch n := len(payload); {
	case n < 126:
		b = append(b[:1], byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b[:1], 126), uint16(n))
	}
	if from == ws.FromClient {
		b[1] |= 0x80
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, payload...)
}

// treeOf joins values into a tree, by the steps of their paths.
func treeOf(fields []pipeline.Field, path string, matches []string) []Node {
	root := &Node{}
	n := 0
	for _, f := range fields {
		marked := f.Path == path
		if f.Key && !marked {
			continue
		}
		if n++; n > maxNodes {
			break
		}
		at := root
		for _, step := range steps(f.Path) {
			if k := len(at.Children); k == 0 || at.Children[k-1].Step != step {
				at.Children = append(at.Children, Node{Step: visible(step)})
			}
			at = &at.Children[len(at.Children)-1]
		}
		text := strings.ToValidUTF8(f.Value, "\ufffd")
		if len(text) > maxShown {
			text = strings.ToValidUTF8(text[:maxShown], "") + "…"
		}
		at.Path, at.Mark = visible(f.Path), at.Mark || marked
		if marked {
			at.Value = mark(text, matches)
		} else {
			at.Value = []Segment{{Text: visible(text)}}
		}
	}
	if len(root.Children) == 1 && root.Children[0].Step == "$" && len(root.Children[0].Value) == 0 {
		return root.Children[0].Children
	}
	return root.Children
}

// steps takes a path apart: "$", "[0]", ".text", ">json", "@12", "~".
func steps(path string) (all []string) {
	start := 0
	for i := 0; i < len(path); i++ {
		if strings.HasPrefix(path[i:], "['") {
			if i > start {
				all = append(all, path[start:i])
			}
			end := strings.Index(path[i:], "']")
			if end < 0 {
				return append(all, path[i:])
			}
			all = append(all, path[i:i+end+2])
			i += end + 1
			start = i + 1
			continue
		}
		if strings.IndexByte(".[>@~", path[i]) >= 0 && i > start {
			all = append(all, path[start:i])
			start = i
		}
	}
	if start < len(path) {
		all = append(all, path[start:])
	}
	return all
}
