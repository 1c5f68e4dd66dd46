package appserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// maxBody is how much a device may send, in bytes.
const maxBody = 16 << 10

// start answers step 2 with step 4.
func (s *Server) start(w http.ResponseWriter, r *http.Request) {
	typed, err := phoneNumber(w, r)
	if err != nil {
		s.fail(w, err)
		return
	}
	number, ok := normalise(typed, s.c.DefaultRegion)
	if !ok {
		s.fail(w, numberInvalid)
		return
	}
	c, err := s.create(r.Context(), number)
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
	s.sessions.add(id, &attempt{id: c.CheckID, number: number})
	setCookie(w, r, id)
	answer(w, http.StatusOK, struct {
		CheckID  string `json:"check_id"`
		CheckURL string `json:"check_url"`
	}{c.CheckID, c.Links.CheckURL.Href})
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

// phoneNumber reads the number from a JSON or urlencoded body.
func phoneNumber(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return "", bodyTooLarge
		}
		return "", badBody
	}
	if form(r, body) {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return "", badBody
		}
		if values.Get("phone_number") == "" {
			return "", numberRequired
		}
		return values.Get("phone_number"), nil
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return "", numberRequired
	}
	// A map, because matching members to struct fields ignores case.
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return "", badBody
	}
	raw := members["phone_number"]
	if raw == nil || string(raw) == "null" || string(raw) == `""` {
		return "", numberRequired
	}
	var number string
	if json.Unmarshal(raw, &number) != nil {
		return "", numberInvalid
	}
	return number, nil
}

// form reports whether the body is urlencoded: by its type, or by its first byte when the type says neither.
func form(r *http.Request, body []byte) bool {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch media {
	case "application/x-www-form-urlencoded":
		return true
	case "application/json":
		return false
	}
	body = bytes.TrimSpace(body)
	return len(body) > 0 && body[0] != '{'
}
