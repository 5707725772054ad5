package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"wsi/gobridge/internal/frame"
	"wsi/gobridge/internal/ws"
)

const checkHelp = `Usage: wsi check [OPTION...] ws://HOST[:PORT]/PATH

Says whether a WebSocket endpoint is inspected: it connects, sends a harmless
message, and then two attacks that do nothing (script and SQL in a text). An
endpoint of socket.io is known by its path, /socket.io/.

Options:
  --log FILE          the event log, to tell monitoring from no inspection
  --framework NAME    plain or socket.io, where the path does not tell
  --message TEMPLATE  the message, %s in it is the text: '{"say":"%s"}'
  --header 'N: V'     a header of the handshake; may be given several times
  --protocol NAME     the subprotocol to offer
  --insecure          take any certificate
  --timeout TIME      for each step (5s)
  --json              one JSON object
  --help              this text

Exit status: 0 inspected and blocked, 1 inspected and not blocked (monitoring),
3 not blocked and not seen to be inspected, 2 it could not be found out.
`

const (
	exitMonitored   = 1
	exitUninspected = 3
)

// quietTime is how long the check waits for more when the other side has shown
// that it is there.
const quietTime = 400 * time.Millisecond

// checkReport is the output.
type checkReport struct {
	URL       string      `json:"url"`
	Framework string      `json:"framework"`
	Handshake float64     `json:"handshake_ms"`
	Steps     []checkStep `json:"steps"`
	Verdict   string      `json:"verdict"`
	Hint      string      `json:"hint,omitempty"`
}

// checkStep is one message that was sent.
type checkStep struct {
	Name    string  `json:"name"`
	Outcome string  `json:"outcome"` // answered, open, blocked, closed, refused
	Time    float64 `json:"ms"`      // until the answer or the end
	Code    int     `json:"close_code,omitempty"`
	Event   string  `json:"event,omitempty"` // what the log says of it
}

// checker is what all connections of one check share.
type checker struct {
	target    *url.URL
	socketIO  bool
	template  string
	header    http.Header
	protocol  string
	insecure  bool
	timeout   time.Duration
	token     string
	log       string
	logOffset int64
}

func check(args []string, stdout, stderr io.Writer) int {
	var headers stringList
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.Var(&headers, "header", "")
	log := flags.String("log", "", "")
	framework := flags.String("framework", "", "")
	message := flags.String("message", "%s", "")
	protocol := flags.String("protocol", "", "")
	insecure := flags.Bool("insecure", false, "")
	timeout := flags.Duration("timeout", 5*time.Second, "")
	asJSON := flags.Bool("json", false, "")
	if code, ok := parse(flags, checkHelp, args, stdout, stderr); !ok {
		return code
	}
	if flags.NArg() != 1 {
		return fail(stderr, "check", errors.New("one URL, ws://host/path"))
	}
	c, err := newChecker(flags.Arg(0), *framework, *message, headers)
	if err != nil {
		return fail(stderr, "check", err)
	}
	c.protocol, c.insecure, c.timeout, c.log = *protocol, *insecure, *timeout, *log

	report := checkReport{URL: c.target.String(), Framework: "plain", Steps: []checkStep{}}
	if c.socketIO {
		report.Framework = "socket.io"
	}
	code, err := c.run(&report)
	if err != nil {
		report.Verdict, report.Hint = "unknown: "+err.Error(), advice(err)
		code = exitError
	}
	if *asJSON {
		json.NewEncoder(stdout).Encode(&report)
	} else {
		report.print(stdout)
	}
	return code
}

// errAdvised has what to do about it.
type errAdvised struct {
	error
	advice string
}

// advice says what to do about err, if that is known.
func advice(err error) string {
	var a errAdvised
	var record tls.RecordHeaderError
	var timeout net.Error
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &a):
		return a.advice
	case errors.As(err, &certificate):
		return "SSL_CERT_FILE=FILE in the environment has the authority of the certificate, --insecure takes any"
	case errors.As(err, &record):
		return "no TLS is spoken there: ws:// instead of wss://"
	case errors.As(err, &name):
		return "the name has no address here"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: is NGINX running, and is it this address and port?"
	case isReset(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "a port that speaks TLS wants wss://; else NGINX's error_log says who ended the connection"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "--timeout gives it longer; a port without TLS wants ws://; else NGINX's error_log says what the backend does"
	}
	return ""
}

