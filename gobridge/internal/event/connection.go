package event

import (
	"time"

	"wsi/gobridge/internal/ws"
)

// Connection is the beginning of a connection, or its end.
type Connection struct {
	Ended       bool
	Subprotocol string
	Duration    time.Duration
	Messages    [2]uint64 // by ws.Direction
	Bytes       [2]uint64
	CloseCode   [2]ws.CloseCode // of the peers' Close frames, 0: none
	Attacks     int
	Violations  ws.Violations
	Dropped     bool
}

// The values of event.action for connections.
const (
	Opened = "opened"
	Closed = "closed"
)

// AppendConnection appends c as one line to dst.
func AppendConnection(dst []byte, m *Meta, c *Connection) []byte {
	h := parseHead(m.Request, m.Redact)
	action := Opened
	if c.Ended {
		action = Closed
	}
	w := writer{b: dst}
	w.object("")
	w.commonAt(m, "info", "WebSocket connection "+action+" from "+m.RemoteAddr+" on "+where(m, &h))
	w.object("event")
	w.text("kind", "event", maxName)
	w.array("category")
	w.text("", "network", maxName)
	w.text("", "web", maxName)
	w.end(']')
	w.array("type")
	w.text("", "connection", maxName)
	if c.Ended {
		w.text("", "end", maxName)
	} else {
		w.text("", "start", maxName)
	}
	w.end(']')
	w.text("action", action, maxName)
	w.id()
	if c.Ended {
		w.int("duration", c.Duration.Nanoseconds())
	}
	w.text("module", "wallarm_websocket", maxName)
	w.text("dataset", "wallarm_websocket.connection", maxName)
	w.end('}')
	w.connection(m, &h, ws.FromClient, nil)
	w.http(m, &h, 101, nil, -1)

	w.object("wallarm")
	w.object("websocket")
	w.optional("connection_id", m.ConnectionID, maxName)
	w.optional("subprotocol", m.Redact.subprotocols(c.Subprotocol), maxName)
	w.optional("origin", h.origin, maxMatch)
	if c.Ended {
		for dir, name := range [2]string{ws.FromClient: "client", ws.FromServer: "server"} {
			w.object(name)
			w.int("messages", int64(c.Messages[dir]))
			w.int("bytes", int64(c.Bytes[dir]))
			if c.CloseCode[dir] != 0 {
				w.int("close_code", int64(c.CloseCode[dir]))
			}
			w.end('}')
		}
		w.int("attacks", int64(c.Attacks))
		w.bool("dropped", c.Dropped)
		w.array("violations")
		for set := c.Violations; set != 0; {
			w.text("", set.Pop().String(), maxName)
		}
		w.end(']')
	}
	w.end('}')
	w.int("hits", 1)
	w.end('}')
	return w.line()
}
