// Package console is the operator's page over the event log: it follows the
// log into an SQLite file and shows what is there, read-only, to a browser.
//
// What it shows was written by attackers. Everything goes through html/template,
// the policy of pages allows no script but the console's own, and that one
// never makes HTML of a text.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Options are those of wsi console.
type Options struct {
	Logs       []string
	DB         string
	Store      string // of a ClickHouse, instead of Logs and DB
	Listen     string // ADDRESS:PORT or unix:PATH
	AuthFile   string
	Hosts      []string // further names that the console is asked for by
	Status     string   // URL of wallarm_status
	Retain     time.Duration
	RetainSize int64
	Version    string
}

// Run serves until ctx ends.
func Run(ctx context.Context, o Options, stdout, stderr io.Writer) error {
	logger := log.New(stderr, "wsi console: ", log.LstdFlags|log.Lmsgprefix)
	if err := checkListen(o.Listen, o.AuthFile != ""); err != nil {
		return err
	}
	var users *passwords
	if o.AuthFile != "" {
		var err error
		if users, err = openPasswords(o.AuthFile); err != nil {
			return err
		}
	}

	h := &hub{}
	var source events
	var state *ingestState
	var work func(context.Context)
	if o.Store != "" {
		c, err := openClickHouse(o.Store)
		if err != nil {
			return err
		}
		source, work = c, func(ctx context.Context) { c.follow(ctx, h) }
	} else {
		s, err := openStore(o.DB)
		if err != nil {
			return err
		}
		defer s.Close()
		in, err := newIngester(s, o.Logs)
		if err != nil {
			return err
		}
		in.age, in.size, in.changed = o.Retain, o.RetainSize, h.notify
		in.report = func(err error) { logger.Print(err) }
		source, state, work = s, in.state, func(ctx context.Context) {
			in.run(ctx)
			for _, f := range in.followers {
				f.close()
			}
		}
	}

	srv, err := newServer(source, state, h, newHosts(o.Listen, o.Hosts), o.Version)
	if err != nil {
		return err
	}
	srv.errors = logger
	if o.Status != "" {
		srv.status = &statusReader{url: o.Status}
	}
	handler := srv.handler()
	if users != nil {
		handler = authorize(users, handler)
	}
	ln, where, err := listen(o.Listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "console at %s\n", where)
	go warm()

	web := &http.Server{
		Handler: handler, ErrorLog: logger, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { work(ctx) })
	wg.Go(func() {
		<-ctx.Done()
		close(srv.closing)
		last, stop := context.WithTimeout(context.Background(), 3*time.Second)
		defer stop()
		web.Shutdown(last)
		web.Close()
	})
	err = web.Serve(ln)
	cancel()
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listen opens the socket. One in the file system is for its owner and group.
func listen(address string) (net.Listener, string, error) {
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			return nil, "", err
		}
		return ln, "http://" + ln.Addr().String() + "/", nil
	}
	// One that a killed console left behind answers nobody.
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if c, err := net.Dial("unix", path); err == nil {
			c.Close()
			return nil, "", fmt.Errorf("%s is in use", path)
		}
		os.Remove(path)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, "", err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		ln.Close()
		return nil, "", err
	}
	return ln, address, nil
}