// refused is that the handshake was not answered with 101.
func refused(res *http.Response) error {
	err := fmt.Errorf("the handshake was answered with %s", strings.Trim(plain(res.Status), `"`))
	switch res.StatusCode {
	case http.StatusOK, http.StatusUpgradeRequired, http.StatusBadRequest:
		return errAdvised{err, "not a WebSocket, or NGINX does not hand on the upgrade: the location wants proxy_http_version 1.1, " +
			"proxy_set_header Upgrade $http_upgrade and proxy_set_header Connection upgrade; --header and --protocol add to the handshake"}
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return errAdvised{err, "it leads to " + strings.Trim(plain(res.Header.Get("Location")), `"`) + ": is the WebSocket there?"}
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return errAdvised{err, "--header has what its clients send: 'Cookie: ...', 'Authorization: ...', 'Origin: ...'; " +
			"if the module refused it, the event log says why"}
	case http.StatusNotFound:
		return errAdvised{err, "is this the path, with or without the slash at its end? Of socket.io it is /socket.io/"}
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errAdvised{err, "the backend does not answer, or not with a right 101: NGINX's error_log says which"}
	case http.StatusTooManyRequests:
		return errAdvised{err, "a limit of connections or requests: wait, or ask from an address without one"}
	}
	return err
}

func newChecker(target, framework, message string, headers []string) (*checker, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "ws", "wss":
	case "http", "https":
		u.Scheme = "ws" + strings.TrimPrefix(u.Scheme, "http")
	default:
		return nil, fmt.Errorf("%s: a URL begins with ws:// or wss://", target)
	}
	if u.Host == "" {
		return nil, fmt.Errorf("%s: no host", target)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if !strings.Contains(message, "%s") {
		return nil, errors.New("--message has no %s for the text")
	}
	token := make([]byte, 8)
	rand.Read(token)
	c := &checker{target: u, template: message, header: http.Header{}, token: "wsi-check-" + hex.EncodeToString(token)}
	switch framework {
	case "":
		c.socketIO = strings.Contains(u.Path, "/socket.io") || u.Query().Has("EIO")
	case "socket.io":
		if c.socketIO = true; u.Path == "/" {
			u.Path = "/socket.io/"
		}
	case "plain":
	default:
		return nil, fmt.Errorf("--framework %s: plain or socket.io", framework)
	}
	if c.socketIO {
		q := u.Query()
		if !q.Has("EIO") {
			q.Set("EIO", "4")
		}
		q.Set("transport", "websocket")
		u.RawQuery = q.Encode()
	}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("--header %q: 'Name: value'", h)
		}
		c.header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return c, nil
}

