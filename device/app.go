package device

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	callDeadline  = 10 * time.Second // one exchange with the app server, redirects included
	maxAnswer     = 1 << 20          // bytes
	maxQuotedBody = 200              // bytes
)

// App is an app on a phone that verifies numbers with its application server. It keeps the server's cookies, so one App is one
// session. Its own calls take the phone's default route; the check URL is opened as the phone's SDK profile does. It is safe
// for concurrent use.
type App struct {
	phone   *Phone
	profile Profile
	client  *http.Client
}

// NewApp returns an app with an empty cookie jar.
func NewApp(phone *Phone, server Profile) *App {
	return &App{
		phone:   phone,
		profile: server.WithDefaults(),
		client:  &http.Client{Transport: defaultRoute{phone}, Jar: &jar{now: phone.clock.Now}},
	}
}

// Started is the app server's answer to a number (step 4).
type Started struct {
	// CheckID identifies the check.
	CheckID string
	// CheckURL is the address to open over mobile data.
	CheckURL string
}

// Answer is the app server's answer to the request for the result (step 8).
type Answer struct {
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// Match is the verdict; nil if the answer has none yet.
	Match *bool
	// NoSIMChange says of a subscriber check that the SIM has not been changed lately; nil if the answer does not say.
	NoSIMChange *bool
	// Body is the answer as it came.
	Body []byte
}

// Outcome is what one Verify came to.
type Outcome struct {
	// CheckID and CheckURL are what the server answered in step 4; empty if it did not get so far.
	CheckID, CheckURL string
	// Open is the result of step 5; nil if it did not get so far.
	Open *Result
	// Match is the verdict of step 8; nil if there is none.
	Match *bool
	// NoSIMChange is what a subscriber check adds to it; nil if it says nothing.
	NoSIMChange *bool
	// Status is the HTTP status of the app server's last answer; 0 if there was none.
	Status int
	// Err is what went wrong between app and app server, a *StepError. A failed step 5 is in Open.
	Err error
}

// Matched tells whether the app server said that the number is the user's. No answer is a no.
func (o Outcome) Matched() bool { return o.Match != nil && *o.Match }

// StepError says at which step of the guide the exchange with the app server failed.
type StepError struct {
	// Step is the step's number in the guide.
	Step int
	// Status is the HTTP status of the app server's answer; 0 if there was none.
	Status int
	// Err is the reason.
	Err error
}

// Error names the step and the reason.
func (e *StepError) Error() string { return fmt.Sprintf("step %d: %v", e.Step, e.Err) }

// Unwrap returns the reason.
func (e *StepError) Unwrap() error { return e.Err }

// SubmitNumber sends the number to the app server and returns the check it created (steps 1, 2 and 4). Errors are *StepError:
// step 2 if there was no answer, step 4 if the answer is no good.
func (a *App) SubmitNumber(ctx context.Context, number string) (Started, error) {
	p := a.profile
	answer, err := a.call(ctx, p.StartMethod, p.StartPath, map[string]string{p.NumberField: number})
	if err != nil {
		return Started{}, stepError(2, 4, answer.Status, err)
	}
	var s Started
	for _, f := range []struct {
		name string
		to   *string
	}{{p.CheckIDField, &s.CheckID}, {p.CheckURLField, &s.CheckURL}} {
		if err := json.Unmarshal(answer.fields[f.name], f.to); err != nil || *f.to == "" {
			return Started{}, stepError(2, 4, answer.Status, fmt.Errorf("the app server's answer has no %q: %s", f.name, quote(answer.Body)))
		}
	}
	return s, nil
}

// OpenCheckURL opens the check URL as the phone's SDK profile does (step 5).
func (a *App) OpenCheckURL(ctx context.Context, checkURL string) Result {
	return a.phone.OpenCheckURL(ctx, checkURL)
}

// Coverage asks the app server for an access token for coverage and, with it and over mobile data as the phone's SDK profile
// opens check URLs, the platform whether the phone can be verified: 200, or a problem that says why not.
func (a *App) Coverage(ctx context.Context) (Result, error) {
	answer, err := a.call(ctx, http.MethodGet, "/coverage-access-token", nil)
	if err != nil {
		return Result{}, fmt.Errorf("coverage token: %w", err)
	}
	var grant struct{ Token, URL string }
	if err := json.Unmarshal(answer.Body, &grant); err != nil || grant.Token == "" || grant.URL == "" {
		return Result{}, errors.New("coverage token: the app server's answer has no token and url")
	}
	return a.phone.OpenCheckURL(ctx, grant.URL, WithAccessToken(grant.Token)), nil
}

// RequestResult asks the app server for the result of a check (steps 6 and 8). Errors are *StepError: step 6 if there was no
// answer, step 8 if the answer is no good; then the Answer holds what there was.
func (a *App) RequestResult(ctx context.Context, checkID string) (Answer, error) {
	return a.finish(ctx, a.profile.FinishMethod, a.profile.FinishPath, map[string]string{a.profile.CheckIDField: checkID})
}

// RedeemCode hands the code that the redirect chain ended with to the app server and returns what it is worth (steps 6 and 8,
// v0.2). Errors are as those of RequestResult.
func (a *App) RedeemCode(ctx context.Context, checkID, code string) (Answer, error) {
	p := a.profile
	return a.finish(ctx, p.RedeemMethod, p.RedeemPath, map[string]string{p.CheckIDField: checkID, p.CodeField: code})
}

