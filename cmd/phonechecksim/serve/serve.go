// Package serve puts simulated worlds behind real sockets, and a control API beside them.
//
// Every project is a tenant: a world of its own, with its devices, faults, clock and journal. They share the sockets. A
// request to the platform belongs to the tenant whose credentials, token or check it carries; one through the access
// proxy to the tenant of its device.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phonechecksim/phonechecksim/internal/wholefile"
	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
)

// Config says what is served, and where. Addresses are host:port; port 0 takes a free one.
type Config struct {
	APIAddr, APITLSAddr, ProxyAddr, AppAddr, ControlAddr string

	// Expose allows addresses that other machines can reach.
	Expose bool
	// PublicURL is what links in the platform's answers begin with. Empty: the host that the caller used.
	PublicURL string
	// AllowExternal lets requests inside reach real hosts on the internet. This machine's own are always reached, unless
	// other machines can reach the simulator.
	AllowExternal bool
	// DirectAs puts visits to a check URL that do not come through the access proxy on a device's path ("alice/cellular").
	// Empty: over fixed line.
	DirectAs string

	// StateDir keeps the certificate authority.
	StateDir string
	// Cast are the devices of each tenant. Nil: [DefaultCast].
	Cast *scenarios.Cast
	// Seed decides ids and tokens.
	Seed uint64
	Log  *slog.Logger
}

// DefaultAddr are the addresses when none are given.
var DefaultAddr = Config{
	APIAddr: "127.0.0.1:8080", APITLSAddr: "127.0.0.1:8443", ProxyAddr: "127.0.0.1:8081",
	AppAddr: "127.0.0.1:8090", ControlAddr: "127.0.0.1:8082",
}

// GCPercent is what the program that serves sets as the garbage collector's target: its heap is small, and at the usual
// target a quarter of its time would go into collecting it.
const GCPercent = 400

// DefaultCast is who there is when nothing else is said: two phones with the same operator, and one with another.
func DefaultCast() *scenarios.Cast {
	return &scenarios.Cast{Devices: map[string]scenarios.Device{
		"alice": {MSISDN: "447700900001"},
		"bob":   {MSISDN: "447700900002"},
		"carol": {MSISDN: "447700900101"},
	}}
}

// Server is what is being served. Make one with [Start].
type Server struct {
	cfg      Config
	ca       *frontdoor.CA
	door     *frontdoor.Door
	control  *http.Server
	urls     urls
	started  time.Time
	directly frontdoor.Way // of visits without access proxy; nil: over fixed line
	clock    clock.Real    // the machine's

	closing chan struct{} // closed when it ends: event streams stop
	serving sync.WaitGroup
	own     atomic.Pointer[map[string]bool] // addresses that nobody inside may reach

	mu      sync.Mutex
	tenants []*tenant // the default one first
}

// urls are the bases of the sockets.
type urls struct{ api, apiTLS, proxy, app, control string }

// Start listens on all addresses and serves them. When it returns without an error all of them answer.
func Start(cfg Config) (*Server, error) {
	if cfg.Cast == nil {
		cfg.Cast = DefaultCast()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, closing: make(chan struct{})}
	s.started = s.clock.Now()
	s.own.Store(&map[string]bool{})
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start() (err error) {
	if s.ca, err = frontdoor.LoadCA(s.cfg.StateDir, s.clock.Now); err != nil {
		return err
	}
	s.door = frontdoor.New(s.ca)
	listeners, err := s.listen()
	if err != nil {
		return err
	}
	s.urls = urls{
		api: "http://" + reachable(listeners[0]), apiTLS: "https://" + reachable(listeners[1]), proxy: "http://" + reachable(listeners[2]),
		app: "http://" + reachable(listeners[3]), control: "http://" + reachable(listeners[4]),
	}
	s.forbid(listeners[2].Addr(), listeners[4].Addr())
	if _, err := s.addTenant(projectSpec{ID: defaultTenant}); err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	if s.directly, err = s.direct(); err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.tenantOf(r).api().ServeHTTP(w, r) })
	app := s.tenant(defaultTenant).world.AppHandler()
	s.door.Serve(listeners[0], api)
	s.door.ServeTLS(listeners[1], api)
	s.door.Serve(listeners[2], s.door.Proxy(s.way))
	s.door.Serve(listeners[3], app)
	s.control = &http.Server{
		Handler: s.controlAPI(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	s.serving.Go(func() { _ = s.control.Serve(listeners[4]) })
	return nil
}

// listen opens the sockets, in the order API, API with TLS, proxy, app, control.
func (s *Server) listen() (all []net.Listener, err error) {
	for _, a := range []struct{ name, flag, addr string }{
		{"API", "--api-addr", s.cfg.APIAddr},
		{"API with TLS", "--api-tls-addr", s.cfg.APITLSAddr},
		{"access proxy", "--proxy-addr", s.cfg.ProxyAddr},
		{"application server", "--app-addr", s.cfg.AppAddr},
		{"control API", "--control-addr", s.cfg.ControlAddr},
	} {
		l, listenErr := s.listenOn(a.addr)
		if listenErr != nil {
			_ = closeAll(all)
			return nil, fmt.Errorf("the %s cannot listen on %s: %w; choose another address with %s (port 0 takes a free one)", a.name, a.addr, listenErr, a.flag)
		}
		all = append(all, l)
	}
	return all, nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (s *Server) listenOn(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); !s.cfg.Expose && host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, errors.New("other machines could reach it, and whoever does controls the simulator; --expose allows that")
	}
	return new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
}

