package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

// backend is the application behind NGINX: it answers the handshake and echoes
// every message. It ends when its standard input does.
type backend struct {
	poll  *epoll
	conns map[int]*peer
	in    []byte // shared by the connections that hold no partial frame
	out   []byte
}

type peer struct {
	fd       int
	upgraded bool
	in       []byte // start of a frame or of the request
	out      []byte // what the socket did not take; reading waits for it
	sent     int    // bytes of out that it took later
}

func runBackend() error {
	// The loop never leaves its P, so that a collection begun under load
	// would not end.
	debug.SetGCPercent(-1)
	fd, port, err := listen()
	if err != nil {
		return err
	}
	poll, err := newEpoll()
	if err != nil {
		return err
	}
	if err := poll.add(fd, syscall.EPOLLIN); err != nil {
		return err
	}
	if err := poll.add(0, syscall.EPOLLIN); err != nil {
		return err
	}
	fmt.Println(port)

	b := &backend{poll: poll, conns: make(map[int]*peer), in: make([]byte, 256<<10)}
	for {
		events, err := poll.wait(-1)
		if err != nil {
			return err
		}
		for _, e := range events {
			switch int(e.Fd) {
			case 0:
				return nil
			case fd:
				b.accept(fd)
			default:
				b.serve(b.conns[int(e.Fd)])
			}
		}
	}
}

func (b *backend) accept(listener int) {
	for {
		fd, _, err := syscall.Accept4(listener, syscall.SOCK_CLOEXEC)
		if err != nil {
			if err != syscall.EAGAIN {
				fmt.Fprintln(os.Stderr, "bench: backend: accept:", err)
			}
			return
		}
		if err = prepare(fd); err == nil {
			err = b.poll.add(fd, syscall.EPOLLIN)
		}
		if err != nil {
			syscall.Close(fd)
			continue
		}
		b.conns[fd] = &peer{fd: fd}
	}
}

func (b *backend) serve(p *peer) {
	if err := b.step(p); err != nil {
		delete(b.conns, p.fd)
		syscall.Close(p.fd)
		if len(b.conns) == 0 {
			runtime.GC()
		}
	}
}

// step flushes, or reads once and answers what that completed. Any error,
// the end of the connection included, means to close it.
func (b *backend) step(p *peer) error {
	if len(p.out) > 0 {
		n, again, err := write(p.fd, p.out[p.sent:])
		if again || err != nil {
			return err
		}
		if p.sent += n; p.sent < len(p.out) {
			return nil
		}
		p.out, p.sent = p.out[:0], 0
		return b.poll.modify(p.fd, syscall.EPOLLIN)
	}

	data, err := b.receive(p)
	if err != nil || data == nil {
		return err
	}
	used := 0
	for {
		answer := b.echo
		if !p.upgraded {
			answer = b.handshake
		}
		b.out = b.out[:0]
		n, err := answer(data[used:])
		if err != nil {
			return err
		}
		if n == 0 {
			p.keep(data[used:])
			return nil
		}
		used += n
		p.upgraded = true
		if err := b.send(p); err != nil {
			return err
		}
	}
}

// receive returns the unanswered bytes of p, nil when there is nothing new. A
// frame that is known to be longer than the shared buffer gets its own.
func (b *backend) receive(p *peer) ([]byte, error) {
	buf, held := b.in, len(p.in)
	if held > 0 {
		if h, err := parseHeader(p.in); err != nil {
			return nil, err
		} else if p.upgraded && h.size+h.length > len(b.in) {
			if total := h.size + h.length; cap(p.in) < total {
				p.in = append(make([]byte, 0, total), p.in...)
			}
			buf = p.in[:cap(p.in)]
		} else {
			copy(buf, p.in)
		}
	}
	if held == len(buf) {
		return nil, errFrame
	}
	n, again, err := read(p.fd, buf[held:])
	if again || err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, syscall.ECONNRESET
	}
	return buf[:held+n], nil
}

// keep stores an incomplete rest, which may lie in p.in already.
func (p *peer) keep(rest []byte) {
	if len(rest) == 0 {
		// Not its memory: the next frame of that size comes soon, or
		// never, when the connection only idles.
		if cap(p.in) < 64<<10 {
			p.in = nil
		}
		p.in = p.in[:0]
		return
	}
	if cap(p.in) > 0 && &p.in[:1][0] == &rest[0] {
		p.in = p.in[:len(rest)]
		return
	}
	p.in = append(p.in[:0], rest...)
}

// send writes each answer by itself, as an application does that emits one
// event after the other, until the socket is full.
func (b *backend) send(p *peer) error {
	if len(p.out) > 0 {
		p.out = append(p.out, b.out...)
		return nil
	}
	n, _, err := write(p.fd, b.out)
	if err != nil || n == len(b.out) {
		return err
	}
	p.out = append(p.out, b.out[n:]...)
	return b.poll.modify(p.fd, syscall.EPOLLOUT)
}

// handshake answers the request in data and returns its length, 0 as long as
// it is incomplete.
func (b *backend) handshake(data []byte) (int, error) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	end += 4
	const name = "\nsec-websocket-key:"
	at := bytes.Index(bytes.ToLower(data[:end]), []byte(name))
	if at < 0 {
		return 0, errors.New("no Sec-WebSocket-Key")
	}
	key, _, _ := bytes.Cut(data[at+len(name):end], []byte("\r"))
	b.out = append(b.out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b.out = append(b.out, acceptKey(string(bytes.TrimSpace(key)))...)
	b.out = append(b.out, "\r\n\r\n"...)
	return end, nil
}

// acceptKey is RFC 6455 section 4.2.2, item 5.4.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// echo appends the answer to the frame that data starts with and returns the
// frame's length, 0 as long as it is incomplete.
func (b *backend) echo(data []byte) (int, error) {
	h, err := parseHeader(data)
	if err != nil || h.size == 0 || len(data) < h.size+h.length {
		return 0, err
	}
	if !h.masked {
		return 0, errFrame
	}
	b.out = appendServerHeader(b.out, h.first, h.length)
	b.out = appendMasked(b.out, data[h.size:h.size+h.length], h.key)
	return h.size + h.length, nil
}