// Finish redeems the code if the server takes codes and the chain ended with one, and asks for the result otherwise.
func (a *App) Finish(ctx context.Context, started Started, opened Result) (Answer, error) {
	if code := opened.Code(); code != "" && a.profile.RedeemPath != "" {
		return a.RedeemCode(ctx, started.CheckID, code)
	}
	return a.RequestResult(ctx, started.CheckID)
}

func (a *App) finish(ctx context.Context, method, path string, fields map[string]string) (Answer, error) {
	answer, err := a.call(ctx, method, path, fields)
	if err == nil {
		answer.Match, err = answer.verdict(a.profile.MatchField)
	}
	if err == nil {
		answer.NoSIMChange, err = answer.verdict("no_sim_change")
	}
	if err != nil {
		return answer.Answer, stepError(6, 8, answer.Status, err)
	}
	return answer.Answer, nil
}

// verdict reads a member that is true or false. A missing one and null are nil: none yet.
func (a objectAnswer) verdict(field string) (is *bool, err error) {
	if raw, ok := a.fields[field]; ok && json.Unmarshal(raw, &is) != nil {
		return nil, fmt.Errorf("the app server's answer has a %q that is not true or false: %s", field, quote(a.Body))
	}
	return is, nil
}

// Steps are the parts of a verification that a phone's user, app and SDK do. An App has them, and so has whatever wraps one.
type Steps interface {
	SubmitNumber(ctx context.Context, number string) (Started, error)
	OpenCheckURL(ctx context.Context, checkURL string) Result
	Finish(ctx context.Context, started Started, opened Result) (Answer, error)
}

// Verify goes through all steps in order. It asks for the result even if step 5 failed: what became of the check is the
// platform's to say, not the phone's.
func Verify(ctx context.Context, app Steps, number string) Outcome {
	var out Outcome
	started, err := app.SubmitNumber(ctx, number)
	if err != nil {
		out.Err = err
		if step := (*StepError)(nil); errors.As(err, &step) {
			out.Status = step.Status
		}
		return out
	}
	out.CheckID, out.CheckURL = started.CheckID, started.CheckURL
	opened := app.OpenCheckURL(ctx, started.CheckURL)
	out.Open = &opened
	answer, err := app.Finish(ctx, started, opened)
	out.Status, out.Match, out.NoSIMChange, out.Err = answer.Status, answer.Match, answer.NoSIMChange, err
	return out
}

// Verify is [Verify] with this app.
func (a *App) Verify(ctx context.Context, number string) Outcome { return Verify(ctx, a, number) }

// objectAnswer is an answer with its JSON members, as far as it is an object.
type objectAnswer struct {
	Answer
	fields map[string]json.RawMessage
}

// call makes one exchange with the app server. An answer outside 2xx, and one that is not a JSON object, are errors; the
// answer is returned with them.
func (a *App) call(ctx context.Context, method, path string, fields map[string]string) (objectAnswer, error) {
	caller := ctx
	ctx, done := a.phone.deadline(ctx, callDeadline)
	defer done()
	req, err := a.request(ctx, method, path, fields)
	if err != nil {
		return objectAnswer{}, err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return objectAnswer{}, unanswered(caller, ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return objectAnswer{}, unanswered(caller, ctx, err)
	}
	answer := objectAnswer{Answer: Answer{Status: resp.StatusCode, Body: body}}
	if len(body) > maxAnswer {
		answer.Body = body[:maxAnswer]
		return answer, fmt.Errorf("the app server answered more than %d bytes", maxAnswer)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer, fmt.Errorf("the app server answered %d: %s", resp.StatusCode, quote(body))
	}
	if err := json.Unmarshal(body, &answer.fields); err != nil || answer.fields == nil {
		return answer, fmt.Errorf("the app server's answer is not a JSON object: %s", quote(body))
	}
	return answer, nil
}

func (a *App) request(ctx context.Context, method, path string, fields map[string]string) (*http.Request, error) {
	target := strings.TrimSuffix(a.profile.BaseURL, "/") + path
	var body io.Reader
	if method == http.MethodGet {
		query := url.Values{}
		for field, value := range fields {
			query.Set(field, value)
		}
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		if len(fields) > 0 {
			target += sep + query.Encode()
		}
	} else {
		object, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(object)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"User-Agent": {userAgent}, "Accept": {"application/json"}}
	if body != nil {
		req.Header["Content-Type"] = []string{"application/json"}
	}
	return req, nil
}

// unanswered says why there is no answer. It leaves out the URL, which may hold the user's number.
func unanswered(caller, ctx context.Context, err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("the app server: %w", reason(caller, ctx, callDeadline, err))
}

// stepError takes the request's step if there was no answer, else the answer's.
func stepError(request, answer, status int, err error) error {
	if status == 0 {
		return &StepError{Step: request, Err: err}
	}
	return &StepError{Step: answer, Status: status, Err: err}
}

func quote(body []byte) string {
	if len(body) > maxQuotedBody {
		return strings.ToValidUTF8(string(body[:maxQuotedBody]), "") + "..."
	}
	return strings.ToValidUTF8(string(body), "")
}

// defaultRoute sends each request over the route that is the phone's default at that moment.
type defaultRoute struct{ phone *Phone }

// RoundTrip implements http.RoundTripper.
func (d defaultRoute) RoundTrip(r *http.Request) (*http.Response, error) {
	bearer, err := d.phone.DefaultRoute()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	if extra := d.phone.extraHeaders(); len(extra) > 0 {
		r = r.WithContext(r.Context())
		r.Header = r.Header.Clone()
		addExtra(r.Header, extra)
	}
	return bearer.RoundTrip(r)
}
