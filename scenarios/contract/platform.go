package contract

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

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

	mu    sync.Mutex
	hooks []*hook
}

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

func (f *front) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = nil
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
	if h == nil {
		f.platform.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c := &call{kind: k, id: id, r: r, body: body, front: f, header: http.Header{}}
	h.do(c)
	if c.status == 0 {
		c.pass()
	}
	for name, v := range c.header {
		w.Header()[name] = v
	}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(c.content))}
	w.WriteHeader(c.status)
	_, _ = w.Write(c.content) // the caller may be gone
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

// answer answers in the platform's stead.
func (c *call) answer(status int, object any) {
	c.status, c.header = status, http.Header{"Content-Type": {"application/hal+json"}}
	c.content, _ = json.Marshal(object)
}

// refuse answers with a problem.
func (c *call) refuse(status int, anchor string) {
	c.answer(status, map[string]any{
		"type":  "https://developer.idlayr.com/docs/reference/api-errors#" + anchor,
		"title": http.StatusText(status), "status": status, "detail": strings.ReplaceAll(anchor, "_", " "),
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
