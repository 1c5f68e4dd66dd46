package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/phonechecksim/phonechecksim/scenarios"
)

// apiError is a refusal of the control API, as problem+json (RFC 9457).
type apiError struct {
	status int
	code   string
	detail string
}

func (e *apiError) Error() string { return e.detail }

func badInput(member, format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "invalid_" + member, fmt.Sprintf(format, args...)}
}

func notFound(kind, id string) error {
	return &apiError{http.StatusNotFound, kind + "_not_found", fmt.Sprintf("there is no %s %q", kind, id)}
}

// writeProblem answers with an error. Mistakes in what was sent are the caller's.
func writeProblem(w http.ResponseWriter, err error) {
	e := (*apiError)(nil)
	if !errors.As(err, &e) {
		e = &apiError{http.StatusInternalServerError, "internal", err.Error()}
		if mistakes := (scenarios.Mistakes)(nil); errors.As(err, &mistakes) {
			e.status, e.code = http.StatusBadRequest, "invalid_body"
		}
	}
	writeBody(w, e.status, "application/problem+json", struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(e.status), e.status, e.code, e.detail})
}

func writeJSON(w http.ResponseWriter, status int, v any) { writeBody(w, status, "application/json", v) }

func writeBody(w http.ResponseWriter, status int, mediaType string, v any) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may be gone
}
