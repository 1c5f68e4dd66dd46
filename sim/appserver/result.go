package appserver

import "net/http"

// outcome is what the device is told of a check. Match is there for a COMPLETED check only: no other status says
// anything about the number.
type outcome struct {
	Match     *bool  `json:"match,omitempty"`
	CheckID   string `json:"check_id"`
	Status    string `json:"status"`
	ErrorCode string `json:"error_code,omitempty"`
}

func (o outcome) matched() bool { return o.Match != nil && *o.Match }

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

// result answers step 6 with step 8.
func (s *Server) result(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("check_id")
	if id == "" {
		s.fail(w, checkIDRequired)
		return
	}
	session := sessionID(r)
	final, found := s.sessions.check(session, id)
	if !found {
		// The same for a check of somebody else and one that never was.
		s.fail(w, checkNotFound)
		return
	}
	if final != nil {
		answer(w, http.StatusOK, final)
		return
	}
	c, err := s.get(r.Context(), id)
	if err != nil {
		s.fail(w, err)
		return
	}
	o, terminal, err := judge(c)
	if err != nil {
		s.c.Log.Warn("the platform completed a check without a result")
		s.fail(w, err)
		return
	}
	if terminal {
		o = s.sessions.finish(session, id, o)
	}
	answer(w, http.StatusOK, o)
}

// judge decides what a check says, and whether that is its last word.
func judge(c check) (o outcome, terminal bool, err error) {
	o = outcome{CheckID: c.CheckID, Status: c.Status}
	switch c.Status {
	case statusAccepted, statusPending:
		return o, false, nil
	case statusCompleted:
		// Nothing but the two literals: "false" in quotes is a string, and strings are true in many languages.
		switch string(c.Match) {
		case "true", "false":
			match := string(c.Match) == "true"
			o.Match = &match
			return o, true, nil
		}
		return o, false, unavailable
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

// me says what the session has proved.
func (s *Server) me(w http.ResponseWriter, r *http.Request) {
	number := s.sessions.verified(sessionID(r))
	answer(w, http.StatusOK, struct {
		Verified bool   `json:"verified"`
		Number   string `json:"phone_number,omitempty"`
	}{number != "", number})
}
