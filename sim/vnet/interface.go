package vnet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// InterfaceConfig describes one way onto the network.
type InterfaceConfig struct {
	Owner string // who has it: "Device alice", "Server", "IDlayr"
	Name  string // how the journal calls the path: "cellular O2 UK", "wifi"; empty: the kind
	Kind  Kind   // empty: Wired
	Addr  netip.Addr

	// Latency is added to every answer, on the network's clock.
	Latency time.Duration
	// Middlebox is what stands on the path. It sees requests on clear connections only; a secure one passes it unread.
	Middlebox func(http.Handler) http.Handler
	// Ports are the first and the last source port, for a way that shares its address with others and is told from them by
	// the port. Both 0: 49152 to 65535.
	Ports [2]uint16
	// Refuse is why nothing gets through: every dial fails with it. Nil: everything does.
	Refuse error
}

// Interface is one way onto the network, with a source address. It is an [http.RoundTripper] with its own pool of
// connections; whoever speaks HTTP by hand uses [Interface.DialContext].
type Interface struct {
	n         *Network
	cfg       InterfaceConfig
	transport *http.Transport
	ports     atomic.Uint32
	down      atomic.Bool

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// Interface adds a way onto the network.
func (n *Network) Interface(cfg InterfaceConfig) *Interface {
	if cfg.Ports == ([2]uint16{}) {
		cfg.Ports = [2]uint16{49152, 65535}
	}
	if cfg.Kind == "" {
		cfg.Kind = Wired
	}
	if cfg.Name == "" {
		cfg.Name = string(cfg.Kind)
	}
	if !cfg.Addr.IsValid() {
		cfg.Addr = netip.AddrFrom4([4]byte{203, 0, 113, 1})
	}
	i := &Interface{n: n, cfg: cfg, conns: map[*conn]struct{}{}}
	i.transport = i.newTransport()
	n.mu.Lock()
	n.interfaces = append(n.interfaces, i)
	n.mu.Unlock()
	return i
}

func (i *Interface) newTransport() *http.Transport {
	return &http.Transport{
		DialContext: i.DialContext,
		// A secure connection is modelled, not encrypted: the transport takes it as one whose handshake is done.
		DialTLSContext:     i.dialTLS,
		DisableCompression: true, // what a client of ours asks for is what stands in the journal
		MaxIdleConns:       64,
	}
}

// Like adds a way onto the network that differs from this one in what change says.
func (i *Interface) Like(change func(*InterfaceConfig)) *Interface {
	cfg := i.cfg
	change(&cfg)
	return i.n.Interface(cfg)
}

// Close takes the way off the network. Its connections are reset and nothing gets through any more.
func (i *Interface) Close() {
	i.SetUp(false)
	i.n.mu.Lock()
	defer i.n.mu.Unlock()
	// Into a new slice: who goes through the interfaces does so without the lock.
	i.n.interfaces = slices.DeleteFunc(slices.Clone(i.n.interfaces), func(j *Interface) bool { return i == j })
}

// Transport returns a new, independent transport over the interface, for code that wants to own or change one. Requests
// through it carry no context from hop to hop, so the journal has to guess what they were made for, and a simulated
// wait does not see their deadline; prefer the Interface itself as the RoundTripper.
func (i *Interface) Transport() *http.Transport { return i.newTransport() }

// Addr returns the source address that hosts see.
func (i *Interface) Addr() netip.Addr { return i.cfg.Addr }

// Kind returns the kind of path.
func (i *Interface) Kind() Kind { return i.cfg.Kind }

func (i *Interface) origin() Origin {
	return Origin{Owner: i.cfg.Owner, Path: i.cfg.Name, Kind: i.cfg.Kind, Addr: i.cfg.Addr}
}

// SetUp says whether the interface has signal. Going down resets its connections.
func (i *Interface) SetUp(up bool) {
	i.down.Store(!up)
	if !up {
		i.transport.CloseIdleConnections() // or the next request might be given one before the pool knows
		i.drop("connection reset: no signal", func(*conn) bool { return true })
	}
}

// request travels in a request's context down to the dial.
type request struct {
	r   *http.Request
	ctx context.Context
}

type requestKey struct{}

// RoundTrip implements [http.RoundTripper].
func (i *Interface) RoundTrip(r *http.Request) (*http.Response, error) {
	caller := r.Context()
	var used *conn
	ctx := httptrace.WithClientTrace(caller, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			used = info.Conn.(*conn)
			used.link.setCaller(caller)
		},
	})
	res, err := i.transport.RoundTrip(r.WithContext(context.WithValue(ctx, requestKey{}, &request{r, caller})))
	if err == nil {
		return res, nil
	}
	if caller.Err() != nil {
		// The transport may hear of the broken read or of the end of the context first; the caller always of the latter.
		err = context.Cause(caller)
		if used != nil {
			used.Close() // as the transport does, but later
		}
	}
	if used != nil {
		used.in.told() // whoever knows of a failure finds it on record
	}
	return nil, err
}

