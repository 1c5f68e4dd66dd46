// Package sim joins the parts into a world: virtual phones, an application server, the IDlayr platform and several
// mobile operators on one virtual internet, with one clock.
//
//	w := sim.RunT(t)                           // closes itself when the test ends
//	alice := w.Phone("447700900001")           // a SIM of the default operator, on mobile data
//	out := alice.Verify(ctx, "447700900001")   // steps 1 to 8 against the reference server
//
// What a check comes to is not set anywhere: it follows from which SIM's data path carried the hop to which operator.
// A world opens no socket, shares nothing with another, and starts no goroutine until it is used.
package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/mnofake"
	"github.com/phonechecksim/phonechecksim/sim/appserver"
	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// Names on the virtual internet that a world always has.
const (
	APIBase    = "https://eu.api.idlayr.com" // the platform for data residency eu; in and us are there as well
	ServerBase = "https://app.example"       // the application server
)

// World is one simulated world. Use [RunT] in a test and [New] elsewhere; the methods are safe for concurrent use.
type World struct {
	opts options
	clk  clock.Clock

	net      *vnet.Network
	journal  *journal.Journal
	platform *idlayrfake.Platform
	project  idlayrfake.Project
	server   *appserver.Server
	wired    *vnet.Interface // the application server's way out
	log      checkLog

	mu        sync.Mutex
	operators []*operator
	phones    int
	wifis     int
	serving   serving
	profiles  []device.Profile // how the phones' apps speak to it, each once
	all       []*Phone
	aliases   int             // names of the platform beside its own
	fixedLine *vnet.Interface // of real clients that come without access proxy; nil until there is one
	doors     []*FrontDoor
	reality   *http.Transport // nil: nothing outside is reached
}

// operator is a mobile operator and its names on the network.
type operator struct {
	*mnofake.Operator
	cfg      mnofake.Config
	sna, api string // hosts: the redirect endpoint, the back channel
}

// New returns a world with the default cast. Close it when done.
func New(opts ...Option) (*World, error) {
	o := defaultOptions()
	for _, opt := range opts {
		opt(&o)
	}
	w := &World{opts: o, clk: o.clock}
	if w.clk == nil {
		if o.start.IsZero() {
			o.start = clock.NewReal().Now().UTC().Truncate(time.Second)
		}
		w.clk = clock.NewMoving(o.start)
	}
	w.log.capacity = journal.DefaultCapacity
	if err := w.build(); err != nil {
		return nil, err
	}
	return w, nil
}

// build makes the actors and gives them their places on the network.
func (w *World) build() error {
	w.serving = serving{host: hostOf(ServerBase)}
	w.journal = journal.New(journal.Config{Step: w.step})
	network := vnet.Config{Clock: w.clk, Tap: w.journal, Seed: w.opts.seed}
	if w.opts.outside != nil {
		network.Outside, w.reality = w.opts.outside.Hosts()
	}
	w.net = vnet.New(network)

	for _, cfg := range append(defaultOperators(), w.opts.operators...) {
		if err := w.addOperator(cfg); err != nil {
			return err
		}
	}
	w.project = w.opts.ownProject()
	cfg := idlayrfake.Config{
		Projects:      []idlayrfake.Project{w.project},
		Networks:      w.networks(),
		NumberNetwork: w.numberNetwork,
		Client:        &http.Client{Transport: w.interfaceOf("IDlayr", 2), CheckRedirect: noRedirect},
		Clock:         w.clk,
		Rand:          source(w.opts.seed, "platform"),
		TTL:           w.opts.ttl,
		// Less than the five seconds that a server waits: who is further from the phone must give up first, or nobody
		// learns why.
		OperatorTimeout: 4 * time.Second,
		Observe:         w.observe,
	}
	if w.opts.platform != nil {
		w.opts.platform(&cfg)
	}
	w.platform = idlayrfake.New(cfg)
	for _, region := range []string{"eu", "in", "us"} {
		w.net.Handle(region+".api.idlayr.com", "IDlayr", w.platform)
		w.net.Handle(region+".api.tru.id", "IDlayr", w.platform)
	}

	w.wired = w.interfaceOf("Server", 3)
	w.server = appserver.New(appserver.Config{
		APIBase:      APIBase,
		ClientID:     w.project.ClientID,
		ClientSecret: w.project.ClientSecret,
		SendPhoneIP:  w.opts.phoneIP,
		Client:       w.Client(),
		Clock:        w.clk,
		Rand:         source(w.opts.seed, "server"),
	})
	w.net.Handle(hostOf(ServerBase), "Server", w.server)
	return nil
}

