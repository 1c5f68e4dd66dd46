package contract_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/appserver"
)

// reference is the reference server in a world. A mutant changes what it hears and says on either side.
func reference(w *sim.World, upstream func(http.RoundTripper) http.RoundTripper, change ...func(*appserver.Config)) http.Handler {
	client := w.Client()
	if upstream != nil {
		client.Transport = upstream(client.Transport)
	}
	cfg := appserver.Config{
		APIBase: sim.APIBase, ClientID: w.Project().ClientID, ClientSecret: w.Project().ClientSecret, Client: client, Clock: w.Clock(),
	}
	for _, c := range change {
		c(&cfg)
	}
	return appserver.New(cfg)
}

func clean(w *sim.World) http.Handler { return reference(w, nil) }

// limited lets a session start twenty checks.
func limited(w *sim.World) http.Handler {
	ref := clean(w)
	var mu sync.Mutex
	starts := map[string]int{}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if isStart(r) && sessionOf(r) != "" {
			mu.Lock()
			starts[sessionOf(r)]++
			n := starts[sessionOf(r)]
			mu.Unlock()
			if n >= 20 { // the one that made the session was the first
				rw.WriteHeader(http.StatusTooManyRequests)
				say(rw, map[string]any{"code": "too_many_requests"})
				return
			}
		}
		ref.ServeHTTP(rw, r)
	})
}

// mutant is the reference server with one small wrong behaviour.
type mutant struct {
	check   string // that has to find it
	name    string
	profile string // "reference" when empty
	change  func(*contract.Profile)
	make    func(w *sim.World) http.Handler
}

// transport is a RoundTripper in one function.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// answers changes the JSON objects that the platform answers with.
func answers(change func(r *http.Request, object map[string]any)) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return transport(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil {
				return nil, err
			}
			var object map[string]any
			if json.Unmarshal(body, &object) == nil && object != nil {
				change(r, object)
				body, _ = json.Marshal(object)
			}
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			return resp, nil
		})
	}
}

// behind keeps the answer of the handler behind.
func behind(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func forward(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for name, v := range rec.Header() {
		w.Header()[name] = v
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// say answers with the object in place of what the recorder has.
func say(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object)
}

// sent returns the members of a JSON body, which can be read again.
func sent(r *http.Request) map[string]any {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var object map[string]any
	_ = json.Unmarshal(body, &object)
	return object
}

func text(object map[string]any, name string) string {
	s, _ := object[name].(string)
	return s
}

func isStart(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/phone-check")
}

func isFinish(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/exchange-code") || r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/phone-check")
}

func sessionOf(r *http.Request) string {
	c, err := r.Cookie("session")
	if err != nil {
		return ""
	}
	return c.Value
}

// notes are what a mutant remembers besides the reference server.
type notes struct {
	mu sync.Mutex
	m  map[string]string
}

func (n *notes) set(k, v string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.m == nil {
		n.m = map[string]string{}
	}
	n.m[k] = v
}

func (n *notes) get(k string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.m[k]
}

// claims makes /me say that a session is verified if the mutant has a number for it.
func claims(n *notes, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/me" {
			if number := n.get("verified " + sessionOf(r)); number != "" {
				say(w, map[string]any{"verified": true, "phone_number": number})
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// starter remembers which session started which check.
func starter(n *notes, r *http.Request, rec *httptest.ResponseRecorder) {
	var object map[string]any
	_ = json.Unmarshal(rec.Body.Bytes(), &object)
	for _, c := range rec.Result().Cookies() {
		n.set("starter "+text(object, "check_id"), c.Value)
	}
}

type contextKey string

// aside passes something from the device's request to the calls that are made for it.
func aside(r *http.Request, name string, value any) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), contextKey(name), value))
}

