package appserver

import (
	"encoding/json"
	"io"
	"net/http"
)

// callback takes what the platform posts when a check has ended, about checks of the product of that name or, when it is
// empty, of any. It answers 200 to what is the platform's, be it news or not, because anything else is sent again; and 400
// to what is not. It does not say why: whoever tries signatures out need not know how far they got.
func (s *Server) callback(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := readBody(w, r)
		if err != nil {
			s.fail(w, err)
			return
		}
		if err := s.genuine(r, data); err != nil {
			s.c.Log.Warn("callback refused", "reason", err.Error())
			s.fail(w, callbackRefused)
			return
		}
		p := callbackProduct(r.Header.Get(callbackHeader))
		var c check
		if p == nil || name != "" && name != p.name || json.Unmarshal(data, &c) != nil || c.CheckID == "" {
			s.c.Log.Warn("callback refused", "reason", "it is about nothing known")
			s.fail(w, callbackRefused)
			return
		}
		o, terminal, err := judge(p, c)
		if err != nil {
			s.c.Log.Warn("callback refused", "reason", "completed without a result")
			s.fail(w, callbackRefused)
			return
		}
		if terminal {
			s.sessions.tell(p.name, o)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "OK")
	}
}

// callbackProduct returns one of the products of that name; nothing in a callback tells their versions apart.
func callbackProduct(name string) *product {
	for i := range products {
		if products[i].name == name {
			return &products[i]
		}
	}
	return nil
}