// interfaceOf gives a server its wired way onto the network.
func (w *World) interfaceOf(owner string, number byte) *vnet.Interface {
	return w.net.Interface(vnet.InterfaceConfig{
		Owner: owner, Kind: vnet.Wired, Latency: w.opts.latency.wired,
		Addr: netip.AddrFrom4([4]byte{203, 0, 113, number}),
	})
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close ends all that the world has running. It returns an error when something was left open that its user should
// have closed, such as a response's body. Closing twice is harmless.
func (w *World) Close() error {
	w.mu.Lock()
	doors := w.doors
	w.doors = nil
	w.mu.Unlock()
	var errs []error
	for _, f := range doors {
		errs = append(errs, f.Close())
	}
	return errors.Join(append(errs, w.net.Close(), w.shut())...)
}

func (w *World) shut() error {
	w.server.Close()
	w.platform.Close()
	if w.reality != nil {
		w.reality.CloseIdleConnections()
	}
	return nil
}

// Now returns the world's time.
func (w *World) Now() time.Time { return w.clk.Now() }

// Clock returns the world's clock.
func (w *World) Clock() clock.Clock { return w.clk }

// Advance moves the world's time forward and returns when all that fell due on the way has happened, in order:
// expiries, retries, deadlines. It panics when the world was given a clock that cannot be moved.
func (w *World) Advance(d time.Duration) {
	mover, ok := w.clk.(interface{ Advance(time.Duration) })
	if !ok {
		panic(fmt.Sprintf("sim: the world's clock, a %T, cannot be moved", w.clk))
	}
	mover.Advance(d)
	w.settle()
}

// Journal returns the record of everything that crossed the virtual internet.
func (w *World) Journal() *journal.Journal { return w.journal }

// Checks returns the platform's checks, oldest first.
func (w *World) Checks() []idlayrfake.Check { return w.platform.Checks() }

// Check returns one check of the platform.
func (w *World) Check(id string) (idlayrfake.Check, bool) { return w.platform.Check(id) }

// Fault makes requests on the network go wrong; the returned function takes the fault away. It panics when the fault
// makes no sense, see [vnet.Fault.Validate].
func (w *World) Fault(f vnet.Fault) (remove func()) {
	remove, err := w.net.AddFault(f)
	if err != nil {
		panic("sim: " + err.Error())
	}
	return remove
}

// ClearFaults takes all faults away.
func (w *World) ClearFaults() { w.net.ClearFaults() }

// Platform returns the fake of the IDlayr API.
func (w *World) Platform() *idlayrfake.Platform { return w.platform }

// Network returns the virtual internet, for hosts and interfaces of one's own.
func (w *World) Network() *vnet.Network { return w.net }

// Project returns the project whose credentials a backend in this world uses.
func (w *World) Project() idlayrfake.Project { return w.project }

// Client returns an HTTP client on the application server's wired interface: what a backend under test calls the
// platform with.
func (w *World) Client() *http.Client { return &http.Client{Transport: w.wired} }

// Reset forgets the journal, the platform's checks and tokens, and the faults. Phones, operators and time stay.
func (w *World) Reset() {
	w.settle()
	w.net.ClearFaults()
	w.platform.Reset()
	w.journal.Reset()
	w.log.reset()
}

// settlePatience bounds how long, in real time, a world waits for handlers to come to an end between two steps.
const settlePatience = 2 * time.Second

// settle waits until no host is busy, so that what a phone does next finds the world at rest: a phone that gave up
// leaves a server behind that is still about to notice.
func (w *World) settle() {
	if len(w.net.Active()) == 0 {
		return
	}
	ctx, cancel := clock.WithTimeout(context.Background(), clock.NewReal(), settlePatience)
	defer cancel()
	_ = w.net.Settle(ctx)
}

// Operator returns the operator with the given network id (MCC-MNC), for its subscribers.
func (w *World) Operator(networkID string) (*mnofake.Operator, error) {
	op, err := w.operator(networkID)
	if err != nil {
		return nil, err
	}
	return op.Operator, nil
}

// Operators returns what the world's operators are, in the order of their making.
func (w *World) Operators() []mnofake.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []mnofake.Config
	for _, op := range w.operators {
		all = append(all, op.Config())
	}
	return all
}