var mutants = []mutant{
	{check: "C1", name: "takes COMPLETED for a yes, whatever match says", make: func(w *sim.World) http.Handler {
		return reference(w, answers(func(_ *http.Request, o map[string]any) {
			if o["status"] == "COMPLETED" && o["match"] != nil {
				o["match"] = true
			}
		}))
	}},
	{check: "C2", name: "redeems a code in whatever session started the check", make: func(w *sim.World) http.Handler {
		ref, n := clean(w), new(notes)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if isFinish(r) {
				owner := n.get("starter " + text(sent(r), "check_id"))
				if sessionOf(r) != owner && owner != "" {
					r.Header.Set("Cookie", "session="+owner)
					_ = behind(ref, r)
					http.Error(rw, "{}", http.StatusNotFound)
					return
				}
			}
			rec := behind(ref, r)
			if isStart(r) {
				starter(n, r, rec)
			}
			forward(rw, rec)
		})
	}},
	{check: "C2", name: "takes a code from whatever browser brings it", change: func(p *contract.Profile) { p.Finish.Landing = true }, make: func(w *sim.World) http.Handler {
		n := new(notes)
		ref := reference(w, nil, func(c *appserver.Config) { c.RedirectURL = "https://backend.test/v0.2/phone-check/exchange-code" })
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if owner := n.get("starter " + r.URL.Query().Get("check_id")); owner != "" && sessionOf(r) != owner && r.URL.Query().Has("authorization") {
				r.Header.Set("Cookie", "session="+owner)
				_ = behind(ref, r)
				http.Error(rw, "{}", http.StatusNotFound)
				return
			}
			rec := behind(ref, r)
			if isStart(r) {
				starter(n, r, rec)
			}
			forward(rw, rec)
		})
	}},
	{check: "C3", name: "gives a result to every session that asks first", make: func(w *sim.World) http.Handler {
		ref, n := clean(w), new(notes)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if isFinish(r) && sessionOf(r) != "" {
				if owner := n.get("starter " + text(sent(r), "check_id")); owner != "" && n.get("done "+owner) == "" {
					n.set("done "+owner, "yes")
					r.Header.Set("Cookie", "session="+owner)
				}
			}
			rec := behind(ref, r)
			if isStart(r) {
				starter(n, r, rec)
			}
			forward(rw, rec)
		})
	}},
	{check: "C5", name: "believes a client that says match", make: func(w *sim.World) http.Handler {
		n := new(notes)
		ref := claims(n, clean(w))
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if isFinish(r) && sent(r)["match"] == true {
				n.set("verified "+sessionOf(r), "447700900003")
			}
			ref.ServeHTTP(rw, r)
		})
	}},
	{check: "C6", name: "takes the number from the finish", make: func(w *sim.World) http.Handler {
		n := new(notes)
		ref := clean(w)
		h := claims(n, ref)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if isFinish(r) {
				number := text(sent(r), "phone_number")
				rec := behind(ref, r)
				if number != "" && strings.Contains(rec.Body.String(), `"match":true`) {
					n.set("verified "+sessionOf(r), number)
				}
				forward(rw, rec)
				return
			}
			h.ServeHTTP(rw, r)
		})
	}},
	{check: "C4", name: "needs no session for the finish", make: func(w *sim.World) http.Handler {
		ref, n := clean(w), new(notes)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if isFinish(r) && sessionOf(r) == "" {
				if id := text(sent(r), "check_id"); n.get("answered "+id) == "" {
					r.Header.Set("Cookie", "session="+n.get("starter "+id))
				}
			}
			id := ""
			if isFinish(r) {
				id = text(sent(r), "check_id")
			}
			rec := behind(ref, r)
			if isStart(r) {
				starter(n, r, rec)
			}
			if id != "" && strings.Contains(rec.Body.String(), `"match"`) {
				n.set("answered "+id, "yes")
			}
			forward(rw, rec)
		})
	}},
	{check: "C11", name: "remembers results by check_id, for whoever asks next", make: func(w *sim.World) http.Handler {
		ref, n := clean(w), new(notes)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !isFinish(r) {
				ref.ServeHTTP(rw, r)
				return
			}
			id := text(sent(r), "check_id")
			if known := n.get("result " + id); known != "" {
				say(rw, json.RawMessage(known))
				return
			}
			rec := behind(ref, r)
			if strings.Contains(rec.Body.String(), `"match":true`) {
				n.set("result "+id, rec.Body.String())
			}
			forward(rw, rec)
		})
	}},
	{check: "C9", name: "believes callbacks without looking at the signature", make: func(w *sim.World) http.Handler {
		n := new(notes)
		ref := clean(w)
		h := claims(n, ref)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/callback") {
				o := sent(r)
				if o["match"] == true && n.get("starter "+text(o, "check_id")) != "" {
					n.set("verified "+n.get("starter "+text(o, "check_id")), "447700900003")
				}
				return
			}
			if isStart(r) {
				rec := behind(ref, r)
				starter(n, r, rec)
				forward(rw, rec)
				return
			}
			h.ServeHTTP(rw, r)
		})
	}},
	{check: "C9", name: "verifies the signature and not the digest of the body", make: func(w *sim.World) http.Handler {
		n := new(notes)
		ref := clean(w)
		h := claims(n, ref)
		var last []byte
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/callback"):
				o := sent(r)
				body, _ := io.ReadAll(r.Body)
				// The body that the signature was made for stands in for a look at everything but the digest.
				r.Body = io.NopCloser(bytes.NewReader(body))
				rec := behind(ref, r)
				if rec.Code == http.StatusOK {
					last = body
				} else if last != nil {
					r.Body = io.NopCloser(bytes.NewReader(last))
					if rec = behind(ref, r); rec.Code == http.StatusOK && o["match"] == true {
						n.set("verified "+n.get("starter "+text(o, "check_id")), "447700900003")
					}
				}
				forward(rw, rec)
			case isStart(r):
				rec := behind(ref, r)
				starter(n, r, rec)
				forward(rw, rec)
			default:
				h.ServeHTTP(rw, r)
			}
		})
	}},
	{check: "C7", name: "passes the platform's errors on as they are", make: func(w *sim.World) http.Handler {
		n := new(notes)
		ref := reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err == nil && resp.StatusCode == http.StatusBadRequest {
					body, _ := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					n.set("error", string(body))
					resp.Body = io.NopCloser(bytes.NewReader(body))
				}
				return resp, err
			})
		})
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			n.set("error", "")
			rec := behind(ref, r)
			if said := n.get("error"); said != "" && strings.Contains(said, "Authorization") || strings.Contains(said, "Bearer ") || strings.Contains(said, "Basic ") {
				rw.Header().Set("Content-Type", "application/json")
				rw.WriteHeader(rec.Code)
				_, _ = io.WriteString(rw, said)
				return
			}
			forward(rw, rec)
		})
	}},
	{check: "C7", name: "hides the access token in a cookie, in base64", make: func(w *sim.World) http.Handler {
		n := new(notes)
		ref := reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				n.set("token", r.Header.Get("Authorization"))
				return next.RoundTrip(r)
			})
		})
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rec := behind(ref, r)
			if isFinish(r) {
				rec.Header().Add("Set-Cookie", "debug="+base64.RawURLEncoding.EncodeToString([]byte("auth="+n.get("token"))))
			}
			forward(rw, rec)
		})
	}},
	{check: "C8", name: "takes redirect_url from the client", make: func(w *sim.World) http.Handler {
		ref := reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				if u, _ := r.Context().Value(contextKey("redirect")).(string); u != "" && strings.HasSuffix(r.URL.Path, "/checks") {
					o := sent(r)
					o["redirect_url"] = u
					body, _ := json.Marshal(o)
					r = r.Clone(r.Context())
					r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				}
				return next.RoundTrip(r)
			})
		})
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if isStart(r) {
				r = aside(r, "redirect", text(sent(r), "redirect_url"))
			}
			ref.ServeHTTP(rw, r)
		})
	}},
	{check: "C13", name: "keeps its token for ever", make: func(w *sim.World) http.Handler {
		var mu sync.Mutex
		token := ""
		return reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				if !strings.HasSuffix(r.URL.Path, "/token") {
					if token == "" {
						token = r.Header.Get("Authorization")
					}
					r = r.Clone(r.Context())
					r.Header.Set("Authorization", token)
				}
				return next.RoundTrip(r)
			})
		})
	}},
	{check: "C17", name: "has no deadline for its calls", make: func(w *sim.World) http.Handler {
		return reference(w, nil, func(c *appserver.Config) { c.CallTimeout = time.Hour })
	}},
	{check: "C16", name: "sends the number as typed", make: func(w *sim.World) http.Handler {
		ref := reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				if typed, ok := r.Context().Value(contextKey("typed")).(string); ok && strings.HasSuffix(r.URL.Path, "/checks") {
					body, _ := json.Marshal(map[string]string{"phone_number": typed})
					r = r.Clone(r.Context())
					r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				}
				return next.RoundTrip(r)
			})
		})
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if isStart(r) {
				r = aside(r, "typed", text(sent(r), "phone_number"))
			}
			ref.ServeHTTP(rw, r)
		})
	}},
	{check: "C20", name: "repeats a failed call ten times at once", make: func(w *sim.World) http.Handler {
		return reference(w, repeat(10, func(resp *http.Response, err error) bool {
			return err == nil && resp.StatusCode == http.StatusServiceUnavailable
		}))
	}},
	{check: "C20", name: "repeats a create whose answer was lost", make: func(w *sim.World) http.Handler {
		return reference(w, repeat(1, func(_ *http.Response, err error) bool { return err != nil }))
	}},
	{check: "C19", name: "repeats a call that was answered 429", make: func(w *sim.World) http.Handler {
		return reference(w, repeat(1, func(resp *http.Response, err error) bool {
			return err == nil && resp.StatusCode == http.StatusTooManyRequests
		}))
	}},
	{check: "C12", name: "fetches a token for each check", make: func(w *sim.World) http.Handler {
		return reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/checks") {
					form := "grant_type=client_credentials&scope=phone_check"
					req, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, sim.APIBase+"/oauth2/v1/token", strings.NewReader(form))
					req.SetBasicAuth(url.QueryEscape(w.Project().ClientID), url.QueryEscape(w.Project().ClientSecret))
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					resp, err := next.RoundTrip(req)
					if err != nil {
						return nil, err
					}
					_ = resp.Body.Close()
				}
				return next.RoundTrip(r)
			})
		})
	}},
	{check: "C14", name: "cuts the secret off at the second colon", make: func(w *sim.World) http.Handler {
		return reference(w, nil, func(c *appserver.Config) { c.ClientSecret, _, _ = strings.Cut(c.ClientSecret, ":") })
	}},
	{check: "C10", name: "answers 500 to a callback for a check that it does not know yet", make: func(w *sim.World) http.Handler {
		ref, n := clean(w), new(notes)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if id := text(sent(r), "check_id"); strings.HasSuffix(r.URL.Path, "/callback") && id != "" && n.get("starter "+id) == "" {
				http.Error(rw, "no row", http.StatusInternalServerError)
				return
			}
			rec := behind(ref, r)
			if isStart(r) {
				starter(n, r, rec)
			}
			forward(rw, rec)
		})
	}},
	{check: "C10", name: "undoes a verification when EXPIRED comes late", make: func(w *sim.World) http.Handler {
		ref, n := clean(w), new(notes)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			o := sent(r)
			rec := behind(ref, r)
			switch {
			case isStart(r):
				starter(n, r, rec)
			case strings.HasSuffix(r.URL.Path, "/callback") && o["status"] == "EXPIRED" && rec.Code == http.StatusOK:
				n.set("undone "+n.get("starter "+text(o, "check_id")), "yes")
			case r.URL.Path == "/me" && n.get("undone "+sessionOf(r)) != "":
				say(rw, map[string]any{"verified": false})
				return
			}
			forward(rw, rec)
		})
	}},
	{check: "C15", name: "asks for all scopes that there are", make: func(w *sim.World) http.Handler {
		return reference(w, nil, func(c *appserver.Config) {
			c.Scopes = []string{"phone_check", "subscriber_check", "sim_check", "coverage"}
		})
	}},
	{check: "C18", name: "answers 500 to what the platform refuses", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rec := behind(ref, r)
			if strings.Contains(rec.Body.String(), `"not_mobile_ip"`) {
				http.Error(rw, "Internal Server Error", http.StatusInternalServerError)
				return
			}
			forward(rw, rec)
		})
	}},
	{check: "C21", name: "polls a pending check a hundred times at once", make: func(w *sim.World) http.Handler {
		return reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				for range 100 {
					resp, err := next.RoundTrip(again(r))
					if err != nil || r.Method != http.MethodPatch {
						return resp, err
					}
					body, _ := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					resp.Body = io.NopCloser(bytes.NewReader(body))
					if !bytes.Contains(body, []byte("PENDING")) {
						return resp, err
					}
				}
				return next.RoundTrip(again(r))
			})
		})
	}},
	{check: "C21", name: "asks for a check every second for as long as it lives", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		life, die := context.WithCancel(context.Background())
		var ask func(id string)
		ask = func(id string) {
			w.Clock().AfterFunc(time.Second, func() {
				if life.Err() != nil {
					return
				}
				if req, err := http.NewRequestWithContext(life, http.MethodGet, sim.APIBase+"/phone_check/v0.2/checks/"+id, nil); err == nil {
					if resp, err := w.Client().Do(req); err == nil {
						_ = resp.Body.Close()
					}
				}
				ask(id)
			})
		}
		return closing{http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rec := behind(ref, r)
			if isStart(r) && rec.Code == http.StatusOK {
				var o map[string]any
				_ = json.Unmarshal(rec.Body.Bytes(), &o)
				ask(text(o, "check_id"))
			}
			forward(rw, rec)
		}), die}
	}},
	{check: "C22", name: "looks whether the check URL answers", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rec := behind(ref, r)
			if isStart(r) && rec.Code == http.StatusOK {
				var o map[string]any
				_ = json.Unmarshal(rec.Body.Bytes(), &o)
				// A check that was opened from a server is in ERROR and of no use to anybody: this one does it for a check of its own.
				if other := behind(ref, startOf(r)); other.Code == http.StatusOK {
					_ = json.Unmarshal(other.Body.Bytes(), &o)
				}
				if req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, text(o, "check_url"), nil); err == nil {
					if resp, err := w.Client().Transport.RoundTrip(req); err == nil {
						_ = resp.Body.Close()
					}
				}
			}
			forward(rw, rec)
		})
	}},
	{check: "C23", name: "decodes the check URL before it passes it on", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rec := behind(ref, r)
			if isStart(r) {
				plain, err := url.PathUnescape(rec.Body.String())
				if err == nil {
					rec.Body.Reset()
					rec.Body.WriteString(plain)
				}
			}
			forward(rw, rec)
		})
	}},
	{check: "C24", name: "limits nothing", change: func(p *contract.Profile) { p.Limit = new(20) }, make: clean},
	{check: "C25", name: "answers a check that failed with nothing", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rec := behind(ref, r)
			if isFinish(r) && strings.Contains(rec.Body.String(), `"EXPIRED"`) {
				say(rw, map[string]any{})
				return
			}
			forward(rw, rec)
		})
	}},
	{check: "C26", name: "calls the platform in another region", change: func(p *contract.Profile) { p.Region = "in" }, make: func(w *sim.World) http.Handler {
		// The credentials of one region are unknown in the others, so what is wrong is the name alone.
		w.Network().Handle("us.api.idlayr.com", "IDlayr", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			r.Host = "in.api.idlayr.com"
			w.Platform().ServeHTTP(rw, r)
		}))
		return reference(w, nil, func(c *appserver.Config) { c.APIBase = "https://us.api.idlayr.com" })
	}},
	{check: "C26", name: "redeems codes without TLS", make: func(w *sim.World) http.Handler {
		return reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPatch { // more would be seen in the check URL, and nothing would work
					r = r.Clone(r.Context())
					r.URL.Scheme = "http"
				}
				return next.RoundTrip(r)
			})
		})
	}},
	{check: "C27", name: "refuses answers with members that it does not know", make: func(w *sim.World) http.Handler {
		return reference(w, answers(func(_ *http.Request, o map[string]any) {
			if o["new_member"] != nil {
				clear(o)
			}
		}))
	}},
	{check: "C28", name: "passes the whole new check on", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rec := behind(ref, r)
			if isStart(r) && rec.Code == http.StatusOK {
				var o map[string]any
				_ = json.Unmarshal(rec.Body.Bytes(), &o)
				o["charge_amount"], o["snapshot_balance"] = 1, 99
				for _, c := range rec.Result().Cookies() {
					http.SetCookie(rw, c)
				}
				say(rw, o)
				return
			}
			forward(rw, rec)
		})
	}},
	{check: "C29", name: "uses v0.1", profile: "reference-v0.1", make: clean},
	{check: "C30", name: "sends the address of the start as phone_ip", make: func(w *sim.World) http.Handler {
		ref := reference(w, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				if from, _ := r.Context().Value(contextKey("from")).(string); from != "" && strings.HasSuffix(r.URL.Path, "/checks") {
					o := sent(r)
					o["phone_ip"] = from
					body, _ := json.Marshal(o)
					r = r.Clone(r.Context())
					r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				}
				return next.RoundTrip(r)
			})
		})
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if isStart(r) {
				host, _, _ := net.SplitHostPort(r.RemoteAddr)
				r = aside(r, "from", host)
			}
			ref.ServeHTTP(rw, r)
		})
	}},
	{check: "B1", name: "panics when the body is a list", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if string(body) == "[]" {
				panic("interface conversion")
			}
			ref.ServeHTTP(rw, r)
		})
	}},
	{check: "B2", name: "never answers a finish whose code is empty", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if o := sent(r); isFinish(r) && o != nil && o["code"] == nil {
				<-r.Context().Done()
				return
			}
			ref.ServeHTTP(rw, r)
		})
	}},
	{check: "B3", name: "does not close the answers of failed calls", make: func(w *sim.World) http.Handler {
		ref := clean(w)
		life, die := context.WithCancel(context.Background()) // so that the leak ends with the test
		return closing{http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/me" {
				if req, err := http.NewRequestWithContext(life, http.MethodGet, sim.APIBase+"/nothing", nil); err == nil {
					_, _ = w.Client().Do(req)
				}
			}
			ref.ServeHTTP(rw, r)
		}), die}
	}},
}

// closing is a backend with an end.
type closing struct {
	http.Handler
	end func()
}

func (c closing) Close() { c.end() }

// again is the request once more.
func again(r *http.Request) *http.Request {
	c := r.Clone(r.Context())
	if r.GetBody != nil {
		c.Body, _ = r.GetBody()
	}
	return c
}

// repeat calls again, so many times at most, when the answer is bad.
func repeat(times int, bad func(*http.Response, error) bool) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return transport(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(again(r))
			for range times {
				if !bad(resp, err) {
					break
				}
				if err == nil {
					_ = resp.Body.Close()
				}
				resp, err = next.RoundTrip(again(r))
			}
			return resp, err
		})
	}
}

// startOf is a start like that one, in no session.
func startOf(r *http.Request) *http.Request {
	body := `{"phone_number":"447700900002"}`
	c := httptest.NewRequestWithContext(r.Context(), http.MethodPost, r.URL.Path, strings.NewReader(body))
	c.Header.Set("Content-Type", "application/json")
	return c
}
