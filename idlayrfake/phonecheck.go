package idlayrfake

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"
)

// timeLayout is how resources write a time: with an offset, without a fraction.
const timeLayout = "2006-01-02T15:04:05-07:00"

// maxBody is the largest request body read, in bytes.
const maxBody = 64 << 10

// maxReference is the longest reference_id, in characters.
const maxReference = 256

// checkBody is a check on the wire, in the order of the guide's samples.
type checkBody struct {
	CheckID     string `json:"check_id"`
	ReferenceID string `json:"reference_id,omitempty"`
	Status      Status `json:"status"`
	Match       *bool  `json:"match,omitempty"` // absent, never null, until COMPLETED
	simBody
	ErrorCode       string      `json:"error_code,omitempty"`
	NetworkID       string      `json:"network_id,omitempty"`
	ChargeAmount    int         `json:"charge_amount"`
	ChargeCurrency  string      `json:"charge_currency"`
	CreatedAt       string      `json:"created_at"`
	UpdatedAt       string      `json:"updated_at,omitempty"`
	TTL             int         `json:"ttl,omitempty"`
	Links           *checkLinks `json:"_links,omitempty"`
	SnapshotBalance *int        `json:"snapshot_balance,omitempty"`
	URL             string      `json:"url,omitempty"`
}

type checkLinks struct {
	Self     link  `json:"self"`
	CheckURL *link `json:"check_url,omitempty"`
}

type link struct {
	Href string `json:"href"`
}

// wire returns a check as it is read.
func (p *Platform) wire(x *exchange, c Check) checkBody {
	self := p.base(x.r) + x.api.path() + "/checks/" + c.CheckID
	b := checkBody{
		CheckID: c.CheckID, ReferenceID: c.ReferenceID, Status: c.Status, Match: c.Match, ErrorCode: c.ErrorCode,
		ChargeAmount: c.ChargeAmount, ChargeCurrency: c.ChargeCurrency,
		CreatedAt: c.CreatedAt.UTC().Format(timeLayout),
		TTL:       int((c.TTL + time.Second - 1) / time.Second),
		Links:     &checkLinks{Self: link{self}},
		simBody:   simOf(c),
	}
	if x.api.chained {
		b.Links.CheckURL = &link{self + "/redirect"}
	}
	if p.cfg.FullProfile {
		b.UpdatedAt = c.UpdatedAt.UTC().Format(timeLayout)
	}
	if c.Status == StatusCompleted && (p.cfg.FullProfile || x.api.showsNetwork) {
		b.NetworkID = c.NetworkID
	}
	if c.Status == StatusError && c.Sandbox && p.cfg.SandboxErrorMatch && x.api.chained {
		b.Match = new(bool)
	}
	return b
}

// createCheck is POST /checks (guide, step 3).
func (p *Platform) createCheck(x *exchange) failure {
	project, c, fail := p.newCheck(x)
	if fail != nil {
		return fail
	}
	if !x.api.chained { // there is no device to wait for
		if c, fail = p.askAboutSIM(x.r.Context(), c); fail != nil {
			return fail
		}
	}
	balance, fail := p.keep(x, project, c, p.opaque())
	if fail != nil {
		return fail
	}

	body := p.wire(x, c)
	if p.cfg.URLMember && x.api.chained {
		body.URL = body.Links.CheckURL.Href
	}
	body.UpdatedAt = ""
	body.SnapshotBalance = &balance
	writeJSON(x.w, http.StatusCreated, "application/hal+json", body)
	return nil
}

// newCheck makes the check that a request asks for, and says for which project.
func (p *Platform) newCheck(x *exchange) (project *Project, c Check, fail failure) {
	if project, fail = p.authorize(x, x.api.name); fail != nil {
		return nil, c, fail
	}
	if c, fail = p.readCheck(x, project); fail != nil {
		return nil, c, fail
	}
	c.CheckID = p.newID()
	c.Project, c.Product, c.Version = project.ProjectID, x.api.name, x.api.version
	c.Status, c.TTL = StatusAccepted, p.cfg.TTL
	c.ChargeAmount, c.ChargeCurrency = 1, "API"
	c.CreatedAt = p.cfg.Clock.Now()
	c.UpdatedAt = c.CreatedAt
	return project, c, nil
}

