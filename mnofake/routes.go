package mnofake

import (
	"errors"
	"net/http"
	"sync"

	"github.com/gorilla/mux"
)

// decide is what answers a route. The id is the path's last segment where the route has one.
type decide func(o *Operator, r *http.Request, id string) answer

const startPath = "/start"

// routes is the flat route table. Every route has one method: HEAD, which link scanners send, must not bind a session, and no
// link that is merely followed must give consent.
var routes = map[string]struct {
	method, path string
	decide       decide
}{
	"redirect":   {http.MethodGet, startPath, (*Operator).redirect},
	"consent":    {http.MethodPost, "/consent", (*Operator).consent},
	"result":     {http.MethodGet, "/sna/v1/results/{id}", platformOnly((*Operator).result)},
	"subscriber": {http.MethodGet, "/sna/v1/subscribers/{id}", platformOnly((*Operator).subscriber)},
}

// router matches requests to routes, for all operators: to build one is the dearest part of an operator's life, and it
// holds nothing of theirs.
var router = sync.OnceValue(func() *mux.Router {
	r := mux.NewRouter().SkipClean(true) // a cleaned path would be answered with a redirect of mux's own
	for name, route := range routes {
		r.Path(route.path).Methods(route.method).Name(name).Handler(http.NotFoundHandler())
	}
	return r
})

// answer finds the route and lets it decide.
func (o *Operator) answer(r *http.Request) answer {
	var m mux.RouteMatch
	switch {
	case router().Match(r, &m):
		return routes[m.Route.GetName()].decide(o, r, m.Vars["id"])
	case errors.Is(m.MatchErr, mux.ErrMethodMismatch):
		a := refuse(http.StatusMethodNotAllowed, "method_not_allowed", "")
		if a.allow = http.MethodGet; r.URL.Path == routes["consent"].path {
			a.allow = http.MethodPost
		}
		return a
	default:
		return refuse(http.StatusNotFound, "not_found", "")
	}
}
