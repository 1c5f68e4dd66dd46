package contract

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// kind is what a request to the platform is for.
type kind string

const (
	toToken  kind = "token"
	toCreate kind = "create"
	toRead   kind = "read"   // GET of a check
	toRedeem kind = "redeem" // PATCH of a check
	toKeys   kind = "keys"
	toOpen   kind = "check URL"
	toOther  kind = "other"
)

// kindOf sorts a request to the platform.
func kindOf(method, path string) (k kind, checkID string) {
	switch {
	case path == "/oauth2/v1/token":
		return toToken, ""
	case path == "/.well-known/jwks.json":
		return toKeys, ""
	}
	_, rest, found := strings.Cut(path, "/checks")
	if !found || strings.HasPrefix(path, "/coverage") {
		return toOther, ""
	}
	id, tail, more := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	switch {
	case more && (tail == "redirect" || tail == "complete" || tail == "sandbox"):
		return toOpen, id
	case more:
		return toOther, id
	case id == "" && method == http.MethodPost:
		return toCreate, ""
	case id != "" && method == http.MethodGet:
		return toRead, id
	case id != "" && method == http.MethodPatch:
		return toRedeem, id
	}
	return toOther, id
}

// front stands before the platform and lets a check change what it hears and says.
type front struct {
	platform http.Handler

	now func() time.Time

	mu      sync.Mutex
	hooks   []*hook
	issued  map[string]time.Time // access tokens
	revoked map[string]bool
	life    time.Duration  // of access tokens; 0: as the platform has it
	asked   []tokenRequest // in the whole life of the world
}

// tokenRequest is what a backend asked a token with.
type tokenRequest struct{ authorization, contentType, grant, scope string }

type hook struct {
	kinds []kind
	do    func(*call)
}

// call is one request to the platform in the hands of a hook.
type call struct {
	kind    kind
	id      string // the check's, if the request names one
	r       *http.Request
	body    []byte // of the request
	front   *front
	asked   bool // the platform
	status  int
	header  http.Header
	content []byte // of the answer
}

// on sets a hook for requests of some kinds, and returns a function that takes it away. The latest one comes first, and is the only one.
func (f *front) on(do func(*call), kinds ...kind) (remove func()) {
	h := &hook{kinds, do}
	f.mu.Lock()
	f.hooks = append([]*hook{h}, f.hooks...)
	f.mu.Unlock()
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i := range f.hooks {
			if f.hooks[i] == h {
				f.hooks = append(append([]*hook{}, f.hooks[:i]...), f.hooks[i+1:]...)
				return
			}
		}
	}
}

// says makes the platform answer requests for the result with a check that has these members, and returns a function that
// ends it.
func (f *front) says(members map[string]any) (remove func()) {
	return f.on(func(c *call) {
		check := map[string]any{"check_id": c.id}
		maps.Copy(check, members)
		c.answer(http.StatusOK, check)
	}, toRead, toRedeem)
}

// clear makes the platform what it was. Tokens that were revoked are good again: a backend that goes on using a dead one is
// found wrong once, and not kept from every other check.
func (f *front) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks, f.life = nil, 0
	clear(f.revoked)
}

func (f *front) hookFor(k kind) *hook {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hooks {
		for _, wanted := range h.kinds {
			if wanted == k {
				return h
			}
		}
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k, id := kindOf(r.Method, r.URL.Path)
	h := f.hookFor(k)
	if h == nil && (k == toOpen || k == toKeys || k == toOther) {
		f.platform.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c := &call{kind: k, id: id, r: r, body: body, front: f, header: http.Header{}}
	switch {
	case k == toToken:
		f.hear(c)
	case f.refuses(r):
		c.refuse(http.StatusUnauthorized, "access_token_error")
		c.header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	if h != nil && c.status == 0 {
		h.do(c)
	}
	if c.status == 0 {
		c.pass()
	}
	if k == toToken {
		f.remember(c)
	}
	for name, v := range c.header {
		w.Header()[name] = v
	}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(c.content))}
	w.WriteHeader(c.status)
	_, _ = w.Write(c.content) // the caller may be gone
}

func (f *front) hear(c *call) {
	form, _ := url.ParseQuery(string(c.body))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, tokenRequest{
		c.r.Header.Get("Authorization"), c.r.Header.Get("Content-Type"), form.Get("grant_type"), form.Get("scope"),
	})
}