// keep takes a new check in and returns the balance left.
func (p *Platform) keep(x *exchange, project *Project, c Check, session string) (balance int, fail failure) {
	rec := &record{Check: c, api: x.api, project: project, session: session}
	p.mu.Lock()
	if p.cfg.RefuseEmptyBalance && c.reserves() && p.store.balance < c.ChargeAmount {
		p.mu.Unlock()
		return 0, insufficient.because("the balance is used up")
	}
	balance = p.store.add(rec)
	p.mu.Unlock()
	p.happened(x.r.Context(), transition{record: rec, after: c})
	p.passTime() // so that abandoned checks do not pile up
	if p.cfg.FixedBalance != 0 {
		balance = p.cfg.FixedBalance
	}
	return balance, nil
}

// readCheck reads and judges the body of a POST /checks.
func (p *Platform) readCheck(x *exchange, project *Project) (c Check, fail failure) {
	c.Sandbox = project.sandbox()
	body, e := readBody(x, "application/json")
	if e != nil { // a nil *problem is not a nil failure
		return c, e
	}
	// A map, because names are case-sensitive here and not in a struct. Unknown
	// members are ignored: clients of another version send theirs.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return c, badRequest.because("the body is not a JSON object")
	}
	number, present, isString := stringMember(members, "phone_number")
	switch {
	case !present:
		return c, badRequest.because("no phone_number")
	case !isString:
		return c, phoneFormat.because("phone_number is not a string")
	}
	var ok bool
	if c.PhoneNumber, ok = e164(number); !ok {
		return c, phoneFormat.because("phone_number is not an E.164 number")
	}
	if c.ReferenceID, _, ok = stringMember(members, "reference_id"); !ok || utf8.RuneCountInString(c.ReferenceID) > maxReference {
		return c, badRequest.because("reference_id is not a short string")
	}
	if x.api.config != nil { // else nobody is called back
		if c.CallbackURL, _, ok = stringMember(members, "callback_url"); !ok || !isWebURL(c.CallbackURL) {
			return c, badRequest.because("callback_url is not an absolute http(s) URL")
		}
	}
	if x.api.coded {
		if c.RedirectURL, _, ok = stringMember(members, "redirect_url"); !ok || !isLanding(c.RedirectURL) {
			return c, badRequest.because("redirect_url is not an absolute http(s) URL")
		}
		if c.RedirectURL == "" {
			c.RedirectURL = x.api.config(project).RedirectURL
		}
	}
	if x.api.swap {
		if c.Period, ok = readPeriod(members["period"]); !ok {
			return c, badRequest.because("period is not a number of minutes in range")
		}
	}
	if c.PhoneIP, _, ok = stringMember(members, "phone_ip"); !ok {
		return c, badRequest.because("phone_ip is not a string")
	}
	if !p.networks.reaches(c.PhoneNumber) {
		return c, notSupported.because("no operator serves the country of ", c.PhoneNumber)
	}
	if c.PhoneIP == "" {
		return c, nil
	}
	ip, err := netip.ParseAddr(c.PhoneIP)
	if err != nil || ip.Zone() != "" {
		return c, badRequest.because("phone_ip is not an IP address")
	}
	c.PhoneIP = ip.Unmap().String()
	if c.Sandbox {
		return c, nil
	}
	if _, e := p.operatorOf(ip, c.PhoneNumber); e != nil && slices.Contains(x.api.refusesIPWith, e.status) {
		return c, e
	}
	return c, nil
}

// stringMember returns an optional string. Null and "" are the same as nothing:
// clients send both. isString is false for a member of any other type.
func stringMember(members map[string]json.RawMessage, name string) (s string, present, isString bool) {
	raw, ok := members[name]
	if !ok || string(raw) == "null" {
		return "", false, true
	}
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", true, false
	}
	return s, true, true
}

// isWebURL accepts nothing at all, too.
func isWebURL(s string) bool {
	if s == "" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// readBody reads a request body of a media type, which may be left unsaid.
func readBody(x *exchange, mediaType string) ([]byte, *problem) {
	if ct := x.r.Header.Get("Content-Type"); ct != "" && ct != mediaType {
		if got, _, err := mime.ParseMediaType(ct); got != mediaType || err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			return nil, wrongMediaType.with("The request body must be ", mediaType).because("the body is not ", mediaType)
		}
	}
	if x.r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, tooLarge.because()
	}
	if err != nil {
		return nil, badRequest.because("the body broke off")
	}
	return body, nil
}

