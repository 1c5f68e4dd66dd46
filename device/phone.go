// Package device is a virtual phone: SIM slots, WiFi, the route a request takes, an SDK profile that opens the check URL
// (step 5 of the PhoneCheck guide) and the app that talks to an application server (steps 1, 2, 4, 6 and 8).
//
// The phone owns no network. Each way out is a Bearer it is given; which one a request takes is the phone's decision, and
// what happens to it there is the bearer's.
//
// Terms. MSISDN: the phone number of a SIM, digits only with country code. Bearer: one way out of the phone. Data SIM: the
// one SIM that carries mobile data on a phone with several. Check URL: the address the phone must open over mobile data.
package device

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Bearer is one way out of the phone: a SIM's mobile data session, or a WiFi network. Its transport follows no redirect and
// keeps no cookie; both are the phone's business.
type Bearer interface {
	http.RoundTripper
	// DialContext opens a connection over the bearer, for SDK profiles that write HTTP/1.1 themselves.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Clock is the time by which the phone's deadlines run and its cookies expire.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f once after d; stop keeps it from running and tells whether it came in time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// stoppedClock stands in when no clock is given. It stands at the instant of the guide's sample.
type stoppedClock struct{}

func (stoppedClock) Now() time.Time { return time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC) }

func (stoppedClock) AfterFunc(time.Duration, func()) func() bool { return func() bool { return true } }

// Sleep is over at once: where time stands still nothing else would ever end it.
func (stoppedClock) Sleep(context.Context, time.Duration) error { return nil }

// SIM is a SIM card in a slot.
type SIM struct {
	// MSISDN is the SIM's own number in E.164 without "+", e.g. "447700900001".
	MSISDN string
	// NetworkID is the operator's MCC and MNC written together, e.g. "23410".
	NetworkID string
	// Bearer is the SIM's mobile data session; nil means that it has none (no coverage, no data plan).
	Bearer Bearer
}

// ErrNoRoute says that the phone has no way out for a request. Errors that wrap it give the reason.
var ErrNoRoute = errors.New("no route")

// Phone is one device. It is safe for concurrent use.
type Phone struct {
	name  string
	clock Clock
	sdk   SDK
	vpn   Bearer

	randMu sync.Mutex // io.Readers are not safe for concurrent use by themselves
	random io.Reader

	mu         sync.RWMutex // guards the settings below
	wifi       Bearer
	sims       []SIM // as many as at the start
	wifiOn     bool
	mobileData bool
	airplane   bool
	vpnOn      bool
	noSignal   bool
	dataSIM    int
	later      []later       // what After is to do, in no order
	extra      []headerField // replaced whole, so that a reader may keep it
}

// Option configures a new Phone.
type Option func(*Phone)

// WithSIM puts a SIM into the next free slot. The first one carries data until SetDataSIM says otherwise.
func WithSIM(sim SIM) Option { return func(p *Phone) { p.sims = append(p.sims, sim) } }

// WithWiFi puts the phone in reach of a WiFi network. WiFi is off until SetWiFi turns it on.
func WithWiFi(b Bearer) Option { return func(p *Phone) { p.wifi = b } }

// WithVPN gives the phone a VPN. It is off until SetVPN turns it on.
func WithVPN(b Bearer) Option { return func(p *Phone) { p.vpn = b } }

// WithClock sets the phone's clock. Without one time stands still for the phone: no deadline of its own runs out and no
// cookie expires; the caller's context alone ends a request.
func WithClock(c Clock) Option { return func(p *Phone) { p.clock = c } }

// WithSDK chooses what opens check URLs. The default is Generic.
func WithSDK(s SDK) Option { return func(p *Phone) { p.sdk = s } }

// WithRandom sets where the phone takes the randomness of its request ids. The default is crypto/rand. The phone reads
// from one goroutine at a time; a reader that several phones share must guard itself.
func WithRandom(r io.Reader) Option { return func(p *Phone) { p.random = r } }

// WithRequestHeader is SetRequestHeader from the start.
func WithRequestHeader(name, value string) Option {
	return func(p *Phone) { p.SetRequestHeader(name, value) }
}

// New returns a phone with mobile data on, WiFi off, and the SIMs and networks the options name. The name is for errors.
func New(name string, opts ...Option) *Phone {
	p := &Phone{name: name, mobileData: true}
	for _, o := range opts {
		o(p)
	}
	if p.clock == nil {
		p.clock = stoppedClock{}
	}
	if p.sdk == nil {
		p.sdk = Generic{}
	}
	if p.random == nil {
		p.random = rand.Reader
	}
	return p
}

// Name returns the name the phone was given.
func (p *Phone) Name() string { return p.name }

// SetWiFi turns WiFi on or off. On without a network in reach it changes no route.
func (p *Phone) SetWiFi(on bool) { p.set(func() { p.wifiOn = on }) }

// SetMobileData turns mobile data on or off for all SIMs.
func (p *Phone) SetMobileData(on bool) { p.set(func() { p.mobileData = on }) }

// SetVPN turns the VPN on or off. On, it carries whatever the phone sends, also what is forced onto mobile data, and all of
// it comes out at the VPN's end; the phone still needs a way to get there.
func (p *Phone) SetVPN(on bool) { p.set(func() { p.vpnOn = on }) }

