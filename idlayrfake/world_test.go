package idlayrfake_test

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

const (
	alice = "447700900001"
	bob   = "447700900002"

	onO2   = "10.10.0.5:40000"
	onEE   = "10.30.0.5:40000"
	onWiFi = "192.0.2.7:40000"
)

var start = time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC)

// tick is a clock that moves when told.
type tick struct {
	mu    sync.Mutex
	now   time.Time
	tasks []*task
}

type task struct {
	at time.Time
	f  func()
}

func (c *tick) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *tick) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &task{c.now.Add(d), f}
	c.tasks = append(c.tasks, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.tasks, t)
		if i >= 0 {
			c.tasks = slices.Delete(c.tasks, i, i+1)
		}
		return i >= 0
	}
}

// pending says how many tasks wait.
func (c *tick) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.tasks)
}

func (c *tick) advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		var next *task
		for _, t := range c.tasks {
			if !t.at.After(end) && (next == nil || t.at.Before(next.at)) {
				next = t
			}
		}
		if next == nil {
			break
		}
		c.tasks = slices.DeleteFunc(c.tasks, func(t *task) bool { return t == next })
		c.now = next.at
		c.mu.Unlock()
		next.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// operator is a back channel: what it answers is up to the spec.
type operator struct {
	answer func(*http.Request) (*http.Response, error)
	mu     sync.Mutex
	asked  []*http.Request
}

func (o *operator) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.asked = append(o.asked, r)
	o.mu.Unlock()
	return o.answer(r)
}

func (o *operator) questions() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

func says(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func subscriber(msisdn string) func(*http.Request) (*http.Response, error) {
	return says(200, `{"msisdn":"`+msisdn+`","network_id":"23410"}`)
}

// world is a platform between a test and an operator.
type world struct {
	*idlayrfake.Platform
	clock    *tick
	operator *operator

	mu     sync.Mutex
	events []idlayrfake.Event
}

func newWorld(change ...func(*idlayrfake.Config)) *world {
	w := &world{clock: &tick{now: start}, operator: &operator{answer: subscriber(alice)}}
	numbers := map[string]string{bob: "23430"} // alice's operator is unknown
	cfg := idlayrfake.Config{
		Projects: []idlayrfake.Project{
			{ProjectID: "p1", ClientID: "one", ClientSecret: "s3cret", Scopes: []string{"phone_check", "coverage"}},
			{ProjectID: "p2", ClientID: "two+2", ClientSecret: "a+b%c:d e", Scopes: []string{"phone_check", "sim_check"}},
			{ProjectID: "p3", ClientID: "three", ClientSecret: "usa", DataResidency: "US"},
		},
		Networks: []idlayrfake.Network{
			network("23410", "10.10.0.0/16", nil),
			network("23430", "10.30.0.0/16", nil),
			network("23415", "10.10.15.0/24", func(n *idlayrfake.Network) { n.NoRedirect = true }),
			network("23420", "10.20.0.0/16", func(n *idlayrfake.Network) { n.Unsupported = true }),
		},
		NumberNetwork: func(msisdn string) (string, bool) { id, ok := numbers[msisdn]; return id, ok },
		Client:        &http.Client{Transport: w.operator},
		Clock:         w.clock,
		Rand:          rand.NewChaCha8([32]byte{}),
		Observe: func(_ context.Context, e idlayrfake.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	w.Platform = idlayrfake.New(cfg)
	return w
}

// ServeHTTP lets the recorder see the answer.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if recorder == nil {
		w.Platform.ServeHTTP(rw, r)
		return
	}
	recorder.Handler(rw, r, w.Platform.ServeHTTP)
}

func network(id, prefix string, change func(*idlayrfake.Network)) idlayrfake.Network {
	n := idlayrfake.Network{
		NetworkID: id, Country: "GB", DialingCode: "44",
		Prefixes:    []netip.Prefix{netip.MustParsePrefix(prefix)},
		RedirectURL: "http://sna." + id + ".example/start",
		ResultURL:   "https://api." + id + ".example/results",
		PlatformID:  "idlayr", PlatformSecret: "back",
	}
	if change != nil {
		change(&n)
	}
	return n
}

// transitions are the statuses a check went through.
func (w *world) transitions() (to []idlayrfake.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == "transition" {
			to = append(to, e.To)
		}
	}
	return to
}

func (w *world) texts() (texts []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		texts = append(texts, e.Text)
	}
	return texts
}

// req is a request in the making.
type req struct {
	method, path, body string
	host, from         string
	header             http.Header
}

func (w *world) do(q req) *httptest.ResponseRecorder {
	r := httptest.NewRequest(q.method, "/", strings.NewReader(q.body))
	if q.body == "" {
		r.Body = http.NoBody
	}
	r.URL = &url.URL{Path: q.path}
	r.Host = q.host
	if r.Host == "" {
		r.Host = "eu.api.idlayr.com"
	}
	r.RemoteAddr = "198.51.100.1:5000"
	if q.from != "" {
		r.RemoteAddr = q.from
	}
	if q.header != nil {
		r.Header = q.header
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

func headers(kv ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(kv); i += 2 {
		h.Add(kv[i], kv[i+1])
	}
	return h
}

func basic(id, secret string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(id, secret)
	return r.Header.Get("Authorization")
}

const formType = "application/x-www-form-urlencoded"

// token returns an access token, or "" when there is none to be had.
func (w *world) token(client, secret, scope, host string) string {
	rec := w.do(req{method: "POST", path: "/oauth2/v1/token", host: host,
		body:   url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}.Encode(),
		header: headers("Authorization", basic(client, secret), "Content-Type", formType)})
	token, _ := object(rec)["access_token"].(string)
	return token
}

func (w *world) bearer() string { return "Bearer " + w.token("one", "s3cret", "phone_check", "") }

func (w *world) post(token, body string) *httptest.ResponseRecorder {
	return w.do(req{method: "POST", path: "/phone_check/v0.1/checks", body: body,
		header: headers("Authorization", token, "Content-Type", "application/json")})
}

func (w *world) create(token, number string) string {
	id, _ := object(w.post(token, `{"phone_number":"`+number+`"}`))["check_id"].(string)
	return id
}

func (w *world) open(id, from string) *httptest.ResponseRecorder {
	return w.do(req{method: "GET", path: "/phone_check/v0.1/checks/" + id + "/redirect", from: from})
}

func (w *world) get(token, id string) *httptest.ResponseRecorder {
	return w.do(req{method: "GET", path: "/phone_check/v0.1/checks/" + id, header: headers("Authorization", token)})
}

func object(rec *httptest.ResponseRecorder) map[string]any {
	var m map[string]any
	_ = json.Unmarshal(rec.Body.Bytes(), &m)
	return m
}
