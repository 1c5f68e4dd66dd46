package serve

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

//go:embed openapi.yaml
var openAPI []byte

// call is one request to the control API.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	vars   map[string]string
	tenant *tenant // nil outside of projects
}

// route is a line of the control API's table.
type route struct {
	name, method, path string
	handle             func(*Server, *call) error
}

// common routes are about the whole, tenants' routes about one project: under /v1 for the default one, under
// /v1/projects/{project} for any.
var commonRoutes = []route{
	{"health", "GET", "/v1/health", (*Server).getHealth},
	{"world", "GET", "/v1/world", (*Server).getWorld},
	{"ca.pem", "GET", "/v1/ca.pem", (*Server).getCAPEM},
	{"ca.der", "GET", "/v1/ca.der", (*Server).getCADER},
	{"projects.list", "GET", "/v1/projects", (*Server).listProjects},
	{"projects.create", "POST", "/v1/projects", (*Server).createProject},
	{"projects.get", "GET", "/v1/projects/{project}", (*Server).getProject},
	{"projects.delete", "DELETE", "/v1/projects/{project}", (*Server).deleteProject},
	{"scenarios.list", "GET", "/v1/scenarios", (*Server).listScenarios},
	{"scenarios.run", "POST", "/v1/scenarios/{scenario}/run", (*Server).runScenario},
	{"reset.all", "POST", "/v1/reset", (*Server).resetAll},
	{"openapi", "GET", "/openapi.yaml", (*Server).getDescription},
}

var tenantRoutes = []route{
	{"operators.list", "GET", "/operators", (*Server).listOperators},
	{"devices.list", "GET", "/devices", (*Server).listDevices},
	{"devices.create", "POST", "/devices", (*Server).createDevice},
	{"devices.get", "GET", "/devices/{device}", (*Server).getDevice},
	{"devices.change", "PATCH", "/devices/{device}", (*Server).changeDevice},
	{"faults.list", "GET", "/faults", (*Server).listFaults},
	{"faults.create", "POST", "/faults", (*Server).createFault},
	{"faults.clear", "DELETE", "/faults", (*Server).clearFaults},
	{"faults.delete", "DELETE", "/faults/{fault}", (*Server).deleteFault},
	{"clock.get", "GET", "/clock", (*Server).getClock},
	{"clock.advance", "POST", "/clock/advance", (*Server).advanceClock},
	{"checks.list", "GET", "/checks", (*Server).listChecks},
	{"checks.get", "GET", "/checks/{check}", (*Server).getCheck},
	{"journal", "GET", "/journal", (*Server).getJournal},
	{"events", "GET", "/events", (*Server).getEvents},
}

// routes is the whole table.
func routes() []route {
	all := slices.Clone(commonRoutes)
	for _, r := range tenantRoutes {
		all = append(all,
			route{r.name, r.method, "/v1" + r.path, r.handle},
			route{"projects." + r.name, r.method, "/v1/projects/{project}" + r.path, r.handle})
	}
	return append(all, route{"projects.reset", "POST", "/v1/projects/{project}/reset", (*Server).resetProject})
}

// controlAPI is the handler of the control API's socket.
func (s *Server) controlAPI() http.Handler {
	router := mux.NewRouter()
	methods := map[string][]string{}
	for _, line := range routes() {
		methods[line.path] = append(methods[line.path], line.method)
		router.Path(line.path).Methods(line.method).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := &call{w: w, r: r, vars: mux.Vars(r)}
			if err := s.answer(c, line); err != nil {
				writeProblem(w, err)
			}
		})
	}
	for path, allowed := range methods {
		router.Path(path).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			writeProblem(w, &apiError{http.StatusMethodNotAllowed, "method_not_allowed", r.Method + " is not among " + strings.Join(allowed, ", ")})
		})
	}
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, &apiError{http.StatusNotFound, "not_found", "there is nothing at " + r.URL.Path + "; /openapi.yaml says what there is"})
	})
	return s.guard(router)
}

func (s *Server) answer(c *call, line route) error {
	id, ofProject := c.vars["project"]
	if !ofProject {
		id = defaultTenant
	}
	if c.tenant = s.tenant(id); c.tenant == nil {
		return notFound("project", id)
	}
	return line.handle(s, c)
}

// guard keeps web pages out. A page of another origin says so in Origin; one that had its own name resolve to this
// machine (DNS rebinding) is known by the Host that its browser sends.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.ownName(r.Host) {
			writeProblem(w, &apiError{http.StatusMisdirectedRequest, "foreign_host", fmt.Sprintf("the control API is not called %q", r.Host)})
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			writeProblem(w, &apiError{http.StatusForbidden, "foreign_origin", "web pages of other origins may not use the control API"})
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
			writeProblem(w, &apiError{http.StatusForbidden, "foreign_origin", "web pages of other origins may not use the control API"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownName accepts localhost, addresses, and names without a dot: those are given to machines of a local network, such as
// containers, and never to a public site.
func (s *Server) ownName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	listening, _, _ := net.SplitHostPort(s.cfg.ControlAddr)
	return name != "" && !strings.Contains(name, ".") || strings.EqualFold(name, listening) || strings.HasSuffix(strings.ToLower(name), ".localhost")
}

// maxBody is more than any request needs.
const maxBody = 64 << 10

// object reads a JSON object. An empty body is one without members.
func (c *call) object() (map[string]json.RawMessage, error) {
	if ct := c.r.Header.Get("Content-Type"); ct != "" {
		if t, _, err := mime.ParseMediaType(ct); err != nil || t != "application/json" {
			return nil, &apiError{http.StatusUnsupportedMediaType, "unsupported_media_type", "the body must be application/json"}
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body has more than %d bytes", maxBody)}
	}
	if err != nil {
		return nil, badInput("body", "the body broke off")
	}
	members := map[string]json.RawMessage{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &members); err != nil {
			return nil, badInput("body", "the body is not a JSON object: %v", err)
		}
	}
	return members, nil
}

// compact reads a JSON object and writes it without the white space that YAML would read otherwise, each member once.
func (c *call) compact() ([]byte, error) {
	members, err := c.object()
	if err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// into reads a JSON object into a struct, and refuses members that it does not have.
func (c *call) into(v any) error {
	raw, err := c.compact()
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return badInput("body", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func (c *call) query(name, standard string, allowed ...string) (string, error) {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return "", badInput("query", "the query is malformed")
	}
	v := q.Get(name)
	if v == "" {
		v = standard
	}
	if !slices.Contains(allowed, v) {
		return "", badInput(name, "%s is one of %s, not %q", name, strings.Join(allowed, ", "), v)
	}
	return v, nil
}
