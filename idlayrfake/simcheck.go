package idlayrfake

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"time"
)

// The window in which a changed SIM matters, in minutes.
const (
	minPeriod     = 60
	maxPeriod     = 540000
	defaultPeriod = 10080
)

// readPeriod reads the optional member period.
func readPeriod(raw json.RawMessage) (minutes int, ok bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return defaultPeriod, true
	}
	if json.Unmarshal(raw, &minutes) != nil || minutes < minPeriod || minutes > maxPeriod {
		return 0, false
	}
	return minutes, true
}

// ageBuckets are the values of sim_change_within, in minutes.
var ageBuckets = [...]int{60, 360, 720, 1440, 2880, 4320, 10080, 43200, 129600, 259200, 525600}

// ageBucket returns the bucket of an age.
func ageBucket(age time.Duration) int {
	for _, minutes := range ageBuckets {
		if age <= time.Duration(minutes)*time.Minute {
			return minutes
		}
	}
	return ageBuckets[len(ageBuckets)-1] + 1
}

// simBody is what a check tells of the SIM on the wire, once COMPLETED.
type simBody struct {
	NoSIMChange     *bool `json:"no_sim_change,omitempty"`
	Period          int   `json:"no_sim_change_period,omitempty"`
	SIMChangeWithin int   `json:"sim_change_within,omitempty"` // absent if the operator does not say
}

func simOf(c Check) simBody {
	if c.NoSIMChange == nil {
		return simBody{}
	}
	return simBody{c.NoSIMChange, c.Period, c.SIMChangeWithin}
}

// askAboutSIM settles a SIMCheck: no device takes part in it, the operator of the
// number is asked at once.
func (p *Platform) askAboutSIM(ctx context.Context, c Check) (Check, failure) {
	var v verdict
	if c.Sandbox {
		v = sandboxAnswer(c, c.CreatedAt)
		v.msisdn = c.PhoneNumber
	} else {
		operators, e := p.operatorsOf(c)
		if e != nil {
			return c, e
		}
		// It is for this caller alone, but a result is charged whether he waits
		// for it or not.
		ctx = context.WithoutCancel(ctx)
		for _, n := range operators {
			c.NetworkID = n.NetworkID
			v = p.askOperator(ctx, n, question{msisdn: c.PhoneNumber}, p.cfg.OperatorTimeout)
			if v.errorCode != "mno_user_not_found" {
				break
			}
		}
	}
	if v.waiting || v.errorCode == "" && v.msisdn != c.PhoneNumber {
		v = verdict{errorCode: "mno_response_error"}
	}
	v.msisdn = "" // there is nothing to match
	text := "operator " + c.NetworkID + " knows the subscriber"
	if v.errorCode != "" {
		text = v.explain(c)
	}
	p.decide(ctx, c.CheckID, v.errorCode, text)
	// Nobody has seen it until now: it is created finished.
	c.Status, c.TTL = StatusPending, 0
	return settle(c, p.cfg.Clock.Now(), v), nil
}

// operatorsOf returns who to ask about a number: its operator, if that is known,
// else the one of the device's address, else all of its country, one after the
// other.
func (p *Platform) operatorsOf(c Check) ([]*Network, *problem) {
	if p.cfg.NumberNetwork != nil {
		if id, known := p.cfg.NumberNetwork(c.PhoneNumber); known {
			n := p.networks.byID(id)
			if n == nil || n.Unsupported {
				return nil, notSupported.because("operator ", id, " is not supported")
			}
			return []*Network{n}, nil
		}
	}
	if ip, err := netip.ParseAddr(c.PhoneIP); err == nil {
		if n := p.networks.owner(ip); n != nil {
			return []*Network{n}, nil
		}
	}
	var all []*Network
	for i := range p.networks.all {
		if n := &p.networks.all[i]; !n.Unsupported && strings.HasPrefix(c.PhoneNumber, n.DialingCode) {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return nil, notSupported.because("no operator to ask about ", c.PhoneNumber)
	}
	return all, nil
}

// sandboxAnswer is sandboxVerdict for a check that asks about the SIM, too: where
// the number does not match, the SIM is new.
func sandboxAnswer(c Check, now time.Time) verdict {
	v := sandboxVerdict(c.PhoneNumber)
	if v.msisdn != c.PhoneNumber && v.errorCode == "" {
		v.simChange = now.UTC().Format(time.RFC3339)
	}
	return v
}
