package appserver

import (
	"errors"
	"net/http"
	"net/netip"
)

// start answers step 2 with step 4.
func (s *Server) start(p *product) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, err := s.phoneNumber(w, r)
		if err != nil {
			s.fail(w, err)
			return
		}
		c, err := s.create(r.Context(), p, number, s.phoneIP(r))
		if err != nil {
			s.fail(w, err)
			return
		}
		// Only ids of our own are used: one that somebody else chose would let them in later.
		id := sessionID(r)
		if !s.sessions.live(id) {
			if id, err = s.newSessionID(); err != nil {
				s.fail(w, unavailable)
				return
			}
		}
		s.sessions.add(id, &attempt{id: c.CheckID, product: p, number: number})
		setCookie(w, r, id)
		answer(w, http.StatusOK, struct {
			CheckID  string `json:"check_id"`
			CheckURL string `json:"check_url"`
		}{c.CheckID, c.Links.CheckURL.Href})
	}
}

// phoneIP is what the platform is told of the device's address: nothing by default.
func (s *Server) phoneIP(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if !s.c.SendPhoneIP || err != nil {
		return ""
	}
	return from.Addr().Unmap().String()
}

// fail answers with the problem that err is.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var l limited
	if errors.As(err, &l) {
		if l.after != "" {
			w.Header().Set("Retry-After", l.after)
		}
		fail(w, l.problem)
		return
	}
	var p problem
	if !errors.As(err, &p) {
		p = unavailable
	}
	fail(w, p)
}

// phoneNumber reads the number from the body, in E.164 without plus.
func (s *Server) phoneNumber(w http.ResponseWriter, r *http.Request) (string, error) {
	sent, err := body(w, r)
	if err != nil {
		return "", err
	}
	typed, ok := sent.text("phone_number")
	if ok && typed == "" {
		return "", numberRequired
	}
	number, valid := normalise(typed, s.c.DefaultRegion)
	if !ok || !valid {
		return "", numberInvalid
	}
	return number, nil
}
