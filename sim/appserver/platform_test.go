package appserver_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/appserver"
	"github.com/phonechecksim/phonechecksim/sim/clock"
)

var begin = time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC)

const (
	secret = "s3cret-canary"
	api    = "https://eu.api.idlayr.com"
)

// call is one request as the platform got it.
type call struct {
	What string // "token", "create", "get", "patch", "keys", "cover"
	Auth string
	Body string
	URL  string
}

// platform plays IDlayr: it answers well unless a script for the next calls says otherwise.
type platform struct {
	mu      sync.Mutex
	calls   []call
	scripts map[string][]func(*http.Request) (*http.Response, error)
	checks  int
	tokens  int
	result  string // members of the answer to GET and PATCH, and to the creation of a SIM check
	jwks    string
	gate    chan struct{}
}

func reply(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func problem(status int, anchor string) func(*http.Request) (*http.Response, error) {
	return reply(status, fmt.Sprintf(`{"type":"https://developer.idlayr.com/docs/reference/api-errors#%s","title":"canary title","detail":"canary detail","status":%d}`, anchor, status),
		"Content-Type", "application/problem+json")
}

// stall answers when the caller has given up.
func stall(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, fmt.Errorf("canary: %w", r.Context().Err())
}

func (p *platform) next(what string, f ...func(*http.Request) (*http.Response, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.scripts == nil {
		p.scripts = map[string][]func(*http.Request) (*http.Response, error){}
	}
	p.scripts[what] = append(p.scripts[what], f...)
}

func (p *platform) count(what string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if c.What == what {
			n++
		}
	}
	return n
}

func (p *platform) last(what string) call {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.calls) - 1; i >= 0; i-- {
		if p.calls[i].What == what {
			return p.calls[i]
		}
	}
	return call{}
}

func (p *platform) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	what := "get"
	switch {
	case r.URL.Path == "/.well-known/jwks.json":
		what = "keys"
	case strings.HasPrefix(r.URL.Path, "/coverage/"):
		what = "cover"
	case r.Method == http.MethodPatch:
		what = "patch"
	case r.URL.Path == "/oauth2/v1/token":
		what = "token"
	case r.Method == http.MethodPost:
		what = "create"
	}
	p.mu.Lock()
	p.calls = append(p.calls, call{what, r.Header.Get("Authorization"), string(body), r.URL.String()})
	var script func(*http.Request) (*http.Response, error)
	if q := p.scripts[what]; len(q) > 0 {
		script, p.scripts[what] = q[0], q[1:]
	}
	gate := p.gate
	var good func(*http.Request) (*http.Response, error)
	switch what {
	case "token":
		p.tokens++
		form, _ := url.ParseQuery(string(body))
		name := "t0ken-canary"
		if form.Get("scope") == "coverage" {
			name = "for-coverage" // the one that may get out
		}
		good = reply(200, fmt.Sprintf(`{"access_token":"%s-%d","expires_in":3600,"token_type":"bearer","scope":%q}`, name, p.tokens, form.Get("scope")))
	case "keys":
		good = reply(200, p.jwks)
	case "cover":
		good = reply(404, "canary")
	case "create":
		p.checks++
		id := fmt.Sprintf("check-%d", p.checks)
		if strings.HasPrefix(r.URL.Path, "/sim_check/") {
			good = reply(201, fmt.Sprintf(`{"check_id":%q,%s,"charge_amount":1,"charge_currency":"API","snapshot_balance":100}`, id, p.result))
			break
		}
		good = reply(201, fmt.Sprintf(`{"check_id":%q,"status":"ACCEPTED","charge_amount":1,"charge_currency":"API","ttl":60,"snapshot_balance":100,
			"_links":{"check_url":{"href":"%s/%s/redirect?a=1&b=2"}},"new_member":{"x":[1]}}`, id, api+r.URL.Path, id))
	default:
		id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		good = reply(200, fmt.Sprintf(`{"check_id":%q,%s,"charge_amount":1,"charge_currency":"API"}`, id, p.result))
	}
	p.mu.Unlock()
	if gate != nil && what == "token" {
		select {
		case <-gate:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if script != nil {
		return script(r)
	}
	return good(r)
}

// bench is a server with its platform and a clock that stands still.
type bench struct {
	*platform
	clk    *clock.Manual
	server *appserver.Server
	sent   bytes.Buffer // every byte towards the device
}

func newBench(change ...func(*appserver.Config)) *bench {
	b := &bench{platform: &platform{result: `"status":"COMPLETED","match":true`}, clk: clock.NewManual(begin)}
	c := appserver.Config{
		APIBase: api + "/", ClientID: "client", ClientSecret: secret,
		Client: &http.Client{Transport: b.platform}, Clock: b.clk, Rand: rand.NewChaCha8([32]byte{1}),
	}
	for _, f := range change {
		f(&c)
	}
	b.server = appserver.New(c)
	return b
}

// guarded is a bench of which, when the spec ends, every byte towards the device is searched for what must stay here.
func guarded(change ...func(*appserver.Config)) *bench {
	b := newBench(change...)
	DeferCleanup(func() {
		b.server.Close()
		Expect(b.sent.String()).NotTo(Or(
			ContainSubstring("canary"), ContainSubstring("charge"), ContainSubstring("snapshot"), ContainSubstring("_links"),
			ContainSubstring(base64.StdEncoding.EncodeToString([]byte("client:" + secret))[:12]),
		), "nothing of the platform's reaches the device")
	})
	return b
}

// jar is one device: it keeps the cookie.
type jar struct{ cookie *http.Cookie }

type got struct {
	Status int
	Header http.Header
	Raw    string
	Body   map[string]any
}

func (b *bench) do(j *jar, method, target, contentType, body string) got {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return b.send(j, r)
}

func (b *bench) send(j *jar, r *http.Request) got {
	if j != nil && j.cookie != nil {
		r.AddCookie(j.cookie)
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	res := w.Result()
	if j != nil {
		for _, c := range res.Cookies() {
			j.cookie = c
		}
	}
	g := got{Status: res.StatusCode, Header: res.Header, Raw: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &g.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = res.Header.Write(&b.sent)
	b.sent.WriteString(g.Raw)
	return g
}

func (b *bench) start(j *jar, number string) got {
	body, err := json.Marshal(map[string]string{"phone_number": number})
	Expect(err).NotTo(HaveOccurred())
	return b.do(j, "POST", "/phone-check", "application/json", string(body))
}

// me returns the number that the device has proved, or "".
func (b *bench) me(j *jar) any {
	g := b.do(j, "GET", "/me", "", "")
	if g.Body["verified"] != true {
		return ""
	}
	return g.Body["phone_number"]
}

// begin starts a check at a route and returns its id.
func (b *bench) begin(j *jar, route, number string) string {
	g := b.do(j, "POST", route, "", "phone_number="+number)
	Expect(g).To(HaveField("Status", 200))
	return g.Body["check_id"].(string)
}

func (b *bench) ask(j *jar, id string) got {
	return b.do(j, "GET", "/phone-check?check_id="+id, "", "")
}

// later runs f and moves the clock by d once the platform has had the call.
func (b *bench) later(what string, d time.Duration, f func() got) got {
	before := b.count(what)
	done := make(chan got, 1)
	go func() { done <- f() }()
	Eventually(func() int { return b.count(what) }).Should(BeNumerically(">", before))
	b.clk.Advance(d)
	var g got
	Eventually(done).Should(Receive(&g))
	return g
}