// SetSignal says whether the phone has radio coverage. Without it there is no mobile data; with WiFi on such a phone may
// still make calls (WiFi calling), which gives its SIM no data path either.
func (p *Phone) SetSignal(on bool) { p.set(func() { p.noSignal = !on }) }

// Switches are how a phone is set.
type Switches struct {
	WiFi, MobileData, Airplane, VPN bool
	DataSIM                         int // the slot that carries data, from 0
}

// Switches returns how the phone is set now.
func (p *Phone) Switches() Switches {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return Switches{p.wifiOn, p.mobileData, p.airplane, p.vpnOn, p.dataSIM}
}

// SetAirplaneMode turns the radios off or on. On also switches WiFi off, which may be switched on again on its own; off
// leaves WiFi as it is.
func (p *Phone) SetAirplaneMode(on bool) {
	p.set(func() {
		p.airplane = on
		p.wifiOn = p.wifiOn && !on
	})
}

// SetDataSIM chooses the SIM that carries mobile data by its slot, counted from 0. An empty slot is an error.
func (p *Phone) SetDataSIM(slot int) error {
	if slot < 0 || slot >= len(p.sims) {
		return fmt.Errorf("device: %s has no SIM in slot %d: it has %d SIM(s), slots count from 0", p.name, slot, len(p.sims))
	}
	p.set(func() { p.dataSIM = slot })
	return nil
}

// DataSIM returns the SIM that carries mobile data; ok is false for a phone without a SIM.
func (p *Phone) DataSIM() (sim SIM, ok bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.dataSIMLocked()
}

func (p *Phone) dataSIMLocked() (SIM, bool) {
	if len(p.sims) == 0 {
		return SIM{}, false
	}
	return p.sims[p.dataSIM], true
}

func (p *Phone) mobileDataOn() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.mobileData
}

// DefaultRoute returns the bearer that a request takes if nothing is forced: WiFi if it is on and a network is in reach,
// else mobile data. The error wraps ErrNoRoute.
func (p *Phone) DefaultRoute() (Bearer, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.wifiOn && p.wifi != nil {
		return p.tunnelled(p.wifi), nil
	}
	return p.cellularLocked()
}

// tunnelled is the way that a request over b takes in the end.
func (p *Phone) tunnelled(b Bearer) Bearer {
	if p.vpnOn && p.vpn != nil {
		b = p.vpn
	}
	if len(p.later) > 0 {
		return counted{b, p}
	}
	return b
}

// Cellular returns the bearer of the data SIM, whether or not WiFi is on. The error wraps ErrNoRoute.
func (p *Phone) Cellular() (Bearer, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.cellularLocked()
}

// WiFi returns the bearer of the WiFi network in reach, whether or not WiFi is on. The error wraps ErrNoRoute.
func (p *Phone) WiFi() (Bearer, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.wifi == nil {
		return nil, p.noRoute("no WiFi network is in reach")
	}
	return p.tunnelled(p.wifi), nil
}

func (p *Phone) cellularLocked() (Bearer, error) {
	sim, ok := p.dataSIMLocked()
	switch {
	case p.airplane:
		return nil, p.noRoute("airplane mode is on")
	case !ok:
		return nil, p.noRoute("it has no SIM")
	case p.noSignal:
		return nil, p.noRoute("there is no radio coverage")
	case !p.mobileData:
		return nil, p.noRoute("mobile data is off")
	case sim.Bearer == nil:
		return nil, p.noRoute("the data SIM has no data session")
	}
	return p.tunnelled(sim.Bearer), nil
}

func (p *Phone) noRoute(why string) error {
	return fmt.Errorf("device: %s: %w: %s", p.name, ErrNoRoute, why)
}

func (p *Phone) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// headerField is one line of a request's header, the name in the spelling that goes over the wire.
type headerField struct{ name, value string }

// SetRequestHeader makes the phone send a header field with every request, redirects included, in place of the one it would
// send itself; an empty value takes it back. The name is written as given, so that a phone can forge a subscriber header
// in any spelling.
func (p *Phone) SetRequestHeader(name, value string) {
	p.set(func() {
		extra := slices.DeleteFunc(slices.Clone(p.extra), func(e headerField) bool { return e.name == name })
		if value != "" {
			extra = append(extra, headerField{name, value})
		}
		p.extra = extra
	})
}

func (p *Phone) extraHeaders() []headerField {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.extra
}

func addExtra(h http.Header, extra []headerField) {
	for _, e := range extra {
		h.Del(e.name)
	}
	for _, e := range extra { // only now: two spellings of one name may both be wanted
		h[e.name] = []string{e.value}
	}
}

// sleep waits for d on the phone's clock, or until ctx ends. A clock that knows how to sleep does so itself, since the sleeper
// may be the one who moves it.
func (p *Phone) sleep(ctx context.Context, d time.Duration) {
	if c, ok := p.clock.(interface {
		Sleep(ctx context.Context, d time.Duration) error
	}); ok {
		_ = c.Sleep(ctx, d) // whoever waits looks at ctx
		return
	}
	ctx, done := p.deadline(ctx, d)
	defer done()
	<-ctx.Done()
}

// deadline returns a context that ends with cause context.DeadlineExceeded after d on the phone's clock.
func (p *Phone) deadline(ctx context.Context, d time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := p.clock.AfterFunc(d, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
