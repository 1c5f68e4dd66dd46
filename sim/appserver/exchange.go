package appserver

import (
	"errors"
	"net/http"
)

// exchange redeems the code that the redirect chain ended with, in the session that started the check and nowhere else.
// Each code is tried once, whatever comes of it: a code that can be tried again can be fished for.
func (s *Server) exchange(p *product) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Referrer-Policy", "no-referrer") // the code may be in the URL
		sent, err := query(r), error(nil)
		if r.Method == http.MethodPost {
			sent, err = body(w, r)
		}
		if err != nil {
			s.fail(w, err)
			return
		}
		id, idOK := sent.text("check_id")
		code, codeOK := sent.text("code")
		switch {
		case !idOK || !codeOK:
			s.fail(w, badBody)
			return
		case id == "":
			s.fail(w, checkIDRequired)
			return
		case code == "":
			s.fail(w, codeRequired)
			return
		}
		session := sessionID(r)
		final, err := s.sessions.try(session, id, p, code)
		if err != nil {
			s.fail(w, err)
			return
		}
		if final != nil {
			answer(w, http.StatusOK, final)
			return
		}
		c, err := s.redeem(r.Context(), p, id, code)
		if errors.Is(err, checkNotFound) {
			// The platform says the same of a wrong code, of a used one and of a check whose URL nobody opened.
			err = codeRefused
		}
		if err != nil {
			s.fail(w, err)
			return
		}
		s.conclude(w, session, p, c)
	}
}
