// Package appserver is an application server that integrates PhoneCheck v0.1 the way it should be done: the steps 2 to 4
// and 6 to 8 of the guide.
//
// It is meant to be read by people who write their own. What it takes care of, and what is easily forgotten: one cached
// token for all, renewed early and once; numbers in E.164; a deadline on every call; a check that belongs to the session
// that started it; a match only from a COMPLETED check; answers of its own, so that nothing of the platform's reaches the
// device but check_id, check_url and the result.
package appserver

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// Config says whom the server works for. ClientID and ClientSecret are needed, everything else has a default.
type Config struct {
	APIBase      string // the platform, without a path; "https://eu.api.idlayr.com" when empty
	ClientID     string
	ClientSecret string
	Scopes       []string // "phone_check" when empty

	// Client makes the calls to the platform; one of the standard library's with no options when nil. Redirects are never
	// followed: the platform's API has none, and a check URL is not for servers to open.
	Client *http.Client
	Clock  clock.Clock // the machine's when nil
	Rand   io.Reader   // where session ids come from; crypto/rand when nil

	DefaultRegion string        // of numbers written without country code, ISO 3166-1 alpha-2; "GB" when empty
	CallTimeout   time.Duration // for each call to the platform; 5 s when zero
	Log           *slog.Logger  // never gets numbers, tokens or secrets; nothing is logged when nil
}

// Server is the application server. It is an http.Handler, safe for concurrent use.
//
//	POST /phone-check   {"phone_number"}  → {"check_id","check_url"}     also /check, /v0.1/phone-check
//	GET  /phone-check?check_id=           → {"match","check_id",...}     also /check_status, /v0.1/phone-check
//	GET  /me                              → {"verified","phone_number"}
//	POST /traces                          → OK
type Server struct {
	c        Config
	api      *http.Client
	tokens   *tokens
	sessions *sessions
	routes   map[string]map[string]http.HandlerFunc
	life     context.Context
	die      context.CancelFunc

	randMu sync.Mutex
}

// New returns a server. It calls nobody until it is asked for a check.
func New(c Config) *Server {
	if c.APIBase == "" {
		c.APIBase = "https://eu.api.idlayr.com"
	}
	c.APIBase = strings.TrimRight(c.APIBase, "/")
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"phone_check"}
	}
	if c.Client == nil {
		c.Client = &http.Client{}
	}
	if c.Clock == nil {
		c.Clock = clock.NewReal()
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.DefaultRegion == "" {
		c.DefaultRegion = "GB"
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	api := *c.Client
	api.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	s := &Server{c: c, api: &api, sessions: newSessions(c.Clock)}
	s.life, s.die = context.WithCancel(context.Background())
	s.tokens = newTokens(s)

	start := map[string]http.HandlerFunc{http.MethodPost: s.start}
	both := map[string]http.HandlerFunc{http.MethodPost: s.start, http.MethodGet: s.result}
	s.routes = map[string]map[string]http.HandlerFunc{
		"/phone-check":      both,
		"/v0.1/phone-check": both,
		"/check":            start,
		"/check_status":     {http.MethodGet: s.result},
		"/me":               {http.MethodGet: s.me},
		"/traces":           {http.MethodPost: s.traces},
	}
	return s
}

// Close ends the calls to the platform that are under way and returns when none is left that outlives its request. The
// server then answers that it is unavailable.
func (s *Server) Close() {
	s.die()
	s.tokens.wait()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	methods, ok := s.routes[r.URL.Path]
	if !ok {
		fail(w, problem{http.StatusNotFound, "not_found", "there is nothing here"})
		return
	}
	h, ok := methods[r.Method]
	if !ok {
		for _, m := range []string{http.MethodGet, http.MethodPost} {
			if methods[m] != nil {
				w.Header().Add("Allow", m)
			}
		}
		fail(w, problem{http.StatusMethodNotAllowed, "method_not_allowed", "this method is not allowed here"})
		return
	}
	h(w, r)
}

// traces takes the debug output of the device's SDK, for which a reference has no use.
func (s *Server) traces(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "OK")
}
