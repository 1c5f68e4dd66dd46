package device

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Call makes one request as the app, over the phone's default route and with the cookies that the app has: what an app does
// beside the steps of the guide, and what somebody who has taken it apart does instead of them. The target is a path of the
// app server or a whole URL. No redirect is followed. Any answer is an Answer; its Match is nil if the answer has none that
// can be read. The error says why there is no answer.
func (a *App) Call(ctx context.Context, method, target string, header http.Header, body string) (Answer, error) {
	if strings.HasPrefix(target, "/") {
		target = strings.TrimSuffix(a.profile.BaseURL, "/") + target
	}
	caller := ctx
	ctx, done := a.phone.deadline(ctx, callDeadline)
	defer done()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return Answer{}, errors.New("not a request that can be made")
	}
	req.Header = http.Header{"User-Agent": {userAgent}, "Accept": {"application/json"}}
	if strings.HasPrefix(body, "{") {
		req.Header["Content-Type"] = []string{"application/json"}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	client := *a.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, unanswered(caller, ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Answer{}, unanswered(caller, ctx, err)
	}
	answer := objectAnswer{Answer: Answer{Status: resp.StatusCode, Body: got}}
	_ = json.Unmarshal(got, &answer.fields) // what is no object has no members
	answer.Match, _ = answer.verdict(a.profile.MatchField)
	answer.NoSIMChange, _ = answer.verdict("no_sim_change")
	return answer.Answer, nil
}
