// Package mnofake is one mobile network operator (MNO): its subscribers, the packet gateway that stamps their numbers on
// clear HTTP (header enrichment), the redirect endpoint a device reaches in step 5 of the PhoneCheck guide, and the back
// channel where the platform fetches the match result in step 7.
//
// An outcome follows from the path a request took: the redirect endpoint knows a subscriber only because its own packet
// gateway put the number on that very request. The package speaks HTTP and the standard library alone, so it can be
// mounted in any server.
//
// Terms. MSISDN: the phone number of a SIM, digits only with country code. IMSI: the identity stored in the SIM. Packet
// gateway: the box between the radio network and the internet that gives each data session its source address. Header
// enrichment: the gateway adding the MSISDN to a request in clear HTTP. Stamped: enriched by this operator's own gateway.
package mnofake

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Clock tells the operator the time. Sessions expire by it and by nothing else.
type Clock interface {
	Now() time.Time
}

// stoppedClock stands in when no clock is given: time does not pass. It stands at the instant of the guide's sample.
type stoppedClock struct{}

func (stoppedClock) Now() time.Time { return time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC) }

const (
	defaultSessionTTL  = 10 * time.Minute
	defaultMaxSessions = 1 << 16
)

// Config describes an operator. The zero value is an operator without a name, an address pool or a back channel credential;
// every field says what its own zero value means.
type Config struct {
	// NetworkID is the operator's MCC and MNC written together, e.g. "23410". Results carry it.
	NetworkID string
	// Name is what people call the operator, e.g. "O2 UK". Errors use it; empty means the NetworkID.
	Name string
	// Country is the ISO 3166-1 alpha-2 code, e.g. "GB".
	Country string
	// DialingCode is the country's calling code without "+", e.g. "44".
	DialingCode string
	// Aliases are further names the operator goes by. The operator does not use them itself.
	Aliases []string

	// Prefixes are the address pools of the packet gateway, IPv4 and IPv6 in any order. A pool is used up before the next
	// one of its family is begun. Without a pool Attach fails.
	Prefixes []netip.Prefix

	// PlatformID and PlatformSecret are the credential of the back channel (HTTP Basic, RFC 7617). If both are empty the
	// back channel refuses everyone with 401.
	PlatformID     string
	PlatformSecret string

	// ReturnHosts are the hosts a return_url may point to: each entry allows itself and every host below it. Empty allows none.
	ReturnHosts []string
	// Behaviour is how it answers at first; see SetBehaviour.
	Behaviour

	// Clock is the time by which sessions expire; nil is a clock that stands still, so that none does.
	Clock Clock
	// SessionTTL is how long a session is kept, counted from its first request; 0 means 10 minutes.
	SessionTTL time.Duration
	// MaxSessions bounds the sessions kept at one time; the oldest gives way. 0 means 65536.
	MaxSessions int

	// Delay holds the answer to the request with that context back for a time, without keeping the operator from its
	// work. Nil: every answer comes at once, whatever Behaviour says.
	Delay func(ctx context.Context, d time.Duration)
	// Observe receives short notes on what the operator did with a request, e.g. "gateway stamps 447700900001". It is called
	// without any lock held, from the goroutine that serves the request; nil drops the notes.
	Observe func(ctx context.Context, text string)
}

// Operator is one mobile network operator. It is an http.Handler for its redirect endpoint and its back channel, and it is
// safe for concurrent use.
type Operator struct {
	cfg        Config
	credential [2][sha256.Size]byte // of the back channel: id and secret

	mu          sync.RWMutex // guards the five below
	behaves     Behaviour
	returns     []string // Config.ReturnHosts, and those that came later; replaced whole
	subscribers map[string]Subscriber
	pools       []*pool
	attached    map[netip.Addr]string // source address of a data session -> MSISDN; "" if it is shared or a visitor's
	nat         nat
	before      map[natBlock]owner // of addresses and ports, as slow accounting has it; nil when it is quick

	sessions sessions
}

// New returns an operator without subscribers.
func New(cfg Config) *Operator {
	cfg.Aliases = slices.Clone(cfg.Aliases)
	cfg.Prefixes = slices.Clone(cfg.Prefixes)
	cfg.ReturnHosts = slices.Clone(cfg.ReturnHosts)
	if cfg.Name == "" {
		cfg.Name = cfg.NetworkID
	}
	if cfg.Clock == nil {
		cfg.Clock = stoppedClock{}
	}
	if cfg.SessionTTL <= 0 {
		cfg.SessionTTL = defaultSessionTTL
	}
	if cfg.MaxSessions <= 0 {
		cfg.MaxSessions = defaultMaxSessions
	}
	o := &Operator{
		cfg:         cfg,
		behaves:     cfg.Behaviour,
		subscribers: make(map[string]Subscriber),
		attached:    make(map[netip.Addr]string),
		sessions:    sessions{ttl: cfg.SessionTTL, max: cfg.MaxSessions, byID: make(map[string]session)},
	}
	for _, p := range cfg.Prefixes {
		if p.IsValid() {
			o.pools = append(o.pools, newPool(p))
		}
	}
	o.returns = cfg.ReturnHosts
	o.credential = hashed(cfg.PlatformID, cfg.PlatformSecret)
	return o
}

// Config returns the configuration with its defaults filled in. The secret is left out.
func (o *Operator) Config() Config {
	cfg := o.cfg
	cfg.PlatformSecret = ""
	cfg.Aliases = slices.Clone(cfg.Aliases)
	cfg.Prefixes = slices.Clone(cfg.Prefixes)
	cfg.ReturnHosts = slices.Clone(o.returnHosts())
	cfg.Behaviour = o.Behaviour()
	return cfg
}

// AllowReturn adds to Config.ReturnHosts.
func (o *Operator) AllowReturn(host string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.returns, host) {
		o.returns = append(slices.Clone(o.returns), host)
	}
}

func (o *Operator) returnHosts() []string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.returns
}

// ServeHTTP answers the redirect endpoint (GET /start, and POST /consent) and the back channel (GET
// /sna/v1/results/{session} and GET /sna/v1/subscribers/{msisdn}). Any other path is 404, any other method 405, both with a small JSON body.
func (o *Operator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.answer(r).write(w)
}

func (o *Operator) observe(ctx context.Context, text string) {
	if o.cfg.Observe != nil {
		o.cfg.Observe(ctx, text)
	}
}
