// Package vnet is a virtual internet: hosts with names, interfaces with source addresses, and paths between them.
//
// Hosts are served by a real [net/http.Server] and reached by a real [net/http.Transport], over connections in memory.
// No socket is opened, and nothing leaves the process; yet redirects, cookies, keep-alive, cancellation and hijacking
// are those of net/http. A network has no goroutine until something dials. It works inside testing/synctest bubbles.
//
// Time on the network is that of its clock: an answer that takes a second takes a second of that clock, waited out by
// whoever reads it.
package vnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// DefaultBodyLimit is how many bytes of a body an [Exchange] keeps when the configuration does not say.
const DefaultBodyLimit = 16 << 10

// Config says how a network behaves. The zero value is a network on the machine's clock that nobody watches.
type Config struct {
	Clock     clock.Clock // nil: the machine's clock
	Tap       Tap         // sees every exchange; nil: nobody does
	Seed      uint64      // decides the probabilities of faults
	BodyLimit int         // bytes kept of each body; 0: DefaultBodyLimit

	// Outside answers for addresses ("127.0.0.1:3000") that are no host of the network: it returns who owns what is there
	// and a handler, or nil when there is nothing. Nil: there is nothing outside.
	Outside func(address string) (owner string, h http.Handler)
}

// Network is a virtual internet. Use [New]; the methods are safe for concurrent use.
type Network struct {
	clk       clock.Clock
	tap       Tap
	bodyLimit int
	outside   func(address string) (owner string, h http.Handler)
	server    http.Server
	accept    chan *conn
	closing   chan struct{}
	done      context.Context // ends with the network
	finish    context.CancelFunc
	open      sync.WaitGroup // server sides of connections
	ids       atomic.Uint64
	faults    faults

	mu         sync.Mutex
	hosts      map[string]*Host
	interfaces []*Interface
	serving    bool
	closed     bool
	active     map[*Exchange]struct{} // being handled now
	telling    int                    // streams that tell exchanges what became of answers
	idle       sync.Cond
}

// New returns a network without hosts.
func New(cfg Config) *Network {
	n := &Network{
		clk: cfg.Clock, tap: cfg.Tap, bodyLimit: cfg.BodyLimit, outside: cfg.Outside,
		accept: make(chan *conn), closing: make(chan struct{}),
		hosts: map[string]*Host{}, active: map[*Exchange]struct{}{},
	}
	if n.clk == nil {
		n.clk = clock.NewReal()
	}
	if n.bodyLimit == 0 {
		n.bodyLimit = DefaultBodyLimit
	}
	n.done, n.finish = context.WithCancel(context.Background())
	n.idle.L = &n.mu
	n.faults.rand = rand.New(rand.NewPCG(cfg.Seed, cfg.Seed^0x9e3779b97f4a7c15))
	n.server.Handler = http.HandlerFunc(n.serve)
	n.server.ErrorLog = log.New(io.Discard, "", 0) // what goes wrong is said on the exchange
	n.server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, linkKey{}, c.(*conn).link)
	}
	n.server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			n.open.Done()
		}
	}
	return n
}

type linkKey struct{}

// Host is a name on the network that answers on ports 80 (clear) and 443 (secure).
type Host struct {
	Name  string
	Owner string // "Server", "IDlayr", "MNO O2 UK"

	n       *Network
	handler http.Handler
	addr    netip.Addr
	down    atomic.Bool
}

// SetUp says whether the host accepts connections. One that is down refuses them; going down resets those it has.
func (h *Host) SetUp(up bool) {
	h.down.Store(!up)
	if !up {
		for _, i := range h.n.allInterfaces() {
			i.transport.CloseIdleConnections()
			i.drop("connection reset: the host went down", func(c *conn) bool { return c.link.host == h })
		}
	}
}

// Handle gives the name to a host, replacing one that had it. A name may carry a port ("app.test:8443"); without one
// the host answers on 80 and 443. Names are compared without regard to case.
func (n *Network) Handle(name, owner string, handler http.Handler) *Host {
	h := &Host{Name: canonical(name), Owner: owner, n: n, handler: handler}
	n.mu.Lock()
	_, replaced := n.hosts[h.Name]
	h.addr = netip.AddrFrom4([4]byte{192, 0, 2, byte(len(n.hosts) + 1)})
	n.hosts[h.Name] = h
	n.mu.Unlock()
	if replaced { // the pools' connections lead to the old one
		for _, i := range n.allInterfaces() {
			i.transport.CloseIdleConnections()
		}
	}
	return h
}