func (w *World) operator(networkID string) (*operator, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var known []string
	for _, op := range w.operators {
		if op.cfg.NetworkID == networkID {
			return op, nil
		}
		known = append(known, op.cfg.NetworkID+" "+op.cfg.Name)
	}
	return nil, fmt.Errorf("no operator %q in this world; there are %q", networkID, known)
}

// ChangeSIM sets when the SIM of a number was last changed. An unknown number is an error.
func (w *World) ChangeSIM(msisdn string, at time.Time) error {
	networkID, ok := w.numberNetwork(msisdn)
	if !ok {
		return fmt.Errorf("no operator in this world has the number %s", msisdn)
	}
	op, err := w.operator(networkID)
	if err != nil {
		return err
	}
	s, _ := op.Subscriber(msisdn)
	s.SIMChangedAt = at
	return op.UpdateSubscriber(s)
}

// addOperator gives an operator its hosts, its credential and its subscribers.
func (w *World) addOperator(cfg mnofake.Config) error {
	name := slug(cfg.Name)
	if cfg.PlatformID == "" {
		cfg.PlatformID, cfg.PlatformSecret = "idlayr", "back-channel-of-"+name
	}
	cfg.Clock, cfg.Observe, cfg.Delay = w.clk, vnet.Note, vnet.Delay
	cfg.ReturnHosts = append(slices.Clone(cfg.ReturnHosts), "api.idlayr.com", "api.tru.id")
	op := &operator{Operator: mnofake.New(cfg), cfg: cfg, sna: "sna." + name + ".example", api: "api." + name + ".example"}
	for _, msisdn := range defaultSubscribers[cfg.NetworkID] {
		if err := op.AddSubscriber(mnofake.Subscriber{MSISDN: msisdn}); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range w.operators {
		if other.cfg.NetworkID == cfg.NetworkID {
			w.operators = slices.Delete(w.operators, i, i+1)
			break
		}
	}
	w.operators = append(w.operators, op)
	w.net.Handle(op.sna, "MNO "+cfg.Name, op)
	w.net.Handle(op.api, "MNO "+cfg.Name, op)
	return nil
}

// networks is what the platform knows of the operators.
func (w *World) networks() []idlayrfake.Network {
	var all []idlayrfake.Network
	for _, op := range w.operators {
		cfg := op.cfg
		all = append(all, idlayrfake.Network{
			NetworkID: cfg.NetworkID, Name: cfg.Name, Aliases: cfg.Aliases, Country: cfg.Country,
			DialingCode: cfg.DialingCode, Prefixes: cfg.Prefixes,
			RedirectURL:   "http://" + op.sna + "/start",
			ResultURL:     "https://" + op.api + "/sna/v1/results",
			SubscriberURL: "https://" + op.api + "/sna/v1/subscribers",
			PlatformID:    cfg.PlatformID, PlatformSecret: cfg.PlatformSecret,
		})
	}
	return all
}

// numberNetwork is the number-portability database: it knows the operator that a number is with, not its prefix. A number of
// a virtual operator is with none of those that the platform works with.
func (w *World) numberNetwork(msisdn string) (networkID string, ok bool) {
	w.mu.Lock()
	operators := w.operators
	w.mu.Unlock()
	for _, op := range operators {
		if s, ok := op.Subscriber(msisdn); ok && s.MVNO == "" {
			return op.cfg.NetworkID, true
		}
	}
	return "", false
}
