package mnofake

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"time"
)

// resultBody is what the platform learns about a session or a subscriber.
type resultBody struct {
	SessionID    string `json:"session_id,omitempty"`
	MSISDN       string `json:"msisdn"`
	NetworkID    string `json:"network_id"`
	SIMChangedAt string `json:"sim_changed_at,omitempty"`
}

// platformOnly lets the platform in and nobody else.
func platformOnly(next decide) decide {
	return func(o *Operator, r *http.Request, id string) answer {
		name, secret, ok := r.BasicAuth()
		got := hashed(name, secret)
		// Both halves are compared whole, so that the time taken tells nothing about either.
		same := subtle.ConstantTimeCompare(got[0][:], o.credential[0][:]) & subtle.ConstantTimeCompare(got[1][:], o.credential[1][:])
		if configured := o.cfg.PlatformID != "" || o.cfg.PlatformSecret != ""; !ok || !configured || same != 1 {
			a := refuse(http.StatusUnauthorized, "unauthorized", "")
			a.challenge = `Basic realm="sna"`
			return a
		}
		b := o.Behaviour()
		o.slow(r.Context(), b.ResultDelay)
		if a, broken := failure(b.ResultFailure); broken {
			return a
		}
		a := next(o, r, id)
		if a.status == http.StatusOK && b.ResultBody != "" {
			a.body = []byte(b.ResultBody)
		}
		return a
	}
}

// hashed makes a credential's halves equally long, whatever they are.
func hashed(id, secret string) [2][sha256.Size]byte {
	return [2][sha256.Size]byte{sha256.Sum256([]byte(id)), sha256.Sum256([]byte(secret))}
}

// result answers which SIM carried the redirect of a session (step 7: get match result).
func (o *Operator) result(_ *http.Request, session string) answer {
	s, ok := o.sessions.get(o.cfg.Clock.Now(), session)
	if !ok {
		return refuse(http.StatusNotFound, "session_not_found", "")
	}
	return o.describe(s.msisdn, session)
}

// subscriber answers what the operator knows about a number, whoever holds it.
func (o *Operator) subscriber(_ *http.Request, msisdn string) answer { return o.describe(msisdn, "") }

func (o *Operator) describe(msisdn, sessionID string) answer {
	s, ok := o.Subscriber(msisdn)
	if !ok || s.anonymous() != "" {
		return refuse(http.StatusNotFound, "subscriber_not_found", "")
	}
	if s.NoData {
		return refuse(http.StatusForbidden, "no_data_available", "")
	}
	body := resultBody{SessionID: sessionID, MSISDN: s.MSISDN, NetworkID: o.cfg.NetworkID}
	if format := o.Behaviour().NumberFormat; format != nil {
		body.MSISDN = format(s.MSISDN)
	}
	if !s.SIMChangedAt.IsZero() {
		body.SIMChangedAt = s.SIMChangedAt.UTC().Format(time.RFC3339)
	}
	return jsonAnswer(http.StatusOK, body)
}