func (n *Network) allInterfaces() []*Interface {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.interfaces)
}

func (n *Network) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// exists reports whether there is a host of that name, on whatever port.
func (n *Network) exists(name string) bool {
	name = canonical(name)
	n.mu.Lock()
	defer n.mu.Unlock()
	for known := range n.hosts {
		if bare, _, _ := strings.Cut(known, ":"); bare == name {
			return true
		}
	}
	return false
}

// Owner returns who owns the named host, and whether there is such a host on the network. Hosts outside do not count.
func (n *Network) Owner(name string) (owner string, ok bool) {
	h := n.inside(canonical(name))
	if h == nil {
		return "", false
	}
	return h.Owner, true
}

// lookup finds the host that answers at host:port or host.
func (n *Network) lookup(address string) *Host {
	address = canonical(address)
	if h := n.inside(address); h != nil || n.outside == nil {
		return h
	}
	owner, handler := n.outside(address)
	if handler == nil {
		return nil
	}
	return &Host{Name: address, Owner: owner, n: n, handler: handler, addr: netip.AddrFrom4([4]byte{192, 0, 2, 255})}
}

func (n *Network) inside(address string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[address]; h != nil {
		return h
	}
	name, port, err := net.SplitHostPort(address)
	if err != nil || (port != "80" && port != "443") {
		return nil
	}
	return n.hosts[strings.TrimSuffix(name, ".")]
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Settle waits until no host is handling a request. It is real time that passes, not the clock's; ctx bounds it.
func (n *Network) Settle(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		n.mu.Lock()
		n.idle.Broadcast()
		n.mu.Unlock()
	})()
	n.mu.Lock()
	defer n.mu.Unlock()
	for (len(n.active) > 0 || n.telling > 0) && ctx.Err() == nil {
		n.idle.Wait()
	}
	return context.Cause(ctx)
}

// Active returns the exchanges that hosts are handling now, in no order.
func (n *Network) Active() []*Exchange {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*Exchange, 0, len(n.active))
	for x := range n.active {
		all = append(all, x)
	}
	return all
}

// Close ends every connection and waits for the handlers to return. Handlers see their request's context end. It returns
// an error that names the answers whose bodies were never closed: each would cost a real client a connection. The tap
// hears nothing after it. It must not be called from a handler or the tap, for it waits for them.
func (n *Network) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	close(n.closing)
	n.finish()
	interfaces := n.interfaces
	n.mu.Unlock()
	leaks := unread(interfaces)
	for _, i := range interfaces {
		i.close()
	}
	err := n.server.Close()
	n.open.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.telling > 0 {
		n.idle.Wait()
	}
	return errors.Join(leaks, err)
}

// tells counts who tells exchanges what became of answers.
func (n *Network) tells(more int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.telling += more
	if n.telling == 0 {
		n.idle.Broadcast()
	}
}

// leakPatience is how long, in real time, a connection may take to go away after its body was closed.
const leakPatience = 100 // milliseconds

// unread names the answers that hold connections open.
func unread(interfaces []*Interface) error {
	for wait := 0; ; wait++ {
		var errs []error
		for _, i := range interfaces {
			i.transport.CloseIdleConnections() // each time: a body that is closed now makes its connection idle
			for _, x := range i.unread() {
				errs = append(errs, fmt.Errorf("%s never closed the body of the answer to %s %s", x.From.Owner, x.Method, x.URL))
			}
		}
		if len(errs) == 0 || wait == leakPatience {
			return errors.Join(errs...)
		}
		_ = clock.NewReal().Sleep(context.Background(), time.Millisecond)
	}
}

// listener hands dialled connections to the server.
type listener struct{ n *Network }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.n.accept:
		return c, nil
	case <-l.n.closing:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error   { return nil }
func (l listener) Addr() net.Addr { return &net.TCPAddr{} }

var errClosed = errors.New("vnet: the network is closed")

// deliver hands the host's end of a new connection to the server, starting it when it is the first.
func (n *Network) deliver(c *conn) error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return errClosed
	}
	n.open.Add(1)
	if !n.serving {
		n.serving = true
		n.open.Add(1)
		go func() {
			defer n.open.Done()
			_ = n.server.Serve(listener{n})
		}()
	}
	n.mu.Unlock()
	select {
	case n.accept <- c:
		return nil
	case <-n.closing:
		n.open.Done()
		return errClosed
	}
}

// date is the Date header's value at t.
func date(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
