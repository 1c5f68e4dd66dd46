package sim

import (
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
	operators []mnofake.Config
	platform  func(*idlayrfake.Config)
	outside   *frontdoor.Outside
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

// WithPlatform changes the platform's configuration before the world is built.
func WithPlatform(change func(*idlayrfake.Config)) Option {
	return func(o *options) { o.platform = change }
}
