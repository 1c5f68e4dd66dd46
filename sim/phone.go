package sim

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/mnofake"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// Phone is a virtual phone in a world, with the app on it that speaks to the application server. The embedded device
// has its switches: WiFi, mobile data, which SIM carries data.
type Phone struct {
	*device.Phone
	w     *World
	name  string
	app   *device.App
	paths paths
}

// PhoneOption changes how a phone is made.
type PhoneOption func(*phoneOptions)

type phoneOptions struct {
	name   string
	server bool
	sims   []simCard
	device []device.Option
	wifi   bool
	path   Path
	routes *device.Profile // nil: as the application server has them
}

type simCard struct{ msisdn, networkID string }

// Named gives the phone a name for the journal. Without it phones are called alice, bob, carol...
func Named(name string) PhoneOption { return func(o *phoneOptions) { o.name = name } }

// On puts the phone's first SIM on the operator with the given network id, instead of the one that has the number.
func On(networkID string) PhoneOption {
	return func(o *phoneOptions) { o.sims[0].networkID = networkID }
}

// SecondSIM adds a SIM. The operator is the one with the given network id; empty: the one that has the number.
func SecondSIM(msisdn, networkID string) PhoneOption {
	return func(o *phoneOptions) { o.sims = append(o.sims, simCard{msisdn, networkID}) }
}

// OnWiFi switches the phone's WiFi on, which makes it the default route.
func OnWiFi() PhoneOption { return func(o *phoneOptions) { o.wifi = true } }

// OnPath puts the phone on a path from the start; see [Phone.SetPath].
func OnPath(path Path) PhoneOption { return func(o *phoneOptions) { o.path = path } }

// API makes the app verify with the given product, "phone-check" or "subscriber-check", and version, "v0.1" or "v0.2", on
// the routes of the reference server. The default is PhoneCheck v0.1.
func API(product, version string) PhoneOption {
	return func(o *phoneOptions) {
		routes := device.Routes("", product, version)
		o.routes = &routes
	}
}

// With passes options on to the device: its SDK profile, headers that it forges.
func With(opts ...device.Option) PhoneOption {
	return func(o *phoneOptions) { o.device = append(o.device, opts...) }
}

// Phone adds a phone with a SIM that has the given number (E.164 without plus). A number that no operator knows becomes
// a subscriber of the [DefaultOperator], or of the one named by [On]. It panics when the phone cannot be; see
// [World.AddPhone].
func (w *World) Phone(msisdn string, opts ...PhoneOption) *Phone {
	p, err := w.AddPhone(msisdn, opts...)
	if err != nil {
		panic("sim: " + err.Error())
	}
	return p
}

// AddPhone is [World.Phone] with an error for what cannot be: an unknown operator, a malformed number, an operator that
// has no address left.
func (w *World) AddPhone(msisdn string, opts ...PhoneOption) (*Phone, error) {
	w.mu.Lock()
	w.phones++
	number := w.phones
	w.mu.Unlock()
	o := phoneOptions{sims: []simCard{{msisdn: msisdn}}, name: phoneName(number)}
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.path.validate(); err != nil {
		return nil, fmt.Errorf("phone %s: %w", o.name, err)
	}
	owner := "Device " + o.name
	wifi := w.wifi(owner)
	if o.server {
		o.sims, o.wifi, wifi = nil, true, w.dataCentre(owner) // the one line that it has stands in for WiFi
	}
	all := []device.Option{
		device.WithClock(w.clk),
		device.WithRandom(source(w.opts.seed, owner)),
		device.WithWiFi(wifi),
		device.WithVPN(w.vpn(owner)),
	}
	lines := make([]line, 0, len(o.sims))
	for _, card := range o.sims {
		l, err := w.insert(card, owner, o.path)
		if err != nil {
			closeLines(lines)
			return nil, fmt.Errorf("phone %s: %w", o.name, err)
		}
		lines = append(lines, l)
		all = append(all, device.WithSIM(l.card))
	}
	p := &Phone{Phone: device.New(o.name, append(all, o.device...)...), w: w, name: o.name}
	p.paths.lines, p.paths.wifi, p.paths.path = lines, wifi, o.path
	if o.path != (Path{}) {
		p.compose()
	}
	p.SetWiFi(o.wifi)
	profile := w.profile()
	if o.routes != nil {
		o.routes.BaseURL = profile.BaseURL
		profile = *o.routes
	}
	profile = profile.WithDefaults()
	w.mu.Lock()
	if !slices.Contains(w.profiles, profile) {
		w.profiles = append(w.profiles, profile)
	}
	w.mu.Unlock()
	p.app = device.NewApp(p.Phone, profile)
	w.mu.Lock()
	w.all = append(w.all, p)
	w.mu.Unlock()
	return p, nil
}

