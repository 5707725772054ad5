package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// order is what the controller asks of the generator: one load, or a step of
// the idle measurement.
type order struct {
	Do      string // "load", "attack", "connect", "message" or "close"
	Port    int
	Conns   int
	Window  int // messages in flight per connection
	Size    int // bytes of payload
	Warm    time.Duration
	Measure time.Duration
	Worker  int // pids whose CPU is counted
	Backend int
}

// answer is what came of an order.
type answer struct {
	Err       string
	Messages  int
	Wall      time.Duration
	WorkerCPU time.Duration
	Waited    time.Duration // the worker's threads, for a CPU
	LoadCPU   time.Duration // generator and backend
	P50, P99  time.Duration
}

// runClient obeys the orders on standard input, one JSON object each, until it
// ends.
func runClient() error {
	debug.SetGCPercent(-1)
	c := &client{messages: make(map[int][][]byte), in: make([]byte, 256<<10)}
	orders, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			return nil
		}
		a, err := c.obey(o)
		if err != nil {
			a.Err = err.Error()
			c.close()
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
		runtime.GC()
	}
}

// client is the generator: it sends events, checks that each echo is
// byte-identical and notes how long it took.
type client struct {
	poll     *epoll
	conns    []*conn
	byFD     map[int]*conn
	messages map[int][][]byte // by size
	pool     [][]byte         // the size under way
	in       []byte
	latency  []time.Duration
	sending  bool
	inFlight int
	echoed   int
}

type conn struct {
	fd      int
	next    int // message of the pool to send
	expect  int // message of the pool to be echoed
	left    int // bytes of its payload to come
	header  []byte
	sentAt  []time.Time // ring over the window
	sent    int
	done    int
	out     []byte // what the socket did not take
	outbuf  []byte
	blocked bool
}

func (c *client) obey(o order) (answer, error) {
	switch o.Do {
	case "load":
		defer c.close()
		if err := c.connect(o); err != nil {
			return answer{}, err
		}
		return c.load(o)
	case "connect":
		return answer{}, c.connect(o)
	case "message":
		c.pool = c.chat(o.Size)
		c.sending = false
		for _, k := range c.conns {
			if err := c.push(k, 1); err != nil {
				return answer{}, err
			}
		}
		return answer{Messages: len(c.conns)}, c.run(time.Time{})
	case "attack":
		defer c.close()
		if err := c.connect(o); err != nil {
			return answer{}, err
		}
		c.pool, c.sending, c.echoed = [][]byte{[]byte(attack)}, false, 0
		if err := c.push(c.conns[0], 1); err != nil {
			return answer{}, err
		}
		if err := c.run(time.Time{}); err != nil && !errors.Is(err, errClosed) {
			return answer{}, err
		}
		return answer{Messages: c.echoed}, nil
	case "close":
		c.close()
		return answer{}, nil
	}
	return answer{}, fmt.Errorf("unknown order %q", o.Do)
}

func (c *client) chat(size int) [][]byte {
	if c.messages[size] == nil {
		c.messages[size] = chatMessages(size)
	}
	return c.messages[size]
}

func (c *client) close() {
	for _, k := range c.conns {
		syscall.Close(k.fd)
	}
	if c.poll != nil {
		syscall.Close(c.poll.fd)
	}
	c.conns, c.byFD, c.poll = nil, nil, nil
	c.inFlight = 0
}

// connect opens the connections one after the other. Each starts at another
// message of the pool.
func (c *client) connect(o order) error {
	var err error
	if c.poll, err = newEpoll(); err != nil {
		return err
	}
	c.byFD = make(map[int]*conn, o.Conns)
	for i := range o.Conns {
		fd, err := dial(o.Port)
		if err != nil {
			return err
		}
		k := &conn{fd: fd, next: i * 37, expect: i * 37, sentAt: make([]time.Time, max(1, o.Window))}
		c.conns = append(c.conns, k)
		c.byFD[fd] = k
		if err := upgrade(fd); err != nil {
			return fmt.Errorf("handshake of connection %d: %w", i, err)
		}
		if err := prepare(fd); err != nil {
			return err
		}
		if err := c.poll.add(fd, syscall.EPOLLIN); err != nil {
			return err
		}
	}
	return nil
}

