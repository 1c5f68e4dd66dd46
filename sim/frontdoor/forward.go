package frontdoor

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
)

// target is where a request goes inside, and how.
type target struct {
	scheme, address string // "http" or "https", and host:port or host
	way             Way
}

// forward sends a request into the virtual internet and its answer out. The Host header stays as the client sent it, so
// that links in answers lead to where the client came from.
func forward(w http.ResponseWriter, r *http.Request, to target) {
	way, err := to.way()
	if err != nil {
		refuse(w, http.StatusBadGateway, err.Error())
		return
	}
	if direct, ok := way.(answerer); ok && direct.Answer(w, arrived(r), to.address, to.scheme == "https") {
		return
	}
	proxy := httputil.ReverseProxy{
		Transport:  way,
		BufferPool: buffers,
		ErrorLog:   quiet,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL = &url.URL{Scheme: to.scheme, Host: to.address, Path: p.In.URL.Path, RawPath: p.In.URL.RawPath,
				RawQuery: p.In.URL.RawQuery, ForceQuery: p.In.URL.ForceQuery}
			p.Out.Host = p.In.Host
			keepForwarded(p)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { explain(w, to.address, err) },
	}
	proxy.ServeHTTP(w, r)
}

// answerer is a way that needs no connection of its own where the network does nothing to answers.
type answerer interface {
	Answer(w http.ResponseWriter, r *http.Request, address string, secure bool) bool
}

// hopByHop are the headers that end at the door (RFC 9110 §7.6.1).
var hopByHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// arrived is the request as a server inside sees it.
func arrived(r *http.Request) *http.Request {
	in := *r
	in.Header = r.Header.Clone()
	for _, listed := range r.Header["Connection"] {
		for name := range strings.SplitSeq(listed, ",") {
			in.Header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		delete(in.Header, name)
	}
	in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	in.RequestURI = in.URL.RequestURI()
	in.Close = false
	return &in
}

var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// keepForwarded lets them travel on: the library takes them out, and what they are worth is for the servers to know.
func keepForwarded(p *httputil.ProxyRequest) {
	for _, name := range forwarded {
		if v, ok := p.In.Header[name]; ok {
			p.Out.Header[name] = v
		}
	}
}

var quiet = log.New(io.Discard, "", 0)

// explain answers for a request that got no answer. A connection that broke inside breaks outside as well.
func explain(w http.ResponseWriter, address string, err error) {
	var dns *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &dns):
		refuse(w, http.StatusBadGateway, fmt.Sprintf(
			"%s is not on the virtual internet, and the simulator reaches nothing else (serve --allow-external lets it)", address))
	case errors.As(err, &dial) && dial.Op == "dial" && errors.Is(err, syscall.ECONNREFUSED):
		refuse(w, http.StatusBadGateway, address+" refuses connections")
	case errors.As(err, &dial) && dial.Op == "dial":
		refuse(w, http.StatusBadGateway, "no way to "+address+": "+dial.Err.Error())
	default:
		panic(http.ErrAbortHandler)
	}
}

// refuse says in plain text why the simulator itself does not do what it was asked.
func refuse(w http.ResponseWriter, status int, why string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Phonechecksim", "refused") // so that it is not taken for an answer from inside
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "phonechecksim: "+strings.TrimPrefix(why, "device: ")+"\n")
}

// bufferPool keeps ReverseProxy from making a buffer of 32 KiB for each answer.
type bufferPool struct{ sync.Pool }

var buffers = &bufferPool{sync.Pool{New: func() any { return new([8 << 10]byte) }}}

func (p *bufferPool) Get() []byte  { return p.Pool.Get().(*[8 << 10]byte)[:] }
func (p *bufferPool) Put(b []byte) { p.Pool.Put((*[8 << 10]byte)(b)) }

// Host answers at a socket for a host of the virtual internet. choose says, for each request, which one and over which way
// its caller comes.
func Host(choose func(*http.Request) (host string, way Way)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, way := choose(r)
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		forward(w, r, target{scheme, host, way})
	})
}
