package appserver

import (
	"encoding/json"
	"net/http"
	"strings"
)

// problem is everything that can be wrong, in our own words: the device never sees the platform's.
type problem struct {
	status  int
	code    string
	message string
}

func (p problem) Error() string { return p.code }

var (
	numberRequired  = problem{http.StatusBadRequest, "phone_number_required", "phone_number parameter is required"}
	checkIDRequired = problem{http.StatusBadRequest, "check_id_required", "check_id parameter is required"}
	codeRequired    = problem{http.StatusBadRequest, "code_required", "code parameter is required"}
	countryRequired = problem{http.StatusBadRequest, "country_code_required", "country_code parameter is required"}
	countryInvalid  = problem{http.StatusBadRequest, "country_code_invalid", "country_code is neither a country nor a dialling code"}
	addressInvalid  = problem{http.StatusBadRequest, "ip_address_invalid", "ip_address is not an IP address"}
	numberInvalid   = problem{http.StatusBadRequest, "phone_format_invalid", "phone_number is not a phone number"}
	badBody         = problem{http.StatusBadRequest, "bad_request", "the request body cannot be read"}
	bodyTooLarge    = problem{http.StatusRequestEntityTooLarge, "body_too_large", "the request body is too large"}
	checkNotFound   = problem{http.StatusNotFound, "check_not_found", "there is no such check in this session"}
	codeUsed        = problem{http.StatusConflict, "code_used", "this code was tried before: ask for the result"}
	codeRefused     = problem{http.StatusUnprocessableEntity, "code_refused", "this code is not good for this check: start a new one"}
	callbackRefused = problem{http.StatusBadRequest, "callback_refused", "this is not a callback of the platform's"}
	notCovered      = problem{http.StatusNotFound, "not_covered", "there is no coverage: offer another way"}
	unverifiable    = problem{http.StatusUnprocessableEntity, "not_verifiable", "this number cannot be verified this way: offer another one"}
	tooMany         = problem{http.StatusTooManyRequests, "too_many_requests", "too many checks: try again later or another way"}
	unavailable     = problem{http.StatusServiceUnavailable, "unavailable", "silent verification is not available: offer another way"}
	timedOut        = problem{http.StatusGatewayTimeout, "timeout", "silent verification takes too long: offer another way"}
)

// known are the platform's refusals that a device can do something about.
var known = map[string]problem{
	"phone_format_invalid":     numberInvalid,
	"check_not_found":          checkNotFound,
	"not_mobile_ip":            {http.StatusPreconditionFailed, "not_mobile_ip", "this is not mobile data: turn off WiFi and try again"},
	"ip_msisdn_mismatch":       {http.StatusConflict, "ip_msisdn_mismatch", "this number belongs to another operator than the mobile data: offer another way"},
	"mno_not_supported":        {http.StatusUnprocessableEntity, "mno_not_supported", "this operator is not supported: offer another way"},
	"mno_redirect_unsupported": {http.StatusUnprocessableEntity, "mno_redirect_unsupported", "this operator is not supported: offer another way"},
}

// refusal translates an answer of the platform that is not a success.
func refusal(status int, body []byte) problem {
	var details struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(body, &details) // what is not problem+json is judged by its status
	if p, ok := known[details.Type[strings.LastIndexByte(details.Type, '#')+1:]]; ok && status >= 400 {
		return p
	}
	switch status {
	case http.StatusNotFound:
		return checkNotFound
	case http.StatusTooManyRequests:
		return tooMany
	case http.StatusConflict:
		return known["ip_msisdn_mismatch"]
	case http.StatusPreconditionFailed:
		return known["not_mobile_ip"]
	case http.StatusNotImplemented:
		return known["mno_redirect_unsupported"]
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		return unavailable // ours to repair, not the device's
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return timedOut
	}
	if 400 <= status && status < 500 {
		return unverifiable
	}
	return unavailable
}

// fail answers with a problem.
func fail(w http.ResponseWriter, p problem) {
	answer(w, p.status, map[string]any{"error_message": p.message, "code": p.code})
}

// answer writes one JSON object. What it says is about one person at one moment, so nobody may keep it.
func answer(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // the check URL goes out byte for byte as it came in
	_ = e.Encode(body)
}