// reachable is the address of a socket as a client on this machine has to write it.
func reachable(l net.Listener) string {
	ap, err := netip.ParseAddrPort(l.Addr().String())
	if err == nil && ap.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), ap.Port()).String()
	}
	return l.Addr().String()
}

// forbid keeps requests inside from reaching sockets of the simulator itself.
func (s *Server) forbid(addrs ...net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := map[string]bool{}
	for port := range *s.own.Load() {
		own[port] = true
	}
	for _, a := range addrs {
		_, port, _ := net.SplitHostPort(a.String())
		own[port] = true
	}
	s.own.Store(&own)
}

// outside is what requests inside may reach of the real network.
func (s *Server) outside() frontdoor.Outside {
	return frontdoor.Outside{
		Loopback: !s.exposed() || s.cfg.AllowExternal, Everything: s.cfg.AllowExternal, Owner: "Server",
		Never: func(address string) bool {
			host, port, _ := net.SplitHostPort(address)
			return (*s.own.Load())[port] && isThisMachine(host)
		},
	}
}

// isThisMachine recognises its names and addresses; of a name that has to be looked up the address will tell.
func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost" || strings.HasSuffix(host, ".localhost")
	}
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	own, _ := net.InterfaceAddrs() // without them, what is above has to do
	for _, a := range own {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Unmap() == ip {
			return true
		}
	}
	return false
}

// exposed says whether other machines reach a socket.
func (s *Server) exposed() bool {
	for _, addr := range []string{s.cfg.APIAddr, s.cfg.APITLSAddr, s.cfg.ProxyAddr, s.cfg.AppAddr, s.cfg.ControlAddr} {
		host, _, _ := net.SplitHostPort(addr)
		if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
			return true
		}
	}
	return false
}

// direct is the way of visits that do not come through the access proxy; nil for fixed line.
func (s *Server) direct() (frontdoor.Way, error) {
	if s.cfg.DirectAs == "" {
		return nil, nil
	}
	name, path, _ := strings.Cut(s.cfg.DirectAs, "/")
	way, err := s.way(name, path)
	if err != nil {
		return nil, fmt.Errorf("--direct-as %s: %w", s.cfg.DirectAs, err)
	}
	return way, nil
}

// way finds that of the access proxy's client. A device of another tenant is called tenant.device.
func (s *Server) way(user, path string) (frontdoor.Way, error) {
	id, name, ok := strings.Cut(user, ".")
	if !ok {
		id, name = defaultTenant, user
	}
	t := s.tenant(id)
	if t == nil {
		return nil, fmt.Errorf("there is no project %q that %q could be of", id, user)
	}
	return t.world.Way(name, path)
}

// Shutdown ends all: it takes nothing new, waits for what is under way until ctx ends, and closes the worlds.
func (s *Server) Shutdown(ctx context.Context) error {
	close(s.closing)
	var err error
	if s.door != nil {
		err = s.door.Shutdown(ctx)
	}
	if s.control != nil {
		err = errors.Join(err, s.control.Shutdown(ctx))
	}
	return errors.Join(err, s.close())
}

// Close ends all at once.
func (s *Server) Close() error {
	close(s.closing)
	return s.close()
}

func (s *Server) close() error {
	var errs []error
	if s.door != nil {
		errs = append(errs, s.door.Close())
	}
	if s.control != nil {
		errs = append(errs, s.control.Close())
	}
	s.mu.Lock()
	tenants := s.tenants
	s.tenants = nil
	s.mu.Unlock()
	for _, t := range tenants {
		t.close()
	}
	s.serving.Wait()
	return errors.Join(errs...)
}

// WriteAddrFile writes [Server.Addresses] to a file, whole or not at all.
func (s *Server) WriteAddrFile(path string) error {
	return wholefile.Write(path, append(s.Addresses().json(), '\n'), 0o600)
}
