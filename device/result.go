package device

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
)

// Result is what an SDK hands to the app after it opened a check URL: either a status, with the JSON of the last hop if it
// had any, or an error code. Any HTTP status counts as a success at this level.
type Result struct {
	// HTTPStatus is the status of the last hop; 0 on error.
	HTTPStatus int `json:"http_status,omitempty"`
	// ResponseBody is the JSON object of the last hop, if it was one and was declared as JSON.
	ResponseBody json.RawMessage `json:"response_body,omitempty"`
	// ResponseRawBody is the body of the last hop if it was declared as JSON but is not a JSON object.
	ResponseRawBody string `json:"response_raw_body,omitempty"`
	// Error is one of the Code constants; empty on success.
	Error string `json:"error,omitempty"`
	// ErrorDescription says in words what went wrong.
	ErrorDescription string `json:"error_description,omitempty"`
}

// Code returns the one-time code that a v0.2 chain ends with, or "".
func (r Result) Code() string {
	var body struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(r.ResponseBody, &body) != nil {
		return ""
	}
	return body.Code
}

// Error codes of a Result, as the SDKs give them to apps.
const (
	// CodeNoDataConnectivity: the phone has no cellular path (no SIM, mobile data off).
	CodeNoDataConnectivity = "sdk_no_data_connectivity"
	// CodeConnectionError: a hop could not be reached, broke off, or took too long.
	CodeConnectionError = "sdk_connection_error"
	// CodeRedirectError: too many redirects, or one that leads nowhere.
	CodeRedirectError = "sdk_redirect_error"
	// CodeError: anything else, such as a check URL that is not a URL.
	CodeError = "sdk_error"
	// CodeInvalidScheme: the check URL is not https. Android alone writes it with a space.
	CodeInvalidScheme = "invalid_scheme"
)

func failed(code, description string) Result {
	return Result{Error: code, ErrorDescription: description}
}

// answered builds the Result of a last hop.
func answered(status int, contentType string, body []byte) Result {
	if !isJSON(contentType) {
		return Result{HTTPStatus: status} // a captive portal's page, an image: not for the app
	}
	return answeredJSON(status, body)
}

// answeredJSON builds the Result of a last hop that declared its body as JSON.
func answeredJSON(status int, body []byte) Result {
	r := Result{HTTPStatus: status}
	if object := bytes.TrimSpace(body); len(object) > 0 && object[0] == '{' && json.Valid(object) {
		r.ResponseBody = object
	} else {
		r.ResponseRawBody = string(body)
	}
	return r
}

// isJSON knows the media types the SDKs parse.
func isJSON(contentType string) bool {
	if contentType == "application/json" { // by far the most frequent
		return true
	}
	t, _, err := mime.ParseMediaType(contentType)
	if t == "" || (err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter)) {
		return false
	}
	return t == "application/json" || t == "application/hal+json" || t == "application/problem+json"
}