// operatorOf returns the operator of a device's address, or the problem that it
// cannot be the number's.
func (p *Platform) operatorOf(ip netip.Addr, msisdn string) (*Network, *problem) {
	n := p.networks.owner(ip)
	if n == nil {
		return nil, notMobileIP.because(ip.String(), " is in no operator's address range")
	}
	if n.Unsupported {
		return n, notSupported.because("operator ", n.NetworkID, " is not supported")
	}
	if p.cfg.NumberNetwork != nil {
		if id, known := p.cfg.NumberNetwork(msisdn); known && !n.is(id) {
			return n, ipMSISDNMismatch.because(ip.String(), " is of operator ", n.NetworkID, ", ", msisdn, " of ", id)
		}
	}
	return n, nil
}

// openCheckURL is GET /checks/{check_id}/redirect, the check URL (guide, step 5).
// Whoever has the URL may open it; the address it is opened from decides.
func (p *Platform) openCheckURL(x *exchange) failure {
	ctx := x.r.Context()
	rec, c := p.find(ctx, x.api, x.checkID, func(owner *Project) bool { return owner.servedAt(x.region) })
	if rec == nil {
		return checkNotFound.because("the check URL of no check")
	}
	if c.Status == StatusAccepted {
		n, e := p.admit(x, c)
		if e != nil {
			_, text := e.says()
			p.decide(ctx, c.CheckID, e.anchor, text)
			p.change(ctx, rec, func(c Check, now time.Time) Check {
				return refuse(c, now, e.errorCode(), p.cfg.RefusalKeepsAccepted)
			})
			if e.anchor == noRedirect.anchor && c.RedirectURL != "" {
				p.sendBack(x, c, chainEnd{err: e.anchor})
				return nil
			}
			e.answer(p, x.w)
			return nil
		}
		c, _ = p.change(ctx, rec, func(c Check, now time.Time) Check { return open(c, now, n.NetworkID) })
	}
	n := p.operator(x, c)
	if c.Status != StatusPending || n == nil {
		return checkNotFound.because("the check is ", string(c.Status))
	}
	session, returnURL := rec.session, ""
	if x.api.coded {
		v, ok := p.visit(rec)
		if !ok {
			return checkNotFound.because("the check URL was opened too often")
		}
		session, returnURL = v.session, p.returnURL(x, c, v)
	}
	x.w.Header()["Location"] = []string{n.redirect(session, returnURL)}
	writeEmpty(x.w, http.StatusFound)
	return nil
}

// admit judges a device at the check URL.
func (p *Platform) admit(x *exchange, c Check) (*Network, *problem) {
	n, e := p.judge(x, c)
	if e != nil && e.status == http.StatusConflict && !x.api.conflicts {
		mild := *e
		mild.status, mild.title = http.StatusBadRequest, "Bad Request"
		e = &mild
	}
	return n, e
}

func (p *Platform) judge(x *exchange, c Check) (*Network, *problem) {
	ip := callerOf(x.r)
	if c.PhoneIP != "" && c.PhoneIP != ip.String() {
		return nil, ipMismatch.because("check made for ", c.PhoneIP, ", opened from ", ip.String())
	}
	if c.Sandbox {
		return p.sandboxNetwork(x, c), nil
	}
	n, e := p.operatorOfDevice(x, ip, c.PhoneNumber)
	if e == nil && (n.NoRedirect || n.RedirectURL == "") {
		e = noRedirect.because("operator ", n.NetworkID, " cannot be redirected to")
	}
	return n, e
}

// errorCode is what a check is in ERROR with after the problem. There is no code
// for an operator without redirects; it is one that cannot be used.
func (e *problem) errorCode() string {
	if e.anchor == noRedirect.anchor {
		return notSupported.anchor
	}
	return e.anchor
}

// getCheck is GET /checks/{check_id} (guide, step 7). Where there is a code it
// only reads: to know a check_id is not enough there.
func (p *Platform) getCheck(x *exchange) failure {
	project, fail := p.authorize(x, x.api.name)
	if fail != nil {
		return fail
	}
	ctx := x.r.Context()
	mine := func(owner *Project) bool { return owner == project }
	rec, c := p.find(ctx, x.api, x.checkID, mine)
	if rec != nil && c.Status == StatusPending && !x.api.coded {
		p.resolve(ctx, rec, rec.session)
		rec, c = p.find(ctx, x.api, x.checkID, mine)
	}
	if rec == nil {
		return checkNotFound.because("no such check of this project")
	}
	writeJSON(x.w, http.StatusOK, "application/hal+json", p.wire(x, c))
	return nil
}
