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

// check is what the server needs to know of a PhoneCheck resource. Members that it does not know are no error.
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
}

// create makes a check for a number in E.164 without plus: step 3.
func (s *Server) create(ctx context.Context, number string) (check, error) {
	body, err := json.Marshal(map[string]string{"phone_number": number})
	if err != nil {
		return check{}, err
	}
	c, err := s.call(ctx, http.MethodPost, "/phone_check/v0.1/checks", body)
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

// get reads a check, which makes the platform ask the operator: step 7.
func (s *Server) get(ctx context.Context, id string) (check, error) {
	c, err := s.call(ctx, http.MethodGet, "/phone_check/v0.1/checks/"+url.PathEscape(id), nil)
	if err == nil && c.CheckID != id {
		s.c.Log.Warn("the platform answered with another check")
		return check{}, unavailable
	}
	return c, err
}

// call makes one call, and repeats it once with a new token when the platform refuses the token. A repeat cannot make
// a second check: what was refused has made none.
func (s *Server) call(ctx context.Context, method, path string, body []byte) (check, error) {
	token, err := s.tokens.get(ctx, "")
	if err != nil {
		return check{}, err
	}
	c, status, err := s.once(ctx, method, path, body, token)
	if status == http.StatusUnauthorized {
		if token, err = s.tokens.get(ctx, token); err != nil {
			return check{}, err
		}
		c, _, err = s.once(ctx, method, path, body, token)
	}
	return c, err
}

func (s *Server) once(ctx context.Context, method, path string, body []byte, token string) (c check, status int, err error) {
	ctx, cancel := clock.WithTimeout(ctx, s.c.Clock, s.c.CallTimeout)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()

	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.c.APIBase+path, content)
	if err != nil {
		return c, 0, unavailable
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.api.Do(req)
	if err != nil {
		return c, 0, s.broken(ctx, method)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return c, 0, s.broken(ctx, method)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		p := refusal(res.StatusCode, data)
		s.c.Log.Warn("the platform refused", "method", method, "status", res.StatusCode, "code", p.code)
		if p == tooMany {
			return c, res.StatusCode, limited{p, retryAfter(res.Header)}
		}
		return c, res.StatusCode, p
	}
	if json.Unmarshal(data, &c) != nil {
		s.c.Log.Warn("the platform's answer cannot be read", "method", method, "status", res.StatusCode)
		return check{}, res.StatusCode, unavailable
	}
	return c, res.StatusCode, nil
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
