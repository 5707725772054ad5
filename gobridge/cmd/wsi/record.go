package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"wsi/gobridge/internal/capture"
	"wsi/gobridge/internal/ws"
)

const recordHelp = `Usage: wsi record --listen ADDR --target ADDR --out DIR

Relays TCP connections from ADDR to the target and records them, until it is
interrupted. DIR gets one <start>-ws<n>.jsonl for each WebSocket connection and
one <start>.http.jsonl for all others. The recordings hold everything that was
sent, credentials too; only their owner can read them. TLS is not decoded.

Options:
  --listen ADDR   host:port to accept on; without a host 127.0.0.1
  --target ADDR   host:port of the server
  --out DIR       directory of the recordings, made when it is missing
  --help          this text

Exit status: 0 interrupted, 2 on an error.
`

const (
	// maxConnections bounds the memory of the recorder; more wait in the
	// accept queue.
	maxConnections = 1024
	// maxHead is the longest message head that is still looked at for an
	// upgrade.
	maxHead    = 64 << 10
	bufferSize = 32 << 10
)

func record(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("record", flag.ContinueOnError)
	listen := fs.String("listen", "", "")
	target := fs.String("target", "", "")
	dir := fs.String("out", "", "")
	if code, ok := parse(fs, recordHelp, args, stdout, stderr); !ok {
		return code
	}
	if *listen == "" || *target == "" || *dir == "" || fs.NArg() > 0 {
		return fail(stderr, "record", errors.New("--listen, --target and --out are required, and nothing else"))
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := recordUntil(ctx, *listen, *target, *dir, stdout, stderr); err != nil {
		return fail(stderr, "record", err)
	}
	return exitOK
}

// recordUntil records until ctx ends, or until a recording cannot be written.
func recordUntil(ctx context.Context, listen, target, dir string, stdout, stderr io.Writer) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { ln.Close() })

	start := time.Now()
	r := &recorder{
		target: target,
		start:  start,
		base:   filepath.Join(dir, start.UTC().Format("20060102T150405.000")),
		stderr: stderr,
		cancel: cancel,
	}
	fmt.Fprintf(stdout, "listening on %s, recording to %s\n", ln.Addr(), dir)

	var wg sync.WaitGroup
	slots := make(chan struct{}, maxConnections)
	for {
		slots <- struct{}{}
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() == nil {
				r.fail(err)
			}
			break
		}
		wg.Go(func() {
			r.serve(ctx, conn.(*net.TCPConn))
			<-slots
		})
	}
	wg.Wait()
	if r.http != nil {
		if err := r.http.File.Close(); err != nil {
			r.fail(err)
		}
	}
	return r.err
}

// recorder is what all connections share.
type recorder struct {
	target string
	start  time.Time
	base   string // of all file names
	cancel context.CancelFunc

	mu     sync.Mutex
	stderr io.Writer
	err    error // the first that ended the recording
	conns  int
	ws     int
	http   *file // opened with the first connection that was not upgraded
}

// file is one recording being written.
type file struct {
	*os.File
	*capture.Writer
}

func (r *recorder) create(path string, h capture.Header) (*file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w, err := capture.NewWriter(f, h)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &file{f, w}, nil
}

// websocket opens the recording of one upgraded connection.
func (r *recorder) websocket(request, response string) (*file, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	path := fmt.Sprintf("%s-ws%d.jsonl", r.base, r.ws)
	r.ws++
	return r.create(path, capture.Header{
		Request: &request, Response: &response,
		Name: name(path), Kind: capture.KindWebSocket,
	})
}

// plain writes a chunk of a connection that was not upgraded.
func (r *recorder) plain(c capture.Chunk) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.http == nil {
		path := r.base + ".http.jsonl"
		f, err := r.create(path, capture.Header{Name: name(path), Kind: capture.KindHTTP})
		if err != nil {
			return err
		}
		r.http = f
	}
	return r.http.Writer.Write(c)
}

// fail ends the recording because of err.
func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	r.cancel()
}

// warn reports what concerns one connection only.
func (r *recorder) warn(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.stderr, "wsi record: %v\n", err)
}

func name(path string) string {
	base := filepath.Base(path)
	return base[:len(base)-len(".jsonl")]
}

// serve relays one connection to its end.
func (r *recorder) serve(ctx context.Context, client *net.TCPConn) {
	defer client.Close()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.target)
	if err != nil {
		r.warn(err)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	stop := context.AfterFunc(ctx, func() {
		client.Close()
		server.Close()
	})
	defer stop()

	r.mu.Lock()
	r.conns++
	rec := &recording{recorder: r, conn: r.conns}
	r.mu.Unlock()

	var wg sync.WaitGroup
	wg.Go(func() { r.relay(rec, ws.FromClient, client, server) })
	wg.Go(func() { r.relay(rec, ws.FromServer, server, client) })
	wg.Wait()
	if err := rec.close(); err != nil {
		r.fail(err)
	}
}

// relay copies one direction, recording each read before it is passed on: so
// an answer never stands before its question.
func (r *recorder) relay(rec *recording, d ws.Direction, src, dst *net.TCPConn) {
	buf := make([]byte, bufferSize)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if err := rec.add(d, buf[:n]); err != nil {
				r.fail(err)
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				// Nobody reads any more: end the other direction too.
				src.Close()
				dst.Close()
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				dst.CloseWrite()
			} else {
				src.Close()
				dst.Close()
			}
			return
		}
	}
}
