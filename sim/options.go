package sim

import (
	"cmp"
	"time"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/mnofake"
	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
)

// Option changes how a world is made.
type Option func(*options)

type options struct {
	seed      uint64
	clock     clock.Clock
	start     time.Time
	ttl       time.Duration
	latency   latency
	callbacks bool
	phoneIP   bool
	operators []mnofake.Config
	platform  func(*idlayrfake.Config)
	outside   *frontdoor.Outside
	project   *idlayrfake.Project
}

// latency is how long an answer takes on each kind of path.
type latency struct{ cellular, wifi, wired time.Duration }

func defaultOptions() options { return options{seed: 1} }

// WithSeed decides every id, token, code and probability of the world. The default is 1.
func WithSeed(seed uint64) Option { return func(o *options) { o.seed = seed } }

// WithStart sets the time at which the world's clock starts. The default is the present second, so that a backend under
// test that reads the machine's clock agrees with the world.
func WithStart(t time.Time) Option { return func(o *options) { o.start = t } }

// WithClock gives the world a clock of the caller's: [clock.NewManual] for one that moves by Advance alone,
// [clock.NewReal] inside a testing/synctest bubble. The default is [clock.NewMoving], on which a simulated wait costs
// no real time.
func WithClock(c clock.Clock) Option { return func(o *options) { o.clock = c } }

// WithLatency gives every path a plausible round-trip time, in virtual time. Without it answers arrive at once.
func WithLatency() Option {
	return func(o *options) {
		o.latency = latency{cellular: 60 * time.Millisecond, wifi: 20 * time.Millisecond, wired: 10 * time.Millisecond}
	}
}

// WithTTL sets how long a check lives. The default is the guide's 60 seconds.
func WithTTL(d time.Duration) Option { return func(o *options) { o.ttl = d } }

// WithOperator adds a mobile operator to the cast, or replaces the one with the same network id.
func WithOperator(cfg mnofake.Config) Option {
	return func(o *options) { o.operators = append(o.operators, cfg) }
}

// WithCallbacks makes the platform tell the application server what became of checks, at the routes of the reference
// server.
func WithCallbacks() Option { return func(o *options) { o.callbacks = true } }

// WithPhoneIP makes the application server pass the address that a number came from on to the platform, as phone_ip.
func WithPhoneIP() Option { return func(o *options) { o.phoneIP = true } }

// WithProject replaces the world's project: the credentials of its backends, and what is configured for it. What is left
// empty stays as it is by default.
func WithProject(p idlayrfake.Project) Option { return func(o *options) { o.project = &p } }

// ownProject is the project of the world.
func (o *options) ownProject() idlayrfake.Project {
	var p idlayrfake.Project
	if o.project != nil {
		p = *o.project
	}
	p.ProjectID = cmp.Or(p.ProjectID, "c69bc0e6-a429-11ea-bb37-0242ac130003")
	p.Name = cmp.Or(p.Name, "phonechecksim")
	p.ClientID = cmp.Or(p.ClientID, "sim-client")
	p.ClientSecret = cmp.Or(p.ClientSecret, "sim-secret-of-the-default-project")
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"phone_check", "sim_check", "subscriber_check", "coverage", "mo_check", "oidc", "authenticator"}
	}
	if o.callbacks {
		p.PhoneCheck.CallbackURL = cmp.Or(p.PhoneCheck.CallbackURL, ServerBase+"/phone-check/callback")
		p.SubscriberCheck.CallbackURL = cmp.Or(p.SubscriberCheck.CallbackURL, ServerBase+"/subscriber-check/callback")
	}
	return p
}

// WithPlatform changes the platform's configuration before the world is built. Several changes are made in their order.
func WithPlatform(change func(*idlayrfake.Config)) Option {
	return func(o *options) {
		before := o.platform
		o.platform = func(c *idlayrfake.Config) {
			if before != nil {
				before(c)
			}
			change(c)
		}
	}
}
