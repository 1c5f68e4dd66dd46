package frontdoor

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// Outside is what requests inside may reach on the real network, such as a backend that is called back on this machine.
type Outside struct {
	// Loopback lets every port of this machine be reached.
	Loopback bool
	// Everything lets any host be reached.
	Everything bool
	// Never says which addresses are not, in spite of the above: those of the simulator's own sockets. It is asked with the
	// name that is called, and again with the address that this leads to.
	Never func(address string) bool
	// Owner is whose hosts these are, for the journal.
	Owner string
}

// connectPatience bounds the dial to a real host, in real time.
const connectPatience = 5 * time.Second

// Hosts is for [vnet.Config]: it answers for the addresses that may be reached. Close the idle connections of the
// returned transport when done.
func (o Outside) Hosts() (outside func(address string) (owner string, h http.Handler), transport *http.Transport) {
	transport = &http.Transport{
		DialContext:           (&net.Dialer{Timeout: connectPatience, Control: o.control}).DialContext,
		DisableCompression:    true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       idlePatience,
		ExpectContinueTimeout: time.Second,
	}
	return func(address string) (string, http.Handler) {
		if !o.reaches(address) {
			return "", nil
		}
		return o.Owner, toReality("", address, transport)
	}, transport
}

// Real answers for a server on the real network, at its base URL. Close the idle connections of the returned transport
// when done.
func Real(base *url.URL) (http.Handler, *http.Transport) {
	_, transport := Outside{}.Hosts()
	return toReality(base.Scheme, base.Host, transport), transport
}

func (o Outside) reaches(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || o.Never != nil && o.Never(address) {
		return false
	}
	return o.Everything || o.Loopback && isLoopback(host)
}

// control looks at where a name really leads, once it is resolved: there are many names for one machine.
func (o Outside) control(_, address string, _ syscall.RawConn) error {
	if o.Never != nil && o.Never(address) {
		return fmt.Errorf("%s is the simulator itself", address)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// toReality passes a request on to a real host, with the scheme that it came with if none is given. One that cannot be
// reached, or breaks off, does so for the caller inside.
func toReality(scheme, address string, transport *http.Transport) http.Handler {
	return &httputil.ReverseProxy{
		Transport:  transport,
		BufferPool: buffers,
		ErrorLog:   quiet,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = scheme, address
			p.Out.Host = address
			if scheme == "" { // it was called by its own name
				p.Out.Host = p.In.Host
				p.Out.URL.Scheme = "http"
				if p.In.TLS != nil {
					p.Out.URL.Scheme = "https"
				}
			}
			keepForwarded(p)
		},
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
			vnet.Note(r.Context(), fmt.Sprintf("the real %s: %v", address, err))
			panic(http.ErrAbortHandler)
		},
	}
}