// upgrade does the handshake on a blocking socket.
func upgrade(fd int) error {
	var nonce [16]byte
	rand.Read(nonce[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	timeout := syscall.NsecToTimeval(int64(noProgress))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout); err != nil {
		return err
	}
	request := "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n" +
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n"
	if _, _, err := write(fd, []byte(request)); err != nil {
		return err
	}

	// The backend says nothing before the first message, so what follows
	// the header is an error.
	var response []byte
	for !bytes.HasSuffix(response, []byte("\r\n\r\n")) {
		var b [1024]byte
		n, again, err := read(fd, b[:])
		if err != nil {
			return err
		}
		if again || n == 0 {
			return fmt.Errorf("no complete answer, got %q", response)
		}
		response = append(response, b[:n]...)
	}
	if !bytes.HasPrefix(response, []byte("HTTP/1.1 101 ")) {
		status, _, _ := strings.Cut(string(response), "\r\n")
		return fmt.Errorf("answer %q", status)
	}
	if !bytes.Contains(response, []byte("\r\nSec-WebSocket-Accept: "+acceptKey(key)+"\r\n")) {
		return errors.New("wrong Sec-WebSocket-Accept")
	}
	return nil
}

// load warms up, lets everything in flight come back, and measures from one
// such silence to the next: then all CPU and all messages belong together.
func (c *client) load(o order) (answer, error) {
	c.pool = c.chat(o.Size)
	if err := c.burst(o.Window, o.Warm); err != nil {
		return answer{}, err
	}

	before, err := cpuTimes(o.Worker, o.Backend, os.Getpid())
	if err != nil {
		return answer{}, err
	}
	start := time.Now()
	if err := c.burst(o.Window, o.Measure); err != nil {
		return answer{}, err
	}
	wall := time.Since(start)
	after, err := cpuTimes(o.Worker, o.Backend, os.Getpid())
	if err != nil {
		return answer{}, err
	}

	slices.Sort(c.latency)
	return answer{
		Messages:  c.echoed,
		Wall:      wall,
		WorkerCPU: after[0].sub(before[0]).run,
		Waited:    after[0].sub(before[0]).wait,
		LoadCPU:   after[1].sub(before[1]).run + after[2].sub(before[2]).run,
		P50:       c.latency[len(c.latency)/2],
		P99:       c.latency[len(c.latency)*99/100],
	}, nil
}

// burst keeps window messages in flight on every connection for d.
func (c *client) burst(window int, d time.Duration) error {
	c.echoed, c.latency = 0, c.latency[:0]
	c.sending = true
	until := time.Now().Add(d)
	for _, k := range c.conns {
		if err := c.push(k, window); err != nil {
			return err
		}
	}
	if err := c.run(until); err != nil {
		return err
	}

	// The kernel adds a thread's time when it leaves the CPU: let the
	// worker come to rest.
	time.Sleep(2 * time.Millisecond)
	return nil
}

// run serves the connections until nothing is in flight. After until, echoes
// are not followed by new messages.
func (c *client) run(until time.Time) error {
	for c.inFlight > 0 {
		events, err := c.poll.wait(noProgress)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("no echo within %v", noProgress)
		}
		for _, e := range events {
			k := c.byFD[int(e.Fd)]
			if e.Events&^syscall.EPOLLOUT != 0 {
				if err := c.receive(k); err != nil {
					return fmt.Errorf("waiting for the echo of %.160q: %w", c.pool[k.expect%len(c.pool)], err)
				}
			}
			if c.sending && !time.Now().Before(until) {
				c.sending = false
			}
			window := 0
			if c.sending {
				window = len(k.sentAt)
			}
			if err := c.push(k, window); err != nil {
				return err
			}
		}
	}
	return nil
}

// push flushes k and fills its window. Each message is written by itself, as an
// application does that emits one event after the other.
func (c *client) push(k *conn, window int) error {
	for {
		if len(k.out) == 0 {
			if k.sent-k.done >= window {
				break
			}
			m := c.pool[k.next%len(c.pool)]
			key := mrand.Uint32()
			k.outbuf = appendClientHeader(k.outbuf[:0], 0x81, len(m), key)
			k.outbuf = appendMasked(k.outbuf, m, key)
			k.out = k.outbuf
			k.sentAt[k.sent%len(k.sentAt)] = time.Now()
			k.sent++
			k.next++
			c.inFlight++
		}
		n, again, err := write(k.fd, k.out)
		if err != nil {
			return err
		}
		if again {
			break
		}
		k.out = k.out[n:]
	}
	if blocked := len(k.out) > 0; blocked != k.blocked {
		k.blocked = blocked
		events := uint32(syscall.EPOLLIN)
		if blocked {
			events |= syscall.EPOLLOUT
		}
		return c.poll.modify(k.fd, events)
	}
	return nil
}

// errClosed is what becomes of a connection that sent an attack.
var errClosed = errors.New("connection closed, by a Close frame or without")

// receive reads once and checks it against the messages that are due.
func (c *client) receive(k *conn) error {
	n, again, err := read(k.fd, c.in)
	if again {
		return nil
	}
	if err == syscall.ECONNRESET {
		return errClosed
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return errClosed
	}
	now := time.Now()
	for data := c.in[:n]; len(data) > 0; {
		if k.left == 0 {
			k.header = append(k.header, data[0])
			data = data[1:]
			h, err := parseHeader(k.header)
			if err != nil {
				return err
			}
			if h.size == 0 {
				continue
			}
			if h.first == 0x88 {
				return errClosed
			}
			if k.sent == k.done || h.first != 0x81 || h.masked || h.length != len(c.pool[k.expect%len(c.pool)]) {
				return fmt.Errorf("unexpected frame header % x", k.header)
			}
			k.header = k.header[:0]
			k.left = h.length
			continue
		}
		m := c.pool[k.expect%len(c.pool)]
		part := data[:min(len(data), k.left)]
		if at := len(m) - k.left; !bytes.Equal(part, m[at:at+len(part)]) {
			return errors.New("echo differs from the message")
		}
		data = data[len(part):]
		k.left -= len(part)
		if k.left == 0 {
			c.latency = append(c.latency, now.Sub(k.sentAt[k.done%len(k.sentAt)]))
			k.done++
			k.expect++
			c.inFlight--
			c.echoed++
		}
	}
	return nil
}
