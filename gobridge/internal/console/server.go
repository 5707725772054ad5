package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

//go:embed ui
var ui embed.FS

// events is where they are: in SQLite, read from a log, or in a ClickHouse. Each
// method is a page and its JSON.
type events interface {
	attacksView(context.Context, *request) (*Attacks, error)
	attackView(ctx context.Context, id string, q *request) (*AttackPage, error)
	hitView(ctx context.Context, id string) (*Hit, error)
	rulesView(context.Context, *request) (*Rules, error)
	connectionsView(context.Context, *request) (*Connections, error)
	connectionView(ctx context.Context, id string, q *request) (*ConnectionPage, error)
	healthView(context.Context, *ingestState) (*Health, error)
	changed() uint64 // a number that changes when there is something new
}

// server shows the events. It only reads.
type server struct {
	store   events
	state   *ingestState
	hub     *hub
	status  *statusReader // nil without --status
	hosts   hosts
	version string
	errors  *log.Logger
	closing chan struct{}
	assets  map[string]asset
	pages   pages
}

type asset struct {
	body []byte
	typ  string
}

// policy lets a page load its own script and style, and talk to itself: what an
// attacker gets into a page can do neither.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func newServer(s events, st *ingestState, h *hub, allowed hosts, version string) (*server, error) {
	srv := &server{
		store: s, state: st, hub: h, hosts: allowed, version: version, errors: log.New(log.Writer(), "", 0),
		closing: make(chan struct{}), assets: map[string]asset{},
	}
	sum := sha256.New()
	for _, name := range []string{"console.css", "console.js", "icon.svg"} {
		b, err := ui.ReadFile("ui/" + name)
		if err != nil {
			return nil, err
		}
		sum.Write(b)
		srv.assets[name] = asset{b, mime.TypeByExtension(path.Ext(name))}
	}
	sub, err := fs.Sub(ui, "ui")
	if err == nil {
		srv.pages, err = newPages(sub, hex.EncodeToString(sum.Sum(nil)[:6]), version)
	}
	return srv, err
}

// handler is all of it but for the passwords.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, (&url.URL{Path: "/attacks", RawQuery: r.URL.RawQuery}).String(), http.StatusFound)
	})
	mux.HandleFunc("/static/{name}", s.static)
	mux.HandleFunc("/live", s.live)
	view := func(pattern, name string, get func(r *http.Request, q *request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.page(w, r, name, get) })
		mux.HandleFunc("/api"+pattern, func(w http.ResponseWriter, r *http.Request) { s.api(w, r, get) })
	}
	view("/attacks", "attacks", func(r *http.Request, q *request) (any, error) {
		return s.store.attacksView(r.Context(), q)
	})
	view("/attacks/{id}", "attack", func(r *http.Request, q *request) (any, error) {
		return s.store.attackView(r.Context(), r.PathValue("id"), q)
	})
	view("/hits/{id}", "hit", func(r *http.Request, q *request) (any, error) {
		return s.store.hitView(r.Context(), r.PathValue("id"))
	})
	view("/rules", "rules", func(r *http.Request, q *request) (any, error) {
		return s.store.rulesView(r.Context(), q)
	})
	view("/connections", "connections", func(r *http.Request, q *request) (any, error) {
		return s.store.connectionsView(r.Context(), q)
	})
	view("/connections/{id}", "connection", func(r *http.Request, q *request) (any, error) {
		return s.store.connectionView(r.Context(), r.PathValue("id"), q)
	})
	view("/health", "health", func(r *http.Request, q *request) (any, error) {
		h, err := s.store.healthView(r.Context(), s.state)
		if err == nil {
			h.Version = s.version
			if s.status != nil {
				h.Status = s.status.get(r.Context())
			}
		}
		return h, err
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errNotFound) })
	return s.guard(mux)
}

// guard is before everything that answers.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "clipboard-write=(self)")
		h.Set("Cache-Control", "no-store")
		switch {
		case !s.hosts.allow(r.Host):
			http.Error(w, "421 the console is not asked for by this name; see --host", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "405 the console only shows", http.StatusMethodNotAllowed)
		case !fromHere(r):
			http.Error(w, "403 another site asks for this", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// fromHere reports whether a browser asks for itself, or for one of our pages:
// another site may link to a page, and nothing else.
func fromHere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		!strings.HasPrefix(r.URL.Path, "/api/")
}

func (s *server) static(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("name")]
	if !ok {
		s.fail(w, r, errNotFound)
		return
	}
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	w.Header().Set("Content-Type", a.typ)
	w.Write(a.body)
}

// errBadRequest has what is wrong with the parameters.
type errBadRequest struct{ error }

func (s *server) ask(r *http.Request, get func(*http.Request, *request) (any, error)) (*request, any, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(r.URL.RawQuery) > 32<<10 {
		return nil, nil, errBadRequest{errors.New("the query cannot be read")}
	}
	q, err := parseRequest(v, time.Now())
	if err != nil {
		return nil, nil, errBadRequest{err}
	}
	data, err := get(r, q)
	return q, data, err
}

func (s *server) page(w http.ResponseWriter, r *http.Request, name string, get func(*http.Request, *request) (any, error)) {
	if v, moved := canonical(r.URL.Query()); moved {
		http.Redirect(w, r, join(r.URL.Path, v), http.StatusFound)
		return
	}
	started := time.Now()
	q, data, err := s.ask(r, get)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var b bytes.Buffer
	if err := s.pages.render(&b, name, r.URL.Path, q, data); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Server-Timing", "page;dur="+milliseconds(time.Since(started)))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	b.WriteTo(w)
}

func (s *server) api(w http.ResponseWriter, r *http.Request, get func(*http.Request, *request) (any, error)) {
	started := time.Now()
	_, data, err := s.ask(r, get)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.json(w, http.StatusOK, started, data)
}

// json escapes <, > and & too, so that no browser takes it for a page.
func (s *server) json(w http.ResponseWriter, status int, started time.Time, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		s.errors.Print(err)
		http.Error(w, "500", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Server-Timing", "page;dur="+milliseconds(time.Since(started)))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusInternalServerError, "This went wrong; the console's error output says what."
	var bad errBadRequest
	switch {
	case errors.Is(err, errNotFound):
		status, text = http.StatusNotFound, "There is nothing here. What was, may have expired."
	case errors.As(err, &bad):
		status, text = http.StatusBadRequest, bad.Error()
	case r.Context().Err() != nil:
		return
	default:
		s.errors.Printf("%s: %v", r.URL.Path, err)
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		s.json(w, status, time.Now(), map[string]string{"error": text})
		return
	}
	var b bytes.Buffer
	if err := s.pages.render(&b, "error", "", &request{given: url.Values{}}, map[string]any{"Status": status, "Text": text}); err != nil {
		http.Error(w, text, status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	b.WriteTo(w)
}
