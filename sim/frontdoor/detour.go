package frontdoor

import (
	"net/http"
	"net/url"
	"strings"
)

// detourPrefix begins the path of a detour: /~http/host/path.
const detourPrefix = "/~"

// Detour lets a client without access proxy follow redirects to hosts of the virtual internet, which it cannot resolve: they
// lead back to the socket that it knows, with the host in the path, and go on over the given way from there. inside says
// which hosts those are.
func Detour(way Way, inside func(host string) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		here := &url.URL{Scheme: scheme, Host: r.Host}
		at := *r.URL
		at.Scheme, at.Host = here.Scheme, here.Host
		rest, detour := strings.CutPrefix(r.URL.Path, detourPrefix)
		if detour {
			inScheme, rest, _ := strings.Cut(rest, "/")
			host, path, _ := strings.Cut(rest, "/")
			if inScheme != "http" && inScheme != "https" || !inside(host) {
				http.NotFound(w, r)
				return
			}
			at = url.URL{Scheme: inScheme, Host: host, Path: "/" + path, RawQuery: r.URL.RawQuery}
		}
		w = &detoured{ResponseWriter: w, here: here, at: &at, inside: inside}
		if !detour {
			next.ServeHTTP(w, r)
			return
		}
		there := r.Clone(r.Context())
		there.URL, there.Host = &url.URL{Path: at.Path, RawQuery: at.RawQuery}, at.Host
		forward(w, there, target{at.Scheme, at.Host, way})
	})
}

// detoured turns the redirects of an answer around.
type detoured struct {
	http.ResponseWriter
	here, at *url.URL // the socket, and where the answer comes from
	inside   func(string) bool
}

func (d *detoured) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func (d *detoured) WriteHeader(status int) {
	h := d.Header()
	if to, err := d.at.Parse(h.Get("Location")); err == nil && h.Get("Location") != "" && to.Host != d.here.Host && d.inside(to.Host) {
		h.Set("Location", d.detour(to))
	}
	if d.at.Host != d.here.Host { // its cookies are for its own paths
		cookies := (&http.Response{Header: h}).Cookies()
		h.Del("Set-Cookie")
		for _, c := range cookies {
			c.Domain = ""
			c.Path = detourPrefix + d.at.Scheme + "/" + d.at.Host + c.Path
			http.SetCookie(d.ResponseWriter, c)
		}
	}
	d.ResponseWriter.WriteHeader(status)
}

func (d *detoured) detour(to *url.URL) string {
	back := *d.here
	back.Path, back.RawQuery = detourPrefix+to.Scheme+"/"+to.Host+to.Path, to.RawQuery
	return back.String()
}
