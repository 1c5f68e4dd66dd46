package idlayrfake

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/mux"
)

// exchange is one request on its way through the platform.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	region  string            // of the host it came in at, "" for any
	api     *product          // nil outside of products
	vars    map[string]string // from the path
	checkID string            // vars["check_id"]
}

// route is a line of the one table of routes.
type route struct {
	name   string
	method string
	path   string
	api    *product
	handle func(*Platform, *exchange) failure
}

// routes returns the table.
func routes() []route {
	var table []route
	for i := range products {
		api := &products[i]
		add := func(name, method, path string, handle func(*Platform, *exchange) failure) {
			table = append(table, route{api.name + "." + api.version + "." + name, method, api.path() + path, api, handle})
		}
		if api.texted {
			add("create", http.MethodPost, "/checks", (*Platform).createMOCheck)
			add("get", http.MethodGet, "/checks/{check_id}", (*Platform).getMOCheck)
			continue
		}
		add("create", http.MethodPost, "/checks", (*Platform).createCheck)
		add("list", http.MethodGet, "/checks", (*Platform).listChecks)
		if api.chained {
			add("redirect", http.MethodGet, "/checks/{check_id}/redirect", (*Platform).openCheckURL)
			add("sandbox", http.MethodGet, "/checks/{check_id}/sandbox", (*Platform).openSandbox)
		}
		if api.coded {
			add("complete", http.MethodGet, "/checks/{check_id}/complete", (*Platform).completeChain)
			add("patch", http.MethodPatch, "/checks/{check_id}", (*Platform).redeemCode)
		}
		add("traces", http.MethodGet, "/checks/{check_id}/traces", (*Platform).getTraces)
		add("trace", http.MethodGet, "/checks/{check_id}/traces/{trace_id}", (*Platform).getTrace)
		add("get", http.MethodGet, "/checks/{check_id}", (*Platform).getCheck)
	}
	return append(table,
		route{"oauth2.token", http.MethodPost, "/oauth2/v1/token", nil, (*Platform).issueToken},
		route{"oauth2.revoke", http.MethodPost, "/oauth2/v1/revoke", nil, (*Platform).revokeToken},
		route{"coverage.device_ip", http.MethodGet, "/coverage/v0.1/device_ip", nil, (*Platform).getReach},
		route{"coverage.device_ips", http.MethodGet, "/coverage/v0.1/device_ips/{ip}", nil, (*Platform).getReachOf},
		route{"coverage.countries", http.MethodGet, "/coverage/v0.1/countries/{code}", nil, (*Platform).getCountry},
		route{"coverage.public", http.MethodGet, "/public/coverage/v0.1/device_ip", nil, (*Platform).getPublicReach},
		route{"keys", http.MethodGet, "/.well-known/jwks.json", nil, (*Platform).getKeys},
		route{"openapi", http.MethodGet, "/openapi.yaml", nil, (*Platform).getDescription},
	)
}

// router matches requests to routes. It is used for that only: the handlers need
// their platform, and a router of its own would be the dearest part of making
// one. It does not change once it is built.
type router struct {
	muxes   map[string]*mux.Router // by prefix, for mux tries its routes one by one
	byName  map[string]*route
	methods []string
}

// prefixOf is the part of a path that is the same for all routes of an API:
// its first two segments.
func prefixOf(path string) string {
	first := strings.IndexByte(path[min(1, len(path)):], '/') + 1
	if first == 0 {
		return path
	}
	if second := strings.IndexByte(path[first+1:], '/'); second >= 0 {
		return path[:first+1+second]
	}
	return path
}

var theRouter = sync.OnceValue(func() *router {
	rt := &router{muxes: map[string]*mux.Router{}, byName: map[string]*route{}}
	for _, line := range routes() {
		rt.byName[line.name] = &line
		m := rt.muxes[prefixOf(line.path)]
		if m == nil {
			m = mux.NewRouter().SkipClean(true)
			rt.muxes[prefixOf(line.path)] = m
		}
		m.Path(line.path).Methods(line.method).Name(line.name).Handler(http.NotFoundHandler())
		if !slices.Contains(rt.methods, line.method) {
			rt.methods = append(rt.methods, line.method)
		}
	}
	slices.Sort(rt.methods)
	return rt
})

// match finds the route of a request, or the problem that there is none.
func (rt *router) match(r *http.Request) (*route, map[string]string, failure) {
	api := rt.muxes[prefixOf(r.URL.Path)]
	if api == nil {
		return nil, nil, routeNotFound.because()
	}
	var m mux.RouteMatch
	if api.Match(r, &m) {
		return rt.byName[m.Route.GetName()], m.Vars, nil
	}
	// mux knows that another method would do, not which.
	var allow []string
	for _, method := range rt.methods {
		other := *r
		other.Method = method
		if api.Match(&other, new(mux.RouteMatch)) {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 {
		return nil, nil, routeNotFound.because()
	}
	e := wrongMethod
	e.allow = strings.Join(allow, ", ")
	return nil, nil, &e
}

// ServeHTTP answers one request. The only status above 499 is the documented 501
// of an operator that cannot be redirected to.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Access-Control-Allow-Origin"] = []string{"*"}
	h["Date"] = []string{p.cfg.Clock.Now().UTC().Format(http.TimeFormat)}
	if r.Method == http.MethodOptions {
		// A preflight. A star in Allow-Headers would not cover Authorization.
		h["Access-Control-Allow-Methods"] = []string{"GET, POST, PATCH, OPTIONS"}
		h["Access-Control-Allow-Headers"] = []string{"Authorization, Content-Type, Access-Control-Allow-Origin"}
		writeEmpty(w, http.StatusNoContent)
		return
	}
	r = singleSlashes(upperPatch(r))
	x := &exchange{w: w, r: r, region: regionOf(r.Host)}
	line, vars, fail := theRouter().match(r)
	if fail == nil {
		x.api, x.vars, x.checkID = line.api, vars, vars["check_id"]
	}
	if limited := p.limit(x); limited != nil {
		fail = limited
	}
	if fail == nil {
		fail = line.handle(p, x)
	}
	if fail != nil {
		if p.cfg.Observe != nil {
			code, text := fail.says()
			p.decide(r.Context(), x.checkID, code, text)
		}
		fail.answer(p, w)
	}
}

// singleSlashes takes doubled slashes out of the path: common clients send them,
// and a redirect to the clean path would turn their POST into a GET.
func singleSlashes(r *http.Request) *http.Request {
	if !strings.Contains(r.URL.Path, "//") {
		return r
	}
	var b strings.Builder
	for i := range len(r.URL.Path) {
		if c := r.URL.Path[i]; c != '/' || i == 0 || r.URL.Path[i-1] != '/' {
			b.WriteByte(c)
		}
	}
	clean := *r
	clean.URL = &url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: b.String(), RawQuery: r.URL.RawQuery}
	return &clean
}

// upperPatch writes PATCH as it should be: some HTTP libraries send it as their
// caller did, in lower case.
func upperPatch(r *http.Request) *http.Request {
	if r.Method == http.MethodPatch || !strings.EqualFold(r.Method, http.MethodPatch) {
		return r
	}
	upper := *r
	upper.Method = http.MethodPatch
	return &upper
}
