package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/mnofake"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// Path is what stands between a phone and the internet, beside the phone's own switches. The zero value is nothing of the
// kind: a home network, an address of the SIM's own, nobody on the way but the packet gateway.
type Path struct {
	// PrivateRelay is RelayAll for everything the phone sends, as a browser's, or RelayHTTP for clear HTTP alone, as that
	// of any other app. The relays' addresses are nobody's mobile data.
	PrivateRelay string
	// HotspotOf is the name of the phone whose mobile data is this phone's WiFi network.
	HotspotOf string
	// Addressing is how the operators address the phone's mobile data: "", AddressingCGNAT, AddressingIPv6 or Addressing464.
	Addressing string
	// Roaming is "" at home, RoamingHome or RoamingBreakout.
	Roaming string
	// Visited is the network id of the operator whose network the phone roams in; empty: some other than its own.
	Visited string
	// Proxy is ProxyCarrier or ProxyDataSaver.
	Proxy string
	// Portal answers clear HTTP on every network: PortalRedirect or PortalPage.
	Portal string
	// Intercepted are the hosts, as a pattern in which * stands for any characters, whose secure connections somebody on
	// the way opens with a certificate of his own.
	Intercepted string
	// Blocked are the hosts, as such a pattern, whose names the phone's resolver does not tell.
	Blocked string
	// Emulator: the phone is a program on a computer, and its mobile data is that computer's fixed line.
	Emulator bool
}

// The words of a [Path].
const (
	RelayAll  = "all"
	RelayHTTP = "http"

	AddressingCGNAT = "cgnat"   // shares an IPv4 address; the source port says whose a packet is
	AddressingIPv6  = "ipv6"    // an IPv6 address, and hosts that are all reached over IPv6
	Addressing464   = "464xlat" // the same, but the application server has IPv4 alone and is reached through the operator's NAT

	RoamingHome     = "home-routed" // through the home network: its address, its gateway, and a long way
	RoamingBreakout = "breakout"    // through the visited operator, whose address and gateway it is

	ProxyCarrier   = "carrier"    // the operator's, in front of its gateway: it opens clear connections anew
	ProxyDataSaver = "data-saver" // a browser maker's: it fetches everything, and says for whom in X-Forwarded-For

	PortalRedirect = "redirect" // 302 to the portal's host
	PortalPage     = "page"     // 200 with the portal's page
)

// roamingFactor is how many times longer the way through a home network abroad is.
const roamingFactor = 10

// portalHost is where a captive portal sends people.
const portalHost = "portal.example"

// line is a SIM's mobile data session as the operator gives it.
type line struct {
	card device.SIM
	op   *operator
	// iface is the way that nothing but the session itself makes; over4 is another for hosts that have IPv4 alone, or nil.
	iface, over4 *vnet.Interface
	detach       func()
}

// paths is what a phone's bearers are made of.
type paths struct {
	mu    sync.Mutex
	path  Path
	lines []line // by slot
	wifi  *vnet.Interface
	made  []*vnet.Interface // by compose, closed when it is done anew
	spot  *hotspot          // by compose; nil when the WiFi network is no hotspot
}

// Path returns what stands between the phone and the internet.
func (p *Phone) Path() Path {
	p.paths.mu.Lock()
	defer p.paths.mu.Unlock()
	return p.paths.path
}

// SetPath changes what stands between the phone and the internet. Mobile data gets a session of its own, and so another
// address, when addressing or roaming is another. An error says what cannot be; then all stays as it was.
func (p *Phone) SetPath(path Path) error {
	ps := &p.paths
	ps.mu.Lock()
	defer ps.mu.Unlock()
	old := ps.path
	ps.path = path
	if path.Addressing != old.Addressing || path.Roaming != old.Roaming || path.Visited != old.Visited {
		if err := p.attach(); err != nil {
			ps.path = old
			return err
		}
	}
	p.compose()
	return nil
}

