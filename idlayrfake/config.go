package idlayrfake

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config says what a platform knows. The zero value works: one project with the
// client id "client-id" and the secret "client-secret", no operator (so every
// device is off its mobile data, problem not_mobile_ip), real time.
type Config struct {
	// Projects are the API credentials the platform accepts. Empty: one project
	// as described above.
	Projects []Project
	// Networks are the operators the platform is connected to.
	Networks []Network
	// NumberNetwork looks a number (E.164 without plus) up in the number
	// portability data and returns the network id of its operator. Nil, or ok
	// false: unknown, and then no operator is a mismatch.
	NumberNetwork func(msisdn string) (networkID string, ok bool)

	// Client reaches the operators' back channels, and servers to call back. Nil:
	// http.DefaultClient.
	Client *http.Client
	// OperatorTimeout is how long the platform waits for an operator's answer,
	// on Clock. Zero: 10 s. It never outlasts the check's time to live.
	OperatorTimeout time.Duration

	// Clock is the time. Nil: the real one.
	Clock Clock
	// Rand makes check ids, sessions and tokens; a seeded source makes them
	// repeatable. The platform never reads it from two goroutines at once. Nil,
	// or once it fails: crypto/rand.
	Rand io.Reader

	// TTL is a check's time to live, from its creation. Zero: 60 s, as in step 3
	// of the guide.
	TTL time.Duration
	// TokenTTL is the lifetime of an access token. Zero: 3600 s (guide, step 3).
	TokenTTL time.Duration
	// Balance is the workspace's balance in API credits before the first check.
	// Zero: 101, so that the first snapshot_balance is the guide's 100. A check
	// reserves one credit and keeps it only if it completes. An empty balance
	// refuses nothing, see RefuseEmptyBalance.
	Balance int
	// FixedBalance is what every snapshot_balance says. Zero: the real one.
	FixedBalance int
	// RefuseEmptyBalance refuses new checks with the problem insufficient_balance
	// (402) when the balance does not cover them. Nothing is known of what the
	// vendor does then.
	RefuseEmptyBalance bool

	// PublicURL is the base of the links in answers, such as
	// "https://eu.api.idlayr.com". Empty: scheme and Host of the request; a
	// request with TLS means https.
	PublicURL string
	// ProblemBase is what the type of a problem (RFC 7807) starts with. Empty:
	// "https://developer.idlayr.com/docs/reference/api-errors".
	ProblemBase string
	// FullProfile adds the optional members updated_at and network_id to a check
	// that is read. The guide's samples do without.
	FullProfile bool
	// RefusalKeepsAccepted leaves a check ACCEPTED when its check URL is refused,
	// so that the device may try again off WiFi. False: the check is in ERROR.
	RefusalKeepsAccepted bool

	// ResultDelay is how long after the opening of a check URL a GET finds a check
	// of version v0.1 PENDING, whatever its operator knows. Zero: not at all.
	ResultDelay time.Duration
	// SandboxErrorMatch shows "match":false with a check of a sandbox project that
	// is in ERROR. The vendor's pages disagree; without it there is none.
	SandboxErrorMatch bool
	// URLMember adds the check URL as the member url to a new check, which is where
	// the vendor's command line client looks for it. The guide's sample does
	// without.
	URLMember bool

	// Callbacks says how servers are called back at the end of a check.
	Callbacks Callbacks
	// RateLimit is how many requests an hour a project may make, and likewise an
	// address on behalf of no project. Zero: any number, and no X-RateLimit
	// headers.
	RateLimit int

	// Observe is told every state transition and every noteworthy decision, in
	// order for one request, with that request's context (a background context
	// when a check expires unasked). It is called without any lock held, possibly
	// from several goroutines at once.
	Observe func(ctx context.Context, e Event)

	// MaxChecks is how many finished checks are kept; the ones finished first go
	// first. Zero: 10000. Unfinished checks are always kept.
	MaxChecks int
}

// Project is one set of API credentials, the contents of a tru.json file.
type Project struct {
	// ProjectID identifies the project. Empty: the client id.
	ProjectID string
	// Name is for people.
	Name string
	// ClientID and ClientSecret are what a server authenticates with at the token
	// endpoint (guide, step 3). A project without a client id cannot be used.
	ClientID, ClientSecret string
	// Scopes are what its tokens may be granted. Empty: every product's. The
	// scopes mo_check, oidc and authenticator are always grantable, because
	// common servers ask for them at start whatever their credentials list.
	Scopes []string
	// DataResidency is the region it lives in: "eu", "in" or "us". Empty: "eu".
	// It is unknown at the hosts of the other regions.
	DataResidency string
	// Mode is the project's mode: "live", also when empty, or "sandbox". Checks of
	// a live project follow the network. Those of a sandbox project ask no
	// operator and cost nothing; the end of the number decides them.
	Mode string
	// PhoneCheck and SubscriberCheck are its configuration for these products.
	PhoneCheck, SubscriberCheck ProductConfig
}

// ProductConfig is what a project configures for a product. A check that brings
// its own overrides it.
type ProductConfig struct {
	// CallbackURL is told the end of every check. Empty: nobody is.
	CallbackURL string
	// RedirectURL is where the device ends up after a check of version v0.2.
	// Empty: nowhere, the device gets the code as JSON.
	RedirectURL string
}

