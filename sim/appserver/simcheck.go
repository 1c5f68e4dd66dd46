package appserver

import "net/http"

// checkSIM asks whether the SIM of a number was changed lately. The platform knows at once, and no device is needed.
func (s *Server) checkSIM(w http.ResponseWriter, r *http.Request) {
	number, err := s.phoneNumber(w, r)
	if err != nil {
		s.fail(w, err)
		return
	}
	c, err := s.order(r.Context(), &simCheck, map[string]string{"phone_number": number})
	if err != nil {
		s.fail(w, err)
		return
	}
	o, terminal, err := judge(&simCheck, c)
	if err != nil || !terminal || o.Status == statusCompleted && o.NoSIMChange == nil {
		s.c.Log.Warn("the platform made a SIM check without a result")
		s.fail(w, unavailable)
		return
	}
	o.CheckID = "" // there is nothing to ask again for
	answer(w, http.StatusOK, o)
}