// NewAddress ends the mobile data sessions and opens new ones, which have other addresses.
func (p *Phone) NewAddress() error {
	p.paths.mu.Lock()
	defer p.paths.mu.Unlock()
	if err := p.attach(); err != nil {
		return err
	}
	p.compose()
	return nil
}

// attach opens a new session for each SIM, with the lock held. The old ones end only then: their addresses must rest.
func (p *Phone) attach() error {
	fresh := make([]line, len(p.paths.lines))
	for slot := range fresh {
		fresh[slot] = line{card: p.paths.lines[slot].card, op: p.paths.lines[slot].op}
		if err := p.w.attach(&fresh[slot], "Device "+p.name, p.paths.path); err != nil {
			closeLines(fresh[:slot])
			return fmt.Errorf("phone %s: %w", p.name, err)
		}
	}
	closeLines(p.paths.lines)
	p.paths.lines = fresh
	return nil
}

func closeLines(lines []line) {
	for _, l := range lines {
		l.iface.Close()
		if l.over4 != nil {
			l.over4.Close()
		}
		l.detach()
	}
}

// attach opens the line's session, as the path says.
func (w *World) attach(l *line, owner string, path Path) error {
	cfg := vnet.InterfaceConfig{
		Owner: owner, Name: "cellular " + l.op.cfg.Name, Kind: vnet.Cellular,
		Latency: w.opts.latency.cellular, Middlebox: l.op.Gateway,
	}
	switch path.Roaming {
	case RoamingBreakout:
		visited, err := w.visited(l.op, path.Visited)
		if err != nil {
			return err
		}
		if cfg.Addr, err = visited.AttachVisitor(); err != nil {
			return err
		}
		cfg.Name, cfg.Middlebox = "cellular "+visited.cfg.Name+", roaming", visited.Gateway
		l.iface, l.detach = w.net.Interface(cfg), func() { visited.Detach(cfg.Addr) }
		return nil
	case RoamingHome:
		cfg.Name += ", roaming"
		cfg.Latency *= roamingFactor
	}
	return w.address(l, cfg, path.Addressing)
}

// address gives the session its addresses.
func (w *World) address(l *line, cfg vnet.InterfaceConfig, addressing string) (err error) {
	number := l.card.MSISDN
	shared := func() (*vnet.Interface, func(), error) {
		addr, first, err := l.op.AttachNAT(number)
		if err != nil {
			return nil, nil, err
		}
		cfg := cfg
		cfg.Addr, cfg.Ports = addr, natPorts(first)
		return w.net.Interface(cfg), func() { l.op.DetachNAT(addr, first) }, nil
	}
	switch addressing {
	case AddressingCGNAT:
		l.iface, l.detach, err = shared()
		return err
	case AddressingIPv6, Addressing464:
		if cfg.Addr, err = l.op.AttachIPv6(number); err != nil {
			return err
		}
		l.detach = func() { l.op.Detach(cfg.Addr) }
		if addressing == Addressing464 {
			over4, detach, err := shared()
			if err != nil {
				l.detach()
				return err
			}
			l.over4, l.detach = over4, func() { l.op.Detach(cfg.Addr); detach() }
		}
	default:
		if cfg.Addr, err = l.op.Attach(number); err != nil {
			return err
		}
		l.detach = func() { l.op.Detach(cfg.Addr) }
	}
	l.iface = w.net.Interface(cfg)
	return nil
}

