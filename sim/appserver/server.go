// Package appserver is an application server that integrates PhoneCheck, SubscriberCheck and SIMCheck the way it should be
// done: the steps 2 to 4 and 6 to 8 of the guide.
//
// It is meant to be read by people who write their own. What it takes care of, and what is easily forgotten: one cached
// token for each product, with its scope alone, renewed early and once; numbers in E.164; a deadline on every call; a check that belongs to the session
// that started it; a match only from a COMPLETED check; answers of its own, so that nothing of the platform's reaches the
// device but check_id, check_url and the result, and a token that is good for coverage and nothing else.
//
// In v0.2 the result is had for a code, which only the device gets that opened the check URL. The code is redeemed in the
// session that started the check and nowhere else, and once; no other way of asking brings the result. That is the whole
// point of v0.2: who gets somebody else's phone to open a check URL has the session but no code.
//
// Callbacks are believed when they are signed by the platform over what came in, lately. They then save a call, no more: a
// session is verified when it asks. A callback about a check that no session here has is taken and ignored, because sending
// it again would not help. One that says a v0.2 check is COMPLETED is taken and ignored as well: the platform sends it
// because the code was redeemed, and whoever did that has the result.
//
// A session is verified by a SubscriberCheck when the number matches and the SIM was not changed lately; the device is
// told both. A SIMCheck verifies nobody: there is no device in it. As it tells something about any number to whoever asks,
// a server with users would ask for numbers only that they have proved.
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

	// Scopes are those of the one access token for all products. When empty, each product has a token of its own with its
	// own scope, "phone_check" and so on. The coverage token that devices get has the scope "coverage" in any case.
	Scopes []string
	// RedirectURL is where the platform sends the browser at the end of a v0.2 check, such as this server's
	// /v0.2/phone-check/exchange-code; without it the device gets the code as JSON. No client has a say in it.
	RedirectURL string

	// SendPhoneIP gives the platform the address that the number came from as phone_ip, as if step 5 must come from there.
	SendPhoneIP bool

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
//	POST /phone-check   {"phone_number"}             → {"check_id","check_url"}   also /check
//	GET  /phone-check?check_id=                      → {"match","check_id","status",...}   also /check_status
//	     /v0.1/phone-check and /v0.2/phone-check, /subscriber-check, /v0.1/subscriber-check and /v0.2/subscriber-check: the same
//	     v0.2 {...}/exchange-code {"check_id","code"}   as GET and POST → {"match","check_id","status",...}
//	POST /callback, {...}/callback                   the platform's → OK
//	POST /sim-check     {"phone_number"}             → {"no_sim_change","status",...}   also /v0.1/sim-check
//	GET  /coverage-access-token                      → {"token","url"}
//	GET  /country?country_code=                      → what is covered there
//	GET  /device?ip_address=                         → the network of that address, or of the caller's; also id_address
//	GET  /me                                         → {"verified","phone_number"}
//	POST /traces                                     → OK   also under /v0.1 and /v0.2
//
// SubscriberCheck adds "no_sim_change", "no_sim_change_period" and "sim_change_within" to the result.
type Server struct {
	c        Config
	api      *http.Client
	tokens   map[string]*tokens // by product and for "coverage"; several may be one
	keys     *shared[keys]
	sessions *sessions
	routes   map[string]methods
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
	s.tokens = s.allTokens()
	s.keys = s.newKeys()
	s.routes = s.routed()
	return s
}

// Close ends the calls to the platform that are under way and returns when none is left that outlives its request. The
// server then answers that it is unavailable.
func (s *Server) Close() {
	s.die()
	for _, t := range s.tokens {
		t.wait()
	}
	s.keys.wait()
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