// run is the check; it returns the exit status.
func (c *checker) run(r *checkReport) (int, error) {
	if c.log != "" {
		// NGINX may have to make it; its directory is there.
		if f, err := os.Open(c.log); err == nil {
			info, err := f.Stat()
			f.Close()
			switch {
			case err != nil:
				return 0, err
			case info.IsDir():
				return 0, fmt.Errorf("%s is a directory", c.log)
			}
			c.logOffset = info.Size()
		} else if _, dirErr := os.Stat(filepath.Dir(c.log)); dirErr != nil || !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	attacks := []struct{ name, text string }{
		{"harmless", "hello, this is " + c.token},
		{"xss", "<script>alert(1)</script> " + c.token},
		{"sqli", "' OR 1=1 -- " + c.token},
	}
	blocked, logged := 0, 0
	for i, a := range attacks {
		conn, took, err := c.connect()
		if err != nil {
			return 0, err
		}
		if i == 0 {
			r.Handshake = ms(took)
		}
		step, err := c.send(conn, a.name, a.text)
		conn.Close()
		if err != nil {
			return 0, err
		}
		if i > 0 && c.log != "" {
			step.Event = c.logged(a.name)
			// With another code, or alone: see wallarm_websocket_action.
			if step.Outcome != "answered" && strings.Contains(step.Event, ", blocked, ") {
				step.Outcome = "blocked"
			}
		}
		r.Steps = append(r.Steps, step)
		switch {
		case i == 0 && step.Outcome != "answered" && step.Outcome != "open":
			what := "ended without a Close frame"
			if step.Code != 0 {
				what = fmt.Sprintf("closed with %d", step.Code)
			}
			help := "--message says what this endpoint expects, --header and --protocol what its handshake needs"
			if step.Outcome == "blocked" {
				help += "; if it was the module, the event log says why"
			}
			return 0, errAdvised{fmt.Errorf("the connection was %s at the harmless message", what), help}
		case i > 0 && step.Outcome == "closed":
			return 0, errAdvised{fmt.Errorf("the connection was closed with %d, not with 1008: that may be the application", step.Code),
				"if it is the code of wallarm_websocket_action, --log FILE, the event log, says what became of it"}
		case i > 0 && step.Outcome == "blocked":
			blocked++
		}
		if step.Event != "" {
			logged++
		}
	}
	switch n := len(attacks) - 1; {
	case blocked == n:
		r.Verdict = "inspected and blocked"
		return exitOK, nil
	case blocked > 0:
		r.Verdict = "inspected, and blocked in part"
		r.Hint = "an exception, or a detector that is off"
		return exitMonitored, nil
	case logged > 0:
		r.Verdict = "inspected, not blocked"
		r.Hint = "wallarm_mode is monitoring, or an exception is for it"
		return exitMonitored, nil
	case c.log != "" && !exists(c.log):
		r.Verdict = "not blocked"
		r.Hint = "there is no " + c.log + ": which file has wallarm_event_log here, or its default?"
	case c.log != "":
		r.Verdict = "not inspected"
		r.Hint = "no event in " + c.log + ": is wallarm_parse_websocket on in this location, and wallarm_mode not off?"
	default:
		r.Verdict = "not blocked"
		r.Hint = "--log FILE, the event log, tells monitoring from no inspection"
	}
	return exitUninspected, nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r *checkReport) print(w io.Writer) {
	fmt.Fprintf(w, "%s (%s)\n", plain(r.URL), r.Framework)
	if r.Handshake > 0 {
		fmt.Fprintf(w, "  handshake  101 in %.1f ms\n", r.Handshake)
	}
	for _, s := range r.Steps {
		text := map[string]string{
			"answered": "passed, answered in %.1f ms", "open": "passed, no answer in %.1f ms",
			"blocked": "blocked in %.1f ms", "closed": "closed in %.1f ms", "ended": "ended without a Close frame in %.1f ms",
		}[s.Outcome]
		fmt.Fprintf(w, "  %-10s "+text, s.Name, s.Time)
		if s.Code != 0 {
			fmt.Fprintf(w, ", close code %d", s.Code)
		}
		if s.Event != "" {
			fmt.Fprintf(w, ", logged as %s", plain(s.Event))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s\n", plain(r.Verdict))
	if r.Hint != "" {
		fmt.Fprintf(w, "(%s)\n", plain(r.Hint))
	}
}

// checkConn is one connection of the check.
type checkConn struct {
	net.Conn
	r *bufio.Reader
}

// connect makes the handshake, and that of socket.io.
func (c *checker) connect() (*checkConn, time.Duration, error) {
	port := c.target.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[c.target.Scheme]
	}
	deadline := time.Now().Add(c.timeout)
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("tcp", net.JoinHostPort(c.target.Hostname(), port))
	if err != nil {
		return nil, 0, err
	}
	conn.SetDeadline(deadline)
	if c.target.Scheme == "wss" {
		t := tls.Client(conn, &tls.Config{
			ServerName: c.target.Hostname(), InsecureSkipVerify: c.insecure, NextProtos: []string{"http/1.1"},
		})
		if err := t.Handshake(); err != nil {
			conn.Close()
			return nil, 0, err
		}
		conn = t
	}
	out := &checkConn{conn, bufio.NewReader(conn)}
	started := time.Now()
	if err := c.handshake(out); err != nil {
		conn.Close()
		return nil, 0, err
	}
	took := time.Since(started)
	if c.socketIO {
		if err := c.joinSocketIO(out); err != nil {
			conn.Close()
			return nil, 0, err
		}
	}
	return out, took, nil
}

func (c *checker) handshake(conn *checkConn) error {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	key := base64.StdEncoding.EncodeToString(nonce)
	req := &http.Request{
		Method: http.MethodGet, URL: c.target, Host: c.target.Host, Header: c.header.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	for name, value := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key,
		"Sec-WebSocket-Protocol": c.protocol,
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.token)
	}
	if h := req.Header.Get("Host"); h != "" {
		req.Host = h
	}
	// As in every WebSocket URL, ws is http here.
	target := *c.target
	target.Scheme = "http"
	req.URL = &target
	if err := req.Write(conn); err != nil {
		return err
	}
	res, err := http.ReadResponse(conn.r, req)
	if err != nil {
		return fmt.Errorf("the handshake has no answer: %w", err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return refused(res)
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if res.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) {
		return errors.New("the handshake was answered with a wrong Sec-WebSocket-Accept")
	}
	return nil
}

// joinSocketIO waits for Engine.IO's open packet and joins the main namespace.
func (c *checker) joinSocketIO(conn *checkConn) error {
	eio3 := c.target.Query().Get("EIO") == "3"
	for {
		op, payload, err := conn.read()
		switch {
		case err != nil:
			return fmt.Errorf("socket.io: %w", err)
		case op == ws.OpClose:
			return errors.New("socket.io: closed before it was joined")
		case op != ws.OpText:
			continue
		case bytes.HasPrefix(payload, []byte("0")):
			if !eio3 { // whose server joins by itself
				if err := conn.write(ws.OpText, []byte("40")); err != nil {
					return err
				}
			}
		case bytes.HasPrefix(payload, []byte("40")):
			return nil
		case bytes.HasPrefix(payload, []byte("44")):
			return fmt.Errorf("socket.io refused: %s", plain(string(payload[:min(len(payload), 200)])))
		}
	}
}

// message is text as this endpoint expects it.
func (c *checker) message(text string) []byte {
	quoted := text
	if t := strings.TrimSpace(c.template); t[0] == '{' || t[0] == '[' {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.Encode(text)
		quoted = strings.Trim(strings.TrimSpace(b.String()), `"`)
	}
	m := strings.ReplaceAll(c.template, "%s", quoted)
	if c.socketIO {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.Encode([]string{"wsi-check", m})
		return append([]byte("42"), bytes.TrimSpace(b.Bytes())...)
	}
	return []byte(m)
}

// send sends text and waits for what becomes of it.
func (c *checker) send(conn *checkConn, name, text string) (checkStep, error) {
	step := checkStep{Name: name}
	conn.SetDeadline(time.Now().Add(c.timeout))
	started := time.Now()
	if err := conn.write(ws.OpText, c.message(text)); err != nil {
		return step, err
	}
	if err := conn.write(ws.OpPing, []byte("wsi-check")); err != nil && !isReset(err) {
		return step, err
	}
	alive := false
	for {
		op, payload, err := conn.read()
		step.Time = ms(time.Since(started))
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			if step.Outcome = "open"; !alive {
				return step, errAdvised{errors.New("no answer, not even to a ping"),
					"the backend does not read, or is slow: --timeout gives it longer"}
			}
			return step, nil
		case err != nil: // dropped off a frame's boundary
			step.Outcome = "blocked"
			if name == "harmless" {
				step.Outcome = "ended"
			}
			return step, nil
		case op == ws.OpClose:
			if len(payload) >= 2 {
				step.Code = int(binary.BigEndian.Uint16(payload))
			}
			step.Outcome = "closed"
			if step.Code == int(ws.ClosePolicyViolation) {
				step.Outcome = "blocked"
			}
			return step, nil
		case op == ws.OpPong:
			alive = true
			// A control frame may overtake: the end may still come.
			conn.SetDeadline(time.Now().Add(min(quietTime, c.timeout)))
		case bytes.Contains(payload, []byte(c.token)):
			step.Outcome = "answered"
			return step, nil
		case c.socketIO && string(payload) == "2":
			conn.write(ws.OpText, []byte("3"))
		}
	}
}

func isReset(err error) bool {
	return errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "broken pipe")
}