// visited returns the operator of the network that a SIM roams in.
func (w *World) visited(home *operator, networkID string) (*operator, error) {
	if networkID != "" {
		return w.operator(networkID)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, op := range w.operators {
		if op != home && op.cfg.Country != home.cfg.Country {
			return op, nil
		}
	}
	return nil, fmt.Errorf("there is no operator abroad to roam with")
}

// compose gives the device its bearers: the lines and the WiFi network, with what stands in them. With the lock held.
func (p *Phone) compose() {
	ps := &p.paths
	for _, i := range ps.made {
		i.Close()
	}
	ps.made = nil
	if ps.spot != nil {
		ps.spot.close()
		ps.spot = nil
	}
	for slot, l := range ps.lines {
		_ = p.SetBearer(slot, p.onLine(l)) // there is a line for each SIM
	}
	network := device.Bearer(ps.wifi)
	if ps.path.HotspotOf != "" {
		ps.spot = &hotspot{guest: p, host: ps.path.HotspotOf}
		network = ps.spot
	}
	p.SetWiFiNetwork(p.onAny(ps.wifi, network))
}

// like makes an interface that lasts until the path changes.
func (p *Phone) like(i *vnet.Interface, change func(*vnet.InterfaceConfig)) *vnet.Interface {
	made := i.Like(change)
	p.paths.made = append(p.paths.made, made)
	return made
}

// onLine is mobile data with what its operator has put into it.
func (p *Phone) onLine(l line) device.Bearer {
	path := p.paths.path
	if path.Emulator {
		host := p.like(p.paths.wifi, func(cfg *vnet.InterfaceConfig) { cfg.Name = "emulated cellular" })
		return p.onAny(host, host)
	}
	var b device.Bearer = l.iface
	if l.over4 != nil {
		server := p.w.profile().BaseURL
		b = &fork{takes: func(host string, _ bool) bool { return host == hostOf(server) }, some: l.over4, rest: b}
	}
	if path.Proxy == ProxyCarrier {
		proxy := p.like(l.iface, func(cfg *vnet.InterfaceConfig) {
			cfg.Name += ", web proxy"
			cfg.Ports = natPorts(mnofake.NATPorts)
		})
		b = &fork{takes: clearHTTP, some: proxy, rest: b}
	}
	return p.onAny(l.iface, b)
}

// onAny is a bearer over the interface with what stands in all of the phone's: the nearest to the internet first.
func (p *Phone) onAny(i *vnet.Interface, b device.Bearer) device.Bearer {
	path := p.paths.path
	relay := func(name string, last byte) *vnet.Interface {
		return p.like(i, func(cfg *vnet.InterfaceConfig) {
			cfg.Name, cfg.Kind, cfg.Middlebox, cfg.Ports = name, vnet.Relay, nil, [2]uint16{}
			cfg.Latency += p.w.opts.latency.wired
			cfg.Addr = netip.AddrFrom4([4]byte{203, 0, 113, last})
		})
	}
	refused := func(why error) *vnet.Interface {
		return p.like(i, func(cfg *vnet.InterfaceConfig) { cfg.Refuse = why })
	}
	if path.Portal != "" {
		if _, there := p.w.net.Owner(portalHost); !there {
			p.w.net.Handle(portalHost, "Portal", http.HandlerFunc(portalPage))
		}
		box := portal(path.Portal)
		b = &fork{takes: clearHTTP, some: p.like(i, func(cfg *vnet.InterfaceConfig) { cfg.Middlebox = box }), rest: b}
	}
	if path.Intercepted != "" {
		foreign := refused(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})
		hosts := strings.ToLower(path.Intercepted)
		b = &fork{takes: func(host string, secure bool) bool { return secure && vnet.MatchPattern(hosts, host) }, some: foreign, rest: b}
	}
	if path.Blocked != "" {
		hidden := refused(&net.DNSError{Err: "no such host, says the phone's resolver", Name: path.Blocked, IsNotFound: true})
		hosts := strings.ToLower(path.Blocked)
		b = &fork{takes: func(host string, _ bool) bool { return vnet.MatchPattern(hosts, host) }, some: hidden, rest: b}
	}
	if path.Proxy == ProxyDataSaver {
		b = forwarded{relay("data-saver", 65), i.Addr()}
	}
	switch path.PrivateRelay {
	case RelayAll:
		return relay("private relay", 64)
	case RelayHTTP:
		b = &fork{takes: clearHTTP, some: relay("private relay", 64), rest: b}
	}
	return b
}

// natPorts is a block of source ports behind an operator's address translation.
func natPorts(first uint16) [2]uint16 { return [2]uint16{first, first + mnofake.NATPorts - 1} }

