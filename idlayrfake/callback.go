package idlayrfake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// callbackDelay is the time between the end of a check and the first try, so
	// that the request that ended it is answered first.
	callbackDelay = 100 * time.Millisecond
	// fetchDelay is the time between the opening of a check URL and the first
	// look at its result, when somebody is to be called back. Each further look
	// takes twice the time, within the check's time to live.
	fetchDelay = time.Second
)

// callbackURL returns who is told the end of a check, or "".
func callbackURL(api *product, project *Project, c Check) string {
	if c.CallbackURL != "" || api.config == nil {
		return c.CallbackURL
	}
	return api.config(project).CallbackURL
}

// callbackBody is what it is told.
type callbackBody struct {
	CheckID     string `json:"check_id"`
	ReferenceID string `json:"reference_id,omitempty"`
	Status      Status `json:"status"`
	Match       *bool  `json:"match,omitempty"`
	simBody
	ErrorCode      string `json:"error_code,omitempty"`
	NetworkID      string `json:"network_id,omitempty"`
	ChargeAmount   int    `json:"charge_amount"`
	ChargeCurrency string `json:"charge_currency"`
	CreatedAt      string `json:"created_at"`
	UpdatedAt      string `json:"updated_at"`
}

func callbackJSON(c Check) []byte {
	b := callbackBody{
		CheckID: c.CheckID, ReferenceID: c.ReferenceID, Status: c.Status, Match: c.Match, ErrorCode: c.ErrorCode,
		ChargeAmount: c.ChargeAmount, ChargeCurrency: c.ChargeCurrency,
		CreatedAt: c.CreatedAt.UTC().Format(timeLayout), UpdatedAt: c.UpdatedAt.UTC().Format(timeLayout),
	}
	b.simBody = simOf(c)
	if c.Status == StatusCompleted {
		b.NetworkID = c.NetworkID
	}
	body, err := json.Marshal(b)
	if err != nil {
		panic("idlayrfake: a callback that is not JSON: " + err.Error()) // of our own types
	}
	return body
}

// callBack sees to a check's callback after a transition.
func (p *Platform) callBack(t transition) {
	target := callbackURL(t.record.api, t.record.project, t.after)
	switch {
	case target == "":
	case t.before.Status == "":
		p.mu.Lock()
		p.store.awaited = true
		p.mu.Unlock()
	case t.after.Status.final():
		c := &callback{p: p, check: t.after, body: callbackJSON(t.after), target: target}
		p.later(callbackDelay, c.try)
	case t.after.Status == StatusPending && !t.record.api.coded:
		p.later(fetchDelay, func() { p.fetch(t.record, fetchDelay) })
	}
}

// fetch gets the result of a check whose server waits for a callback instead of
// asking. The platform does not see the device's last hop, so it looks a few
// times.
func (p *Platform) fetch(r *record, waited time.Duration) {
	// With a context that has ended, resolve does not wait for somebody else who
	// is asking already.
	ended, end := context.WithCancel(context.Background())
	end()
	p.resolve(ended, r, r.session)
	p.mu.Lock()
	again := r.order != nil && r.Status == StatusPending
	p.mu.Unlock()
	if again {
		p.later(2*waited, func() { p.fetch(r, 2*waited) })
	}
}

// callback is one being made.
type callback struct {
	p      *Platform
	check  Check
	body   []byte
	target string
	tries  int
}

// try makes the call and, when it fails, comes back later (at most as often as
// Callbacks.Delays says).
func (c *callback) try() {
	result := c.post()
	text := "callback of " + string(c.check.Status) + ": " + result
	delays := c.p.cfg.Callbacks.Delays
	again := result != "200" && c.tries < len(delays) && c.p.done.Err() == nil
	switch {
	case again:
		text += ", again in " + delays[c.tries].String()
	case result != "200":
		text += ", given up"
	}
	c.p.decide(context.Background(), c.check.CheckID, "", text)
	if again {
		c.tries++
		c.p.later(delays[c.tries-1], c.try)
	}
}

// post makes one try and returns the status of the answer, or why there is none.
func (c *callback) post() string {
	p := c.p
	ctx, cancel := context.WithCancel(p.done)
	defer cancel()
	var late atomic.Bool
	defer p.cfg.Clock.AfterFunc(p.cfg.Callbacks.Timeout, func() {
		late.Store(true)
		cancel()
	})()

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target, bytes.NewReader(c.body))
	if err != nil {
		return "no address"
	}
	c.sign(req)
	client := *p.cfg.Callbacks.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	switch {
	case err == nil:
		_ = resp.Body.Close()
		return strconv.Itoa(resp.StatusCode)
	case late.Load():
		return "timeout"
	default:
		return "no answer"
	}
}

// sign dates and signs a request. Every try is dated and signed anew, because
// receivers take nothing older than five minutes.
func (c *callback) sign(req *http.Request) {
	date := c.p.cfg.Clock.Now().UTC().Format(http.TimeFormat)
	digest := c.digest()
	h := req.Header
	h["Content-Type"] = []string{"application/json"}
	h["Date"] = []string{date}
	h["Digest"] = []string{digest}
	h["x-tru-callback"] = []string{c.check.Product}
	h["Authorization"] = []string{signature(
		signedLine{"(request-target)", "post " + req.URL.RequestURI()},
		signedLine{"host", req.Host},
		signedLine{"date", date},
		signedLine{"x-tru-callback", c.check.Product},
		signedLine{"digest", digest},
	)}
}

func (c *callback) digest() string {
	sum := sha256.Sum256(c.body)
	if c.p.cfg.Callbacks.Base64Digest {
		return "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
	}
	return "SHA-256=" + hex.EncodeToString(sum[:])
}
