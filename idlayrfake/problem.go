package idlayrfake

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// failure is an answer that is not a success: a problem or an OAuth2 error.
type failure interface {
	answer(p *Platform, w http.ResponseWriter)
	// says is the failure for the observer: a code and a sentence.
	says() (code, text string)
}

// problem is a problem detail (RFC 7807). The platform's problems are told apart
// by the anchor at the end of their type.
type problem struct {
	status        int
	anchor        string
	title, detail string
	challenge     string // WWW-Authenticate
	allow         string // Allow
	why           string // for the observer; never sent
}

// because returns the problem with a reason for the observer.
func (e problem) because(why ...string) *problem {
	for _, s := range why {
		e.why += s
	}
	return &e
}

// with returns the problem with a detail of its own.
func (e problem) with(detail ...string) *problem {
	e.detail = strings.Join(detail, "")
	return &e
}

// The catalogue.
var (
	badRequest       = problem{status: 400, anchor: "bad_request", title: "Bad Request", detail: "The request body is invalid"}
	phoneFormat      = problem{status: 400, anchor: "phone_format_invalid", title: "Bad Request", detail: "Phone Number Validation Error"}
	notSupported     = problem{status: 400, anchor: "mno_not_supported", title: "Bad Request", detail: "Mobile Network Operator Not Supported"}
	unauthorized     = problem{status: 401, anchor: "unauthorized", title: "Unauthorized", detail: "Unauthorized", challenge: `Bearer`}
	badToken         = problem{status: 401, anchor: "access_token_error", title: "Unauthorized", detail: "Access Token Error", challenge: `Bearer error="invalid_token"`}
	insufficient     = problem{status: 402, anchor: "insufficient_balance", title: "Payment Required", detail: "Insufficient Balance"}
	forbidden        = problem{status: 403, anchor: "forbidden", title: "Forbidden", detail: "Forbidden"}
	checkNotFound    = problem{status: 404, anchor: "check_not_found", title: "Not Found", detail: "Check Not Found"}
	noReach          = problem{status: 404, anchor: "not_found", title: "Not Found", detail: "No Reach"} // clients compare the detail
	traceNotFound    = problem{status: 404, anchor: "trace_not_found", title: "Not Found", detail: "Trace Not Found"}
	routeNotFound    = problem{status: 404, anchor: "not_found", title: "Not Found", detail: "Resource Not Found"}
	wrongMethod      = problem{status: 405, anchor: "method_not_allowed", title: "Request Method Not Allowed", detail: "Request Method Not Allowed"}
	ipMSISDNMismatch = problem{status: 409, anchor: "ip_msisdn_mismatch", title: "Conflict", detail: "ip_msisdn_mismatch"}
	ipMismatch       = problem{status: 409, anchor: "ip_mismatch", title: "Conflict", detail: "ip_mismatch"}
	tracesGone       = problem{status: 410, anchor: "trace_gone", title: "Gone", detail: "Traces have expired"}
	notMobileIP      = problem{status: 412, anchor: "not_mobile_ip", title: "Precondition Failed", detail: "Not a mobile IP"}
	tooLarge         = problem{status: 413, anchor: "payload_too_large", title: "Payload Too Large", detail: "The request body is too large"}
	wrongMediaType   = problem{status: 415, anchor: "unsupported_media_type", title: "Unsupported Media Type in 'Content-Type' header", detail: "The request body must be application/json"}
	tooMany          = problem{status: 429, anchor: "too_many_requests", title: "Rate Limit exceeded", detail: "Rate Limit has exceeded, check response Retry-After HTTP header for when request can be retried."}
	noRedirect       = problem{status: 501, anchor: "mno_redirect_unsupported", title: "Not Implemented", detail: "Mobile Network Operator Not Supporting Redirect"}
)

func (e *problem) says() (code, text string) {
	text = strconv.Itoa(e.status) + " " + e.anchor
	if e.why != "" {
		text = e.why + ": " + text
	}
	return e.anchor, text
}

func (e *problem) answer(p *Platform, w http.ResponseWriter) {
	if e.challenge != "" {
		w.Header().Set("WWW-Authenticate", e.challenge)
	}
	if e.allow != "" {
		w.Header().Set("Allow", e.allow)
	}
	writeJSON(w, e.status, "application/problem+json", struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"` // not in the vendor's samples; common clients insist on it
		Detail string `json:"detail"`
	}{p.cfg.ProblemBase + "#" + e.anchor, e.title, e.status, e.detail})
}

// writeJSON writes a whole answer with a single Write.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("idlayrfake: an answer that is not JSON: " + err.Error()) // of our own types
	}
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

// writeEmpty writes an answer without a body.
func writeEmpty(w http.ResponseWriter, status int) {
	if status != http.StatusNoContent {
		w.Header()["Content-Length"] = []string{"0"}
	}
	w.WriteHeader(status)
}