// fork is a bearer that some requests take one way and the rest another.
type fork struct {
	takes      func(host string, secure bool) bool
	some, rest device.Bearer
}

func clearHTTP(_ string, secure bool) bool { return !secure }

func (f *fork) way(host string, secure bool) device.Bearer {
	if f.takes(strings.ToLower(host), secure) {
		return f.some
	}
	return f.rest
}

func (f *fork) RoundTrip(r *http.Request) (*http.Response, error) {
	return f.way(r.URL.Hostname(), r.URL.Scheme == "https").RoundTrip(r)
}

func (f *fork) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return f.way(host, port == "443").DialContext(ctx, network, address)
}

// forwarded is a proxy that says for whom it asks. It reads secure requests too, for it is the one who makes them.
type forwarded struct {
	device.Bearer
	client netip.Addr
}

func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.client.String())
	return f.Bearer.RoundTrip(r)
}

// portal is the box of a network that lets nobody's clear HTTP through.
func portal(kind string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Host == portalHost:
				next.ServeHTTP(w, r)
			case kind == PortalRedirect:
				vnet.Note(r.Context(), "the captive portal redirects")
				w.Header().Set("Location", "http://"+portalHost+"/login")
				w.WriteHeader(http.StatusFound)
			default:
				vnet.Note(r.Context(), "the captive portal answers instead")
				portalPage(w, r)
			}
		})
	}
}

func portalPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><title>Sign in to the network</title><p>Please sign in to go on.\n")
}

// hotspot is a WiFi network that is another phone's mobile data. Who its guests are cannot be told from outside.
type hotspot struct {
	guest *Phone
	host  string

	mu   sync.Mutex
	over *vnet.Interface // the host's session that the last request took
	way  *vnet.Interface // the guest's way through it
}

func (h *hotspot) through() (*vnet.Interface, error) {
	host, ok := h.guest.w.PhoneNamed(h.host)
	if !ok {
		return nil, fmt.Errorf("%w: the hotspot of %s is gone", device.ErrNoRoute, h.host)
	}
	over, err := host.session()
	if err != nil {
		return nil, fmt.Errorf("the hotspot has no way out: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if over != h.over {
		h.shut()
		h.over, h.way = over, over.Like(func(cfg *vnet.InterfaceConfig) {
			cfg.Owner, cfg.Name, cfg.Kind = "Device "+h.guest.name, "hotspot of "+h.host, vnet.WiFi
			cfg.Latency += h.guest.w.opts.latency.wifi
		})
	}
	return h.way, nil
}

func (h *hotspot) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shut()
}

func (h *hotspot) shut() {
	if h.way != nil {
		h.way.Close()
		h.way, h.over = nil, nil
	}
}

// session is the way of the SIM that carries mobile data, without what the phone itself puts in it: a phone's VPN and relay
// are not its guests'.
func (p *Phone) session() (*vnet.Interface, error) {
	if _, err := p.Cellular(); err != nil {
		return nil, err
	}
	p.paths.mu.Lock()
	defer p.paths.mu.Unlock()
	return p.paths.lines[p.Switches().DataSIM].iface, nil
}

func (h *hotspot) RoundTrip(r *http.Request) (*http.Response, error) {
	way, err := h.through()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	return way.RoundTrip(r)
}

func (h *hotspot) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	way, err := h.through()
	if err != nil {
		return nil, err
	}
	return way.DialContext(ctx, network, address)
}

// lazy is a bearer that is made when it is first used.
type lazy struct {
	mu   sync.Mutex
	make func() *vnet.Interface
	made *vnet.Interface
}

func (l *lazy) way() *vnet.Interface {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil {
		l.made = l.make()
	}
	return l.made
}

func (l *lazy) RoundTrip(r *http.Request) (*http.Response, error) { return l.way().RoundTrip(r) }

func (l *lazy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return l.way().DialContext(ctx, network, address)
}