// remember keeps when a token was issued, and says of it that it lives as long as the check wants.
func (f *front) remember(c *call) {
	f.mu.Lock()
	life := f.life
	f.mu.Unlock()
	c.edit(func(o map[string]any) {
		value, _ := o["access_token"].(string)
		if value == "" {
			return
		}
		if life > 0 {
			o["expires_in"] = int(life / time.Second)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.issued[value] = f.now()
	})
}

// refuses reports whether the access token of a request is no longer good.
func (f *front) refuses(r *http.Request) bool {
	_, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.issued[value]
	return known && (f.revoked[value] || f.life > 0 && f.now().Sub(at) >= f.life)
}

// revoke makes the platform refuse all tokens that it has issued.
func (f *front) revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for value := range f.issued {
		f.revoked[value] = true
	}
}

// forgive takes all of that back: a backend that never renews its token would fail in everything that comes after.
func (f *front) forgive() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.revoked)
}

// limit makes access tokens live for d from now on.
func (f *front) limit(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.life = d
}

func (f *front) tokenRequests() []tokenRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// pass asks the platform.
func (c *call) pass() {
	if c.asked {
		return
	}
	c.asked = true
	r := c.r.Clone(c.r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(c.body)), int64(len(c.body))
	rec := &recorder{header: http.Header{}}
	c.front.platform.ServeHTTP(rec, r)
	c.status, c.header, c.content = rec.status, rec.header, rec.body.Bytes()
	c.header.Del("Content-Length")
}

// canaryDetail stands in the platform's problems, to be found where it should not get.
const canaryDetail = "(vendor-detail-7391)"

// answer answers in the platform's stead.
func (c *call) answer(status int, object any) {
	c.status, c.header = status, http.Header{"Content-Type": {"application/hal+json"}}
	c.content, _ = json.Marshal(object)
}

// refuse answers with a problem.
func (c *call) refuse(status int, anchor string) {
	c.answer(status, map[string]any{
		"type":  "https://developer.idlayr.com/docs/reference/api-errors#" + anchor,
		"title": http.StatusText(status), "status": status, "detail": strings.ReplaceAll(anchor, "_", " ") + " " + canaryDetail,
	})
	c.header.Set("Content-Type", "application/problem+json")
}

// edit asks the platform and changes the object that it answers with, if that is a success.
func (c *call) edit(change func(object map[string]any)) {
	c.pass()
	var object map[string]any
	if c.status < 200 || c.status > 299 || json.Unmarshal(c.content, &object) != nil || object == nil {
		return
	}
	change(object)
	c.content, _ = json.Marshal(object)
}

// order changes the object that the platform is sent.
func (c *call) order(change func(object map[string]any)) {
	var object map[string]any
	if json.Unmarshal(c.body, &object) == nil && object != nil {
		change(object)
		c.body, _ = json.Marshal(object)
	}
}

// recorder keeps an answer.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// cold makes the backend need a new token for what comes next. One in a process of its own has one from before, and may never renew it:
// then nothing is done, so that it does not fail for another reason than the one that is looked for.
func (w *world) cold() {
	g := w.ground
	if g.room != nil && !g.tried {
		g.tried = true
		w.front.revoke()
		g.renews = w.user(numberA).start(numberA).ok()
		w.front.forgive()
	}
	if g.room == nil || g.renews {
		w.front.revoke()
	}
}

// calls are the backend's requests to the platform of some kinds since the last mark, oldest first.
func (w *world) calls(kinds ...kind) []journal.Record {
	var found []journal.Record
	for _, r := range w.since() {
		if r.To != journal.IDlayr || r.From != journal.Server {
			continue
		}
		k, _ := kindOf(r.Method, pathOf(r.URL))
		for _, wanted := range kinds {
			if k == wanted {
				found = append(found, r)
			}
		}
	}
	return found
}