// CloseIdleConnections lets [http.Client.CloseIdleConnections] reach the pool.
func (i *Interface) CloseIdleConnections() { i.transport.CloseIdleConnections() }

// DialContext opens a connection to host:port. Port 443 is secure: what passes is plain text all the same, and the
// other end takes it as read by nobody on the way.
func (i *Interface) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, _ := net.SplitHostPort(address)
	return i.open(ctx, network, address, port == "443")
}

// dialTLS opens a connection that is secure on whatever port.
func (i *Interface) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	return i.open(ctx, network, address, true)
}

func (i *Interface) open(ctx context.Context, network, address string, secure bool) (net.Conn, error) {
	c, err := i.dial(ctx, address, secure)
	if err != nil {
		i.report(ctx, address, err)
		return nil, &net.OpError{Op: "dial", Net: network, Addr: named(address), Err: err}
	}
	return c, nil
}

func (i *Interface) dial(ctx context.Context, address string, secure bool) (*conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if i.n.isClosed() {
		return nil, errClosed
	}
	if i.down.Load() {
		return nil, syscall.ENETUNREACH
	}
	if i.cfg.Refuse != nil {
		return nil, i.cfg.Refuse
	}
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	host := i.n.lookup(address)
	if host == nil {
		if i.n.exists(name) {
			return nil, syscall.ECONNREFUSED
		}
		return nil, &net.DNSError{Err: "no such host on the virtual internet", Name: name, IsNotFound: true}
	}
	if host.down.Load() {
		return nil, syscall.ECONNREFUSED
	}
	l := &link{iface: i, host: host, secure: secure, pooled: ctx.Value(requestKey{}) != nil}
	l.up.init(i.n)
	l.down.init(i.n)
	l.front = &front{&i.n.faults, host}
	if box := i.cfg.Middlebox; box != nil && !l.secure {
		l.front = box(l.front)
	}
	here := net.TCPAddrFromAddrPort(netip.AddrPortFrom(i.cfg.Addr, i.nextPort()))
	there := net.TCPAddrFromAddrPort(netip.AddrPortFrom(host.addr, portNumber(port)))
	near := &conn{link: l, in: &l.down, out: &l.up, local: here, remote: there}
	far := &conn{link: l, in: &l.up, out: &l.down, local: there, remote: here}
	i.mu.Lock()
	i.conns[near] = struct{}{}
	i.mu.Unlock()
	if err := i.n.deliver(far); err != nil {
		near.Close()
		return nil, err
	}
	return near, nil
}

// nextPort goes through the interface's ports, round and round.
func (i *Interface) nextPort() uint16 {
	first, last := i.cfg.Ports[0], i.cfg.Ports[1]
	return first + uint16(i.ports.Add(1)%(uint32(last-first)+1))
}

func portNumber(port string) uint16 {
	p, err := net.LookupPort("tcp", port)
	if err != nil {
		return 0
	}
	return uint16(p)
}

type named string

func (named) Network() string  { return "vnet" }
func (n named) String() string { return string(n) }

// report puts a failed dial on record, as the request that it was for when that is known.
func (i *Interface) report(ctx context.Context, address string, err error) {
	if errors.Is(err, errClosed) || ctx.Err() != nil {
		return
	}
	x := &Exchange{From: i.origin(), Start: i.n.clk.Now(), Method: http.MethodConnect, URL: "//" + address, Header: http.Header{}}
	if host := i.n.lookup(address); host != nil {
		x.Host, x.Owner = host.Name, host.Owner
	} else {
		x.Host, _, _ = net.SplitHostPort(address)
	}
	if req, ok := ctx.Value(requestKey{}).(*request); ok {
		x.Method, x.URL, x.Header, x.caller = req.r.Method, req.r.URL.String(), req.r.Header.Clone(), req.ctx
		x.Secure = req.r.URL.Scheme == "https"
	}
	i.n.begin(x)
	i.n.end(x)
	x.Close(Outcome{Err: err.Error()})
}

func (i *Interface) forget(c *conn) {
	i.mu.Lock()
	delete(i.conns, c)
	i.mu.Unlock()
}

// drop resets the connections of the interface that are selected.
func (i *Interface) drop(why string, which func(*conn) bool) {
	i.mu.Lock()
	conns := make([]*conn, 0, len(i.conns))
	for c := range i.conns {
		if which(c) {
			conns = append(conns, c)
		}
	}
	i.mu.Unlock()
	for _, c := range conns {
		c.reset(why)
	}
}

// unread returns the exchanges that are over and whose connections are still in use.
func (i *Interface) unread() (all []*Exchange) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for c := range i.conns {
		if x := c.link.unread(); x != nil {
			all = append(all, x)
		}
	}
	return all
}

func (i *Interface) close() {
	i.transport.CloseIdleConnections()
	i.drop("the network was closed", func(*conn) bool { return true })
}
