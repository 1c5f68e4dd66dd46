package mnofake

import (
	"html"
	"net/http"
	"net/url"
)

// consentPage is what a subscriber sees who has to consent first. Only a person can go on from here.
func consentPage(r *http.Request) answer {
	return htmlAnswer(http.StatusOK, `<h1>May we confirm your number?</h1><form method="post" action="`+
		html.EscapeString("/consent?"+r.URL.RawQuery)+`"><button>Yes</button></form>`)
}

// consent is the button of the consent page. Whose button it is, the gateway says, as on every hop. The device then goes on
// where it was stopped.
func (o *Operator) consent(r *http.Request, _ string) answer {
	msisdn, stamped := o.stamped(r)
	if !stamped || !o.consents(msisdn) {
		o.observe(r.Context(), "nobody known gives consent")
		return refuse(http.StatusForbidden, "subscriber_unknown", "consent is given over the subscriber's own mobile data, in clear HTTP")
	}
	o.observe(r.Context(), msisdn+" gives consent")
	if values, err := url.ParseQuery(r.URL.RawQuery); err != nil || !values.Has("session") {
		return htmlAnswer(http.StatusOK, "<h1>Thank you</h1>")
	}
	return answer{status: http.StatusSeeOther, location: startPath + "?" + r.URL.RawQuery}
}

// consents notes the consent of a subscriber and tells whether there is one.
func (o *Operator) consents(msisdn string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.subscribers[msisdn]
	if ok {
		s.Consented = true
		o.subscribers[msisdn] = s
	}
	return ok
}

// mustAsk tells whether a subscriber has to be asked.
func (o *Operator) mustAsk(b Behaviour, msisdn string) bool {
	s, known := o.Subscriber(msisdn)
	return b.AskConsent && known && !s.Consented
}
