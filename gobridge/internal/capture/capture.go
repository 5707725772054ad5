// Package capture reads and writes recorded connections as lines of JSON.
//
// The first line is the header: the raw texts of the opening handshake, the
// name of the recording and its kind. Each line after it is one chunk as read
// from TCP: direction, milliseconds since the recording began, bytes in
// base64. A file of kind "http" holds connections that were not upgraded: its
// header has no texts, and each chunk has the number of its connection.
package capture

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"wsi/gobridge/internal/ws"
)

// The kinds of recordings.
const (
	KindWebSocket = "websocket"
	KindHTTP      = "http"
)

// MaxLine bounds one line in bytes: it is all that a reader buffers.
const MaxLine = 32 << 20

// maxTime is as far as milliseconds stay exact in a JSON number.
const maxTime = 1 << 53

// Header is the first line.
type Header struct {
	Request  *string `json:"request"`  // nil in a file of kind "http"
	Response *string `json:"response"` // nil in a file of kind "http"
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
}

// Chunk is one read.
type Chunk struct {
	Conn      int // number of the connection, 0 when the file has only one
	Direction ws.Direction
	Time      int64 // milliseconds
	Data      []byte
}

// line is a chunk as it stands in the file.
type line struct {
	Conn int     `json:"conn,omitempty"`
	Dir  string  `json:"dir"`
	Time float64 `json:"t"`
	B64  []byte  `json:"b64"`
}

// Reader reads one recording. Its errors name the file and the line.
type Reader struct {
	Header Header

	name string
	n    int
	scan *bufio.Scanner
	file *os.File
}

// Open opens the recording at path and reads its header.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.file = f
	return r, nil
}

// NewReader reads the header from src. name stands for it in errors.
func NewReader(src io.Reader, name string) (*Reader, error) {
	r := &Reader{name: name, scan: bufio.NewScanner(src)}
	r.scan.Buffer(nil, MaxLine)

	text, err := r.next()
	if errors.Is(err, io.EOF) {
		r.n = 1
		return nil, r.errorf("no header line")
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &r.Header); err != nil {
		return nil, r.errorf("%w", err)
	}
	h := &r.Header
	switch {
	case h.Kind != KindWebSocket && h.Kind != KindHTTP:
		return nil, r.errorf("header of kind %q", h.Kind)
	case h.Kind == KindWebSocket && (h.Request == nil || h.Response == nil):
		return nil, r.errorf("header without request or response")
	}
	return r, nil
}

// Next returns the next chunk, io.EOF behind the last.
func (r *Reader) Next() (Chunk, error) {
	text, err := r.next()
	if err != nil {
		return Chunk{}, err
	}
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return Chunk{}, r.errorf("%w", err)
	}
	c := Chunk{Conn: l.Conn, Time: int64(l.Time), Data: l.B64}
	switch l.Dir {
	case ws.FromClient.String():
		c.Direction = ws.FromClient
	case ws.FromServer.String():
		c.Direction = ws.FromServer
	default:
		return Chunk{}, r.errorf("dir is %q, not c2s or s2c", l.Dir)
	}
	if l.Time < 0 || l.Time > maxTime {
		return Chunk{}, r.errorf("t is %g", l.Time)
	}
	if l.B64 == nil {
		return Chunk{}, r.errorf("no b64")
	}
	return c, nil
}

// Line is the number of the line read last, from 1.
func (r *Reader) Line() int { return r.n }

// Close closes what Open opened.
func (r *Reader) Close() error { return r.file.Close() }

// next returns the next line that is not empty.
func (r *Reader) next() ([]byte, error) {
	for r.scan.Scan() {
		r.n++
		if text := r.scan.Bytes(); len(text) > 0 {
			return text, nil
		}
	}
	if err := r.scan.Err(); err != nil {
		r.n++
		return nil, r.errorf("%w", err)
	}
	return nil, io.EOF
}

func (r *Reader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{r.name, r.n}, args...)...)
}

// Writer writes one recording. It does not buffer.
type Writer struct {
	enc *json.Encoder
}

// NewWriter writes the header to dst.
func NewWriter(dst io.Writer, h Header) (*Writer, error) {
	w := &Writer{enc: json.NewEncoder(dst)}
	w.enc.SetEscapeHTML(false)
	return w, w.enc.Encode(h)
}

// Write appends c.
func (w *Writer) Write(c Chunk) error {
	data := c.Data
	if data == nil {
		data = []byte{}
	}
	return w.enc.Encode(line{c.Conn, c.Direction.String(), float64(c.Time), data})
}