func (c *checkConn) write(op ws.Opcode, payload []byte) error {
	b := []byte{0x80 | byte(op), 0x80}
	switch n := len(payload); {
	case n < 126:
		b[1] |= byte(n)
	default:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	var mask [4]byte
	rand.Read(mask[:])
	b = append(b, mask[:]...)
	for i, v := range payload {
		b = append(b, v^mask[i&3])
	}
	_, err := c.Write(b)
	return err
}

// read returns one frame: the check looks for a token and for control frames,
// which fragments do not matter to.
func (c *checkConn) read() (ws.Opcode, []byte, error) {
	const limit = 1 << 20
	head := make([]byte, 0, frame.MaxHeader)
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		head = append(head, b)
		h, n := frame.ParseHeader(head)
		if n == 0 {
			if len(head) == cap(head) {
				return 0, nil, errors.New("the frame has no end of its header")
			}
			continue
		}
		if h.Length > limit {
			return 0, nil, errors.New("the answer is too large")
		}
		payload := make([]byte, h.Length)
		_, err = io.ReadFull(c.r, payload)
		return h.Opcode, payload, err
	}
}

// logged waits for the event of one of our attacks and says what it is.
func (c *checker) logged(name string) string {
	for until := time.Now().Add(min(2*time.Second, c.timeout)); ; time.Sleep(20 * time.Millisecond) {
		if e := c.look(name); e != "" || time.Now().After(until) {
			return e
		}
	}
}

func (c *checker) look(name string) string {
	f, err := os.Open(c.log)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() < c.logOffset {
		c.logOffset = 0 // rotated
	}
	f.Seek(c.logOffset, io.SeekStart)
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return ""
		}
		var e struct {
			Event struct {
				Action string `json:"action"`
			} `json:"event"`
			Rule struct {
				ID string `json:"id"`
			} `json:"rule"`
			Wallarm struct {
				Attack struct {
					Type string `json:"type"`
				} `json:"attack"`
			} `json:"wallarm"`
		}
		if bytes.Contains(line, []byte(c.token)) && json.Unmarshal(line, &e) == nil && e.Wallarm.Attack.Type == name {
			return e.Wallarm.Attack.Type + ", " + e.Event.Action + ", rule " + e.Rule.ID
		}
	}
}
