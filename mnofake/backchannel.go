package mnofake

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/gorilla/mux"
)

// resultBody is what the platform learns about a session or a subscriber.
type resultBody struct {
	SessionID    string `json:"session_id,omitempty"`
	MSISDN       string `json:"msisdn"`
	NetworkID    string `json:"network_id"`
	SIMChangedAt string `json:"sim_changed_at,omitempty"`
}

// platformOnly lets the platform in and nobody else.
func (o *Operator) platformOnly(decide func(*http.Request) answer) func(*http.Request) answer {
	wantID, wantSecret := sha256.Sum256([]byte(o.cfg.PlatformID)), sha256.Sum256([]byte(o.cfg.PlatformSecret))
	return func(r *http.Request) answer {
		id, secret, ok := r.BasicAuth()
		gotID, gotSecret := sha256.Sum256([]byte(id)), sha256.Sum256([]byte(secret))
		// Both halves are compared whole, so that the time taken tells nothing about either.
		same := subtle.ConstantTimeCompare(gotID[:], wantID[:]) & subtle.ConstantTimeCompare(gotSecret[:], wantSecret[:])
		if configured := o.cfg.PlatformID != "" || o.cfg.PlatformSecret != ""; !ok || !configured || same != 1 {
			a := refuse(http.StatusUnauthorized, "unauthorized", "")
			a.challenge = `Basic realm="sna"`
			return a
		}
		return decide(r)
	}
}

// result answers which SIM carried the redirect of a session (step 7: get match result).
func (o *Operator) result(r *http.Request) answer {
	id := mux.Vars(r)["session"]
	s, ok := o.sessions.get(o.cfg.Clock.Now(), id)
	if !ok {
		return refuse(http.StatusNotFound, "session_not_found", "")
	}
	return o.describe(s.msisdn, id)
}

// subscriber answers what the operator knows about a number, whoever holds it.
func (o *Operator) subscriber(r *http.Request) answer {
	return o.describe(mux.Vars(r)["msisdn"], "")
}

func (o *Operator) describe(msisdn, sessionID string) answer {
	s, ok := o.Subscriber(msisdn)
	if !ok {
		return refuse(http.StatusNotFound, "subscriber_not_found", "")
	}
	if s.NoData {
		return refuse(http.StatusForbidden, "no_data_available", "")
	}
	body := resultBody{SessionID: sessionID, MSISDN: s.MSISDN, NetworkID: o.cfg.NetworkID}
	if o.cfg.NumberFormat != nil {
		body.MSISDN = o.cfg.NumberFormat(s.MSISDN)
	}
	if !s.SIMChangedAt.IsZero() {
		body.SIMChangedAt = s.SIMChangedAt.UTC().Format(time.RFC3339)
	}
	return jsonAnswer(http.StatusOK, body)
}
