package mnofake

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	hopCookie    = "mno_hop"
	maxReturnURL = 2048 // bytes
)

// redirectQuery is a checked query of the redirect endpoint.
type redirectQuery struct {
	session   string
	returnURL string // empty: the chain ends here
	hop       int
}

// redirect is the hop of step 5 where the operator learns which SIM opened the check URL. Nothing is bound unless the whole
// query is in order.
func (o *Operator) redirect(r *http.Request, _ string) answer {
	b := o.Behaviour()
	o.slow(r.Context(), b.RedirectDelay)
	if a, broken := failure(b.RedirectFailure); broken {
		return a
	}
	q, problem := o.parseRedirect(r.URL.RawQuery, b.hops())
	if problem != "" {
		return refuse(http.StatusBadRequest, "invalid_request", problem)
	}
	if q.hop > 0 && !carries(r, q) {
		return refuse(http.StatusBadRequest, "invalid_request", "the cookie set by the hop before is missing")
	}
	msisdn, stamped := o.stamped(r)
	asks := stamped && o.mustAsk(b, msisdn)
	last := q.hop == b.hops()
	end := last && !asks && !b.RedirectLoop
	// Only the first hop begins a session: whoever comes in at a later one did not follow the chain.
	s, ok := o.sessions.bind(o.cfg.Clock.Now(), q.session, msisdn, q.hop == 0, end)
	switch {
	case !ok:
		return refuse(http.StatusBadRequest, "invalid_request", "the chain did not begin at its first hop, or took too long")
	case !stamped:
		o.observe(r.Context(), "redirect came unstamped")
	case s.msisdn != msisdn:
		o.observe(r.Context(), "redirect keeps the subscriber who came first")
	default:
		o.observe(r.Context(), "redirect bound to "+msisdn)
	}
	switch {
	case asks:
		o.observe(r.Context(), "redirect stops at the consent page")
		return consentPage(r)
	case !last:
		return q.nextHop(r, b)
	case b.RedirectLoop:
		q.hop = 0
		return answer{status: b.redirectStatus(), location: b.Location.write(r, q.encode())}
	case q.returnURL != "" && b.Location == LocationMissing:
		return answer{status: b.redirectStatus()}
	case q.returnURL != "":
		return answer{status: b.redirectStatus(), location: q.returnURL}
	}
	return okAnswer(r)
}

func (o *Operator) parseRedirect(raw string, hops int) (q redirectQuery, problem string) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, "the query is malformed"
	}
	for _, name := range []string{"session", "return_url", "hop"} {
		if len(values[name]) > 1 { // two readers of the same URL could each take another one
			return q, name + " is given more than once"
		}
	}
	if q.session = values.Get("session"); !validSessionID(q.session) {
		return q, "session must be 1 to " + strconv.Itoa(maxSessionID) + " letters, digits, '-', '.', '_' or '~'"
	}
	if values.Has("hop") {
		if q.hop, err = strconv.Atoi(values.Get("hop")); err != nil || q.hop < 1 || q.hop > hops {
			return q, "hop is out of range"
		}
	}
	if values.Has("return_url") {
		if q.returnURL = o.returnURL(values.Get("return_url")); q.returnURL == "" {
			return q, "return_url is not an address this operator returns to"
		}
	}
	return q, ""
}

// returnURL gives the URL as it is to be written in Location, or "" if it is not one the operator returns to.
func (o *Operator) returnURL(raw string) string {
	if len(raw) > maxReturnURL || strings.Contains(raw, "\\") { // browsers read "\" as "/", net/url does not
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	for _, allowed := range o.returnHosts() {
		allowed = strings.ToLower(strings.TrimPrefix(allowed, "."))
		if allowed != "" && plainHost(host) && (host == allowed || strings.HasSuffix(host, "."+allowed)) {
			u.RawQuery = strings.ReplaceAll(u.RawQuery, " ", "+")
			return u.String()
		}
	}
	return ""
}

// plainHost keeps out host names that net/url tolerates and other readers cut in two.
func plainHost(host string) bool {
	return !strings.ContainsFunc(host, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.'
	})
}

// encode writes the query of a hop.
func (q redirectQuery) encode() string {
	values := url.Values{"session": {q.session}}
	if q.hop > 0 {
		values.Set("hop", strconv.Itoa(q.hop))
	}
	if q.returnURL != "" {
		values.Set("return_url", q.returnURL)
	}
	return values.Encode()
}

// nextHop sends the device on to the following hop with the cookie that hop asks for.
func (q redirectQuery) nextHop(r *http.Request, b Behaviour) answer {
	q.hop++
	return answer{
		status:   b.redirectStatus(),
		location: b.Location.write(r, q.encode()),
		cookie:   &http.Cookie{Name: hopCookie, Value: q.cookieValue(), Path: "/", HttpOnly: true},
	}
}

// cookieValue needs no secret: it shows that the client keeps cookies, not who the client is.
func (q redirectQuery) cookieValue() string { return strconv.Itoa(q.hop) + "." + q.session }

func carries(r *http.Request, q redirectQuery) bool {
	for _, c := range r.CookiesNamed(hopCookie) {
		if c.Value == q.cookieValue() {
			return true
		}
	}
	return false
}
