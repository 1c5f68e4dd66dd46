package idlayrfake

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"
)

// An MO check (mobile originated) is the other way round: the user sends a text
// message, and its sender is the number. Little of it is documented; this much is
// what the vendor's development server uses.

// moReceiver is the number that messages are sent to.
const moReceiver = "447700900999"

// createMOCheck is POST /mo_check/v0.1/checks.
func (p *Platform) createMOCheck(x *exchange) failure {
	project, c, fail := p.newCheck(x)
	if fail != nil {
		return fail
	}
	text := hex.EncodeToString(p.random(5))
	if _, fail = p.keep(x, project, c, text); fail != nil {
		return fail
	}
	writeJSON(x.w, http.StatusCreated, "application/hal+json", struct {
		CheckID  string `json:"check_id"`
		Body     string `json:"mo_body"`
		Receiver string `json:"mo_receiver"`
	}{c.CheckID, text, moReceiver})
	return nil
}

// getMOCheck is GET /mo_check/v0.1/checks/{check_id}.
func (p *Platform) getMOCheck(x *exchange) failure {
	project, fail := p.authorize(x, x.api.name)
	if fail != nil {
		return fail
	}
	rec, c := p.find(x.r.Context(), x.api, x.checkID, func(owner *Project) bool { return owner == project })
	if rec == nil {
		return checkNotFound.because("no such check of this project")
	}
	writeJSON(x.w, http.StatusOK, "application/hal+json", struct {
		CheckID  string `json:"check_id"`
		Verified bool   `json:"verified"`
	}{c.CheckID, c.Match != nil && *c.Match})
	return nil
}

// ReceiveSMS hands the platform a text message. from is the number that the
// operator says it comes from (E.164 without plus), to and body are what the
// sender was told (mo_receiver and mo_body). It reports whether the message has
// verified an MO check; any other message changes nothing. The exchange is
// nowhere documented: its form is this package's own.
func (p *Platform) ReceiveSMS(ctx context.Context, from, to, body string) bool {
	p.passTime()
	p.mu.Lock()
	var r *record
	for _, live := range p.store.live {
		if live.api.texted && live.session == body && live.PhoneNumber == from && to == moReceiver {
			r = live
		}
	}
	p.mu.Unlock()
	if r == nil {
		return false
	}
	networkID := ""
	if n := p.homeNetwork(from); n != nil {
		networkID = n.NetworkID
	}
	verified := false
	p.change(ctx, r, func(c Check, now time.Time) Check {
		before := c.Status
		c = settle(open(c, now, networkID), now, verdict{msisdn: from})
		verified = before != c.Status && c.Status == StatusCompleted
		return c
	})
	return verified
}
