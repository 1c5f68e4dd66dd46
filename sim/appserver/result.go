package appserver

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// outcome is what the device is told of a check. Match and what is said of the SIM are there for a COMPLETED check only: no
// other status says anything about the number.
type outcome struct {
	Match     *bool  `json:"match,omitempty"`
	CheckID   string `json:"check_id,omitempty"`
	Status    string `json:"status"`
	ErrorCode string `json:"error_code,omitempty"`

	NoSIMChange       *bool `json:"no_sim_change,omitempty"`
	NoSIMChangePeriod *int  `json:"no_sim_change_period,omitempty"` // minutes
	SIMChangeWithin   *int  `json:"sim_change_within,omitempty"`    // minutes
}

// proves reports whether whoever has this outcome has the number. A product that also looks at the SIM wants both: a
// number that has just moved to another SIM may have moved to a thief's.
func (o outcome) proves(p *product) bool {
	return o.Match != nil && *o.Match && (!p.sim || o.NoSIMChange != nil && *o.NoSIMChange)
}

// The statuses of a check. Of these only ACCEPTED and PENDING are worth asking again for.
const (
	statusAccepted  = "ACCEPTED"
	statusPending   = "PENDING"
	statusCompleted = "COMPLETED"
	statusExpired   = "EXPIRED"
	statusError     = "ERROR"
	statusUnknown   = "UNKNOWN" // ours, for those that did not exist when this was written
)

// errorCodes are the reasons of an ERROR that the device is told.
var errorCodes = map[string]bool{
	"not_mobile_ip": true, "mno_not_supported": true, "mno_timeout": true, "mno_user_not_found": true,
	"mno_response_error": true, "mno_server_error": true, "mno_no_data_available": true,
	"ip_mismatch": true, "ip_msisdn_mismatch": true,
}

// result answers step 6 with step 8. Where the result is had for a code, it is not had here: whoever started a check could
// otherwise ask for what somebody else's phone has confirmed.
func (s *Server) result(p *product) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("check_id")
		if id == "" {
			s.fail(w, checkIDRequired)
			return
		}
		session := sessionID(r)
		final, found := s.sessions.check(session, id, p)
		if !found {
			// The same for a check of somebody else and one that never was.
			s.fail(w, checkNotFound)
			return
		}
		if final != nil {
			answer(w, http.StatusOK, final)
			return
		}
		c, err := s.get(r.Context(), p, id)
		if err != nil {
			s.fail(w, err)
			return
		}
		if p.coded && c.Status == statusCompleted {
			answer(w, http.StatusOK, outcome{CheckID: id, Status: statusCompleted})
			return
		}
		s.conclude(w, session, p, c)
	}
}

// conclude answers with what a check of the session says, and keeps its last word.
func (s *Server) conclude(w http.ResponseWriter, session string, p *product, c check) {
	o, terminal, err := judge(p, c)
	if err != nil {
		s.c.Log.Warn("the platform completed a check without a result")
		s.fail(w, err)
		return
	}
	if terminal {
		o = s.sessions.finish(session, c.CheckID, p, o)
	}
	answer(w, http.StatusOK, o)
}

// judge decides what a check says, and whether that is its last word.
func judge(p *product, c check) (o outcome, terminal bool, err error) {
	o = outcome{CheckID: c.CheckID, Status: c.Status}
	switch c.Status {
	case statusAccepted, statusPending:
		return o, false, nil
	case statusCompleted:
		if o.Match, err = verdict(c.Match); err != nil || o.Match == nil != p.simOnly {
			return o, false, unavailable
		}
		if p.sim {
			// An operator that does not say leaves it out. That proves nothing, but is no fault either.
			if o.NoSIMChange, err = verdict(c.NoSIMChange); err != nil {
				return o, false, err
			}
			o.NoSIMChangePeriod, o.SIMChangeWithin = minutes(c.NoSIMChangePeriod), minutes(c.SIMChangeWithin)
		}
		return o, true, nil
	case statusExpired:
		return o, true, nil
	case statusError:
		if errorCodes[c.ErrorCode] {
			o.ErrorCode = c.ErrorCode
		}
		return o, true, nil
	default:
		o.Status = statusUnknown
		return o, false, nil
	}
}

// verdict reads a member that is one of the two literals, or missing: "false" in quotes is a string, and strings are true
// in many languages.
func verdict(raw json.RawMessage) (*bool, error) {
	switch string(raw) {
	case "true", "false":
		v := string(raw) == "true"
		return &v, nil
	case "", "null":
		return nil, nil
	default:
		return nil, unavailable
	}
}

// minutes reads a member that is nice to know; anything but a whole number is as good as missing.
func minutes(raw json.RawMessage) *int {
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

// me says what the session has proved.
func (s *Server) me(w http.ResponseWriter, r *http.Request) {
	number := s.sessions.verified(sessionID(r))
	answer(w, http.StatusOK, struct {
		Verified bool   `json:"verified"`
		Number   string `json:"phone_number,omitempty"`
	}{number != "", number})
}
