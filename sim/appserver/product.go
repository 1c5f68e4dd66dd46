package appserver

import "net/http"

// product is one version of one API as data: what differs between them, so that the handlers are the same.
type product struct {
	name    string   // path segment, OAuth2 scope and value of x-tru-callback
	version string   // path segment
	coded   bool     // the result is had for a code, which only the device gets that opened the check URL
	sim     bool     // the result says whether the SIM was changed
	simOnly bool     // and nothing else
	routes  []string // ours
}

// products are the checks that a device takes part in. One made with one of them is unknown to the others: a result that
// needs a code must not be had where none is asked for.
var products = [...]product{
	{name: "phone_check", version: "v0.1", routes: []string{"/phone-check", "/v0.1/phone-check"}},
	{name: "phone_check", version: "v0.2", routes: []string{"/v0.2/phone-check"}, coded: true},
	{name: "subscriber_check", version: "v0.1", routes: []string{"/subscriber-check", "/v0.1/subscriber-check"}, sim: true},
	{name: "subscriber_check", version: "v0.2", routes: []string{"/v0.2/subscriber-check"}, sim: true, coded: true},
}

// simCheck is answered at once and without a device, so it has handlers of its own.
var simCheck = product{name: "sim_check", version: "v0.1", sim: true, simOnly: true, routes: []string{"/sim-check", "/v0.1/sim-check"}}

// checks is where the platform keeps those of the product.
func (p *product) checks() string { return "/" + p.name + "/" + p.version + "/checks" }

type methods map[string]http.HandlerFunc

// routed returns the handlers by path and method.
func (s *Server) routed() map[string]methods {
	first := &products[0]
	routes := map[string]methods{
		"/check":                 {http.MethodPost: s.start(first)},
		"/check_status":          {http.MethodGet: s.result(first)},
		"/callback":              {http.MethodPost: s.callback("")},
		"/coverage-access-token": {http.MethodGet: s.coverageToken},
		"/country":               {http.MethodGet: s.country},
		"/device":                {http.MethodGet: s.device},
		"/me":                    {http.MethodGet: s.me},
	}
	for i := range products {
		p := &products[i]
		for _, route := range p.routes {
			routes[route] = methods{http.MethodPost: s.start(p), http.MethodGet: s.result(p)}
			routes[route+"/callback"] = methods{http.MethodPost: s.callback(p.name)}
			if p.coded {
				exchange := s.exchange(p)
				routes[route+"/exchange-code"] = methods{http.MethodGet: exchange, http.MethodPost: exchange}
			}
		}
	}
	for _, route := range simCheck.routes {
		routes[route] = methods{http.MethodPost: s.checkSIM}
	}
	for _, route := range []string{"/traces", "/v0.1/traces", "/v0.2/traces"} {
		routes[route] = methods{http.MethodPost: s.traces}
	}
	return routes
}
