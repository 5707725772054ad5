package console

import (
	"bufio"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// passwords is a htpasswd file: bcrypt (htpasswd -B) and apr1 (htpasswd,
// openssl passwd -apr1). It is read again when it changes.
type passwords struct {
	path string

	slow  sync.Mutex // one guess at a time
	mu    sync.Mutex
	mtime time.Time
	users map[string]string
	key   []byte // of good, so that no password is kept
	good  map[[32]byte]bool
}

func openPasswords(path string) (*passwords, error) {
	p := &passwords{path: path, key: make([]byte, 32)}
	rand.Read(p.key)
	return p, p.read()
}

func (p *passwords) read() error {
	f, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if p.users != nil && info.ModTime().Equal(p.mtime) {
		return nil
	}
	users, err := readPasswords(f)
	if err != nil {
		return fmt.Errorf("%s:%w", p.path, err)
	}
	p.users, p.mtime, p.good = users, info.ModTime(), map[[32]byte]bool{}
	return nil
}

func readPasswords(r io.Reader) (map[string]string, error) {
	users := map[string]string{}
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, hash, _ := strings.Cut(line, ":")
		hash, _, _ = strings.Cut(hash, ":")
		switch {
		case name == "":
			return nil, fmt.Errorf("%d: no user", n)
		case strings.HasPrefix(hash, "$2"):
			if _, err := bcrypt.Cost([]byte(hash)); err != nil {
				return nil, fmt.Errorf("%d: %w", n, err)
			}
		case !strings.HasPrefix(hash, "$apr1$"):
			return nil, fmt.Errorf("%d: neither bcrypt nor apr1: use htpasswd -B", n)
		}
		users[name] = hash
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, fmt.Errorf("0: no users")
	}
	return users, nil
}

// dummy is compared with when the user is unknown, so that time tells nothing.
const dummy = "$2a$10$7EqJtq98hPqEX7fNZaFWoOhi5BcGgYgJD1tWq0tWQw8v5F5lJ1k1K"

// check is slow on purpose and one at a time, so that guessing has not more
// than one processor; a password that was right is known by its hash.
func (p *passwords) check(user, password string) bool {
	mac := hmac.New(sha256.New, p.key)
	fmt.Fprintf(mac, "%d:%s%s", len(user), user, password)
	sum := [32]byte(mac.Sum(nil))
	known := func() (hash string, good, ok bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.read() != nil {
			return "", false, false
		}
		hash, ok = p.users[user]
		return hash, p.good[sum], ok
	}
	if _, good, _ := known(); good {
		return true
	}

	p.slow.Lock()
	defer p.slow.Unlock()
	hash, good, ok := known()
	switch {
	case good:
		return true
	case !ok:
		bcrypt.CompareHashAndPassword([]byte(dummy), []byte(password))
		return false
	case strings.HasPrefix(hash, "$apr1$"):
		ok = subtle.ConstantTimeCompare([]byte(apr1(password, hash)), []byte(hash)) == 1
	default:
		ok = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok && p.users[user] == hash {
		p.good[sum] = true
	}
	return ok
}

// apr1 is Apache's form of MD5-crypt: its salt is that of like.
func apr1(password, like string) string {
	const magic = "$apr1$"
	salt, _, _ := strings.Cut(strings.TrimPrefix(like, magic), "$")
	salt = salt[:min(len(salt), 8)]

	alt := md5.Sum([]byte(password + salt + password))
	h := md5.New()
	io.WriteString(h, password+magic+salt)
	for n := len(password); n > 0; n -= 16 {
		h.Write(alt[:min(n, 16)])
	}
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write([]byte{0})
		} else {
			h.Write([]byte(password[:1]))
		}
	}
	sum := h.Sum(nil)
	for i := range 1000 {
		h.Reset()
		if i&1 != 0 {
			io.WriteString(h, password)
		} else {
			h.Write(sum)
		}
		if i%3 != 0 {
			io.WriteString(h, salt)
		}
		if i%7 != 0 {
			io.WriteString(h, password)
		}
		if i&1 != 0 {
			h.Write(sum)
		} else {
			io.WriteString(h, password)
		}
		sum = h.Sum(sum[:0])
	}

	const digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := []byte(magic + salt + "$")
	put := func(v uint, n int) {
		for ; n > 0; n-- {
			out = append(out, digits[v&63])
			v >>= 6
		}
	}
	for _, t := range [][3]int{{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}} {
		put(uint(sum[t[0]])<<16|uint(sum[t[1]])<<8|uint(sum[t[2]]), 4)
	}
	put(uint(sum[11]), 2)
	return string(out)
}

// authorize demands a password.
func authorize(p *passwords, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || len(password) > 1024 || !p.check(user, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="wsi console", charset="UTF-8"`)
			http.Error(w, "401 who are you?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hosts are the names under which the console may be asked for. A page of
// another site whose name was made to resolve to this machine (DNS rebinding)
// asks with its own name.
type hosts map[string]bool

func newHosts(listen string, more []string) hosts {
	h := hosts{"localhost": true, "127.0.0.1": true, "::1": true}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			h[strings.ToLower(host)] = true
		}
	}
	for _, m := range more {
		h[strings.ToLower(strings.Trim(m, "[]"))] = true
	}
	return h
}

func (h hosts) allow(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return h[strings.ToLower(strings.Trim(host, "[]"))]
}

// checkListen refuses to show attacks to whoever asks.
func checkListen(listen string, authenticated bool) error {
	if strings.HasPrefix(listen, "unix:") {
		return nil
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("--listen %s: ADDRESS:PORT or unix:PATH", listen)
	}
	if authenticated || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--listen %s is reachable from elsewhere: give --auth-file, or listen on 127.0.0.1 or unix:PATH", listen)
	}
	return nil
}
