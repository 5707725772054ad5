//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/ws"
	"wsi/gobridge/internal/wstest"
)

const (
	xss  = "<script>alert(1)</script>"
	sqli = "' OR 1=1 -- "

	key     = "dGhlIHNhbXBsZSBub25jZQ=="
	deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
)

// peer is one end of a connection through NGINX.
type peer struct {
	testing.TB
	net.Conn
	r *bufio.Reader
}

func newPeer(t testing.TB, c net.Conn) *peer {
	t.Cleanup(func() { c.Close() })
	return &peer{TB: t, Conn: c, r: bufio.NewReaderSize(c, 64<<10)}
}

// client connects to NGINX.
func (n *nginx) client() *peer {
	n.Helper()
	c, err := net.DialTimeout("tcp", n.addr, patience)
	require.NoError(n, err)
	if n.tls {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	return newPeer(n, c)
}

// accept takes the next connection of NGINX to the backend.
func (n *nginx) accept() *peer {
	n.Helper()
	type result struct {
		net.Conn
		error
	}
	ch := make(chan result, 1)
	go func() {
		c, err := n.backend.Accept()
		ch <- result{c, err}
	}()
	select {
	case r := <-ch:
		require.NoError(n, r.error)
		return newPeer(n, r.Conn)
	case <-time.After(patience):
		require.FailNow(n, "NGINX does not connect to the backend")
		return nil
	}
}

// request is a handshake for target, with more header lines.
func request(target string, lines ...string) []byte {
	return []byte("GET " + target + " HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\n" +
		"Connection: Upgrade\r\nSec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n" +
		strings.Join(lines, "") + "\r\n")
}

// response is the 101 to request, with more header lines.
func response(lines ...string) []byte { return responseTo(key, lines...) }

func responseTo(key string, lines ...string) []byte {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" +
		strings.Join(lines, "") + "\r\n")
}

// connect opens a WebSocket connection through NGINX.
func (n *nginx) connect(lines ...string) (client, backend *peer) {
	n.Helper()
	return n.connectTo("/", lines...)
}

func (n *nginx) connectTo(target string, lines ...string) (client, backend *peer) {
	n.Helper()
	client = n.client()
	client.send(request(target, lines...))
	backend = n.accept()
	backend.head()
	backend.send(response(lines...))
	require.Contains(n, client.head(), "HTTP/1.1 101 ")
	return client, backend
}

func (p *peer) send(b ...[]byte) {
	p.Helper()
	require.NoError(p, p.SetWriteDeadline(time.Now().Add(patience)))
	_, err := p.Conn.Write(bytes.Join(b, nil))
	require.NoError(p, err)
}

// dribble sends b byte by byte.
func (p *peer) dribble(b []byte) {
	p.Helper()
	for i := range b {
		p.send(b[i : i+1])
	}
}

// halfClose ends what p sends.
func (p *peer) halfClose() {
	p.Helper()
	require.NoError(p, p.Conn.(interface{ CloseWrite() error }).CloseWrite())
}

// reset closes so that the other side sees RST.
func (p *peer) reset() {
	p.Helper()
	if c, ok := p.Conn.(*net.TCPConn); ok {
		require.NoError(p, c.SetLinger(0))
	}
	p.Conn.Close()
}

func (p *peer) patiently() {
	p.Helper()
	require.NoError(p, p.SetReadDeadline(time.Now().Add(patience)))
}

// head reads an HTTP head.
func (p *peer) head() string {
	p.Helper()
	p.patiently()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		line, err := p.r.ReadString('\n')
		b.WriteString(line)
		require.NoError(p, err, "after %q", b.String())
	}
	return b.String()
}

// status reads a response's head and returns its status.
func (p *peer) status() string {
	p.Helper()
	h := p.head()
	require.Regexp(p, `^HTTP/1.1 \d\d\d `, h)
	return h[9:12]
}

// expect reads exactly b.
func (p *peer) expect(b ...[]byte) {
	p.Helper()
	want := bytes.Join(b, nil)
	got := make([]byte, len(want))
	p.patiently()
	n, err := io.ReadFull(p.r, got)
	require.NoError(p, err, "%d of %d bytes came", n, len(want))
	if !bytes.Equal(want, got) {
		at := 0
		for got[at] == want[at] {
			at++
		}
		require.FailNowf(p, "other bytes", "from byte %d of %d: %x instead of %x", at, len(want),
			got[at:min(at+32, len(got))], want[at:min(at+32, len(want))])
	}
}

// rest reads until the end of the stream, which has to be a clean one.
func (p *peer) rest() []byte {
	p.Helper()
	p.patiently()
	b, err := io.ReadAll(p.r)
	require.NoError(p, err, "after %d bytes", len(b))
	return b
}

// frame reads one frame and returns its header and its unmasked payload.
func (p *peer) frame() (frame.Header, []byte) {
	p.Helper()
	p.patiently()
	b := make([]byte, 0, frame.MaxHeader)
	for {
		c, err := p.r.ReadByte()
		require.NoError(p, err, "in a frame header, after %x", b)
		b = append(b, c)
		h, n := frame.ParseHeader(b)
		if n == 0 {
			continue
		}
		payload := make([]byte, h.Length)
		_, err = io.ReadFull(p.r, payload)
		require.NoError(p, err)
		for i := range payload {
			payload[i] ^= h.Mask[i&3]
		}
		return h, payload
	}
}

