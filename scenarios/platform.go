package scenarios

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/internal/plainyaml"
	"github.com/phonechecksim/phonechecksim/sim"
)

// Platform is what is special about the platform and the project that the server has there. What is left out is as usual.
type Platform struct {
	Mode          string            `yaml:"mode"`           // of the project: live or sandbox
	DataResidency string            `yaml:"data_residency"` // where the project lives: eu, in or us; the server asks in eu
	ClientSecret  string            `yaml:"client_secret"`  // the project's, which the server then does not know
	Scopes        []string          `yaml:"scopes"`         // those that the project may ask for
	RateLimit     int               `yaml:"rate_limit"`     // requests in an hour
	Balance       int               `yaml:"balance"`        // checks that it is good for; further ones are refused
	TokenTTL      Duration          `yaml:"token_ttl"`      // how long an access token is good
	ResultDelay   Duration          `yaml:"result_delay"`   // how long after the opening of a check URL it has no result, v0.1
	ClockAhead    Duration          `yaml:"clock_ahead"`    // how much the platform's clock is ahead of the server's
	NumberRanges  map[string]string `yaml:"number_ranges"`  // in place of the portability data: the network id that a range of numbers was given to
}

// The words for a platform.
var (
	modes       = []string{"live", "sandbox"}
	residencies = []string{"eu", "in", "us"}
	scopes      = []string{"phone_check", "subscriber_check", "sim_check", "coverage", "mo_check", "oidc", "authenticator"}
)

func (p Platform) options() []sim.Option {
	return []sim.Option{sim.WithPlatform(func(c *idlayrfake.Config) {
		project := &c.Projects[0]
		project.Mode = cmp.Or(p.Mode, project.Mode)
		project.DataResidency = cmp.Or(p.DataResidency, project.DataResidency)
		project.ClientSecret = cmp.Or(p.ClientSecret, project.ClientSecret)
		if len(p.Scopes) > 0 {
			project.Scopes = p.Scopes
		}
		c.RateLimit = cmp.Or(p.RateLimit, c.RateLimit)
		c.TokenTTL = cmp.Or(time.Duration(p.TokenTTL), c.TokenTTL)
		c.ResultDelay = cmp.Or(time.Duration(p.ResultDelay), c.ResultDelay)
		if p.Balance > 0 {
			c.Balance, c.RefuseEmptyBalance = p.Balance, true
		}
		if p.ClockAhead > 0 {
			c.Clock = ahead{c.Clock, time.Duration(p.ClockAhead)}
		}
		if len(p.NumberRanges) > 0 {
			c.NumberNetwork = p.rangeOf
		}
	})}
}

// ahead is a clock that shows a later time.
type ahead struct {
	idlayrfake.Clock
	by time.Duration
}

func (a ahead) Now() time.Time { return a.Clock.Now().Add(a.by) }

// rangeOf returns the network id that the longest range of a number was given to.
func (p Platform) rangeOf(msisdn string) (networkID string, ok bool) {
	longest := -1
	for prefix, id := range p.NumberRanges {
		if strings.HasPrefix(msisdn, prefix) && len(prefix) > longest {
			longest, networkID, ok = len(prefix), id, true
		}
	}
	return networkID, ok
}

func (p Platform) check(f file, path string) {
	f.word(path+".mode", p.Mode, modes)
	f.word(path+".data_residency", p.DataResidency, residencies)
	for i, scope := range p.Scopes {
		f.word(path+".scopes["+strconv.Itoa(i)+"]", scope, scopes)
	}
	for name, n := range map[string]int{"rate_limit": p.RateLimit, "balance": p.Balance} {
		if n < 0 {
			f.At(path+"."+name, "%s cannot be negative", name)
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(p.NumberRanges)) {
		if id, known := p.NumberRanges[prefix], sim.DefaultOperators(); !slices.Contains(known, id) {
			f.AtKey(path+".number_ranges", prefix, "there is no operator %q%s", id, plainyaml.Hint(id, known))
		}
	}
}