// Callbacks says how the platform calls servers back, which it does once a check
// is COMPLETED, EXPIRED or in ERROR: a POST with the check as JSON, signed as in
// draft-cavage-http-signatures with the key at /.well-known/jwks.json (rsa-sha256).
// Only the status 200 counts as received.
//
// A server that waits for a callback may never ask for the result, so for a v0.1
// check the platform fetches it by itself: 1, 3, 7, 15, 31... seconds after its
// check URL was opened, while it lives.
//
// All of this runs in functions of Config.Clock. On a clock that is moved by hand
// it has happened, in order, when the move returns; a server that stalls then
// stalls whoever moves the clock, until somebody else moves it or closes the
// platform.
type Callbacks struct {
	// Client makes the calls; it follows no redirects. Nil: Config.Client.
	Client *http.Client
	// Delays are the waits before each further try, after one that was not
	// answered with 200. Nil: 10, 20, 30, 40, 50 and 60 s. Empty: no second try.
	Delays []time.Duration
	// Timeout is how long a try may take, on Config.Clock. Zero: 10 s.
	Timeout time.Duration
	// Base64Digest writes the Digest header in Base64 (RFC 3230) instead of hex.
	Base64Digest bool
}

// Network is an operator as the platform knows it.
type Network struct {
	// NetworkID is the operator's MCC and MNC, such as "23410".
	NetworkID string
	// Name is the operator's, such as "O2 UK".
	Name string
	// Aliases are further MCCMNCs of the same operator.
	Aliases []string
	// Country is the ISO 3166 alpha-2 code, such as "GB".
	Country string
	// DialingCode is the country's, such as "44". A number of a country that no
	// network has is not supported; a network without a code accepts all.
	DialingCode string
	// Prefixes are the addresses its mobile data sessions reach the internet
	// from. The longest prefix of all networks wins.
	Prefixes []netip.Prefix

	// RedirectURL is where a device is sent to, with the query parameter session
	// added (guide, step 5). Clear HTTP, so that the packet gateway can stamp it.
	RedirectURL string
	// ResultURL is where the match result is fetched from, followed by a slash
	// and the session (guide, step 7).
	ResultURL string
	// SubscriberURL is where a subscriber is looked up without a device session
	// (SIMCheck), followed by a slash and the number.
	SubscriberURL string
	// PlatformID and PlatformSecret are the platform's credential at the
	// operator's back channel.
	PlatformID, PlatformSecret string

	// NoRedirect: the operator cannot be redirected to, problem
	// mno_redirect_unsupported (501).
	NoRedirect bool
	// Unsupported: the operator is known and not served, problem
	// mno_not_supported (400).
	Unsupported bool
}

// Event is something the platform did or decided.
type Event struct {
	// CheckID is the check it is about; empty when there is none.
	CheckID string
	// Kind is "transition" when the check's status changed (From is empty when it
	// was created) and "decision" for everything else.
	Kind string
	// From and To are the statuses of a transition.
	From, To Status
	// ErrorCode is the check's error code or the anchor of the problem answered.
	ErrorCode string
	// Text says it to a person, such as "check ACCEPTED → PENDING". It may hold
	// phone numbers; it never holds a token or a secret.
	Text string
}

// allScopes are what a project without a list of its own may ask for.
var allScopes = []string{"phone_check", "subscriber_check", "sim_check", "coverage", "mo_check", "oidc", "authenticator"}

// alwaysScopes are grantable to every project, see Project.Scopes.
var alwaysScopes = []string{"mo_check", "oidc", "authenticator"}

// withDefaults returns a copy that the platform owns, with nothing left out.
func (c Config) withDefaults() Config {
	c.Projects = slices.Clone(c.Projects)
	if len(c.Projects) == 0 {
		c.Projects = []Project{{ProjectID: "project-id", ClientID: "client-id", ClientSecret: "client-secret"}}
	}
	for i := range c.Projects {
		p := &c.Projects[i]
		p.DataResidency = strings.ToLower(p.DataResidency)
		if p.DataResidency == "" {
			p.DataResidency = "eu"
		}
		if p.ProjectID == "" {
			p.ProjectID = p.ClientID
		}
		if len(p.Scopes) == 0 {
			p.Scopes = allScopes
		}
		p.Scopes = slices.Clone(p.Scopes)
	}
	c.Networks = slices.Clone(c.Networks)
	for i := range c.Networks {
		c.Networks[i].Aliases = slices.Clone(c.Networks[i].Aliases)
		c.Networks[i].Prefixes = slices.Clone(c.Networks[i].Prefixes)
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	if c.OperatorTimeout <= 0 {
		c.OperatorTimeout = 10 * time.Second
	}
	if c.Clock == nil {
		c.Clock = wallClock{}
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.TTL <= 0 {
		c.TTL = 60 * time.Second
	}
	if c.TokenTTL <= 0 {
		c.TokenTTL = 3600 * time.Second
	}
	if c.Balance == 0 {
		c.Balance = 101
	}
	if c.Callbacks.Client == nil {
		c.Callbacks.Client = c.Client
	}
	if c.Callbacks.Delays == nil {
		c.Callbacks.Delays = []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second, 40 * time.Second, 50 * time.Second, 60 * time.Second}
	}
	c.Callbacks.Delays = slices.Clone(c.Callbacks.Delays)
	if c.Callbacks.Timeout <= 0 {
		c.Callbacks.Timeout = 10 * time.Second
	}
	if c.MaxChecks <= 0 {
		c.MaxChecks = 10000
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if c.ProblemBase == "" {
		c.ProblemBase = "https://developer.idlayr.com/docs/reference/api-errors"
	}
	return c
}
