package idlayrfake

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// From v0.2 on the chain does not end at the operator: the device comes back to
// the platform and is given a code, and the result is to be had for that code
// alone. So whoever presents it is who finished the chain, and knowing a check_id
// is worth nothing.

// visit is one device's way through the chain of a coded check. Each opening of
// the check URL has its own session at the operator, return address and code:
// opening it in somebody else's stead does not lead to that one's code.
type visit struct {
	session string // what the operator calls it
	state   string // what the device comes back with
	code    string // "" until it has come back
}

// maxVisits bounds how often a check URL may be opened, and so the memory that
// whoever knows it can take.
const maxVisits = 16

// visit begins one.
func (p *Platform) visit(r *record) (visit, bool) {
	v := visit{session: p.opaque(), state: p.opaque()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(r.visits) >= maxVisits {
		return visit{}, false
	}
	r.visits = append(r.visits, v)
	return v, true
}

// visitOf finds one.
func (p *Platform) visitOf(r *record, is func(visit) bool) (visit, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range r.visits {
		if is(v) {
			return v, true
		}
	}
	return visit{}, false
}

// finishVisit finds the visit of a state and gives it its code, if the check is
// still waiting for one. Who comes back again gets the same.
func (p *Platform) finishVisit(r *record, state string) (visit, bool) {
	code := hex.EncodeToString(p.random(5))
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range r.visits {
		v := &r.visits[i]
		if v.state != state {
			continue
		}
		if v.code == "" && r.Status == StatusPending {
			v.code = code
		}
		return *v, true
	}
	return visit{}, false
}

// returnURL is where the operator sends the device back to.
func (p *Platform) returnURL(x *exchange, c Check, v visit) string {
	return p.base(x.r) + x.api.path() + "/checks/" + c.CheckID + "/complete?state=" + url.QueryEscape(v.state)
}

// completeChain is GET /checks/{check_id}/complete, the end of the chain of a
// coded check (guide, step 5, as of v0.2).
func (p *Platform) completeChain(x *exchange) failure {
	ctx := x.r.Context()
	rec, c := p.find(ctx, x.api, x.checkID, func(owner *Project) bool { return owner.servedAt(x.region) })
	if rec == nil {
		return checkNotFound.because("the end of the chain of no check")
	}
	v, ok := p.finishVisit(rec, x.r.URL.Query().Get("state"))
	if !ok {
		return checkNotFound.because("nobody was sent here with this state")
	}
	end := chainEnd{code: v.code}
	switch {
	case c.Status == StatusExpired:
		end = chainEnd{err: "check_expired"}
	case c.Status == StatusError:
		end = chainEnd{err: c.ErrorCode}
	case v.code == "": // another device's code has been redeemed meanwhile
		end = chainEnd{err: "check_completed"}
	}
	if end.err != "" {
		p.decide(ctx, c.CheckID, end.err, "the chain ended without a code: ", end.err)
	} else {
		p.decide(ctx, c.CheckID, "", "the chain ended with a code")
	}
	p.sendBack(x, c, end)
	return nil
}

// chainEnd is what the device gets at the end of the chain: a code or an error.
type chainEnd struct{ code, err string }

type chainEndBody struct {
	CheckID     string `json:"check_id"`
	Code        string `json:"code,omitempty"`
	Error       string `json:"error,omitempty"`
	Description string `json:"error_description,omitempty"`
	ReferenceID quiet  `json:"reference_id,omitempty"`
}

// quiet is a string without colons on the wire. Native SDKs look for headers in
// the body, too, and this one is the server's to choose.
type quiet string

func (s quiet) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(string(s))
	return bytes.ReplaceAll(b, []byte(":"), []byte(`\u003a`)), err
}

// sendBack ends the chain: at the server's own address or, when there is none,
// with JSON, whatever the device accepts.
func (p *Platform) sendBack(x *exchange, c Check, end chainEnd) {
	noStore(x.w)
	if c.RedirectURL == "" {
		writeJSON(x.w, http.StatusOK, "application/hal+json",
			chainEndBody{c.CheckID, end.code, end.err, describe(end.err), quiet(c.ReferenceID)})
		return
	}
	x.w.Header()["Location"] = []string{p.landing(c, end)}
	writeEmpty(x.w, http.StatusFound)
}

// describe says an error code to a person.
func describe(code string) string {
	if code == "" {
		return ""
	}
	words := strings.Split(code, "_")
	for i, word := range words {
		switch word {
		case "mno", "ip", "msisdn":
			words[i] = strings.ToUpper(word)
		}
	}
	if words[0][0] >= 'a' {
		words[0] = strings.ToUpper(words[0][:1]) + words[0][1:]
	}
	return strings.Join(words, " ")
}

// redeemCode is PATCH /checks/{check_id}: it has the result fetched from the
// operator (guide, step 7, as of v0.2).
func (p *Platform) redeemCode(x *exchange) failure {
	project, fail := p.authorize(x, x.api.name)
	if fail != nil {
		return fail
	}
	body, e := readBody(x, "application/json-patch+json")
	if e != nil {
		return e
	}
	code, why := codeOfPatch(body)
	if why != "" {
		return badRequest.because(why)
	}
	ctx := x.r.Context()
	mine := func(owner *Project) bool { return owner == project }
	rec, c := p.find(ctx, x.api, x.checkID, mine)
	if rec == nil {
		return checkNotFound.because("no such check of this project")
	}
	v, ok := p.visitOf(rec, func(v visit) bool { return v.code == code })
	if !ok {
		return checkNotFound.because("not a code of this check")
	}
	if c.Status == StatusPending {
		p.resolve(ctx, rec, v.session)
		if rec, c = p.find(ctx, x.api, x.checkID, mine); rec == nil {
			return checkNotFound.because("the check is gone")
		}
	}
	switch {
	case c.Status == StatusPending:
		return checkNotFound.because("the operator has not seen the device of this code")
	case c.Status == StatusExpired:
	case c.settledFor != v.session:
		return checkNotFound.because("another device's code was redeemed before")
	case !p.cfg.Clock.Now().Before(c.CreatedAt.Add(c.TTL)):
		return checkNotFound.because("the code was redeemed, and its time is up")
	}
	b := p.wire(x, c)
	b.Links, b.TTL, b.ErrorCode, b.NetworkID, b.Period = nil, 0, "", "", 0
	b.UpdatedAt = c.UpdatedAt.UTC().Format(timeLayout)
	writeJSON(x.w, http.StatusOK, "application/hal+json", b)
	return nil
}
