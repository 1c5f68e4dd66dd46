package idlayrfake

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// traceLayout is how logs write a time.
const traceLayout = "2006-01-02T15:04:05.000Z"

// traceLife is how long the traces of a check can be read after its creation.
const traceLife = 7 * 24 * time.Hour

// traced is something that happened to a check, one trace each. It is kept as
// small as this; what there is to read is made up when somebody reads it.
type traced struct {
	at     int64  // Unix time, ns
	status Status // after it
}

// trace remembers what a check has become. It happens at most three times, and
// with the platform's lock held.
func (r *record) trace(at time.Time) {
	if r.traces == nil {
		r.traces = make([]traced, 0, 3)
	}
	r.traces = append(r.traces, traced{at.UnixNano(), r.Status})
}

// log is a line of a trace on the wire.
type log struct {
	Timestamp  string         `json:"timestamp"`
	Message    string         `json:"message"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

type traceBody struct {
	TraceID string `json:"trace_id"`
	Logs    []log  `json:"logs"`
	Links   self   `json:"_links"`
}

// self are the links of what has no others.
type self struct {
	Self link `json:"self"`
}

type tracesBody struct {
	Embedded struct {
		Traces []traceBody `json:"traces"`
	} `json:"_embedded"`
	Links self `json:"_links"`
}

// logs returns the lines of one trace. before is the status that the check had,
// empty for one that is new.
func (e traced) logs(c Check, before Status) []log {
	at := time.Unix(0, e.at).UTC().Format(traceLayout)
	var lines []log
	add := func(message string, attributes map[string]any) {
		lines = append(lines, log{at, message, attributes})
	}
	balance := func(what string) {
		if !c.Sandbox { // which has none
			add("Check balance: "+what, map[string]any{"amount": c.ChargeAmount, "currency": c.ChargeCurrency})
		}
	}
	operator := func(message string) {
		if !c.Sandbox { // which has none
			add(message, map[string]any{"MNO": c.NetworkID})
		}
	}

	step := "Check result: "
	switch before {
	case "":
		step = "Check create: "
		add("Check create: request accepted", nil)
		add("Check create: phone number is routable", nil)
		balance("authorized")
		if e.status.final() {
			operator("Check create: contacting supplier")
		}
	case StatusAccepted:
		step = "Check redirect: "
	case StatusPending:
		if e.status != StatusExpired {
			operator("Check result: contacting supplier")
		}
	}
	switch e.status {
	case StatusAccepted:
		add("Check create: successful ", nil) // it ends in a space
	case StatusPending:
		add("Check redirect: successful", map[string]any{"MNO": c.NetworkID})
	case StatusCompleted:
		balance("confirmed")
		add(step+"successful", map[string]any{"status": e.status})
	case StatusExpired:
		balance("released")
		add("Check expired", map[string]any{"status": e.status})
	case StatusError:
		balance("released")
		add(step+"failed", map[string]any{"status": e.status, "error_code": c.ErrorCode})
	}
	return lines
}

// traceID is a function of the check, so that it need not be kept.
func traceID(checkID string, n int) string {
	sum := sha256.Sum256([]byte(checkID + "/" + strconv.Itoa(n)))
	return hex.EncodeToString(sum[:8])
}

// readTraces returns the traces of a check, oldest first, for its project.
func (p *Platform) readTraces(x *exchange) (body tracesBody, fail failure) {
	project, fail := p.authorize(x, x.api.name)
	if fail != nil {
		return body, fail
	}
	rec, c := p.find(x.r.Context(), x.api, x.checkID, func(owner *Project) bool { return owner == project })
	if rec == nil {
		return body, checkNotFound.because("no such check of this project")
	}
	if !p.cfg.Clock.Now().Before(c.CreatedAt.Add(traceLife)) {
		return body, tracesGone.because("the check is older than a week")
	}
	p.mu.Lock()
	c = rec.Check
	events := rec.traces // only ever appended to
	p.mu.Unlock()
	here := p.base(x.r) + x.api.path() + "/checks/" + c.CheckID + "/traces"
	body.Links.Self.Href = here
	body.Embedded.Traces = make([]traceBody, len(events))
	var before Status
	for i, e := range events {
		id := traceID(c.CheckID, i)
		body.Embedded.Traces[i] = traceBody{id, e.logs(c, before), self{link{here + "/" + id}}}
		before = e.status
	}
	return body, nil
}

// getTraces is GET /checks/{check_id}/traces.
func (p *Platform) getTraces(x *exchange) failure {
	body, fail := p.readTraces(x)
	if fail != nil {
		return fail
	}
	writeJSON(x.w, http.StatusOK, "application/hal+json", body)
	return nil
}

// getTrace is GET /checks/{check_id}/traces/{trace_id}.
func (p *Platform) getTrace(x *exchange) failure {
	body, fail := p.readTraces(x)
	if fail != nil {
		return fail
	}
	for _, t := range body.Embedded.Traces {
		if t.TraceID == x.vars["trace_id"] {
			writeJSON(x.w, http.StatusOK, "application/hal+json", t)
			return nil
		}
	}
	return traceNotFound.because("no such trace of this check")
}
