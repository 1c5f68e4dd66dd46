package scenarios

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Call is a device making one request of its own, as the app with its session, over its default route: to its server, or
// anywhere. In To and Body {check_id}, {check_url} and {code} stand for those of the check.
type Call struct {
	Device  string            `yaml:"device"`
	CheckOf string            `yaml:"check_of"` // the device whose check it is about; its own when left out
	Method  string            `yaml:"method"`   // GET, or POST with a body, when left out
	To      string            `yaml:"to"`       // a path of its server or a whole URL
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`
}

var callMethods = []string{"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE"}

func (c *Call) check(f file, path string, s *Scenario) {
	f.actor(path, s, c.Device)
	if c.CheckOf != "" {
		f.device(path+".check_of", s, c.CheckOf)
	}
	f.word(path+".method", c.Method, callMethods)
	if !strings.HasPrefix(c.To, "/") && !strings.HasPrefix(c.To, "https://") && !strings.HasPrefix(c.To, "http://") && c.To != "{check_url}" {
		f.At(path+".to", "call needs to, a path of the device's server such as /me, or a URL; %q is neither", c.To)
	}
}

func (c *Call) play(ctx context.Context, r *run) {
	a := r.actor(c.Device)
	from := a
	if c.CheckOf != "" {
		from = r.actors[c.CheckOf]
	}
	fill := strings.NewReplacer("{check_id}", from.started.CheckID, "{check_url}", from.started.CheckURL, "{code}", from.known.Code)
	method := c.Method
	if method == "" {
		method = http.MethodGet
		if c.Body != "" {
			method = http.MethodPost
		}
	}
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value)
	}
	answer, err := a.phone.Call(ctx, method, fill.Replace(c.To), header, fill.Replace(c.Body))
	a.learn(answer, err)
	var started struct {
		CheckID  string `json:"check_id"`
		CheckURL string `json:"check_url"`
	}
	if json.Unmarshal(answer.Body, &started) == nil && started.CheckID != "" && started.CheckURL != "" {
		a.started.CheckID, a.started.CheckURL = started.CheckID, started.CheckURL // the call has started a check
	}
}

// player is a verb that plays itself.
type player interface {
	play(ctx context.Context, r *run)
	check(f file, path string, s *Scenario)
}

// SetOperators is the verb that changes how operators behave from now on. What is left out of one is as usual.
type SetOperators Operators

func (v SetOperators) check(f file, path string, _ *Scenario) { Operators(v).check(f, path, true) }

func (v SetOperators) play(_ context.Context, r *run) {
	_ = Operators(v).apply(r.w) // the parser saw to it that they exist
}

// RevokeTokens is the verb that ends all access tokens of the server.
type RevokeTokens struct{}

func (*RevokeTokens) check(file, string, *Scenario) {}

func (*RevokeTokens) play(_ context.Context, r *run) { r.w.Platform().RevokeTokens() }

// answers reports parts that the server's last answer does not have.
func answers(parts []string, got string, fail func(what, want, got string)) {
	for i, part := range parts {
		if !strings.Contains(got, part) {
			fail("device.answer["+strconv.Itoa(i)+"]", part, absent+" in "+strings.TrimSpace(got))
		}
	}
}