func phoneName(number int) string {
	if number <= len(phoneNames) {
		return phoneNames[number-1]
	}
	return fmt.Sprintf("phone%d", number)
}

// insert makes the SIM: a subscriber of its operator, and a data session through that operator's packet gateway.
func (w *World) insert(card simCard, owner string, path Path) (line, error) {
	networkID := card.networkID
	if networkID == "" {
		networkID = DefaultOperator
		if known, ok := w.numberNetwork(card.msisdn); ok {
			networkID = known
		}
	}
	op, err := w.operator(networkID)
	if err != nil {
		return line{}, err
	}
	if _, known := op.Subscriber(card.msisdn); !known {
		w.leave(card.msisdn)
		if err := op.AddSubscriber(mnofake.Subscriber{MSISDN: card.msisdn}); err != nil {
			return line{}, err
		}
	}
	l := line{card: device.SIM{MSISDN: card.msisdn, NetworkID: networkID}, op: op}
	err = w.attach(&l, owner, path)
	l.card.Bearer = l.iface
	return l, err
}

// wifi makes a broadband connection with an address of its own.
func (w *World) wifi(owner string) *vnet.Interface {
	w.mu.Lock()
	w.wifis++
	n := w.wifis
	w.mu.Unlock()
	return w.net.Interface(vnet.InterfaceConfig{
		Owner: owner, Name: "wifi", Kind: vnet.WiFi, Latency: w.opts.latency.wifi,
		Addr: netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + (n-1)%254)}),
	})
}

// vpn makes a VPN's exit: an address in a data centre.
func (w *World) vpn(owner string) *lazy {
	w.mu.Lock()
	n := w.wifis
	w.mu.Unlock()
	return &lazy{make: func() *vnet.Interface {
		return w.net.Interface(vnet.InterfaceConfig{
			Owner: owner, Name: "vpn", Kind: vnet.VPN, Latency: w.opts.latency.wifi + w.opts.latency.wired,
			Addr: netip.AddrFrom4([4]byte{203, 0, 113, byte(128 + n%127)}),
		})
	}}
}

// Name returns the phone's name.
func (p *Phone) Name() string { return p.name }

// SubmitNumber is steps 1, 2 and 4 of the guide: the user types a number, the app sends it to its server, and gets the
// check URL.
func (p *Phone) SubmitNumber(ctx context.Context, number string) (device.Started, error) {
	p.w.journal.Note(journal.Device, "the user types "+number, p.w.Now(), 1)
	defer p.w.settle()
	return p.app.SubmitNumber(ctx, number)
}

// OpenCheckURL is step 5: the SDK opens the check URL and follows it to the operator.
func (p *Phone) OpenCheckURL(ctx context.Context, url string) device.Result {
	defer p.w.settle()
	return p.app.OpenCheckURL(ctx, url)
}

// RequestResult is steps 6 and 8: the app asks its server what came of the check.
func (p *Phone) RequestResult(ctx context.Context, checkID string) (device.Answer, error) {
	defer p.w.settle()
	return p.app.RequestResult(ctx, checkID)
}

// RedeemCode is steps 6 and 8 of v0.2: the app hands over the code that the redirect chain ended with.
func (p *Phone) RedeemCode(ctx context.Context, checkID, code string) (device.Answer, error) {
	defer p.w.settle()
	return p.app.RedeemCode(ctx, checkID, code)
}

// Finish is steps 6 and 8 as the API's version has them.
func (p *Phone) Finish(ctx context.Context, started device.Started, opened device.Result) (device.Answer, error) {
	defer p.w.settle()
	return p.app.Finish(ctx, started, opened)
}

// Coverage asks whether the phone can be verified, before there is a check.
func (p *Phone) Coverage(ctx context.Context) (device.Result, error) {
	defer p.w.settle()
	return p.app.Coverage(ctx)
}

// Verify is all eight steps, in the guide's order.
func (p *Phone) Verify(ctx context.Context, number string) Outcome {
	return Outcome{device.Verify(ctx, p, number), p.w}
}

// Outcome is what one verification came to, and where it left its traces.
type Outcome struct {
	device.Outcome
	w *World
}

// Check returns the platform's view of the check; ok is false when there is none.
func (o Outcome) Check() (check idlayrfake.Check, ok bool) { return o.w.Check(o.CheckID) }

// Explain says in words what became of the check and why.
func (o Outcome) Explain() string { return o.w.Explain(o.CheckID) }

// Timeline is everything that has crossed the world's network so far, as a terminal shows it.
func (o Outcome) Timeline() string { return o.w.Timeline() }
