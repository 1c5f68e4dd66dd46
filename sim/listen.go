package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// Paths that a real client of the access proxy can be on, beside being a device: the password of its credentials.
const (
	PathCellular = "cellular" // the data SIM's bearer, whether or not WiFi is on
	PathWiFi     = "wifi"     // the WiFi network in reach, whether or not WiFi is on
	PathDefault  = "default"  // what the device would take: WiFi if it is on, else mobile data
)

// WiredUser is the user of the access proxy that is no device but a server: a backend with a hard-coded API host.
const WiredUser = "server"

// WithOutside lets requests inside the world reach hosts on the real network, such as a backend to call back.
func WithOutside(o frontdoor.Outside) Option { return func(opts *options) { opts.outside = &o } }

// Phones returns the world's phones, in the order of their making.
func (w *World) Phones() []*Phone {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// PhoneNamed returns the phone of that name, and false when there is none.
func (w *World) PhoneNamed(name string) (*Phone, bool) {
	for _, p := range w.Phones() {
		if p.name == name {
			return p, true
		}
	}
	return nil, false
}

// Way is how a real client gets onto the world's network as the named device, on the given path, or as [WiredUser]. An
// error says which devices and paths there are.
func (w *World) Way(user, path string) (frontdoor.Way, error) {
	if user == WiredUser {
		return func() (http.RoundTripper, error) { return w.wired, nil }, nil
	}
	p, ok := w.PhoneNamed(user)
	if !ok {
		names := []string{WiredUser}
		for _, p := range w.Phones() {
			names = append(names, p.name)
		}
		return nil, fmt.Errorf("there is no device %q; the proxy user is one of %s", user, strings.Join(names, ", "))
	}
	route, ok := map[string]func() (device.Bearer, error){
		PathCellular: p.Cellular, PathWiFi: p.WiFi, PathDefault: p.DefaultRoute, "": p.DefaultRoute,
	}[path]
	if !ok {
		return nil, fmt.Errorf("%q is no path of %s; the proxy password is one of %s, %s, %s", path, user, PathCellular, PathWiFi, PathDefault)
	}
	return func() (http.RoundTripper, error) { return route() }, nil
}

// direct is the way of a client that comes to a socket of the simulator without the access proxy, as over fixed line.
func (w *World) direct() (http.RoundTripper, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fixedLine == nil {
		w.fixedLine = w.net.Interface(vnet.InterfaceConfig{
			Owner: "Device direct", Name: "fixed line", Kind: vnet.WiFi, Addr: netip.AddrFrom4([4]byte{198, 51, 100, 255}),
		})
	}
	return w.fixedLine, nil
}

// maxAliases bounds the names that the platform has beside its own.
const maxAliases = 64

// AnswerAs makes the platform known inside under the host that a real client called it by ("127.0.0.1:8080"), so that
// the links it made with that host lead back to it, over every device's path. Hosts of the world keep their names.
func (w *World) AnswerAs(host string) {
	if owner, taken := w.net.Owner(host); taken && owner != "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.aliases >= maxAliases {
		return
	}
	w.aliases++
	w.net.Handle(host, "IDlayr", w.platform)
	u := url.URL{Host: host}
	for _, op := range w.operators {
		op.AllowReturn(u.Hostname())
	}
}

// AppAs makes the application server known inside under the address that real clients reach it at.
func (w *World) AppAs(host string) { w.net.Handle(host, "Server", w.server) }

// APIHandler answers real clients for the platform. The caller of a check URL without access proxy is a device over fixed line, or
// where directly says; everybody else is a server.
func (w *World) APIHandler(directly frontdoor.Way) http.Handler {
	onPath := directly != nil
	if !onPath {
		directly = w.direct
	}
	server, _ := w.Way(WiredUser, "")
	api := frontdoor.Host(func(r *http.Request) (string, frontdoor.Way) {
		w.AnswerAs(r.Host)
		if isDevicePath(r.URL.Path) {
			return r.Host, directly
		}
		return r.Host, server
	})
	if !onPath {
		return api
	}
	return frontdoor.Detour(directly, func(host string) bool { _, ok := w.net.Owner(host); return ok }, api)
}

// isDevicePath: what a device opens of the platform's API, and no server.
func isDevicePath(path string) bool {
	return strings.HasSuffix(path, "/redirect") || strings.HasSuffix(path, "/complete") || strings.HasSuffix(path, "/sandbox") ||
		strings.HasPrefix(path, "/public/")
}

// AppHandler answers real clients for the application server.
func (w *World) AppHandler() http.Handler {
	return frontdoor.Host(func(*http.Request) (string, frontdoor.Way) { return hostOf(ServerBase), w.direct })
}

// FrontDoor is a world's sockets, on ports of this machine that were free.
type FrontDoor struct {
	API, APITLS string // base URLs of the platform
	App         string // of the application server
	Proxy       string // of the access proxy
	CA          *frontdoor.CA

	door *frontdoor.Door
}

// Listen opens sockets on the loopback interface, for a backend or a client that runs in another process. They are
// closed with the world. Certificates for APITLS and for what comes through the proxy are those of CA, which is made anew.
func (w *World) Listen() (*FrontDoor, error) {
	ca, err := frontdoor.NewCA(clock.NewReal().Now)
	if err != nil {
		return nil, err
	}
	f := &FrontDoor{CA: ca, door: frontdoor.New(ca)}
	serve := func(to *string, scheme string, serve func(net.Listener, http.Handler), h http.Handler) {
		l, listenErr := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if listenErr != nil {
			err = errors.Join(err, listenErr)
			return
		}
		*to = scheme + "://" + l.Addr().String()
		serve(l, h)
	}
	serve(&f.API, "http", f.door.Serve, w.APIHandler(nil))
	serve(&f.APITLS, "https", f.door.ServeTLS, w.APIHandler(nil))
	serve(&f.App, "http", f.door.Serve, w.AppHandler())
	serve(&f.Proxy, "http", f.door.Serve, f.door.Proxy(w.Way))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w.AnswerAs(hostOf(f.API))
	w.AnswerAs(hostOf(f.APITLS))
	w.AppAs(hostOf(f.App))
	w.mu.Lock()
	w.doors = append(w.doors, f)
	w.mu.Unlock()
	return f, nil
}

// ProxyFor returns the access proxy's URL with credentials that put its user on a path of the phone: [PathCellular],
// [PathWiFi] or [PathDefault].
func (f *FrontDoor) ProxyFor(p *Phone, path string) string {
	u, _ := url.Parse(f.Proxy)
	u.User = url.UserPassword(p.name, path)
	return u.String()
}

// Close cuts the sockets off. The world goes on.
func (f *FrontDoor) Close() error { return f.door.Close() }
