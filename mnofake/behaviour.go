package mnofake

import (
	"context"
	"net/http"
	"time"
)

// Behaviour is how an operator answers, as far as operators differ in it. The zero value answers at once, in order, and
// knows its subscribers. What is broken on the way, such as a connection that breaks off, does not belong here.
type Behaviour struct {
	// RedirectHops is the number of extra redirects on the redirect endpoint's own host, each of which sets a cookie that
	// the next one requires. 0 answers at once.
	RedirectHops int
	// RedirectLoop sends the device from the redirect endpoint's last hop back to its first one, for ever.
	RedirectLoop bool
	// RedirectStatus is the status of its redirects: 301, 302, 303, 307 or 308. Anything else means 302.
	RedirectStatus int
	// Location is how the redirects say where they lead.
	Location Location
	// RedirectDelay is how long the redirect endpoint takes for each answer.
	RedirectDelay time.Duration
	// RedirectFailure is a status from 500 to 599 that the redirect endpoint answers everything with. It learns of no
	// session then. Anything else means that it works.
	RedirectFailure int
	// AskConsent shows a subscriber who has not consented a page in HTML instead of going on. The page's button, a POST to
	// /consent on clear HTTP over the subscriber's own data session, is the consent (Subscriber.Consented).
	AskConsent bool

	// AccountingLag is how long the packet gateway still takes a source address, or the ports of one, for those of the
	// subscriber who had them before.
	AccountingLag time.Duration

	// ResultDelay is how long the back channel takes for each answer.
	ResultDelay time.Duration
	// ResultFailure is a status from 500 to 599 that the back channel answers everything with. Anything else means that
	// it works.
	ResultFailure int
	// ResultBody, unless it is empty, is what the back channel answers with, in place of every 200: a maintenance page, half
	// of a JSON object.
	ResultBody string
	// NumberFormat spells the MSISDN in result answers, for operators that write numbers their own way; nil leaves it as is.
	NumberFormat func(msisdn string) string
}

// Location is a way to write where a redirect leads.
type Location string

// The ways to write a Location. All but the last lead to the same place. The way back to the platform, which is another
// host's, is always written in full.
const (
	LocationPath     Location = ""         // from the root of the host: /start?session=...
	LocationAbsolute Location = "absolute" // in full
	LocationRelative Location = "relative" // no more than a query: ?session=...
	LocationSpaces   Location = "spaces"   // with spaces in the query, which RFC 9110 does not allow
	LocationMissing  Location = "missing"  // no Location at all
)

// SetBehaviour changes how the operator answers from now on.
func (o *Operator) SetBehaviour(b Behaviour) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.behaves = b
}

// Behaviour returns how the operator answers now.
func (o *Operator) Behaviour() Behaviour {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.behaves
}

// redirectStatus is the status of redirects.
func (b Behaviour) redirectStatus() int {
	switch b.RedirectStatus {
	case http.StatusMovedPermanently, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return b.RedirectStatus
	}
	return http.StatusFound
}

// hops is the number of extra hops.
func (b Behaviour) hops() int { return max(b.RedirectHops, 0) }

// write spells a Location on the redirect endpoint's own host.
func (l Location) write(r *http.Request, query string) string {
	switch l {
	case LocationMissing:
		return ""
	case LocationAbsolute:
		return "http://" + r.Host + startPath + "?" + query
	case LocationRelative:
		return "?" + query
	case LocationSpaces:
		return startPath + "?" + query + "&title=please wait a moment"
	}
	return startPath + "?" + query
}

// failure is the answer of an endpoint that is out of order, if it is.
func failure(status int) (answer, bool) {
	if status < 500 || status > 599 {
		return answer{}, false
	}
	return htmlAnswer(status, "<h1>Sorry, something went wrong</h1>"), true
}

// slow lets an answer take its time.
func (o *Operator) slow(ctx context.Context, d time.Duration) {
	if d > 0 && o.cfg.Delay != nil {
		o.cfg.Delay(ctx, d)
	}
}

func htmlAnswer(status int, body string) answer {
	return answer{status: status, contentType: "text/html; charset=utf-8", body: []byte("<!DOCTYPE html>\n" + body + "\n")}
}
