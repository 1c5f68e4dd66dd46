package idlayrfake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// question is what an operator's back channel is asked: for the match result of a
// session (guide, step 7), or, with none, about the subscriber of a number.
type question struct{ session, msisdn string }

func (q question) url(n *Network) string {
	base, id := n.ResultURL, q.session
	if q.session == "" {
		base, id = n.SubscriberURL, q.msisdn
	}
	if base == "" {
		return ""
	}
	return base + "/" + url.PathEscape(id)
}

// askOperator waits at most for patience, on the platform's clock.
func (p *Platform) askOperator(ctx context.Context, n *Network, q question, patience time.Duration) verdict {
	if n == nil || q.url(n) == "" {
		return verdict{errorCode: "mno_server_error"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var late atomic.Bool
	stop := p.cfg.Clock.AfterFunc(patience, func() {
		late.Store(true)
		cancel()
	})
	defer stop()
	defer context.AfterFunc(p.done, cancel)()

	v, err := p.fetchResult(ctx, n, q)
	switch {
	case err == nil:
		return v
	case late.Load() || isTimeout(err):
		return verdict{errorCode: "mno_timeout"}
	case p.done.Err() != nil:
		return verdict{waiting: true}
	case errors.Is(err, errGarbled):
		return verdict{errorCode: "mno_response_error"}
	default:
		return verdict{errorCode: "mno_server_error"}
	}
}

// isTimeout recognises the transport's own timeouts, such as http.Client.Timeout.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// errGarbled is an answer that broke off.
var errGarbled = errors.New("idlayrfake: the operator's answer broke off")

// maxAnswer is more than any answer of an operator needs.
const maxAnswer = 64 << 10

func (p *Platform) fetchResult(ctx context.Context, n *Network, q question) (verdict, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.url(n), nil)
	if err != nil {
		return verdict{}, err
	}
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(n.PlatformID, n.PlatformSecret)
	resp, err := p.cfg.Client.Do(req)
	if err != nil {
		return verdict{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return verdict{}, errors.Join(errGarbled, err)
	}
	return readResult(n, q.session, resp.StatusCode, body), nil
}

// readResult reads an operator's answer.
func readResult(n *Network, session string, status int, body []byte) verdict {
	var answer struct {
		SessionID string `json:"session_id"`
		MSISDN    string `json:"msisdn"`
		SIMChange string `json:"sim_changed_at"`
		Error     string `json:"error"`
	}
	err := json.Unmarshal(body, &answer)
	switch {
	case status >= 500:
		return verdict{errorCode: "mno_server_error"}
	case status == http.StatusForbidden:
		return verdict{errorCode: "mno_no_data_available"}
	case err != nil:
	case status == http.StatusNotFound && answer.Error == "session_not_found":
		return verdict{waiting: true}
	case status == http.StatusNotFound && answer.Error == "subscriber_not_found":
		return verdict{errorCode: "mno_user_not_found"}
	case status == http.StatusOK && (answer.SessionID == "" || answer.SessionID == session):
		if msisdn, ok := subscriberNumber(answer.MSISDN, n.DialingCode); ok {
			return verdict{msisdn: msisdn, simChange: answer.SIMChange}
		}
	}
	return verdict{errorCode: "mno_response_error"}
}

// resolve asks the operator for the result of a session of a PENDING check and
// settles it. Callers that come while somebody asks already share that answer.
func (p *Platform) resolve(ctx context.Context, r *record, session string) {
	if p.tooEarly(r) {
		return
	}
	p.mu.Lock()
	for r.asking != nil {
		asking, same := r.asking, r.askedOf == session
		p.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			return
		}
		if same {
			return
		}
		p.mu.Lock()
	}
	if r.Status != StatusPending {
		p.mu.Unlock()
		return
	}
	asking := make(chan struct{})
	r.asking, r.askedOf = asking, session
	c := r.Check
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		r.asking = nil
		p.mu.Unlock()
		close(asking)
	}()

	// The answer is for everybody, so it does not depend on the first caller's
	// patience. It is of no use after the time to live.
	ctx = context.WithoutCancel(ctx)
	left := c.CreatedAt.Add(c.TTL).Sub(p.cfg.Clock.Now())
	if left <= 0 {
		p.change(ctx, r, expire)
		return
	}
	var v verdict
	if c.Sandbox {
		v = sandboxAnswer(c, p.cfg.Clock.Now())
	} else {
		n := p.networks.byID(c.NetworkID)
		v = p.askOperator(ctx, n, question{session: session}, min(p.cfg.OperatorTimeout, left))
	}
	v.session = session
	p.decide(ctx, c.CheckID, v.errorCode, v.explain(c))
	p.change(ctx, r, func(c Check, now time.Time) Check { return settle(c, now, v) })
}

// tooEarly says whether Config.ResultDelay keeps the result of a PENDING check back.
func (p *Platform) tooEarly(r *record) bool {
	if p.cfg.ResultDelay <= 0 || r.api.coded {
		return false
	}
	p.mu.Lock()
	opened := r.UpdatedAt
	p.mu.Unlock()
	return p.cfg.Clock.Now().Before(opened.Add(p.cfg.ResultDelay))
}

// explain says what an operator's verdict means for a check.
func (v verdict) explain(c Check) string {
	role, who := "operator", "operator "+c.NetworkID
	if c.Sandbox {
		role, who = "sandbox", "sandbox"
	}
	switch {
	case v.waiting:
		return who + " has not seen the device yet"
	case v.errorCode != "":
		return who + " gives no number: " + v.errorCode
	}
	text := role + " says " + v.msisdn + ", check asks " + c.PhoneNumber
	if v.msisdn == c.PhoneNumber {
		return text + ": match"
	}
	return text + ": no match"
}
