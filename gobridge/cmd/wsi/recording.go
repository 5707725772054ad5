package main

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"wsi/gobridge/internal/capture"
	"wsi/gobridge/internal/ws"
)

// recording is one connection. Its chunks wait until both heads say whether it
// is a WebSocket connection: only its first request can make it one.
type recording struct {
	*recorder
	conn int

	mu      sync.Mutex
	state   recordingState
	file    *file           // of an upgraded connection
	head    [2][]byte       // bytes of each direction while undecided
	pending []capture.Chunk // the same bytes, in order
}

type recordingState uint8

const (
	undecided recordingState = iota
	upgraded
	plainHTTP
)

// add records one read.
func (c *recording) add(d ws.Direction, p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	chunk := capture.Chunk{Conn: c.conn, Direction: d, Time: time.Since(c.start).Milliseconds(), Data: p}
	switch c.state {
	case upgraded:
		chunk.Conn = 0
		return c.file.Writer.Write(chunk)
	case plainHTTP:
		return c.recorder.plain(chunk)
	}

	chunk.Data = bytes.Clone(p)
	c.pending = append(c.pending, chunk)
	c.head[d] = append(c.head[d], p...)
	return c.decide()
}

// close ends the recording; an undecided one is plain HTTP.
func (c *recording) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case undecided:
		return c.becomePlain()
	case upgraded:
		return c.file.File.Close()
	}
	return nil
}

func (c *recording) decide() error {
	request, response := headEnd(c.head[ws.FromClient]), headEnd(c.head[ws.FromServer])
	switch {
	case request > 0 && !asksUpgrade(c.head[ws.FromClient][:request]):
		return c.becomePlain()
	case request > 0 && response > 0:
		if !isSwitching(c.head[ws.FromServer]) {
			return c.becomePlain()
		}
		return c.becomeUpgraded(request, response)
	case len(c.head[0]) > maxHead || len(c.head[1]) > maxHead:
		return c.becomePlain()
	}
	return nil
}

func (c *recording) becomePlain() error {
	c.state = plainHTTP
	for _, chunk := range c.pending {
		if err := c.recorder.plain(chunk); err != nil {
			return err
		}
	}
	c.pending, c.head = nil, [2][]byte{}
	return nil
}

// becomeUpgraded opens the file and writes what followed the heads.
func (c *recording) becomeUpgraded(request, response int) error {
	f, err := c.recorder.websocket(string(c.head[ws.FromClient][:request]), string(c.head[ws.FromServer][:response]))
	if err != nil {
		return err
	}
	c.state, c.file = upgraded, f
	skip := [2]int{ws.FromClient: request, ws.FromServer: response}
	for _, chunk := range c.pending {
		n := min(skip[chunk.Direction], len(chunk.Data))
		skip[chunk.Direction] -= n
		if n == len(chunk.Data) {
			continue
		}
		chunk.Conn, chunk.Data = 0, chunk.Data[n:]
		if err := f.Writer.Write(chunk); err != nil {
			return err
		}
	}
	c.pending, c.head = nil, [2][]byte{}
	return nil
}

// headEnd is the length of a complete message head, 0 when its end is missing.
func headEnd(p []byte) int {
	if i := bytes.Index(p, []byte("\r\n\r\n")); i >= 0 {
		return i + len("\r\n\r\n")
	}
	return 0
}

// asksUpgrade reports whether a request head has an Upgrade field that names
// websocket.
func asksUpgrade(head []byte) bool {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Upgrade") && strings.EqualFold(strings.TrimSpace(value), "websocket") {
			return true
		}
	}
	return false
}

func isSwitching(head []byte) bool {
	part := bytes.SplitN(head, []byte(" "), 3)
	return len(part) > 1 && bytes.HasPrefix(part[0], []byte("HTTP/1.")) && bytes.HasPrefix(part[1], []byte("101"))
}
