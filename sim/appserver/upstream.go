package appserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// maxAnswer is how much of an answer of the platform is read, in bytes.
const maxAnswer = 64 << 10

// limited is a problem that the platform lets go away with time.
type limited struct {
	problem
	after string // the value of Retry-After, or empty
}

// check is what the server needs to know of a check. Members that it does not know are no error.
type check struct {
	CheckID   string          `json:"check_id"`
	Status    string          `json:"status"`
	Match     json.RawMessage `json:"match"`
	ErrorCode string          `json:"error_code"`
	Links     struct {
		CheckURL struct {
			Href string `json:"href"`
		} `json:"check_url"`
	} `json:"_links"`

	NoSIMChange       json.RawMessage `json:"no_sim_change"`
	NoSIMChangePeriod json.RawMessage `json:"no_sim_change_period"`
	SIMChangeWithin   json.RawMessage `json:"sim_change_within"`
}

// create makes a check for a number in E.164 without plus, from an address if that is known: step 3.
func (s *Server) create(ctx context.Context, p *product, number, phoneIP string) (check, error) {
	order := map[string]string{"phone_number": number}
	if phoneIP != "" {
		order["phone_ip"] = phoneIP
	}
	if p.coded && s.c.RedirectURL != "" {
		order["redirect_url"] = s.c.RedirectURL
	}
	c, err := s.order(ctx, p, order)
	if err != nil {
		return check{}, err
	}
	u, err := url.Parse(c.Links.CheckURL.Href)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || c.CheckID == "" {
		s.c.Log.Warn("the platform made a check without id or URL")
		return check{}, unavailable
	}
	return c, nil
}

// order posts a new check.
func (s *Server) order(ctx context.Context, p *product, order map[string]string) (c check, err error) {
	body, err := json.Marshal(order)
	if err != nil {
		return c, err
	}
	return c, s.call(ctx, request{s.tokens[p.name], http.MethodPost, p.checks(), jsonMedia, body}, &c)
}

// get reads a check, which in v0.1 makes the platform ask the operator: step 7.
func (s *Server) get(ctx context.Context, p *product, id string) (check, error) {
	return s.named(ctx, id, request{tokens: s.tokens[p.name], method: http.MethodGet, path: p.checks() + "/" + url.PathEscape(id)})
}

// redeem gives the platform the code that the device came back with, which in v0.2 makes it ask the operator: step 7 there.
func (s *Server) redeem(ctx context.Context, p *product, id, code string) (check, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value string `json:"value"`
	}
	patch, err := json.Marshal([]operation{{"add", "/code", code}})
	if err != nil {
		return check{}, err
	}
	return s.named(ctx, id, request{s.tokens[p.name], http.MethodPatch, p.checks() + "/" + url.PathEscape(id), patchMedia, patch})
}

// named makes a call that is answered with the check of that id.
func (s *Server) named(ctx context.Context, id string, q request) (c check, err error) {
	if err := s.call(ctx, q, &c); err != nil {
		return check{}, err
	}
	if c.CheckID != id {
		s.c.Log.Warn("the platform answered with another check")
		return check{}, unavailable
	}
	return c, nil
}

const (
	jsonMedia  = "application/json"
	patchMedia = "application/json-patch+json"
)

// request is one for the platform. Its body and media are empty when it has none.
type request struct {
	tokens       *tokens
	method, path string
	media        string
	body         []byte
}

// call makes one call and decodes the answer into a struct. It repeats the call once with a new token when the platform
// refuses the token. A repeat cannot make a second check: what was refused has made none.
func (s *Server) call(ctx context.Context, q request, into any) error {
	token, err := q.tokens.get(ctx, nil)
	if err != nil {
		return err
	}
	status, err := s.once(ctx, q, token, into)
	if status == http.StatusUnauthorized {
		refused := func(t string, _ time.Duration) bool { return t == token }
		if token, err = q.tokens.get(ctx, refused); err != nil {
			return err
		}
		_, err = s.once(ctx, q, token, into)
	}
	return err
}

// once makes one call, without a token if that is empty.
func (s *Server) once(ctx context.Context, q request, token string, into any) (status int, err error) {
	ctx, cancel := clock.WithTimeout(ctx, s.c.Clock, s.c.CallTimeout)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()

	var content io.Reader
	if q.body != nil {
		content = bytes.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, s.c.APIBase+q.path, content)
	if err != nil {
		return 0, unavailable
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Accept", "application/json")
	if q.body != nil {
		req.Header.Set("Content-Type", q.media)
	}
	res, err := s.api.Do(req)
	if err != nil {
		return 0, s.broken(ctx, q.method)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, s.broken(ctx, q.method)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		p := refusal(res.StatusCode, data)
		s.c.Log.Warn("the platform refused", "method", q.method, "status", res.StatusCode, "code", p.code)
		if p == tooMany {
			return res.StatusCode, limited{p, retryAfter(res.Header)}
		}
		return res.StatusCode, p
	}
	if json.Unmarshal(data, into) != nil {
		s.c.Log.Warn("the platform's answer cannot be read", "method", q.method, "status", res.StatusCode)
		return res.StatusCode, unavailable
	}
	return res.StatusCode, nil
}

// broken translates a call that got no answer.
func (s *Server) broken(ctx context.Context, method string) error {
	err := error(unavailable)
	if ctx.Err() != nil {
		err = ended(ctx)
	}
	s.c.Log.Warn("no answer from the platform", "method", method, "code", err.Error())
	return err
}

// retryAfter returns the header's value if it is one (RFC 9110, section 10.2.3), so that nothing else passes through.
func retryAfter(h http.Header) string {
	v := h.Get("Retry-After")
	if _, err := http.ParseTime(v); err == nil {
		return v
	}
	if d, err := time.ParseDuration(v + "s"); err != nil || d < 0 || len(v) > 9 || !digitsOnly(v) {
		return ""
	}
	return v
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
