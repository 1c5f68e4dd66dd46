package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

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
}
