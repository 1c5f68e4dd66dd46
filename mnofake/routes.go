package mnofake

import (
	"net/http"

	"github.com/gorilla/mux"
)

// routes builds the flat route table. Every route is GET alone: HEAD, which link scanners send, must not bind a session.
func (o *Operator) routes() http.Handler {
	router := mux.NewRouter().SkipClean(true) // a cleaned path would be answered with a redirect of mux's own
	for _, route := range []struct {
		name, path string
		decide     func(*http.Request) answer
	}{
		{"redirect", "/start", o.redirect},
		{"result", "/sna/v1/results/{session}", o.platformOnly(o.result)},
		{"subscriber", "/sna/v1/subscribers/{msisdn}", o.platformOnly(o.subscriber)},
	} {
		router.Handle(route.path, respond(route.decide)).Methods(http.MethodGet).Name(route.name)
	}
	router.NotFoundHandler = respond(func(*http.Request) answer {
		return refuse(http.StatusNotFound, "not_found", "")
	})
	router.MethodNotAllowedHandler = respond(func(*http.Request) answer {
		a := refuse(http.StatusMethodNotAllowed, "method_not_allowed", "")
		a.allow = http.MethodGet
		return a
	})
	return router
}