// closed demands a Close frame of that code as the last frame, and then the
// end of the stream. From NGINX to a backend it has to be masked.
func (p *peer) closed(masked bool, code ws.CloseCode) {
	p.Helper()
	h, payload := p.frame()
	require.Equal(p, ws.OpClose, h.Opcode)
	require.Equal(p, masked, h.Masked)
	require.Equal(p, []byte{byte(code >> 8), byte(code)}, payload)
	require.Empty(p, p.rest(), "behind the Close frame")
}

// dropped demands that a connection was dropped: the attacker learns why, and
// the backend has nothing but that.
func dropped(client, backend *peer, code ws.CloseCode) {
	client.Helper()
	client.closed(false, code)
	backend.closed(true, code)
}

// talk demands that text goes through in both directions.
func talk(client, backend *peer) {
	client.Helper()
	m := wstest.Text("how are you?").Bytes()
	client.send(m)
	backend.expect(m)
	m = server("fine, and you?").Bytes()
	backend.send(m)
	client.expect(m)
}

var mask = &[4]byte{0x37, 0xfa, 0x21, 0x3d}

// text is a message of a client; more, next and last are one in fragments.
func text(s string) []byte { return wstest.Text(s).Bytes() }

func more(s string) []byte {
	return wstest.Frame{More: true, Opcode: ws.OpText, Mask: mask, Payload: []byte(s)}.Bytes()
}

func next(s string) []byte {
	return wstest.Frame{More: true, Opcode: ws.OpContinuation, Mask: mask, Payload: []byte(s)}.Bytes()
}

func last(s string) []byte {
	return wstest.Frame{Opcode: ws.OpContinuation, Mask: mask, Payload: []byte(s)}.Bytes()
}

func ping(s string) []byte {
	return wstest.Frame{Opcode: ws.OpPing, Mask: mask, Payload: []byte(s)}.Bytes()
}

// compressed is a message of permessage-deflate without context takeover.
func compressed(s string) []byte {
	return wstest.Frame{RSV: 4, Opcode: ws.OpText, Mask: mask, Payload: deflated(s)}.Bytes()
}

func deflated(s string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression)
	io.WriteString(w, s)
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// server is a text frame of a server.
func server(s string) wstest.Frame {
	return wstest.Frame{Opcode: ws.OpText, Payload: []byte(s)}
}

// prose is ordinary text of n bytes.
func prose(n int) string {
	const s = "It's a fine day for a walk by the river, isn't it? We will be there at 10, with cake. "
	return strings.Repeat(s, n/len(s)+1)[:n]
}

var certificate = func() func(testing.TB) (cert, key string) {
	var once sync.Once
	var certPEM, keyPEM string
	return func(t testing.TB) (string, string) {
		once.Do(func() {
			k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			require.NoError(t, err)
			now := time.Now()
			c := &x509.Certificate{
				SerialNumber: big.NewInt(1),
				Subject:      pkix.Name{CommonName: "chat.example"},
				NotBefore:    now.Add(-time.Hour),
				NotAfter:     now.Add(time.Hour),
			}
			der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
			require.NoError(t, err)
			raw, err := x509.MarshalPKCS8PrivateKey(k)
			require.NoError(t, err)
			certPEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
			keyPEM = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
		})
		return certPEM, keyPEM
	}
}()

func tlsListener(t testing.TB, l net.Listener) net.Listener {
	certPEM, keyPEM := certificate(t)
	pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	require.NoError(t, err)
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})
}

func readFull(p *peer, b []byte) (int, error) { return io.ReadFull(p.r, b) }

func dial(addr string) (net.Conn, error) { return net.DialTimeout("tcp", addr, patience) }

// skipHead reads to the end of an HTTP head, from any goroutine.
func (p *peer) skipHead() {
	for {
		line, err := p.r.ReadString('\n')
		if err != nil || line == "\r\n" {
			return
		}
	}
}

// message reads one unfragmented frame, from any goroutine.
func (p *peer) message() (payload []byte, op ws.Opcode, err error) {
	var b []byte
	for {
		c, err := p.r.ReadByte()
		if err != nil {
			return nil, 0, err
		}
		b = append(b, c)
		h, n := frame.ParseHeader(b)
		if n == 0 {
			continue
		}
		payload = make([]byte, h.Length)
		_, err = io.ReadFull(p.r, payload)
		for i := range payload {
			payload[i] ^= h.Mask[i&3]
		}
		return payload, h.Opcode, err
	}
}

// drain reads until the stream ends in any way.
func (p *peer) drain() []byte {
	p.Helper()
	p.patiently()
	b, err := io.ReadAll(p.r)
	require.False(p, isTimeout(err), "the connection stays open")
	return b
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// until reads until s has come.
func (p *peer) until(s string) {
	p.Helper()
	p.patiently()
	var b []byte
	for !bytes.HasSuffix(b, []byte(s)) {
		c, err := p.r.ReadByte()
		require.NoError(p, err, "after %q", b)
		b = append(b, c)
	}
}
